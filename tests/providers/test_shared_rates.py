"""Limits shared by all runs on a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qbatch.providers import (
    Rate,
)
from qbatch.providers.kit.shared_rates import SharedRates
from qbatch.state import state_folder

RATES = (Rate(2, 60.0), Rate(3, 600.0))


def test_each_window_holds(tmp_path: Path) -> None:
    shared = SharedRates(tmp_path, "a", RATES)
    assert [shared.take(at) for at in (1000.0, 1010.0)] == [0.0, 0.0]
    assert shared.take(1020.0) == pytest.approx(40.0)
    assert shared.take(1060.0) == 0.0
    assert shared.take(1200.0) == pytest.approx(400.0)
    assert shared.take(1600.0) == 0.0


def test_a_refused_submission_is_not_counted(tmp_path: Path) -> None:
    shared = SharedRates(tmp_path, "a", RATES)
    for at in (0.0, 1.0, 2.0, 3.0):
        shared.take(at)
    assert shared.take(60.0) == 0.0


def test_what_did_not_take_place_is_given_back(tmp_path: Path) -> None:
    shared = SharedRates(tmp_path, "a", RATES)
    for at in (1.0, 2.0):
        shared.take(at)
    shared.give_back(2.0)
    assert shared.take(3.0) == 0.0


def test_accounts_do_not_share_and_are_not_named(tmp_path: Path) -> None:
    first, second = (SharedRates(tmp_path, name, RATES) for name in ("secret-a", "secret-b"))
    for at in (1.0, 2.0):
        first.take(at)
    assert first.take(3.0) > 0
    assert second.take(3.0) == 0.0
    assert "secret" not in (tmp_path / "submissions.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 3, "b": ["x"]}'])
def test_a_spoilt_file_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "submissions.json").write_text(text)
    shared = SharedRates(tmp_path, "a", RATES)
    assert [shared.take(1.0), shared.take(2.0)] == [0.0, 0.0]
    assert shared.take(3.0) > 0


def test_a_folder_that_cannot_be_written_does_not_stop_anybody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shared = SharedRates(tmp_path / "file", "a", RATES)
    assert [shared.take(at) for at in (1.0, 2.0, 3.0)] == [0.0] * 3


def test_a_clock_that_was_set_back_locks_nobody_out(tmp_path: Path) -> None:
    shared = SharedRates(tmp_path, "a", RATES)
    for at in (90_000.0, 90_001.0):
        shared.take(at)
    assert shared.take(1000.0) == 0.0


def test_processes_at_once_take_no_more_than_there_is(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from qbatch.providers import Rate;"
        "from qbatch.providers.kit.shared_rates import SharedRates;"
        "shared = SharedRates(Path(sys.argv[1]), 'a', [Rate(20, 60.0)]);"
        "print(sum(not shared.take(100.0) for _ in range(30)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(run.communicate()[0]) for run in runs) == 20


def test_the_folder_is_the_users() -> None:
    assert state_folder({"QBATCH_STATE_DIR": "/q"}) == Path("/q")
    assert state_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/qbatch")
    assert state_folder({}).name == "qbatch"
