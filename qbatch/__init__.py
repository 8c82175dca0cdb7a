"""qbatch: declarative batch jobs for quantum computing.

The public names are loaded when they are first used, so that `import qbatch` and
``qbatch --help`` stay as fast as Python itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.api.comparing import Difference, diff
    from qbatch.api.running import offer, run, run_async
    from qbatch.api.runs import Run, open_run
    from qbatch.api.status import Status, status
    from qbatch.errors import (
        NotAgreed,
        NotApproved,
        OverBudget,
        PointsFailed,
        QbatchError,
        SourceErrors,
    )
    from qbatch.manifest import Manifest, load_manifest, sweep
    from qbatch.plan import Plan, expand
    from qbatch.plan.pricing.offer import Offer
    from qbatch.report import render
    from qbatch.report.figures import Figure
    from qbatch.report.own_sections import Section
    from qbatch.result import Estimate, bits
    from qbatch.snapshot.points import PointResult

__version__ = "0.1.0"

__all__ = [
    "Difference",
    "Estimate",
    "Figure",
    "Manifest",
    "NotAgreed",
    "NotApproved",
    "Offer",
    "OverBudget",
    "Plan",
    "PointResult",
    "PointsFailed",
    "QbatchError",
    "Run",
    "Section",
    "SourceErrors",
    "Status",
    "__version__",
    "bits",
    "diff",
    "expand",
    "load_manifest",
    "offer",
    "open_run",
    "render",
    "run",
    "run_async",
    "status",
    "sweep",
]

#: Public name -> the module it lives in.
_HOMES = {
    "Difference": "qbatch.api.comparing",
    "Estimate": "qbatch.result",
    "Figure": "qbatch.report.figures",
    "Manifest": "qbatch.manifest",
    "NotAgreed": "qbatch.errors",
    "NotApproved": "qbatch.errors",
    "Offer": "qbatch.plan.pricing.offer",
    "OverBudget": "qbatch.errors",
    "Plan": "qbatch.plan",
    "PointResult": "qbatch.snapshot.points",
    "PointsFailed": "qbatch.errors",
    "QbatchError": "qbatch.errors",
    "Run": "qbatch.api.runs",
    "Section": "qbatch.report.own_sections",
    "SourceErrors": "qbatch.errors",
    "Status": "qbatch.api.status",
    "bits": "qbatch.result",
    "diff": "qbatch.api.comparing",
    "expand": "qbatch.plan",
    "load_manifest": "qbatch.manifest",
    "offer": "qbatch.api.running",
    "open_run": "qbatch.api.runs",
    "render": "qbatch.report",
    "run": "qbatch.api.running",
    "run_async": "qbatch.api.running",
    "status": "qbatch.api.status",
    "sweep": "qbatch.manifest",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'qbatch' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
