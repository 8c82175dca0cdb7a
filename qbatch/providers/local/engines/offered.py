"""An engine that an installed package offers, loaded and held to what engines promise.

Rule: whatever a package raises is told as the package's, and is no bug of qbatch's; a task that it
does not take is broken, and is given out again as for any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qbatch.errors import CircuitError, ProviderError, Unfit
from qbatch.providers.local.engines.contract import Broken
from qbatch.providers.local.engines.offers import load_engine

if TYPE_CHECKING:
    from qbatch.providers.local.engines.contract import Engine, Task

#: What an engine has; see `Engine`.
_PARTS = ("name", "capacity", "begin", "put", "drop", "leave")


def open_offered(name: str, given: Mapping[str, Any]) -> Engine:
    """Make an engine.

    Raises:
        Unfit: It cannot be loaded or made, or is none.
    """
    try:
        engine = load_engine(name).call(**given)
    except CircuitError as error:
        raise Unfit(f"engine {name!r}: {error}").about("extending") from error
    if lacks := [part for part in _PARTS if not hasattr(engine, part)]:
        raise Unfit(
            f"engine {name!r}: {type(engine).__name__} is no engine, it lacks {', '.join(lacks)}; "
            "see `qbatch.engines.Engine`"
        ).about("extending")
    return Offered(name, engine)


class Offered:
    """A package's engine; see `Engine`."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self.capacity = 1
        self._engine = engine

    async def begin(self) -> None:
        """Let it get ready.

        Raises:
            ProviderError: It cannot; of what else it raises, that.
        """
        try:
            await self._engine.begin()
            self.capacity = max(1, int(self._engine.capacity))
        except ProviderError:
            raise
        # whatever a package raises is the package's, never ours
        except Exception as error:
            raise Unfit(self._told(error)).about("extending") from error

    def put(self, task: Task, *, first: bool = False) -> None:
        """Give it a task; one that it does not take is broken."""
        try:
            self._engine.put(task, first=first)
        # whatever a package raises is the package's, never ours
        except Exception as error:
            task.finished(Broken(self._told(error)))

    def drop(self, task: Task) -> None:
        """Let it forget a task, which is cancelled in any case."""
        task.scope.cancel()
        # whatever a package raises is the package's; what it tells of the task counts no more
        with suppress(Exception):
            self._engine.drop(task)

    async def leave(self) -> None:
        """Let it stop.

        Raises:
            Unfit: It raised.
        """
        try:
            await self._engine.leave()
        # whatever a package raises is the package's, never ours
        except Exception as error:
            raise Unfit(self._told(error)).about("extending") from error

    def _told(self, error: Exception) -> str:
        return f"engine {self.name!r} raised {type(error).__name__}: {error}"[:500]
