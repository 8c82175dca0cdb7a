"""The names of all columns that results have, in every format: each must stand for one thing.

One table of names, for whoever writes results and for whoever checks a manifest. A name that
heads two columns would lose one of them in silence: in a CSV the reader keeps the last, in a
dataset the second replaces the first.

==========  ===================================================================================
every table  `HEAD`, a column for each swept parameter, `ENDS` of each analysed number, `OF_CURVE`
               of each number without noise, `TAIL`
where billed  `FIGURES`
xarray, netCDF  `DATASET`: variables beside those of the numbers; `ATTRIBUTE`: of the run; axes
               are coordinates
==========  ===================================================================================

Names are compared as netCDF keeps them: in Unicode's normal form C.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

HEAD = ("id", "point", "state", "circuit", "backend", "shots", "repeat")
#: `emulated`: an emulator stood in for the cloud, so the numbers are of no machine and no money.
TAIL = ("cost", "unit", "provider_job_id", "error", "error_code", "emulated")
#: What a purchase was to cost, and did.
FIGURES = ("quoted", "quoted_by", "reserved", "billed", "billed_by", "refunded", "refunded_by")
DATASET = ("state", "counted", "outcomes")
ATTRIBUTE = "run"

#: No parameter and no number can have one of these names.
RESERVED = frozenset({*HEAD, *TAIL, *FIGURES, *DATASET, ATTRIBUTE})

#: Axes that every point has: a circuit's parameter of that name would be bound to them.
OWN_AXES = ("circuit", "backend", "shots", "repeat")

#: Ending of a number's column -> what stands there.
ENDS = {"": "value", "_se": "standard error", "_low": "interval", "_high": "interval"}

#: Ending of a further column of a number without noise -> how its values at each scale of the noise
#: lie about the curve.
OF_CURVE = {"_chi2": "χ² about the curve", "_dof": "its degrees of freedom", "_p": "p of that χ²"}

#: Parts of an analysis that are made of several points: no column of a point, and nothing that is
#: kept beside its result.
ACROSS_POINTS = {"derived", "expected", "fits"}

#: Parts of `analysis.mitigation`: each gives a number NAME.part beside each of those in `_MEANS`.
MITIGATED = ("readout", "twirl", "zne")

#: Parts of an analysis whose numbers are means over shots.
_MEANS = ("observables", "probabilities")

Loc = tuple[str | int, ...]


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns of one analysed number: its value, standard error, interval."""
    return tuple(f"{name}{end}" for end in ENDS)


def table_columns(
    parameters: Iterable[str], numbers: Iterable[str], *, billed: bool = False
) -> tuple[str, ...]:
    """Return the columns of every table of results, in order."""
    figures = FIGURES if billed else ()
    numbers = [*numbers]
    of_numbers = (column for name in numbers for column in columns_of(name))
    of_curves = (f"{name}{end}" for name in without_noise(numbers) for end in OF_CURVE)
    return (*HEAD, *parameters, *of_numbers, *of_curves, *TAIL, *figures)


def without_noise(numbers: Iterable[str]) -> list[str]:
    """Return which of these numbers are extrapolated to no noise."""
    return [name for name in numbers if name.endswith(".zne")]


def clashes(parameters: Iterable[str], numbers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find names that would head two columns.

    Args:
        parameters: Swept.
        numbers: Analysed, in order.

    Yields:
        (number, problem), for each number one of whose columns is there already.
    """
    owners = {_kept(name): "which all results have; rename one" for name in RESERVED}
    owners |= {
        _kept(name): f"which is the swept parameter {name!r}; rename one" for name in parameters
    }
    taken: dict[str, tuple[str, str]] = {}
    for number in dict.fromkeys(numbers):
        columns = columns_of(number)
        for column in columns:
            owner = owners.get(_kept(column))
            if owner is None and _kept(column) in taken:
                other, end = taken[_kept(column)]
                owner = f"which is the {ENDS[end]} of {other!r}; rename one"
            if owner is not None:
                yield number, f"would fill the column {column!r}, {owner}"
                break
        for end in ENDS:
            taken.setdefault(_kept(number + end), (number, end))


def _kept(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def swept_names(sweeps: Any) -> dict[str, Loc]:
    """Return each swept parameter with the place where it is first named, from whatever has shape.

    Args:
        sweeps: One sweep or a list: data as written, or models.
    """
    found: dict[str, Loc] = {}
    each = sweeps if isinstance(sweeps, tuple | list) else (sweeps,)
    for number, sweep in enumerate(each):
        for part in ("matrix", "zip"):
            for name in _map(_part(sweep, part)):
                found.setdefault(name, ("sweep", number, part, name))
        for at, point in enumerate(_list(_part(sweep, "include"))):
            for name in _map(point):
                found.setdefault(name, ("sweep", number, "include", at, name))
        for at, override in enumerate(_list(_part(sweep, "overrides"))):
            for name in _map(_part(override, "set")):
                found.setdefault(name, ("sweep", number, "overrides", at, "set", name))
    return {str(name): loc for name, loc in found.items() if name not in OWN_AXES}


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple | list) else ()


def named_numbers(analysis: Any) -> dict[str, Loc]:
    """Return each analysed number with the place of its name, from whatever has shape."""
    found: dict[str, Loc] = {}
    for kind in _MEANS:
        for name in _map(_part(analysis, kind)):
            found.setdefault(str(name), ("analysis", kind, str(name)))
    distribution = _part(analysis, "distribution")
    if distribution is not None:
        written = _part(distribution, "metrics")
        metrics = _list(written) if written is not None else ("tvd",)
        for metric in metrics:
            if isinstance(metric, str):
                found.setdefault(metric, ("analysis", "distribution"))
    of_points = {n: o for n, o in _map(_part(analysis, "own")).items() if not _part(o, "over")}
    found |= {n: loc for n, loc in numbers_of_own(of_points).items() if n not in found}
    for mitigated, asked_at in mitigated_numbers(analysis):
        found.setdefault(mitigated, asked_at)
    return found


def numbers_of_own(own: Any) -> dict[str, Loc]:
    """Return each number of own analyses with its place, from whatever has shape."""
    found: dict[str, Loc] = {}
    for name, each in _map(own).items():
        for number in _list(_part(each, "numbers")) or (name,):
            found.setdefault(str(number), ("analysis", "own", str(name)))
    return found


def numbers_over_axes(analysis: Any) -> dict[str, Loc]:
    """Return each number that own analyses make of groups of points, from whatever has shape."""
    own = _map(_part(analysis, "own")).items()
    return numbers_of_own({name: each for name, each in own if _part(each, "over")})


def mitigated_numbers(analysis: Any) -> Iterator[tuple[str, Loc]]:
    """Yield each mitigated number with the place of what asks for it, from whatever has shape."""
    asked = _part(analysis, "mitigation")
    for part in MITIGATED:
        if asked is not None and _part(asked, part) is not None:
            for kind in _MEANS:
                for name in _map(_part(analysis, kind)):
                    yield f"{name}.{part}", ("analysis", "mitigation", part)
