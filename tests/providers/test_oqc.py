"""The OQC driver against the emulated cloud."""

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
    Failed,
    Missing,
    Part,
    Running,
    Strange,
    Taken,
    Unclear,
)
from qbatch.providers.oqc.config import encode_config
from qbatch.providers.oqc.options import Options
from qbatch.providers.oqc.results import read_results
from qbatch.providers.oqc.tasks import PART

QPU = "qpu:uk:2:d865b5a184"


async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    talk: Callable[..., Any], order: Callable[..., Any], asymmetric: Callable[..., float]
) -> None:
    (fetched,) = await talk("oqc", target=QPU).run(order())
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5


async def test_a_batch_is_named_before_it_is_bought(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.prepare(order(name="one"), order(name="two"))
    ids = batch.composite.memo["task_ids"]
    assert cloud.ledger == []
    await cloud.submit(batch)
    assert [entry["id"] for entry in cloud.ledger] == ids


async def test_preparing_again_allocates_nothing_new(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.prepare(order())
    assert (await cloud.driver.prepare(batch)).memo == batch.composite.memo


async def test_a_lost_answer_is_found_and_not_bought_again(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=[{"path": "*/tasks/submit", "drop": "after"}])
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert not caught.value.unsent
    located = await cloud.located(batch, cloud.driver.intend(batch))
    assert isinstance(located[batch.orders[0].id], Taken | Running | Done)
    assert len(cloud.ledger) == 1


async def test_a_conflict_may_mean_that_it_was_taken_before(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    cloud.set_faults(switches={"oqc": {"resubmit": "conflict"}})
    batch = await cloud.prepare(order())
    await cloud.submit(batch)
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert not caught.value.unsent


async def test_a_task_that_was_never_submitted_is_absent_only_after_a_while(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.prepare(order())
    intent, key = cloud.driver.intend(batch), batch.orders[0].id
    answer = (await cloud.located(batch, intent))[key]
    assert isinstance(answer, Missing)
    assert answer.is_proof
    assert answer.settle_s > 30


async def test_a_task_that_is_found_failed_says_why(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    cloud.set_faults(jobs=[{"fail": "the fridge is warm", "code": 102}])
    batch = await cloud.prepare(order())
    await cloud.submit(batch)
    await trio.sleep(60)
    (found,) = await cloud.driver.locate(batch, cloud.driver.intend(batch))
    assert isinstance(found, Failed)
    assert found.error == "the fridge is warm (code 102)"


async def test_a_task_id_the_cloud_does_not_know_is_for_the_person(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.prepare(order())
    memo = {**batch.composite.memo, "task_ids": ["00000000-0000-4000-8000-000000000000"]}
    lost = type(batch)(type(batch.composite)("c", "cloud", (order().id,), 1, memo), batch.orders)
    answer = (await cloud.located(lost, cloud.driver.intend(lost)))[batch.orders[0].id]
    assert isinstance(answer, Unclear)
    assert answer.again_s is None
    assert "00000000-0000-4000-8000-000000000000" in answer.error


async def test_a_failed_task_says_why_in_the_clouds_words(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    cloud.set_faults(jobs=[{"fail": "the fridge is warm", "code": 102}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = (await cloud.finish(batch)).values()
    assert isinstance(update, Failed)
    assert update.error == "the fridge is warm (code 102)"


async def test_a_cancelled_task_is_cancelled_at_the_cloud(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", queue_s=1000.0, target=QPU)
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [order().id])
    assert isinstance(update, Cancelled)
    assert cloud.ledger[0]["state"] == "cancelled"


async def test_an_unknown_word_leaves_the_job_where_it_is(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    cloud.set_faults(jobs=[{"word": "MELTING", "for_s": 30}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.poll([batch])
    assert (type(update), update.status) == (Strange, "MELTING")


async def test_one_bad_poll_does_not_hide_the_others(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", target=QPU)
    batch = await cloud.submit(await cloud.prepare(order(name="one"), order(name="two")))
    cloud.set_faults(requests=[{"path": "*/all_info", "nth": 1, "torn": True}])
    assert len(await cloud.driver.poll([batch])) == 1


async def test_a_description_has_limits_calibration_and_price(talk: Callable[..., Any]) -> None:
    target = await talk("oqc", target=QPU).driver.describe()
    assert target.num_qubits
    assert target.max_shots
    assert target.facts["calibration"]


async def test_an_unknown_qpu_is_answered_with_the_nearest(talk: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match="qpu:uk:2:d865b5a184"):
        await talk("oqc", target="qpu:uk:2:d865").driver.describe()


async def test_a_wrong_token_is_a_matter_of_credentials(talk: Callable[..., Any]) -> None:
    cloud = talk("oqc", target=QPU, environ={"OQC_AUTHENTICATION_TOKEN": "wrong"})
    with pytest.raises(CredentialsError) as caught:
        await cloud.driver.describe()
    assert "wrong" not in str(caught.value).replace("oqc:", "")


async def test_without_any_credential_the_variable_to_set_is_named(
    talk: Callable[..., Any],
) -> None:
    nothing = dict.fromkeys(("OQC_AUTHENTICATION_TOKEN", "OQC_AUTH_TOKEN", "OQC_TOKEN"), "")
    cloud = talk("oqc", target=QPU, environ=nothing | {"OQC_EMAIL": "", "OQC_PASSWORD": ""})
    with pytest.raises(CredentialsError, match="OQC_AUTHENTICATION_TOKEN"):
        await cloud.driver.describe()


def test_the_configuration_always_asks_for_counts() -> None:
    config = json.loads(encode_config(2000, Options(tket="two", error_mitigation="linear")))
    data = config["$data"]
    assert config["$type"] == "<class 'compiler_config.config.CompilerConfig'>"
    assert data["repeats"] == 2000
    assert data["results_format"]["$data"]["transforms"]["$value"] == 3
    assert data["optimizations"]["$data"]["tket_optimizations"]["$value"] == 30
    assert data["error_mitigation"]["$value"] == 4


@pytest.mark.parametrize(
    "results",
    [
        None,
        {},
        {"c": None},
        {"c": {"000": 1999}},
        {"c": {"0x1": 2000}},
        {"c": {"0000": 2000}},
        {"c": {"": 2000}},
        {"c": {"000": -1, "001": 2001}},
        {"c": {"000": True, "001": 1999}},
    ],
)
def test_what_is_not_the_counts_ordered_is_misspoken(
    order: Callable[..., Any], results: Any
) -> None:
    with pytest.raises(Misspoke):
        read_results(results, order(shots=2000))


def test_leftmost_is_bit_zero_with_and_without_a_register_name(order: Callable[..., Any]) -> None:
    named = read_results({"c": {"100": 2000}}, order(shots=2000))
    assert named.to_dict() == {"0 01": 2000}
    assert read_results({"100": 2000}, order(shots=2000)).to_dict() == named.to_dict()


async def test_polling_waits_for_nothing(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", queue_s=1000.0, target=QPU)
    batch = await cloud.submit(await cloud.prepare(order()))
    start = trio.current_time()
    await cloud.driver.poll([batch])
    assert trio.current_time() - start < 1


async def test_what_no_option_names_and_experiments_go_out_with_the_configuration(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    options = {"config": {"x": 1, "repeats": 9}, "noise": True, "bond_dimension": 4}
    one = talk("oqc", target=QPU, options=options)
    batch = await one.prepare(order(shots=50))
    (task,) = json.loads(one.driver.intend(batch).body)["tasks"]
    assert task["external_config"] == {"noise_enabled": True, "bond_dimension": 4}
    data = json.loads(task["config"])["$data"]
    assert (data["x"], data["repeats"], data["noise"], data["bond_dimension"]) == (1, 50, True, 4)


async def test_status_and_dated_calibration_are_read(talk: Callable[..., Any]) -> None:
    driver = talk("oqc", target="qpu:jp:3:673b1ad43c").driver
    target = await driver.describe()
    assert target.facts["status"]
    assert "unavailable" not in target.facts["calibration"]
    dated = await driver.calibrations("2026-01-02")
    assert dated["qpu:jp:3:673b1ad43c"]["date"] == "2026-01-02"
    assert QPU in dated


async def test_registers_counted_apart_are_joined_only_where_that_is_certain(
    order: Callable[..., Any],
) -> None:
    counts = read_results({"a": {"10": 30}, "b": {"0": 20, "1": 10}}, order(shots=30))
    assert counts.to_dict() == {"0 01": 20, "1 01": 10}
    with pytest.raises(Misspoke, match="counted apart"):
        read_results({"a": {"10": 29, "00": 1}, "b": {"0": 20, "1": 10}}, order(shots=30))


async def test_the_reply_about_a_failed_task_is_kept(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    one = talk("oqc", target=QPU)
    one.set_faults(jobs=[{"fail": "laser off", "code": 7}])
    batch = await one.submit(await one.prepare(order()))
    (update,) = (await one.finish(batch)).values()
    assert update.error == "laser off (code 7)"
    assert json.loads(update.raw)["task_error"]["error_code"] == 7


async def test_a_result_that_lags_behind_its_state_is_left_out_until_it_is_there(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    one = talk("oqc", target=QPU)
    one.set_faults(jobs=[{"lag_s": 20}])
    wanted = order()
    batch = await one.submit(await one.prepare(wanted))
    await one.finish(batch)
    assert await one.driver.fetch(batch, [wanted.id]) == []
    await trio.sleep(25)
    (fetched,) = await one.driver.fetch(batch, [wanted.id])
    assert fetched.counts.shots == wanted.shots


async def test_of_many_that_are_over_the_first_are_told_before_the_last_are_asked_about(
    talk: Callable[..., Any], order: Callable[..., Any]
) -> None:
    cloud = talk("oqc", queue_s=0.0, target=QPU)
    orders = [order(name=f"{number:03}", shots=10) for number in range(200)]
    batches = [
        await cloud.submit(await cloud.prepare(*orders[start : start + 50]))
        for start in range(0, 200, 50)
    ]
    await trio.sleep(1_000)
    parts = [await cloud.driver.poll(batches) for _ in range(3)]
    assert [isinstance(part, Part) for part in parts] == [True, True, False]
    assert all(PART <= len(part) <= 2 * PART for part in parts[:2])
    told = [answer.job_id for part in parts for answer in part]
    assert sorted(told) == [one.id for one in orders]
    assert {type(answer) for part in parts for answer in part} == {Done}
