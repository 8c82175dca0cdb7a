"""P35: at a terminal of 80 columns `show` and `plan` wrapped in the midst of words.

So did all talk: errors, remarks, what a run ends with. COLUMNS counted only at a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tabulate import tabulate

from qbatch import cli
from qbatch.cli.tables import format_table, packed, wrapped
from qbatch.notation import unturned
from tests.cli.test_cli_results import change

Call = Callable[..., Any]
WORDS = st.lists(st.text("ab=1", min_size=1, max_size=12), min_size=1, max_size=9)


def words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip(" ,\n"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


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
@pytest.mark.slow
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


def test_colours_take_no_room_and_wide_letters_take_two(narrow: None) -> None:
    red = "\x1b[31mred\x1b[0m"
    assert wrapped(f"{red} " * 15) == f"{red} " * 15
    assert wrapped("量子 " * 13).splitlines() == [("量子 " * 12).rstrip(), "    量子"]


@pytest.mark.parametrize(
    "call",
    [
        ("plan", "pair.yaml", "-S", "analysis.observables.zzz=Z0 Z9"),
        ("plan", "pair.yaml", "-S", "shotss=10"),
        ("plan", "pair.yaml", "--no-such-option"),
        ("run", "pair.yaml", "-k", "shots=11"),
        ("retry", "pair.yaml"),
        ("status", "pair.yaml"),
        ("check", "pair.yaml"),
        ("validate", "none/of/the/folders/here/has/this/file.yaml"),
        ("export", "runs/pair", "--format", "oqc-snapshot"),
        ("resolve", "pair.yaml", "shots=10", "--give-up"),
        ("forget", "pair.yaml"),
    ],
)
def test_talk_is_folded_between_words(
    call: tuple[str, ...], qbatch: Call, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = qbatch(*call)
    monkeypatch.setenv("COLUMNS", "40")
    folded = qbatch(*call)
    assert folded.code == before.code
    for text, whole in ((folded.out, before.out), (folded.err, before.err)):
        beside = [line for line in text.splitlines() if "|" not in line and "^" not in line]
        assert all(len(line) <= 40 or len(line.split()) == 1 for line in beside), text
        asked = [line for line in whole.splitlines() if "|" not in line and "^" not in line]
        assert words(" ".join(beside)) == words(" ".join(asked))


def test_a_line_with_a_mistake_is_cut_to_the_room_around_it(
    qbatch: Call, manifest: Path, narrow: None
) -> None:
    change(manifest, "name: pair", f"name: pair\ntags: [{'long, ' * 20}1]")
    line, caret = [line for line in qbatch("plan", manifest).err.splitlines() if "|" in line]
    assert max(len(line), len(caret)) <= 60
    assert line[caret.index("^")] == "1"


def test_no_caret_points_beyond_what_is_kept_of_a_line(qbatch: Call, manifest: Path) -> None:
    change(manifest, "name: pair", f"name: pair\ntags: [{'long, ' * 40}1]")
    (line,) = [line for line in qbatch("plan", manifest).err.splitlines() if "|" in line]
    assert line.startswith("     3 | tags: [long, ")


@pytest.mark.parametrize(
    "call",
    [
        ("export", "runs/pair", "--format", "csv"),
        ("export", "runs/pair", "--format", "counts"),
        ("export", "runs/pair", "--format", "json"),
        ("show", "runs/pair", "--json"),
        ("status", "pair.yaml", "--json"),
        ("plan", "pair.yaml", "--json"),
        ("check", "pair.yaml", "--json"),
    ],
)
def test_data_goes_whole(
    call: tuple[str, ...], qbatch: Call, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = qbatch(*call).out
    monkeypatch.setenv("COLUMNS", "20")
    assert qbatch(*call).out == before


def test_all_talk_goes_through_what_folds_it() -> None:
    """But the questions, which click asks."""
    sources = (Path(cli.__file__).parent).rglob("*.py")
    spoken = [path.name for path in sources if re.search(r"echo\(.*err=True", path.read_text())]
    assert spoken == ["tables.py"]


CELL = st.text(st.sampled_from("ab1. 量子é磁ﾊ−"), max_size=8).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, st.integers(0, 9999).map(str)), min_size=1, max_size=6))
def test_columns_stand_below_each_other_whatever_letters_there_are(
    rows: list[tuple[str, str, str]],
) -> None:
    """Measured by another library."""
    head, *lines = format_table(["one", "two", "n"], [list(row) for row in rows]).splitlines()
    assert {cell_len(line) for line in lines} == {cell_len(head)}
    for line, row in zip(lines, rows, strict=True):
        assert line.split() == " ".join(row).split()
        assert line.endswith(row[-1])


CELLS = st.text(" ab1.é–\u202f→-", max_size=6) | st.sampled_from(["", "0.5", "12,000", "量子"])
HEADS = CELLS.map(str.strip).filter(bool)


@given(
    st.integers(1, 4).flatmap(
        lambda number: st.tuples(
            st.lists(HEADS, min_size=number, max_size=number),
            st.lists(st.lists(CELLS, min_size=number, max_size=number), min_size=1, max_size=4),
        )
    )
)
def test_a_table_is_the_librarys(table: tuple[list[str], list[list[str]]]) -> None:
    heads, rows = table
    kept = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    cells = [[unturned(row[at]) for at in kept] for row in rows]
    sides = [
        "right" if all(set(row[at]) <= set("0123456789 ,.?-\u202f") for row in rows) else "left"
        for at in kept
    ]
    expected = tabulate(
        cells,
        headers=[heads[at] for at in kept],
        tablefmt="plain",
        disable_numparse=True,
        colalign=sides or None,
    )
    found = format_table(heads, rows)
    assert [line.rstrip() for line in found.rstrip("\n").splitlines()] == [
        line.rstrip() for line in expected.rstrip("\n").splitlines()
    ]
