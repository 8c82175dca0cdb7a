"""``qbatch explain``: what a manifest's key means, or an exit code."""

from __future__ import annotations

import re
import sys

import click

from qbatch.cli.completing import complete_keys
from qbatch.cli.tables import wrapped


@click.command()
@click.argument("key", metavar="KEY", shell_complete=complete_keys)
def explain(key: str) -> None:
    """Say what a key of a manifest means, with its default and an example; or an exit code.

    \b
    qbatch explain sweep.matrix
    qbatch explain backends.NAME.options.tket    (or options.tket)
    qbatch explain 9
    """  # noqa: D301
    if key.isdecimal():
        _say(_exit_code(key))
        return
    from qbatch.cli.explaining import Keys, example_lines
    from qbatch.providers import manifest_schema

    keys = Keys(manifest_schema())
    for number, found in enumerate(keys.find(key)):
        if number:
            click.echo()
        for line in keys.lines(found):
            _say(line)
        for line in example_lines(found):
            (click.echo if "#" in line else _say)(line)  # YAML that is folded stays what it is


def _say(line: str) -> None:
    indent = len(line) - len(line.lstrip())
    described = re.match(r" *\S+ {2,}", line)
    hanging = 2 if indent else 0
    further = len(described[0]) - indent if described and indent else hanging
    click.echo(wrapped(line, further=" " * further, stream=sys.stdout))


def _exit_code(code: str) -> str:
    from qbatch.cli.topics import page_text, plain
    from qbatch.errors import SelectionError

    for codes, means in re.findall(r"^\| ([\d, ]+) \| (.*) \|$", page_text("exit-codes"), re.M):
        if code in codes.split(", "):
            return f"exit code {code}: {plain(means)}"
    raise SelectionError(f"there is no exit code {code}; `qbatch help exit-codes` lists them")
