"""What Slurm's environment says of an allocation that this process has."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Cpus of a node, and how many such nodes follow one another.
GROUP = re.compile(r"(\d+)(?:\(x(\d+)\))?")


def is_in_allocation(environ: Mapping[str, str]) -> bool:
    """Whether this process has an allocation of Slurm's."""
    return "SLURM_JOB_ID" in environ and "SLURM_JOB_CPUS_PER_NODE" in environ


def cpus_of(environ: Mapping[str, str]) -> int:
    """Return the cpus of the allocation, of all its nodes.

    >>> cpus_of({"SLURM_JOB_CPUS_PER_NODE": "2(x3),1"})
    7
    """
    groups = GROUP.findall(environ["SLURM_JOB_CPUS_PER_NODE"])
    return sum(int(cpus) * int(nodes or 1) for cpus, nodes in groups)
