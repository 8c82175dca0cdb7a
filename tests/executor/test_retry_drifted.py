"""What ran in a bad stretch is bought again: no more, no less, and once.

The independent answers are the emulator's script, which says from which job on the machine is bad,
and its own book.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbatch.archive import write_archive
from qbatch.cli import main
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.result.stretches import bad_stretches
from qbatch.snapshot import Attempt, PointResult, Run, merge
from qbatch.snapshot.borrowing import Borrower
from qbatch.snapshot.drifted import ToBuyAgain, to_buy_again
from tests.executor.test_reference_runs import FLAT, REF
from tests.fuzz.whole_runs import Clouds

TEXT = f"""\
qbatch: 1
name: study
circuits: {{flat: {{qasm: '{FLAT}'}}, ref: {{qasm: '{REF}'}}}}
backends: {{toshiko: {{provider: oqc, target: 'qpu:uk:1:12345', limits: {{in_flight: 1}}}}}}
shots: 200
sweep: {{matrix: {{theta: {{linspace: [0, 19, 20]}}}}, order: as-written}}
run: {{reference: {{circuit: ref, every: 2, shots: 400}}}}
analysis: {{probabilities: {{one: "1"}}}}
"""

#: Jobs are R p p R p p R …: from job 11 to job 21 the machine is bad.
BAD = {
    "readout": 0.02,
    "jumps": [{"after_jobs": 10, "readout": 0.2}],
    "calibrations": [{"after_jobs": 21}],
}
BAD_POINTS = {f"theta={n}" for n in (6, 7, 8, 9, 10, 11, 12, 13)}
BAD_REFERENCES = {f"reference:ref,backend=toshiko#{n}" for n in (5, 6, 7)}


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    clouds = Clouds("oqc", queue_s=1.0)
    yield clouds
    clouds.close()


def manifest() -> Manifest:
    return parse_manifest(TEXT, folder=Path("/"))


def buy(clouds: Clouds, folder: Path, found: ToBuyAgain | None = None) -> int:
    """Run, and return how many jobs the cloud's own book has more."""
    before = len(clouds.ledger())
    options = {}
    if found is not None:
        options = {"put_aside": found.jobs, "points": frozenset(each.id for each in found.jobs)}
    clouds.run(manifest(), folder, clouds.surroundings(), **options).close()
    return len(clouds.ledger()) - before


def seen(folder: Path) -> ToBuyAgain:
    with Run(folder) as run:
        return to_buy_again(run)


def retried_beside_a_copy(clouds: Clouds, folder: Path) -> None:
    """Buy again what drifted of a run, of which a copy has it still: ``run`` and ``copy``."""
    clouds.set_faults(switches={"oqc": {"noise": BAD}})
    buy(clouds, folder / "run")
    shutil.copytree(folder / "run", folder / "copy")
    buy(clouds, folder / "run", seen(folder / "run"))


def test_only_what_ran_in_the_bad_stretch_is_bought_again_and_the_old_is_kept(
    clouds: Clouds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds.set_faults(switches={"oqc": {"noise": BAD}})
    assert buy(clouds, tmp_path / "run") == 31
    with Run(tmp_path / "run") as run:
        old = {point.name: point.counts.to_dict() for point in run if point.counts}
        spent = sum(each.entry.counted for each in run.ledger())
        ended = run["theta=6"].completed_at
    found = seen(tmp_path / "run")
    names = {each.point for each in found.jobs}
    assert names == BAD_POINTS | BAD_REFERENCES
    assert "11 jobs were taken while the share of 01 in 'ref' was 0.6" in found.stretches[0]
    assert main(["show", str(tmp_path / "run"), "--drift"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "bad stretch" in line] == ["5", "6", "7"]

    assert buy(clouds, tmp_path / "run", found) == 11
    with Run(tmp_path / "run") as run:
        new = {point.name: point.counts.to_dict() for point in run if point.counts}
        assert {point.state for point in run} == {JobState.COMPLETED}
        assert {name for name in old if old[name] != new[name]} == BAD_POINTS
        assert all(point.estimates["one"].value < 0.1 for point in run)  # as it is when good
        aside = {each.point: each for each in run.put_aside()}
        assert {name: aside[name].counts for name in BAD_POINTS} == {
            name: old[name] for name in BAD_POINTS
        }
        assert all("usually 0.9" in each.why for each in aside.values())
        (first, last) = run.attempts_of(run["theta=6"])
        assert (first.state, last.state) == (JobState.COMPLETED, JobState.COMPLETED)
        assert first.provider_job_id != last.provider_job_id
        assert first.ended_at == ended  # when it was there, not when it was set aside
        assert sum(each.entry.counted for each in run.ledger()) > spent  # both are paid
        assert [each.test.kind for each in run.drift()] == ["none"]
    assert seen(tmp_path / "run") == ToBuyAgain((), 0, ())
    assert buy(clouds, tmp_path / "run") == 0
    assert main(["show", str(tmp_path / "run"), "theta=6", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)["put_aside"]
    assert kept["counts"] == old["theta=6"]
    assert main(["show", str(tmp_path / "run"), "theta=6"]) == 0
    told = capsys.readouterr().out
    assert "200 shots of this run are kept and not counted: taken while the share of" in told
    assert f"not counted\n        0            {old['theta=6']['0']}\n" in told
    assert main(["show", str(tmp_path / "run"), "theta=0"]) == 0
    assert "not counted" not in capsys.readouterr().out


def test_a_machine_that_stays_as_it_is_by_then_is_not_paid_again_and_again(
    clouds: Clouds, tmp_path: Path
) -> None:
    stays = {"readout": 0.02, "jumps": [{"after_jobs": 19, "readout": 0.2}]}
    clouds.set_faults(switches={"oqc": {"noise": stays}})
    buy(clouds, tmp_path / "run")
    found = seen(tmp_path / "run")
    assert len(found.jobs) == 12  # behind the seventh reference: four of these, and eight points
    assert buy(clouds, tmp_path / "run", found) == 12
    assert seen(tmp_path / "run") == ToBuyAgain((), 12, ())


def test_a_run_that_is_cut_off_once_they_are_aside_buys_them_with_the_rest(
    clouds: Clouds, tmp_path: Path
) -> None:
    clouds.set_faults(switches={"oqc": {"noise": BAD}})
    buy(clouds, tmp_path / "run")
    found = seen(tmp_path / "run")
    with Borrower(tmp_path / "run") as folder:
        assert len(folder.set_aside(found.jobs)) == 11
        assert folder.set_aside(found.jobs) == []
    with Run(tmp_path / "run") as run:
        assert run["theta=6"].counts is None
        assert len(run.put_aside()) == 11
    assert buy(clouds, tmp_path / "run") == 11


@pytest.mark.slow
def test_what_a_run_set_aside_is_not_taken_from_a_copy_of_it_either(
    clouds: Clouds, tmp_path: Path
) -> None:
    retried_beside_a_copy(clouds, tmp_path)
    with Run(tmp_path / "run") as run:
        good = {point.id: point.counts for point in run}
        write_archive(run, tmp_path / "run.zip")
    for number, sources in enumerate((("copy", "run"), ("run.zip", "copy"))):
        told: list[str] = []
        options: dict[str, Any] = {"observer": lambda event, told=told: told.append(str(event))}
        folders = [tmp_path / each for each in sources]
        done = clouds.run(
            manifest(), tmp_path / f"{number}", clouds.surroundings(), reuse=folders, **options
        )
        with done as run:
            assert {point.id: point.counts for point in run} == good
        assert any("8 jobs are not taken: another run that is named" in each for each in told)


@pytest.mark.slow
def test_folders_that_are_merged_count_what_was_bought_again_once_and_each_purchase(
    clouds: Clouds, tmp_path: Path
) -> None:
    retried_beside_a_copy(clouds, tmp_path)
    for number, order in enumerate((("run", "copy"), ("copy", "run"))):
        copies = [shutil.copytree(tmp_path / one, tmp_path / f"{number}{one}") for one in order]
        merge(copies, tmp_path / f"merged{number}")
        with Run(tmp_path / f"merged{number}") as run:
            assert [point.counts.shots for point in run if point.counts] == [200] * 20
            assert len(run.ledger()) == len(clouds.ledger()) == 42
            with Run(tmp_path / "run") as good:
                assert all(one.counts == two.counts for one, two in zip(run, good, strict=True))
            assert len(run.put_aside()) == 11
            counted = {each.provider_job_id for point in run for each in _latest(run, point)}
            assert counted.isdisjoint(each.reused.provider_job_id for each in run.put_aside())


@pytest.mark.slow
def test_what_is_set_aside_is_not_counted_again_from_a_copy_that_is_merged(
    clouds: Clouds, tmp_path: Path
) -> None:
    clouds.set_faults(switches={"oqc": {"noise": BAD}})
    buy(clouds, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with Borrower(tmp_path / "run") as folder:
        folder.set_aside(seen(tmp_path / "run").jobs)  # and the run is cut off
    for number, order in enumerate((("run", "copy"), ("copy", "run"))):
        merged = merge([tmp_path / one for one in order], tmp_path / f"merged{number}").folder
        with Run(merged) as run:
            assert {point.name for point in run if not point.counts} == BAD_POINTS
            assert len(run.put_aside()) == 11
            assert len(run.ledger()) == 31
        assert buy(clouds, merged) == 11
        with Run(merged) as run:
            assert [point.counts.shots for point in run if point.counts] == [200] * 20
            assert len(run.ledger()) == 42


def _latest(run: Run, point: PointResult) -> list[Attempt]:
    return run.attempts_of(point)[-1:]


def test_other_jobs_are_not_touched_and_selected_ones_alone_are_set_aside(
    clouds: Clouds, tmp_path: Path
) -> None:
    clouds.set_faults(switches={"oqc": {"noise": BAD}})
    buy(clouds, tmp_path / "run")
    with Run(tmp_path / "run") as run:
        ids = {run[name].id for name in ("theta=0", "theta=6", "theta=7")}
        found = to_buy_again(run, ids)
    assert {each.point for each in found.jobs} == {"theta=6", "theta=7"}
    assert buy(clouds, tmp_path / "run", found) == 2


@pytest.mark.parametrize(
    ("shares", "stretches"),
    [
        ([0.9] * 20, []),
        ([0.9] * 12 + [0.6] * 8, [(12, 20)]),
        ([0.6] * 5 + [0.9] * 15, [(0, 5)]),
        ([0.9] * 8 + [0.6] * 4 + [0.9] * 8, [(8, 12)]),
        ([0.9] * 8 + [0.6] * 3 + [0.9] * 6 + [0.7] * 5, [(8, 11), (17, 22)]),
        ([0.9, 0.6, 0.9], []),  # too few
    ],
)
def test_stretches_are_where_shares_were_made_others(
    shares: list[float], stretches: list[tuple[int, int]]
) -> None:
    found = bad_stretches([round(1000 * each) for each in shares], [1000] * len(shares))
    assert [(each.first, each.end) for each in found] == stretches
