"""The proof as a table: for each cloud what was killed, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from tabulate import tabulate

from tests.crash.cases import Played
from tests.crash.clients import Told

HEADERS = ("who", "cloud", "kills", "processes", "points", "bought twice", "results lost", "held")


def rows_of(played: Sequence[Played], told: Mapping[str, Told]) -> list[tuple[str, ...]]:
    """A row for each cloud, one for all, and one for each official client."""
    clouds = list(dict.fromkeys(one.cloud for one in played))
    rows = [_row(cloud, [one for one in played if one.cloud == cloud]) for cloud in clouds]
    rows.append(_row("all", played))
    for cloud, one in told.items():
        who = "official client, ids saved at once"
        figures = (one.kills, one.processes, one.points, one.twice, one.lost)
        rows.append((who, cloud, *map(_whole, figures), "-"))
    return rows


def _row(cloud: str, played: Sequence[Played]) -> tuple[str, ...]:
    def total(values: Iterable[int]) -> str:
        return _whole(sum(values))

    verdicts = [one.verdict for one in played]
    return (
        "qbatch",
        cloud,
        total(one.kills for one in played),
        total(one.processes for one in played),
        total(one.points for one in verdicts),
        total(one.twice for one in verdicts),
        total(one.lost + one.wrong for one in verdicts),
        total(one.held for one in verdicts),
    )


def _whole(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def render(rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Write the table, with machine and date."""
    cores = len(os.sched_getaffinity(0))
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
    kind = "pipe" if markdown else "simple"
    align = ("left", "left", *["right"] * (len(HEADERS) - 2))
    table = tabulate(rows, HEADERS, tablefmt=kind, colalign=align, disable_numparse=True)
    return f"{table}\n\n{machine}"
