"""Circuits are executed for real, with every register and in one bit order."""

from __future__ import annotations

import math
import os
import re
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from qbatch.emulators.simulation import (
    ProgramError,
    Simulator,
    bitstrings,
    by_register,
    read_program,
    simulate_shots,
    solve,
)

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)

#: Bit 0 is 1 for certain, bit 1 is 0, bit 2 is 1 with sin²(0.5); registers of one and two bits.
ASYMMETRIC = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3]; creg a[1]; creg b[2];
x q[0]; ry(1.0) q[2];
measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];
"""


def test_exact_probabilities_follow_bits_and_registers_as_declared() -> None:
    solution = solve(ASYMMETRIC, 3)
    assert solution.registers == (("a", 1), ("b", 2))
    chances = dict(zip(solution.outcomes, solution.probabilities or (), strict=True))
    assert chances == pytest.approx({0b001: math.cos(0.5) ** 2, 0b101: math.sin(0.5) ** 2})


def test_a_measurement_may_cross_qubits_and_bits() -> None:
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; x q[0]; measure q[0]->c[2];'
    assert solve(text, 3).outcomes == (0b100,)


@pytest.mark.parametrize("include", ['include "stdgates.inc";', ""])
def test_openqasm_3_needs_no_include(include: str) -> None:
    text = f"OPENQASM 3.0; {include} qubit[2] q; bit[2] c; x q[1]; c = measure q;"
    assert solve(text, 2).outcomes == (0b10,)


def test_physical_qubits_are_understood() -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $3; c[0] = measure $3;'
    solution = solve(text, 5)
    assert (solution.outcomes, solution.num_qubit_registers) == ((1,), 0)


def test_a_lone_bit_is_a_register_of_its_own() -> None:
    solution = solve("OPENQASM 3.0; qubit q; bit c; bit[2] d; x q; c = measure q;", 1)
    assert (solution.registers, solution.outcomes) == ((("bit0", 1), ("d", 2)), (1,))


def test_registers_and_measurements_are_told_in_the_programs_order() -> None:
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[1] a; qubit[2] q; bit[3] c;'
        "c[2] = measure q[1]; if (c[2]) { x a[0]; c[0] = measure a[0]; }"
    )
    solution = solve(text, 3)
    assert (solution.qubit_registers, solution.num_qubit_registers) == ((("a", 1), ("q", 2)), 2)
    assert solution.measurements == ((2, 2), (0, 0))


def test_a_seed_belongs_to_its_salt_and_to_the_emulations() -> None:
    first, other = Simulator(inline=True, seed=1), Simulator(inline=True, seed=2)
    assert first.seed_of("job") == Simulator(inline=True, seed=1).seed_of("job")
    assert len({first.seed_of("job"), first.seed_of("other"), other.seed_of("job")}) == 3


def test_physical_qubits_far_apart_are_simulated_exactly() -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; x $3; cx $3, $50; c[1] = measure $50;'
    assert solve(text, 54).probabilities == (1.0,)
    assert solve(text, 54).outcomes == (0b10,)
    assert solve(text, 54).pairs == {(3, 50)}


def test_gates_that_the_simulator_does_not_know_are_spelled_out() -> None:
    text = (
        'OPENQASM 2.0; include "qelib1.inc"; gate flip a { x a; } qreg q[1]; creg c[1];'
        "flip q[0]; measure q->c;"
    )
    assert solve(text, 1).outcomes == (1,)


def test_a_dynamic_circuit_is_simulated_shot_by_shot() -> None:
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0];'
        "if (c[0]) { x q[1]; } c[1] = measure q[1];"
    )
    assert solve(text, 2).is_dynamic
    counts = simulate_shots(text, 400, seed=3)
    assert set(counts) == {0b00, 0b11}
    assert sum(counts.values()) == 400


def test_a_wide_circuit_is_simulated_shot_by_shot() -> None:
    gates = "".join(f"cx q[{at}],q[{at + 1}];" for at in range(29))
    text = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[30]; creg c[30]; h q[0];'
        f"{gates} measure q -> c;"
    )
    sample = Simulator(inline=True).sample(text, 30, 100, "job")
    assert sample.solution.probabilities is None
    assert set(sample.counts) <= {0, 2**30 - 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("OPENQASM 2.0; qreg q[1]; nonsense q[0];", "cannot parse"),
        ("", "cannot parse|measures nothing"),
        ("OPENQASM 3.0; qubit q; $w;", "cannot parse"),
        (BELL.replace("measure q->c;", ""), "measures nothing"),
        (BELL.replace("q[2]", "q[9]").replace("c[2]", "c[9]"), "uses 9 qubits, the device has 5"),
        (
            "OPENQASM 3.0; input float phi; qubit q; bit c; rx(phi) q; c = measure q;",
            "inputs without",
        ),
    ],
)
def test_a_program_that_cannot_run_says_why(text: str, words: str) -> None:
    assert re.search(words, solve(text, 5).error)


def test_reading_an_open_parameter_is_refused() -> None:
    with pytest.raises(ProgramError, match="inputs without a value: phi"):
        read_program("OPENQASM 3.0; input float phi; qubit q; bit c; rx(phi) q; c = measure q;")


def test_one_text_is_simulated_once_and_drawn_for_each_job_anew() -> None:
    simulator = Simulator(inline=True)
    first, second = (simulator.sample(BELL, 2, 1000, salt) for salt in ("one", "two"))
    assert first.solution is second.solution
    assert first.counts != second.counts
    assert first.counts == simulator.sample(BELL, 2, 1000, "one").counts


def test_counts_sum_to_the_shots_and_lie_near_the_exact_values() -> None:
    counts = Simulator(inline=True).sample(BELL, 2, 10_000, "job").counts
    assert sum(counts.values()) == 10_000
    assert abs(counts[0b00] - 5000) < 5 * math.sqrt(2500)


@pytest.mark.slow
def test_the_worker_process_gives_the_same_counts() -> None:
    simulator = Simulator(inline=False)
    try:
        simulator.warm_up()
        sample = simulator.sample(BELL, 2, 100, "job")
        assert isinstance(simulator.call(solve, BELL, 2), Future)
        assert sample.counts == Simulator(inline=True).sample(BELL, 2, 100, "job").counts
    finally:
        simulator.close()


@pytest.mark.slow
def test_a_worker_that_a_program_killed_is_replaced() -> None:
    simulator = Simulator(inline=False)
    try:
        died = simulator.call(os._exit, 1)
        assert isinstance(died, Future)
        with pytest.raises(BrokenProcessPool):
            died.result()
        assert simulator.sample(BELL, 2, 100, "job").solution.num_bits == 2
    finally:
        simulator.close()


def test_outcomes_are_written_and_split_with_bit_0_rightmost() -> None:
    counts = {0b101: 7, 0b001: 3}
    assert bitstrings(counts, 3) == {"001": 3, "101": 7}
    assert by_register(counts, (("a", 1), ("b", 2))) == {"a": {1: 10}, "b": {0: 3, 2: 7}}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("c[0] && !c[1]", True), ("c[1] || c[0] == 0", False), ("c != 2", True), ("c == 5", False),
        ("!(c == 1)", False), ("1 == c[0]", True), ("c[1] == 0 && (c == 1 || c == 3)", True),
    ],
)  # fmt: skip
def test_conditions_over_several_bits_are_executed(condition: str, holds: bool) -> None:
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; bit d; x q[0]; '
        f"c[0] = measure q[0]; if ({condition}) {{ x q[1]; }} d = measure q[1];"
    )
    assert simulate_shots(text, 5, 1) == {1 + 4 * holds: 5}


@pytest.mark.parametrize("name", ["unitary", "kraus", "pauli", "initialize", "diagonal"])
def test_a_gate_of_the_programs_own_is_not_taken_for_an_instruction_of_that_name(name: str) -> None:
    text = (
        f'OPENQASM 3.0; include "stdgates.inc"; gate {name} a, b {{ x a; x b; }} '
        f"qubit[2] q; bit c; bit[2] d; c = measure q[0]; if (!c) {{ {name} q[0], q[1]; }} "
        "d = measure q;"
    )
    assert simulate_shots(text, 20, 1) == {0b110: 20}
