"""Few bases measure all terms of some sums, and what their counts say adds up to the sum."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp

from qbatch.result import Counts, NotationError
from qbatch.result.grouping import AS_WRITTEN, Basis, group, split
from qbatch.result.pauli import Term, from_terms, parse_pauli
from tests.daily import mostly_slow


def term_of(label: str) -> Term:
    """Read a Pauli string, rightmost letter bit 0."""
    return tuple((bit, p) for bit, p in enumerate(reversed(label)) if p != "I")


def drawn_labels(width: int, number: int, identities: float, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    p = [identities, *[(1 - identities) / 3] * 3]
    return sorted({"".join(row) for row in rng.choice([*"IXYZ"], (number, width), p=p)})


labels = st.lists(st.text("IXYZ", min_size=5, max_size=5), min_size=1, max_size=30, unique=True)


@given(labels)
def test_each_term_is_measured_by_a_basis_and_needs_no_more_than_qiskits(drawn: list[str]) -> None:
    whole = from_terms({term_of(label): 1.0 for label in drawn})
    bases = group([whole])
    assert all(any(basis.measures(term) for basis in bases) for term in whole.terms)
    assert len(set(bases)) == len(bases)
    assert AS_WRITTEN not in bases[1:]
    theirs = SparsePauliOp(drawn).group_commuting(qubit_wise=True)
    assert len(bases) <= max(len(theirs) * 1.1, len(theirs))


@pytest.mark.parametrize(
    ("width", "number", "identities"),
    mostly_slow(
        [
            (4, 60, 0.25),
            (8, 300, 0.7),
            (6, 150, 0.25),
            (6, 150, 0.7),
            (10, 400, 0.4),
            (12, 400, 0.7),
        ],
        daily=2,
    ),
)
def test_many_terms_need_hardly_more_bases_than_qiskits(
    width: int, number: int, identities: float
) -> None:
    for seed in range(3):
        drawn = drawn_labels(width, number, identities, seed)
        whole = from_terms({term_of(label): 1.0 for label in drawn})
        theirs = SparsePauliOp(drawn).group_commuting(qubit_wise=True)
        assert len(group([whole])) <= 1.1 * len(theirs)


def test_what_commutes_qubit_by_qubit_shares_a_basis_also_across_sums() -> None:
    first, second = parse_pauli("X0 X1 + Z2", 3), parse_pauli("X1 Z2 + Y0", 3)
    assert [basis.text for basis in group([first, second])] == ["X0 X1", "Y0"]
    assert group([second, first]) == group([first, second])


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("3 - Z0 Z1", [""]),
        ("7", [""]),
        ("X0 + Z1", ["X0"]),
        ("X0 + Z0", ["", "X0"]),
        ("X0 X1 + Y0 Y1 + Z0 Z1", ["", "X0 X1", "Y0 Y1"]),
    ],
)
def test_the_circuit_as_written_is_measured_only_where_it_tells_more(
    text: str, bases: list[str]
) -> None:
    assert [basis.text for basis in group([parse_pauli(text, 3)])] == bases


def test_a_basis_is_read_as_it_is_written() -> None:
    basis = Basis.parse("Y12 X0")
    assert basis.text == "X0 Y12"
    assert basis == Basis.parse(basis.text)
    assert dict(basis) == {0: "X", 12: "Y"}
    assert Basis.parse("") == AS_WRITTEN
    assert basis.measures(term_of("ZX"))
    assert not basis.measures(((0, "Z"),))
    with pytest.raises(NotationError, match="'Z1' is none of X and Y"):
        Basis.parse("X0 Z1")
    with pytest.raises(NotationError, match="bit 0 cannot be measured in both"):
        Basis.parse("X0 Y0")


@given(labels, st.integers(0, 2**32))
def test_the_parts_over_a_states_bases_add_up_to_the_sum(drawn: list[str], seed: int) -> None:
    """Of a random state of five qubits: by vectors, without this package."""
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=len(drawn))
    whole = from_terms({term_of(label): c for label, c in zip(drawn, coefficients, strict=True)})
    state = rng.normal(size=32) + 1j * rng.normal(size=32)
    state /= np.linalg.norm(state)
    wanted = np.vdot(state, SparsePauliOp(drawn, coefficients).to_matrix() @ state).real
    bases = group([whole])
    found = 0.0
    for basis, part in zip(bases, split(whole, bases), strict=True):
        shares = np.abs(rotated(state, basis)) ** 2
        counts = Counts.from_ints((("c", 5),), range(32), [1] * 32)
        found += float(part.values(counts) @ shares)
    assert found == pytest.approx(wanted, abs=1e-9)


def rotated(state: np.ndarray, basis: Basis) -> np.ndarray:
    """Turn the eigenstates of what a basis measures into those of Z."""
    hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    turns = {"X": hadamard, "Y": hadamard @ np.diag([1, -1j])}
    whole = np.eye(1)
    for bit in reversed(range(5)):
        whole = np.kron(whole, turns.get(basis.get(bit, "Z"), np.eye(2)))
    turned: np.ndarray = whole @ state
    return turned


def test_a_term_stands_in_one_part_and_the_constant_in_the_first() -> None:
    whole = parse_pauli("2 + Z2 + X0 Z2 + Y1", 3)
    parts = split(whole, [Basis.parse("X0"), Basis.parse("Y1")])
    assert [part.constant for part in parts] == [2, 0]
    assert [{bits for _, bits in part.terms} for part in parts] == [{(2,), (0, 2)}, {(1,)}]
    with pytest.raises(ValueError, match="no basis measures Y1"):
        split(whole, [Basis.parse("X0")])


@pytest.mark.slow
def test_ten_thousand_terms_are_grouped_and_parted_in_seconds() -> None:
    whole = from_terms({term_of(label): 1.0 for label in drawn_labels(20, 10_000, 0.6, 1)})
    start = time.perf_counter()
    bases = group([whole])
    parts = split(whole, bases)
    assert time.perf_counter() - start < 30
    assert sum(len(part.terms) for part in parts) + (() in whole.terms) == len(whole.terms)
