"""Backends that ran the same settings are told to agree or to differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace

import pytest

from qbatch.report.agreement import Agreement
from qbatch.result import Counts, Estimate, parse_observable
from qbatch.result import expectation_value as expectation


@dataclass
class Measured:
    circuit: str
    backend: str
    shots: int
    parameters: dict[str, float] = field(default_factory=dict)


def agreement() -> Agreement:
    analysis = SimpleNamespace(observables={"z": "Z0"}, probabilities={})
    manifest = SimpleNamespace(analysis=analysis, backends={"a": 1, "b": 2, "c": 3})
    return Agreement.of(manifest, 0.95)  # type: ignore[arg-type]


def estimate(ones: int, shots: int) -> Estimate:
    found = {text: n for text, n in {"0": shots - ones, "1": ones}.items() if n}
    return expectation(Counts.from_dict([("c", 1)], found), parse_observable("Z0", 1), 0.95)


def measure(found: Agreement, backend: str, ones: int, shots: int, **parameters: float) -> None:
    point = Measured("flip", backend, shots, parameters)
    found.add(point, {"z": estimate(ones, shots)})  # type: ignore[arg-type]


def test_equal_backends_agree() -> None:
    found = agreement()
    for backend, ones in (("a", 510), ("b", 488), ("c", 503)):
        measure(found, backend, ones, 1000)
    (verdict,) = found.verdicts()
    assert (verdict.word, verdict.settings, verdict.differing) == ("agree", 1, 0)


def test_a_backend_apart_is_found_and_named() -> None:
    found = agreement()
    for theta in (0.1, 0.2):
        for backend in ("a", "b"):
            measure(
                found, backend, 700 if (backend, theta) == ("b", 0.2) else 500, 1000, theta=theta
            )
    (verdict,) = found.verdicts()
    assert (verdict.word, verdict.settings, verdict.differing) == ("differ", 2, 1)
    assert verdict.least_likely.setting == "flip, theta=0.2"
    assert verdict.least_likely.told.startswith("a 0.000(32), b -0.400(29)")


def test_shots_that_all_agree_are_no_certainty() -> None:
    found = agreement()
    measure(found, "a", 0, 100)
    measure(found, "b", 1, 1000)
    assert found.verdicts()[0].word == "agree"


def test_repeats_and_shot_counts_are_pooled() -> None:
    found = agreement()
    for ones in (40, 60):
        measure(found, "a", ones, 100)
    measure(found, "b", 5000, 10000)
    (verdict,) = found.verdicts()
    assert verdict.least_likely.values["a"] == pytest.approx((0.0, 0.0698), abs=0.003)


def test_one_backend_has_nothing_to_agree_with() -> None:
    found = agreement()
    measure(found, "a", 1, 10)
    assert found.verdicts() == []


def test_alike_backends_are_hardly_ever_told_to_differ() -> None:
    random, alarms = Random(5), 0
    for _ in range(100):
        found = agreement()
        for setting in range(10):
            for backend in ("a", "b", "c"):
                ones = sum(random.random() < 0.3 for _ in range(200))
                measure(found, backend, ones, 200, x=setting)
        alarms += found.verdicts()[0].word == "differ"
    assert alarms <= 5
