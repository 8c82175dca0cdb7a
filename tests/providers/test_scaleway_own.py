"""P22: models and sessions of a person's own, limits of jobs, and results within a job's record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from qbatch.errors import Misspoke, Refused, Unavailable, Unfit
from qbatch.manifest.models import Backend
from qbatch.plan.identity import backend_identity
from qbatch.providers import GivenBack, Missing, Unclear, options_model
from qbatch.providers.complaints import complaints_about
from qbatch.providers.scaleway.results import read_result

AER, GARNET, QSIM = "EMU-AER-16C-128M", "QPU-GARNET-20PQ", "EMU-QSIM-16C-128M"

Maker = Callable[..., Any]

BELL = """\
OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg m[2]; h q[0]; cx q[0], q[1]; measure q -> m;
"""


async def own_session(cloud: Any, platform: str = AER, **limits: Any) -> str:
    """Open a session as a person does, by other means than qbatch's."""
    platforms = await cloud.driver._service.platforms()
    (found,) = [one for one in platforms if one["name"] == platform]
    asked = {
        "project_id": cloud.driver._service.project(),
        "platform_id": found["id"],
        "name": "mine",
        **limits,
    }
    return str((await cloud.driver._service.ask("POST", "sessions", json=asked)).object()["id"])


def with_options(cloud: Any, target: str | None = None, **options: Any) -> Any:
    """Another driver at the same emulated cloud."""
    return type(cloud)("scaleway", cloud.emulation, {"target": target, "options": options})


async def session_of(cloud: Any, session_id: str) -> dict[str, Any]:
    return dict(await cloud.driver._service.record(f"sessions/{session_id}"))


async def test_jobs_run_in_a_session_of_ones_own_which_is_left_as_it_is(
    talk: Maker, order: Maker
) -> None:
    first = talk("scaleway", target=AER)
    mine = await own_session(first, max_duration="900s", max_idle_duration="800s")
    cloud = with_options(first, session_id=mine)
    target = await cloud.driver.describe()
    assert (target.name, target.price.is_free) == (AER, True)
    batch = await cloud.submit(await cloud.prepare(order(name="one"), order(name="two")))
    await cloud.finish(batch)
    assert len(await cloud.driver.fetch(batch, [each.id for each in batch.orders])) == 2
    await cloud.driver.leave([batch])
    assert await cloud.driver.release(batch) == {}
    await trio.sleep(10)
    session = await session_of(cloud, mine)
    assert (session["status"], session["name"]) == ("running", "mine")
    assert (session["max_duration"], session["finished_job_count"]) == ("900s", 2)
    listed = await cloud.driver._service.rows(
        "sessions", "sessions", {"project_id": cloud.driver._service.project()}
    )
    assert len(listed) == 1


async def test_a_session_of_ones_own_is_not_prolonged(talk: Maker, order: Maker) -> None:
    first = talk("scaleway", queue_s=1000.0, target=AER)
    mine = await own_session(first, max_duration="600s", max_idle_duration="600s")
    cloud = with_options(first, session_id=mine)
    batch = await cloud.submit(await cloud.prepare(order()))
    await trio.sleep(500)
    await cloud.driver.poll([batch])
    assert (await session_of(cloud, mine))["max_duration"] == "600s"


async def test_where_circuits_are_paid_a_session_of_ones_own_makes_none_free(talk: Maker) -> None:
    first = talk("scaleway", target=GARNET)
    cloud = with_options(first, GARNET, session_id=await own_session(first, GARNET))
    target = await cloud.driver.describe()
    assert (target.price.per_job, target.price.per_shot) == (0.22, 0.0012)


async def test_a_session_that_takes_no_jobs_is_told_and_no_other_is_opened(
    talk: Maker, order: Maker
) -> None:
    first = talk("scaleway", target=AER)
    mine = await own_session(first)
    cloud = with_options(first, session_id=mine)
    batch = await cloud.prepare(order())
    await first.driver._sessions.terminate(mine)
    with pytest.raises(Refused, match=f"session {mine} is stop.*; name another as session_id"):
        await cloud.submit(batch)
    assert cloud.ledger == []


async def test_a_session_elsewhere_or_nowhere_is_told_before_anything_is_sent(talk: Maker) -> None:
    first = talk("scaleway", target=AER)
    mine = await own_session(first)
    with pytest.raises(Unfit, match=f"session {mine} is on {AER}, not on {GARNET}"):
        await with_options(first, GARNET, session_id=mine).driver.describe()
    nowhere = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Unfit, match=f"there is no session {nowhere}"):
        await with_options(first, session_id=nowhere).driver.describe()


async def test_a_job_in_doubt_waits_for_the_end_of_a_session_of_ones_own(
    talk: Maker, order: Maker
) -> None:
    """It is not ended to find out; once it has ended, what it does not list was never taken."""
    first = talk("scaleway", target=AER)
    mine = await own_session(first, max_duration="300s", max_idle_duration="300s")
    cloud = with_options(first, session_id=mine)
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 1, "drop": "before"}])
    intent = cloud.driver.intend(batch)
    with pytest.raises(Unavailable):
        await cloud.driver.submit(batch, intent)
    answers: list[Any] = []
    began = trio.current_time()
    while not answers or isinstance(answers[-1], Unclear):
        answers.append((await cloud.located(batch, intent))[batch.orders[0].id])
        if trio.current_time() - began < 290:
            assert (await session_of(cloud, mine))["status"] in ("starting", "running")
        await trio.sleep(getattr(answers[-1], "again_s", 0))
    assert isinstance(answers[-1], Missing)
    assert answers[-1].is_proof
    assert trio.current_time() - began >= 300
    assert all(answer.is_patient for answer in answers[:-1])


async def test_a_lost_answer_is_found_in_a_session_of_ones_own(talk: Maker, order: Maker) -> None:
    first = talk("scaleway", target=AER)
    cloud = with_options(first, session_id=await own_session(first))
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 1, "drop": "after"}])
    intent = cloud.driver.intend(batch)
    with pytest.raises(Unavailable):
        await cloud.driver.submit(batch, intent)
    found = (await cloud.located(batch, intent))[batch.orders[0].id]
    assert [entry["id"] for entry in cloud.ledger] == [found.provider_job_id]


async def test_what_was_sent_to_a_deleted_session_is_for_the_person(
    talk: Maker, order: Maker
) -> None:
    first = talk("scaleway", target=AER)
    mine = await own_session(first)
    cloud = with_options(first, session_id=mine)
    batch = await cloud.prepare(order())
    await first.driver._service.send("DELETE", f"sessions/{mine}")
    answer = (await cloud.located(batch, cloud.driver.intend(batch)))[batch.orders[0].id]
    assert isinstance(answer, Unclear)
    assert (answer.again_s, answer.error) == (
        None,
        f"session {mine} was deleted, and what was in it with it",
    )


async def test_a_batch_stays_with_its_session_whatever_the_manifest_says_later(
    talk: Maker, order: Maker
) -> None:
    first = talk("scaleway", target=AER)
    mine = await own_session(first, max_duration="600s", max_idle_duration="600s")
    batch = await with_options(first, session_id=mine).prepare(order())
    batch = await with_options(first, session_id=mine).submit(batch)
    later = with_options(first, AER)
    await later.driver.describe()
    await later.finish(batch)
    assert await later.driver.release(batch) == {}
    assert (await session_of(later, mine))["status"] == "running"


async def test_a_session_of_ones_own_that_ends_gives_back_what_never_began(
    talk: Maker, order: Maker
) -> None:
    first = talk("scaleway", queue_s=1000.0, target=AER)
    mine = await own_session(first)
    cloud = with_options(first, session_id=mine)
    batch = await cloud.submit(await cloud.prepare(order()))
    await first.driver._sessions.terminate(mine)
    await trio.sleep(5)
    (answer,) = await cloud.driver.poll([batch])
    assert isinstance(answer, GivenBack)


# -- models ---------------------------------------------------------------------------------------


async def uploaded(cloud: Any, text: str) -> str:
    program = {"compression_format": 1, "serialization_format": 2, "serialization": text}
    asked = {
        "project_id": cloud.driver._service.project(),
        "payload": json.dumps({"programs": [program]}),
    }
    return str((await cloud.driver._service.ask("POST", "models", json=asked)).object()["id"])


@pytest.mark.parametrize("platform", [AER, QSIM])
async def test_a_model_of_ones_own_runs_in_place_of_the_circuit(
    talk: Maker, order: Maker, platform: str
) -> None:
    """Its registers are those of the circuit, whatever they are called."""
    first = talk("scaleway", target=platform)
    text = BELL.replace("h q[0]; cx q[0], q[1];", "x q[1];")
    cloud = with_options(first, platform, model_id=await uploaded(first, text))
    wanted = order(BELL, shots=50)
    await cloud.driver.describe()
    (fetched,) = await cloud.run(wanted)
    assert fetched.counts.registers == (("m", 2),)
    assert fetched.counts.to_dict() == {"10": 50}
    assert (
        await cloud.driver._service.rows(
            "models", "models", {"project_id": cloud.driver._service.project()}
        )
    )[1:] == []


async def test_a_model_that_is_not_there_is_told_before_it_is_bought(
    talk: Maker, order: Maker
) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    cloud = talk("scaleway", target=AER, options={"model_id": nowhere})
    with pytest.raises(Refused, match=f"there is no model {nowhere}"):
        await cloud.prepare(order())


async def test_nothing_can_be_swept_of_a_model(talk: Maker, order: Maker) -> None:
    first = talk("scaleway", target=AER)
    model_id = await uploaded(first, BELL)
    cloud = with_options(first, AER, model_id=model_id)
    target = await cloud.driver.describe()
    text = "OPENQASM 3.0; input float a; qubit q; bit c; U(a, 0, 0) q; c = measure q;"
    told = cloud.driver.check(order(text), target)
    assert told == f"model {model_id} is one program, and runs without a"
    assert cloud.driver.check(order(BELL), target) is None


# -- options --------------------------------------------------------------------------------------

UUID = "6170692e-7363-616c-6577-61792e636f6d"


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ({"session_id": "mine"}, "session_id", "'mine' is no UUID"),
        ({"model_id": "mine"}, "model_id", "'mine' is no UUID"),
        ({"session_id": UUID, "max_idle": 60}, "session_id", "remove max_idle, or session_id"),
        ({"session_id": UUID, "longest_session": 60}, "session_id", "has its own longest_session"),
        ({"session_id": UUID, "parameters": {}}, "session_id", "session that is there already"),
        ({"model_id": UUID, "simulator": {"method": "x"}}, "model_id", "remove simulator, or mod"),
        ({"model_id": UUID, "noise_model": {}}, "model_id", "model that is there already"),
        ({"max_duration": 0}, "max_duration", "too small"),
        ({"max_job_duration": 5}, "max_job_duration", "did you mean 'max_duration'?"),
    ],
)
def test_what_contradicts_itself_is_told_at_its_line(
    options: dict[str, Any], place: str, said: str
) -> None:
    model = options_model("scaleway")
    assert model is not None
    [(found, told)] = complaints_about(model, options)
    assert found == (place,)
    assert said in told


async def test_a_job_has_the_limit_that_the_option_says(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", queue_s=3000.0, target=AER, options={"max_duration": 90.0})
    (job,) = json.loads(cloud.driver.intend(await cloud.prepare(order())).body)["jobs"]
    assert job["max_duration"] == "90s"


async def test_options_of_a_jobs_run_go_out_beside_its_shots(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=AER, options={"run": {"cudaq_target_option": "fp64"}})
    (job,) = json.loads(cloud.driver.intend(await cloud.prepare(order(shots=7))).body)["jobs"]
    sent = {"shots": 7, "options": {"memory": False, "cudaq_target_option": "fp64"}}
    assert json.loads(job["parameters"]) == sent


def test_where_and_how_long_make_no_other_point_and_what_runs_does(tmp_path: Any) -> None:
    plain = Backend(provider="scaleway", target=AER)
    same = plain.model_copy(update={"options": {"session_id": UUID, "max_duration": 5}})
    other = plain.model_copy(update={"options": {"model_id": UUID}})
    assert backend_identity(same, tmp_path) == backend_identity(plain, tmp_path)
    assert backend_identity(other, tmp_path) != backend_identity(plain, tmp_path)


# -- result_distribution ---------------------------------------------------------------------------


@pytest.mark.parametrize("target", [AER, QSIM])
async def test_a_result_that_comes_in_the_jobs_record_alone_is_read(
    talk: Maker, order: Maker, asymmetric: Callable[..., float], target: str
) -> None:
    cloud = talk("scaleway", target=target)
    cloud.set_faults(switches={"scaleway": {"results_in": "distribution"}})
    (fetched,) = await cloud.run(order())
    assert asymmetric(fetched) < 5
    assert json.loads(fetched.raw)


async def test_a_record_holds_the_result_that_the_list_has(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=AER)
    batch = await cloud.submit(await cloud.prepare(order()))
    job_id = batch.provider_job_ids[0]
    assert (await cloud.driver._service.record(f"jobs/{job_id}"))["result_distribution"] is None
    await cloud.finish(batch)
    record = await cloud.driver._service.record(f"jobs/{job_id}")
    (row,) = await cloud.driver._service.results(job_id)
    assert record["result_distribution"] == row["result"]


async def test_a_record_that_says_nonsense_is_misspoken(talk: Maker, order: Maker) -> None:
    cloud = talk("scaleway", target=AER)
    cloud.set_faults(switches={"scaleway": {"results_in": "distribution"}})
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    job_id = batch.provider_job_ids[0]
    known = cloud.driver._posted.finished[job_id]
    cloud.driver._posted.finished[job_id] = {
        **known,
        "result_distribution": '{"00": 1000, "11": 1000}',
    }
    with pytest.raises(Misspoke, match="unknown format None"):
        await cloud.driver.fetch(batch, [batch.orders[0].id])


# -- records of Cirq's results ---------------------------------------------------------------------


def cirq(records: dict[str, str]) -> str:
    """Write a result of eight shots of a bit each."""
    shape = {"binary": True, "dtype": "uint8", "shape": [8, 1, 1]}
    inner = {"records": {key: {**shape, "packed_digits": bits} for key, bits in records.items()}}
    outer = {"compression_format": 1, "serialization_format": 1, "serialization": json.dumps(inner)}
    return json.dumps(outer)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({"x_0": "ff", "x_1": "00"}, "'x_0' has 8 of 1"),
        ({"c_0": "ff", "m_c_0": "00", "c_1": "00"}, "'m_c_0' has 8 of 1"),
        ({"c_0": "ff"}, "bit 1 was measured and is in no record"),
        ({"c_0": "ff", "c_2": "00"}, "'c_2' has 8 of 1"),
    ],
)
def test_records_that_do_not_say_which_bits_they_are_give_no_counts(
    order: Maker, records: dict[str, str], said: str
) -> None:
    """All of them were put into bit 0, one over the other, and missing ones were zeros."""
    with pytest.raises(Misspoke, match=said):
        read_result(cirq(records), order(BELL, shots=8))


def test_records_are_read_by_name_whatever_their_order(order: Maker) -> None:
    counts, _ = read_result(cirq({"c_1": "f0", "c_0": "ff"}), order(BELL, shots=8))
    assert counts.to_dict() == {"01": 4, "11": 4}
    own, _ = read_result(cirq({"m_1": "f0", "m_0": "ff"}), order(BELL, shots=8), is_own=False)
    assert own.to_dict() == counts.to_dict()
