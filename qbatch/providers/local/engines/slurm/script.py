"""The batch script and sbatch's arguments: every name and value is quoted, or a list's own item."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from qbatch.providers.local.engines.frames import versions
from qbatch.providers.local.engines.node import COMMAND
from qbatch.providers.local.engines.options import Slurm, memory_bytes, slurm_time
from qbatch.providers.local.engines.slurm.files import Files, Place


def script_of(work: Sequence[tuple[Files, str]], options: Slurm) -> str:
    """Return the script of one batch job, or of an array with a task for each.

    Args:
        work: The files of each, and the digest of its work.
        options: What it is run with.
    """
    if len(work) == 1:
        return _written("# a composite job of qbatch", [], _own(*work[0]), options)
    cases = [
        f"{task}) set -- {shlex.join(_own(files, digest))} ;;"
        for task, (files, digest) in enumerate(work)
    ]
    chosen = ['case "$SLURM_ARRAY_TASK_ID" in', *cases, "*) exit 64 ;;", "esac"]
    return _written("# composite jobs of qbatch, a task for each", chosen, None, options)


def _own(files: Files, digest: str) -> list[str]:
    """Return the arguments that no two composite jobs have in common."""
    return [str(files.work), digest, str(files.result)]


def _written(head: str, chosen: Sequence[str], own: Sequence[str] | None, options: Slurm) -> str:
    """Write a script.

    Args:
        head: What it is, as a comment.
        chosen: Lines that set the arguments of the task that it is.
        own: Those arguments, where there are no tasks.
        options: What it is run with.
    """
    paths = "" if options.python else json.dumps([os.path.abspath(p) for p in sys.path])  # noqa: PTH100
    python = options.python or sys.executable
    before = shlex.join([python, "-P", "-X", "utf8", "-c", COMMAND, paths])
    memory = str(memory_bytes(options.memory)) if options.memory else ""
    after = shlex.join([str(options.cpus), memory, json.dumps(versions())])
    middle = '"$@"' if own is None else shlex.join(own)
    lines = ["#!/bin/bash", head, options.setup.rstrip(), *chosen, "exec \\"]
    return "\n".join([*filter(None, lines), f"{before} {middle} {after}", ""])


def arguments_of(folder: Path, place: Place, options: Slurm) -> Sequence[str]:
    """Return what sbatch is told, but for the script.

    Args:
        folder: Where logs go.
        place: The batch job's, or any task's of an array.
        options: What the manifest says.
    """
    told = {
        "partition": options.partition,
        "time": options.time and slurm_time(options.time),
        "cpus-per-task": options.cpus,
        "mem": options.memory and f"{memory_bytes(options.memory) // 1024}K",
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
    }
    task = "" if place.task is None else ".%a"
    return [
        f"--job-name={place.name}",
        f"--output={_literal(f'{folder}/{place.name}')}{task}.log",
        "--open-mode=append",
        f"--chdir={folder}",
        "--nodes=1",
        "--ntasks=1",
        "--requeue",
        *(f"--{name}={value}" for name, value in told.items() if value is not None),
        *options.extra,
    ]


def _literal(path: str) -> str:
    """Write a file's name so that sbatch replaces nothing in it."""
    return path.replace("%", "%%")
