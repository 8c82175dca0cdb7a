"""The emulated Marqov, endpoint by endpoint, in virtual time."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

from qbatch.emulators.marqov import (
    COLLEAGUE_KEY,
    KEY,
    READER_KEY,
    SESSION,
    SESSION_COOKIE,
    STRANGER_KEY,
    TEAM,
)
from qbatch.emulators.marqov.requests import NO_PYTHON
from qbatch.emulators.marqov.scripts import djb2, with_measurements

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
FLIP = HEAD + "qreg q[3]; creg c[3]; x q[2]; measure q->c;"
ROTATED = HEAD + "qreg q[2]; x q[0];"

Maker = Callable[..., Any]


class Platform:
    """A stage with Marqov, and its life cycle step by step."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.client = stage.client
        self.use(KEY)

    def use(self, key: str) -> None:
        self.client.headers["authorization"] = f"Bearer {key}"

    def set_switches(self, **switches: Any) -> None:
        self.stage.set_faults(switches={"marqov": switches})

    async def call(
        self, method: str, url: str, body: Any = None, status: int = 200, **more: Any
    ) -> Any:
        """Call, check the status, decode."""
        reply = await self.client.request(method, f"/marqov/api/{url}", json=body, **more)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def upload(self, source: str = BELL, status: int = 201, **changes: Any) -> Any:
        body = {"name": "point-1", "description": "", "script_content": source}
        made = await self.call("POST", "scripts/upload", body | changes, status)
        return made.get("script_id", made)

    async def analyse(
        self, script: str, backend: str = "marqov-sim", status: int = 200, **changes: Any
    ) -> Any:
        digest = hashlib.sha256(BELL.encode()).hexdigest()
        body = {"backend": backend, "shots": 1000, "content": BELL, "content_hash": digest}
        return await self.call("POST", f"scripts/{script}/analyse", body | changes, status)

    async def submit(
        self, body: dict[str, Any], status: int = 201, key: str = "", **params: Any
    ) -> Any:
        whole = {"backend": "marqov-sim", "params": {"shots": 1000, **params}} | body
        headers = {"idempotency-key": key} if key else {}
        return await self.call("POST", "jobs/submit", whole, status, headers=headers)

    async def submit_native(self, status: int = 201, **changes: Any) -> Any:
        headers = {"idempotency-key": "5d0b7f0a-6f0e-5d43-9c6e-1a1f4d1c2b3a"}
        return await self.call("POST", "jobs/submit", native(**changes), status, headers=headers)

    async def submit_script(self, source: str = BELL, **params: Any) -> str:
        made = await self.submit({"script_id": await self.upload(source)}, **params)
        return str(made["job_id"])

    async def status(self, job: str, **query: Any) -> Any:
        return await self.call("GET", f"jobs/{job}/status", params=query, timeout=30.0)

    async def run(self, source: str = BELL, backend: str = "marqov-sim", **params: Any) -> Any:
        """Submit, wait it out, return the last answer."""
        script = await self.upload(source)
        made = await self.submit({"script_id": script, "backend": backend}, **params)
        await trio.sleep(60)
        return await self.status(made["job_id"])


@pytest.fixture
def platform(stage: Maker) -> Maker:
    """Return a maker of platforms; jobs wait 12 s and run 4 s."""

    def make(**switches: Any) -> Platform:
        made = Platform(stage("marqov", queue_s=12.0))
        made.set_switches(**switches)
        return made

    return make


def code_of(refusal: Any) -> str:
    assert set(refusal["error"]) == {"code", "message", "status"}
    return str(refusal["error"]["code"])


# -- who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer marqey_test_guess", f"Basic {KEY}"])
async def test_without_a_good_key_nothing_is_answered(platform: Maker, header: str) -> None:
    on = platform()
    on.client.headers["authorization"] = header
    assert code_of(await on.call("GET", "jobs/x/status", status=401)) == "unauthorized"


async def test_only_the_catalogue_is_public_but_no_wrong_key_passes(platform: Maker) -> None:
    on = platform()
    del on.client.headers["authorization"]
    await on.call("GET", "backends")
    await on.call("GET", "jobs/managed-runtimes", status=401, params={"team_id": TEAM})
    on.use("marqey_test_guess")
    await on.call("GET", "backends", status=401)


async def test_a_key_below_simulate_may_not_run(platform: Maker) -> None:
    on = platform()
    on.use(READER_KEY)
    script = await on.upload()
    assert code_of(await on.submit({"script_id": script}, 403)) == "permission_denied"


async def test_a_team_does_not_see_another(platform: Maker) -> None:
    on = platform()
    script, job = await on.upload(), await on.submit_script()
    on.use(STRANGER_KEY)
    assert code_of(await on.submit({"script_id": script}, 404)) == "not_found"
    await on.call("GET", f"jobs/{job}/status", status=404)
    await on.call("GET", f"scripts/{script}/execution-options", status=404)
    on.use(COLLEAGUE_KEY)
    await on.status(job)


async def test_keys_end_on_command(platform: Maker) -> None:
    on = platform()
    on.stage.set_faults(requests=[{"path": "/api/backends", "expire_tokens": "all"}])
    await on.call("GET", "backends", status=401)


@pytest.mark.parametrize("url", ["meta", "nowhere", "jobs", "jobs/x/traces"])
async def test_what_a_key_does_not_reach_is_not_found(platform: Maker, url: str) -> None:
    assert code_of(await platform().call("GET", url, status=404)) == "not_found"


# -- catalogue -----------------------------------------------------------------------------------


async def test_the_catalogue_has_tiers_and_prices(platform: Maker) -> None:
    answer = await platform().call("GET", "backends")
    assert set(answer) == {"backends", "updatedAt"}
    by_slug = {one["slug"]: one for one in answer["backends"]}
    free = {"taskFee": 0.0, "perShot": 0.0, "minimumCost": 0.0}
    assert by_slug["qb-sim-density-matrix"]["pricing"] == free
    assert by_slug["sv1"]["pricing"]["taskFee"] == 0.075
    assert by_slug["ionq-aria-1"]["pricing"] == free | {"taskFee": 0.3, "perShot": 0.01}
    assert by_slug["ionq-aria-1"]["deviceType"] == "qpu"
    assert not by_slug["ionq-forte-1"]["isAvailable"]
    assert by_slug["rigetti-qvm"]["isRetired"]


@pytest.mark.parametrize(
    ("slug", "word"), [("nowhere", "backend_unknown"), ("rigetti-qvm", "backend_retired")]
)
async def test_where_nothing_runs(platform: Maker, slug: str, word: str) -> None:
    on = platform()
    script = await on.upload()
    assert code_of(await on.submit({"script_id": script, "backend": slug}, 422)) == word
    assert code_of(await on.analyse(script, slug, 422)) == word


# -- scripts -------------------------------------------------------------------------------------


async def test_a_saved_script_tells_its_digest_and_where_it_runs(platform: Maker) -> None:
    on = platform()
    wide = HEAD + "qreg q[30]; creg c[30]; measure q->c;"
    url = f"scripts/{await on.upload(wide)}/execution-options"
    options = await on.call("GET", url, params={"shots": 500})
    assert options["source_sha256"] == hashlib.sha256(wide.encode()).hexdigest()
    assert options["team_id"] == TEAM
    slugs = [one["backend"] for one in options["destinations"]]
    assert "sv1" in slugs
    assert "marqov-sim" not in slugs
    for shots in ("0", "many"):
        await on.call("GET", url, status=400, params={"shots": shots})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "n" * 101},
        {"script_content": ""},
        {"script_content": "x" * (2**20 + 1)},
        {"script_type": "poem"},
        {"description": 3},
    ],
)
async def test_a_script_that_is_not_one_is_refused(platform: Maker, changes: Any) -> None:
    assert code_of(await platform().upload(status=400, **changes)) == "validation_error"


async def test_an_analysis_tells_the_cost_and_a_hint(platform: Maker) -> None:
    on = platform()
    answer = await on.analyse(await on.upload(), "ionq-aria-1", content="another text")
    assert answer["can_run"]
    assert answer["cost"] == {"total_usd": pytest.approx(10.3)}
    assert answer["content_hash"] == djb2(BELL)


async def test_an_analysis_warns_of_many_circuits_and_says_no_to_wide_ones(
    platform: Maker,
) -> None:
    on = platform()
    script = await on.upload()
    answer = await on.analyse(script, "sv1", circuit_count=3)
    assert [one["id"] for one in answer["checks"]] == ["circuit_count"]
    assert answer["cost"] == {"total_usd": pytest.approx(0.225)}
    wide = await on.upload(HEAD + "qreg q[20]; creg c[1]; measure q[0]->c[0];")
    assert not (await on.analyse(wide, "dm1"))["can_run"]


@pytest.mark.parametrize(
    "changes", [{"shots": 0}, {"shots": True}, {"content": None}, {"circuit_count": 0}]
)
async def test_an_analysis_of_nothing_is_refused(platform: Maker, changes: Any) -> None:
    on = platform()
    await on.analyse(await on.upload(), status=400, **changes)


# -- submission ----------------------------------------------------------------------------------


async def test_a_free_script_runs_without_analysis(platform: Maker) -> None:
    on = platform()
    answer = await on.run()
    assert answer["status"] == "completed"
    assert set(answer["result"]["counts"]) == {"00", "11"}
    assert sum(answer["result"]["counts"].values()) == 1000
    assert answer["estimated_cost_usd"] == 0.0
    assert [one["price"] for one in on.stage.ledger] == [0.0]


async def test_a_paid_script_needs_its_own_analysis(platform: Maker) -> None:
    on = platform(strict=True)
    script = await on.upload()
    body = {"script_id": script, "backend": "sv1"}
    assert code_of(await on.submit(body, 422)) == "analysis_required"
    other = await on.analyse(await on.upload(), "sv1")
    paid = body | {"analysis_id": other["analysis_id"]}
    assert code_of(await on.submit(paid, 409)) == "analysis_mismatch"
    found = await on.analyse(script, "sv1")
    paid = body | {"analysis_id": found["analysis_id"]}
    assert code_of(await on.submit(paid, 409, shots=999)) == "analysis_mismatch"
    await on.submit(paid)
    await on.submit(body | {"analysis_id": "no"}, 404)
    assert [one["price"] for one in on.stage.ledger] == [0.075]


async def test_warnings_are_accepted_by_name(platform: Maker) -> None:
    on = platform()
    script = await on.upload()
    found = await on.analyse(script, "sv1", circuit_count=2)
    body = {"script_id": script, "backend": "sv1", "analysis_id": found["analysis_id"]}
    refusal = await on.submit(body, 422, circuit_count=2)
    assert "circuit_count" in refusal["error"]["message"]
    await on.submit(body | {"warn_check_ids": ["circuit_count"]}, circuit_count=2)
    assert [one["price"] for one in on.stage.ledger] == [0.15]


async def test_openqasm_may_come_inline_where_it_is_free(platform: Maker) -> None:
    on = platform(strict=True)
    inline = {"inline_code": BELL, "framework": "openqasm", "execution_mode": "direct"}
    await on.submit(inline)
    refusal = await on.submit(inline | {"backend": "sv1"}, 422)
    assert code_of(refusal) == "script_required"


@pytest.mark.parametrize("framework", ["qiskit", "cirq", "pennylane", "marqov"])
async def test_python_is_never_executed(platform: Maker, framework: str) -> None:
    on = platform()
    inline = {"inline_code": "raise SystemExit", "framework": framework}
    for body in (inline, {"script_id": await on.upload("raise SystemExit")}):
        made = await on.submit(body)
        await trio.sleep(60)
        answer = await on.status(made["job_id"])
        assert (answer["status"], answer["result"]["error"]) == ("failed", NO_PYTHON)
        on.set_switches(strict=True)
        assert code_of(await on.submit(body, 422)) == "execution_unavailable"
        on.set_switches()
    assert len(on.stage.ledger) == 2


async def test_p21_both_bodies_of_the_platforms_page_are_accepted(platform: Maker) -> None:
    on = platform()
    script = {"script_id": await on.upload(), "backend": "sv1", "execution_mode": "direct"}
    inline = {"inline_code": "from qiskit import QuantumCircuit", "framework": "qiskit"}
    for body in (script, inline | {"backend": "marqov-sim"}):
        headers = {"idempotency-key": ""}
        whole = body | {"params": {"shots": 1000}}
        made = await on.call("POST", "jobs/submit", whole, 201, headers=headers)
        assert set(made) == {"job_id"}
    await trio.sleep(60)
    states = [(one["state"], one["price"], one["execution_mode"]) for one in on.stage.ledger]
    assert states == [("completed", 0.075, "direct"), ("failed", 0.0, "direct")]


@pytest.mark.parametrize(
    ("mode", "failures", "state", "attempts", "ends_s"),
    [
        ("direct", 1, "failed", 1, 16),
        ("temporal", 1, "completed", 2, 16 + 1 + 4),
        ("temporal", 2, "completed", 3, 16 + 1 + 4 + 2 + 4),
        ("temporal", 9, "failed", 3, 16 + 1 + 4 + 2 + 4),
        ("temporal", 0, "completed", 1, 16),
    ],
)
async def test_p21_direct_fails_where_durable_tries_again(
    platform: Maker, mode: str, failures: int, state: str, attempts: int, ends_s: float
) -> None:
    on = platform()
    on.stage.set_faults(jobs=[{"fail": "the worker was lost", "times": failures}])
    made = await on.submit({"script_slug": "bell-state", "execution_mode": mode})
    await trio.sleep(ends_s - 0.5)
    assert (await on.status(made["job_id"]))["status"] == "running"
    await trio.sleep(1)
    assert (await on.status(made["job_id"]))["status"] == state
    (entry,) = on.stage.ledger
    assert (entry["execution_mode"], entry["attempts"]) == (mode, attempts)


async def test_a_ready_made_script_runs_by_slug(platform: Maker) -> None:
    on = platform()
    made = await on.submit({"script_slug": "rotation", "execution_mode": "temporal"}, theta=math.pi)
    await trio.sleep(60)
    assert (await on.status(made["job_id"]))["result"]["counts"] == {"10": 1000}
    await on.submit({"script_slug": "nothing"}, 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"script_slug": "bell-state", "inline_code": BELL},
        {"circuit": {"format": "qasm3", "payload": ""}},
        {"script_id": "seven"},
        {"script_slug": "bell-state", "params": None},
        {"script_slug": "bell-state", "params": {"shots": 0}},
        {"script_slug": "bell-state", "params": {"shots": 100_001}},
        {"script_slug": "bell-state", "params": {"shots": 1, "theta": "x"}},
        {"script_slug": "bell-state", "params": {"shots": 1, "layers": 11}},
        {"script_slug": "bell-state", "execution_mode": "durable"},
        {"script_slug": "bell-state", "warn_check_ids": [""]},
        {"script_slug": "bell-state", "create_capsule": "yes"},
        {"script_slug": "bell-state", "capsule_name": ""},
        {"script_slug": "bell-state", "framework": "basic"},
        {"inline_code": "x" * 50_001},
    ],
)
async def test_a_submission_that_is_not_one_is_refused(platform: Maker, body: Any) -> None:
    on = platform()
    assert code_of(await on.submit(body, 400)) == "validation_error"
    assert on.stage.ledger == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(platform: Maker, body: bytes) -> None:
    reply = await platform().client.post("/marqov/api/jobs/submit", content=body)
    assert reply.status_code == 400


# -- keys ----------------------------------------------------------------------------------------


async def test_a_repeated_key_is_the_same_job(platform: Maker) -> None:
    on = platform()
    body = {"script_slug": "bell-state"}
    first, second = [await on.submit(body, key="k") for _ in range(2)]
    assert first == second
    assert [one["submissions"] for one in on.stage.ledger] == [2]
    assert code_of(await on.submit(body, 409, key="k", shots=5)) == "idempotency_conflict"
    on.use(STRANGER_KEY)
    assert await on.submit(body, key="k") != first


async def test_the_key_may_be_ignored(platform: Maker) -> None:
    on = platform(deduplicate="native")
    for _ in range(2):
        await on.submit({"script_slug": "bell-state"}, key="k")
    assert [one["key"] for one in on.stage.ledger] == ["k", "k"]


async def test_a_lost_answer_leaves_a_job_behind(platform: Maker) -> None:
    on = platform()
    on.stage.set_faults(requests=[{"path": "/api/jobs/submit", "nth": 1, "drop": "after"}])
    with pytest.raises(httpx.RemoteProtocolError):
        await on.submit({"script_slug": "bell-state"}, key="k")
    assert (await on.submit({"script_slug": "bell-state"}, key="k"))["job_id"]
    assert len(on.stage.ledger) == 1


@pytest.mark.parametrize("html", [True, False])
async def test_a_201_may_come_without_a_job_id(platform: Maker, html: bool) -> None:
    on = platform()
    fault = {"path": "/api/jobs/submit", "status": 201, "when": "after", "html": html}
    on.stage.set_faults(requests=[fault])
    body = {"backend": "marqov-sim", "script_slug": "bell-state", "params": {"shots": 1}}
    reply = await on.client.post("/marqov/api/jobs/submit", json=body)
    assert reply.status_code == 201
    assert "job_id" not in reply.text
    assert len(on.stage.ledger) == 1


# -- limits --------------------------------------------------------------------------------------


async def submit_raw(on: Platform) -> Any:
    body = {"backend": "marqov-sim", "script_slug": "bell-state", "params": {"shots": 1}}
    return await on.client.post("/marqov/api/jobs/submit", json=body)


async def test_ten_a_minute_per_user_and_then_a_wait(platform: Maker) -> None:
    on = platform()
    for _ in range(10):
        assert (await submit_raw(on)).status_code == 201
    await trio.sleep(20.5)
    refusal = await submit_raw(on)
    assert refusal.status_code == 429
    assert refusal.headers["retry-after"] == "40"
    assert code_of(refusal.json()) == "rate_limited"
    on.use(COLLEAGUE_KEY)
    assert (await submit_raw(on)).status_code == 201
    on.use(KEY)
    await trio.sleep(40)
    assert (await submit_raw(on)).status_code == 201


async def test_a_hundred_a_day_per_team(platform: Maker) -> None:
    on = platform()
    for number in range(100):
        on.use((KEY, COLLEAGUE_KEY)[number % 2])
        assert (await submit_raw(on)).status_code == 201
        await trio.sleep(10)
    refusal = await submit_raw(on)
    assert refusal.status_code == 429
    assert int(refusal.headers["retry-after"]) == 86_400 - 1000
    on.use(STRANGER_KEY)
    assert (await submit_raw(on)).status_code == 201


@pytest.mark.parametrize(
    ("switches", "period"),
    [({"job_usd": 5.0}, "job"), ({"day_usd": 15.0}, "day"), ({"month_usd": 15.0}, "month")],
)
async def test_a_budget_refuses_and_says_what_remains(
    platform: Maker, switches: Any, period: str
) -> None:
    on = platform(**switches)
    script = await on.upload()
    found = await on.analyse(script, "ionq-aria-1")
    body = {"script_id": script, "backend": "ionq-aria-1", "analysis_id": found["analysis_id"]}
    if period != "job":
        await on.submit(body)
    bought = len(on.stage.ledger)
    refusal = await on.submit(body, 402)
    assert refusal["error"]["code"] == "spend_limit_exceeded"
    remaining = 5.0 if period == "job" else 4.7
    assert refusal["budget"]["remaining_usd"] == pytest.approx(remaining)
    assert refusal["budget"]["period"] == period
    assert len(on.stage.ledger) == bought


# -- status --------------------------------------------------------------------------------------


async def test_a_job_goes_from_pending_to_completed(platform: Maker) -> None:
    on = platform()
    job, seen = await on.submit_script(), []
    for _ in range(9):
        seen.append((await on.status(job))["status"])
        await trio.sleep(2)
    assert seen == ["pending"] * 6 + ["running"] * 2 + ["completed"]
    fields = {"id", "status", "backend", "created_at", "updated_at", "result"}
    assert set(await on.status(job)) == fields | {"estimated_cost_usd"}


@pytest.mark.parametrize(("wait", "passed"), [("5", 5.0), ("100", 16.0), ("-3", 0.0), ("0", 0.0)])
async def test_an_answer_is_held_back_until_the_end(
    platform: Maker, wait: str, passed: float
) -> None:
    on = platform()
    job = await on.submit_script()
    began = trio.current_time()
    await on.status(job, wait=wait)
    assert trio.current_time() - began == pytest.approx(passed, abs=0.1)


async def test_an_answer_is_held_back_22_seconds_at_most(stage: Maker) -> None:
    on = Platform(stage("marqov", queue_s=1000.0))
    job = await on.submit_script()
    began = trio.current_time()
    assert (await on.status(job, wait=100))["status"] == "pending"
    assert trio.current_time() - began == pytest.approx(22.0)
    await on.call("GET", f"jobs/{job}/status", status=400, params={"wait": "long"})


async def test_counts_have_qubit_0_leftmost(platform: Maker) -> None:
    result = (await platform().run(FLIP))["result"]
    assert result["counts"] == {"001": 1000}
    assert result["metadata"]["reproducibility"]["bit_order"] == "qubit_0_first"


@pytest.mark.parametrize("header", ["OPENQASM 2.0;", "OPENQASM 3.0;"])
async def test_without_classical_bits_all_is_measured(platform: Maker, header: str) -> None:
    source = ROTATED.replace("OPENQASM 2.0;", header)
    if "3" in header:
        source = source.replace("qreg q[2]", "qubit[2] q").replace("qelib1", "stdgates")
    assert (await platform().run(source))["result"]["counts"] == {"10": 1000}
    assert with_measurements(BELL) == BELL


@pytest.mark.parametrize(
    ("fault", "word", "text"),
    [
        ({"fail": "laser off"}, "failed", "laser off"),
        ({"expires": True}, "dispatch_failed", "handed"),
    ],
)
async def test_a_failed_job_says_why(platform: Maker, fault: Any, word: str, text: str) -> None:
    on = platform()
    on.stage.set_faults(jobs=[fault])
    answer = await on.run()
    assert answer["status"] == word
    assert text in answer["result"]["error"]


async def test_a_program_that_cannot_be_read_fails(platform: Maker) -> None:
    answer = await platform().run("OPENQASM 2.0;\nboo q;")
    assert answer["status"] == "failed"
    assert "cannot parse" in answer["result"]["error"]


async def test_keys_cannot_cancel_but_a_browser_can(platform: Maker) -> None:
    on = platform()
    job = await on.submit_script()
    refusal = await on.call("POST", f"jobs/{job}/cancel", status=403)
    assert code_of(refusal) == "api_key_not_supported"
    del on.client.headers["authorization"]
    on.client.headers["cookie"] = f"{SESSION_COOKIE}={SESSION}"
    assert (await on.call("POST", f"jobs/{job}/cancel"))["status"] == "cancelling"
    await trio.sleep(1)
    assert (await on.status(job))["status"] == "cancelled"
    await on.call("POST", f"jobs/{job}/cancel", status=409)


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "chance"),
    [
        ([{"channel": "Depolarizing", "probability": 0.3, "qubits": [0]}], 0.2),
        ({"channels": [{"channel": "AmplitudeDamping", "gamma": 0.25}]}, 0.25),
        ([{"channel": "PhaseDamping", "gamma": 0.5}], 0.0),
        ([{"channel": "ReadoutError", "p0_given1": 0.1, "p1_given0": 0.0, "qubits": [0]}], 0.1),
        ({"t1": 100e-6, "t2": 150e-6, "gate_time": 20e-6}, 1 - math.exp(-0.2)),
    ],
)
async def test_noise_shows_in_the_counts(platform: Maker, noise: Any, chance: float) -> None:
    flipped = HEAD + "qreg q[1]; creg c[1]; x q[0]; measure q->c;"
    answer = await platform().run(flipped, "qb-sim-noisy-aer", shots=10_000, noise_model=noise)
    wrong = answer["result"]["counts"].get("0", 0)
    assert abs(wrong - 10_000 * chance) <= 5 * math.sqrt(10_000 * chance * (1 - chance))


@pytest.mark.parametrize(
    "noise",
    [
        7,
        {},
        [{"channel": "Fog"}],
        [{"channel": "Depolarizing", "probability": 1.5}],
        [{"channel": "Depolarizing", "probability": 0.1, "colour": 1}],
        [{"channel": "Depolarizing", "probability": 0.1, "qubits": [9]}],
        {"t1": 1.0},
        {"t1": 1.0, "t2": 3.0, "gate_time": 0.1},
    ],
)
async def test_noise_that_is_none_is_refused(platform: Maker, noise: Any) -> None:
    on = platform()
    body = {"script_slug": "bell-state", "backend": "qb-sim-noisy-aer"}
    assert code_of(await on.submit(body, 400, noise_model=noise)) == "validation_error"
    body["backend"] = "marqov-sim"
    good = [{"channel": "PhaseDamping", "gamma": 0.1}]
    await on.submit(body, 400, noise_model=good)


async def test_a_state_vector_has_qubit_0_leftmost(platform: Maker) -> None:
    on = platform()
    answer = await on.run(ROTATED, "qb-sim-statevector", extract_state_vector=True)
    state = answer["result"]["metadata"]["state_vector"]
    assert state == [[0, 0], [0, 0], [1, 0], [0, 0]]
    body = {"script_slug": "bell-state"}
    await on.submit(body, 400, extract_state_vector=True)
    body["backend"] = "qb-sim-statevector"
    await on.submit(body, 400, extract_state_vector="yes")


# -- native --------------------------------------------------------------------------------------


def native(**changes: Any) -> dict[str, Any]:
    body = {
        "protocol_version": "marqov.public-submission/v1",
        "team_id": TEAM,
        "backend": "marqov-sim",
        "programming_model": "native_workflow",
        "cap_cents": 100,
        "analysis_id": None,
        "source": {"kind": "inline", "content": "run = 1"},
        "input": json.dumps({"entrypoint": "run", "args": [], "kwargs": {}}),
    }
    return body | changes


async def test_native_submissions_are_admitted_with_a_receipt(platform: Maker) -> None:
    on = platform()
    answer = await on.call("GET", "jobs/managed-runtimes", params={"team_id": TEAM})
    assert answer["runtimes"][0]["min_cap_cents"] == 11
    receipt = await on.submit_native()
    keys = {"protocol_version", "job_id", "submission_id", "source_sha256", "input_sha256"}
    assert set(receipt) == keys
    assert receipt["source_sha256"] == hashlib.sha256(b"run = 1").hexdigest()
    await trio.sleep(60)
    assert (await on.status(receipt["job_id"]))["result"]["error"] == NO_PYTHON


async def test_p21_a_native_input_that_names_a_program_is_sampled(platform: Maker) -> None:
    on = platform()
    kwargs = {"program": FLIP, "shots": 70}
    asked = json.dumps({"entrypoint": "run", "args": [], "kwargs": kwargs})
    source = {"kind": "inline", "content": "# point-1\nrun = 1"}
    receipt = await on.submit_native(input=asked, source=source)
    assert receipt["input_sha256"] == hashlib.sha256(asked.encode()).hexdigest()
    await trio.sleep(60)
    answer = await on.status(receipt["job_id"])
    assert answer["result"]["protocol_version"] == "marqov.managed-result/v1"
    (output,) = answer["result"]["outputs"]
    assert output["display"]["state"] == "available"
    assert output["display"]["value"]["counts"] == {"001": 70}
    (entry,) = on.stage.ledger
    assert (entry["name"], entry["price"], entry["cap_cents"]) == ("point-1", 0.11, 100)


@pytest.mark.parametrize("kwargs", [{"shots": 5}, {"program": BELL}, {"program": 1, "shots": 5}])
async def test_a_native_input_without_program_or_shots_fails(platform: Maker, kwargs: Any) -> None:
    on = platform()
    asked = json.dumps({"entrypoint": "run", "args": [], "kwargs": kwargs})
    receipt = await on.submit_native(input=asked)
    await trio.sleep(60)
    assert (await on.status(receipt["job_id"]))["result"]["error"] == NO_PYTHON


async def test_native_keys_hold_even_where_others_are_ignored(platform: Maker) -> None:
    on = platform(deduplicate="native")
    first, second = [await on.submit_native() for _ in range(2)]
    assert first == second
    assert code_of(await on.submit_native(409, cap_cents=99)) == "idempotency_conflict"
    assert [one["submissions"] for one in on.stage.ledger] == [2]


async def test_p21_a_native_key_is_a_uuid(platform: Maker) -> None:
    on = platform()
    for headers in ({}, {"idempotency-key": "k"}):
        await on.call("POST", "jobs/submit", native(), 400, headers=headers)


async def test_p21_funding_must_cover_the_cap(platform: Maker) -> None:
    on = platform(job_usd=0.5)
    assert code_of(await on.submit_native(402)) == "spend_limit_exceeded"
    await on.submit_native(cap_cents=50)
    assert [one["price"] for one in on.stage.ledger] == [0.11]


async def test_where_managed_execution_is_not_enabled_nothing_is_admitted(
    platform: Maker,
) -> None:
    on = platform(native=False)
    answer = await on.call("GET", "jobs/managed-runtimes", params={"team_id": TEAM})
    assert answer == {"runtimes": []}
    refusal = await on.submit_native(503)
    assert code_of(refusal) == "managed_execution_unavailable"
    for team, status in (("x", 400), ("00000000-0000-4000-8000-000000000000", 404)):
        await on.call("GET", "jobs/managed-runtimes", status=status, params={"team_id": team})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"colour": "red"}, 400),
        ({"team_id": "x"}, 400),
        ({"team_id": "00000000-0000-4000-8000-000000000000"}, 404),
        ({"programming_model": "poem"}, 400),
        ({"analysis_id": "a"}, 400),
        ({"backend": "sv1"}, 422),
        ({"cap_cents": 10}, 400),
        ({"cap_cents": 10_001}, 400),
        ({"source": {"kind": "inline", "content": "a\0b"}}, 400),
        ({"source": {"kind": "script", "script_id": "x"}}, 404),
        ({"source": "x"}, 400),
        ({"source_sha256": "0" * 64}, 409),
        ({"input": "{"}, 400),
        ({"input": '{"entrypoint": "1", "args": [], "kwargs": {}}'}, 400),
        ({"input": '{"entrypoint": "a", "args": {}, "kwargs": {}}'}, 400),
        ({"input": '{"entrypoint": "a", "args": ' + "[" * 32 + "]" * 32 + ', "kwargs": {}}'}, 400),
    ],
)
async def test_the_native_body_is_closed(platform: Maker, changes: Any, status: int) -> None:
    on = platform()
    await on.submit_native(status, **changes)
    assert on.stage.ledger == []


# -- the older generation ------------------------------------------------------------------------


async def test_the_older_api_has_flat_errors_and_answers_200(platform: Maker) -> None:
    on = platform(generation="old")
    refusal = await on.submit({}, 400)
    assert refusal == {"error": "exactly one of script_id, script_slug and inline_code is needed"}
    inline = {"inline_code": BELL, "framework": "openqasm", "backend": "sv1"}
    await on.submit(inline, 200)
    assert [one["price"] for one in on.stage.ledger] == [0.075]
