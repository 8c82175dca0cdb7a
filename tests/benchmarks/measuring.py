"""How the benchmarks measure: rows, medians, and whole processes."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison, as text: `wanted` is the goal for `ratio` or for qbatch's figure."""

    what: str
    ours: str
    beside: str
    theirs: str
    ratio: str
    wanted: str


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the median wall time of `work`, after one round that does not count."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 5
) -> tuple[float, float]:
    """Return the median wall times of two pieces of work, run A B A B after a warm-up of each."""
    ours()
    theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for index, work in enumerate((ours, theirs)):
            start = time.perf_counter()
            work()
            times[index].append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def python(*arguments: str, cwd: str | os.PathLike[str] | None = None) -> Callable[[], None]:
    """Return work that runs this Python with `arguments` and wants it to succeed."""

    def run() -> None:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=cwd, env=_environ(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")

    return run


def _environ() -> dict[str, str]:
    """Return the environment, with compiled modules kept as everybody's Python keeps them."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def peak_mib(command: Sequence[str], cwd: str | os.PathLike[str] | None = None) -> float:
    """Return the peak resident memory of a command and its children, MiB."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=cwd, capture_output=True, text=True, check=True
    )
    return int(out.stdout.split()[-1]) / 1024


def own_peak_mib() -> float:
    """Return this process's peak resident memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ms(seconds_: float) -> str:
    return f"{seconds_ * 1e3:.0f} ms" if seconds_ >= 0.02 else f"{seconds_ * 1e3:.2f} ms"
