"""The emulated Scaleway, endpoint by endpoint, in virtual time."""

from __future__ import annotations

import json
import math
import random
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
import trio

from qbatch.emulators.scaleway import OTHER_PROJECT_ID, PROJECT_ID, SECRET_KEY
from qbatch.emulators.scaleway.encoding import EncodingError, read_payload
from tests.daily import mostly_slow

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
BELL = HEAD + (
    "qreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q[0] -> c[0];\nmeasure q[1] -> c[1];\n"
)
BELL_3 = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[2] c;\nqubit[2] q;\nh q[0];\ncx q[0], q[1];\n'
    "c[0] = measure q[0];\nc[1] = measure q[1];\n"
)

#: Documented payloads: OpenQASM 2 plain, OpenQASM 2 packed, OpenQASM 3 packed.
PLAIN_PAYLOAD = (
    '{"backend": null, "client": null, "noise_model": null, "programs": [{"compression_format": 1, '
    '"serialization": "OPENQASM 2.0;\\ninclude \\"qelib1.inc\\";\\nqreg q[2];\\ncreg c[2];\\n'
    "h q[0];\\ncx q[0],q[1];\\nmeasure q[0] -> c[0];\\nmeasure q[1] -> c[1];\\n"
    '", "serialization_format": 2}]}'
)
PACKED_PAYLOAD = (
    '{"backend": {"name": "EMU-AER-16C-128M", "options": {}, "version": "0.1"}, "client": '
    '{"user_agent": "qbatch/0"}, "noise_model": null, "programs": [{"compression_format": 2, '
    '"serialization": "eJzzD3D1C3QM9lUw0jOw5srMS84pTUlVUCpMzclMMtQD8pWsuQqLUtMVCqONYq25kkHMZDAz'
    "AyhkABKqADN0CqMNgbzc1MTi0qJUsJCCrh1QrQGKqCFUFKQWABPkJOI="
    '", "serialization_format": 2}]}'
)
PACKED_PAYLOAD_3 = (
    '{"programs": [{"compression_format": 2, "serialization": "eJzzD3D1C3QM9lUw1jOw5srMS84pTUlVUC'
    "ouSUlPLEkt1gOKKFlzJWWWRBvFKiRbcxWWQtmF1lwZCoXRBrHWXMkVYIYOkDQEcYFsBVuF3NTE4tKiVJgaoBSKIEglAF"
    '1BJdw=", "serialization_format": 3}]}'
)

#: a[0] = 1; b[0] = 0; b[1] = 1 with sin²(0.5).
ASYMMETRIC = HEAD + (
    "qreg q[3]; creg a[1]; creg b[2]; x q[0]; ry(1.0) q[2];"
    "measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)

#: Qubit 0 is 1 and goes to bit 2; bit 1 is never measured.
CROSSED = HEAD + "qreg q[2]; creg c[3]; x q[0]; measure q[0] -> c[2]; measure q[1] -> c[0];"

AER, QSIM, CUDAQ = "EMU-AER-16C-128M", "EMU-QSIM-H100", "EMU-CUDAQ-H100"
MIMIQ, AQT, IQM = "EMU-QUANTANIUM-16C-128M", "QPU-IBEX-12PQ", "QPU-GARNET-20PQ"

Maker = Callable[..., Any]


def packed(text: str) -> str:
    return b64encode(zlib.compress(text.encode())).decode()


def payload(*programs: str, noise: Any = None, **options: Any) -> str:
    """Write a computation; programs are packed."""
    rows = [
        {
            "compression_format": 2,
            "serialization_format": 3 if "OPENQASM 3" in program else 2,
            "serialization": packed(program),
        }
        for program in programs
    ]
    model: dict[str, Any] = {"programs": rows, "backend": {"name": "any", "options": options}}
    if noise is not None:
        model["noise_model"] = {
            "compression_format": 2,
            "serialization_format": 1,
            "serialization": packed(json.dumps(noise)),
        }
    return json.dumps(model)


def content(text: str) -> Any:
    """Decode a result's text."""
    triple = json.loads(text)
    inner = triple["serialization"]
    if triple["compression_format"] == 2:
        inner = zlib.decompress(b64decode(inner)).decode()
    return json.loads(inner)


class Qaas:
    """A stage with Scaleway, and its life cycle step by step."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.client = stage.client
        self.clock = stage.emulation.world.clock

    async def call(
        self, method: str, path: str, body: Any = None, status: int = 200, **query: Any
    ) -> Any:
        """Call, check the status, decode."""
        url = f"/scaleway/qaas/v1alpha1{path}"
        reply = await self.client.request(method, url, json=body, params=query or None)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def platform(self, name: str = AER) -> Any:
        (found,) = (await self.call("GET", "/platforms", name=name))["platforms"]
        return found

    async def session(self, platform: str = AER, status: int = 200, **fields: Any) -> Any:
        body = {
            "project_id": PROJECT_ID,
            "platform_id": (await self.platform(platform))["id"],
            "max_duration": "3600s",
            "max_idle_duration": "3600s",
        }
        return await self.call("POST", "/sessions", body | fields, status)

    async def model(self, text: str = PACKED_PAYLOAD) -> str:
        body = {"project_id": PROJECT_ID, "payload": text}
        return str((await self.call("POST", "/models", body))["id"])

    async def job(
        self,
        session: Any,
        text: str = PACKED_PAYLOAD,
        shots: Any = 1000,
        options: Any = None,
        status: int = 200,
        **fields: Any,
    ) -> Any:
        body = {
            "name": "point-1",
            "session_id": session["id"],
            "circuit": {"qiskit_circuit": None},
            "model_id": await self.model(text),
            "parameters": json.dumps({"shots": shots, "options": options}),
        }
        return await self.call("POST", "/jobs", body | fields, status)

    async def read(self, job: Any) -> Any:
        return await self.call("GET", f"/jobs/{job['id']}")

    async def rows(self, job: Any, **query: Any) -> Any:
        found = await self.call("GET", f"/jobs/{job['id']}/results", **query)
        assert found["total_count"] >= len(found["job_results"])
        return found["job_results"]

    async def run(self, *programs: str, platform: str = AER, **fields: Any) -> Any:
        """Run programs in a new session; return the decoded content of the only row."""
        options = fields.pop("backend", {})
        noise = fields.pop("noise", None)
        text = payload(*programs, noise=noise, **options)
        job = await self.job(await self.session(platform), text, **fields)
        await trio.sleep(100)
        done = await self.read(job)
        assert done["status"] == "completed", done
        (row,) = await self.rows(job)
        return content(row["result"])

    async def failing(self, *programs: str, platform: str = AER, **fields: Any) -> str:
        """Run what must fail; return the reason."""
        noise, options = fields.pop("noise", None), fields.pop("backend", {})
        text = payload(*programs, noise=noise, **options)
        job = await self.job(await self.session(platform), text, **fields)
        await trio.sleep(100)
        done = await self.read(job)
        assert (done["status"], await self.rows(job)) == ("error", [])
        return str(done["progress_message"])

    def anonymous(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.stage.emulation.transport())

    def later(self, seconds: float) -> str:
        """Write an instant from now on."""
        return str((self.clock.utc() + timedelta(seconds=seconds)).isoformat())


@pytest.fixture
def qaas(stage: Maker) -> Maker:
    """Return a maker of stages with Scaleway; jobs wait 12 s and run 4 s, sessions boot 6 s."""

    def make(switches: Any = None, **arguments: Any) -> Qaas:
        arguments.setdefault("queue_s", 12.0)
        arguments.setdefault("headers", {"X-Auth-Token": SECRET_KEY})
        if switches:
            arguments.setdefault("faults", {})["switches"] = {"scaleway": switches}
        return Qaas(stage("scaleway", **arguments))

    return make


# -- the key, and what is nowhere ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({"X-Auth-Token": "guess"}, "not_found"), ({}, "invalid_argument")],
)
async def test_a_wrong_key_is_denied(qaas: Maker, headers: dict[str, str], reason: str) -> None:
    refusal = await qaas(headers=headers).call("GET", "/platforms", status=401)
    assert (refusal["type"], refusal["method"]) == ("denied_authentication", "api_key")
    assert refusal["reason"] == reason


async def test_a_key_expires_on_command_and_the_status_can_be_chosen(qaas: Maker) -> None:
    faults = {"requests": [{"path": "/qaas/*", "expire_tokens": "all"}]}
    on = qaas({"wrong_key_status": 403}, faults=faults)
    assert (await on.call("GET", "/platforms", status=403))["reason"] == "expired"


async def test_unknown_paths_and_things_are_not_found(qaas: Maker) -> None:
    on = qaas()
    assert (await on.call("GET", "/nothing", status=404))["type"] == "not_found"
    for path in ("platforms", "sessions", "models", "jobs", "bookings"):
        refusal = await on.call("GET", f"/{path}/7", status=404)
        assert (refusal["resource"] + "s", refusal["resource_id"]) == (path, "7")


async def test_a_body_must_be_an_object(qaas: Maker) -> None:
    on = qaas()
    for body in ("[", "[1]", "[" * 100_000):
        reply = await on.client.post("/scaleway/qaas/v1alpha1/models", content=body)
        assert (reply.status_code, reply.json()["type"]) == (400, "invalid_arguments")


async def test_applications_and_processes_are_empty(qaas: Maker) -> None:
    on = qaas()
    assert await on.call("GET", "/applications") == {"total_count": 0, "applications": []}
    assert (await on.call("GET", "/processes", project_id=PROJECT_ID))["processes"] == []


# -- platforms -------------------------------------------------------------------------------------


async def test_a_platform_tells_limits_prices_and_never_null(qaas: Maker) -> None:
    on = qaas()
    garnet = await on.platform(IQM)
    assert garnet == await on.call("GET", f"/platforms/{garnet['id']}")
    assert (garnet["type"], garnet["technology"]) == ("qpu", "superconducting")
    assert garnet["price_per_shot"] == {"currency_code": "EUR", "units": 0, "nanos": 1_200_000}
    assert garnet["price_per_hour"]["units"] == 2000
    names = json.loads(garnet["metadata"])["qiskit"]["target"]["instructions"]
    assert {"name": "r", "params": ["theta", "phi"]} in names
    every = (await on.call("GET", "/platforms"))["platforms"]
    assert all(value is not None for one in every for value in one.values())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "EMU-AER-H100"}, ["EMU-AER-H100"]),
        ({"name": "EMU-AER"}, []),
        ({"provider_name": "aqt", "platform_type": "qpu"}, ["QPU-IBEX-12PQ"]),
        ({"providerName": "aqt", "platform_type": "simulator"}, ["EMU-IBEX-12PQ-L4"]),
        ({"backend_name": "qsim"}, ["EMU-QSIM-16C-128M", "EMU-QSIM-H100"]),
        ({"platform_technology": "neutral_atom"}, ["EMU-FRESNEL-100PQ"]),
        ({"provider_name": "nobody"}, []),
    ],
)
async def test_platforms_are_filtered_exactly(
    qaas: Maker, query: dict[str, str], names: list[str]
) -> None:
    found = await qaas().call("GET", "/platforms", **query)
    assert [one["name"] for one in found["platforms"]] == names
    assert found["total_count"] == len(names)


async def test_unknown_type_and_technology_filter_nothing(qaas: Maker) -> None:
    on = qaas()
    query = {"platform_type": "unknown_type", "platform_technology": "unknown_technology"}
    assert await on.call("GET", "/platforms", **query) == await on.call("GET", "/platforms")
    await on.call("GET", "/platforms", status=400, platform_type="SIMULATOR")


async def test_lists_come_in_pages_and_orders(qaas: Maker) -> None:
    on = qaas({"page_size": 4, "most_page_size": 5})
    everything = await on.call("GET", "/platforms", order_by="name_desc", page_size=100)
    assert len(everything["platforms"]) == 5
    names: list[str] = []
    for page in range(1, 6):
        found = await on.call("GET", "/platforms", order_by="name_desc", page=page)
        names += [one["name"] for one in found["platforms"]]
    assert names == sorted(names, reverse=True)
    assert len(names) == everything["total_count"]
    for query in ({"page": 0}, {"page_size": "x"}, {"order_by": "colour_asc"}):
        await on.call("GET", "/platforms", status=400, **query)


async def test_other_platforms_are_offered_by_name() -> None:
    from qbatch.emulators import Emulation

    names = ["QPU-RUBY-7PQ", "EMU-QSIM-NEW", "mine", AER]
    emulation = Emulation(["scaleway"], targets={"scaleway": names}, seed=1)
    async with httpx.AsyncClient(
        transport=emulation.transport(), headers={"X-Auth-Token": SECRET_KEY}
    ) as client:
        reply = await client.get("http://x/scaleway/qaas/v1alpha1/platforms?page_size=100")
    found = {one["name"]: one for one in reply.json()["platforms"]}
    assert (found["QPU-RUBY-7PQ"]["max_qubit_count"], found["QPU-RUBY-7PQ"]["type"]) == (7, "qpu")
    assert found["EMU-QSIM-NEW"]["backend_name"] == "qsim"
    assert found["mine"]["backend_name"] == "aer"
    assert {"mine", AER} - (emulation.clouds["scaleway"].usual or set()) == {"mine"}


# -- models and their encoding ---------------------------------------------------------------------


async def test_models_are_listed_newest_first(qaas: Maker) -> None:
    on = qaas()
    first, second = await on.model(), await on.model("anything")
    found = await on.call("GET", "/models", project_id=PROJECT_ID)
    assert [one["id"] for one in found["models"]] == [second, first]
    found = await on.call("GET", "/models", project_id=PROJECT_ID, order_by="created_at_asc")
    assert found["models"][0]["id"] == first
    assert (await on.call("GET", f"/models/{first}"))["project_id"] == PROJECT_ID
    await on.call("GET", "/models", status=400)


async def test_a_models_url_gives_its_payload_back(qaas: Maker) -> None:
    on = qaas()
    model = await on.call("GET", f"/models/{await on.model()}")
    async with on.anonymous() as client:
        assert (await client.get(model["url"])).text == PACKED_PAYLOAD


@pytest.mark.parametrize(
    ("project", "status", "kind"),
    [
        ("proj", 400, "invalid_arguments"),
        ("6170692e-7363-616c-6577-61792e636f6d", 403, "permissions_denied"),
        (None, 400, "invalid_arguments"),
    ],
)
async def test_other_projects_are_closed(
    qaas: Maker, project: str | None, status: int, kind: str
) -> None:
    body = {"project_id": project, "payload": PACKED_PAYLOAD}
    assert (await qaas().call("POST", "/models", body, status))["type"] == kind


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (PLAIN_PAYLOAD, BELL),
        (PACKED_PAYLOAD, BELL),
        (PACKED_PAYLOAD_3, BELL_3),
        (json.dumps(json.dumps(PACKED_PAYLOAD)), BELL),
    ],
)
async def test_documented_payloads_are_understood_and_run(
    qaas: Maker, text: str, program: str
) -> None:
    assert [one.text for one in read_payload(text).programs] == [program]
    on = qaas()
    job = await on.job(await on.session(), text)
    await trio.sleep(20)
    (row,) = await on.rows(job)
    (experiment,) = content(row["result"])["results"]
    counts = experiment["data"]["counts"]
    assert set(counts) == {"0x0", "0x3"}
    assert abs(counts["0x0"] - 500) < 5 * math.sqrt(250)


BAD_TRIPLES = [
    ({"compression_format": "NONE"}, "compression_format: must be a number"),
    ({"compression_format": 0}, "compression_format: 0 is unknown"),
    ({"compression_format": 2}, "cannot be unpacked"),
    ({"compression_format": 2, "serialization": packed(BELL)[:-8] + "AAAAAAA="}, "unpacked|cut"),
    ({"compression_format": 2, "serialization": packed(" " * 17_000_000)}, "longer than allowed"),
    ({"serialization_format": "QASM_V2"}, "serialization_format: must be a number"),
    ({"serialization_format": True}, "must be a number"),
    ({"serialization_format": 0}, "0 is unknown"),
    ({"serialization_format": 3}, "format 3, but OpenQASM 2 inside"),
    ({"serialization": None}, "must be a string"),
]


@pytest.mark.parametrize(("change", "words"), BAD_TRIPLES)
def test_a_program_that_is_wrongly_encoded_is_named(change: dict[str, Any], words: str) -> None:
    triple = {"compression_format": 1, "serialization_format": 2, "serialization": BELL} | change
    with pytest.raises(EncodingError, match=words):
        read_payload(json.dumps({"programs": [triple]}))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"programs": []}', '"' * 9])
def test_a_payload_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        read_payload(text)


# -- sessions --------------------------------------------------------------------------------------


async def test_a_session_starts_runs_stops_and_is_stopped(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    path, seen = f"/sessions/{session['id']}", [session["status"]]
    assert (session["started_at"], session["deduplication_id"]) == (None, "")
    await trio.sleep(6)
    seen.append((await on.call("GET", path))["status"])
    seen.append((await on.call("POST", f"{path}/terminate", {}))["status"])
    await trio.sleep(1.1)
    last = await on.call("GET", path)
    assert [*seen, last["status"]] == ["starting", "running", "stopping", "stopped"]
    assert session["created_at"] < last["started_at"] <= last["terminated_at"]
    assert (await on.call("POST", f"{path}/terminate"))["status"] == "stopped"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("600s", "600s"), ("2.5s", "2.5s"), ("600.000000000s", "600s"), (90, "90s"), (None, "1800s")],
)
async def test_durations_are_seconds(qaas: Maker, sent: Any, shown: str) -> None:
    assert (await qaas().session(max_duration=sent))["max_duration"] == shown


@pytest.mark.parametrize("sent", ["Nones", "90", "PT1H", "abc", "-5s", "0s", 0, True, [], "1e3s"])
async def test_other_durations_are_refused(qaas: Maker, sent: Any) -> None:
    refusal = await qaas().session(max_idle_duration=sent, status=400)
    assert refusal["details"][0]["argument_name"] == "max_idle_duration"


async def test_a_live_session_is_found_by_its_deduplication_id(qaas: Maker) -> None:
    on = qaas()
    first = await on.session(deduplication_id="run-7", name="mine")
    again = await on.session(QSIM, deduplication_id="run-7", name="other", max_duration="1s")
    assert again == first
    await on.call("POST", f"/sessions/{first['id']}/terminate", {})
    assert (await on.session(deduplication_id="run-7"))["id"] != first["id"]


async def test_without_a_deduplication_id_every_session_is_new(qaas: Maker) -> None:
    on = qaas()
    ids = {(await on.session(deduplication_id=one))["id"] for one in (None, None, "", "")}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("scope", "other_project", "other_platform"),
    [("project", False, True), ("organisation", True, True), ("platform", False, False)],
)
async def test_the_scope_of_deduplication_can_be_chosen(
    qaas: Maker, scope: str, other_project: bool, other_platform: bool
) -> None:
    on = qaas({"dedup_scope": scope})
    first = await on.session(deduplication_id="d")
    elsewhere = await on.session(deduplication_id="d", project_id=OTHER_PROJECT_ID)
    assert (elsewhere["id"] == first["id"]) is other_project
    assert ((await on.session(QSIM, deduplication_id="d"))["id"] == first["id"]) is other_platform


async def test_a_session_ends_after_its_longest_duration(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(max_duration="9s")
    job = await on.job(session)
    await trio.sleep(14.9)
    assert (await on.read(job))["status"] == "running"
    await trio.sleep(1.2)
    assert (await on.read(job))["status"] == "cancelled"
    assert (await on.call("GET", f"/sessions/{session['id']}"))["status"] == "stopped"


async def test_a_session_is_prolonged(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(max_duration="10s")
    job = await on.job(session)
    changed = await on.call(
        "PATCH", f"/sessions/{session['id']}", {"max_duration": "60s", "name": "new", "tags": ["t"]}
    )
    assert (changed["max_duration"], changed["name"], changed["tags"]) == ("60s", "new", ["t"])
    await trio.sleep(17)
    assert (await on.read(job))["status"] == "completed"


async def test_a_shortened_session_ends_now_and_not_before(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    job = await on.job(session)
    await trio.sleep(40)
    body = {"max_duration": "1s", "max_idle_duration": None}
    changed = await on.call("PATCH", f"/sessions/{session['id']}", body)
    assert changed["status"] == "stopping"
    assert (await on.read(job))["status"] == "completed"


async def test_a_session_idles_out_after_its_last_job(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(max_idle_duration="30s")
    await on.job(session)
    await trio.sleep(16 + 29)
    assert (await on.call("GET", f"/sessions/{session['id']}"))["status"] == "running"
    await trio.sleep(2)
    stopped = await on.call("GET", f"/sessions/{session['id']}")
    assert (stopped["status"], stopped["finished_job_count"]) == ("stopped", 1)
    assert stopped["terminated_at"] == on.clock.at(46).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(("counts", "status"), [(True, "completed"), (False, "cancelled")])
async def test_whether_a_waiting_job_is_activity_can_be_chosen(
    qaas: Maker, counts: bool, status: str
) -> None:
    on = qaas({"idle_counts_waiting": counts})
    job = await on.job(await on.session(max_idle_duration="4s"))
    await trio.sleep(60)
    assert (await on.read(job))["status"] == status


async def test_a_terminated_sessions_jobs_are_cancelled_and_stay_readable(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    done = await on.job(session)
    await trio.sleep(20)
    waiting = await on.job(session, name="point-2")
    await on.call("POST", f"/sessions/{session['id']}/terminate", {})
    await trio.sleep(2)
    found = await on.call("GET", "/jobs", session_id=session["id"])
    words = {one["name"]: one["status"] for one in found["jobs"]}
    assert words == {"point-1": "completed", "point-2": "cancelled"}
    assert len(await on.rows(done)) == 1
    assert await on.rows(waiting) == []


async def test_a_stopped_session_takes_no_job(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    await on.call("POST", f"/sessions/{session['id']}/terminate", {})
    refusal = await on.job(session, status=412)
    assert (refusal["type"], refusal["precondition"]) == (
        "precondition_failed",
        "unknown_precondition",
    )
    assert "stopping" in refusal["help_message"]
    assert on.stage.ledger == []


async def test_a_deleted_session_takes_its_jobs_with_it(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    job = await on.job(session)
    assert await on.call("DELETE", f"/sessions/{session['id']}", status=204) is None
    await on.call("GET", f"/sessions/{session['id']}", status=404)
    await on.call("GET", f"/jobs/{job['id']}", status=404)
    assert (await on.call("GET", "/jobs", project_id=PROJECT_ID))["jobs"] == []
    assert (await on.call("GET", "/jobs", session_id=session["id"]))["total_count"] == 0
    assert [entry["state"] for entry in on.stage.ledger] == ["cancelled"]


async def test_sessions_are_listed_by_project_platform_and_tags(qaas: Maker) -> None:
    on = qaas()
    for name, tags in (("b", ["x", "y"]), ("a", ["x"]), ("c", None)):
        await on.session(name=name, tags=tags)
    await on.session(QSIM, name="q", tags=["x"])
    await on.session(name="other", project_id=OTHER_PROJECT_ID)

    async def names(**query: Any) -> list[str]:
        found = await on.call("GET", "/sessions", project_id=PROJECT_ID, **query)
        return [one["name"] for one in found["sessions"]]

    platform = (await on.platform())["id"]
    assert await names() == ["a", "b", "c", "q"]
    assert await names(platform_id=platform, order_by="created_at_desc") == ["c", "a", "b"]
    assert await names(tags=["x", "y"]) == ["b"]
    on.stage.set_faults(switches={"scaleway": {"tags": "any"}})
    assert await names(tags=["x", "y"]) == ["a", "b", "q"]
    await on.call("GET", "/sessions", status=400)


async def test_accesses_are_listed(qaas: Maker) -> None:
    on = qaas()
    found = await on.call("GET", f"/sessions/{(await on.session())['id']}/acls")
    assert found == {"total_count": 1, "acls": ["full"]}


@pytest.mark.parametrize(
    ("platform", "status", "facts"),
    [
        ("QPU-SIRIUS-24PQ", 409, {"type": "transient_state", "current_state": "maintenance"}),
        ("EMU-AER-2L40S", 503, {"type": "out_of_stock", "resource": "platform"}),
        ("QPU-EMERALD-54PQ", 200, {"status": "starting"}),
    ],
)
async def test_a_platform_opens_sessions_when_it_is_available(
    qaas: Maker, platform: str, status: int, facts: dict[str, str]
) -> None:
    found = await qaas().session(platform, status=status)
    assert {key: found[key] for key in facts} == facts


async def test_availability_can_be_scripted_and_sessions_have_a_quota(qaas: Maker) -> None:
    on = qaas({"session_quota": 1, "availability": {QSIM: "maintenance"}})
    assert (await on.platform(QSIM))["availability"] == "maintenance"
    await on.session(QSIM, status=409)
    first = await on.session()
    refusal = await on.session(status=403)
    detail = {"resource": "sessions", "quota": 1, "current": 1}
    assert (refusal["type"], refusal["details"]) == ("quotas_exceeded", [detail])
    await on.call("POST", f"/sessions/{first['id']}/terminate", {})
    await on.session()


@pytest.mark.parametrize(
    ("changes", "status", "argument"),
    [
        ({"platform_id": "7"}, 400, "platform_id"),
        ({"platform_id": PROJECT_ID}, 404, None),
        ({"platform_id": None}, 400, "platform_id"),
        ({"model_id": "none"}, 404, None),
        ({"tags": "x"}, 400, "tags"),
        ({"name": 7}, 400, "name"),
        ({"booking_demand": "now"}, 400, "booking_demand"),
    ],
)
async def test_a_bad_session_is_refused(
    qaas: Maker, changes: dict[str, Any], status: int, argument: str | None
) -> None:
    refusal = await qaas().session(status=status, **changes)
    if argument:
        assert refusal["details"][0]["argument_name"] == argument


async def test_the_script_ends_hides_and_miscalls_sessions(qaas: Maker) -> None:
    rules = [
        {"kind": "session", "name": "short", "ends_after_s": 14},
        {"kind": "session", "name": "shy", "hide_s": 5},
        {"kind": "session", "name": "odd", "word": "error"},
    ]
    on = qaas(faults={"jobs": rules})
    short = await on.session(name="short")
    job = await on.job(short)
    await on.session(name="shy")
    assert (await on.session(name="odd"))["status"] == "error"
    found = await on.call("GET", "/sessions", project_id=PROJECT_ID)
    assert [one["name"] for one in found["sessions"]] == ["odd", "short"]
    await trio.sleep(16)
    assert (await on.read(job))["status"] == "cancelled"


# -- bookings --------------------------------------------------------------------------------------


async def test_somebody_elses_slot_stops_sessions_and_holds_new_ones(qaas: Maker) -> None:
    slot = {"platform": IQM, "from_s": 10, "to_s": 50}
    on = qaas({"bookings": [slot]})
    early = await on.session(IQM)
    job = await on.job(early)
    elsewhere = await on.session(AQT)
    await trio.sleep(12)
    assert (await on.read(job))["status"] == "cancelled"
    assert (await on.call("GET", f"/sessions/{early['id']}"))["status"] == "stopped"
    assert (await on.call("GET", f"/sessions/{elsewhere['id']}"))["status"] == "running"
    held = await on.session(IQM)
    later = await on.job(held)
    await trio.sleep(37)
    assert (await on.call("GET", f"/sessions/{held['id']}"))["status"] == "starting"
    assert (await on.read(later))["status"] == "waiting"
    await trio.sleep(6)
    assert (await on.read(later))["status"] == "completed"


async def test_a_booked_session_runs_in_its_slot(qaas: Maker) -> None:
    on = qaas()
    demand = {
        "started_at": on.later(7200),
        "finished_at": on.later(7200 + 3600),
        "description": "night run",
        "time_zone": "UTC",
    }
    session = await on.session(IQM, booking_demand=demand, max_duration="36000s")
    path = f"/bookings/{session['booking_id']}"
    assert (await on.call("GET", path))["status"] == "validating"
    await trio.sleep(1)
    booking = await on.call("GET", path)
    assert (booking["status"], booking["description"]) == ("validated", "night run")
    assert session["status"] == "starting"
    await trio.sleep(7200)
    assert (await on.call("GET", f"/sessions/{session['id']}"))["status"] == "running"
    await trio.sleep(3600)
    assert (await on.call("GET", f"/sessions/{session['id']}"))["status"] == "stopped"


async def test_a_booking_is_described_and_listed(qaas: Maker) -> None:
    on = qaas({"bookings": [{"platform": IQM, "from_s": 60, "to_s": 120}]})
    demand = {"started_at": on.later(7200), "finished_at": on.later(10800)}
    session = await on.session(IQM, booking_demand=demand)
    path = f"/bookings/{session['booking_id']}"
    await on.call("PATCH", path, {"description": "ours"})
    mine = (await on.call("GET", "/bookings", project_id=PROJECT_ID))["bookings"]
    assert [one["description"] for one in mine] == ["ours"]
    platform = (await on.platform(IQM))["id"]
    every = await on.call("GET", "/bookings", platform_id=platform, order_by="started_at_asc")
    assert [one["description"] for one in every["bookings"]] == ["", "ours"]


DAY = 86_400.0


@pytest.mark.parametrize(
    ("begins", "lasts", "words"),
    [
        (7200, 60, "min_duration not respected"),
        (7200, 10 * 3600, "max_duration not respected"),
        (60, 3600, "min_planification_duration not respected"),
        (40 * DAY, 3600, "max_planification_duration not respected"),
        (3 * DAY + 1800, 3600, "existing booking"),
        (3 * DAY - 3600, 3600, ""),
    ],
)
async def test_a_demand_must_keep_to_the_requirement(
    qaas: Maker, begins: float, lasts: float, words: str
) -> None:
    on = qaas({"bookings": [{"platform": IQM, "from_s": 3 * DAY, "to_s": 3 * DAY + 3600}]})
    demand = {"started_at": on.later(begins), "finished_at": on.later(begins + lasts)}
    status = (412 if words == "existing booking" else 400) if words else 200
    assert words in json.dumps(await on.session(IQM, status=status, booking_demand=demand))


async def test_a_simulator_is_not_bookable_and_days_have_a_quota(qaas: Maker) -> None:
    on = qaas()

    def demand(hours: float) -> dict[str, str]:
        begins = hours * 3600
        return {"started_at": on.later(begins), "finished_at": on.later(begins + 3600)}

    assert "not bookable" in json.dumps(await on.session(status=400, booking_demand=demand(2)))
    await on.session(IQM, booking_demand=demand(2))
    refusal = await on.session(IQM, status=403, booking_demand=demand(4))
    assert refusal["details"][0]["resource"] == "max_booking_per_day"
    await on.session(IQM, booking_demand=demand(27))


async def test_a_slot_is_given_back_with_its_session_if_there_is_time(qaas: Maker) -> None:
    on = qaas()
    demands = [
        {"started_at": on.later(begins), "finished_at": on.later(begins + 3600)}
        for begins in (7200, 3 * DAY)
    ]
    soon, late = [await on.session(IQM, booking_demand=demand) for demand in demands]
    refusal = await on.call("DELETE", f"/sessions/{soon['id']}", status=412)
    assert refusal["help_message"] == "max_cancellation_time passed"
    await on.call("DELETE", f"/sessions/{late['id']}", status=204)
    path, seen = f"/bookings/{late['booking_id']}", []
    for _ in range(2):
        seen.append((await on.call("GET", path))["status"])
        await trio.sleep(1)
    assert seen == ["cancelling", "cancelled"]


# -- jobs ------------------------------------------------------------------------------------------


async def test_a_job_waits_runs_and_completes(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    job = await on.job(session, tags=["qbatch", "run:1"])
    assert (job["tags"], job["started_at"]) == (["qbatch", "run:1"], None)
    counts = await on.call("GET", f"/sessions/{session['id']}")
    assert (counts["waiting_job_count"], counts["finished_job_count"]) == (1, 0)
    seen = [job["status"]]
    for pause_s in (12, 4):
        await trio.sleep(pause_s)
        seen.append((await on.read(job))["status"])
    assert seen == ["waiting", "running", "completed"]
    done = await on.read(job)
    assert (done["job_duration"], done["progress_message"]) == ("4s", None)
    assert job["created_at"] < done["started_at"] < done["updated_at"]


@pytest.mark.parametrize(
    ("changes", "status", "argument"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": None}, 400, "name"),
        ({"session_id": "none"}, 404, None),
        ({"model_id": "none"}, 404, None),
        ({"model_id": None}, 400, "model_id"),
        ({"model_id": None, "circuit": {}}, 400, "model_id"),
        ({"circuit": "x"}, 400, "circuit"),
        ({"parameters": None}, 400, "parameters"),
        ({"parameters": {"shots": 1}}, 400, "parameters"),
        ({"parameters": "{"}, 400, "parameters"),
        ({"parameters": '{"shots": 0}'}, 400, "parameters"),
        ({"parameters": '{"shots": "9"}'}, 400, "parameters"),
        ({"parameters": '{"shots": 100001}'}, 400, "parameters"),
        ({"max_duration": "soon"}, 400, "max_duration"),
        ({"tags": [1]}, 400, "tags"),
    ],
)
async def test_a_bad_job_is_refused_and_not_accepted(
    qaas: Maker, changes: dict[str, Any], status: int, argument: str | None
) -> None:
    on = qaas()
    refusal = await on.job(await on.session(), status=status, **changes)
    if argument:
        assert refusal["details"][0]["argument_name"] == argument
    assert on.stage.ledger == []


@pytest.mark.parametrize("circuit", [None, {}, {"qiskit_circuit": None}, {"percevalCircuit": None}])
async def test_the_circuit_beside_a_model_may_be_nothing(qaas: Maker, circuit: Any) -> None:
    on = qaas()
    job = await on.job(await on.session(), circuit=circuit)
    found = await on.call("GET", f"/jobs/{job['id']}/circuit")
    assert found == {"perceval_circuit": None, "qiskit_circuit": None}


async def test_a_session_lends_its_model_and_parameters(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(model_id=await on.model(), parameters='{"shots": 77}')
    job = await on.job(session, model_id=None, parameters=None)
    await trio.sleep(20)
    (row,) = await on.rows(job)
    assert content(row["result"])["results"][0]["shots"] == 77


@pytest.mark.parametrize(
    ("platform", "programs", "shots", "words"),
    [
        (AQT, [BELL], 2001, "2001 shots"),
        (QSIM, [BELL, BELL], 10, "2 circuits"),
        (IQM, [BELL] * 101, 10, "101 circuits"),
        ("QPU-BELENOS-12PQ", [BELL], 10, "format 2"),
    ],
)
async def test_a_platforms_limits_are_kept_when_asked_or_when_run(
    qaas: Maker, platform: str, programs: list[str], shots: int, words: str
) -> None:
    on = qaas()
    text = payload(*programs)
    refusal = await on.job(await on.session(platform), text, shots, status=400)
    assert words in refusal["details"][0]["help_message"]
    on.stage.set_faults(switches={"scaleway": {"checks": "run"}})
    assert words in await on.failing(*programs, platform=platform, shots=shots)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (BELL.replace("h q[0]", "nonsense q[0]"), "cannot parse"),
        (BELL.replace("q[2]", "q[13]"), "uses 13 qubits, the device has 12"),
        (HEAD + "qreg q[1]; creg c[1]; h q[0];", "measures nothing"),
    ],
)
async def test_a_program_that_cannot_run_ends_with_error(
    qaas: Maker, program: str, words: str
) -> None:
    assert words in await qaas().failing(program, platform=AQT)


@pytest.mark.parametrize("number", [4, 5])
async def test_programs_of_other_kinds_are_refused(qaas: Maker, number: int) -> None:
    on = qaas()
    text = PLAIN_PAYLOAD.replace('"serialization_format": 2', f'"serialization_format": {number}')
    refusal = await on.job(await on.session(), text, status=400)
    assert f"format {number}" in refusal["details"][0]["help_message"]


@pytest.mark.parametrize("header", ["OPENQASM 1.0;\n", ""])
async def test_the_oldest_openqasm_is_run_too(qaas: Maker, header: str) -> None:
    on = qaas()
    program = BELL.replace("OPENQASM 2.0;\n", header)
    text = payload(program).replace('"serialization_format": 2', '"serialization_format": 1')
    job = await on.job(await on.session(), text)
    await trio.sleep(20)
    assert (await on.read(job))["status"] == "completed"


async def test_one_name_twice_is_two_jobs_and_both_are_paid(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(IQM, deduplication_id="d-1")
    first, second = [await on.job(session) for _ in range(2)]
    assert first["id"] != second["id"]
    entries = on.stage.ledger
    assert [one["id"] for one in entries] == [first["id"], second["id"]]
    assert {(one["key"], one["same_name"], one["deduplication_id"]) for one in entries} == {
        ("point-1", 2, "d-1")
    }
    assert {one["session"] for one in entries} == {session["id"]}


async def test_jobs_are_listed_newest_first_in_pages(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    for name in "abcde":
        await on.job(session, name=name)

    async def names(**query: Any) -> list[str]:
        found = await on.call("GET", "/jobs", session_id=session["id"], **query)
        assert found["total_count"] == 5
        return [one["name"] for one in found["jobs"]]

    assert await names() == list("edcba")
    assert await names(page=2, page_size=2) == ["c", "b"]
    assert await names(page=4, page_size=2) == []
    assert await names(order_by="created_at_asc", page_size=2) == ["a", "b"]
    assert await names(order_by="name_asc") == list("abcde")
    await on.call("GET", "/jobs", status=400)


async def test_jobs_are_listed_over_a_project_and_by_tags(qaas: Maker) -> None:
    on = qaas()
    for platform in (AER, QSIM):
        await on.job(await on.session(platform), name=platform, tags=["qbatch", platform])
    other = await on.session(project_id=OTHER_PROJECT_ID)
    await on.job(other, name="other", tags=["qbatch"])

    async def names(**query: Any) -> list[str]:
        found = await on.call("GET", "/jobs", **query)
        return [one["name"] for one in found["jobs"]]

    assert await names(project_id=PROJECT_ID) == [QSIM, AER]
    assert await names(project_id=PROJECT_ID, order_by="platform_name_asc") == [AER, QSIM]
    assert await names(project_id=PROJECT_ID, tags=["qbatch", AER]) == [AER]
    assert await names(project_id=OTHER_PROJECT_ID, tags="qbatch") == ["other"]


async def test_a_job_is_renamed_and_tagged_while_the_ledger_keeps_its_key(qaas: Maker) -> None:
    on = qaas()
    job = await on.job(await on.session(), tags=["a"])
    changed = await on.call("PATCH", f"/jobs/{job['id']}", {"name": "new", "tags": None})
    assert (changed["name"], changed["tags"]) == ("new", ["a"])
    changed = await on.call("PATCH", f"/jobs/{job['id']}", {"tags": ["b"]})
    assert (changed["name"], changed["tags"]) == ("new", ["b"])
    (entry,) = on.stage.ledger
    assert (entry["key"], entry["name"]) == ("point-1", "new")


@pytest.mark.parametrize("waits_s", [0, 13])
async def test_a_job_is_cancelled_step_by_step(qaas: Maker, waits_s: float) -> None:
    on = qaas()
    job = await on.job(await on.session())
    await trio.sleep(waits_s)
    seen = [(await on.call("POST", f"/jobs/{job['id']}/cancel", {}))["status"]]
    await trio.sleep(1)
    seen.append((await on.read(job))["status"])
    assert seen == ["cancelling", "cancelled"]
    assert (await on.call("POST", f"/jobs/{job['id']}/cancel", {}))["status"] == "cancelled"
    assert await on.rows(job) == []


async def test_a_running_job_may_finish_in_spite_of_being_cancelled(qaas: Maker) -> None:
    on = qaas({"cancel_running": "finish"})
    job = await on.job(await on.session())
    await trio.sleep(13)
    assert (await on.call("POST", f"/jobs/{job['id']}/cancel"))["status"] == "cancelling"
    await trio.sleep(4)
    assert (await on.read(job))["status"] == "completed"
    assert (await on.call("POST", f"/jobs/{job['id']}/cancel"))["status"] == "completed"
    assert len(await on.rows(job)) == 1


async def test_a_deleted_job_is_gone_and_stays_in_the_ledger(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    job = await on.job(session)
    await on.call("DELETE", f"/jobs/{job['id']}", status=204)
    await on.call("GET", f"/jobs/{job['id']}", status=404)
    assert (await on.call("GET", "/jobs", session_id=session["id"]))["jobs"] == []
    assert [one["state"] for one in on.stage.ledger] == ["cancelled"]


async def test_a_job_beyond_its_own_duration_fails(qaas: Maker) -> None:
    on = qaas()
    job = await on.job(await on.session(), max_duration="2s")
    await trio.sleep(14.5)
    done = await on.read(job)
    assert (done["status"], done["job_duration"]) == ("error", "2s")
    assert "max_duration" in done["progress_message"]


@pytest.mark.parametrize(
    ("rule", "status", "message"),
    [
        ({"fail": "laser off"}, "error", "laser off"),
        ({"expires": True}, "error", "the job expired"),
        ({"word": "melting"}, "melting", None),
    ],
)
async def test_jobs_end_as_scripted(
    qaas: Maker, rule: dict[str, Any], status: str, message: str | None
) -> None:
    on = qaas(faults={"jobs": [rule]})
    job = await on.job(await on.session())
    await trio.sleep(100)
    done = await on.read(job)
    assert (done["status"], done["progress_message"]) == (status, message)
    assert await on.rows(job) == []


async def test_a_job_may_be_listed_late_while_it_is_readable(qaas: Maker) -> None:
    on = qaas(faults={"jobs": [{"hide_s": 30}]})
    session = await on.session()
    job = await on.job(session)
    assert (await on.call("GET", "/jobs", session_id=session["id"]))["total_count"] == 0
    assert (await on.read(job))["id"] == job["id"]
    await trio.sleep(30)
    assert (await on.call("GET", "/jobs", session_id=session["id"]))["total_count"] == 1


async def test_rows_may_lag_behind_the_state(qaas: Maker) -> None:
    on = qaas(faults={"jobs": [{"lag_s": 50}]})
    job = await on.job(await on.session())
    await trio.sleep(20)
    assert (await on.read(job))["status"] == "completed"
    assert await on.rows(job) == []
    await trio.sleep(50)
    assert len(await on.rows(job)) == 1


async def test_a_lost_answer_leaves_a_job_that_runs(qaas: Maker) -> None:
    rule = {"path": "*/jobs", "method": "POST", "drop": "after"}
    on = qaas(faults={"requests": [rule]})
    session = await on.session()
    with pytest.raises(httpx.RemoteProtocolError):
        await on.job(session)
    await trio.sleep(20)
    (job,) = (await on.call("GET", "/jobs", session_id=session["id"]))["jobs"]
    assert (job["name"], job["status"]) == ("point-1", "completed")


# -- results ---------------------------------------------------------------------------------------


def assert_asymmetric(counts: dict[str, int]) -> None:
    """Bit 0 is 1, bit 1 is 0, bit 2 is 1 with sin²(0.5); five standard deviations."""
    assert set(counts) == {"001", "101"}
    assert sum(counts.values()) == 1000
    chance = math.sin(0.5) ** 2
    assert abs(counts["101"] - 1000 * chance) <= 5 * math.sqrt(1000 * chance * (1 - chance))


async def test_qiskit_results_count_bits_from_the_right(qaas: Maker) -> None:
    result = await qaas().run(ASYMMETRIC)
    (experiment,) = result["results"]
    counts = {f"{int(word, 16):03b}": n for word, n in experiment["data"]["counts"].items()}
    assert_asymmetric(counts)
    header = experiment["header"]
    assert (header["n_qubits"], header["memory_slots"]) == (3, 3)
    assert (header["creg_sizes"], header["qreg_sizes"]) == ([["a", 1], ["b", 2]], [["q", 3]])
    assert (result["success"], experiment["success"], experiment["shots"]) == (True, True, 1000)


@pytest.mark.parametrize(
    ("body", "word", "sizes"),
    [
        ("qreg q[1]; creg c[2]; x q[0]; measure q[0] -> c[1];", "0x2", (1, 2)),
        ("qreg q[2]; creg c[3]; x q; measure q[0] -> c[0]; measure q[1] -> c[2];", "0x5", (2, 3)),
        ("qreg q[2]; creg c[2]; creg meas[2]; x q[0]; measure q -> meas;", "0x4", (2, 4)),
    ],
)
async def test_more_bits_than_qubits_are_told_as_they_are(
    qaas: Maker, body: str, word: str, sizes: tuple[int, int]
) -> None:
    (experiment,) = (await qaas().run(HEAD + body))["results"]
    assert experiment["data"]["counts"] == {word: 1000}
    header = experiment["header"]
    assert (header["n_qubits"], header["memory_slots"]) == sizes


async def test_memory_comes_when_asked_for_and_agrees_with_the_counts(qaas: Maker) -> None:
    on = qaas()
    result = await on.run(BELL, options={"memory": True})
    data = result["results"][0]["data"]
    assert {word: data["memory"].count(word) for word in ("0x0", "0x3")} == data["counts"]
    assert data["memory"] != sorted(data["memory"])
    assert "memory" not in (await on.run(BELL))["results"][0]["data"]


@pytest.mark.parametrize("platform", [AER, AQT, IQM])
async def test_several_circuits_are_several_experiments_of_one_row(
    qaas: Maker, platform: str
) -> None:
    result = await qaas().run(BELL, ASYMMETRIC, CROSSED, platform=platform)
    words = [set(one["data"]["counts"]) for one in result["results"]]
    assert words == [{"0x0", "0x3"}, {"0x1", "0x5"}, {"0x4"}]


async def test_one_circuit_twice_is_drawn_twice(qaas: Maker) -> None:
    first, second = (await qaas().run(BELL, BELL))["results"]
    assert first["data"]["counts"] != second["data"]["counts"]


async def test_rows_may_come_one_per_circuit(qaas: Maker) -> None:
    on = qaas({"one_row_per_circuit": True})
    job = await on.job(await on.session(), payload(BELL, CROSSED))
    await trio.sleep(20)
    rows = await on.rows(job, order_by="created_at_asc")
    words = [set(content(row["result"])["results"][0]["data"]["counts"]) for row in rows]
    assert words == [{"0x0", "0x3"}, {"0x4"}]
    assert rows[::-1] == await on.rows(job)


def cirq_counts(result: Any, keys: list[str]) -> dict[str, int]:
    """Join the keys' bits, the first leftmost."""
    columns = []
    for key in keys:
        record = result["records"][key]
        assert (record["binary"], record["shape"][1:]) == (True, [1, 1])
        raw = np.frombuffer(bytes.fromhex(record["packed_digits"]), dtype=np.uint8)
        columns.append(np.unpackbits(raw)[: record["shape"][0]])
    words = ["".join(map(str, shot)) for shot in np.array(columns).T]
    return {word: words.count(word) for word in set(words)}


async def test_cirq_results_have_a_key_for_every_measured_bit(qaas: Maker) -> None:
    on = qaas()
    result = await on.run(ASYMMETRIC, platform=QSIM)
    assert list(result["records"]) == ["a_0", "b_0", "b_1"]
    assert_asymmetric(cirq_counts(result, ["b_1", "b_0", "a_0"]))
    result = await on.run(CROSSED, platform=QSIM)
    assert list(result["records"]) == ["c_2", "c_0"]
    assert cirq_counts(result, ["c_2", "c_0"]) == {"10": 1000}


async def test_cirq_keys_belong_together_shot_by_shot(qaas: Maker) -> None:
    result = await qaas().run(BELL, platform=QSIM, shots=999)
    counts = cirq_counts(result, ["c_0", "c_1"])
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 999
    result = await qaas().run(CROSSED, platform=QSIM, shots=999)
    assert cirq_counts(result, ["c_2", "c_0"]) == {"10": 999}


def cudaq_counts(numbers: list[int]) -> dict[str, int]:
    """Read the only register of a sample."""
    name, rest = numbers[1 : 1 + numbers[0]], numbers[1 + numbers[0] :]
    assert "".join(map(chr, name)) == "__global__"
    entries = [rest[at : at + 3] for at in range(1, len(rest), 3)]
    assert len(entries) == rest[0]
    return {f"{value:0{size}b}": count for value, size, count in entries}


async def test_cudaq_samples_have_qubit_0_leftmost(qaas: Maker) -> None:
    on = qaas()
    counts = cudaq_counts(await on.run(ASYMMETRIC, platform=CUDAQ))
    assert_asymmetric({word[::-1]: count for word, count in counts.items()})
    backwards = HEAD + "qreg q[2]; creg c[2]; x q[0]; measure q[1] -> c[0]; measure q[0] -> c[1];"
    for program in (CROSSED, backwards):
        assert cudaq_counts(await on.run(program, platform=CUDAQ)) == {"10": 1000}


@pytest.mark.parametrize(("side", "step"), [("left", -1), ("right", 1)])
async def test_mimiq_histograms_have_bit_0_on_the_chosen_side(
    qaas: Maker, side: str, step: int
) -> None:
    result = await qaas({"mimiq_bit_0": side}).run(ASYMMETRIC, platform=MIMIQ)
    assert_asymmetric({word[::step]: count for word, count in result["histogram"].items()})
    assert result["samples"] == 1000


async def test_mimiq_has_bit_0_leftmost_unless_told_otherwise(qaas: Maker) -> None:
    result = await qaas().run(CROSSED, platform=MIMIQ)
    assert result["histogram"] == {"001": 1000}


async def test_the_format_says_the_flavour_and_compression_can_be_off(qaas: Maker) -> None:
    on = qaas({"compression": 1})
    formats = {}
    for platform in (QSIM, AER, CUDAQ, MIMIQ):
        job = await on.job(await on.session(platform), payload(BELL))
        await trio.sleep(20)
        triple = json.loads((await on.rows(job))[0]["result"])
        formats[platform] = (triple["compression_format"], triple["serialization_format"])
    assert formats == {QSIM: (1, 1), AER: (1, 2), CUDAQ: (1, 3), MIMIQ: (1, 4)}


@pytest.mark.parametrize("empty", [None, ""])
async def test_a_large_result_comes_by_a_url_that_takes_no_key(qaas: Maker, empty: Any) -> None:
    on = qaas({"result_by_url_above": 10, "empty_result": empty, "url_life_s": 60})
    job = await on.job(await on.session())
    await trio.sleep(20)
    (row,) = await on.rows(job)
    assert row["result"] == empty
    assert (await on.client.get(row["url"])).status_code == 400
    async with on.anonymous() as client:
        first = await client.get(row["url"])
        assert set(content(first.text)["results"][0]["data"]["counts"]) == {"0x0", "0x3"}
        assert (await client.get(row["url"].replace("results", "models"))).status_code == 403
        await trio.sleep(61)
        assert (await client.get(row["url"])).status_code == 403
        (row,) = await on.rows(job)
        assert (await client.get(row["url"])).text == first.text


async def test_rows_may_come_while_a_job_runs(qaas: Maker) -> None:
    on = qaas({"intermediate_rows": 3})
    job = await on.job(await on.session(), options={"memory": True})
    seen = []
    for pause_s in (11, 2.1, 1, 1, 1):
        await trio.sleep(pause_s)
        rows = await on.rows(job, order_by="created_at_asc")
        seen.append([content(row["result"])["results"][0]["shots"] for row in rows])
    assert seen == [[], [250], [250, 500], [250, 500, 750], [250, 500, 750, 1000]]
    memories = [content(row["result"])["results"][0]["data"]["memory"] for row in rows]
    assert memories[3][:250] == memories[0]


async def test_old_results_are_gone(qaas: Maker) -> None:
    on = qaas({"retention_s": 100})
    job = await on.job(await on.session())
    await trio.sleep(200)
    refusal = await on.call("GET", f"/jobs/{job['id']}/results", status=410)
    assert (refusal["type"], refusal["resource_id"]) == ("resource_expired", job["id"])


# -- the older form --------------------------------------------------------------------------------


def legacy(program: str, **more: Any) -> str:
    job = {
        "client": {"user_agent": "old"},
        "backend": {"name": AER, "version": "2", "options": {"method": "automatic"}},
        "run": {
            "circuits": [{"serialization_format": 3, "circuit_serialization": program}],
            "options": {"shots": 20, "memory": True},
        },
    }
    return json.dumps(job | more)


async def test_a_circuit_may_come_with_the_job_and_its_result_without_a_wrapper(
    qaas: Maker,
) -> None:
    on = qaas()
    circuit = {"qiskit_circuit": legacy(BELL_3)}
    fields = {"model_id": None, "parameters": None, "circuit": circuit}
    job = await on.job(await on.session(), **fields)
    await trio.sleep(20)
    (row,) = await on.rows(job)
    result = json.loads(row["result"])
    assert result["success"]
    assert len(result["results"][0]["data"]["memory"]) == 20
    shown = await on.call("GET", f"/jobs/{job['id']}/circuit")
    assert shown == {"perceval_circuit": None, **circuit}
    assert (await on.read(job))["model_id"] is None


async def test_the_older_form_on_qsim_is_a_bare_cirq_result(qaas: Maker) -> None:
    on = qaas()
    circuit = {"qiskit_circuit": legacy(BELL_3)}
    session = await on.session(QSIM)
    job = await on.job(session, model_id=None, parameters=None, circuit=circuit)
    await trio.sleep(20)
    (row,) = await on.rows(job)
    assert set(json.loads(row["result"])["records"]) == {"c_0", "c_1"}


async def test_a_photonic_circuit_is_taken_and_not_run(qaas: Maker) -> None:
    on = qaas()
    session = await on.session("QPU-BELENOS-12PQ")
    fields = {"model_id": None, "parameters": None, "circuit": {"percevalCircuit": "{}"}}
    job = await on.job(session, **fields)
    await trio.sleep(100)
    assert "Perceval" in (await on.read(job))["progress_message"]


@pytest.mark.parametrize("circuit", ["{}", '{"run": {"circuits": [7], "options": {"shots": 1}}}'])
async def test_a_bad_circuit_is_refused(qaas: Maker, circuit: str) -> None:
    on = qaas()
    fields = {"model_id": None, "circuit": {"qiskit_circuit": circuit}}
    refusal = await on.job(await on.session(), status=400, **fields)
    assert refusal["details"][0]["argument_name"] == "circuit"


# -- Aer's settings and noise ----------------------------------------------------------------------


async def test_one_seed_gives_one_result(qaas: Maker) -> None:
    on = qaas()
    counts = [
        (await on.run(BELL, backend={"seed_simulator": seed}))["results"][0]["data"]["counts"]
        for seed in (7, 7, 8)
    ]
    assert counts[0] == counts[1] != counts[2]


@pytest.mark.parametrize("method", ["matrix_product_state", "stabilizer", "tensor_network"])
async def test_a_method_is_passed_on(qaas: Maker, method: str) -> None:
    wide = HEAD + "qreg q[30]; creg c[30]; h q[0]; cx q[0],q[29]; measure q -> c;"
    result = await qaas().run(wide, backend={"method": method}, shots=200)
    counts = result["results"][0]["data"]["counts"]
    assert set(counts) == {"0x0", hex(1 + 2**29)}
    assert sum(counts.values()) == 200


@pytest.mark.parametrize(("method", "words"), [("stabilizer", "invalid"), ("magic", "magic")])
async def test_a_method_that_cannot_do_it_fails_the_job(
    qaas: Maker, method: str, words: str
) -> None:
    program = HEAD + "qreg q[1]; creg c[1]; t q[0]; measure q -> c;"
    assert words in await qaas().failing(program, backend={"method": method})


async def test_an_approximation_changes_what_comes_out(qaas: Maker) -> None:
    settings = {"method": "matrix_product_state", "matrix_product_state_max_bond_dimension": 1}
    result = await qaas().run(BELL, backend=settings)
    assert len(result["results"][0]["data"]["counts"]) == 1


def encoded(value: Any) -> Any:
    """Spell arrays and complex numbers out as JSON."""
    if isinstance(value, np.ndarray):
        return {
            "__ndarray__": True,
            "data": encoded(value.tolist()),
            "dtype": value.dtype.name,
            "shape": list(value.shape),
        }
    if isinstance(value, complex):
        return {"__complex__": True, "real": value.real, "imag": value.imag}
    if isinstance(value, dict):
        return {name: encoded(one) for name, one in value.items()}
    return [encoded(one) for one in value] if isinstance(value, list | tuple) else value


X_1 = HEAD + "qreg q[2]; creg c[2]; x q[1]; measure q -> c;"


def shares(result: Any) -> dict[str, float]:
    counts = result["results"][0]["data"]["counts"]
    return {word: count / sum(counts.values()) for word, count in counts.items()}


async def test_depolarizing_and_readout_noise_is_simulated(qaas: Maker) -> None:
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.3, 1), ["x"])
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    result = await qaas().run(X_1, noise=encoded(model.to_dict()), shots=20_000)
    seen = shares(result)
    one = 0.85 * 0.8 + 0.15 * 0.1
    expected = {"0x0": 0.9 * (1 - one), "0x1": 0.1 * (1 - one), "0x2": 0.9 * one, "0x3": 0.1 * one}
    assert seen == pytest.approx(expected, abs=5 * math.sqrt(0.25 / 20_000))


async def test_noise_on_one_qubit_stays_there_and_kraus_channels_work(qaas: Maker) -> None:
    from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

    model = NoiseModel()
    model.add_quantum_error(amplitude_damping_error(0.4), ["x"], [1])
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), ["cx"])
    noise = encoded(model.to_dict())
    seen = shares(await qaas().run(X_1, noise=noise, shots=20_000))
    assert seen == pytest.approx({"0x2": 0.6, "0x0": 0.4}, abs=0.018)
    other = X_1.replace("x q[1]", "x q[0]; z q[1]")
    assert shares(await qaas().run(other, noise=noise)) == {"0x1": 1.0}
    bell = shares(await qaas().run(BELL, noise=noise, shots=20_000))
    assert bell["0x1"] + bell["0x2"] == pytest.approx(0.1, abs=0.012)


async def test_a_coherent_error_keeps_its_complex_numbers(qaas: Maker) -> None:
    from qiskit.circuit.library import RXGate
    from qiskit_aer.noise import NoiseModel, coherent_unitary_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(coherent_unitary_error(RXGate(1.0)), ["x"])
    seen = shares(await qaas().run(X_1, noise=encoded(model.to_dict()), shots=20_000))
    expected = {"0x2": math.cos(0.5) ** 2, "0x0": math.sin(0.5) ** 2}
    assert seen == pytest.approx(expected, abs=5 * math.sqrt(0.25 / 20_000))


@pytest.mark.parametrize(
    "errors",
    [
        [{"type": "strange", "operations": ["x"], "probabilities": []}],
        [{"type": "qerror", "operations": ["x"], "instructions": [[]], "probabilities": [2.0]}],
        [
            {
                "type": "qerror",
                "operations": ["x"],
                "instructions": [[{"name": "magic", "qubits": [0]}]],
                "probabilities": [1.0],
            }
        ],
        None,
    ],
)
async def test_noise_that_cannot_be_simulated_fails_the_job(qaas: Maker, errors: Any) -> None:
    noise = {} if errors is None else {"errors": errors}
    assert "noise model" in await qaas().failing(X_1, noise=noise)


async def test_noise_is_for_aer_alone(qaas: Maker) -> None:
    on = qaas()
    text = payload(BELL, noise={"errors": []})
    refusal = await on.job(await on.session(QSIM), text, status=400)
    assert "takes no noise model" in refusal["details"][0]["help_message"]


# -- what it costs ---------------------------------------------------------------------------------


async def test_a_qpu_costs_by_circuit_and_by_shot(qaas: Maker) -> None:
    on = qaas()
    await on.job(await on.session(IQM), payload(BELL, CROSSED), shots=500)
    (entry,) = await on.stage.get("/-/ledger")
    assert (entry["price"], entry["unit"]) == (pytest.approx(2 * 0.22 + 2 * 500 * 0.0012), "eur")


@pytest.mark.parametrize(
    ("waits_s", "switches", "is_free"),
    [
        (0, {}, True),
        (13, {}, False),
        (0, {"bill_cancelled": "all"}, False),
        (13, {"bill_cancelled": "none"}, True),
    ],
)
async def test_a_cancelled_job_is_free_until_it_runs(
    qaas: Maker, waits_s: float, switches: dict[str, Any], is_free: bool
) -> None:
    on = qaas(switches)
    job = await on.job(await on.session(IQM))
    await trio.sleep(waits_s)
    await on.call("POST", f"/jobs/{job['id']}/cancel", {})
    (entry,) = on.stage.ledger
    assert entry["state"] == "cancelled"
    assert entry["price"] == pytest.approx(0 if is_free else 0.22 + 1.2)


@pytest.mark.parametrize(("bill", "price"), [(True, 0.22 + 1.2), (False, 0)])
async def test_whether_a_failed_job_is_paid_can_be_chosen(
    qaas: Maker, bill: bool, price: float
) -> None:
    on = qaas({"bill_failed": bill}, faults={"jobs": [{"fail": "no"}]})
    await on.job(await on.session(IQM))
    await trio.sleep(100)
    (entry,) = on.stage.ledger
    assert (entry["state"], entry["price"]) == ("failed", pytest.approx(price))


async def test_jobs_share_the_price_of_their_sessions_time(qaas: Maker) -> None:
    on = qaas()
    session = await on.session()
    for name in ("a", "b"):
        await on.job(session, name=name)
    await trio.sleep(6 + 1800)
    assert [one["price"] for one in on.stage.ledger] == [pytest.approx(1.5 / 4)] * 2
    await on.call("POST", f"/sessions/{session['id']}/terminate", {})
    await trio.sleep(5000)
    assert [one["price"] for one in on.stage.ledger] == [pytest.approx(1.5 / 4)] * 2


async def test_time_may_be_paid_by_the_minute(qaas: Maker) -> None:
    on = qaas({"billing_step_s": 60})
    await on.job(await on.session(max_duration="61s"))
    await trio.sleep(500)
    assert on.stage.ledger[0]["price"] == pytest.approx(1.5 * 120 / 3600)


async def test_a_booked_slot_is_paid_as_a_whole(qaas: Maker) -> None:
    on = qaas()
    demand = {"started_at": on.later(7200), "finished_at": on.later(7200 + 5400)}
    await on.job(await on.session(IQM, booking_demand=demand))
    assert on.stage.ledger[0]["price"] == pytest.approx(3000)


# -- the other form, and time in order -------------------------------------------------------------


async def test_the_form_of_raw_protobuf(qaas: Maker) -> None:
    on = qaas({"form": "protobuf"})
    session = await on.session(max_duration="2.5s")
    assert session["max_duration"] == {"seconds": "2", "nanos": 500_000_000}
    assert session["started_at"] == {"seconds": "-62135596800", "nanos": 0}
    assert int(session["created_at"]["seconds"]) == int(on.clock.began_at.timestamp())
    assert session["waiting_job_count"] == "0"
    assert (await on.call("GET", "/platforms"))["total_count"].isdecimal()


async def test_a_qpu_runs_one_job_after_another_and_a_simulator_is_ones_own(qaas: Maker) -> None:
    on = qaas(queue_s=0.0, is_serial=True, switches={"boot_s": 0})
    for platform in (IQM, AER):
        for _ in range(2):
            await on.job(await on.session(platform), name=platform)
    await trio.sleep(1.6)
    states = [(one["name"], one["state"]) for one in on.stage.ledger]
    assert states == [
        (IQM, "completed"),
        (IQM, "running"),
        (AER, "completed"),
        (AER, "completed"),
    ]


async def history(on: Qaas, seed: int, *, watched: bool) -> Any:
    """Let a random session live for ten minutes; return its end and those of its jobs."""
    chance = random.Random(seed)
    limits = {
        "max_duration": f"{chance.randint(20, 120)}s",
        "max_idle_duration": f"{chance.randint(5, 40)}s",
    }
    session = await on.session(IQM, **limits)
    path, made = f"/sessions/{session['id']}", []
    for _ in range(4):
        for _ in range(chance.randint(1, 30)):
            await trio.sleep(1)
            if watched:
                await on.call("GET", path)
                await on.call("GET", "/jobs", session_id=session["id"])
        body = {"name": "one", "session_id": session["id"], "model_id": await on.model()}
        reply = await on.client.post(
            "/scaleway/qaas/v1alpha1/jobs", json=body | {"parameters": '{"shots": 1}'}
        )
        made.append(reply.status_code)
    await trio.sleep(600)
    jobs = (await on.call("GET", "/jobs", session_id=session["id"]))["jobs"]
    began, session = on.clock.began_at, await on.call("GET", path)
    ends = [session["terminated_at"], *(one["updated_at"] for one in jobs)]
    passed = [datetime.fromisoformat(one) - began for one in ends]
    return made, session["status"], [one["status"] for one in jobs], passed


@pytest.mark.parametrize("waiting", [True, False])
@pytest.mark.parametrize("seed", mostly_slow(range(12), daily=3))
async def test_looking_often_changes_nothing(qaas: Maker, seed: int, waiting: bool) -> None:
    switches = {
        "idle_counts_waiting": waiting,
        "bookings": [{"platform": IQM, "from_s": 60 + seed, "to_s": 90}] if seed % 3 == 0 else [],
    }
    on, other = qaas(dict(switches)), qaas(dict(switches))
    seen = await history(on, seed, watched=True)
    assert seen[1] == "stopped"
    assert await history(other, seed, watched=False) == seen


async def test_nothing_that_was_seen_is_taken_back_by_a_new_slot(qaas: Maker) -> None:
    on = qaas()
    session = await on.session(IQM)
    job = await on.job(session)
    await trio.sleep(30)
    assert (await on.read(job))["status"] == "completed"
    slot = {"platform": IQM, "from_s": 5, "to_s": 50}
    on.stage.set_faults(switches={"scaleway": {"bookings": [slot]}})
    assert (await on.call("GET", f"/sessions/{session['id']}"))["status"] == "stopping"
    assert (await on.read(job))["status"] == "completed"
    assert len(await on.rows(job)) == 1


async def test_the_variables_a_client_needs(qaas: Maker) -> None:
    found = qaas().stage.environment
    assert found["QBATCH_SCALEWAY_URL"] == "https://emulators.test/scaleway"
    assert {found[f"{stem}_PROJECT_ID"] for stem in ("QISKIT_SCALEWAY", "SCW")} == {PROJECT_ID}
    assert {found[f"{stem}_SECRET_KEY"] for stem in ("QISKIT_SCALEWAY", "SCW")} == {SECRET_KEY}
    assert found["SCW_API_URL"] == found["QISKIT_SCALEWAY_API_URL"] == found["QBATCH_SCALEWAY_URL"]
