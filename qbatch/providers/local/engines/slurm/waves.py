"""Batch jobs that are sent at the same time, as one array: a task for each composite job.

Rules: while one sbatch is on its way those that come wait for the next, and go together. Before it
is called each has written under what name and task Slurm may have it from now on; so a lost answer
is looked for as that of a batch job by itself is. What Slurm does not take of several it is asked
about fewer, down to one; only what it says of one alone counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from qbatch.errors import ProviderError, Refused, Unavailable
from qbatch.providers.local.engines.options import Slurm as Options
from qbatch.providers.local.engines.slurm.commands import Slurm
from qbatch.providers.local.engines.slurm.files import PREFIX, Files, Place
from qbatch.providers.local.engines.slurm.script import arguments_of, script_of


@dataclass(eq=False)
class _Want:
    """One that is to be sent; while it has neither an id nor an error, it waits, or is sent."""

    files: Files
    digest: str
    job_id: str = ""
    error: ProviderError | None = None


class Waves:
    """Sends the batch jobs of one backend.

    Args:
        slurm: Where to.
        options: Of each batch job, or task of an array.
    """

    def __init__(self, slurm: Slurm, options: Options) -> None:
        self._slurm = slurm
        self._options = options
        self._waiting: list[_Want] = []
        self._turn = trio.Lock()
        self._limit = self._most = 1

    def allow(self, most: int) -> None:
        """Let an array have so many tasks; until then there is none."""
        self._limit = self._most = max(1, most)

    async def send(self, files: Files, digest: str) -> str:
        """Send a batch job whose work is written, alone or with others; return its id.

        Raises:
            Refused: Slurm will not have it.
            Unavailable: It takes no more for now, or did not answer.
        """
        want = _Want(files, digest)
        self._waiting.append(want)
        try:
            while not want.job_id and want.error is None:
                async with self._turn:
                    if want in self._waiting:
                        await trio.lowlevel.checkpoint()  # who is ready now goes with it
                        await self._send_group(self._next_group(want))
        finally:
            if want in self._waiting:
                self._waiting.remove(want)
        if want.error is not None:
            raise want.error
        return want.job_id

    def _next_group(self, first: _Want) -> Sequence[_Want]:
        """Take those out of the queue that go with the next command."""
        others = [want for want in self._waiting if want is not first]
        group = [first, *others[: self._most - 1]]
        self._waiting = [want for want in self._waiting if want not in group]
        return group

    async def _send_group(self, group: Sequence[_Want]) -> None:
        lost: ProviderError = Unavailable("slurm: sbatch was ended before it answered")
        try:
            ids = await self._sent(group)
        except ProviderError as error:
            lost = error
        else:
            for want, job_id in zip(group, ids, strict=True):
                want.job_id = job_id
            self._most = min(2 * self._most, self._limit)
        finally:
            unsent = [want for want in group if not want.job_id]
            if unsent:
                self._not_sent(unsent, lost)

    def _not_sent(self, group: Sequence[_Want], error: ProviderError) -> None:
        """Tell those that were not sent, or have fewer of them go with the next command."""
        is_full = isinstance(error, Unavailable) and error.is_full
        if len(group) > 1 and (is_full or isinstance(error, Refused)):
            self._most = len(group) // 2
            self._waiting[:0] = group
            return
        for want in group:
            want.error = error
        if is_full:  # who waits finds no room either
            for want in self._waiting:
                want.error = error
            self._waiting.clear()

    async def _sent(self, group: Sequence[_Want]) -> Sequence[str]:
        """Send one batch job, or an array; return the id of each.

        Raises:
            ProviderError: As Slurm answers.
        """
        work = [(want.files, want.digest) for want in group]
        if len(group) == 1:
            (files,) = (want.files for want in group)
            script = script_of(work, self._options)
            await trio.to_thread.run_sync(files.write_script, script)
            arguments = arguments_of(files.folder, Place(files.key), self._options)
            return [await self._slurm.submit([*arguments, str(files.script)])]
        name = _name_of(group)
        await trio.to_thread.run_sync(_join, group, name)
        array = f"--array=0-{len(group) - 1}"
        arguments = [array, *arguments_of(group[0].files.folder, Place(name, 0), self._options)]
        job_id = await self._slurm.submit(arguments, script_of(work, self._options))
        return [f"{job_id}_{task}" for task in range(len(group))]


def _name_of(group: Sequence[_Want]) -> str:
    """Name an array by the keys of what it computes."""
    keys = "\n".join(want.files.key for want in group)
    return f"{PREFIX}{hashlib.sha256(keys.encode()).hexdigest()[:24]}"


def _join(group: Sequence[_Want], name: str) -> None:
    for task, want in enumerate(group):
        want.files.join(Place(name, task))
