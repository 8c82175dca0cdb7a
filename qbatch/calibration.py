"""What a machine tells of its calibration: known by its digest, read value by value.

A cloud's document is kept as it came. What is read of it are numbers by the cloud's own names, in
lower case, a unit at the name's end taken for the value's: ``T1_us`` of a qubit is ``t1``, in s.

================================================  ================================================
where a number stands                             what it is called
================================================  ================================================
``qubits[i]``, a list of ``{name, value}`` (IBM)  ``NAME[i]``
``qubits[…]`` with ``qubit: i`` beside it         ``NAME[i]``
``gates[…]`` with ``gate, qubits`` (IBM)          ``GATE_error[i,j]``, ``GATE_length[i,j]``
``general[…]``, ``{name, value, unit}`` (IBM)     ``NAME``
by itself                                         ``NAME``
================================================  ================================================

Rules: it is a stranger's: what does not look like this is left out, never an error. Times are in s,
frequencies in Hz, whatever the cloud writes, as in all else that qbatch tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from qbatch.frozen import dataclass
from qbatch.notation import is_finite

#: What a column of a machine's calibration begins with: ``target.t1[3]``.
PREFIX = "target."

_COLUMN = re.compile(r"target\.([a-z][a-z0-9_]*)(?:\[\s*(\d{1,6}(?:\s*,\s*\d{1,6})*)\s*\])?", re.I)
_NAME = re.compile(r"[a-z][a-z0-9_]*")

#: Unit, in lower case -> the unit in which such values are told, and times which power of ten.
_UNITS = {
    "s": ("s", 0),
    "ms": ("s", -3),
    "us": ("s", -6),
    "µs": ("s", -6),
    "ns": ("s", -9),
    "hz": ("Hz", 0),
    "khz": ("Hz", 3),
    "mhz": ("Hz", 6),
    "ghz": ("Hz", 9),
}


def digest_of(document: Any) -> str:
    """Return by what a calibration is known, 16 hex digits: the same text, the same epoch."""
    return sha256(text_of(document).encode()).hexdigest()[:16]


def text_of(document: Any) -> str:
    """Return a calibration as the text that its digest is of."""
    return json.dumps(document, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a machine: ``target.cx_error[0,1]``.

    Attributes:
        name: As this module reads it, in lower case.
        qubits: The machine's own numbers of its qubits; none: it is of the machine as a whole.
    """

    name: str
    qubits: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str) -> Column | None:
        """Read a column's name; None: it is none of a calibration."""
        found = _COLUMN.fullmatch(text.strip())
        if found is None:
            return None
        qubits = tuple(map(int, (found[2] or "").split(","))) if found[2] else ()
        return cls(found[1].lower(), qubits)

    def __str__(self) -> str:
        """As it is written in a manifest.

        >>> str(Column("cx_error", (0, 1))), str(Column.of("target.T1[ 3 ]"))
        ('target.cx_error[0,1]', 'target.t1[3]')
        """
        return f"{PREFIX}{self.name}" + (f"[{','.join(map(str, self.qubits))}]" * bool(self.qubits))


@dataclass(frozen=True, slots=True)
class Value:
    """What a calibration says: a number and its unit, "" for none."""

    value: float
    unit: str = ""


def values_of(document: Any) -> dict[Column, Value]:
    """Return what can be read of a calibration, in its order; of what stands twice, the first.

    >>> values_of({"qubits": [{"qubit": 3, "T1_us": 41.5, "readout_error": 0.02}]})
    ... # doctest: +NORMALIZE_WHITESPACE
    {Column(name='t1', qubits=(3,)): Value(value=4.15e-05, unit='s'),
     Column(name='readout_error', qubits=(3,)): Value(value=0.02, unit='')}
    """
    found: dict[Column, Value] = {}
    if isinstance(document, Mapping):
        for column, value in _values_in(document):
            found.setdefault(column, value)
    return found


def _values_in(document: Mapping[str, Any]) -> Iterator[tuple[Column, Value]]:
    for at, qubit in enumerate(_list(document.get("qubits"))):
        if isinstance(qubit, Mapping):
            index = qubit.get("qubit", at)
            if _is_qubit(index):
                numbers = {name: one for name, one in qubit.items() if name != "qubit"}
                yield from _by_name(numbers, (index,))
        else:
            yield from _listed(qubit, (at,))
    for gate in _list(document.get("gates")):
        yield from _of_gate(gate)
    yield from _listed(document.get("general"), ())
    yield from _by_name({name: one for name, one in document.items() if name != "qubits"}, ())


def _of_gate(gate: Any) -> Iterator[tuple[Column, Value]]:
    if not isinstance(gate, Mapping) or not isinstance(name := gate.get("gate"), str):
        return
    qubits = _list(gate.get("qubits"))
    if all(map(_is_qubit, qubits)):
        for column, value in _listed(gate.get("parameters"), tuple(qubits)):
            own = column.name.removeprefix("gate_")
            if _NAME.fullmatch(of_gate := f"{name.lower()}_{own}"):
                yield Column(of_gate, column.qubits), value


def _listed(entries: Any, qubits: tuple[int, ...]) -> Iterator[tuple[Column, Value]]:
    """Read a list of ``{name, value, unit}``."""
    for each in _list(entries):
        if isinstance(each, Mapping) and isinstance(name := each.get("name"), str):
            unit = each.get("unit")
            yield from _number(
                name, each.get("value"), unit if isinstance(unit, str) else "", qubits
            )


def _by_name(numbers: Mapping[str, Any], qubits: tuple[int, ...]) -> Iterator[tuple[Column, Value]]:
    """Read ``{NAME_unit: number}``."""
    for name, value in numbers.items():
        head, _, end = str(name).rpartition("_")
        own, unit = (head, end) if head and end.lower() in _UNITS else (str(name), "")
        yield from _number(own, value, unit, qubits)


def _number(
    name: str, value: Any, unit: str, qubits: tuple[int, ...]
) -> Iterator[tuple[Column, Value]]:
    lower = name.lower()
    if is_finite(value) and _NAME.fullmatch(lower):
        told, power = _UNITS.get(unit.lower(), (unit, 0))
        exact = float(value) / 10**-power if power < 0 else float(value) * 10**power
        if is_finite(exact):
            yield Column(lower, qubits), Value(exact, told)


def _is_qubit(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**6  # what a column's name can say


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def told_of(columns: Mapping[Column, Any]) -> str:
    """Say which columns there are, in a line: names, each with the qubits that have it.

    >>> told_of(values_of({"qubits": [{"qubit": q, "T1_us": 40 + q} for q in range(3)]}))
    'target.t1[0] to [2]'
    """
    by_name: dict[str, list[tuple[int, ...]]] = {}
    for each in columns:
        by_name.setdefault(each.name, []).append(each.qubits)
    return ", ".join(_told(name, places) for name, places in by_name.items())


def _told(name: str, places: Sequence[tuple[int, ...]]) -> str:
    first, last = Column(name, min(places)), Column(name, max(places))
    end = "" if first == last else f" to [{','.join(map(str, last.qubits))}]"
    return f"{first}{end}"
