"""The verbs that look at a run, or change what is kept of it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from qbatch.cli import progress, status_costs, words
from qbatch.exchange.exports import TEXT_FORMATS
from qbatch.executor import BackendProgress, Cause, OpenWait, Progress
from qbatch.job import JobState
from qbatch.snapshot import Entry, Run, Snapshot, open_run, total_up

Call = Callable[..., Any]
SetState = Callable[..., str]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_plan_tells_points_shots_jobs_and_why(qbatch: Call, manifest: Path) -> None:
    facts = qbatch("plan", manifest, "--json").json
    wanted = {"points": 3, "jobs": 3, "composite_jobs": 1, "shots": 70, "would_run": 3}
    assert wanted.items() <= facts.items()
    assert facts["why"] == {"new": 3}


def test_a_plan_says_what_is_done_and_what_changed(qbatch: Call, done: Path) -> None:
    change(done, "[10, 20, 40]", "[10, 20, 41]")
    said = qbatch("plan", done, "--all")
    assert "why: 2 done, 1 changed" in said.out
    assert "changed: shots: 40 → 41" in said.out


def test_a_plan_lists_its_points_as_json_on_request(qbatch: Call, manifest: Path) -> None:
    facts = qbatch("plan", manifest, "--json", "--all", "-k", "shots=20").json
    (point,) = facts["list"]
    assert (point["point"], point["shots"], point["why"]) == ("shots=20", 20, "new")
    assert facts["points"] == 1


def test_a_long_plan_is_cut_short(qbatch: Call, manifest: Path) -> None:
    change(manifest, "[10, 20, 40]", "{range: [1, 501, 1]}")
    said = qbatch("plan", manifest)
    assert len(said.out.splitlines()) < 40
    assert "and 480 more; --all lists them" in said.out


def test_validate_answers_json_for_editors(qbatch: Call, manifest: Path) -> None:
    assert qbatch("validate", manifest, "--json").json == {
        "valid": True,
        "errors": [],
        "points": 3,
    }
    change(manifest, "provider: local", "provider: lokal")
    said = qbatch("validate", manifest, "--json")
    (mistake,) = said.json["errors"]
    assert said.code == 3
    assert (mistake["file"], mistake["line"]) == ("pair.yaml", 6)
    assert "lokal" in mistake["problem"]


def test_validate_tells_every_mistake_with_its_caret(qbatch: Call, manifest: Path) -> None:
    change(manifest, "seed: 1", "sed: 1")
    change(manifest, "provider: local", "provider: lokal")
    said = qbatch("validate", manifest)
    assert said.code == 3
    assert said.out == ""
    assert "did you mean 'seed'" in said.err
    assert said.err.count("^") == 2
    assert said.err.endswith("2 mistakes; nothing was run\nmore: qbatch help manifest\n")


def test_status_of_a_finished_run_is_done(qbatch: Call, done: Path) -> None:
    said = qbatch("status", "runs/pair")
    assert said.code == 0
    assert said.out.startswith("pair: done; 3 points in runs/pair\n")
    facts = qbatch("status", done, "--json").json
    assert facts["states"] == {"completed": 3}
    assert facts["running"] is False


def test_status_tells_what_failed_and_how_to_go_on(
    qbatch: Call, done: Path, set_state: SetState
) -> None:
    set_state(JobState.FAILED, "out of luck")
    said = qbatch("status", done)
    assert said.code == 1
    assert "failed shots=10: out of luck" in said.out
    assert "qbatch retry runs/pair" in said.err


def test_status_of_pending_work_is_nine(qbatch: Call, done: Path, set_state: SetState) -> None:
    set_state(JobState.CREATED)
    assert qbatch("status", done).code == 9


def test_status_says_of_cancelled_points_that_they_were_cancelled(
    qbatch: Call, done: Path, set_state: SetState
) -> None:
    set_state(JobState.CANCELLED)
    said = qbatch("status", done)
    assert said.code == 1
    assert said.out.startswith("pair: some points were cancelled; 3 points")


@pytest.mark.parametrize("verb", ["status", "check", "fetch"])
def test_a_run_cut_off_before_its_points_were_known_is_pending(verb: str, qbatch: Call) -> None:
    Snapshot(Path("cut")).close()
    said = qbatch(verb, "cut")
    assert said.code == 9
    assert "cut off before its points were known; `qbatch run` goes on" in said.out + said.err
    assert qbatch("status", "cut", "--json").json["exit_code"] == 9


def test_a_run_all_of_whose_points_were_forgotten_says_so(qbatch: Call, done: Path) -> None:
    with open_run("runs/pair") as run:
        ids = [point.id for point in run]
    with Snapshot(Path("runs/pair")) as snapshot:
        snapshot.forget(ids)
    said = qbatch("status", "runs/pair")
    assert said.code == 9
    assert "all its points were forgotten; `qbatch run` runs them anew" in said.out


LOST = [
    ("status",),
    ("check",),
    ("show",),
    ("doctor",),
    ("doctor", "--repair"),
    ("run",),
    ("plan",),
]


@pytest.mark.parametrize("words", LOST, ids=" ".join)
def test_a_run_whose_snapshot_was_deleted_is_damaged_to_every_verb(
    words: tuple[str, ...], qbatch: Call, done: Path
) -> None:
    Path("runs/pair/snapshot.db").unlink()
    said = qbatch(words[0], done if words[0] in ("run", "plan") else "runs/pair", *words[1:])
    assert said.code == 9
    assert "snapshot.db: it is missing" in said.out + said.err


def test_doctor_says_in_words_that_a_folder_cannot_be_written(
    qbatch: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", ".qbatch-doctor-x")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    said = qbatch("doctor")
    assert said.code == 9
    assert re.search(r"durability: +\S+: it cannot be written; make the folder writable", said.out)
    assert "Errno" not in said.out


def test_an_upper_bound_is_rounded_up_and_never_beyond_its_last_digit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """P24: 0.075 USD was told as 0.07."""
    sums = {"backend": "sv1", "unit": "usd", "billed": 0.0, "refunded": 0.0, "charged": 0}
    sums |= {"jobs": 1, "open": 1, "untold": 0}
    for outstanding in (0.075, 0.07, 0.1 + 0.2):
        status_costs.tell_costs(
            {"totals": [{**sums, "outstanding": outstanding}], "budgets": [], "beside": []}, {}
        )
    told = re.findall(r"at most (\S+) USD more to come", capsys.readouterr().out)
    assert told == ["0.08", "0.07", "0.30"]
    assert words.told_price(0.0711, "usd", "at most") == "at most 0.08 USD"
    assert words.told_price(0.0711, "usd", "about") == "about 0.07 USD"
    assert words.told_price(12.0000001, "credits", "at most") == "at most 12.0001 credits"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([11.0, 0.0, 0.0], "oq: 11 credits billed for 1 job, 2 jobs not charged"),
        ([0.0], "oq: 1 job not charged"),
        ([None, None], "oq: at most 24 credits more to come for 2 jobs"),
        ([3.0, 0.5, None, 0.0], "oq: 3.5 credits billed for 2 jobs, at most 12 credits more to come"
         " for 1 job, 1 job not charged"),
    ],
)  # fmt: skip
def test_a_ledger_tells_of_how_many_jobs_each_sum_is(
    entries: list[float | None], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """P24: it said "11 credits billed, for 3 jobs" where one was bought."""
    made = (Entry(i, 1, "oq", "credits", 11.0, "q", 12.0, one) for i, one in enumerate(entries))
    ((_, total),) = total_up(made).items()
    names = ("jobs", "open", "untold", "charged", "billed", "refunded", "outstanding")
    facts = {name: getattr(total, name) for name in names}
    totals = [{"backend": "oq", "unit": "credits", **facts}]
    status_costs.tell_costs({"totals": totals, "budgets": [], "beside": []}, {})
    assert capsys.readouterr().out.strip() == expected


def test_status_of_the_only_run_needs_no_name(qbatch: Call, done: Path) -> None:
    """P17."""
    assert qbatch("status").out == qbatch("status", done).out
    assert qbatch("status", "--out", "runs/pair").out == qbatch("status", done).out
    shutil.rmtree("runs")
    assert "there is no run below here" in qbatch("status").err


def test_status_of_several_runs_is_a_line_each_and_the_worst_code(
    qbatch: Call, done: Path, set_state: Callable[..., str]
) -> None:
    shutil.copytree("runs/pair", "runs/copy")
    said = qbatch("status")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[1:] == [["runs/copy", "done", "3", "3"], ["runs/pair", "done", "3", "3"]]
    set_state(JobState.FAILED)
    assert [each["exit_code"] for each in qbatch("status", "--json").json] == [0, 1]
    assert qbatch("status").code == 1
    assert qbatch("status", "runs/copy", "runs/copy").code == 0
    alone = qbatch("status", "runs/copy", "--json").json
    assert qbatch("status", "--json").json[0] == alone
    assert qbatch("status", "--watch").out == qbatch("status").out  # no runner: at once
    assert qbatch("status", "runs/copy", "runs/pair", "--out", "x").code == 2
    assert qbatch("status", "runs/copy", "runs/none").code == 2


def test_status_of_several_runs_names_one_that_cannot_be_read(qbatch: Call, done: Path) -> None:
    shutil.copytree("runs/pair", "runs/copy")
    Path("runs/copy/snapshot.db").write_bytes(b"no database at all" * 100)
    said = qbatch("status")
    assert said.code == 9
    assert "runs/copy  cannot be read" in said.out
    assert "runs/pair  done" in said.out
    assert "snapshot.db" in qbatch("status", "--json").json[0]["error"]


def test_what_was_forgotten_is_told_until_it_runs_anew(qbatch: Call, done: Path) -> None:
    """P41: status said "done; 1 point" where the manifest has three."""
    qbatch("forget", done, "shots=10", "--yes")
    qbatch("forget", done, "shots=20", "--yes")
    told = "1 point, and 2 forgotten (`qbatch run` runs them anew), in runs/pair"
    assert told in qbatch("status", done).out
    assert qbatch("status", done, "--json").json["forgotten"] == 2
    qbatch("run", done, "--no-report")
    assert "done; 3 points in" in qbatch("status", done).out


def test_jobs_of_this_machine_are_at_no_provider(
    qbatch: Call, done: Path, set_state: SetState
) -> None:
    """P41: after a kill it said "8 jobs at noisy"."""
    set_state(JobState.RUNNING)
    said = qbatch("status", done)
    assert said.code == 9
    assert " at sim" not in said.out
    assert qbatch("status", done, "--json").json["at_providers"] == {}


def test_show_and_export_call_the_numbers_alike(qbatch: Call, done: Path) -> None:
    """P41: `show` said numbers, `export` estimates."""
    shown = [json.loads(line) for line in qbatch("show", done, "--json").out.splitlines()]
    exported = json.loads(qbatch("export", done, "-f", "json").out)["points"]
    for one, other in zip(shown, exported, strict=True):
        assert one["estimates"] == other["estimates"]


def test_a_lock_tells_apart_what_changed(qbatch: Call, done: Path) -> None:
    """P41: --frozen said "64 characters → 64 characters"."""
    change(Path("bell.qasm"), "h q[0];", "x q[0];")
    said = qbatch("run", done, "--frozen", "--yes")
    assert said.code == 6
    assert "characters" not in said.err
    old, new = re.findall(r"([0-9a-f]{12})… → ([0-9a-f]{12})…", said.err)[0]
    assert old != new


@pytest.mark.parametrize(("days", "to_run"), [(-1, 3), (1, 0)])
def test_watching_tells_the_rate_of_the_run_itself(
    days: int, to_run: int, qbatch: Call, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P35: it was another one than the runner's, counted from when somebody looked."""
    began = datetime.now(UTC) + timedelta(days=days)
    with Snapshot(Path("runs/pair")) as snapshot:
        snapshot.set_meta(started_at=began.isoformat())
    told: list[Any] = []
    monkeypatch.setattr(progress.JsonTeller, "started", lambda _, *facts: told.append(facts))
    looks = iter([True, True])
    monkeypatch.setattr(Run, "is_running", property(lambda _: next(looks, False)))
    monkeypatch.setattr("qbatch.cli.verbs.status.LOOK_S", 0.0)
    qbatch("status", done, "--watch", "--json")
    ((name, total, at_first, ran_s),) = told
    assert (name, total, at_first) == ("pair", to_run, 0)
    assert ran_s == pytest.approx(-86_400 * days, abs=60)


def test_status_says_what_a_runner_waits_for_and_watching_shows_its_numbers(
    qbatch: Call, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P19, P35: from another process, since when and until when, as the runner itself tells it."""
    full = OpenWait(Cause.FULL, 1.8e9, 1.8e9 + 90, "409: 10 active jobs", 3)
    backend = BackendProgress(9, in_flight=4, queued=1, completed=2)
    facts = {
        **asdict(Progress(9, 2, 0, 0, 4, {"ibm": backend})),
        "waiting": {"ibm": [asdict(full)]},
    }
    monkeypatch.setattr("qbatch.cli.verbs.status.LOOK_S", 0.0)
    with Snapshot(Path("runs/pair")) as snapshot:
        snapshot.save_standing(facts)
        told = qbatch("status", done).out
        found = json.loads(qbatch("status", done, "--json").out)
        looks = iter([True] * 4)
        with monkeypatch.context() as patched:
            patched.setattr(Run, "is_running", property(lambda _: next(looks, False)))
            watched = qbatch("status", done, "--watch", "--json").out.splitlines()
    assert "ibm: waits since 2027-01-15" in told
    assert "for the provider to take more: 409: 10 active jobs" in told
    (wait,) = found["waiting"]["ibm"]
    assert (wait["since"], wait["until"]) == (
        "2027-01-15T08:00:00+00:00",
        "2027-01-15T08:01:30+00:00",
    )
    events = {event["event"]: event for event in map(json.loads, watched) if "event" in event}
    assert events["started"]["points"] == 9
    assert events["waiting"]["waits"] == [wait]
    assert events["progress"]["backends"]["ibm"]["in_flight"] == 4
    assert json.loads(qbatch("status", done, "--json").out)["waiting"] == {}


def test_watching_a_run_that_nobody_runs_ends_at_once(qbatch: Call, done: Path) -> None:
    assert qbatch("status", done, "--watch").code == 0


@pytest.mark.parametrize("verb", ["status", "show", "check", "export", "report", "retry", "forget"])
@pytest.mark.parametrize("name", ["nowhere", "pair.yaml", "."])
def test_a_run_that_is_not_there_is_a_usage_error(
    verb: str, name: str, qbatch: Call, manifest: Path
) -> None:
    said = qbatch(verb, name)
    assert said.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err


def test_show_lists_points_with_their_numbers(qbatch: Call, done: Path) -> None:
    said = qbatch("show", done)
    head, *rows = said.out.splitlines()
    assert head.split() == ["id", "point", "state", "zz", "z"]
    assert [row.split()[1:3] for row in rows] == [[f"shots={n}", "completed"] for n in (10, 20, 40)]


def test_show_selects_by_expression_and_by_state(qbatch: Call, done: Path) -> None:
    assert len(qbatch("show", done, "-k", "shots>10", "--json").json_lines) == 2
    assert qbatch("show", done, "--state", "failed", "--json").out == ""


def test_show_of_one_point_has_all_that_is_known(qbatch: Call, done: Path) -> None:
    facts = qbatch("show", done, "shots=40", "--json").json
    assert sum(facts["counts"].values()) == 40
    assert facts["estimates"]["zz"]["value"] == 1.0
    assert facts["history"][-1]["state"] == "completed"
    assert facts["circuit_text"].startswith("OPENQASM 3.0;")
    said = qbatch("show", done, facts["id"][:8]).out
    assert facts["id"] in said
    assert "zz" in said


@pytest.mark.parametrize("name", ["shots=20.0", "shots=2e1", "shots=+20"])
def test_a_points_numbers_may_be_written_in_any_way(qbatch: Call, done: Path, name: str) -> None:
    said = qbatch("show", done, name)
    assert said.code == 0, said.err
    assert "shots=20\n" in said.out


def test_show_of_a_point_that_is_not_there_is_a_usage_error(qbatch: Call, done: Path) -> None:
    assert qbatch("show", done, "shots=41").code == 2


def test_a_short_beginning_of_an_id_is_told_to_be_too_short(qbatch: Call, done: Path) -> None:
    said = qbatch("show", done, "9bd")
    assert said.code == 2
    assert "no point is called '9bd'; of an id, write 4 characters or more" in said.err
    assert "or has such an id; `qbatch show RUN` lists them" in qbatch("show", done, "ffff0000").err


def test_csv_has_the_columns_of_the_design(qbatch: Call, done: Path) -> None:
    rows = list(csv.reader(io.StringIO(qbatch("export", done).out)))
    numbers = [f"{name}{end}" for name in ("zz", "z") for end in ("", "_se", "_low", "_high")]
    front = ["id", "point", "state", "circuit", "backend", "shots", "repeat"]
    tail = ["cost", "unit", "provider_job_id", "error", "error_code", "emulated"]
    assert rows[0] == [*front, *numbers, *tail]
    assert len(rows) == 4


def test_counts_are_a_long_table_that_adds_up(qbatch: Call, done: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(qbatch("export", done, "--format", "counts").out)))
    assert list(rows[0]) == ["id", "point", "bitstring", "count"]
    assert sum(int(row["count"]) for row in rows) == 70
    assert {row["bitstring"] for row in rows} <= {"00", "11"}


@pytest.mark.parametrize("format_", ["md", "html", *TEXT_FORMATS[:-1]])
def test_text_goes_to_stdout_or_to_a_file_the_same(format_: str, qbatch: Call, done: Path) -> None:
    printed = qbatch("export", done, "-f", format_).out
    said = qbatch("export", done, "-f", format_, "-o", "results.txt")
    assert said.out == ""
    assert Path("results.txt").read_text("utf-8") == printed


def test_json_has_every_point(qbatch: Call, done: Path) -> None:
    assert len(json.loads(qbatch("export", done, "-f", "json").out)["points"]) == 3


def test_binary_formats_need_a_file(qbatch: Call, done: Path) -> None:
    said = qbatch("export", done, "-f", "netcdf")
    assert (said.code, said.out) == (2, "")
    assert "-o FILE" in said.err


def test_a_file_that_cannot_be_written_is_told_without_a_traceback(
    qbatch: Call, done: Path
) -> None:
    said = qbatch("export", done, "-o", "pair.yaml/results.csv")
    assert said.code == 2
    assert "pair.yaml/results.csv: cannot be written (pair.yaml is no folder); name" in said.err


NAMED = {
    "plan": ("plan", "pair.yaml", "-o", "pair.yaml/x"),
    "schema": ("schema", "-o", "pair.yaml/x"),
    "page": ("export", "runs/pair", "-f", "html", "-o", "pair.yaml/x"),
    "capsule": ("export", "runs/pair", "-f", "capsule", "-o", "pair.yaml/x"),
    "table": ("export", "runs/pair", "-f", "parquet", "-o", "pair.yaml/x"),
    "junit": ("check", "runs/pair", "--junit", "pair.yaml/x"),
    "report": ("report", "runs/pair", "--to", "pair.yaml/x"),
}


@pytest.mark.parametrize("words", NAMED.values(), ids=NAMED)
def test_a_place_that_cannot_be_written_is_a_usage_error_of_every_verb(
    words: tuple[str, ...], qbatch: Call, done: Path
) -> None:
    said = qbatch(*words)
    assert said.code == 2
    assert re.search(r"cannot be written \(.*(no fold|Not a dir).*\); name another place", said.err)


NOWHERE = {name: words for name, words in NAMED.items() if name != "report"}


@pytest.mark.parametrize("words", NOWHERE.values(), ids=NOWHERE)
def test_a_folder_that_is_missing_is_told_and_not_made(
    words: tuple[str, ...], qbatch: Call, done: Path
) -> None:
    """P6: a mistyped place for a file made that place."""
    said = qbatch(*words[:-1], "no/such/x")
    assert said.code == 2
    assert "there is no folder no/such" in said.err
    assert not Path("no").exists()


@pytest.mark.slow
@pytest.mark.parametrize("words", [("plan",), ("export", "-f", "csv"), ("export", "-f", "html")])
def test_a_pipe_is_written_through(words: tuple[str, ...], qbatch: Call, done: Path) -> None:
    verb, *rest = words
    qbatch(verb, done, *rest, "-o", "file")
    os.mkfifo("pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(Path("pipe").read_bytes)
        assert qbatch(verb, done, *rest, "-o", "pipe").code == 0
        assert read.result() == Path("file").read_bytes()
    assert Path("pipe").is_fifo()


def test_a_link_stays_and_its_target_is_written(qbatch: Call, done: Path) -> None:
    Path("target").write_text("old")
    Path("link").symlink_to("target")
    assert qbatch("plan", done, "-o", "link").code == 0
    assert Path("link").is_symlink()
    assert json.loads(Path("target").read_text().splitlines()[0])["backends"]


def test_what_stdout_goes_to_is_written_where_it_stands(done: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qbatch", "plan", str(done), "-o", "/dev/stdout"]
    with (tmp_path / "out").open("w") as out:
        subprocess.run(command, cwd=tmp_path, stdout=out, stderr=subprocess.DEVNULL, check=True)
    lines = (tmp_path / "out").read_text().splitlines()
    told = next(at for at, line in enumerate(lines) if line.startswith("pair: 3 points"))
    assert '"points":3' in lines[told - 1]


@pytest.mark.parametrize(
    ("claim", "code", "verdict"),
    [("zz >= 0.2", 0, "pass"), ("zz < 0.5", 5, "fail"), ("zz >= 0.99", 4, "undecided")],
)
def test_checks_are_judged_on_the_interval(
    claim: str, code: int, verdict: str, qbatch: Call, done: Path
) -> None:
    change(done, "zz >= 0.3", claim)
    qbatch("run", done, "--no-report")
    said = qbatch("check", done, "--junit", "checks.xml")
    assert said.code == code
    assert said.out.startswith(verdict)
    suite = ElementTree.parse("checks.xml").getroot()
    told = {"pass": [], "fail": ["failure"], "undecided": ["skipped"]}[verdict]
    assert [child.tag for child in suite[0]] == told


def test_check_answers_json(qbatch: Call, done: Path) -> None:
    (result,) = qbatch("check", done, "--json").json
    assert result["verdict"] == "pass"
    assert result["points"] == {"pass": 3}


def test_report_writes_again_in_any_format_and_says_where(qbatch: Call, done: Path) -> None:
    said = qbatch("report", done, "-f", "json", "-f", "md", "--to", "pages")
    assert set(said.out.split()) == {"pages/report.md", "pages/results.json"}
    assert all(Path(path).is_file() for path in said.out.split())


def test_forgetting_needs_the_persons_word(qbatch: Call, done: Path) -> None:
    said = qbatch("forget", done)
    assert said.code == 6
    assert "--yes" in said.err
    assert len(open_run(done)) == 3


def test_forgotten_points_are_gone_and_the_others_stay(qbatch: Call, done: Path) -> None:
    assert qbatch("forget", done, "shots=10", "--yes").code == 0
    assert [point.name for point in open_run(done)] == ["shots=20", "shots=40"]
    assert qbatch("plan", done, "--json").json["why"] == {"new": 1, "done": 2}


def test_a_whole_run_can_be_forgotten(qbatch: Call, done: Path) -> None:
    assert qbatch("forget", done, "--yes").code == 0
    assert not Path("runs/pair").exists()


def test_points_are_shown_by_their_state_and_their_measured_numbers(
    qbatch: Call, done: Path
) -> None:
    """P33: `-k` knew neither."""
    rows = qbatch("show", "runs/pair", "-k", "zz>=0.9 and state=completed", "--json").json_lines
    assert len(rows) == len(qbatch("show", "runs/pair", "--json").json_lines) > 0
    assert not qbatch("show", "runs/pair", "-k", "zz<0.9", "--json").json_lines
    assert "there is no axis 'zzz'" in qbatch("show", "runs/pair", "-k", "zzz<0.9").err


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.csv", b"id,"),
        ("r.json", b"{"),
        ("r.md", b"#"),
        ("r.parquet", b"PAR1"),
        ("r.nc", b"\x89HDF"),
    ],
)
def test_a_file_is_written_in_the_format_of_its_name(
    qbatch: Call, done: Path, name: str, begins: bytes
) -> None:
    """All but `-f` wrote CSV, also under the name of another format."""
    assert qbatch("export", "runs/pair", "-o", name).code == 0
    assert Path(name).read_bytes().startswith(begins)


def test_a_format_that_no_name_tells_is_asked_for(qbatch: Call, done: Path) -> None:
    said = qbatch("export", "runs/pair", "-o", "r.xlsx")
    assert said.code == 2
    assert "no format is known by '.xlsx'" in said.err
    assert not Path("r.xlsx").exists()


def test_a_value_that_no_point_has_is_told_by_verbs_that_read_too(qbatch: Call, done: Path) -> None:
    said = qbatch("show", "runs/pair", "-k", "shots=11")
    assert said.code != 0
    assert "no point has shots=11" in said.err


def test_an_observable_that_is_not_measured_yet_leaves_the_others_told(
    done: Path, qbatch: Call, tmp_path: Path
) -> None:
    before = qbatch("export", done, "-f", "json").json["points"]
    path = tmp_path / done
    path.write_text(path.read_text().replace("z: Z0}", "z: Z0, x: X0}"))
    after = qbatch("export", done, "-f", "json").json["points"]
    assert [point["estimates"] for point in after] == [point["estimates"] for point in before]
    assert qbatch("report", done).code == 0
    assert qbatch("check", done).code == qbatch("check", "runs/pair").code
