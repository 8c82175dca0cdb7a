"""Numbers written as arithmetic."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from qbatch.arithmetic import MAX_LENGTH, ExpressionError, evaluate, is_arithmetic
from qbatch.manifest import parse_manifest
from qbatch.plan import expand, select
from qbatch.result import parse_check

NAMES = {"nodes": 6, "half": 0.5}

#: (text, Python's own value) of expressions that stay small.
Expressions = st.recursive(
    st.integers(0, 20).map(str) | st.sampled_from(["pi", "nodes", "half", "0.25", "1e-3", ".5"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
            lambda t: f"({' '.join(t)})"
        )
        | inner.map(lambda text: f"-{text}")
        | inner.map(lambda text: f"sqrt({text} * {text})")
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi/2", math.pi / 2),
        ("2*pi/nodes", math.pi / 3),
        ("1/3", 1 / 3),
        ("-sqrt(2)**2", -(math.sqrt(2) ** 2)),
        ("2**10", 1024),
        ("7 // 2 % 2", 1),
        ("1e3", 1000.0),
        ("nodes", 6),
        ("+(1)", 1),
        ("7//2", 3),
        ("pi//6", 0.0),
        ("−1", -1),
        ("2 − −pi", 2 + math.pi),
    ],
)
def test_arithmetic_has_python_s_value_and_type(text, value):
    found = evaluate(text, NAMES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1/0", "divides by zero"),
        ("1 % 0", "divides by zero"),
        ("0**-1", "divides by zero"),
        ("10**1000", "power that is too large"),
        ("2.5**10000", "too large"),
        ("1e308*10 - 1e308*10", "too large"),
        ("1e999", "too large"),
        ("2**100", "too large for an integer"),
        ("sqrt(-1)", "square root of a negative number"),
        ("(-8)**0.5", "root of a negative number"),
        ("sqrt(1, 2)", "no number"),
        ("sqrt(pi)(2)", "no arithmetic"),
        ("1if 2else 3", "no number"),
        ("1 if 2 else 3", "no arithmetic"),
        ("1 and 2", "no arithmetic"),
        ("True + 1", "no arithmetic"),
        ("(1)" + "+1" * 100, "longer than 200"),
        ("-" * 60 + "1", "nested more than 40"),
        ("exp(1)", "the only function is sqrt"),
        ("3^2", "powers are written"),
        ("2 pi", "written with \\*"),
        ("010 + 1", "begins with 0"),
        ("2*tau", "names 'tau'"),
        ("", "no number"),
        ("lambda: 1", "no number"),
        ("nodes.real", "no number"),
        ("1\n2", "no number"),
    ],
)
def test_what_has_no_value_says_why(text, told):
    with pytest.raises(ExpressionError, match=told):
        evaluate(text, NAMES)


@pytest.mark.parametrize(
    "text", ["pi", "pi/2", "1/3", "-pi", "sqrt(2)", "2*x", "nodes", "nodes+1", "1 - 2", "x/2"]
)
def test_what_is_meant_as_arithmetic(text):
    assert is_arithmetic(text, NAMES)


@pytest.mark.parametrize(
    "text", ["linear", "heavy-hex", "ring-6", "2026-11-21", "a/b", "x y", "1:30", "a.b", "", "*"]
)
def test_what_is_meant_as_text(text):
    assert not is_arithmetic(text, NAMES)


@given(Expressions)
def test_every_expression_has_python_s_own_value(text):
    assume(len(text) <= MAX_LENGTH)
    try:
        expected = eval(text, {"pi": math.pi, "sqrt": math.sqrt, **NAMES})
    except ZeroDivisionError:
        with pytest.raises(ExpressionError):
            evaluate(text, NAMES)
    else:
        assert evaluate(text, NAMES) == expected


MANIFEST = """\
qbatch: 1
name: m
vars: {nodes: 6, half: 0.5}
circuits: {c: {qasm: "OPENQASM 3.0; input float a; qubit q; bit b; U(a, 0, 0) q; b = measure q;"}}
backends: {s: {provider: local}}
sweep: {matrix: {a: [NUMBER, 77.5]}}
analysis: {observables: {z: Z0}}
checks: [{that: z >= NUMBER}]
"""


@settings(max_examples=60, deadline=None)
@given(Expressions)
@example("7//2")
@example("pi//6")
@example("−1")
@example("-7 % 3")
def test_one_text_is_one_number_wherever_it_is_written(text):
    assume(len(text) <= MAX_LENGTH)
    try:
        expected = eval(text.replace("−", "-"), {"pi": math.pi, "sqrt": math.sqrt, **NAMES})
    except ZeroDivisionError:
        assume(False)
    assume(expected != 77.5)
    written = parse_manifest(MANIFEST.replace("NUMBER", text))
    overridden = parse_manifest(
        MANIFEST.replace("NUMBER", "1"), overrides=[f"sweep.matrix.a=[{text}, 77.5]"]
    )
    plans = [expand(manifest) for manifest in (written, overridden)]
    for plan in plans:
        assert [dict(p.parameters)["a"] for p in plan.points()] == [expected, 77.5]
    assert parse_check(f"zz >= {text}", names={"zz"}, variables=NAMES).conditions == (
        (">=", float(expected)),
    )
    word = text.replace(" ", "")
    if not set(word) & set("()"):
        meant = select(f"a={word}", ["a"], written)
        assert [meant(point) for point in plans[0].points()] == [True, False]


@settings(max_examples=500)
@given(st.text(max_size=30) | st.text(alphabet="0123456789+-*/%().eEpixsqrt_ jJ", max_size=250))
def test_no_text_ends_in_anything_but_a_number_or_a_reason(text):
    is_arithmetic(text, NAMES)
    with suppress(ExpressionError):
        assert math.isfinite(evaluate(text, NAMES))
