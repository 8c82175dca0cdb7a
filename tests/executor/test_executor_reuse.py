"""Shots of other runs: counted once, by whatever way they come, and not bought again.

The independent answer is a cloud's own book, or a plain set of shots.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qbatch
from qbatch.archive import verify, write_archive
from qbatch.errors import SelectionError, SnapshotError, SourceErrors
from qbatch.exchange.exports import export
from qbatch.executor.reuse import gather
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import expand, jobs_in
from qbatch.providers import Price, Surroundings, Target
from qbatch.report import write_report
from qbatch.result import Counts
from qbatch.snapshot import NewResult, Run, Snapshot, merge
from qbatch.snapshot.borrowing import Borrower
from tests.executor.test_executor_consent import bills, manifest_of
from tests.fuzz.whole_runs import TARGETS, Clouds

BELL = """
qbatch: 1
name: NAME
circuits:
  wave:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[1] q;
      bit[1] c;
      rx(theta) q[0];
      c = measure q;
backends: {sim: {provider: local}}
sweep: {matrix: {theta: THETAS}, seed: SEED}
shots: SHOTS
analysis: {observables: {z: Z0}}
"""


def local(
    name: str, shots: object, thetas: Sequence[float] = (0.4, 1.2), seed: int = 3
) -> Manifest:
    text = BELL.replace("NAME", name).replace("SHOTS", str(shots)).replace("SEED", str(seed))
    return parse_manifest(text.replace("THETAS", str([*thetas])), folder=Path("/"))


def compute(manifest: Manifest, out: Path, **options: Any) -> Run:
    """Run it in this process."""
    around = Surroundings(environ={}, is_virtual=True)
    return qbatch.run(manifest, out=out, surroundings=around, **options)


def counted(folder: Path) -> dict[str, dict[str, int]]:
    with Run(folder) as run:
        return {point.name: point.counts.to_dict() for point in run if point.counts is not None}


# -- at clouds: their own books -----------------------------------------------------------------


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name != "oqc")) for name in TARGETS]
)
def clouds(request: pytest.FixtureRequest) -> Iterator[Named]:
    clouds = Named(str(request.param))
    yield clouds
    clouds.close()


class Named(Clouds):
    """One emulated cloud."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.provider = provider


def buy(clouds: Named, shots: int, out: Path, **options: Any) -> Any:
    text = manifest_of(clouds.provider, shots).text.replace(TARGETS["marqov"], "rigetti-ankaa-2")
    given = {"approve": True, **options}
    done = clouds.run(parse_manifest(text, folder=Path("/")), out, clouds.surroundings(), **given)
    done.close()
    return done.summary


#: Provider -> how the guide's table calls it.
CALLED = {
    "oqc": "OQC",
    "open-quantum": "Open Quantum",
    "marqov": "Marqov",
    "scaleway": "Scaleway",
    "ibm-direct-access": "IBM Direct Access",
}
GUIDE = Path(qbatch.__file__).parent / "guide" / "pooling.md"


def told(provider: str) -> list[float]:
    """What the guide says that 1,000 shots, 4,000 after them, and 3,000 alone cost there."""
    begin = f"| {CALLED[provider]} |"
    (line,) = (each for each in GUIDE.read_text("utf-8").splitlines() if each.startswith(begin))
    return [float(cell) for cell in re.findall(r"\d+\.\d+", line)]


@pytest.mark.parametrize("way", ["in its folder", "of another run"])
def test_only_the_difference_is_bought_says_the_clouds_own_book(
    clouds: Named, way: str, tmp_path: Path
) -> None:
    """1,000 shots, and then 4,000: what 3,000 cost alone."""
    other = Named(clouds.provider)
    buy(other, 3000, tmp_path / "alone")
    alone, jobs_alone = bills(other), len(other.ledger())
    other.close()
    before, after = tmp_path / "before", tmp_path / "after"
    out, options = (before, {}) if way == "in its folder" else (after, {"reuse": [before]})
    buy(clouds, 1000, before)
    first, jobs = bills(clouds), len(clouds.ledger())
    buy(clouds, 4000, out, **options)
    then = bills(clouds) - first
    assert then == pytest.approx(alone)
    assert [first, then, alone] == pytest.approx(told(clouds.provider), abs=0.006)
    assert len(clouds.ledger()) - jobs == jobs_alone
    with Run(out) as run:
        assert [point.counts.shots for point in run if point.counts] == [4000] * 4
        assert {point.state for point in run} == {JobState.COMPLETED}
        others = [(each.jobs, each.shots, each.points) for each in run.reused()]
        assert others == ([] if out == before else [(4, 4000, 4)])
        if out == after:
            each = run.times([one.backend for one in run]).values()
            assert {one.jobs for one in each} == {4}
    assert buy(clouds, 4000, out, **options).total == 0
    assert len(clouds.ledger()) - jobs == jobs_alone


# -- in any order, by any way -------------------------------------------------------------------


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Four runs of one manifest: two bought, two others have part of theirs from these.

    Of two of them there is an archive, too.
    """
    clouds, folder = Named("oqc"), tmp_path_factory.mktemp("bought")
    runs = {name: folder / name for name in ("one", "two", "third", "fourth")}
    buy(clouds, 100, runs["one"])
    buy(clouds, 150, runs["two"])
    buy(clouds, 300, runs["third"], reuse=[runs["one"]])
    buy(clouds, 700, runs["fourth"], reuse=[runs["two"], runs["third"]])
    for name in ("one", "fourth"):
        with Run(runs[name]) as run:
            write_archive(run, folder / f"{name}.zip")
        runs[f"{name}.zip"] = folder / f"{name}.zip"
    yield runs
    clouds.close()


#: Run -> the purchases of each point whose shots it has, with their shots: what was bought where.
HAS = {
    "one": {"one": 100},
    "two": {"two": 150},
    "third": {"one": 100, "third": 200},
    "fourth": {"one": 100, "two": 150, "third": 200, "fourth": 250},
}
HAS |= {f"{name}.zip": HAS[name] for name in ("one", "fourth")}


@pytest.mark.slow
@given(order=st.lists(st.lists(st.sampled_from(sorted(HAS)), min_size=1), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_shot_counts_once_in_any_order_of_runs_that_have_it(
    bought: dict[str, Path], order: list[list[str]]
) -> None:
    plan = expand(manifest_of("oqc", 5000))
    target = Target("qpu:uk:1:12345", price=Price("usd", per_shot=1.0), is_emulated=True)
    there = {part: shots for call in order for name in call for part, shots in HAS[name].items()}
    with tempfile.TemporaryDirectory() as scratch:
        for call in order:
            found = gather(plan, dict.fromkeys(plan.manifest.backends, target), named(bought, call))
            with Borrower(Path(scratch)) as folder:
                folder.borrow(found.loans)
        with Run(Path(scratch)) as run:
            had = {id_: sum(job.shots for job in jobs) for id_, jobs in jobs_in(run).items()}
    assert had == dict.fromkeys((point.id for point in plan.bought()), sum(there.values()))


def named(bought: dict[str, Path], call: list[str]) -> list[Path]:
    return [bought[name] for name in dict.fromkeys(call)]


@pytest.mark.parametrize(
    ("order", "shots"),
    [
        (["third", "one"], 300),
        (["fourth", "one", "two"], 700),
        (["one", "third"], 100),  # the own shots of both have the same numbers: the first count
    ],
)
@pytest.mark.slow
def test_runs_that_are_merged_count_a_shot_once_and_each_purchase_too(
    bought: dict[str, Path], order: list[str], shots: int, tmp_path: Path
) -> None:
    copies = [tmp_path / name for name in order]
    for name, copy in zip(order, copies, strict=True):
        shutil.copytree(bought[name], copy)
        with Snapshot(copy) as one:  # they asked for other numbers of shots
            one.set_meta(manifest=manifest_of("oqc", 100).text)
    merge(copies, tmp_path / "merged")
    with Run(tmp_path / "merged") as run:
        assert [point.counts.shots for point in run if point.counts] == [shots] * 4
        assert sum(each.entry.shots or 0 for each in run.ledger()) == 4 * sum(
            HAS[name][name] for name in order
        )


# -- computed shots -----------------------------------------------------------------------------


def test_computed_shots_are_those_that_would_be_computed(tmp_path: Path) -> None:
    compute(local("whole", 4000), tmp_path / "whole").close()
    compute(local("before", 1000), tmp_path / "before").close()
    with qbatch.run(
        local("after", 4000), out=tmp_path / "after", reuse=[tmp_path / "before"]
    ) as run:
        assert run.summary.completed == 2
        assert [(each.name, each.shots) for each in run.reused()] == [("before", 2000)]
    assert counted(tmp_path / "after") == counted(tmp_path / "whole")


def test_of_runs_that_overlap_no_computed_shot_counts_twice(tmp_path: Path) -> None:
    for shots in (1000, 1500, 4000):
        compute(local("a", shots), tmp_path / str(shots)).close()
    sources = [tmp_path / "1000", tmp_path / "1500"]
    compute(local("b", 4000), tmp_path / "b", reuse=sources).close()
    assert counted(tmp_path / "b") == counted(tmp_path / "4000")


def test_what_other_versions_computed_is_computed_anew(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    with Snapshot(tmp_path / "before") as one, Run(tmp_path / "before") as run, one.transaction():
        for point in run:
            facts = {**point.facts, "engine_version": "0.0.1"}
            counts = one._rows("SELECT counts FROM results WHERE ordinal = ?", (point.ordinal,))
            one.save_result(point.ordinal, NewResult(counts[0][0], facts))
    said: list[str] = []
    options = {"reuse": [tmp_path / "before"], "observer": lambda event: said.append(str(event))}
    with compute(local("after", 100), tmp_path / "after", **options) as after:
        assert after.summary.completed == 2
        assert after.reused() == []
    assert any("2 of its jobs not taken: computed with numpy 0.0.1" in text for text in said)


def test_points_that_a_run_has_in_part_are_taken_as_they_are(tmp_path: Path) -> None:
    compute(local("before", 1000, [0.4]), tmp_path / "before").close()
    compute(local("after", 4000), tmp_path / "after", select="theta=1.2").close()
    done = compute(local("after", 4000), tmp_path / "after", reuse=[tmp_path / "before"])
    with done:
        assert done.summary.completed == 1
        assert [point.done for point in done] == [4000, 4000]
    compute(local("whole", 4000), tmp_path / "whole").close()
    assert counted(tmp_path / "after") == counted(tmp_path / "whole")


def test_a_manifest_names_runs_beside_it(tmp_path: Path) -> None:
    compute(local("before", 1000), tmp_path / "runs" / "before").close()
    text = local("after", 4000).text + "reuse: [runs/before]\n"
    with compute(parse_manifest(text, folder=tmp_path), tmp_path / "runs" / "after") as run:
        assert [each.shots for each in run.reused()] == [2000]
    outside = text.replace("runs/before", "../before")
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(outside, folder=tmp_path / "runs")
    assert "reuse" in str(caught.value.exceptions[0])


# -- what is no run to take from ----------------------------------------------------------------


def test_a_run_of_other_points_is_refused_with_what_is_nearest(tmp_path: Path) -> None:
    compute(local("before", 100, seed=4), tmp_path / "before").close()
    with pytest.raises(SelectionError, match=r"none of its 2 points .* differs seed: 4 → 3"):
        compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"])
    assert not (tmp_path / "after").exists()


def test_a_run_of_backends_that_are_not_chosen_now_is_no_mistake(tmp_path: Path) -> None:
    text = local("two", 100).text.replace(
        "}}\n", "}, too: {provider: local, noise: {readout: 0.1}}}\n", 1
    )
    both = parse_manifest(text, folder=Path("/"))
    compute(local("before", 100), tmp_path / "before").close()
    options = {"reuse": [tmp_path / "before"], "select": "backend=too"}
    with compute(both, tmp_path / "after", **options) as run:
        assert run.summary.completed == 2
        assert run.reused() == []


def test_references_are_of_the_run_itself(tmp_path: Path) -> None:
    ref = "  ref: {qasm: 'OPENQASM 3.0; qubit[1] q; bit[1] c; c = measure q;'}\nbackends:"
    sweep = "matrix: {circuit: [wave], "

    def watched(name: str, shots: int) -> Manifest:
        text = local(name, shots).text.replace("backends:", ref, 1).replace("matrix: {", sweep)
        text += "run: {reference: {circuit: ref, every: 1, shots: 50}}\n"
        return parse_manifest(text, folder=Path("/"))

    compute(watched("before", 100), tmp_path / "before").close()
    with compute(watched("after", 200), tmp_path / "after", reuse=[tmp_path / "before"]) as run:
        assert [each.shots for each in run.reused()] == [200]
        assert len([*run.references()]) == 3
        assert run.summary.completed == 5


def test_a_run_that_has_nothing_yet_is_said_to_have_nothing(tmp_path: Path) -> None:
    plan = expand(local("before", 100))
    with Snapshot(tmp_path / "before") as one:
        one.register(plan.points(are_written=True))
        one.set_meta(name="before", manifest=plan.manifest.text, manifest_folder="/")
    with pytest.raises(SelectionError, match="none of its points is done yet"):
        compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"])


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, why in (("absent", "no such run folder"), ("empty", "no run is kept here")):
        with pytest.raises(SelectionError, match=why):
            compute(local("a", 10), tmp_path / "a", reuse=[tmp_path / path])
    compute(local("a", 10), tmp_path / "a").close()
    with pytest.raises(SelectionError, match="the folder of this run"):
        compute(local("a", 10), tmp_path / "a", reuse=[tmp_path / "a"])


def test_counts_that_are_not_what_they_say_are_refused(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    with Snapshot(tmp_path / "before") as one, one.transaction():
        forged = Counts.from_dict([("c", 1)], {"0": 99}).pack()
        one.save_result(1, NewResult(forged, {}))
    with pytest.raises(SnapshotError, match=r"its counts are 99 shots on c\[1\], said are 100"):
        compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"])


def test_a_credential_beside_a_result_is_told_and_not_taken(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    with Snapshot(tmp_path / "before") as one, Run(tmp_path / "before") as run, one.transaction():
        facts = {**run[0].facts, "note": "AKIA" + "A" * 16}
        counts = one._rows("SELECT counts FROM results WHERE ordinal = 1")
        one.save_result(1, NewResult(counts[0][0], facts))
    with pytest.raises(SnapshotError, match="looks like a credential") as caught:
        compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"])
    assert "AKIA" not in str(caught.value)


def test_damaged_folders_are_told_of_and_nothing_is_written(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    path = tmp_path / "before" / "snapshot.db"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SnapshotError, match="before"):
        compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"])
    assert not (tmp_path / "after").exists()


# -- a run that ends while it takes them, and what becomes of a run that has them -----------------

TAKING = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from qbatch.exchange.exports import export
from qbatch.executor.reuse import gather
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.providers import Target
from qbatch.snapshot.borrowing import Borrower
plan = expand(parse_manifest(Path(sys.argv[1], "m.yaml").read_text(), folder=Path("/")))
found = gather(plan, {"sim": Target("aer")}, [Path(sys.argv[1])])
with Borrower(Path(sys.argv[2])) as folder:
    folder.borrow(found.loans)
"""


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_takes_shots_takes_the_rest(tmp_path: Path) -> None:
    many = [each / 1000 for each in range(1500)]
    before, after = tmp_path / "before", tmp_path / "after"
    compute(local("before", 50, many), before).close()
    (before / "m.yaml").write_text(local("after", 80, many).text)
    root = str(Path(qbatch.__file__).parents[1])
    command = [sys.executable, "-c", TAKING, str(before), str(after), root]
    taken = 0
    with subprocess.Popen(command) as child:
        deadline = time.monotonic() + 60
        while not 0 < taken < 1500:
            assert time.monotonic() < deadline
            taken = completed_in(after)
        child.kill()
    assert 0 < completed_in(after) < 1500
    with compute(local("after", 80, many), after, reuse=[before]) as run:
        assert sum(each.shots for each in run.reused()) == 50 * 1500
    compute(local("whole", 80, many), tmp_path / "whole").close()
    assert counted(after) == counted(tmp_path / "whole")


def completed_in(folder: Path) -> int:
    path = folder / "snapshot.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db, suppress(sqlite3.Error):
        return int(db.execute("SELECT count(*) FROM results").fetchone()[0])
    return 0


def test_points_that_were_forgotten_are_taken_anew(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"]).close()
    with Run(tmp_path / "after") as run:
        ids = [point.id for point in run]
    with Snapshot(tmp_path / "after") as folder:
        folder.forget(ids[:1])
    with compute(local("after", 100), tmp_path / "after", reuse=[tmp_path / "before"]) as again:
        assert again.summary.completed == 0
        assert [each.jobs for each in again.reused()] == [2]


def test_an_archive_of_reused_shots_proves_itself(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    compute(local("after", 300), tmp_path / "after", reuse=[tmp_path / "before"]).close()
    with Run(tmp_path / "after") as run:
        write_archive(run, tmp_path / "a.zip")
    assert verify(tmp_path / "a.zip").findings == []


def test_shots_of_other_runs_are_the_pilot_of_an_accuracy(tmp_path: Path) -> None:
    compute(local("before", 1000), tmp_path / "before").close()
    wish = "{target_se: 0.02, of: z, min: 200, max: 20000}"
    after = local("after", wish)
    with compute(after, tmp_path / "after", reuse=[tmp_path / "before"]) as run:
        assert all(point.estimates["z"].se < 0.0205 for point in run)
        assert all(point.done >= 1000 for point in run)
    compute(local("alone", wish), tmp_path / "alone").close()
    with Run(tmp_path / "alone") as alone, Run(tmp_path / "after") as run:
        assert sum(point.done for point in run) <= 1.5 * sum(point.done for point in alone)


def test_exports_and_report_say_what_comes_from_where(tmp_path: Path) -> None:
    compute(local("before", 100), tmp_path / "before").close()
    with compute(local("after", 300), tmp_path / "after", reuse=[tmp_path / "before"]) as run:
        table, whole = io.StringIO(), io.StringIO()
        export(run, "reused", table)
        export(run, "json", whole)
        (report,) = [path for path in write_report(run) if path.suffix == ".md"]
    rows = [*csv.DictReader(io.StringIO(table.getvalue()))]
    assert [(row["name"], row["shots"], row["cost"]) for row in rows] == [("before", "100", "")] * 2
    (told,) = json.loads(whole.getvalue())["reused"]
    assert (told["name"], told["jobs"], told["shots"]) == ("before", 2, 200)
    assert "## Shots from other runs" in report.read_text("utf-8")
