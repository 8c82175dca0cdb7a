"""What a sampler's or estimator's input may look like, and what comes out of it."""

from __future__ import annotations

import base64
import io
import json
import math
import zlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm3, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Pauli, Statevector

from qbatch.emulators.ibm_direct_access.backends import BACKENDS
from qbatch.emulators.ibm_direct_access.circuits import Machine
from qbatch.emulators.ibm_direct_access.execution import Outcome, Task, execute
from qbatch.emulators.ibm_direct_access.payload import count_bases, read_job
from qbatch.emulators.ibm_direct_access.typed import InputError

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'

#: P(1) of qubit 0 is cos²(angle / 2).
TURN = "bit[1] c;\nsx $0;\nrz(th) $0;\nsx $0;\nc[0] = measure $0;\n"

#: The three documented inputs, word for word.
TEXT_INPUT = r"""{"options":{},"pubs":[["OPENQASM 3.0;\ninclude \"stdgates.inc\";\nbit[2] meas;\nrz(1.5707963267948966) $0;\nsx $0;\nrz(1.5707963267948966) $0;\ncx $0, $1;\nbarrier $0, $1;\nmeas[0] = measure $0;\nmeas[1] = measure $1;\n",null,4]],"shots":4,"support_qiskit":true,"version":2}"""  # noqa: E501
QPY_INPUT = """{"pubs":[[{"__type__":"QuantumCircuit","__value__":"eJwL9Az29gwRZGJjYoAAxoJCKEuGgSuNgQPIYIJiBjQ2K4hIzixKLs0s0TUxg4oyVNcWMoJVMTLCjIIBxmSIDAtjbmpiMbokCo8VqygCeLgnlqRCzGdDchsWMxmdI+BqC8Fi7Lg1gIFTYlFRZmoRFh2MOFzkC/ROaRHEjmSwCAk6GJOhav4jAZg6ALQ+J0A="},{"__type__":"ndarray","__value__":"eJyb7BfqGxDJyFDGUK2eklqcXKRupaBuk2ahrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RoGOpo6CrUKFAAuAFOzG1s="},4]],"options":{},"version":2,"support_qiskit":true}"""  # noqa: E501
EMPTY = "eJyb7BfqGxDJyFDGUK2eklqcXKRupaBuk2ahrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RoGOpo6CrUKFAAuAFOzG1s="  # noqa: E501


def machine(name: str = "emu_5q", *, is_strict: bool = True, qubits: int | None = None) -> Machine:
    (backend,) = [one for one in BACKENDS if one.name == name]
    basis = frozenset(backend.basis) if is_strict else None
    return Machine(qubits or backend.qubits, backend.max_shots, basis, frozenset(backend.edges))


def run(document: Any, program: str = "sampler", where: Machine | None = None) -> Outcome:
    content = (document if isinstance(document, str) else json.dumps(document)).encode()
    return execute(
        Task(program, content, where or machine(), 7, datetime(2026, 1, 1, tzinfo=UTC), 1e9)
    )


def read(outcome: Outcome) -> Any:
    assert outcome.error == ""
    return json.loads(outcome.document)


def sample(circuit: Any, values: Any = None, shots: int = 1000, **more: Any) -> Any:
    """Run one pub on a machine that takes any gate; return the plain data of its registers."""
    where = machine(is_strict=False, qubits=more.pop("qubits", 30))
    document = {"pubs": [[circuit, values, shots]], "support_qiskit": False} | more
    return read(run(document, where=where))["results"][0]["data"]


def share(samples: list[str]) -> float:
    return samples.count("0x1") / len(samples)


def load(wrapped: Any) -> Any:
    packed = zlib.decompress(base64.b64decode(wrapped["__value__"]))
    return np.load(io.BytesIO(packed), allow_pickle=False)


def packed(value: Any) -> dict[str, Any]:
    """Wrap an array or a circuit as Qiskit's clients do."""
    buffer = io.BytesIO()
    if isinstance(value, QuantumCircuit):
        qpy.dump(value, buffer, version=17)
    else:
        np.save(buffer, value, allow_pickle=False)
    kind = "QuantumCircuit" if isinstance(value, QuantumCircuit) else "ndarray"
    text = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    return {"__type__": kind, "__value__": text}


def near(found: float, exact: float, shots: int = 1000) -> bool:
    return abs(found - exact) <= 5 * math.sqrt(max(exact * (1 - exact), 1e-9) / shots)


# -- documented examples -------------------------------------------------------------------------


def test_the_documented_text_runs_on_the_machine_it_was_made_for() -> None:
    (pub,) = read(run(TEXT_INPUT))["__value__"]["pub_results"]
    field = pub["__value__"]["data"]["__value__"]["fields"]["meas"]
    assert field["__value__"]["num_bits"] == 2
    assert set(load(field["__value__"]["array"])[:, 0].tolist()) <= {0, 3}


def test_the_documented_circuit_file_runs_where_its_gates_exist() -> None:
    assert run(QPY_INPUT).code == 1517
    (pub,) = read(run(QPY_INPUT, where=machine(is_strict=False)))["__value__"]["pub_results"]
    field = pub["__value__"]["data"]["__value__"]["fields"]["meas"]
    assert load(field["__value__"]["array"]).shape == (4, 1)


def test_the_documented_encoding_of_arrays_is_read_and_written() -> None:
    from qbatch.emulators.ibm_direct_access.typed import array, array_from

    rows = np.array([[3], [0], [3], [3]], dtype=np.uint8)
    text = "eJyb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RomOgqGmjoKtQpkAy5mBmZmAOUnG8E="  # noqa: E501
    assert load(array(rows)).tolist() == load({"__value__": text}).tolist() == rows.tolist()
    assert array_from({"__type__": "ndarray", "__value__": EMPTY}).shape == (0,)


# -- circuits ------------------------------------------------------------------------------------


def test_every_register_is_a_field_with_bit_0_rightmost() -> None:
    text = f"{HEAD}bit[2] a;\nbit[10] b;\nx $0;\na[1] = measure $0;\nb[9] = measure $0;\n"
    data = sample(text, shots=3)
    assert data == {
        "a": {"samples": ["0x2"] * 3, "num_bits": 2},
        "b": {"samples": ["0x200"] * 3, "num_bits": 10},
    }


def test_ten_bits_are_two_bytes_the_most_significant_first() -> None:
    text = f"{HEAD}bit[10] b;\nx $0;\nb[9] = measure $0;\n"
    document = {"pubs": [[text, None, 2]]}
    (pub,) = read(run(document))["__value__"]["pub_results"]
    data = pub["__value__"]["data"]["__value__"]["fields"]["b"]["__value__"]["array"]
    assert load(data).tolist() == [[2, 0], [2, 0]]


def test_a_single_bit_is_a_field_under_its_name() -> None:
    text = f"{HEAD}bit flag;\nbit[1] c;\nx $0;\nflag = measure $0;\nc[0] = measure $1;\n"
    data = sample(text, shots=2)
    assert {name: one["samples"][0] for name, one in data.items()} == {"flag": "0x1", "c": "0x0"}


def test_a_circuit_file_keeps_its_registers_and_metadata() -> None:
    circuit = QuantumCircuit(2, metadata={"angle": 1})
    circuit.x(1)
    circuit.measure_all()
    document = {"pubs": [[packed(circuit), None, 5]], "support_qiskit": False}
    (found,) = read(run(document))["results"]
    assert set(found["data"]["meas"]["samples"]) == {"0x2"}
    assert found["metadata"] == {"circuit_metadata": {"angle": 1}}


def test_mid_circuit_measurements_and_branches_run() -> None:
    text = f"{HEAD}bit[2] c;\nx $0;\nc[0] = measure $0;\nif (c[0]) {{ x $1; }}\n"
    assert set(sample(f"{text}c[1] = measure $1;\n", shots=20)["c"]["samples"]) == {"0x3"}


def test_branches_are_checked_against_the_machine_too() -> None:
    text = f"{HEAD}bit[1] c;\nc[0] = measure $0;\nif (c[0]) {{ cx $0, $4; }}\n"
    assert "cx does not act on qubits (0, 4)" in run({"pubs": [[text]]}).error


def test_wide_circuits_are_measured_shot_by_shot() -> None:
    circuit = QuantumCircuit(20, 20)
    circuit.h(0)
    for at in range(19):
        circuit.cx(at, at + 1)
    circuit.measure(range(20), range(20))
    samples = sample(packed(circuit), shots=200)["c"]["samples"]
    assert set(samples) == {"0x0", "0xfffff"}
    assert samples != sorted(samples)


def test_the_large_machine_has_directions() -> None:
    gate = "gate ecr a, b { s a; sx b; cx a, b; x a; }\n"
    text = f"{HEAD}{gate}bit[1] c;\necr $0, $1;\nc[0] = measure $0;\n"
    large = machine("ibm_rensselaer")
    assert run({"pubs": [[text]]}, where=large).error == ""
    backwards = text.replace("$0, $1", "$1, $0")
    assert "ecr does not act on qubits (1, 0)" in run({"pubs": [[backwards]]}, where=large).error


WRONG_CIRCUITS: dict[str, tuple[Any, str]] = {
    "a number": (1, "OpenQASM 3 text or a QPY file"),
    "another wrapper": ({"__type__": "Circuit", "__value__": "x"}, "text or a QPY file"),
    "no base64": ({"__type__": "QuantumCircuit", "__value__": "%"}, "neither base64 nor zlib"),
    "no zlib": ({"__type__": "QuantumCircuit", "__value__": "aaaa"}, "neither base64 nor zlib"),
    "nothing measured": (f"{HEAD}bit[1] c;\nx $0;\n", "measures nothing"),
    "no register": (f"{HEAD}x $0;\n", "no classical register"),
    "a strange character": (f'{HEAD}x $0; "\n', "cannot parse"),
    "an unknown gate": (f"{HEAD}bit[1] c;\necr $0, $1;\nc[0] = measure $0;\n", "cannot parse"),
    "no include": ("OPENQASM 3.0;\nbit[1] c;\nx $0;\nc[0] = measure $0;\n", "cannot parse"),
}


@pytest.mark.parametrize(("circuit", "words"), WRONG_CIRCUITS.values(), ids=WRONG_CIRCUITS)
def test_a_circuit_that_cannot_be_read_says_why(circuit: Any, words: str) -> None:
    outcome = run({"pubs": [[circuit, None, 10]]})
    assert words in outcome.error
    assert outcome.error.startswith("pubs[0]: ")
    assert (outcome.document, outcome.usage_s) == (b"", 0)


def test_files_of_other_versions_or_with_two_circuits_are_not_read() -> None:
    circuit, buffer = QuantumCircuit(1), io.BytesIO()
    circuit.measure_all()
    qpy.dump([circuit, circuit], buffer, version=17)
    for content, words in [
        (buffer.getvalue(), "one circuit"),
        (b"QISKIT\x0c" + buffer.getvalue()[7:], "QPY version 12"),
        (b"QISKIT", "not a QPY file"),
        (buffer.getvalue()[:-9], "cannot read the QPY file"),
    ]:
        text = base64.b64encode(zlib.compress(content)).decode()
        wrapped = {"__type__": "QuantumCircuit", "__value__": text}
        assert words in run({"pubs": [[wrapped]]}).error


def test_what_inflates_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qbatch.emulators.ibm_direct_access.typed.MOST_BYTES", 1000)
    text = base64.b64encode(zlib.compress(b"QISKIT" + bytes(1000))).decode()
    outcome = run({"pubs": [[{"__type__": "QuantumCircuit", "__value__": text}]]})
    assert "more than 1000 bytes" in outcome.error


# -- parameters ----------------------------------------------------------------------------------

INPUT = f"{HEAD}input float[64] th;\n{TURN}"
ANGLES = [0.3, 1.2, 2.5]


@pytest.mark.parametrize(
    "values",
    [
        [[one] for one in ANGLES],
        ANGLES,
        packed(np.array(ANGLES).reshape(3, 1)),
        {"__type__": "ndarray", "__value__": [[one] for one in ANGLES]},
        {"th": ANGLES},
        {"th": packed(np.array(ANGLES))},
    ],
    ids=["nested", "flat", "array", "list in a wrapper", "by name", "array by name"],
)
def test_values_come_in_every_documented_form(values: Any) -> None:
    found = sample(INPUT, values)["c"]["samples"]
    assert [len(one) for one in found] == [1000] * 3
    assert all(near(share(one), math.cos(a / 2) ** 2) for one, a in zip(found, ANGLES, strict=True))


@pytest.mark.parametrize("values", [None, [], packed(np.zeros(0)), {}])
def test_a_circuit_without_parameters_takes_none_in_every_form(values: Any) -> None:
    text = INPUT.replace("input float[64] th;\n", "").replace("rz(th)", "rz(0)")
    assert sample(text, values, 5)["c"]["samples"] == ["0x1"] * 5


def test_leading_axes_are_the_shape_of_the_result() -> None:
    values = np.full((2, 3, 1), math.pi)
    document = {"pubs": [[INPUT, values.tolist(), 7]]}
    (pub,) = read(run(document))["__value__"]["pub_results"]
    data = pub["__value__"]["data"]["__value__"]
    assert data["shape"] == [2, 3]
    assert load(data["fields"]["c"]["__value__"]["array"]).shape == (2, 3, 7, 1)


def test_columns_follow_the_order_of_declaration_in_a_text() -> None:
    names = [f"th_{at}_" for at in range(12)]
    inputs = "".join(f"input float[64] {name};\n" for name in names)
    turns = "".join(f"sx ${at};\nrz({name}) ${at};\nsx ${at};\n" for at, name in enumerate(names))
    measured = "".join(f"c[{at}] = measure ${at};\n" for at in range(12))
    row = [math.pi] * 12  # stays 0
    row[2] = 0.0  # turns to 1
    data = sample(f"{HEAD}{inputs}bit[12] c;\n{turns}{measured}", row, 5)
    assert set(data["c"]["samples"]) == {"0x4"}


def test_columns_follow_qiskits_order_in_a_file() -> None:
    vector, first = ParameterVector("th", 11), Parameter("a")
    circuit = QuantumCircuit(12, 12)
    for at, parameter in enumerate([*vector, first]):
        circuit.ry(parameter, at)
    circuit.measure(range(12), range(12))
    row = [math.pi, *[0.0] * 10, math.pi]  # a, th[0] ... th[10]
    assert set(sample(packed(circuit), row, 5)["c"]["samples"]) == {hex(1 << 11 | 1 << 10)}
    by_name = {"a": math.pi, "th": [0.0] * 10 + [math.pi]}
    assert set(sample(packed(circuit), by_name, 5)["c"]["samples"]) == {hex(1 << 11 | 1 << 10)}


def test_comments_declare_nothing() -> None:
    text = INPUT.replace("input", "// input float[64] zero;\n/* input float[64] one; */\ninput", 1)
    assert near(share(sample(text, [[1.2]])["c"]["samples"][0]), math.cos(0.6) ** 2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "0 parameter values for 1 parameters"),
        ([["x"]], "not an array"),
        ([[1], [2, 3]], "not an array"),
        ([[float("nan")]], "not finite"),
        ([[True]], "not an array of real numbers"),
        ({"phi": [1.0]}, "do not match parameter"),
        ({"__type__": "ndarray", "__value__": "%"}, "neither base64 nor zlib"),
        (packed(np.array([[1j]])), "not an array of real numbers"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: Any, words: str) -> None:
    assert words in run({"pubs": [[INPUT, values, 5]]}).error


def test_values_are_counted_against_all_declared_inputs() -> None:
    text = INPUT.replace("input", "input float[64] unused;\ninput", 1)
    assert "1 parameter values for 2 parameters" in run({"pubs": [[text, [[1.0]]]]}).error
    assert near(share(sample(text, [[9.0, 1.2]])["c"]["samples"][0]), math.cos(0.6) ** 2)


# -- shots, options, pubs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pub", "more", "shots"),
    [
        ([None, 7], {"shots": 8}, 7),
        ([], {"shots": 8, "options": {"default_shots": 9}}, 8),
        ([None, None], {"options": {"default_shots": 9}}, 9),
        ([], {}, 4096),
    ],
)
def test_shots_come_from_the_nearest_place(pub: list[Any], more: Any, shots: int) -> None:
    text = f"{HEAD}bit[1] c;\nc[0] = measure $0;\n"
    document = {"pubs": [[text, *pub]], "support_qiskit": False} | more
    assert len(read(run(document))["results"][0]["data"]["c"]["samples"]) == shots


def test_pubs_have_results_of_their_own() -> None:
    ones = f"{HEAD}bit[1] c;\nx $0;\nc[0] = measure $0;\n"
    zeros = ones.replace("x $0;\n", "")
    found = read(run({"pubs": [[ones, None, 2], [zeros, None, 3]], "support_qiskit": False}))
    samples = [one["data"]["c"]["samples"] for one in found["results"]]
    assert samples == [["0x1"] * 2, ["0x0"] * 3]


def test_a_seed_makes_shots_repeatable_and_its_absence_makes_them_the_jobs_own() -> None:
    seeded = {"options": {"simulator": {"seed_simulator": 5}}}
    first, second = (sample(INPUT, [[1.2]], **seeded) for _ in range(2))
    assert first == second
    assert sample(INPUT, [[1.2]]) != first


@pytest.mark.parametrize(("kind", "shape"), [("kerneled", (500, 1)), ("avg_kerneled", (1,))])
def test_signals_may_be_asked_for_instead_of_bits(kind: str, shape: tuple[int, ...]) -> None:
    text = f"{HEAD}bit[1] c;\nx $0;\nc[0] = measure $0;\n"
    document = {"pubs": [[text, None, 500]], "options": {"execution": {"meas_type": kind}}}
    (pub,) = read(run(document))["__value__"]["pub_results"]
    data = pub["__value__"]["data"]["__value__"]
    found = load(data["fields"]["c"])
    assert (data["field_types"], found.dtype, found.shape) == (["ndarray"], complex, shape)
    assert abs(found.mean() - 1) < 0.1


EVERY_OPTION = {
    "sampler": {
        "default_shots": 10,
        "dynamical_decoupling": {"enable": True, "sequence_type": "XY4"},
        "execution": {"init_qubits": True, "rep_delay": 0.0001, "meas_type": "classified"},
        "twirling": {"enable_gates": False, "num_randomizations": "auto", "strategy": "all"},
        "simulator": {"noise_model": None, "seed_simulator": 1, "basis_gates": ["x"]},
        "experimental": {"anything": 1},
    },
    "estimator": {
        "default_precision": 0.1,
        "default_shots": None,
        "seed_estimator": 3,
        "resilience": {"measure_mitigation": True, "zne": {"noise_factors": [1, 3]}},
        "twirling": {"shots_per_randomization": 64},
    },
}


@pytest.mark.parametrize("program", EVERY_OPTION)
def test_documented_options_are_taken(program: str) -> None:
    pub = [INPUT, [[1.0]]] if program == "sampler" else [f"{HEAD}x $0;\n", {"ZIIII": 1.0}]
    assert run({"pubs": [pub], "options": EVERY_OPTION[program]}, program).error == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 5}, "options.shots: unknown option"),
        ({"twirling": {"enable": True}}, "options.twirling.enable: unknown option"),
        ({"default_shots": 0}, "options.default_shots: 0 is not possible"),
        ({"execution": {"meas_type": "raw"}}, "meas_type: 'raw' is not possible"),
        ({"execution": {"rep_delay": 0.1}}, "outside the machine's range"),
        ({"execution": 1}, "options.execution: must be an object"),
        ([1], "options: must be an object"),
    ],
)
def test_options_outside_the_closed_set_are_refused(options: Any, words: str) -> None:
    assert words in run({"pubs": [[INPUT, [[1.0]]]], "options": options}).error


def test_two_ways_to_zero_noise_exclude_each_other() -> None:
    resilience = {"zne_mitigation": True, "pec_mitigation": True}
    document = {"pubs": [[INPUT, {"Z": 1}]], "options": {"resilience": resilience}}
    assert "exclude each other" in run(document, "estimator").error


def test_unknown_options_may_be_let_through() -> None:
    document = {"pubs": [[INPUT, [[1.0]], 5]], "options": {"run_options": {"shots": 5}}}
    assert read_job("sampler", json.dumps(document).encode(), any_options=True).pubs


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([], "list of pubs"),
        ({"pubs": []}, "list of pubs"),
        ({"pubs": {}}, "list of pubs"),
        ({"pubs": [INPUT]}, "pubs[0]: must be a list of 1 to 3"),
        ({"pubs": [[]]}, "pubs[0]: must be a list"),
        ({"pubs": [[INPUT, None, 5, 6]]}, "pubs[0]: must be a list"),
        ({"pubs": [[INPUT, [[1]], 0]]}, "0 is not a number of shots"),
        ({"pubs": [[INPUT, [[1]], True]]}, "True is not a number of shots"),
        ({"pubs": [[INPUT, [[1]], 1.5]]}, "1.5 is not a number of shots"),
        ({"pubs": [[INPUT, [[1]]]], "version": 1}, "version: 1 is not 2"),
        ({"pubs": [[INPUT, [[1]]]], "supports_qiskit": True}, "supports_qiskit: unknown key"),
        ({"pubs": [[INPUT, [[1]]]], "support_qiskit": 1}, "must be true or false"),
        ({"pubs": [[INPUT, [[1]] * 100_001]]}, "more than 100000 sets"),
        ({"pubs": [[INPUT, [[1]] * 10_000, 100_000]]}, "bytes, more than"),
    ],
)
def test_an_input_that_is_not_as_documented_is_refused(document: Any, words: str) -> None:
    assert words in run(document).error


# -- the estimator -------------------------------------------------------------------------------

#: (|01> + e^{i·0.7} |10>) / √2, more or less: nothing is zero.
STATE = QuantumCircuit(3)
STATE.sx(0)
STATE.rz(0.7, 0)
STATE.cx(0, 1)
STATE.sx(2)
STATE.rz(0.4, 2)
STATE.sx(2)


def exact(word: str) -> float:
    return float(Statevector(STATE).expectation_value(Pauli(word)).real)


def estimate(circuit: Any, observables: Any, values: Any = None, precision: float = 0.01) -> Any:
    pub = [circuit, observables, values, precision]
    document = {"pubs": [pub], "support_qiskit": False}
    return read(run(document, "estimator"))["results"][0]


def test_values_lie_within_their_errors_of_the_exact_ones() -> None:
    words = ["ZZI", "XXI", "IYX", "ZII", "IIZ", "YXY", "III"]
    for word in words:
        found = estimate(packed(STATE), {word: 1.0})["data"]
        assert abs(found["evs"] - exact(word)) <= 5 * found["stds"] + 1e-3
        assert found["stds"] <= 0.0101


def test_an_observable_is_a_sum_and_its_error_too() -> None:
    found = estimate(packed(STATE), {"ZII": 2.0, "III": 0.5, "IXX": -1.0})["data"]
    wanted = 2 * exact("ZII") + 0.5 - exact("IXX")
    assert abs(found["evs"] - wanted) <= 5 * found["stds"]


def test_the_leftmost_letter_acts_on_the_highest_qubit() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(2)
    found = estimate(packed(circuit), [{"ZII": 1.0}, {"IIZ": 1.0}])["data"]
    assert found == {"evs": [-1.0, 1.0], "stds": [0.0, 0.0]}


def test_words_as_wide_as_the_machine_fit_a_text_on_few_qubits() -> None:
    text = f"{HEAD}x $1;\n"
    words = [{"IIIZI": 1.0}, {"ZIIII": 1.0}, {"XIIII": 1.0}]
    evs = estimate(text, words)["data"]["evs"]
    assert evs[:2] == [-1.0, 1.0]
    assert abs(evs[2]) < 0.06
    large = machine("ibm_rensselaer")
    pub = [text, {"I" * 125 + "ZI": 1.0}]
    outcome = run({"pubs": [pub], "support_qiskit": False}, "estimator", large)
    assert read(outcome)["results"][0]["data"]["evs"] == -1.0


def test_points_and_observables_broadcast() -> None:
    text = f"{HEAD}input float[64] th;\nsx $0;\nrz(th) $0;\nsx $0;\n"
    observables = [[{"IIIIZ": 1.0}], [{"IIIII": 3.0}]]
    found = estimate(text, observables, [[one] for one in ANGLES])["data"]
    assert np.shape(found["evs"]) == (2, 3)
    assert found["evs"][1] == [3.0] * 3
    assert all(
        abs(value + math.cos(angle)) < 0.06
        for value, angle in zip(found["evs"][0], ANGLES, strict=True)
    )


def test_typed_estimates_are_arrays() -> None:
    document = {"pubs": [[packed(STATE), [{"ZII": 1.0}, {"IIZ": 1.0}], None, 0.05]]}
    (pub,) = read(run(document, "estimator"))["__value__"]["pub_results"]
    assert pub["__type__"] == "PubResult"
    data = pub["__value__"]["data"]["__value__"]
    assert (data["field_names"], data["shape"]) == (["evs", "stds"], [2])
    assert load(data["fields"]["evs"]).shape == (2,)
    assert pub["__value__"]["metadata"]["target_precision"] == 0.05


@pytest.mark.parametrize(
    ("pub", "more", "precision"),
    [
        ([0.05], {"precision": 0.1}, 0.05),
        ([], {"precision": 0.1}, 0.1),
        ([], {"options": {"default_precision": 0.2}}, 0.2),
        ([], {"options": {"default_shots": 100}}, 0.1),
        ([], {}, 0.015625),
    ],
)
def test_precision_comes_from_the_nearest_place(
    pub: list[Any], more: Any, precision: float
) -> None:
    document = {"pubs": [[packed(STATE), {"IIX": 1.0}, None, *pub]], "support_qiskit": False} | more
    (found,) = read(run(document, "estimator"))["results"]
    assert found["metadata"]["target_precision"] == pytest.approx(precision)
    assert found["metadata"]["shots"] == round(precision**-2)
    assert found["data"]["stds"] == pytest.approx(precision, rel=0.2)


@pytest.mark.parametrize(
    ("observables", "words"),
    [
        ({"ZZ": 1.0}, "Pauli words of 2 letters, 3 or 5 are needed"),
        ({"ZIQ": 1.0}, "is no Pauli word"),
        ({"": 1.0}, "is no Pauli word"),
        ({"ZII": "1"}, "is no number"),
        ({}, "object of Pauli words"),
        ([], "no array"),
        ([[{"ZII": 1}], {"ZII": 1}], "no array"),
        ([{"ZII": 1}, {"ZZ": 1}], "observables of one length"),
        (5, "object of Pauli words"),
    ],
)
def test_observables_that_do_not_fit_are_refused(observables: Any, words: str) -> None:
    assert words in run({"pubs": [[packed(STATE), observables]]}, "estimator").error


def test_a_circuit_that_measures_cannot_be_estimated() -> None:
    text = f"{HEAD}bit[1] c;\nx $0;\nc[0] = measure $0;\n"
    assert "must not measure" in run({"pubs": [[text, {"IIIII": 1}]]}, "estimator").error


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    text = f"{HEAD}input float[64] th;\nrz(th) $0;\n"
    pub = [text, [{"IIIIZ": 1.0}, {"IIIIX": 1.0}], [[1.0], [2.0], [3.0]]]
    assert "do not broadcast" in run({"pubs": [pub]}, "estimator").error


@pytest.mark.parametrize("more", [{"precision": 0}, {"precision": -1}, {"resilience_level": 3}])
def test_precision_and_level_have_limits(more: dict[str, Any]) -> None:
    assert run({"pubs": [[packed(STATE), {"ZII": 1}]]} | more, "estimator").error


def test_words_measured_together_are_one_basis() -> None:
    def bases(*words: str) -> int:
        found = np.empty(1, dtype=object)
        found[0] = dict.fromkeys(words, 1.0)
        return count_bases(found)

    assert bases("ZZI", "IZZ", "III") == 1
    assert bases("ZZ", "XX") == 2
    assert bases("ZI", "IX", "ZX", "XI") == 2


# -- time ----------------------------------------------------------------------------------------


def test_usage_counts_points_shots_and_bases() -> None:
    usage = run({"pubs": [[INPUT, [[1.0]] * 10, 100]]}).usage_s
    assert usage == pytest.approx(2 + 1000 * 270e-6)
    quick = {"execution": {"rep_delay": 0.0}}
    usage = run({"pubs": [[INPUT, [[1.0]] * 10, 100]], "options": quick}).usage_s
    assert usage == pytest.approx(2 + 1000 * 20e-6)
    pub = [packed(STATE), {"ZII": 1.0, "XII": 1.0}, None, 0.1]
    assert run({"pubs": [pub]}, "estimator").usage_s == pytest.approx(2 + 200 * 270e-6)


def test_a_job_that_needs_too_long_is_not_even_simulated() -> None:
    content = json.dumps({"pubs": [[INPUT, [[1.0]], 100_000]]}).encode()
    outcome = execute(Task("sampler", content, machine(), 7, datetime(2026, 1, 1, tzinfo=UTC), 10))
    assert (outcome.timed_out, outcome.usage_s, outcome.document) == (True, 10, b"")


# -- anything at all -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from([INPUT, "ZIIII"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["__type__", "__value__", "ZIIII", "shots"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    program=st.sampled_from(["sampler", "estimator"]),
    pubs=st.lists(st.lists(JSON, max_size=4), max_size=2),
    options=st.none() | st.dictionaries(st.sampled_from(["twirling", "default_shots"]), JSON),
)
def test_whatever_comes_in_is_an_outcome(program: str, pubs: Any, options: Any) -> None:
    outcome = run({"pubs": pubs, "options": options}, program)
    assert bool(outcome.error) != bool(outcome.document)


def test_a_text_exported_by_qiskit_runs() -> None:
    circuit = QuantumCircuit(2)
    circuit.rz(Parameter("t"), 0)
    circuit.sx(0)
    circuit.measure_all()
    text = qasm3.dumps(circuit, disable_constants=True, allow_aliasing=True)
    assert set(sample(text, [[0.1]], 50)["meas"]["samples"][0]) == {"0x0", "0x1"}


def test_a_refusal_carries_the_number_of_its_reason() -> None:
    assert InputError("x").code == 5203
    assert InputError("x", 1517).code == 1517
