"""The small language of ``-k``: which points are meant.

    backend=noisy and shots>=1000          comparisons: = == != < <= > >=, numbers as numbers
    not (gamma=pi/2 or circuit~ring)       ~ : the value's text holds this text
    noisy                                  a word: the name holds it, or the id begins with it;
                                           to `forget` and `cancel`: the whole name, or the id
    backend=noisy,shots=1000#2             a point's name: commas mean `and`, #2 means repeat=2
    n=3,4,5                                one of these; also `n in (3, 4, 5)`, `not n in (3, 4)`
    backend=ibm*                           * and ? in a word without quotes: any text, any letter
    state=failed or zz<0.8                 of points that are in a run: where they are, see below

Left of a comparison stands an axis, a parameter, or one of id, name, circuit, backend, shots,
repeat, seed; where points of a run are chosen (`show`, `export`, `cancel`, …), `state` and the
names of its numbers too, whose measured values count. `state` is known to `plan`, `run` and `retry`
as well: "new" where the run has no such point. A point that lacks it (another circuit's parameter)
does not match. Words with spaces or signs stand in quotes. `not` binds closest, then `and`, then
`or`.

A number equals the value of the axis that is just that number; where there is none, the value that
is written so in names; where there is none either, all within a relative 1e-9 (``gamma=pi/2`` means
the grid's point there, whatever its last bit). So ``x=0.3`` does not mean 0.1 + 0.2 where the axis
has both.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import translate
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from qbatch.arithmetic import ExpressionError, evaluate
from qbatch.bases import point_of
from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.models import Value
from qbatch.manifest.paths import is_time
from qbatch.manifest.times import as_written_time
from qbatch.notation import did_you_mean, listed
from qbatch.plan.geometry.where import same
from qbatch.plan.geometry.written import values_by_axis
from qbatch.plan.identity import SweepPoint, field_of
from qbatch.plan.layout import full_text, short_text, text_writer

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest

Predicate = Callable[[SweepPoint], bool]

#: Where the points of a plan are in its run folder, by id, and what is said of others.
States = Callable[[], Mapping[str, str]]
STATE, NEW = "state", "new"

#: What can stand left of a comparison beside axes.
FIELDS = ("id", "name", "circuit", "backend", "shots", "repeat", "seed")

_TOKEN = re.compile(
    r"""(?x)\s*(?:
    (?P<op> == | != | <= | >= | = | < | > | ~ )
    | (?P<sign> [(),\#] )
    | "(?P<double>[^"]*)" | '(?P<single>[^']*)'
    | (?P<word> [^\s(),\#"'=!<>~]+ )
    )"""
)
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PATTERN = re.compile(r"[*?]")
_HEX = re.compile(r"[0-9a-f]{4,64}")
_DEEPEST = 100

#: Of each axis, where an expression fits no point: what is told and searched for near ones.
_MOST_VALUES = 1000


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def select(
    expression: str,
    axes: Collection[str] | None = None,
    manifest: Manifest | None = None,
    *,
    is_exact: bool = False,
    states: States | None = None,
) -> Predicate:
    """Return a predicate over points.

    Args:
        expression: See this module's head.
        axes: Names that may be compared beside `FIELDS`; None: any.
        manifest: Whose axes tell which values there are; None: not known.
        is_exact: What is chosen is dropped or cancelled: a word is a point's whole name or the
            beginning of its id, and ``~`` and patterns are refused.
        states: Says where points of a plan are, by id; called when that is asked. None: points
            tell it themselves, or nobody does.

    Raises:
        SelectionError: It cannot be read, or compares a name that does not exist; the text points
            at the place with a caret.
    """
    return _Parser(expression, axes, manifest, is_exact=is_exact, states=states).parse()


@dataclass(frozen=True, slots=True)
class Meant:
    """What an expression means among certain points.

    Attributes:
        holds: Whether it means a point.
        is_any: Whether it means any of them.
    """

    holds: Predicate
    is_any: bool


def select_meant(
    expression: str,
    axes: Collection[str] | None,
    points: Iterable[SweepPoint],
    manifest: Manifest | None = None,
    *,
    is_exact: bool = False,
    states: States | None = None,
) -> Meant:
    """Return what an expression means, held against the points; it is read, and they are, once.

    Args:
        expression: See this module's head.
        axes: As for `select`.
        points: Gone through until one is meant.
        manifest: As for `select`.
        is_exact: As for `select`.
        states: As for `select`; asked once.

    Raises:
        SelectionError: None is meant, for a part of the expression fits no point at all; the text
            points at it and says which values there are.
    """
    parser = _Parser(expression, axes, manifest, is_exact=is_exact, states=states)
    is_meant = parser.parse()
    return Meant(is_meant, _is_any_meant(parser, is_meant, points, manifest))


def _is_any_meant(
    parser: _Parser, is_meant: Predicate, points: Iterable[SweepPoint], manifest: Manifest | None
) -> bool:
    seen: dict[str, set[str]] = {part.name: set() for part in parser.parts if part.name}
    alone = dict.fromkeys(parser.parts, False)
    for point in points:
        if is_meant(point):
            return True
        for part in parser.parts:
            alone[part] = alone[part] or part.holds(point)
        for name, values in seen.items():
            if len(values) < _MOST_VALUES and (value := parser.value_of(point, name)) is not None:
                values.add(value if isinstance(value, str) else short_text(value))
    measured = {STATE} if manifest is None else {STATE, *manifest.analysis.names}
    for part in (part for part, fits in alone.items() if not fits and part.name not in measured):
        parser.refuse(part, sorted(seen.get(part.name, ()), key=lambda text: (len(text), text)))
    return False


@dataclass(frozen=True, slots=True)
class _Part:
    """A comparison, a word (without a name) or a copy's number in an expression.

    `value` is what it should have been near to; "" where it compares sizes.
    """

    name: str
    value: str
    holds: Predicate
    text: str
    column: int


class _Parser:
    def __init__(
        self,
        text: str,
        axes: Collection[str] | None,
        manifest: Manifest | None = None,
        *,
        is_exact: bool = False,
        states: States | None = None,
    ) -> None:
        self._is_exact = is_exact
        self._states = states
        self._manifest = manifest
        self.parts: list[_Part] = []
        self._text = text
        self._axes = axes
        self._tokens = [*self._split(), _Token("end", "", len(text.rstrip()))]
        self._at = 0
        self._depth = 0

    def _split(self) -> Iterator[_Token]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                column = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                self._fail("this cannot be read; put the text in quotes", column)
            kind = "quoted" if match.lastgroup in ("double", "single") else match.lastgroup
            start = match.start(match.lastgroup) - (kind == "quoted")
            yield _Token(kind, match[match.lastgroup], start)
            at = match.end()

    def _fail(self, problem: str, column: int) -> NoReturn:
        raise SelectionError(f"-k: {problem}\n  {self._text}\n  {' ' * column}^")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, kind: str, *texts: str) -> _Token | None:
        token = self._next
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._at += 1
        return token

    def parse(self) -> Predicate:
        if self._next.kind == "end":
            self._fail("an expression is missing; write for example backend=noisy", 0)
        found = self._either()
        if self._next.kind != "end":
            self._fail("'and' or 'or' is missing here; write one of them", self._next.column)
        return found

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._take("word", "or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda point: any(p(point) for p in parts)

    def _both(self) -> Predicate:
        parts = [self._single()]
        while True:
            if copy := self._take("sign", "#"):
                parts.append(self._copy(copy))
            elif self._take("word", "and") or self._take("sign", ","):
                parts.append(self._single())
            else:
                return parts[0] if len(parts) == 1 else lambda point: all(p(point) for p in parts)

    def _copy(self, sign: _Token) -> Predicate:
        word = self._take("word")
        if word is None or not word.text.isdecimal():
            self._fail("the number of a copy follows '#', as in #2", sign.column)
        number = int(word.text)
        return self._note(
            "repeat", word.text, lambda point: field_of(point, "repeat") == number, sign
        )

    def _single(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("nested too deep; take parentheses away", self._next.column)
        try:
            if self._take("word", "not"):
                inner = self._single()
                return lambda point: not inner(point)
            if opened := self._take("sign", "("):
                inner = self._either()
                if not self._take("sign", ")"):
                    self._fail("this '(' is never closed; write ')'", opened.column)
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Predicate:
        column = self._next.column
        left = self._take("word") or self._take("quoted")
        if left is None or (left.kind == "word" and left.text in ("and", "or")):
            self._fail("a comparison or a word is missing here; write one, as theta=0", column)
        if self._take("word", "in"):
            return self._among(left)
        sign = self._take("op")
        if sign is None:
            holds = _is_called(left.text) if self._is_exact else _holds(left.text)
            return self._note("", left.text, holds, left)
        right = self._take("word") or self._take("quoted")
        if right is None:
            self._fail(f"a value is missing after {sign.text!r}; write one", self._next.column)
        self._check_name(left)
        near = right.text if sign.text in ("=", "==", "~") else ""
        holds = self._compare(left.text, sign, right)
        if sign.text in ("=", "=="):
            holds = self._or_others(left.text, sign, holds)
        return self._note(left.text, near, holds, left)

    def _or_others(self, name: str, sign: _Token, first: Predicate) -> Predicate:
        """Read further values behind commas, as in ``shots=100,1000``: one of them, as in `-S`."""
        found = [first]
        while self._is_another_value():
            self._take("sign", ",")
            value = self._take("word") or self._take("quoted")
            assert value is not None
            found.append(self._compare(name, sign, value))
        return first if len(found) == 1 else lambda point: any(one(point) for one in found)

    def _is_another_value(self) -> bool:
        """Tell whether a comma and a value follow that is no comparison, word or name itself."""
        end = _Token("end", "", len(self._text))
        comma, value, after, *_ = (*self._tokens[self._at : self._at + 3], end, end)
        is_value = value.kind == "quoted" or (
            value.kind == "word" and value.text not in ("not", "and", "or")
        )
        return (
            (comma.kind, comma.text) == ("sign", ",")
            and is_value
            and after.kind != "op"
            and not (after.kind == "word" and after.text == "in")
        )

    def _among(self, left: _Token) -> Predicate:
        """Read the values behind ``in``."""
        opened = self._take("sign", "(")
        if opened is None:
            self._fail("values in parentheses follow 'in', as in n in (3, 4)", self._next.column)
        self._check_name(left)
        equal = _Token("op", "=", opened.column)
        found: list[Predicate] = []
        while value := self._take("word") or self._take("quoted"):
            found.append(self._compare(left.text, equal, value))
            if not self._take("sign", ","):
                break
        if not found or not self._take("sign", ")"):
            self._fail("a value, or ')', is missing here; write it", self._next.column)
        return self._note(left.text, "", lambda point: any(one(point) for one in found), left)

    def value_of(self, point: SweepPoint, name: str) -> Value | None:
        """Return what a point has under a name; None where it has nothing."""
        if name == STATE and self._states is not None and not hasattr(point, STATE):
            return self._known_states.get(point.id, NEW)
        return value_of(point, name)

    @cached_property
    def _known_states(self) -> Mapping[str, str]:
        return self._states() if self._states is not None else {}

    def _note(self, name: str, value: str, holds: Predicate, first: _Token) -> Predicate:
        text = self._text[first.column : self._next.column].strip()
        self.parts.append(_Part(name, value, holds, text, first.column))
        return holds

    def refuse(self, part: _Part, values: Sequence[str]) -> NoReturn:
        """Say that no point fits a part of the expression, and which values there are."""
        if not part.name and self._is_exact:
            self._fail(
                f"no point is called {part.value!r} and no id begins with it; what is dropped or "
                f"cancelled is named whole, or by what it has, as in backend={part.value}",
                part.column,
            )
        if not part.name:
            self._fail(f"no name has {part.value!r}, no id begins so; try axis=value", part.column)
        near = did_you_mean(part.value, values)
        told = near or (f"; there are {listed(values)}" if values else "; none has that axis")
        self._fail(f"no point has {part.text}{told}", part.column)

    def _check_name(self, name: _Token) -> None:
        fields = (*FIELDS, STATE) if self._states is not None else FIELDS
        if self._axes is not None and name.text not in (known := {*fields, *self._axes}):
            said = f"there is no axis {name.text!r} ({listed(sorted(known))})"
            self._fail(said + did_you_mean(name.text, known), name.column)

    def _compare(self, name: str, sign: _Token, right: _Token) -> Predicate:
        if sign.text == "~" and self._is_exact:
            self._fail("what is dropped or cancelled is named exactly; write = or !=", sign.column)
        value_of = self.value_of
        if sign.text == "~":
            text = right.text
            return lambda point: (v := value_of(point, name)) is not None and text in _shown(v)
        value = self._read(right, name)
        if name == STATE and not _PATTERN.search(right.text):
            self._check_state(right)
        is_word = right.kind == "word" and isinstance(value, str)
        if is_word and _PATTERN.search(right.text) and sign.text in ("=", "==", "!="):
            return self._matching(name, sign, right)
        if sign.text in ("=", "==", "!="):
            wanted, is_equal = sign.text != "!=", self._equality(name, value, right)
            return lambda point: (v := value_of(point, name)) is not None and is_equal(v) is wanted
        if isinstance(value, (str, bool)):
            self._fail(f"{sign.text!r} compares numbers; {right.text!r} is none", right.column)
        compare, limit = _ORDERED[sign.text], value
        return lambda point: (
            not isinstance(v := value_of(point, name), (str, bool, type(None)))
            and compare(v, limit)
        )

    def _check_state(self, word: _Token) -> None:
        known = [*(state.value for state in JobState), NEW]
        if word.text not in known:
            said = f"{word.text!r} is no state ({listed(known)}){did_you_mean(word.text, known)}"
            self._fail(said, word.column)

    def _matching(self, name: str, sign: _Token, right: _Token) -> Predicate:
        """Compare a value's text with a pattern."""
        if self._is_exact:
            self._fail("what is dropped or cancelled is named exactly; use = or in", right.column)
        fits, wanted = re.compile(translate(right.text)).match, sign.text != "!="
        of = self.value_of
        return lambda point: (
            (v := of(point, name)) is not None and (fits(_shown(v)) is not None) is wanted
        )

    def _read(self, token: _Token, name: str) -> Value:
        """Read a value: quoted text; true, false; arithmetic; a time with its unit; else text."""
        if token.kind == "quoted":
            return token.text
        if token.text in ("true", "false"):
            return token.text == "true"
        if name in self._times or is_time(name):
            time_s = as_written_time(token.text)
            if isinstance(time_s, float):
                return time_s
        try:
            return evaluate(token.text, {} if self._manifest is None else self._manifest.vars)
        except ExpressionError:
            return token.text

    @cached_property
    def _times(self) -> frozenset[str]:
        return frozenset() if self._manifest is None else self._manifest.times

    @cached_property
    def _values(self) -> Mapping[str, Sequence[Value] | None]:
        return {} if self._manifest is None else values_by_axis(self._manifest)

    def _equality(self, name: str, wanted: Value, written: _Token) -> Callable[[Value], bool]:
        """What it means that an axis has a value as a person wrote it; see the module's head."""
        if isinstance(wanted, str | bool):
            return lambda value: _is_equal(value, wanted, written)
        values = [v for v in self._values.get(name) or () if not isinstance(v, str | bool)]
        if any(value == wanted for value in values):
            return lambda value: value == wanted and not isinstance(value, bool)
        write = text_writer(values)
        if any(write(value) == written.text for value in values):
            return lambda value: write(value) == written.text
        return lambda value: _is_equal(value, wanted, written)


def _is_called(text: str) -> Predicate:
    def is_named(point: SweepPoint) -> bool:
        return text in (point.name, point_of(point.name))

    if _HEX.fullmatch(text):
        return lambda point: is_named(point) or point.id.startswith(text)
    return is_named


def _holds(text: str) -> Predicate:
    if _PATTERN.search(text):
        fits = re.compile(translate(text)).match
        return lambda point: fits(point.name) is not None
    if _HEX.fullmatch(text):
        return lambda point: text in point.name or point.id.startswith(text)
    return lambda point: text in point.name


def value_of(point: SweepPoint, name: str) -> Value | None:
    """Return the point's value of a parameter, field or axis; None when it has none.

    A parameter may be named `name` or `seed`: then it is the parameter that is meant.
    """
    for known, value in point.parameters:
        if known == name:
            return value
    if name in FIELDS:
        found: Value = field_of(point, name)
        return found
    if name == STATE:
        return getattr(point, STATE, None)
    number = getattr(point, "estimates", {}).get(name)
    return None if number is None else number.value


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else full_text(value)


def _is_equal(value: Value, wanted: Value, written: _Token) -> bool:
    """Compare a value as a person wrote it: also in the six digits in which names show it."""
    if isinstance(value, str):
        return value == written.text
    return same(value, wanted) or short_text(value) == written.text
