"""Group commit: steps that wait together share one transaction, and go on only after it.

One writer. A step is a function that writes to the snapshot; it is durable when `commit` returns.
Once a write fails, the run is over: every step of that transaction and every later one gets the
same error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from qbatch.errors import SnapshotError
from qbatch.snapshot import Snapshot

Step = Callable[[], None]


@dataclass(slots=True)
class _Ticket:
    step: Step
    is_done: trio.Event = field(default_factory=trio.Event)


class Journal:
    """The only writer of a run.

    Args:
        snapshot: Where to.
        is_inline: Write in the trio thread: on a virtual clock, time must not pass meanwhile.
    """

    def __init__(self, snapshot: Snapshot, *, is_inline: bool) -> None:
        self.snapshot = snapshot
        self._is_inline = is_inline
        self._waiting: list[_Ticket] = []
        self._bell = trio.Event()
        self._is_closing = False
        self._error: SnapshotError | None = None

    async def commit(self, *steps: Step) -> None:
        """Write these steps, in one transaction; not cancellable, since it is short and will be.

        Raises:
            SnapshotError: It could not be written.
        """

        def all_steps() -> None:
            for step in steps:
                step()

        if self._error is not None:
            raise self._error
        ticket = _Ticket(steps[0] if len(steps) == 1 else all_steps)
        self._waiting.append(ticket)
        self._bell.set()
        with trio.CancelScope(shield=True):
            await ticket.is_done.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """No more steps will come: `write_steps` returns when all are written."""
        self._is_closing = True
        self._bell.set()

    async def write_steps(self) -> None:
        """The writer; runs until `close`, whatever is cancelled around it."""
        with trio.CancelScope(shield=True):
            while self._waiting or not self._is_closing:
                await self._bell.wait()
                await trio.lowlevel.checkpoint()  # who is ready now joins this transaction
                self._bell = trio.Event()
                tickets, self._waiting = self._waiting, []
                if tickets:
                    await self._write(tickets)
                if self._is_closing:
                    self._bell.set()

    async def _write(self, tickets: list[_Ticket]) -> None:
        try:
            if self._is_inline:
                self._transact(tickets)
            else:
                await trio.to_thread.run_sync(self._transact, tickets)
        except SnapshotError as error:
            self._error = error
        except BaseException as error:  # a bug of ours: nobody may wait for ever because of it
            self._error = SnapshotError(f"{self.snapshot.path}: a step failed: {error!r}")
            raise
        finally:
            for ticket in tickets:
                ticket.is_done.set()

    def _transact(self, tickets: list[_Ticket]) -> None:
        with self.snapshot.transaction():
            for ticket in tickets:
                ticket.step()
