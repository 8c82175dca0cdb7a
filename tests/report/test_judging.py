"""A manifest's checks over the points of a run."""

from __future__ import annotations

from typing import Any

from qbatch.report import judge_run, overall
from qbatch.result import Verdict


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
