"""Real command lines against served clouds, for what is done to processes from outside.

Signals, limits, full disks and second runners are about one process and how it was started: so each
is ``python -m qbatch``, or the same in a world whose time runs faster (see `fast`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import Run
from tests.crash.experiments import EXPERIMENTS
from tests.crash.fast import RATE
from tests.crash.oracle import Verdict, judge
from tests.crash.world import FEW_THREADS, ROOT, Place, end_module, environ_of, first_line
from tests.crash.world import start_module as start_a_module

#: A process that is not over by then hangs; real seconds.
LIMIT_S = 30

#: So long do jobs wait at a cloud that is to finish none, seconds.
FOR_EVER_S = 1e6

CLOUD = "oqc"

RUN = ("run", "crash.yaml", "--yes")

_HASTENED = (
    "import sys; from tests.crash.fast import hasten; hasten(*map(float, sys.argv[1:3]))"
    "; from qbatch.cli import main; sys.exit(main(sys.argv[3:]))"
)


class Desk:
    """A folder with a manifest of four points, and a cloud of its own to run it at.

    Args:
        folder: Where command lines are given; made.
        place: Where the cloud is served.
        start: The beginning of a command line.
        more: For `Place.make`.
    """

    def __init__(self, folder: Path, place: Place, start: Sequence[str], **more: Any) -> None:
        self.folder = folder
        self.run_folder = folder / "runs" / "crash"
        self._place = place
        self._start = start
        self._started: list[Any] = []
        self._experiment = EXPERIMENTS[CLOUD]
        switches = {CLOUD: self._experiment.switches}
        self._place.make([CLOUD], faults={"switches": switches}, **more)
        folder.mkdir(parents=True, exist_ok=True)
        self._experiment.write(folder)

    def start(self, *arguments: str, before: Sequence[str] = (), **more: Any) -> Any:
        """Start a process; `before` stands before its command line, `more` is for `Popen`."""
        own = {**environ_of(CLOUD, self._place.origin), "QBATCH_STATE_DIR": str(self.folder / "st")}
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [*before, *self._start, *arguments],
            **{"cwd": self.folder, "text": True, **given, **more},
            env={**os.environ, **FEW_THREADS, **own, "PYTHONPATH": str(ROOT)},
            preexec_fn=_hear_signals,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a test that failed left behind."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()

    def run_it(self, **more: Any) -> tuple[int, str]:
        """Run the manifest to the end of the process; see `run`."""
        return self.run(*RUN, **more)

    def run(self, *arguments: str, before: Sequence[str] = (), **more: Any) -> tuple[int, str]:
        """Run a process to its end; return its exit code and all that it said."""
        return ended(self.start(*arguments, before=before, **more))

    def states(self) -> dict[JobState, int]:
        """State -> points of the plan, as a reader sees it; nothing before there is one."""
        try:
            with Run(self.run_folder) as run:
                return run.counts_by_state()
        except SnapshotError as error:
            if "no run here" not in str(error):
                raise
            return {}

    def ledger(self) -> list[dict[str, Any]]:
        return self._place.ledger()

    def set_faults(self, **script: Any) -> None:
        self._place.set_faults({"switches": {CLOUD: self._experiment.switches}, **script})

    def judge(self, *allowed: str, folder: Path | None = None) -> Verdict:
        """Hold the run folder, or a copy of it, against the cloud's books."""
        return judge(folder or self.run_folder, self._experiment, self.ledger(), set(allowed))

    def is_good(self, folder: Path | None = None) -> bool:
        """Whether each point was bought once, and is here."""
        verdict = self.judge("completed", folder=folder)
        assert not verdict.words, verdict.words
        return verdict.bought == verdict.states.get("completed") == verdict.points

    def wait_until(self, is_so: Callable[[Desk], bool]) -> None:
        """Wait for something at the cloud or in the folder, in real time."""
        began = time.monotonic()
        while not is_so(self):
            assert time.monotonic() < began + LIMIT_S, "it never came to that"
            time.sleep(0.02)


def _hear_signals() -> None:
    """Undo what tests that are themselves run under ``nohup``, or with ``&``, would hand on."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def ended(process: Any) -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and all that it said."""
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it hangs: {out}{err}") from None
    return process.returncode, f"{out}{err}"


OpenDesk = Callable[..., Desk]


@contextmanager
def desks(rate: float = RATE) -> Iterator[OpenDesk]:
    """Yield what opens a desk: given its folder, and more for `Place.make`. One at a time.

    Args:
        rate: How fast time runs at the cloud and for qbatch.
    """
    epoch = repr(time.time())
    hosting = start_a_module("hosting", "1", str(rate), epoch)
    hastened = [sys.executable, "-c", _HASTENED, str(rate), epoch]
    plain = [sys.executable, "-m", "qbatch"]
    (origin,) = json.loads(first_line(hosting))
    place = Place(origin)

    def open_desk(folder: Path, **more: Mapping[str, Any]) -> Desk:
        for desk in opened:
            desk.close()
        opened.append(Desk(folder, place, plain if rate == 1 else hastened, **more))
        return opened[-1]

    opened = list[Desk]()
    try:
        yield open_desk
    finally:
        for desk in opened:
            desk.close()
        place.close()
        end_module(hosting)
