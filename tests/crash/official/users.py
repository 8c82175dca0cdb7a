"""A careful user of an official client, killed at every boundary; in that client's environment.

The user's script submits a few jobs, notes what the client tells about each as soon as it tells it,
waits, fetches, and is simply started again after a crash or an exception, until it is through.
Standard library only: nothing of qbatch is importable here.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance"))

import fence  # noqa: F401  (keeps the client on loopback)

#: Jobs, by name.
NAMES = ("point-0", "point-1", "point-2")
SHOTS = 100

PROGRAM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; measure q->c;'

#: How often the script is started again.
MOST_STARTS = 6

Boundary = Callable[[], None]


def prove(
    user: Callable[[Path], None],
    watch: Callable[[Boundary], None],
    cloud: str,
    spending: Mapping[str, str],
) -> None:
    """Kill `user` at every boundary in turn, then let one answer be lost; print what came of it.

    Args:
        user: Does all of it in a folder, and writes ``NAME.counts`` for each job.
        watch: Makes the client's HTTP library call a function at each boundary.
        cloud: To be made anew for each case, at the origin given on the command line.
        spending: Method and path of the call that spends.
    """
    origin, folder = sys.argv[1], Path(sys.argv[2])
    total: Counter[str] = Counter()
    for at in itertools.count(1):
        anew(origin, cloud, {})
        place = folder / f"kill-{at}"
        is_killed = start(user, watch, place, at) == -signal.SIGKILL
        total += Counter(cases=1, processes=1, kills=int(is_killed))
        total += starts_until_through(user, place) if is_killed else Counter()
        total += judge(origin, place)
        if not is_killed:
            break
    lost_answer = {"requests": [{**spending, "nth": 1, "status": 500, "when": "after"}]}
    anew(origin, cloud, lost_answer)
    total += starts_until_through(user, folder / "lost") + Counter(cases=1)
    after = judge(origin, folder / "lost")
    told = {**total + after, "twice_by_a_lost_answer": after["twice"]}
    print("\nRESULT " + json.dumps(told), flush=True)


def starts_until_through(user: Callable[[Path], None], place: Path) -> Counter[str]:
    for at in range(1, MOST_STARTS + 1):
        if start(user, None, place, 0) == 0:
            return Counter(processes=at)
    said = (place / "log").read_text()
    raise AssertionError(f"the script is not through after {MOST_STARTS} starts:\n{said}")


def start(
    user: Callable[[Path], None], watch: Callable[[Boundary], None] | None, place: Path, at: int
) -> int:
    """Run the user's script in a process that is killed at boundary `at`; return how it ended."""
    place.mkdir(exist_ok=True)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        os.dup2(os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
        if watch is not None:
            watch(fuse(at))
        user(place)
        code = 0
    except Exception as error:
        print(repr(error), flush=True)
    finally:
        os._exit(code)


def fuse(at: int) -> Boundary:
    steps: Iterator[int] = itertools.count(1)

    def burn() -> None:
        if next(steps) >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    return burn


def judge(origin: str, place: Path) -> Counter[str]:
    """Hold what the script has against the cloud's ledger."""
    bought = Counter(entry["name"] for entry in ask("GET", f"{origin}/-/ledger"))
    results = [place / f"{name}.counts" for name in NAMES]
    good = [one.exists() and sum(json.loads(one.read_text()).values()) == SHOTS for one in results]
    twice = sum(bought[name] - 1 for name in NAMES if bought[name] > 1)
    return Counter(points=len(NAMES), bought=bought.total(), twice=twice, lost=good.count(False))


def anew(origin: str, cloud: str, faults: Mapping[str, Any]) -> None:
    """Let a fresh emulation begin."""
    ask("PUT", f"{origin}/-/anew", {"providers": [cloud], "queue_s": 0.05, "faults": faults})


def ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data, method=method)) as reply:
        return json.loads(reply.read() or b"null")
