"""The slow proof: 5,000 programs of seeds that change with nothing, every subject on some of them.

Each share stops after `SHARE_S` seconds, so that a slow machine proves less instead of failing; at
least `LEAST` of a share's programs must have been held against the reference by then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from comparing import compare
from generator import generate
from tree import Program

PROGRAMS, SHARES = 5_000, 10
SHARE_S, LEAST = 60.0, PROGRAMS // SHARES * 2 // 5


def _for_a_while(seed: int) -> Iterator[tuple[int, Program]]:
    end = time.monotonic() + SHARE_S
    for number in range(PROGRAMS // SHARES):
        if number < LEAST or time.monotonic() < end:
            yield number, generate(seed, number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1000 + SHARES))
def test_thousands_of_programs_give_what_the_reference_says(seed: int) -> None:
    summary = compare(_for_a_while(seed), seed, most=3, shrink_s=20.0)
    assert not summary.disagreements, "\n\n".join(map(str, summary.disagreements))
    assert summary.programs >= LEAST


@pytest.mark.slow
def test_every_subject_agrees_on_every_program_that_it_takes() -> None:
    made = ((number, generate(77, number)) for number in range(60))
    summary = compare(made, 77, all_of_them=True, most=3, shrink_s=20.0)
    assert not summary.disagreements, "\n\n".join(map(str, summary.disagreements))
