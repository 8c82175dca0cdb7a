"""A Hamiltonian's file is what the program that wrote it means: Qiskit's matrices say what."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp

from qbatch.errors import SourceError
from qbatch.result.hamiltonian import parse_hamiltonian, read_hamiltonian
from qbatch.result.pauli import PauliSum, Term

WIDTH = 4
pairs = st.lists(
    st.tuples(st.text("IXYZ", min_size=WIDTH, max_size=WIDTH), st.floats(-9, 9).filter(bool)),
    min_size=1,
    max_size=12,
)


def label_of(term: Term, width: int) -> str:
    letters = dict(term)
    return "".join(letters.get(bit, "I") for bit in reversed(range(width)))


def matrix_of(found: PauliSum, width: int = WIDTH) -> np.ndarray:
    labels = [(label_of(term, width), c) for term, c in found.terms.items()]
    made: np.ndarray = SparsePauliOp.from_list(labels or [("I" * width, 0.0)]).to_matrix()
    return made


@given(pairs)
def test_all_forms_are_what_qiskit_makes_of_the_list(drawn: list[tuple[str, float]]) -> None:
    wanted = SparsePauliOp.from_list(drawn).to_matrix()
    columns = {"paulis": [p for p, _ in drawn], "coeffs": [c for _, c in drawn]}
    texts = [
        json.dumps(drawn),
        json.dumps(drawn, indent=1),
        json.dumps({"description": "H", **columns}),
        json.dumps([[p, [c, 0.0]] for p, c in drawn]),
        json.dumps([[p, str(complex(c))] for p, c in drawn]),
        "# by hand\npauli,coefficient\n" + "".join(f"{p},{c!r}\n" for p, c in drawn),
        "Coefficient, Pauli\r\n" + "".join(f"{c!r}, {p}\r\n" for p, c in drawn),
        " +\n".join(f"{complex(c)} [{products(p)}]" for p, c in drawn),
    ]  # fmt: skip
    for text in texts:
        assert np.allclose(matrix_of(parse_hamiltonian(text, "h")), wanted, atol=1e-12)


def products(label: str) -> str:
    return " ".join(f"{p}{bit}" for bit, p in enumerate(reversed(label)) if p != "I")


def test_openfermions_own_text_is_read() -> None:
    """As ``str(QubitOperator)`` of OpenFermion 1.7 writes it."""
    text = "(-0.25+0j) [] +\n0.5 [X0 Y1 Z3] +\n(1e-05+1e-18j) [Z2] +\n-0.75 [Y0]"
    assert dict(parse_hamiltonian(text, "h.txt").terms) == {
        (): -0.25,
        ((0, "X"), (1, "Y"), (3, "Z")): 0.5,
        ((0, "Y"),): -0.75,
        ((2, "Z"),): 1e-05,
    }
    joined = parse_hamiltonian("0.5 [X0] - 0.25 [Z1] - 0.25 [Z1] + 1 [X0]", "h.txt")
    assert dict(joined.terms) == {((0, "X"),): 1.5, ((1, "Z"),): -0.5}


def test_equal_products_are_added_up_and_what_cancels_is_gone() -> None:
    found = parse_hamiltonian('[["XI", 0.5], ["IZ", 1], ["XI", 0.5], ["IZ", -1]]', "h.json")
    assert dict(found.terms) == {((1, "X"),): 1.0}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "no term stands here"),
        ("[]", 1, "no term stands here"),
        ('[["XX", 0.5],\n ["XQ", 1]]', 2, '\'XQ\' is no string of I, X, Y and Z, such as XXI'),
        ('[["XX", 0.5],\n ["XXI", 1]]', 2, "'XXI' has 3 letters, those before it 2; write I"),
        ('[["XX", 0.5],\n\n ["XY"]]', 3, '["XY"] is no pair; write ["XXI", 0.5]'),
        ('[["XX", 0.5],\n ["YY", "half"]]', 2, "'half' is no finite number; write for example 0.5"),
        ('[["XX", NaN]]', 1, "NaN is no finite number"),
        ('[["XX", true]]', 1, "true is no finite number"),
        ('[["XX", 1e999]]', 1, "is no finite number"),
        ('[["XX", [1, 0.5]]]', 1, "the coefficient [1, 0.5] is not real, and what is measured is"),
        ('[["XX", 0.5]\n ["YY", 1]]', 2, "this is no JSON: Expecting ',' delimiter"),
        ("[" * 100_000, 1, "this is nested too deeply"),
        ('{"paulis": ["X"],\n "coefs": [1]}', 2, "'coefs' is not known; write \"paulis\""),
        ('{"paulis": ["X", "Z"],\n "coeffs": [1]}', 1, "there are 2 paulis and 1 coeffs"),
        ('{"paulis": ["X"],\n "paulis": ["Z"], "coeffs": [1]}', 2, "'paulis' is written twice"),
        ('{"paulis": ["X", "Z"],\n "coeffs": [1,\n null]}', 3, "null is no finite number"),
        ('{"paulis": "X", "coeffs": [1]}', 1, "'paulis' is no list"),
        ("pauli,coefficient\nXX,0.5\nXY,1,2\n", 3, "'XY,1,2' has 3 fields; write XXI,0.5"),
        ("pauli,weight\nXX,0.5", 1, "write pauli,coefficient first"),
        ("# one\npauli,coefficient\n# two\nXX,0.5j", 4, "'0.5j' is not real"),
        ("0.5 [X0 Y1] +\n0.25 [Q2]", 2, "'Q2' is none of X, Y and Z of a bit below 10000"),
        ("0.5 [X0 Y1] +\n0.25 [X99999]", 2, "'X99999' is none of X, Y and Z of a bit"),
        ("0.5 [X0 Y1] +\n0.25 [X0 Z0]", 2, "bit 0 stands twice in [X0 Z0]; write their product"),
        ("0.5 [X0]\n0.25 [Z0]", 2, "a + is missing before '0.25 [Z0]'"),
        ("0.5 [X0] +\n0.25 Z0", 2, "'0.25 Z0' is no term"),
        ("0.5 [X0] +\n(0.25+1j) [Z0]", 2, "the coefficient '(0.25+1j)' is not real"),
        ("x [X0]", 1, "'x' is no finite number"),
        ("1e308 [X0] +\n1e308 [Z0]", 1, "not finite"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_hamiltonian(text, "h.txt")
    assert problem in caught.value.problem
    assert (caught.value.place.file, caught.value.place.line) == ("h.txt", line)


@pytest.mark.slow
def test_too_many_terms_end_in_a_limit_and_as_many_as_that_are_read_quickly() -> None:
    labels = [format(n, "017b").replace("0", "X").replace("1", "Z") for n in range(100_001)]
    start = time.perf_counter()
    assert (
        len(parse_hamiltonian(json.dumps([[label, 1] for label in labels[:-1]]), "h").terms)
        == 100_000
    )
    assert time.perf_counter() - start < 30
    with pytest.raises(SourceError, match="more than 100,000 terms are too many"):
        parse_hamiltonian("pauli,coefficient\n" + "".join(f"{label},1\n" for label in labels), "h")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^h\.json: cannot be read: No such file"):
        read_hamiltonian(tmp_path / "h.json", "h.json")
    (tmp_path / "h.json").write_bytes(b'[["X", 0.5]]\xff')
    with pytest.raises(SourceError, match="no text in UTF-8"):
        read_hamiltonian(tmp_path / "h.json", "h.json")
    (tmp_path / "h.json").write_text('\ufeff[["X", 0.5]]', "utf-8")
    assert read_hamiltonian(tmp_path / "h.json", "h.json").terms == {((0, "X"),): 0.5}
