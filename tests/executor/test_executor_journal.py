"""Steps that wait together are one commit; none goes on before it, nor outlives one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from qbatch.errors import SnapshotError
from qbatch.executor.journal import Journal, Step
from qbatch.job import CompositeJob
from qbatch.snapshot import Snapshot


class Counting(Snapshot):
    """Counts its commits, each an fsync; one of them may fail."""

    commits = 0
    fails_at = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self.commits += 1
            if self.commits == self.fails_at:
                raise SnapshotError("the disk is full")


def intend(snapshot: Snapshot, number: int) -> Step:
    """Write what is to be bought, as it is written before each purchase."""

    def step() -> None:
        ordinal = snapshot.add_composite(CompositeJob(f"{number}", "cloud", ()), [])
        snapshot.save_intent(ordinal, f"key {number}", b"the exact bytes")

    return step


def intend_at_once(snapshot: Snapshot, most: int) -> list[int]:
    """Write intents, each in a task of its own; return those whose tasks went on."""
    durable: list[int] = []

    async def write(journal: Journal, number: int) -> None:
        try:
            await journal.commit(intend(snapshot, number))
        except SnapshotError:
            return
        durable.append(number)

    async def main() -> None:
        journal = Journal(snapshot, is_inline=False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.write_steps)
            async with trio.open_nursery() as writers:
                for number in range(most):
                    writers.start_soon(write, journal, number)
            journal.close()

    trio.run(main)
    return durable


def intents_in(folder: Path) -> list[str]:
    with Snapshot(folder) as snapshot:
        return [stored.id for stored in snapshot.open_composites() if stored.intent]


def test_a_thousand_intents_cost_a_few_commits(tmp_path: Path) -> None:
    with Counting(tmp_path) as snapshot:
        before = snapshot.commits
        durable = intend_at_once(snapshot, 1000)
        assert snapshot.commits - before <= 5
    assert len(durable) == len(intents_in(tmp_path)) == 1000


def test_what_went_on_is_durable_though_the_commit_after_it_fails(tmp_path: Path) -> None:
    with Counting(tmp_path) as snapshot:
        durable = intend_at_once(snapshot, 3)
        snapshot.fails_at = snapshot.commits + 1
        assert intend_at_once(snapshot, 5) == []
    assert sorted(intents_in(tmp_path)) == [str(number) for number in sorted(durable)]


def test_after_a_failed_commit_nothing_more_is_written(tmp_path: Path) -> None:
    async def main(journal: Journal, snapshot: Counting) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.write_steps)
            for number in range(2):
                with pytest.raises(SnapshotError, match="the disk is full"):
                    await journal.commit(intend(snapshot, number))
            journal.close()

    with Counting(tmp_path) as snapshot:
        snapshot.fails_at = snapshot.commits + 1
        trio.run(main, Journal(snapshot, is_inline=False), snapshot)
    assert intents_in(tmp_path) == []
