"""What a person needs to know of jobs that providers have, or may have: for `status`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.tables import say, tell
from qbatch.instants import told_if_known
from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.cli.waiting import Waits
    from qbatch.snapshot import Held, PointResult, Run

#: Held jobs told in full; `--json` has all.
MAX_HELD = 10

#: Of a provider's words for where jobs are, the most frequent.
MAX_WORDS = 4


def at_providers(flying: Sequence[PointResult], local: Collection[str]) -> dict[str, int]:
    """Backend -> jobs its provider works on, those in the plan no more included.

    Args:
        flying: Points in flight.
        local: Backends that are this machine's own: once no runner is there, nobody works for them.
    """
    return dict(
        Counter(
            p.backend for p in flying if p.state is not JobState.HELD and p.backend not in local
        )
    )


def words_of(flying: Sequence[PointResult], local: Collection[str]) -> dict[str, dict[str, int]]:
    """Backend -> its provider's words for where jobs are -> how many; see `at_providers`."""
    found: dict[str, Counter[str]] = {}
    for p in flying:
        if p.state is not JobState.HELD and p.backend not in local and p.job.status:
            found.setdefault(p.backend, Counter())[p.job.status] += 1
    return {backend: dict(words.most_common()) for backend, words in found.items()}


def facts_of(held: Held) -> dict[str, Any]:
    """Return a held job as `--json` has it."""
    sent_at = held.sent_at and held.sent_at.isoformat(timespec="seconds")
    return {**asdict(held), "sent_at": sent_at}


def waits_of(run: Run) -> Waits:
    """Backend -> what its runner waits for now; nothing where there is no runner."""
    standing = run.standing()
    if standing is None:
        return {}
    from qbatch.cli.waiting import read_standing

    found = read_standing(standing)
    return {} if found is None else {name: theirs for name, theirs in found[1].items() if theirs}


def tell_waits(waits: Waits) -> None:
    """Tell what is waited for now, all of it."""
    if not waits:
        return
    from qbatch.cli.waiting import format_wait

    for backend, theirs in waits.items():
        for wait in theirs:
            say(f"  {backend}: {format_wait(wait, time.time())}")


def tell_jobs(folder: str, facts: Mapping[str, Any], waiting: Sequence[Held]) -> None:
    """Tell what is at the providers, in their words, and each held job with its decision."""
    from qbatch.report.numbers import count_of

    for backend, number in facts["at_providers"].items():
        words = [*facts["words"].get(backend, {}).items()][:MAX_WORDS]
        told = ", ".join(word if many == number else f"{many} {word}" for word, many in words)
        say(f"  {count_of(number, 'job')} at {backend}{told and f': {told}'}")
    for one in waiting[:MAX_HELD]:
        say(f"  {click.style('held', fg='red')} {one.point}  ({one.id[:8]})")
        for name, text in {"why": one.why, **one.traces}.items():
            text = told_if_known(text) if name == "sent" else text
            say(f"       {name + ':':<18}{text}")
    if len(waiting) > MAX_HELD:
        more = len(waiting) - MAX_HELD
        say(f"  and {more} more held; `qbatch status {folder} --json` has all")
    if waiting:
        tell(
            f"look each up at its provider, then `qbatch resolve {folder} POINT` with "
            "--adopt ID (it was taken), --resubmit (it was not), or --give-up"
        )
