"""Comments, annotations, pragmas and line ends are what the two specifications say."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.circuit.qasm.tokens import tokenize
from qbatch.circuit.text import Source, version_of
from qbatch.errors import CircuitError, Place
from tests.circuit.conftest import QASM3, circuit, circuit3

HERE = Place("c.qasm", 1, 1)


def words(text):
    return [token.text for token in tokenize(Source(text, HERE))[0][:-1]]


def test_an_at_sign_within_a_comment_is_no_annotation():
    body = "qubit q; bit c;\n/* notes\n@todo: check */\nx q;\n/* second */\nc = measure q;"
    assert circuit3(body).facts.gates == ("x",)
    assert circuit3("qubit q;\n/*\n @todo\n */ x q; // \n@bind /* here\nx q;").facts.num_gates == 2


@pytest.mark.parametrize(
    "text",
    [
        "ctrl\n  @ x q[0], q[1];",
        "ctrl // which?\n@ x q[0], q[1];",
        "ctrl(1)\n@ /* */ x q[0], q[1];",
        "@first\n@second ; { }\nctrl @ x q[0], q[1];",
        "{\n@note\nctrl\n@ x q[0], q[1]; }",
        "if (true)\n@note\nctrl @\nx q[0], q[1];",
        "for int i in [0:0]\n@note\nctrl @ x q[0], q[1];",
        "if (false) { } else\n@note\nctrl @ x q[0], q[1];",
    ],
)
def test_an_at_sign_begins_an_annotation_only_where_a_statement_begins(text):
    facts = circuit3(f"qubit[2] q;\n{text}").facts
    assert (facts.num_gates, facts.gates) == (1, ("cx",))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_line_end_ends_comments_annotations_and_pragmas(end):
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc"; // gates', "qubit q; // §", "@note §"]
    lines += ["x q; // h q;", "pragma § { ;", "#pragma §", "y q; /* z q;", "§ */ s q;"]
    assert circuit(end.join(lines)).facts.gates == ("s", "x", "y")
    with pytest.raises(CircuitError) as caught:
        circuit(end.join([*lines, " nonsense q;"]))
    assert str(caught.value).startswith("c.qasm:10:2: ")
    assert caught.value.excerpt == " nonsense q;"


def test_white_space_of_any_kind_separates_words():
    assert words("\ufeffx\x0cq\u00a0;\v\t// \u2028 y\n z") == ["x", "q", ";", "z"]


@pytest.mark.parametrize("gap", ["", "\n \r", "// OPENQASM 3.0;\r", "/* // */ /**/", "\ufeff"])
def test_the_version_stands_behind_comments(gap):
    assert version_of(f"{gap}OPENQASM 2.0;") == "2.0"
    assert version_of(f"{gap}OPENQASM 3;") == "3.0"


@settings(max_examples=200, deadline=None)
@given(st.text("a\r\n", max_size=12), st.integers(0, 12))
def test_places_are_counted_in_lines_as_any_editor_does(text, offset):
    if text[max(offset - 1, 0) : offset + 1] == "\r\n":
        offset -= 1
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    place = Source(text, HERE).place_at(min(offset, len(text)))
    assert place == Place("c.qasm", before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


@pytest.mark.parametrize(
    "text",
    ["/**/" * 100_000 + "x", "(" * 20_000 + "a)@" * 20_000, "@\n" * 300_000 + "x", "/*" * 300_000],
)
@pytest.mark.slow
def test_no_text_keeps_the_reader_of_words_for_long(text):
    began = time.process_time()
    version_of(text)
    with pytest.raises(CircuitError):
        circuit(f"{QASM3}{text}")
    assert time.process_time() - began < 5
