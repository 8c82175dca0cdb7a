"""What a person reads when something is wrong."""

from __future__ import annotations

import errno
import json
import subprocess
import sys

import click
import pytest

from qbatch.cli.error_messages import ErrorMessages, describe
from qbatch.cli.exits import Exit, code_of
from qbatch.cli.failures import mistakes_in
from qbatch.errors import (
    CircuitError,
    ConsentError,
    CredentialsError,
    JobStateError,
    ManifestError,
    Misspoke,
    Place,
    Refused,
    ReportError,
    RunLockedError,
    SelectionError,
    SnapshotError,
    SourceError,
    SourceErrors,
    Unavailable,
)
from tests.cli.written import misfits, strict

MISTAKE = ManifestError(
    Place("bell.yaml", 5, 8), "shots: 0 is too few; write 1 or more", excerpt="shots: 0"
)


def plain(error: SourceError) -> str:
    return click.unstyle(describe(error))


def told(error: BaseException) -> int:
    with ErrorMessages() as faults:
        raise error
    return faults.exit_code


def test_a_mistake_is_told_with_its_line_and_a_caret_below_the_column() -> None:
    assert plain(MISTAKE).splitlines() == [
        "bell.yaml:5:8: shots: 0 is too few; write 1 or more",
        "     5 | shots: 0",
        "       |        ^",
    ]


def test_a_mistake_about_a_whole_file_has_no_excerpt() -> None:
    error = ManifestError(Place("bell.yaml"), "there is no such file")
    assert plain(error) == "bell.yaml: there is no such file"


def test_a_long_line_is_cut_around_the_caret() -> None:
    error = ManifestError(Place("a.yaml", 1, 501), "bad", excerpt="x" * 500 + "Q" + "x" * 500)
    _, excerpt, caret = plain(error).splitlines()
    assert len(excerpt) < 120
    assert excerpt[caret.index("^")] == "Q"


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    error = ManifestError(Place("a.yaml", 1, 3), "bad", excerpt="a\x1b[31mb\tc")
    assert "\x1b" not in plain(error)
    assert "\t" not in plain(error)


def test_every_mistake_of_a_group_is_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    nested = SourceErrors("circuits", [CircuitError(Place("b.qasm", 3, 1), "no gate 'hh'")])
    assert told(SourceErrors("wrong", [MISTAKE, nested])) == Exit.INVALID
    err = capsys.readouterr().err
    assert "bell.yaml:5:8:" in err
    assert "b.qasm:3:1: no gate 'hh'" in err
    assert err.endswith("2 mistakes; nothing was run\nmore: qbatch help manifest\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (click.Abort(), "interrupted"),
        (click.UsageError("no such option: --wach"), "no such option: --wach"),
        (SelectionError("nowhere: there is no such run"), "nowhere: there is no such run"),
        (SourceErrors("wrong", [MISTAKE, MISTAKE]), f"{MISTAKE}; {MISTAKE}"),
        (OSError(errno.ENOSPC, "No space left on device", "a"), "a: No space left on device; make"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_with_json_any_error_is_one_document_as_its_schema_has_it(
    error: BaseException, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with ErrorMessages(as_json=True) as faults:
        raise error
    said = capsys.readouterr()
    assert misfits(["status", "--json"], said.out, strict) == []
    found = json.loads(said.out)
    assert found["message"].startswith(message)
    assert found["exit_code"] == faults.exit_code == told(error)
    assert bool(found["mistakes"]) == isinstance(error, SourceErrors)
    assert said.err == capsys.readouterr().err


@pytest.mark.parametrize("error", [BrokenPipeError(), click.exceptions.Exit(0), SystemExit(0)])
def test_what_is_no_error_is_none_in_json_either(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with ErrorMessages(as_json=True):
        raise error
    assert capsys.readouterr().out == ""


def test_a_group_is_flattened_in_order() -> None:
    nested = SourceErrors("circuits", [CircuitError(Place("b.qasm"), "two")])
    group = SourceErrors("wrong", [MISTAKE, nested, MISTAKE])
    assert [error.place.file for error in mistakes_in(group)] == [
        "bell.yaml",
        "b.qasm",
        "bell.yaml",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MISTAKE, 3),
        (SourceErrors("wrong", [MISTAKE]), 3),
        (SelectionError("no point 'x'"), 2),
        (ConsentError("would change qbatch.lock"), 6),
        (CredentialsError("oqc: no token"), 7),
        (Refused("oqc: no"), 1),
        (Unavailable("oqc: 503"), 8),
        (Misspoke("oqc: ?"), 8),
        (SnapshotError("disk full"), 9),
        (RunLockedError("held"), 9),
        (KeyboardInterrupt(), 130),
        (JobStateError("a job cannot move"), 70),
        (ZeroDivisionError(), 70),
    ],
)
def test_every_error_has_the_exit_code_of_the_design(error: BaseException, code: int) -> None:
    assert code_of(error) == code


@pytest.mark.parametrize("error", [SelectionError("no point 'x'"), click.UsageError("what?")])
def test_a_persons_mistake_never_ends_in_a_traceback(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(error) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_our_own_bug_is_code_70_and_says_how_to_report_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(ZeroDivisionError("division by zero")) == 70
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: division by zero" in err
    assert "QBATCH_DEBUG=1" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_DEBUG", "1")
    told(SelectionError("no point 'x'"))
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_who_stops_early_is_no_error() -> None:
    piped = f"{sys.executable} -m qbatch schema; echo code $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({piped}) | head -c 1"], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "code 0\n"


@pytest.mark.parametrize(
    ("verb", "again"), [("export", "the same command again"), ("run", "`qbatch report`")]
)
def test_what_wrote_no_report_is_not_mended_by_one(
    verb: str, again: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with ErrorMessages(verb=verb):
        raise ReportError(Place("toy"), "its exporter failed: no ink")
    assert f"the results are kept: mend it, then {again}\n" in capsys.readouterr().err
