"""Numbers to pages: Markdown, one self-contained HTML file, figures, tables for other programs.

Everything heavy is imported when it is used: importing this package loads neither numpy nor
matplotlib nor jinja2.
"""

from __future__ import annotations

from qbatch.report.exports import BINARY_FORMATS, TEXT_FORMATS, export
from qbatch.report.judging import CheckResult, Judgement, judge_run, overall
from qbatch.report.survey import Survey, survey_run
from qbatch.report.writing import FILES, render, write_report

__all__ = [
    "BINARY_FORMATS",
    "FILES",
    "TEXT_FORMATS",
    "CheckResult",
    "Judgement",
    "Survey",
    "export",
    "judge_run",
    "overall",
    "render",
    "survey_run",
    "write_report",
]
