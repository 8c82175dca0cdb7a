"""Slurm's commands, run and read: each call is one process, its arguments a list, no shell."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import trio

from qbatch.errors import Misspoke, ProviderError, Refused, Unavailable, Unfit
from qbatch.providers.local.engines.slurm.states import is_held, rank

#: A command that takes longer is not answered, seconds.
ANSWER_S = 60.0

#: So many names are asked about by one command.
MOST_NAMES = 500

_ELSEWHERE = "run on a login node of the centre"

#: A limit that Slurm names: of those, the numbers of jobs that may be sent are reached for now, and
#: all others are of the job's size, which no waiting changes. Its general words name all at once.
_LIMIT = re.compile(r"\b(?:QOS|Assoc)\w+")
_OF_JOBS = "SubmitJob"

#: What it says, without naming one, when it takes no more for now.
_FULL = (
    "MaxSubmitJob",
    "temporarily unable to accept job",
    "Resource temporarily unavailable",
    "Too many jobs",
    "job submit limit",
)
#: What it says when nobody answered.
_UNANSWERED = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Connection timed out",
    "Zero Bytes were transmitted",
    "Unable to connect to database",
    "Communication connection failure",
    "Slurm backup controller in standby mode",
)


class Seen(NamedTuple):
    """A batch job as Slurm shows it.

    Attributes:
        state: Slurm's word: "PENDING".
        reason: Slurm's word for why it is so; "" for none.
    """

    id: str
    name: str
    state: str
    reason: str = ""

    @property
    def is_held(self) -> bool:
        """Slurm could not start it, and holds it until a person lets it go on."""
        return is_held(self.state, self.reason)

    def __str__(self) -> str:
        """In Slurm's own words."""
        return f"{self.state} ({self.reason})" if self.reason else self.state


class Slurm:
    """Slurm as its commands show it to one person.

    Args:
        environ: Of the commands; empty: this process's.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ) or None
        self._user = str(os.getuid())
        self._has_accounting: bool | None = None

    async def submit(self, arguments: Sequence[str]) -> str:
        """Send a batch job, and return its id.

        Raises:
            Refused: Slurm will not have it.
            Unavailable: It takes no more for now, or did not answer.
        """
        out = await self._run("sbatch", "--parsable", *arguments)
        job_id = out.strip().partition(";")[0]
        if not job_id.isdigit():
            raise Misspoke(f"slurm: sbatch answered {out[:80]!r} where a job's number is due")
        return job_id

    async def cancel(self, names: Iterable[str]) -> None:
        """Cancel all of the person's batch jobs of these names."""
        for some in _parted(names):
            for name in some:
                await self._run("scancel", f"--user={self._user}", f"--name={name}")

    async def has_jobs(self) -> bool:
        """Whether anything of the person's waits or runs."""
        return bool((await self._run("squeue", "--noheader", f"--user={self._user}")).strip())

    async def queue(self, names: Iterable[str]) -> dict[str, Seen]:
        """Return what the controller knows of batch jobs, by name; it soon forgets those ended."""
        found: dict[str, Seen] = {}
        for some in _parted(names):
            out = await self._run(
                "squeue",
                "--noheader",
                "--states=all",
                f"--user={self._user}",
                f"--name={','.join(some)}",
                "--format=%i|%j|%T|%r",
            )
            _merge(found, out)
        return found

    async def history(self, names: Iterable[str], job_ids: Iterable[str]) -> dict[str, Seen]:
        """Return how batch jobs ended, by name, as accounting has it; nothing where there is none.

        What it takes for queued or running counts for nothing: it keeps that of a job whose
        controller has forgotten it, and shows each time that a job was requeued beside its end.
        """
        if self._has_accounting is False:
            return {}
        found: dict[str, Seen] = {}
        known = [each for each in job_ids if each]
        which = f"--jobs={','.join(known)}" if known else f"--name={','.join(names)}"
        try:
            out = await self._run(
                "sacct",
                "--noheader",
                "--parsable2",
                "--allocations",
                "--starttime=now-30days",
                f"--user={self._user}",
                which,
                "--format=JobID,JobName,State,Reason",
            )
        except Refused as error:
            if "accounting storage is disabled" not in str(error):
                raise
            self._has_accounting = False
            return {}
        _merge(found, out, ended=True)
        return found

    async def configuration(self) -> dict[str, str]:
        """Return what the controller tells of itself."""
        out = await self._run("scontrol", "show", "config")
        pairs = (line.partition("=") for line in out.splitlines() if "=" in line)
        return {key.strip(): value.strip() for key, _, value in pairs}

    async def partitions(self) -> dict[str, str]:
        """Return the partitions, and whether each is up."""
        out = await self._run("sinfo", "--noheader", "--format=%R|%a")
        return {
            name: state for name, _, state in (line.partition("|") for line in out.splitlines())
        }

    async def nodes_out(self) -> str:
        """Return which nodes take no work, and why, in Slurm's words; "" where all do."""
        out = await self._run("sinfo", "--noheader", "--list-reasons", "--format=%N|%T|%E")
        lines = dict.fromkeys(line for line in out.splitlines() if line.count("|") >= 2)
        rows = (line.split("|", 2) for line in lines)
        return "; ".join(f"{nodes} {state}: {why}" for nodes, state, why in rows)

    async def _run(self, command: str, *arguments: str) -> str:
        try:
            with trio.fail_after(ANSWER_S):
                done = await trio.run_process(
                    [command, *arguments],
                    capture_stdout=True,
                    capture_stderr=True,
                    stdin=b"",
                    check=False,
                    env=self._environ,
                )
        except FileNotFoundError as error:
            raise Unfit(f"slurm: there is no {command} on this machine; {_ELSEWHERE}") from error
        except trio.TooSlowError as error:
            raise Unavailable(f"slurm: {command} did not answer within {ANSWER_S:g} s") from error
        if done.returncode:
            raise _failure(command, done)
        return done.stdout.decode(errors="replace")


def _failure(command: str, done: subprocess.CompletedProcess[bytes]) -> ProviderError:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    said = "; ".join(dict.fromkeys(re.sub(r"^\w+: (error: )?", "", each) for each in lines[-4:]))
    if "configuration source" in said:
        return Unfit(f"slurm: {command} knows no controller on this machine; {_ELSEWHERE}")
    told = f"slurm: {command}: {said or f'exit code {done.returncode}'}"
    if any(words in said for words in _UNANSWERED):
        return Unavailable(told)
    if command == "sbatch" and _is_full(said):
        return Unavailable(told, is_full=True)
    return Refused(told)


def _is_full(said: str) -> bool:
    """Whether Slurm takes no more for now, and will when jobs of the person's have ended."""
    if limits := _LIMIT.findall(said):
        return all(_OF_JOBS in limit for limit in limits)
    return any(words in said for words in _FULL)


def _merge(found: dict[str, Seen], out: str, *, ended: bool = False) -> None:
    """Read lines of id, name, state and reason; of several of one name the one that matters.

    Args:
        found: Name -> what is known already; changed.
        out: The lines.
        ended: Jobs that go on are passed over.
    """
    for line in out.splitlines():
        fields = line.strip().split("|")
        if len(fields) != 4:
            continue
        job_id, name, said, reason = fields
        state = said.split(" ")[0].rstrip("+")  # "CANCELLED by 1000"
        seen = Seen(job_id, name, state, "" if reason in ("None", "(null)") else reason)
        if ended and rank(state):
            continue
        before = found.get(name)
        if before is None or _matters_more(seen, before):
            found[name] = seen


def _matters_more(one: Seen, other: Seen) -> bool:
    """Whether one job says more than another that was told before; of equals the later does."""
    return (rank(one.state), _number(one)) >= (rank(other.state), _number(other))


def _number(seen: Seen) -> int:
    """Return a job's number, which grows with each job that is sent: "4711", or "4711_3"."""
    found = re.match(r"\d+", seen.id)
    return int(found[0]) if found else 0


def _parted(names: Iterable[str]) -> Iterable[list[str]]:
    every = [*names]
    return (every[n : n + MOST_NAMES] for n in range(0, len(every), MOST_NAMES))
