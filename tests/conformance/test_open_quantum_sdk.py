"""The official Open Quantum client and its Qiskit plugin against the served emulator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from environments import OPEN_QUANTUM

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def platform(serve: Callable[..., Any]) -> Any:
    return serve("open-quantum")


@pytest.fixture
def run(client: Callable[..., Any], platform: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script."""

    def scenario(name: str, **script: Any) -> Any:
        platform.set_faults(**script)
        return client(OPEN_QUANTUM, "open_quantum_client.py", name, **platform.variables)

    return scenario


@pytest.fixture
def bought(platform: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return what the ledger gained since the test began."""
    before = len(platform.ledger())
    return lambda: platform.ledger()[before:]


def assert_asymmetric(counts: dict[str, int]) -> None:
    """Bit 0 is 1, bit 1 is 0, bit 2 is 1 with sin²(0.5); five standard deviations."""
    assert set(counts) == {"001", "101"}
    assert sum(counts.values()) == 1000
    chance = math.sin(0.5) ** 2
    assert abs(counts["101"] - 1000 * chance) <= 5 * math.sqrt(1000 * chance * (1 - chance))


def test_one_call_runs_a_circuit_and_its_counts_are_exact(run: Any, bought: Any) -> None:
    seen = run("life")
    assert seen["status"] == "Completed"
    assert_asymmetric(seen["counts"])
    assert seen["calibration"] == "iqm:emerald"
    assert seen["row"] == ["point-1", "Completed", True]
    assert [(entry["name"], entry["price"]) for entry in bought()] == [("point-1", 3.0)]


def test_the_client_discovers_what_there_is(run: Any) -> None:
    seen = run("discovery")
    assert seen["organizations"] == ["Emulated Lab", "Emulated Guests"]
    assert (seen["providers"], seen["pages"], seen["qubits"]) == (5, 2, 54)
    assert "iqm:emerald" in seen["online"]
    assert "rigetti:ankaa-3" not in seen["online"]
    assert seen["balance"] > 0
    assert seen["subcategories"] == ["opt:adi", "opt:csp", "opt:qaoa", "opt:oth"]


def test_the_life_cycle_goes_step_by_step(run: Any) -> None:
    seen = run("steps")
    assert seen["quote"] == [["Public Plan", 3], ["Private Plan", 5]]
    assert seen["confirmed"]
    assert set(seen["counts"]) == {"00", "11"}


def test_a_pending_job_is_cancelled_once(run: Any, bought: Any) -> None:
    seen = run("cancelling", jobs=[{"wait_s": 60}])
    assert seen["status"] == "Canceled"
    assert "JOB_NOT_CANCELABLE" in seen["again"]
    assert [entry["state"] for entry in bought()] == ["cancelled"]


def test_refusals_are_told_in_the_clients_own_errors(run: Any, bought: Any) -> None:
    seen = run("refusals")
    assert seen["secret"].startswith("HTTPError: 401")
    assert "cannot parse" in seen["circuit"]
    assert "operation u3 is not supported" in seen["gate"]
    assert "uses 55 qubits" in seen["wide"]
    assert "APIError: API Error 400 [VALIDATION_ERROR]" in seen["shots"]
    assert "APIError: API Error 404 [NOT_FOUND]" in seen["unknown"]
    assert bought() == []


def test_ten_jobs_may_be_active(client: Callable[..., Any], serve: Callable[..., Any]) -> None:
    slow = serve("open-quantum")
    slow.set_faults(jobs=[{"wait_s": 300}])
    seen = client(OPEN_QUANTUM, "open_quantum_client.py", "active_limit", **slow.variables)
    assert seen["jobs"] == len(slow.ledger()) == 10
    assert "JOB_LIMIT_REACHED" in seen["said"]


CREATE = "/sched/v1/jobs"
READ = "/sched/v1/jobs/????????-*"


@pytest.mark.parametrize(
    ("script", "raised", "jobs"),
    [
        ({"requests": [{"path": "/sched/*", "expire_tokens": "issued", "nth": 3}]}, "", 1),
        ({"jobs": [{"kind": "preparation", "hide_s": 0.5}]}, "", 1),
        ({"jobs": [{"kind": "preparation", "not_ready_s": 0.5}]}, "APIError", 0),
        ({"jobs": [{"word": "Melting", "for_s": 1}]}, "", 1),
        ({"jobs": [{"word": "Melting"}]}, "TimeoutError", 1),
        ({"jobs": [{"fail": "laser off"}]}, "RuntimeError", 1),
        ({"requests": [{"path": CREATE, "method": "POST", "status": 503}]}, "APIError", 0),
        (
            {"requests": [{"path": CREATE, "method": "POST", "status": 500, "when": "after"}]},
            "APIError",
            1,
        ),
        ({"requests": [{"path": READ, "status": 502, "html": True}]}, "HTTPError", 1),
        ({"requests": [{"path": READ, "torn": True}]}, "JSONDecodeError", 1),
    ],
)
def test_the_client_sees_bad_weather_as_it_would_live(
    run: Any, bought: Any, script: dict[str, Any], raised: str, jobs: int
) -> None:
    seen = run("weather", **script)
    assert seen["raised"] == raised
    assert seen.get("shots") == (None if raised else 1000)
    assert len(bought()) == jobs
    assert seen["blocked"] == []


def test_credits_run_out(client: Callable[..., Any], serve: Callable[..., Any]) -> None:
    poor = serve("open-quantum")
    poor.set_faults(switches={"open-quantum": {"credits": 2}})
    seen = client(OPEN_QUANTUM, "open_quantum_client.py", "weather", **poor.variables)
    assert seen["raised"] == "APIError"
    assert poor.ledger() == []


def test_a_lost_answer_is_found_by_name_and_confirmed(run: Any, bought: Any) -> None:
    seen = run("lost_answer", requests=[{"path": CREATE, "method": "POST", "drop": "after"}])
    assert seen == {"lost": True, "found": True}
    assert len(bought()) == 1


def test_short_tokens_are_renewed(run: Any) -> None:
    assert run("renewal", switches={"open-quantum": {"token_life_s": 1}}) == 2


def test_the_qiskit_plugin_runs_on_physical_qubits(run: Any) -> None:
    seen = run("qiskit_backend")
    assert_asymmetric(seen["counts"])
    assert seen["qubits"] == 54


def test_the_qiskit_sampler_counts_every_shot(run: Any) -> None:
    counts = run("qiskit_sampler")
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 500
