"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "exchange.csv_rows",
        "report.backend_facts",
        "report.joining",
        "report.markdown",
        "report.numbers",
        "report.ticks",
        "report.template",
        "result.estimate",
        "result.intervals",
        "result.notation",
        "snapshot.column",
    ],
)
def test_examples_hold(name: str) -> None:
    found = doctest.testmod(import_module(f"qbatch.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
