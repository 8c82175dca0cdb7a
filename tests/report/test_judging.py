"""A manifest's checks over the points of a run."""

from __future__ import annotations

from random import Random
from typing import Any

from qbatch.report import judge_run, overall
from qbatch.report.content import shown
from qbatch.result import Verdict
from tests.report.conftest import FakePoint


def test_a_check_is_judged_where_it_says(bell: Any) -> None:
    noisy, ideal = judge_run(bell)
    assert (noisy.verdict, noisy.summary) == (Verdict.PASS, "2 points: 2 pass")
    assert (ideal.verdict, ideal.numbers.total()) == (Verdict.PASS, 4)
    assert overall([noisy, ideal]) is Verdict.PASS


def test_one_bad_point_fails_a_check_and_stands_first(bell: Any) -> None:
    bell.measure("backend=noisy,shots=1000#2", {"00": 500, "01": 500})
    noisy, ideal = judge_run(bell)
    assert noisy.verdict is Verdict.FAIL
    assert noisy.judgements[0].name == "backend=noisy,shots=1000#2"
    assert "0.8 lies above" in noisy.judgements[0].reason
    assert overall([ideal, noisy]) is Verdict.FAIL


def test_a_point_without_result_leaves_a_check_undecided(bell: Any) -> None:
    bell.fail("backend=ideal,shots=100", "QPU is offline")
    _, ideal = judge_run(bell)
    assert ideal.verdict is Verdict.UNDECIDED
    assert ideal.judgements[0].reason == "not measured: failed: QPU is offline"


def test_of_many_points_those_nearest_to_the_limit_are_shown(make_run: Any, bell: Any) -> None:
    """P34: a check over 441 points showed its first three."""
    run = make_run(bell.manifest.text.replace("where: {backend: noisy, shots: 1000}", "where: {}"))
    wrong = list(range(10, 40))
    Random(5).shuffle(wrong)
    for number in wrong:
        run.points.append(FakePoint(f"p{number}", "noisy", 1000))
        run.measure(f"p{number}", {"00": 1000 - number, "01": number})
    passes, fails = judge_run(run)[0], judge_run(run)[1]
    assert [one.name for one in shown(passes)] == ["p39", "p38", "p37"]
    assert fails.numbers.total() == 0
    run.measure("p25", {"00": 800, "01": 200})
    run.measure("p12", {"00": 700, "01": 300})
    names = [one.name for one in shown(judge_run(run)[0])]
    assert names == ["p12", "p25", "p39", "p38", "p37"]


def test_a_check_about_no_point_is_undecided(bell: Any) -> None:
    bell.points.clear()
    noisy, _ = judge_run(bell)
    assert (noisy.verdict, noisy.summary) == (Verdict.UNDECIDED, "no point")


def test_a_run_without_checks_is_not_read(make_run: Any, bell_manifest: str) -> None:
    run = make_run(bell_manifest[: bell_manifest.index("checks:")])
    assert judge_run(run) == []
    assert run.times_read == 0


def test_a_check_is_about_the_value_that_is_written_where_the_axis_has_it(
    make_run: Any, bell: Any
) -> None:
    text = bell.manifest.text.replace("bit[2] c;", "input float x; bit[2] c;").replace(
        "matrix: {", "matrix: {x: [0.3, 0.30000000000000004], "
    )
    at = text.index("checks:")
    run = make_run(text[:at] + "checks: [{that: zz >= 0.5, where: {x: 0.3}}]\n", bell.points)
    for point, x in zip(run.points, (0.3, 0.1 + 0.2) * 4, strict=True):
        point.parameters = {"x": x}
    (result,) = judge_run(run)
    assert result.numbers.total() == 4
