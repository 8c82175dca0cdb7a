"""Command blocks of README and guide: they run, and what they show is what the commands print.

Blocks of ``console`` and ``sh`` are run by bash, those of a page one after the other, in a folder
that holds nothing but a copy of the repository's manifests. Commands of ``sh`` end with exit code
0. Of ``console``, what is shown below a command is all that it prints to stdout, and of stderr the
lines that are worth it. A line ``...`` stands for further lines, ``…`` at an end for the rest of a
line. What differs between two runs is told from the rest by `steady`: ids, ports, clocks, speeds.

Blocks of ``bash`` are not run: they need what is not here, a batch system, a cluster, a package
index. Neither are those below ``<!-- command: … -->``, which .ci/run runs.

Lines above a block say more of it:

- ``<!-- first: COMMAND -->`` is run before it: it makes the files that its words take for granted
  (``$GUIDE`` is the guide's folder).
- ``<!-- run slowly -->``: among the slow tests.
- ``<!-- run decimals -->``: decimals differ, too, which emulated clouds draw.
- ``<!-- run loosely -->``: what comes of it is not compared, but no command is misused, no manifest
  wrong, and no bug met.

`python -m tests.guide commands` writes what blocks show anew.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^((?:<!-- [^\n]* -->\n)*)```(console|sh)\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_CUT = "@@qbatch@@"

#: In the mark of a block that .ci/run runs.
_ELSEWHERE = "<!-- command:"

#: Exit codes that no block may end with: misused, a wrong manifest, credentials, a bug.
_NEVER = (2, 3, 7, 70, 126, 127)

#: What two runs of one command differ in, and what it reads as.
_UNSTEADY = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", "DATE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b", "DATE"),
    (r"\b[0-9a-f]{12,16}\b", "ID"),
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"\bin \d+(\.\d+)? s\b", "in T"),
    (r"\babout \d+(\.\d+)? s\b", "about T"),
    (r"\d+(\.\d+)? points/s", "R points/s"),
)
_DECIMALS = (r"-?\d+\.\d+(\([^)]*\))?", "X")


@dataclass(frozen=True)
class Block:
    """A block of commands with what is shown of each.

    Attributes:
        first: Commands that are run before it.
        shown: (command, lines below it), in order; None where no lines are shown.
        is_slow: It takes more than a few seconds.
        draws: Its decimals differ from run to run.
        is_loose: What it shows is not compared.
    """

    first: tuple[str, ...]
    shown: tuple[tuple[str, tuple[str, ...] | None], ...]
    is_slow: bool
    draws: bool
    is_loose: bool


@dataclass(frozen=True)
class Printed:
    """What a command did: its exit code, and what it printed, by lines."""

    code: int
    out: list[str]
    err: list[str]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are run."""
    found = _BLOCK.findall(page.read_text("utf-8"))
    return [_block(*each) for each in found if _ELSEWHERE not in each[0]]


def _block(marks: str, language: str, text: str) -> Block:
    shown: list[tuple[str, tuple[str, ...] | None]] = []
    if language == "sh":
        shown += [(line, None) for line in text.splitlines() if line.strip()]
    else:
        parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
        lines = (tuple(each.splitlines()) for each in parts[1::2])
        shown += zip(parts[::2], lines, strict=True)
    words = " ".join(re.findall(r"<!-- run([\w ,]*) -->", marks))
    first = tuple(re.findall(r"<!-- first: (.*) -->", marks))
    return Block(first, tuple(shown), "slowly" in words, "decimals" in words, "loosely" in words)


def problems(blocks: list[Block], folder: Path, home: Path) -> list[str]:
    """Run the blocks of a page in an empty folder; say what is not as shown."""
    found = iter(printed(blocks, folder, home))
    return [
        f"$ {command}: {said}"
        for block in blocks
        for command, lines in block.shown
        if (said := _problem(block, lines, next(found)))
    ]


def _problem(block: Block, shown: tuple[str, ...] | None, done: Printed) -> str:
    if done.code in _NEVER if block.is_loose else shown is None and done.code:
        return f"ended with {done.code}: {done.err}"
    if block.is_loose:
        return ""
    return "" if shown is None else unlike(shown, done.out, done.err, draws=block.draws)


def printed(blocks: list[Block], folder: Path, home: Path) -> list[Printed]:
    """Run all commands of some blocks in a folder; return what each did.

    Args:
        blocks: In order.
        folder: Empty; becomes a project with the repository's manifests.
        home: The repository.
    """
    shutil.copytree(home / "manifests", folder / "manifests")
    (folder / "qbatch.toml").touch()
    program = folder / "bin" / "qbatch"  # a file: what is put into the background can be ended
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m qbatch "$@"\n')
    program.chmod(0o755)
    lines = ["PATH=$PWD/bin:$PATH"]
    for block in blocks:
        lines += [f"{{ {command}; }} >&2 || exit" for command in block.first]
        for command, _ in block.shown:
            end = f'echo "{_CUT} $code"; echo {_CUT} >&2'
            lines += [command, "code=$?", *_waiting_for(command), end]
    script = "\n".join([*lines, "kill $(jobs -p) 2>/dev/null; true"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            **os.environ,
            "GUIDE": str(home / "qbatch" / "guide"),
        },  # without COLUMNS, which readline puts there unseen by Python
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    out = re.split(rf"{_CUT} (\d+)\n", done.stdout)[:-1]
    err = done.stderr.split(f"{_CUT}\n")[:-1]
    return [
        Printed(int(code), told.splitlines(), beside.splitlines())
        for told, code, beside in zip(out[::2], out[1::2], err, strict=True)
    ]


def _waiting_for(command: str) -> list[str]:
    """Wait until what goes on in the background has written the file that says how to use it."""
    file = re.search(r"--env-file (\S+) &", command)
    return [f"until [ -s {file[1]} ]; do read -t 0.1 <> <(:); done"] if file else []


def steady(line: str, *, draws: bool) -> str:
    """Return a line without what differs from run to run."""
    for pattern, word in (*_UNSTEADY, *((_DECIMALS,) if draws else ())):
        line = re.sub(pattern, word, line)
    return re.sub(r" {2,}", "  ", line.replace("\u202f", " "))


def unlike(shown: tuple[str, ...], out: list[str], err: list[str], *, draws: bool) -> str:
    """Say how what is shown differs from what was printed; "" where it does not."""
    told, beside = ([steady(line, draws=draws) for line in lines] for lines in (out, err))
    at = 0
    for number, line in enumerate(shown):
        wanted = steady(line, draws=draws)
        if wanted.strip() == "...":
            rest = [steady(each, draws=draws) for each in shown[number + 1 :]]
            at = len(told) - len(rest) if len(told) - len(rest) > at else len(told) + 1
            continue
        if at < len(told) and _is_line(wanted, told[at]):
            at += 1
        elif not any(_is_line(wanted, each) for each in beside):
            return f"shown {line!r}, printed {out[at : at + 1]}, beside it {err}"
    return "" if at == len(told) else f"not shown: {out[at:]}"


def renewed(text: str, page: Path, folder: Path, home: Path) -> str:
    """Return a page whose blocks show what their commands print now."""
    blocks = blocks_of(page)
    found = iter(printed(blocks, folder, home))
    made = iter([_shown(block, found) for block in blocks])
    return _BLOCK.sub(
        lambda block: (
            block[0] if _ELSEWHERE in block[1] else f"{block[1]}```{block[2]}\n{next(made)}```"
        ),
        text,
    )


def _shown(block: Block, found: Iterator[Printed]) -> str:
    lines = []
    for command, shown in block.shown:
        done = next(found)
        if shown is None:
            lines.append(command)
            continue
        lines.append(f"$ {command}")
        if not block.is_loose and unlike(shown, done.out, done.err, draws=block.draws):
            beside = {steady(line, draws=block.draws): line for line in done.err}
            kept = [beside.get(steady(line, draws=block.draws)) for line in shown]
            shown = (*(line for line in kept if line), *done.out)
        lines += [line.replace("\u202f", " ") for line in shown]
    return "\n".join([*lines, ""])


def _is_line(shown: str, printed: str) -> bool:
    is_cut = shown.endswith(" …")
    return printed.startswith(shown.removesuffix("…")) if is_cut else shown == printed
