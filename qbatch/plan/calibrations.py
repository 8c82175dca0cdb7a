"""What a plan tells of the calibrations of readout, and on which backends they mean something.

A calibration tells of the qubits that it is computed on. Where these are chosen for each circuit,
it may be other qubits that the points are read from: where qbatch itself would choose, a person has
to say which they are; where a cloud's compiler may, that it does not is said to be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.bases import CALIBRATION, is_calibration, setting_of
from qbatch.notation import listed, whole
from qbatch.plan.aging import check_aging, facts_of_aging, longest_age_s
from qbatch.providers.registry import room_if_known

if TYPE_CHECKING:
    from qbatch.plan.layout import Layout
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.points import Only, Points

#: Calibrations that are named.
_SHOWN = 4

#: Times the shots of all else beyond which that is said before all else.
MANY = 10


def check_readout(plan: Points, mistakes: Mistakes) -> None:
    """See that calibrations mean something for the points: their qubits', and their times'."""
    check_aging(plan, mistakes)
    told: set[str] = set()
    for layout in _layouts(plan):
        backend = plan.backend_of(layout)
        option = room_if_known(backend.provider).layout_option
        if option and not backend.options.get(option) and layout.backend not in told:
            told.add(layout.backend)
            mistakes.add(
                ("analysis", "mitigation", "readout"),
                f"backend {layout.backend!r} chooses qubits for each circuit by itself, and a "
                f"calibration of others tells nothing; name them, as in options: {{{option}: [0]}}",
            )


def told_calibrations(plan: Points) -> Iterator[str]:
    """Say by which circuits the readout is calibrated, and what is assumed of backends."""
    found = _calibrations(plan)
    if not found:
        return
    each = _shots_of(next(iter(found.values())))
    prepared = dict.fromkeys(_prepared(layout) for layout in found.values())
    yield (
        f"readout is calibrated by {whole(len(found))} settings of {whole(each)} shots each "
        f"(prepared: {listed(prepared, _SHOWN)}), {whole(each * len(found))} shots in all, shared "
        "by all points that read the same qubits"
    )
    chosen = dict.fromkeys(layout.backend for layout in found.values())
    for name in chosen:
        if not room_if_known(plan.manifest.backends[name].provider).is_local:
            yield (
                f"assumed of backend {name!r}: circuits that read the same qubits read the "
                "machine's same qubits, however it compiles them"
            )


def many_calibrations(plan: Points, shots: int, only: Only | None = None) -> Iterator[str]:
    """Say where calibrations take very many more shots than all else.

    Args:
        plan: The plan.
        shots: Of all settings that are meant, calibrations included.
        only: Settings that are meant; None: all.
    """
    each = [_shots_of(layout) for layout in _calibrations(plan).values()]
    if each and only is not None:
        meant = (point for point in plan.bought(only) if is_calibration(setting_of(point.name)))
        each = [point.shots for point in meant]
    own = sum(each)
    if each and own > MANY * (shots - own):
        yield (
            f"{whole(len(each))} calibrations of the readout take {whole(own)} of "
            f"{whole(shots)} shots; mitigation: {{readout: {{shots: …}}}} says how many"
        )


def calibrations_facts(plan: Points) -> dict[str, object]:
    """Return what ``plan --json`` tells of them; empty without any."""
    found = _calibrations(plan)
    if not found:
        return {}
    shots = _shots_of(next(iter(found.values())))
    prepared: dict[str, dict[str, None]] = {}
    for layout in found.values():
        prepared.setdefault(layout.backend, {})[_prepared(layout)] = None
    return {
        "calibrations": {
            "settings": len(found),
            "shots": shots,
            "prepared": {backend: [*texts] for backend, texts in prepared.items()},
            **_aging_facts(plan),
        }
    }


def _aging_facts(plan: Points) -> dict[str, object]:
    every_s = longest_age_s(plan.manifest)
    return {} if every_s is None else {"every_s": every_s, "again": facts_of_aging(plan)}


def _calibrations(plan: Points) -> dict[str, Layout]:
    """Setting -> a layout of it, of all calibrations."""
    return {layout.setting: layout for layout in _layouts(plan)}


def _layouts(plan: Points) -> Iterator[Layout]:
    if plan.manifest.analysis.mitigation.readout is None:
        return iter(())
    return (layout for layout in plan.layouts() if layout.calibrates)


def _shots_of(layout: Layout) -> int:
    _, shots = layout.shots
    return shots[-1]


def _prepared(layout: Layout) -> str:
    return next(str(values[0]) for name, _, values in layout.parameters if name == CALIBRATION)
