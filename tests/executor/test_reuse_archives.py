"""Shots of archives and of imported jobs: counted once, and a stranger's file is inert."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qbatch.archive import verify, write_archive
from qbatch.errors import QbatchError, SelectionError, SnapshotError
from qbatch.exchange.oqc.adopt import MANIFEST, adopt_oqc
from qbatch.executor.reuse import gather
from qbatch.manifest import load_manifest, parse_manifest
from qbatch.plan import expand
from qbatch.providers import Price, Target
from qbatch.snapshot import Run, merge
from qbatch.snapshot.borrowing import Borrower
from tests.exchange.test_oqc_adopt import IDS, job, result, save
from tests.executor.test_executor_reuse import compute, counted, local

METADATA = "ro-crate-metadata.json"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 1,000 computed shots at each of two angles."""
    folder = tmp_path_factory.mktemp("before")
    with compute(local("before", 1000), folder / "run") as run:
        write_archive(run, folder / "before.zip")
    return folder / "before.zip"


def test_shots_of_an_archive_count_and_the_report_says_whose_they_are(
    before: Path, tmp_path: Path
) -> None:
    with compute(local("after", 4000), tmp_path / "after", reuse=[before]) as run:
        assert run.summary.completed == 2
        (told,) = run.reused()
    assert (told.name, told.shots, told.points, told.folder) == ("before", 2000, 2, str(before))
    compute(local("whole", 4000), tmp_path / "whole").close()
    assert counted(tmp_path / "after") == counted(tmp_path / "whole")


def test_an_archive_beside_its_run_adds_nothing(before: Path, tmp_path: Path) -> None:
    sources = [before, before.parent / "run", before]
    with compute(local("after", 1000), tmp_path / "after", reuse=sources) as run:
        assert run.summary.completed == 0
        assert sum(each.shots for each in run.reused()) == 2000
        write_archive(run, tmp_path / "after.zip")  # shots of shots of others
    with compute(local("last", 1500), tmp_path / "last", reuse=[tmp_path / "after.zip"]) as run:
        assert [(each.name, each.shots) for each in run.reused()] == [("before", 2000)]


def test_a_run_that_took_what_is_gone_now_goes_on(before: Path, tmp_path: Path) -> None:
    source = tmp_path / "runs" / "source.zip"
    source.parent.mkdir()
    shutil.copy(before, source)
    text = local("after", 1500).text + "reuse: [runs/source.zip]\n"
    manifest = parse_manifest(text, folder=tmp_path)
    compute(manifest, tmp_path / "after", select="theta=0.4", reuse=[before]).close()
    source.unlink()
    told: list[str] = []
    options = {"observer": lambda event: told.append(str(event))}
    with compute(manifest, tmp_path / "after", **options) as run:
        assert [point.done for point in run] == [1500, 1500]
        assert run.summary.completed == 1
    assert any("source.zip: is gone; what this run took of it counts" in each for each in told)
    with pytest.raises(SelectionError, match="no such run folder"):
        compute(manifest, tmp_path / "other")
    with pytest.raises(SelectionError, match="no such run folder"):
        compute(manifest, tmp_path / "after", fresh=True)


# -- of strangers -------------------------------------------------------------------------------


def forged(path: Path, change: Callable[[dict[str, bytes]], None], out: Path) -> Path:
    """An archive with files changed, and digests that agree with them again."""
    with zipfile.ZipFile(path) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    change(files)
    metadata = json.loads(files[METADATA])
    for entity in metadata["@graph"]:
        if entity["@type"] == "File" and entity["@id"] in files:
            entity["sha256"] = hashlib.sha256(files[entity["@id"]]).hexdigest()
    files[METADATA] = json.dumps(metadata).encode()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    return out


def of_first_job(**more: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        told = json.loads(files["jobs.json"])
        told["jobs"][0] |= more
        files["jobs.json"] = json.dumps(told).encode()

    return change


def dropped(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: {} if files.pop(name) else None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of_first_job(counts={"0": 950, "1": 50}), "the counts of its jobs are not those of"),
        (of_first_job(counts={"0": 951, "1": 51}), "bought 1000 shots, not 1002"),
        (of_first_job(shots=2000), "its jobs are not those that it was bought in"),
        (of_first_job(shots=-1), "greater than or equal to 0"),
        (of_first_job(counts={"0": 10**40}), "less than or equal"),
        (of_first_job(id="f" * 64), "its jobs are not those"),
        (of_first_job(registers=[["c", 10**9]]), "less than or equal to 100000"),
        (of_first_job(registers=[["d", 1]]), "register|c"),
        (of_first_job(bought={"run": "x"}), "where shots come from is said in part"),
        (of_first_job(bought={"run": "x" * 10_000}), "not said as qbatch says it"),
        (of_first_job(more=1), "Extra inputs"),
        (dropped("jobs.json"), "keeps no job by itself"),
        (lambda files: files.update({"../evil.txt": b"here"}), "is there, and not listed"),
        (lambda files: files.update({"jobs.json": b"[[["}), "jobs.json"),
        (lambda files: files.update({"circuits/x.qasm": b"gate"}), "is there, and not listed"),
    ],
)
def test_a_forged_archive_gives_nothing(
    before: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], told: str
) -> None:
    path = forged(before, change, tmp_path / "forged.zip")
    with pytest.raises((SelectionError, SnapshotError), match=told) as caught:
        compute(local("after", 4000), tmp_path / "run" / "after", reuse=[path])
    assert str(path) in str(caught.value)
    assert [each.name for each in tmp_path.rglob("*")] == ["forged.zip"]


def test_a_changed_file_is_seen_by_its_digest(before: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(before) as packed, zipfile.ZipFile(path, "w") as changed:
        for name in packed.namelist():
            body = packed.read(name)
            changed.writestr(name, body.replace(b"theta", b"thetb") if "report" in name else body)
    with pytest.raises(SnapshotError, match="its SHA-256 is another one"):
        compute(local("after", 4000), tmp_path / "after", reuse=[path])


def test_a_bomb_and_what_is_no_archive_are_told(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(SelectionError, match="it is no zip file"):
        compute(local("after", 10), tmp_path / "after", reuse=[tmp_path / "no.zip"])
    bomb = forged(before, lambda files: files.update(x=bytes(1 << 22)), tmp_path / "bomb.zip")
    monkeypatch.setattr("qbatch.exchange.archived.reading.MOST_BYTES", 1 << 20)
    with pytest.raises(SelectionError, match="larger than"):
        compute(local("after", 10), tmp_path / "after", reuse=[bomb])


STRANGE = [None, 0, -1, 10**30, 1.5, "", "x" * 300, [], {}, True, [[]], {"a": 1}, float("inf")]


def changed_somewhere(value: Any, random: Random) -> Any:
    """Put something else, or nothing, in one place of a JSON value."""
    place, inside = None, value
    while isinstance(inside, dict | list) and inside and random.random() < 0.9:
        keys = [*inside] if isinstance(inside, dict) else [*range(len(inside))]
        place = inside, random.choice(keys)
        inside = place[0][place[1]]
    if place is None:
        return random.choice(STRANGE)
    if random.random() < 0.2:
        del place[0][place[1]]
    else:
        place[0][place[1]] = random.choice(STRANGE)
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_whatever_an_archive_says_it_is_read_or_refused_in_words(
    before: Path, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    tables = ("jobs.json", "points.json", "settings.json", "results.json", "environment.json")
    name = random.choice(tables)

    def change(files: dict[str, bytes]) -> None:
        told = changed_somewhere(json.loads(files[name]), random)
        files[name] = json.dumps(told).encode()

    path = forged(before, change, tmp_path / "forged.zip")
    plan = expand(local("after", 4000))
    with suppress(QbatchError):
        found = gather(plan, {"sim": Target("aer")}, [path])
        assert {loan.lent.point.shots for loan in found.loans} <= {1000}
    with suppress(QbatchError):
        verify(path)


# -- imported jobs ------------------------------------------------------------------------------


def task(number: int) -> dict[str, Any]:
    told = result(IDS[number], c={"00": 50 + number, "11": 50 - number})
    return job(task_id=IDS[number], result=told, history=[told])


def imported(folder: Path, *numbers: int) -> Path:
    """What a file of OQC's client gives in which these tasks stand, in that order."""
    folder.mkdir()
    adopt_oqc(save(folder, *map(task, numbers)), out=folder / "run")
    return folder / "run"


def test_imported_jobs_count_once_in_whatever_order_their_files_have_them(tmp_path: Path) -> None:
    orders = ((1, 2), (2, 1), (3, 2, 1))
    files = [imported(tmp_path / f"{number}", *order) for number, order in enumerate(orders)]
    plan = expand(load_manifest(files[-1] / MANIFEST))  # three repeats of one circuit
    target = Target("qpu", price=Price("usd", per_shot=1.0))
    targets = dict.fromkeys(plan.manifest.backends, target)
    for number, order in enumerate(permutations(files)):
        out = tmp_path / f"out{number}"
        for named in (order[:2], order[2:]):
            with Borrower(out) as folder:
                folder.borrow(gather(plan, targets, named).loans)
        with Run(out) as run:
            jobs = [each for point in run.all_points() for each in point.jobs if each.done]
            (told, *_) = run.reused()
        assert sorted(str(each.job.provider_job_id) for each in jobs) == IDS[1:4]
    assert told.imported == ("batch.json",)
    assert told.who == ()


def test_folders_of_imported_jobs_are_merged_without_counting_one_twice(tmp_path: Path) -> None:
    one, two = imported(tmp_path / "one", 1, 2), imported(tmp_path / "two", 2, 1)
    merged = merge([one, two], tmp_path / "merged")
    with Run(merged.folder) as run:
        assert sum(point.counts.shots for point in run if point.counts) == 200
