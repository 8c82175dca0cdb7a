"""The official clients under the same kills, each in its own environment; see `official.users`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.environments import OPEN_QUANTUM, OQC
from tests.crash.world import end_module, environ_of, first_line, start_module

HERE = Path(__file__).parent

#: Cloud -> the environment of its official client, and the careful user's script.
CLIENTS = {"oqc": (OQC, "oqc_user.py"), "open-quantum": (OPEN_QUANTUM, "open_quantum_user.py")}

LIMIT_S = 400


@dataclass(frozen=True)
class Told:
    """What a careful user of an official client has in the end.

    Attributes:
        cases: Runs of the user's script until it was through, each killed once at most.
        points: In all of them.
        twice: Points bought again, in all cases; and in the one whose only trouble was one answer
            of 500 after the cloud had taken the job.
        lost: Points without their result.
    """

    cases: int
    kills: int
    processes: int
    points: int
    bought: int
    twice: int = 0
    lost: int = 0
    twice_by_a_lost_answer: int = 0


def try_client(cloud: str) -> Told:
    """Kill a careful user's script at every boundary; the emulated cloud's ledger judges.

    Raises:
        CannotBuild: There is no environment for the client.
    """
    environment, script = CLIENTS[cloud]
    python = environment.build()
    with tempfile.TemporaryDirectory(prefix="qbatch-crash-") as folder:
        (Path(folder) / "home").mkdir()
        hosting = start_module("hosting", "1", "1", repr(time.time()))
        try:
            (origin,) = json.loads(first_line(hosting))
            told = subprocess.run(
                [str(python), "-W", "ignore", str(HERE / "official" / script), origin, folder],
                env={
                    "PATH": os.defpath,
                    "HOME": f"{folder}/home",
                    "NO_PROXY": "127.0.0.1",
                    **environ_of(cloud, origin),
                },
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
        finally:
            end_module(hosting)
    if told.returncode:
        raise RuntimeError(f"{script}:\n{told.stdout}\n{told.stderr}")
    return Told(**json.loads(told.stdout.rsplit("RESULT ", 1)[1]))
