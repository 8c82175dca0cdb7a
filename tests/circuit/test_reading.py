"""OpenQASM is read, or refused at the place of its first mistake; nothing else happens."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.circuit.analysis import analyse
from qbatch.circuit.qasm.parser import parse
from qbatch.circuit.text import Source
from qbatch.errors import CircuitError, Place, SourceErrors
from tests.circuit.conftest import QASM2, QASM3, circuit3
from tests.daily import mostly_slow

HERE = Place("c.qasm", 1, 1)


def error_of(text):
    with pytest.raises(CircuitError) as caught:
        parse(Source(text, HERE))
    return caught.value


SCRAPS = (
    *("qubit", "bit", "[", "]", "q", "c", "2", "0", ";", ";", ";", "h", "cx", "rx", "(", ")", ","),
    *("measure", "->", "=", "if", "else", "while", "for", "in", "int", "{", "}", ":", "gate", "a"),
    *("ctrl", "@", "inv", "pow", "input", "float", "pi", "+", "-", "*", "/", "**", "%", "!", "=="),
    *("let", "++", "const", "reset", "barrier", "delay", "10ns", "box", "$0", "gphase", "1e999"),
    *("def", "f", "f", "(", ")", "return", "switch", "case", "default", "break", "continue", "+="),
    *("uint", "bool", "true", "==", "&", "int[2]", "bit[2]", "->", "opaque", "'", "\r", "@"),
    *('"01"', "\n", "//", "/*", "&&", "~", "<<", "99999999999999999999999", "creg", "qreg", "end"),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["", QASM2, QASM3]), st.text())
@pytest.mark.slow
def test_any_text_is_read_or_is_a_circuit_error(head, text):
    with suppress(CircuitError, SourceErrors):
        analyse(parse(Source(head + text, HERE)))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([QASM2, QASM3]), st.lists(st.sampled_from(SCRAPS), max_size=40))
def test_any_words_are_read_or_are_a_circuit_error(head, words):
    with suppress(CircuitError, SourceErrors):
        analyse(parse(Source(head + " ".join(words), HERE)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_to_a_good_circuit_is_read_or_is_a_circuit_error(data):
    good = (
        QASM3 + "input float g; gate e(t) a, b { cx a, b; rz(-t / 2) b; } qubit[3] q; bit[3] c;\n"
        "h q; for int i in [0:1] { e(2 * g) q[i], q[i + 1]; } c[0] = measure q[0];\n"
        "if (c == 1) { x q[1]; } else { ctrl @ z q[1], q[2]; } c = measure q;\n"
    )
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    with suppress(CircuitError, SourceErrors):
        analyse(parse(Source(good[:start] + good[end:], HERE)))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("-2**2", -4), ("2**3**2", 512), ("2**-1", 0.5), ("7 % 4 * 2", 6), ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9), ("6 / 3", 2), ("1.0 / 4", 0.25), ("0x1f + 0b11 + 1_000", 1034),
        ("arccos(-1.0)", 3.141592653589793), ("mod(7, 4)", 3), ("1 << 4", 16), (".5e1", 5.0),
        ("sqrt(16) + floor(2.7) + ceiling(2.1)", 9.0), ("pow(2, 10)", 1024), ("τ / 2 - π", 0.0),
    ],
)  # fmt: skip
def test_numbers_are_computed_as_openqasm_3_says(expression, value):
    program = parse(Source(f"{QASM3}qubit q; rx({expression}) q;", HERE))
    assert program.operations[0].params == (value,)


def test_openqasm_2_divides_reals_and_raises_with_a_caret():
    program = parse(Source(f"{QASM2}qreg q[1]; rx(1/2 + 2^3 - ln(1)) q[0];", HERE))
    assert program.operations[0].params == (8.5,)


def test_comments_annotations_and_pragmas_are_passed_over():
    text = "// §\n/* § \n */\n@note §\npragma § x\nqubit q; h q; // §\nend; nonsense §"
    with pytest.raises(CircuitError, match="§"):
        circuit3(text)
    assert circuit3(text.removesuffix(" nonsense §")).facts.num_gates == 1


def test_a_mistake_carries_its_line():
    error = error_of(f"{QASM3}qubit[2] q;\n  cx q[0], r[1];\n")
    assert str(error) == "c.qasm:4:12: 'r' is not defined as a register; did you mean 'q'?" or (
        str(error) == "c.qasm:4:12: 'r' is not defined as a register; define it above"
    )
    assert error.excerpt == "  cx q[0], r[1];"


@pytest.mark.parametrize(
    "text",
    mostly_slow(
        [
            f"{QASM3}qubit[9999] r; " + "h r;" * 101,
            f"{QASM3}qubit[9999] r; bit[9999] c; " + "c = measure r;" * 101,
            f"{QASM3}const int x = {'-' * 100_000}1;",
            f"{QASM3}{'{' * 100_000}",
            f"{QASM3}input float a; qubit q; rx({'a+' * 100_000}a) q;",
            f"{QASM3}qubit[10000] q; box {{ {'box {' * 60}",
            f"{QASM3}gate g q {{ x q; }} qubit q; pow(1e6) @ pow(1e6) @ g q;",
            f"{QASM3}qubit[60] q; ctrl(50) @ ctrl(50) @ x q;",
            f"{QASM3}const int x = 2 ** 62 * 2 ** 62;",
            "OPENQASM 3.0;" + " " * (8 * 2**20),
        ],
        daily=4,
    ),
)
@pytest.mark.slow
def test_no_text_however_made_takes_for_ever(text):
    assert error_of(text)


def test_a_bit_that_a_subroutine_returns_to_another_one_is_set():
    text = (
        "OPENQASM 3.0; qubit q; bit c; "
        "def f(qubit a) -> bit { bit b; b = measure a; return b; } "
        "def g(qubit a) -> bit { bit b; b = f(a); return b; } c = g(q);"
    )
    assert analyse(parse(Source(text, HERE))).terminal == (0,)
