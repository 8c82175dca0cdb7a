"""What is told of a circuit that changed, held against the texts themselves and their contents."""

from __future__ import annotations

import random
import re
from itertools import product

import pytest

from qbatch.circuit.changes import MOST_COMPARED, CircuitChange, circuit_change
from qbatch.circuit.sources import circuit_of
from qbatch.circuit.text import Source
from qbatch.errors import Place

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n'


def applied(old: str, change: CircuitChange) -> list[str]:
    """What a change makes of an old text, of one statement to a line."""
    left = old.splitlines()
    made: list[str] = []
    for sign, text in change.lines:
        folded = re.fullmatch(r"(\d+) unchanged lines?", text) if sign == "…" else None
        if sign == "+":
            made.append(text)
            continue
        taken = [left.pop(0) for _ in range(int(folded[1]) if folded else 1)]
        assert folded or taken == [text]
        made += [] if sign == "-" else taken
    assert not left
    return made


@pytest.mark.parametrize("seed", range(20))
def test_a_change_makes_the_new_text_of_the_old_one(seed: int) -> None:
    chance = random.Random(seed)
    gates = ["h q[0];", "cx q[0], q[1];", "rz(pi/4) q[1];", "x q[1];"]
    old = [chance.choice(gates) for _ in range(chance.randrange(60))]
    new = [chance.choice(gates) if chance.random() < 0.1 else gate for gate in old]
    for _ in range(3):
        new.insert(chance.randrange(len(new) + 1), chance.choice(gates))
    texts = "\n".join(old), "\n".join(new)
    change = circuit_change(*texts)
    assert applied(texts[0], change) == new
    assert (change.gone, change.added) == tuple(
        sum(line.sign == sign for line in change.lines) for sign in "-+"
    )


def test_a_change_is_told_exactly_where_contents_differ() -> None:
    bodies = ["h q[0];", "  h   q[0] ;// one", "/* two\nlines */h q[0];", "h q[1];", "rz(.5) q[0];"]
    texts = [HEAD + body for body in bodies] + [HEAD.replace("\n", "\r\n") + bodies[0]]
    contents = [circuit_of("", Source(text, Place("", 1, 1))).facts.content for text in texts]
    for one, other in product(range(len(texts)), repeat=2):
        change = circuit_change(texts[one], texts[other])
        assert (change.gone + change.added == 0) == (contents[one] == contents[other])


def test_statements_stand_one_to_a_line_in_their_blocks() -> None:
    old = "for int i in {0, 2} { if (c[0]) { x q[i]; } else { h q[i]; } }\n@annotated\nx q[0];"
    change = circuit_change(old, old.replace("h q[i]", "z  q[i]"))
    assert [str(line) for line in change.lines] == [
        "… 2 unchanged lines",
        "      x q[i];",
        "    } else {",
        "-     h q[i];",
        "+     z q[i];",
        "    }",
        "  }",
        "… 2 unchanged lines",
    ]


def test_what_is_no_openqasm_is_told_line_by_line() -> None:
    change = circuit_change("kernel 'a\nx", "kernel 'b\nx")
    assert [*map(str, change.lines)] == ["- kernel 'a", "+ kernel 'b", "  x"]


def test_of_very_many_changes_only_their_number_is_told() -> None:
    many = MOST_COMPARED + 1
    change = circuit_change("h q;\n" * many, "x q;\n" * many)
    assert (change.gone, change.added) == (many, many)
    assert [line.sign for line in change.lines] == ["-", "-", "…", "+", "+", "…"]


def test_a_long_change_is_folded_and_says_how_much_is_left() -> None:
    change = circuit_change("", "x q;\n" * 30)
    assert len(change.folded(10)) == 10
    assert change.folded(10)[-1].text == "21 more lines of what changed"
    assert change.folded(30) == change.lines


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    (line,) = circuit_change("", 'include "\x1b[2Ja";').lines
    assert "\x1b" not in line.text
