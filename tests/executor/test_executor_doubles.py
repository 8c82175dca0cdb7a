"""M9: what a network buys by delivering a request twice is told, priced and kept with the run.

The emulators' own books say what was bought; what the run ordered is one job for each point.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from qbatch.executor.events import Event, Warned
from qbatch.snapshot import Run
from qbatch.snapshot.doubles import read_doubles
from tests.fuzz.whole_runs import SPENDING, WORST, Clouds, manifest_of

#: So late a packet comes: the run is over, and its token still taken, seconds.
LATE_S = 200.0

#: What each cloud says, or its price list, of one job of the manifest's.
COSTS = {"scaleway": ("eur", "by formula"), "open-quantum": ("credits", "by the cloud")}


@pytest.fixture(params=COSTS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cloud(provider: str) -> Iterator[Clouds]:
    found = Clouds(provider, queue_s=3.0)
    yield found
    found.close()


def go_on(place: Clouds, provider: str, folder: Path) -> list[str]:
    """Run the manifest to its end; return what was warned of."""
    warned: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Warned):
            warned.append(event.text)

    place.run(manifest_of(provider), folder, place.surroundings(), observer=observe).close()
    return warned


def delivered_twice(place: Clouds, provider: str, *, again_s: float = 0.0, nth: int = 2) -> None:
    rule = {"method": "POST", "path": SPENDING[provider], "nth": nth, "again_s": again_s}
    place.set_faults(requests=[rule], switches={provider: WORST.get(provider, {})})


def ids_of(folder: Path) -> set[str]:
    with Run(folder) as run:
        return {str(point.job.provider_job_id) for point in run}


def test_a_job_bought_by_a_repeated_request_is_told_once_with_its_price(
    provider: str, cloud: Clouds, tmp_path: Path
) -> None:
    delivered_twice(cloud, provider)
    warned = [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    book = {entry["id"]: entry for entry in cloud.ledger()}
    (double,) = book.keys() - ids_of(tmp_path)
    assert len(book) == 5
    (text,) = warned
    assert f"job {double} " in text
    assert "not in the ledger" in text
    assert f"`qbatch jobs --provider {provider} --cancel {double}` stops it" in text or (
        f"`qbatch jobs --provider {provider} --show {double}` shows it" in text
    )
    with Run(tmp_path) as run:
        (kept,) = read_doubles(run.meta).values()
        assert {point.state.value for point in run} == {"completed"}
    unit, source = COSTS[provider]
    assert (kept.id, kept.unit, kept.source) == (double, unit, source)
    assert kept.cost == pytest.approx(book[double]["price"])


def test_a_run_without_doubles_tells_of_none(provider: str, cloud: Clouds, tmp_path: Path) -> None:
    assert not [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    with Run(tmp_path) as run:
        assert read_doubles(run.meta) == {}


def test_one_that_comes_when_the_run_is_over_is_told_by_the_next(
    provider: str, cloud: Clouds, tmp_path: Path
) -> None:
    delivered_twice(cloud, provider, again_s=LATE_S)
    assert not [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    assert len(cloud.ledger()) == 4

    async def wait() -> None:
        await trio.sleep(LATE_S)

    trio.run(wait, clock=cloud.clock)
    if provider == "scaleway":  # its session has ended, and takes no jobs any more
        go_on(cloud, provider, tmp_path)
        assert len(cloud.ledger()) == 4
        return
    (text,) = [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    (double,) = {entry["id"] for entry in cloud.ledger()} - ids_of(tmp_path)
    assert double in text
    again = [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    assert again == ([] if "Completed" in text else [text])


def test_a_packet_that_comes_late_under_a_free_id_at_ibm_is_told_by_the_next_run(
    tmp_path: Path,
) -> None:
    """The id of a deleted job is free again: what starts under it is another job."""
    cloud = Clouds("ibm-direct-access", queue_s=3.0)
    delivered_twice(cloud, "ibm-direct-access", again_s=LATE_S, nth=1)
    assert not [t for t in go_on(cloud, "ibm-direct-access", tmp_path) if "second one" in t]
    (job_id,) = ids_of(tmp_path)

    async def wait() -> None:
        await trio.sleep(LATE_S)

    trio.run(wait, clock=cloud.clock)
    (text,) = [t for t in go_on(cloud, "ibm-direct-access", tmp_path) if "second one" in t]
    assert f"job {job_id} " in text
    assert [entry["id"] for entry in cloud.ledger()] == [job_id, job_id]
    with Run(tmp_path) as run:
        (kept,) = read_doubles(run.meta).values()
        assert len(kept.points) == 4
    cloud.close()


def test_a_double_is_told_while_it_can_still_be_stopped(provider: str, tmp_path: Path) -> None:
    """The queue is long: the run tells of it a minute after it began, not when all is over."""
    cloud = Clouds(provider, queue_s=600.0)
    delivered_twice(cloud, provider)
    (text,) = [each for each in go_on(cloud, provider, tmp_path) if "second one" in each]
    assert text.endswith("stops it")
    with Run(tmp_path) as run:
        (kept,) = read_doubles(run.meta).values()
    assert kept.is_over  # as it was seen last
    cloud.close()
