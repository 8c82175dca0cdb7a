"""A pattern that is refused: what the message says to write in its place is taken."""

from __future__ import annotations

import random
import re

import pytest

from qbatch.manifest.models import Analysis
from qbatch.manifest.patterns import mistake_in
from qbatch.result import Counts, analyse

MARKS = (",", "|", ";", " and ", " or ", "&", " ", "==", ":", "=>", "+", "")
PARTS = (
    "01",
    "* 1",
    "a=0",
    "b=1*",
    "weight(a)>1",
    "weight >= 2",
    "parity(all)=odd",
    "a[0]=1",
    "ones=1",
)


@pytest.mark.parametrize("seed", range(40))
def test_what_a_message_says_to_write_is_a_pattern(seed: int) -> None:
    random_ = random.Random(seed)
    for _ in range(50):
        parts = random_.choices(PARTS, k=random_.randint(1, 3))
        pattern = random_.choice(MARKS).join(parts)
        said = mistake_in(pattern)
        for told in re.findall(r'(?:write|did you mean) "([^"]*)"', said):
            assert mistake_in(told) == "", (pattern, said)


@pytest.mark.parametrize("seed", range(10))
def test_letters_of_all_bits_are_the_same_beside_a_comma(seed: int) -> None:
    random_ = random.Random(seed)
    outcomes = {
        f"{high:02b} {low:03b}": random_.randint(1, 99) for high in range(4) for low in range(8)
    }
    counts = Counts.from_dict([("a", 3), ("b", 2)], outcomes)
    letters = " ".join("".join(random_.choices("01*", k=size)) for size in (2, 3))
    (told,) = re.findall(r'write "([^"]*)"', mistake_in(f"{letters}, weight(all)>=0"))
    patterns = {"alone": letters, "named": told}
    found = analyse(counts, Analysis.model_validate({"probabilities": patterns}))
    assert found["alone"] == found["named"]
