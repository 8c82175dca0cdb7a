"""Comparisons across names: one backend with another, or any two values of one axis of a run.

Two values are one pair, which has a name of its own: on both sides what asks one of them asks
``ibm → oqc`` then, and is matched by all else that it asks. So the rest of a comparison, and its
error rate, knows nothing of pairs: a run's pairs are one family, as its points are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from qbatch.difference.judging import ERROR_RATE, Difference, compare
from qbatch.difference.sides import Asked, Side, Told, spread
from qbatch.errors import SelectionError
from qbatch.manifest.models import Value
from qbatch.notation import did_you_mean, is_number, listed
from qbatch.report.numbers import plain

#: Values of an axis that are compared with each other, each with each.
MOST_VALUES = 16

BACKEND = "backend"

#: What is told of two machines under one name; all else of them differs anyway.
_COMPARED = ("target", "name", "emulated")


def compare_mapped(
    here: Side,
    there: Side,
    backends: Mapping[str, str],
    *,
    error_rate: float = ERROR_RATE,
    within: Mapping[str, float] | None = None,
) -> Difference:
    """Compare two sides, some backends of the first with others of the second.

    Args:
        here: The first.
        there: The second.
        backends: Backend of the first -> of the second. Others are matched by their names.
        error_rate: Chance that anything is called changed where nothing is.
        within: As of `compare`.

    Raises:
        SelectionError: A side has no such backend, or as `compare` does.
    """
    if not backends:
        return compare(here, there, error_rate=error_rate, within=within)
    for side, names in ((here, backends), (there, backends.values())):
        known = spread(one.asked for one in side.told).get(BACKEND, [])
        for name in names:
            _check(side, BACKEND, name, known)
    if len({*backends.values()}) < len(backends):
        raise SelectionError("two backends of A are mapped to one of B; compare them one by one")
    labels = {pair: " → ".join(pair) for pair in backends.items()}
    renamed = (
        _renamed(here, {pair[0]: label for pair, label in labels.items()}),
        _renamed(there, {pair[1]: label for pair, label in labels.items()}),
    )
    found = compare(*renamed, error_rate=error_rate, within=within)
    return replace(found, axis=BACKEND)


def compare_between(
    side: Side,
    axis: str,
    texts: Sequence[str] = (),
    *,
    error_rate: float = ERROR_RATE,
    within: Mapping[str, float] | None = None,
) -> Difference:
    """Compare the values of an axis with each other, at all else that both ask.

    Args:
        side: The run.
        axis: ``backend``, ``circuit``, or a parameter.
        texts: Those of its values that are meant, in the order in which they are compared; none:
            all, as the run has them.
        error_rate: Chance that anything is called changed where nothing is, of all pairs.
        within: As of `compare`.

    Raises:
        SelectionError: There is no such axis or value, or as `compare` does.
    """
    values = _values_of(side, axis, texts)
    told = [_pairs_of(side, axis, values, at) for at in (0, 1)]
    names = [f"{side.name}, {axis}={plain(value)}" for value in values[:2]]
    if len(values) > 2:
        names = [side.name, side.name]
    here, there = (
        replace(side, name=name, told=renamed, asked_as=asked_as)
        for name, (renamed, asked_as) in zip(names, told, strict=True)
    )
    found = compare(here, there, error_rate=error_rate, within=within)
    return replace(found, axis=axis, values=values)


def _values_of(side: Side, axis: str, texts: Sequence[str]) -> list[Value]:
    axes = spread(one.asked._replace(shots=None) for one in side.told)
    if axis == "shots":
        raise SelectionError("shots say how well a number is known; compare between another axis")
    if axis not in axes:
        hint = did_you_mean(axis, [*axes]) or f"; it has {listed([*axes])}"
        raise SelectionError(f"{side.name} has no axis {axis!r}{hint}")
    known = axes[axis]
    values = [_value(side, axis, text, known) for text in texts] or known
    if len({*values}) < len(values):
        raise SelectionError(f"a value of {axis} is named twice; write each once")
    if len(values) < 2:
        raise SelectionError(
            f"{side.name}: {axis} has one value only, {plain(values[0])}; two are compared"
        )
    if len(values) > MOST_VALUES:
        raise SelectionError(
            f"{side.name}: {axis} has {len(values)} values, of which {MOST_VALUES} at most are "
            "compared with each other; name those that are meant: --between "
            f"{axis}={plain(values[0])},{plain(values[1])}"
        )
    return values


def _value(side: Side, axis: str, text: str, known: Sequence[Value]) -> Value:
    for value in known:
        if text == plain(value) or (is_number(value) and _as_number(text) == value):
            return value
    _check(side, axis, text, known)
    return text


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check(side: Side, axis: str, value: str, known: Sequence[Value]) -> None:
    """See that a side has a value.

    Raises:
        SelectionError: It has not.
    """
    if value not in known:
        texts = [*map(plain, known)]
        more = ", …" if len(texts) > MOST_VALUES else ""
        hint = did_you_mean(value, texts) or f"; it has {listed(texts[:MOST_VALUES])}{more}"
        raise SelectionError(f"{side.name} has no {axis} {value!r}{hint}")


# -- names -----------------------------------------------------------------------------------------


def renamed_at(asked: Asked, axis: str, value: Value) -> Asked:
    """What is asked, with another value of an axis."""
    if axis == BACKEND:
        return asked._replace(backend=str(value))
    if axis == "circuit":
        return asked._replace(circuit=str(value))
    parameters = ((name, value if name == axis else each) for name, each in asked.parameters)
    return asked._replace(parameters=tuple(parameters))


def _pairs_of(
    side: Side, axis: str, values: Sequence[Value], at: int
) -> tuple[list[Told], dict[Asked, Asked]]:
    """The points that are first, or second, in pairs of values, under the pairs' names."""
    pairs = [(pair[at], " → ".join(map(plain, pair))) for pair in combinations(values, 2)]
    told = ((one, one.asked.values.get(axis)) for one in side.told)
    found = [(one, label) for one, value in told for mine, label in pairs if mine == value]
    return _under_names(found, axis)


def _under_names(
    found: Iterable[tuple[Told, str]], axis: str
) -> tuple[list[Told], dict[Asked, Asked]]:
    told: list[Told] = []
    asked_as: dict[Asked, Asked] = {}
    for one, label in found:
        asked = renamed_at(one.asked, axis, label)
        told.append(replace(one, asked=asked))
        for shots in (asked.shots, None):  # whether or not they count as asked
            asked_as[asked._replace(shots=shots)] = one.asked._replace(shots=shots)
    return told, asked_as


def _renamed(side: Side, labels: Mapping[str, str]) -> Side:
    """A side some of whose backends have another name; what is known of them, too."""
    pairs = [(one, labels.get(one.asked.backend, one.asked.backend)) for one in side.told]
    told, asked_as = _under_names(pairs, BACKEND)
    named = ((_fact(name, labels), value) for name, value in side.facts.items())
    facts = {name: value for name, value in named if name}
    return replace(side, told=told, asked_as=asked_as, facts=facts)


def _fact(name: str, labels: Mapping[str, str]) -> str:
    """The name of a fact under the new names; "" of what two machines never have alike."""
    if name.removeprefix("accounts.") in labels:
        return ""
    for head in ("manifest.backends.", "targets."):
        if name.startswith(head):
            backend, _, rest = name.removeprefix(head).partition(".")
            if backend in labels and head == "targets." and rest not in _COMPARED:
                return ""
            return f"{head}{labels.get(backend, backend)}.{rest}"
    return name
