"""`qbatch run --rehearse`, as a person and a script meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

CLOUDS = """\
qbatch: 1
name: pair
circuits:
  bell: bell.qasm
backends:
  toshiko: {provider: oqc, target: "qpu:uk:1:12345", credentials: env:NOT_SET_ANYWHERE}
  emerald: {provider: open-quantum, target: "iqm:emerald"}
sweep:
  matrix: {shots: [100, 200]}
"""


@pytest.fixture
def clouds(manifest: Path, tmp_path: Path) -> Path:
    (tmp_path / "pair.yaml").write_text(CLOUDS)
    return manifest


def test_a_rehearsal_says_how_long_how_dear_and_what_holds_it_up(
    qbatch: Call, clouds: Path
) -> None:
    said = qbatch("run", clouds, "--rehearse")
    assert said.code == 0
    assert "rehearsal of 4 jobs" in said.out
    assert "would take  1 min" in said.out
    assert "to 1 h" in said.out
    assert "would cost  4 credits + 0.39 USD" in said.out
    assert "jobs waited in the provider's queue" in said.out
    assert "nothing is sent, nothing is spent" in said.err


def test_its_report_says_on_top_that_it_is_a_rehearsal(
    qbatch: Call, clouds: Path, tmp_path: Path
) -> None:
    qbatch("run", clouds, "--rehearse", "--queue-s", "5", "10")
    folder = tmp_path / "runs" / "pair.rehearsal"
    assert "# Rehearsal of pair\n\n> **This is a rehearsal" in (folder / "report.md").read_text()
    page = (folder / "report.html").read_text()
    assert "<h1>Rehearsal of pair</h1>" in page
    assert "every number on this page comes from emulated clouds" in page
    assert not (tmp_path / "runs" / "pair").exists()
    assert not (tmp_path / "qbatch.lock").exists()


def test_noise_is_told_where_it_is_on(qbatch: Call, clouds: Path, tmp_path: Path) -> None:
    said = qbatch("run", clouds, "--rehearse", "--noise", "--queue-s", "5", "5")
    noise = "machines depolarize with 0.001 after a gate, with 0.01 after one on two qubits"
    assert said.code == 0
    assert f"Noise is on: the clouds' {noise}" in said.out
    page = (tmp_path / "runs" / "pair.rehearsal" / "report.md").read_text()
    assert f"Noise is on: {noise}" in page
    facts = qbatch(
        "run", clouds, "--rehearse", "--noise", "--json", "--no-report", "--queue-s", "5", "5"
    ).json_lines[-1]
    assert facts["noise"] == {"one_qubit": 0.001, "two_qubit": 0.01, "readout": 0.02}
    refused = qbatch("run", clouds, "--noise")
    assert (refused.code, "--noise is for --rehearse only" in refused.err) == (2, True)


def test_json_ends_with_all_of_it(qbatch: Call, clouds: Path) -> None:
    said = qbatch("run", clouds, "--rehearse", "--json", "--no-report", "--queue-s", "10", "5")
    facts = said.json_lines[-1]
    assert (facts["event"], facts["rehearsal"], facts["exit_code"]) == ("rehearsed", True, 0)
    assert facts["queue_s"] == [5, 10]
    assert facts["spent"]["credits"] == [4, 4]
    assert facts["passes"][0]["backends"]["emerald"]["waits"]["queue"]["times"] == 2


def test_out_is_honoured_and_a_real_run_refuses_that_folder(
    qbatch: Call, manifest: Path, tmp_path: Path
) -> None:
    said = qbatch("run", manifest, "--rehearse", "--out", "tried", "--no-report")
    assert said.code == 0
    assert (tmp_path / "tried" / "rehearsal.json").exists()
    refused = qbatch("run", manifest, "--out", "tried")
    assert refused.code == 9
    assert "this is a rehearsal" in refused.err


def test_a_rehearsal_refuses_a_real_runs_folder(qbatch: Call, done: Path) -> None:
    refused = qbatch("run", done, "--rehearse", "--out", "runs/pair")
    assert refused.code == 9
    assert "no rehearsal" in refused.err


def test_what_a_cloud_would_refuse_is_told_at_its_place(
    qbatch: Call, clouds: Path, tmp_path: Path
) -> None:
    wide = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[99]; creg c[99]; h q; measure q -> c;'
    (tmp_path / "bell.qasm").write_text(wide)
    said = qbatch("run", clouds, "--rehearse")
    assert said.code == 3
    assert "99 qubits; iqm:emerald has 54" in said.err
    assert not (tmp_path / "runs").exists()


def test_what_there_is_no_money_for_is_told_where_the_rehearsal_ends(
    qbatch: Call, clouds: Path, tmp_path: Path
) -> None:
    (tmp_path / "pair.yaml").write_text(f"{CLOUDS}budget: {{emerald: {{credits: 3}}}}\n")
    said = qbatch("run", clouds, "--rehearse", "--queue-s", "5", "5")
    emerald = said.out.split("\nemerald (")[1]
    assert "1 job would not be bought: 2 credits more would make 4 credits" in emerald
    last = qbatch("run", clouds, "--rehearse", "--queue-s", "5", "5", "--json").json_lines[-1]
    assert "4 credits" in last["passes"][-1]["over_budget"]["emerald"]


def test_flags_that_are_about_an_earlier_run_are_refused(qbatch: Call, clouds: Path) -> None:
    assert qbatch("run", clouds, "--rehearse", "--only", "failed").code == 2
    assert qbatch("run", clouds, "--queue-s", "1", "2").code == 2


def test_each_job_of_a_cut_point_costs_in_a_rehearsal(qbatch: Call, clouds: Path) -> None:
    """The emulated Toshiko takes 100,000 shots at once, Emerald 20,000."""
    said = qbatch("run", clouds, "--rehearse", "--json", "-S", "shots=250000")
    facts = said.json_lines[-1]
    backends = facts["passes"][0]["backends"]
    assert {name: one["jobs"] for name, one in backends.items()} == {"toshiko": 3, "emerald": 13}
    assert facts["spent"]["usd"] == pytest.approx([325, 325])  # 0.0013 a shot
    assert facts["spent"]["credits"] == [13 * 40, 13 * 40]  # 1 and 0.002 a shot, rounded up


def test_a_job_at_ibm_has_one_number_of_shots(qbatch: Call, manifest: Path) -> None:
    """P19: its runtime refuses a job whose programs take different ones."""
    manifest.write_text(
        "qbatch: 1\nname: pair\ncircuits: {bell: bell.qasm}\n"
        "backends: {heron: {provider: ibm-direct-access, target: emu_5q, transpile: {}}}\n"
        "sweep: {matrix: {shots: [100, 200]}, repeat: 3}\n"
    )
    facts = qbatch("run", manifest, "--rehearse", "--json").json_lines[-1]
    heron = facts["passes"][0]["backends"]["heron"]
    assert (heron["jobs"], heron["composite_jobs"]) == (6, 2)


@pytest.mark.parametrize(("chosen", "jobs"), [("shots=100", 2), ("backend=toshiko", 2)])
def test_what_was_asked_for_is_all_that_counts(
    qbatch: Call, clouds: Path, chosen: str, jobs: int
) -> None:
    said = qbatch("run", clouds, "--rehearse", "--no-report", "-k", chosen)
    assert said.code == 0
    assert f"rehearsal of {jobs} jobs" in said.out
