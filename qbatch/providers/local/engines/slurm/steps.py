"""Inside an allocation (``salloc``, or a batch job of the person's own): workers as steps of it."""

from __future__ import annotations

from collections.abc import Mapping

from qbatch.providers.local.engines.command import Command
from qbatch.providers.local.engines.slurm.allocation import GROUP


def step_of(environ: Mapping[str, str]) -> Command:
    """Return a worker that is a step of its own, with one cpu and its share of memory."""
    memory: tuple[str, ...] = ()
    if (of_node := environ.get("SLURM_MEM_PER_NODE", "")).isdigit():
        most = max(int(cpus) for cpus, _ in GROUP.findall(environ["SLURM_JOB_CPUS_PER_NODE"]))
        memory = (f"--mem={max(1, int(of_node) // most)}",)
    one = ("--nodes=1", "--ntasks=1", "--cpus-per-task=1", "--exact", "--quiet", "--unbuffered")
    return Command(before=("srun", *one, *memory))
