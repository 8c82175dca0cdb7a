"""Shots of other runs count as far as they are alike; what does not is kept, and bought anew."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import fisher_exact

from qbatch.cli.verbs.forget import _forget
from qbatch.executor import Event, Warned
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.result import Counts
from qbatch.result.pooling import ALARM, that_differ, two_samples_p
from qbatch.snapshot import NewResult, Run, Snapshot, merge
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.reused import Reused
from tests.executor.test_executor_consent import manifest_of
from tests.executor.test_executor_reuse import Named, buy


def counts_of(ones: int, shots: int) -> Counts:
    return Counts.from_dict([("c", 1)], {"0": shots - ones, "1": ones})


def drift(folder: Path) -> None:
    """Let all shots of a run come out otherwise."""
    with Snapshot(folder) as kept, Run(folder) as run, kept.transaction():
        for point in run:
            assert point.counts is not None
            often = point.counts.to_dict()
            moved = {"".join("10"[int(bit)] for bit in bits): n for bits, n in often.items()}
            other = Counts.from_dict(point.counts.registers, moved)
            kept.save_result(point.ordinal, NewResult(other.pack(), point.facts))


def test_what_differs_from_shots_that_are_here_is_kept_and_not_counted(tmp_path: Path) -> None:
    clouds = Named("oqc")
    before, after = tmp_path / "before", tmp_path / "after"
    buy(clouds, 100, before)
    drift(before)
    buy(clouds, 100, after)
    buy(clouds, 300, after, reuse=[before])
    with Run(after) as run:
        put_aside = {each.id for each in run.put_aside()}
        assert [point.done for point in run] == [300] * 4
        for point in run:
            others = sum(each.shots for each in run.reused(point))
            assert others == (0 if point.id in put_aside else 100)
        assert put_aside, "some of four turned points differ clearly"
    sold = len(clouds.ledger())
    assert buy(clouds, 300, after, reuse=[before]).total == 0
    assert len(clouds.ledger()) == sold
    clouds.close()


def test_shots_bought_now_put_others_aside_and_the_next_run_buys_what_is_missing(
    tmp_path: Path,
) -> None:
    clouds = Named("oqc")
    before, after = tmp_path / "before", tmp_path / "after"
    buy(clouds, 100, before)
    drift(before)
    said: list[Event] = []
    buy(clouds, 300, after, reuse=[before], observer=said.append)
    with Run(after) as run:
        put_aside = {each.id for each in run.put_aside()}
        assert put_aside
        done = {point.id: point.done for point in run}
        left = {point.id for point in run if point.state is JobState.CREATED}
    assert left == put_aside
    assert done == {id_: 200 if id_ in put_aside else 300 for id_ in done}
    told = [event.text for event in said if isinstance(event, Warned)]
    assert sum("are kept and not counted" in text for text in told) == len(put_aside)
    sold = len(clouds.ledger())
    buy(clouds, 300, after, reuse=[before])
    assert len(clouds.ledger()) == sold + len(put_aside)
    with Run(after) as run:
        assert [point.done for point in run] == [300] * 4
        assert {each.id for each in run.put_aside()} == put_aside
    clouds.close()


def test_what_is_put_aside_stays_in_folders_that_are_merged_and_is_forgotten_with_its_point(
    tmp_path: Path,
) -> None:
    clouds = Named("oqc")
    before, after, alone = (tmp_path / name for name in ("before", "after", "alone"))
    buy(clouds, 100, before)
    drift(before)
    buy(clouds, 300, after, reuse=[before])
    buy(clouds, 300, alone)
    clouds.close()
    with Run(after) as run:
        put_aside = sorted(run.put_aside(), key=str)
    assert put_aside
    for number, order in enumerate(([after, alone], [alone, after])):
        copies = [shutil.copytree(each, tmp_path / f"{number}{each.name}") for each in order]
        merge(copies, tmp_path / f"merged{number}")
        with Run(tmp_path / f"merged{number}") as run:
            assert sorted(run.put_aside(), key=str) == put_aside
    _forget(after, [put_aside[0].id])
    with Run(after) as run:
        assert {each.id for each in run.put_aside()} == {each.id for each in put_aside[1:]}


def test_a_p_value_that_no_float_tells_is_not_said_to_be_nothing() -> None:
    aside = PutAside("id", "a=0", 10, {}, 0.0, Reused("run", "before", "runs/before", "job", 0))
    assert "more than chance (p < 1e-300)" in str(aside)
    assert "more than chance (p = 0.00012)" in str(replace(aside, p=0.000123))


def test_no_round_is_decided_by_shots_that_differ_from_those_of_the_round_before(
    tmp_path: Path,
) -> None:
    def study(shots: object) -> Manifest:
        text = manifest_of("oqc", 400).text.replace("shots: 400", f"shots: {shots}")
        text = text.replace("observables: {zz: Z0 Z1}", 'probabilities: {none: "00"}')
        return parse_manifest(text.replace("zz >= -1", "none >= 0"), folder=Path("/"))

    clouds = Named("oqc")
    clouds.set_faults(switches={"oqc": {"noise": {"readout": 0.01}}})
    clouds.run(study(400), tmp_path / "before", clouds.surroundings()).close()
    clouds.set_faults(switches={"oqc": {"noise": {"readout": 0.15}}})
    sold = len(clouds.ledger())
    wish = study("{target_se: 0.008, of: none, min: 200, max: 20000}")
    options = {"reuse": [tmp_path / "before"]}
    with clouds.run(wish, tmp_path / "after", clouds.surroundings(), **options) as run:
        (point,) = [one for one in run if set(one.parameters.values()) == {0}]
        assert point.id in {each.id for each in run.put_aside()}
        assert point.estimates["none"].value == pytest.approx(0.85**2, abs=0.04)
        assert point.estimates["none"].se <= 0.008 * 1.05  # in the same call, by its own shots
        assert run.reused(point) == []
    assert len(clouds.ledger()) > sold
    sold = len(clouds.ledger())
    clouds.run(wish, tmp_path / "after", clouds.surroundings(), **options).close()
    assert len(clouds.ledger()) == sold
    clouds.close()


# -- the test itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_of_two_outcomes_it_is_fishers_test_as_scipy_has_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    shots, others = (int(n) for n in random.integers(1, 400, 2))
    ones, other_ones = int(random.integers(0, shots + 1)), int(random.integers(0, others + 1))
    table = [[ones, shots - ones], [other_ones, others - other_ones]]
    found = two_samples_p(counts_of(ones, shots).to_dict(), counts_of(other_ones, others).to_dict())
    assert found == pytest.approx(float(fisher_exact(table)[1]), abs=1e-9)


def left_out(random: np.random.Generator, points: int, shots: int, shift: float) -> list[bool]:
    """Of points that are measured twice, the second time shifted by so many standard errors."""
    chance = random.uniform(0.1, 0.9, points)
    moved = np.clip(chance + shift * np.sqrt(2 * chance * (1 - chance) / shots), 0, 1)
    one, other = random.binomial(shots, chance), random.binomial(shots, moved)
    pairs = [
        (counts_of(int(a), shots), counts_of(int(b), shots))
        for a, b in zip(one, other, strict=True)
    ]
    return [differs for differs, _ in that_differ(pairs)]


@pytest.mark.parametrize("shots", [20, 1000])
def test_of_runs_that_are_alike_any_point_is_left_out_at_the_stated_level(shots: int) -> None:
    random, runs = np.random.default_rng(shots), 400
    wrong = sum(any(left_out(random, 10, shots, 0.0)) for _ in range(runs))
    assert wrong <= ALARM * runs + 4 * np.sqrt(ALARM * runs)


@pytest.mark.parametrize(("shift", "least"), [(3.0, 0.4), (5.0, 0.95)])
def test_what_differs_by_several_errors_is_left_out(shift: float, least: float) -> None:
    random = np.random.default_rng(5)
    found = [left_out(random, 1, 1000, shift)[0] for _ in range(300)]
    assert np.mean(found) >= least
