"""Numbers to pages: Markdown, one self-contained HTML file, figures.

Everything heavy is imported when it is used: importing this package loads neither numpy nor
matplotlib nor jinja2, and of its own modules only those that are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.lazy import names_of

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

__getattr__ = names_of(
    __name__,
    {
        "qbatch.report.judging": "CheckResult Judgement judge_run overall",
        "qbatch.report.overview": "Overview",
        "qbatch.report.template": "check_template",
        "qbatch.report.writing": "FILES render write_report",
    },
)
