"""No line that a person reads is wider than the terminal, whatever the run and the verb.

A word that has to be copied whole (a path, a name without a comma, an id) stands on a line of its
own and may be wider: a terminal breaks it, and a copy of it is whole.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from qbatch.cli.topics import pages
from qbatch.job import JobState
from tests.cli.conftest import Call

pytestmark = pytest.mark.slow

CIRCUIT = """\
OPENQASM 3.0;
include "stdgates.inc";
input float angle_of_the_first_rotation;
input float angle_of_the_second_rotation;
qubit[2] q;
bit[2] c;
rx(angle_of_the_first_rotation) q[0];
cx q[0], q[1];
ry(angle_of_the_second_rotation) q[1];
c = measure q;
"""

#: Long names, many axes, wide letters, numbers with long names, several copies.
WIDE = """\
qbatch: 1
name: a-run-with-a-name-that-is-long
description: 量子コンピュータの実験 of many axes, each with a long name, and of numbers too
circuits: {a_circuit_with_a_long_name: wide.qasm}
backends:
  a_noisy_simulator_of_this_machine: {provider: local, noise: {readout: 0.02}}
  雑音のある量子シミュレータ: {provider: local, noise: {readout: 0.1}}
sweep:
  matrix:
    backend: [a_noisy_simulator_of_this_machine, 雑音のある量子シミュレータ]
    angle_of_the_first_rotation: [0.12345678, pi/3]
    angle_of_the_second_rotation: [0, pi/7]
  repeat: 2
shots: 50
analysis:
  observables: {correlation_of_both_qubits: Z0 Z1, 磁化の期待値: Z0 + Z1}
  probabilities: {both_are_in_the_excited_state: "11"}
checks:
  - {that: correlation_of_both_qubits >= 0.1, where: {backend: a_noisy_simulator_of_this_machine}}
"""

POINT = "a_noisy_simulator_of_this_machine"

CALLS = (
    "plan M",
    "validate M",
    "show M",
    f"show M -k backend={POINT} --sort 磁化の期待値",
    "status M",
    "status",
    "check M",
    "diff R R",
    "diff R --between backend",
    "run M",
    "retry M",
    "fetch M",
    "report M",
    "forget M",
    "resolve M",
    "export M --format nope",
    "plan M -S nope=3",
    "show M none_of_the_points",
    "explain sweep.matrix",
    "explain run.notify",
    "explain options.tket",
    "help",
    "run --help",
    "--help",
    "config",
    "auth",
    "doctor M",
)

#: Colours, and the ends of links.
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\]8;.*?\x1b\\")


def too_wide(text: str, width: int) -> list[str]:
    """Lines of several words that take more room than there is."""
    lines = [ANSI.sub("", line) for line in text.splitlines()]
    return [one for one in lines if cell_len(one) > width and len(re.findall(r"[^ ,]+", one)) > 1]


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_clouds: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.qasm").write_text(CIRCUIT)
    (tmp_path / "wide.yaml").write_text(WIDE)
    return Path("wide.yaml")


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("colour", ["NO_COLOR", "FORCE_COLOR"])
def test_no_line_is_wider_than_the_terminal(
    width: int, colour: str, qbatch: Call, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert qbatch("run", wide).code == 0
    run = "runs/a-run-with-a-name-that-is-long"
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv(colour, "1")
    coloured = False
    for call in CALLS:
        words = [{"M": str(wide), "R": run}.get(word, word) for word in call.split()]
        said = qbatch(*words)
        assert too_wide(said.out, width) == [], call
        assert too_wide(said.err, width) == [], call
        coloured |= "\x1b[" in said.out + said.err
    assert coloured == (colour == "FORCE_COLOR")


@pytest.mark.parametrize("state", [JobState.HELD, JobState.FAILED, JobState.CANCELLED])
def test_what_went_wrong_is_folded_too(
    state: JobState, qbatch: Call, set_state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_state(state, "the machine said, at length and without any need, that it is off, " * 4)
    monkeypatch.setenv("COLUMNS", "80")
    for call in ("status pair.yaml", "show pair.yaml", "show pair.yaml shots=10", "run pair.yaml"):
        said = qbatch(*call.split())
        assert too_wide(said.out + said.err, 80) == [], call


def on_terminal(*words: str) -> str:
    """What a call shows on a terminal of 80 columns."""
    leader, follower = pty.openpty()
    env = {**os.environ, "COLUMNS": "80", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "qbatch", *words]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=env):
        os.close(follower)
        said = b""
        while select.select([leader], [], [], 60)[0]:
            try:
                said += os.read(leader, 1 << 16)
            except OSError:  # the other end is closed
                break
    os.close(leader)
    return said.decode("utf-8")


@pytest.mark.parametrize("page", [*pages()])
def test_a_page_of_the_guide_fits_a_terminal(page: str) -> None:
    assert too_wide(on_terminal("help", page), 80) == []
