"""How a run folder is mended: what is left of a ``-wal`` file, whose turn it is, what is kept."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_snapshot_mending import JOB, begin, damage, done_here, first
from test_snapshot_store import complete, move
from test_snapshot_trust import cut_off_half_way

from qbatch.cli import main
from qbatch.errors import RunLockedError, SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import Run, Snapshot, set_aside
from qbatch.snapshot.lock import RunLock
from qbatch.snapshot.recovery.pages import Frames, make_one_file, read_frames
from qbatch.snapshot.recovery.repair import Verdict, diagnose, repair
from qbatch.snapshot.schema import PAGE_BYTES
from qbatch.snapshot.undo import is_whole_undo

DB, WAL, UNDO = "snapshot.db", "snapshot.db-wal", "snapshot.db-journal"
FRAME = 24 + PAGE_BYTES

# -- the journal --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on this machine as a killed runner leaves it: its last steps are in the journal."""
    live, left = (tmp_path_factory.mktemp(name) / "run" for name in ("live", "left"))
    with begin(live) as snapshot:
        complete(snapshot, 1)
        complete(snapshot, 2)
        shutil.copytree(live, left)
    return left


def frames_of(folder: Path, journal: bytes) -> Frames:
    return read_frames(journal, (folder / DB).stat().st_size // PAGE_BYTES)


def flipped(data: bytes, at: int, mask: int = 0x40) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def test_all_frames_of_a_whole_journal_are_read(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    found = frames_of(cut_off, journal)
    assert len(found.whole_steps) == (len(journal) - 32) // FRAME
    assert not found.is_doubtful


def test_the_head_of_a_frame_is_found_from_its_checksum(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    truth = frames_of(cut_off, journal)
    for nth in range(1, (len(journal) - 32) // FRAME):
        for at in (0, 2, 6, 8, 15, 16, 23):
            assert frames_of(cut_off, flipped(journal, 32 + nth * FRAME + at)) == truth


def test_a_page_that_may_belong_elsewhere_is_left_out_and_that_is_told(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    found = frames_of(cut_off, flipped(journal, 32 + 3 * FRAME + 3, mask=1))
    assert found.is_doubtful
    assert len(found.whole_steps) == (len(journal) - 32) // FRAME - 1


def test_no_flipped_bit_puts_a_page_elsewhere(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    truth = frames_of(cut_off, journal).whole_steps
    chance = random.Random(3)
    for _ in range(200):
        found = frames_of(cut_off, flipped(journal, chance.randrange(len(journal))))
        places = [(frame.number, frame.after) for frame in found.whole_steps]
        assert found.is_doubtful or places == [(each.number, each.after) for each in truth]


def test_a_step_without_its_last_frame_is_none(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    found = frames_of(cut_off, journal[:-1])
    assert found.whole_steps[-1].after
    assert len(found.whole_steps) < (len(journal) - 32) // FRAME


def test_frames_of_an_earlier_journal_are_not_taken(cut_off: Path) -> None:
    journal = (cut_off / WAL).read_bytes()
    old = bytearray(journal[32 : 32 + 4 * FRAME])
    for at in range(0, len(old), FRAME):
        old[at + 8 : at + 16] = struct.pack(">II", 1, 2)
    assert frames_of(cut_off, journal + old) == frames_of(cut_off, journal)


def test_a_journal_of_big_endian_checksums_is_read_too(cut_off: Path) -> None:
    journal = bytearray((cut_off / WAL).read_bytes()[: 32 + FRAME])
    journal[:4] = bytes.fromhex("377f0683")
    head, page = bytes(journal[32:40]), bytes(journal[56:])
    seed = big_endian_sum(bytes(journal[:24]), (0, 0))
    journal[48:56] = struct.pack(">II", *big_endian_sum(head + page, seed))
    found = frames_of(cut_off, bytes(flipped(bytes(journal), 33)))
    assert not found.is_doubtful


def big_endian_sum(data: bytes, seed: tuple[int, int]) -> tuple[int, int]:
    """SQLite's checksum, as its file format describes it."""
    one, other = seed
    for first_word, second_word in struct.iter_unpack(">II", data):
        one = (one + first_word + other) % 2**32
        other = (other + second_word + one) % 2**32
    return one, other


def test_what_follows_a_damaged_frame_is_not_lost(cut_off: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cut_off, tmp_path / "run")
    journal = (folder / WAL).read_bytes()
    (folder / WAL).write_bytes(flipped(journal, 32 + 2 * FRAME + 16))
    with pytest.raises(SnapshotError, match="-wal: it is damaged or cut short"):
        Run(folder)
    assert repair(folder).told == []
    with Run(folder) as run:
        assert [point.counts is not None for point in run] == [True, True]


# -- mending --------------------------------------------------------------------------------------


def test_the_damaged_files_are_kept_beside_the_mended_one(cut_off: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cut_off, tmp_path / "run")
    damage_at = 32 + 2 * FRAME + 16
    (folder / WAL).write_bytes(flipped((folder / WAL).read_bytes(), damage_at))
    before = {name: (folder / name).read_bytes() for name in (DB, WAL)}
    kept = repair(folder).kept
    assert {path.name.partition(".damaged-")[0]: path.read_bytes() for path in kept} == before
    assert {path.name for path in folder.iterdir()} - {path.name for path in kept} == {
        "snapshot.lock",
        DB,
    }


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a disk without WAL, killed in the middle of a step."""
    folder = tmp_path_factory.mktemp("half done") / "run"
    cut_off_half_way(folder)
    return folder


@pytest.mark.slow
def test_a_step_that_was_half_done_is_undone_before_anything_is_mended(
    half_done: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(half_done, tmp_path / "run")
    assert diagnose(folder) == Verdict([], [])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in half_done.iterdir()
    }
    mended = repair(folder)
    assert list(mended.told) == []
    assert {path.name.partition(".damaged-")[0] for path in mended.kept} == {DB, UNDO}
    for _ in range(2):  # nothing undoes it later
        with Snapshot(folder) as snapshot, Run(folder) as run:
            assert snapshot.counts_by_state() == {"completed": 1, "created": 299}
            assert len([point for point in run if point.counts]) == 1


def test_nothing_is_undone_while_files_are_exchanged(half_done: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(half_done, tmp_path / "run")
    lock = RunLock(folder)
    lock.mark("mending")
    lock.release()
    for use in (Run, Snapshot):
        with pytest.raises(SnapshotError, match="mending it was cut off"):
            use(folder)
    assert (folder / UNDO).read_bytes() == (half_done / UNDO).read_bytes()


def test_what_is_left_is_read_from_one_file_also_where_a_disk_has_no_wal(
    half_done: Path, cut_off: Path, tmp_path: Path
) -> None:
    for folder in (half_done, cut_off):
        assert not make_one_file(folder / DB, tmp_path / "copy.db")
        assert (tmp_path / "copy.db").read_bytes()[18:20] == b"\1\1"
        assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]


def test_what_is_damaged_beside_a_half_done_step_is_mended(half_done: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(half_done, tmp_path / "run")
    data = (folder / DB).read_bytes()
    at = data.index(b"took_s")  # of the result
    (folder / DB).write_bytes(flipped(data, at))
    assert repair(folder).told == ["i=0: its result is damaged: computed again"]
    with Snapshot(folder) as snapshot:
        assert snapshot.counts_by_state() == {"created": 300}


def test_a_journal_that_is_not_whole_is_never_used(half_done: Path, tmp_path: Path) -> None:
    whole = (half_done / UNDO).read_bytes()
    assert is_whole_undo(whole)
    damaged = [whole[:at] for at in range(1, 512 + PAGE_BYTES, 300)]
    damaged += [flipped(whole, at) for at in (0, 7, 11, 12, 20, 24, 27, 512, 515)]
    damaged += [flipped(whole, 512 + 4 + PAGE_BYTES - 200), flipped(whole, 512 + 4 + PAGE_BYTES)]
    assert not any(map(is_whole_undo, damaged))
    folder = shutil.copytree(half_done, tmp_path / "run")
    (folder / UNDO).write_bytes(damaged[-1])
    before = (folder / DB).read_bytes()
    for use in (Run, Snapshot):
        with pytest.raises(SnapshotError, match=r"-journal: it does not undo .*doctor"):
            use(folder)
    assert make_one_file(folder / DB, tmp_path / "copy.db")
    assert (folder / DB).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"run", "copy.db"}


def test_a_mended_run_is_told_of_in_the_history_of_its_points(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, JOB)
    repair(tmp_path)
    with Run(tmp_path) as run:
        assert run.history_of(run["i=1"])[-1][1:] == ("created", "mended by doctor")


def test_a_run_that_goes_on_is_not_mended(tmp_path: Path) -> None:
    with Snapshot(tmp_path), pytest.raises(RunLockedError):
        repair(tmp_path)


class Cut(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(params=range(1, 6))
def cut_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Mending ends before the n-th file gets another name."""
    renamed, calls = Path.replace, iter(range(1, 100))

    def replace(path: Path, target: Path) -> Path:
        if next(calls) == request.param:
            raise Cut
        return renamed(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        yield request.param


def test_mending_that_was_cut_off_is_finished(cut_at: int, cut_off: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cut_off, tmp_path / "run")
    (folder / WAL).write_bytes(flipped((folder / WAL).read_bytes(), 32 + 2 * FRAME + 16))
    (folder / UNDO).write_bytes(b"of another time" * 40)
    with pytest.raises(Cut):
        repair(folder)
    for use in (Run, Snapshot):
        with pytest.raises(SnapshotError, match="qbatch doctor"):
            use(folder)
    assert not diagnose(folder).refused
    assert len(repair(folder).kept) == 3
    with Snapshot(folder), Run(folder) as run:
        assert [point.counts is not None for point in run] == [True, True]


def test_a_snapshot_that_is_missing_is_never_begun_anew_but_with_fresh(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done_here(folder)
    (folder / DB).unlink()
    for use in (Run, Snapshot, repair):
        with pytest.raises(SnapshotError, match=r"snapshot\.db: it is missing.* restore"):
            use(folder)
    assert set_aside(folder) is not None
    Snapshot(folder).close()


def test_a_note_that_means_nothing_is_none(tmp_path: Path) -> None:
    done_here(tmp_path)
    (tmp_path / "snapshot.lock").write_text('{"pid": "x", "journal": "on fire"}')
    with Snapshot(tmp_path), pytest.raises(RunLockedError):
        Snapshot(tmp_path)


# -- doctor -------------------------------------------------------------------------------------


def doctor(*arguments: str | Path) -> int:
    return main(["doctor", *map(str, arguments)])


def test_doctor_says_what_can_be_mended_and_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done_here(tmp_path)
    damage(tmp_path, JOB)
    before = (tmp_path / DB).read_bytes()
    assert doctor(tmp_path) == 9
    said = capsys.readouterr().out
    assert "job row 1: it is damaged" in said
    assert "i=1: computed again" in said
    assert f"`qbatch doctor {tmp_path} --repair` mends it" in said
    assert (tmp_path / DB).read_bytes() == before


def test_doctor_mends_what_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done_here(tmp_path)
    damage(tmp_path, JOB)
    assert doctor(tmp_path, "--repair") == 0
    said = capsys.readouterr().out
    assert "mended:        i=1: computed again" in said
    assert f"the damaged files: {tmp_path}/snapshot.db.damaged-" in said
    assert "2 points, 0 results, 1 replies: all whole" in said
    assert first(tmp_path).state == "created"
    assert doctor(tmp_path) == 0


@pytest.mark.parametrize("flags", [(), ("--repair",)])
def test_doctor_says_the_same_before_as_when_it_is_asked_to_mend(
    flags: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with begin(tmp_path) as snapshot:
        move(snapshot, 1, JobState.SUBMITTING, JobState.FAILED)
    damage(tmp_path, "DELETE FROM attempts", JOB.replace("= 1", "= 2"))
    assert doctor(tmp_path, *flags) == 9
    said = capsys.readouterr().out
    assert "not mended:" in said
    assert "what is left does not fit together (attempts at points are missing)" in said
    assert "--repair` mends it" not in said


def test_doctor_says_why_it_does_not_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with begin(tmp_path, backend="cloud", clouds=", cloud: {provider: oqc}"):
        pass
    damage(tmp_path, "UPDATE meta SET value = 'other' WHERE key = 'run_id'")
    for flags in ((), ("--repair",)):
        assert doctor(tmp_path, *flags) == 9
        assert "its id, by which purchases are known" in capsys.readouterr().out


def test_a_whole_folder_is_left_as_it_is(tmp_path: Path) -> None:
    done_here(tmp_path)
    before = (tmp_path / DB).read_bytes()
    assert doctor(tmp_path, "--repair") == 0
    assert (tmp_path / DB).read_bytes() == before


def test_only_a_folder_can_be_mended(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--repair") == 2
    assert "--repair needs a run folder" in capsys.readouterr().err
