"""Whether clouds' compilers leave circuits that are folded as they are.

A compiler that takes a gate and what undoes it away takes the noise away, too, that was to be
scaled; one that takes Paulis through gates undoes their twirling. Barriers stand between the two,
which OpenQASM asks compilers to honour; where a cloud's compiler has an option for it, it must be
set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.manifest.paths import setting_axis
from qbatch.plan.mistakes import Mistakes
from qbatch.providers.registry import room_of

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend, Manifest


def check_compilers(manifest: Manifest, mistakes: Mistakes) -> None:
    """See that where gates are folded or twirled a cloud's compiler is told to leave them so."""
    asked = _asked(manifest)
    names = (name for sweep in manifest.sweeps for name in (*sweep.matrix, *sweep.zip))
    swept = [axis for axis in map(setting_axis, names) if axis is not None]
    for name, backend in manifest.backends.items():
        for option, value in room_of(backend.provider).as_written.items():
            said = f"{asked} is asked for, and {backend.provider}'s compiler may take "
            said += "folded gates away" if asked == "zne" else "what it puts in away"
            if backend.options.get(option) != value:
                problem = f"{said}; write options: {{{option}: {value}}}"
                mistakes.add(("backends", name), problem)
            elif any(axis.concerns(name) and axis.path == ("options", option) for axis in swept):
                problem = f"{said} where {option} is swept; leave it {value}"
                mistakes.add(("backends", name), problem)


def told_compilers(manifest: Manifest) -> Iterator[str]:
    """Say of which backends nobody but their compilers knows whether they honour barriers."""
    asked = _asked(manifest)
    if not asked:
        return
    names = [name for name, each in manifest.backends.items() if _compiles_freely(each)]
    if names:
        yield (
            f"compilers of {', '.join(names)} are not qbatch's to set: {asked} is right only where "
            "they honour barriers"
        )


def _asked(manifest: Manifest) -> str:
    """Name what needs circuits to be computed as they are sent; "" where nothing does."""
    asked = manifest.analysis.mitigation
    return "zne" if asked.zne is not None else "twirl" if asked.twirl is not None else ""


def _compiles_freely(backend: Backend) -> bool:
    room = room_of(backend.provider)
    return room.compiles and not room.as_written
