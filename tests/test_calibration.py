"""What is read of a machine's calibration, whatever its cloud sends: finite numbers, by name."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qbatch.calibration import Column, values_of

NUMBERS = st.one_of(
    st.floats(), st.integers(), st.integers(min_value=10**308, max_value=10**400).map(lambda n: -n)
)
ODD = st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=5), st.just([]), st.just({}))
NAMES = st.sampled_from(("T1", "T1_us", "frequency_GHz", "readout_error", "gate", "", "a b"))
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(NAMES, ODD),
            "value": ODD,
            "unit": st.sampled_from(("GHz", "us", 3)),
        },
    ),
    max_size=3,
)
QUBITS = st.one_of(ENTRIES, st.dictionaries(st.one_of(NAMES, st.just("qubit")), ODD), ODD)
GATES = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {"gate": st.one_of(NAMES, ODD), "qubits": st.lists(ODD), "parameters": ENTRIES}
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "qubits": st.one_of(ODD, st.lists(QUBITS, max_size=3)),
        "gates": st.one_of(ODD, st.lists(GATES, max_size=3)),
        "general": st.one_of(ODD, ENTRIES),
        "T1_us": ODD,
    },
)


@given(document=st.one_of(ODD, DOCUMENTS))
def test_what_cannot_be_read_is_left_out(document: Any) -> None:
    for column, value in values_of(document).items():
        assert math.isfinite(value.value)
        assert Column.of(str(column)) == column


def test_a_number_that_no_float_can_be_is_left_out() -> None:
    entries = [
        {"name": "T1", "value": 10**400, "unit": "us"},
        {"name": "T2", "value": 50, "unit": "us"},
        {"name": "frequency", "value": 1e305, "unit": "GHz"},
    ]
    found = values_of({"qubits": [entries]})
    assert {str(column): value.value for column, value in found.items()} == {"target.t2[0]": 5e-05}
