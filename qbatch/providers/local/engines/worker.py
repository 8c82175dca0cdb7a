"""A worker process: reads chunks of work, computes them one at a time, writes answers.

Rules: it dies with its parent, also when that is killed; Ctrl-C is the parent's business; nothing
it or a library prints reaches a terminal. What is not a mistake of the circuit's or the settings'
ends the process, and the parent reads the reason from its last words.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import BinaryIO

#: What the parent runs, with sys.path as argv[1] and its own process id as argv[2].
COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from qbatch.providers.local.engines.worker import main; main(int(sys.argv[2]))"
)

#: Set before numpy and Aer are imported: one thread beside Aer's, and none that waits by spinning.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "false",
}

_PR_SET_PDEATHSIG = 1


def main(parent: int) -> None:
    """Serve until the parent closes its end or dies.

    Args:
        parent: Its process id; 0: a launcher's, which ends it with its pipes.
    """
    ignore_the_terminal()
    if parent:
        die_with(parent)
    inbox, outbox = take_over_pipes()
    from qbatch.providers.local.engine import warm_up

    warm_up()
    serve(inbox, outbox)


def ignore_the_terminal() -> None:
    """Leave Ctrl-C to the parent."""
    for name in {"SIGINT", "SIGHUP"} & {each.name for each in signal.Signals}:
        signal.signal(signal.Signals[name], signal.SIG_IGN)


def serve(inbox: BinaryIO, outbox: BinaryIO) -> None:
    """Say that all is loaded, and compute until nothing comes any more."""
    from qbatch.providers.local.engine import simulate_and_pack
    from qbatch.providers.local.work import frame_length, to_frame

    _write(outbox, to_frame("ready"))
    while len(head := inbox.read(8)) == 8:
        chunk = pickle.loads(inbox.read(frame_length(head)))
        _write(outbox, to_frame(simulate_and_pack(chunk)))


def _write(outbox: BinaryIO, frame: bytes) -> None:
    outbox.write(frame)
    outbox.flush()


def die_with(parent: int) -> None:
    """Have the system kill this process when the thread that started it ends (Linux only).

    Aer holds the interpreter while it computes, so no thread of ours could watch the pipe.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the parent; give libraries nothing to read or write."""
    inbox = os.fdopen(os.dup(0), "rb")
    outbox = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return inbox, outbox
