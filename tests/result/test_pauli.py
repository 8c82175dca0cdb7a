"""A sum over X, Y and Z is the operator that its text says: matrices say which."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import NotationError, parse_observable
from qbatch.result.pauli import MOST_TERMS, from_terms, parse_pauli

NUM_BITS = 3
MATRICES = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}

#: A text and the operator that it says.
Written = tuple[str, np.ndarray]


def on(letters: dict[int, str]) -> np.ndarray:
    """Return a product of Paulis as a matrix; bit 0 is the last factor."""
    factors = [MATRICES[letters.get(bit, "I")] for bit in reversed(range(NUM_BITS))]
    return reduce(np.kron, factors)


paulis = st.builds(
    lambda letter, bit: (f"{letter}{bit}", on({bit: letter})),
    st.sampled_from("XYZI"),
    st.integers(0, NUM_BITS - 1),
)
numbers = st.integers(1, 16).map(lambda n: (f"{n / 4}", n / 4 * on({})))


def joined(parts: tuple[Written, Written, str]) -> Written:
    (left, a), (right, b), how = parts
    return {
        "+": (f"({left} + {right})", a + b),
        "-": (f"({left} - {right})", a - b),
        "*": (f"{left} * {right}", a @ b),
    }[how]


sums = st.recursive(
    paulis | numbers,
    lambda inner: st.tuples(inner, inner, st.sampled_from("+-*")).map(joined),
    max_leaves=8,
)


@given(sums)
def test_a_sum_is_the_operator_that_its_matrices_make(written: Written) -> None:
    text, matrix = written
    if not np.allclose(matrix, matrix.conj().T):
        with pytest.raises(NotationError, match="what is measured is real"):
            parse_pauli(text, NUM_BITS)
        return
    found = parse_pauli(text, NUM_BITS)
    made = sum((c * on(dict(term)) for term, c in found.terms.items()), np.zeros((8, 8)))
    assert np.allclose(made, matrix, atol=1e-12)


@given(sums.filter(lambda written: not {"X", "Y"} & {*written[0]}))
def test_what_is_over_z_alone_has_the_numbers_it_always_had(written: Written) -> None:
    """Also where the reader of X and Y has read it: to the last bit."""
    text, _ = written
    z_only = parse_observable(text, NUM_BITS)
    wanted = {tuple((bit, "Z") for bit in bits): c for c, bits in z_only.terms}
    for found in (parse_pauli(text, NUM_BITS), parse_pauli(f"{text} + 0 * (X0)", NUM_BITS)):
        terms = {**found.terms}
        assert terms.pop((), 0.0) == z_only.constant
        assert terms == wanted
        assert found.is_z_only


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("X0 Y1", {((0, "X"), (1, "Y")): 1}),
        ("0.5 X0 - Z(a[0]) Z1", {((0, "X"),): 0.5, ((0, "Z"), (1, "Z")): -1}),
        ("X(b[0])", {((2, "X"),): 1}),
        ("Y1X0", {((0, "X"), (1, "Y")): 1}),
        ("X0 X0", {(): 1}),
        ("X0 Y0 + Y0 X0 + Y2", {((2, "Y"),): 1}),
        ("(X0 + Z0)(X0 + Z0)/2", {(): 1}),
        ("X0 Y0 X1 Y1", {((0, "Z"), (1, "Z")): -1}),
        ("parity(a) X2", {((0, "Z"), (1, "Z"), (2, "X")): 1}),
        ("0.1 Y1 + 0.2 Y1 - 0.3 Y1 + X0/3", {((0, "X"),): 1 / 3}),
    ],
)
def test_what_is_written_is_read(
    text: str, terms: dict[tuple[tuple[int, str], ...], float]
) -> None:
    found = parse_pauli(text, NUM_BITS, (("a", 2), ("b", 1)))
    assert dict(found.terms) == terms
    assert found.is_z_only == all(letter == "Z" for term in terms for _, letter in term)


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        (
            "X0 Y0",
            1,
            "this makes 1i Z0, and what is measured is real; write one Pauli for each bit",
        ),
        ("Z1 + 2 Y0 X0", 6, "this makes -2i Z0"),
        ("x0", 1, "is no Pauli over X, Y, Z and I; did you mean X0?"),
        ("Z0 y(a[1])", 4, "is no Pauli over X, Y, Z and I"),
        ("Q0", 1, "'Q0' is no Pauli over X, Y, Z and I; write for example Z0 Z1"),
        ("X3", 1, "'X3': the circuit has the classical bits 0 to 2"),
        ("X", 1, "needs the number of a classical bit, as in X0"),
        ("XXI", 1, "counts bits by their place; write X1 X2"),
        ("X(a)", 1, "did you mean X(a[0])?"),
        ("Y[2]", 1, "did you mean Y2?"),
        ("sqrt(X0)", 5, "sqrt takes numbers only"),
        ("Z0/X1", 4, "only numbers divide"),
        ("X0 ^ 2", 4, "'^' is not understood"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int, problem: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_pauli(text, NUM_BITS, (("a", 2), ("b", 1)))
    assert caught.value.column == column
    assert problem in caught.value.problem


def test_too_many_terms_are_told_with_the_limit() -> None:
    factors = " ".join(f"(1 + X{bit} + Z{bit})" for bit in range(8))
    assert len(parse_pauli(factors, 8).terms) == 3**8
    many: dict[tuple[tuple[int, str], ...], float] = {
        ((bit, "X"),): 1.0 for bit in range(MOST_TERMS + 1)
    }
    with pytest.raises(NotationError, match="100,001 terms are too many; qbatch takes 100,000"):
        from_terms(many)


def test_equal_sums_are_equal_keys() -> None:
    one, other = parse_pauli("X0 + Z1/2", 2), parse_pauli("0.5 Z1 + X0", 2)
    assert one == other
    assert len({one, other}) == 1
    assert math.isclose(one.terms[((1, "Z"),)], 0.5)
    assert one.bits == (0, 1)
