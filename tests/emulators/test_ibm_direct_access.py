"""The emulated IBM Quantum Direct Access, endpoint by endpoint, in virtual time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import math
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import trio

from qbatch.emulators import Emulation, host
from qbatch.emulators.ibm_direct_access import (
    ACCESS_KEY,
    API_KEY,
    BUCKET,
    COLLEAGUE_KEY,
    CRN,
    READER_KEY,
    REGION,
    SECRET_KEY,
)
from qbatch.emulators.jobs import Queueing

BASE = "/ibm-direct-access"
URL = f"https://emulators.test{BASE}"
GRANT = "urn:ibm:params:oauth:grant-type:apikey"

#: Qubit 0 is 1 with cos²(0.5), qubit 1 is 1, qubit 2 is 0.
PROGRAM = """OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
sx $0;
rz(1.0) $0;
sx $0;
x $1;
a[0] = measure $1;
b[0] = measure $2;
b[1] = measure $0;
"""

Maker = Callable[..., Any]


def sampler(program: str = PROGRAM, shots: int = 1000, **more: Any) -> dict[str, Any]:
    return {"pubs": [[program, None, shots]], "version": 2, "support_qiskit": False} | more


# -- an own signer -------------------------------------------------------------------------------


def presign(
    method: str,
    key: str,
    now: datetime,
    *,
    url: str = URL,
    life_s: int = 3600,
    secret: str = SECRET_KEY,
    **extra: str,
) -> str:
    """Presign by the published recipe: only the host is signed, the payload is not."""
    _, rest = url.split("://")
    netloc, _, prefix = rest.partition("/")
    path = quote(f"/{prefix}/{BUCKET}/{key}", safe="/-_.~")
    date = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{ACCESS_KEY}/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(life_s),
        "X-Amz-SignedHeaders": "host",
        **extra,
    }
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))
    request = f"{method}\n{path}\n{pairs}\nhost:{netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key_bytes = f"AWS4{secret}".encode()
    for part in (date[:8], REGION, "s3", "aws4_request"):
        key_bytes = hmac.new(key_bytes, part.encode(), "sha256").digest()
    signature = hmac.new(key_bytes, text.encode(), "sha256").hexdigest()
    return f"{url.split('/ibm')[0]}{path}?{pairs}&X-Amz-Signature={signature}"


def sign_header(
    method: str, url: str, now: datetime, body: bytes = b"", **more: str
) -> dict[str, str]:
    """Sign in the header, with the hash of the payload."""
    parsed, date = httpx.URL(url), now.strftime("%Y%m%dT%H%M%SZ")
    signed = {
        "host": parsed.netloc.decode(),
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": date,
        **more,
    }
    names = ";".join(sorted(signed))
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    raw, _, query = parsed.raw_path.decode().partition("?")
    query = "&".join(sorted(one if "=" in one else f"{one}=" for one in query.split("&") if one))
    request = f"{method}\n{raw}\n{query}\n{lines}\n{names}\n{signed['x-amz-content-sha256']}"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key_bytes = f"AWS4{SECRET_KEY}".encode()
    for part in (date[:8], REGION, "s3", "aws4_request"):
        key_bytes = hmac.new(key_bytes, part.encode(), "sha256").digest()
    signature = hmac.new(key_bytes, text.encode(), "sha256").hexdigest()
    credential = f"Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


# -- the stage -----------------------------------------------------------------------------------


class System:
    """A stage with the emulated system, logged in, and a job's life step by step."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.client = stage.client
        self.clock = stage.emulation.world.clock
        self.anonymous = httpx.AsyncClient(transport=stage.emulation.transport())

    async def login(self, key: str = API_KEY, **form: Any) -> Any:
        wanted = {"grant_type": GRANT, "apikey": key} | form
        sent = {name: value for name, value in wanted.items() if value is not None}
        reply = await self.anonymous.post(f"{URL}/identity/token", data=sent)
        if reply.status_code == 200:
            self.client.headers["authorization"] = f"Bearer {reply.json()['access_token']}"
            self.client.headers["service-crn"] = CRN
        return reply

    async def call(self, method: str, url: str, body: Any = None, status: int = 200) -> Any:
        """Call, check the status, decode."""
        reply = await self.client.request(method, f"{BASE}{url}", json=body)
        assert reply.status_code == status, reply.text
        assert status != 204 or reply.content == b""
        return reply.json() if reply.content else None

    def url(self, method: str, key: str, **more: Any) -> str:
        return presign(method, key, self.clock.utc(), **more)

    async def put(self, key: str, content: bytes) -> None:
        reply = await self.anonymous.put(self.url("PUT", key), content=content)
        assert reply.status_code == 200, reply.text

    async def fetch(self, key: str) -> httpx.Response:
        reply: httpx.Response = await self.anonymous.get(self.url("GET", key))
        return reply

    def body(self, job: str, **changes: Any) -> dict[str, Any]:
        """Return the body of a submission, whose objects are named after the job."""
        life = changes.pop("life_s", 3600)
        wanted = {
            "id": job,
            "backend": "emu_5q",
            "program_id": "sampler",
            "timeout_secs": 600,
            "storage": {
                part: {"type": "s3_compatible", "presigned_url": self.url(method, key, life_s=life)}
                for part, method, key in (
                    ("input", "GET", f"input_{job}.json"),
                    ("results", "PUT", f"results_{job}.json"),
                    ("logs", "PUT", f"logs_{job}.json"),
                )
            },
        } | changes
        return {key: value for key, value in wanted.items() if value is not None}

    async def submit(
        self, document: Any = None, status: int = 204, job: str | None = None, **changes: Any
    ) -> Any:
        """Upload an input and submit a job; return its id, or the refusal."""
        job = job or str(uuid.UUID(int=len(self.stage.ledger), version=4))
        await self.put(f"input_{job}.json", json.dumps(document or sampler()).encode())
        answer = await self.call("POST", "/v1/jobs", self.body(job, **changes), status)
        return job if status == 204 else answer

    async def job(self, job: str) -> Any:
        return await self.call("GET", f"/v1/jobs/{job}")

    async def run(self, document: Any = None, **changes: Any) -> Any:
        """Submit a job, wait it out, return its record and its results."""
        job = await self.submit(document, **changes)
        await trio.sleep(60)
        record = await self.job(job)
        reply = await self.fetch(f"results_{job}.json")
        return record, reply.json() if reply.status_code == 200 else None

    def set_switches(self, **switches: Any) -> None:
        self.stage.set_faults(switches={"ibm-direct-access": switches})


@pytest.fixture
def system(stage: Maker) -> Maker:
    """Return a maker of systems, logged in; jobs wait 12 s and run 4 s."""

    async def make(switches: dict[str, Any] | None = None, **arguments: Any) -> System:
        arguments.setdefault("queue_s", 12.0)
        faults = arguments.pop("faults", {})
        faults["switches"] = {"ibm-direct-access": switches or {}}
        made = System(stage("ibm-direct-access", faults=faults, **arguments))
        await made.login()
        return made

    return make


def error_of(refusal: Any) -> str:
    """Check the shape of an error body and return its first code."""
    assert set(refusal) == {"status_code", "title", "trace", "errors"}
    assert isinstance(refusal["trace"], str)
    for one in refusal["errors"]:
        assert {"code", "message", "more_info"} <= set(one)
        assert isinstance(one["code"], str)
    return str(refusal["errors"][0]["code"])


def test_the_environment_is_enough_for_the_official_client() -> None:
    given = Emulation(["ibm-direct-access"]).environment("http://here")
    url = given.pop("QBATCH_IBM_DIRECT_ACCESS_URL")
    assert url == given["QRMI_IBM_QS_ENDPOINT"] == given["QRMI_IBM_QS_IAM_ENDPOINT"]
    assert given["QRMI_IBM_QS_S3_ENDPOINT"] == f"{url}/"
    names = {name.removeprefix("QRMI_IBM_QS_") for name in given}
    assert names > {"IAM_APIKEY", "SERVICE_CRN", "S3_BUCKET", "S3_REGION", "AWS_ACCESS_KEY_ID"}


# -- identity ------------------------------------------------------------------------------------


async def test_an_api_key_buys_a_token_for_an_hour(system: Maker) -> None:
    on = await system()
    answer = (await on.login()).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert answer["refresh_token"] == "not_supported"
    assert answer["expiration"] == int(on.clock.utc().timestamp() + 3600)
    await on.call("GET", "/v1/jobs")
    await trio.sleep(3600)
    assert error_of(await on.call("GET", "/v1/jobs", status=401)) == "1201"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"apikey": "guess"}, "BXNIM0415E"),
        ({"grant_type": None}, "BXNIM0109E"),
        ({"grant_type": "password"}, "BXNIM0118E"),
    ],
)
async def test_identity_refuses_in_its_own_shape(
    system: Maker, form: dict[str, Any], code: str
) -> None:
    reply = await (await system()).login(**form)
    assert reply.status_code == 400
    assert set(reply.json()) == {"errorCode", "errorMessage", "errorDetails"}
    assert reply.json()["errorCode"] == code


async def test_versions_need_no_token_and_all_else_does(system: Maker) -> None:
    on = await system()
    on.client.headers.pop("authorization")
    assert set(await on.call("GET", "/version")) == {"version"}
    assert (await on.call("GET", "/versions"))["versions"] == ["2025-08-01", "2025-08-15"]
    for method, url in [("GET", "/v1/backends"), ("GET", "/v1/jobs"), ("POST", "/v1/jobs")]:
        assert error_of(await on.call(method, url, status=401)) == "1200"


async def test_the_life_of_tokens_can_be_set_and_ended(system: Maker) -> None:
    on = await system({"token_life_s": 3})
    assert (await on.login()).json()["expires_in"] == 3
    on.stage.set_faults(requests=[{"path": "/v1/*", "expire_tokens": "issued"}])
    await on.call("GET", "/v1/jobs", status=401)


@pytest.mark.parametrize(
    ("switch", "crn", "status"),
    [
        ("any", "crn:other", 200),
        ("any", "", 401),
        ("strict", "crn:other", 401),
        ("strict", CRN, 200),
        ("ignored", "", 200),
    ],
)
async def test_the_instance_is_checked_as_set(
    system: Maker, switch: str, crn: str, status: int
) -> None:
    on = await system({"crn": switch})
    on.client.headers["service-crn"] = crn
    await on.call("GET", "/v1/backends", status=status)


@pytest.mark.parametrize(
    ("version", "status"),
    [("2025-08-15", 200), ("20250815", 200), ("2024-01-01", 400), ("newest", 400)],
)
async def test_a_version_is_a_date_not_before_the_first(
    system: Maker, version: str, status: int
) -> None:
    on = await system()
    on.client.headers["ibm-api-version"] = version
    await on.call("GET", "/v1/backends", status=status)


async def test_a_reader_may_look_but_not_submit(system: Maker) -> None:
    on = await system()
    await on.login(READER_KEY)
    await on.call("GET", "/v1/jobs")
    assert error_of(await on.submit(status=403)) == "1200"
    assert on.stage.ledger == []


async def test_unknown_paths_are_not_found(system: Maker) -> None:
    on = await system()
    for method, url in [("GET", "/v1/sessions"), ("PUT", "/v1/jobs"), ("GET", "/identity/x")]:
        error_of(await on.call(method, url, status=404))


# -- machines ------------------------------------------------------------------------------------


async def test_backends_are_listed_with_their_state(system: Maker) -> None:
    on = await system()
    rows = {one["name"]: one for one in (await on.call("GET", "/v1/backends"))["backends"]}
    states = {name: row["status"] for name, row in rows.items()}
    assert states["ibm_rensselaer"] == states["emu_5q"] == "online"
    assert (states["emu_paused"], states["emu_offline"]) == ("paused", "offline")
    assert rows["emu_5q"]["locked"] is False
    assert await on.call("GET", "/v1/backends/emu_5q") == rows["emu_5q"]


async def test_the_large_machine_is_a_lattice_of_heavy_hexagons(system: Maker) -> None:
    on = await system()
    found = await on.call("GET", "/v1/backends/ibm_rensselaer/configuration")
    assert (found["n_qubits"], len(found["coupling_map"])) == (127, 144)
    assert found["basis_gates"] == ["ecr", "id", "rz", "sx", "x"]
    degrees = np.bincount(np.array(found["coupling_map"]).ravel())
    assert (degrees.min(), degrees.max()) == (1, 3)
    assert [4, 15] in found["coupling_map"]
    assert [15, 22] in found["coupling_map"]


@pytest.mark.parametrize("name", ["ibm_rensselaer", "emu_5q"])
async def test_configuration_and_properties_agree(system: Maker, name: str) -> None:
    on = await system()
    found = await on.call("GET", f"/v1/backends/{name}/configuration")
    datetime.fromisoformat(found["online_date"])
    assert {"max_shots", "local", "simulator", "backend_version"} <= set(found)
    values = await on.call("GET", f"/v1/backends/{name}/properties")
    assert len(values["qubits"]) == found["n_qubits"]
    pairs = [one["qubits"] for one in values["gates"] if len(one["qubits"]) == 2]
    assert pairs == found["coupling_map"]
    datetime.fromisoformat(values["last_update_date"])


async def test_lanes_are_told_and_can_be_set(system: Maker) -> None:
    on = await system({"lanes": 2})
    told = await on.call("GET", "/v1/backends/emu_5q/lanes")
    assert told["hpc_workload_manager"] == {"lanes": 2}


async def test_a_backend_that_is_not_there_is_not_found(system: Maker) -> None:
    on = await system()
    for url in ("EMU_5Q", "nobody/configuration", "nobody/properties", "nobody/lanes"):
        assert error_of(await on.call("GET", f"/v1/backends/{url}", status=404)) == "1216"
    await on.call("GET", "/v1/backends/emu_5q/defaults", status=404)
    assert error_of(await on.submit(status=404, backend="nobody")) == "1216"


async def test_targets_asked_for_are_offered_too() -> None:
    emulation = Emulation(["ibm-direct-access"], targets={"ibm-direct-access": ["ibm_lab"]}, seed=1)
    transport = emulation.transport()
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        token = await client.post("/identity/token", data={"grant_type": GRANT, "apikey": API_KEY})
        client.headers["authorization"] = f"Bearer {token.json()['access_token']}"
        client.headers["service-crn"] = CRN
        reply = await client.get("/v1/backends/ibm_lab/configuration")
    assert reply.json()["n_qubits"] == 127


async def test_a_reservation_locks_a_backend_for_a_while(system: Maker) -> None:
    window = {"backend": "emu_5q", "from_s": 10, "until_s": 20}
    on = await system({"reservations": [window]})
    await on.submit()
    await trio.sleep(12)
    assert (await on.call("GET", "/v1/backends/emu_5q"))["locked"] is True
    assert error_of(await on.submit(status=423)) == "1233"
    await on.submit(backend="ibm_rensselaer")
    await trio.sleep(10)
    await on.submit()


async def test_a_paused_backend_takes_no_jobs(system: Maker) -> None:
    on = await system({"outages": [{"backend": "emu_5q", "status": "paused", "until_s": 100}]})
    assert (await on.call("GET", "/v1/backends/emu_5q"))["status"] == "paused"
    for name in ("emu_5q", "emu_paused", "emu_offline"):
        await on.submit(status=400, backend=name)
    await trio.sleep(100)
    await on.submit()


async def test_or_it_takes_them_and_they_wait(system: Maker) -> None:
    outage = {"backend": "emu_5q", "status": "paused", "until_s": 100}
    on = await system({"outages": [outage], "paused": "wait"})
    record, _ = await on.run()
    assert record["status"] == "Running"
    await trio.sleep(44.5)
    assert (await on.job(record["id"]))["status"] == "Completed"


# -- submission ----------------------------------------------------------------------------------


async def test_a_job_runs_and_its_results_and_log_lie_in_the_store(system: Maker) -> None:
    on = await system()
    record, results = await on.run(log_level="debug")
    assert record["status"] == "Completed"
    assert results["metadata"] == {"version": 2}
    words = results["results"][0]["data"]
    assert set(words["a"]["samples"]) == {"0x1"}
    assert set(words["b"]["samples"]) == {"0x0", "0x2"}
    chance = math.cos(0.5) ** 2
    spread = math.sqrt(1000 * chance * (1 - chance))
    assert abs(words["b"]["samples"].count("0x2") - 1000 * chance) <= 5 * spread
    assert words["b"]["num_bits"] == 2
    log = (await on.fetch(f"logs_{record['id']}.json")).text
    assert "DEBUG" in log
    assert log.rstrip().endswith("Completed")


async def test_the_record_has_what_clients_need_and_echoes_the_storage(system: Maker) -> None:
    on = await system()
    body = on.body("j-1")
    await on.call("POST", "/v1/jobs", body, 204)
    record = await on.job("j-1")
    assert {key: record[key] for key in body} == body
    assert record["status"] == "Running"
    assert record["created_time"].endswith("Z")
    assert record["log_level"] == "warning"
    assert not {"end_time", "usage", "metrics", "reason_code"} & set(record)


async def test_the_documented_example_is_accepted_and_fails_for_want_of_storage(
    system: Maker,
) -> None:
    on = await system()
    example = '{"id":"example","program_id":"sampler","backend":"ibm_rensselaer",'
    example += '"timeout_secs":1,"storage":{}}'
    await on.call("POST", "/v1/jobs", json.loads(example), 204)
    await trio.sleep(60)
    record = await on.job("example")
    assert (record["status"], record["storage"]) == ("Failed", {})
    assert "storage.input" in record["reason_message"]
    assert isinstance(record["reason_code"], int)
    assert isinstance(record["reason_solution"], str)


WRONG: dict[str, Any] = {
    "an unknown key": {"tags": ["mine"]},
    "no id": {"id": None},
    "an empty id": {"id": ""},
    "a long id": {"id": "x" * 257},
    "no backend": {"backend": None},
    "another program": {"program_id": "circuit-runner"},
    "no time-out": {"timeout_secs": None},
    "a time-out of none": {"timeout_secs": 0},
    "a time-out as text": {"timeout_secs": "600"},
    "a time-out as flag": {"timeout_secs": True},
    "an unknown log level": {"log_level": "loud"},
    "no storage": {"storage": None},
    "storage as a list": {"storage": []},
    "an unknown part": {"storage": {"inputs": {}}},
    "no type": {"storage": {"input": {"presigned_url": URL}}},
    "no URL": {"storage": {"input": {"type": "s3_compatible"}}},
    "an unknown key in a part": {
        "storage": {"input": {"type": "s3_compatible", "presigned_url": URL, "key": 1}}
    },
    "the vendor's own storage": {"storage": {"input": {"type": "ibmcloud_cos", "region": "us"}}},
    "a region with digits": {
        "storage": {"input": {"type": "s3_compatible", "presigned_url": URL, "region": "eu1"}}
    },
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
async def test_a_body_against_the_schema_is_refused(system: Maker, changes: dict[str, Any]) -> None:
    on = await system()
    refusal = await on.submit(status=422, **changes)
    assert error_of(refusal) == "1337"
    assert refusal["errors"][0]["target"]["type"] == "field"
    on.set_switches(malformed=400)
    await on.submit(status=400, **changes)
    assert on.stage.ledger == []


async def test_every_mistake_is_named_at_once(system: Maker) -> None:
    refusal = await (await system()).submit(status=422, timeout_secs=0, log_level="x", colour=1)
    named = {one["target"]["name"] for one in refusal["errors"]}
    assert named == {"timeout_secs", "log_level", "colour"}


async def test_the_schema_allows_all_documented_keys(system: Maker) -> None:
    on = await system()
    more = {
        "bucket_crn": "crn:v1:bluemix:public:cloud-object-storage:global:a/abc123:abc123::",
        "object_name": "example",
        "region": "us-east",
        "region_type": "regional",
        "runtime_instance_crn": CRN,
    }
    body = on.body("j-1")
    for entry in body["storage"].values():
        entry.update(more)
    await on.call("POST", "/v1/jobs", body, 204)
    assert (await on.job("j-1"))["storage"] == body["storage"]


async def test_a_body_that_is_no_json_or_too_large_is_refused(system: Maker) -> None:
    on = await system()
    for content, status in [(b"{", 400), (b"[]", 422), (b"x" * (2**20 + 1), 413)]:
        reply = await on.client.post(f"{BASE}/v1/jobs", content=content)
        assert reply.status_code == status
        error_of(reply.json())


async def test_an_id_is_taken_as_long_as_its_job_exists(system: Maker) -> None:
    on = await system()
    job = await on.submit()
    assert error_of(await on.submit(job=job, status=409)) == "1231"
    await trio.sleep(60)
    assert error_of(await on.submit(job=job, status=409)) == "1231"
    assert [entry["submissions"] for entry in on.stage.ledger] == [3]
    await on.call("DELETE", f"/v1/jobs/{job}", status=204)
    await on.submit(job=job)
    assert [entry["key"] for entry in on.stage.ledger] == [job, job]


async def test_a_deleted_id_may_be_spent_for_good(system: Maker) -> None:
    on = await system({"deleted_ids": "refused"})
    record, _ = await on.run()
    await on.call("DELETE", f"/v1/jobs/{record['id']}", status=204)
    await on.submit(job=record["id"], status=409)


async def test_an_id_of_another_client_is_taken_too_and_not_shown(system: Maker) -> None:
    on = await system()
    job = await on.submit()
    await on.login(COLLEAGUE_KEY)
    assert error_of(await on.submit(job=job, status=409)) == "1231"
    assert error_of(await on.call("GET", f"/v1/jobs/{job}", status=404)) == "1291"
    assert (await on.call("GET", "/v1/jobs"))["jobs"] == []


async def test_lanes_are_held_until_jobs_are_deleted_by_whomever(system: Maker) -> None:
    on = await system()
    jobs = [await on.submit() for _ in range(5)]
    await trio.sleep(60)
    await on.login(COLLEAGUE_KEY)
    assert error_of(await on.submit(status=429)) == "1232"
    await on.submit(backend="ibm_rensselaer")
    await on.login()
    await on.call("DELETE", f"/v1/jobs/{jobs[2]}", status=204)
    await on.submit()
    await on.submit(status=429)


async def test_lanes_may_be_free_at_the_end_of_jobs(system: Maker) -> None:
    on = await system({"lanes": 1, "lane_held": "until_ended"})
    await on.submit()
    await on.submit(status=429)
    await trio.sleep(60)
    await on.submit()


async def test_a_repeated_submission_is_a_duplicate_even_with_no_lane_left(system: Maker) -> None:
    on = await system({"lanes": 1})
    job = await on.submit()
    await on.submit(job=job, status=409)


async def test_an_error_after_acceptance_leaves_a_job_under_the_id(system: Maker) -> None:
    rule = {"method": "POST", "path": "/v1/jobs", "status": 500, "when": "after", "nth": 1}
    on = await system(faults={"requests": [rule]})
    await on.submit(job="orphan", status=500)
    assert error_of(await on.submit(job="orphan", status=409)) == "1231"
    assert (await on.job("orphan"))["status"] == "Running"
    assert len(on.stage.ledger) == 1


# -- afterwards ----------------------------------------------------------------------------------


async def test_jobs_are_listed_oldest_first(system: Maker) -> None:
    on = await system()
    jobs = [await on.submit(job=name) for name in ("c", "a", "b")]
    listed = (await on.call("GET", "/v1/jobs"))["jobs"]
    assert [one["id"] for one in listed] == jobs
    assert listed[0] == await on.job("c")


async def test_an_empty_list_may_be_null(system: Maker) -> None:
    on = await system()
    assert await on.call("GET", "/v1/jobs") == {"jobs": []}
    on.set_switches(empty_list="null")
    assert await on.call("GET", "/v1/jobs") == {"jobs": None}


async def test_waiting_and_running_are_one_state(system: Maker) -> None:
    on = await system()
    job, seen = await on.submit(), []
    for _ in range(4):
        seen.append((await on.job(job))["status"])
        await trio.sleep(5.5)
    assert seen == ["Running", "Running", "Running", "Completed"]


async def test_usage_is_the_machine_time_and_the_price(system: Maker) -> None:
    on = await system()
    record, _ = await on.run(sampler(shots=2000))
    assert record["usage"]["quantum_nanoseconds"] == round((2 + 2000 * 270e-6) * 1e9)
    (entry,) = on.stage.ledger
    assert (entry["unit"], entry["state"]) == ("qpu_seconds", "completed")
    assert entry["price"] == pytest.approx(2.54)


async def test_nothing_is_charged_before_it_ran(system: Maker) -> None:
    on = await system()
    await on.submit()
    assert [entry["price"] for entry in on.stage.ledger] == [0]


async def test_metrics_are_absent_or_complete(system: Maker) -> None:
    on = await system({"metrics": "complete"})
    job = await on.submit()
    assert "metrics" not in await on.job(job)
    await trio.sleep(60)
    record = await on.job(job)
    spent = record["usage"]["quantum_nanoseconds"]
    assert record["metrics"]["circuits_execution_time_ns"] == spent
    assert record["metrics"]["timestamps"]["finished"] == record["end_time"]


async def test_more_than_its_time_ends_a_job_as_cancelled_or_failed(system: Maker) -> None:
    on = await system()
    record, results = await on.run(sampler(shots=10_000), timeout_secs=4)
    assert (record["status"], results) == ("Cancelled", None)
    assert "timeout" in record["reason_message"]
    assert record["usage"]["quantum_nanoseconds"] == 4e9
    on.set_switches(timeout_state="failed")
    record, _ = await on.run(sampler(shots=10_000), timeout_secs=4)
    assert record["status"] == "Failed"


async def test_cancel_is_done_when_it_is_answered(system: Maker) -> None:
    on = await system()
    job = await on.submit()
    await on.call("POST", f"/v1/jobs/{job}/cancel", status=204)
    record = await on.job(job)
    assert record["status"] == "Cancelled"
    assert "end_time" in record
    assert error_of(await on.call("POST", f"/v1/jobs/{job}/cancel", status=409)) == "1306"
    await on.call("DELETE", f"/v1/jobs/{job}", status=204)
    assert [(one["state"], one["price"]) for one in on.stage.ledger] == [("cancelled", 0)]


async def test_cancelling_a_running_job_costs_what_it_ran(system: Maker) -> None:
    on = await system()
    job = await on.submit()
    await trio.sleep(13)
    await on.call("POST", f"/v1/jobs/{job}/cancel", status=204)
    assert on.stage.ledger[0]["price"] == pytest.approx(1.0)
    await trio.sleep(60)
    assert (await on.job(job))["status"] == "Cancelled"
    assert (await on.fetch(f"results_{job}.json")).status_code == 404


async def test_cancel_may_take_its_time(system: Maker) -> None:
    on = await system({"cancel_lag_s": 5})
    job = await on.submit()
    await on.call("POST", f"/v1/jobs/{job}/cancel", status=204)
    assert (await on.job(job))["status"] == "Running"
    await on.call("DELETE", f"/v1/jobs/{job}", status=409)
    await trio.sleep(5)
    assert (await on.job(job))["status"] == "Cancelled"


async def test_a_cancel_that_comes_after_the_end_changes_nothing(system: Maker) -> None:
    on = await system({"cancel_lag_s": 50})
    job = await on.submit()
    await on.call("POST", f"/v1/jobs/{job}/cancel", status=204)
    await trio.sleep(100)
    assert (await on.job(job))["status"] == "Completed"


async def test_a_cancelled_job_may_write_late(system: Maker) -> None:
    on = await system({"late_writes": True})
    job = await on.submit()
    await trio.sleep(13)
    await on.call("POST", f"/v1/jobs/{job}/cancel", status=204)
    assert (await on.fetch(f"results_{job}.json")).status_code == 404
    await trio.sleep(10)
    assert (await on.fetch(f"results_{job}.json")).status_code == 200
    assert (await on.job(job))["status"] == "Cancelled"


async def test_delete_needs_an_end_and_leaves_the_objects(system: Maker) -> None:
    on = await system()
    job = await on.submit()
    assert error_of(await on.call("DELETE", f"/v1/jobs/{job}", status=409)) == "1337"
    await trio.sleep(60)
    await on.call("DELETE", f"/v1/jobs/{job}", status=204)
    for method, url in [("GET", job), ("DELETE", job), ("POST", f"{job}/cancel")]:
        assert error_of(await on.call(method, f"/v1/jobs/{url}", status=404)) == "1291"
    assert (await on.fetch(f"results_{job}.json")).status_code == 200
    assert (await on.call("GET", "/v1/jobs"))["jobs"] == []


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        (PROGRAM.replace("x $1", "h $1"), 1517, "instruction h is not supported"),
        (PROGRAM.replace("x $1", "cx $0, $2"), 1517, "cx does not act on qubits (0, 2)"),
        (PROGRAM.replace("$2", "$7"), 1517, "uses 8 qubits, the machine has 5"),
        (PROGRAM.replace("x $1", "boo $1"), 5203, "cannot parse"),
        (PROGRAM.replace("3.0", "2.0"), 5203, "must begin with OPENQASM 3"),
    ],
)
async def test_what_cannot_run_fails_with_a_reason(
    system: Maker, program: str, code: int, words: str
) -> None:
    on = await system()
    record, results = await on.run(sampler(program))
    assert (record["status"], record["reason_code"], results) == ("Failed", code, None)
    assert words in record["reason_message"]
    assert "usage" not in record
    assert words in (await on.fetch(f"logs_{record['id']}.json")).text


async def test_gates_and_connections_may_go_unchecked(system: Maker) -> None:
    on = await system({"isa": "lenient"})
    record, _ = await on.run(sampler(PROGRAM.replace("x $1", "h $1; cx $0, $2")))
    assert record["status"] == "Completed"


async def test_too_many_shots_fail(system: Maker) -> None:
    record, _ = await (await system()).run(sampler(shots=100_001), timeout_secs=6000)
    assert "100001 shots; at most 100000" in record["reason_message"]


async def test_an_input_that_is_not_there_or_not_json_fails(system: Maker) -> None:
    on = await system()
    await on.call("POST", "/v1/jobs", on.body("none"), 204)
    await on.put("input_broken.json", b"{")
    await on.call("POST", "/v1/jobs", on.body("broken"), 204)
    await trio.sleep(60)
    assert "NoSuchKey" in (await on.job("none"))["reason_message"]
    assert "not JSON" in (await on.job("broken"))["reason_message"]


async def test_the_input_is_read_when_the_job_starts(system: Maker) -> None:
    on = await system()
    await on.call("POST", "/v1/jobs", on.body("early"), 204)
    await trio.sleep(11)
    await on.put("input_early.json", json.dumps(sampler()).encode())
    await trio.sleep(3)
    await on.put("input_early.json", b"{")
    await trio.sleep(60)
    assert (await on.job("early"))["status"] == "Completed"


@pytest.mark.parametrize(
    ("life_s", "words"),
    [
        (5, "cannot read the input: AccessDenied: Request has expired"),
        (14, "cannot store the results: AccessDenied: Request has expired"),
    ],
)
async def test_urls_that_expire_while_a_job_waits_fail_it(
    system: Maker, life_s: int, words: str
) -> None:
    record, _ = await (await system()).run(life_s=life_s)
    assert record["status"] == "Failed"
    assert words in record["reason_message"]


async def test_a_url_needs_to_live_until_the_end_and_not_until_somebody_looks(
    system: Maker,
) -> None:
    record, results = await (await system()).run(life_s=20)
    assert record["status"] == "Completed"
    assert results is not None


async def test_a_url_for_reading_does_not_write(system: Maker) -> None:
    on = await system()
    body = on.body("j-1")
    body["storage"]["results"] = {
        "type": "s3_compatible",
        "presigned_url": on.url("GET", "results_j-1.json"),
    }
    await on.put("input_j-1.json", json.dumps(sampler()).encode())
    await on.call("POST", "/v1/jobs", body, 204)
    await trio.sleep(60)
    assert "SignatureDoesNotMatch" in (await on.job("j-1"))["reason_message"]


async def test_results_are_there_at_the_end_although_nobody_asked_for_the_job(
    system: Maker,
) -> None:
    on = await system()
    job = await on.submit()
    await trio.sleep(15.9)
    assert (await on.fetch(f"results_{job}.json")).status_code == 404
    await trio.sleep(0.2)
    assert (await on.fetch(f"results_{job}.json")).status_code == 200


async def test_results_may_lag_behind_the_state(system: Maker) -> None:
    on = await system(faults={"jobs": [{"lag_s": 10}]})
    job = await on.submit()
    await trio.sleep(20)
    assert (await on.job(job))["status"] == "Completed"
    assert (await on.fetch(f"results_{job}.json")).status_code == 404
    await trio.sleep(10)
    assert (await on.fetch(f"results_{job}.json")).status_code == 200


async def test_results_may_be_lost(system: Maker) -> None:
    record, results = await (await system({"lost_results": True})).run()
    assert (record["status"], results) == ("Completed", None)


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"fail": "laser off"}, "Failed", 5203),
        ({"fail": "laser off", "code": 1517}, "Failed", 1517),
        ({"word": "Queued"}, "Queued", None),
        ({"word": "Queued", "for_s": 30}, "Completed", None),
        ({"wait_s": 60}, "Running", None),
        ({"expires": True}, "Cancelled", None),
    ],
)
async def test_the_fault_script_reaches_jobs(
    system: Maker, rule: dict[str, Any], status: str, code: int | None
) -> None:
    record, _ = await (await system(faults={"jobs": [rule]})).run()
    assert (record["status"], record.get("reason_code")) == (status, code)
    assert "fail" not in rule or record["reason_message"] == "laser off"


async def test_a_job_may_be_missing_from_the_list_for_a_while(system: Maker) -> None:
    on = await system(faults={"jobs": [{"hide_s": 5}]})
    job = await on.submit()
    assert (await on.call("GET", "/v1/jobs"))["jobs"] == []
    assert (await on.job(job))["id"] == job
    await trio.sleep(5)
    assert len((await on.call("GET", "/v1/jobs"))["jobs"]) == 1


async def test_a_worker_that_died_is_asked_once_more(
    system: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, asked = await system(), []

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        asked.append(function)
        if len(asked) in (1, 3, 4):
            died: Future[Any] = Future()
            died.set_exception(BrokenProcessPool())
            return died
        return function(*arguments)

    monkeypatch.setattr(on.stage.emulation.world.simulator, "call", call)
    assert (await on.run())[0]["status"] == "Running"
    assert (await on.job(on.stage.ledger[0]["id"]))["status"] == "Completed"
    record, _ = await on.run()
    failed = await on.job(record["id"])
    assert "ended without a result" in failed["reason_message"]


async def test_a_machine_in_a_rehearsal_runs_one_job_after_the_other(system: Maker) -> None:
    on = await system(queue_s=0.0, is_serial=True)
    jobs = [await on.submit(sampler(shots=20_000)) for _ in range(2)]
    await trio.sleep(8)
    assert [(await on.job(one))["status"] for one in jobs] == ["Completed", "Running"]
    await trio.sleep(7)
    assert [(await on.job(one))["status"] for one in jobs] == ["Completed", "Completed"]


# -- the store -----------------------------------------------------------------------------------


def code_of(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["content-type"].startswith("application/xml")
    return reply.status_code, reply.text.split("<Code>")[1].split("</Code>")[0]


async def test_objects_are_put_read_and_deleted(system: Maker) -> None:
    on = await system()
    await on.put("a b/c+d~e.json", b"content")
    reply = await on.fetch("a b/c+d~e.json")
    assert (reply.content, reply.headers["etag"]) == (
        b"content",
        f'"{hashlib.md5(b"content").hexdigest()}"',
    )
    head = await on.anonymous.head(on.url("HEAD", "a b/c+d~e.json"))
    assert (head.headers["content-length"], head.content) == ("7", b"")
    deleted = await on.anonymous.delete(on.url("DELETE", "a b/c+d~e.json"))
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert code_of(await on.fetch("a b/c+d~e.json")) == (404, "NoSuchKey")


async def test_an_address_that_ends_in_a_slash_is_the_same_store(system: Maker) -> None:
    on = await system()
    await on.put("key", b"1")
    assert (await on.anonymous.get(on.url("GET", "key", url=f"{URL}/"))).content == b"1"


async def test_more_in_the_query_is_signed_too(system: Maker) -> None:
    on = await system()
    await on.put("key", b"1")
    extra = {"x-id": "GetObject"}
    url = on.url("GET", "key", **extra)
    assert (await on.anonymous.get(url)).content == b"1"
    forged = await on.anonymous.get(url.replace("GetObject", "PutObject"))
    assert code_of(forged) == (403, "SignatureDoesNotMatch")


async def test_a_url_lives_as_long_as_it_says(system: Maker) -> None:
    on = await system()
    await on.put("key", b"1")
    url = on.url("GET", "key", life_s=10)
    await trio.sleep(9)
    assert (await on.anonymous.get(url)).status_code == 200
    await trio.sleep(2)
    late = await on.anonymous.get(url)
    assert code_of(late) == (403, "AccessDenied")
    assert "Request has expired" in late.text


FORGED: dict[str, tuple[Callable[[str], str], tuple[int, str]]] = {
    "no signature at all": (lambda url: url.split("?")[0], (403, "AccessDenied")),
    "another key": (lambda url: url.replace("key?", "other?"), (403, "SignatureDoesNotMatch")),
    "a longer life": (lambda url: url.replace("s=3600", "s=7200"), (403, "SignatureDoesNotMatch")),
    "an unknown owner": (lambda url: url.replace(ACCESS_KEY, "me"), (403, "InvalidAccessKeyId")),
    "more than a week": (
        lambda url: url.replace("s=3600", "s=604801"),
        (400, "AuthorizationQueryParametersError"),
    ),
    "no date": (
        lambda url: url.replace("X-Amz-Date", "X-Date"),
        (400, "AuthorizationQueryParametersError"),
    ),
    "the old signature": (
        lambda url: f"{url.split('?')[0]}?AWSAccessKeyId={ACCESS_KEY}&Signature=x&Expires=9",
        (400, "InvalidRequest"),
    ),
}


@pytest.mark.parametrize(("forge", "expected"), FORGED.values(), ids=FORGED)
async def test_a_url_that_was_not_signed_as_it_is_does_not_open(
    system: Maker, forge: Callable[[str], str], expected: tuple[int, str]
) -> None:
    on = await system()
    await on.put("key", b"1")
    assert code_of(await on.anonymous.get(forge(on.url("GET", "key")))) == expected


async def test_another_method_secret_or_host_does_not_open(system: Maker) -> None:
    on = await system()
    wrong = (403, "SignatureDoesNotMatch")
    assert code_of(await on.anonymous.get(on.url("PUT", "key"))) == wrong
    assert code_of(await on.anonymous.get(on.url("GET", "key", secret="guess"))) == wrong
    elsewhere = await on.anonymous.get(on.url("GET", "key"), headers={"host": "other.test"})
    assert code_of(elsewhere) == wrong


async def test_signatures_may_go_unchecked_but_not_lives(system: Maker) -> None:
    on = await system({"signatures": "lenient"})
    await on.put("key", b"1")
    url = on.url("GET", "key", secret="guess", life_s=10)
    assert (await on.anonymous.get(url)).content == b"1"
    await trio.sleep(11)
    assert code_of(await on.anonymous.get(url)) == (403, "AccessDenied")


async def test_a_token_beside_the_signature_is_refused(system: Maker) -> None:
    on = await system()
    assert code_of(await on.client.get(on.url("GET", "key"))) == (400, "InvalidArgument")
    assert code_of(await on.client.get(f"{BASE}/{BUCKET}/key")) == (400, "InvalidArgument")


async def test_a_header_signature_covers_the_payload(system: Maker) -> None:
    on, url, now = await system(), f"{URL}/{BUCKET}/key?x-id=PutObject", None
    now = on.clock.utc()
    headers = sign_header("PUT", url, now, b"content", **{"x-amz-tagging": "owner=me&state=a%20b"})
    assert (await on.anonymous.put(url, content=b"content", headers=headers)).status_code == 200
    other = await on.anonymous.put(url, content=b"another", headers=headers)
    assert code_of(other) == (400, "XAmzContentSHA256Mismatch")
    more = headers | {"x-amz-acl": "public-read"}
    unsigned = await on.anonymous.put(url, content=b"content", headers=more)
    assert code_of(unsigned) == (403, "AccessDenied")
    await trio.sleep(901)
    late = await on.anonymous.put(url, content=b"content", headers=headers)
    assert code_of(late) == (403, "RequestTimeTooSkewed")


async def test_tags_are_kept_as_they_come(system: Maker) -> None:
    on, url = await system(), f"{URL}/{BUCKET}/key"
    tagging, now = f"{url}?tagging", on.clock.utc()
    signed = sign_header("PUT", url, now, b"1", **{"x-amz-tagging": "owner=me"})
    await on.anonymous.put(url, content=b"1", headers=signed)
    read = await on.anonymous.get(tagging, headers=sign_header("GET", tagging, now))
    assert "<Key>owner</Key><Value>me</Value>" in read.text
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    signed = sign_header("PUT", tagging, now, tags)
    assert (await on.anonymous.put(tagging, content=tags, headers=signed)).status_code == 200
    read = await on.anonymous.get(tagging, headers=sign_header("GET", tagging, now))
    assert read.content == tags
    assert (await on.fetch("key")).content == b"1"


async def test_buckets_exist_and_lists_do_not(system: Maker) -> None:
    on, now, bucket = await system(), None, f"{URL}/{BUCKET}"
    now = on.clock.utc()
    made = await on.anonymous.put(bucket, headers=sign_header("PUT", bucket, now))
    assert made.status_code == 200
    listed = await on.anonymous.get(bucket, headers=sign_header("GET", bucket, now))
    assert code_of(listed) == (501, "NotImplemented")


# -- foreign stores ------------------------------------------------------------------------------


def between_stores(talk: Callable[[System, str], Any], **switches: Any) -> None:
    """Let a system without a queue work with the store of another, over a socket, in real time."""

    async def run() -> None:
        store = Emulation(["ibm-direct-access"])
        emulation = Emulation(["ibm-direct-access"], queueing=Queueing(0.0))
        emulation.world.faults.switches = {"ibm-direct-access": switches}
        async with trio.open_nursery() as nursery:
            origin = await nursery.start(partial(host, store))
            on = System(_stage(emulation))
            await on.login()
            on.anonymous = httpx.AsyncClient()
            await talk(on, f"{origin}{BASE}")
            nursery.cancel_scope.cancel()

    trio.run(run)


def _stage(emulation: Emulation) -> Any:
    class Stage:
        ledger = property(lambda self: emulation.world.ledger.entries())

    stage: Any = Stage()
    stage.emulation = emulation
    stage.client = httpx.AsyncClient(transport=emulation.transport(), base_url=URL[: -len(BASE)])
    return stage


def foreign_body(on: System, url: str, job: str) -> dict[str, Any]:
    body = on.body(job)
    for part, method in (("input", "GET"), ("results", "PUT"), ("logs", "PUT")):
        signed = on.url(method, f"{part}_{job}.json", url=url)
        body["storage"][part]["presigned_url"] = signed
    return body


def test_a_foreign_store_is_reached_by_the_presigned_urls_alone() -> None:
    async def talk(on: System, url: str) -> None:
        body = foreign_body(on, url, "j-1")
        content = json.dumps(sampler())
        async with httpx.AsyncClient() as client:
            await client.put(on.url("PUT", "input_j-1.json", url=url), content=content)
            await on.call("POST", "/v1/jobs", body, 204)
            assert (await on.job("j-1"))["status"] == "Completed"
            found = await client.get(on.url("GET", "results_j-1.json", url=url))
            log = await client.get(on.url("GET", "logs_j-1.json", url=url))
        assert len(found.json()["results"][0]["data"]["a"]["samples"]) == 1000
        assert log.status_code == 200

    between_stores(talk)


def test_a_foreign_store_that_refuses_fails_the_job_without_telling_the_url() -> None:
    async def talk(on: System, url: str) -> None:
        await on.call("POST", "/v1/jobs", foreign_body(on, url, "j-1"), 204)
        record = await on.job("j-1")
        assert record["reason_message"] == "cannot read the input: 127.0.0.1 answers 404"

    between_stores(talk)


def test_a_foreign_store_that_is_away_is_tried_three_times() -> None:
    async def talk(on: System, url: str) -> None:
        body = foreign_body(on, "http://127.0.0.1:1/ibm-direct-access", "j-1")
        await on.call("POST", "/v1/jobs", body, 204)
        seen = [(await on.job("j-1"))["status"] for _ in range(3)]
        assert seen == ["Running", "Running", "Failed"]

    between_stores(talk)


@pytest.mark.parametrize(
    ("url", "switch"),
    [
        ("http://store.example/ibm-direct-access", "loopback"),
        ("http://127.0.0.1:1/ibm-direct-access", "none"),
    ],
)
def test_a_store_beyond_the_set_reach_is_not_asked(url: str, switch: str) -> None:
    async def talk(on: System, _: str) -> None:
        await on.call("POST", "/v1/jobs", foreign_body(on, url, "j-1"), 204)
        assert "no way to" in (await on.job("j-1"))["reason_message"]

    between_stores(talk, foreign_stores=switch)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/x", "http://[", "http://h:x/"])
async def test_what_is_no_url_fails_the_job(system: Maker, url: str) -> None:
    on = await system()
    body = on.body("j-1")
    body["storage"]["input"]["presigned_url"] = url or "?"
    await on.call("POST", "/v1/jobs", body, 204)
    await trio.sleep(60)
    assert "no URL" in (await on.job("j-1"))["reason_message"]


# -- in the documented encodings -----------------------------------------------------------------


def load_array(wrapped: Any) -> Any:
    packed = zlib.decompress(base64.b64decode(wrapped["__value__"]))
    return np.load(io.BytesIO(packed), allow_pickle=False)


async def test_typed_results_come_with_every_register_as_rows_of_bytes(system: Maker) -> None:
    on = await system()
    _, document = await on.run(sampler(shots=50, support_qiskit=True))
    assert document["__type__"] == "PrimitiveResult"
    (pub,) = document["__value__"]["pub_results"]
    data = pub["__value__"]["data"]["__value__"]
    assert (data["field_names"], data["field_types"]) == (["a", "b"], ["BitArray"] * 2)
    assert data["shape"] == []
    rows = load_array(data["fields"]["b"]["__value__"]["array"])
    assert (rows.dtype, rows.shape) == (np.uint8, (50, 1))
    assert set(rows[:, 0].tolist()) == {0, 2}


async def test_results_take_the_form_of_service_or_simulator(system: Maker) -> None:
    on = await system()
    _, document = await on.run(sampler(support_qiskit=True))
    assert document["__value__"]["pub_results"][0]["__type__"] == "SamplerPubResult"
    spans = document["__value__"]["metadata"]["execution"]["execution_spans"]
    (span,) = spans["__value__"]["spans"]
    assert span["__value__"]["data_slices"] == {"0": [[1000], 0, 1, 0, 1000]}
    on.set_switches(results_format="simulator")
    _, document = await on.run(sampler(support_qiskit=True))
    assert document["__value__"]["pub_results"][0]["__type__"] == "PubResult"
    assert document["__value__"]["metadata"] == {"version": 2}
