"""The Marqov driver against the emulated platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from qbatch.errors import CredentialsError, Misspoke, Refused, Unavailable
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Batch,
    Cancelled,
    Done,
    Failed,
    Missing,
    NotTaken,
    Running,
    Strange,
    Surroundings,
    Taken,
    Unclear,
    open_driver,
)
from qbatch.providers.marqov.driver import Marqov
from qbatch.providers.marqov.options import Options
from qbatch.providers.marqov.replies import read_price, read_result, read_state

SUBMIT = "/api/jobs/submit"
ROTATED = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
x q[0];
measure q -> c;
"""

Maker = Callable[..., Any]


def lost(**fault: Any) -> list[dict[str, Any]]:
    return [{"method": "POST", "path": SUBMIT, "nth": 1, **fault}]


async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    talk: Maker, order: Maker, asymmetric: Callable[..., float]
) -> None:
    (fetched,) = await talk("marqov", target="marqov-sim").run(order())
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5
    assert fetched.facts["bit_order"] == "qubit_0_first"


@pytest.mark.parametrize(
    ("target", "usd"), [("marqov-sim", 0.0), ("sv1", 0.075), ("ionq-aria-1", 20.3)]
)
async def test_what_a_job_costs_is_known_before_and_billed_after(
    talk: Maker, order: Maker, target: str, usd: float
) -> None:
    """M16."""
    cloud = talk("marqov", target=target)
    assert (await cloud.driver.describe()).price.of_job(2000) == pytest.approx(usd)
    batch = await cloud.prepare(order())
    assert batch.composite.memo["usd"] == pytest.approx(usd)
    assert cloud.ledger == []
    (fetched,) = await cloud.run(order(name="other"))
    assert fetched.cost == cloud.ledger[0]["price"] == pytest.approx(usd)


async def test_the_minimum_is_the_least_a_job_costs(talk: Maker) -> None:
    price = (await talk("marqov", target="quantinuum-h2").driver.describe()).price
    assert price.of_job(1) == 25.0
    assert price.of_job(1000) == 50.0


async def test_a_description_has_limits_and_rates(talk: Maker) -> None:
    target = await talk("marqov", target="qb-sim-statevector").driver.describe()
    assert (target.num_qubits, target.max_shots, target.max_jobs) == (28, 100_000, 1)
    assert [(rate.calls, rate.window_s) for rate in target.rates] == [(10, 60), (100, 86_400)]


async def test_an_unknown_or_retired_backend_is_answered_with_the_nearest(talk: Maker) -> None:
    with pytest.raises(Refused, match="iqm-garnet"):
        await talk("marqov", target="iqm-garnt").driver.describe()
    with pytest.raises(Refused, match="retired"):
        await talk("marqov", target="rigetti-qvm").driver.describe()


async def test_maintenance_is_offline(talk: Maker) -> None:
    assert not (await talk("marqov", target="ionq-forte-1").driver.describe()).online


async def test_a_circuit_that_is_too_wide_is_told_without_asking(talk: Maker, order: Maker) -> None:
    driver = talk("marqov", target="marqov-sim").driver
    target = replace(await driver.describe(), num_qubits=2)
    assert "3 qubits" in driver.check(order(), target)


async def test_the_key_is_a_uuid_of_run_job_and_generation(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    first, again, next_one = [
        cloud.driver.intend(await cloud.prepare(order(), generation=n)) for n in (1, 1, 2)
    ]
    assert UUID(first.key).version == 5
    assert first.key == again.key != next_one.key
    await cloud.submit(await cloud.prepare(order()))
    assert cloud.ledger[0]["key"] == first.key


async def test_the_bytes_sent_are_those_of_the_memo_in_any_process(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("marqov", target="sv1")
    batch = await cloud.prepare(order())
    later = talk("marqov", target="sv1", options={"accept_warnings": ["x"]})
    memo = json.loads(json.dumps(batch.composite.memo))
    batch = replace(batch, composite=replace(batch.composite, memo=memo))
    assert later.driver.intend(batch) == cloud.driver.intend(batch)


async def test_a_script_is_uploaded_once_and_names_the_job(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    await cloud.submit(await cloud.prepare(order()))
    assert cloud.ledger[0]["name"].startswith("qbatch-run1-point")
    assert len(cloud.ledger[0]["name"]) <= 100


async def test_what_is_free_by_the_catalogue_but_not_by_the_analysis_is_not_bought(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("marqov", target="sv1")
    await cloud.driver.describe()
    pricing = {"taskFee": 0, "perShot": 0, "minimumCost": 0}
    service = cloud.driver._service
    service._entry = {**service._entry, "pricing": pricing}
    with pytest.raises(Refused, match=r"asks 0\.075 usd"):
        await cloud.prepare(order())


# -- lost answers --------------------------------------------------------------------------------

LOST = [
    {"drop": "after"},
    {"status": 503, "when": "after"},
    {"status": 201, "html": True, "when": "after"},
    {"status": 201, "when": "after"},  # JSON, without job_id
    {"status": 302, "when": "after"},
    {"late_s": 40.0},
]


@pytest.mark.parametrize("fault", LOST)
async def test_a_paid_job_whose_answer_was_lost_is_held(
    talk: Maker, order: Maker, fault: dict[str, Any]
) -> None:
    cloud = talk("marqov", target="sv1")
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=lost(**fault))
    with pytest.raises((Unavailable, Misspoke)) as caught:
        await cloud.submit(batch)
    assert not getattr(caught.value, "unsent", False)
    intent = cloud.driver.intend(batch)
    for _ in range(3):
        answer = (await cloud.located(batch, intent))[order().id]
        assert isinstance(answer, Unclear)
        assert answer.again_s is None
    assert intent.key in answer.error
    assert batch.composite.memo["script_id"] in answer.error
    assert len(cloud.ledger) == 1


async def resend(cloud: Any, batch: Batch) -> Batch:
    """Lose an answer, and do what the executor does with `NotTaken`: prepare and submit again."""
    intent = cloud.driver.intend(batch)
    cloud.set_faults(requests=lost(drop="after"))
    with pytest.raises(Unavailable):
        await cloud.submit(batch)
    found = await cloud.located(batch, intent)
    answer = found[batch.orders[0].id]
    assert isinstance(answer, NotTaken)
    again = replace(batch, composite=replace(batch.composite, memo=answer.memo))
    prepared = await cloud.driver.prepare(again)
    assert prepared.ready
    assert prepared.memo == answer.memo
    assert cloud.driver.intend(again) == intent
    return again


@pytest.mark.parametrize(
    "settings",
    [{"target": "marqov-sim"}, {"target": "sv1", "options": {"on_unknown": "resend"}}],
)
async def test_free_or_allowed_the_same_bytes_go_out_once_more(
    talk: Maker, order: Maker, settings: dict[str, Any]
) -> None:
    cloud = talk("marqov", **settings)
    again = await resend(cloud, await cloud.prepare(order()))
    sent = await cloud.submit(again)
    assert [entry["submissions"] for entry in cloud.ledger] == [2]
    assert sent.provider_job_ids == (cloud.ledger[0]["id"],)


async def test_but_only_once_even_after_a_crash(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    again = await resend(cloud, await cloud.prepare(order()))
    environ = cloud.emulation.environment("https://emulators.test")
    around = Surroundings(environ, cloud.emulation.transport(), "run1", is_virtual=True)
    later = Marqov("cloud", Backend(provider="marqov", target="marqov-sim"), around)
    for driver in (cloud.driver, later):
        (answer,) = await driver.locate(again, driver.intend(again))
        assert isinstance(answer, Unclear)
        assert "twice" in answer.error


async def test_a_job_with_an_id_is_found_by_it(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="sv1")
    batch = await cloud.submit(await cloud.prepare(order()))
    found = await cloud.located(batch, cloud.driver.intend(batch))
    assert isinstance(found[order().id], Taken | Running | Done)
    lost_id = replace(batch, provider_job_ids=("00000000-0000-4000-8000-000000000000",))
    found = await cloud.located(lost_id, cloud.driver.intend(batch))
    assert isinstance(found[order().id], Missing)
    assert not found[order().id].is_proof


async def test_a_conflict_that_cannot_be_read_is_no_refusal(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="sv1")
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=lost(status=409, html=True))
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert not caught.value.unsent


async def test_a_key_that_was_taken_with_another_body_is_no_refusal(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("marqov", target="marqov-sim")
    batch = await cloud.prepare(order())
    await cloud.submit(batch)
    memo = {**batch.composite.memo, "body": batch.composite.memo["body"] + " "}
    other = replace(batch, composite=replace(batch.composite, memo=memo))
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(other)
    assert not caught.value.unsent


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", ["new", "old"])
async def test_a_budget_refuses_and_says_what_remains(
    talk: Maker, order: Maker, generation: str
) -> None:
    cloud = talk("marqov", target="ionq-aria-1")
    switches = {"generation": generation, "day_usd": 25.0}
    cloud.set_faults(switches={"marqov": switches})
    await cloud.submit(await cloud.prepare(order()))
    with pytest.raises(Refused, match=r"402: .*4\.70? USD.*\"remaining_usd\": 4\.7"):
        await cloud.submit(await cloud.prepare(order(name="second")))
    assert len(cloud.ledger) == 1


async def test_the_eleventh_submission_within_a_minute_waits(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    for number in range(10):
        await cloud.submit(await cloud.prepare(order(name=f"p{number}")))
    batch = await cloud.prepare(order(name="eleventh"))
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert caught.value.is_full
    assert 0 < caught.value.retry_after_s <= 60
    assert len(cloud.ledger) == 10


async def test_a_wrong_key_is_a_matter_of_credentials(talk: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim", environ={"MARQOV_PLATFORM_KEY": "marqey_guess"})
    with pytest.raises(CredentialsError) as caught:
        await cloud.driver.describe()
    assert "guess" not in str(caught.value)


def test_without_a_key_the_variable_to_set_is_named() -> None:
    driver = open_driver(Backend(provider="marqov"), name="c", folder=Path())
    with pytest.raises(CredentialsError, match="MARQOV_PLATFORM_KEY"):
        driver.credential_source()


async def test_a_key_without_permission_is_refused(talk: Maker, order: Maker) -> None:
    environ = {"MARQOV_PLATFORM_KEY": "marqey_test_" + "3" * 32}
    cloud = talk("marqov", target="marqov-sim", environ=environ)
    with pytest.raises(Refused, match="permission_denied"):
        await cloud.submit(await cloud.prepare(order()))


async def test_a_key_cannot_cancel_and_the_page_is_shown(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", queue_s=100.0, target="marqov-sim")
    batch = await cloud.submit(await cloud.prepare(order()))
    with pytest.raises(Refused, match=f"/jobs/{batch.provider_job_ids[0]}"):
        await cloud.driver.cancel(batch, [order().id])


async def test_where_cancelling_is_allowed_it_comes_to_an_end(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", queue_s=100.0, target="marqov-sim")
    cloud.set_faults(switches={"marqov": {"cancel": "allow"}})
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [order().id])
    assert (type(update), update.status) == (Running, "cancelling")
    assert isinstance((await cloud.finish(batch))[order().id], Cancelled)


# -- news ----------------------------------------------------------------------------------------


async def test_a_job_alone_is_asked_about_by_a_held_back_answer(talk: Maker, order: Maker) -> None:
    import trio

    cloud = talk("marqov", queue_s=9.0, target="marqov-sim")
    batch = await cloud.submit(await cloud.prepare(order()))
    began = trio.current_time()
    (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, Done)
    assert 9 <= trio.current_time() - began <= 13


async def test_several_jobs_are_asked_about_at_once(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    batches = [await cloud.submit(await cloud.prepare(order(name=f"p{k}"))) for k in range(3)]
    updates = await cloud.driver.poll(batches)
    assert {update.job_id for update in updates} == {batch.orders[0].id for batch in batches}


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ({"jobs": [{"fail": "laser off"}]}, "failed", "laser off"),
        ({"jobs": [{"expires": True}]}, "dispatch_failed", "handed"),
        (
            {"jobs": [{"fail": "x"}], "switches": {"marqov": {"silent_failures": True}}},
            "failed",
            "no reason given",
        ),
    ],
)
async def test_a_failed_job_says_why_if_the_platform_does(
    talk: Maker, order: Maker, script: Any, status: str, words: str
) -> None:
    cloud = talk("marqov", target="sv1")
    cloud.set_faults(**script)
    batch = await cloud.submit(await cloud.prepare(order()))
    update = (await cloud.finish(batch))[order().id]
    assert (type(update), update.status) == (Failed, status)
    assert words in update.error
    assert update.raw


async def test_an_unknown_word_is_no_end(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    cloud.set_faults(jobs=[{"word": "melting"}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.poll([batch])
    assert (type(update), update.status) == (Strange, "melting")


async def test_a_result_that_is_late_is_no_result_yet(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim")
    cloud.set_faults(jobs=[{"lag_s": 30.0}])
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    assert await cloud.driver.fetch(batch, [order().id]) == []


# -- options -------------------------------------------------------------------------------------


async def test_openqasm_may_travel_within_the_submission(
    talk: Maker, order: Maker, asymmetric: Callable[..., float]
) -> None:
    cloud = talk("marqov", target="marqov-sim", options={"framework": "openqasm"})
    batch = await cloud.prepare(order())
    assert "script_id" not in batch.composite.memo
    (fetched,) = await cloud.run(order(name="other"))
    assert asymmetric(fetched) < 5


async def test_what_the_platform_does_not_execute_is_refused(talk: Maker, order: Maker) -> None:
    options = {"framework": "qiskit", "inline_code": "qc = QuantumCircuit(2)"}
    cloud = talk("marqov", target="marqov-sim", options=options)
    cloud.set_faults(switches={"marqov": {"strict": True}})
    with pytest.raises(Refused, match="execution_unavailable"):
        await cloud.submit(await cloud.prepare(order()))


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("sv1", {"execution_mode": "direct"}),
        ("sv1", {"execution_mode": "durable"}),
        ("marqov-sim", {"framework": "qiskit", "inline_code": "from qiskit import QuantumCircuit"}),
    ],
)
async def test_p21_bodies_as_the_platforms_page_shows_them_are_taken(
    talk: Maker, order: Maker, target: str, options: dict[str, Any]
) -> None:
    cloud = talk("marqov", target=target, options=options)
    batch = await cloud.prepare(order())
    body = json.loads(cloud.driver.intend(batch).body)
    mode = {"durable": "temporal"}.get(options.get("execution_mode"), "direct")
    assert {"backend", "params"} < set(body)
    assert body.get("execution_mode", "direct") == mode
    assert ("script_id" in body) is not ("inline_code" in body)
    await cloud.submit(batch)
    assert [one["execution_mode"] for one in cloud.ledger] == [mode]


async def test_a_ready_made_script_is_run_by_name(talk: Maker, order: Maker) -> None:
    options = {"script_slug": "bell-state", "execution_mode": "durable"}
    cloud = talk("marqov", target="marqov-sim", options=options)
    bell = order(ROTATED)
    body = json.loads((await cloud.prepare(bell)).composite.memo["body"])
    assert (body["script_slug"], body["execution_mode"]) == ("bell-state", "temporal")
    (fetched,) = await cloud.run(bell)
    assert set(fetched.counts.to_dict()) == {"00", "11"}


async def test_a_script_of_ones_own_gets_the_sweeps_values(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="marqov-sim", options={"script_slug": "rotation"})
    turned = replace(order(ROTATED), parameters={"theta": 3.141592653589793})
    (fetched,) = await cloud.run(turned)
    assert fetched.counts.to_dict() == {"01": 2000}


async def test_a_saved_script_is_run_by_id(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="sv1")
    saved = (await cloud.prepare(order())).composite.memo["script_id"]
    environ = cloud.emulation.environment("https://emulators.test")
    around = Surroundings(environ, cloud.emulation.transport(), "run2", is_virtual=True)
    backend = Backend(provider="marqov", target="sv1", options={"script_id": saved})
    cloud.driver = open_driver(backend, name="c", folder=Path(), surroundings=around)
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000
    assert cloud.ledger[0]["name"].startswith("qbatch-run1")


async def test_noise_reaches_the_simulator(talk: Maker, order: Maker) -> None:
    noise = [{"channel": "ReadoutError", "p0_given1": 1.0, "p1_given0": 0.0, "qubits": [0]}]
    cloud = talk("marqov", target="qb-sim-noisy-aer", options={"noise_model": noise})
    (fetched,) = await cloud.run(order(ROTATED))
    assert fetched.counts.to_dict() == {"00": 2000}
    assert fetched.facts["metadata"]["noise"] == noise


async def test_a_state_comes_in_our_order(talk: Maker, order: Maker) -> None:
    cloud = talk("marqov", target="qb-sim-statevector", options={"statevector": True})
    (fetched,) = await cloud.run(order(ROTATED))
    assert [abs(one) for one in fetched.statevector] == pytest.approx([0, 1, 0, 0])
    assert "state_vector" not in fetched.facts["metadata"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"script_slug": "a", "inline_code": "b"}, "exclude each other"),
        ({"inline_code": "b"}, "needs framework"),
        ({"framework": "cirq"}, "needs inline_code"),
        ({"script_slug": "a", "framework": "openqasm"}, "says nothing"),
        ({"params": {"shots": 5}}, "set by the plan"),
        ({"script_id": "seven"}, "UUID"),
        ({"execution_mode": "fast"}, "durable"),
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Options.model_validate(options)


# -- reading -------------------------------------------------------------------------------------


def test_the_metadata_may_say_another_bit_order(order: Maker) -> None:
    result = {"counts": {"001": 2000}, "metadata": {"bit_order": "qubit_0_last"}}
    assert read_result(result, order())[0].to_dict() == {"0 01": 2000}


def test_an_unknown_bit_order_is_never_guessed(order: Maker) -> None:
    with pytest.raises(Misspoke, match="bit order"):
        read_result({"counts": {"001": 2000}, "metadata": {"bit_order": "odd"}}, order())


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"counts": {}},
        {"counts": {"01": 2000}},
        {"counts": {"001": 1999}},
        {"counts": {"001": 2000.0}},
        {"counts": {"0x1": 2000}},
        {"counts": {"001": True, "010": 1999}},
    ],
)
def test_what_is_not_the_counts_ordered_is_misspoken(order: Maker, result: Any) -> None:
    with pytest.raises(Misspoke):
        read_result(result, order())


@pytest.mark.parametrize("state", [[[1, 0]], "x", [[1, 0]] * 7 + [["nan", 0]]])
def test_a_state_of_another_shape_is_misspoken(order: Maker, state: Any) -> None:
    with pytest.raises(Misspoke):
        read_state({"metadata": {"state_vector": state}}, order())


@pytest.mark.parametrize("pricing", [None, {}, {"taskFee": 0, "perShot": 0}, {"taskFee": "0"}])
def test_a_missing_price_is_never_taken_for_free(pricing: Any) -> None:
    price = read_price({"pricing": pricing})
    assert price.quoted
    assert not price.is_free


async def test_two_runs_of_one_person_share_the_limits(
    talk: Maker, order: Maker, tmp_path: Path
) -> None:
    cloud = talk("marqov", target="marqov-sim")
    environ = cloud.emulation.environment("https://emulators.test")
    environ["QBATCH_STATE_DIR"] = str(tmp_path)
    for number in range(11):
        around = Surroundings(environ, cloud.emulation.transport(), f"run{number % 2}")
        backend = Backend(provider="marqov", target="marqov-sim")
        cloud.driver = open_driver(backend, name="c", folder=Path(), surroundings=around)
        batch = await cloud.prepare(order(name=f"p{number}"))
        if number < 10:
            await cloud.submit(batch)
    with pytest.raises(Unavailable, match="marqov takes 10 jobs a minute") as caught:
        await cloud.submit(batch)
    assert caught.value.is_full
    assert 50 < caught.value.retry_after_s <= 60
    assert len(cloud.ledger) == 10
    assert "marqey" not in (tmp_path / "submissions.json").read_text()
