"""Emulated machines may be noisy; what they measure then is what closed forms say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import cos, sqrt
from pathlib import Path
from typing import Any

import pytest

from qbatch.emulators import USUAL, FaultScriptError, Noise, read_faults
from qbatch.emulators.ibm_direct_access import BACKENDS
from qbatch.emulators.ibm_direct_access.circuits import Source
from qbatch.emulators.ibm_direct_access.documents import properties
from qbatch.emulators.ibm_direct_access.estimation import expectations
from qbatch.emulators.noise import read_noise
from qbatch.emulators.simulation import Solution, simulate_shots, solve
from qbatch.executor import Options
from qbatch.executor.rehearsal import Rehearsal, rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run

HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
NOISES = [Noise(0.02, 0.1, 0.05), Noise(0.0, 0.3, 0.0), Noise(0.1, 0.0, 0.2), USUAL]


def correlation(found: dict[int, float]) -> float:
    """Mean of Z0 Z1, by counting ones."""
    total = sum(found.values())
    return sum((-1) ** (outcome & 3).bit_count() * one for outcome, one in found.items()) / total


def chances(solution: Solution) -> dict[int, float]:
    assert not solution.error
    assert solution.probabilities is not None
    return dict(zip(solution.outcomes, solution.probabilities, strict=True))


@pytest.mark.parametrize("noise", NOISES)
def test_a_bell_pair_correlates_as_the_formula_says(noise: Noise) -> None:
    found = chances(solve(BELL, 2, noise))
    expected = (1 - noise.two_qubit) * (1 - 2 * noise.readout) ** 2
    assert correlation(found) == pytest.approx(expected)
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("noise", NOISES)
def test_each_gate_on_one_qubit_shrinks_what_is_left(noise: Noise) -> None:
    program = HEAD + "qreg q[1]; creg c[1]; ry(1) q[0]; x q[0]; id q[0]; measure q->c;"
    z = -cos(1) * (1 - noise.one_qubit) ** 3 * (1 - 2 * noise.readout)
    assert chances(solve(program, 1, noise))[0] == pytest.approx((1 + z) / 2)


def test_without_noise_nothing_is_flipped() -> None:
    assert solve(BELL, 2, None) == solve(BELL, 2)
    assert {*chances(solve(BELL, 2))} == {0b00, 0b11}


def test_a_gate_on_three_qubits_is_noisy_as_the_gates_it_is_made_of() -> None:
    program = HEAD + "qreg q[3]; creg c[3]; x q[0]; x q[1]; ccx q[0],q[1],q[2]; measure q->c;"
    found = chances(solve(program, 3, Noise(0.0, 0.01, 0.0)))
    assert 0.99**6 < found[0b111] < 0.99**3  # six gates on two qubits, which spare some errors


@pytest.mark.parametrize("gate", ["crx(pi) ", "cu3(pi,0,pi) ", "cx "])
def test_any_gate_on_two_qubits_is_noisy_once(gate: str) -> None:
    program = HEAD + f"qreg q[2]; creg c[2]; x q[0]; {gate}q[0],q[1]; measure q->c;"
    found = chances(solve(program, 2, Noise(0.0, 0.1, 0.0)))
    assert found == pytest.approx({0b11: 1 - 0.1 * 3 / 4, 0b00: 0.025, 0b01: 0.025, 0b10: 0.025})


def test_a_gate_of_the_programs_own_is_noisy_within() -> None:
    own = "gate pair a,b { h a; cx a,b; } "
    program = HEAD + own + "qreg q[2]; creg c[2]; pair q[0],q[1]; measure q->c;"
    noise = NOISES[0]
    assert chances(solve(program, 2, noise)) == pytest.approx(chances(solve(BELL, 2, noise)))


@pytest.mark.slow
def test_wide_and_dynamic_circuits_are_noisy_shot_by_shot() -> None:
    noise, shots = Noise(0.0, 0.1, 0.05), 4000
    expected = 0.9 * 0.9**2
    error = 4 * sqrt((1 - expected**2) / shots)
    untouched = "".join(f"x q[{at}]; " for at in range(2, 18))
    wide = HEAD + f"qreg q[18]; creg c[18]; h q[0]; cx q[0],q[1]; {untouched}measure q->c;"
    assert solve(wide, 18, noise).probabilities is None
    assert correlation(simulate_shots(wide, shots, 1, noise)) == pytest.approx(expected, abs=error)
    dynamic = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; '
        "h q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; } c[1] = measure q[1];"
    )
    follows = (1 - 2 * 0.05) * (1 - 0.2 / 2)  # q1 obeys the bit as read; X fails for half of 0.2
    found = correlation(simulate_shots(dynamic, shots, 1, Noise(0.2, 0.0, 0.05)))
    assert found == pytest.approx(follows, abs=4 * sqrt((1 - follows**2) / shots))


@pytest.mark.parametrize(
    ("written", "noise"),
    [
        (None, None),
        (False, None),
        (True, USUAL),
        ({}, None),
        ({"readout": 0.02}, Noise(readout=0.02)),
        ({"depolarizing": {"two_qubit": 0.01}, "readout": 0}, Noise(two_qubit=0.01)),
    ],
)
def test_a_switch_of_noise_is_read(written: Any, noise: Noise | None) -> None:
    assert read_noise(written) == noise


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (0.1, "switches.oqc.noise: 0.1 is no object; write readout, depolarizing, or true"),
        ({"readuot": 0.1}, "noise: unknown key 'readuot'; known: readout, depolarizing"),
        ({"readout": 2}, "noise.readout: 2 is no probability"),
        ({"depolarizing": {"cx": 0.1}}, "noise.depolarizing: unknown key 'cx'"),
        ({"depolarizing": 0.1}, "noise.depolarizing: 0.1 is no object"),
    ],
)
def test_a_wrong_switch_of_noise_is_told(written: Any, problem: str) -> None:
    with pytest.raises(FaultScriptError, match=problem):
        read_faults({"switches": {"oqc": {"noise": written}}})


def test_a_clouds_switch_wins_over_the_noise_of_all(stage: Callable[..., Any]) -> None:
    world = stage("oqc", "scaleway", faults={"switches": {"oqc": {"noise": False}}}).emulation.world
    world.noise = USUAL
    assert world.noise_of("oqc") is None
    assert world.noise_of("scaleway") == USUAL


async def test_machines_tell_their_errors_and_simulators_have_none(
    stage: Callable[..., Any],
) -> None:
    both = {"depolarizing": {"one_qubit": 0.002, "two_qubit": 0.04}, "readout": 0.03}
    machines = stage("oqc", faults={"switches": {"oqc": {"noise": both}}})
    token = machines.environment["OQC_TOKEN"]
    machines.client.headers["authorization"] = f"Bearer {token}"
    for segment, readout in [("12345", 0.03), ("d865b5a184", 0.02)]:
        told = await machines.get(f"/oqc/{segment}/monitoring/calibrations")
        assert {qubit["readout_error"] for qubit in told["qubits"]} == {readout}


@pytest.mark.parametrize("noise", NOISES)
def test_an_estimators_values_shrink_as_measured_ones_do(noise: Noise) -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; h q[0]; cx q[0], q[1]; x q[2];'
    zz, xx, z = expectations(Source(text, is_text=True), (), ("IZZ", "IXX", "ZII"), noise)
    kept = 1 - 2 * noise.readout
    assert zz == pytest.approx((1 - noise.two_qubit) * kept**2)
    assert xx == pytest.approx((1 - noise.one_qubit) * (1 - noise.two_qubit) * kept**2)
    assert z == pytest.approx(-(1 - noise.one_qubit) * kept)


def test_ibms_properties_tell_average_infidelities() -> None:
    (falcon,) = (one for one in BACKENDS if one.name == "emu_5q")
    told = properties(falcon, datetime(2026, 1, 1, tzinfo=UTC), Noise(0.002, 0.04, 0.03))
    errors = {(len(gate["qubits"]), gate["parameters"][0]["value"]) for gate in told["gates"]}
    assert errors == {(1, 0.001), (2, 0.75 * 0.04)}  # (1 - 1/d) of the parameter
    readout = {row["value"] for qubit in told["qubits"] for row in qubit if "prob" in row["name"]}
    assert readout == {0.03}


MANIFEST = """\
qbatch: 1
name: bell
circuits:
  bell: {qasm: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'}
backends:
  forte: {provider: open-quantum, target: "ionq:forte-1"}
  rensselaer: {provider: ibm-direct-access, target: ibm_rensselaer}
  aria: {provider: marqov, target: ionq-aria-1}
  garnet: {provider: scaleway, target: QPU-GARNET-20PQ}
  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}
  rings: {provider: open-quantum, target: "qr:gpu-gb10", options: {configuration: {engine: amber_quantum_rings}}}
  sv1: {provider: marqov, target: sv1}
  aer: {provider: scaleway, target: EMU-AER-16C-128M}
  simulator: {provider: oqc, target: "qpu:uk:2:d865b5a184"}
shots: 4000
analysis: {observables: {zz: Z0 Z1}}
"""  # noqa: E501
SIMULATORS = {"rings", "sv1", "aer", "simulator"}


def play(folder: Path, noise: Noise | None) -> tuple[Rehearsal, dict[str, Any]]:
    plan = expand(parse_manifest(MANIFEST, folder=folder))
    done = rehearse(plan, Options(out=folder / "bell.rehearsal"), queues_s=(1.0,), noise=noise)
    with Run(done.folder) as run:
        return done, {point.backend: point.estimates["zz"] for point in run}


def test_a_noisy_rehearsal_on_all_five_clouds_measures_what_the_formula_says(
    tmp_path: Path,
) -> None:
    noise = Noise(two_qubit=0.1, readout=0.05)
    done, found = play(tmp_path, noise)
    expected = (1 - 0.1) * (1 - 2 * 0.05) ** 2
    assert done.to_dict()["noise"] == {"one_qubit": 0.0, "two_qubit": 0.1, "readout": 0.05}
    for backend, estimate in found.items():
        if backend in SIMULATORS:
            assert estimate.value == 1.0
        else:
            assert abs(estimate.value - expected) < 4 * sqrt((1 - expected**2) / 4000), backend


def test_a_rehearsal_has_no_noise_unless_it_is_asked_for(tmp_path: Path) -> None:
    done, found = play(tmp_path, None)
    assert done.to_dict()["noise"] is None
    assert {estimate.value for estimate in found.values()} == {1.0}
