"""Observables in files: they say what their text would, and are refused at the manifest's line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import expand
from qbatch.result.notation import NotationError
from qbatch.result.pauli import from_terms, parse_pauli, write_sum

MANIFEST = """
qbatch: 1
name: files
circuits:
  pair: {qasm: "OPENQASM 3.0; qubit[2] q; bit[2] c; U(0.3, 0, 0) q[0]; c = measure q;"}
backends: {sim: {provider: local}}
analysis:
  observables: {energy: %s}
"""
TERMS: Any = [["XX", 0.5], ["YY", -0.2], ["IZ", 0.3], ["II", -1e-05]]


def manifest_of(observable: str, folder: Path | None) -> Manifest:
    return parse_manifest(MANIFEST % observable, file="m.yaml", folder=folder)


def refusal(observable: str, folder: Path | None) -> str:
    with pytest.raises(SourceErrors) as caught:
        manifest_of(observable, folder)
    (error,) = caught.value.exceptions
    return str(error)


def test_a_file_says_what_its_text_would(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text(json.dumps(TERMS))
    plans = [
        expand(manifest_of(written, tmp_path))
        for written in ("{file: h.json}", "0.5 X0 X1 - 0.2 Y0 Y1 + 0.3 Z0 - 0.00001")
    ]
    first, second = ([(p.name, p.id) for p in plan.points()] for plan in plans)
    assert first == second
    assert len(first) == 3
    read = plans[0].manifest.analysis.observables["energy"]
    assert parse_pauli(read, 2) == parse_pauli("0.5 X0 X1 - 0.2 Y0 Y1 + 0.3 Z0 - 0.00001", 2)


products = st.dictionaries(st.integers(0, 5), st.sampled_from("XYZ"), max_size=4)
numbers = st.floats(-1e9, 1e9, allow_nan=False).filter(lambda number: abs(number) > 1e-100)


@given(st.lists(st.tuples(products, numbers), max_size=8))
def test_a_sum_that_is_written_reads_as_it_was(parts: list[tuple[dict[int, str], float]]) -> None:
    whole = from_terms({tuple(sorted(product.items())): number for product, number in parts})
    assert parse_pauli(write_sum(whole), 6) == whole


@pytest.mark.parametrize(
    ("observable", "told"),
    [
        ("{file: none.json}", "none.json: cannot be read"),
        ("{file: wrong.json}", "'QY'"),
        ("{file: ../outside.json}", "outside"),
        ("{file: h.json, scale: 2}", "a map with file alone"),
        ("{file: 3}", "a map with file alone"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_at_its_observable(
    observable: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "h.json").write_text(json.dumps(TERMS))
    (tmp_path / "wrong.json").write_text('[["QY", 1]]')
    said = refusal(observable, tmp_path)
    assert said.startswith("m.yaml:8:")
    assert told in said


def words(number: int) -> list[tuple[str, float]]:
    return [(format(k, "017b").replace("0", "X").replace("1", "Y"), 0.1) for k in range(number)]


@pytest.mark.slow
def test_a_hundred_thousand_terms_are_read_and_more_are_refused_with_the_figure(
    tmp_path: Path,
) -> None:
    """However long they are when they are written: of 17 letters, 7 million characters."""
    (tmp_path / "long.json").write_text(json.dumps(words(100_000)))
    text = manifest_of("{file: long.json}", tmp_path).analysis.observables["energy"]
    assert len(parse_pauli(text, 17).terms) == 100_000
    with pytest.raises(NotationError, match="16': the circuit has the classical bits 0 to 15"):
        parse_pauli(text, 16)
    with pytest.raises(NotationError, match="more than 100,000 terms are too many"):
        parse_pauli(f"{text} + 1.0 Z0", 17)
    (tmp_path / "long.json").write_text(json.dumps(words(100_001)))
    assert "more than 100,000 terms are too many" in refusal("{file: long.json}", tmp_path)


@pytest.mark.parametrize("term", ["Z2", "X2"])
def test_a_file_of_more_bits_than_the_circuit_has_is_named(term: str, tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_text(f"1.0 [{term}] +\n2.0 [Z0]")
    with pytest.raises(SourceErrors) as caught:
        expand(manifest_of("{file: wide.txt}", tmp_path))
    (error,) = caught.value.exceptions
    said = f"m.yaml:8:17: wide.txt: {term!r}: the circuit has the classical bits 0 to 1"
    assert str(error).startswith(said)
