"""The ledger does what its column of the table of purchases says, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_drivers import FakeCloud, Ledger, lost_after, plan_of, play

from qbatch.errors import JobStateError
from qbatch.executor.active import ActiveJob, Bill
from qbatch.executor.moves import charged
from qbatch.job import CompositeJob, Job, JobState
from qbatch.providers import Batch, GivenBack, Price
from qbatch.purchase import TABLE, Event
from qbatch.purchase import Ledger as Column
from qbatch.snapshot import JobRow, Run, Snapshot
from qbatch.snapshot.ledger import NOT_BOUGHT, Entry

ROWS = [(state, event) for state, rows in TABLE.items() for event in rows]

#: What the ledger is told of a job that was charged 7, and of one of which no charge is told.
TOLD = {
    Column.KEEP: ({}, {}),
    Column.RESERVE: ({}, {}),  # entered with the intent
    Column.BILL: ({"the cloud": {"k": 7.0}}, {}),
    Column.FREE: ({NOT_BOUGHT: {"k": 0.0}}, {NOT_BOUGHT: {"k": 0.0}}),
}


def active_in(state: JobState, cost: float | None = None) -> ActiveJob:
    batch = Batch(CompositeJob("c", "cloud", ("k",)), ())
    return ActiveJob(batch, {"k": JobRow(1, Job("k", state, cost=cost))})


@pytest.mark.parametrize(("state", "event"), ROWS)
def test_what_the_ledger_is_told_is_what_the_row_says(state: JobState, event: Event) -> None:
    with_bill, without = TOLD[TABLE[state][event].ledger]
    move = active_in(state).happens("k", event, bill=Bill(7.0, "the cloud"))
    assert move.row.job.state is TABLE[state][event].state
    assert charged([move]) == with_bill
    assert charged([active_in(state).happens("k", event)]) == without


def test_a_charge_that_was_told_before_is_billed_at_the_end() -> None:
    move = active_in(JobState.RUNNING, cost=3.0).happens("k", Event.FAILED)
    assert charged([move]) == {"told by the provider": {"k": 3.0}}


@pytest.mark.parametrize("state", JobState)
def test_what_is_not_in_the_table_does_not_happen(state: JobState) -> None:
    for event in set(Event) - set(TABLE[state]):
        with pytest.raises(JobStateError):
            active_in(state).happens("k", event)


def entries(folder: Path) -> list[Entry]:
    with Run(folder) as run:
        return [purchase.entry for purchase in run.ledger()]


@pytest.mark.parametrize("cost", [None, 0.0, 0.25])
def test_what_a_cloud_had_and_gave_back_costs_what_it_says(
    tmp_path: Path, cost: float | None
) -> None:
    """Nothing is called free because it came to nothing, also if only looking found it."""
    cloud = FakeCloud(Ledger())
    cloud.script["submit"] = [lost_after]
    (key,) = (point.id for point in plan_of(1, "cloud").points())
    cloud.located = GivenBack(key, "ended", "c0", error="ended", cost=cost)
    play(tmp_path, plan_of(1, "cloud"), cloud)
    first, second = entries(tmp_path)
    assert (first.billed, first.reserved) == (cost, 1.0)
    assert second.billed == 1.0


def test_what_was_given_back_is_bought_under_a_number_that_no_purchase_has(tmp_path: Path) -> None:
    """A folder that was put together from others may have purchases of which nothing is used."""
    plan, cloud = plan_of(1, "cloud"), FakeCloud(Ledger())
    (key,) = (point.id for point in plan.points())
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(plan.points(), setting_of=plan.setting_text)
        with snapshot.transaction():
            snapshot.enter([Entry(1, 2, "cloud", "credits", 7.0, "another folder", 7.0, 7.0, "it")])
    cloud.script["poll"] = [lambda act: [GivenBack(key, error="the session ended")]]
    assert play(tmp_path, plan, cloud).summary.completed == 1
    told = [(entry.generation, entry.billed, entry.billed_by) for entry in entries(tmp_path)]
    assert told[1] == (2, 7.0, "it")
    assert [generation for generation, _, _ in told] == [1, 2, 3]


def test_a_bill_by_formula_has_the_share_of_its_composite_job(tmp_path: Path) -> None:
    """IBM tells nothing of a job that is deleted, and its 2 s for the job were paid, too."""
    price = Price("qpu_seconds", per_shot=0.001, per_composite=2.0)
    cloud = FakeCloud(Ledger(), max_jobs=2, price=price)
    cloud.bill = None
    plan = plan_of(2, "cloud")
    play(tmp_path, plan, cloud)
    found = entries(tmp_path)
    assert [entry.billed for entry in found] == pytest.approx([e.quoted for e in found])
    assert sum(entry.billed or 0.0 for entry in found) > 2.0
