"""S5: equal backends and repeats are told to differ as rarely as reports say, at all sizes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    path = Path(__file__).with_name("false_alarms.py")
    spec = importlib.util.spec_from_file_location("false_alarms", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


FALSE_ALARMS = _load()
CASES = list(FALSE_ALARMS.cases())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.what}, {case.sizes}")
def test_rates_of_false_alarms_and_of_finds_are_as_promised(case: object) -> None:
    runs = max(150, 1500 // case.settings) if case.is_alike else 400  # type: ignore[attr-defined]
    assert FALSE_ALARMS.holds(case, FALSE_ALARMS.rate(case, runs, 7), runs)


@pytest.mark.parametrize("case", CASES[::9], ids=lambda case: f"{case.what}, {case.sizes}")
def test_a_few_of_the_rates_are_looked_at_every_day(case: object) -> None:
    runs = max(20, 200 // case.settings)  # type: ignore[attr-defined]
    assert FALSE_ALARMS.holds(case, FALSE_ALARMS.rate(case, runs, 3), runs)
