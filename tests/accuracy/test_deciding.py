"""How many shots are wanted next, held against plain arithmetic and searches by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.accuracy.deciding import (
    AT_MAX,
    AT_ROUNDS,
    GROWTH,
    MORE,
    MOST_ROUNDS,
    REACHED,
    Decision,
    Figure,
    decide,
    shots_for,
)
from qbatch.manifest.accuracy import Accuracy
from qbatch.result.spread import Spread, spread


def accuracy(target_se: float = 0.01, **keys: object) -> Accuracy:
    return Accuracy.model_validate({"of": ("z",), "min": 100, "target_se": target_se, **keys})


def of_ones(ones: int, shots: int) -> dict[str, Figure]:
    found = spread(np.array([0.0, 1.0]), np.array([shots - ones, ones]), (0.0, 1.0))
    return {"z": Figure(ones / shots, 0.1, {"s": found})}


def decided(ones: int, shots: int, rounds: int = 0, **keys: object) -> Decision:
    return decide(accuracy(**keys), of_ones(ones, shots), {"s": shots}, rounds)  # type: ignore[arg-type]


def test_a_reached_target_wants_nothing_more() -> None:
    found = decided(50, 100, target_se=0.06)
    assert (found.why, found.wanted, found.is_last) == (REACHED, {"s": 100}, True)
    assert found.errors["z"] == pytest.approx(math.sqrt(0.25 / 100) / 0.06)


def test_a_coin_takes_what_its_variance_says() -> None:
    """A quarter over the square of the target; nothing is uncertain about a coin's variance."""
    assert decided(250, 500, target_se=0.01).wanted == {"s": 2500}


def test_no_round_takes_a_point_too_far() -> None:
    assert decided(50, 100, target_se=0.001).wanted == {"s": int(GROWTH) * 100}
    assert decided(50, 100, target_se=0.001, max=700).wanted == {"s": 700}


def test_at_the_most_a_point_says_what_it_would_take() -> None:
    found = decided(5_000, 10_000, target_se=0.001, max=10_000)
    assert (found.why, found.wanted) == (AT_MAX, {"s": 10_000})
    assert found.needs == pytest.approx(250_000, rel=1e-6)
    assert decided(50, 100, MOST_ROUNDS, target_se=0.001).why == AT_ROUNDS


def test_shots_that_all_agree_do_not_prove_certainty() -> None:
    """Half a shot at each end: (0.5/101)(100.5/101) is the variance, so 0.007 the error."""
    found = decided(0, 100, target_se=0.005)
    assert found.why == MORE
    assert found.errors["z"] == pytest.approx(math.sqrt(0.5 * 100.5 / 101**2 / 100) / 0.005)


def test_relative_targets_are_shares_of_the_value() -> None:
    share = decided(400, 1000, target_se=0.05, relative=True).errors["z"]
    assert share == pytest.approx(math.sqrt(0.24 / 1000) / (0.05 * 0.4), rel=0.01)
    assert decided(0, 100, target_se=0.05, relative=True, max=150).wanted == {"s": 150}


def test_a_width_is_reached_when_the_interval_is_as_narrow() -> None:
    wish = accuracy(target_se=None, target_width=0.1)  # type: ignore[arg-type]
    figures = of_ones(50, 100)
    assert decide(wish, figures, {"s": 100}, 0).why == REACHED
    half = accuracy(target_se=None, target_width=0.05)  # type: ignore[arg-type]
    assert decide(half, figures, {"s": 100}, 0).wanted == {"s": 400}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 9.0), st.integers(10, 500)), min_size=1, max_size=4),
    st.floats(0.01, 0.5),
)
def test_settings_share_shots_as_costs_least(parts: list[tuple[float, int]], target: float) -> None:
    """Neyman: in proportion to the deviations, unless a setting has more already."""
    spreads = {str(at): Spread(n, v, v) for at, (v, n) in enumerate(parts)}
    had = {str(at): n for at, (_, n) in enumerate(parts)}
    found = shots_for(Figure(0.0, 1.0, spreads), had, target)
    assert all(found[key] >= had[key] for key in had)
    error = math.sqrt(sum(each.variance / found[key] for key, each in spreads.items()))
    if found == had:
        return
    assert error <= target * (1 + 1e-9)
    assert error >= target * (1 - 1e-6)
    grown = [
        found[k] / math.sqrt(spreads[k].variance) for k in had if found[k] > had[k] * (1 + 1e-9)
    ]
    kept = [had[k] / math.sqrt(spreads[k].variance) for k in had if found[k] == had[k]]
    assert max(grown) <= min(grown) * (1 + 1e-6)
    assert all(scale >= min(grown) * (1 - 1e-6) for scale in kept)


def test_each_of_several_numbers_is_to_be_reached() -> None:
    wish = Accuracy.model_validate({"of": ("a", "b"), "target_se": 0.01, "min": 100})
    figures = {"a": of_ones(250, 500)["z"], "b": of_ones(5, 500)["z"]}
    found = decide(wish, figures, {"s": 500}, 0)
    assert found.wanted == {"s": 2500}
    assert found.errors["b"] < 1 < found.errors["a"]


def test_what_was_decided_is_read_as_it_was_written() -> None:
    from qbatch.accuracy.kept import ROUND, History, dump_round

    wish, first = accuracy(max=700), decided(50, 100, max=700)
    second = decided(350, 700, 1, max=700)
    meta = {f"{ROUND}{n}": dump_round([("p", wish, each)]) for n, each in ((1, first), (2, second))}
    history = History.of(meta)
    assert (history.rounds, history.bought("s", wish)) == (2, 1)
    assert history.latest("s", wish) == second
    assert history.latest("s", accuracy(max=900)) is None
