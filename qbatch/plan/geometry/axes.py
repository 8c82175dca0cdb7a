"""From the written form of an axis to its values.

Rules: the number of values is known, and refused if absurd, before any is made. Values depend only
on the manifest, the root seed and the axis' name: the same on every machine and Python version
(transcendental functions are rounded to 12 significant digits, to which every libm agrees).

- ``linspace [a, b, n]``: n values, both ends included, as numpy computes them.
- ``range [start, stop, step]``: half-open, `stop` is not included, as in Python and numpy; a `stop`
  missed by rounding only (a billionth of a step) counts as reached: [1, 1.3, 0.1] has 3 values.
- ``geomspace [a, b, n]``: n values with constant ratio, both ends included and exact.
- ``random {distribution, min, max, n}``: `uniform` in [min, max); `loguniform` likewise in the
  logarithm; `normal` with its mean in the middle and a standard deviation of (max - min) / 6, drawn
  again outside [min, max]; `integers` from min to max, both included, each at most once. A larger n
  keeps the values of a smaller one.
- ``from {file, column}``: a column of a CSV file with a header line, in the manifest's folder or
  project.

Shots that are spaced or drawn are rounded to whole numbers; in `matrix` those that then stand twice
are there once. Where the ends and all values between are integral, the values are integers (a
template then prints 4, not 4.0).
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from qbatch.errors import ManifestError, Place, SourceError
from qbatch.manifest.models import Axis, FileAxis, RandomAxis, Value
from qbatch.manifest.spacing import evenly_spaced
from qbatch.notation import did_you_mean, listed
from qbatch.plan.identity import EXACT
from qbatch.project import may_name, outside

#: Most values of an axis, and most points of a plan before exclusion and sampling.
MAX_POINTS = 10_000_000

MAX_CSV_BYTES = 256 * 2**20

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def count_values(axis: Axis) -> int | None:
    """Return how many values the axis has, without making them; None: only its file knows."""
    if axis.values is not None:
        return len(axis.values)
    if axis.linspace or axis.geomspace:
        return max(0, (axis.linspace or axis.geomspace or (0, 0, 0))[2])
    if axis.range:
        return _range_length(*axis.range)
    return axis.random.n if axis.random else None


def expand_axis(name: str, axis: Axis, *, seed: int, folder: Path, place: Place) -> Sequence[Value]:
    """Return the axis' values in order.

    Args:
        name: The axis', which decides its random values.
        axis: As written.
        seed: The sweep's root seed.
        folder: The manifest's folder; see `project` for where a CSV file may lie.
        place: Of the axis in the manifest, for errors.

    Raises:
        SourceError: It is empty, too long, not finite or its file is of no use.
    """
    try:
        count = count_values(axis)
        if count is not None and count > MAX_POINTS:
            raise ValueError(f"{count:.3g} values are too many; the most is {MAX_POINTS:,}")
        values = _values(name, axis, seed, folder)
        if name == "shots" and (axis.linspace or axis.geomspace or axis.random):
            values = array("q", (round(float(value)) for value in values))
    except ValueError as error:
        raise ManifestError(place, f"sweep axis {name!r}: {error}") from error
    if not len(values):
        raise ManifestError(place, f"sweep axis {name!r} has no values; write at least one")
    return values


def _values(name: str, axis: Axis, seed: int, folder: Path) -> Sequence[Value]:
    if axis.values is not None:
        return axis.values
    if axis.linspace:
        return _integral(_linspace(*axis.linspace), axis.linspace[:2])
    if axis.geomspace:
        return _integral(_geomspace(*axis.geomspace), axis.geomspace[:2])
    if axis.range:
        return _range(*axis.range)
    if axis.random:
        return _random(axis.random, _random_source(seed, name))
    if axis.from_file:
        return _column(axis.from_file, folder)
    return ()


def _finite(*numbers: float) -> None:
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"{number} is not finite; write a finite number")


def _linspace(start: float, stop: float, n: int) -> array[float]:
    _finite(start, stop, stop - start)
    return evenly_spaced(start, stop, n)


def _geomspace(start: float, stop: float, n: int) -> array[float]:
    _finite(start, stop)
    if not start * stop > 0:
        raise ValueError(f"geomspace from {start:g} to {stop:g}: write two ends of the same sign")
    _finite(stop / start)
    if n <= 1:
        return array("d", [start] * n)
    ratio = stop / start
    values = array("d", (_rounded(start * ratio ** (i / (n - 1))) for i in range(n)))
    values[0], values[-1] = start, stop
    return values


def _rounded(value: float) -> float:
    """Round to 12 significant digits, in which all machines' exp, log and pow agree."""
    return float(f"{value:.11e}")


def _range_length(start: float, stop: float, step: float) -> int:
    if not step or not all(map(math.isfinite, (start, stop, step, (stop - start) / step))):
        return 0
    steps = (stop - start) / step
    near = round(steps)
    return max(0, near if abs(steps - near) <= 1e-9 * max(1.0, abs(near)) else math.ceil(steps))


def _range(start: float, stop: float, step: float) -> Sequence[Value]:
    _finite(start, stop, step)
    if step == 0:
        raise ValueError("range with step 0 never ends; write another step")
    n = _range_length(start, stop, step)
    if not n:
        raise ValueError(f"range [{start:g}, {stop:g}, {step:g}] has no values; turn the step")
    if float(start).is_integer() and float(step).is_integer():
        return range(int(start), int(start) + n * int(step), int(step))
    return array("d", (i * step + start for i in range(n)))


def _integral(values: array[float], ends: tuple[float, float]) -> Sequence[Value]:
    """Return integers when the ends and all between are integral, the values otherwise."""
    if not all(map(float.is_integer, map(float, ends))) or max(map(abs, values)) >= EXACT:
        return values
    return array("q", map(int, values)) if all(map(float.is_integer, values)) else values


def _random_source(seed: int, name: str) -> Random:
    """Return a source of its own for each axis; only its `random()` is stable for ever."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


def _random(axis: RandomAxis, source: Random) -> Sequence[Value]:
    _finite(axis.min, axis.max, axis.max - axis.min)
    if axis.max < axis.min or (axis.max == axis.min and axis.distribution != "integers"):
        raise ValueError(f"random from min {axis.min:g} to max {axis.max:g}: max must be larger")
    draw = _DRAWS[axis.distribution](axis, source)
    if axis.distribution == "integers":
        return array("q", draw)
    return array("d", (next(draw) for _ in range(axis.n)))


def _uniform(axis: RandomAxis, source: Random) -> Iterator[float]:
    while True:
        yield axis.min + (axis.max - axis.min) * source.random()


def _loguniform(axis: RandomAxis, source: Random) -> Iterator[float]:
    if axis.min <= 0:
        raise ValueError(f"loguniform from min {axis.min:g}: write a min above 0")
    low, high = math.log(axis.min), math.log(axis.max)
    while True:
        value = _rounded(math.exp(low + (high - low) * source.random()))
        yield min(max(value, axis.min), axis.max)


def _normal(axis: RandomAxis, source: Random) -> Iterator[float]:
    middle, spread = (axis.min + axis.max) / 2, (axis.max - axis.min) / 6
    while True:  # Box and Muller's transform, one of its pair
        radius = math.sqrt(-2 * math.log(1 - source.random()))
        value = _rounded(middle + spread * radius * math.cos(2 * math.pi * source.random()))
        if axis.min <= value <= axis.max:
            yield value


def _integers(axis: RandomAxis, source: Random) -> Iterator[float]:
    low, high = math.ceil(axis.min), math.floor(axis.max)
    if low > high:
        raise ValueError(
            f"there is no integer from {axis.min:g} to {axis.max:g}; move min and max apart"
        )
    if low < -(2**63) or high >= 2**63:
        raise ValueError(
            f"integers from {axis.min:g} to {axis.max:g} have more than 64 bits; narrow min and max"
        )
    span = high - low + 1
    if axis.n > span:
        raise ValueError(
            f"{axis.n} distinct integers do not fit from {low} to {high}; write n: {span} or less"
        )
    # Fisher and Yates' shuffle of a list of which only the moved entries are kept.
    moved: dict[int, int] = {}
    for i in range(axis.n):
        j = i + int(source.random() * (span - i))
        yield low + moved.get(j, j)
        moved[j] = moved.get(i, i)


_DRAWS: dict[str, Callable[[RandomAxis, Random], Iterator[float]]] = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "normal": _normal,
    "integers": _integers,
}


def _column(axis: FileAxis, folder: Path) -> Sequence[Value]:
    path, folder = (folder / axis.file).resolve(), folder.resolve()
    if not may_name(path, folder):
        raise ValueError(f"{axis.file!r} {outside(folder)}")
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise ValueError(
                f"{axis.file!r} is larger than 256 MiB; put what is swept into a file of its own"
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _cells(csv.reader(file), axis)
    except OSError as error:
        raise ValueError(f"cannot read {axis.file!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{axis.file!r} is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise ValueError(f"{axis.file!r} is not CSV: {error}") from error


def _cells(rows: Iterator[list[str]], axis: FileAxis) -> Sequence[Value]:
    header = [cell.strip() for cell in next(rows, [])]
    if axis.column not in header:
        known = f" ({listed(header)})" if header else "; its first row is empty"
        raise ValueError(
            f"{axis.file!r} has no column {axis.column!r}{known}{did_you_mean(axis.column, header)}"
        )
    at = header.index(axis.column)
    values: list[Value] = []
    for line, row in enumerate(rows, start=2):
        if not any(row):
            continue
        if len(row) <= at or not row[at].strip():
            raise SourceError(
                Place(axis.file, line),
                f"column {axis.column!r} is empty here; write a value there, or take the row out",
            )
        value = _typed(row[at].strip())
        if isinstance(value, float) and not math.isfinite(value):
            raise SourceError(
                Place(axis.file, line),
                f"column {axis.column!r} has {row[at].strip()[:40]} here, which is not finite; "
                "write a finite number, or take the row out",
            )
        values.append(value)
        if len(values) > MAX_POINTS:
            raise ValueError(f"{axis.file!r} has more than {MAX_POINTS:,} rows; leave some out")
    return _packed(values)


def _packed(values: list[Value]) -> Sequence[Value]:
    floats = [value for value in values if isinstance(value, float)]
    return array("d", floats) if len(floats) == len(values) else tuple(values)


def _typed(text: str) -> Value:
    """Read a cell as YAML 1.2's core schema would, but keep digits led by a zero as text."""
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
        return float(text)
    return text
