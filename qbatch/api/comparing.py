"""What two runs have differently, as a value that shows itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from qbatch import difference, snapshot
from qbatch.api.runs import folder_of, open_run
from qbatch.difference.judging import Word
from qbatch.difference.telling import lines
from qbatch.errors import SelectionError
from qbatch.fragments import note, table
from qbatch.manifest import Manifest

#: What may be compared.
Comparable = str | Path | Manifest | snapshot.Run


class Difference(difference.Difference):
    """All that was compared; printed, it says what `qbatch diff` says."""

    def __str__(self) -> str:
        told = ((word if word in {*Word} else "", line) for word, line in lines(self))
        return "\n".join(f"{word:<9}  {line}" if word else line for word, line in told)

    def _repr_html_(self) -> str:
        told = list(lines(self))
        rows = [(word, line) for word, line in told if word in {*Word}]
        notes = (note(line) for word, line in told if word not in {*Word})
        return "".join([*notes, table(("", ""), rows)])


def diff(
    first: Comparable,
    second: Comparable,
    *,
    error_rate: float = 0.01,
    within: float | Mapping[str, float] | None = None,
) -> Difference:
    """Say which numbers changed from one run to another, beyond what shot noise explains.

    Args:
        first: A run, a run folder, a manifest, a file of `qbatch export` (.json, .csv), or
            ``REV:path`` of such a file in git.
        second: As the first.
        error_rate: Chance that anything is called changed where nothing is.
        within: A change that is tolerated, of all numbers or number -> change: 0 or more.

    Raises:
        SelectionError: There is no such thing, or it has no points that were measured.
        SnapshotError: A run folder is damaged.
        SourceErrors: A manifest is wrong.
    """
    if not 0 < error_rate <= 0.5:
        raise SelectionError(f"error_rate: {error_rate} is no chance; write more than 0, up to 0.5")
    given = {} if within is None else within
    tolerated = given if isinstance(given, Mapping) else {"": given}
    for change in tolerated.values():
        if not 0 <= change < math.inf:
            raise SelectionError(f"within: {change} is no change to tolerate; write 0 or more")
    sides = [_side(each) for each in (first, second)]
    found = difference.compare(*sides, error_rate=error_rate, within=tolerated)
    return Difference(**{each.name: getattr(found, each.name) for each in fields(found)})


def _side(named: Comparable) -> difference.Side:
    if isinstance(named, snapshot.Run):
        return difference.side_of(str(named.folder), named)
    if isinstance(named, Manifest):
        return difference.open_side(str(folder_of(named)), lambda _: open_run(named))
    return difference.open_side(str(named), open_run)
