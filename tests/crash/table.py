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

#: Of what goes wrong beside kills.
KIND_HEADERS = (
    "what happens",
    "clouds",
    "cases",
    "kills",
    "points",
    "bought twice",
    "results lost",
    "held",
    "doubles told",
    "sums off",
)

#: Kind -> what happens.
SAID = {
    "refused": "a call that spends is carried out and answered 4xx",
    "doubled": "such a call is delivered twice, at once or later",
    "account": "a lost answer or a kill, then another account",
    "lost": "the folder of a live runner is deleted, moved, replaced",
    "copied": "a run folder is copied, both go on",
    "restored": "an older copy is put back",
    "priced": "false and zero quotes, failures, refunds",
}


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


def rows_of_kinds(played: Sequence[Played]) -> list[tuple[str, ...]]:
    """A row for each kind of what goes wrong beside kills, and one for all."""
    by_kind: dict[str, list[Played]] = {}
    for one in played:
        by_kind.setdefault(one.name.partition(":")[0], []).append(one)
    rows = [_row_of_kind(SAID[kind], some) for kind, some in by_kind.items()]
    return [*rows, _row_of_kind("all", played)]


def _row_of_kind(said: str, played: Sequence[Played]) -> tuple[str, ...]:
    verdicts = [one.verdict for one in played]
    figures = (
        len({one.cloud for one in played}),
        len(played),
        sum(one.kills for one in played),
        sum(one.points for one in verdicts),
        sum(one.twice for one in verdicts),
        sum(one.lost + one.wrong for one in verdicts),
        sum(one.held for one in verdicts),
        sum(one.noticed for one in verdicts),
        sum(one.off for one in verdicts),
    )
    return (said, *map(_whole, figures))


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


def render(
    rows: Sequence[Sequence[str]], headers: Sequence[str] = HEADERS, *, markdown: bool
) -> str:
    """Write the table, with machine and date."""
    cores = len(os.sched_getaffinity(0))
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
    kind = "pipe" if markdown else "simple"
    words = 2 if headers is HEADERS else 1
    align = ("left",) * words + ("right",) * (len(headers) - words)
    table = tabulate(rows, headers, tablefmt=kind, colalign=align, disable_numparse=True)
    return f"{table}\n\n{machine}"
