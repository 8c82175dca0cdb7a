"""What a machine is to the translation of circuits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.circuit import Fit
from qbatch.errors import Misspoke
from qbatch.manifest.models import Transpile
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.replies import (
    read_basis,
    read_coupling,
    read_errors,
    read_faulty,
)
from qbatch.providers.kit.untrusted import whole

#: Of a machine that is believed; and of one that says nothing of its coupling.
MOST_QUBITS, MOST_UNCOUPLED = 10_000, 200


def fit_of(
    configuration: Mapping[str, Any],
    properties: Mapping[str, Any],
    options: Options,
    transpile: Transpile,
) -> Fit:
    """Return what circuits are translated for: gates and coupling, without what is out of order.

    Raises:
        Misspoke: The machine is larger than any.
    """
    faulty = read_faulty(properties)
    pairs = read_coupling(configuration)
    basis = read_basis(configuration)
    num_qubits = whole(configuration.get("n_qubits")) or 0
    if num_qubits > (MOST_QUBITS if pairs else MOST_UNCOUPLED):
        raise Misspoke(f"ibm-direct-access: {num_qubits} qubits and {len(pairs)} couplings")
    errors = read_errors(properties, num_qubits) if options.noise_aware else ()
    return Fit(
        tuple(basis),
        tuple(pair for pair in pairs if not faulty & set(pair)),
        num_qubits,
        options.initial_layout,
        tuple(one for one in errors if one[0] in (*basis, "measure")),
        transpile.optimization_level,
        transpile.seed or 0,
    )
