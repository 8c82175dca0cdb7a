"""Points that are to reach an accuracy, run round by round: kept, taken up, never bought twice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from qbatch.accuracy.deciding import AT_MAX, MORE, REACHED
from qbatch.errors import SourceErrors
from qbatch.executor import JobMoved, Stop, run
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run
from tests.accuracy.wave import accuracy, kept_in, manifest_of, shots_in


def test_points_get_as_many_shots_as_their_variances_ask_for(tmp_path: Path) -> None:
    thetas = [0.3, math.pi / 2, 2.8]
    with run(manifest_of(thetas, accuracy()), out=tmp_path) as done:
        for theta, point in zip(thetas, done, strict=True):
            assert point.state is JobState.COMPLETED
            assert point.counts is not None
            assert point.estimates["z"].se <= 0.03
            ideal = max(100, math.sin(theta) ** 2 / 0.03**2)
            assert 0.7 * ideal <= point.counts.shots <= 1.5 * ideal + 100
    last = {each.point: each.decision.why for each in kept_in(tmp_path)}
    assert set(last.values()) == {REACHED}


def test_a_point_that_reached_its_target_is_run_no_more(tmp_path: Path) -> None:
    manifest = manifest_of([0.3, 1.5], accuracy())
    run(manifest, out=tmp_path).close()
    before, decided = shots_in(tmp_path), kept_in(tmp_path)
    with run(manifest, out=tmp_path) as done:
        assert done.summary.total == 0
    assert (shots_in(tmp_path), kept_in(tmp_path)) == (before, decided)


def test_max_is_never_passed_and_said(tmp_path: Path) -> None:
    run(manifest_of([1.5], accuracy(max=333)), out=tmp_path).close()
    assert shots_in(tmp_path) == [333]
    last = kept_in(tmp_path)[-1].decision
    assert (last.why, last.wanted) == (AT_MAX, last.had)
    assert last.needs == pytest.approx(1 / 0.03**2, rel=0.05)


def test_another_target_counts_the_shots_that_there_are(tmp_path: Path) -> None:
    for target in (0.06, 0.03):
        run(manifest_of([1.5], accuracy(target_se=target)), out=tmp_path).close()
        with Run(tmp_path) as found:
            pieces = next(iter(found)).pieces
            runs = [(piece.start, piece.bought) for piece in pieces]
        assert sum(number for _, number in runs) == max(sum(each) for each in runs)
    (shots,) = shots_in(tmp_path)
    assert shots == pytest.approx(1 / 0.03**2, rel=0.1)


def test_an_override_asks_for_other_points(tmp_path: Path) -> None:
    manifest = manifest_of([0.3, 1.5], 70)
    text = manifest.text.replace(
        "seed: 7", f"seed: 7, overrides: [{{where: {{theta: 1.5}}, set: {{shots: {accuracy()}}}}}]"
    )
    run(parse_manifest(text), out=tmp_path).close()
    few, many = shots_in(tmp_path)
    assert (few, many > 1000) == (70, True)


@pytest.mark.parametrize("stops", [[1], [4, 2], [3, 1, 1]])
def test_cut_off_anywhere_the_same_is_decided(stops: list[int], tmp_path: Path) -> None:
    manifest = manifest_of([0.3, 1.2, 1.5], accuracy())
    run(manifest, out=tmp_path / "whole").close()
    for after in stops:
        stop, moved = Stop(), 0

        def count(event: object, stop: Stop = stop, after: int = after) -> None:
            nonlocal moved
            moved += isinstance(event, JobMoved) and event.state is JobState.COMPLETED
            if moved == after:
                stop.request("enough")

        run(manifest, out=tmp_path / "cut", observer=count, stop=stop).close()
    run(manifest, out=tmp_path / "cut").close()
    assert shots_in(tmp_path / "cut") == shots_in(tmp_path / "whole")
    mine, whole = kept_in(tmp_path / "cut"), kept_in(tmp_path / "whole")
    assert [each.decision for each in mine] == [each.decision for each in whole]


def test_settings_of_a_point_share_shots_by_their_own_variances(tmp_path: Path) -> None:
    """X of a bit that is turned by ry(0.4) is nearly even; 0.1 of it asks for few shots."""
    manifest = manifest_of([0.01], accuracy("e", target_se=0.05), "2 X1 + 0.1 Z0 + 0.5 Z1")
    run(manifest, out=tmp_path).close()
    with Run(tmp_path) as found:
        (point,) = found
        assert point.estimates["e"].se <= 0.05
        done = {each.basis: each.done for each in point.each_setting}
    assert done["X1"] > 3 * done[""]


def test_what_an_accuracy_cannot_be_of_is_refused_by_name() -> None:
    text = manifest_of([0.3], 70).text.replace("shots: 70", "shots: {target_se: 0.1, of: tvd}")
    told = text.replace("analysis: {", 'analysis: {distribution: {target: {"00": 1}}, ')
    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(told))
    assert "tvd is a distance" in str(caught.value.exceptions[0])
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text)
    assert "'tvd' is no number of the analysis (e, p, z)" in str(caught.value.exceptions[0])


def test_an_accuracy_is_no_value_of_an_axis() -> None:
    text = manifest_of([0.3], 70).text.replace(
        "theta: [0.3]", f"theta: [0.3], shots: [{accuracy()}]"
    )
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text)
    assert "is no value of an axis" in str(caught.value.exceptions[0])


def test_the_first_round_is_the_smallest(tmp_path: Path) -> None:
    run(manifest_of([1.5], accuracy()), out=tmp_path).close()
    first = kept_in(tmp_path)[0]
    assert (first.decision.why, [*first.decision.had.values()]) == (MORE, [100])


def test_scaled_settings_keep_their_first_shots_and_their_numbers_are_refused(
    tmp_path: Path,
) -> None:
    text = manifest_of([1.5], accuracy(target_se=0.05, max=900)).text
    text = text.replace("analysis: {", "analysis: {mitigation: {zne: {scales: [1, 3]}}, ")
    run(parse_manifest(text), out=tmp_path).close()
    with Run(tmp_path) as found:
        (point,) = found
        done = {each.basis: each.done for each in point.each_setting}
    assert done == {"": done[""], "noise_scale=3": 100}
    assert done[""] >= 400
    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(text.replace("of: z}", "of: z.zne}")))
    assert "z.zne is extrapolated" in str(caught.value.exceptions[0])
