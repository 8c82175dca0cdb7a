"""S1: bounds of observables are attained ones, found by trying every outcome in the test."""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import bounds, parse_observable
from qbatch.result.bounds import Reach, reach_of

Terms = tuple[tuple[float, tuple[int, ...]], ...]

products = st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True)
coefficients = st.sampled_from([1.0, -1.0, 0.5, 2.0, -0.3, 1.7])
sums = st.dictionaries(products.map(lambda bits: tuple(sorted(bits))), coefficients, min_size=1)


def tried(terms: Terms) -> Reach:
    """What every choice of signs is worth."""
    bits = sorted({bit for _, product in terms for bit in product})
    worth = set()
    for signs in itertools.product((1, -1), repeat=len(bits)):
        sign = dict(zip(bits, signs, strict=True))
        total = sum(c * math.prod(sign[bit] for bit in product) for c, product in terms)
        worth.add(round(total, 9))
    return Reach(min(worth), max(worth), True, len(worth) == 2)


def assert_reach(found: Reach, expected: Reach) -> None:
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.is_attained
    assert found.is_two_valued == expected.is_two_valued


@given(sums)
def test_bounds_are_the_least_and_the_most_over_all_outcomes(
    drawn: dict[tuple[int, ...], float],
) -> None:
    terms = tuple((c, product) for product, c in drawn.items())
    assert_reach(reach_of(terms), tried(terms))


@given(sums)
def test_eliminating_bits_finds_the_same_bounds(drawn: dict[tuple[int, ...], float]) -> None:
    terms = tuple((c, product) for product, c in drawn.items())
    least, most = bounds._eliminated(terms) or (math.nan, math.nan)
    expected = tried(terms)
    assert (least, most) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("n", [3, 4, 16, 17, 18, 40, 101])
def test_a_rings_bound_knows_that_an_odd_one_is_frustrated(n: int) -> None:
    text = " + ".join(f"Z{i} Z{(i + 1) % n}" for i in range(n))
    observable = parse_observable(text, n)
    assert observable.bounds == (-(n - 2 * (n % 2)), n)
    assert observable.reach.is_attained


def test_a_ladder_of_eighty_bits_is_solved_as_a_transfer_matrix_solves_it() -> None:
    rng = random.Random(3)
    couplings = [[rng.choice((-2, -1, 1, 2)) for _ in range(3)] for _ in range(40)]
    text, best = "", dict.fromkeys(itertools.product((1, -1), repeat=2), 0)
    for i, (left, right, rung) in enumerate(couplings):
        if i:  # best[state]: the most that the rungs up to this one give, ending in `state`
            text += f" + {left} Z{2 * i - 2} Z{2 * i} + {right} Z{2 * i - 1} Z{2 * i + 1}"
            best = {
                (s, t): max(v + left * a * s + right * b * t for (a, b), v in best.items())
                for s, t in best
            }
        text += f" + {rung} Z{2 * i} Z{2 * i + 1}"
        best = {(s, t): value + rung * s * t for (s, t), value in best.items()}
    observable = parse_observable(text.replace("+ -", "- ").removeprefix(" + "), 80)
    assert observable.bounds[1] == max(best.values())
    assert observable.reach.is_attained


def test_independent_terms_take_all_signs_however_many_bits_they_read() -> None:
    text = (
        " + ".join(f"{i + 1} Z{i}" for i in range(60))
        + " - 0.5 "
        + "".join(f"Z{i}" for i in range(61))
    )
    assert parse_observable(text, 61).bounds == (-1830.5, 1830.5)


def test_bounds_that_cannot_be_found_are_wide_and_say_so() -> None:
    text = " + ".join(f"Z{i} Z{j}" for i in range(40) for j in range(i))
    observable = parse_observable(text, 40)
    assert observable.bounds == (-780, 780)
    assert not observable.reach.is_attained


@pytest.mark.parametrize(
    ("text", "is_two_valued"),
    [
        ("Z0 Z1", True),
        ("2 - 3 Z1", True),
        ("0.25 + 0.25 Z0 + 0.25 Z1 + 0.25 Z0 Z1", True),
        ("0.5 Z0 + 0.5 Z1 + 0.5 Z2 - 0.5 Z0 Z1 Z2", True),
        ("0.5 Z0 + 0.5 Z1 + 0.5 Z0 Z2 - 0.5 Z1 Z2", True),
        ("Z0 + Z1", False),
        ("Z0 + 10 Z1", False),
    ],
)
def test_a_projector_has_two_values_and_a_sum_has_more(text: str, is_two_valued: bool) -> None:
    assert parse_observable(text, 3).reach.is_two_valued == is_two_valued


# -- memory ----------------------------------------------------------------------------------------

MEASURED = """
import random, resource, tracemalloc
from qbatch.result.bounds import reach_of

rng = random.Random(1)
terms = {{}}
while len(terms) < 5000:
    terms[tuple(sorted(rng.sample({among}, rng.randint(10, 16))))] = rng.uniform(-1, 1)
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))  # an error, and not a full machine
tracemalloc.start()
found = reach_of([(c, bits) for bits, c in terms.items()])
_, peak = tracemalloc.get_traced_memory()
print(found.is_attained, found.high / sum(map(abs, terms.values())), peak)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("among", "is_attained"),
    [("range(30)", False), ("rng.choice((range(17), range(13, 30)))", True)],
    ids=["all-meet", "17-meet"],
)
def test_five_thousand_wide_terms_take_little_memory(among: str, is_attained: bool) -> None:
    """A table for each of them, of up to 2 * 2**16 numbers, would be 2 GB and more."""
    code = MEASURED.format(among=among)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    attained, share, peak = done.stdout.split()
    assert attained == str(is_attained)
    assert float(share) < 1 if is_attained else float(share) == 1
    assert int(peak) < 500e6


def test_tables_that_wait_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = [(1.0, (i, (i + 1) % 40)) for i in range(40)] + [(0.5, (i,)) for i in range(40)]
    assert reach_of(terms).is_attained
    monkeypatch.setattr(bounds, "_MOST_KEPT", 7)
    assert reach_of(terms) == Reach(-60, 60, False, False)
