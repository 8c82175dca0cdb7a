"""Which of a test's values are tried every day, and which by the slow proofs alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], *, daily: int = 1) -> list[Any]:
    """Values of a parameter, of which the first `daily` are tried every day."""
    found = list(values)
    return [*found[:daily], *(_slow(value) for value in found[daily:])]


def _slow(value: Any) -> Any:
    if isinstance(value, tuple):
        return pytest.param(*value, marks=pytest.mark.slow)
    if hasattr(value, "marks"):
        return pytest.param(*value.values, marks=[*value.marks, pytest.mark.slow], id=value.id)
    return pytest.param(value, marks=pytest.mark.slow)
