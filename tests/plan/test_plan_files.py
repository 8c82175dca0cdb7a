"""Saved plans and lock files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from plan_making import plan_of

from qbatch.errors import SelectionError
from qbatch.plan import (
    check_lock,
    differences,
    load_plan,
    lock_path,
    read_lock,
    save_plan,
    write_lock,
)
from qbatch.providers import Order, Price, Target

VERSIONS = {"qbatch": "1", "qiskit": "2"}


def plan(gamma=(1, 2, 3), noise: float = 0.1, *, folder: Path | None = None, **more):
    backends = {"sim": {"provider": "local", "noise": {"readout": noise}}}
    sweep = {"matrix": {"gamma": list(gamma), "beta": [0]}, **more}
    return plan_of(sweep, backends=backends, folder=folder)


def saved(tmp_path: Path, made, selection: str = ""):
    save_plan(made, tmp_path / "plan", selection=selection)
    return load_plan(tmp_path / "plan")


def test_a_saved_plan_reads_back_point_by_point(tmp_path: Path) -> None:
    made = plan(repeat=2)
    found = saved(tmp_path, made)
    assert list(found.pins()) == list(made.pins())
    assert found.num_points == 6
    assert differences(found, plan(repeat=2)) == []


def test_saving_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    save_plan(plan(), tmp_path / "one")
    save_plan(plan(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_selection_is_saved_and_compared_with_the_same_selection(tmp_path: Path) -> None:
    found = saved(tmp_path, plan(), "gamma>=2")
    assert found.selection == "gamma>=2"
    assert [name for _, name, _ in found.pins()] == ["gamma=2,beta=0", "gamma=3,beta=0"]
    assert differences(found, plan(gamma=(1.5, 2, 3))) == []
    assert differences(found, plan(gamma=(1, 2, 3, 4))) == ["new: gamma=4,beta=0"]


def test_a_selection_of_nothing_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="means no point"):
        save_plan(plan(), tmp_path / "plan", selection="gamma>9")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            {"noise": 0.2},
            [
                "backends.sim.noise.readout: 0.1 → 0.2",
                "changed: gamma=1,beta=0; gamma=2,beta=0; gamma=3,beta=0",
            ],
        ),
        ({"gamma": (1, 2)}, ["gone: gamma=3,beta=0"]),
        ({"gamma": (3, 2, 1)}, ["the order of the points"]),
        (
            {"gamma": range(1, 10)},
            [
                "new: gamma=4,beta=0; gamma=5,beta=0; gamma=6,beta=0; gamma=7,beta=0; "
                "gamma=8,beta=0 and 1 more"
            ],
        ),
    ],
)
def test_what_changed_since_a_plan_was_saved_is_said(tmp_path: Path, change, lines) -> None:
    assert differences(saved(tmp_path, plan()), plan(**change)) == lines


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.8, 0.99])
def test_a_plan_cut_short_is_refused(tmp_path: Path, part: float) -> None:
    save_plan(plan(), tmp_path / "plan")
    data = (tmp_path / "plan").read_bytes()
    (tmp_path / "plan").write_bytes(data[: int(len(data) * part)])
    with pytest.raises(SelectionError, match="--plan"):
        load_plan(tmp_path / "plan")


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    save_plan(plan(), tmp_path / "plan")
    text = (tmp_path / "plan").read_text("utf-8")
    (tmp_path / "plan").write_text(text.replace("gamma=2", "gamma=7"), "utf-8")
    with pytest.raises(SelectionError, match="was edited"):
        load_plan(tmp_path / "plan")


@pytest.mark.parametrize("text", ["", "{}", "[1]\n", "\xff", '{"qbatch-plan": 99}\n'])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan").write_text(text, "latin-1")
    with pytest.raises(SelectionError, match="--plan"):
        load_plan(tmp_path / "plan")
    with pytest.raises(SelectionError, match="cannot be read"):
        load_plan(tmp_path / "none")


def target(**changes) -> dict[str, Target]:
    return {"sim": Target("aer:automatic", **changes)}


def test_a_lock_lies_beside_the_manifest_and_holds(tmp_path: Path) -> None:
    made = plan(folder=tmp_path)
    path = write_lock(made, target(), versions=VERSIONS)
    assert path == tmp_path / "qbatch.lock" == lock_path(made)
    assert check_lock(plan(folder=tmp_path), target(), versions=VERSIONS) == []


def test_a_lock_does_not_depend_on_the_order_of_axes_or_points(tmp_path: Path) -> None:
    texts = set()
    for order in ("interleave", "random", "as-written"):
        path = write_lock(plan(order=order), target(), tmp_path / order, versions=VERSIONS)
        texts.add(path.read_text("utf-8"))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"noise": 0.2}, "backends.sim.noise.readout: 0.1 → 0.2"),
        ({"gamma": (1, 2)}, "point gamma=3,beta=0: gone"),
        ({"gamma": (1, 2, 3, 4)}, "sweeps.0.points: 3 → 4"),
        ({"seed": 5}, "seeds.0: 0 → 5"),
    ],
)
def test_what_would_change_in_a_lock_is_said(tmp_path: Path, change, line: str) -> None:
    write_lock(plan(folder=tmp_path), target(), versions=VERSIONS)
    assert line in check_lock(plan(folder=tmp_path, **change), target(), versions=VERSIONS)


def test_a_lock_pins_targets_prices_and_versions(tmp_path: Path) -> None:
    made = plan(folder=tmp_path)
    write_lock(made, target(price=Price("usd", per_shot=0.5)), versions=VERSIONS)
    dearer = target(price=Price("usd", per_shot=0.75))
    assert check_lock(made, dearer, versions=VERSIONS) == ["targets.sim.price.per_shot: 0.5 → 0.75"]
    same = target(price=Price("usd", per_shot=0.5))
    newer = {**VERSIONS, "qiskit": "3"}
    assert check_lock(made, same, versions=newer) == ["versions.qiskit: 2 → 3"]


class Translator:
    """A driver that writes circuits in its own way."""

    def __init__(self, word: str) -> None:
        self.word = word

    def program(self, order: Order) -> str:
        return f"{self.word} {order.circuit.sha256} {sorted(order.parameters.items())}"


def test_a_lock_pins_the_programs_that_circuits_are_translated_to(tmp_path: Path) -> None:
    made, old = plan(folder=tmp_path), {"sim": Translator("old")}
    write_lock(made, target(), drivers=old, versions=VERSIONS)
    more = plan(folder=tmp_path, gamma=(1, 2, 3))
    assert check_lock(more, target(), drivers=old, versions=VERSIONS) == []
    new = {"sim": Translator("new")}
    (line,) = check_lock(made, target(), drivers=new, versions=VERSIONS)
    assert line.startswith("targets.sim.programs.")


def test_a_saved_plan_is_refused_when_a_price_or_a_target_has_changed(tmp_path: Path) -> None:
    made, cheap = plan(), target(price=Price("usd", per_shot=0.5))
    save_plan(made, tmp_path / "plan", targets=cheap)
    saved = load_plan(tmp_path / "plan")
    assert differences(saved, made, cheap) == []
    assert differences(saved, made) == []  # nobody was asked
    dearer = target(price=Price("usd", per_shot=0.75))
    assert differences(saved, made, dearer) == ["targets.sim.price.per_shot: 0.5 → 0.75"]
    other = {"sim": replace(cheap["sim"], name="aer:stabilizer")}
    (line,) = differences(saved, made, other)
    assert line == "targets.sim.target: aer:automatic → aer:stabilizer"


def test_a_lock_of_many_points_stays_small(tmp_path: Path) -> None:
    path = write_lock(plan(gamma=range(2000)), target(), tmp_path / "lock", versions=VERSIONS)
    assert path.stat().st_size < 2000
    lock = read_lock(plan(), path)
    assert lock["points"] == {}
    assert lock["sweeps"][0]["points"] == 2000
    changed = check_lock(plan(gamma=range(1, 2001)), target(), path, versions=VERSIONS)
    assert [line.split(":")[0] for line in changed] == ["sweeps.0.digest"]


def test_a_lock_that_is_missing_or_broken_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="run once without --frozen"):
        read_lock(plan(folder=tmp_path))
    for text in ("{", "[]", '{"qbatch-lock": 99}', '{"qbatch-lock": 1}', "<<<<<<< ours"):
        (tmp_path / "qbatch.lock").write_text(text, "utf-8")
        with pytest.raises(SelectionError, match="is no lock"):
            read_lock(plan(folder=tmp_path))
        with pytest.raises(SelectionError, match="restore or remove it"):
            write_lock(plan(folder=tmp_path), target(), versions=VERSIONS)


def test_manifests_of_one_folder_share_the_lock(tmp_path: Path) -> None:
    one, two = (
        plan_of({"matrix": {"gamma": [1], "beta": [value]}}, folder=tmp_path, name=name)
        for value, name in ((0, "one"), (1, "two"))
    )
    write_lock(one, target(), versions=VERSIONS)
    with pytest.raises(SelectionError, match="has no entry for two"):
        check_lock(two, target(), versions=VERSIONS)
    write_lock(two, target(), versions=VERSIONS)
    assert check_lock(one, target(), versions=VERSIONS) == []
    assert check_lock(two, target(), versions=VERSIONS) == []


def test_an_unchanged_lock_is_not_written_again(tmp_path: Path) -> None:
    path = write_lock(plan(), target(), tmp_path / "lock", versions=VERSIONS)
    before = path.stat().st_mtime_ns
    write_lock(plan(), target(), path, versions=VERSIONS)
    assert path.stat().st_mtime_ns == before
