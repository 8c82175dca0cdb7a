"""Sixty random programs, held against the reference each day.

Others on demand: ``python -m tests.reference --seed S --programs N``.
"""

from __future__ import annotations

from collections import Counter

import pytest
from comparing import compare, difference, oddness
from evaluator import evaluate
from generator import QELIB1, STDGATES, generate
from grammar import tokens_of
from subjects import SUBJECTS

from tests.daily import mostly_slow

SEED = 20
PROGRAMS, SHARE = 60, 15


@pytest.mark.parametrize("first", mostly_slow(range(0, PROGRAMS, SHARE), daily=1))
def test_programs_give_what_the_reference_says(first: int) -> None:
    numbers = range(first, first + SHARE)
    made = ((number, generate(SEED, number)) for number in numbers)
    summary = compare(made, SEED, most=3, shrink_s=15.0)
    assert not summary.disagreements, "\n\n".join(map(str, summary.disagreements))
    assert summary.exact > SHARE / 2


def test_programs_are_the_same_each_time_and_mean_what_they_mean_in_any_white_space() -> None:
    rough = 0
    for number in range(60):
        program = generate(3, number)
        assert program == generate(3, number)
        if program.roughness is not None:
            plain = program.text
            assert [t.text for t in tokens_of(plain)] == [
                t.text for t in tokens_of("\n".join(plain.splitlines()))
            ]
            rough += 1
    assert rough > 10


def test_programs_use_all_of_both_languages() -> None:
    seen: Counter[str] = Counter()
    for number in range(700):
        program = generate(SEED, number)
        seen.update(token.text for token in tokens_of(program.text))
    assert [name for name in {**STDGATES, **QELIB1} if not seen[name]] == []
    words = (
        "input ctrl negctrl inv pow gphase let for while switch case default if else def return "
        "const reset measure barrier delay box gate == != < <= > >= && || ! ~ & | ^ << >> ++ -> **"
    )
    assert [word for word in words.split() if not seen[word]] == []


def test_a_difference_of_a_billionth_is_seen_and_rounding_is_not() -> None:
    assert difference({"0": 0.5, "1": 0.5}, {"0": 0.5 + 3e-9, "1": 0.5 - 3e-9})
    assert not difference({"0": 0.5, "1": 0.5}, {"0": 0.5 + 1e-12, "1": 0.5 - 1e-12})


def test_counts_are_odd_only_where_they_are_improbable() -> None:
    fair = {"0": 0.5, "1": 0.5}
    assert oddness(fair, {"0": 520, "1": 480})[0] < 3
    assert oddness(fair, {"0": 700, "1": 300})[0] > 31
    assert oddness({"0": 1.0}, {"0": 999, "1": 1})[0] > 10


def test_every_subject_takes_a_plain_program() -> None:
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; '
        "h q[0]; cx q[0], q[1]; c = measure q;"
    )
    for subject in SUBJECTS.values():
        if subject.name.startswith(("stim+", "stabilizer+")):
            continue  # not every noise is theirs
        answer = subject.answer(text, ({},), 200, 1)
        expected = evaluate(text, None, subject.noise)
        for found in answer.found:
            assert {*found} <= {*expected}
