"""Faults on requests, as a client sees them; the effect took place or not, as scripted."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import trio

from qbatch.emulators.oqc.access import TOKEN

ALLOCATE = {"qpu_id": "qpu:uk:2:d865b5a184", "task_count": 1, "tag": None}
PROGRAM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q->c;'
SUBMIT = {"tasks": [{"qpu_id": ALLOCATE["qpu_id"], "program": PROGRAM, "config": None}]}

Maker = Callable[..., Any]


def submitting(stage: Maker, **rule: Any) -> Any:
    """Return a stage on which the first submission meets `rule`."""
    faults = {"requests": [{"path": "*/tasks/submit", "nth": 1, **rule}]}
    return stage("oqc", faults=faults, headers={"Authentication-Token": TOKEN})


async def submit(on: Any, **arguments: Any) -> httpx.Response:
    reply: httpx.Response = await on.client.post(
        "/oqc/d865b5a184/tasks/submit", json=SUBMIT, **arguments
    )
    return reply


async def test_an_error_before_the_effect_leaves_nothing(stage: Maker) -> None:
    on = submitting(stage, status=503, retry_after=7)
    reply = await submit(on)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "7")
    assert on.ledger == []


async def test_an_error_after_the_effect_leaves_a_job(stage: Maker) -> None:
    on = submitting(stage, status=500, when="after")
    assert (await submit(on)).status_code == 500
    assert len(on.ledger) == 1


async def test_retry_after_may_be_a_date(stage: Maker) -> None:
    on = submitting(stage, status=429, retry_after=60, retry_after_form="date")
    date = parsedate_to_datetime((await submit(on)).headers["retry-after"])
    waits_s = (date - on.emulation.world.clock.utc()).total_seconds()
    assert 58 < waits_s <= 60


@pytest.mark.parametrize(("drop", "jobs"), [("before", 0), ("after", 1), ("midway", 1)])
async def test_a_dropped_connection_is_a_protocol_error(stage: Maker, drop: str, jobs: int) -> None:
    on = submitting(stage, drop=drop)
    with pytest.raises(httpx.RemoteProtocolError):
        await submit(on)
    assert len(on.ledger) == jobs


async def test_torn_json_does_not_decode(stage: Maker) -> None:
    on = submitting(stage, torn=True)
    reply = await submit(on)
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert len(on.ledger) == 1


@pytest.mark.parametrize(("status", "shown"), [(None, 502), (200, 200)])
async def test_a_proxy_may_answer_with_a_page(stage: Maker, status: int | None, shown: int) -> None:
    on = submitting(stage, html=True, status=status, when="after")
    reply = await submit(on)
    assert (reply.status_code, reply.headers["content-type"]) == (shown, "text/html")
    assert "<html>" in reply.text


async def test_a_late_reply_runs_into_the_read_timeout_after_the_effect(stage: Maker) -> None:
    on = submitting(stage, late_s=40)
    with pytest.raises(httpx.ReadTimeout):
        await submit(on, timeout=30)
    assert trio.current_time() == pytest.approx(30)
    assert len(on.ledger) == 1


async def test_a_patient_client_gets_the_late_reply(stage: Maker) -> None:
    on = submitting(stage, late_s=40)
    assert (await submit(on, timeout=None)).status_code == 200
    assert trio.current_time() == pytest.approx(40)


async def test_lasting_tokens_expire_only_when_all_do(stage: Maker) -> None:
    on = submitting(stage, expire_tokens="issued")
    assert (await submit(on)).status_code == 200
    on = submitting(stage, expire_tokens="all")
    assert (await submit(on)).status_code == 401
    assert on.ledger == []


async def test_faults_are_replaced_while_the_emulation_runs(stage: Maker) -> None:
    on = submitting(stage, status=500)
    reply = await on.client.put("/-/faults", json={})
    assert reply.status_code == 200
    assert (await submit(on)).status_code == 200
    assert (await on.client.put("/-/faults", json={"weather": 1})).status_code == 400


async def test_an_unknown_provider_is_named(stage: Maker) -> None:
    with pytest.raises(ValueError, match="no emulator for 'oqd'; there are: oqc, open-quantum"):
        stage("oqd")


@pytest.mark.parametrize("again_s", [0, 75])
async def test_a_request_that_the_network_repeats_acts_once_more_when_it_arrives(
    stage: Maker, again_s: float
) -> None:
    """Nobody hears its answer; until it arrives there is one job."""
    on = submitting(stage, again_s=again_s)
    assert (await submit(on)).status_code == 200
    assert len(on.ledger) == 1
    if again_s:
        await trio.sleep(again_s - 1)
        await on.client.get("/oqc/admin/qpu")
        assert len(on.ledger) == 1
        await trio.sleep(2)
    await on.client.get("/oqc/admin/qpu")
    assert len(on.ledger) == 2
    await on.client.get("/oqc/admin/qpu")
    assert len(on.ledger) == 2
