"""A Slurm of the tests' own: a controller and two nodes on loopback ports, in one folder."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

COMMANDS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "scontrol", "salloc")
DAEMONS = ("slurmctld", "n1", "n2")

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
MinJobAge=3600
KillWait=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1} CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2} CPUs=2 RealMemory=4000
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=60 State=UP PriorityTier=2
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
        self.clean()

    def start_daemon(self, name: str, *more: str) -> None:
        """Start the controller, and wait until it answers; or the daemon of a node."""
        end = time.monotonic() + SOON_S
        daemon = self._daemons[name] = self._spawn(name, *more)
        while name == "slurmctld" and "UP" not in self.run("scontrol", "ping"):
            assert time.monotonic() < end, self.told()
            time.sleep(0.1)
            if daemon.poll() is not None:  # what is left of the one that was killed has its port
                daemon = self._daemons[name] = self._spawn(name, *more)

    def _spawn(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        program = "slurmctld" if name == "slurmctld" else "slurmd"
        node = [] if program == "slurmctld" else ["-N", name]
        path = _path_of(program)
        assert path is not None
        with (self.folder / f"{name}.out").open("ab") as log:
            return subprocess.Popen(
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
        """Names of batch jobs and of tasks of arrays, those that ended too."""
        which = f"--states={','.join(states) or 'all'}"
        return self.run("squeue", "--noheader", "--array", which, "--format=%j").split()

    def clean(self) -> None:
        """See that all daemons run, both nodes take work, and nothing is left of former jobs."""
        for name in DAEMONS:
            if name not in self._daemons:
                self.start_daemon(name)
        end = time.monotonic() + SOON_S
        while not self._is_clean():
            assert time.monotonic() < end, (self.states(), self._steps(), self.told())
            self.run("scancel", f"--user={os.getuid()}")
            self._resume()
            time.sleep(0.2)

    @contextmanager
    def operated(self) -> Iterator[None]:
        """Have an operator there, who lets drained nodes take work once nothing runs on them."""
        is_over = threading.Event()

        def operate() -> None:
            while not is_over.wait(1.0):
                self._resume()

        operator = threading.Thread(target=operate)
        operator.start()
        try:
            yield
        finally:
            is_over.set()
            operator.join()

    def _resume(self) -> None:
        for name, state in self.states().items():
            if state.startswith(("drain", "down")) and not self._steps(name):
                self.run("scontrol", "update", f"nodename={name}", "state=resume")

    def _is_clean(self) -> bool:
        are_idle = self.states() == {"n1": "idle", "n2": "idle"}
        return are_idle and not self.run("squeue", "--noheader") and not self._steps()

    def states(self) -> dict[str, str]:
        """Slurm's word for each node: "idle", "mixed", "drained", "down*"."""
        rows = self.run("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
        return dict(row.split() for row in rows)

    def _steps(self, node: str = "n?") -> list[Path]:
        """Sockets of what runs on a node, or on all, whether the controller knows it or not."""
        return [*self.folder.glob(f"{node}/n?_*")]

    def forget_jobs(self) -> None:
        """Kill the controller, and start one that knows of no job, and numbers from 1."""
        self.kill("slurmctld")
        for file in (self.folder / "state").glob("job_state*"):
            file.unlink()
        self.start_daemon("slurmctld")

    @contextmanager
    def hung(self, node: str) -> Iterator[None]:
        """Have what runs on a node end without a result, and without the node noticing it."""
        ours = {f"SLURM_CONF={self.configuration}", f"SLURMD_NODENAME={node}"}
        known = _processes()
        jobs = [each for each in known.values() if ours <= each.environ]
        steps = {each.parent for each in jobs if known[each.parent].name == "slurmstepd"}
        assert steps
        for pid in steps:
            os.kill(pid, signal.SIGSTOP)
        for each in jobs:
            os.kill(each.pid, signal.SIGKILL)
        try:
            yield
        finally:
            for pid in steps:
                os.kill(pid, signal.SIGCONT)

    def told(self) -> str:
        """What the daemons said last."""
        logs = sorted(self.folder.glob("*.out"))
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs)

    def stop(self) -> None:
        self.run("scancel", f"--user={os.getuid()}")
        end = time.monotonic() + SOON_S
        while (self.run("squeue", "--noheader") or self._steps()) and time.monotonic() < end:
            time.sleep(0.2)
        for daemon in self._daemons.values():
            daemon.terminate()
        for daemon in self._daemons.values():
            daemon.wait(timeout=SOON_S)


class Process(NamedTuple):
    pid: int
    parent: int
    name: str
    environ: frozenset[str]


def _processes() -> dict[int, Process]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            environ = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        name, _, rest = stat.partition("(")[2].rpartition(")")
        pid = int(folder.name)
        found[pid] = Process(pid, int(rest.split()[1]), name, frozenset(environ.split("\0")))
    return found
