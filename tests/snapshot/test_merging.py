"""Run folders put together: results by content, every purchase once, nothing that flies lost."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.errors import RunLockedError, SnapshotError
from qbatch.job import CompositeJob, JobState
from qbatch.purchase import CompositeEvent, Event
from qbatch.result import Counts
from qbatch.snapshot import Entry, NewResult, Run, Snapshot, StoredPoint, merge
from qbatch.snapshot.doubles import Double, read_doubles

MANIFEST = """\
qbatch: 1
name: m
circuits: {bell: {qasm: "OPENQASM 3.0; qubit q; bit c; c = measure q;"}}
backends: {cloud: {provider: oqc, target: t}, sim: {provider: local}}
"""


def id_of(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def points(number: int, shots: int = 100) -> list[StoredPoint]:
    return [
        StoredPoint(id_of(n), f"i={n}", "bell", "cloud", shots, 1, (("i", n),), n, "s")
        for n in range(number)
    ]


class Folder:
    """A run folder in which points of the cloud are bought as told."""

    def __init__(
        self, path: Path, number: int = 4, *, shots: int = 100, setting: str = "s"
    ) -> None:
        self.path = path
        with Snapshot(path) as snapshot:
            snapshot.register(
                [replace(each, setting=setting) for each in points(number, shots)],
                setting_of=lambda key: json.dumps({"of": key}),
            )
            snapshot.set_meta(
                name="m",
                manifest=MANIFEST,
                manifest_path="m.yaml",
                manifest_folder=str(path.parent),
                overrides="[]",
                run_id=path.name,
            )

    def buy(
        self,
        n: int,
        end: JobState | None = JobState.COMPLETED,
        *,
        cost: float | None = 3.0,
        at: str = "",
    ) -> None:
        """Buy what the plan still wants of a point; `at`: the cloud's id."""
        with Snapshot(self.path) as snapshot, snapshot.transaction():
            point, row = next(
                each
                for each in snapshot.pieces_of(id_of(n))
                if each[1].job.state in (JobState.CREATED, JobState.FAILED)
            )
            job = row.job if row.job.state is JobState.CREATED else row.job.after(Event.AGAIN)
            provider_id = at or f"{self.path.name}-{n}-{point.start}-{job.generation}"
            composite = snapshot.add_composite(
                CompositeJob(f"c{n}", "cloud", (job.id,), job.generation, {"account": "me"}),
                [row.ordinal],
            )
            snapshot.save_intent(composite, "key", b"body")
            snapshot.reserve(
                [Entry(row.ordinal, job.generation, "cloud", "eur", 3.0, "quote", 4.0)], composite
            )
            job = job.moved_to(JobState.SUBMITTING).moved_to(
                JobState.SUBMITTED, provider_job_id=provider_id
            )
            row = replace(row, job=job, composite=composite)
            snapshot.save_jobs([row])
            if end is None:
                return
            snapshot.save_jobs([replace(row, job=job.moved_to(end, cost=cost, unit="eur"))])
            if cost is not None:
                snapshot.bill({(row.ordinal, job.generation): cost}, "the cloud")
            snapshot.happens(composite, CompositeEvent.RELEASED)
            if end is JobState.COMPLETED:
                ones = hash_of(self.path.name, n, point.start) % (point.shots + 1)
                counts = Counts.from_dict([("c", 1)], {"0": point.shots - ones, "1": ones})
                facts = {"from": self.path.name}
                snapshot.save_result(row.ordinal, NewResult(counts.pack(), facts, raw=b"{}"))

    def more(self, shots: int) -> None:
        with Snapshot(self.path) as snapshot:
            snapshot.register(points(4, shots), setting_of=lambda _: "{}")


def copied(folder: Folder, path: Path) -> Folder:
    shutil.copytree(folder.path, path)
    copy = object.__new__(Folder)
    copy.path = path
    return copy


def hash_of(*told: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:4], "big")


def spent(path: Path) -> float:
    with Run(path) as run:
        return sum(each.entry.billed or 0.0 for each in run.ledger())


def merged(tmp_path: Path, *folders: Folder) -> Run:
    merge([one.path for one in folders], tmp_path / "merged")
    return Run(tmp_path / "merged")


def shots_of(run: Run) -> dict[str, int]:
    return {one.name: 0 if one.counts is None else one.counts.shots for one in run}


def test_shards_come_together_with_what_they_cost(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    for n in (0, 1):
        one.buy(n)
    for n in (2, 3):
        two.buy(n, cost=5.0)
    with merged(tmp_path, one, two) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 4}
        assert [point.facts["from"] for point in run] == ["one", "one", "two", "two"]
        assert run["i=3"].job.provider_job_id == "two-3-0-1"
        assert run.raw_of(run["i=3"]) == [("result", b"{}")]
        assert run.intent_key_of(run["i=3"]) == "key"
    assert spent(tmp_path / "merged") == 16.0


def test_what_both_bought_is_used_once_and_paid_for_twice(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0, cost=3.0)
    two.buy(0, cost=5.0)
    with merged(tmp_path, one, two) as run:
        assert run["i=0"].facts["from"] == "one"
        assert shots_of(run)["i=0"] == 100
    assert spent(tmp_path / "merged") == 8.0


def test_a_purchase_in_a_copy_counts_once(tmp_path: Path) -> None:
    one = Folder(tmp_path / "one")
    one.buy(0, JobState.FAILED, cost=1.0)
    one.buy(0)
    shutil.copytree(one.path, tmp_path / "two")
    two = object.__new__(Folder)
    two.path = tmp_path / "two"
    two.buy(1, cost=5.0)
    one.buy(2)
    with merged(tmp_path, one, two) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 3, JobState.CREATED: 1}
        assert len(run.attempts_of(run["i=0"])) == 2
    assert spent(tmp_path / "merged") == 1.0 + 3.0 + 3.0 + 5.0


def test_what_copies_bought_apart_counts_twice(tmp_path: Path) -> None:
    one = Folder(tmp_path / "one")
    two, three = copied(one, tmp_path / "two"), copied(one, tmp_path / "three")
    one.buy(0, at="A", cost=3.0)
    two.buy(0, at="B", cost=5.0)
    three.buy(0, JobState.FAILED, at="C", cost=1.5)
    merge([one.path, two.path, three.path], tmp_path / "merged")
    with Run(tmp_path / "merged") as run:
        assert run["i=0"].facts["from"] == "one"
        assert [each.entry.billed for each in run.ledger()] == [3.0, 5.0, 1.5]


@pytest.mark.parametrize("ended_first", [True, False])
def test_what_one_copy_never_sent_hides_no_purchase_of_another(
    tmp_path: Path, ended_first: bool
) -> None:
    one = Folder(tmp_path / "one")
    two = copied(one, tmp_path / "two")
    with Snapshot(one.path) as snapshot, snapshot.transaction():
        ((_, row),) = snapshot.pieces_of(id_of(0))
        snapshot.save_jobs([replace(row, job=row.job.moved_to(JobState.CANCELLED))])
    two.buy(0, at="B", cost=5.0)
    order = (one, two) if ended_first else (two, one)
    with merged(tmp_path, *order) as run:
        assert run["i=0"].job.provider_job_id == "B"
    assert spent(tmp_path / "merged") == 5.0


@pytest.mark.parametrize("decision", [Event.RESUBMITTED, Event.GIVEN_UP])
def test_what_was_not_used_stays_paid_for_when_its_point_is_bought_again(
    tmp_path: Path, decision: Event
) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0, cost=3.0)
    two.buy(0, cost=5.0)
    merged(tmp_path, one, two).close()
    one.path = tmp_path / "merged"
    with Snapshot(one.path) as snapshot:
        ((_, row),) = snapshot.pieces_of(id_of(0))  # its result was lost, as `doctor` has it
        with snapshot.transaction():
            snapshot.save_jobs([replace(row, job=replace(row.job, state=JobState.HELD))])
        snapshot.resolve(id_of(0), decision)
        snapshot.retry([id_of(0)])
    one.buy(0, cost=7.0)
    with Run(one.path) as run:
        counted = [each.entry.counted for each in run.ledger()]
    assert counted == [3.0, 5.0, 7.0]


def test_one_job_of_the_cloud_that_both_know_counts_once(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0, at="same")
    two.buy(0, at="same")
    with merged(tmp_path, one, two) as run:
        assert run["i=0"].state is JobState.COMPLETED
    assert spent(tmp_path / "merged") == 3.0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_job_that_one_copy_gave_up_is_what_the_other_got_of_it(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    one = Folder(tmp_path / "one")
    folders = [one, copied(one, tmp_path / "two")]
    one.buy(0, JobState.FAILED, at="A", cost=None)
    folders[1].buy(0, at="A", cost=2.0)
    with merged(tmp_path, *(folders[at] for at in order)) as run:
        attempt = run.attempts_of(run["i=0"])[-1]
        assert (attempt.state, attempt.provider_job_id) == (JobState.COMPLETED, "A")
        assert run.spent() == {"eur": 2.0}
        assert [each.entry.billed for each in run.ledger()] == [2.0]
        assert shots_of(run)["i=0"] == 100


def test_a_failure_here_and_a_result_there_are_both_told(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one", shots=100), Folder(tmp_path / "two", shots=250)
    one.buy(0, JobState.FAILED, cost=1.0)
    two.buy(0, JobState.FAILED, cost=2.0)
    two.buy(0)
    with merged(tmp_path, one, two) as run:
        told = [(each.state, each.start, each.shots) for each in run.attempts_of(run["i=0"])]
        assert told == [
            (JobState.FAILED, 0, 100),
            (JobState.FAILED, 0, 250),
            (JobState.COMPLETED, 0, 250),
        ]
        assert [each.entry.shots for each in run.ledger()] == [100, 250, 250]
        assert run["i=0"].facts["from"] == "two"
    assert spent(tmp_path / "merged") == 6.0


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.COMPLETED])
def test_an_attempt_comes_with_the_setting_it_was_bought_in(tmp_path: Path, end: JobState) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two", setting="t")
    one.buy(0)
    two.buy(0, end)
    with merged(tmp_path, one, two) as run:
        (_, theirs) = [each.entry for each in run.ledger()]
        assert theirs.setting == "t"
        for attempt in run.attempts_of(run["i=0"])[:-1]:
            assert run.setting_of(attempt) == {"of": attempt.setting}
    with Snapshot(tmp_path / "merged") as snapshot:
        assert snapshot.setting("t") == '{"of": "t"}'


def test_a_result_comes_with_the_setting_it_was_measured_in(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two", setting="t")
    two.buy(0)
    with merged(tmp_path, one, two) as run:
        assert run.setting_of(run["i=0"]) == {"of": "t"}


def test_further_shots_of_another_folder_add_up(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0)
    shutil.copytree(one.path, two.path, dirs_exist_ok=True)
    two.more(300)
    two.buy(0)
    with merged(tmp_path, two, one) as run:
        assert shots_of(run)["i=0"] == 300
    shutil.rmtree(tmp_path / "merged")
    with merged(tmp_path, one, two) as run:
        assert shots_of(run)["i=0"] == 300
    assert spent(tmp_path / "merged") == 6.0


def test_shots_that_overlap_are_not_added_up(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one", shots=100), Folder(tmp_path / "two", shots=250)
    one.buy(0)
    two.buy(0)
    with merged(tmp_path, one, two) as run:
        assert shots_of(run)["i=0"] == 100
    assert spent(tmp_path / "merged") == 6.0


def test_the_next_run_takes_up_what_is_missing(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0, JobState.FAILED)
    two.buy(1)
    merged(tmp_path, one, two).close()
    again = object.__new__(Folder)
    again.path = tmp_path / "merged"
    again.more(100)
    for n in (0, 2, 3):
        again.buy(n)
    with Run(again.path) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 4}
    assert spent(again.path) == 15.0


def test_a_merged_folder_has_an_identity_of_its_own(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    with merged(tmp_path, one, two) as run:
        assert run.meta["run_id"] not in ("one", "two")
        assert run.meta["run_folder"] == str(tmp_path / "merged")


def test_copies_are_told(tmp_path: Path) -> None:
    one = Folder(tmp_path / "one")
    two = copied(one, tmp_path / "two")
    assert merge([one.path, two.path], tmp_path / "merged").copies == (two.path,)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("end", [None, JobState.HELD])
def test_what_may_be_at_a_provider_is_never_lost(tmp_path: Path, which: int, end: object) -> None:
    both = [Folder(tmp_path / "one"), Folder(tmp_path / "two")]
    both[which].buy(0, None)
    if end is JobState.HELD:
        with Snapshot(both[which].path) as snapshot, snapshot.transaction():
            ((_, row),) = snapshot.pieces_of(id_of(0))
            snapshot.save_jobs([replace(row, job=row.job.moved_to(JobState.HELD))])
    with pytest.raises(SnapshotError, match="1 job of it may still be at a provider"):
        merge([one.path for one in both], tmp_path / "merged")
    assert not [*tmp_path.glob("*merged*")]


def note_double(folder: Folder, id_: str, cost: float, *, is_over: bool = True) -> None:
    with Snapshot(folder.path) as snapshot, snapshot.transaction():
        snapshot.note_doubles(
            [Double(id_, "cloud", ("i=0",), "DONE", is_over, "", cost, "eur", "by the cloud")]
        )


@pytest.mark.parametrize("which", [0, 1])
def test_a_double_that_runs_still_is_never_lost(tmp_path: Path, which: int) -> None:
    both = [Folder(tmp_path / "one"), Folder(tmp_path / "two")]
    note_double(both[which], "again", 3.0, is_over=False)
    with pytest.raises(SnapshotError, match=r"job again .* may run still, .* --cancel again"):
        merge([one.path for one in both], tmp_path / "merged")


@pytest.mark.parametrize("which", [0, 1])
def test_a_double_that_a_person_says_is_over_is_no_obstacle(tmp_path: Path, which: int) -> None:
    """Its account is gone, so that nobody could ever see it at its end."""
    both = [Folder(tmp_path / "one"), Folder(tmp_path / "two")]
    note_double(both[which], "again", 3.0, is_over=False)
    with pytest.raises(SnapshotError, match=r"`qbatch resolve \S+ --double again --cost N`"):
        merge([one.path for one in both], tmp_path / "merged")
    with Snapshot(both[which].path) as snapshot:
        snapshot.resolve_double("again", 4.0)
    with merged(tmp_path, *both) as run:
        (kept,) = read_doubles(run.meta).values()
        assert (kept.cost, kept.source) == (4.0, "as a person told")
        assert run.spent() == {"eur": 4.0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_one_double_in_two_folders_its_cloud_is_believed(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    both = [Folder(tmp_path / "one"), Folder(tmp_path / "two")]
    note_double(both[0], "again", 3.0, is_over=False)
    with Snapshot(both[0].path) as snapshot:
        snapshot.resolve_double("again", 4.0)
    note_double(both[1], "again", 5.0)
    with merged(tmp_path, *(both[at] for at in order)) as run:
        assert run.spent() == {"eur": 5.0}


def test_what_doubles_of_every_folder_cost_counts_once(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    note_double(one, "a", 0.5, is_over=False)
    note_double(two, "a", 1.0)
    note_double(two, "b", 2.0)
    with merged(tmp_path, one, two) as run:
        assert run.spent() == {"eur": 3.0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_copy_bought_is_no_double_any_more(tmp_path: Path, order: tuple[int, int]) -> None:
    one = Folder(tmp_path / "one")
    folders = [one, copied(one, tmp_path / "two")]
    one.buy(0, at="A", cost=3.0)
    folders[1].buy(0, at="B", cost=5.0)
    note_double(one, "B", 5.0)
    with merged(tmp_path, *(folders[at] for at in order)) as run:
        assert run.spent() == {"eur": 8.0}


def test_folders_of_other_manifests_are_refused(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    with Snapshot(two.path) as snapshot:
        snapshot.set_meta(manifest=MANIFEST + "shots: 7\n")
    with pytest.raises(SnapshotError, match="of another manifest"):
        merge([one.path, two.path], tmp_path / "merged")


def test_a_rehearsal_is_not_mixed_with_a_run(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    with Snapshot(two.path) as snapshot:
        snapshot.set_meta(rehearsal="{}")
    with pytest.raises(SnapshotError, match="rehearsal"):
        merge([one.path, two.path], tmp_path / "merged")


def note_targets(folder: Folder, **emulated: bool) -> None:
    with Snapshot(folder.path) as snapshot:
        told = {
            name: {"name": folder.path.name, "is_emulated": it} for name, it in emulated.items()
        }
        snapshot.set_meta(targets=json.dumps(told))


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_what_an_emulator_sold_is_not_mixed_with_what_its_cloud_did(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    folders = [Folder(tmp_path / name) for name in ("one", "two", "three")]
    note_targets(folders[1], cloud=True, sim=False)
    note_targets(folders[2], cloud=False)
    with pytest.raises(SnapshotError, match="an emulator in place of the cloud of backend 'cloud'"):
        merge([folders[at].path for at in order], tmp_path / "merged")


def test_a_backend_that_only_another_folder_asked_stays_what_it_was(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    note_targets(one, sim=False)
    note_targets(two, sim=False, cloud=True)
    with merged(tmp_path, one, two) as run:
        assert run.emulated == {"cloud"}
        assert [each["name"] for _, each in sorted(run.targets.items())] == ["two", "one"]


def test_a_folder_that_a_runner_holds_is_refused(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    with Snapshot(two.path), pytest.raises(RunLockedError):
        merge([one.path, two.path], tmp_path / "merged")


def test_a_merge_that_fails_leaves_nothing(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    one.buy(0)
    two.buy(1)
    with closing(sqlite3.connect(two.path / "snapshot.db")) as db:
        db.execute("UPDATE ledger SET quoted = quoted + 1")
        db.commit()
    with pytest.raises(SnapshotError, match="ledger"):
        merge([one.path, two.path], tmp_path / "merged")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    with pytest.raises(SnapshotError, match="there is something already"):
        merge([one.path, two.path], one.path)


# -- any folders -----------------------------------------------------------------------------------

_ENDS = st.sampled_from([JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED])
_BOUGHT = st.lists(st.tuples(st.integers(0, 2), _ENDS), max_size=5)


@settings(max_examples=8)
@given(st.lists(_BOUGHT, min_size=2, max_size=3))
def test_money_adds_up_and_no_shot_counts_twice(
    tmp_path_factory: pytest.TempPathFactory, bought: list[list[tuple[int, JobState]]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("any")
    folders = [Folder(tmp_path / f"f{k}", 3) for k in range(len(bought))]
    paid, done = 0.0, Counter[int]()
    for folder, purchases in zip(folders, bought, strict=True):
        over: set[int] = set()
        for n, end in purchases:
            if n in over:
                continue
            folder.buy(n, end, cost=2.0)
            paid += 2.0
            if end is not JobState.FAILED:
                over.add(n)
            done[n] += end is JobState.COMPLETED
    with merged(tmp_path, *folders) as run:
        assert {n for n in range(3) if shots_of(run)[f"i={n}"]} == {n for n in done if done[n]}
        assert set(shots_of(run).values()) <= {0, 100}
    assert spent(tmp_path / "merged") == paid
