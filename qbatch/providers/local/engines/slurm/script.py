"""The batch script and sbatch's arguments: every name and value is quoted, or a list's own item."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence

from qbatch.providers.local.engines.frames import versions
from qbatch.providers.local.engines.node import COMMAND
from qbatch.providers.local.engines.options import Slurm, memory_bytes, slurm_time
from qbatch.providers.local.engines.slurm.files import Files


def script_of(files: Files, digest: str, options: Slurm) -> str:
    """Return the script of one batch job."""
    paths = "" if options.python else json.dumps([os.path.abspath(p) for p in sys.path])  # noqa: PTH100
    run = [
        options.python or sys.executable,
        *("-P", "-X", "utf8", "-c", COMMAND, paths),
        *(str(files.work), digest, str(files.result), str(options.cpus)),
        str(memory_bytes(options.memory)) if options.memory else "",
        json.dumps(versions()),
    ]
    lines = ["#!/bin/bash", "# a composite job of qbatch", options.setup.rstrip(), "exec \\"]
    return "\n".join([*filter(None, lines), shlex.join(run), ""])


def arguments_of(files: Files, options: Slurm) -> Sequence[str]:
    """Return what sbatch is told."""
    told = {
        "partition": options.partition,
        "time": options.time and slurm_time(options.time),
        "cpus-per-task": options.cpus,
        "mem": options.memory and f"{memory_bytes(options.memory) // 1024}K",
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
    }
    return [
        f"--job-name={files.key}",
        f"--output={_literal(str(files.log))}",
        "--open-mode=append",
        f"--chdir={files.folder}",
        "--nodes=1",
        "--ntasks=1",
        "--requeue",
        *(f"--{name}={value}" for name, value in told.items() if value is not None),
        *options.extra,
        str(files.script),
    ]


def _literal(path: str) -> str:
    """Write a file's name so that sbatch replaces nothing in it."""
    return path.replace("%", "%%")
