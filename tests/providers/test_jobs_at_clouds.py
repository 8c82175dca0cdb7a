"""What stands at a cloud, as drivers list, show and change it, against the emulators' own books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from qbatch.errors import SelectionError
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

#: Clouds whose drivers offer it, each with a target.
CLOUDS = {"scaleway": GARNET}


def jobs_of(cloud: Talk) -> Any:
    assert isinstance(cloud.driver, Lists)
    return cloud.driver.jobs_at_cloud()


async def every_page(cloud: Talk, wanted: Wanted) -> list[list[JobAtCloud]]:
    """Read a list to its end."""
    pages, jobs = [], jobs_of(cloud)
    while True:
        page = await jobs.list_jobs(wanted)
        pages.append([*page.jobs])
        if not page.next:
            return pages
        wanted = replace(wanted, page=page.next)


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


# -- Scaleway ---------------------------------------------------------------------------------


async def sent(talk: Maker, order: Maker, number: int, **settings: Any) -> Talk:
    """A Scaleway project with so many jobs."""
    cloud: Talk = talk("scaleway", target=GARNET, **settings)
    await cloud.driver.describe()
    await cloud.submit(await cloud.prepare(*(order(name=f"{at:x}") for at in range(number))))
    return cloud


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


async def test_a_job_that_scaleway_does_not_have_is_none(talk: Maker, order: Maker) -> None:
    jobs = jobs_of(await sent(talk, order, 1))
    assert await jobs.show_job("nope") is None
    assert await jobs.cancel_job("nope") is None
    assert await jobs.change_job("nope", name="x") is None


async def test_scaleway_cancels_and_says_how_the_job_stands(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 2)
    first, second = (entry["id"] for entry in cloud.ledger)
    job = await jobs_of(cloud).cancel_job(first)
    assert job.state in (JobState.RUNNING, JobState.CANCELLED)
    states = {entry["id"]: entry["state"] for entry in cloud.ledger}
    assert (states[first], states[second]) == ("cancelled", "queued")


async def test_scaleway_renames_and_tags(talk: Maker, order: Maker) -> None:
    cloud = await sent(talk, order, 1)
    (entry,) = cloud.ledger
    jobs = jobs_of(cloud)
    await jobs.change_job(entry["id"], name="calibration")
    job = await jobs.change_job(entry["id"], tags=["a", "b"])
    assert (job.name, job.tags, job.claim) == ("calibration", ("a", "b"), None)
    assert cloud.ledger[0]["name"] == "calibration"
