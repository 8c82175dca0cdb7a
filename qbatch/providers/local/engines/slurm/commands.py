"""Slurm's commands, run and read: each call is one process, its arguments a list, no shell."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import trio

from qbatch.errors import Misspoke, ProviderError, Refused, Unavailable, Unfit
from qbatch.providers.local.engines.slurm.files import Place
from qbatch.providers.local.engines.slurm.states import is_held, rank

#: A command that takes longer is not answered, seconds.
ANSWER_S = 60.0

#: So many names are asked about by one command, or ids given to it.
MOST_NAMES = 500

#: A batch job's number, and which task of its array it is, or which tasks: "7", "7_3", "7_[0-3,9]".
_ID = re.compile(r"(\d+)(?:_(?:(\d+)|\[([\d,-]+)(?:%\d+)?\]))?")

#: Has Slurm write all tasks of an array that ended together, however many there are.
_ALL_TASKS = {"SLURM_BITSTR_LEN": "0"}

#: What scancel says where there is nothing left to cancel.
_OVER = ("already completing or completed", "Invalid job id specified")

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
    """A batch job, or a task of an array, as Slurm shows it.

    Attributes:
        name: Its own, or its array's.
        state: Slurm's word: "PENDING".
        reason: Slurm's word for why it is so; "" for none.
    """

    id: str
    name: str
    state: str
    reason: str = ""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.name, next((task for _, task in _tasks_of(self.id)), None))

    @property
    def is_held(self) -> bool:
        """Slurm could not start it, and holds it until a person lets it go on."""
        return is_held(self.state, self.reason)

    def __str__(self) -> str:
        """In Slurm's own words."""
        return f"{self.state} ({self.reason})" if self.reason else self.state


#: What Slurm knows of batch jobs and tasks of arrays.
Found = dict[Place, Seen]


class Slurm:
    """Slurm as its commands show it to one person.

    Args:
        environ: Of the commands; empty: this process's.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ) or None
        self._user = str(os.getuid())
        self._has_accounting: bool | None = None

    async def submit(self, arguments: Sequence[str], script: str = "") -> str:
        """Send a batch job or an array, and return its id.

        Args:
            arguments: Of sbatch; the script's name is the last, where there is one.
            script: What it runs; "": a file that the arguments name.

        Raises:
            Refused: Slurm will not have it.
            Unavailable: It takes no more for now, or did not answer.
        """
        out = await self._run("sbatch", "--parsable", *arguments, stdin=script)
        job_id = out.strip().partition(";")[0]
        if not job_id.isdigit():
            raise Misspoke(f"slurm: sbatch answered {out[:80]!r} where a job's number is due")
        return job_id

    async def cancel(self, places: Iterable[Place]) -> None:
        """Cancel what the person has at these places, whatever its numbers."""
        known = [*places]
        for place in known:
            if place.task is None:
                await self._run("scancel", f"--user={self._user}", f"--name={place.name}")
        if tasks := [place for place in known if place.task is not None]:
            await self._cancel_tasks(tasks)

    async def _cancel_tasks(self, tasks: Sequence[Place]) -> None:
        """Cancel tasks of arrays, by the numbers that the queue shows just now.

        By an array's name scancel ends all that wait of it, also where tasks are named beside it.
        """
        found = await self.queue(place.name for place in tasks)
        seen = [one for place in tasks if (one := seen_at(found, [place]))]
        for ids in _parted(one.id for one in seen if rank(one.state)):
            try:
                await self._run("scancel", *ids)
            except Refused as error:
                if not any(words in str(error) for words in _OVER):
                    raise

    async def has_jobs(self) -> bool:
        """Whether anything of the person's waits or runs."""
        return bool((await self._run("squeue", "--noheader", f"--user={self._user}")).strip())

    async def queue(self, names: Iterable[str]) -> Found:
        """Return what the controller knows of batch jobs; it soon forgets those that ended."""
        found: Found = {}
        for some in _parted(dict.fromkeys(names)):
            out = await self._run(
                "squeue",
                "--noheader",
                "--array",
                "--states=all",
                f"--user={self._user}",
                f"--name={','.join(some)}",
                "--format=%i|%j|%T|%r",
            )
            _merge(found, out)
        return found

    async def history(self, names: Iterable[str], job_ids: Iterable[str]) -> Found:
        """Return how batch jobs ended, as accounting has it; nothing where there is none.

        What it takes for queued or running counts for nothing: it keeps that of a job whose
        controller has forgotten it, and shows each time that a job was requeued beside its end.
        """
        if self._has_accounting is False:
            return {}
        found: Found = {}
        known = [each for each in job_ids if each]
        which = f"--jobs={','.join(known)}" if known else f"--name={','.join(dict.fromkeys(names))}"
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
                environ=_ALL_TASKS,
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

    async def _run(
        self,
        command: str,
        *arguments: str,
        stdin: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> str:
        try:
            with trio.fail_after(ANSWER_S):
                done = await trio.run_process(
                    [command, *arguments],
                    capture_stdout=True,
                    capture_stderr=True,
                    stdin=stdin.encode(errors="surrogateescape"),
                    check=False,
                    env={**(self._environ or os.environ), **(environ or {})},
                )
        except FileNotFoundError as error:
            told = f"slurm: there is no {command} on this machine; {_ELSEWHERE}"
            raise Unfit(told).about("slurm") from error
        except trio.TooSlowError as error:
            told = f"slurm: {command} did not answer within {ANSWER_S:g} s"
            raise Unavailable(told).about("slurm") from error
        if done.returncode:
            raise _failure(command, done).about("slurm")
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


def seen_at(found: Found, places: Iterable[Place]) -> Seen | None:
    """Return what is known of what may be at several places: the one that matters.

    An array that ended before any of its tasks began is shown as a whole.
    """
    best: Seen | None = None
    for place in places:
        seen = found.get(place) or found.get(Place(place.name))
        if seen is not None and (best is None or _matters_more(seen, best)):
            best = seen
    return best


def _merge(found: Found, out: str, *, ended: bool = False) -> None:
    """Read lines of id, name, state and reason; of several of one place the one that matters.

    Args:
        found: What is known already; changed.
        out: The lines.
        ended: Jobs that go on are passed over.
    """
    for line in out.splitlines():
        fields = line.strip().split("|")
        if len(fields) != 4:
            continue
        job_id, name, said, reason = fields
        state = said.split(" ")[0].rstrip("+")  # "CANCELLED by 1000"
        if ended and rank(state):
            continue
        for one, task in _tasks_of(job_id):
            seen = Seen(one, name, state, "" if reason in ("None", "(null)") else reason)
            before = found.get(Place(name, task))
            if before is None or _matters_more(seen, before):
                found[Place(name, task)] = seen


def _tasks_of(job_id: str) -> Iterator[tuple[str, int | None]]:
    """Return the ids that one stands for, and which task each is.

    >>> [*_tasks_of("7_[0-1,9%2]")]
    [('7_0', 0), ('7_1', 1), ('7_9', 9)]
    """
    parts = _ID.fullmatch(job_id)
    if parts is None:
        return
    number, task, several = parts.groups()
    if several is None:
        yield job_id, None if task is None else int(task)
        return
    for span in several.split(","):
        first, _, last = span.partition("-")
        if first.isdecimal():
            stop = int(last if last.isdecimal() else first) + 1
            yield from ((f"{number}_{n}", n) for n in range(int(first), stop))


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
