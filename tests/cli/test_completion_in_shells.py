"""What Tab does in the real shells, each on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

#: Shell -> how it starts without anybody's settings, and what makes it complete.
SHELLS = {
    "bash": (("--norc", "--noprofile", "-i"), "source <(qbatch completion bash)"),
    "zsh": (
        ("-f", "-i"),
        "autoload -Uz compinit; compinit -u -d dump; source <(qbatch completion zsh)",
    ),
    "fish": (("--no-config", "-i"), "qbatch completion fish | source"),
}

#: Answers a shell that asks what completes; says its words where it is called.
COMMAND = """\
#!/bin/sh
if [ -n "$_QBATCH_COMPLETE" ] || [ "$1" = completion ]; then exec {python} -m qbatch "$@"; fi
printf '<%s>' "$@"
printf '\\nsaid\\n'
"""

#: What is typed before Tab -> the words that then stand there, in each shell.
TYPED = {
    "qbatch stat": "<status>",
    "qbatch help exit": "<help><exit-codes>",
    "qbatch show pair.yaml shots=2": "<show><pair.yaml><shots=20>",
    "qbatch run pair.yaml -S sho": "<run><pair.yaml><-S><shots=>",
    "qbatch run pair.yaml -S sweep.s": "<run><pair.yaml><-S><sweep.seed=>",
    "qbatch run pair.yaml -S backend=s": "<run><pair.yaml><-S><backend=sim>",
    "qbatch explain sweep.mat": "<explain><sweep.matrix>",
    "qbatch backends --provider mar": "<backends><--provider><marqov>",
    "qbatch emulate oq": "<emulate><oqc>",
    "qbatch run pair.yaml --max-c": "<run><pair.yaml><--max-cost>",
}

PATIENCE_S = 60.0


class Terminal:
    """A shell on a terminal."""

    def __init__(self, shell: str, folder: Path) -> None:
        flags, prepare = SHELLS[shell]
        self.pid, self._at = pty.fork()
        if not self.pid:
            os.chdir(folder)
            path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
            variables = {"PATH": path, "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
            os.execve(shutil.which(shell) or shell, [shell, *flags], variables)
        self.does(prepare + "; qbatch ready")

    def does(self, typed: str) -> str:
        """Type, press Enter, and return the words that the command was called with."""
        os.write(self._at, f"{typed}\r".encode())
        said, until = "", time.monotonic() + PATIENCE_S
        while not (found := re.search(r"((?:<[^<>\r\n]*>)+)\r?\n[^<]*said", said)):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._at], [], [], left)[0]:
                pytest.fail(f"{typed!r}: {said!r}")
            said += os.read(self._at, 1 << 14).decode("utf-8", "replace")
        return found[1]

    def close(self) -> None:
        """End the shell."""
        os.close(self._at)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_in_a_real_shell(shell: str, done: Path, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        if os.environ.get("CI"):
            pytest.fail(f"there is no {shell} here; install it, for CI leaves nothing out")
        pytest.skip(f"there is no {shell} here")
    assert (tmp_path / done).exists()
    command = tmp_path / "bin" / "qbatch"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable), "utf-8")
    command.chmod(0o755)
    terminal = Terminal(shell, tmp_path)
    try:
        assert {typed: terminal.does(f"{typed}\t") for typed in TYPED} == TYPED
    finally:
        terminal.close()
