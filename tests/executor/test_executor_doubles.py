"""M9: what a network buys by delivering a request twice is told, priced and kept with the run.

The emulators' own books say what was bought; what the run ordered is one job for each point.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from qbatch.errors import ConsentError, OverBudget, SelectionError
from qbatch.exchange.exports import export
from qbatch.executor.events import Event, Warned
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.notation import amount
from qbatch.plan.pricing.limits import taken
from qbatch.providers import open_driver
from qbatch.providers.listing import Lists
from qbatch.report.beside import notes_beside
from qbatch.snapshot import Run, Snapshot
from qbatch.snapshot.doubles import Double, figure_of_twin, read_doubles
from qbatch.snapshot.ledger import Entry
from tests.fuzz.whole_runs import SPENDING, WORST, Clouds, manifest_of

#: So late a packet comes: the run is over, and its token still taken, seconds.
LATE_S = 200.0

#: What each cloud says, or its price list, of one job of the manifest's.
COSTS = {"scaleway": ("eur", "by formula"), "open-quantum": ("credits", "by the cloud")}

#: Of one job of the manifest's, by the clouds' own books.
PRICES = {"scaleway": 0.34, "open-quantum": 11.0}


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
        spent = run.spent()
    unit, source = COSTS[provider]
    assert (kept.id, kept.unit, kept.source) == (double, unit, source)
    assert kept.cost == pytest.approx(book[double]["price"])
    assert spent == {unit: pytest.approx(sum(entry["price"] for entry in cloud.ledger()))}
    assert f"{amount(kept.cost, unit)} {source}, which budgets count" in text
    exported = io.StringIO()
    with Run(tmp_path) as run:
        export(run, "ledger", exported)
    rows = [*csv.DictReader(io.StringIO(exported.getvalue()))]
    assert [row["double"] for row in rows] == [""] * 4 + [double]
    assert sum(float(row["billed"]) for row in rows) == pytest.approx(spent[unit])


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


def one_after_the_other(provider: str, unit: str, most: float) -> Manifest:
    """The manifest, with a budget, and one job at a time."""
    text = manifest_of(provider).text.replace("2h}", "2h, limits: {in_flight: 1, jobs: 1}}")
    return parse_manifest(f"{text}budget: {{total: {{{unit}: {most}}}}}\n", folder=Path("/"))


def test_a_budget_that_a_double_exhausts_buys_nothing_more(provider: str, tmp_path: Path) -> None:
    """What nobody ordered passed every limit; it counts once, in later runs too."""
    cloud = Clouds(provider, queue_s=600.0)
    delivered_twice(cloud, provider, nth=1)
    (unit, _), price = COSTS[provider], PRICES[provider]
    manifest = one_after_the_other(provider, unit, 3 * price)
    for _ in range(2):
        with pytest.raises(OverBudget, match=r"budget\.total allows"):
            cloud.run(manifest, tmp_path, cloud.surroundings())
        assert len(cloud.ledger()) == 3  # two of four points, and the double
        with Run(tmp_path) as run:
            ((limit, amount),) = taken(
                run.meta["limits"], run.ledger(), read_doubles(run.meta).values()
            )
            assert amount == run.spent()[unit] == pytest.approx(limit.amount)
    with pytest.raises(ConsentError, match="that count already"):
        cloud.run(manifest, tmp_path, cloud.surroundings(), max_cost={unit: 2.5 * price})
    cloud.close()


def test_a_double_that_is_cancelled_without_a_bill_counts_no_more(
    provider: str, tmp_path: Path
) -> None:
    cloud = Clouds(provider, queue_s=600.0)
    delivered_twice(cloud, provider)
    unit, _ = COSTS[provider]
    manifest, around = manifest_of(provider), cloud.surroundings()
    with cloud.run(manifest, tmp_path, around, detach=True) as run:
        (double,) = read_doubles(run.meta).values()
        assert double.cost

    async def cancel() -> None:
        backend = manifest.backends[provider]
        driver = open_driver(backend, name=provider, folder=tmp_path, surroundings=around)
        await driver.describe()
        assert isinstance(driver, Lists)
        await driver.jobs_at_cloud().cancel_job(double.id)
        await driver.aclose()

    trio.run(cancel, clock=cloud.clock)
    go_on(cloud, provider, tmp_path)
    book = {entry["id"]: entry for entry in cloud.ledger()}
    assert (book[double.id]["state"], book[double.id]["price"]) == ("cancelled", 0.0)
    with Run(tmp_path) as run:
        (kept,) = read_doubles(run.meta).values()
        assert (kept.cost, kept.is_over) == (0.0, True)
        assert run.spent() == {unit: pytest.approx(sum(one["price"] for one in book.values()))}
    cloud.close()


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


# -- whose price nobody tells ----------------------------------------------------------------------

OPEN_QUANTUM = {"second_create": "duplicate", "quoted": 2}


def untold(place: Clouds, *, nth: int = 2) -> None:
    """The request is delivered twice, quotes are twice the price, and bills are not told."""
    rule = {"method": "POST", "path": SPENDING["open-quantum"], "nth": nth, "again_s": 0.0}
    switches = {"open-quantum": {**OPEN_QUANTUM, "tells_credits": False}}
    place.set_faults(requests=[rule], switches=switches)


def told_at_last(place: Clouds) -> None:
    place.set_faults(switches={"open-quantum": OPEN_QUANTUM})


def double_of(folder: Path) -> Double:
    with Run(folder) as run:
        (double,) = read_doubles(run.meta).values()
        return double


def test_a_double_counts_as_its_twin_was_quoted_until_its_cloud_tells(tmp_path: Path) -> None:
    """It counted nothing; a quote here is twice the price that is paid."""
    cloud = Clouds("open-quantum", queue_s=3.0)
    untold(cloud)
    (text,) = [t for t in go_on(cloud, "open-quantum", tmp_path) if "second one" in t]
    assert "; 22 credits as its twin was quoted, which budgets count; " in text
    double = double_of(tmp_path)
    assert (double.cost, double.unit, double.source) == (22.0, "credits", "as its twin was quoted")
    assert double.is_over
    with Run(tmp_path) as run:
        assert run.spent() == {"credits": 5 * 22.0}
        assert [*notes_beside([double])] == [
            "beside the ledger: 22 credits for 1 job that the run did not order; "
            "sums and budgets count it",
            f"open-quantum: job {double.id} (Completed), also named {double.points[0]}: "
            "22 credits as its twin was quoted",
        ]
    told_at_last(cloud)
    go_on(cloud, "open-quantum", tmp_path)
    assert (double_of(tmp_path).cost, double_of(tmp_path).source) == (11.0, "by the cloud")
    (price,) = [entry["price"] for entry in cloud.ledger() if entry["id"] == double.id]
    with Run(tmp_path) as run:  # what was ordered has its bills by now, too
        assert run.spent() == {"credits": 4 * 11.0 + price}
    assert sum(entry["price"] for entry in cloud.ledger()) == 5 * 11.0
    untold(cloud)  # what was told once is not guessed again
    go_on(cloud, "open-quantum", tmp_path)
    assert (double_of(tmp_path).cost, double_of(tmp_path).source) == (11.0, "by the cloud")
    cloud.close()


def test_a_budget_counts_a_double_whose_price_nobody_tells(tmp_path: Path) -> None:
    cloud = Clouds("open-quantum", queue_s=600.0)
    untold(cloud, nth=1)
    manifest = one_after_the_other("open-quantum", "credits", 3 * 22.0)
    for _ in range(2):
        with pytest.raises(OverBudget, match=r"budget\.total allows"):
            cloud.run(manifest, tmp_path, cloud.surroundings())
        assert len(cloud.ledger()) == 3  # two of four points, and the double
        with Run(tmp_path) as run:
            (double,) = doubles = read_doubles(run.meta).values()
            ((limit, amount),) = taken(run.meta["limits"], run.ledger(), doubles)
            assert amount == pytest.approx(limit.amount)
            assert double.cost == 22.0
    cloud.close()


def entry_of(ordinal: int, **figures: Any) -> Entry:
    return Entry(ordinal, 1, "q", **{"unit": "usd", "quoted_by": "q", **figures})


def test_of_twins_the_most_that_is_known_counts_and_is_said() -> None:
    one = entry_of(1, quoted=2.0, reserved=2.0)
    assert figure_of_twin([one, one]) == (4.0, "usd", "as its twin was quoted")
    more = replace(one, reserved=3.0)
    assert figure_of_twin([one, more]) == (5.0, "usd", "as was reserved for its twin")
    assert figure_of_twin([replace(more, billed=9.0)]) == (9.0, "usd", "as its twin was billed")
    assert figure_of_twin([]) is None
    assert figure_of_twin([one, replace(one, unit="eur")]) is None


def test_what_a_folder_of_before_keeps_without_a_price_counts_as_its_twin(tmp_path: Path) -> None:
    """It counted nothing in sums, budgets and offers until its cloud was looked at again."""
    cloud = Clouds("open-quantum", queue_s=600.0)
    untold(cloud, nth=1)
    manifest = one_after_the_other("open-quantum", "credits", 3 * 22.0)
    with pytest.raises(OverBudget):
        cloud.run(manifest, tmp_path, cloud.surroundings())
    sold = len(cloud.ledger())
    kept = double_of(tmp_path)
    with Snapshot(tmp_path) as snapshot, snapshot.transaction():
        snapshot.note_doubles([replace(kept, cost=None, source="")])
    with Run(tmp_path) as run:
        (counted,) = run.doubles()
        assert counted == kept
        assert run.spent()["credits"] == sum(e.entry.counted for e in run.ledger()) + 22.0
    cloud.set_faults(  # nobody may look: what was bought must count all the same
        requests=[{"method": "GET", "path": "/mgmt/v1/organizations/*/jobs", "status": 503}],
        switches={"open-quantum": {**OPEN_QUANTUM, "tells_credits": False}},
    )
    with pytest.raises(OverBudget, match=r"budget\.total allows"):
        cloud.run(manifest, tmp_path, cloud.surroundings())
    assert len(cloud.ledger()) == sold
    cloud.close()


def test_a_double_without_any_price_says_so() -> None:
    unknown = Double("d7", "q", ("a",), "queued", False, "", None, "usd", "")
    assert "price not known, so budgets cannot count it" in str(unknown)
    first, each = notes_beside([unknown])
    assert first == "beside the ledger: price not known for 1 job that the run did not order"
    assert each.endswith("also named a: price not known")
    first, *_ = notes_beside([unknown, replace(unknown, id="d8", cost=2.0, source="by formula")])
    assert first == (
        "beside the ledger: 2.00 USD for 2 jobs that the run did not order, 1 of them at a price "
        "not known; sums and budgets count it"
    )


def test_what_waits_at_ibm_counts_as_all_points_of_its_twin_until_it_is_over(
    tmp_path: Path,
) -> None:
    """One job there is of several points; what it used is told when it has run."""
    cloud = Clouds("ibm-direct-access", queue_s=100.0)
    delivered_twice(cloud, "ibm-direct-access", again_s=LATE_S, nth=1)
    go_on(cloud, "ibm-direct-access", tmp_path)

    async def wait() -> None:
        await trio.sleep(LATE_S / 2)  # beside the queue's: it has come, and waits in its turn

    trio.run(wait, clock=cloud.clock)
    (text,) = [t for t in go_on(cloud, "ibm-direct-access", tmp_path) if "second one" in t]
    double = double_of(tmp_path)
    assert (double.is_over, double.is_guess, len(double.points)) == (False, True, 4)
    with Run(tmp_path) as run:
        twins = [each.entry for each in run.ledger()]
        assert double.cost == pytest.approx(sum(each.reserved for each in twins))
    assert f"QPU seconds {double.source}, which budgets count" in text
    for _ in range(2):
        trio.run(wait, clock=cloud.clock)
    go_on(cloud, "ibm-direct-access", tmp_path)
    last = double_of(tmp_path)
    assert (last.is_over, last.source) == (True, "by the cloud")
    book = [entry["price"] for entry in cloud.ledger()]
    assert last.cost == pytest.approx(book[-1])
    assert double.cost is not None
    assert last.cost <= double.cost
    with Run(tmp_path) as run:
        assert run.spent() == {"qpu_seconds": pytest.approx(sum(book))}
    cloud.close()


# -- that a person says is over --------------------------------------------------------------------


@pytest.mark.parametrize("cost", [3.0, 0.0])
def test_what_its_cloud_tells_goes_before_what_a_person_told(cost: float, tmp_path: Path) -> None:
    cloud = Clouds("open-quantum", queue_s=3.0)
    untold(cloud)
    go_on(cloud, "open-quantum", tmp_path)
    with Snapshot(tmp_path) as snapshot:
        told = snapshot.resolve_double(double_of(tmp_path).id, cost)
    assert told == double_of(tmp_path)
    assert (told.cost, told.source, told.is_over) == (cost, "as a person told", True)
    with Run(tmp_path) as run:
        assert run.spent() == {"credits": 4 * 22.0 + cost}
    again = [t for t in go_on(cloud, "open-quantum", tmp_path) if "second one" in t]
    if cost:  # its cloud tells no price still
        assert not again
        assert double_of(tmp_path) == told
    else:  # what gave a result was not free for want of a beginning
        assert (
            f"a person told that it is over at {cost:g} credits, which counts no more" in again[0]
        )
        assert double_of(tmp_path).cost == 22.0
        return
    told_at_last(cloud)
    (text,) = [t for t in go_on(cloud, "open-quantum", tmp_path) if "second one" in t]
    assert "; a person told that it is over at 3 credits, which counts no more; " in text
    assert (double_of(tmp_path).cost, double_of(tmp_path).source) == (11.0, "by the cloud")
    (price,) = [entry["price"] for entry in cloud.ledger() if entry["id"] == told.id]
    with Run(tmp_path) as run:
        assert run.spent() == {"credits": 4 * 22.0 + price}
    with Snapshot(tmp_path) as snapshot, pytest.raises(SelectionError, match="is over already"):
        snapshot.resolve_double(double_of(tmp_path).id, 3.0)
    cloud.close()


def test_one_that_runs_still_is_not_over_because_a_person_said_so(tmp_path: Path) -> None:
    cloud = Clouds("scaleway", queue_s=600.0)
    delivered_twice(cloud, "scaleway")
    manifest, around = manifest_of("scaleway"), cloud.surroundings()
    cloud.run(manifest, tmp_path, around, detach=True).close()
    with Snapshot(tmp_path) as snapshot:
        snapshot.resolve_double(double_of(tmp_path).id, 5.0)
    warned: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Warned):
            warned.append(event.text)

    cloud.run(manifest, tmp_path, around, detach=True, observer=observe).close()
    assert "a person told that it is over at 5.00 EUR, which counts no more" in "".join(warned)
    double = double_of(tmp_path)
    assert (double.is_over, double.source) == (False, "by formula")
    assert double.cost == pytest.approx(0.34)
    cloud.close()
