"""The official OQC client against the served emulator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from environments import OQC

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def oqc(serve: Callable[..., Any]) -> Any:
    return serve("oqc")


@pytest.fixture
def run(client: Callable[..., Any], oqc: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script; the ledger starts where it stood."""

    def scenario(name: str, variables: dict[str, str] | None = None, **script: Any) -> Any:
        oqc.set_faults(**script)
        return client(OQC, "oqc_client.py", name, **oqc.variables, **(variables or {}))

    return scenario


@pytest.fixture
def bought(oqc: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return what the ledger gained since the test began."""
    before = len(oqc.ledger())
    return lambda: oqc.ledger()[before:]


def assert_near(count: int, shots: int, probability: float) -> None:
    """Five standard deviations: a false alarm in two million."""
    deviation = math.sqrt(shots * probability * (1 - probability))
    assert abs(count - shots * probability) <= 5 * deviation


@pytest.mark.parametrize("generation", ["", "1"])
def test_a_composite_runs_and_its_counts_are_exact(run: Any, generation: str) -> None:
    seen = run("life", {"OQC_QCAAS_V4": generation} if generation else {})
    assert seen["asymmetric"]["a"] == {"1": 1000}
    assert set(seen["asymmetric"]["b"]) == {"00", "01"}
    assert_near(seen["asymmetric"]["b"]["01"], 1000, math.sin(0.5) ** 2)
    assert set(seen["bell"]["c"]) == {"00", "11"}
    assert_near(seen["bell"]["c"]["00"], 1000, 0.5)
    assert sum(seen["like"][0]) == 1000
    assert seen["metrics"]["optimized_instruction_count"] == 4
    assert "SERVER_RECEIVED" in seen["timings"]
    assert seen["snapshot_is_stable"]
    assert "completed=2" in seen["loaded"]


def test_the_client_reads_all_about_qpus(run: Any) -> None:
    seen = run("information")
    assert len(seen["qpus"]) == 3  # active ones
    assert seen["features"]["qubit_count"] == 32
    assert seen["calibration"] == "2026-01-02"
    assert seen["window"] is not None
    assert seen["no_window"] is None


def test_the_clients_own_configuration_is_understood(run: Any) -> None:
    assert sum(run("configured")["c"].values()) == 321


def test_token_and_password_open_the_service_and_wrong_ones_do_not(run: Any) -> None:
    seen = run("login")
    assert seen == {"wrong token": False, "wrong password": False, "good": True, "counts": 1000}


def test_many_jobs_go_out_in_chunks_and_all_come_back(run: Any, bought: Any) -> None:
    assert run("many") == [1000] * 250
    entries = bought()
    assert sorted(entry["name"] for entry in entries) == sorted(f"point-{at}" for at in range(250))
    assert {entry["submissions"] for entry in entries} == {1}


def test_cancel_reaches_the_service(run: Any, bought: Any) -> None:
    assert run("cancelling", jobs=[{"wait_s": 60}]) == ["CANCELLED"] * 2
    assert [entry["state"] for entry in bought()] == ["cancelled"] * 2


def test_what_cannot_run_says_why(run: Any) -> None:
    seen = run("failing")
    assert seen["broken"][0] == 102
    assert "cannot parse" in seen["broken"][1]
    assert "maximum of 100000" in seen["shots"]
    assert seen["oversize"] == "refused"


SUBMIT = "*/tasks/submit"
POLL = "*/all_info"


@pytest.mark.parametrize(
    ("script", "seen", "jobs"),
    [
        ({"requests": [{"path": SUBMIT, "status": 503}]}, {"codes": [503, 503]}, 0),
        (
            {"requests": [{"path": SUBMIT, "status": 429, "retry_after": 1}]},
            {"codes": [429] * 2},
            0,
        ),
        ({"requests": [{"path": SUBMIT, "status": 500, "when": "after"}]}, {"codes": [500] * 2}, 2),
        (
            {"requests": [{"path": SUBMIT, "drop": "after"}]},
            {"raised": "RemoteProtocolError|ReadError"},
            2,
        ),
        ({"requests": [{"path": POLL, "torn": True, "nth": 1}]}, {"raised": "JSONDecodeError"}, 2),
        ({"requests": [{"path": POLL, "status": 403}]}, {"codes": [403, 403]}, 2),
        ({"requests": [{"path": POLL, "expire_tokens": "issued"}]}, {"codes": [0, 0]}, 2),
        ({"jobs": [{"fail": "laser off", "code": 7}]}, {"codes": [7, 7]}, 2),
        ({"jobs": [{"expires": True}]}, {"raised": "TimeoutError"}, 2),
        ({"jobs": [{"word": "MELTING", "for_s": 0.6}]}, {"codes": [0, 0]}, 2),
    ],
)
def test_the_client_sees_bad_weather_as_it_would_live(
    run: Any, bought: Any, script: dict[str, Any], seen: dict[str, Any], jobs: int
) -> None:
    found = run("weather", **script)
    for key, value in seen.items():
        if key == "raised":
            assert found["raised"] in value.split("|"), found
        else:
            assert found[key] == value, found
    assert len(bought()) == jobs


def test_an_error_makes_the_client_ask_a_foreign_host_which_the_fence_stops(run: Any) -> None:
    found = run("weather", requests=[{"path": SUBMIT, "status": 503}])
    assert found["blocked"] == ["8k092cbrtfdc.statuspage.io"]
