"""The verbs that clouds need, against emulators served on a loopback port."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from qbatch.cli.bit_order import judge, keep_verdicts
from qbatch.errors import Refused
from qbatch.job import JobState
from qbatch.plan.pricing.limits import parse_limits
from qbatch.providers.oqc.service import VENDOR
from qbatch.result import Counts
from qbatch.snapshot import Run, open_run
from tests.cli.conftest import origin
from tests.daily import mostly_slow

Call = Callable[..., Any]
Faults = Callable[..., None]


def states(folder: str = "runs/clouds") -> dict[str, int]:
    with open_run(folder) as run:
        return {state.value: number for state, number in run.counts_by_state().items()}


# -- emulate ------------------------------------------------------------------------------------


def test_an_unknown_cloud_cannot_be_emulated(qbatch: Call) -> None:
    said = qbatch("emulate", "oqq")
    assert said.code == 2
    assert "no emulator of 'oqq'; did you mean 'oqc'?" in said.err


def test_a_wrong_fault_script_is_told_before_anything_is_served(qbatch: Call) -> None:
    Path("faults.yaml").write_text("requests: [{nope: 1}]")
    said = qbatch("emulate", "oqc", "--faults", "faults.yaml")
    assert said.code == 2
    assert "unknown key 'nope'" in said.err


@pytest.mark.slow
def test_a_taken_port_is_no_bug_of_ours(qbatch: Call, served: dict[str, str]) -> None:
    said = qbatch("emulate", "oqc", "--port", origin(served).rpartition(":")[2])
    assert said.code == 2
    assert "choose another --port" in said.err


# -- backends, auth -----------------------------------------------------------------------------


def test_backends_lists_the_targets_of_both_clouds_and_the_simulator(
    qbatch: Call, clouds: dict[str, str]
) -> None:
    said = qbatch("backends", "--json")
    found = {cloud["provider"]: cloud["targets"] for cloud in said.json}
    assert said.code == 0
    by_name = {target["target"]: target for target in found["oqc"]}
    assert by_name["qpu:uk:1:12345"]["qubits"] == 32
    assert by_name["qpu:uk:1:12345"]["price"] == "0.0013 x shots USD per job"
    assert by_name["qpu:uk:1:12345"]["next_window_at"]
    assert "ionq:forte-1" in {target["target"] for target in found["open-quantum"]}
    assert found["local"]
    assert {target["is_emulated"] for target in found["oqc"]} == {True}
    (line,) = [line for line in qbatch("backends").out.splitlines() if "qpu:uk:1:12345" in line]
    assert line.endswith("0.0013 x shots USD per job (emulated)")


def test_backends_tells_features_and_status_of_each_qpu(
    qbatch: Call, clouds: dict[str, str]
) -> None:
    """P23: OQC's features and system status were shown nowhere."""
    said = qbatch("backends", "--provider", "oqc", "--details")
    assert said.code == 0
    told = said.out[said.out.index("oqc: qpu:jp:3:673b1ad43c") :].splitlines()
    assert "  record.name: OQC Toshiko Tokyo-1" in told
    assert "  features.Maximum Shots x Repetition Period: 600 seconds" in told
    assert any(line.startswith("  status.") and "ONLINE" in line for line in told)
    (cloud,) = qbatch("backends", "--provider", "oqc", "--json").json
    facts = {target["target"]: target["facts"] for target in cloud["targets"]}
    assert facts["qpu:uk:2:d865b5a184"]["features"]["simulator"] is True
    assert facts["qpu:uk:2:0f0f0f0f0f"]["status"]["statuses"][0]["status"] == "OFFLINE"


def test_backends_tells_what_jobs_can_be_for_as_it_is_written_in_a_manifest(
    qbatch: Call, clouds: dict[str, str]
) -> None:
    """Open Quantum's categories and subcategories, by the codes that its documents print."""
    said = qbatch("backends", "--provider", "open-quantum", "--details")
    assert said.code == 0
    told = said.out[said.out.index("options: {subcategory: …}, one of:") :].splitlines()
    assert len(told) == 1 + 9
    assert told[-1] == "  Other: oth:oth (Other: oth)"
    assert "chem:mgse (" in told[1]
    assert "{subcategory" not in qbatch("backends", "--provider", "open-quantum").out
    (cloud,) = qbatch("backends", "--provider", "open-quantum", "--json").json
    assert {row["group"] for row in cloud["choices"]["subcategory"]} >= {"Chemistry", "Other"}
    codes = {row["value"] for row in cloud["choices"]["subcategory"]}
    assert {"crypto:shor", "math:hhl", "opt:qaoa", "phys:tin", "oth:oth"} < codes
    (other,) = qbatch("backends", "--provider", "oqc", "--json").json
    assert other["choices"] == {}


def test_targets_are_listed_where_what_options_may_be_is_not(
    qbatch: Call, clouds: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: object) -> None:
        raise Refused("open-quantum: no categories for you")

    monkeypatch.setattr("qbatch.providers.open_quantum.driver.OpenQuantum.choices", refuse)
    said = qbatch("backends", "--provider", "open-quantum", "--details")
    assert (said.code, "ionq:forte-1" in said.out) == (1, True)
    assert "open-quantum: no categories for you" in said.err
    (cloud,) = qbatch("backends", "--provider", "open-quantum", "--json").json
    assert (cloud["error"], len(cloud["targets"])) == ("open-quantum: no categories for you", 6)


def test_backends_prints_the_calibration_of_a_day(qbatch: Call, clouds: dict[str, str]) -> None:
    said = qbatch("backends", "--calibration", "2026-01-02")
    assert said.code == 0
    assert said.json["oqc"]["qpu:jp:3:673b1ad43c"]["date"] == "2026-01-02"
    assert qbatch("backends", "--calibration", "yesterday").code == 2


def test_a_cloud_without_credentials_is_shown_as_such_and_is_no_error(
    qbatch: Call, no_clouds: None
) -> None:
    said = qbatch("backends")
    assert said.code == 0
    assert "oqc: no credential: set the environment variable OQC_AUTHENTICATION_TOKEN" in said.err


def test_a_provider_nobody_knows_is_a_usage_error(qbatch: Call, no_clouds: None) -> None:
    assert qbatch("backends", "--provider", "oqq").code == 2


def test_auth_says_where_credentials_come_from_and_never_shows_them(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    said = qbatch("auth", two_clouds)
    assert said.code == 0
    host = urlsplit(clouds["QBATCH_OQC_URL"]).netloc
    assert f"env:OQC_AUTHENTICATION_TOKEN to {host}: taken; 4 targets" in said.out
    assert "env:OPENQUANTUM_CLIENT_SECRET to 127.0.0.1" in said.out
    assert clouds["OQC_AUTHENTICATION_TOKEN"] not in said.out + said.err
    assert clouds["OPENQUANTUM_CLIENT_SECRET"] not in said.out + said.err


def test_a_refused_credential_is_code_7_and_its_variable_named(
    qbatch: Call, clouds: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OQC_AUTHENTICATION_TOKEN", "stale-token")
    said = qbatch("auth")
    assert said.code == 7
    assert "put a valid one into OQC_AUTHENTICATION_TOKEN" in said.out
    assert "stale-token" not in said.out


@pytest.mark.parametrize("verb", ["auth", "run", "plan", "doctor"])
def test_a_missing_credential_of_a_manifest_is_code_7(
    verb: str, qbatch: Call, no_clouds: None, two_clouds: Path
) -> None:
    said = qbatch(verb, two_clouds)
    assert said.code == 7
    assert "no credential: set" in said.out + said.err


def test_a_cloud_out_of_reach_is_code_8(
    qbatch: Call, clouds: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_OQC_URL", "http://127.0.0.1:9")
    said = qbatch("backends", "--provider", "oqc")
    assert said.code == 8
    assert "cannot connect" in said.err


# -- run --detach, fetch, cancel ----------------------------------------------------------------


def test_a_detached_run_leaves_its_jobs_at_the_clouds_and_fetch_brings_them_home(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    left = qbatch("run", two_clouds, "--detach", "--yes", "--no-report")
    assert left.code == 9
    assert "still at toshiko: `qbatch fetch" in left.out
    two_clouds.unlink()
    Path("bell.qasm").unlink()  # all that is needed is in the run folder
    home = qbatch("fetch", "runs/clouds", "--wait", "--no-report")
    assert home.code == 0
    assert states() == {"completed": 4}


def test_verbose_tells_the_five_steps_of_a_job_with_its_ids(
    qbatch: Call,
    clouds: dict[str, str],
    two_clouds: Path,
    ledger: Callable[[], list[dict[str, Any]]],
) -> None:
    """Open Quantum's documents tell five: upload, preparation, quote, submission, result."""
    two_clouds.write_text(two_clouds.read_text().replace("[toshiko, forte]", "[forte]"))
    two_clouds.write_text(two_clouds.read_text().replace("repeat: 2", "repeat: 1"))
    said = qbatch("run", two_clouds, "--yes", "--no-report", "-v")
    assert said.code == 0
    told = [line.partition(": ")[2] for line in said.err.splitlines() if line.startswith("forte:")]
    steps = [line.partition(": ")[2] for line in told if line.endswith(" s)")]
    patterns = (
        r"circuit uploaded as [0-9a-f-]{36}, \d+ bytes",
        r"preparation [0-9a-f-]{36} begun",
        r"quoted: Public Plan, Standard Queue, 11 credits, of 6 ways to buy it",
        r"prepared",
        r"submitting",
        r"submitted as [0-9a-f-]{36} \(Pending\)",
        r"done at the cloud \(Completed\)",
        r"result downloaded",
        r"completed",
    )
    seen = [step for step in steps if not step.startswith(("running", "submitted ("))]
    assert len(seen) == len(patterns)
    for pattern, step in zip(patterns, seen, strict=True):
        assert re.fullmatch(pattern + r" \(\d+(\.\d)? s\)", step)
    assert seen[5].split()[2] in json.dumps(ledger()[-1])


def test_steps_are_events_too_and_told_only_when_asked_for(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    left = qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "--json")
    assert left.code == 9
    assert '"step"' not in left.out
    home = qbatch("fetch", "runs/clouds", "--wait", "--no-report", "--json", "--verbose")
    events = [json.loads(line) for line in home.out.splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    assert {step["backend"] for step in steps} == {"toshiko", "forte"}
    downloads = [step["backend"] for step in steps if step["text"] == "result downloaded"]
    assert downloads.count("forte") == 2
    assert downloads.count("toshiko") in (1, 2)  # its two tasks may be done between two looks


def test_what_names_no_credential_is_bought_with_the_persons_account(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VENDOR.variables:
        monkeypatch.delenv(name, raising=False)
    alone = ("run", two_clouds, "--yes", "--no-report", "-k", "backend=toshiko")
    assert qbatch(*alone).code == 7
    Path("own.toml").write_text('[accounts]\noqc = "file:token"\n')
    Path("token").write_text(clouds["OQC_AUTH_TOKEN"])
    monkeypatch.setenv("QBATCH_CONFIG", str(Path("own.toml").resolve()))
    assert qbatch(*alone).code == 0
    told = {each["provider"]: each for each in qbatch("auth", two_clouds, "--json").json}
    assert told["oqc"]["credential"] == f"file:{Path('token').resolve()}"
    assert told["oqc"]["verdict"] == "ok"
    Path("token").write_text("another")
    assert qbatch("auth", two_clouds).code == 7


def test_fetch_bills_at_the_prices_that_the_jobs_were_bought_at(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    target = "qpu:uk:2:d865b5a184"  # whose price the cloud does not name
    prices = f'date: 2026-11-01\nprices: {{"{target}": {{unit: usd, per_job: 0.25}}}}\n'
    Path("prices.yaml").write_text(prices)
    text = two_clouds.read_text().replace("qpu:uk:1:12345", target)
    two_clouds.write_text(text + "budget: {total: {usd: 1}, prices: prices.yaml}\n")
    alone = ("--yes", "--no-report", "-k")
    qbatch("run", two_clouds, *alone, "backend=toshiko", "--detach")
    qbatch("run", two_clouds, *alone, "backend=forte", "--detach")
    Path("prices.yaml").unlink()
    assert qbatch("fetch", "runs/clouds", "--wait", "--no-report").code == 0
    jobs = qbatch("status", "runs/clouds", "--json").json["ledger"]["jobs"]
    bills = [each["billed"] for each in jobs if each["backend"] == "toshiko"]
    assert bills == [0.25, 0.25]


def test_fetch_submits_nothing(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=toshiko")
    bought = len(ledger())
    said = qbatch("fetch", two_clouds, "--wait", "--no-report", "--json")
    assert said.code == 9
    assert said.json_lines[-1]["states"] == {"completed": 2, "created": 2}
    assert len(ledger()) == bought


def test_one_look_that_finds_nothing_finished_leaves_all_as_it_is(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    down = {"provider": "oqc", "path": "*/all_info", "status": 503}
    faults(requests=[down], jobs=[{"provider": "open-quantum", "wait_s": 2}])
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=forte")
    assert qbatch("fetch", two_clouds, "--no-report").code == 9
    faults()
    assert qbatch("fetch", two_clouds, "--wait", "--no-report").code == 9
    assert states() == {"completed": 2, "created": 2}


def test_cancel_reaches_the_cloud_and_only_what_is_meant(
    qbatch: Call,
    clouds: dict[str, str],
    two_clouds: Path,
    ledger: Callable[[], list[Any]],
    faults: Faults,
) -> None:
    faults(jobs=[{"provider": "oqc", "wait_s": 300, "nth": 1}])
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=toshiko")
    assert qbatch("cancel", two_clouds, "-k", "repeat=1").code == 6
    said = qbatch("cancel", two_clouds, "-k", "repeat=1", "--yes", "--no-report", "--json")
    assert said.code == 0
    told = [json.loads(line) for line in said.out.splitlines()]
    *_, last = [each for each in told if each["event"] == "progress"]
    assert (last["done"], last["failed"], last["cancelled"]) == (1, 0, 1)
    *_, first, second = [job["state"] for job in ledger()]
    assert sorted([first, second])[0] == "cancelled"
    assert "cancelled" not in (sorted([first, second])[1],)


def test_cancel_reaches_all_jobs_of_a_point_that_is_cut(
    qbatch: Call,
    clouds: dict[str, str],
    two_clouds: Path,
    ledger: Callable[[], list[Any]],
    faults: Faults,
) -> None:
    """OQC takes 100,000 shots at once: three jobs for each of two points."""
    faults(jobs=[{"provider": "oqc", "wait_s": 300}])
    two_clouds.write_text(two_clouds.read_text().replace("shots: 100", "shots: 250000"))
    before = len(ledger())
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=toshiko")
    assert len(ledger()) == before + 6
    said = qbatch("cancel", two_clouds, "-k", "repeat=1", "--yes", "--no-report")
    assert said.code == 0
    assert "asked about 6 jobs" in said.out
    assert "1 cancelled: `qbatch run` would buy them again" in said.out
    assert [job["state"] for job in ledger()[before:]].count("cancelled") == 3
    faults()


def test_cancel_asks_only_the_clouds_of_what_is_meant(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    faults(jobs=[{"provider": "oqc", "wait_s": 300}, {"provider": "open-quantum", "wait_s": 300}])
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report")
    said = qbatch("cancel", two_clouds, "-k", "backend=toshiko", "--yes", "--no-report")
    faults()
    assert said.code == 0
    assert "asked about 2 jobs, 0 completed now, 2 cancelled;" in said.out
    assert "2 jobs still at forte" in said.out
    assert "failed" not in said.out + said.err
    assert states() == {"cancelled": 2, "submitted": 2}


def test_cancel_says_that_all_was_done_before(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    before = len(ledger())
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=toshiko")
    end = time.monotonic() + 20
    while {job["state"] for job in ledger()[before:]} != {"completed"}:
        assert time.monotonic() < end
        time.sleep(0.1)
    said = qbatch("cancel", two_clouds, "--yes", "--no-report")
    assert "asked about 2 jobs, 2 completed now, nothing was cancelled;" in said.out
    assert "nothing was cancelled" in qbatch("cancel", two_clouds, "--yes", "--no-report").out


def test_nothing_in_flight_is_said(qbatch: Call, done: Path, no_clouds: None) -> None:
    assert "nothing is in flight" in qbatch("fetch", done).out
    assert "none of these points is in flight" in qbatch("cancel", done, "-k", "shots=10").err


def test_a_run_that_never_was_cannot_be_fetched(qbatch: Call, manifest: Path) -> None:
    assert qbatch("fetch", manifest).code == 2
    assert qbatch("cancel", "nowhere").code == 2


# -- held ---------------------------------------------------------------------------------------


@pytest.fixture
def held(qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults) -> Iterator[Path]:
    """A run whose two OQC jobs were lost on the way, and whose cloud knows nothing."""
    submit = {"provider": "oqc", "method": "POST", "path": "*/tasks/submit", "drop": "before"}
    faults(requests=[{**submit, "nth": 1}], switches={"oqc": {"unsubmitted": "missing"}})
    assert qbatch("run", two_clouds, "-k", "backend=toshiko", "--yes", "--no-report").code == 9
    yield two_clouds
    faults()


def test_status_shows_all_that_is_needed_to_look_a_held_job_up(qbatch: Call, held: Path) -> None:
    said = qbatch("status", held)
    assert said.code == 9
    assert "where:            oqc qpu:uk:1:12345" in said.out
    assert "--adopt ID" in said.err
    first, second = qbatch("status", held, "--json").json["held"]
    assert first["known_as"]["task_ids"] != second["known_as"]["task_ids"]
    assert first["key"] == first["known_as"]["task_ids"]
    assert "does not know its own task id" in first["why"]


def test_a_held_job_is_decided_by_the_person_and_by_nobody_else(
    qbatch: Call, held: Path, faults: Faults
) -> None:
    one, two = (entry["id"] for entry in qbatch("status", held, "--json").json["held"])
    assert qbatch("run", held, "-k", "backend=toshiko", "--yes", "--no-report").code == 9
    assert qbatch("resolve", held, one, "--resubmit").code == 6
    assert qbatch("resolve", held, one, "--resubmit", "--yes").code == 0
    assert qbatch("resolve", held, two, "--give-up").code == 0
    faults()
    qbatch("run", held, "-k", "backend=toshiko and repeat=1", "--yes", "--no-report")
    with Run(Path("runs/clouds")) as run:
        assert (run[one].state, run[one].job.generation) == (JobState.COMPLETED, 2)


def test_an_adopted_job_is_fetched_under_the_id_that_was_given(
    qbatch: Call, held: Path, faults: Faults, ledger: Callable[[], list[Any]]
) -> None:
    faults()
    one, two = (entry["id"] for entry in qbatch("status", held, "--json").json["held"])
    only = ("-k", "backend=toshiko and repeat=1", "--yes", "--no-report")
    qbatch("run", held, *only, "--out", "elsewhere")
    bought = ledger()[-1]["id"]
    assert qbatch("resolve", held, two, "--adopt", bought).code == 0
    qbatch("fetch", held, "--no-report")
    with Run(Path("runs/clouds")) as run:
        assert run[two].job.provider_job_id == bought
        assert run[two].counts is not None
    said = qbatch("resolve", held, one, "--adopt", bought)
    assert said.code == 2
    assert f"{bought} is the job of" in said.err


def test_a_service_that_moved_is_the_same_account_when_a_person_says_so(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", two_clouds, "-k", "backend=toshiko", "--yes", "--no-report")
    assert qbatch(*run, "--detach").code == 9
    moved = clouds["QBATCH_OQC_URL"].replace("127.0.0.1", "localhost")
    monkeypatch.setenv("QBATCH_OQC_URL", moved)
    said = qbatch(*run)
    assert said.code == 9
    assert "2 jobs are held that were made with another account" in said.err
    first, _ = qbatch("status", two_clouds, "--json").json["held"]
    assert "localhost" in first["why"]
    assert "127.0.0.1" in first["known_as"]["account"]
    assert qbatch("resolve", two_clouds, first["id"], "--same-account").code == 6
    said = qbatch("resolve", two_clouds, first["id"], "--same-account", "--yes")
    assert said.code == 0
    assert "is looked for by the next `qbatch run`" in said.err
    assert qbatch(*run).code == 0
    said = qbatch("resolve", two_clouds, first["id"], "--same-account", "--yes")
    assert "is completed, not held" in said.err


def test_a_run_with_jobs_at_a_cloud_is_not_forgotten(qbatch: Call, held: Path) -> None:
    said = qbatch("forget", held, "--yes")
    assert said.code == 2
    assert "2 jobs may still be at a provider" in said.err
    for entry in qbatch("status", held, "--json").json["held"]:
        qbatch("resolve", held, entry["id"], "--give-up")
    said = qbatch("forget", held)
    assert said.code == 6
    assert (
        "and with purchases of 0.26 USD (emulated) that no budget will count any more" in said.err
    )
    assert qbatch("forget", held, "--yes").code == 0


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--give-up", "--resubmit"),
        ("--adopt", " "),
        ("--adopt", "../admin"),
        ("--adopt", "x", "--give-up"),
        ("--adopt", "x", "--same-account"),
    ],
)
def test_a_decision_is_exactly_one(qbatch: Call, done: Path, flags: tuple[str, ...]) -> None:
    assert qbatch("resolve", done, "shots=10", *flags).code == 2


def test_what_is_not_held_is_not_decided(qbatch: Call, done: Path) -> None:
    said = qbatch("resolve", done, "shots=10", "--give-up")
    assert said.code == 2
    assert "is completed, not held" in said.err


# -- max-cost -----------------------------------------------------------------------------------


def test_a_plan_known_to_be_too_dear_is_refused_before_anything_is_submitted(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    bought = len(ledger())
    said = qbatch("run", two_clouds, "--yes", "--max-cost", "0.2usd")
    assert said.code == 6
    assert "the plan costs 0.26 USD" in said.err
    assert len(ledger()) == bought
    assert not Path("runs").exists()


def test_plan_and_run_show_what_every_plan_and_priority_would_cost_before_the_question(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    """P20: two jobs at 3 + 0.08 x 100 credits each, and half or all of that more for priority."""
    bought = len(ledger())
    said = qbatch("plan", two_clouds)
    assert "about 22 credits" in said.out.splitlines()[0]
    told = said.out.replace(" (emulated)", "")
    rows = [line.split() for line in told.splitlines() if "Queue" in line]
    assert [" ".join(row) for row in rows][:3] == [
        "forte 2 Public Plan, Standard Queue 22 credits chosen",
        "forte 2 Public Plan, Priority Queue 34 credits",
        "forte 2 Private Plan, Standard Queue 34 credits",
    ]
    facts = json.loads(qbatch("plan", two_clouds, "--json").out)
    assert facts["quotes"]["forte"]["ways"][0]["price"] == facts["prices"]["credits"] == 22
    refused = qbatch("run", two_clouds)
    assert refused.code == 6
    assert refused.err.index("Public Plan, Instant Queue") < refused.err.index("Run it?")
    assert len(ledger()) == bought


def test_what_was_cancelled_is_refunded_and_nothing_more_is_to_come(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:  # P20
    faults(jobs=[{"provider": "open-quantum", "wait_s": 300}])
    limited = ("--yes", "--no-report", "-k", "backend=forte", "--max-cost", "22credits")
    assert "2 jobs still at forte" in qbatch("run", two_clouds, "--detach", *limited).out
    assert "at most 22 credits more to come" in qbatch("status", two_clouds).out
    qbatch("cancel", two_clouds, "--yes", "--no-report")
    told = qbatch("status", two_clouds).out
    assert "more to come" not in told
    assert "2 jobs not charged" in told
    faults()
    assert qbatch("run", two_clouds, *limited).code == 0  # the same budget pays for both again


def test_a_refund_that_the_list_tells_late_is_brought_by_fetch(
    qbatch: Call,
    clouds: dict[str, str],
    two_clouds: Path,
    faults: Faults,
    ledger: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is in flight then, and it was told for good that more is to come."""
    hidden = {"provider": "open-quantum", "wait_s": 300, "hide_s": 300}
    faults(jobs=[hidden])
    qbatch("run", two_clouds, "--detach", "--yes", "--no-report", "-k", "backend=forte")
    qbatch("cancel", two_clouds, "--yes", "--no-report")
    assert qbatch("fetch", two_clouds, "--no-report").code == 1
    assert "at most 22 credits more to come" in qbatch("status", two_clouds).out
    faults(jobs=[hidden | {"name": entry["name"]} for entry in ledger()])
    one = ("--yes", "--no-report", "-k", "backend=forte#1")
    assert qbatch("run", two_clouds, *one).code == 0  # of one of them it was an earlier attempt
    assert "at most 22 credits more to come" in qbatch("status", two_clouds).out
    faults()  # the list has them
    with monkeypatch.context() as without:
        for name in [name for name in os.environ if name.startswith("OPENQUANTUM_")]:
            without.delenv(name)
        said = qbatch("fetch", two_clouds, "--no-report")
        assert said.code == 1  # nothing is lost by it
        assert "forte cannot be asked for bills that are due" in said.err
    assert qbatch("fetch", two_clouds, "--no-report").code == 1
    told = qbatch("status", two_clouds).out
    assert "more to come" not in told
    assert "11 credits billed for 1 job, 2 jobs not charged" in told.replace(" (emulated)", "")
    after = qbatch("status", two_clouds, "--json").json
    states = {name: number for name, number in after["states"].items() if number}
    assert states == {"created": 2, "cancelled": 1, "completed": 1}
    bills = [(each["generation"], each["billed"]) for each in after["ledger"]["jobs"]]
    assert sorted(bills) == [(1, 0.0), (1, 0.0), (2, 11.0)]


def test_a_refund_that_the_list_tells_late_is_brought_by_a_run_before_it_buys(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    """Without it the limit, which pays for two, would be taken by what was cancelled."""
    limited = ("--yes", "--no-report", "-k", "backend=forte", "--max-cost", "22credits")
    faults(jobs=[{"provider": "open-quantum", "wait_s": 300, "hide_s": 300}])
    qbatch("run", two_clouds, "--detach", *limited)
    qbatch("cancel", two_clouds, "--yes", "--no-report")
    qbatch("fetch", two_clouds, "--no-report")
    assert "at most 22 credits more to come" in qbatch("status", two_clouds).out
    faults()  # the list has them
    said = qbatch("run", two_clouds, *limited)
    assert said.code == 0, said.err
    told = qbatch("status", two_clouds).out.replace(" (emulated)", "")
    assert "22 credits billed for 2 jobs, 2 jobs not charged" in told
    assert "more to come" not in told


def test_quoted_prices_never_exceed_the_limit_also_over_two_runs(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    before = len(ledger())
    limited = ("--yes", "--no-report", "-k", "backend=forte", "--max-cost")
    price = 0.0
    for limit in ("1credits", "1credits"):
        said = qbatch("run", two_clouds, *limited, limit)
        assert said.code == 6
        assert "nothing more was bought" in said.out
    assert len(ledger()) == before
    qbatch("run", two_clouds, *limited, "35credits")
    qbatch("run", two_clouds, *limited, "35credits")
    price = sum(job["price"] for job in ledger()[before:])
    assert 0 < price <= 35


@pytest.mark.parametrize("text", ["usd5", "5", "-5usd", "5 euro cents", "five"])
def test_a_limit_that_is_no_price_is_a_usage_error(qbatch: Call, done: Path, text: str) -> None:
    assert qbatch("run", done, "--max-cost", text).code == 2


def test_a_limit_in_a_unit_nobody_bills_in_is_a_usage_error(qbatch: Call, done: Path) -> None:
    said = qbatch("run", done, "--max-cost", "5euro")
    assert said.code == 2
    assert "units are credits, eur, qpu_seconds, usd" in said.err


def test_a_unit_without_limit_is_told_before_the_question_and_a_limit_of_nothing_refused(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    said = qbatch("run", two_clouds, "--max-cost", "5usd")
    assert said.code == 6
    assert said.err.partition("Run it?")[0].count("no limit for credits\n") == 1
    said = qbatch("run", two_clouds, "--max-cost", "1eur", "--yes")
    assert said.code == 2
    assert "1.00 EUR bounds nothing here: this plan is billed in USD and credits" in said.err


def test_a_copied_run_folder_buys_nothing_beside_its_original(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    qbatch("run", two_clouds, "--yes", "--no-report", "-k", "backend=toshiko")
    copy = shutil.copytree("runs/clouds", "copy")
    before = len(ledger())
    said = qbatch("run", two_clouds, "--yes", "--out", copy)
    assert (said.code, len(ledger())) == (9, before)
    assert "copy is a copy of" in said.err


def test_the_lower_of_two_limits_holds() -> None:
    assert parse_limits(["5usd", "3.5 USD", "40credits"]) == {"usd": 3.5, "credits": 40.0}


# -- consent and budgets --------------------------------------------------------------------------


def test_what_was_bought_before_is_not_asked_about_again(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    assert qbatch("run", two_clouds, "--no-report").code == 6
    part = ("--no-report", "-k", "backend=toshiko")
    assert qbatch("run", two_clouds, *part, "--yes").code == 0
    said = qbatch("run", two_clouds, *part)
    assert (said.code, "nothing to do" in said.out) == (0, True)
    said = qbatch("run", two_clouds, "--no-report")
    assert said.code == 6
    assert "of that is left to buy: 2 points, 200 shots, 2 jobs" in said.err
    assert "USD" not in said.err.partition("left to buy")[2]


def test_a_budget_is_kept_and_shown_with_the_ledger(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, ledger: Callable[[], list[Any]]
) -> None:
    Path("prices.yaml").write_text("date: 2026-11-01\nconvert: {credits: {usd: 0.01}}\n")
    text = two_clouds.read_text()
    two_clouds.write_text(text + "budget: {total: {usd: 0.2}, prices: prices.yaml}\n")
    before = len(ledger())
    said = qbatch("run", two_clouds, "--yes")
    assert said.code == 6
    assert "budget.total allows 0.20 USD, and the plan costs 0.26 USD" in said.err
    bought = ledger()[before:]
    rates = {"usd": 1.0, "credits": 0.01}
    cost = sum(job["price"] * rates[job["unit"]] for job in bought)
    assert 0 < cost <= 0.2
    facts = qbatch("status", two_clouds, "--json").json["ledger"]
    assert facts["budgets"] == [
        {
            "limit": "budget.total",
            "backend": None,
            "unit": "usd",
            "allowed": 0.2,
            "taken": pytest.approx(cost),
        }
    ]
    assert len(facts["jobs"]) == len(bought)
    assert all(job["billed_by"] and job["quoted_by"] for job in facts["jobs"])
    assert "budget.total" in Path("runs/clouds/report.md").read_text("utf-8")
    assert "budget.total (emulated): 0" in qbatch("status", two_clouds).out


def test_failures_are_told_again_at_the_end_in_the_clouds_own_words(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    words = "the fridge is warm"
    faults(jobs=[{"provider": "oqc", "fail": words}])
    said = qbatch("run", two_clouds, "--yes", "--no-report", "-k", "backend=toshiko")
    assert said.code == 1
    assert f"2 failed: {words}" in said.out


# -- doctor -------------------------------------------------------------------------------------


def test_a_healthy_machine_and_run_folder_are_told_so(
    qbatch: Call, done: Path, no_clouds: None
) -> None:
    said = qbatch("doctor", done, "--json")
    assert said.code == 0
    found = {finding["about"]: finding for finding in said.json}
    assert found["snapshot"]["said"].startswith("3 points, 3 results")
    assert {found[name]["verdict"] for name in ("disk", "durability", "snapshot")} == {"ok"}


def test_a_damaged_result_is_found(qbatch: Call, done: Path, no_clouds: None) -> None:
    path = Path("runs/pair/snapshot.db")
    data = bytearray(path.read_bytes())
    with open_run("runs/pair") as run:
        packed = next(iter(run)).counts
        assert packed is not None
    place = bytes(data).find(packed.pack()[:24])
    assert place > 0
    data[place + 20] ^= 0xFF
    path.write_bytes(data)
    said = qbatch("doctor", "runs/pair")
    assert said.code == 9
    assert "damaged" in said.out


def test_the_bit_order_test_asks_first_and_its_verdict_is_shown_by_backends(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    assert qbatch("doctor", two_clouds, "--bits").code == 6
    said = qbatch("doctor", two_clouds, "--bits", "--yes")
    assert said.code == 0
    assert "bit order:     qpu:uk:1:12345: ok" in said.out
    listed = qbatch("backends", two_clouds, "--json").json
    verdicts = {t["target"]: t["bits"] for cloud in listed for t in cloud["targets"]}
    assert verdicts["ionq:forte-1"] == verdicts["qpu:uk:1:12345"] == "ok"
    assert verdicts["iqm:garnet"] is None


def test_the_bit_order_test_needs_a_manifest(qbatch: Call, no_clouds: None) -> None:
    assert qbatch("doctor", "--bits").code == 2


#: P(1) of each bit as read, and the verdict.
ORDERS = [
    ((0.9, 0.6, 0.2), "ok"),
    ((0.2, 0.6, 0.9), "reversed"),
    ((0.6, 0.9, 0.2), "reversed"),
    ((0.2, 0.9, 0.6), "registers swapped"),
    ((0.6, 0.2, 0.9), "registers swapped"),
    ((0.1, 0.4, 0.8), "unclear"),  # 0 for 1
    ((0.5, 0.5, 0.5), "unclear"),
    ((0.85, 0.57, 0.25), "ok"),  # noisy
]


@pytest.mark.parametrize(("ones", "verdict"), ORDERS)
def test_every_order_of_the_bits_has_its_verdict(
    ones: tuple[float, float, float], verdict: str
) -> None:
    counts: dict[str, int] = {}
    for bits in range(8):
        share = 1.0
        for place, one in enumerate(ones):
            share *= one if bits >> place & 1 else 1 - one
        counts[f"{bits >> 2:b} {bits & 3:02b}"] = round(10_000 * share)
    assert judge(Counts.from_dict([("a", 2), ("b", 1)], counts)) == verdict


def test_a_verdict_of_an_emulator_is_not_taken_for_the_clouds(no_clouds: None) -> None:
    path = keep_verdicts("oqc", "http://127.0.0.1:1/oqc", {"qpu": "ok"})
    keep_verdicts("oqc", "https://cloud.oqc.app", {"qpu": "reversed"})
    kept = json.loads(path.read_text())
    assert {each["verdict"] for each in kept.values()} == {"ok", "reversed"}


@pytest.mark.parametrize("verb", mostly_slow(["run", "plan"]))
@pytest.mark.parametrize(("backend", "target"), [("forte", "ionq:fort"), ("toshiko", "qpu:none")])
@pytest.mark.slow
def test_a_target_that_is_none_is_a_mistake_of_the_manifest(
    verb: str, backend: str, target: str, qbatch: Call, two_clouds: Path, clouds: dict[str, str]
) -> None:
    said = qbatch(verb, two_clouds, "-S", f"backends.{backend}.target={target}")
    assert said.code == 3
    assert f"{target!r} is no" in said.err
    assert "; write target: " in said.err
