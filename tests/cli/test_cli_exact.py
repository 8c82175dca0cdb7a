"""M13: what is dropped or cancelled is named exactly, and it is said how many of how many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch.snapshot import open_run

Call = Callable[..., Any]


def left(folder: Path = Path("runs/pair")) -> list[str]:
    with open_run(folder) as run:
        return [point.point.name for point in run]


@pytest.mark.parametrize("word", ["s", "shots", "shots=", "1", "=10", "h", "back", "10"])
@pytest.mark.parametrize("verb", ["forget", "cancel"])
def test_a_part_of_a_name_names_nothing(qbatch: Call, done: Path, verb: str, word: str) -> None:
    said = qbatch(verb, done, "-k", word, "-y")
    assert said.code == 2
    assert left() == ["shots=10", "shots=20", "shots=40"]


def test_an_unknown_word_is_told_from_a_match(qbatch: Call, done: Path) -> None:
    said = qbatch("forget", done, "-k", "sim", "-y")
    assert "no point is called 'sim'" in said.err
    assert "backend=sim" in said.err
    assert qbatch("forget", done, "-k", "shots~1", "-y").code == 2
    assert len(left()) == 3


@pytest.mark.parametrize(
    ("expression", "gone"),
    [
        ("shots=10", ["shots=10"]),
        ("'shots=10'", ["shots=10"]),
        ("shots=10 or shots=40", ["shots=10", "shots=40"]),
        ("backend=sim", ["shots=10", "shots=20", "shots=40"]),
        ("not shots=20", ["shots=10", "shots=40"]),
    ],
)
def test_exact_selections_are_dropped(
    qbatch: Call, done: Path, expression: str, gone: list[str]
) -> None:
    said = qbatch("forget", done, "-k", expression, "-y")
    assert said.code == 0
    assert f"forgot {len(gone)} of 3 points" in said.err
    assert left() == [name for name in ("shots=10", "shots=20", "shots=40") if name not in gone]


def test_an_ids_beginning_names_its_point(qbatch: Call, done: Path) -> None:
    with open_run(Path("runs/pair")) as run:
        first = next(iter(run)).id[:8]
    assert qbatch("forget", done, "-k", first, "-y").code == 0
    assert left() == ["shots=20", "shots=40"]


def test_the_question_says_how_many_of_how_many(qbatch: Call, done: Path) -> None:
    said = qbatch("forget", done, "-k", "shots=10")
    assert said.code == 6
    assert "Forget 1 of 3 points of runs/pair" in said.err


def test_what_only_shows_takes_a_part_of_a_name(qbatch: Call, done: Path) -> None:
    assert qbatch("show", done, "-k", "10").code == 0


TWICE = """\
qbatch: 1
name: twice
circuits:
  one: {qasm: 'OPENQASM 3.0; qubit q; bit c; c = measure q;'}
  same: {qasm: 'OPENQASM 3.0;  qubit q; bit c; c = measure q; // the same'}
backends: {sim: {provider: local}}
shots: 10
"""


def test_what_else_is_lost_where_places_share_their_jobs_is_told(
    qbatch: Call, tmp_path: Path
) -> None:
    """It said "forgot 1 of 2 points", and both were gone."""
    (tmp_path / "twice.yaml").write_text(TWICE)
    assert qbatch("run", "twice.yaml", "--no-report").code == 0
    said = qbatch("forget", "runs/twice", "-k", "circuit=same", "--yes")
    assert "forgot 2 of 2 points, with circuit=one, which is bought with the same jobs," in said.err
