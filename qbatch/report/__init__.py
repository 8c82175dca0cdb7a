"""Numbers to pages: Markdown, one self-contained HTML file, figures.

Everything heavy is imported when it is used: importing this package loads neither numpy nor
matplotlib nor jinja2, and of its own modules only those that are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.report.judging import CheckResult, Judgement, judge_run, overall
    from qbatch.report.overview import Overview
    from qbatch.report.template import check_template
    from qbatch.report.writing import FILES, render, write_report

__all__ = [
    "FILES",
    "CheckResult",
    "Judgement",
    "Overview",
    "check_template",
    "judge_run",
    "overall",
    "render",
    "write_report",
]

#: Module -> its public names.
_MODULES = {
    "judging": ("CheckResult", "Judgement", "judge_run", "overall"),
    "overview": ("Overview",),
    "template": ("check_template",),
    "writing": ("FILES", "render", "write_report"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
