"""What a worker warns of reaches the person: on stderr once, and in the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.circuit import open_circuit
from qbatch.circuit.earlier import MARK
from qbatch.manifest import load_manifest
from qbatch.providers.local import verdicts
from qbatch.providers.local.batching import batched_gates
from qbatch.providers.local.settings import read_settings
from qbatch.providers.local.verdicts import Verdict, key_of
from qbatch.providers.local.work import Program, settled
from qbatch.snapshot import Run

TURNED = """\
OPENQASM 3.0;
include "stdgates.inc";
input float a;
qubit[1] q;
bit[1] c;
rx(a) q[0];
c = measure q;
"""
MANIFEST = """\
qbatch: 1
name: turned
circuits: {turned: turned.qasm}
backends:
  sim: {provider: local, options: {method: statevector}, limits: {workers: 2}}
sweep: {matrix: {a: {linspace: [0, 3, 40]}}}
report: {formats: [md, html]}
"""


def find_wrong(folder: Path, warning: str) -> None:
    """Let the cache say that calls for many points of this circuit were seen to be wrong."""
    manifest = load_manifest(folder / "turned.yaml")
    circuit = open_circuit("turned", manifest.circuits["turned"], folder=folder).circuit({})
    using = settled(circuit.facts, read_settings(manifest.backends["sim"], folder))
    key = key_of(Program(circuit, using).key, batched_gates("CPU"))
    verdicts.keep(key, Verdict(together=False, warning=warning))


@pytest.fixture
def turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "turned.qasm").write_text(TURNED)
    (tmp_path / "turned.yaml").write_text(MANIFEST)
    return tmp_path


def test_what_was_found_wrong_is_told_once_on_stderr_and_stands_in_the_report(qbatch, turned):
    warning = "circuit 'turned': many points in one call come out <wrong> at gate rx"
    find_wrong(turned, warning)
    said = qbatch("run", "turned.yaml")
    assert said.code == 0
    assert said.err.count("come out <wrong> at gate rx") == 1
    report = (turned / "runs/turned/report.md").read_text()
    assert "**Warning:** sim: circuit 'turned'" in report
    assert "(40 points)" in report
    page = (turned / "runs/turned/report.html").read_text()
    assert "come out &lt;wrong&gt; at gate rx (40 points)" in page


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_a_condition_that_is_never_true_is_said_beforehand(qbatch, turned, verb):
    (turned / "turned.qasm").write_text(f"{TURNED}if (c == 2) x q[0];\n")
    said = qbatch(verb, "turned.yaml")
    assert said.code == 0
    assert "circuit 'turned': the condition in its line 8 is never true" in said.err


def test_a_run_in_which_all_agrees_warns_of_nothing(qbatch, turned):
    said = qbatch("run", "turned.yaml")
    assert said.code == 0
    assert "warn" not in (said.err + (turned / "runs/turned/report.md").read_text()).lower()
    assert [*(turned / "cache").glob("checked-*/*/*.json")]
    with Run(turned / "runs/turned") as run:
        assert all(MARK in point.facts for point in run)
