"""The emulated OQC, endpoint by endpoint, in virtual time."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trio

from qbatch.emulators.oqc.access import EMAIL, PASSWORD, TOKEN

QPU = "qpu:uk:2:d865b5a184"
HARDWARE = "qpu:jp:3:673b1ad43c"
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


@pytest.fixture
def oqc(stage: Maker) -> Maker:
    """Return a maker of stages with OQC and a valid token; jobs wait 9 s and run 3 s."""

    def make(**arguments: Any) -> Any:
        arguments.setdefault("queue_s", 9.0)
        arguments.setdefault("headers", {"Authentication-Token": TOKEN})
        return stage("oqc", **arguments)

    return make


def config(prefix: str = "compiler_config.config", **data: Any) -> str:
    """Write a compiler configuration as the official library does."""
    layout = data.pop("format", 1)
    transforms = data.pop("transforms", 3)
    results = {
        "$type": f"<class '{prefix}.QuantumResultsFormat'>",
        "$data": {
            "format": None
            if layout is None
            else {"$type": f"<enum '{prefix}.InlineResultsProcessing'>", "$value": layout},
            "transforms": {"$type": f"<enum '{prefix}.ResultsFormatting'>", "$value": transforms},
        },
    }
    return json.dumps(
        {
            "$type": f"<class '{prefix}.CompilerConfig'>",
            "$data": {"repeats": 1000, "results_format": results, **data},
        }
    )


def task(program: str = BELL, qpu: str = QPU, **more: Any) -> dict[str, Any]:
    return {"program": program, "qpu_id": qpu, "config": config(), **more}


def path(qpu: str = QPU) -> str:
    return f"/oqc/{qpu.split(':')[-1]}"


async def allocate(on: Any, count: int = 1, qpu: str = QPU, tag: str | None = None) -> Any:
    body = {"qpu_id": qpu, "task_count": count, "tag": tag}
    reply = await on.client.post(f"{path(qpu)}/tasks", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def send(on: Any, *tasks: dict[str, Any], status: int = 200) -> Any:
    reply = await on.client.post(f"{path(tasks[0]['qpu_id'])}/tasks/submit", json={"tasks": tasks})
    assert reply.status_code == status, reply.text
    return reply.json()


async def finish(on: Any, *tasks: dict[str, Any]) -> list[Any]:
    """Submit tasks, wait them out, return their records."""
    ids = [row["task_id"] for row in await send(on, *tasks)]
    await trio.sleep(60)
    return [await on.get(f"{path(tasks[0]['qpu_id'])}/tasks/{one}/all_info") for one in ids]


# -- login ---------------------------------------------------------------------------------------


async def test_the_version_needs_no_token(oqc: Maker) -> None:
    on = oqc(headers={})
    assert "version" in await on.get("/oqc/admin/version")
    assert "version" in await on.get("/oqc/healthz")


@pytest.mark.parametrize("headers", [{}, {"Authentication-Token": "wrong"}])
async def test_without_a_valid_token_nothing_is_told(oqc: Maker, headers: dict[str, str]) -> None:
    reply = await oqc(headers=headers).client.get("/oqc/admin/qpu?per_page=1000")
    assert reply.status_code == 401
    assert reply.json() == {"response": {"errors": ["The authentication token is not valid."]}}


async def test_email_and_password_buy_a_token_for_a_day(oqc: Maker) -> None:
    on = oqc(headers={})
    assert (await on.client.post("/oqc/admin/logout", json={})).status_code == 200
    login = "/oqc/admin/login?include_auth_token=true"
    reply = await on.client.post(login, json={"email": EMAIL, "password": PASSWORD})
    token = reply.json()["response"]["user"]["authentication_token"]
    headers = {"Authentication-Token": token}
    await on.get("/oqc/admin/qpu", headers=headers)
    await trio.sleep(86_400)
    reply = await on.client.get("/oqc/admin/qpu", headers=headers)
    assert reply.json()["response"]["errors"] == ["The authentication token has expired."]


async def test_a_wrong_password_is_refused(oqc: Maker) -> None:
    body = {"email": EMAIL, "password": "guess"}
    reply = await oqc(headers={}).client.post("/oqc/admin/login", json=body)
    assert reply.status_code == 401


async def test_a_bearer_token_is_taken_too(oqc: Maker) -> None:
    on = oqc(headers={"Authorization": f"Bearer {TOKEN}"})
    assert len(await on.get("/oqc/qpus")) == 4


async def test_tokens_are_made_shown_and_deleted(oqc: Maker) -> None:
    on = oqc()
    made = await on.client.post("/oqc/admin/users/current_user/auth_tokens", json={})
    url = f"/oqc/admin/auth_tokens/{made.json()['token']}"
    assert "expires_at" in await on.get(url)
    assert "expires_at" in await on.get(f"/oqc/admin/auth_tokens/{TOKEN}")
    deleted = await on.client.delete(url.replace("/admin", ""))
    assert deleted.status_code == 200
    assert (await on.client.get(url)).status_code == 404


async def test_the_user_can_be_looked_up(oqc: Maker) -> None:
    on = oqc()
    found = await on.get(f"/oqc/admin/users?q={EMAIL}")
    assert found["total"] == 1
    user = await on.get(f"/oqc/admin/users/{found['items'][0]['id']}")
    assert "password_expires_at" in user
    assert (await on.client.get("/oqc/admin/users/7")).status_code == 404


# -- QPUs ----------------------------------------------------------------------------------------


async def test_qpus_come_with_absolute_urls_and_features_as_text(oqc: Maker) -> None:
    listed = await oqc().get("/oqc/admin/qpu?per_page=1000")
    assert listed["total"] == len(listed["items"])
    first = listed["items"][0]
    assert first["url"] == "https://emulators.test/oqc/d865b5a184"
    assert json.loads(first["feature_set"])["qubit_count"] == 35
    assert {one["active"] for one in listed["items"]} == {True, False}


async def test_features_of_one_qpu(oqc: Maker) -> None:
    on = oqc()
    assert "feature_set" in await on.get(f"/oqc/admin/qpu/{QPU}")
    assert (await on.get(f"/oqc/qpus/{QPU}/features"))["data"]["simulator"] is True
    assert (await on.client.get("/oqc/admin/qpu/qpu:none")).status_code == 404


async def test_calibration_is_given_for_a_date(oqc: Maker) -> None:
    on = oqc()
    url = f"{path(HARDWARE)}/monitoring/calibrations?qpu_id={HARDWARE}&date=2026-01-02"
    assert (await on.get(url))["date"] == "2026-01-02"
    assert "data" in await on.get(f"/oqc/qpus/{HARDWARE}/benchmarks")
    search = await on.client.get(f"/oqc/qpus/{HARDWARE}/benchmarks/search?start_date=x")
    assert search.status_code == 501


async def test_system_status(oqc: Maker) -> None:
    on = oqc()
    rows = (await on.get(f"{path()}/monitoring/statuses"))["statuses"]
    assert rows == [{"qpu_id": QPU, "status": "ONLINE"}]
    assert (await on.get(f"/oqc/qpus/{QPU}/status"))["status"] == "ONLINE"


async def test_tasks_wait_for_the_window_of_their_qpu(oqc: Maker) -> None:
    on = oqc(faults={"switches": {"oqc": {"window_in_s": 7200}}})
    window = (await on.get(f"{path(HARDWARE)}/windows/next"))["next_window"]
    opens = on.emulation.world.clock.at(7200).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert window == {"starting": opens, "start_time": opens}
    (sent,) = await send(on, task(qpu=HARDWARE))
    url = f"{path(HARDWARE)}/tasks/{sent['task_id']}/status"
    await trio.sleep(7199)
    assert await on.get(url) == {"status": "SUBMITTED"}
    await trio.sleep(2)
    assert await on.get(url) == {"status": "RUNNING"}


async def test_a_qpu_that_is_always_on_has_no_window_and_no_wait_time(oqc: Maker) -> None:
    on = oqc()
    assert await on.get(f"{path()}/windows/next") == {}
    asked = {"targets": [QPU]}
    reply = await on.client.post(f"{path()}/monitoring/qpu_wait_time", json=asked)
    assert reply.status_code == 400


async def test_wait_times_count_the_tasks_in_the_queue(oqc: Maker) -> None:
    on = oqc()
    (sent,) = await send(on, task(qpu=HARDWARE))
    url = f"{path(HARDWARE)}/monitoring"
    reply = await on.client.post(f"{url}/qpu_wait_time", json={"targets": [HARDWARE]})
    (row,) = reply.json()["qpu_wait_times"]
    assert (row["tasks_in_queue"], row["windows"][0]["window_description"]) == (1, "CURRENT")
    body = {"task_ids": [sent["task_id"]], "qpu_id": HARDWARE}
    reply = await on.client.post(f"{url}/task_wait_time", json=body)
    assert reply.json()["task_wait_times"][0]["wait_seconds"] == pytest.approx(9, abs=0.1)


async def test_windows_have_a_history(oqc: Maker) -> None:
    on = oqc()
    assert (await on.get(f"{path()}/windows/history?latest=True"))["windows"]
    reply = await on.client.post("/oqc/windows/one-off-window", json={"start_time": "x"})
    assert reply.status_code == 200


# -- tasks ---------------------------------------------------------------------------------------


async def test_ids_are_allocated_first_and_cost_nothing(oqc: Maker) -> None:
    on = oqc()
    ids = await allocate(on, 3, tag="run-1")
    assert len({uuid.UUID(one) for one in ids}) == 3
    assert await on.get(f"{path()}/tasks/{ids[0]}/status") == {"status": "CREATED"}
    assert on.ledger == []


async def test_a_task_goes_from_created_to_completed(oqc: Maker) -> None:
    on = oqc()
    (one,) = await allocate(on)
    url, seen = f"{path()}/tasks/{one}/status", []
    for pause_s in (0, 1, 9, 3):
        await trio.sleep(pause_s)
        seen.append((await on.get(url))["status"])
        if pause_s == 0:
            assert await send(on, task(task_id=one)) == [{"task_id": one, "status": "SUBMITTED"}]
    assert seen == ["CREATED", "SUBMITTED", "RUNNING", "COMPLETED"]


async def test_the_single_form_makes_its_own_id(oqc: Maker) -> None:
    on = oqc()
    rows = await send(on, task(), task(task_id=-1, tag=""))
    assert len({row["task_id"] for row in rows}) == 2
    assert len(on.ledger) == 2


async def test_the_ledger_tells_what_was_accepted(oqc: Maker) -> None:
    on = oqc()
    (one,) = await allocate(on, qpu=HARDWARE)
    await send(on, task(qpu=HARDWARE, task_id=one, tag="cell-1"))
    (entry,) = await on.get("/-/ledger")
    assert entry == {
        "provider": "oqc",
        "id": one,
        "key": one,
        "name": "cell-1",
        "state": "queued",
        "price": 1.3,
        "unit": "usd",
        "submissions": 1,
    }


async def test_results_stand_per_register_with_bit_0_leftmost(oqc: Maker) -> None:
    (record,) = await finish(oqc(), task(ASYMMETRIC))
    assert record["results"]["a"] == {"1": 1000}
    ones = record["results"]["b"]["01"]
    assert record["results"]["b"] == {"00": 1000 - ones, "01": ones}
    expected = 1000 * math.sin(0.5) ** 2
    assert abs(ones - expected) < 5 * math.sqrt(expected * math.cos(0.5) ** 2)


async def test_all_info_has_every_key_from_the_start(oqc: Maker) -> None:
    on = oqc()
    (one,) = await allocate(on, tag="t")
    record = await on.get(f"{path()}/tasks/{one}/all_info")
    for key in ("results", "task_error", "execution_metadata", "timings", "compile_time"):
        assert record[key] is None
    assert (record["metadata"]["tag"], record["id"]) == ("t", one)


async def test_a_completed_task_tells_times_and_metrics(oqc: Maker) -> None:
    (record,) = await finish(oqc(), task(tag="t", hybrid_marker="m"))
    assert record["execution_metadata"]["optimized_instruction_count"] == 4
    assert record["execute_time"] == pytest.approx(0.2)
    assert "RECEIVER_FROM_SCC" in record["timings"]
    assert record["metadata"]["created_at"].endswith("GMT")
    assert (record["tag"], record["hybrid_marker"]) == ("t", "m")


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("results", "results"),
        ("error", "task_error"),
        ("execution_metadata", "execution_metadata"),
        ("metadata", "metadata"),
        ("timings", "timings"),
    ],
)
async def test_parts_of_the_record_are_read_alone(oqc: Maker, part: str, key: str) -> None:
    on = oqc()
    (record,) = await finish(on, task())
    assert (await on.get(f"{path()}/tasks/{record['id']}/{part}"))[key] == record[key]


async def test_an_unknown_task_is_404(oqc: Maker) -> None:
    on = oqc()
    for part in ("status", "all_info"):
        reply = await on.client.get(f"{path()}/tasks/{uuid.uuid4()}/{part}")
        assert reply.status_code == 404
        assert reply.json()["response"]["errors"]
    (one,) = await allocate(on)
    assert (await on.client.get(f"{path()}/tasks/{one}/colour")).status_code == 404


async def test_tasks_are_listed_by_date(oqc: Maker) -> None:
    on = oqc()
    ids = await allocate(on, 2)
    assert [row["id"] for row in await on.get(f"{path()}/tasks")] == ids
    later = {"start_date": "2999-01-01 00:00:00"}
    assert await on.get(f"{path()}/tasks", params=later) == []


async def test_cancel_stops_what_has_not_ended(oqc: Maker) -> None:
    on = oqc()
    (done,) = await finish(on, task())
    (queued,) = await send(on, task())
    (created,) = await allocate(on)
    ids = [done["id"], queued["task_id"], created]
    reply = await on.client.post(f"{path()}/tasks/cancel_many", json={"tasks": ids})
    assert reply.json() == "OK"
    states = [(await on.get(f"{path()}/tasks/{one}/status"))["status"] for one in ids]
    assert states == ["COMPLETED", "CANCELLED", "CANCELLED"]
    await send(on, task(task_id=created), status=400)


# -- limits and refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"program": None}, 400),
        ({"qpu_id": HARDWARE}, 400),
        ({"task_id": "7"}, 404),
        ({"task_id": str(uuid.uuid4())}, 404),
    ],
)
async def test_a_malformed_submission_takes_none_of_its_tasks(
    oqc: Maker, wrong: dict[str, Any], status: int
) -> None:
    on = oqc()
    await send(on, task(), task() | wrong, status=status)
    assert on.ledger == []


async def test_bodies_have_a_size(oqc: Maker) -> None:
    on = oqc()
    await send(on, task(program=BELL + " " * 131_072), status=413)
    reply = await on.client.post(f"{path()}/tasks/submit", content=b"{")
    assert reply.status_code == 400


async def test_an_inactive_qpu_takes_no_tasks(oqc: Maker) -> None:
    body = {"qpu_id": "qpu:uk:2:0f0f0f0f0f", "task_count": 1}
    reply = await oqc().client.post("/oqc/0f0f0f0f0f/tasks", json=body)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"program": "OPENQASM 2.0; qreg q[1]; boo q[0];"}, "cannot parse"),
        ({"program": BELL.replace("[2]", "[36]")}, "uses 36 qubits, the device has 35"),
        ({"config": config(repeats=100_001)}, "more than the maximum of 100000"),
        ({"config": "{}"}, "without \\$type"),
        ({"config": config(prefix="os.path")}, "unknown type"),
    ],
)
async def test_what_cannot_run_fails_and_says_why(
    oqc: Maker, wrong: dict[str, Any], words: str
) -> None:
    (record,) = await finish(oqc(), task() | wrong)
    assert record["status"] == "FAILED"
    assert re.search(words, record["task_error"]["error_message"])


@pytest.mark.parametrize("prefix", ["scc.compiler.config", "qat.purr.compiler.config"])
async def test_older_configurations_are_understood(oqc: Maker, prefix: str) -> None:
    (record,) = await finish(oqc(), task(config=config(prefix=prefix, repeats=70)))
    assert sum(record["results"]["c"].values()) == 70


async def test_no_configuration_means_a_thousand_counts(oqc: Maker) -> None:
    (record,) = await finish(oqc(), task(config=None))
    assert sum(record["results"]["c"].values()) == 1000


@pytest.mark.parametrize(
    ("layout", "transforms", "shape"), [(2, 2, (50, 2)), (None, 2, (50, 2)), (2, 6, (2,))]
)
async def test_arrays_come_when_no_counts_were_asked_for(
    oqc: Maker, layout: int | None, transforms: int, shape: tuple[int, ...]
) -> None:
    wanted = config(repeats=50, format=layout, transforms=transforms)
    (record,) = await finish(oqc(), task(config=wanted))
    assert np.array(record["results"]["c"]).shape == shape


# -- faults and switches ---------------------------------------------------------------------------


async def test_a_submitted_id_is_not_run_twice(oqc: Maker) -> None:
    on = oqc()
    (one,) = await allocate(on)
    await send(on, task(task_id=one))
    assert await send(on, task(task_id=one)) == [{"task_id": one, "status": "SUBMITTED"}]
    assert [entry["submissions"] for entry in on.ledger] == [2]


async def test_a_submitted_id_may_be_a_conflict_or_a_second_purchase(oqc: Maker) -> None:
    on = oqc()
    (one,) = await allocate(on)
    await send(on, task(task_id=one))
    on.set_faults(switches={"oqc": {"resubmit": "conflict"}})
    await send(on, task(task_id=one), status=409)
    on.set_faults(switches={"oqc": {"resubmit": "twice"}})
    await send(on, task(task_id=one))
    assert len(on.ledger) == 2


async def test_an_unsubmitted_id_may_be_missing(oqc: Maker) -> None:
    on = oqc(faults={"switches": {"oqc": {"unsubmitted": "missing"}}})
    (one,) = await allocate(on)
    assert (await on.client.get(f"{path()}/tasks/{one}/status")).status_code == 404


async def test_leading_zeros_may_be_stripped(oqc: Maker) -> None:
    on = oqc(faults={"switches": {"oqc": {"strip_zeros": True}}})
    (record,) = await finish(on, task())
    assert set(record["results"]["c"]) == {"0", "11"}


@pytest.mark.parametrize(
    ("rule", "status", "error"),
    [
        ({"fail": "compile failed", "code": 102}, "FAILED", 102),
        ({"expires": True}, "EXPIRED", 408),
        ({"word": "MELTING"}, "MELTING", None),
    ],
)
async def test_jobs_end_as_scripted(
    oqc: Maker, rule: dict[str, Any], status: str, error: int | None
) -> None:
    on = oqc(faults={"jobs": [{"nth": 2, **rule}]})
    fine, struck = await finish(on, task(), task())
    assert fine["status"] == "COMPLETED"
    assert struck["status"] == status
    assert (struck["task_error"] or {}).get("error_code") == error
    assert struck["results"] is None


async def test_an_unknown_word_may_pass_and_results_may_lag(oqc: Maker) -> None:
    on = oqc(faults={"jobs": [{"word": "MELTING", "for_s": 30, "lag_s": 60}]})
    (sent,) = await send(on, task())
    seen = []
    for _ in range(3):
        await trio.sleep(29)
        record = await on.get(f"{path()}/tasks/{sent['task_id']}/all_info")
        seen.append((record["status"], record["results"] is not None))
    assert seen == [("MELTING", False), ("COMPLETED", False), ("COMPLETED", True)]


async def test_a_task_may_be_hidden_from_lists_for_a_while(oqc: Maker) -> None:
    on = oqc(faults={"jobs": [{"hide_s": 30}]})
    await send(on, task())
    assert await on.get(f"{path()}/tasks") == []
    await trio.sleep(30)
    assert len(await on.get(f"{path()}/tasks")) == 1


async def test_a_serial_device_runs_one_task_at_a_time(oqc: Maker) -> None:
    on = oqc(is_serial=True)
    await send(on, *[task() for _ in range(10)])
    await trio.sleep(9 + 5 * 1.2 + 0.1)
    states = [entry["state"] for entry in on.ledger]
    assert states == ["completed"] * 5 + ["running"] + ["queued"] * 4


# -- version 4 -----------------------------------------------------------------------------------


async def test_version_4_keeps_tasks_under_the_base_url(oqc: Maker) -> None:
    on = oqc()
    body = {"tasks": [{"qpu_id": QPU, "tag": None}] * 2}
    ids = (await on.client.post("/oqc/tasks", json=body)).json()["tasks"]
    sent = {"tasks": [task(task_id=one) for one in ids]}
    assert (await on.client.post("/oqc/tasks/submit", json=sent)).status_code == 200
    await on.client.post("/oqc/tasks/cancel_many", json={"tasks": ids[:1]})
    await trio.sleep(60)
    states = [(await on.get(f"/oqc/tasks/{one}/all_info"))["status"] for one in ids]
    assert states == ["CANCELLED", "COMPLETED"]
    assert len(await on.get("/oqc/tasks")) == 2


async def test_version_4_refuses_with_a_detail(oqc: Maker) -> None:
    on = oqc()
    reply = await on.client.get(f"/oqc/tasks/{uuid.uuid4()}/all_info")
    assert "not found" in reply.json()["detail"]
    for body, status in [({"tasks": []}, 422), ({"tasks": [{"qpu_id": "no"}]}, 404)]:
        assert (await on.client.post("/oqc/tasks", json=body)).status_code == status
