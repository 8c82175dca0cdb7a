"""Names that are not known, and what was probably meant."""

from __future__ import annotations

import pytest

from qbatch.manifest.models import PROVIDERS
from qbatch.notation import nearest

METHODS = ("automatic", "statevector", "density_matrix", "stabilizer", "matrix_product_state")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("aer", PROVIDERS, "local"),
        ("Qiskit", PROVIDERS, "local"),
        ("ibm", PROVIDERS, "ibm-direct-access"),
        ("scw", PROVIDERS, "scaleway"),
        ("openquantum", PROVIDERS, "open-quantum"),
        ("mps", METHODS, "matrix_product_state"),
        ("MPS", METHODS, "matrix_product_state"),
        ("density", METHODS, "density_matrix"),
        ("state_vector", METHODS, "statevector"),
        ("shoots", ("shots", "backend"), "shots"),
        ("aer", METHODS, None),
        ("", METHODS, None),
    ],
)
def test_initials_first_words_and_other_words_are_known(name, known, meant) -> None:
    """P42: `provider: aer` and `method: mps` got no hint."""
    assert nearest(name, known) == meant
