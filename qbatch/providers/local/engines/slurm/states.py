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

#: What a person may do about an end.
REMEDIES: Mapping[str, str] = {
    "TIMEOUT": "raise engine.slurm.time, or put fewer points into a batch job: limits: {jobs: …}",
    "OUT_OF_MEMORY": "raise engine.slurm.memory, or take fewer cpus",
    "DEADLINE": "ask the centre's people about the deadline",
}

#: Of several jobs of one name: one that goes on counts, the first of these; else the newest does.
GOING_ON: tuple[Meaning, ...] = ("running", "queued")


def rank(state: str) -> int:
    """How much a job in Slurm's `state` says of where the work is; 0 where it goes on no more."""
    meaning = STATES.get(state)
    return len(GOING_ON) - GOING_ON.index(meaning) if meaning in GOING_ON else 0
