"""Slurm's words for where a job is, and what follows from each: data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

#: queued: it waits, or waits again. running: it computes. again: it came to nothing through no
#: fault of its own, and is sent again. failed: sent again it would end the same way. cancelled: by
#: a person. ended: it says that it is done.
Meaning = Literal["queued", "running", "again", "failed", "cancelled", "ended"]

STATES: Mapping[str, Meaning] = {
    "PENDING": "queued",
    "CONFIGURING": "queued",
    "REQUEUED": "queued",
    "REQUEUE_FED": "queued",
    "REQUEUE_HOLD": "queued",
    "RESV_DEL_HOLD": "queued",
    "SPECIAL_EXIT": "queued",
    "RUNNING": "running",
    "COMPLETING": "running",
    "RESIZING": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
    "NODE_FAIL": "again",
    "BOOT_FAIL": "again",
    "LAUNCH_FAILED": "again",
    "PREEMPTED": "again",
    "REVOKED": "again",
    "TIMEOUT": "failed",
    "OUT_OF_MEMORY": "failed",
    "DEADLINE": "failed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "COMPLETED": "ended",
}

#: Why a job does not go on that Slurm could not start, through no fault of the job's, and holds
#: until a person lets it. Older Slurms write these words with "_".
HELD = frozenset({"launch failed requeued held", "JobHoldMaxRequeue"})

#: What a person may do about an end.
REMEDIES: Mapping[str, str] = {
    "TIMEOUT": "raise engine.slurm.time, or put fewer points into a batch job: limits: {jobs: …}",
    "OUT_OF_MEMORY": "raise engine.slurm.memory, or take fewer cpus",
    "DEADLINE": "ask the centre's people about the deadline",
}

#: What Slurm writes into a log where it ends what takes too much memory by other words than
#: OUT_OF_MEMORY: without control groups 22.05 says FAILED (JobLaunchFailure).
OVER_MEMORY = ("exceeded memory limit", "Exceeded job memory limit", "oom-kill", "oom_kill")

#: Of several jobs of one name: one that goes on counts, the first of these; else the newest does.
GOING_ON: tuple[Meaning, ...] = ("running", "queued")


def remedy_of(state: str, log: str) -> str:
    """Say what a person may do about an end, by its word and the end of its log; "" for nothing.

    >>> remedy_of("FAILED", "slurmstepd: error: Exceeded job memory limit")
    'raise engine.slurm.memory, or take fewer cpus'
    """
    is_over = state not in REMEDIES and any(words in log for words in OVER_MEMORY)
    return REMEDIES.get("OUT_OF_MEMORY" if is_over else state, "")


def is_held(state: str, reason: str) -> bool:
    """Whether Slurm holds a job that it could not start, until a person lets it go on.

    >>> is_held("PENDING", "launch_failed_requeued_held"), is_held("PENDING", "JobHeldUser")
    (True, False)
    """
    return STATES.get(state) in GOING_ON and reason.replace("_", " ") in HELD


def rank(state: str) -> int:
    """How much a job in Slurm's `state` says of where the work is; 0 where it goes on no more."""
    meaning = STATES.get(state)
    return len(GOING_ON) - GOING_ON.index(meaning) if meaning in GOING_ON else 0
