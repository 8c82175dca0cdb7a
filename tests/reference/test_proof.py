"""The slow proof: 5,000 programs of seeds that change with nothing, every subject on some of them.

Each share stops after `SHARE_S` seconds, so that a slow machine proves less instead of failing; at
least `LEAST` of a share's programs must have been held against the reference by then.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comparing import compare
from generator import generate
from tree import Program

from tests.proving import for_a_while

PROGRAMS, SHARES = 5_000, 10
SHARE_S, LEAST = 2.0, PROGRAMS // SHARES // 12

#: Programs on which every subject is tried, at least and at most, and how long.
WHOLE_LEAST, WHOLE_MOST, WHOLE_S = 20, 100, 8.0


def _for_a_while(seed: int, least: int, most: int, seconds: float) -> Iterator[tuple[int, Program]]:
    for number in for_a_while(range(most), least, seconds):
        yield number, generate(seed, number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1000 + SHARES))
def test_thousands_of_programs_give_what_the_reference_says(seed: int) -> None:
    made = _for_a_while(seed, LEAST, PROGRAMS // SHARES, SHARE_S)
    summary = compare(made, seed, most=3, shrink_s=20.0)
    assert not summary.disagreements, "\n\n".join(map(str, summary.disagreements))
    assert summary.programs >= LEAST


@pytest.mark.slow
def test_every_subject_agrees_on_every_program_that_it_takes() -> None:
    made = _for_a_while(77, WHOLE_LEAST, WHOLE_MOST, WHOLE_S)
    summary = compare(made, 77, all_of_them=True, most=3, shrink_s=20.0)
    assert not summary.disagreements, "\n\n".join(map(str, summary.disagreements))
    assert summary.programs >= WHOLE_LEAST
