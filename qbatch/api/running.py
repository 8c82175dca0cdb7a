"""`run` and what a run would cost, for notebooks and plain code."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from qbatch import executor
from qbatch.api.progress import in_notebook
from qbatch.api.runs import Run
from qbatch.errors import NotAllBought, NotApproved
from qbatch.executor.events import ignore
from qbatch.executor.options import Options, keywords
from qbatch.manifest import Manifest
from qbatch.plan.pricing.offer import Offer


@keywords(Options)
def run(manifest: Manifest | str | Path, options: Options) -> Run:
    """Run what is missing of an experiment, and return its results.

    Plain code calls it as it is. Inside a running asyncio loop (a notebook) or trio loop it works
    too: the run then has a thread of its own and the loop waits; inside trio,
    ``await qbatch.run_async(…)`` does not make it wait. A notebook shows how far it is, unless an
    `observer` is given.

    Running again does only what is missing. One Ctrl-C stops submitting, saves, and leaves jobs at
    the providers where they are, two leave at once; both raise `KeyboardInterrupt`, unless `stop`
    is given.

    Args:
        manifest: A manifest or its file.
        options: Each by its name, as in ``run("bell.yaml", only="failed")``; see `Options`.

    Returns:
        The run, opened for reading; `Run.summary` says what this call did. Jobs that failed are
        results, not exceptions.

    Raises:
        TypeError: There is no such option, one is of another kind, or the manifest is none.
        SourceErrors: The manifest or a circuit is wrong: all mistakes at once.
        ProviderError: A provider cannot be reached, or refuses the credentials.
        SnapshotError: The run folder cannot be used, or is another manifest's.
        NotApproved: It would cost, and `approve` did not agree to that; nothing was bought.
        ConsentError: It would cost more than a limit allows; nothing was bought.
        NotAgreed: Something was not bought, for it was no part of what was agreed to: another
            runner changed the run folder meanwhile. Its `run` has what there is.
        OverBudget: A limit was reached before all was bought; its `run` has what there is.
    """
    try:
        return Run.of(executor.run(manifest, **_by_name(_observed(options))))
    except NotAllBought as error:
        error.run = Run.of(error.run)
        raise


@keywords(Options)
async def run_async(manifest: Manifest | str | Path, options: Options) -> Run:
    """`run` for code inside a running trio loop; the options are the same. Handles no signals."""
    try:
        return Run.of(await executor.run_async(manifest, **_by_name(_observed(options))))
    except NotAllBought as error:
        error.run = Run.of(error.run)
        raise


@keywords(Options)
def offer(manifest: Manifest | str | Path, options: Options) -> Offer:
    """Say what `run` would do and what that costs; nothing is written, sent or bought.

    Providers are asked what their targets take and cost, as `qbatch plan` asks them.

    Args:
        manifest: A manifest or its file.
        options: As `run` takes them.

    Returns:
        The offer: its `plan`, its `prices`, and what is left to buy. As `approve` of `run` it is
        agreed to.

    Raises:
        SourceErrors: The manifest or a circuit is wrong: all mistakes at once.
        ProviderError: A provider cannot be reached, or refuses the credentials.
        SnapshotError: The run folder cannot be used, or is another manifest's.
    """
    shown: list[Offer] = []

    def refuse(offered: Offer) -> bool:
        shown.append(offered)
        return False

    try:
        executor.run(manifest, **_by_name(replace(options, approve=refuse)))
    except NotApproved:
        if not shown:
            raise
    return shown[0]


def _observed(options: Options) -> Options:
    """The options with what shows a notebook how far the run is, where nothing else is asked."""
    if options.observer is not ignore:
        return options
    return replace(options, observer=in_notebook() or ignore)


def _by_name(options: Options) -> dict[str, Any]:
    return {each.name: getattr(options, each.name) for each in fields(options)}
