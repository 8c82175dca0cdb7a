"""Computes each chunk in an interpreter of its own; one on another machine would do as well."""

import sys
from collections.abc import Sequence

import trio

from qbatch.engines import Answer, Broken, Task, answer_of, work_of


class Fresh:
    """Starts a command for each chunk; see `qbatch.engines.Engine`.

    Args:
        at_once: Chunks that are computed at once.
        command: Before ``python -m qbatch.engines``, as ["ssh", "node1"]; [] starts it here.
    """

    name = "fresh"

    def __init__(self, at_once: int = 1, command: Sequence[str] = ()) -> None:
        self.capacity = at_once
        self._command = [*command, "python"] if command else [sys.executable]
        self._tasks: dict[Task, trio.Event] = {}

    async def begin(self) -> None:
        self._turns = trio.CapacityLimiter(self.capacity)

    def put(self, task: Task, *, first: bool = False) -> None:
        self._tasks[task] = trio.Event()
        trio.lowlevel.spawn_system_task(self._perform, task)

    def drop(self, task: Task) -> None:
        task.scope.cancel()

    async def leave(self) -> None:
        for task, ended in list(self._tasks.items()):
            task.scope.cancel()
            await ended.wait()

    async def _perform(self, task: Task) -> None:
        outcome: Answer | Broken = Broken(f"no answer in {task.deadline_s:g} s")
        with task.scope:
            async with self._turns:
                task.started()
                with trio.move_on_after(task.deadline_s):
                    outcome = await self._computed(task)
        self._tasks.pop(task).set()
        if not task.scope.cancelled_caught:
            task.finished(outcome)

    async def _computed(self, task: Task) -> Answer | Broken:
        command, pipes = [*self._command, "-m", "qbatch.engines"], {"capture_stdout": True}
        pipes |= {"capture_stderr": True, "check": False}
        try:
            done = await trio.run_process(command, stdin=work_of(task), **pipes)
        except OSError as error:
            return Broken(f"{command[0]}: {error}")
        if done.returncode:
            return Broken(done.stderr.decode(errors="replace").strip()[-300:])
        return answer_of(task, done.stdout)
