"""What the numbers of a report mean, in paragraphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.report.comparing import ALARM

if TYPE_CHECKING:
    from qbatch.report.content import Content


def how_to_read(content: Content) -> list[str]:
    """Paragraphs that say what the numbers mean."""
    level = content.level
    paragraphs = [
        "0.9120(28) is the value 0.9120 with a standard error of 0.0028: the digits in parentheses "
        "count in the last places shown. Where all shots agree there is no standard error: "
        "1.000(+0−37) has an interval that reaches 0.037 below the value and not above it.",
        f"[0.906, 0.917] is the {level} interval: of many such experiments about {level} have the "
        "true value inside theirs. Intervals of what has two values (a probability, one product "
        "of Z) are Wilson's; those of sums are empirical likelihood's, with the full variance of "
        "the sum per shot. They keep a width even when all shots agree: a hundred equal shots "
        "prove nothing to the last digit.",
        "Bitstrings: the rightmost character is bit 0 of its register; the last register declared "
        "stands leftmost. Z2 in an observable is classical bit 2, counted through the registers in "
        "the order declared.",
    ]
    if content.manifest.checks:
        more = content.manifest.analysis.mitigation.narrowing("*")
        paragraphs.append(
            "Checks are judged on an interval, never on the value alone, and on one that is "
            "wrong no oftener than its level says on either side (Clopper and Pearson's for what "
            "has two values): it may be wider than the one told. x >= a passes when the "
            "whole interval lies at or above a, fails when all of it lies below, and is undecided "
            f"in between: {more} would tell. x == a passes when a lies in the interval, that "
            "is, when the shots are consistent with it."
        )
    if content.manifest.analysis.distribution is not None:
        paragraphs.append(
            "Distances of finitely many shots are never zero: the floor is what a perfect device "
            "would show on average with as many shots. A distance near its floor says no more than "
            "that. Intervals of distances are conservative."
        )
    if content.agreement:
        paragraphs.append(
            "Backends agree on a setting (a circuit with its parameters) when a test finds no "
            "more between their shots than chance: Fisher's exact test for two backends and a "
            "number of two values, else χ², whose tail is drawn at random where there are few "
            "shots. All settings and numbers are corrected for together (Holm): were all backends "
            f"alike, the chance that any is told to differ is {ALARM:.0%} at most. p is each "
            "test's own. Where no result could have told backends apart, it says so."
        )
    return paragraphs
