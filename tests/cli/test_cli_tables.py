"""P35: at a terminal of 80 columns `show` and `plan` wrapped in the midst of words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.cli.tables import format_table, packed, wrapped
from tests.cli.test_cli_results import change

Call = Callable[..., Any]
WORDS = st.lists(st.text("ab=1", min_size=1, max_size=12), min_size=1, max_size=9)


def words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip(" ,\n"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qbatch.cli.tables.terminal_width", lambda: 60)


@given(st.lists(WORDS.map(", ".join), min_size=1, max_size=6), st.integers(20, 80))
def test_no_word_is_broken_no_line_too_long_and_nothing_lost(cells: list[str], width: int) -> None:
    lines = list(packed(cells, width, "  ", "    "))
    assert max(map(len, lines)) <= width
    assert [word for line in lines for word in words(line)] == [w for c in cells for w in words(c)]


@pytest.mark.usefixtures("narrow")
def test_a_wide_table_is_told_row_by_row() -> None:
    head = ["id", "point", "zz", "error"]
    rows = [["1f", "gamma=0.125,beta=0.25,backend=noisy", "0.889(14)", "the machine is off"]]
    assert format_table(head, rows).splitlines() == [
        "1f  point gamma=0.125,beta=0.25,backend=noisy  zz 0.889(14)",
        "    error the machine is off",
    ]
    assert format_table(head[:1], [["1f"]]) == "id\n1f"


def test_what_is_redirected_is_as_wide_as_it_is() -> None:
    assert len(format_table(["a", "b"], [["x" * 90, "y" * 90]]).splitlines()) == 2
    assert wrapped("x, " * 90) == "x, " * 90


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("verb", ["plan", "show"])
def test_a_verb_breaks_no_word_of_a_narrow_terminal(
    verb: str, qbatch: Call, manifest: Path
) -> None:
    text = "angle_of_the_first: [0.125], angle_of_the_second: [0.25], of_the_third: [1, 2]"
    change(manifest, "shots: [10, 20, 40]", text)
    inputs = "input float angle_of_the_first; input float angle_of_the_second; "
    change(Path("bell.qasm"), "bit[2] c;", f"{inputs} input float of_the_third; bit[2] c;")
    qbatch("run", manifest)
    said = qbatch(verb, manifest).out
    assert max(map(len, said.splitlines())) <= 60
    for word in ("angle_of_the_first=0.125", "angle_of_the_second=0.25", "of_the_third=1"):
        assert word in words(said)
