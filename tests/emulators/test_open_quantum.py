"""The emulated Open Quantum, endpoint by endpoint, in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio

from qbatch.emulators.open_quantum.access import CLIENT_ID, CLIENT_SECRET, ORGANIZATIONS
from qbatch.emulators.open_quantum.catalogue import PRIORITIES, PRIVATE, PUBLIC

LAB, GUESTS = (one for one, _ in ORGANIZATIONS)
STANDARD, PRIORITY, INSTANT = (one[0] for one in PRIORITIES)
BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)

#: a[0] = 1; b[0] = 0; b[1] = 1 with sin²(0.5).
ASYMMETRIC = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3]; creg a[1]; creg b[2];
x q[0]; ry(1.0) q[2];
measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];
"""

Maker = Callable[..., Any]


class Platform:
    """A stage with Open Quantum, logged in, and its life cycle step by step."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.client = stage.client

    async def login(self, **form: str) -> Any:
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        url = "/open-quantum/idp/realms/platform/protocol/openid-connect/token"
        reply = await self.client.post(url, data=wanted | form)
        if reply.status_code == 200:
            self.client.headers["authorization"] = f"Bearer {reply.json()['access_token']}"
        return reply

    async def call(
        self, method: str, url: str, body: Any = None, status: int = 200, query: Any = None
    ) -> Any:
        """Call, check the status, decode."""
        reply = await self.client.request(method, f"/open-quantum{url}", json=body, params=query)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def upload(self, program: str = BELL) -> str:
        made = await self.call("POST", "/sched/v1/jobs/upload", status=201)
        async with self.anonymous() as client:
            assert (await client.put(made["url"], content=program)).status_code == 200
        return str(made["id"])

    def anonymous(self) -> Any:
        import httpx

        return httpx.AsyncClient(transport=self.stage.emulation.transport())

    async def prepare(self, program: str = BELL, status: int = 201, **changes: Any) -> Any:
        body = {
            "organization_id": LAB,
            "backend_class_id": "iqm:emerald",
            "name": "point-1",
            "upload_endpoint_id": await self.upload(program),
            "job_subcategory_id": "oth:oth",
            "configuration_data": {"shots": 1000},
            "submitted_with": "test",
        }
        made = await self.call("POST", "/sched/v1/jobs/prepare", body | changes, status)
        return made["id"] if status == 201 else made

    async def prepared(self, program: str = BELL, **changes: Any) -> Any:
        """Prepare, wait, and return the preparation's result."""
        made = await self.prepare(program, **changes)
        await trio.sleep(2)
        found = await self.call("GET", f"/sched/v1/jobs/prepare/{made}")
        return found | {"id": made}

    async def create(
        self, preparation: str, plan: str = PUBLIC, priority: str = STANDARD, status: int = 201
    ) -> Any:
        body = {
            "job_preparation_id": preparation,
            "execution_plan_id": plan,
            "queue_priority_id": priority,
        }
        return await self.call("POST", "/sched/v1/jobs", body, status)

    async def run(self, program: str = BELL, **changes: Any) -> Any:
        """Buy a job, wait it out, return it."""
        job = await self.create((await self.prepared(program, **changes))["id"])
        await trio.sleep(60)
        return await self.job(job["id"])

    async def job(self, job_id: str) -> Any:
        return await self.call("GET", f"/sched/v1/jobs/{job_id}")

    async def output(self, job: Any, key: str = "output_data_url") -> Any:
        async with self.anonymous() as client:
            return (await client.get(job[key])).json()

    async def jobs(self, **query: Any) -> Any:
        return await self.call("GET", f"/sched/v1/organizations/{LAB}/jobs", query=query)


@pytest.fixture
def platform(stage: Maker) -> Maker:
    """Return a maker of platforms, logged in; jobs wait 12 s and run 4 s."""

    async def make(**arguments: Any) -> Platform:
        arguments.setdefault("queue_s", 12.0)
        made = Platform(stage("open-quantum", **arguments))
        await made.login()
        return made

    return make


# -- identity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_wrong_credentials_get_no_token(
    platform: Maker, form: dict[str, str], status: int, word: str
) -> None:
    reply = await (await platform()).login(**form)
    assert (reply.status_code, reply.json()["error"]) == (status, word)


async def test_a_token_lives_five_minutes(platform: Maker) -> None:
    on = await platform()
    await on.call("GET", "/mgmt/v1/users/organizations")
    await trio.sleep(300)
    refusal = await on.call("GET", "/mgmt/v1/users/organizations", status=401)
    assert set(refusal) == {"status_code", "message", "type", "error_code"}
    assert (refusal["status_code"], refusal["type"]) == (401, "UNAUTHORIZED")


async def test_the_life_of_tokens_can_be_set(platform: Maker) -> None:
    on = await platform(faults={"switches": {"open-quantum": {"token_life_s": 60}}})
    assert (await on.login()).json()["expires_in"] == 60


async def test_tokens_expire_on_command(platform: Maker) -> None:
    on = await platform(faults={"requests": [{"path": "/mgmt/*", "expire_tokens": "issued"}]})
    await on.call("GET", "/mgmt/v1/users/organizations", status=401)


# -- discovery -----------------------------------------------------------------------------------


async def test_organizations_and_vendors(platform: Maker) -> None:
    on = await platform()
    listed = await on.call("GET", "/mgmt/v1/users/organizations")
    assert [one["id"] for one in listed["organizations"]] == [LAB, GUESTS]
    vendors = (await on.call("GET", "/mgmt/v1/backends/providers"))["providers"]
    assert {"iqm", "ionq", "aqt"} <= {one["short_code"] for one in vendors}


async def test_backends_are_listed_and_filtered_by_vendor(platform: Maker) -> None:
    on = await platform()
    every = (await on.call("GET", "/mgmt/v1/backends/classes"))["backend_classes"]
    assert {"Online", "Offline"} == {one["status"] for one in every}
    rows = await on.call("GET", "/mgmt/v1/backends/classes", query={"provider_id": "iqm"})
    mine = rows["backend_classes"]
    assert [one["short_code"] for one in mine] == ["iqm:emerald", "iqm:garnet"]
    same = await on.call(
        "GET", "/mgmt/v1/backends/classes", query={"provider_id": mine[0]["provider_id"]}
    )
    assert same["backend_classes"] == mine


async def test_lists_come_in_pages(platform: Maker) -> None:
    on = await platform()
    seen, cursor = [], ""
    while cursor is not None:
        page = await on.call(
            "GET", "/mgmt/v1/backends/classes", query={"limit": 4, "cursor": cursor}
        )
        seen.append(len(page["backend_classes"]))
        cursor = page["pagination"]["next_cursor"]
    assert seen == [4, 2]
    for query in ({"limit": 0}, {"cursor": "bm9uc2Vuc2U="}):
        await on.call("GET", "/mgmt/v1/backends/classes", status=400, query=query)


async def test_a_backend_is_described_by_code_and_by_id(platform: Maker) -> None:
    on = await platform()
    detail = await on.call("GET", "/sched/v1/backends/classes/iqm:emerald")
    assert detail == await on.call("GET", f"/sched/v1/backends/classes/{detail['id']}")
    data = detail["constraint_data"]
    assert (data["n_qubits"], len(data["topology"]["coupling_map"])) == (54, 83)
    assert {"name": "prx", "arity": 1, "params": ["theta", "phi"]} in data["native_ops"]
    assert detail["configuration_schema"]["properties"]["shots"]["default"] == 1000
    await on.call("GET", "/sched/v1/backends/classes/no:one", status=404)


async def test_categories_and_subcategories(platform: Maker) -> None:
    on = await platform()
    rows = (await on.call("GET", "/sched/v1/jobs/categories"))["categories"]
    assert "oth" in [row["short_code"] for row in rows]
    for wanted in ("opt", next(row["id"] for row in rows if row["short_code"] == "opt")):
        subs = await on.call("GET", f"/sched/v1/jobs/categories/{wanted}/subcategories")
        assert "opt:qaoa" in [row["short_code"] for row in subs["categories"]]
    await on.call("GET", "/sched/v1/jobs/categories/no/subcategories", status=404)


# -- preparation ---------------------------------------------------------------------------------


async def test_a_preparation_is_pending_and_then_quotes(platform: Maker) -> None:
    on = await platform()
    made = await on.prepare()
    url = f"/sched/v1/jobs/prepare/{made}"
    pending = await on.call("GET", url)
    assert (pending["status"], pending["quote"]) == ("Pending", [])
    await trio.sleep(2)
    done = await on.call("GET", url)
    assert done["status"] == "Completed"
    prices = {
        (plan["name"], one["name"]): plan["price"] + one["price_increase"]
        for plan in done["quote"]
        for one in plan["queue_priorities"]
    }
    assert prices["Public Plan", "Standard Queue"] == 3
    assert prices["Private Plan", "Instant Queue"] == 10


async def test_a_preparation_costs_nothing(platform: Maker) -> None:
    on = await platform()
    await on.prepared()
    assert on.stage.ledger == []


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"organization_id": "other"}, 403, "ORG_MEMBERSHIP_REQUIRED"),
        ({"name": ""}, 400, "VALIDATION_ERROR"),
        ({"backend_class_id": "iqm:ruby"}, 404, "NOT_FOUND"),
        ({"backend_class_id": "rigetti:ankaa-3"}, 409, "RESOURCE_NOT_ACTIVE"),
        ({"job_subcategory_id": "no:no"}, 404, "NOT_FOUND"),
        ({"upload_endpoint_id": "none"}, 404, "NOT_FOUND"),
        ({"configuration_data": {"shots": 20_001}}, 400, "VALIDATION_ERROR"),
        ({"configuration_data": {"shots": 0}}, 400, "VALIDATION_ERROR"),
        ({"configuration_data": {"colour": 1}}, 400, "VALIDATION_ERROR"),
        ({"configuration_data": []}, 201, ""),
        ({"configuration_data": [1]}, 400, "VALIDATION_ERROR"),
        ({"input_format": "quil"}, 400, "VALIDATION_ERROR"),
        ({"backend_class_id": "qr:gpu-gb10"}, 400, "VALIDATION_ERROR"),
    ],
)
async def test_a_bad_preparation_is_refused_by_type(
    platform: Maker, changes: dict[str, Any], status: int, kind: str
) -> None:
    refusal = await (await platform()).prepare(status=status, **changes)
    if status != 201:
        assert refusal["type"] == kind
        assert isinstance(refusal["message"], list)


async def test_an_older_client_sends_shots_at_the_top(platform: Maker) -> None:
    on = await platform()
    assert (await on.prepared(configuration_data={}, shots=77))["shots"] == 77
    assert (await on.prepared(configuration_data={}))["shots"] == 1000


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("OPENQASM 2.0; nonsense;", "cannot parse"),
        (BELL.replace("[2]", "[55]"), "uses 55 qubits"),
        (BELL.replace("measure q->c;", ""), "measures nothing"),
        (BELL.replace("h q[0]", "u3(1,2,3) q[0]"), "operation u3 is not supported"),
        (BELL.replace("qreg q[2];", "qreg q[2]; qreg r[1];"), "at most one qubit register"),
        (BELL.replace("cx ", "measure q[0]->c[0]; cx "), "mid-circuit measurement"),
        (
            'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; cz $0, $40; c[0] = measure $0;',
            "0 and 40 are not connected",
        ),
    ],
)
async def test_the_compiler_refuses_in_the_preparation(
    platform: Maker, program: str, words: str
) -> None:
    found = await (await platform()).prepared(program)
    assert (found["status"], found["quote"]) == ("Failed", [])
    assert words in found["message"]


async def test_a_preparation_may_appear_late_or_be_not_ready(platform: Maker) -> None:
    rules = [{"kind": "preparation", "hide_s": 5, "not_ready_s": 9}]
    on = await platform(faults={"jobs": rules})
    made, seen = await on.prepare(), []
    for _ in range(3):
        reply = await on.client.get(f"/open-quantum/sched/v1/jobs/prepare/{made}")
        seen.append((reply.status_code, reply.json().get("type")))
        await trio.sleep(5)
    assert seen == [(404, "NOT_FOUND"), (425, "NOT_READY"), (200, None)]


# -- storage -------------------------------------------------------------------------------------


async def test_storage_takes_a_signature_and_nothing_else(platform: Maker) -> None:
    on = await platform()
    url = (await on.call("POST", "/sched/v1/jobs/upload", status=201))["url"]
    assert (await on.client.put(url, content="x")).status_code == 400
    async with on.anonymous() as client:
        for wrong in (
            url[:-1] + "0" * (url[-1] != "0") + "1" * (url[-1] == "0"),
            url.split("?")[0],
        ):
            assert (await client.put(wrong, content="x")).status_code == 403
        assert (await client.get(url)).status_code == 403
        await trio.sleep(901)
        assert (await client.put(url, content="x")).status_code == 403


async def test_an_upload_without_content_cannot_be_prepared(platform: Maker) -> None:
    on = await platform()
    empty = (await on.call("POST", "/sched/v1/jobs/upload", status=201))["id"]
    refusal = await on.prepare(status=400, upload_endpoint_id=empty)
    assert refusal["type"] == "BAD_REQUEST"


async def test_an_expired_output_url_is_renewed_by_reading_the_job(platform: Maker) -> None:
    on = await platform()
    job = await on.run()
    await trio.sleep(901)
    async with on.anonymous() as client:
        assert (await client.get(job["output_data_url"])).status_code == 403
    await on.login()
    assert sum((await on.output(await on.job(job["id"]))).values()) == 1000


# -- jobs ----------------------------------------------------------------------------------------


async def test_a_job_goes_through_the_platforms_words(platform: Maker) -> None:
    on = await platform()
    job = await on.create((await on.prepared())["id"])
    seen = [job["status"]]
    for pause_s in (7, 6, 4):
        await trio.sleep(pause_s)
        seen.append((await on.job(job["id"]))["status"])
    assert seen == ["Pending", "Queued", "Running", "Completed"]
    assert job["output_data_url"] is None


async def test_results_are_flat_with_bit_0_rightmost(platform: Maker) -> None:
    on = await platform()
    counts = await on.output(await on.run(ASYMMETRIC))
    assert set(counts) == {"001", "101"}
    expected = 1000 * math.sin(0.5) ** 2
    assert abs(counts["101"] - expected) < 5 * math.sqrt(expected * math.cos(0.5) ** 2)
    assert sum(counts.values()) == 1000


async def test_calibration_comes_with_a_completed_job(platform: Maker) -> None:
    on = await platform()
    calibration = await on.output(await on.run(), "calibration_data_url")
    assert calibration["backend"] == "iqm:emerald"


async def test_the_ledger_tells_what_was_bought(platform: Maker) -> None:
    on = await platform()
    preparation = (await on.prepared())["id"]
    job = await on.create(preparation, PRIVATE, PRIORITY)
    (entry,) = await on.call("GET", "/../-/ledger")
    assert entry == {
        "provider": "open-quantum",
        "id": job["id"],
        "key": preparation,
        "name": "point-1",
        "state": "queued",
        "price": 8.0,
        "unit": "credits",
        "submissions": 1,
    }


async def test_a_higher_priority_waits_less(platform: Maker) -> None:
    on = await platform()
    job = await on.create((await on.prepared())["id"], PUBLIC, INSTANT)
    await trio.sleep(1.3)
    assert (await on.job(job["id"]))["status"] == "Running"


async def test_the_list_is_newest_first_with_names_and_pages(platform: Maker) -> None:
    on = await platform()
    for name in ("a", "b", "c"):
        await on.create((await on.prepared(name=name))["id"])
    first = await on.jobs(limit=2)
    rest = await on.jobs(limit=2, cursor=first["pagination"]["next_cursor"])
    assert [row["name"] for row in first["jobs"] + rest["jobs"]] == ["c", "b", "a"]
    assert rest["pagination"]["next_cursor"] is None
    assert "job_preparation_id" not in first["jobs"][0]


async def test_the_list_filters_by_status_and_hands_out_outputs(platform: Maker) -> None:
    on = await platform()
    await on.run()
    await on.create((await on.prepared(name="young"))["id"])
    (done,) = (await on.jobs(status="Completed"))["jobs"]
    assert sum((await on.output(done)).values()) == 1000
    (young,) = (await on.jobs(status="Pending"))["jobs"]
    assert (young["name"], young["output_data_url"]) == ("young", None)


async def test_a_quote_may_be_false_and_what_is_paid_is_not(platform: Maker) -> None:
    on = await platform(faults={"switches": {"open-quantum": {"quoted": 0}}})
    preparation = await on.prepared()
    assert {plan["price"] for plan in preparation["quote"]} == {0}
    await on.create(preparation["id"])
    assert [entry["price"] for entry in on.stage.ledger] == [3.0]


async def test_only_a_pending_job_is_cancelled_and_refunded(platform: Maker) -> None:
    on = await platform()
    url = f"/mgmt/v1/organizations/{LAB}/transactions/balance"
    before = await on.call("GET", url)
    job = await on.create((await on.prepared())["id"])
    assert (await on.call("GET", url))["full_credits"] == before["full_credits"] - 3
    await on.call("DELETE", f"/sched/v1/jobs/{job['id']}", status=204)
    assert (await on.job(job["id"]))["status"] == "Canceled"
    assert await on.call("GET", url) == before
    assert [entry["price"] for entry in on.stage.ledger] == [0.0]
    refusal = await on.call("DELETE", f"/sched/v1/jobs/{job['id']}", status=409)
    assert refusal["type"] == "JOB_NOT_CANCELABLE"


async def test_unknown_things_are_404(platform: Maker) -> None:
    on = await platform()
    await on.call("GET", "/sched/v1/jobs/none", status=404)
    await on.call("DELETE", "/sched/v1/jobs/none", status=404)
    await on.call("GET", "/sched/v1/jobs/prepare/none", status=404)
    await on.create("none", status=404)
    await on.call("GET", "/sched/v1/organizations/none/jobs", status=403)


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"execution_plan_id": "none"}, 400, "VALIDATION_ERROR"),
        ({"queue_priority_id": "none"}, 400, "VALIDATION_ERROR"),
        ({"organization_id": GUESTS}, 400, "VALIDATION_ERROR"),
    ],
)
async def test_a_bad_order_buys_nothing(
    platform: Maker, changes: dict[str, Any], status: int, kind: str
) -> None:
    on = await platform()
    body = {
        "job_preparation_id": (await on.prepared())["id"],
        "execution_plan_id": PUBLIC,
        "queue_priority_id": STANDARD,
    }
    refusal = await on.call("POST", "/sched/v1/jobs", body | changes, status)
    assert refusal["type"] == kind
    assert on.stage.ledger == []


async def test_a_preparation_that_is_not_completed_cannot_be_bought(platform: Maker) -> None:
    on = await platform()
    refusal = await on.create(await on.prepare(), status=409)
    assert refusal["type"] == "RESOURCE_NOT_ACTIVE"


async def test_a_used_preparation_is_a_conflict_or_a_second_job(platform: Maker) -> None:
    on = await platform()
    preparation = (await on.prepared())["id"]
    await on.create(preparation)
    assert (await on.create(preparation, status=409))["type"] == "CONFLICT"
    on.stage.set_faults(switches={"open-quantum": {"second_create": "duplicate"}})
    await on.create(preparation)
    assert [entry["key"] for entry in on.stage.ledger] == [preparation] * 2


async def test_ten_jobs_are_active_at_once(platform: Maker) -> None:
    on = await platform(queue_s=1000)
    for at in range(10):
        await on.create((await on.prepared(name=f"point-{at}"))["id"])
    last = (await on.prepared())["id"]
    assert (await on.create(last, status=409))["type"] == "JOB_LIMIT_REACHED"
    await trio.sleep(3000)
    await on.login()
    await on.create(last)


async def test_credits_run_out(platform: Maker) -> None:
    switches = {"credits": 4, "spark_credits": 1}
    on = await platform(faults={"switches": {"open-quantum": switches}})
    await on.create((await on.prepared())["id"])
    url = f"/mgmt/v1/organizations/{LAB}/transactions/balance"
    assert await on.call("GET", url) == {"spark_credits": 0.0, "full_credits": 2.0}
    refusal = await on.create((await on.prepared())["id"], status=402)
    assert refusal["type"] == "INSUFFICIENT_CREDITS"


async def test_a_private_plan_takes_no_spark_credits(platform: Maker) -> None:
    switches = {"credits": 4, "spark_credits": 100}
    on = await platform(faults={"switches": {"open-quantum": switches}})
    refusal = await on.create((await on.prepared())["id"], PRIVATE, status=402)
    assert refusal["type"] == "INSUFFICIENT_CREDITS"


@pytest.mark.parametrize(
    ("rule", "status", "message"),
    [
        ({"fail": "laser off"}, "Failed", "laser off"),
        ({"expires": True}, "Failed", "the job expired"),
        ({"word": "Melting"}, "Melting", None),
    ],
)
async def test_jobs_end_as_scripted(
    platform: Maker, rule: dict[str, Any], status: str, message: str | None
) -> None:
    job = await (await platform(faults={"jobs": [rule]})).run()
    assert (job["status"], job["message"]) == (status, message)
    assert job["output_data_url"] is None


async def test_a_job_may_be_listed_late_while_it_is_readable(platform: Maker) -> None:
    on = await platform(faults={"jobs": [{"hide_s": 30}]})
    job = await on.create((await on.prepared())["id"])
    assert (await on.jobs())["jobs"] == []
    assert (await on.job(job["id"]))["id"] == job["id"]
    await trio.sleep(30)
    assert len((await on.jobs())["jobs"]) == 1


async def test_results_may_lag_behind_the_state(platform: Maker) -> None:
    on = await platform(faults={"jobs": [{"lag_s": 100}]})
    job = await on.run()
    assert (job["status"], job["output_data_url"]) == ("Completed", None)
    await trio.sleep(100)
    assert (await on.job(job["id"]))["output_data_url"] is not None


async def test_the_simulator_runs_dynamic_circuits(platform: Maker) -> None:
    program = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0];'
        "if (c[0]) { x q[1]; } c[1] = measure q[1];"
    )
    on = await platform()
    chosen = {"backend_class_id": "qr:gpu-gb10"}
    settings = {"shots": 50, "engine": "amber_quantum_rings"}
    job = await on.run(program, configuration_data=settings, **chosen)
    assert await on.output(job) == {"11": 50}
