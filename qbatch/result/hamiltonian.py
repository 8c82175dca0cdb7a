"""Hamiltonians as files: sums of Paulis as other programs write them.

Three forms, told apart by what they begin with and contain:

- **JSON** as Qiskit's ``SparsePauliOp`` lists: ``[["XXI", 0.5], …]`` or ``{"paulis": ["XXI", …],
  "coeffs": [0.5, …]}``, beside which a ``"description"`` may stand;
- **OpenFermion's text**: ``(0.5+0j) [X0 Y1] + 0.25 [Z2] + …``;
- **CSV** with the columns ``pauli`` and ``coefficient``.

Rules: in Pauli strings the rightmost letter is bit 0, as in Qiskit; `X0` of OpenFermion is bit 0.
Equal products are added up, as both programs do. A coefficient may be complex (``0.5+0j``, in JSON
in quotes, or ``[0.5, 0]``) if its imaginary part is no more than rounding. In text and CSV, lines
that begin with ``#`` are passed over. A mistake is a `SourceError` at its line.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qbatch.errors import Place, SourceError
from qbatch.notation import shortened
from qbatch.result.pauli import PauliSum, from_terms
from qbatch.result.written import MOST_TERMS, Term

MAX_BYTES = 64 * 2**20
MOST_BITS = 10_000

#: Of a coefficient: an imaginary part below so much of 1, or of the real part, is rounding.
_ROUNDING = 1e-12

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")


class _Entry(NamedTuple):
    """A product and its coefficient as they stand in a file; offsets tell where."""

    pauli: Any
    coefficient: Any
    at: int
    coefficient_at: int


def read_hamiltonian(path: Path, file: str) -> PauliSum:
    """Read a file.

    Args:
        path: Where it is.
        file: Its name for messages.

    Raises:
        SourceError: It cannot be read, or something in it is wrong.
    """
    place = Place(file)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            problem = f"{size / 2**20:.0f} MiB are too many; qbatch takes {MAX_BYTES // 2**20} MiB"
            raise SourceError(place, problem)
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(place, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(place, "is no text in UTF-8; save it as UTF-8") from error
    return parse_hamiltonian(text, file)


def parse_hamiltonian(text: str, file: str) -> PauliSum:
    """Read a Hamiltonian's text in any of the three forms, on bits 0, 1, ….

    Raises:
        SourceError: Something is wrong, at its line of `file`.
    """
    reader = _Reader(text, file)
    return reader.added_up()


class _Reader:
    """One text on its way to a sum."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._width: int | None = None

    def added_up(self) -> PauliSum:
        total: dict[Term, float] = {}
        size = 0.0
        for entry in self._entries():
            term = self._term(entry)
            found = self._number(entry)
            total[term] = total.get(term, 0.0) + found
            size += abs(found)
            if len(total) > MOST_TERMS:
                said = f"more than {MOST_TERMS:,} terms are too many"
                raise self._error(f"{said}; leave out those that weigh least", entry.at)
            if not math.isfinite(2 * size):
                raise self._error(
                    "the coefficients add up to what is not finite; write smaller ones", entry.at
                )
        if not total:
            raise self._error("no term stands here; write for example XXI,0.5", 0)
        return from_terms(total)

    def _error(self, problem: str, at: int) -> SourceError:
        line = self._text.count("\n", 0, at) + 1
        start = self._text.rfind("\n", 0, at) + 1
        excerpt = self._text[start : start + 200].split("\n")[0]
        return SourceError(Place(self._file, line), problem, excerpt=excerpt)

    def _entries(self) -> Iterator[_Entry]:
        begin = self._text.lstrip()[:1]
        if begin and begin in "[{":
            return self._json()
        uncommented = re.sub(r"^[ \t]*#[^\n]*", _blank, self._text, flags=re.MULTILINE)
        return self._openfermion(uncommented) if "[" in uncommented else self._csv(uncommented)

    # -- JSON

    def _json(self) -> Iterator[_Entry]:
        try:
            found = json.loads(self._text)
        except ValueError as error:
            at = getattr(error, "pos", 0)
            raise self._error(f"this is no JSON: {getattr(error, 'msg', error)}", at) from error
        except RecursionError as error:
            raise self._error("this is nested too deeply; write a list of terms", 0) from error
        start = self._past(0)
        if isinstance(found, list):
            yield from self._pairs(start)
        else:
            yield from self._columns(start)

    def _pairs(self, start: int) -> Iterator[_Entry]:
        for at, value in self._items(start):
            if not isinstance(value, list) or len(value) != 2:
                raise self._error(f'{_shown(value)} is no pair; write ["XXI", 0.5]', at)
            yield _Entry(value[0], value[1], at, at)

    def _columns(self, start: int) -> Iterator[_Entry]:
        lists: dict[str, list[tuple[int, Any]]] = {}
        for at, key, value in self._members(start):
            if key in lists:
                raise self._error(f"{key!r} is written twice; take one away", at)
            if key in ("paulis", "coeffs"):
                if not isinstance(self._value(value)[0], list):
                    raise self._error(f"{key!r} is no list; write [ … ]", value)
                lists[key] = [*self._items(value)]
            elif key != "description":
                known = '"paulis" and "coeffs", and perhaps "description"'
                raise self._error(f"{key!r} is not known; write {known}", at)
        paulis, coefficients = lists.get("paulis"), lists.get("coeffs")
        if paulis is None or coefficients is None or len(paulis) != len(coefficients):
            counts = " and ".join(
                f"{len(lists.get(key, []))} {key}" for key in ("paulis", "coeffs")
            )
            raise self._error(f"there are {counts}; write as many of both", start)
        for (at, pauli), (coefficient_at, found) in zip(paulis, coefficients, strict=True):
            yield _Entry(pauli, found, at, coefficient_at)

    def _items(self, start: int) -> Iterator[tuple[int, Any]]:
        """Yield the offset and value of each item of the list that begins at `start`."""
        at = self._past(start + 1)
        while self._text[at] != "]":
            value, end = self._value(at)
            yield at, value
            at = self._past(end)
            at = self._past(at + 1) if self._text[at] == "," else at

    def _members(self, start: int) -> Iterator[tuple[int, str, int]]:
        """Yield the offset, key and offset of value of each member of the object at `start`."""
        at = self._past(start + 1)
        while self._text[at] != "}":
            key, end = self._value(at)
            value = self._past(self._past(end) + 1)
            yield at, key, value
            at = self._past(self._value(value)[1])
            at = self._past(at + 1) if self._text[at] == "," else at

    def _value(self, at: int) -> tuple[Any, int]:
        return _DECODER.raw_decode(self._text, at)

    def _past(self, at: int) -> int:
        """Offset of what follows white space."""
        space = _SPACE.match(self._text, at)
        return space.end() if space else at

    # -- text

    def _openfermion(self, text: str) -> Iterator[_Entry]:
        at, is_first = 0, True
        term = re.compile(r"\s*(?P<join>[+-]?)\s*(?P<found>[^\[\]]*?)\s*\[(?P<pauli>[^\[\]]*)\]")
        end = len(text.rstrip())
        while at < end:
            match = term.match(text, at)
            if match is None:
                place = end - len(text[at:end].lstrip(" \t\r\n+-"))
                rest = shortened(text[place:end].split("\n")[0])
                raise self._error(f"{rest!r} is no term; write 0.5 [X0 Y1] + 0.25 [Z2]", place)
            place = match.start("found")
            if not match["join"] and not is_first:
                raise self._error(f"a + is missing before {shortened(match[0].strip())!r}", place)
            sign = "-" if match["join"] == "-" else ""
            yield _Entry(_Products(match["pauli"]), f"{sign}{match['found']}", place, place)
            at, is_first = match.end(), False

    def _csv(self, text: str) -> Iterator[_Entry]:
        offsets = [0, *(match.end() for match in re.finditer("\n", text))]
        names: list[str] | None = None
        for number, line in enumerate(text.split("\n")):
            try:
                row = next(csv.reader([line], strict=True, skipinitialspace=True), [])
            except csv.Error as error:
                raise self._error(f"this is no CSV: {error}", offsets[number]) from error
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if names is None:
                names = [cell.lower() for cell in cells]
                if sorted(names) != ["coefficient", "pauli"]:
                    problem = f"{shortened(line)!r} stands here; write pauli,coefficient first"
                    raise self._error(problem, offsets[number])
                continue
            if len(cells) != 2:
                problem = f"{shortened(line)!r} has {len(cells)} fields; write XXI,0.5"
                raise self._error(problem, offsets[number])
            pauli, found = cells[names.index("pauli")], cells[names.index("coefficient")]
            yield _Entry(pauli, found, offsets[number], offsets[number])

    # -- what is said

    def _term(self, entry: _Entry) -> Term:
        if isinstance(entry.pauli, _Products):
            return self._products(entry)
        text = entry.pauli
        if not isinstance(text, str) or not text or text.strip("IXYZ"):
            raise self._error(
                f"{_shown(text)} is no string of I, X, Y and Z, such as XXI", entry.at
            )
        if self._width is None:
            self._width = len(text)
        if len(text) != self._width:
            problem = f"{_shown(text)} has {len(text)} letters, those before it {self._width}"
            raise self._error(f"{problem}; write I for the bits that it leaves alone", entry.at)
        if len(text) > MOST_BITS:
            raise self._error(
                f"{len(text)} letters are too many; qbatch takes {MOST_BITS}", entry.at
            )
        return tuple((bit, letter) for bit, letter in enumerate(reversed(text)) if letter != "I")

    def _products(self, entry: _Entry) -> Term:
        letters: dict[int, str] = {}
        for word in entry.pauli.text.split():
            found = re.fullmatch(r"([XYZ])(\d{1,9})", word)
            if found is None or int(found[2]) >= MOST_BITS:
                problem = f"{_shown(word)} is none of X, Y and Z of a bit below {MOST_BITS}"
                raise self._error(f"{problem}; write for example X0", entry.at)
            if int(found[2]) in letters:
                problem = f"bit {int(found[2])} stands twice in [{shortened(entry.pauli.text)}]"
                raise self._error(f"{problem}; write their product", entry.at)
            letters[int(found[2])] = found[1]
        return tuple(sorted(letters.items()))

    def _number(self, entry: _Entry) -> float:
        found = _complex(entry.coefficient)
        if found is None or not (math.isfinite(found.real) and math.isfinite(found.imag)):
            problem = f"{_shown(entry.coefficient)} is no finite number"
            raise self._error(f"{problem}; write for example 0.5", entry.coefficient_at)
        if abs(found.imag) > _ROUNDING * max(1.0, abs(found.real)):
            problem = f"the coefficient {_shown(entry.coefficient)} is not real"
            raise self._error(
                f"{problem}, and what is measured is; write a real, finite number",
                entry.coefficient_at,
            )
        return found.real


class _Products(NamedTuple):
    """What stands in OpenFermion's brackets."""

    text: str


def _complex(written: Any) -> complex | None:
    """Read a coefficient; None where it is none."""
    if isinstance(written, bool):
        return None
    if isinstance(written, list) and len(written) == 2:
        parts = [_complex(part) if isinstance(part, int | float) else None for part in written]
        return None if None in parts else complex(written[0], written[1])
    try:
        return complex(re.sub(r"\s+", "", written) if isinstance(written, str) else written)
    except (TypeError, ValueError, OverflowError):
        return None


def _shown(value: Any) -> str:
    return shortened(repr(value) if isinstance(value, str) else json.dumps(value))


def _blank(line: re.Match[str]) -> str:
    return " " * len(line[0])
