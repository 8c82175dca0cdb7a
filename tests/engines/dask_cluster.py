"""A Dask cluster of the tests' own: a scheduler and its workers, each a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cluster import free_ports
from sweeps import wait_for


class Cluster:
    """Its logs stand in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._port,) = free_ports(1)
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *, path: Path | None = None) -> None:
        """Start the scheduler, or a worker; once more, where it has ended.

        Args:
            name: "scheduler", or a worker's.
            path: What comes first on its Python's path.
        """
        if before := self._processes.pop(name, None):
            before.terminate()
            before.wait(timeout=30)
        place = ["--host", "127.0.0.1", "--port", str(self._port)]
        work = [self.address, "--nthreads", "1", "--memory-limit", "0", "--death-timeout", "60"]
        of = {"scheduler": ("dask_scheduler", place)}.get(name, ("dask_worker", work))
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{of[0]}", *of[1], "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={**os.environ, **({"PYTHONPATH": str(path)} if path else {})},
            )

    def start_all(self, workers: int = 2) -> None:
        for name in ("scheduler", *("one", "two", "three", "four")[:workers]):
            self.start(name)
        wait_for(lambda: self.told().count("Register worker") >= workers, 60)

    def told(self) -> str:
        log = self._folder / "scheduler.log"
        return log.read_text() if log.exists() else ""

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(timeout=30)
        self._processes.clear()
