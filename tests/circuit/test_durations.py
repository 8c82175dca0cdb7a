"""P28: times in circuits: `input duration`, constants, arithmetic; what is none is refused."""

import pytest
import qiskit.qasm3
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Parameter

from qbatch.circuit import bind, program_text
from qbatch.circuit.qasm.writer import qasm3_text
from qbatch.errors import CircuitError, Place
from tests.circuit.conftest import circuit, circuit3


def lengths(bound: QuantumCircuit) -> list[float]:
    """Of all delays, in seconds."""
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
    found = [item.operation for item in bound.data if isinstance(item.operation, Delay)]
    return [float(delay.duration) * scale[delay.unit] for delay in found]


@pytest.mark.parametrize(
    ("text", "values", "seconds"),
    [
        ("input duration tau; qubit q; delay[tau] q;", {"tau": 8e-5}, 8e-5),
        ("input duration tau; qubit q; delay[tau / 2 + 10ns] q;", {"tau": 1e-6}, 5.1e-7),
        ("input duration tau; qubit q; delay[(3us - tau) * 2] q;", {"tau": 1e-6}, 4e-6),
        ("input float n; qubit q; delay[n * 1.5us] q;", {"n": 4}, 6e-6),
        ("const duration d = 2 * 100ns; qubit q; delay[-(-d)] q;", {}, 2e-7),
        ("duration d = 5ns; d += 1µs; qubit q; delay[d] q;", {}, 1.005e-6),
        ("def w(duration d, qubit a) { delay[2 * d] a; } qubit q; w(3ms, q);", {}, 6e-3),
        ("input duration t; qubit q; rx(t / 1us) q; delay[t] q;", {"t": 2e-6}, 2e-6),
    ],
)
def test_a_delay_is_as_long_as_its_duration_says(text, values, seconds):
    assert lengths(bind(circuit3(text), values)) == pytest.approx([seconds], rel=1e-12)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "qubit q; delay[5] q;",
            "a duration is needed here, and 5 has no unit; write one, such as 100ns",
        ),
        (
            "input float t; qubit q; delay[t] q;",
            "a duration is needed here; write one, such as 100ns",
        ),
        ("qubit q; delay[2ns - 7ns] q;", "a delay of -5e-09 s is not possible"),
        ("qubit q; delay[2 * 5dt] q;", "a duration in dt stands only by itself: delay[160dt] q;"),
        ("input duration t; qubit q; rx(t) q;", "a duration is no number; it stands only in"),
        ("input duration t; int n = t; qubit q;", "a duration is no number; it stands only in"),
        ("duration d = 3; qubit q;", "'d' is of type duration, the value is not"),
        ("qubit q; delay[2ns * 3ns] q;", "'*' is not possible here: durations are added, subtr"),
        ("qubit q; delay[2ns + 1] q;", "'+' is not possible here"),
        ("stretch s; qubit q;", "'stretch' is not supported"),
    ],
)
def test_what_is_no_duration_is_refused_where_it_stands(text, problem):
    with pytest.raises(CircuitError) as caught:
        circuit3(text)
    assert problem in caught.value.problem


def test_facts_tell_which_parameters_delays_depend_on():
    facts = circuit3(
        "input float a; input duration t; input float n; qubit q; bit c; rx(a) q; c = measure q;"
        "if (c) { delay[t + n * 1ns] q; }"
    ).facts
    assert (facts.parameters, facts.durations, facts.has_delay) == (("a", "t", "n"), ("t", "n"), 1)
    plain = circuit3("qubit q; delay[160dt] q;").facts
    assert plain.durations == ()
    assert plain.has_delay
    assert not circuit3("qubit q; h q;").facts.has_delay


def test_a_sent_program_says_the_time_and_another_reader_reads_it():
    made = circuit3("input duration tau; qubit q; bit c; x q; delay[tau + 1us] q; c = measure q;")
    for tau in (0.0, 5e-9, 8e-5, 0.25):
        sent = program_text(made, {"tau": tau}, "3.0", register="c")
        assert "tau" not in sent
        assert lengths(qiskit.qasm3.loads(sent)) == pytest.approx([tau + 1e-6], rel=1e-12)
        assert lengths(bind(circuit(sent), {})) == pytest.approx([tau + 1e-6], rel=1e-12)


def test_a_time_below_nothing_is_never_sent():
    made = circuit3("input duration tau; qubit q; delay[1us - tau] q;")
    with pytest.raises(CircuitError, match="a delay of -1e-06 is not possible"):
        program_text(made, {"tau": 2e-6}, "3.0")
    with pytest.raises(CircuitError, match="Duration"):
        bind(made, {"tau": 2e-6})


def test_openqasm_2_has_no_delay():
    made = circuit3("input duration tau; qubit q; delay[tau] q;")
    with pytest.raises(CircuitError, match="OpenQASM 2 has no delay"):
        program_text(made, {"tau": 1e-6}, "2.0")


def test_a_free_delay_of_a_python_circuit_becomes_an_input():
    tau = Parameter("wait")
    made = QuantumCircuit(1)
    made.delay(2 * tau, 0, unit="us")
    made.rx(tau, 0)
    text = qasm3_text(made, Place("c.py", 1, 1))
    read = circuit(text)
    assert read.facts.parameters == ("wait",)
    assert lengths(bind(read, {"wait": 1.5})) == pytest.approx([3e-6], rel=1e-12)
