"""The one place where a run's time passes: submit, watch, retry, fetch, cancel.

`run` is the public entry; `execute` runs a plan with drivers that are open already.
"""

from __future__ import annotations

from qbatch.executor.budget import Excess
from qbatch.executor.consent import Approve
from qbatch.executor.engine import Settings
from qbatch.executor.events import (
    BackendProgress,
    Decided,
    Event,
    Finished,
    JobMoved,
    Observer,
    Progress,
    Started,
    Step,
    Summary,
    Waiting,
    Warned,
)
from qbatch.executor.execute import execute
from qbatch.executor.options import Options
from qbatch.executor.quoting import wait_quoted
from qbatch.executor.retry import Retry
from qbatch.executor.start import run, run_async, run_with, wait_described
from qbatch.executor.stop import Stop
from qbatch.executor.waits import Cause, OpenWait, Wait
from qbatch.plan.pricing.offer import Offer

__all__ = [
    "Approve",
    "BackendProgress",
    "Cause",
    "Decided",
    "Event",
    "Excess",
    "Finished",
    "JobMoved",
    "Observer",
    "Offer",
    "OpenWait",
    "Options",
    "Progress",
    "Retry",
    "Settings",
    "Started",
    "Step",
    "Stop",
    "Summary",
    "Wait",
    "Waiting",
    "Warned",
    "execute",
    "run",
    "run_async",
    "run_with",
    "wait_described",
    "wait_quoted",
]
