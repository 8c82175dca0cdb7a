"""What a provider says of itself: the facts that others need without a driver of it.

Rule: whoever needs to know how one provider differs from another asks for a fact by its name here,
or adds one; no other room compares a provider's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Backend

#: Where something stands in a backend: its keys from the outermost on.
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """A provider, as its package announces it under the name `ROOM`.

    All modules are named by text, for none is loaded before it is asked for. Of a third party's
    package, whose entry point names a module, that module holds what no other is named for.

    Attributes:
        driver: Module with the factory ``open_driver(backend, *, name, surroundings)``, and with
            its cloud's `VENDOR`.
        options: Module with the model of what ``options`` may say, `Options`.
        noise: Module with the model of what ``noise`` may say, `Noise`; "": it takes none.
        engines: Module with the model of what ``engine`` may say, `EngineOptions`; "": it has none.
        judge: Module with the functions of `Judge`; "": the options' model says all.
        is_local: It computes on what is the person's own, under no account, and nothing is bought.
            Its drivers say for themselves whether anything outlives the process.
        account_options: Options that name an account, an address or a store of the person's own.
        label_options: Options that only label its jobs, or say where among a person's own things
            they stand, or who pays and by which path: no result depends on them, so no point's id
            does.
        seeding_options: Options, dotted, by which the same shots of the same content are the same
            ones wherever they are asked for.
        limits: Of a backend's ``limits`` those that it obeys beside in_flight and jobs.
        lasting_engines: Of its engines those whose jobs go on while no run does.
        layout_option: Option that says which of the machine's qubits a circuit's are; without it
            qbatch's own translation chooses them, for each circuit anew. "": it chooses none.
        compiles: Its cloud compiles programs by itself: ``transpile`` would do nothing.
        as_written: Options by which its cloud's compiler leaves gates as they are written; empty:
            there are none. Barriers are asked to be honoured whatever it is.
        tells_calibration: Its cloud tells what machines are like: beside jobs, or with results.
        units: What it bills in; empty: it does not say, or bills nothing.
        also_called: What people write where they mean it.
    """

    driver: str = ""
    options: str = ""
    noise: str = ""
    engines: str = ""
    judge: str = ""
    is_local: bool = False
    account_options: frozenset[str] = frozenset()
    label_options: frozenset[str] = frozenset()
    seeding_options: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()
    lasting_engines: frozenset[str] = frozenset()
    layout_option: str = ""
    compiles: bool = False
    as_written: Mapping[str, str] = field(default_factory=dict)
    tells_calibration: bool = False
    units: frozenset[str] = frozenset()
    also_called: frozenset[str] = frozenset()

    def is_seeded(self, options: Mapping[str, Any]) -> bool:
        """Whether, with these options, shots asked for again are the same ones again."""
        return any(_has(options, path.split(".")) for path in self.seeding_options)


def _has(options: object, path: Sequence[str]) -> bool:
    if not path:
        return options is not None
    return isinstance(options, Mapping) and _has(options.get(path[0]), path[1:])


class Judge(Protocol):
    """What a provider may say of backends and circuits beyond its options' model; pure."""

    def validate_settings(
        self, backend: Backend, folder: Path | None = None
    ) -> list[tuple[Loc, str]]:
        """Say what is wrong with a backend's own settings, options included.

        Args:
            backend: Of a manifest.
            folder: The manifest's, to read files from; None: none is read.
        """
        ...

    def depends_on_values(self, backend: Backend) -> bool:
        """Whether a backend can run some circuits at some values only; see `misfit`."""
        ...

    def misfit(
        self, backend: Backend, folder: Path, circuit: Circuit, rows: Iterable[Sequence[float]]
    ) -> str | None:
        """Say why a backend cannot run a circuit at some of its points, or None.

        Args:
            backend: For which `depends_on_values` holds.
            folder: The manifest's.
            circuit: With its free parameters.
            rows: A value for each of `circuit.facts.parameters`, point by point.
        """
        ...

    def remarks(self, backends: Sequence[Backend], folder: Path) -> list[str]:
        """Say of one backend, in each of its settings, what is legal and hardly meant."""
        ...
