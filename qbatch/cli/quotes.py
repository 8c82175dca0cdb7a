"""What clouds quoted for a plan, as a person reads it, and as JSON has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.cli.tables import format_table
from qbatch.notation import amount, whole

if TYPE_CHECKING:
    from qbatch.plan.pricing.quotes import BackendQuotes


def quotes_table(quoted: Sequence[BackendQuotes]) -> str:
    """A row for each way to buy all jobs of a backend, the cheapest first; "" without any."""
    rows = [
        [
            each.backend,
            whole(each.jobs) + ("" if each.jobs == each.of else f" of {whole(each.of)}"),
            way.title,
            amount(way.price, each.unit) + (" (emulated)" if each.is_emulated else ""),
            "chosen" if way.is_chosen else "",
        ]
        for each in quoted
        for way in each.quotes
    ]
    head = ["quoted by", "jobs", "plan and priority", "price", ""]
    return format_table(head, rows, indent="  ") if rows else ""


def quotes_facts(quoted: Sequence[BackendQuotes]) -> dict[str, Any]:
    """Backend -> jobs quoted, of how many, and each way to buy them."""
    return {
        each.backend: {
            "jobs": each.jobs,
            "of": each.of,
            "unit": each.unit,
            "ways": [
                {"title": way.title, "price": way.price, "chosen": way.is_chosen}
                for way in each.quotes
            ],
        }
        for each in quoted
    }
