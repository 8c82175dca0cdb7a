"""A difference in words for a terminal, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from qbatch.difference.circuits import ChangedCircuit
from qbatch.difference.facts import MOMENTS, differing, together
from qbatch.difference.judging import Difference, NumberChange, Word
from qbatch.difference.references import MachineChange
from qbatch.difference.sides import Asked
from qbatch.difference.standing import Standing, standings
from qbatch.instants import told_if_known
from qbatch.notation import listed
from qbatch.report.numbers import count_of, interval, p_text, plain, with_error
from qbatch.result import Estimate

#: Points told of each number, and of each side alone.
MOST_TOLD = 5
#: Circuits that changed, and lines of each; JSON has all.
MOST_CIRCUITS = 3
MOST_LINES = 24
#: Facts told; JSON and the page have all.
MOST_FACTS = 20


def lines(found: Difference) -> Iterator[tuple[str, str]]:
    """Yield (word, line) of what a person is told.

    The word is "" where a line has none; of a line of a circuit it is "-", "+" or "…", as that
    begins.
    """
    order = list(standings(found))
    yield from (("", line) for line in head(found))
    yield from (("", f"   {side.assumed}") for side in found.sides if side.assumed)
    yield from (("", line) for line in _facts(found))
    yield from _circuits(found)
    yield from (("", f"   {line}") for line in machine_lines(found))
    compared = len({one.asked for one in found.changes})
    points = count_of(compared, "pair" if found.values else "point")
    where = f"{points} of points" if found.values else f"{points} that both have"
    yield (
        "",
        f"{count_of(len(found.changes), 'comparison')} at {where}; all together "
        f"{found.error_rate:.3g} chance of any false alarm (Holm)",
    )
    if found.alike:
        yield (
            "",
            f"{count_of(found.alike, 'point')} with one id and equal counts: both have the "
            "same jobs, or a simulator drew the same shots; another seed draws others",
        )
    for number, changes in found.numbers.items():
        if ordered := [one for one in order if one.number == number]:
            yield next(iter(_number(number, changes, found.name)))
            yield from _order(ordered)
        else:
            yield from _number(number, changes, found.name)
    for number, why in found.left_out.items():
        yield "", f"           {number} {why}"
    for side, only in zip("AB", found.only, strict=True):
        if only:
            where = "measured with one alone" if found.values else f"only in {side}"
            yield "", f"{where}: {_asked(only)}"


def head(found: Difference) -> list[str]:
    """Say what is compared."""
    here, there = found.sides
    if len(found.values) > 2:
        values = listed([*map(plain, found.values)])
        return [f"{here.name}: the {len(found.values)} values of {found.axis}: {values}"]
    sides = zip("AB", (here, there), strict=True)
    return [f"{n}  {side.name}: {count_of(len(side.told), 'measured point')}" for n, side in sides]


def _facts(found: Difference) -> Iterator[str]:
    here, there = found.sides
    facts = together(differing(here.facts, there.facts))
    for side in found.sides:
        if not side.facts:
            yield f"Of {side.name} numbers alone are read: no manifest, versions or calibrations."
    for name, one, other in facts[:MOST_FACTS]:
        if name in MOMENTS:
            one, other = told_if_known(one), told_if_known(other)
        yield f"   {name}: {one} → {other}"
    if len(facts) > MOST_FACTS:
        yield f"   and {len(facts) - MOST_FACTS} more: --json has them"


def _circuits(found: Difference) -> Iterator[tuple[str, str]]:
    for one in found.circuits[:MOST_CIRCUITS]:
        yield "", f"   circuit {circuit_head(one, found)}"
        for line in one.change.folded(MOST_LINES) if one.change else ():
            yield line.sign.strip(), f"     {line}"
    if len(found.circuits) > MOST_CIRCUITS:
        left = len(found.circuits) - MOST_CIRCUITS
        yield "", f"   and {left} more changes of circuits: --json has them"


def machine_lines(found: Difference) -> Iterator[str]:
    """Say what references tell of each machine."""
    for one in found.machines:
        for side, drift in zip("AB", one.drifts, strict=True):
            if drift:
                yield f"{one.backend}{'' if found.values else f' in {side}'}: {drift}"
        if one.here is not None and one.there is not None and one.p_value is not None:
            shares = f"{_value(one.here)} → {_value(one.there)}, {p_text(one.p_value)}"
            verdict = (
                "the machine changed between the runs" if one.is_changed else "no change is seen"
            )
            yield f"{one.backend}: references, share of {one.outcome}: {shares}: {verdict}"


def circuit_head(one: ChangedCircuit, found: Difference) -> str:
    """Name a circuit that changed, where several did with the first of its points."""
    more = f" and {len(one.asked) - 1} more" if len(one.asked) > 1 else ""
    where = f" at {found.name(one.asked[0])}{more}" if len(found.circuits) > 1 else ""
    if one.sent_to:
        angles = ", parameters at 0.5" if one.asked[0].parameters else ""
        where = f" as sent to {one.sent_to}{where}{angles}"
    return f"{one.name}{where}: {one.change or 'another text, too long to be kept'}"


def summed_up(changes: Sequence[NumberChange]) -> tuple[Word, str, list[NumberChange]]:
    """Return the most telling word of a number's changes, how many of each, and the clearest first.

    Where all are the same, none is told.
    """
    words = Counter(one.word for one in changes)
    word = next(word for word in Word if words[word])
    told = ", ".join(f"{words[each]} {each}" for each in Word if words[each])
    notable = [one for one in changes if one.word is word and word is not Word.SAME]
    return word, told, sorted(notable, key=lambda one: (one.p_value, -abs(one.change)))


def _number(
    number: str, changes: Sequence[NumberChange], name: Callable[[Asked], str]
) -> Iterator[tuple[str, str]]:
    word, told, notable = summed_up(changes)
    seen = sorted(one.detectable for one in changes)
    power = " to ".join(dict.fromkeys(f"{each:.2g}" for each in (seen[0], seen[-1])))
    yield (
        word,
        f"{number}  ({told}; a change of {power} would have been seen 4 times out of 5)",
    )
    for one in notable[:MOST_TOLD]:
        yield "", f"           {sentence(one, name)}"
    if len(notable) > MOST_TOLD:
        yield "", f"           and {len(notable) - MOST_TOLD} more: --json has them"


def _order(standings: Sequence[Standing]) -> Iterator[tuple[str, str]]:
    for one in standings[:MOST_TOLD]:
        yield "", f"           {one}"
    if len(standings) > MOST_TOLD:
        yield "", f"           and {len(standings) - MOST_TOLD} more: --json has them"


def sentence(one: NumberChange, name: Callable[[Asked], str]) -> str:
    """One comparison in a line, its point as `name` has it."""
    number = f"{one.number} " if one.number.startswith("P(") else ""
    why = f"; {one.reason}" if one.reason else ""
    values = f"{number}{_value(one.here)} → {_value(one.there)}"
    change = f"{one.change:+.3g} {interval(one.low, one.high)}"
    return f"{name(one.asked)}: {values}, change {change}, {p_text(one.p_value)}{why}"


def _value(estimate: Estimate) -> str:
    return with_error(estimate.value, estimate.se)


def _asked(only: Sequence[Asked]) -> str:
    more = f", and {len(only) - MOST_TOLD} more" if len(only) > MOST_TOLD else ""
    return "; ".join(map(str, only[:MOST_TOLD])) + more


def as_json(found: Difference) -> dict[str, Any]:
    """All of it, for programs."""
    here, there = found.sides
    return {
        "qbatch": 1,
        "a": here.name,
        "b": there.name,
        "verdict": found.word.value,
        "error_rate": found.error_rate,
        "level": [here.level, there.level],
        "assumed": [side.assumed for side in found.sides if side.assumed],
        "facts": [
            {"name": name, "a": one, "b": other}
            for name, one, other in differing(here.facts, there.facts)
        ],
        "circuits": [_circuit(one) for one in found.circuits],
        "machines": [_machine(one) for one in found.machines],
        "changes": [_change(one, found) for one in found.changes],
        "standings": [_standing(one) for one in standings(found)],
        "only": {
            side: [_point(asked) for asked in only]
            for side, only in zip("ab", found.only, strict=True)
        },
        "not_compared": dict(found.left_out),
        "equal_counts": found.alike,
    }


def _circuit(one: ChangedCircuit) -> dict[str, Any]:
    lines = [str(line) for line in one.change.lines] if one.change else None
    return {
        "circuit": one.name,
        "sent_to": one.sent_to or None,
        "points": [_point(asked) for asked in one.asked],
        "lines": lines,
    }


def _machine(one: MachineChange) -> dict[str, Any]:
    return {
        "backend": one.backend,
        "outcome": one.outcome,
        "a": _estimate(one.here) if one.here else None,
        "b": _estimate(one.there) if one.there else None,
        "drifts": {side: drift or None for side, drift in zip("ab", one.drifts, strict=True)},
        "p_value": one.p_value,
        "changed": one.is_changed,
    }


def _standing(one: Standing) -> dict[str, Any]:
    order = [{"at": value, **_estimate(each)} for value, each in one.estimates.items()]
    return {"number": one.number, "where": one.where, "order": order, "apart": one.apart}


def _change(one: NumberChange, found: Difference) -> dict[str, Any]:
    own = [side.own(one.asked).values.get(found.axis) for side in found.sides]
    return {
        "number": one.number,
        **_point(one.asked),
        **({"pair": own} if found.axis else {}),
        "verdict": one.word.value,
        "reason": one.reason,
        "a": _estimate(one.here),
        "b": _estimate(one.there),
        "shots": list(one.shots),
        "change": one.change,
        "low": one.low,
        "high": one.high,
        "p_value": one.p_value,
        "detectable": one.detectable,
    }


def _point(asked: Asked) -> dict[str, Any]:
    shots = {} if asked.shots is None else {"shots_asked": asked.shots}
    return {
        "circuit": asked.circuit,
        "backend": asked.backend,
        "parameters": dict(asked.parameters),
        **shots,
    }


def _estimate(one: Estimate) -> dict[str, float]:
    return {"value": one.value, "se": one.se, "low": one.low, "high": one.high}
