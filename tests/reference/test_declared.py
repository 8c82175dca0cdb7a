"""Numbers of random manifests, from the words they are asked for in to the report's own columns.

Circuits over one or two registers or unmeasured, observables over X, Y and Z by bit and by register
and from files in each form, patterns, readout mended in each way, noise scaled, twirled forms and
derived numbers, against linear algebra that shares nothing with what made them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from declared import SHOTS, Experiment, experiment

import qbatch
from tests.proving import for_a_while

SEED = 1
#: Experiments, at least, of the slow proof, and how long it goes on.
LEAST, SECONDS = 40, 6.0
#: No fair estimate is as many standard errors away, of those that a proof looks at.
SURE = 5.5


class Held(NamedTuple):
    """A number and its deviation in its own standard errors; NaN where it has none."""

    name: str
    deviation: float


def held(wanted: Experiment, folder: Path) -> Iterator[Held]:
    """Run an experiment and hold each of its numbers against what it is."""
    for name, text in wanted.files.items():
        (folder / name).write_text(text, "utf-8")
    manifest = folder / "declared.yaml"
    manifest.write_text(yaml.safe_dump(dict(wanted.manifest), sort_keys=False), "utf-8")
    run = qbatch.run(manifest)
    for point in run:
        assert set(point.estimates) == set(wanted.numbers), point.name
        for name, number in wanted.numbers.items():
            exact = number.value(float(point.parameters["theta"]))
            yield _held(name, point.estimates[name], exact, number.spread, f"{manifest} {point}")
    derived = {each.name: each.estimate for each in run.derived()}
    assert set(derived) == set(wanted.derived)
    for name, (exact, spread) in wanted.derived.items():
        yield _held(name, derived[name], exact, spread, str(manifest))


def _held(
    name: str, estimate: qbatch.Estimate | None, exact: float, spread: float, where: str
) -> Held:
    assert estimate is not None, f"{where}: no {name}"
    away = abs(estimate.value - exact)
    assert away <= SURE * spread / math.sqrt(SHOTS) + 1e-9, f"{where}: {name} {estimate} {exact}"
    assert estimate.low <= estimate.value <= estimate.high
    return Held(name, away / estimate.se if estimate.se else math.nan)


def every(numbers: Iterable[int], tmp_path: Path) -> list[Held]:
    found: list[Held] = []
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        found += held(experiment(SEED, number), folder)
    return found


def test_numbers_are_what_linear_algebra_says(tmp_path: Path) -> None:
    assert len(every(range(2), tmp_path)) > 10


@pytest.mark.slow
def test_numbers_and_their_errors_are_what_linear_algebra_says(tmp_path: Path) -> None:
    found = every(for_a_while(count(), LEAST, SECONDS), tmp_path)
    squares = defaultdict(list)
    for name, deviation in found:
        if not math.isnan(deviation):
            squares[name].append(min(deviation, 10.0) ** 2)
    for name, each in squares.items():
        if len(each) >= LEAST // 3:  # mean of n squares of normal numbers: 1, ± √(2/n)
            assert 0.4 < sum(each) / len(each) < 1 + 6 * math.sqrt(2 / len(each)), name
