"""Numbers that a person's own function makes of counts.

A function takes a point's counts, and what else it is given by name, and returns its numbers, each
with an error: an `Estimate`, or the value and its standard error, from which the interval is made
as of a normal distribution. How often that interval holds the truth is the function's own matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean, listed
from qbatch.result.estimate import Estimate
from qbatch.result.intervals import normal_quantile

if TYPE_CHECKING:
    from qbatch.result.counts import Counts

#: A number: an estimate, or (value, standard error).
Number = Estimate | tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One point of a group, as a function of groups is given it.

    Attributes:
        parameters: Axis -> value: circuit, backend, shots, repeat and every parameter.
        counts: Of its circuit as it is written.
        by_setting: Of each setting: "" as the circuit is written, "X0 Y1" in that basis.
        estimates: Number of the analysis -> estimate.
    """

    parameters: Mapping[str, bool | int | float | str]
    counts: Counts
    by_setting: Mapping[str, Counts]
    estimates: Mapping[str, Estimate]


class AnalysisFunction(Protocol):
    """What may stand in ``analysis: {own: …}``, or be an entry point of `qbatch.analyses`.

    The counts come first (of a group, with `over`, a list of `Measurement`), arguments of ``with``
    by name; one that is called `level` is given the level of the manifest's intervals. A function
    of one number may return it without its name.
    """

    def __call__(self, counts: Any, /, *args: Any, **named: Any) -> Mapping[str, Number] | Number:
        """Return each number by its name."""
        ...


class OwnNumbersError(Exception):
    """An own analysis gives no numbers at a point; the message says where it stands, and why."""


class OwnLike(Protocol):
    """`manifest.own.OwnAnalysis`, as far as it is needed here."""

    @property
    def returns(self) -> Sequence[str]: ...
    @property
    def place(self) -> str: ...

    def measure(self, counts: Counts | Sequence[Measurement], level: float) -> Any:
        """Call the function.

        Raises:
            OwnNumbersError: It cannot be called, or raised.
        """
        ...


def measure_own(
    counts: Counts, analyses: Mapping[str, OwnLike], level: float
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Compute the numbers of own analyses; and tell those that gave none: name -> why."""
    found: dict[str, Estimate] = {}
    failed = {}
    for name, own in analyses.items():
        try:
            found |= own_numbers(own, counts, level)
        except OwnNumbersError as error:
            failed[name] = str(error)
    return found, failed


def own_numbers(
    own: OwnLike, counts: Counts | Sequence[Measurement], level: float
) -> dict[str, Estimate]:
    """Return an own analysis' numbers, in the order in which the manifest names them.

    Args:
        own: The analysis.
        counts: Of a point; of a group each of its points.
        level: Of intervals.

    Raises:
        OwnNumbersError: The function raised, or returned other numbers than the manifest names, or
            what is no number.
    """
    answer = own.measure(counts, level)
    try:
        return _named(answer, list(own.returns), level)
    except OwnNumbersError as error:
        raise OwnNumbersError(f"{own.place}: {error}" if own.place else str(error)) from error


def _named(answer: Any, names: Sequence[str], level: float) -> dict[str, Estimate]:
    if not isinstance(answer, Mapping):
        if len(names) > 1:
            raise OwnNumbersError(
                f"it returned a {type(answer).__name__}; return {listed(names)} by name"
            )
        answer = {names[0]: answer}
    for name in answer:
        if name not in names:
            hint = did_you_mean(str(name), names)
            raise OwnNumbersError(
                f"it returned {name!r}, which `numbers` does not name ({listed(names)}){hint}"
            )
    if missing := [name for name in names if name not in answer]:
        raise OwnNumbersError(
            f"it returned no {listed(missing)}, which `numbers` names; return all of them"
        )
    return {name: _estimate(name, answer[name], level) for name in names}


def _estimate(name: str, found: Any, level: float) -> Estimate:
    if isinstance(found, Estimate):
        made = found
    else:
        value, se = _pair(name, found)
        away = normal_quantile(level) * se
        made = Estimate(value, se, value - away, value + away)
    ends = (made.value, made.se, made.low, made.high, *made.judged)
    if not all(map(math.isfinite, ends)):
        raise OwnNumbersError(
            f"{name} is {made.value:g} ± {made.se:g}, which is not finite; return finite numbers"
        )
    if made.se < 0 or not made.low <= made.value <= made.high:
        raise OwnNumbersError(
            f"{name} is {made.value:g} ± {made.se:g} in [{made.low:g}, {made.high:g}]; the error "
            "must not be negative, and the interval must hold the value"
        )
    return made


def _pair(name: str, found: Any) -> tuple[float, float]:
    try:
        value, se = found
        return _real(value), _real(se)
    except (TypeError, ValueError) as error:
        shown = repr(found)[:60]
        raise OwnNumbersError(
            f"{name} is {shown}; return an Estimate, or (value, standard error)"
        ) from error


def _real(number: Any) -> float:
    if isinstance(number, bool | str | bytes):
        raise TypeError("no number")
    return float(number)
