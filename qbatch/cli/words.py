"""Sentences that several verbs say."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qbatch.plan import PlanSummary
    from qbatch.plan.pricing.spans import Span


def typed_command() -> str:
    """The command as it was typed, without what looks like a credential; "" where none was."""
    from qbatch.cli.group import TYPED
    from qbatch.exchange.secrets import SECRETS

    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    words = context.meta[TYPED]
    return SECRETS.sub("[left out]", shlex.join(["qbatch", *words]))


def headline(
    name: str,
    summary: PlanSummary,
    *,
    is_priced: bool = True,
    times: Mapping[str, Span | None] | None = None,
) -> str:
    """A plan in a line: ``bell: 18 points, 66 600 shots, 18 jobs in 2 composite jobs, free``.

    Args:
        name: "" for none.
        summary: Of all, or of what this call would add.
        is_priced: Nothing of it is bought already: say what it costs and how long it takes.
        times: Backend -> how long its share takes; None: only what nothing holds up is told.
    """
    from qbatch.notation import duration, whole
    from qbatch.plan.pricing.spans import together
    from qbatch.report.numbers import count_of

    points = count_of(summary.points, "point")
    if summary.shared:
        points += f" ({whole(summary.shared)} bought with another)"
    if summary.settings > summary.points - summary.shared:
        points += f" in {count_of(summary.settings, 'setting')}"
    parts = [points, count_of(summary.shots, "shot")]
    jobs = count_of(summary.jobs, "job")
    if summary.composite_jobs is not None:
        jobs += f" in {count_of(summary.composite_jobs, 'composite job')}"
    if not is_priced:
        return _named(name, [*parts, jobs])
    prices = [
        told_price(price, unit, summary.certainty(unit)) + _emulated(summary, unit)
        for unit, price in summary.prices.items()
    ]
    prices += [f"{unit} as quoted{_emulated(summary, unit)}" for unit in quoted_units(summary)]
    if not_told := summary.not_told:
        prices.append(f"a price that is not told at {', '.join(not_told)}")
    parts += [jobs, " + ".join(prices) or "free"]
    if (span := together(times.values()) if times else None) is not None:
        parts.append(str(span))
    elif summary.seconds is not None:
        parts.append(f"about {duration(summary.seconds)}")
    return _named(name, parts)


def _named(name: str, parts: list[str]) -> str:
    return (f"{click.style(name, bold=True)}: " if name else "") + ", ".join(parts)


def _emulated(summary: PlanSummary, unit: str) -> str:
    return f" ({told})" if (told := summary.emulated(unit)) else ""


def told_price(price: float, unit: str, certainty: str) -> str:
    """A price with how sure it is: ``at most 0.08 USD``."""
    from qbatch.notation import amount, at_most

    if certainty == "at most":
        return f"at most {at_most(price, unit)}"
    if certainty == "exact":
        return amount(price, unit)
    is_money = (
        unit in {"usd", "eur"} and price >= 0.01
    )  # an estimate is not good to a tenth of a cent
    return f"{certainty} {amount(round(price, 2) if is_money else price, unit)}"


def quoted_units(summary: PlanSummary) -> list[str]:
    """Units of the backends whose prices are known only once each job is quoted."""
    units = [
        each.unit
        for each in summary.backends
        if each.unit and each.price is None and each.backend not in summary.not_told
    ]
    return list(dict.fromkeys(units))
