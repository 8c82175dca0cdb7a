"""What a shell completes beside verbs, flags and files: points, examples, topics, settings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.errors import QbatchError, SourceErrors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Names offered at once.
MOST = 200


def complete_points(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the points of the run that stands before them on the command line.

    A run that cannot be read has none to offer: what is wrong the verb itself says when it is
    called.
    """
    from click.shell_completion import CompletionItem

    from qbatch.cli.runs import open_named

    run = context.params.get("run")
    if not isinstance(run, Path):
        return []
    try:
        with open_named(run, context.params.get("out")) as opened:
            names = (point.name for point, _ in opened.stored_points() if point.in_plan)
            found = list(islice((name for name in names if name.startswith(incomplete)), MOST))
    except (QbatchError, SourceErrors):
        return []
    return [CompletionItem(name) for name in found]


def complete_examples(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the examples that `init` writes."""
    from click.shell_completion import CompletionItem

    from qbatch.cli import gallery

    return [CompletionItem(name) for name in gallery.names() if name.startswith(incomplete)]


def complete_topics(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the pages of the guide."""
    from click.shell_completion import CompletionItem

    from qbatch.cli.topics import pages

    return [
        CompletionItem(name, help=about)
        for name, about in pages().items()
        if name.startswith(incomplete)
    ]


def complete_settings(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer what `-S` can set in the manifest that stands before it, and names as values."""
    from click.shell_completion import CompletionItem

    from qbatch.manifest.settable import settable

    # An option that still waits for its value leaves what stands before it unread.
    manifest = context.params.get("manifest") or next(iter(context.args), None)
    if manifest is None:
        return []
    try:
        found = settable(Path(manifest))
    except SourceErrors:
        return []
    path, equals, _value = incomplete.partition("=")
    values = [f"{path}={value}" for value in found.get(path, ())]
    shown = values if equals else [f"{each}=" for each in found]
    return [CompletionItem(each) for each in shown if each.startswith(incomplete)][:MOST]
