"""Sums of numbers of the same counts: against the numbers that say the same by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from qbatch.manifest.models import Analysis
from qbatch.result import Counts, analyse, correlations, weighted_sum

REGISTERS = [("c", 3)]


def drawn(seed: int, shots: int = 500) -> Counts:
    generator = np.random.default_rng(seed)
    chances = generator.dirichlet(np.full(8, 0.6))
    return Counts.from_ints(REGISTERS, range(8), generator.multinomial(shots, chances))


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_of_observables_is_the_observable_of_the_sum(seed: int) -> None:
    parts = Analysis(
        observables={"a": "Z0 Z1", "b": "Z1 - 0.3 Z2", "sum": "0.5 Z0 Z1 - 2 Z1 + 0.6 Z2"}
    )
    counts = drawn(seed)
    found = weighted_sum(counts, parts, {"a": 0.5, "b": -2.0}, 0.95)
    wanted = analyse(counts, parts)["sum"]
    assert found is not None
    for mine, other in zip(
        (found.value, found.se, found.low, found.high, *found.judged),
        (wanted.value, wanted.se, wanted.low, wanted.high, *wanted.judged),
        strict=True,
    ):
        assert mine == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_probabilities_that_exclude_one_another_add_up_to_one_of_both(seed: int) -> None:
    """A proportion again, with Wilson's interval: what depends on one another is in it."""
    both = Analysis(observables={"both": "(3 + Z2 + Z1 - Z2 Z1)/4"})
    counts = drawn(seed)
    pair = Analysis(probabilities={"p": "0**", "q": "10*"})
    found = weighted_sum(counts, pair, {"p": 1.0, "q": 1.0}, 0.95)
    wanted = analyse(counts, both)["both"]
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (wanted.value, wanted.low, wanted.high), abs=1e-9
    )


def test_correlations_are_those_of_the_shots_written_out() -> None:
    counts = drawn(3)
    analysis = Analysis(observables={"a": "Z0", "b": "Z0 Z1"}, probabilities={"p": "1**"})
    shots = np.repeat(np.arange(8), [counts.to_dict().get(f"{n:03b}", 0) for n in range(8)])
    z0, z1, top = 1 - 2 * (shots & 1), 1 - 2 * (shots >> 1 & 1), shots >> 2
    found = correlations(counts, analysis, ["a", "b", "p"])
    assert found == pytest.approx(np.corrcoef([z0, z0 * z1, top]))


def test_what_is_no_mean_over_shots_is_not_summed() -> None:
    analysis = Analysis.model_validate(
        {"observables": {"a": "Z0"}, "distribution": {"target": {"000": 1.0}}}
    )
    assert weighted_sum(drawn(1), analysis, {"a": 1.0, "tvd": 1.0}, 0.95) is None
    assert correlations(drawn(1), analysis, ["a", "tvd"]) is None


def test_a_sum_whose_shots_all_agree_keeps_a_width() -> None:
    counts = Counts.from_dict(REGISTERS, {"000": 100})
    analysis = Analysis(observables={"a": "Z0", "b": "Z1"})
    found = weighted_sum(counts, analysis, {"a": 1.0, "b": -1.0}, 0.95)
    assert found is not None
    assert found.se == 0
    assert found.low < 0 == found.value < found.high
