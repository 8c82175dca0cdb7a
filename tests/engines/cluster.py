"""A Slurm of the tests' own: a controller and two nodes on loopback ports, in one folder."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

COMMANDS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "salloc")

#: How long Slurm may take for what it does at once, seconds.
SOON_S = 60.0

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdTimeout=10
MinJobAge=300
KillWait=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1} CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2} CPUs=2 RealMemory=4000
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=60 State=UP
"""


def missing() -> list[str]:
    """Which of Slurm's commands are not installed here."""
    return [name for name in COMMANDS if _path_of(name) is None]


def _path_of(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def free_ports(number: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Cluster:
    """Started in `folder`, which must have a short name: sockets stand in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        controller, n1, n2 = free_ports(3)
        (folder / "state").mkdir()
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(
            CONFIGURATION.format(
                controller=controller, n1=n1, n2=n2, user=getpass.getuser(), folder=folder
            )
        )
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def environ(self) -> Mapping[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        for name in ("slurmctld", "n1", "n2"):
            self.start_daemon(name)
        self.wait_idle()

    def start_daemon(self, name: str, *more: str) -> None:
        """Start the controller, or the daemon of a node."""
        program = "slurmctld" if name == "slurmctld" else "slurmd"
        node = [] if program == "slurmctld" else ["-N", name]
        path = _path_of(program)
        assert path is not None
        with (self.folder / f"{name}.out").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [path, "-D", *node, *more], stdout=log, stderr=log, env=self.environ
            )

    def kill(self, name: str) -> None:
        """End a daemon without a word; what runs on its node goes on."""
        daemon = self._daemons.pop(name)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, check=False, timeout=SOON_S
        )
        return done.stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """Names of batch jobs, those that ended too."""
        which = f"--states={','.join(states) or 'all'}"
        return self.run("squeue", "--noheader", which, "--format=%j").split()

    def wait_idle(self) -> None:
        """Wait until both nodes take work, and nothing is in the queue."""
        end = time.monotonic() + SOON_S
        while True:
            nodes = self.run("sinfo", "--noheader", "--Node", "--format=%t").split()
            if nodes == ["idle", "idle"] and not self.run("squeue", "--noheader"):
                return
            assert time.monotonic() < end, (nodes, self.told())
            time.sleep(0.2)

    def told(self) -> str:
        """What the daemons said last."""
        logs = sorted(self.folder.glob("*.out"))
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs)

    def stop(self) -> None:
        self.run("scancel", f"--user={os.getuid()}")
        end = time.monotonic() + SOON_S
        while self.run("squeue", "--noheader") and time.monotonic() < end:
            time.sleep(0.2)
        for daemon in self._daemons.values():
            daemon.terminate()
        for daemon in self._daemons.values():
            daemon.wait(timeout=SOON_S)
