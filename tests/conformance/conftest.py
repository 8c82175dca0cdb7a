"""An official client in its own environment, beside a served emulator.

A machine that cannot build an environment says loudly what was not run; with ``CI`` set it fails.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from environments import CannotBuild, Environment

HERE = Path(__file__).parent
SCENARIO_LIMIT_S = 120


class Served:
    """Emulated clouds in a process of their own."""

    def __init__(self, folder: Path, providers: Sequence[str], queue_s: float) -> None:
        env_file = folder / "env"
        command = [sys.executable, "-m", "qbatch.emulators", *providers]
        command += ["--env-file", str(env_file), "--queue-s", str(queue_s)]
        self._log = (folder / "log").open("w")
        self.process = subprocess.Popen(command, stderr=self._log)
        deadline = time.monotonic() + 60
        while not env_file.exists():
            assert self.process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the emulator does not come up"
            time.sleep(0.05)
        self.variables = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        self.origin = next(iter(self.variables.values())).rsplit("/", 1)[0]

    def set_faults(self, **script: Any) -> None:
        httpx.put(f"{self.origin}/-/faults", json=script, trust_env=False).raise_for_status()

    def ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.origin}/-/ledger", trust_env=False).json()
        return found

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._log.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Return a maker of served emulators: providers, seconds of queue."""
    made: list[Served] = []

    def make(*providers: str, queue_s: float = 0.3) -> Served:
        made.append(Served(tmp_path_factory.mktemp("served"), providers, queue_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a runner: environment, script, scenario, variables -> the scenario's result.

    The client sees an empty HOME, no proxies, nothing of this process's environment.
    """

    def run(environment: Environment, script: str, scenario: str, **variables: str) -> Any:
        try:
            python = environment.build()
        except CannotBuild as error:
            if os.environ.get("CI"):
                pytest.fail(f"conformance of {environment.name} cannot run: {error}")
            pytest.skip(f"NOT RUN: the official client of {environment.name}: {error}")
        command = [str(python), "-W", "ignore::UserWarning", str(HERE / script), scenario]
        shut = {"HOME": str(tmp_path_factory.mktemp("home")), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            command,
            env={"PATH": os.defpath, **shut, **variables},
            cwd=tmp_path_factory.mktemp("work"),
            capture_output=True,
            text=True,
            timeout=SCENARIO_LIMIT_S,
        )
        assert done.returncode == 0, f"{scenario}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.rsplit("RESULT ", 1)[1])

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.getreports("skipped")
    reasons = dict.fromkeys(str(report.longrepr[2]).partition(": ")[2] for report in skipped)
    for reason in reasons:
        if reason.startswith("NOT RUN"):
            terminalreporter.write_line(reason, red=True)
