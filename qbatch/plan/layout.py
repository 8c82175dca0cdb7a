"""How the points of a block that share circuit text and backend are written: id, name, values.

All that such points share is worked out once, in a `Layout`: the running hash up to where they
differ, and the formats of the rest with a column of ready texts for each axis. What a point then
costs is two formats and a hash.

Names: ``axis=value`` for each swept axis, joined by commas, ``#k`` for the k-th copy from the
second on (so asking for repeats later renames nothing). Floats are written with six significant
digits where that tells all values of the axis apart, else in full. Strings that could be taken for
something else stand in quotes. An axis of one value that makes no difference to the circuit is left
out. Where no axis is swept the name is the circuit's.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from operator import sub
from typing import TYPE_CHECKING, Any, cast, overload

from qbatch.bases import Setting
from qbatch.frozen import dataclass
from qbatch.manifest.models import Value
from qbatch.manifest.paths import SettingValues
from qbatch.plan.columns import Always, Columns, RowTables
from qbatch.plan.geometry.grid import Index
from qbatch.plan.identity import SweepPoint, number_text, seed_of

if TYPE_CHECKING:
    from hashlib import _Hash

    from qbatch.circuit import Circuit

#: Columns up to this length have their texts made once, longer ones as they are needed.
_LONGEST_TABLE = 65_536

#: Texts of a longer column that are made together where they are read one after the other.
_TEXTS_AT_ONCE = 1_024

#: Six digits are tried on axes with at most so many values.
_LONGEST_SHORT = 20_000

_WORD = re.compile(r"[A-Za-z_][\w.:+/-]*", re.ASCII)


class Texts(Sequence[str]):
    """The texts of a long column, made as they are asked for: one, or where they follow, many."""

    __slots__ = ("_latest", "_values", "_write")

    def __init__(self, values: Sequence[Any], write: Callable[[Any], str]) -> None:
        self._values = values
        self._write = write
        #: What was made last, and where that begins; one value, for threads may read at once.
        self._latest: tuple[int, Sequence[str]] = (0, ())

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        first, found = self._latest
        if isinstance(index, slice):
            return self._made_together(*index.indices(len(self)))
        at = index - first
        if not 0 <= at < len(found):
            return self._made(index, is_next=at == len(found))
        return found[at]

    def _made(self, index: int, *, is_next: bool) -> str:
        if not is_next or index >= len(self._values):
            text = self._write(self._values[index])
            if index >= 0:
                self._latest = index, (text,)
            return text
        return self._made_together(index, index + _TEXTS_AT_ONCE)[0]

    def _made_together(self, start: int, stop: int, step: int = 1) -> Sequence[str]:
        first, found = self._latest
        if step == 1 and first <= start and stop <= first + len(found):
            return found[start - first : stop - first]
        found = _list_of_texts(self._values[start:stop:step], self._write)
        if step == 1:
            self._latest = start, found
        return found


def texts(values: Sequence[Any], write: Callable[[Any], str]) -> Sequence[str]:
    """Return the text of each value."""
    return Texts(values, write) if len(values) > _LONGEST_TABLE else _list_of_texts(values, write)


def _list_of_texts(values: Sequence[Any], write: Callable[[Any], str]) -> list[str]:
    if _all_floats(values):
        if write in (bound_text, full_text):
            return _float_texts(values)
        if write is short_text:
            return [f"{value + 0.0:.6g}" for value in values]
    return [write(value) for value in values]


def _all_floats(values: Iterable[Any]) -> bool:
    if isinstance(values, array):
        return values.typecode == "d"
    return set(map(type, values)) == {float}


def _float_texts(values: Sequence[float]) -> list[str]:
    """Return `number_text` of each: its repr, but where that ends like a whole number's."""
    found = list(map(repr, values))
    if ".0," in ",".join((*found, "")):
        found = [
            number_text(value) if text[-2:] == ".0" else text
            for text, value in zip(found, values, strict=True)
        ]
    return found


def bound_text(value: Value) -> str:
    """Return the canonical JSON of a number bound to a free parameter."""
    return number_text(float(value))


def full_text(value: Value) -> str:
    """Return a value as a name shows it, with all digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = _WORD.fullmatch(value) and value not in ("true", "false", "inf", "nan")
        return value if plain else json.dumps(value, ensure_ascii=False)
    return number_text(value)


def short_text(value: Value) -> str:
    """Return a value as a name shows it, floats with six significant digits."""
    return f"{value + 0.0:.6g}" if isinstance(value, float) else full_text(value)


def json_text(value: Value) -> str:
    """Return a value as JSON writes it; a whole float keeps its point."""
    return json.dumps(value, ensure_ascii=False)


def text_writer(values: Iterable[Value]) -> Callable[[Value], str]:
    """Return the shortest way of writing all these values of one axis that tells them apart."""
    seen = list(islice(values, _LONGEST_SHORT + 1))
    if len(seen) > _LONGEST_SHORT:
        return full_text
    if _all_floats(seen) and all(map(math.isfinite, cast("list[float]", seen))):
        return short_text if _are_apart(sorted(set(cast("list[float]", seen)))) else full_text
    full = len({full_text(value) for value in seen})
    return short_text if len({short_text(value) for value in seen}) == full else full_text


def _are_apart(ascending: Sequence[float]) -> bool:
    """Tell whether six digits tell different numbers apart.

    Rounding keeps their order, so only neighbours may have the same text; and those only where they
    are no further apart than one step of the sixth digit, a hundred thousandth at most.
    """
    if len(ascending) < 2:
        return True
    step = 1.02e-5 * max(abs(ascending[0]), abs(ascending[-1]))
    gaps = map(sub, islice(ascending, 1, None), ascending)
    suspects = ((ascending[at], ascending[at + 1]) for at, gap in enumerate(gaps) if gap <= step)
    close = ((a, b) for a, b in suspects if b - a <= 0.51e-5 * (abs(a) + abs(b)))
    return all(short_text(a) != short_text(b) for a, b in close)


@dataclass(frozen=True, slots=True)
class Column:
    """Where a point's value of one axis comes from.

    Attributes:
        position: In the point's index; None where all points of the layout share `values[0]`.
        values: Row -> value.
    """

    position: int | None
    values: Sequence[Value]


@dataclass(slots=True)
class Layout:
    """What the points of one block with one circuit text and backend have in common.

    Attributes:
        setting: Key of `Plan.setting`.
        prefix: SHA-256 up to the first parameter.
        id_format: %-format of the rest; `id_columns` fill it.
        name_format: Likewise, without the copy's number.
        shots: (position or -1, values); -1: all points have values[0].
        has_shots_axis: They are part of the id.
        parameters: (name, position or -1, values), in the order of `SweepPoint.parameters`.
        parameter_names, parameter_columns: The same.
        written_format: %-format of `SweepPoint.written`; `written_columns` fill it.
        idle: Those of them that make no difference to the circuit.
        settings: What its points change of their backend.
        measured: Where its points have other settings than as the circuit is written: the layout
            of each, that one first, if they have it at all; else empty.
        calibrates: Its settings calibrate the readout, whichever copy of a point they are for.
        of_points: Of settings with shots of their own, those of their points, as `shots`.
    """

    circuit: str
    backend: str
    program: Circuit
    setting: str
    seed: int
    prefix: _Hash
    id_format: str
    id_columns: Columns
    name_format: str
    name_columns: Columns
    shots: tuple[int, Sequence[int]]
    has_shots_axis: bool
    parameters: tuple[tuple[str, int, Sequence[Value]], ...]
    parameter_names: tuple[str, ...]
    parameter_columns: Columns
    written_format: str
    written_columns: Columns
    idle: frozenset[str]
    settings: SettingValues = ()
    measured: tuple[Layout, ...] = ()
    calibrates: bool = False
    of_points: tuple[int, Sequence[int]] | None = None

    @property
    def each(self) -> tuple[Layout, ...]:
        """The layout of each setting of its points."""
        return self.measured or (self,)

    @property
    def shared(self) -> dict[str, Value]:
        """Axis -> value, of those axes on which all its points have one value."""
        own = {"circuit": self.circuit, "backend": self.backend}
        return {**own, **{name: column[0] for name, at, column in self.parameters if at == -1}}

    def measured_with(
        self, measured: Setting, program: Circuit, setting: str, prefix: _Hash
    ) -> Layout:
        """Return the layout of its points' settings of one kind.

        Args:
            measured: With what they are measured, not as the circuit is written.
            program: What is sent for them.
            setting: Key of `Plan.setting`.
            prefix: As for a layout.
        """
        added = [(name, -1, Always(value)) for name, value in measured.parameters]
        columns, written = self.parameter_columns, self.written_format
        for name, value in measured.parameters:
            columns = columns.and_last(Always(value))
            written = _and_last(written, f'["{name}",{json.dumps(value)}]')
        return replace(
            self,
            program=program,
            setting=setting,
            prefix=prefix,
            name_format=measured.name(self.name_format),
            parameters=(*self.parameters, *added),
            parameter_names=(*self.parameter_names, *(name for name, _, _ in added)),
            parameter_columns=columns,
            written_format=written,
        )

    def twirled_with(
        self, measured: Setting, program: Circuit, setting: str, prefix: _Hash, number: int
    ) -> Layout:
        """Return the layout of one of the forms among which its points' shots are shared out.

        Args:
            measured: Which form.
            program: What is sent for it.
            setting: Key of `Plan.setting`.
            prefix: As for a layout.
            number: How many forms there are. Shots that are an axis are a multiple of it.
        """
        made = self.measured_with(measured, program, setting, prefix)
        at, values = self.shots
        each = [-(-shots // number) for shots in ([values[0]] if at < 0 else values)]
        made.shots, made.of_points = (at, Always(each[0]) if at < 0 else each), self.shots
        if self.has_shots_axis and at < 0:
            made.id_format = self.id_format.replace(
                f'"shots":{values[0]}}}', f'"shots":{each[0]}}}'
            )
        elif self.has_shots_axis:
            made.id_columns = self.id_columns.with_last([*map(str, each)])
        return made

    def calibrated_with(
        self, measured: Setting, program: Circuit, setting: str, prefix: _Hash, shots: int
    ) -> Layout:
        """Return the layout of calibrations for its points, which are the same for all of them.

        Args:
            measured: Which calibration.
            program: What is sent for it.
            setting: Key of `Plan.setting`.
            prefix: As for a layout.
            shots: Of its own.
        """
        made = self.measured_with(measured, program, setting, prefix)
        written, columns = id_format({}, None, self.seed, Always("1"), TextTables())
        return replace(
            made,
            id_format=written,
            id_columns=columns,
            shots=(-1, Always(shots)),
            has_shots_axis=False,
            calibrates=True,
            of_points=self.shots,
        )

    def id_at(self, index: Index) -> str:
        """Return the id of the point at `index`, whose last entry counts its copies from 0."""
        digest = self.prefix.copy()
        rest = self.id_format % self.id_columns.at(index)
        digest.update(rest.encode())
        return digest.hexdigest()

    def name_at(self, index: Index) -> str:
        """Return the name of the point at `index`."""
        name = self.name_format % self.name_columns.at(index)
        return f"{name}#{index[-1] + 1}" if index[-1] else name

    def shots_at(self, index: Index) -> int:
        """Return the shots of the point at `index`."""
        at, values = self.shots
        return values[index[at]]

    def point_at(self, index: Index, *, is_written: bool = False) -> SweepPoint:
        """Return the point at `index`, on request with its parameters written."""
        id_ = self.id_at(index)
        (at, shots), asked = self.shots, self.of_points
        return SweepPoint(
            id_,
            self.name_at(index),
            self.circuit,
            self.backend,
            shots[index[at]],
            1 if self.calibrates else index[-1] + 1,
            tuple(zip(self.parameter_names, self.parameter_columns.at(index), strict=True)),
            seed_of(id_),
            self.setting,
            self.has_shots_axis,
            of_point=asked and (asked[1][index[asked[0]]], index[-1] + 1),
            written=self.written_format % self.written_columns.at(index) if is_written else "",
        )


def in_settings(rows: Iterator[tuple[Layout, Index]]) -> Iterator[tuple[Layout, Index]]:
    """Yield layout and index of each setting of points, those of one point behind one another."""
    for layout, index in rows:
        for setting in layout.each:
            yield setting, index


def id_format(
    parameters: Mapping[str, Column],
    shots: Column | None,
    seed: int,
    copies: Sequence[str],
    texts_of: TextTables,
) -> tuple[str, Columns]:
    """Return the format of all that follows the prefix, and the columns that fill it.

    Args:
        parameters: Free parameter -> its column.
        shots: Theirs, where they are an axis; None: they are no part of the id.
        seed: Root seed.
        copies: The texts of the numbers of the copies.
        texts_of: (axis, column, writer) -> the texts of the column.
    """
    columns: list[tuple[int, Sequence[str]]] = []

    def slot(name: str, column: Column, write: Callable[[Any], str]) -> str:
        if column.position is None:
            return _literal(write(column.values[0]))
        columns.append((column.position, texts_of(name, column, write)))
        return "%s"

    body = ",".join(
        f"{_literal(json.dumps(name))}:{slot(name, parameters[name], bound_text)}"
        for name in sorted(parameters)
    )
    columns.append((-1, copies))
    last = "" if shots is None else f',"shots":{slot("shots", shots, str)}'
    return f'{body}}},"repeat":%s,"seed":{seed}{last}}}', Columns(columns, texts_of.rows)


def name_format(
    axes: Mapping[str, Column],
    writers: Mapping[str, Callable[[Any], str]],
    otherwise: str,
    texts_of: TextTables,
) -> tuple[str, Columns]:
    """Return the format of the points' names, and the columns that fill it.

    Args:
        axes: Those shown, in order.
        writers: Axis -> how its values are written.
        otherwise: The name where no axis is shown.
        texts_of: (axis, column, writer) -> the texts of the column.
    """
    columns: list[tuple[int, Sequence[str]]] = []
    parts = []
    for name, column in axes.items():
        write = writers[name]
        if column.position is None:
            parts.append(_literal(f"{name}={write(column.values[0])}"))
        else:
            parts.append(_literal(name) + "=%s")
            columns.append((column.position, texts_of(name, column, write)))
    return ",".join(parts) or _literal(otherwise), Columns(columns, texts_of.rows)


def written_format(
    parameters: Sequence[tuple[str, Column]], texts_of: TextTables
) -> tuple[str, Columns]:
    """Return the format of the points' parameters as JSON, and the columns that fill it.

    Args:
        parameters: Each with its column, in the order of `SweepPoint.parameters`.
        texts_of: (axis, column, writer) -> the texts of the column.
    """
    columns: list[tuple[int, Sequence[str]]] = []
    parts = []
    for name, column in parameters:
        told = json.dumps(name, ensure_ascii=False)
        if column.position is None:
            parts.append(_literal(f"[{told},{json_text(column.values[0])}]"))
        else:
            parts.append(f"[{_literal(told)},%s]")
            columns.append((column.position, texts_of(name, column, json_text)))
    return f"[{','.join(parts)}]", Columns(columns, texts_of.rows)


def _and_last(written: str, item: str) -> str:
    """Return a written list with one more item."""
    return f"{written[:-1]}{',' if written != '[]' else ''}{item}]"


class TextTables:
    """The texts of one block's columns, made once for all its layouts.

    Attributes:
        rows: Makes rows of columns, those of texts and others.
    """

    def __init__(self) -> None:
        self.rows = RowTables()
        self._made: dict[tuple[str, Callable[[Any], str]], Sequence[str]] = {}

    def __call__(self, name: str, column: Column, write: Callable[[Any], str]) -> Sequence[str]:
        is_quick = isinstance(column.values, array) or len(column.values) <= _LONGEST_TABLE
        if write is full_text and is_quick:
            write = bound_text if _all_floats(column.values) else write  # the same for floats
        if (name, write) not in self._made:
            is_short = write is json_text and len(column.values) <= _LONGEST_TABLE
            if is_short and _are_no_whole_floats(column.values):
                self._made[name, write] = self(name, column, bound_text)  # the same for such
            else:
                self._made[name, write] = texts(column.values, write)
        return self._made[name, write]


def _are_no_whole_floats(values: Sequence[Any]) -> bool:
    return (
        _all_floats(values)
        and all(map(math.isfinite, values))
        and not any(map(float.is_integer, values))
    )


def _literal(text: str) -> str:
    return text.replace("%", "%%")
