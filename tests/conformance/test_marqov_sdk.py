"""The official Marqov client against the served emulator."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from environments import MARQOV
from qiskit import qasm3
from qiskit.quantum_info import Statevector

from qbatch.circuit import open_circuit
from qbatch.emulators.marqov import TEAM
from qbatch.manifest.models import Circuit
from qbatch.providers import Order
from qbatch.providers.marqov.native import write_body
from qbatch.providers.marqov.options import Options

pytestmark = pytest.mark.conformance

SUBMIT = "/api/jobs/submit"


@pytest.fixture(scope="module")
def platform(serve: Callable[..., Any]) -> Any:
    return serve("marqov")


@pytest.fixture
def run(client: Callable[..., Any], platform: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script and switches; limits are out of the way."""
    key = str(uuid4())

    def scenario(
        name: str,
        requests: Any = (),
        jobs: Any = (),
        variables: Any = None,
        **switches: Any,
    ) -> Any:
        switches = {"per_minute": 1000, "per_day": 1000} | switches
        platform.set_faults(requests=list(requests), jobs=list(jobs), switches={"marqov": switches})
        known = {**platform.variables, "NATIVE_KEY": key, **(variables or {})}
        return client(MARQOV, "marqov_client.py", name, **known, TEAM=TEAM)

    return scenario


@pytest.fixture
def bought(platform: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return what the ledger gained since the test began."""
    before = len(platform.ledger())
    return lambda: platform.ledger()[before:]


def test_a_saved_script_runs_and_its_counts_are_exact(run: Any, bought: Any) -> None:
    seen = run("life")
    assert seen["kinds"] == ["qpu", "simulator"]
    assert seen["same_source"]
    assert seen["fee"] == seen["cost"] == seen["billed"] == 0.075
    assert (seen["status"], seen["order"]) == ("completed", "qubit_0_first")
    assert set(seen["counts"]) == {"100", "101"}  # qubit 0 leftmost
    chance = math.sin(0.5) ** 2
    deviation = math.sqrt(1000 * chance * (1 - chance))
    assert abs(seen["counts"]["101"] - 1000 * chance) <= 5 * deviation
    assert [entry["price"] for entry in bought()] == [0.075]


def test_openqasm_travels_inline_where_it_is_free(run: Any, bought: Any) -> None:
    counts = run("free")
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 500
    assert [entry["price"] for entry in bought()] == [0.0]


def test_a_repeated_key_is_the_same_job_and_another_body_a_conflict(run: Any, bought: Any) -> None:
    seen = run("keys")
    assert seen["same"]
    assert seen["other"][1:] == ["idempotency_conflict", 409]
    assert [entry["submissions"] for entry in bought()] == [2]


def test_native_submissions_pass_the_clients_own_checks(run: Any, bought: Any) -> None:
    seen = run("native")
    assert [one["backend"] for one in seen["runtimes"]] == ["marqov-sim"]
    assert seen["same"]
    assert seen["end"][0] == "JobFailed"
    assert seen["other"][1:] == ["idempotency_conflict", 409]
    assert [entry["submissions"] for entry in bought()] == [2]


# -- P21: the native path, its emulator and our own program judged by the client -----------------

#: Measured elsewhere than where the qubits stand, some not at all; qubit 2 is never touched.
SPREAD = """\
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[4] q;
bit[2] a;
bit[3] b;
x q[3];
ry(theta) q[0];
cu(0.3, 0.2, 0.1, 0.4) q[0], q[1];
ccx q[0], q[3], q[1];
swap q[0], q[1];
u3(0.4, 0.2, 0.1) q[0];
a[1] = measure q[3];
b[0] = measure q[0];
b[2] = measure q[1];
b[1] = measure q[2];
"""
SHOTS = 20_000


def submission(text: str, **parameters: float) -> dict[str, str]:
    """What qbatch sends for a circuit, as the client scripts take it."""
    source = Circuit(qasm=text)
    circuit = open_circuit("c", source, folder=Path("/")).circuit({})
    order = Order("0" * 64, "point", circuit, parameters, SHOTS, 7)
    options = Options(native={"cap_cents": 100})
    body = write_body(
        order, options, team=TEAM, backend="marqov-sim", name="point-1", script_sha256=None
    )
    sent = json.loads(body)
    kwargs = json.dumps(json.loads(sent["input"])["kwargs"])
    return {"SOURCE": sent["source"]["content"], "KWARGS": kwargs, "BODY": body}


def exact(text: str, **parameters: float) -> dict[str, float]:
    """Outcome -> probability, bit 0 leftmost, by Qiskit's state vector."""
    circuit = qasm3.loads(text)
    bound = circuit.assign_parameters(parameters)
    reads = {
        bound.find_bit(one.clbits[0]).index: bound.find_bit(one.qubits[0]).index
        for one in bound.data
        if one.operation.name == "measure"
    }
    state = Statevector(bound.remove_final_measurements(inplace=False))
    found: dict[str, float] = {}
    for key, chance in state.probabilities_dict().items():
        bits = "".join(key[::-1][reads[bit]] if bit in reads else "0" for bit in range(5))
        found[bits] = found.get(bits, 0.0) + chance
    return found


def assert_sampled(counts: dict[str, int], chances: dict[str, float]) -> None:
    assert sum(counts.values()) == SHOTS
    assert set(counts) <= {key for key, chance in chances.items() if chance > 1e-12}
    for key, chance in chances.items():
        deviation = math.sqrt(SHOTS * chance * (1 - chance))
        assert abs(counts.get(key, 0) - SHOTS * chance) <= 5 * deviation + 1e-6, key


def test_p21_the_body_is_the_one_that_the_client_sends(run: Any) -> None:
    sent = submission(SPREAD, theta=0.9)
    assert run("body", variables=sent) == json.loads(sent["BODY"])


def test_p21_our_program_samples_right_where_the_sdk_runs_it(run: Any) -> None:
    value = run("program", variables=submission(SPREAD, theta=0.9))
    assert_sampled(value["counts"], exact(SPREAD, theta=0.9))
    assert value["metadata"]["bit_order"] == "qubit_0_first"
    assert value["metadata"]["execution"]["seed"] == 7


def test_p21_a_program_without_gates_is_sampled_too(run: Any) -> None:
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nc = measure q;\n'
    assert run("program", variables=submission(text))["counts"] == {"00": SHOTS}


def test_p21_the_emulator_samples_the_same_program(run: Any, bought: Any) -> None:
    seen = run("native_result", variables=submission(SPREAD, theta=0.9))
    assert seen["state"] == "available"
    assert_sampled(seen["value"]["counts"], exact(SPREAD, theta=0.9))
    (entry,) = bought()
    assert (entry["name"], entry["cap_cents"], entry["price"]) == ("point-1", 100, 0.11)


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "after"},
        {"drop": "before"},
        {"status": 201, "html": True, "when": "after"},
        {"status": 201, "when": "after"},
        {"status": 500, "when": "after"},
    ],
)
def test_p21_under_one_key_another_process_is_told_the_first_admission(
    run: Any, bought: Any, fault: dict[str, Any]
) -> None:
    more = {"deduplicate": "native"}
    first = run("native_lost", requests=[{"path": SUBMIT, "nth": 1, **fault}], **more)
    assert first["first"] != "no error"
    found = [run("native_found", **more)["job"] for _ in range(2)]
    (entry,) = bought()
    assert found == [entry["id"]] * 2


def test_p21_a_cap_out_of_range_or_beyond_what_is_funded_is_refused(run: Any, bought: Any) -> None:
    seen = run("native_caps", job_usd=0.5)
    assert "between 11 and 10000" in seen["low"]
    assert seen["funds"][1:] == ["spend_limit_exceeded", 402]
    assert bought() == []


REFUSALS = {
    "python": ["execution_unavailable", 422],
    "inline paid": ["script_required", 422],
    "backend": ["backend_unknown", 422],
    "retired": ["backend_retired", 422],
    "mismatch": ["analysis_mismatch", 409],
    "not found": ["not_found", 404],
    "shots": ["validation_error", 400],
    "cancel": ["api_key_not_supported", 403],
    "meta": ["not_found", 404],
    "key": ["unauthorized", 401],
    "reader": ["permission_denied", 403],
    "native": ["runtime_not_enabled", None],
}
KINDS = {
    "backend": "BackendUnavailable",
    "retired": "BackendUnavailable",
    "shots": "InvalidProgram",
    "cancel": "PermissionTierError",
    "key": "AuthenticationError",
    "reader": "PermissionTierError",
}


def test_each_refusal_is_the_one_the_client_knows(run: Any, bought: Any) -> None:
    seen = run("refusals", jobs=[{"wait_s": 60}], strict=True, native=False)
    assert {name: found[1:] for name, found in seen.items()} == REFUSALS
    assert {name: seen[name][0] for name in KINDS} == KINDS
    assert len(bought()) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"drop": "after"}, None),
        ({"status": 201, "html": True, "when": "after"}, "submission_outcome_unknown"),
        ({"status": 201, "when": "after"}, "submission_outcome_unknown"),
    ],
)
def test_after_a_lost_answer_the_same_key_finds_the_job(
    run: Any, bought: Any, fault: dict[str, Any], code: str | None
) -> None:
    seen = run("lost", requests=[{"path": SUBMIT, "nth": 1, **fault}])
    assert seen["first"][0] == "TransportError"
    assert code in (None, seen["first"][1])
    assert sum(seen["counts"].values()) == 1000
    assert [entry["submissions"] for entry in bought()] == [2]


@pytest.mark.parametrize(("mode", "jobs"), [("all", 1), ("native", 3)])
def test_a_503_after_admission_is_repeated_by_the_client_at_ones_own_risk(
    run: Any, bought: Any, mode: str, jobs: int
) -> None:
    fault = {"path": SUBMIT, "status": 503, "when": "after", "times": 2}
    assert run("one", requests=[fault], deduplicate=mode)["shots"] == 1000
    assert len(bought()) == jobs


def test_a_short_wait_is_obeyed_and_a_long_one_handed_on(run: Any, bought: Any) -> None:
    fault = {"path": SUBMIT, "nth": 1, "status": 429, "retry_after": 1}
    assert run("one", requests=[fault])["shots"] == 1000
    assert run("one", per_minute=1) == {"limited": True}
    assert len(bought()) == 1


def test_the_eleventh_submission_within_a_minute_has_to_wait(
    client: Any, serve: Callable[..., Any]
) -> None:
    own = serve("marqov")
    found = client(MARQOV, "marqov_client.py", "many", **own.variables, TEAM=TEAM)
    assert found == ["taken"] * 10 + ["wait True"]
    assert len(own.ledger()) == 10


def test_a_status_answer_is_held_back_until_the_end(run: Any) -> None:
    seen = run("one", jobs=[{"wait_s": 3}])
    assert seen["shots"] == 1000
    assert 3 <= seen["seconds"] < 8


@pytest.mark.parametrize(("silent", "words"), [(False, "laser off"), (True, "failed")])
def test_a_failed_job_is_told_with_its_reason_or_without(
    run: Any, silent: bool, words: str
) -> None:
    seen = run("one", jobs=[{"fail": "laser off"}], silent_failures=silent)["raised"]
    assert seen[0] == "JobFailed"
    assert words in seen[2]


@pytest.mark.parametrize(
    ("generation", "kind", "code"),
    [("new", "MarqovPlatformError", "spend_limit_exceeded"), ("old", "TransportError", None)],
)
def test_a_spent_budget_refuses(
    run: Any, bought: Any, generation: str, kind: str, code: str | None
) -> None:
    seen = run("one", generation=generation, job_usd=0.01)["raised"]
    assert seen[:2] == [kind, code]
    if code:
        assert "0.01 USD of the job's budget remain" in seen[2]
    assert bought() == []


def test_an_unknown_word_is_no_end(run: Any) -> None:
    assert run("one", jobs=[{"word": "melting", "for_s": 1}])["shots"] == 1000
