"""Whether clouds' compilers leave circuits that are folded as they are.

A compiler that takes a gate and what undoes it away takes the noise away, too, that was to be
scaled. Barriers stand between the two, which OpenQASM asks compilers to honour; where a cloud's
compiler has an option for it, it must be set.
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
    """See that where noise is scaled a cloud's compiler is told to leave gates as they are."""
    names = (name for sweep in manifest.sweeps for name in (*sweep.matrix, *sweep.zip))
    swept = [axis for axis in map(setting_axis, names) if axis is not None]
    for name, backend in manifest.backends.items():
        for option, value in room_of(backend.provider).as_written.items():
            said = f"zne is asked for, and {backend.provider}'s compiler may take folded gates away"
            if backend.options.get(option) != value:
                problem = f"{said}; write options: {{{option}: {value}}}"
                mistakes.add(("backends", name), problem)
            elif any(axis.concerns(name) and axis.path == ("options", option) for axis in swept):
                problem = f"{said} where {option} is swept; leave it {value}"
                mistakes.add(("backends", name), problem)


def told_compilers(manifest: Manifest) -> Iterator[str]:
    """Say of which backends nobody but their compilers knows whether they honour barriers."""
    if manifest.analysis.mitigation.zne is None:
        return
    names = [name for name, each in manifest.backends.items() if _compiles_freely(each)]
    if names:
        yield (
            f"compilers of {', '.join(names)} are not qbatch's to set: zne is right only where "
            "they honour barriers"
        )


def _compiles_freely(backend: Backend) -> bool:
    room = room_of(backend.provider)
    return room.compiles and not room.as_written
