"""qbatch's command line in forked processes: ``python -m tests.crash.forking RATE EPOCH``.

Everything is imported once, and each run is a fork that calls ``qbatch.cli.main`` as
``python -m qbatch`` does: a process of its own, with files and sockets of its own, which a fuse
ends by SIGKILL. Nothing is computed before the fork; a pool of threads would not come along.

Requests are lines of JSON on the input, answers on the output as the children end, in any order.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import signal
import sys
import time
from importlib import import_module
from typing import Any

from tests.crash.fast import hasten

#: Imported before the forks: what a run would import by itself.
MODULES = (
    "qbatch.cli.verbs.run",
    "qbatch.cli.running",
    "qbatch.cli.verbs.fetch",
    "qbatch.cli.verbs.cancel",
    "qbatch.cli.in_flight",
    "qbatch.cli.verbs.resolve",
    "qbatch.cli.runs",
    "qbatch.cli.words",
    "qbatch.executor.start",
    "qbatch.executor.collect",
    "qbatch.report",
    "qbatch.providers.oqc.driver",
    "qbatch.providers.open_quantum.driver",
    "qbatch.providers.ibm_direct_access.driver",
    "qbatch.providers.marqov.driver",
    "qbatch.providers.scaleway.driver",
    "numpy",
    "httpcore",
    "qiskit",
    "qiskit.qasm2",
    "qiskit.qasm3",
    "qiskit.transpiler",
)


def become(asked: dict[str, Any]) -> int:
    """Be the process that was asked for; return its exit code."""
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, log), (2, log)):
        os.dup2(file, number)
    os.chdir(asked["folder"])
    os.environ.update(asked["environ"])
    import qbatch.providers.kit.wire
    import qbatch.snapshot.faults
    from qbatch.cli import main

    make_fuse = qbatch.snapshot.faults.make_fuse
    qbatch.snapshot.faults.FUSE = make_fuse(asked.get("at_write"))
    qbatch.providers.kit.wire.FUSE = make_fuse(asked.get("at_http"))
    code = main(asked["arguments"])
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return code


def fork(asked: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.alarm(asked["limit_s"])
        code = become(asked)
    finally:
        os._exit(code)


def serve() -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    os.set_blocking(0, False)
    waiting: dict[int, tuple[Any, float]] = {}
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == woken:
                    os.read(woken, 4096)
                    continue
                received = os.read(0, 1 << 16)
                if not received:
                    return
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    asked = json.loads(line)
                    waiting[fork(asked)] = (asked["id"], time.perf_counter())
            while waiting:
                child, status = os.waitpid(-1, os.WNOHANG)
                if not child:
                    break
                key, began = waiting.pop(child)
                answer = {"id": key, "status": status, "wall_s": time.perf_counter() - began}
                print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    hasten(float(sys.argv[1]), float(sys.argv[2]))
    for name in MODULES:
        import_module(name)
    gc.collect()
    gc.freeze()
    print(json.dumps({"modules": len(sys.modules)}), flush=True)
    serve()
