"""Which samples of one circuit may be counted together: those that differ by chance alone.

Two samples of single shots are compared outcome by outcome, the most frequent of both together
first: how often each came, by Fisher's exact test, times the number of outcomes compared. So the
p-value is right for few shots, too. Over all points and samples the chance that any is left out
which is of the same distribution is `ALARM` at most (`homogeneity.family`: Holm's procedure over
those tests that could have told anything).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qbatch.result.counts import Counts
from qbatch.result.homogeneity import family, fisher_p, smallest_p

#: Chance that any sample is left out where none differs.
ALARM = 0.01

#: Outcomes compared; of a circuit with more, the most frequent.
MOST_OUTCOMES = 16

Outcomes = Mapping[str, int]


def two_samples_p(one: Outcomes, other: Outcomes) -> float:
    """Return how likely chance alone makes two samples differ so much or more, at most.

    >>> round(two_samples_p({"0": 500, "1": 500}, {"0": 600, "1": 400}), 6)
    8e-06
    """
    shots, others = sum(one.values()), sum(other.values())
    compared = _compared(one, other)
    least = min(
        (fisher_p(one.get(each, 0), shots, other.get(each, 0), others) for each in compared),
        default=1.0,
    )
    return min(1.0, least * len(compared))


def _compared(one: Outcomes, other: Outcomes) -> list[str]:
    """The outcomes that are compared; of two the first says all. Who got which decides nothing."""
    both = {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
    names = sorted(both, key=lambda name: (-both[name], name))
    return names[:1] if len(names) <= 2 else names[:MOST_OUTCOMES]


def that_differ(
    pairs: Sequence[tuple[Counts, Counts]], alarm: float = ALARM
) -> list[tuple[bool, float]]:
    """Say of each pair of samples whether they differ by more than chance, and the p-value.

    Args:
        pairs: Of the same registers.
        alarm: Chance that any is said to differ where none does.
    """
    told = [(one.to_dict(), other.to_dict()) for one, other in pairs]
    p_values = [two_samples_p(*each) for each in told]
    least = [
        min(1.0, smallest_p((sum(a.values()), sum(b.values()))) * len(_compared(a, b)))
        for a, b in told
    ]
    found = family(p_values, least, alarm)
    return [(each is True, p) for each, p in zip(found, p_values, strict=True)]
