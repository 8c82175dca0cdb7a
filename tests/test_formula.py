"""Formulas: what they come to, what is refused, and that nothing is executed."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from qbatch.arithmetic import MAX_LENGTH, ExpressionError
from qbatch.formula import FUNCTIONS, check_names, read_formula


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("a*exp(-x/tau) + c", {"a": 2.0, "x": 3.0, "tau": 1.5, "c": 0.25}, 2 * math.exp(-2) + 0.25),
        ("-cos(theta)", {"theta": 1.2}, -math.cos(1.2)),
        ("a*p**m + b", {"a": 0.5, "p": 0.9, "m": 7, "b": 0.5}, 0.5 * 0.9**7 + 0.5),
        ("sqrt(abs(x)) - log(2*pi)", {"x": -9.0}, 3 - math.log(2 * math.pi)),
        ("\N{MINUS SIGN}x % 3 + 7 // 2", {"x": 5.0}, (-5.0) % 3 + 3),
        ("+tan(x) ** -1", {"x": 0.7}, 1 / math.tan(0.7)),
        ("2", {}, 2.0),
    ],
)
def test_a_formula_is_what_pythons_mathematics_say(
    text: str, values: dict[str, float], wanted: float
) -> None:
    assert float(read_formula(text)(values)) == pytest.approx(wanted, rel=1e-14)


def test_arrays_are_taken_one_number_at_a_time() -> None:
    chance = random.Random(5)
    xs = [chance.uniform(0, 4) for _ in range(50)]
    formula = read_formula("a*exp(-x/tau)*cos(2*pi*f*x + phi) + c")
    given = {"a": 0.4, "tau": 2.2, "f": 0.8, "phi": -0.3, "c": 0.5}
    wanted = [0.4 * math.exp(-x / 2.2) * math.cos(2 * math.pi * 0.8 * x - 0.3) + 0.5 for x in xs]
    assert formula({**given, "x": np.array(xs)}) == pytest.approx(wanted)


def test_names_stand_in_the_order_of_the_text_without_what_is_known() -> None:
    assert read_formula("b*cos(w*x) + b + k*pi", {"k": 3}).names == ("b", "w", "x")


def test_what_has_no_real_value_is_nan_or_infinite_there_alone() -> None:
    found = read_formula("sqrt(x) + 1/x")({"x": np.array([-1.0, 0.0, 4.0])})
    assert math.isnan(found[0])
    assert math.isinf(found[1])
    assert found[2] == 2.25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cosh(x)", "calls cosh; the functions are"),
        ("cos(x, y)", "is no number and no arithmetic"),
        ("cos()", "gives cos more or less than one number"),
        ("x^2", "powers are written"),
        ("2 x", "is no number and no arithmetic"),
        ("x < 2", "is no number and no arithmetic"),
        ("__import__('os')", "is no number and no arithmetic"),
        ("(x).real", "is no number and no arithmetic"),
        ("1e400*x", "too large"),
        ("x" * (MAX_LENGTH + 1), "is longer than"),
        ("x+(" * 45 + "x" + ")" * 45, "nested more than"),
        ("-" * 60 + "x", "nested more than"),
        ("", "is no number and no arithmetic"),
    ],
)
def test_what_is_no_formula_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        read_formula(text)


def test_a_name_that_is_not_known_is_told_with_the_nearest() -> None:
    with pytest.raises(ExpressionError, match=r"names 'thata', which is .* did you mean 'theta'"):
        check_names(read_formula("-cos(thata)"), ["theta", "phi"])


def test_every_function_is_numpys() -> None:
    for name, numpys in FUNCTIONS.items():
        found = read_formula(f"{name}(x)")({"x": 0.5})
        assert float(found) == pytest.approx(float(getattr(np, numpys)(0.5)))
