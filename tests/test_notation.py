"""Names that are not known and what was probably meant, and what of a text is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.notation import UNSHOWN, nearest, visible
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


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_what_is_not_shown_is_replaced_wherever_it_stands(text: str) -> None:
    shown = visible(text)
    assert shown == re.sub(f"[{UNSHOWN}]", "\ufffd", text)
    assert visible(f"plain\t{text}\n") == f"plain\t{shown}\n"
