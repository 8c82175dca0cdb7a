"""The Open Quantum driver against the emulated platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from qbatch.errors import CredentialsError, Misspoke, Refused, Unavailable
from qbatch.providers import (
    Cancelled,
    Done,
    Missing,
    Running,
    Taken,
)
from qbatch.providers.open_quantum import calibration
from qbatch.providers.open_quantum.account import find_services, read_account
from qbatch.providers.open_quantum.replies import choose, read_output

TARGET = "ionq:forte-1"


def plan(name: str, price: Any, *priorities: tuple[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "price": price,
        "execution_plan_id": name,
        "queue_priorities": [
            {"name": word, "price_increase": more, "queue_priority_id": word}
            for word, more in priorities
        ],
    }


async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    talk: Callable[..., Any], order: Callable[..., Any], asymmetric: Callable[..., float]
) -> None:
    (fetched,) = await talk("open-quantum", target=TARGET).run(order())
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5


async def test_a_quote_is_known_before_anything_is_bought(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    batch = await cloud.prepare(order())
    assert cloud.ledger == []
    quoted = batch.composite.memo["credits"]
    assert quoted > 0
    (update,) = (await cloud.finish(await cloud.submit(batch))).values()
    assert update.cost == quoted == cloud.ledger[0]["price"]


async def test_all_plans_and_priorities_are_told_and_one_of_them_is_chosen(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    """P20: by the emulator's rule, 3 + 0.08 x 2000 credits, half as much again for privacy, and
    half or all of that for a better place in the queue."""
    cloud = talk("open-quantum", target=TARGET, options={"queue_priority": "instant"})
    batch = await cloud.prepare(order(shots=2000))
    assert [(each.title, each.price, each.is_chosen) for each in cloud.driver.quotes(batch)] == [
        ("Public Plan, Standard Queue", 163, False),
        ("Public Plan, Priority Queue", 163 + 82, False),
        ("Public Plan, Instant Queue", 2 * 163, True),
        ("Private Plan, Standard Queue", 245, False),
        ("Private Plan, Priority Queue", 245 + 123, False),
        ("Private Plan, Instant Queue", 2 * 245, False),
    ]
    assert cloud.ledger == []


async def test_no_presigned_url_is_remembered(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    batch = await cloud.prepare(order())
    assert "http" not in json.dumps(batch.composite.memo)
    assert b"http" not in cloud.driver.intend(batch).body


async def test_a_lost_answer_is_found_by_name_and_preparation(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=[{"method": "POST", "path": "*/v1/jobs", "drop": "after"}])
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert not caught.value.unsent
    answer = (await cloud.located(batch, cloud.driver.intend(batch)))[order().id]
    assert isinstance(answer, Taken | Running | Done)
    assert answer.provider_job_id == cloud.ledger[0]["id"]


async def test_a_job_that_is_not_listed_is_never_called_absent(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    batch = await cloud.prepare(order())
    intent = cloud.driver.intend(batch)
    answer = (await cloud.located(batch, intent))[order().id]
    assert isinstance(answer, Missing)
    assert not answer.is_proof
    assert batch.composite.memo["name"] in answer.error


async def test_the_limit_of_active_jobs_is_a_wait_and_no_failure(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", queue_s=10_000.0, target=TARGET)
    for k in range(10):
        await cloud.submit(await cloud.prepare(order(name=f"p{k}")))
    batch = await cloud.prepare(order(name="eleventh"))
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert caught.value.unsent
    assert len(cloud.ledger) == 10


async def test_an_ended_token_is_renewed_in_passing(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    cloud.set_faults(requests=[{"path": "*/v1/jobs/prepare", "nth": 1, "expire_tokens": "issued"}])
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000
    assert len(cloud.ledger) == 1


async def test_one_list_serves_all_jobs(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", target=TARGET)
    batches = [await cloud.submit(await cloud.prepare(order(name=f"p{k}"))) for k in range(5)]
    updates = await cloud.driver.poll(batches)
    assert {update.job_id for update in updates} == {batch.orders[0].id for batch in batches}


async def test_a_waiting_job_can_be_cancelled(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("open-quantum", queue_s=1000.0, target=TARGET)
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [order().id])
    assert (type(update), update.cost) == (Cancelled, 0.0)  # P20: what it cost in the end is read
    assert cloud.ledger[0]["state"] == "cancelled"
    (news,) = await cloud.driver.poll([batch])
    assert (type(news), news.cost) == (Cancelled, 0.0)


async def test_a_refund_that_the_list_shows_late_is_read_at_the_end(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:  # P20
    cloud = talk("open-quantum", queue_s=1000.0, target=TARGET)
    cloud.set_faults(jobs=[{"kind": "job", "hide_s": 300.0}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [order().id])
    assert (type(update), update.cost) == (Cancelled, None)
    await trio.sleep(600)
    assert await cloud.driver.release(batch) == {order().id: 0.0}
    assert await cloud.driver.release(batch) == {}  # it is asked once


async def test_an_unknown_backend_is_answered_with_the_nearest(talk: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match="ionq:forte-1"):
        await talk("open-quantum", target="ionq:forte").driver.describe()


@pytest.mark.parametrize("name", ["Forte 1", "forte 1"])
async def test_a_display_name_means_its_backend(
    talk: Callable[..., Any], order: Callable[..., Any], name: str
) -> None:  # P20
    cloud = talk("open-quantum", target=name)
    assert (await cloud.driver.describe()).name == TARGET
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000


@pytest.mark.parametrize("name", ["Forte1", "Forte", "forte-1"])
async def test_nearly_a_display_name_is_answered_with_what_it_may_mean(
    talk: Callable[..., Any], name: str
) -> None:  # P20
    with pytest.raises(Refused, match=f"'{name}' is no backend; write target: {TARGET}"):
        await talk("open-quantum", target=name).driver.describe()


async def test_a_refusal_says_the_id_of_its_request(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:  # P20
    cloud = talk("open-quantum", target=TARGET, options={"configuration": {"speed": 3}})
    with pytest.raises(Refused, match=r"speed is not known \(request [0-9a-f-]{36}\)$"):
        await cloud.prepare(order())


@pytest.mark.parametrize("from_s", [0.0, 0.001])
async def test_a_backend_that_is_offline_is_waited_for_before_anything_is_prepared(
    talk: Callable[..., Any], order: Callable[..., Any], from_s: float
) -> None:  # P20: offline as the run begins, or since then
    cloud = talk("open-quantum", target=TARGET)
    outage = {"backend": TARGET, "from_s": from_s, "until_s": 600.0, "status": "Maintenance"}
    cloud.set_faults(switches={"open-quantum": {"outages": [outage]}})
    assert (await cloud.driver.describe()).online is (from_s > 0)
    await trio.sleep(1)
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"{TARGET} is Maintenance$") as caught:
            await cloud.prepare(order())
        assert (caught.value.is_full, caught.value.retry_after_s) == (True, 60.0)
        await trio.sleep(60)
    await trio.sleep(600)
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000


async def test_the_calibration_of_a_job_comes_with_its_result(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:  # P20; the emulated store refuses whoever sends it the token
    cloud = talk("open-quantum", target=TARGET)
    (fetched,) = await cloud.run(order())
    assert fetched.calibration["backend"] == TARGET
    assert len(fetched.calibration["qubits"]) == 36
    assert len(fetched.facts["calibration"]) == 16


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"html": True}, {"torn": True}, {"drop": "midway"}]
)
async def test_a_calibration_that_cannot_be_had_spoils_no_result(
    talk: Callable[..., Any], order: Callable[..., Any], fault: dict[str, Any]
) -> None:  # P20
    cloud = talk("open-quantum", target=TARGET)
    cloud.set_faults(requests=[{"path": "/blob/calibration/*", **fault}])
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000
    assert fetched.calibration is None
    assert fetched.facts["warning"].startswith(f"the calibration of {TARGET} cannot be had: ")


async def test_a_calibration_too_large_is_not_read_to_its_end(
    talk: Callable[..., Any], order: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:  # P20
    monkeypatch.setattr(calibration, "MOST_CALIBRATION_BYTES", 1000)
    (fetched,) = await talk("open-quantum", target=TARGET).run(order())
    assert "over 1000 bytes" in fetched.facts["warning"]


async def test_a_wrong_secret_is_a_matter_of_credentials(talk: Callable[..., Any]) -> None:
    cloud = talk("open-quantum", target=TARGET, environ={"OPENQUANTUM_CLIENT_SECRET": "guess"})
    with pytest.raises(CredentialsError) as caught:
        await cloud.driver.describe()
    assert "guess" not in str(caught.value)


async def test_a_description_has_limits_topology_and_balance(talk: Callable[..., Any]) -> None:
    target = await talk("open-quantum", target=TARGET).driver.describe()
    assert target.in_flight == 10
    assert target.max_jobs == 1
    assert target.facts["constraints"]["topology"]
    assert target.facts["balance"]
    assert target.price.quoted


def test_without_any_account_the_variables_to_set_are_named() -> None:
    with pytest.raises(CredentialsError, match="OPENQUANTUM_CLIENT_ID"):
        read_account(None, {})


def test_one_url_serves_all_three_services() -> None:
    services = find_services(None, {"QBATCH_OPEN_QUANTUM_URL": "http://127.0.0.1:1/open-quantum/"})
    assert services.identity == "http://127.0.0.1:1/open-quantum/idp"
    assert services.scheduler == "http://127.0.0.1:1/open-quantum/sched"


def test_auto_takes_the_lowest_total_not_the_cheapest_plan() -> None:
    quoted = [plan("A", 2, ("standard", 5)), plan("B", 3, ("standard", 0))]
    assert choose(quoted, "auto", "auto")[0].plan_id == "B"


def test_a_tie_goes_to_the_cheaper_plan_then_to_the_first() -> None:
    quoted = [plan("A", 3, ("x", 0)), plan("B", 1, ("y", 2)), plan("C", 1, ("z", 2))]
    assert choose(quoted, "", "auto")[0].plan_id == "B"


@pytest.mark.parametrize("quoted", [None, [], [plan("A", 1)], [plan("A", 1, ("x", 0))]])
def test_a_quote_without_the_wanted_pair_is_refused(quoted: Any) -> None:
    with pytest.raises(Refused, match="no quote for plan 'private'"):
        choose(quoted, "private", "auto")


@pytest.mark.parametrize("price", [None, "2", True])
def test_a_missing_price_is_never_taken_for_free(price: Any) -> None:
    with pytest.raises(Misspoke, match="without a price"):
        choose([plan("A", price, ("x", 0))], "auto", "auto")


@pytest.mark.parametrize(
    "output",
    [{"001": 2000}, {"counts": {"1": 2000}}, {"measurement_counts": {"0 01": 2000}}],
)
def test_counts_are_read_in_all_their_shapes(order: Callable[..., Any], output: Any) -> None:
    assert read_output(output, order(shots=2000)).to_dict() == {"0 01": 2000}


@pytest.mark.parametrize(
    "output", [{}, {"001": 1999}, {"0x1": 2000}, {"0001": 2000}, {"1": 2000.0}]
)
def test_what_is_not_the_counts_ordered_is_misspoken(
    order: Callable[..., Any], output: Any
) -> None:
    with pytest.raises(Misspoke):
        read_output(output, order(shots=2000))


EXOTIC = """\
OPENQASM 2.0;
include "qelib1.inc";
gate own(a) p, r { u3(a, 0.1, 0.2) p; swap p, r; }
qreg p[1];
qreg r[2];
creg a[2];
creg b[1];
own(0.3) p[0], r[0];
ccx p[0], r[0], r[1];
x r[1];
measure p[0] -> a[0];
measure r[0] -> a[1];
measure r[1] -> b[0];
"""


@pytest.mark.parametrize("target", ["ionq:forte-1", "iqm:emerald"])
async def test_gates_and_registers_a_qpu_lacks_are_translated_for_it(
    talk: Callable[..., Any], order: Callable[..., Any], target: str
) -> None:
    cloud = talk("open-quantum", target=target)
    await cloud.driver.describe()
    wanted = order(EXOTIC)
    assert cloud.driver.check(wanted, await cloud.driver.describe()) is None
    (fetched,) = await cloud.run(wanted)
    counts = fetched.counts.to_dict()
    assert set(counts) == {"1 00", "1 10"}
    assert abs(counts["1 10"] / 2000 - 0.0223) < 0.015  # sin²(0.15)


async def test_what_a_job_is_for_is_checked_against_the_platforms_list(
    talk: Callable[..., Any],
) -> None:
    known = talk("open-quantum", target=TARGET, options={"subcategory": "opt:qaoa"})
    assert (await known.driver.describe()).name == TARGET
    codes = {row["short_code"] for row in await known.driver._platform.subcategories()}
    assert {"opt:qaoa", "oth:oth"} <= codes
    wrong = talk("open-quantum", target=TARGET, options={"subcategory": "opt:qao"})
    with pytest.raises(Refused, match="opt:qaoa"):
        await wrong.driver.describe()
