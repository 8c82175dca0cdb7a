"""Faults made on purpose are seen, and shown as programs of a few lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from comparing import Disagreement, Verdict, judge, smallest
from generator import generate
from grammar import tokens_of
from subjects import SUBJECTS, Answer, Subject

from tests.daily import mostly_slow

PROGRAMS, ENOUGH = 150, 4


def _rewritten(change: Callable[[list[str]], list[str]]) -> Subject:
    """Let a simulation compute a changed text instead of the program."""
    whole = SUBJECTS["statevector"]

    def answer(text: str, *rest: object) -> Answer:
        words = change([token.text for token in tokens_of(text)])
        return whole.answer(" ".join(words), *rest)  # type: ignore[arg-type]

    return replace(whole, answer=answer)


def an_angle_dropped() -> Subject:
    def change(words: list[str]) -> list[str]:
        found: list[str] = []
        depth = 0
        for at, word in enumerate(words):
            if depth:
                depth += (word == "(") - (word == ")")
                found += ["0", ")"] if depth == 0 else []
                continue
            found.append(word)
            if word == "(" and words[at - 1] in ("cp", "crx", "cry", "crz"):
                depth = 1
        return found

    return _rewritten(change)


def a_phase_dropped() -> Subject:
    """Leave out what only a control can see: U's own factor, and p's against rz."""
    poorer = {"U": "u3", "p": "rz", "phase": "rz", "u1": "rz"}
    return _rewritten(lambda words: [poorer.get(word, word) for word in words])


def a_bit_order_swapped() -> Subject:
    whole = SUBJECTS["statevector"]

    def answer(*asked: object) -> Answer:
        right = whole.answer(*asked)  # type: ignore[arg-type]
        turned = [{_turned(key): share for key, share in one.items()} for one in right.found]
        return replace(right, found=turned)

    return replace(whole, answer=answer)


def _turned(key: str) -> str:
    return " ".join(word[::-1] for word in key.split(" "))


def a_turn_backwards() -> Subject:
    """Let numpy turn rx the wrong way, unguarded (the guard refuses: ``test_fused``)."""
    whole = SUBJECTS["automatic"]

    def answer(*asked: object) -> Answer:
        from qbatch.providers.local import engine
        from qbatch.providers.local.fused.matrices import CELLS

        right, guarded = CELLS["rx"], engine.held
        engine.forget()
        CELLS["rx"], engine.held = (lambda theta: right(-theta)), (lambda *_: None)  # type: ignore
        try:
            return whole.answer(*asked)  # type: ignore[arg-type]
        finally:
            CELLS["rx"], engine.held = right, guarded  # type: ignore[index]
            engine.forget()

    return replace(whole, answer=answer)


def disagreements(subject: Subject) -> Sequence[Disagreement]:
    found = []
    for number in range(PROGRAMS):
        program = generate(5, number)
        if program.version == 3 and program.kind in ("plain", "dynamic"):
            verdict: Verdict = judge(program, subject)[0]
            if verdict.kind == "wrong":
                found.append(Disagreement(program, subject.name, verdict))
        if len(found) == ENOUGH:
            break
    return found


@pytest.mark.parametrize(
    "broken",
    mostly_slow([a_phase_dropped, an_angle_dropped, a_bit_order_swapped, a_turn_backwards]),
)
@pytest.mark.slow
def test_a_fault_made_on_purpose_is_seen_and_shown_in_a_few_lines(
    broken: Callable[[], Subject],
) -> None:
    subject = broken()
    found = disagreements(subject)
    assert found
    least = min(found, key=lambda one: len(one.program.text))
    small = smallest(least, subject, at_most_s=10.0)
    assert small.verdict.kind == "wrong"
    assert len(small.program.text.splitlines()) <= 15, str(small)
    assert "the reference says" in str(small)
