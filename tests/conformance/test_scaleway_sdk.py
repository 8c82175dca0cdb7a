"""Scaleway's official clients against the served emulator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from environments import SCALEWAY

pytestmark = pytest.mark.conformance

CREATE_JOB = {"path": "/qaas/v1alpha1/jobs", "method": "POST"}


@pytest.fixture(scope="module")
def cloud(serve: Callable[..., Any]) -> Any:
    return serve("scaleway")


@pytest.fixture
def run(client: Callable[..., Any], cloud: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script."""

    def scenario(name: str, switches: Any = None, **script: Any) -> Any:
        if switches:
            script["switches"] = {"scaleway": switches}
        cloud.set_faults(**script)
        return client(SCALEWAY, "scaleway_client.py", name, **cloud.variables)

    return scenario


@pytest.fixture
def bought(cloud: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return what the ledger gained since the test began."""
    before = len(cloud.ledger())
    return lambda: cloud.ledger()[before:]


def assert_bell(counts: dict[str, int], shots: int) -> None:
    """Both outcomes with one half; five standard deviations."""
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == shots
    assert abs(counts["00"] - shots / 2) <= 5 * math.sqrt(shots / 4)


def assert_asymmetric(counts: dict[str, int]) -> None:
    """Bit 0 is 1, bit 1 is 0, bit 2 is 1 with sin²(0.5); five standard deviations."""
    assert set(counts) == {"001", "101"}
    assert sum(counts.values()) == 1000
    chance = math.sin(0.5) ** 2
    assert abs(counts["101"] - 1000 * chance) <= 5 * math.sqrt(1000 * chance * (1 - chance))


def test_the_client_goes_through_the_whole_life_cycle(run: Any, bought: Any) -> None:
    seen = run("life", {"stopping_s": 60})
    assert seen["same"]
    assert seen["durations"] == ["600s", "300s", "600s"]
    assert (seen["first"], seen["status"], seen["ended"]) == ("waiting", "completed", "stopping")
    assert_bell(seen["counts"], 1000)
    assert seen["listed"] == ["run-7"]
    assert (seen["models"], seen["model"], seen["readable"]) == ([True], True, ["bell#0"])
    assert seen["rejected"].startswith("Exception: error 412")
    assert seen["gone"].startswith("Exception: error 404")
    assert seen["job_gone"].startswith("Exception: error 404")
    assert seen["acls"].startswith("Exception: error 404")
    assert [(one["key"], one["deduplication_id"]) for one in bought()] == [("bell#0", "run-7")]


def test_the_client_discovers_what_there_is(run: Any) -> None:
    seen = run("discovery")
    assert seen["names"] == sorted(seen["names"])
    assert 0 < seen["simulators"] < len(seen["names"])
    assert seen["nobody"] == seen["applications"] == seen["processes"] == []
    assert seen["garnet"] == ["iqm", 20, True]
    assert (seen["price"], seen["requirement"]) == ([220_000_000, 2000], 3)
    assert seen["acls"] == ["full"]
    assert "EMU-AER-16C-128M" in seen["visible"]
    assert not {"QPU-SIRIUS-24PQ", "QPU-BELENOS-12PQ", "EMU-AER-2L40S"} & set(seen["visible"])


def test_the_generated_layer_tags_prolongs_pages_and_deletes(run: Any) -> None:
    seen = run("generated")
    assert seen["tags"] == [["qbatch", "run:1"], ["t1", "t2"]]
    assert seen["longer"] == ["longer", "120s"]
    assert seen["tagged"] == ["point-1"]
    assert (seen["pages"], seen["total"]) == ([["point-2", "point-1"], ["point-0"], []], 3)
    assert seen["sessions"] == [True]
    assert seen["circuit"] == [None, None]
    assert (seen["deleted"], seen["ends"], seen["rows"]) == (204, ["completed"] * 2, 1)


def test_jobs_end_in_three_ways(run: Any) -> None:
    seen = run("ends", jobs=[{"name": "bad", "fail": "laser off"}])
    assert seen["said"] == "cancelling"
    assert seen["status"] == {"good": "completed", "bad": "error", "stopped": "cancelled"}
    assert seen["message"] == "laser off"
    assert seen["rows"] == {"good": 1, "bad": 0, "stopped": 0}


def test_refusals_are_told_in_the_clients_own_errors(run: Any, bought: Any) -> None:
    seen = run("refusals")
    assert seen["key"].startswith("Exception: error 401")
    assert '"denied_authentication"' in seen["key"]
    for name in ("platform", "job"):
        assert seen[name].startswith("Exception: error 404"), seen[name]
    assert seen["duration"].startswith("Exception: error 400")
    assert "20001 shots" in seen["shots"]
    assert seen["silent"] is None
    assert bought() == []


def test_a_slot_is_refused_reserved_and_given_back(run: Any) -> None:
    seen = run("bookings")
    assert "min_duration not respected" in seen["refusals"][0]
    assert "max_duration not respected" in seen["refusals"][1]
    assert "existing booking" in seen["taken"]
    assert (seen["status"], seen["started"]) == ("starting", True)
    assert seen["description"] == ["night", "ours"]
    assert (seen["platform"], seen["after"]) == (1, "cancelling")


@pytest.mark.parametrize(
    ("rule", "said", "jobs"),
    [
        ({}, "", 1),
        ({"drop": "before"}, "ReadError|RemoteProtocolError", 0),
        ({"drop": "after"}, "ReadError|RemoteProtocolError", 1),
        ({"status": 503}, "Exception: error 503", 0),
        ({"status": 503, "when": "after"}, "Exception: error 503", 1),
        ({"status": 502, "html": True}, "Exception: error 502: <html>", 0),
        ({"torn": True}, "JSONDecodeError", 1),
        ({"late_s": 12}, "ReadTimeout", 1),
    ],
)
def test_the_client_never_retries_and_the_job_runs_or_not(
    run: Any, bought: Any, rule: dict[str, Any], said: str, jobs: int
) -> None:
    seen = run("weather", requests=[CREATE_JOB | rule] if rule else [])
    assert any(seen["raised"].startswith(one) for one in said.split("|")), seen["raised"]
    assert (seen["found"], seen["ended"]) == (["storm"] * jobs, ["completed"] * jobs)
    assert (seen["took_s"] > 9) is ("late_s" in rule)
    assert len(bought()) == jobs
    assert seen["blocked"] == []


def test_a_bell_pair_comes_back_from_every_kind_of_platform(run: Any, bought: Any) -> None:
    seen = run("qiskit_bell")
    assert len(seen) == len(bought()) == 6
    for counts in seen.values():
        assert_bell(counts, 1000)


def test_bits_and_registers_are_true_on_the_wire(run: Any) -> None:
    seen = run("qiskit_registers")
    assert_asymmetric({word.replace(" ", ""): n for word, n in seen["official"].items()})
    assert_asymmetric(seen["raw"])
    assert (seen["cirq"]["a_0"], seen["cirq"]["b_0"]) == (1000, 0)
    chance = math.sin(0.5) ** 2
    assert abs(seen["cirq"]["b_1"] - 1000 * chance) < 5 * math.sqrt(1000 * chance * (1 - chance))
    assert seen["wide_true"] == {"0x2": 10}
    assert seen["wide_shown"] == {"01": 10}  # the official decoder moves the bit


def test_several_circuits_in_one_job_come_back_in_order(run: Any, bought: Any) -> None:
    seen = run("qiskit_batch")
    assert set(seen["gates"]) <= {"r", "cz", "measure", "barrier"}
    assert seen["rows"] == 1
    for counts in seen["counts"]:
        assert_bell(counts, 200)
    assert (seen["shots"], seen["memory"]) == ([100] * 3, [100] * 3)
    first, _ = bought()
    assert first["price"] == pytest.approx(2 * (0.22 + 200 * 0.0012))


@pytest.mark.parametrize("empty", [None, ""])
def test_a_result_by_url_is_fetched_without_the_key(run: Any, empty: str | None) -> None:
    seen = run("qiskit_url", {"result_by_url_above": 10, "empty_result": empty})
    assert seen["inline"] == empty
    assert_bell(seen["counts"], 300)


def test_the_provider_tells_failed_and_cancelled_jobs(run: Any) -> None:
    seen = run("qiskit_ends", jobs=[{"fail": "laser off", "nth": 1}])
    assert seen["failed"].startswith("JobError: ")
    assert "laser off" in seen["failed"]
    assert seen["cancelled"] == "ERROR"


def test_noise_seed_and_method_go_along(run: Any) -> None:
    seen = run("qiskit_settings")
    one = 0.85 * 0.8 + 0.15 * 0.1
    spread = 5 * math.sqrt(20_000 * one * (1 - one))
    assert abs(seen["noisy"]["1"] - 20_000 * one) < spread
    assert seen["same"]
    assert set(seen["wide"]) == {"0" * 30, "1" * 30}


def test_sampler_and_estimator_agree_with_exact_values(run: Any) -> None:
    seen = run("primitives")
    assert_bell(seen["counts"], 500)
    exact = [1.0, math.cos(0.8), math.sin(0.8)]
    assert seen["values"] == pytest.approx(exact, abs=0.05)


def test_the_provider_left_to_itself_leaves_sessions_running(run: Any, bought: Any) -> None:
    assert run("leak") == ["running", "running"]
    assert len({one["session"] for one in bought()}) == 2
