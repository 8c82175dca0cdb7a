"""What a worker is: what Python runs, behind what, and in which environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from qbatch.frozen import dataclass
from qbatch.providers.local.engines.worker import COMMAND, ENVIRONMENT
from qbatch.providers.local.work import THREADS


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker is.

    Attributes:
        code: What Python runs; see `worker.COMMAND`.
        before: What is put before the interpreter: a launcher and its arguments, under which the
            worker is no child of this process.
        threads: That it may use where they change no bit of what it computes.
    """

    code: str = COMMAND
    before: tuple[str, ...] = ()
    threads: int = 1

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables of the worker."""
        threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", THREADS)}
        return {**os.environ, **ENVIRONMENT, **threads}


#: A child of this process.
CHILD = Command()


def arguments(command: Command, *more: str) -> Sequence[str]:
    """Return what is executed: the command, told where modules are and whose child it is.

    Args:
        command: What a worker is.
        more: Further arguments of its code.
    """
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100  ("" is the current folder)
    # Files have one name, whatever the locale.
    names = ["-X", "utf8"] if sys.getfilesystemencoding() == "utf-8" else []
    parent = 0 if command.before else os.getpid()
    told = [json.dumps(paths), str(parent), *more]
    return [*command.before, sys.executable, "-P", *names, "-c", command.code, *told]
