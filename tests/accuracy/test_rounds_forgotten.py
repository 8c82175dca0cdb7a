"""What becomes of decisions when the shots that they were made from go away, or others come."""

from __future__ import annotations

from pathlib import Path

from qbatch.accuracy.deciding import MORE, REACHED, Decision
from qbatch.accuracy.kept import (
    FORGOTTEN,
    ROUND,
    History,
    dump_round,
    forget_decisions,
    join_decisions,
    read_rounds,
)
from qbatch.accuracy.standing import standings
from qbatch.cli import main
from qbatch.executor import run
from qbatch.manifest.accuracy import Accuracy
from qbatch.snapshot import Run, Snapshot, merge
from tests.accuracy.wave import accuracy, kept_in, manifest_of, shots_in

WISH = Accuracy.model_validate({"target_se": 0.03, "of": ("z",), "min": 100})


def test_a_forgotten_point_begins_with_a_first_round_and_is_decided_anew(tmp_path: Path) -> None:
    manifest, folder = manifest_of([0.3, 1.5], accuracy()), tmp_path / "run"
    run(manifest, out=folder).close()
    before, shots = kept_in(folder), shots_in(folder)
    assert main(["forget", str(folder), "-k", "theta>1", "--yes"]) == 0
    run(manifest, out=folder).close()
    again = kept_in(folder)[len(before) :]
    assert [each.point for each in again] == ["theta=1.5"] * len(again)
    assert [each.decision for each in again] == [
        each.decision for each in before if each.point == "theta=1.5"
    ]
    assert again[0].decision.why == MORE
    assert set(again[0].decision.had.values()) == {100}
    assert shots_in(folder) == shots


def test_nothing_stands_as_reached_that_other_shots_reached(tmp_path: Path) -> None:
    """Of the same number of shots, but not the same ones: here of a state less certain."""
    run(manifest_of([0.1], accuracy(target_se=0.05)), out=tmp_path / "sure").close()
    (sure,) = kept_in(tmp_path / "sure")
    assert (sure.decision.why, [*sure.decision.had.values()]) == (REACHED, [100])
    manifest = manifest_of([1.5], accuracy(target_se=0.05, max=100))
    run(manifest, out=tmp_path / "other").close()
    with Run(tmp_path / "other") as found:
        (point,) = found
        name, id_ = point.name, point.each_setting[0].id
    stale = Decision({id_: 100}, REACHED, {id_: 100}, sure.decision.errors, 100)
    asked = manifest_of([1.5], accuracy(target_se=0.05)).accuracies[0][1]
    with Snapshot(tmp_path / "other") as snapshot:
        snapshot.set_meta(**{f"{ROUND}2": dump_round([(name, asked, stale)])})
    run(manifest_of([1.5], accuracy(target_se=0.05)), out=tmp_path / "other").close()
    (shots,) = shots_in(tmp_path / "other")
    assert shots >= 0.9 / 0.05**2
    with Run(tmp_path / "other") as found:
        assert next(iter(standings(found))).point.estimates["z"].se <= 0.05


def test_merged_folders_keep_the_decisions_of_both(tmp_path: Path) -> None:
    manifest = manifest_of([0.3, 1.2, 1.5], accuracy())
    for half, select in (("a", "theta<1"), ("b", "theta>1")):
        run(manifest, out=tmp_path / half, select=select).close()
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    a, b, both = (kept_in(tmp_path / name) for name in ("a", "b", "both"))
    assert [each.decision for each in both] == [each.decision for each in [*a, *b]]
    with run(manifest, out=tmp_path / "both") as done:
        assert done.summary.total == 0
    assert kept_in(tmp_path / "both") == both
    run(manifest, out=tmp_path / "whole").close()
    assert shots_in(tmp_path / "both") == shots_in(tmp_path / "whole")


def test_what_was_forgotten_is_not_joined_and_no_copy_counts_twice() -> None:
    def decided(id_: str, had: int, wanted: int) -> dict[str, str]:
        return {f"{ROUND}1": dump_round([(id_, WISH, Decision({id_: wanted}, MORE, {id_: had}))])}

    one, other = decided("s", 100, 800), decided("t", 100, 300)
    assert join_decisions(one, one) == {}
    joined = join_decisions(one, other)
    assert [*joined] == [f"{ROUND}2"]
    both = one | joined
    assert [each.point for each in read_rounds(both)] == ["s", "t"]
    gone = forget_decisions(both, ["t", "unknown"])
    assert [*gone] == [FORGOTTEN]
    history = History.of(both | gone)
    assert history.rounds == 2
    assert history.bought("s", WISH) == 1
    assert (history.latest("t", WISH), history.bought("t", WISH)) == (None, 0)
    assert join_decisions({}, both | gone) == one
    assert forget_decisions({}, ["s"]) == {}
