"""A side read from a file that `qbatch export` wrote, or from such a file in git.

It may be a stranger's file: all that is there is checked before it is believed.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Mapping
from typing import Any, TypeGuard

from qbatch.difference.sides import Asked, Side, Told, check_number
from qbatch.errors import SelectionError
from qbatch.manifest.columns import FIGURES, HEAD, TAIL
from qbatch.manifest.models import Value
from qbatch.notation import is_finite
from qbatch.result import Estimate

#: Bytes of a file; more are refused.
MOST_BYTES = 1 << 30
#: Seconds that git may take.
_GIT_S = 60


def text_in_git(name: str) -> str:
    """Return a file's text as a commit has it.

    Args:
        name: ``REV:path``, the path from the top of the repository, or from here after ``./``.

    Raises:
        SelectionError: Git has no such thing, or there is no git.
    """
    revision = name.partition(":")[0]
    if not revision or revision.startswith("-"):
        raise SelectionError(f"{name}: before the colon stands a commit, as in HEAD~1:results.json")
    command = ["git", "cat-file", "blob", name]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_GIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SelectionError(f"{name}: git cannot be asked: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise SelectionError(
            f"{name}: git has no such file: {said}; a path in the current folder begins with ./, "
            "as in HEAD:./results.json"
        )
    return done.stdout.decode("utf-8", "replace")


def read_export(name: str, ending: str, text: str) -> Side:
    """Read an exported file.

    Args:
        name: For messages.
        ending: ``.json`` or ``.csv``.
        text: Of the file.

    Raises:
        SelectionError: It is none.
    """
    if len(text) > MOST_BYTES:
        raise SelectionError(
            f"{name}: is larger than {MOST_BYTES >> 30} GiB; compare run folders, or an archive"
        )
    if ending == ".json":
        return _read_json(name, text)
    if ending == ".csv":
        return _read_csv(name, text)
    raise SelectionError(
        f"{name}: is no file that can be compared; `qbatch export RUN -o results.json` writes one"
    )


# -- JSON ------------------------------------------------------------------------------------------


def _read_json(name: str, text: str) -> Side:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_export(name, f"is no JSON: {error}") from error
    if not isinstance(found, dict) or found.get("qbatch") != 1:
        raise _no_export(name, 'has no "qbatch": 1')
    points, level = found.get("points"), found.get("level")
    if not isinstance(points, list) or not is_finite(level) or not 0 < level < 1:
        raise _no_export(name, "has no points, or no level")
    told: list[Told] = []
    for number, point in enumerate(points):
        if isinstance(point, dict) and point.get("estimates"):
            told.append(_point(name, f"points[{number}]", point, point["estimates"]))
            check_number(name, told)
    return Side(name, told, len(points) - len(told), float(level), None, {})


def _point(name: str, place: str, point: Mapping[str, Any], estimates: Any) -> Told:
    """Read one point of either format.

    Raises:
        SelectionError: It has not what a point has.
    """
    parameters, repeat = point.get("parameters", {}), point.get("repeat")
    id_, circuit, backend = (point.get(key) for key in ("id", "circuit", "backend"))
    if not (isinstance(id_, str) and isinstance(circuit, str) and isinstance(backend, str)):
        raise _no_export(name, f"{place}: id, circuit and backend are no texts")
    shots = point.get("shots")
    if not _is_count(shots) or not _is_count(repeat):
        raise _no_export(name, f"{place}: shots and repeat are no whole numbers above 0")
    if not isinstance(parameters, Mapping) or not all(map(_is_value, parameters.values())):
        raise _no_export(name, f"{place}: parameters are no numbers and texts")
    if not isinstance(estimates, Mapping):
        raise _no_export(name, f"{place}: estimates are no numbers by name")
    asked = Asked(circuit, backend, tuple(sorted(parameters.items())), shots)
    numbers = {
        str(number): _estimate(name, f"{place}.{number}", fields)
        for number, fields in estimates.items()
    }
    return Told(id_, asked, shots, numbers)


def _estimate(name: str, place: str, fields: Any) -> Estimate:
    keys = ("value", "se", "low", "high")
    told = fields if isinstance(fields, Mapping) else {}
    values = [told[key] for key in keys if is_finite(told.get(key))]
    if len(values) != len(keys):
        raise _no_export(name, f"{place}: value, se, low and high are no numbers")
    value, se, low, high = map(float, values)
    if se < 0 or not low <= value <= high:
        raise _no_export(name, f"{place}: the interval does not hold the value")
    floor = told.get("floor")
    return Estimate(value, se, low, high, floor=float(floor) if is_finite(floor) else None)


# -- CSV -------------------------------------------------------------------------------------------

#: `qbatch export` writes intervals at this level unless the manifest says otherwise; a table does
#: not tell.
_CSV_LEVEL = 0.95


def _read_csv(name: str, text: str) -> Side:
    reader = csv.DictReader(io.StringIO(text))
    heads = list(reader.fieldnames or ())
    if missing := [head for head in HEAD if head not in heads]:
        raise _no_export(name, f"has no column {missing[0]!r}")
    numbers = [head for head in heads if {f"{head}_{end}" for end in _ENDS} <= set(heads)]
    taken = {*HEAD, *TAIL, *FIGURES, *(f"{n}_{end}" for n in numbers for end in _ENDS), *numbers}
    parameters = [head for head in heads if head not in taken]
    told: list[Told] = []
    unmeasured = 0
    try:
        for line, row in enumerate(reader, start=2):
            one = _row(name, f"line {line}", row, parameters, numbers)
            if one is None:
                unmeasured += 1
            else:
                told.append(one)
                check_number(name, told)
    except csv.Error as error:
        raise _no_export(name, f"line {reader.line_num}: {error}") from error
    assumed = f"intervals of {name} are taken to be of {_CSV_LEVEL:.0%}: a table does not tell"
    return Side(name, told, unmeasured, _CSV_LEVEL, None, {}, assumed)


_ENDS = ("se", "low", "high")


def _row(
    name: str, place: str, row: Mapping[str, Any], parameters: list[str], numbers: list[str]
) -> Told | None:
    measured = {
        number: {
            "value": _number(row[number]),
            **{end: _number(row[f"{number}_{end}"]) for end in _ENDS},
        }
        for number in numbers
        if row[number]
    }
    if not measured:
        return None
    point = {
        **{key: row[key] for key in ("id", "circuit", "backend")},
        "shots": _number(row["shots"]),
        "repeat": _number(row["repeat"]),
        "parameters": {key: _number(row[key]) for key in parameters if row[key] not in ("", None)},
    }
    return _point(name, place, point, measured)


def _number(text: str | None) -> Value | None:
    """Read a cell as `qbatch export` wrote it."""
    if text is None:
        return None
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.removeprefix("'")


# -- what is there ---------------------------------------------------------------------------------


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 62


def _is_value(value: Any) -> bool:
    return isinstance(value, bool | str) or is_finite(value)


def _no_export(name: str, problem: str) -> SelectionError:
    return SelectionError(
        f"{name}: is no export of qbatch: {problem}; `qbatch export RUN -o results.json` writes one"
    )
