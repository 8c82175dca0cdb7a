"""qbatch: declarative batch jobs for quantum computing.

The public names are loaded when they are first used, so that `import qbatch` and
``qbatch --help`` stay as fast as Python itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.lazy import names_of

if TYPE_CHECKING:
    from qbatch.api.comparing import Difference, diff
    from qbatch.api.deciding import decide
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
    from qbatch.fit_models import FitModel
    from qbatch.manifest import Manifest, load_manifest
    from qbatch.manifest.objects import sweep
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
    "FitModel",
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
    "decide",
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

__getattr__ = names_of(
    __name__,
    {
        "qbatch.api.comparing": "Difference diff",
        "qbatch.api.deciding": "decide",
        "qbatch.result": "Estimate bits",
        "qbatch.report.figures": "Figure",
        "qbatch.fit_models": "FitModel",
        "qbatch.manifest": "Manifest load_manifest",
        "qbatch.manifest.objects": "sweep",
        "qbatch.errors": "NotAgreed NotApproved OverBudget PointsFailed QbatchError SourceErrors",
        "qbatch.plan.pricing.offer": "Offer",
        "qbatch.plan": "Plan expand",
        "qbatch.snapshot.points": "PointResult",
        "qbatch.api.runs": "Run open_run",
        "qbatch.report.own_sections": "Section",
        "qbatch.api.status": "Status status",
        "qbatch.api.running": "offer run run_async",
        "qbatch.report": "render",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
