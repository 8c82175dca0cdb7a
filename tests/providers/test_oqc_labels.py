"""P23: what OQC's documents name is reachable: labels, default QPU, formats, codes, bills."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from qbatch.errors import Unfit
from qbatch.job import JobError
from qbatch.manifest.models import Backend
from qbatch.plan.identity import backend_identity
from qbatch.providers import Cancelled, Failed, options_model
from qbatch.providers.listing import Claim, Wanted
from qbatch.providers.oqc.options import Options

Maker = Callable[..., Any]

SIMULATOR, TOSHIKO = "qpu:uk:2:d865b5a184", "qpu:jp:3:673b1ad43c"


async def test_labels_go_out_with_every_task_and_are_read_back(talk: Maker, order: Maker) -> None:
    labels = {"tag": "exp-1/cell 0", "hybrid_marker": "step 3"}
    cloud = talk("oqc", target=SIMULATOR, options=labels)
    batch = await cloud.prepare(order())
    (task,) = json.loads(cloud.driver.intend(batch).body)["tasks"]
    assert task["tag"].startswith("qbatch/run1/")
    assert task["tag"].endswith("/exp-1/cell 0")
    assert task["hybrid_marker"] == "step 3"
    batch = await cloud.submit(batch)
    await cloud.finish(batch)
    (fetched,) = await cloud.driver.fetch(batch, [batch.orders[0].id])
    assert fetched.facts["metadata"]["tag"] == task["tag"]
    assert fetched.facts["metadata"]["hybrid_marker"] == "step 3"


async def test_without_labels_nothing_of_them_is_sent(talk: Maker, order: Maker) -> None:
    cloud = talk("oqc", target=SIMULATOR)
    (task,) = json.loads(cloud.driver.intend(await cloud.prepare(order())).body)["tasks"]
    assert task.keys() == {"program", "qpu_id", "config", "tag", "task_id"}


async def test_a_tagged_task_is_found_by_another_copy_of_the_folder(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("oqc", target=SIMULATOR, options={"tag": "mine\nof two lines"})
    batch = await cloud.submit(await cloud.prepare(order()))
    (found,) = await cloud.driver.recall(replace(batch, provider_job_ids=()))
    assert found.provider_job_id == batch.provider_job_ids[0]


def test_a_label_makes_no_other_point(tmp_path: Any) -> None:
    plain = Backend(provider="oqc", target=SIMULATOR, options={"tket": "one"})
    labelled = plain.model_copy(
        update={"options": {"tket": "one", "tag": "a", "hybrid_marker": "b"}}
    )
    other = plain.model_copy(update={"options": {"tket": "two"}})
    assert backend_identity(labelled, tmp_path) == backend_identity(plain, tmp_path)
    assert backend_identity(other, tmp_path) != backend_identity(plain, tmp_path)


async def test_a_backend_without_a_target_runs_on_the_default_qpu(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("oqc", environ={"OQC_DEVICE": TOSHIKO})
    assert (await cloud.driver.describe()).name == TOSHIKO
    named = talk("oqc", target=SIMULATOR, environ={"OQC_DEVICE": TOSHIKO})
    assert (await named.driver.describe()).name == SIMULATOR


async def test_a_default_qpu_that_is_not_there_is_told_with_its_variable(talk: Maker) -> None:
    with pytest.raises(Unfit, match=r"'qpu:jp:9' is no QPU of this account \(OQC_DEVICE\)"):
        await talk("oqc", environ={"OQC_DEVICE": "qpu:jp:9"}).driver.describe()
    with pytest.raises(Unfit, match="'no target' is no QPU of this account; write target: "):
        await talk("oqc").driver.describe()


TAGGED = {
    "$type": "<class 'compiler_config.config.QuantumResultsFormat'>",
    "$data": {
        "format": {"$type": "<enum 'x'>", "$value": 1},
        "transforms": {"$type": "<enum 'compiler_config.config.ResultsFormatting'>", "$value": 3},
    },
}


def with_transforms(value: Any) -> dict[str, Any]:
    transforms = TAGGED["$data"]["transforms"] | {"$value": value}  # type: ignore[index]
    return TAGGED | {"$data": TAGGED["$data"] | {"transforms": transforms}}  # type: ignore[operator]


@pytest.mark.parametrize("value", [TAGGED, with_transforms(1)])
def test_a_format_that_asks_for_counts_is_sent_as_it_is(value: Any) -> None:
    options = Options.model_validate({"config": {"results_format": value, "x": 1}})
    assert options.config.sent == {"results_format": value, "x": 1}


@pytest.mark.parametrize(
    "value", ["raw", "binary", None, {}, *map(with_transforms, (2, 6, 7, None, True, "3"))]
)
def test_results_that_could_not_be_read_are_not_bought(value: Any) -> None:
    from qbatch.providers.complaints import complaints_about

    model = options_model("oqc")
    assert model is not None
    [(place, said)] = complaints_about(model, {"config": {"results_format": value}})
    assert place == ("config", "results_format")
    assert "asks for something else than counts, whose form OQC does not document" in said


async def test_the_code_of_an_error_is_a_field(talk: Maker, order: Maker) -> None:
    cloud = talk("oqc", target=SIMULATOR)
    cloud.set_faults(jobs=[{"fail": "compile failed (again)", "code": 102}])
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = (await cloud.finish(batch)).values()
    assert isinstance(update, Failed)
    assert JobError.of(update.error) == JobError("compile failed (again)", 102)


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("no reason given", "no reason given", None),
        ("told twice (code 1) (code -1)", "told twice (code 1)", -1),
        ("the lane is gone (code LANE_GONE)", "the lane is gone", "LANE_GONE"),
        ("two\nlines (code 007)", "two\nlines", 7),
        ("of earlier versions (code ?)", "of earlier versions (code ?)", None),
        ("see (code 5) there", "see (code 5) there", None),
        ("(code 5)", "(code 5)", None),
        ("", "", None),
    ],
)
def test_an_error_is_read_as_it_was_written(text: str, message: str, code: Any) -> None:
    error = JobError.of(text)
    assert (error.message, error.code) == (message, code)
    assert JobError.of(str(error)) == error


async def test_a_task_cancelled_before_it_ran_cost_nothing(talk: Maker, order: Maker) -> None:
    cloud = talk("oqc", target=TOSHIKO)
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [batch.orders[0].id])
    assert isinstance(update, Cancelled)
    assert update.cost == 0.0
    assert [entry["price"] for entry in cloud.ledger] == [0.0]


async def test_a_task_cancelled_while_it_ran_has_a_bill_nobody_knows(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("oqc", target=TOSHIKO)
    batch = await cloud.submit(await cloud.prepare(order()))
    await trio.sleep(3.5)
    (update,) = await cloud.driver.cancel(batch, [batch.orders[0].id])
    assert isinstance(update, Cancelled)
    assert update.cost is None
    assert [entry["price"] for entry in cloud.ledger] == [2000 * 0.0013]


async def test_where_tasks_are_free_no_bill_is_told(talk: Maker, order: Maker) -> None:
    cloud = talk("oqc", target=SIMULATOR)
    batch = await cloud.submit(await cloud.prepare(order()))
    (update,) = await cloud.driver.cancel(batch, [batch.orders[0].id])
    assert update.cost is None


async def test_a_labelled_task_is_known_as_ours_and_found_by_its_label(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("oqc", target=SIMULATOR, options={"tag": "exp-1/cell 0"})
    batch = await cloud.submit(await cloud.prepare(order(name="c")))
    listed = await cloud.driver.jobs_at_cloud().list_jobs(Wanted(tag="exp-1"))
    (job,) = listed.jobs
    assert (job.id, job.tags[1]) == (batch.provider_job_ids[0], "exp-1/cell 0")
    assert job.claim == Claim("run1", batch.orders[0].id[:12], 1)
