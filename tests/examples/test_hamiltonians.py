"""Hamiltonians to copy from have the ground states that their heads tell, by diagonalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

from qbatch.result.grouping import group
from qbatch.result.hamiltonian import read_hamiltonian

FOLDER = Path(__file__).parents[2] / "manifests" / "hamiltonians"


@pytest.mark.parametrize(
    ("name", "num_terms", "num_qubits", "ground", "most_bases"),
    [
        # PySCF's full configuration interaction: -1.1373060357534
        ("h2.txt", 15, 4, -1.1373060357534, 5),
        ("lih.txt", 118, 6, -7.88114508, 36),
    ],
)
def test_a_file_has_the_ground_state_that_it_tells(
    name: str, num_terms: int, num_qubits: int, ground: float, most_bases: int
) -> None:
    found = read_hamiltonian(FOLDER / name, name)
    assert len(found.terms) == num_terms
    assert found.bits == tuple(range(num_qubits))
    labels = [
        ("".join(dict(term).get(bit, "I") for bit in reversed(range(num_qubits))), coefficient)
        for term, coefficient in found.terms.items()
    ]
    theirs = SparsePauliOp.from_list(labels)
    assert np.linalg.eigvalsh(theirs.to_matrix())[0] == pytest.approx(ground, abs=2e-8)
    bases = group([found])
    assert len(bases) <= most_bases
    assert len(bases) <= 1.1 * len(theirs.group_commuting(qubit_wise=True))
