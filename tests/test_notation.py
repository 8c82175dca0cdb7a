"""Names that are not known, and what was probably meant."""

from __future__ import annotations

import pytest

from qbatch.notation import nearest
from qbatch.providers import BUILT_IN

METHODS = ("automatic", "statevector", "density_matrix", "stabilizer", "matrix_product_state")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("ibm", BUILT_IN, "ibm-direct-access"),
        ("openquantum", BUILT_IN, "open-quantum"),
        ("tag", ("tag_saved", "tags"), "tags"),
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
