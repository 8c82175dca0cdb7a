"""Manifests written in Python: objects to plain data, to the text that a file would hold.

Rules: what is made is a text, read by the same rules as any other, so a manifest in Python can say
no more than one in a file, and is kept with its run like it. Text means what it means without
quotes, unless it looks like a number: "pi/2" is arithmetic where a number is read, "00" is text.
Mistakes name the argument; all are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qbatch.arguments import ANYTHING, NOTHING, list_of, map_of, takes
from qbatch.errors import ManifestError, Place, SourceError, SourceErrors
from qbatch.manifest.complaints import complain
from qbatch.manifest.construction import read_data
from qbatch.manifest.fields import Known
from qbatch.manifest.models import Manifest, Plot
from qbatch.manifest.nodes import MAX_DEPTH, MAX_VALUES
from qbatch.manifest.reading import read_manifest
from qbatch.manifest.source import Source
from qbatch.manifest.spacing import evenly_spaced
from qbatch.manifest.yaml_text import as_text, write_yaml

CALL = "Manifest()"

_AXIS = re.compile(r"sweep(\[\d+\])?\.(matrix|zip)\.[^.\[]+(\.[^.\[]+)*")
_OPENQASM = re.compile(r"\s*(//[^\n]*\s*|/\*.*?\*/\s*)*OPENQASM\s", re.DOTALL)


def read_objects(data: Mapping[str, Any], folder: Path, *, trust: bool) -> Manifest:
    """Read what `Manifest` was given, as `load_manifest` reads a file.

    Args:
        data: As a file would have it, of objects.
        folder: Which paths are relative to and stay inside of.
        trust: Python circuits may run.

    Raises:
        SourceErrors: Every mistake found.
    """
    writing = _Writing(folder.resolve())
    plain = writing.map_of(data, "", 0)
    if found := writing.mistakes:
        raise SourceErrors(f"{CALL}: {len(found)} mistake{'s' if len(found) > 1 else ''}", found)
    return read_manifest(Source(CALL, write_yaml(plain), folder, trust=trust, call=CALL))


Manifest._read = read_objects


def read_plot(
    asked: Mapping[str, Any], axes: Iterable[str], numbers: Iterable[str], call: str
) -> Plot:
    """Read a plot that is asked for in Python, or by flags, by the rules of a manifest's.

    Args:
        asked: Its keys, of objects.
        axes: That there are.
        numbers: Of the analysis.
        call: What asks for it, for messages: ``plot()``.

    Raises:
        SourceErrors: Every mistake found.
    """
    writing = _Writing(Path(), call=call)
    source = Source(call, write_yaml(writing.map_of(asked, "", 0)), Path(), call=call)
    mistakes = list(writing.mistakes)
    try:
        data = read_data(source)[0] if asked else {}
        known = Known(axes=frozenset(axes), estimates=frozenset(numbers))
        plot = Plot.model_validate(data, context=known)
    except ValidationError as error:
        mistakes += complain(source, error, Plot)
    if mistakes:
        raise SourceErrors(f"{call}: 1 mistake", mistakes)
    return plot


@dataclass(slots=True)
class _Writing:
    """Objects on their way to plain data; what is wrong with them is gathered in `mistakes`."""

    folder: Path
    call: str = CALL
    mistakes: list[SourceError] = field(default_factory=list)

    def map_of(self, value: Mapping[Any, Any], at: str, depth: int) -> dict[str, Any]:
        """Return a map with text as keys, of plain data."""
        found = {}
        for key, item in value.items():
            if isinstance(key, str):
                found[str(key)] = self.of(item, f"{at}.{key}".removeprefix("."), depth + 1)
            else:
                self._complain(at, f"the key {key!r} is no text; write it in quotes")
        return found

    def of(self, value: Any, at: str, depth: int) -> Any:
        """Return the plain data of an object.

        Args:
            value: The object.
            at: The argument that it is, or stands in: ``sweep.matrix.theta[2]``.
            depth: In how many maps and lists it stands.
        """
        if depth > MAX_DEPTH:
            self._complain(at, f"is nested more than {MAX_DEPTH} deep; write it flatter")
            return None
        if depth == 2 and at.startswith("circuits."):
            value = self._circuit(value, at)
        if isinstance(value, Mapping):
            return self.map_of(value, at, depth)
        if isinstance(value, range):
            return self._range(value, at)
        if hasattr(value, "ndim") and hasattr(value, "tolist"):
            return self._array(value, at)
        if isinstance(value, list | tuple):
            return self._list(value, at, depth)
        return self._scalar(value, at)

    def _scalar(self, value: Any, at: str) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return as_text(str(value))
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, Path):
            return as_text(self._path(value))
        self._complain(
            at,
            f"is of type {type(value).__name__}, which no manifest can hold; write text, numbers, "
            "lists, maps, ranges or arrays, and circuits under circuits",
        )
        return None

    def _path(self, path: Path) -> str:
        """Return a path as from the folder, where it lies in it."""
        inside = path.is_absolute() and path.resolve().is_relative_to(self.folder)
        return (path.resolve().relative_to(self.folder) if inside else path).as_posix()

    def _circuit(self, value: Any, at: str) -> Any:
        """Return a circuit as a manifest names it: a Qiskit circuit as its OpenQASM."""
        if isinstance(value, str) and ("\n" in value.strip() or _OPENQASM.match(value)):
            return {"qasm": value}
        if not _is_circuit(value):
            return value
        from qbatch.circuit.qasm.writer import qasm3_text

        try:
            return {"qasm": qasm3_text(value, Place(f"{self.call}: {at}"))}
        except SourceError as error:
            self.mistakes.append(error)
            return {"qasm": ""}

    def _range(self, value: range, at: str) -> Any:
        if not _AXIS.fullmatch(at) or not value:
            return list(value)
        return {"range": [value.start, value.stop, value.step]}

    def _array(self, value: Any, at: str) -> Any:
        """Return an array's numbers; evenly spaced ones of an axis by their ends."""
        if value.ndim == 0:
            return self._scalar(value.tolist(), at)
        if value.ndim > 1:
            self._complain(at, f"is an array of {value.ndim} dimensions; write one of 1")
            return None
        values = value.tolist()
        if _AXIS.fullmatch(at) and _are_evenly_spaced(values):
            return {"linspace": [values[0], values[-1], len(values)]}
        return self._list(values, at, 0)

    def _list(self, values: Sequence[Any], at: str, depth: int) -> Any:
        if len(values) > MAX_VALUES:
            said = f"{len(values):,} values are too many to be written; the most is {MAX_VALUES:,}"
            self._complain(at, f"{said}. Keep them in a CSV file: {{'from': {{'file': …}}}}")
            return None
        return [self.of(item, f"{at}[{i}]", depth + 1) for i, item in enumerate(values)]

    def _complain(self, at: str, problem: str) -> None:
        self.mistakes.append(
            ManifestError(Place(f"{self.call}: {at}" if at else self.call), problem)
        )


def _is_circuit(value: Any) -> bool:
    """Tell whether it is a Qiskit circuit, without loading Qiskit."""
    return any(
        each.__name__ == "QuantumCircuit" and each.__module__.partition(".")[0] == "qiskit"
        for each in type(value).__mro__
    )


def _are_evenly_spaced(values: list[Any]) -> bool:
    """Tell whether ``linspace`` gives the same numbers, to the last bit, and no integers."""
    if len(values) < 3 or not all(type(each) is float for each in values):
        return False
    if all(map(float.is_integer, values)):
        return False
    return list(evenly_spaced(values[0], values[-1], len(values))) == values


_AXES = map_of("a map from axis to values", ANYTHING)
_MAPS = list_of("a list of maps", _AXES)


@takes(
    axes=_AXES | NOTHING,
    zip=_AXES | NOTHING,
    exclude=_MAPS | NOTHING,
    include=_MAPS | NOTHING,
    sample=_AXES | _MAPS | NOTHING,
    overrides=_MAPS | NOTHING,
)
def sweep(
    axes: Mapping[str, Any] | None = None,
    /,
    *,
    zip: Mapping[str, Any] | None = None,
    exclude: Iterable[Mapping[str, Any]] | None = None,
    include: Iterable[Mapping[str, Any]] | None = None,
    sample: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None,
    overrides: Iterable[Mapping[str, Any]] | None = None,
    repeat: int | None = None,
    order: str | None = None,
    seed: int | None = None,
    **matrix: Any,
) -> dict[str, Any]:
    """Write a sweep for `Manifest`: ``sweep(backend=["ideal", "noisy"], theta=np.linspace(0, 3))``.

    An axis is a list, a range, an array of one dimension, or what a manifest writes:
    ``{"geomspace": [1, 100, 5]}``.

    Args:
        axes: Axes whose names are no names of Python, as ``{"noise.readout": [0, 0.01]}``, or are
            one of the words below.
        zip: Axes that go side by side.
        exclude: Axis -> value or values; what matches is left out.
        include: Whole points.
        sample: Keeps some of the points.
        overrides: ``{"where": …, "set": …}`` each.
        repeat: How often each point is run.
        order: In which points run.
        seed: Root of every point's own seed.
        matrix: The other axes; all combinations run.

    Returns:
        The sweep as a manifest has it; `Manifest` checks what is in it.

    Raises:
        TypeError: An argument is of another kind.
    """
    found = {
        "matrix": {**(axes or {}), **matrix} or None,
        "zip": zip,
        "exclude": _listed(exclude),
        "include": _listed(include),
        "sample": sample if sample is None or isinstance(sample, Mapping) else list(sample),
        "overrides": _listed(overrides),
        "repeat": repeat,
        "order": order,
        "seed": seed,
    }
    return {name: value for name, value in found.items() if value is not None}


def _listed(values: Iterable[Mapping[str, Any]] | None) -> list[Mapping[str, Any]] | None:
    return None if values is None else list(values)
