"""``qbatch status`` of several runs: a line each."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import IO, TYPE_CHECKING, Any

import click

from qbatch.cli.exits import Exit, code_of
from qbatch.cli.tables import format_table, say
from qbatch.errors import QbatchError

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: Seconds between two looks at runs that somebody watches.
LOOK_S = 1.0

_HEADS = ["run", "", "points", "done", "failed", "held", "cost"]

#: How runs are judged together: the first of these that one of them has.
_WORST_FIRST = (Exit.SOME_FAILED, Exit.PENDING)

Describe = Callable[["Run"], dict[str, Any]]


def tell_runs(names: Sequence[Path], describe: Describe, *, watch: bool, as_json: bool) -> int:
    """Tell of each run how far it is, and return the exit code of all.

    Args:
        names: Run folders or manifests, as they were named.
        describe: Returns the facts of one, as ``--json`` has them.
        watch: Follow them until no runner is left.
        as_json: A list of facts to stdout; when watched, one at each look.

    Raises:
        SelectionError: One that was named is not there.
    """
    write = _JsonLines().write if as_json else _Screen(sys.stdout, is_rewritten=watch).write
    is_first = True
    while True:
        found = [_facts(name, describe, must_be_there=is_first) for name in names]
        is_last = not watch or not any(facts["running"] for facts in found)
        write(found, is_last=is_last)
        if is_last:
            codes = {facts["exit_code"] for facts in found}
            return next((code for code in _WORST_FIRST if code in codes), Exit.DONE)
        is_first = False
        time.sleep(LOOK_S)


def _facts(name: Path, describe: Describe, *, must_be_there: bool) -> dict[str, Any]:
    """The facts of a run; of one that cannot be read, or that went while it was watched, why.

    Raises:
        SelectionError: It is not there, and must be.
    """
    from qbatch.cli.runs import open_named
    from qbatch.errors import SelectionError

    try:
        with open_named(name) as run:
            return describe(run)
    except QbatchError as error:
        if must_be_there and isinstance(error, SelectionError):
            raise
        told = {"name": name.name, "folder": str(name), "running": False}
        return {**told, "exit_code": int(code_of(error)), "error": str(error)}


class _JsonLines:
    """All runs as a list on a line, where anything changed."""

    def __init__(self) -> None:
        self._before = ""

    def write(self, found: Sequence[dict[str, Any]], *, is_last: bool) -> None:
        del is_last
        if (text := json.dumps(found, ensure_ascii=False)) != self._before:
            click.echo(text)
        self._before = text


class _Screen:
    """Where a table is shown, over the one before where a terminal can do that."""

    def __init__(self, stream: IO[str], *, is_rewritten: bool) -> None:
        self._is_rewritten = is_rewritten and stream.isatty()
        self._before = ""

    def write(self, found: Sequence[dict[str, Any]], *, is_last: bool) -> None:
        """Show the runs, if anything of what is shown changed."""
        text = format_table(_HEADS, [_row(facts) for facts in found])
        if self._is_rewritten and not is_last:
            text = _fitting(found, get_terminal_size().lines - 1)
        if text == self._before:
            return
        if self._before and self._is_rewritten:
            click.echo(f"\x1b[{len(self._before.splitlines())}F\x1b[J", nl=False)
        elif self._before:
            say("")
        click.echo(text)
        self._before = text


def _fitting(found: Sequence[dict[str, Any]], lines: int) -> str:
    """The table, as far as a screen of so many lines has room: what runs comes before all else."""
    running_first = sorted(found, key=lambda facts: not facts["running"])
    for number in range(min(len(found), lines), 0, -1):
        left = len(found) - number
        shown = {id(facts) for facts in running_first[:number]}
        rows = [_row(facts) for facts in found if id(facts) in shown]
        text = format_table(_HEADS, rows) + (f"\nand {left} more" if left else "")
        if text.count("\n") < lines:
            break
    return text


def _row(facts: dict[str, Any]) -> list[str]:
    from qbatch.notation import amount, whole

    if "error" in facts:
        word = "cannot be read" if Path(facts["folder"]).exists() else "gone"
        return [facts["folder"], word, *[""] * 5]
    states = facts["states"]
    told = [states.get(name, 0) for name in ("completed", "failed", "held")]
    cost = " + ".join(amount(each, unit) for unit, each in facts["spent"].items())
    numbers = [whole(number) if number else "" for number in told]
    return [facts["folder"], _word(facts), whole(facts["points"]), *numbers, cost]


def _word(facts: dict[str, Any]) -> str:
    if facts["running"]:
        return "waiting" if any(facts["waiting"].values()) else "running"
    words = {Exit.DONE: "done", Exit.SOME_FAILED: "failed", Exit.PENDING: "pending"}
    return words.get(facts["exit_code"], "pending") if facts["states"] else "no points"
