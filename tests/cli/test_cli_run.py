"""`qbatch run`, as a person and a script meet it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from qbatch.cli.running import _sentences
from qbatch.job import JobState
from qbatch.snapshot import InPart, open_run
from tests.cli.conftest import REPORT

Call = Callable[..., Any]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_run_says_where_its_report_is_on_stdout_and_the_rest_on_stderr(
    qbatch: Call, manifest: Path
) -> None:
    said = qbatch("run", manifest)
    assert said.code == 0
    first, *numbers = said.out.splitlines()[:-3]
    paths = said.out.splitlines()[-3:]
    assert first.startswith("pair: 3 of 3 points done, 3 now in ")
    assert {Path(line.strip()) for line in paths} == {
        Path("runs/pair") / name for name in ("report.md", "report.html", "results.csv")
    }
    assert all(Path(line.strip()).stat().st_size for line in paths)
    assert len(numbers) == 4  # three points and a check: see test_cli_numbers
    assert "pair: 3 points, 70 shots, 3 jobs in 1 composite job, free" in said.err
    assert "\x1b" not in said.out + said.err


def test_what_failed_is_counted_once() -> None:
    """P41: "1 failed" stood twice."""
    run: Any = SimpleNamespace(name="pair", folder=Path("runs/pair"), in_part=InPart, meta={})
    facts = {"total": 3, "completed": 2, "states": {JobState.COMPLETED: 2, JobState.FAILED: 1}}
    idle = {
        "out_of_reach": {},
        "signal": None,
        "stopped": "",
        "at_providers": {},
        "over_budget": {},
        "not_agreed": {},
        "left": {},
    }
    summary: Any = SimpleNamespace(
        **facts, **idle, failed=1, cancelled=0, held=0, elapsed_s=1.0, unit="point"
    )
    watcher: Any = SimpleNamespace(failures={(JobState.FAILED, "no laser"): ["x=1"]})
    lines = list(map(click.unstyle, _sentences(run, summary, watcher, None, [])))
    assert [line for line in lines if "1 failed" in line] == ["  1 failed: no laser (x=1)"]
    summary.failed = 3
    told = "\n".join(_sentences(run, summary, watcher, None, []))
    assert "3 failed in all: `qbatch retry" in told


def test_what_a_person_cancelled_is_not_called_failed(
    qbatch: Call, done: Path, set_state: Callable[..., str]
) -> None:
    set_state(JobState.CANCELLED)
    said = qbatch("run", done, "-k", "shots>=20", "--no-report")
    assert said.code == 0
    assert "  1 cancelled: `qbatch retry runs/pair` runs it again\n" in said.out
    assert "failed" not in said.out + said.err


def test_running_again_does_nothing_and_is_fine(qbatch: Call, done: Path) -> None:
    said = qbatch("run", done)
    assert said.code == 0
    assert said.out.startswith("pair: nothing to do; 3 of 3 points done\n")


def test_running_again_does_only_what_is_missing(qbatch: Call, done: Path) -> None:
    said = qbatch("run", done, "-S", "shots=10,20,40,80", "--json", "--no-report")
    *events, finished = said.json_lines
    assert (finished["total"], finished["completed"], finished["exit_code"]) == (1, 1, 0)
    moved = {event["name"] for event in events if event["event"] == "job"}
    assert moved == {"shots=80"}
    assert finished["report"] == []


def test_json_is_one_object_a_line_and_nothing_else_is_said(qbatch: Call, manifest: Path) -> None:
    said = qbatch("run", manifest, "--json", "-k", "shots=10")
    assert said.err == ""
    kinds = [event["event"] for event in said.json_lines]
    assert {"message", "started", "job", "progress"} < set(kinds)
    assert kinds[-1] == "finished"
    assert said.json_lines[-1]["states"] == {"completed": 1, "created": 2}


def test_a_selection_that_is_done_is_done_whatever_is_left(qbatch: Call, done: Path) -> None:
    assert qbatch("run", done, "-k", "shots>=20", "--no-report").code == 0


@pytest.mark.parametrize(
    ("flags", "caret"), [(("-k", "shtos=10"), True), (("--plan", "absent.plan"), False)]
)
def test_what_does_not_exist_is_a_usage_error(
    qbatch: Call, done: Path, flags: tuple[str, ...], caret: bool
) -> None:
    said = qbatch("run", done, *flags)
    assert said.code == 2
    assert ("^" in said.err) is caret


@pytest.mark.parametrize("words", [("run",), ("run", "--rehearse"), ("plan",)])
def test_a_value_that_no_point_has_is_a_usage_error(
    words: tuple[str, ...], qbatch: Call, manifest: Path
) -> None:
    said = qbatch(words[0], manifest, *words[1:], "-k", "backend=smi and shots=10")
    assert said.code == 2
    assert "-k: no point has backend=smi; did you mean 'sim'?" in said.err
    assert not Path("runs").exists()


def test_a_retry_knows_the_values_too(qbatch: Call, done: Path) -> None:
    said = qbatch("retry", "runs/pair", "-k", "shots>40")
    assert said.code == 2
    assert "-k: no point has shots>40; there are 10, 20, 40" in said.err


@pytest.mark.parametrize("call", [("run",), ("plan",), ("run", "--rehearse"), ("retry",)])
def test_an_empty_selection_of_values_that_exist_is_told_once(
    call: tuple[str, ...], qbatch: Call, done: Path
) -> None:
    verb, *flags = call
    said = qbatch(verb, done, "-k", "shots=10 and shots=20", *flags)
    assert said.code == 0
    told = "-k: 'shots=10 and shots=20' means no point: the selection is empty"
    assert said.err.count(told) == 1


@pytest.mark.parametrize("verb", ["run", "plan", "validate"])
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("shots", "-S shots: is no path=value; write -S shots=1000"),
        ("shots=", "-S shots: sweep.matrix.shots: is an empty axis"),
        ("shots=many", "-S shots: sweep.matrix.shots[0]: 'many' is no number; write a whole"),
        ("shots={a", "-S shots: the value is no YAML"),
        ("bakends.sim.target=x", "no 'bakends' (allocate, analysis, backends, budget"),
        ("backends.sim.limits.workers=[1]", "-S backends.sim.limits.workers: "),
        ("backends.sim.options.method=none", "-S backends.sim.options.method: 'none' is none of"),
        ("circuits.bell.file=x", "circuits.bell is one value and has no 'file' in it; write -S "),
        ("vars.x=3", "vars has no 'x' (there is nothing in it)"),
        ("budget.sum.usd=3", "-S budget.sum.usd: budget.sum: 'sum' is no backend"),
        ("theta=0,pi", "'theta' is no key and no axis"),
    ],
)
def test_what_is_wrong_on_the_command_line_alone_is_wrong_usage(
    verb: str, override: str, said: str, qbatch: Call, manifest: Path
) -> None:
    found = qbatch(verb, manifest, "-S", override)
    assert said in found.err
    assert found.code == 2


def test_a_manifest_that_is_wrong_itself_stays_invalid_under_a_wrong_flag(
    qbatch: Call, manifest: Path
) -> None:
    change(manifest, "seed: 1", "seed: x")
    assert qbatch("plan", manifest, "-S", "shots=many").code == 3


def test_a_budget_may_be_given_on_the_command_line(qbatch: Call, manifest: Path) -> None:
    assert qbatch("plan", manifest, "-S", "budget.total.usd=3").code == 0


def test_an_invalid_manifest_runs_nothing(qbatch: Call, manifest: Path) -> None:
    change(manifest, "shots: [10", "shots: [0")
    said = qbatch("run", manifest)
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("pair.yaml:8:")
    assert "nothing was run" in said.err
    assert not Path("runs").exists()


def test_frozen_runs_what_the_lock_has_and_refuses_anything_else(qbatch: Call, done: Path) -> None:
    assert qbatch("run", done, "--frozen").code == 0
    change(done, "seed: 1", "seed: 2")
    said = qbatch("run", done, "--frozen")
    assert said.code == 6
    assert "this has changed" in said.err
    assert "seeds.0: 1 → 2" in said.err


def test_an_override_is_not_locked(qbatch: Call, done: Path) -> None:
    before = Path("qbatch.lock").read_text()
    qbatch("run", done, "-S", "shots=10", "--no-report")
    assert Path("qbatch.lock").read_text() == before


def test_a_part_of_a_plan_is_not_locked_and_frozen_judges_it_by_the_whole(
    qbatch: Call, done: Path
) -> None:
    change(done, "sweep:", "  other: {provider: local, noise: {readout: 0.1}}\nsweep:")
    before = Path("qbatch.lock").read_text()
    assert qbatch("run", done, "-k", "backend=sim", "--no-report").code == 0
    assert Path("qbatch.lock").read_text() == before
    assert qbatch("run", done, "--no-report").code == 0
    assert qbatch("run", done, "-k", "backend=sim", "--frozen", "--no-report").code == 0


def test_a_saved_plan_runs_until_anything_changes(qbatch: Call, done: Path) -> None:
    assert qbatch("plan", done, "-o", "pair.plan").code == 0
    assert qbatch("run", done, "--plan", "pair.plan").code == 0
    change(done, "[10, 20, 40]", "[10, 20, 41]")
    said = qbatch("run", done, "--plan", "pair.plan")
    assert said.code == 6
    assert "shots=41" in said.err


def test_a_saved_plan_and_a_selection_are_one_too_many(qbatch: Call, done: Path) -> None:
    qbatch("plan", done, "-o", "pair.plan")
    assert qbatch("run", done, "--plan", "pair.plan", "-k", "shots=10").code == 2


def test_fresh_sets_the_old_run_aside_and_computes_the_same_again(qbatch: Call, done: Path) -> None:
    before = {point.id: point.counts for point in open_run(done)}
    said = qbatch("run", done, "--fresh", "--json")
    assert said.json_lines[-1]["completed"] == 3
    assert {point.id: point.counts for point in open_run(done)} == before
    assert len(list(Path("runs").iterdir())) == 2


def test_out_names_another_folder(qbatch: Call, manifest: Path) -> None:
    assert qbatch("run", manifest, "--out", "elsewhere", "-k", "shots=10").code == 0
    assert qbatch("status", "elsewhere").code == 9
    assert not Path("runs").exists()


def test_a_python_circuit_needs_trust(qbatch: Call, tmp_path: Path, manifest: Path) -> None:
    (tmp_path / "made.py").write_text(f"def build():\n    return {BELL_TEXT!r}\n")
    change(manifest, "bell: bell.qasm", "bell: {python: 'made.py:build'}")
    refused = qbatch("validate", manifest)
    assert refused.code != 0
    assert "--trust" in refused.err
    assert qbatch("validate", manifest, "--trust").code == 0


BELL_TEXT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nbit[2] c;\nc[0] = measure q[0];\n'


def test_a_failed_point_is_run_again_by_retry(
    qbatch: Call, done: Path, set_state: Callable[..., str]
) -> None:
    set_state(JobState.FAILED, "out of luck")
    said = qbatch("retry", done, "--json")
    assert said.code == 0
    assert said.json_lines[-1]["completed"] == 1
    assert next(iter(open_run(done))).job.generation == 2


def test_only_missing_leaves_failed_points_alone(
    qbatch: Call, done: Path, set_state: Callable[..., str]
) -> None:
    set_state(JobState.FAILED, "out of luck")
    said = qbatch("run", done, "--only", "missing", "--no-report", "--json")
    assert said.json_lines[-1]["total"] == 0


@pytest.mark.slow
def test_a_closed_stdout_does_not_end_a_run(done: Path, manifest: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m qbatch run pair.yaml --fresh; echo code $? >&2"
    ended = subprocess.run(
        ["bash", "-c", f"({command}) | true"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stderr.endswith("code 0\n")
    assert "Traceback" not in ended.stderr
    assert len(open_run(tmp_path / "runs" / "pair").counts_by_state()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_with_its_code_and_leaves_what_is_done(
    number: signal.Signals, manifest: Path, tmp_path: Path
) -> None:
    change(tmp_path / manifest, "shots: [10, 20, 40]", "shots: {range: [100, 40000, 1]}")
    command = [sys.executable, "-m", "qbatch", "run", str(manifest), "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if '"state": "completed"' in line:
                run.send_signal(number)
                break
        *_, last = run.stdout
    assert run.returncode == 128 + number
    assert json.loads(last)["exit_code"] == 128 + number
    assert open_run(tmp_path / "runs" / "pair").counts_by_state()[JobState.COMPLETED] > 0


def test_a_template_that_is_no_jinja_is_told_before_anything_runs(
    qbatch: Call, manifest: Path
) -> None:
    add_template(manifest, "{% if %}")
    for verb in ("validate", "run"):
        said = qbatch(verb, manifest)
        assert said.code == 3
        assert "own.md.j2:1: Expected an expression" in said.err
        assert "1 mistake; nothing was run" in said.err
    assert not Path("runs/pair/snapshot.db").exists()


def test_a_template_that_fails_late_keeps_the_results_and_says_so(
    qbatch: Call, manifest: Path
) -> None:
    add_template(manifest, "{{ nobody }}")
    said = qbatch("run", manifest)
    assert said.code == 3
    assert "3 of 3 points done" in said.out
    assert "nothing was run" not in said.err
    assert "mend it, then `qbatch report`" in said.err


def add_template(manifest: Path, text: str) -> None:
    Path("own.md.j2").write_text(text)
    report = "report: {template: own.md.j2, formats: [md]}\n"
    manifest.write_text(manifest.read_text().replace(REPORT, report))


@pytest.mark.slow
def test_points_that_are_cut_are_told_with_their_jobs(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points of 10, 20 and 40 shots, where a simulator takes 12 at once."""
    monkeypatch.setattr("qbatch.providers.local.driver.MAX_SHOTS", 12)
    assert qbatch("validate", manifest).code == 0
    planned = qbatch("plan", manifest)
    assert planned.out.startswith("pair: 3 points, 70 shots, 7 jobs in 1 composite job, free")
    facts = qbatch("plan", manifest, "--json").json
    assert (facts["points"], facts["jobs"], facts["left"]["jobs"]) == (3, 7, 7)
    assert [(one["points"], one["jobs"]) for one in facts["backends"]] == [(3, 7)]
    said = qbatch("run", manifest, "--json")
    started = next(line for line in said.json_lines if line.get("event") == "started")
    assert started["jobs"] == 7
    shown = qbatch("show", "runs/pair", "--json").json_lines
    assert {(row["shots"], row["used"], row["state"]) for row in shown} == {
        (shots, shots, "completed") for shots in (10, 20, 40)
    }
    assert "done" in qbatch("status", "runs/pair").out
    again = qbatch("run", manifest)
    assert again.out.startswith("pair: nothing to do; 3 of 3 points done")


@pytest.mark.slow
def test_what_was_bought_of_a_cut_point_is_told(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qbatch.providers.local.driver.MAX_SHOTS", 12)
    change(manifest, "matrix: {shots: [10, 20, 40]}", "matrix: {backend: [sim]}")
    change(manifest, "analysis:", "shots: 30\nanalysis:")
    first = qbatch("run", manifest)
    assert "1 of 1 point done, 3 jobs now in " in first.out
    change(manifest, "shots: 30", "shots: 60")
    planned = qbatch("plan", manifest)
    assert "of that is left to run: 1 point, 30 shots, 3 jobs in 1 composite job" in planned.out
    assert "more shots: 30 of 60 done" in planned.out
    assert "3/3 jobs, " in qbatch("run", manifest).err
    assert len(qbatch("show", "runs/pair", "--json").json_lines) == 1
    shown = qbatch("show", "runs/pair", "bell").out
    assert [line.split()[:2] for line in shown.splitlines() if line.startswith("[")] == [
        [f"[{start},", f"{start + 10})"] for start in range(0, 60, 10)
    ]


RISKY = """\
qbatch: 1
name: risky
circuits: {turn: turn.qasm}
backends: {sim: {provider: local}}
shots: 100
sweep: {matrix: {a: [0.5, 0]}}
"""
TURN = (
    'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit c; rx(ANGLE) q; '
    "c = measure q;"
)


@pytest.mark.slow
def test_retry_after_the_circuit_is_mended_runs_what_failed_as_it_is_now(
    qbatch: Call, tmp_path: Path
) -> None:
    """P25: it said "nothing to do" and 0, while status said 9."""
    (tmp_path / "risky.yaml").write_text(RISKY)
    (tmp_path / "turn.qasm").write_text(TURN.replace("ANGLE", "1/a"))
    assert qbatch("run", "risky.yaml").code == 1
    (tmp_path / "turn.qasm").write_text(TURN.replace("ANGLE", "1/(a+1)"))
    retried = qbatch("retry", "risky.yaml")
    assert "1 of 2 points done, 1 now" in retried.out
    assert "1 point not done yet: `qbatch run` runs them" in retried.out
    assert (retried.code, qbatch("status", "risky.yaml").code) == (0, 9)  # all it was asked for
    assert "nothing to do" in qbatch("retry", "risky.yaml").out
    assert qbatch("run", "risky.yaml").code == 0
    assert qbatch("retry", "risky.yaml").code == qbatch("status", "risky.yaml").code == 0


@pytest.mark.slow
def test_code_that_was_trusted_runs_again_as_long_as_it_is_the_same(
    qbatch: Call, tmp_path: Path
) -> None:
    """P25: a finished Python run needed --trust again to be retried or planned."""
    made = (
        f"def build():\n    return {TURN.replace('input float a; ', '').replace('ANGLE', '1')!r}\n"
    )
    (tmp_path / "made.py").write_text(made)
    text = RISKY.replace("turn.qasm", '{python: "made.py:build"}').split("sweep")[0]
    (tmp_path / "risky.yaml").write_text(text)
    assert qbatch("plan", "risky.yaml").code == 6
    assert qbatch("run", "risky.yaml", "--trust").code == 0
    assert [qbatch(verb, "risky.yaml").code for verb in ("plan", "retry", "run")] == [0, 0, 0]
    (tmp_path / "beside.py").write_text("x = 1\n")  # it might import this
    assert qbatch("plan", "risky.yaml").code == 6
    assert qbatch("plan", "risky.yaml", "--trust").code == 0
    (tmp_path / "made.py").write_text(made + "# changed\n")
    assert qbatch("plan", "risky.yaml").code == 6


@pytest.mark.slow
def test_a_trial_says_before_it_begins_whose_report_it_replaces(
    qbatch: Call, manifest: Path
) -> None:
    """M14: `-S` wrote over the report of the manifest without a word; its points were kept."""
    report, note = Path("runs/pair/report.md"), "will tell of this trial"
    assert note not in qbatch("run", manifest).err
    whole = report.read_text()
    trial = qbatch("run", manifest, "-S", "shots=7").err
    assert "report.md, report.html, results.csv now tell of the manifest as written" in trial
    assert trial.index(note) < trial.index("to run;")
    assert report.read_text() != whole
    assert note not in qbatch("run", manifest, "-S", "shots=7").err
    assert "now tell of -S shots=7, and" in qbatch("run", manifest, "-S", "shots=8").err
    for quiet in (["-S", "shots=9", "--no-report"], ["-S", "run.wait=2m"], ["--fresh"]):
        assert note not in qbatch("run", manifest, *quiet).err


def test_a_run_without_references_has_no_bad_stretch_to_buy_again(qbatch: Call, done: Path) -> None:
    said = qbatch("retry", done, "--drifted")
    assert said.code == 0
    assert "no references of a cloud tell of drift" in said.err
