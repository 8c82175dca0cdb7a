"""Commands that say what a test has Slurm say, and keep what they were told."""

from __future__ import annotations

import stat
from pathlib import Path

#: Prints what stands in FOLDER/NAME.out, notes its arguments and what it is given to read; ends
#: with FOLDER/NAME.rc.
STAND_IN = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/{name}.calls
cat > {folder}/{name}.in
[ -f {folder}/{name}.err ] && cat {folder}/{name}.err >&2
[ -f {folder}/{name}.out ] && cat {folder}/{name}.out
[ -f {folder}/{name}.rc ] && exit "$(cat {folder}/{name}.rc)"
exit 0
"""
COMMANDS = ("sbatch", "squeue", "sacct", "scancel", "sinfo", "scontrol")


class SlurmCommands:
    """Commands in `folder`, of a centre with one partition and no accounting."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        for name in COMMANDS:
            file = self.folder / name
            file.write_text(STAND_IN.format(folder=self.folder, name=name))
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        self.says("sbatch", "4711")
        self.says("sacct", "", "Slurm accounting storage is disabled", 1)
        self.says("sinfo", "cpu|up")
        self.says("scontrol", "ClusterName = here\nMaxJobCount = 50")

    def says(self, name: str, out: str = "", error: str = "", code: int = 0) -> None:
        """Have a command say this from now on."""
        (self.folder / f"{name}.out").write_text(out + "\n")
        (self.folder / f"{name}.err").write_text(error)
        (self.folder / f"{name}.rc").write_text(str(code))

    def given(self, name: str) -> str:
        """Return what a command was given to read, the last time."""
        return (self.folder / f"{name}.in").read_text()

    def calls(self, name: str) -> list[str]:
        """Return what a command was told, call by call."""
        file = self.folder / f"{name}.calls"
        return file.read_text().splitlines() if file.exists() else []
