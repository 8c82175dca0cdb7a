"""Shots by the accuracy they give, as the person at the terminal meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch.executor import Stop, run
from qbatch.executor.events import Decided

Call = Callable[..., Any]

MANIFEST = """
qbatch: 1
name: wave
shots: {target_se: 0.03, of: z, min: 100, max: 900}
circuits: {c: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float t; qubit q; bit c;
                      ry(t) q; c = measure q;"}}
backends: {a: {provider: local}}
sweep: {matrix: {t: [0.2, 1.5]}, seed: 1}
analysis: {observables: {z: Z0}}
"""


@pytest.fixture
def wave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("wave.yaml").write_text(MANIFEST.replace("'", '\\"'))
    return tmp_path


def test_plan_run_and_status_say_what_is_asked_for_and_reached(qbatch: Call, wave: Path) -> None:
    asked = "target: standard error 0.03 of z, decided round by round: 100 shots of each setting"
    said = qbatch("plan", "wave.yaml")
    assert asked in " ".join(said.err.split())
    said = qbatch("run", "wave.yaml")
    assert said.code == 0
    assert "round 1: 1 point wants 700 more shots" in said.err
    assert "targets: 1 reached, 1 at max" in said.out
    assert "t=1.5: z at 1.1" in said.out
    (facts,) = qbatch("status", "wave.yaml", "--json").json_lines
    assert facts["accuracy"]["counts"] == {"reached": 1, "max": 1}
    near, far = facts["accuracy"]["points"]
    assert near["of_target"]["z"] < 1 < far["of_target"]["z"]
    assert far["shots"] == 900 < far["needs"]
    saving = facts["accuracy"]["saving"]
    assert saving["used"] == near["shots"] + far["shots"]
    assert (
        f"as many at each point, for the same largest error, would be {saving['alike']}"
        in " ".join(said.out.replace("\u202f", "").split())
    )
    report = Path("runs/wave/report.md").read_text("utf-8")
    _, _, targets = report.partition("## Targets")
    assert "Asked for: standard error 0.03 of z." in targets
    assert "Points: 1 reached, 1 at max." in targets
    first, second = (line.split("|") for line in targets.splitlines() if line.startswith("| t="))
    assert [cell.strip() for cell in (first[1], first[3], first[4])] == ["t=1.5", "900", "at max"]
    assert first[2].strip() == f"z {far['of_target']['z']:.3g}"
    assert second[4].strip() == "reached"
    page = Path("runs/wave/report.html").read_text("utf-8")
    assert "<h2>Targets</h2>" in page


def test_a_round_that_is_due_is_pending(qbatch: Call, wave: Path) -> None:
    stop = Stop()

    def end(event: object) -> None:
        if isinstance(event, Decided):
            stop.request("enough")

    run("wave.yaml", observer=end, stop=stop).close()
    said = qbatch("plan", "wave.yaml")
    assert "more shots: 100 of 800 done" in said.out
    assert qbatch("status", "wave.yaml").code == 9
    assert qbatch("run", "wave.yaml", "-S", "shots.max=800").code == 0
    assert qbatch("status", "wave.yaml").code == 0


def test_what_a_raised_max_would_buy_is_planned(qbatch: Call, wave: Path) -> None:
    assert qbatch("run", "wave.yaml").code == 0
    said = qbatch("plan", "wave.yaml", "-S", "shots.max=5000")
    assert "1 more shots" in said.out
    assert "of that is left to run: 1 point, 2" in said.out.replace("\u202f", "")


def test_calibrations_of_readout_are_no_shots_of_the_point(qbatch: Call, wave: Path) -> None:
    text = (
        Path("wave.yaml")
        .read_text()
        .replace("{provider: local}", "{provider: local, noise: {readout: 0.05}}")
    )
    text = text.replace(
        "observables: {z: Z0}",
        "observables: {z: Z0}, mitigation: {readout: {method: tensored, shots: 500}}",
    )
    Path("wave.yaml").write_text(text)
    assert qbatch("run", "wave.yaml").code == 0
    (facts,) = qbatch("status", "wave.yaml", "--json").json_lines
    assert sum(facts["accuracy"]["counts"].values()) == 2
    for point in facts["accuracy"]["points"]:
        assert point["shots"] == point["wanted"]
    for point in qbatch("export", "wave.yaml", "-f", "json").json["points"]:
        used = {each["basis"]: each["used"] for each in point["settings"]}
        assert used["calibration=0"] == used["calibration=1"] == 500
        assert 100 <= used[""] <= 900
        assert point["estimates"]["z"]["se"] <= 0.03 or used[""] == 900
        assert "z.readout" in point["estimates"]


def test_plan_says_what_targets_are_expected_to_take_and_by_what(qbatch: Call, wave: Path) -> None:
    said = " ".join(qbatch("plan", "wave.yaml").err.replace("\u202f", "").split())
    assert "expected to take 1482 more shots (200 to 1800), by two thirds of the worst case" in said
    assert qbatch("run", "wave.yaml", "--out", "other", "-S", "shots.max=5000").code == 0
    said = " ".join(
        qbatch("plan", "wave.yaml", "--from", "other").err.replace("\u202f", "").split()
    )
    assert ", by shots of other" in said
    assert "t=1.5: max allows 900 shots of a setting, and its target is likely to take 1" in said
    facts = qbatch("plan", "wave.yaml", "--from", "other", "--json").json
    assert facts["expected"]["told_by"] == {"earlier run": 2}
    (beyond,) = facts["expected"]["beyond_max"]
    assert (beyond["point"], beyond["max"]) == ("t=1.5", 900)
    least, likely, most = (facts["expected"][key]["shots"] for key in ("least", "likely", "most"))
    assert 200 <= least <= likely <= most <= 1800


def test_what_other_prices_would_bring_is_shown(qbatch: Call, wave: Path) -> None:
    said = qbatch("plan", "wave.yaml", "--precision")
    rows = [line for line in said.out.splitlines() if "shots)" in line]
    assert len(rows) == 1
    assert "0.037 (1482 shots)" in rows[0].replace("\u202f", "")
    (found,) = qbatch("plan", "wave.yaml", "--precision", "--json").json["precision"]
    assert [row["factor"] for row in found["rows"]] == [0.5, 1.0, 2.0, 4.0]
    refused = qbatch("plan", "wave.yaml", "--from", "other", "-S", "shots=100")
    assert refused.code == 2
    assert "add --precision" in refused.err
    numberless = Path("wave.yaml").read_text().partition("analysis:")[0].partition("shots:")[2]
    Path("none.yaml").write_text("qbatch: 1\nname: none\nshots: 10" + numberless.partition("}")[2])
    refused = qbatch("plan", "none.yaml", "--precision")
    assert refused.code == 2
    assert "observables and probabilities, and `analysis` has none" in " ".join(refused.err.split())


def test_a_budget_that_does_not_reach_for_the_targets_is_said_before(wave: Path) -> None:
    from qbatch.accuracy.expecting import Outlooks, forecast
    from qbatch.accuracy.prices import pieces_at
    from qbatch.cli.precision import Expected
    from qbatch.plan import expand_file, pieces_of
    from qbatch.plan.pricing.limits import Limit
    from qbatch.providers import Price, Target

    plan = expand_file("wave.yaml")
    targets = {"a": Target("cloud", price=Price("usd", per_shot=0.001))}
    foreseen = forecast(Outlooks(plan).of_points())
    least, likely, most = (
        plan.summary(
            targets, pieces_of=pieces_at(foreseen, at, {}, targets, pieces_of({}, targets))
        )
        for at in range(3)
    )
    expected = Expected(foreseen, (least, likely, most), None)
    (_, over) = expected.lines([Limit("budget.total", "usd", 1.0)], {})
    told = "may not be enough for all targets: they are expected to cost 1.482 USD more"
    assert over == f"budget.total allows 1.00 USD, which {told} (0.20 USD to 1.80 USD)"
    two = Limit("budget.total", "usd", 2.0)
    assert [*expected.lines([two], {})][1:] == []
    (_, over) = expected.lines([two], {}, {two: 1.9})
    assert over.startswith(
        "budget.total allows 2.00 USD in all, 1.90 USD of it spent, which is not"
    )


def test_a_target_that_no_shots_reach_is_said_to_be_so(qbatch: Call, wave: Path) -> None:
    said = " ".join(qbatch("plan", "wave.yaml", "-S", "shots.relative=true").err.split())
    assert (
        "max allows 900 shots of a setting, and by two thirds of the worst case (nothing is known "
        "yet), no number of shots reaches its target"
    ) in said
    facts = qbatch("plan", "wave.yaml", "-S", "shots.relative=true", "--json").json
    assert None in {each["needs"] for each in facts["expected"]["beyond_max"]}
