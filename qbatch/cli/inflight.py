"""What a person needs to know of jobs that providers have, or may have: for `status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.snapshot import PointResult, Run

#: Held jobs told in full; `--json` has all.
MAX_HELD = 10


def at_providers(flying: Sequence[PointResult]) -> dict[str, int]:
    """Backend -> jobs its provider works on, those in the plan no more included."""
    return dict(Counter(p.backend for p in flying if p.state is not JobState.HELD))


def held(run: Run, flying: Sequence[PointResult]) -> Iterator[dict[str, Any]]:
    """Everything needed to look each held job up by hand."""
    for point in flying:
        if point.state is JobState.HELD:
            backend = run.manifest.backends.get(point.backend)
            yield {
                "id": point.id,
                "point": point.name,
                "backend": point.backend,
                "provider": backend.provider if backend else None,
                "target": run.targets.get(point.backend, {}).get("name"),
                "sent_at": point.submitted_at and point.submitted_at.isoformat(timespec="seconds"),
                "provider_job_id": point.job.provider_job_id,
                "why": point.job.error,
                **_traces(run, point),
            }


def _traces(run: Run, point: PointResult) -> dict[str, Any]:
    """The names under which the provider may know it: our key, and what it gave us before."""
    memo, place = run.memo_of(point)
    key = run.intent_key_of(point)
    known = {
        name: value[place] if isinstance(value, list) and place < len(value) else value
        for name, value in memo.items()
    }
    return {"key": key, "known_as": known}


def tell(facts: dict[str, Any]) -> None:
    """Tell what is at the providers, and each held job with its decision."""
    from qbatch.report.numbers import count_of

    folder, waiting = facts["folder"], facts["held"]
    for backend, number in facts["at_providers"].items():
        click.echo(f"  {count_of(number, 'job')} at {backend}")
    for one in waiting[:MAX_HELD]:
        _tell_held(one)
    if len(waiting) > MAX_HELD:
        more = len(waiting) - MAX_HELD
        click.echo(f"  and {more} more held; `qbatch status {folder} --json` has all")
    if waiting:
        click.echo(
            f"look each up at its provider, then `qbatch resolve {folder} POINT` with "
            "--adopt ID (it was taken), --resubmit (it was not), or --give-up",
            err=True,
        )


def _tell_held(facts: dict[str, Any]) -> None:
    click.echo(f"  {click.style('held', fg='red')} {facts['point']}  ({facts['id'][:8]})")
    where = [facts["provider"] or "?", facts["target"] or facts["backend"]]
    lines = {
        "why": facts["why"],
        "where": " ".join(where),
        "sent": facts["sent_at"],
        "key": facts["key"],
        "its id there": facts["provider_job_id"],
        **{name: _flat(value) for name, value in facts["known_as"].items()},
    }
    for name, text in lines.items():
        if text:
            click.echo(f"       {name + ':':<18}{text}")


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
