"""The proof's world as its scripts see it: places with clouds, and processes of qbatch.

Both live in processes of their own, `hosting` and `forking`, which end with this one. Several cases
may be under way, each in a thread of its own with a place of its own.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import IO, Any, Self

import httpx

from tests.crash.fast import RATE

ROOT = Path(__file__).parents[2]

#: A process that is not over by then hangs; real seconds.
LIMIT_S = 90

#: What libraries of numbers would start beside every process.
FEW_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "FALSE",
}


@dataclass(frozen=True)
class Kill:
    """Where a process ends by SIGKILL: at the n-th boundary of its journal ("w") or HTTP ("h")."""

    kind: str
    at: int

    def __str__(self) -> str:
        return f"{self.kind}{self.at}"

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(text[0], int(text[1:]))


@dataclass(frozen=True)
class Ended:
    """How a process ended: by its exit code, or by a signal (then the code is negative)."""

    code: int
    wall_s: float

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Place:
    """A port with emulated clouds."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        fresh = httpx.Limits(max_keepalive_connections=0)  # idle ones are closed in a hurry here
        self._client = httpx.Client(base_url=origin, trust_env=False, timeout=30, limits=fresh)

    def make(self, clouds: Sequence[str], **more: Any) -> None:
        """Let fresh clouds begin here, under a fault script, seeded."""
        self._client.put("/-/anew", json={"providers": list(clouds), **more}).raise_for_status()

    def set_faults(self, script: Mapping[str, Any]) -> None:
        self._client.put("/-/faults", json=script).raise_for_status()

    def close(self) -> None:
        self._client.close()

    def ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get("/-/ledger").json()
        return found

    def measured(self) -> dict[str, dict[str, Any]]:
        """Cloud's id of a job -> ``shots``, and ``counts`` by outcome; see `hosting`."""
        found: dict[str, dict[str, Any]] = self._client.get("/-/measured").json()
        return found


@cache
def environ_of(cloud: str, origin: str) -> Mapping[str, str]:
    """Return the variables that a client needs of a cloud which is served at `origin`."""
    from qbatch.emulators.clouds import Emulation

    return Emulation([cloud]).environment(origin)


class World:
    """Places and processes. Use it as a context.

    Args:
        num_places: So many cases at once, if they only wait; half of that if they compute.
        rate: How fast time runs.
    """

    def __init__(self, num_places: int = 3, rate: float = RATE) -> None:
        self._num_places = num_places
        self._rate = rate
        self._places: queue.Queue[Place] = queue.Queue()
        self._asked: dict[int, queue.Queue[Ended]] = {}
        self._numbers = count()
        self._lock, self._gathering = threading.Lock(), threading.Lock()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="qbatch-crash-"))
        settings = [str(self._rate), repr(time.time())]
        with (self.folder / "hosting.log").open("w") as log:  # clients that die are told of there
            self._hosting = start_module("hosting", str(self._num_places), *settings, log=log)
        self._forking = start_module("forking", *settings)
        for origin in json.loads(first_line(self._hosting)):
            self._places.put(Place(origin))
        first_line(self._forking)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        end_module(self._forking)
        self._listener.join(30)
        end_module(self._hosting)
        while not self._places.empty():
            self._places.get().close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def num_places(self) -> int:
        return self._num_places

    @property
    def rate(self) -> float:
        """How fast time runs in it."""
        return self._rate

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Have a place to oneself."""
        place = self._places.get()
        try:
            yield place
        finally:
            self._places.put(place)

    @contextmanager
    def places(self, number: int) -> Iterator[list[Place]]:
        """Have places to oneself; ask for all at once: one case at a time waits for several."""
        with self._gathering:
            places = [self._places.get() for _ in range(number)]
        try:
            yield places
        finally:
            for place in places:
                self._places.put(place)

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        kill: Kill | None = None,
    ) -> Ended:
        """Run ``qbatch ARGUMENTS`` in `folder` as a process, and wait for its end."""
        return self.start(arguments, folder, environ, kill)()

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        kill: Kill | None = None,
    ) -> Callable[[], Ended]:
        """Start ``qbatch ARGUMENTS`` in `folder`; return what waits for its end."""
        number, answer = next(self._numbers), queue.Queue[Ended]()
        own = {"QBATCH_STATE_DIR": str(folder / "state"), "QBATCH_CACHE_DIR": str(self.folder)}
        asked = {
            "id": number,
            "arguments": list(arguments),
            "folder": str(folder),
            "log": str(folder / "log"),
            "environ": {**environ, **own},
            "limit_s": LIMIT_S,
        }
        if kill is not None:
            asked["at_write" if kill.kind == "w" else "at_http"] = str(kill.at)
        self._asked[number] = answer
        with self._lock:
            assert self._forking.stdin is not None
            self._forking.stdin.write(json.dumps(asked).encode() + b"\n")
            self._forking.stdin.flush()
        return partial(answer.get, timeout=LIMIT_S + 30)

    def _listen(self) -> None:
        assert self._forking.stdout is not None
        for line in self._forking.stdout:
            told = json.loads(line)
            code = os.waitstatus_to_exitcode(told["status"])
            self._asked.pop(told["id"]).put(Ended(code, told["wall_s"]))


class SlowWorld(World):
    """Real time, and ``python -m qbatch`` as everybody starts it: a few cases, to compare."""

    def __init__(self, num_places: int) -> None:
        super().__init__(num_places, rate=1.0)

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        kill: Kill | None = None,
    ) -> Ended:
        began = time.perf_counter()
        own = {**environ, "QBATCH_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT)}
        if kill is not None:
            own["QBATCH_KILL_AT_WRITE" if kill.kind == "w" else "QBATCH_KILL_AT_HTTP"] = str(
                kill.at
            )
        with (folder / "log").open("a") as log:
            ended = subprocess.run(
                [sys.executable, "-m", "qbatch", *arguments],
                cwd=folder,
                env={**os.environ, **FEW_THREADS, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=LIMIT_S,
            )
        return Ended(ended.returncode, time.perf_counter() - began)


def start_module(
    module: str, *arguments: str, log: IO[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a module of this package as a process, which ends when its input does."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.crash.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=ROOT,
        env={**os.environ, **FEW_THREADS, "PYTHONPATH": str(ROOT)},
    )


def end_module(process: subprocess.Popen[bytes]) -> None:
    """Let it end, and read nothing more from it."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return what it says when it is ready."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended: see its error output")
    return line
