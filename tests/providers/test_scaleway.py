"""The Scaleway driver against the emulated cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import trio

from qbatch.emulators.clock import iso
from qbatch.errors import CredentialsError, Misspoke, Refused, Unavailable
from qbatch.providers import (
    Answer,
    Cancelled,
    Declined,
    Done,
    Failed,
    GivenBack,
    Leaves,
    Missing,
    NotTaken,
    Running,
    Strange,
    Taken,
    Unclear,
)
from qbatch.providers.kit.wire import Reply
from qbatch.providers.scaleway.moments import read_duration, read_instant
from qbatch.providers.scaleway.replies import (
    read_error,
    read_price,
    session_cost,
)
from qbatch.providers.scaleway.results import encode, read_result
from tests.providers.conftest import Talk

AER, GARNET = "EMU-AER-16C-128M", "QPU-GARNET-20PQ"
FLAVOURS = {
    "qiskit": AER,
    "cirq": "EMU-QSIM-16C-128M",
    "cudaq": "EMU-CUDAQ-64C-512M",
    "mimiq": "EMU-QUANTANIUM-16C-128M",
}

Maker = Callable[..., Any]


async def release(cloud: Any, batch: Any) -> Mapping[str, float]:
    """Release as the executor does: again while the session is ending."""
    while True:
        try:
            return await cloud.driver.release(batch)  # type: ignore[no-any-return]
        except Unavailable:
            await trio.sleep(2)


def sessions_of(cloud: Any) -> set[str]:
    return {entry["session"] for entry in cloud.ledger}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    talk: Maker, order: Maker, asymmetric: Callable[..., float], flavour: str
) -> None:
    cloud = talk("scaleway", target=FLAVOURS[flavour])
    await cloud.driver.describe()
    (fetched,) = await cloud.run(order())
    assert fetched.facts["result_format"] == flavour
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5


async def test_a_composite_job_is_one_session_and_a_program_one_model(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    few, many = order(name="one", shots=100), order(name="two", shots=900)
    batch = await cloud.prepare(few, many)
    assert len(set(batch.composite.memo["models"])) == 1
    await cloud.submit(batch)
    assert len(sessions_of(cloud)) == 1
    assert [entry["price"] for entry in cloud.ledger] == pytest.approx([0.34, 1.30])


async def test_a_result_behind_a_url_is_fetched_without_the_token(
    talk: Maker, order: Maker
) -> None:
    """The emulated store refuses whoever shows the token to it."""
    cloud = talk("scaleway", target=GARNET)
    cloud.set_faults(switches={"scaleway": {"result_by_url_above": 0}})
    (fetched,) = await cloud.run(order())
    assert fetched.counts.shots == 2000


async def test_a_lost_answer_is_found_by_the_jobs_name(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=GARNET)
    one, two = order(name="one"), order(name="two")
    batch = await cloud.prepare(one, two)
    intent = cloud.driver.intend(batch)
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 2, "drop": "after"}])
    updates = await cloud.driver.submit(batch, intent)
    assert [update.job_id for update in updates] == [one.id]
    located = await cloud.located(batch, intent)
    assert all(isinstance(answer, Taken | Running | Done) for answer in located.values())
    assert len(cloud.ledger) == 2


async def test_what_comes_behind_a_job_in_doubt_is_certainly_not_sent(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    orders = [order(name=name) for name in ("one", "two", "three")]
    batch = await cloud.prepare(*orders)
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 2, "drop": "before"}])
    updates = await cloud.driver.submit(batch, cloud.driver.intend(batch))
    assert [(u.job_id, type(u)) for u in updates] == [
        (orders[0].id, Taken),
        (orders[2].id, NotTaken),
    ]
    assert len(cloud.ledger) == 1


async def test_a_job_in_doubt_is_absent_only_behind_a_fence(talk: Maker, order: Maker) -> None:
    """Its session is ended once the others in it have, and is looked through a minute later."""
    cloud = talk("scaleway", queue_s=100.0, target=GARNET)
    batch = await cloud.prepare(order(name="one"), order(name="two"))
    intent, doubtful = cloud.driver.intend(batch), batch.orders[1].id
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 2, "drop": "before"}])
    await cloud.driver.submit(batch, intent)
    began, answers = trio.current_time(), []
    while not answers or isinstance(answers[-1], Unclear):
        answers.append((await cloud.located(batch, intent))[doubtful])
        await trio.sleep(getattr(answers[-1], "again_s", 0))
    assert isinstance(answers[-1], Missing)
    assert answers[-1].is_proof
    assert answers[-1].settle_s >= 60
    assert all(answer.is_patient for answer in answers[:-1])
    assert trio.current_time() - began > 100
    (entry,) = cloud.ledger
    assert entry["state"] == "completed"


async def test_after_a_fence_the_job_goes_into_another_session(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=GARNET)
    batch = await cloud.prepare(order())
    intent = cloud.driver.intend(batch)
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 1, "drop": "before"}])
    with pytest.raises(Unavailable):
        await cloud.driver.submit(batch, intent)
    answer: Any = None
    while not isinstance(answer, Missing):
        await trio.sleep(10)
        answer = (await cloud.located(batch, intent))[batch.orders[0].id]
    again = replace(batch, composite=replace(batch.composite, memo=answer.memo))
    assert (await cloud.driver.prepare(again)).memo == answer.memo
    assert cloud.driver.intend(again).key != intent.key
    await cloud.submit(again)
    assert len(cloud.ledger) == 1


async def test_a_job_hidden_from_lists_for_a_while_is_found_and_not_bought_again(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", queue_s=300.0, target=GARNET)
    batch = await cloud.prepare(order())
    intent, key = cloud.driver.intend(batch), batch.orders[0].id
    cloud.set_faults(
        requests=[{"method": "POST", "path": "*/jobs", "drop": "after"}],
        jobs=[{"hide_s": 45}],
    )
    with pytest.raises(Unavailable):
        await cloud.driver.submit(batch, intent)
    answer: Any = Unclear("", again_s=0.0)
    while isinstance(answer, Unclear | Missing):
        assert trio.current_time() < 60
        await trio.sleep(1)
        answer = (await cloud.located(batch, intent))[key]
    assert isinstance(answer, GivenBack)  # its session was ended meanwhile, before it began


async def test_a_session_whose_answer_was_lost_is_come_by_again(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=GARNET)
    batch = await cloud.prepare(order())
    fault = {"method": "POST", "path": "*/sessions", "nth": 1, "drop": "after"}
    cloud.set_faults(requests=[fault])
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert caught.value.unsent  # of jobs, that is
    await cloud.submit(batch)
    service = cloud.driver._service
    listed = await service.rows("sessions", "sessions", {"project_id": service.project()})
    assert len(listed) == 1


async def test_in_another_process_the_session_is_found_by_its_key(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    batch = await cloud.submit(await cloud.prepare(order()))
    cloud.driver._sessions._opened.clear()
    (update,) = (await cloud.finish(batch)).values()
    assert isinstance(update, Done)


async def test_a_session_paid_by_the_hour_is_prolonged_while_needed_and_no_longer(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", queue_s=3000.0, target=AER, options={"longest_session": "2h"})
    target = await cloud.driver.describe()
    assert target.price.per_composite == pytest.approx(3.0)
    batch = await cloud.submit(await cloud.prepare(order()))
    ended = await cloud.finish(batch)
    assert {type(update) for update in ended.values()} == {Done}
    bill = await release(cloud, batch)
    (entry,) = cloud.ledger
    assert sum(bill.values()) == pytest.approx(entry["price"], rel=1e-3)
    assert 1.0 < entry["price"] < 3.0


async def test_a_session_is_not_kept_beyond_the_price_that_was_agreed_to(
    talk: Maker, order: Maker
) -> None:
    """The job never began, so it is given back."""
    cloud = talk("scaleway", queue_s=50_000.0, target=AER, options={"longest_session": "20m"})
    await cloud.driver.describe()
    batch = await cloud.submit(await cloud.prepare(order()))
    update: Answer | None = None
    while update is None or isinstance(update, Taken | Running) or update.settle_s:
        await trio.sleep(15)
        (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, GivenBack)
    bill = await release(cloud, batch)
    assert sum(bill.values()) <= 1.5 / 3 + 1e-6


async def test_a_session_that_ends_under_us_gives_back_what_never_began(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", queue_s=600.0, target=GARNET)
    cloud.set_faults(jobs=[{"kind": "session", "ends_after_s": 300}])
    batch = await cloud.submit(await cloud.prepare(order()))
    await trio.sleep(400)
    (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, GivenBack)
    assert update.settle_s == 0  # the cloud says that it has cancelled it
    assert update.cost == 0.0
    assert update.error


async def test_a_job_found_in_a_session_that_has_ended_is_given_back_if_it_never_began(
    talk: Maker, order: Maker
) -> None:
    """So it is with a job that arrives just before its session is ended to see whether it does."""
    cloud = talk("scaleway", queue_s=600.0, target=GARNET)
    cloud.set_faults(jobs=[{"kind": "session", "ends_after_s": 300}])
    batch = await cloud.prepare(order())
    intent = cloud.driver.intend(batch)
    await cloud.driver.submit(batch, intent)
    await trio.sleep(400)
    answer = (await cloud.located(batch, intent))[batch.orders[0].id]
    assert isinstance(answer, GivenBack)
    (entry,) = cloud.ledger
    assert entry["state"] == "cancelled"


@pytest.mark.parametrize("word", ["running", "melting"])
async def test_what_a_session_left_behind_must_last_to_count(
    talk: Maker, order: Maker, word: str
) -> None:
    """It may still be told how it ended; a word that is not known is never taken for an end."""
    cloud = talk("scaleway", queue_s=600.0, target=GARNET)
    batch = await cloud.submit(await cloud.prepare(order()))
    job = {"id": batch.provider_job_ids[0], "status": word, "session_id": "gone"}
    answer = cloud.driver._posted.standing_of(batch.orders[0], job, [])
    if word == "melting":
        assert isinstance(answer, Strange)
    else:
        assert isinstance(answer, GivenBack)
        assert answer.settle_s > 0
        assert answer.cost == 0.0


async def test_a_session_that_ends_under_us_fails_what_was_running(
    talk: Maker, order: Maker
) -> None:
    """It may be billed: only a person may buy it again."""
    cloud = talk("scaleway", queue_s=600.0, target=GARNET)
    cloud.set_faults(jobs=[{"kind": "session", "ends_after_s": 700}])
    batch = await cloud.submit(await cloud.prepare(order()))
    await trio.sleep(800)
    (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, Failed)


async def test_leaving_ends_a_session_only_where_its_time_is_paid_for(
    talk: Maker, order: Maker
) -> None:
    for target, ends in ((AER, True), (GARNET, False)):
        cloud = talk("scaleway", queue_s=1000.0, target=target)
        assert isinstance(cloud.driver, Leaves)
        batch = await cloud.submit(await cloud.prepare(order()))
        await cloud.driver.leave([batch])
        await trio.sleep(10)
        (session,) = await cloud.driver._sessions.of(cloud.driver._names.key_of(batch))
        assert (session["status"] == "stopped") is ends


async def test_release_ends_the_session_and_leaves_its_jobs_readable(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET, options={"tag_saved": True})
    wanted = order(name="theta=0.5")
    batch = await cloud.submit(await cloud.prepare(wanted))
    await cloud.finish(batch)
    assert await release(cloud, batch) == {}
    job = await cloud.driver._service.record(f"jobs/{batch.provider_job_ids[0]}")
    assert job["name"] == "theta=0.5"
    assert "saved" in job["tags"]
    (session,) = await cloud.driver._sessions.of(cloud.driver._names.key_of(batch))
    assert session["status"] in ("stopping", "stopped")


async def test_a_job_is_cancelled_and_its_sibling_is_not(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", queue_s=1000.0, target=GARNET)
    one, two = order(name="one"), order(name="two")
    batch = await cloud.submit(await cloud.prepare(one, two))
    await cloud.driver.cancel(batch, [one.id])
    await trio.sleep(5)
    first, second = await cloud.driver.poll([batch])
    assert (type(first), type(second)) == (Cancelled, Taken)


async def test_a_failed_job_says_why_in_the_clouds_words(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=GARNET)
    cloud.set_faults(jobs=[{"fail": "qubit 3 is tired"}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = (await cloud.finish(batch)).values()
    assert isinstance(update, Failed)
    assert "qubit 3 is tired" in update.error
    assert b"qubit 3" in update.raw


async def test_long_lists_are_read_to_their_end_whatever_a_page_is(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    cloud.set_faults(switches={"scaleway": {"most_page_size": 2}})
    batch = await cloud.submit(await cloud.prepare(*[order(name=f"p{n}") for n in range(7)]))
    assert len(await cloud.driver.poll([batch])) == 7


async def test_intermediate_results_are_read_and_the_last_row_counts(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    cloud.set_faults(switches={"scaleway": {"intermediate_rows": 2}})
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    (fetched,) = await cloud.driver.fetch(batch, [batch.orders[0].id])
    assert len(await cloud.driver._service.results(batch.provider_job_ids[0])) == 3
    assert len(json.loads(fetched.raw)) == 3
    assert fetched.counts.shots == 2000


async def test_the_circuit_of_a_job_that_came_as_a_model_is_not_in_the_job(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    batch = await cloud.submit(await cloud.prepare(order()))
    circuit = await cloud.driver._service.job_circuit(batch.provider_job_ids[0])
    assert not any(circuit.values())


async def test_results_that_lag_are_left_out_until_they_are_there(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target=GARNET)
    cloud.set_faults(jobs=[{"lag_s": 20}])
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    wanted = [batch.orders[0].id]
    assert await cloud.driver.fetch(batch, wanted) == []
    await trio.sleep(30)
    assert len(await cloud.driver.fetch(batch, wanted)) == 1


async def test_a_sessions_price_is_shared_by_the_jobs_that_were_in_it_alone(
    talk: Maker, order: Maker
) -> None:
    """Half was billed to a job that was never taken, and lost when its own session was billed."""
    cloud = talk("scaleway", queue_s=3000.0, target=AER)
    await cloud.driver.describe()
    one, never_taken = order(name="one"), order(name="two")
    batch = await cloud.submit(await cloud.prepare(one))
    await cloud.finish(batch)
    both = replace(batch.composite, job_ids=(one.id, never_taken.id))
    for known in ((), (*batch.provider_job_ids, None)):  # taken up, or watched from the beginning
        as_made = replace(batch, composite=both, orders=(one, never_taken), provider_job_ids=known)
        bill = await release(cloud, as_made)
        assert bill == {one.id: pytest.approx(cloud.ledger[0]["price"], rel=1e-3)}


async def test_answers_written_as_raw_protobuf_are_read_all_the_same(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", queue_s=3000.0, target=AER)
    cloud.set_faults(switches={"scaleway": {"form": "protobuf"}})
    await cloud.driver.describe()
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    bill = await release(cloud, batch)
    assert sum(bill.values()) == pytest.approx(cloud.ledger[0]["price"], rel=1e-3)


async def test_a_noise_model_goes_with_the_program_and_changes_the_counts(
    talk: Maker, order: Maker
) -> None:
    flips = {
        "errors": [
            {
                "type": "roerror",
                "operations": ["measure"],
                "probabilities": [[0.0, 1.0], [1.0, 0.0]],
            }
        ]
    }
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q[0]->c[0];'
    cloud = talk("scaleway", target=AER, options={"noise_model": flips})
    (fetched,) = await cloud.run(order(text, shots=100))
    assert fetched.counts.to_dict() == {"1": 100}


async def test_a_booked_slot_bounds_the_sessions_without_one_and_is_told(
    talk: Maker, order: Maker
) -> None:
    """Another run of the project has booked the machine: its slot ends other sessions."""
    cloud = talk("scaleway", target=GARNET)
    clock = cloud.emulation.world.clock
    slot = {"starts_at": iso(clock.at(5000)), "ends_at": iso(clock.at(9000))}
    other = Talk(
        "scaleway", cloud.emulation, {"target": GARNET, "options": {"booking": slot}}, "run2"
    )
    await other.driver.describe()
    await other.submit(await other.prepare(order()))
    target = await cloud.driver.describe()
    assert len(target.facts["bookings"]) == 1
    assert target.next_window_at is None
    body = json.loads(cloud.driver.intend(await cloud.prepare(order())).body)
    assert 4900 < float(body["session"]["max_duration"].rstrip("s")) <= 5000
    await trio.sleep(6000)
    assert (await cloud.driver.describe()).next_window_at is not None


async def test_a_slot_of_ones_own_is_demanded_with_the_session(talk: Maker, order: Maker) -> None:
    booking = {"starts_at": "2031-01-01T10:00:00+01:00", "ends_at": "2031-01-01T11:30:00+01:00"}
    cloud = talk("scaleway", target=GARNET, options={"booking": booking})
    target = await cloud.driver.describe()
    assert target.price.per_composite == pytest.approx(1.5 * 2000)
    assert target.in_flight == 1
    body = json.loads(cloud.driver.intend(await cloud.prepare(order())).body)
    assert body["session"]["booking_demand"]["started_at"] == booking["starts_at"]
    assert body["session"]["max_duration"] == "5400s"


async def test_a_platform_without_gates_is_told_before_anything_is_sent(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("scaleway", target="QPU-ASCELLA-6PQ")
    target = await cloud.driver.describe()
    assert "photonic" in cloud.driver.check(order(), target)


async def test_an_unknown_platform_is_answered_with_the_nearest(talk: Maker) -> None:
    with pytest.raises(Refused, match="QPU-GARNET-20PQ"):
        await talk("scaleway", target="QPU-GARNET").driver.describe()


async def test_a_wrong_key_is_a_matter_of_credentials_and_is_not_shown(talk: Maker) -> None:
    environ = {"QISKIT_SCALEWAY_SECRET_KEY": "sesame-open"}
    cloud = talk("scaleway", target=GARNET, environ=environ)
    with pytest.raises(CredentialsError) as caught:
        await cloud.driver.describe()
    assert "sesame" not in str(caught.value)


async def test_without_a_project_the_variable_to_set_is_named(talk: Maker) -> None:
    environ = dict.fromkeys(("QISKIT_SCALEWAY_PROJECT_ID", "SCW_PROJECT_ID"), "")
    with pytest.raises(CredentialsError, match="QISKIT_SCALEWAY_PROJECT_ID"):
        await talk("scaleway", target=GARNET, environ=environ).driver.describe()


def test_hexadecimal_keys_are_bits_whatever_the_number_of_qubits(order: Maker) -> None:
    """One qubit measured into bit 1 of two: the official client shows 01 for it."""
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[2]; x q[0]; measure q[0]->c[1];'
    header = {"n_qubits": 1, "memory_slots": 2, "creg_sizes": [["c", 2]]}
    inner = {"success": True, "results": [{"data": {"counts": {"0x2": 10}}, "header": header}]}
    wrapped = json.dumps(encode(json.dumps(inner), 2))
    counts, _ = read_result(json.dumps(wrapped), order(text, shots=10))
    assert counts.to_dict() == {"10": 10}


def cirq_result(key: str, shape: list[int], digits: str) -> Mapping[str, Any]:
    record = {"shape": shape, "packed_digits": digits, "binary": True}
    return encode(json.dumps({"records": {key: record}}), 1)


async def test_cuda_q_counts_qubits_and_we_count_bits(talk: Maker, order: Maker) -> None:
    crossed = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; x q[0]; '
        "measure q[0]->c[2]; measure q[2]->c[0];"
    )
    cloud = talk("scaleway", target=FLAVOURS["cudaq"])
    await cloud.driver.describe()
    (fetched,) = await cloud.run(order(crossed, shots=50))
    assert fetched.counts.to_dict() == {"100": 50}


@pytest.mark.parametrize(
    "result",
    [
        "no JSON",
        "[]",
        json.dumps({"compression_format": 1, "serialization_format": 9, "serialization": "{}"}),
        json.dumps({"compression_format": 7, "serialization_format": 2, "serialization": "{}"}),
        json.dumps({"compression_format": 2, "serialization_format": 2, "serialization": "eJw="}),
        json.dumps(encode("[1]", 2)),
        json.dumps(encode('{"results": []}', 2)),
        json.dumps(encode('{"results": [{"data": {"counts": {"0x1": 9}}}]}', 2)),
        json.dumps(encode('{"results": [{"data": {"counts": {"0xff": 10}}}]}', 2)),
        json.dumps(encode('{"results": [{"data": {"counts": {"0x1": "10"}}}]}', 2)),
        json.dumps(
            encode('{"records": {"c_0": {"shape": [9, 1, 1], "packed_digits": "ffff"}}}', 1)
        ),
        json.dumps(
            encode('{"records": {"c_9": {"shape": [10, 1, 1], "packed_digits": "ffff"}}}', 1)
        ),
        json.dumps(encode('{"records": {"c_0": {"shape": [10, 1, 9], "packed_digits": "ff"}}}', 1)),
        json.dumps(encode("[1, 99]", 3)),
        json.dumps(encode("{}", 3)),
        json.dumps(encode('{"histogram": {"0": 10}}', 4)),
    ],
)
def test_what_is_not_the_counts_ordered_is_misspoken(order: Maker, result: str) -> None:
    with pytest.raises(Misspoke):
        read_result(result, order(shots=10))


def test_a_qpu_costs_by_circuit_and_shot_and_a_simulator_by_the_hour() -> None:
    money = {"currency_code": "EUR", "units": 1, "nanos": 500_000_000}
    nothing = {"currency_code": "EUR", "units": 0, "nanos": 0}
    told = {"price_per_circuit": money, "price_per_shot": nothing, "price_per_hour": money}
    qpu = read_price({"type": "qpu", **told}, 3600)
    assert (qpu.of_job(1000), qpu.unit, qpu.certainty) == (1.5, "eur", "exact")
    hourly = read_price({"type": "simulator", "price_per_hour": money}, 1800.0)
    assert (hourly.per_composite, hourly.certainty) == (0.75, "at most")


@pytest.mark.parametrize("missing", ["price_per_circuit", "price_per_shot", "price_per_hour"])
@pytest.mark.parametrize("instead", [None, {}])
def test_a_price_that_is_not_told_is_not_free(missing: str, instead: Any) -> None:
    """Of a QPU, that of circuits and of shots; of a simulator, that of an hour."""
    nothing = {"currency_code": "EUR", "units": 0, "nanos": 0}
    told = dict.fromkeys(("price_per_circuit", "price_per_shot", "price_per_hour"), nothing)
    kind = "simulator" if missing == "price_per_hour" else "qpu"
    assert read_price({"type": kind, **told}, 3600).is_free
    price = read_price({"type": kind, **told, missing: instead}, 3600)
    assert (price.is_free, price.is_told) == (False, False)
    assert missing in price.source


def test_a_session_costs_from_when_it_runs_until_it_has_ended() -> None:
    platform = {"price_per_hour": {"currency_code": "EUR", "units": 2, "nanos": 0}}
    began, ended = "2026-11-01T10:00:00Z", "2026-11-01T10:30:00Z"
    running = {"status": "running", "started_at": began}
    assert session_cost(running, platform, 0.0) is None
    stopped = {"status": "stopped", "started_at": began, "terminated_at": ended}
    assert session_cost(stopped, platform, 0.0) == pytest.approx(1.0)
    assert session_cost({"status": "stopped", "started_at": None}, platform, 0.0) == 0.0


def test_instants_and_durations_are_read_in_every_form() -> None:
    assert read_instant("0001-01-01T00:00:00Z") is None
    assert read_instant({"seconds": "-62135596800", "nanos": 0}) is None
    assert read_instant("soon") is None
    assert read_instant("2026-01-01T00:00:00.123456789Z") == pytest.approx(1767225600.123456)
    assert read_duration({"seconds": "90", "nanos": 0}) == read_duration("90.000000000s") == 90.0
    assert read_duration("1h") is None


def test_an_error_says_all_that_stands_in_it() -> None:
    body = {
        "type": "invalid_arguments",
        "details": [{"argument_name": "max_duration", "reason": "constraint", "help_message": ""}],
    }
    reply = Reply("scaleway", "POST /sessions", 400, {}, json.dumps(body).encode())
    assert read_error(reply) == "invalid_arguments: max_duration constraint"


async def test_a_model_that_is_gone_fails_its_jobs_and_the_next_attempt_uploads_it_anew(
    talk: Maker, order: Maker
) -> None:
    """Waiting would not bring it back, and what was prepared is kept over restarts."""
    cloud = talk("scaleway", target=GARNET)
    batch = await cloud.prepare(order())
    gone = {**batch.composite.memo, "models": ["00000000-0000-4000-8000-000000000000"]}
    batch = replace(batch, composite=replace(batch.composite, memo=gone))
    (update,) = await cloud.driver.submit(batch, cloud.driver.intend(batch))
    assert (type(update), "model" in update.error) == (Declined, True)
    await cloud.submit(await cloud.prepare(order(), generation=2))
    assert len(cloud.ledger) == 1
