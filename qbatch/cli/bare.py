"""Circuits named on the command line without a manifest: their flags, and what they stand for.

Who names a Python file to be run means it, as with ``python FILE.py``: it is allowed as by
``--trust``, and nothing else is.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.completing import complete_parameters, complete_providers
from qbatch.cli.options import Function
from qbatch.cli.tables import tell
from qbatch.errors import CircuitError, SelectionError, SourceErrors
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.executor import Options
    from qbatch.manifest import Manifest
    from qbatch.manifest.bare import BareCircuit
    from qbatch.plan import Plan


@dataclass(frozen=True, slots=True)
class Named:
    """What a verb was given: a manifest, or a circuit without one.

    Attributes:
        path: The manifest's file, or the circuit's.
        circuit: None: it is a manifest.
    """

    path: Path
    circuit: BareCircuit | None = None

    def plan(self, overrides: Sequence[str], *, trust: bool) -> Plan:
        """Plan it.

        Raises:
            SourceErrors: Everything that is wrong.
            SelectionError: A parameter has no value, or there is none of that name.
        """
        from qbatch.plan import expand

        return expand(self.manifest(overrides, trust=trust))

    def manifest(self, overrides: Sequence[str], *, trust: bool) -> Manifest:
        """Read it, or what stands for a circuit.

        Raises:
            SourceErrors: Everything that is wrong with it.
            SelectionError: A parameter has no value, or there is none of that name.
        """
        from qbatch.plan import read_file

        if self.circuit is None:
            return read_file(self.path, overrides=overrides, trust=trust)
        manifest = self.circuit.manifest(overrides=overrides)
        _check_parameters(self.circuit)
        _allow(self.circuit)
        return manifest

    def planned(self, options: Options) -> Options:
        """Plan a circuit, which the executor could not; a manifest it plans itself."""
        if self.circuit is None:
            return options
        return replace(options, plan=self.plan(options.overrides, trust=options.trust))

    def offer_to_save(self) -> None:
        """Say how to keep a circuit that ran as a manifest."""
        if self.circuit is not None:
            tell(f"as a manifest: {self.circuit.command} --save {_free_name(self.circuit.name)}")


def circuit_options(*, saves: bool) -> Callable[[Function], Function]:
    """``--shots``, ``--backend``, ``-p``, ``--save``: the verb is given one `Named` for them all.

    Args:
        saves: ``--save`` is one of them.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def called(**given: Any) -> Any:
            asked = {name: given.pop(name) for name in ("shots", "backends", "parameters")}
            asked |= {"save": given.pop("save", None), "overrides": given["overrides"]}
            named = _named(given.pop("manifest"), **asked)
            try:
                ended = function(named, **given)
            except SourceErrors:
                if named.circuit is not None:
                    _check_made(named.circuit)
                raise
            if saves and not given["as_json"]:
                named.offer_to_save()
            return ended

        taking: Any = called
        for option in reversed(_OPTIONS if saves else _OPTIONS[:-1]):
            taking = option(taking)
        found: Function = taking
        return found

    return decorate


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--shots",
        type=click.IntRange(1),
        metavar="N",
        help="Of a circuit without a manifest: shots of each point, instead of 1024.",
    ),
    click.option(
        "--backend",
        "backends",
        multiple=True,
        metavar="PROVIDER[:TARGET]",
        shell_complete=complete_providers,
        help="Where a circuit runs, instead of the simulator here: oqc:qpu:uk:1. Repeatable.",
    ),
    click.option(
        "-p",
        "parameters",
        multiple=True,
        metavar="NAME=VALUES",
        shell_complete=complete_parameters,
        help="Values of a circuit's parameter: theta=0:pi:9 (9 values), theta=0,0.5. Repeatable.",
    ),
    click.option(
        "--save",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the manifest that does the same as this circuit does, and go on with it.",
    ),
)


def _named(
    path: Path,
    *,
    shots: int | None,
    backends: tuple[str, ...],
    parameters: tuple[str, ...],
    save: Path | None,
    overrides: tuple[str, ...],
) -> Named:
    from qbatch.manifest.bare import BareCircuit, is_circuit
    from qbatch.providers import EMBEDDED

    if not is_circuit(path):
        _refuse_flags(shots=shots, backends=backends, parameters=parameters, save=save)
        return Named(path)
    axes = dict(map(_axis, parameters))
    command = _command(path, shots, backends, parameters, overrides)
    circuit = BareCircuit(path, backends or (EMBEDDED,), shots, axes, command)
    if save is None:
        return Named(circuit.path, circuit)
    _check_parameters(circuit)
    _save(circuit, save, overrides)
    _allow(circuit)
    return Named(save)


def _allow(circuit: BareCircuit) -> None:
    """Let a Python file run that the person named by itself."""
    if circuit.path.suffix == ".py":
        from qbatch.circuit.allowed import allow

        allow(circuit.path.resolve())


def _refuse_flags(**given: Any) -> None:
    """See that no flag of bare circuits is given beside a manifest."""
    flags = {
        "shots": ("--shots", "-S shots=1000 sets them in a manifest"),
        "backends": ("--backend", "-k backend=NAME selects one of a manifest"),
        "parameters": ("-p", "-S theta=0,0.5 sets an axis of a manifest"),
        "save": ("--save", "this is a manifest already"),
    }
    for name, value in given.items():
        if value:
            flag, instead = flags[name]
            raise click.UsageError(f"{flag} is for a circuit without a manifest; {instead}")


def _axis(written: str) -> tuple[str, str]:
    from qbatch.manifest.bare import axis_of

    name, equals, values = written.partition("=")
    axis = axis_of(values) if equals and name.strip().isidentifier() else None
    if axis is None:
        raise click.UsageError(
            f"-p {written!r} is no NAME=VALUES; write theta=0:pi:9 (from, to, how many), "
            "theta=0,0.5,1 or theta=0.5"
        )
    return name.strip(), axis


def _command(
    path: Path,
    shots: int | None,
    backends: tuple[str, ...],
    parameters: tuple[str, ...],
    overrides: tuple[str, ...],
) -> str:
    """Return what says again what runs."""
    words = ["qbatch", "run", path.name if path.is_absolute() else str(path)]
    words += [] if shots is None else ["--shots", str(shots)]
    words += [word for each in backends for word in ("--backend", each)]
    words += [word for each in parameters for word in ("-p", each)]
    words += [word for each in overrides for word in ("-S", each)]
    return shlex.join(words)


def _free_name(name: str) -> str:
    """A file's name for a manifest that is not taken in the current folder."""
    more = (f"{name}-{number}.yaml" for number in count(2))
    return next(each for each in chain([f"{name}.yaml"], more) if not Path(each).exists())


def _save(circuit: BareCircuit, save: Path, overrides: Sequence[str]) -> None:
    """Write a circuit's manifest where the person said, and over nothing.

    Raises:
        SelectionError: Something is there, or a manifest there could not name the circuit.
    """
    from qbatch.cli.files import write_text
    from qbatch.project import may_name

    folder = save.parent.resolve()
    if not may_name(circuit.path.resolve(), folder):
        raise SelectionError(
            f"{save}: a manifest names files of its own folder or project, and {circuit.path} "
            "is none; save it beside the circuit"
        )
    if save.exists():
        raise SelectionError(f"{save}: is there already; name another file, or run that one")
    write_text(save, circuit.text(folder, overrides))


def _check_parameters(circuit: BareCircuit) -> None:
    """See that what is known of the circuit's parameters without running anything is given.

    Raises:
        SelectionError: One has no value, or there is none of that name.
        SourceErrors: The circuit is wrong.
    """
    from qbatch.notation import did_you_mean, listed

    known = circuit.inputs()
    if known is None:
        return
    own = ("circuit", "backend", "shots", *known)
    for name in circuit.parameters if circuit.path.suffix != ".py" else ():
        if name not in own:
            there = f"({listed(known)})" if known else "(it has none)"
            said = f"-p {name}: is no parameter of {circuit.path} {there}"
            raise SelectionError(said + did_you_mean(name, known))
    _check_given(circuit, known)


def _check_made(circuit: BareCircuit) -> None:
    """See that what Python made has no parameter without a value: it is known once it was run.

    Raises:
        SelectionError: One has none.
    """
    from qbatch.circuit import open_circuit

    if circuit.path.suffix != ".py" or circuit.inputs():
        return
    spec = circuit.manifest().circuits[circuit.name]
    with suppress(CircuitError):  # it is told as what went wrong
        source = open_circuit(circuit.name, spec, folder=circuit.folder)
        _check_given(circuit, sorted(source.circuit({}).facts.parameters))


def _check_given(circuit: BareCircuit, needed: Sequence[str]) -> None:
    """See that parameters have values.

    Raises:
        SelectionError: One has none.
    """
    from qbatch.notation import listed

    if missing := [name for name in needed if name not in circuit.parameters]:
        raise SelectionError(
            f"{circuit.written}: {listed(missing)} need{'s' if len(missing) == 1 else ''} a value; "
            f"write -p {missing[0]}=0:pi:9 (from, to, how many) or -p {missing[0]}=0.5"
        )
