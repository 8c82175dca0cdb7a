"""The embedded simulator: numpy, qiskit-aer, stim, in worker processes of our own.

Public: `open_driver` and `validate_settings`. Everything heavy is imported where it is used: to
plan, neither qiskit nor numpy is needed.

    options, noise, settings   what a person may write, checked
    method, work               arithmetic: method and library, how much memory, how work is cut
    driver, opening, fit       this side: one driver a backend, and where it computes
    engines                    what carries work to where it is computed, a room of its own
    engine, results            the other side, and where counts stand in its answers
    fused                      small circuits at many points in numpy, a room of its own
    prepare, channels          circuits made ready for Aer, noise put in
    translation, batching      gates that a method knows, and that one call may carry
    exact, points, failures    probabilities in one call or point by point; why there are none
    guard, plain, verdicts     one call for many points held against a plain computation, once
    sampling                   probabilities to counts
    tableau, clifford          Clifford gates at a point's values; stim
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.providers.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Backend
    from qbatch.providers import Driver, Surroundings

__all__ = ["ROOM", "depends_on_values", "misfit", "open_driver", "remarks", "validate_settings"]

ROOM = Room(
    driver="qbatch.providers.local",
    options="qbatch.providers.local.options",
    noise="qbatch.providers.local.noise",
    engines="qbatch.providers.local.engines.options",
    judge="qbatch.providers.local",
    is_local=True,
    limits=frozenset({"workers", "memory_gb"}),
    lasting_engines=frozenset({"slurm"}),
    also_called=frozenset({"aer", "aer_simulator", "qiskit", "simulator"}),
)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Driver:
    """Return the driver of a local backend.

    Args:
        backend: Of a manifest.
        name: The backend's in the manifest.
        surroundings: Its folder is where a calibration file is read from; under a virtual clock
            simulations run in this process and block it.

    Raises:
        Refused: The backend's settings are wrong.
    """
    from qbatch.providers.local.opening import open_simulator

    return open_simulator(backend, name, surroundings)


def depends_on_values(backend: Backend) -> bool:
    """Whether a backend can run some circuits, or these at some values, only."""
    return backend.options.get("method") in ("stabilizer", "stim", "extended_stabilizer")


def misfit(
    backend: Backend, folder: Path, circuit: Circuit, rows: Iterable[Sequence[float]]
) -> str | None:
    """Say why a backend cannot run a circuit at some of its points, or None.

    Args:
        backend: For which `depends_on_values` holds.
        folder: The manifest's.
        circuit: With its free parameters.
        rows: Values of these, point by point.
    """
    from qbatch.providers.local.method import settled
    from qbatch.providers.local.settings import read_settings
    from qbatch.providers.local.tableau import misfit as misfit_of
    from qbatch.providers.local.work import Program

    settings = settled(circuit.facts, read_settings(backend, folder))
    return misfit_of(Program(circuit, settings), rows)


def remarks(backends: Sequence[Backend], folder: Path) -> list[str]:
    """Say of one backend, in each of its settings, what is legal and hardly meant."""
    from qbatch.providers.local import times
    from qbatch.providers.local.settings import read_settings

    noises = [read_settings(backend, folder).noise for backend in backends if backend.noise]
    return times.remarks([noise for noise in noises if noise is not None])


def validate_settings(
    backend: Backend, folder: Path | None = None
) -> list[tuple[tuple[str | int, ...], str]]:
    """See `qbatch.providers.local.settings.validate_settings`."""
    from qbatch.providers.local import settings

    return settings.validate_settings(backend, folder)
