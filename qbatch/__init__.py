"""qbatch: declarative batch jobs for quantum computing.

The public names are loaded when they are first used, so that `import qbatch` and
``qbatch --help`` stay as fast as Python itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.errors import (
        NotAgreed,
        NotApproved,
        OverBudget,
        PointsFailed,
        QbatchError,
        SourceErrors,
    )
    from qbatch.executor import run, run_async
    from qbatch.manifest import Manifest, load_manifest, sweep
    from qbatch.plan import expand
    from qbatch.report import render
    from qbatch.result import bits
    from qbatch.snapshot import open_run

__version__ = "0.1.0"

__all__ = [
    "Manifest",
    "NotAgreed",
    "NotApproved",
    "OverBudget",
    "PointsFailed",
    "QbatchError",
    "SourceErrors",
    "__version__",
    "bits",
    "expand",
    "load_manifest",
    "open_run",
    "render",
    "run",
    "run_async",
    "sweep",
]

#: Public name -> the module it lives in.
_HOMES = {
    "Manifest": "qbatch.manifest",
    "NotAgreed": "qbatch.errors",
    "NotApproved": "qbatch.errors",
    "OverBudget": "qbatch.errors",
    "PointsFailed": "qbatch.errors",
    "QbatchError": "qbatch.errors",
    "SourceErrors": "qbatch.errors",
    "bits": "qbatch.result",
    "expand": "qbatch.plan",
    "load_manifest": "qbatch.manifest",
    "open_run": "qbatch.snapshot",
    "render": "qbatch.report",
    "run": "qbatch.executor",
    "run_async": "qbatch.executor",
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
