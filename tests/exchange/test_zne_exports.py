"""χ² of numbers without noise stands in tables and JSON, as a fit by hand gives it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import chi2

from qbatch.exchange.exports import export
from qbatch.executor import run
from qbatch.manifest import parse_manifest

CHAIN = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""


def test_chi_squared_of_each_number_without_noise_is_exported(tmp_path: Path) -> None:
    whole = {
        "qbatch": 1,
        "name": "chain",
        "circuits": {"chain": {"qasm": CHAIN}},
        "backends": {
            "sim": {"provider": "local", "noise": {"depolarizing": {"two_qubit": 0.1}}},
        },
        "shots": 20_000,
        "analysis": {
            "observables": {"zz": "Z0 Z1", "xx": "X0 X1"},
            "mitigation": {"zne": {"scales": [1, 3, 5], "fit": "linear", "fold": "gates"}},
        },
    }
    manifest = parse_manifest(yaml.safe_dump(whole), folder=tmp_path)
    with run(manifest, out=tmp_path / "r") as done:
        export(done, "zne", table := io.StringIO())
        export(done, "json", text := io.StringIO())
        export(done, "csv", results := io.StringIO())
        export(done, "columns", columns := io.StringIO())
        frame = done.zne_to_dataframe()
        whole_frame, array = done.to_dataframe(), done.to_xarray()
    rows = [*csv.DictReader(io.StringIO(table.getvalue()))]
    assert [row["number"] for row in rows] == ["xx.zne", "zz.zne"]
    (point,) = json.loads(text.getvalue())["points"]
    for row, (name, told) in zip(rows, point["zne"].items(), strict=True):
        assert row["number"] == name
        errors = np.array(told["errors"])
        line = np.polyfit(told["scales"], told["values"], 1, w=1 / errors)
        pulls = (np.array(told["values"]) - np.polyval(line, told["scales"])) / errors
        assert float(row["chi2"]) == told["chi2"] == pytest.approx((pulls**2).sum(), rel=0.02)
        assert (row["dof"], row["point"]) == ("1", point["point"])
        assert float(row["value"]) == pytest.approx(line[1], abs=1e-3)
        assert float(row["p"]) == told["p"] == pytest.approx(chi2.sf(told["chi2"], 1))
    (result,) = csv.DictReader(io.StringIO(results.getvalue()))
    assert [*result] == [each["column"] for each in csv.DictReader(io.StringIO(columns.getvalue()))]
    assert [*result] == [*whole_frame.columns]
    assert frame["chi2"].tolist() == [float(row["chi2"]) for row in rows]
    for row in rows:
        for column in ("chi2", "dof", "p"):
            name = f"{row['number']}_{column}"
            assert whole_frame[name].tolist() == [float(array[name])] == [float(row[column])]
            assert float(result[name]) == float(row[column])
    assert array["zz.zne_p"].attrs == {"long_name": "p of that χ²"}


def test_where_nothing_is_extrapolated_the_table_has_no_rows(tmp_path: Path) -> None:
    whole = {
        "qbatch": 1,
        "name": "plain",
        "circuits": {"chain": {"qasm": CHAIN}},
        "backends": {"sim": {"provider": "local"}},
        "analysis": {"observables": {"zz": "Z0 Z1"}},
    }
    with run(parse_manifest(yaml.safe_dump(whole), folder=tmp_path), out=tmp_path / "r") as done:
        export(done, "zne", table := io.StringIO())
        export(done, "json", text := io.StringIO())
    assert table.getvalue() == "id,point,number,value,se,low,high,chi2,dof,p\n"
    assert "zne" not in json.loads(text.getvalue())["points"][0]
