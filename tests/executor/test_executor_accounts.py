"""M4: purchases belong to the account they were made with."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fake_drivers import FakeCloud, Ledger, Play, plan_of, play

from qbatch.errors import SelectionError
from qbatch.executor.events import Warned
from qbatch.job import ACCOUNT, CompositeJob, JobState
from qbatch.plan import Plan
from qbatch.providers import Prepared
from qbatch.providers.kit.accounts import digest, named, owner, subject
from qbatch.providers.kit.credentials import Secret
from qbatch.purchase import Event
from qbatch.snapshot import Run, Snapshot

OURS, THEIRS = "lab at cloud", "guests at cloud"


def at(owner: str, ledger: Ledger, **more: Any) -> FakeCloud:
    cloud = FakeCloud(ledger, **more)
    cloud.owner = owner
    return cloud


async def leave_soon(stop: Any) -> None:
    import trio

    await trio.sleep(5)
    stop.request("SIGTERM", signal_number=15)


@pytest.fixture
def plan() -> Plan:
    return plan_of(4, "cloud")


@pytest.fixture
def ledger() -> Ledger:
    """Of `OURS`."""
    return Ledger()


@pytest.fixture
def left(tmp_path: Path, plan: Plan, ledger: Ledger) -> Path:
    """A run that was left with two jobs in flight and two that were not sent."""
    play(tmp_path, plan, at(OURS, ledger, works_s=100, in_flight=2), beside=[leave_soon])
    assert len(ledger.jobs) == 2
    return tmp_path


def states(folder: Path) -> list[str]:
    with Run(folder) as run:
        return [point.state.value for point in run]


def warnings(played: Play) -> list[str]:
    return [event.text for event in played.events if isinstance(event, Warned)]


def test_work_of_another_account_is_held_and_not_asked_about(left: Path, plan: Plan) -> None:
    there = Ledger()
    played = play(left, plan, at(THEIRS, there))
    assert states(left) == ["held", "held", "completed", "completed"]
    assert len(there.jobs) == 2
    assert there.calls["locate"] == there.calls["cancel"] == 0
    assert warnings(played) == [
        f"cloud: 2 jobs are held that were made with another account, {OURS}; the present one is "
        f"{THEIRS}: run again with the first one's credentials and address to go on with them"
    ]


def test_a_held_job_tells_both_accounts_and_what_to_do(left: Path, plan: Plan) -> None:
    play(left, plan, at(THEIRS, Ledger()))
    with Run(left) as run:
        held = run.held()
    assert {one.known_as[ACCOUNT] for one in held} == {OURS}
    assert all(OURS in one.why and THEIRS in one.why for one in held)
    assert all("--same-account" in one.why for one in held)


def test_back_at_its_account_it_is_found_and_taken_up(
    left: Path, plan: Plan, ledger: Ledger
) -> None:
    there = Ledger()
    play(left, plan, at(THEIRS, there))
    play(left, plan, at(OURS, ledger))
    assert set(states(left)) == {"completed"}
    assert len(ledger.jobs) == len(there.jobs) == 2
    assert not {job.job_id for job in ledger.jobs} & {job.job_id for job in there.jobs}


def test_what_was_made_before_accounts_were_noted_is_taken_up_by_any(
    left: Path, plan: Plan, ledger: Ledger
) -> None:
    with Snapshot(left) as snapshot, snapshot.transaction():
        for one in snapshot.open_composites():
            memo = {key: value for key, value in one.memo.items() if key != ACCOUNT}
            known = CompositeJob(one.id, one.backend, (), one.generation, memo)
            snapshot.save_memo(one.ordinal, known, one.children)
    play(left, plan, at(THEIRS, ledger))
    assert set(states(left)) == {"completed"}
    assert max(ledger.times_bought.values()) == 1


def test_a_person_says_that_the_account_is_the_same(left: Path, plan: Plan, ledger: Ledger) -> None:
    play(left, plan, at(THEIRS, Ledger()))
    with Snapshot(left) as snapshot:
        (row,) = snapshot.jobs_of([ledger.jobs[0].job_id])
        assert snapshot.account_of(row) == OURS
        snapshot.resolve(row.job.id, Event.SAME_ACCOUNT)
        assert snapshot.account_of(row) == ""
        with pytest.raises(SelectionError, match="with which account it was made is not known"):
            snapshot.resolve(row.job.id, Event.SAME_ACCOUNT)
    played = play(left, plan, at(THEIRS, ledger))
    assert set(states(left)) == {"completed"}
    assert not warnings(played)


class Uploading(FakeCloud):
    """A cloud where preparing takes a while, and whose memo tells who prepared."""

    is_ready = False

    async def prepare(self, batch: Any) -> Prepared:
        known = batch.composite.memo.get("prepared_by", [])
        return Prepared({"prepared_by": [*known, self.owner]}, ready=self.is_ready, again_s=60.0)


@pytest.mark.parametrize("owner", [OURS, THEIRS])
def test_what_was_only_prepared_with_another_account_is_prepared_anew(
    tmp_path: Path, plan: Plan, owner: str
) -> None:
    cloud = Uploading(Ledger(), in_flight=2)
    cloud.owner = OURS
    play(tmp_path, plan, cloud, beside=[leave_soon])
    cloud = Uploading(Ledger())
    cloud.owner, cloud.is_ready = owner, True
    play(tmp_path, plan, cloud)
    assert set(states(tmp_path)) == {"completed"}
    with Run(tmp_path) as run:
        memos = [run.memo_of(point)[0] for point in run]
    assert {memo[ACCOUNT] for memo in memos} == {owner}
    prepared = [OURS, OURS] if owner == OURS else [THEIRS]
    assert [memo["prepared_by"] for memo in memos] == [prepared, prepared, [owner], [owner]]


def test_every_purchase_names_its_account(left: Path) -> None:
    with Run(left) as run:
        bought = [point for point in run if point.state is JobState.SUBMITTED]
        assert [run.memo_of(point)[0][ACCOUNT] for point in bought] == [OURS, OURS]


# -- how accounts are named -----------------------------------------------------------------------


def token_of(**claims: str) -> Secret:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Secret(f"e30.{body}.c2ln", "env:TOKEN")


def test_a_renewed_token_that_names_its_subject_is_the_same_account() -> None:
    old, new = token_of(sub="u-7", jti="1"), token_of(sub="u-7", jti="2")
    assert owner(old, "run") == owner(new, "run") == "user u-7"
    assert owner(token_of(sub="u-8"), "run") != owner(new, "run")


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.bnVsbA.x", "e30.WzFd.x", "é.é.é", "..."])
def test_what_is_no_token_that_names_somebody_names_nobody(text: str) -> None:
    assert subject(Secret(text, "env:TOKEN")) == ""


def test_a_digest_tells_neither_the_secret_nor_that_two_runs_used_one() -> None:
    secret = Secret("hunter2", "env:TOKEN")
    assert digest(secret, "run1") != digest(secret, "run2")
    assert digest(secret, "run1") != digest(Secret("hunter3", "env:TOKEN"), "run1")
    assert "hunter2" not in owner(secret, "run1")


def test_an_address_is_told_however_it_is_written() -> None:
    assert named("https://API.cloud.test/v1/", "project 1", "") == "project 1 at api.cloud.test/v1"
