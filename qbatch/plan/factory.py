"""From a variant (circuit, its arguments, backend) to the layout of its points.

The factory is where circuits' texts are made, parameters bound by name, and what points share is
registered as a *setting*: backend, circuit and root seed, under a key of 16 hex digits.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qbatch.bases import REFERENCE
from qbatch.circuit.facts import FORMAT
from qbatch.errors import QbatchError
from qbatch.frozen import dataclass
from qbatch.manifest.models import Value
from qbatch.manifest.paths import SettingValues, setting_axis, settings_of
from qbatch.notation import is_finite
from qbatch.plan.bases import (
    Measured,
    Measurements,
    Whole,
    asks_of_bits,
    axes_of_observables,
    forms_in,
    has_settings,
)
from qbatch.plan.columns import Always, Columns
from qbatch.plan.geometry.grid import Block
from qbatch.plan.geometry.resolving import OWN
from qbatch.plan.geometry.sweep import Grid, column_of
from qbatch.plan.identity import (
    backend_identity,
    canonical_json,
    canonical_text,
    prefix_hash,
    short_key,
)
from qbatch.plan.layout import (
    Column,
    Layout,
    TextTables,
    full_text,
    id_format,
    name_format,
    written_format,
)
from qbatch.plan.settings import concerns
from qbatch.plan.weights import spread_over

if TYPE_CHECKING:
    from qbatch.circuit import Circuit, CircuitSource
    from qbatch.manifest.models import Manifest

#: Layouts kept at once; more are made again when they are needed.
_MOST_LAYOUTS = 20_000


class UnboundError(QbatchError):
    """A circuit has free parameters without a value; never leaves this package.

    Attributes:
        circuit: Its name.
        names: Of the parameters.
    """

    def __init__(self, circuit: str, names: Sequence[str]) -> None:
        super().__init__(f"{circuit}: no value for {', '.join(names)}")
        self.circuit = circuit
        self.names = tuple(names)


class UnfitError(QbatchError):
    """A value cannot be bound to a free parameter; never leaves this package.

    Attributes:
        name: Of the parameter.
        problem: What is wrong with the value.
    """

    def __init__(self, circuit: str, name: str, value: Value) -> None:
        self.name = name
        self.problem = f"{name} of {circuit!r} takes numbers; {value!r} is none"
        super().__init__(self.problem)


@dataclass(frozen=True, slots=True)
class Setting:
    """What points share: all that counts for their ids but parameters, shots and repeat.

    Attributes:
        backend: Those settings of it that count.
        text: Of the circuit, as it is sent.
        content: Of that text; it counts in its place.
        language: Version of OpenQASM that the text is read as.
        seed: Root seed.
    """

    backend: Mapping[str, Any]
    text: str
    content: str
    language: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is kept; `reader` is the version of what made `content` of the text."""
        return {
            "backend": dict(self.backend),
            "circuit": self.text,
            "content": self.content,
            "language": self.language,
            "reader": FORMAT,
            "seed": self.seed,
        }

    def identity(self) -> dict[str, Any]:
        """Return it as the canonical JSON of an id has it."""
        return {"backend": dict(self.backend), "circuit": self.content, "seed": self.seed}


class Factory:
    """Makes layouts.

    Args:
        manifest: The manifest.
        sources: Name -> opened circuit.
        axes: Those that names show, in order.
        writers: Axis -> how names write its values.
        shows_seed: Whether names tell sweeps apart by their seeds.

    Attributes:
        measurements: In which settings circuits are measured; None: all as they are written.
    """

    def __init__(
        self,
        manifest: Manifest,
        sources: Mapping[str, CircuitSource],
        *,
        axes: Sequence[str],
        writers: Mapping[str, Callable[[Any], str]],
        shows_seed: bool = False,
    ) -> None:
        self._sources = sources
        self._made_of = axes_of_observables(manifest)
        self._axes = tuple(axes)
        self._writers = writers
        self._shows_seed = shows_seed
        self._manifest = manifest
        self._whole = Whole()
        self._asks_of_bits = asks_of_bits(manifest)
        self.measurements = Measurements(manifest, self._whole) if has_settings(manifest) else None
        readout = manifest.analysis.mitigation.readout
        self._forms = forms_in(manifest)
        #: Shots of each calibration of the readout.
        self._calibrated = 0 if readout is None else readout.shots
        #: What counts for ids, and its canonical JSON.
        self._backends: dict[tuple[str, SettingValues], tuple[Mapping[str, Any], str]] = {}
        for name in manifest.backends:
            self._backend(name, ())  # a calibration that cannot be read is told now
        self._settings: dict[str, Setting] = {}
        self._layouts: dict[object, Layout] = {}
        self._tables: dict[int, TextTables] = {}

    @property
    def arguments(self) -> frozenset[str]:
        """Names that some circuit consumes when its text is made, or that make an observable."""
        found = (source.arguments for source in self._sources.values())
        return frozenset().union(*found, self._made_of)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Key -> setting of every layout made so far."""
        return self._settings

    def layout(self, grid: Grid, block: Block, values: Mapping[str, Value], mask: int) -> Layout:
        """Return the layout of one variant.

        Args:
            grid: The sweep.
            block: Of the sweep.
            values: Circuit, backend and arguments, by axis.
            mask: Of the overrides that apply.

        Raises:
            UnboundError: Parameters lack a value.
            UnfitError: A parameter's value is no number.
            CircuitError: The circuit cannot be made at these values.
            UnmeasuredError: An observable cannot be had of the circuit.
        """
        key = (id(block), mask & grid.override_bits, *values.items())
        if key not in self._layouts:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            made = self._make(grid, block, values, mask)
            self._layouts[key] = made if grid.reference else self._measured(made)
        return self._layouts[key]

    def _program(self, source: CircuitSource, given: Mapping[str, Value]) -> Circuit:
        return self.whole(source.circuit(given))

    def whole(self, circuit: Circuit) -> Circuit:
        """Return a circuit as it is measured: one that ends unmeasured in all of its qubits.

        It stays as it is where nothing is asked of its bits.
        """
        return self._whole(circuit) if self._asks_of_bits else circuit

    def _measured(self, layout: Layout) -> Layout:
        """Return a layout with those of its points' settings, where these are not as written."""
        if self.measurements is None:
            return layout
        found = self.measurements.of(layout.program, layout.seed, layout.shared)
        if [each.setting.text for each in found] == [""]:
            return layout
        backend, settings = layout.backend, layout.settings
        measured = []
        shots, spread = iter(self._shots(layout, found)), self._manifest.allocate != "evenly"
        for with_what, program, _ in found:
            key = self._setting(backend, settings, program, layout.seed)
            prefix = prefix_hash(self._backend(backend, settings)[1], program.facts.content)
            made = layout
            if with_what.prepared:
                made = layout.calibrated_with(with_what, program, key, prefix, self._calibrated)
            elif with_what.twirl:
                made = layout.twirled_with(with_what, program, key, prefix, self._forms)
            elif with_what.text:
                made = layout.measured_with(with_what, program, key, prefix)
            if not with_what.prepared and not with_what.twirl:
                own = next(shots)
                made = replace(made, shots=own, of_points=layout.shots if spread else None)
            measured.append(made)
        return replace(layout, measured=tuple(measured))

    def _shots(
        self, layout: Layout, found: Sequence[Measured]
    ) -> Sequence[tuple[int, Sequence[int]]]:
        """Return the shots of each setting but calibrations and forms, in their order."""
        own = [each for each in found if not each.setting.prepared and not each.setting.twirl]
        weights = [each.weight for each in own]
        if self._manifest.allocate == "evenly":
            return [layout.shots] * len(weights)
        at, column = layout.shots
        return [(at, each) for each in spread_over(column, weights)]

    def _making(self, columns: Collection[str]) -> list[str]:
        """Name the axes of which observables are made."""
        return [name for name in columns if name in self._made_of and name not in OWN]

    def _make(self, grid: Grid, block: Block, values: Mapping[str, Value], mask: int) -> Layout:
        changed = grid.overridden(mask)
        columns = _columns(block, values, changed)
        circuit, backend = str(columns["circuit"].values[0]), str(columns["backend"].values[0])
        source = self._sources[circuit]
        fixed = {n: c.values[0] for n, c in columns.items() if setting_axis(n)}
        ours = {n: v for n, v in fixed.items() if concerns(n, backend)}
        settings = settings_of(ours.items())
        given = {n: c.values[0] for n, c in columns.items() if n in source.arguments}
        arguments = {name: given[name] for name in sorted(given)}
        program = source.circuit(arguments) if grid.reference else self._program(source, arguments)
        free = _free(source, program, columns)
        used = {n: columns[n] for n in (*given, *ours, *self._making(columns))} | free
        idle = {
            n: column
            for n, column in columns.items()
            if n not in used
            and n not in OWN
            and setting_axis(n) is None
            and _is_swept(block, n, changed)
        }
        used |= idle
        shown = {n: columns[n] for n in self._axes if n in columns and (n in used or n in OWN)}
        tables = self._tables.setdefault(id(block), TextTables())
        has_shots_axis = grid.has_shots_axis and block is grid.blocks[0] and "shots" not in changed
        shots = columns["shots"] if has_shots_axis else None
        ids = id_format(free, shots, grid.seed, grid.copies, tables)
        names = self._names(grid, shown, circuit, backend, tables)
        order = [name for name in (*self._axes, *sorted(used)) if name in used]
        swept = [(name, used[name]) for name in dict.fromkeys(order)]
        parameters = tuple((name, *_located(column)) for name, column in swept)
        return Layout(
            circuit,
            backend,
            program,
            self._setting(backend, settings, program, grid.seed),
            grid.seed,
            prefix_hash(self._backend(backend, settings)[1], program.facts.content),
            *ids,
            *names,
            _located(columns["shots"]),
            has_shots_axis,
            parameters,
            tuple(name for name, _, _ in parameters),
            Columns([(at, values) for _, at, values in parameters], tables.rows),
            *written_format(swept, tables),
            frozenset(idle),
            settings,
        )

    def _names(
        self,
        grid: Grid,
        shown: Mapping[str, Column],
        circuit: str,
        backend: str,
        tables: TextTables,
    ) -> tuple[str, Columns]:
        """Return the format of names and the columns that fill it."""
        if grid.reference:
            name = f"{REFERENCE}{full_text(circuit)},backend={full_text(backend)}"
            return name_format({}, {}, name, tables)
        names, columns = name_format(shown, self._writers, full_text(circuit), tables)
        return (f"{names},seed={grid.seed}" if self._shows_seed else names), columns

    def _setting(self, backend: str, settings: SettingValues, program: Circuit, seed: int) -> str:
        content = program.facts.content
        identity, written = self._backend(backend, settings)
        key = short_key(written, content, str(seed))
        if key not in self._settings:
            text = canonical_text(program.text)
            self._settings[key] = Setting(identity, text, content, program.version, seed)
        return key

    def _backend(self, name: str, settings: SettingValues) -> tuple[Mapping[str, Any], str]:
        if (name, settings) not in self._backends:
            backend = self._manifest.backends[name].with_settings(settings)
            identity = backend_identity(backend, self._manifest.folder)
            self._backends[name, settings] = (identity, canonical_json(identity))
        return self._backends[name, settings]

    def backend_settings(self, name: str, settings: SettingValues = ()) -> Mapping[str, Any]:
        """Return what of a backend counts for ids, once `settings` are set."""
        found: Mapping[str, Any] = json.loads(self._backend(name, settings)[1])
        return found


def _is_swept(block: Block, name: str, changed: Mapping[str, Value]) -> bool:
    """Tell whether the block's points differ on an axis, whatever the circuit makes of it."""
    return name not in changed and len(column_of(block, name).values) > 1


def _columns(
    block: Block, values: Mapping[str, Value], changed: Mapping[str, Value]
) -> dict[str, Column]:
    """Return where each axis' value comes from: the variant and overrides fix some."""
    columns = {name: column_of(block, name) for name in block.names}
    fixed = {**values, **changed}
    return columns | {name: Column(None, (value,)) for name, value in fixed.items()}


def _free(
    source: CircuitSource, program: Circuit, columns: Mapping[str, Column]
) -> dict[str, Column]:
    """Return the column of each free parameter; a value in `with` fills in for a missing axis."""
    found = {}
    for name in program.facts.parameters:
        if name in columns:
            found[name] = columns[name]
        elif name in source.defaults:
            found[name] = Column(None, (source.defaults[name],))
    missing = [name for name in program.facts.parameters if name not in found]
    if missing:
        raise UnboundError(source.name, missing)
    for name, column in found.items():
        _check_numbers(source.name, name, column)
    return found


def _check_numbers(circuit: str, name: str, column: Column) -> None:
    if isinstance(column.values, (array, range)):
        return
    finite: Callable[[Any], bool] = math.isfinite
    if set(map(type, column.values)) == {float} and all(map(finite, column.values)):
        return
    for value in column.values:
        if not is_finite(value):
            raise UnfitError(circuit, name, value)


def _located(column: Column) -> tuple[int, Sequence[Any]]:
    """Return a column as (position, values), where -1 is a position that always gives the one."""
    if column.position is None:
        return -1, Always(column.values[0])
    return column.position, column.values
