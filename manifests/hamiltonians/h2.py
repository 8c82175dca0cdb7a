"""The Hamiltonian of H2 over its bond length, for `h2_dissociation.yaml`.

`h2_lengths.csv` beside this file has, for each length in angstrom, the coefficients in hartree that
differ from one another, nuclear repulsion included. Made with PySCF 2.14 (RHF in STO-3G, integrals
over its molecular orbitals) and the Jordan-Wigner transformation; qubits 0 and 1 are the spins of
the lower orbital. At 0.735 they are those of `h2.txt`.
"""

import csv
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def hamiltonian(r: float, table: str) -> dict[str, float]:
    """Return Pauli strings with their coefficients, the rightmost letter qubit 0.

    Args:
        r: Bond length in angstrom, one of the table's.
        table: Its path from the manifest's folder.
    """
    rows = csv.DictReader((FOLDER / table).read_text("utf-8").splitlines())
    found = {float(row["length"]): row for row in rows}
    if r not in found:
        raise ValueError(f"{r} angstrom is not in {table}; there are {[*found]}")
    of = {name: float(value) for name, value in found[r].items()}
    exchange = of["X0 Y1 Y2 X3"]
    return {
        "IIII": of["1"],
        **dict.fromkeys(("IIIZ", "IIZI"), of["Z0"]),
        **dict.fromkeys(("IZII", "ZIII"), of["Z2"]),
        "IIZZ": of["Z0 Z1"],
        "ZZII": of["Z2 Z3"],
        **dict.fromkeys(("IZIZ", "ZIZI"), of["Z0 Z2"]),
        **dict.fromkeys(("ZIIZ", "IZZI"), of["Z0 Z3"]),
        **dict.fromkeys(("XYYX", "YXXY"), exchange),
        **dict.fromkeys(("XXYY", "YYXX"), -exchange),
    }
