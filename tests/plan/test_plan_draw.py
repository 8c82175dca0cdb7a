from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qbatch.plan.geometry.draw import Shuffle, find_repeated, threshold

words = st.integers(0, 50) | st.integers(0, 2**64 - 1)


@given(st.integers(1, 600), st.integers(0, 2**63 - 1))
def test_a_shuffle_is_a_permutation(size: int, seed: int) -> None:
    shuffle = Shuffle(size, seed)
    assert sorted(shuffle[number] for number in range(size)) == list(range(size))


def test_a_shuffle_is_that_of_every_other_machine() -> None:
    shuffle = Shuffle(10, 7)
    assert [shuffle[number] for number in range(10)] == SHUFFLED


@given(st.lists(words, min_size=1), st.data())
def test_the_threshold_is_the_nth_smallest(ranks: list[int], data) -> None:
    n = data.draw(st.integers(1, len(ranks)))
    assert threshold(ranks, n) == sorted(ranks)[n - 1]


@given(st.lists(words))
def test_exactly_the_repeated_digests_are_found(digests: list[int]) -> None:
    assert find_repeated(digests) == {d for d in digests if digests.count(d) > 1}


#: Written down once: it must never change, or plans would run in another order.
SHUFFLED = [9, 7, 1, 3, 8, 5, 6, 2, 4, 0]
