"""The official Marqov client against the served emulator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from environments import MARQOV

from qbatch.emulators.marqov import TEAM

pytestmark = pytest.mark.conformance

SUBMIT = "/api/jobs/submit"


@pytest.fixture(scope="module")
def platform(serve: Callable[..., Any]) -> Any:
    return serve("marqov")


@pytest.fixture
def run(client: Callable[..., Any], platform: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script and switches; limits are out of the way."""

    def scenario(
        name: str,
        requests: Any = (),
        jobs: Any = (),
        **switches: Any,
    ) -> Any:
        switches = {"per_minute": 1000, "per_day": 1000} | switches
        platform.set_faults(requests=list(requests), jobs=list(jobs), switches={"marqov": switches})
        return client(MARQOV, "marqov_client.py", name, **platform.variables, TEAM=TEAM)

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
    assert len(bought()) == 1


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
