"""A damaged run folder: never a wrong number, never a second purchase; mended, or refused in words.

Each case is one mutation of a copy of a played run, and follows from its number, but for the order
in which trio let tasks go on as the run was played. ``python -m tests.crash.test_snapshot_mutations
17`` tells what came of case 17, with ``0 1000`` of a thousand.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from qbatch.errors import SnapshotError
from qbatch.job import IN_FLIGHT, JobState
from qbatch.providers import NotTaken, Unclear
from qbatch.snapshot import Run
from qbatch.snapshot.examine import examine
from qbatch.snapshot.ledger import Purchase
from qbatch.snapshot.recovery.repair import Verdict, repair
from tests.crash import mutating, played_runs
from tests.crash.played_runs import Played, read_all
from tests.executor.fake_drivers import FakeCloud, Ledger, lost_before, plan_of, play
from tests.proving import for_a_while

#: Cases of a sample; of each slow test, at most, and at least in `SHARE_S`; and how many of these.
FEW, SHARE, LEAST, SHARE_S, SHARES = 20, 75, 20, 2.5, 16

#: Name -> how it is played, and what happens to it.
RUNS: Mapping[str, tuple[Callable[[Path], Played], Mapping[mutating.Mutation, int]]] = {
    "finished": (played_runs.finished, mutating.AT_REST),
    "troubled": (played_runs.troubled, mutating.AT_REST),
    "cut off": (lambda folder: played_runs.troubled(folder, cut_off=True), mutating.CUT_OFF),
    "half done": (played_runs.half_done, mutating.HALF_DONE),
}

#: Words of a repair about points that it cannot name.
OF_LOST = "planned again by the next run"
OF_COMPOSITES = "records of composite jobs"


#: What a mended folder may refuse until it is run again.
NO_MANIFEST = "`qbatch run` with the manifest puts it back"


@dataclass(frozen=True)
class Original:
    """A played run with what can be read of it, and of what becomes of it if it goes on."""

    played: Played
    truth: Mapping[str, Any]
    points: Mapping[str, Any]
    later: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """What came of one mutation.

    Attributes:
        is_noticed: Something of it was refused, or would be by `doctor`.
        mended: None where there was nothing to mend, or it was refused.
        words: A sentence for each thing that is not as it should be.
    """

    name: str
    is_noticed: bool
    mended: Verdict | None
    words: list[str]


def originals(folder: Path) -> dict[str, Original]:
    """Play the runs."""
    return {name: original(play_it(folder / name)) for name, (play_it, _) in RUNS.items()}


def original(played: Played) -> Original:
    read = played.folder.with_name(
        f"{played.folder.name}, read"
    )  # reading undoes what is half done
    shutil.copytree(played.folder, read)
    truth, refusals = read_all(read)
    assert not refusals
    later = played.folder.with_name(f"{played.folder.name}, later")
    shutil.copytree(played.folder, later)
    assert not go_on(played, later)
    return Original(played, truth, points_of(read), points_of(later))


def points_of(folder: Path) -> dict[str, Any]:
    """Id -> the point, those in the plan no more included."""
    with Run(folder) as run:
        points = {point.id: point for each in (run, run.removed()) for point in each}
        for point in points.values():
            assert point.counts is None or point.state is JobState.COMPLETED
    return points


def go_on(played: Played, folder: Path) -> list[str]:
    """Run it to its end; say what was bought that had been bought before."""
    ledger: Ledger = deepcopy(played.ledger)
    try:
        play(folder, played.plan, played.drivers(ledger))
    except ExceptionGroup as group:  # of the nursery in which it is played
        raise group.exceptions[0] from None
    return [f"{id_[:8]} bought {n} times" for id_, n in ledger.times_bought.items() if n > 1]


# -- one case -------------------------------------------------------------------------------------


def examined(number: int, known_by_name: Mapping[str, Original], scratch: Path) -> Case:
    """Do one mutation, and everything that a person might do then."""
    chance = Random(number)
    name = [*RUNS][number % len(RUNS)]
    known, folder = known_by_name[name], scratch / f"case {number}"
    what = mutating.mutate(known.played.folder, folder, RUNS[name][1], chance)
    words = []
    is_noticed = _reads_as(folder, known.truth, words) | _is_found(folder)
    before = _bytes_of(folder)
    _goes_on(known, folder, words)
    mended = _repair(known, folder, before, words) if is_noticed else None
    shutil.rmtree(folder)
    return Case(f"{number}, {name}: {what}", is_noticed, mended, words)


def _bytes_of(folder: Path) -> dict[str, bytes]:
    """What matters of a folder: not who held it last, nor what readers share in memory."""
    others = ("snapshot.lock", "snapshot.db-shm", "running.json")
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name not in others}


def _reads_as(folder: Path, truth: Mapping[str, Any], words: list[str]) -> bool:
    """Read it all; say whether anything was refused."""
    found, refusals = read_all(folder)
    words += [f"{name} is read as something else" for name in found if found[name] != truth[name]]
    words += [f"refused without a way out: {one}" for one in refusals if not is_clear(one, folder)]
    return bool(refusals)


def is_clear(refusal: str, folder: Path) -> bool:
    """Tell whether a refusal names the file and what can be done."""
    return f"{folder}/snapshot.db" in refusal and ("doctor" in refusal or "--fresh" in refusal)


def _is_found(folder: Path) -> bool:
    try:
        examine(folder)
    except SnapshotError:
        return True
    return False


def _goes_on(known: Original, folder: Path, words: list[str]) -> None:
    """Let a copy go on, as if nobody had noticed."""
    copy = folder.with_name(f"{folder.name}, gone on")
    shutil.copytree(folder, copy)
    try:
        words += go_on(known.played, copy)
        words += _compared_later(known, copy, [])
    except SnapshotError as error:  # what is not needed to go on is found when it is read
        if not is_clear(str(error), copy):
            words.append(f"does not go on, without a way out: {error}")
    shutil.rmtree(copy)


def _repair(
    known: Original, folder: Path, before: Mapping[str, bytes], words: list[str]
) -> Verdict | None:
    try:
        mended = repair(folder)
    except SnapshotError as error:
        if _bytes_of(folder) != before:
            words.append(f"refused to mend, and changed something: {error}")
        return None
    kept = [path.read_bytes() for path in mended.kept]
    words += [f"{name} is gone" for name, data in before.items() if data and data not in kept]
    words += [f"still refused: {one}" for one in read_all(folder)[1] if NO_MANIFEST not in one]
    words += ["still damaged"] * _is_found(folder)
    words += _compared(known, folder, mended.told)
    words += go_on(known.played, folder)
    words += _compared_later(known, folder, mended.told)
    return mended


def _compared(known: Original, folder: Path, told: Iterable[str]) -> Iterator[str]:
    """Hold what is read of a mended run against what it was."""
    found = points_of(folder)
    for id_, point in known.points.items():
        one = found.get(id_)
        if one is None:
            if not _is_told(OF_LOST, told):
                yield f"{point.name} is lost, and that is not told"
        elif (one.job, one.counts) != (point.job, point.counts) and not _is_told(
            f"{point.name}: ", told
        ):
            yield f"{point.name} was {point.job}, is {one.job}, and that is not told"
    with Run(folder) as run:
        ledger = run.ledger()
    if ledger != known.truth["ledger"]:
        is_told = _is_told(OF_COMPOSITES, told)
        if not is_told or [*map(_paid, ledger)] != [*map(_paid, known.truth["ledger"])]:
            yield "the ledger is another one"
        yield from _otherwise_sent(ledger, known.truth["ledger"])


def _paid(purchase: Purchase) -> Purchase:
    """A purchase without how it was sent: its composite job's own record says that."""
    entry = replace(purchase.entry, composite=None)
    return replace(purchase, entry=entry, key="", account="")


def _otherwise_sent(found: Iterable[Purchase], known: Iterable[Purchase]) -> Iterator[str]:
    """Say what is told wrongly of how purchases were sent; it may be unknown."""
    for one, was in zip(found, known, strict=True):
        is_lost = one.entry.composite is None
        if not is_lost and one.entry.composite != was.entry.composite:
            yield f"{one.point} was bought in composite job {was.entry.composite}"
        if one.key not in ("", was.key) or one.account not in ("", was.account):
            yield f"{one.point} was bought as {was.account}, under {was.key}"


def _compared_later(known: Original, folder: Path, told: Iterable[str]) -> Iterator[str]:
    """Hold what became of a run against what would have become of it undamaged."""
    found = points_of(folder)
    for id_, point in known.later.items():
        one = found.get(id_)
        if one is None:
            if point.in_plan or not _is_told(OF_LOST, told):
                yield f"{point.name} is lost in the end"
        elif one.state is JobState.HELD:
            if not one.job.error:
                yield f"{point.name} is held without a reason"
        elif one.counts is not None and one.counts != point.counts:
            yield f"{point.name} has other counts in the end"
        elif one.state is not point.state and not _is_told(f"{point.name}: ", told):
            yield f"{point.name} is {one.state} in the end, not {point.state}"
        elif one.state in IN_FLIGHT:
            yield f"{point.name} is {one.state} in the end"


def _is_told(what: str, told: Iterable[str]) -> bool:
    return any(what in one for one in told)


# -- many -----------------------------------------------------------------------------------------


@contextmanager
def bench() -> Iterator[Callable[[int], Case]]:
    """Yield what does a case; in memory where that can be had, for nobody pulls a plug here."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        known = originals(Path(place))
        yield lambda number: examined(number, known, Path(place))


@pytest.fixture(scope="module")
def do_case() -> Iterator[Callable[[int], Case]]:
    with bench() as do:
        yield do


def judge(cases: Sequence[Case]) -> None:
    """Nothing may go wrong, and most of what is noticed is mended."""
    wrong = [f"{case.name}: {word}" for case in cases for word in case.words]
    assert not wrong, "\n".join(wrong)
    noticed = [case for case in cases if case.is_noticed]
    assert len(noticed) >= len(cases) / 3
    assert sum(case.mended is not None for case in noticed) >= len(noticed) / 3


@pytest.mark.slow
def test_a_sample_of_damaged_folders_is_mended_or_refused_and_never_believed(
    do_case: Callable[[int], Case],
) -> None:
    judge([do_case(number) for number in range(FEW)])


def test_a_point_whose_place_is_damaged_is_not_left_out(do_case: Callable[[int], Case]) -> None:
    """A bit of its position made it another point's; the run ended without it, and said nothing."""
    assert do_case(162).words == []


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_job_whose_row_is_lost_is_bought_only_if_its_provider_never_took_it(
    is_taken: bool, tmp_path: Path
) -> None:
    plan, cloud = plan_of(1, "cloud"), FakeCloud(works_s=100)
    if not is_taken:
        cloud.script["submit"] = [lost_before]
        cloud.located = Unclear("", error="nobody can tell")
    play(tmp_path, plan, cloud, detach=True)
    with closing(sqlite3.connect(tmp_path / mutating.DB)) as db, db:
        db.execute("UPDATE jobs SET crc = crc + 1")
    repair(tmp_path)
    cloud.located = NotTaken("")  # by now it has let go of what it had
    states = play(tmp_path, plan, cloud).summary.states
    assert [*states] == [JobState.HELD if is_taken else JobState.COMPLETED]
    assert [*cloud.ledger.times_bought.values()] == [1]


@pytest.mark.parametrize("table", ["jobs", "composites", "intents", "events"])
def test_a_job_at_its_provider_is_never_bought_again_whatever_row_of_it_is_lost(
    table: str, tmp_path: Path
) -> None:
    plan, cloud = plan_of(1, "cloud"), FakeCloud(works_s=100)
    play(tmp_path, plan, cloud, detach=True)
    with closing(sqlite3.connect(tmp_path / mutating.DB)) as db, db:
        db.execute(f"UPDATE {table} SET crc = crc + 1")
    repair(tmp_path)
    cloud.located = NotTaken("")  # by now it has let go of what it had
    play(tmp_path, plan, cloud)
    assert [*cloud.ledger.times_bought.values()] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_damaged_folders_are_mended_or_refused_and_never_believed(
    share: int, do_case: Callable[[int], Case]
) -> None:
    numbers = range(FEW + share * SHARE, FEW + (share + 1) * SHARE)
    judge([do_case(number) for number in for_a_while(numbers, LEAST, SHARE_S)])


def main(numbers: Sequence[int]) -> None:
    came_of: Counter[str] = Counter()
    with bench() as do:
        for number in range(*numbers) if len(numbers) > 1 else numbers:
            case = do(number)
            kind = "refused" if case.mended is None else "mended"
            came_of[kind if case.is_noticed else "unnoticed"] += 1
            if case.words or len(numbers) == 1:
                print(case.name, *case.words, sep="\n  ")
    print(dict(came_of))


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]])
