"""The verbs, in the groups in which `--help` shows them; each is imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

import click

#: Section -> verb -> (module of this package, what it does in a line).
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Every day": {
        "init": ("init", "Write a manifest to start from, with its circuit."),
        "validate": ("validate", "Say everything that is wrong with a manifest."),
        "plan": ("plan", "Show what would run, how often, and why."),
        "run": ("run", "Run what is missing and write the report."),
        "status": ("status", "Say how far a run is."),
        "report": ("report", "Write a run's report again."),
    },
    "Results": {
        "show": ("show", "Show a run's points, or one point in full."),
        "figure": ("figure", "Write one figure of a run for a paper."),
        "export": ("export", "Write results as CSV, counts, JSON, or for OQC's client."),
        "import": ("import_", "Take over what OQC's own client saved."),
        "merge": ("merge", "Put run folders of one manifest together."),
        "archive": ("archive", "Write a run as one file that proves itself."),
        "verify": ("verify", "Check an archive, offline."),
        "diff": ("diff", "Say which numbers changed between two runs."),
        "check": ("check", "Judge the manifest's checks on their intervals."),
    },
    "Control": {
        "fetch": ("fetch", "Bring home what is done at the clouds; submit nothing."),
        "cancel": ("cancel", "Stop jobs that are at a cloud."),
        "resolve": ("resolve", "Decide about a held job."),
        "retry": ("retry", "Run failed and cancelled points again."),
        "forget": ("forget", "Drop points, or a whole run, with their results."),
    },
    "Set-up": {
        "backends": ("backends", "List the targets of every configured cloud."),
        "jobs": ("jobs", "List what stands at a cloud; show, cancel, delete, rename it."),
        "auth": ("auth", "Say where each credential comes from, and test it."),
        "config": ("config", "Show what is set outside of manifests, and where."),
        "doctor": ("doctor", "Check this machine, a run folder, the clouds, their bit order."),
        "emulate": ("emulate", "Serve emulated clouds on a loopback port."),
        "schema": ("schema", "Print the JSON Schema of manifests, for editors."),
        "completion": ("completion", "Print the completion script of a shell."),
        "help": ("help", "Show a page of the guide."),
        "explain": ("explain", "Say what a key of a manifest means, or an exit code."),
    },
}

#: Where a call keeps the words that were typed; and the verb of them, with the words after it.
TYPED, CALLED = "qbatch.typed", "qbatch.called"

_VERBS = {verb: entry for verbs in SECTIONS.values() for verb, entry in verbs.items()}


def has_verb(name: str) -> bool:
    """Tell whether there is a verb of that name."""
    return name in _VERBS


class Verbs(click.Group):
    """A group that knows its verbs' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(
        self,
        ctx: click.Context,
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module, _ = _VERBS[cmd_name]
        found = import_module(f"qbatch.cli.verbs.{module}")
        command: click.Command = getattr(found, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = list(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            ctx.fail(f"there is no verb {args[0]!r}{_nearest(args[0])}")
        found = super().resolve_command(ctx, args)
        ctx.meta[CALLED] = found
        return found

    def format_commands(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, _VERBS))
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(verb.ljust(width), said) for verb, (_, said) in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        items: list[Any] = [
            CompletionItem(verb, help=said)
            for verb, (_, said) in _VERBS.items()
            if verb.startswith(incomplete)
        ]
        # The group's own options, without the verbs that click would import to describe them.
        return items + click.Command.shell_complete(self, ctx, incomplete)


def named_in(context: click.Context) -> Path | None:
    """Return the first manifest, run or folder that a call names and that is there; else None."""
    name, command, words = context.meta.get(CALLED, (None, None, []))
    if command is None:
        return None
    with command.make_context(name, [*words], parent=context, resilient_parsing=True) as seen:
        given = [seen.params.get(each.name) for each in command.params if _is_named(each)]
    paths = [path for each in given for path in (each if isinstance(each, tuple) else (each,))]
    return next((Path(path) for path in paths if path is not None and Path(path).exists()), None)


def _is_named(parameter: click.Parameter) -> bool:
    """Tell whether a parameter is what a verb is about."""
    return isinstance(parameter, click.Argument) and (
        isinstance(parameter.type, click.Path) or parameter.metavar == "A"
    )


def _nearest(word: str) -> str:
    from qbatch.notation import did_you_mean

    return did_you_mean(word, _VERBS) or "; `qbatch --help` lists them"
