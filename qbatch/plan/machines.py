"""Whether any machine of a manifest tells of the calibration that its report asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.manifest.machine_names import machine_names
from qbatch.notation import listed
from qbatch.providers import BUILT_IN, room_of
from qbatch.providers.registry import room_if_known

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.plan.mistakes import Mistakes


def check_machines(manifest: Manifest, mistakes: Mistakes) -> None:
    """Complain of numbers of machines where no backend's provider tells of any.

    A third party's provider may tell: what it has is seen once jobs ran.
    """
    named = machine_names(manifest)
    rooms = [(each.provider, room_if_known(each.provider)) for each in manifest.backends.values()]
    if not named or any(room.tells_calibration or name not in BUILT_IN for name, room in rooms):
        return
    tell = listed(name for name in BUILT_IN if room_of(name).tells_calibration)
    for name, loc in named.items():
        said = f"{name!r}: no backend here tells of its calibration; those of provider {tell} do"
        mistakes.add(loc, said)
