"""P28: a swept duration, from `80us` in a manifest to tables, figures and exports in seconds."""

import csv
import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import Call

CIRCUIT = """\
OPENQASM 3.0;
include "stdgates.inc";
input duration tau;
qubit q;
bit c;
x q;
delay[tau] q;
c = measure q;
"""
MANIFEST = """\
qbatch: 1
name: decay
circuits: {decay: decay.qasm}
backends:
  noisy: {provider: local, noise: {thermal_relaxation: {t1: 50us, t2: 30us}}}
sweep: {matrix: {tau: [5ns, 20us, 80us]}}
shots: 20000
analysis: {probabilities: {excited: "1"}}
checks: [{that: 0.1 <= excited <= 0.3, where: {tau: 80us}}]
report:
  formats: [md, html, csv, netcdf]
  plots: [{x: tau, y: excited}]
"""


CLOUDS = {
    "ibm": "{provider: ibm-direct-access, target: ibm_rensselaer}",
    "garnet": "{provider: scaleway, target: QPU-GARNET-20PQ}",
    "forte": "{provider: open-quantum, target: 'ionq:forte-1'}",
    "sv1": "{provider: marqov, target: sv1}",
    "toshiko": "{provider: oqc, target: 'qpu:uk:1:12345'}",
}


def at_clouds(*names: str) -> None:
    Path("decay.qasm").write_text(CIRCUIT)
    backends = "\n".join(f"  {name}: {CLOUDS[name]}" for name in names)
    sweep = f"sweep: {{matrix: {{backend: [{', '.join(names)}], tau: [5ns, 1us]}}}}"
    head = "qbatch: 1\nname: decay\ncircuits: {decay: decay.qasm}\nbackends:\n"
    Path("m.yaml").write_text(f"{head}{backends}\n{sweep}\nshots: 100\n")


@pytest.mark.slow
def test_clouds_that_know_delays_get_them(qbatch: Call) -> None:
    at_clouds("ibm", "garnet")
    assert qbatch("run", "m.yaml", "--rehearse").code == 0
    rows = list(csv.DictReader(qbatch("export", "runs/decay.rehearsal").out.splitlines()))
    assert [row["state"] for row in rows] == ["completed"] * 4
    assert {row["emulated"] for row in rows} == {"yes"}


def test_clouds_that_know_none_are_told_before_anything_is_sent(qbatch: Call) -> None:
    at_clouds("forte", "sv1", "toshiko")
    said = qbatch("run", "m.yaml", "--rehearse")
    assert said.code == 3
    assert "programs go to Open Quantum as OpenQASM 2, which has no delay" in said.err
    assert "no page of Marqov's tells of delays" in said.err
    assert "programs go to OQC as OpenQASM 2, which has no delay" in said.err


@pytest.mark.slow
def test_a_swept_duration_is_a_number_of_seconds_everywhere(qbatch: Call) -> None:
    Path("decay.qasm").write_text(CIRCUIT)
    Path("m.yaml").write_text(MANIFEST)
    assert qbatch("run", "m.yaml").code == 0
    folder = Path("runs/decay")
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert [float(row["tau"]) for row in rows] == [5e-9, 2e-5, 8e-5]
    for row in rows:
        wanted = math.exp(-float(row["tau"]) / 50e-6)
        assert float(row["excited"]) == pytest.approx(wanted, abs=0.02)
    assert "| tau (s)" in (folder / "report.md").read_text()
    page = (folder / "report.html").read_text()
    assert "tau (µs)" in page
    assert ">tau (s)<" in page
    told = json.loads(qbatch("export", "m.yaml", "-f", "json").out)
    assert told["units"] == {"tau": "s"}
    assert [point["parameters"]["tau"] for point in told["points"]] == [5e-9, 2e-5, 8e-5]
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(folder / "results.nc") as made:
        assert made["tau"].attrs["units"] == "s"
        assert made["tau"].values.tolist() == [5e-9, 2e-5, 8e-5]
        assert "emulated" not in made.attrs
    assert "pass" in qbatch("check", "m.yaml").out
    assert len(qbatch("show", "m.yaml", "-k", "tau>=20us", "--json").out.splitlines()) == 2
    assert "1 point," in qbatch("plan", "m.yaml", "-k", "tau=80us").out
