"""Each reference is seen in the drawing: by its time, or one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from qbatch.across.drifting import Drifting
from qbatch.report.drift import LEFT, WIDTH, drawing
from qbatch.result.drift import find_drift

BEGAN = datetime(2026, 11, 30, 9, 36, tzinfo=UTC)


def drawn(seconds: Sequence[float], ones: Sequence[int]) -> str:
    times = [BEGAN + timedelta(seconds=each) for each in seconds]
    shots = [200] * len(ones)
    return drawing(
        Drifting("toshiko", "ref", "01", times, ones, shots, find_drift(ones, shots), {})
    )


def places(svg: str) -> list[float]:
    return [float(each) for each in re.findall(r'<circle cx="([\d.]+)"', svg)]


def test_references_stand_by_their_time() -> None:
    svg = drawn([0, 60, 180, 240], [180, 181, 179, 180])
    first, *rest = places(svg)
    assert [(each - first) / (rest[-1] - first) for each in rest] == pytest.approx(
        [0.25, 0.75, 1.0], abs=1e-3
    )
    assert "one after the other" not in svg


@pytest.mark.parametrize("seconds", [[0, 0.1, 60, 60.001, 60.002, 60.003], [0] * 6])
def test_those_that_one_poll_brought_hide_none(seconds: Sequence[float]) -> None:
    svg = drawn(seconds, [190, 191, 189, 140, 141, 139])
    found = places(svg)
    steps = [right - left for left, right in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * 5, abs=0.2)
    assert steps[0] > 50
    assert found[0] > LEFT
    assert found[-1] < WIDTH
    assert "one after the other" in svg
    (jump,) = re.findall(r'M([\d.]+) [\d.]+V[\d.]+" stroke="#c0392b"', svg)
    assert found[2] < float(jump) < found[3]


def test_one_reference_is_drawn() -> None:
    assert len(places(drawn([0], [180]))) == 1
