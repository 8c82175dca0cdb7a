"""What stands at a cloud, as drivers list, show and change it, against the emulators' own books."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from qbatch.errors import Refused, SelectionError, Unavailable
from qbatch.job import JobState
from qbatch.providers.listing import (
    Changes,
    Claim,
    Deed,
    Deletes,
    HasList,
    JobAtCloud,
    Lists,
    Wanted,
    page_of,
)
from qbatch.providers.scaleway.results import read_result
from tests.providers.conftest import Talk

Maker = Callable[..., Any]

GARNET = "QPU-GARNET-20PQ"

#: Every cloud, with a target.
CLOUDS = {
    "scaleway": GARNET,
    "open-quantum": "ionq:forte-1",
    "oqc": "qpu:uk:1:12345",
    "marqov": "marqov-sim",
    "ibm-direct-access": "emu_5q",
}


def jobs_of(cloud: Talk) -> Any:
    assert isinstance(cloud.driver, Lists)
    return cloud.driver.jobs_at_cloud()


async def sent(
    talk: Maker, order: Maker, number: int, *, provider: str = "scaleway", queue_s: float = 3.0
) -> Talk:
    """An account with so many jobs."""
    cloud: Talk = talk(provider, queue_s=queue_s, target=CLOUDS[provider])
    target = await cloud.driver.describe()
    orders = [order(name=f"{at:x}") for at in range(number)]
    for at in range(0, number, target.max_jobs):
        batch = await cloud.prepare(*orders[at : at + target.max_jobs], generation=at + 1)
        await cloud.submit(batch)
    return cloud


async def every_page(cloud: Talk, wanted: Wanted) -> list[list[JobAtCloud]]:
    """Read a list to its end."""
    pages, jobs = [], jobs_of(cloud)
    for _ in range(20):
        page = await jobs.list_jobs(wanted)
        pages.append([*page.jobs])
        if not page.next:
            return pages
        wanted = replace(wanted, page=page.next)
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("provider", CLOUDS)
def test_what_a_cloud_lacks_is_what_it_does_not_offer(talk: Maker, provider: str) -> None:
    jobs = jobs_of(talk(provider, target=CLOUDS[provider]))
    offers = {
        Deed.LIST: isinstance(jobs, HasList),
        Deed.DELETE: isinstance(jobs, Deletes),
        Deed.RENAME: isinstance(jobs, Changes),
        Deed.TAG: isinstance(jobs, Changes),
        Deed.SHOW: True,
        Deed.CANCEL: True,
    }
    assert {deed for deed, is_offered in offers.items() if not is_offered} == jobs.lacks.keys()


def test_a_list_that_came_whole_is_cut_into_pages() -> None:
    jobs = [JobAtCloud(str(at), "", None) for at in range(5)]
    seen, page = [], ""
    while True:
        found = page_of(jobs, Wanted(page=page, most=2), "cloud")
        seen.append([job.id for job in found.jobs])
        page = found.next
        if not page:
            break
    assert seen == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize("page", ["-1", "1.5", "²", "9" * 20])
def test_a_page_that_is_none_is_told(page: str) -> None:
    with pytest.raises(SelectionError, match="is no page"):
        page_of([], Wanted(page=page), "cloud")


@pytest.mark.parametrize("provider", CLOUDS)
async def test_each_cloud_tells_of_a_job_as_its_book_has_it(
    talk: Maker, order: Maker, provider: str
) -> None:
    """The emulator's book is the judge: id, and where the job stands at three moments."""
    cloud = await sent(talk, order, 1, provider=provider, queue_s=60.0)
    jobs, (entry,) = jobs_of(cloud), cloud.ledger
    seen = []
    for _ in range(3):
        found = await jobs.show_job(entry["id"])
        assert found.job.id == entry["id"]
        seen.append((str(found.job.state), cloud.ledger[0]["state"]))
        if isinstance(jobs, HasList):
            (row,) = (await jobs.list_jobs(Wanted())).jobs
            assert (row.id, row.state) == (found.job.id, found.job.state)
            assert row.created_at == found.job.created_at != ""
        await trio.sleep(62)
    book = {
        "queued": ("submitted", "running"),
        "running": ("running",),
        "completed": ("completed",),
    }
    assert all(told in book[there] for told, there in seen), seen
    assert [there for _, there in seen] == ["queued", "running", "completed"]


@pytest.mark.parametrize("provider", CLOUDS)
async def test_a_job_that_is_not_there_is_none(talk: Maker, order: Maker, provider: str) -> None:
    jobs = jobs_of(await sent(talk, order, 1, provider=provider))
    nobodys = "0b6ee0f2-6a1b-4c6c-9d5e-3f1f3f9a0000"
    assert await jobs.show_job(nobodys) is None
    if provider != "marqov":  # which says no to every key before it looks
        assert await jobs.cancel_job(nobodys) is None
    if isinstance(jobs, Changes):
        assert await jobs.change_job(nobodys, name="x") is None


@pytest.mark.parametrize("provider", sorted(CLOUDS.keys() - {"marqov"}))
async def test_each_cloud_cancels_the_job_that_is_meant_and_no_other(
    talk: Maker, order: Maker, provider: str
) -> None:
    cloud = await sent(talk, order, 2, provider=provider, queue_s=600.0)
    first, *_ = (entry["id"] for entry in cloud.ledger)
    job = await jobs_of(cloud).cancel_job(first)
    assert job.state in (JobState.RUNNING, JobState.CANCELLED)
    await trio.sleep(5)
    found = await jobs_of(cloud).show_job(first)
    assert found.job.state is JobState.CANCELLED
    left = {entry["id"]: entry["state"] for entry in cloud.ledger if entry["id"] != first}
    assert set(left.values()) <= {"queued"}


@pytest.mark.parametrize("provider", sorted(CLOUDS.keys() - {"marqov"}))
async def test_a_job_that_has_ended_stays_as_it_is(
    talk: Maker, order: Maker, provider: str
) -> None:
    cloud = await sent(talk, order, 1, provider=provider)
    await trio.sleep(100)
    job = await jobs_of(cloud).cancel_job(cloud.ledger[0]["id"])
    assert job.state is JobState.COMPLETED


@pytest.mark.parametrize("provider", ["open-quantum", "oqc", "ibm-direct-access"])
async def test_pages_of_the_other_lists_hold_every_job_once_newest_first(
    talk: Maker, order: Maker, provider: str
) -> None:
    cloud = await sent(talk, order, 1, provider=provider, queue_s=600.0)
    for at in range(1, 4):
        await trio.sleep(2)
        await cloud.submit(await cloud.prepare(order(name=f"{at:x}"), generation=at + 1))
    pages = await every_page(cloud, Wanted(most=3))
    assert [len(page) for page in pages] == [3, 1]
    oldest_first = [entry["id"] for entry in cloud.ledger]
    assert [job.id for page in pages for job in page] == oldest_first[::-1]


async def test_marqov_says_where_a_person_can_cancel(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 1, provider="marqov", queue_s=600.0)
    job_id = cloud.ledger[0]["id"]
    with pytest.raises(Refused, match=f"in the browser: .*/jobs/{job_id}"):
        await jobs_of(cloud).cancel_job(job_id)
    cloud.set_faults(switches={"marqov": {"cancel": "allow"}})
    job = await jobs_of(cloud).cancel_job(job_id)
    assert (job.status, job.state) == ("cancelling", JobState.RUNNING)


async def test_open_quantum_shows_name_circuit_and_result(talk: Maker, order: Maker) -> None:
    """The record of a job has no name: its preparation's is told."""
    cloud = await sent(talk, order, 1, provider="open-quantum")
    await trio.sleep(100)
    found = await jobs_of(cloud).show_job(cloud.ledger[0]["id"])
    assert (found.job.name, found.job.claim.run_id) == (cloud.ledger[0]["name"], "run1")
    assert found.circuit.startswith("OPENQASM 2.0;")
    assert sum(json.loads(found.results[0]).values()) == 2000
    assert "Signature" not in json.dumps(found.job.raw)
    assert "?…" in found.job.raw["input_data_url"]


async def test_open_quantum_tells_what_a_job_cost(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 1, provider="open-quantum")
    await trio.sleep(100)
    (job,) = (await jobs_of(cloud).list_jobs(Wanted())).jobs
    assert (job.cost, job.unit) == (cloud.ledger[0]["price"], "credits")


async def test_oqcs_tasks_of_all_qpus_are_listed_and_sifted_by_tag(
    talk: Maker, order: Maker
) -> None:
    """P23."""
    cloud = await sent(talk, order, 2, provider="oqc", queue_s=600.0)
    target = {"target": "qpu:uk:2:d865b5a184"}
    other = Talk("oqc", cloud.emulation, target, run_id="run2")
    await other.driver.describe()
    await other.submit(await other.prepare(order(name="c")))
    (rows,) = await every_page(cloud, Wanted())
    assert {row.target for row in rows} == {"qpu:uk:1:12345", "qpu:uk:2:d865b5a184"}
    (rows,) = await every_page(cloud, Wanted(tag="qbatch/run2/"))
    assert [row.claim for row in rows] == [Claim("run2", "c" + "0" * 11, 1)]


async def test_oqc_without_a_list_of_tasks_says_so(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 1, provider="oqc")
    cloud.set_faults(requests=[{"method": "GET", "path": "*/tasks", "status": 404}])
    with pytest.raises(Refused, match="shows no list of its tasks"):
        await jobs_of(cloud).list_jobs(Wanted())


async def test_a_deleted_job_frees_its_lane_at_ibm(talk: Maker, order: Maker) -> None:
    """P19: with one lane, another job is refused until the first is deleted."""
    cloud = await sent(talk, order, 1, provider="ibm-direct-access", queue_s=600.0)
    cloud.set_faults(switches={"ibm-direct-access": {"lanes": 1}})
    jobs, (entry,) = jobs_of(cloud), cloud.ledger
    another = await cloud.prepare(order(name="d"), generation=2)
    with pytest.raises(Unavailable, match="429"):
        await cloud.submit(another)
    with pytest.raises(Refused, match="cancel it first"):
        await jobs.delete_job(entry["id"])
    await jobs.cancel_job(entry["id"])
    with pytest.raises(Unavailable, match="429"):
        await cloud.submit(another)
    await jobs.delete_job(entry["id"])
    assert await jobs.show_job(entry["id"]) is None
    await cloud.submit(another)
    await jobs.delete_job(entry["id"])  # gone is gone
    assert [row.id for row in (await jobs.list_jobs(Wanted())).jobs] == [cloud.ledger[1]["id"]]


async def test_a_job_under_an_id_that_was_free_again_is_not_the_one_that_gave_the_result(
    talk: Maker, order: Maker
) -> None:
    cloud = await sent(talk, order, 1, provider="ibm-direct-access")
    jobs, (entry,) = jobs_of(cloud), cloud.ledger
    prepared = await cloud.prepare(order(name="0"))
    batch = replace(prepared, provider_job_ids=(entry["id"],))
    await trio.sleep(100)
    await cloud.finish(batch)
    (fetched,) = await cloud.driver.fetch(batch, [batch.orders[0].id])
    assert jobs.is_same((await jobs.show_job(entry["id"])).job, fetched.facts)
    await cloud.driver.release(batch)
    await cloud.submit(await cloud.prepare(order(name="0")))
    again = await jobs.show_job(entry["id"])
    assert not jobs.is_same(again.job, fetched.facts)


# -- Scaleway ---------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [2, 3, 100])
async def test_scaleways_pages_hold_every_job_once_newest_first(
    talk: Maker, order: Maker, most: int
) -> None:
    """The service cuts pages to its own size, three here."""
    cloud = await sent(talk, order, 8)
    cloud.set_faults(switches={"scaleway": {"most_page_size": 3}})
    pages = await every_page(cloud, Wanted(most=most))
    ids = [job.id for page in pages for job in page]
    assert sorted(ids) == sorted(entry["id"] for entry in cloud.ledger)
    assert [len(page) for page in pages] == ([2, 2, 2, 2] if most == 2 else [3, 3, 2])
    created = [job.created_at for page in pages for job in page]
    assert created == sorted(created, reverse=True)


async def test_a_row_of_scaleways_says_what_its_record_says(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 1)
    (entry,) = cloud.ledger
    ((job,),) = await every_page(cloud, Wanted())
    assert (job.id, job.name, job.session) == (entry["id"], entry["name"], entry["session"])
    assert (job.status, job.state) == ("waiting", JobState.SUBMITTED)
    assert job.tags[:2] == ("qbatch", "run:run1")
    assert job.claim == Claim("run1", "0" * 16, 1)
    assert job.cost is None


async def test_scaleways_list_is_sifted_by_tag_and_by_session(talk: Maker, order: Maker) -> None:
    """P22."""
    cloud = await sent(talk, order, 2)
    first = {entry["session"] for entry in cloud.ledger}
    tagged = Talk(
        "scaleway", cloud.emulation, {"target": GARNET, "options": {"tags": ["lab"]}}, "b"
    )
    await tagged.driver.describe()
    await tagged.submit(await tagged.prepare(order(name="c")))
    lab = await every_page(cloud, Wanted(tag="lab"))
    assert [job.claim for (job,) in lab] == [Claim("b", "c" + "0" * 15, 1)]
    session = first.pop()
    assert len((await every_page(cloud, Wanted(session=session)))[0]) == 2
    assert await every_page(cloud, Wanted(tag="nobody's")) == [[]]


async def test_scaleway_shows_a_jobs_circuit_and_the_results_there_are(
    talk: Maker, order: Maker
) -> None:
    """P22."""
    cloud = await sent(talk, order, 1)
    (entry,) = cloud.ledger
    jobs = jobs_of(cloud)
    waiting = await jobs.show_job(entry["id"])
    assert waiting.circuit.startswith("OPENQASM 3.0;")
    assert "measure" in waiting.circuit
    assert waiting.results == ()
    await trio.sleep(100)
    done = await jobs.show_job(entry["id"])
    assert done.job.state is JobState.COMPLETED
    (text,) = done.results
    assert read_result(text, order(name="0"))[0].shots == 2000


async def test_scaleway_renames_and_tags(talk: Maker, order: Maker) -> None:
    """P22."""
    cloud = await sent(talk, order, 1)
    (entry,) = cloud.ledger
    jobs = jobs_of(cloud)
    await jobs.change_job(entry["id"], name="calibration")
    job = await jobs.change_job(entry["id"], tags=["a", "b"])
    assert (job.name, job.tags, job.claim) == ("calibration", ("a", "b"), None)
    assert cloud.ledger[0]["name"] == "calibration"
