"""What two runs have differently, as a value that shows itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from qbatch import difference, snapshot
from qbatch.api.runs import RUN, folder_of, open_run
from qbatch.arguments import FLAG, NOTHING, NUMBER, TEXT, list_of, map_of, of_type, takes
from qbatch.difference.judging import Word
from qbatch.difference.telling import lines
from qbatch.errors import SelectionError
from qbatch.fragments import note, table
from qbatch.manifest import Manifest
from qbatch.manifest.models import Value
from qbatch.report.numbers import plain

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


_SIDE = RUN | of_type("a qbatch.Run", snapshot.Run)


@takes(
    first=_SIDE,
    second=_SIDE | NOTHING,
    backends=map_of("a map from backend to backend", TEXT) | NOTHING,
    between=TEXT,
    values=list_of("a list of values", TEXT | NUMBER | FLAG),
    error_rate=NUMBER,
    within=NUMBER | map_of("a map from number to change", NUMBER) | NOTHING,
)
def diff(
    first: Comparable,
    second: Comparable | None = None,
    *,
    backends: Mapping[str, str] | None = None,
    between: str = "",
    values: Sequence[Value] = (),
    error_rate: float = 0.01,
    within: float | Mapping[str, float] | None = None,
) -> Difference:
    """Say which numbers changed from one run to another, beyond what shot noise explains.

    Args:
        first: A run, a run folder, a manifest, a file of `qbatch export` (.json, .csv), or
            ``REV:path`` of such a file in git.
        second: As the first; None: with `between`.
        backends: Backend of the first -> another one of the second that it is compared with.
        between: An axis of the first, whose values are compared with each other: ``backend``,
            ``circuit``, or a parameter.
        values: Those of that axis that are meant; none: all.
        error_rate: Chance that anything is called changed where nothing is.
        within: A change that is tolerated, of all numbers or number -> change: 0 or more.

    Raises:
        TypeError: An argument is of another kind.
        SelectionError: There is no such thing, it has no points that were measured, no such axis,
            value or backend; or neither `second` nor `between` is given, or both.
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
    if (second is None) != bool(between) or (between and backends) or (values and not between):
        raise SelectionError("diff: give a second run, or `between` and perhaps its `values`")
    if second is None:
        texts = [*map(plain, values)]
        found = difference.compare_between(
            _side(first), between, texts, error_rate=error_rate, within=tolerated
        )
    else:
        found = difference.compare_mapped(
            _side(first), _side(second), backends or {}, error_rate=error_rate, within=tolerated
        )
    return Difference(**{each.name: getattr(found, each.name) for each in fields(found)})


def _side(named: Comparable) -> difference.Side:
    if isinstance(named, snapshot.Run):
        return difference.side_of(str(named.folder), named)
    if isinstance(named, Manifest):
        return difference.open_side(str(folder_of(named)), lambda _: open_run(named))
    return difference.open_side(str(named), open_run)
