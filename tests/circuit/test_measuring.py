"""A circuit measured in another basis tells X and Y of the qubits that its bits are measured from.

Qiskit computes what they are, from the circuit's state and the qubit that the generator measured
into each bit; the rotated text has to give the same by its probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from qbatch.circuit import Circuit, build, program_text
from qbatch.circuit.measuring import UnfitBasisError, measured_in, measured_whole
from tests.circuit.conftest import circuit, circuit2, circuit3


@dataclass(frozen=True)
class Made:
    """A circuit of the generator's.

    Attributes:
        text: OpenQASM.
        qubit_of: Classical bit -> the qubit measured into it.
    """

    text: str
    qubit_of: tuple[int, ...]


@st.composite
def gates(draw: st.DrawFn, names: list[str]) -> str:
    kind = draw(st.sampled_from(["h", "s", "t", "x", "ry", "cx"]))
    if kind == "cx" and len(names) > 1:
        pair = draw(st.permutations(names))[:2]
        return f"cx {pair[0]}, {pair[1]};"
    angle = f"({draw(st.integers(1, 30)) / 10})" if kind == "ry" else ""
    return f"{'h' if kind == 'cx' else kind}{angle} {draw(st.sampled_from(names))};"


def declared(word: str, sizes: dict[str, int], version: str) -> list[str]:
    if version == "2.0":
        old = {"qubit": "qreg", "bit": "creg"}[word]
        return [f"{old} {name}[{size}];" for name, size in sizes.items()]
    return [f"{word}[{size}] {name};" for name, size in sizes.items()]


@st.composite
def circuits(draw: st.DrawFn) -> Made:
    """Draw gates, then measurements written in one of several ways, in any order."""
    version = draw(st.sampled_from(["2.0", "3.0"]))
    first, second = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    sizes = {"q": first, "r": second}
    names = [f"{name}[{k}]" for name, size in sizes.items() for k in range(size)]
    library = draw(st.sampled_from(["included", "own h"]))
    head = [f"OPENQASM {version};"]
    if library == "included":
        head += ['include "qelib1.inc";' if version == "2.0" else 'include "stdgates.inc";']
    else:  # an own gate of that name, which turns differently
        head += ["gate h a { U(0.3, 0.2, 0.1) a; }", "gate cx a, b { CX a, b; }"]
        head += [f"gate {name} a {{ U(0, 0, {turn}) a; }}" for name, turn in (("s", 1.5), ("t", 2))]
        head += ["gate x a { U(3, 0, 0) a; }", "gate ry(t) a { U(t, 0, 0) a; }"]
        if version == "3.0":
            head += ["gate CX a, b { ctrl @ U(pi, 0, pi) a, b; }"]
    body = draw(st.lists(gates(names), max_size=12))
    ways = (
        ["none", "register", "single", "loop", "subroutine"]
        if version == "3.0"
        else ["none", "register", "single"]
    )
    way = draw(st.sampled_from(ways))
    head += declared("qubit", sizes, version)
    total = len(names)
    if way == "none":
        return Made("\n".join([*head, *body]), tuple(range(total)))
    if way == "register":
        head += declared("bit", {"b": second, "a": first}, version)
        pairs = [("q", "a"), ("r", "b")]
        lines = [
            f"{c} = measure {q};" if version == "3.0" else f"measure {q} -> {c};"
            for q, c in draw(st.permutations(pairs))
        ]
        return Made("\n".join([*head, *body, *lines]), (*range(first, total), *range(first)))
    head += declared("bit", {"a": 1, "b": total - 1}, version)
    bits = ["a[0]", *(f"b[{k}]" for k in range(total - 1))]
    qubit_of = tuple(draw(st.permutations(range(total))))
    if way == "subroutine":
        head += ["def end_of(qubit one) -> bit { return measure one; }"]
    lines = []
    for bit in draw(st.permutations(range(total))):
        qubit = names[qubit_of[bit]]
        if version == "2.0":
            lines += [f"measure {qubit} -> {bits[bit]};"]
        elif way == "subroutine":
            lines += [f"{bits[bit]} = end_of({qubit});"]
        elif way == "loop":
            lines += [f"for uint i in [0:0] {{ {bits[bit]} = measure {qubit}; }}"]
        else:
            lines += [f"{bits[bit]} = measure {qubit};"]
    return Made("\n".join([*head, *body, *lines]), qubit_of)


def without_measurements(built: QuantumCircuit) -> tuple[QuantumCircuit, dict[int, int]]:
    """Return the gates of a circuit, and classical bit -> qubit."""
    gates_only = built.copy_empty_like()
    found: dict[int, int] = {}
    for item in built.data:
        if item.operation.name == "measure":
            found[built.find_bit(item.clbits[0]).index] = built.find_bit(item.qubits[0]).index
        else:
            gates_only.append(item)
    return gates_only, found


def parity_expectation(measured: Circuit, bits: list[int]) -> float:
    """Compute the mean of a product of Z of classical bits, from exact probabilities."""
    gates_only, qubit_of = without_measurements(build(measured))
    chances = Statevector(gates_only).probabilities([qubit_of[bit] for bit in bits])
    return float(sum(p * (-1) ** outcome.bit_count() for outcome, p in enumerate(chances)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(circuits(), st.data())
def test_the_rotated_program_tells_what_qiskit_computes_of_the_state(
    made: Made, data: st.DataObject
) -> None:
    total = len(made.qubit_of)
    letters = data.draw(st.lists(st.sampled_from("XYZ"), min_size=total, max_size=total))
    bits = sorted(data.draw(st.sets(st.integers(0, total - 1), min_size=1)))
    original = circuit(made.text)
    state = Statevector(without_measurements(build(original))[0])
    string = ["I"] * total
    for bit in bits:
        string[total - 1 - made.qubit_of[bit]] = letters[bit]
    wanted = state.expectation_value(SparsePauliOp("".join(string))).real
    basis = {bit: letters[bit] for bit in range(total) if letters[bit] != "Z"}
    rotated = measured_in(original, basis)
    assert parity_expectation(rotated, bits) == pytest.approx(wanted, abs=1e-9)
    assert rotated.version == original.version
    assert rotated.facts.parameters == original.facts.parameters
    if original.facts.measured_bits:
        assert rotated.facts.registers == original.facts.registers
    else:
        assert rotated.facts.terminal == tuple(range(total))


def test_lines_are_put_in_before_the_measurement_and_all_else_stays() -> None:
    text = (
        "OPENQASM 3.0;\n"
        'include "stdgates.inc";\n'
        "input float t;  // a free angle\n"
        "qubit[2] q; bit[2] c;\n"
        "rx(t) q[0]; cx q[0], q[1];\n"
        "@note\n"
        "c = measure q;\n"
    )
    found = measured_in(circuit(text), {1: "Y", 0: "X"})
    wanted = text.replace("q[1];\n@", "q[1];\nh q[0];\nsdg q[1];\nh q[1];\n@")
    assert found.text == wanted
    assert found.facts.parameters == ("t",)
    assert found.name == "c"


def test_nothing_to_rotate_is_the_same_circuit() -> None:
    one = circuit3("qubit q; bit c; h q; c = measure q;")
    assert measured_in(one, {}) is one


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_every_clouds_program_of_it_has_the_same_probabilities(version: str) -> None:
    """What is sent is OpenQASM of either version, angles filled in."""
    body = "input float t; qubit[2] q; bit[2] c; ry(t) q[0]; cx q[0], q[1]; c = measure q;"
    rotated = measured_in(circuit3(body), {0: "X", 1: "Y"})
    sent = circuit(program_text(rotated, {"t": 0.7}, version, register="c"))  # type: ignore[arg-type]
    straight = QuantumCircuit(2)
    straight.ry(0.7, 0)
    straight.cx(0, 1)
    for label, bits in (("YX", [0, 1]), ("IX", [0]), ("YI", [1])):
        wanted = Statevector(straight).expectation_value(SparsePauliOp(label)).real
        assert parity_expectation(sent, bits) == pytest.approx(wanted, abs=1e-9)


def test_a_circuit_that_ends_unmeasured_is_measured_whole() -> None:
    old = measured_whole(circuit2("qreg q[2]; qreg c[1]; h q[0];"))
    assert [(r.name, r.num_bits) for r in old.facts.registers] == [("c_2", 3)]
    assert old.facts.terminal == (0, 1, 2)
    new = measured_in(circuit3("qubit one; h one; end; x one;"), {0: "X"})
    put_in = "\nbit[1] c;\nh one;\nc[0] = measure one;"
    assert new.text.endswith(f"qubit one; h one;{put_in} end; x one;")
    assert parity_expectation(new, [0]) == pytest.approx(1)
    physical = measured_in(circuit3("h $1;"), {1: "X"})
    assert parity_expectation(physical, [1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "bit", "problem"),
    [
        ("c[0] = measure q[0]; if (c[0]) x q[1];", 0, "c\\[0\\]\\) is used in a condition"),
        ("c[0] = measure q[0]; if (c == 1) x q[1];", 1, "c\\[1\\]\\) is used in a condition"),
        ("c[0] = measure q[0]; x q[0];", 0, "its qubit q\\[0\\] goes on after the measurement"),
        ("c[0] = measure q[0]; c[1] = measure q[0];", 0, "goes on after the measurement"),
        ("c[0] = measure q[0]; if (c[1]) x q[0];", 0, "goes on after the measurement"),
        ("c[0] = measure q[0]; c[0] = measure q[1];", 0, "is written 2 times"),
        ("c[0] = measure q[0]; if (c[0]) c[1] = measure q[1];", 1, "is written under a condition"),
        ("c[0] = measure q[0];", 1, "is written by no measurement; measure a qubit into it"),
        ("c[0] = measure q[0];", 9, "classical bit 9 is written by no measurement"),
        (
            "def m(qubit a) -> bit { h a; return measure a; } c[0] = m(q[0]);",
            0,
            "acts on it before",
        ),
        ("for int i in [0:1] { h q[i]; c[i] = measure q[i]; }", 1, "in a statement of its own"),
        ("h q[0];", 0, "nothing is measured into c; add a measurement"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(body: str, bit: int, problem: str) -> None:
    made = circuit3(f"qubit[2] q; bit[2] c; {body}")
    with pytest.raises(UnfitBasisError, match=problem):
        measured_in(made, {bit: "X"})


def test_a_measured_qubit_may_be_left_to_itself() -> None:
    """Resets, barriers and delays after it, and what others do, take nothing from its result."""
    body = (
        "c[0] = measure q[0]; barrier q; reset q[0]; delay[9ns] q[0]; h q[1]; c[1] = measure q[1];"
    )
    made = measured_in(circuit3(f"qubit[2] q; bit[2] c; h q[0]; {body}"), {0: "X"})
    assert "\nh q[0]; c[0] = measure q[0];" in made.text


def test_names_that_hide_the_librarys_gates_are_minded() -> None:
    made = measured_in(
        circuit3("qubit[1] q; bit[1] c; for int h in [0:0] { x q[h]; } c = measure q;"), {0: "X"}
    )
    assert "\nh q[0];" in made.text
    assert parity_expectation(made, [0]) == pytest.approx(0)
    plain = measured_in(
        circuit("OPENQASM 3.0; qubit h; bit c; U(pi/2, 0, pi) h; c = measure h;"), {0: "X"}
    )
    assert f"U({math.pi / 2}, 0, {math.pi}) h;" in plain.text
    assert parity_expectation(plain, [0]) == pytest.approx(1)
