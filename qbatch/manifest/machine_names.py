"""Which numbers of machines a manifest's report names, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.manifest.machine import PLOT_KEYS, is_of_machine

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest


def machine_names(manifest: Manifest) -> dict[str, tuple[str | int, ...]]:
    """Return each number of machines that a report names, with the place where it is first."""
    found: dict[str, tuple[str | int, ...]] = {}
    for name, loc in _named(manifest):
        found.setdefault(name, loc)
    return found


def _named(manifest: Manifest) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for at, name in enumerate(manifest.report.columns):
        yield name, ("report", "columns", at)
    for at, plot in enumerate(manifest.report.plots):
        for key in PLOT_KEYS:
            name = getattr(plot, key)
            if name is not None and is_of_machine(name):
                yield name, ("report", "plots", at, key)
