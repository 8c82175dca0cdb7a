"""Console blocks of README and guide that are run: what they show is what the commands print.

A block below ``<!-- run -->`` is run by bash in a copy of the repository's manifests, those of a
page one after the other. What is shown below a command is all that it prints to stdout, and of
stderr the lines that are worth it. A line ``...`` stands for further lines, ``…`` at an end for the
rest of a line. What differs between two runs is told from the rest by `steady`: ids, ports, clocks,
speeds; where the mark says ``decimals``, these too, which emulated clouds draw.
``<!-- run slowly -->``: among the slow tests. `python -m tests.guide commands` writes them anew.
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

_BLOCK = re.compile(r"<!-- run([\w ,]*) -->\n```console\n(.*?)```", re.DOTALL)
_CUT = "@@qbatch@@"

#: What two runs of one command differ in, and what it reads as.
_UNSTEADY = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", "DATE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d\b", "DATE"),
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
        shown: (command, lines below it), in order.
        is_slow: It takes more than a few seconds.
        draws: Its decimals differ from run to run.
    """

    shown: tuple[tuple[str, tuple[str, ...]], ...]
    is_slow: bool
    draws: bool


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are run."""
    found = []
    for mark, text in _BLOCK.findall(page.read_text("utf-8")):
        parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
        shown = zip(parts[::2], (tuple(lines.splitlines()) for lines in parts[1::2]), strict=True)
        found.append(Block(tuple(shown), "slowly" in mark, "decimals" in mark))
    return found


def printed(blocks: list[Block], folder: Path, home: Path) -> list[tuple[list[str], list[str]]]:
    """Run all commands of some blocks in a folder; return stdout and stderr of each, by lines.

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
    for command, _ in (shown for block in blocks for shown in block.shown):
        lines += [command, *_waiting_for(command), f"echo {_CUT}; echo {_CUT} >&2"]
    script = "\n".join([*lines, "kill $(jobs -p) 2>/dev/null; true"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(os.environ),  # without COLUMNS, which readline puts there unseen by Python
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    out, err = (text.split(f"{_CUT}\n")[:-1] for text in (done.stdout, done.stderr))
    return [(o.splitlines(), e.splitlines()) for o, e in zip(out, err, strict=True)]


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
    return _BLOCK.sub(lambda block: f"<!-- run{block[1]} -->\n```console\n{next(made)}```", text)


def _shown(block: Block, found: Iterator[tuple[list[str], list[str]]]) -> str:
    lines = []
    for command, shown in block.shown:
        out, err = next(found)
        lines.append(f"$ {command}")
        if unlike(shown, out, err, draws=block.draws):
            beside = {steady(line, draws=block.draws): line for line in err}
            kept = [beside.get(steady(line, draws=block.draws)) for line in shown]
            shown = (*(line for line in kept if line), *out)
        lines += [line.replace("\u202f", " ") for line in shown]
    return "\n".join([*lines, ""])


def _is_line(shown: str, printed: str) -> bool:
    is_cut = shown.endswith(" …")
    return printed.startswith(shown.removesuffix("…")) if is_cut else shown == printed
