"""What one value of a manifest may be: numbers, names, paths, durations, pointers to secrets.

The models are built of the types here. Rules: a validator says what is wrong with the value and
how to mend it, and leaves place and value to `complaints`; a secret never enters a message. What
a value may refer to (vars, circuits, backends …) is passed as `Known`; models built without it,
in Python, are checked by themselves only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from qbatch.arithmetic import (
    MAX_INTEGER,
    MAX_LENGTH,
    ExpressionError,
    Number,
    evaluate,
    is_arithmetic,
    is_number,
    names_in,
)
from qbatch.configuration.words import POINTER
from qbatch.frozen import dataclass
from qbatch.manifest.columns import RESERVED
from qbatch.manifest.nodes import Plain
from qbatch.manifest.paths import TIMES
from qbatch.manifest.times import as_unquoted_time, as_written_time, is_written_time
from qbatch.notation import did_you_mean, listed

#: A swept or fixed value: what an axis may hold.
Value = bool | int | float | str

#: In an error's location: the key is meant, not its value.
AT_KEY = "[key]"

#: Said of a name that is taken.
NO_COLUMN = "is the name of a column of the results; choose another"

#: Axes that are no parameters of a circuit.
AXES = ("circuit", "backend", "shots")

_YAML_1_1 = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_SEXAGESIMAL = re.compile(r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?")
#: How durations are written, for messages.
DURATIONS = "write 90s, 30m, 6h, 1h30m, 2d or a number of seconds"

_DURATION = re.compile(
    r"(?=\d)(?:(?P<d>\d+(?:\.\d+)?)d)?\s*(?:(?P<h>\d+(?:\.\d+)?)h)?\s*"
    r"(?:(?P<m>\d+(?:\.\d+)?)m(?:in)?)?\s*(?:(?P<s>\d+(?:\.\d+)?)s)?"
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
#: Keys that hold secrets, wherever they stand.
SECRET_KEY = re.compile(
    r"(?i)(?:.*[_-])?(?:api[_-]?key|(?:access[_-]?|auth[_-]?)?token|password|passwd|secret(?:[_-]key)?)"
)


class Model(BaseModel):
    """What every part of a manifest is: frozen, strict, with no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest's values may refer to. None: not known, so not checked.

    Attributes:
        vars: Name -> number.
        broken: Vars whose own value is wrong: numbers made of them are not complained about again.
        folder: The manifest's; paths are checked against it.
        sums: File that an observable names -> its sum, kept with a run; None: files must be there.
        sums_read: The same, filled while observables are read.
        files_read: Paths of files that values name, filled while they are read.
        axes: Of all sweeps together.
        estimates: Names of all numbers of the analysis, which each point has.
        across: Names of all numbers across points.
        expected: Names of the numbers of which theory speaks.
        decisions: `Decision`s on targets that are one of several.
    """

    vars: Mapping[str, Number] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    folder: Path | None = None
    sums: Mapping[str, str] | None = None
    sums_read: dict[str, str] = field(default_factory=dict)
    files_read: list[str] = field(default_factory=list)
    circuits: frozenset[str] | None = None
    backends: frozenset[str] | None = None
    axes: frozenset[str] | None = None
    estimates: frozenset[str] | None = None
    across: frozenset[str] = frozenset()
    expected: frozenset[str] | None = None
    decisions: tuple[Any, ...] = ()
    _resolved: dict[Path, Path | None] = field(default_factory=dict, repr=False)

    def resolved(self, path: Path) -> Path | None:
        """Return a path with its symbolic links followed, each once; None: they lead nowhere."""
        if path not in self._resolved:
            try:
                self._resolved[path] = path.resolve()
            except (OSError, RuntimeError):  # a loop of links, or a name too long
                self._resolved[path] = None
        return self._resolved[path]


_NOTHING_KNOWN = Known()


def known_to(info: ValidationInfo) -> Known:
    """Return what this validation was told of the rest of the manifest."""
    return info.context if isinstance(info.context, Known) else _NOTHING_KNOWN


def wrong(problem: str) -> PydanticCustomError:
    """Make the error of a value; it is shown before the problem (``0`` + ``is too few``)."""
    return PydanticCustomError("value", "{problem}", {"problem": problem})


def amiss(problem: str) -> PydanticCustomError:
    """Make an error that does not show the value: it may be a secret, or too large to help."""
    return PydanticCustomError("amiss", "{problem}", {"problem": problem})


class Mistakes:
    """Mistakes inside one value, each with its location there, raised together."""

    def __init__(self) -> None:
        self.found: list[InitErrorDetails] = []

    def add(self, loc: Iterable[str | int], error: PydanticCustomError) -> None:
        self.found.append({"type": error, "loc": tuple(loc), "input": None})

    def add_those_of(self, error: ValidationError) -> None:
        """Add what pydantic found by itself."""
        for detail in error.errors(include_url=False):
            context = detail.get("ctx") or {}
            if "problem" in context:
                kind = PydanticCustomError(detail["type"], "{problem}", context)
                self.add(detail["loc"], kind)
            else:
                self.found.append(
                    {"type": detail["type"], "loc": detail["loc"], "input": None, "ctx": context}
                )

    def raise_any(self) -> None:
        """Raise `ValidationError` with all that was added, if anything was."""
        if self.found:
            raise ValidationError.from_exception_data("manifest", self.found)


def unknown(kind: str, name: str, known: Iterable[str]) -> PydanticCustomError:
    """Make the error of a name that nothing has."""
    names = sorted(known)
    return wrong(f"is no {kind} ({listed(names) or 'there are none'}){did_you_mean(name, names)}")


def check_beside(data: Any, handler: ModelWrapValidatorHandler[_M], mistakes: Mistakes) -> _M:
    """Validate `data`, and raise what that finds together with `mistakes` found already."""
    try:
        model = handler(data)
    except ValidationError as error:
        mistakes.add_those_of(error)
        mistakes.raise_any()
        raise
    mistakes.raise_any()
    return model


def as_number(value: Any, info: ValidationInfo) -> Any:
    """Return a number; arithmetic is worked out."""
    return _number(value, known_to(info), _NUMBER)


#: What is to be written where there is none.
_NUMBER, _WHOLE = "a number", "a whole number"


def _number(value: Any, known: Known, wanted: str) -> Number:
    if type(value) is Plain:
        return _evaluated(value, known, wanted)
    if not is_number(value):
        raise wrong(f"{_kind_of(value)}; write {wanted}")
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong(f"is not finite; write {wanted}")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        if wanted == _WHOLE:
            raise wrong(f"is too large; write {MAX_INTEGER} or less")
        raise wrong("is too large for an integer; write it as a float, as in 1e30")
    return value


def _evaluated(text: Plain, known: Known, wanted: str = _NUMBER) -> Number:
    if len(text) < MAX_LENGTH and _SEXAGESIMAL.fullmatch(text):
        raise wrong("is a string in YAML 1.2 (base 60 was YAML 1.1); write the number itself")
    if text.lower() in _YAML_1_1 and text not in {*known.vars, *known.broken}:
        raise wrong(f"is a string in YAML 1.2, as are yes, no, on and off; write {wanted}")
    try:
        return evaluate(text, known.vars)
    except ExpressionError as error:
        if known.broken.intersection(names_in(text)):
            raise PydanticCustomError("silent", "{problem}", {"problem": "follows"}) from error
        if wanted == _WHOLE and text.isidentifier():
            named = f", or the name of one ({listed(known.vars)})" if known.vars else ""
            hint = did_you_mean(text, known.vars)
            raise wrong(f"is no number; write {wanted}{named}{hint}") from error
        raise wrong(str(error)) from error


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return "is in quotes, and so a string" if type(value) is not Plain else "is a string"
    if isinstance(value, bool):
        return "is a boolean"
    if isinstance(value, int | float):
        return "is a number"
    if isinstance(value, tuple):
        return "is a list"
    return "is empty" if value is None else "is a map"


def as_integer(value: Any, info: ValidationInfo) -> Any:
    """Return an integer; ``1e4`` is one."""
    number = _number(value, known_to(info), _WHOLE)
    if isinstance(number, int):
        return number
    if number.is_integer() and abs(number) > MAX_INTEGER:
        raise wrong(f"is too large; write {MAX_INTEGER} or less")
    if not number.is_integer():
        raise wrong("is no integer; write a whole number")
    return int(number)


def as_flag(value: Any) -> Any:
    """Return a boolean; YAML 1.1's words for one are explained."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _YAML_1_1:
        meant = _YAML_1_1[value.lower()]
        raise wrong(f"is a string in YAML 1.2, as are yes, no, on and off; write {meant}")
    raise wrong(f"{_kind_of(value)}; write true or false")


def as_text(value: Any) -> Any:
    """Return a string; what YAML reads as something else is explained."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float):
        kind = "a boolean" if isinstance(value, bool) else f"the number {value}"
        raise wrong(f"reads as {kind}, and text is wanted; put it in quotes")
    raise wrong(f"{_kind_of(value)}; write text")


def as_value(value: Any, info: ValidationInfo) -> Value:
    """Return what an axis may hold; unquoted arithmetic and times (``80us``) are worked out."""
    value = as_unquoted_time(value)
    if type(value) is Plain:
        names = known_to(info)
        if is_arithmetic(value, {**names.vars, **dict.fromkeys(names.broken, 1)}):
            return _evaluated(value, names)
        return str(value)
    if isinstance(value, str | bool):
        return value
    if value is None or isinstance(value, tuple | list | Mapping):
        raise wrong(f"{_kind_of(value)}; write one number, string or boolean")
    number: Number = as_number(value, info)
    return number


def as_seconds(value: Any, info: ValidationInfo) -> Any:
    """Return a duration in seconds: ``90s``, ``30m``, ``6h``, ``1h30m``, ``2d``, or a number."""
    if isinstance(value, str) and len(value) < MAX_LENGTH:
        if (found := duration_s(value)) is not None:
            return as_number(found, info)
        if _SEXAGESIMAL.fullmatch(value) or not is_arithmetic(value, known_to(info).vars):
            raise wrong(f"is no duration; {DURATIONS}")
    return as_number(value, info)


def duration_s(text: str) -> float | None:
    """Read ``90s`` or ``1h30m``; None for what is written otherwise."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    return sum(_SECONDS[unit] * float(n) for unit, n in match.groupdict().items() if n)


def as_time(value: Any, info: ValidationInfo) -> Any:
    """Return a time in seconds: ``80us``, ``35ns``, or a number; more is up to who takes it."""
    found = as_value(as_written_time(value), info)
    if isinstance(found, str):
        raise wrong("is no time; write 80us, 35ns (s, ms, us, ns, ps) or a number of seconds")
    return found


def as_setting(value: Any, info: ValidationInfo) -> Value:
    """Return what a setting may be: as `as_value`, but what ``5us`` means is up to the setting."""
    return str(value) if is_written_time(value) else as_value(value, info)


def plain_data(value: Any) -> Any:
    """Return nested data with strings as strings."""
    return _nested(value, lambda item, _: str(item) if type(item) is Plain else item)


def noise_data(value: Any, info: ValidationInfo) -> Any:
    """Return nested data with unquoted arithmetic worked out, and times in seconds."""

    def convert(item: Any, loc: tuple[str | int, ...]) -> Any:
        if ("noise", *loc) in TIMES:
            return as_time(item, info)
        return as_setting(item, info) if type(item) is Plain else item

    return _nested(value, convert)


def _nested(value: Any, convert: Callable[[Any, tuple[str | int, ...]], Any]) -> Any:
    mistakes = Mistakes()

    def walk(item: Any, loc: tuple[str | int, ...]) -> Any:
        if isinstance(item, Mapping):
            for key in item:
                if SECRET_KEY.fullmatch(key):
                    mistakes.add((*loc, key), amiss(_NO_SECRETS))
            return {key: walk(inner, (*loc, key)) for key, inner in item.items()}
        if isinstance(item, tuple | list):
            return tuple([walk(inner, (*loc, i)) for i, inner in enumerate(item)])
        try:
            return convert(item, loc)
        except PydanticCustomError as error:
            mistakes.add(loc, error)
            return item

    if not isinstance(value, Mapping):
        raise wrong(f"{_kind_of(value)}; write a map")
    walked = walk(value, ())
    mistakes.raise_any()
    return walked


_NO_SECRETS = (
    "a secret does not belong in a manifest; keep it elsewhere and point to it with "
    "credentials: env:NAME, keyring:… or file:…"
)


def check_pointer(value: str) -> str:
    """Return a pointer to a secret; anything else may be the secret itself and is never shown."""
    if not POINTER.fullmatch(value):
        raise amiss(f"is no pointer to a secret; {_NO_SECRETS}")
    return value


def check_url(value: str) -> str:
    """Return an http(s) URL without user, query or fragment."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise amiss("is no URL; write http://HOST:PORT or https://HOST") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise amiss("holds a user, query or fragment; write the base URL alone")
    if parts.scheme not in ("http", "https") or not has_host or re.search(r"\s", value):
        raise wrong("is no URL of an API; write http://HOST:PORT or https://HOST")
    return value


_RUN_NAME = re.compile(r"[^\W_][\w.+-]{0,99}")
_NAME = re.compile(r"\w[\w.+-]{0,99}")
_IDENTIFIER = re.compile(r"[^\W\d]\w{0,99}")


def check_run_name(value: str) -> str:
    """Return a manifest's name, which also names the run's folder."""
    if not _RUN_NAME.fullmatch(value):
        raise wrong("is no name for a run's folder; write letters, digits, '-', '_', '.' and '+'")
    return value


def check_name(value: str) -> str:
    """Return the name of a circuit or backend."""
    if not _NAME.fullmatch(value):
        raise wrong("is no name; write letters, digits, '-', '_', '.' and '+', no spaces")
    return value


def check_identifier(value: str) -> str:
    """Return the name of a var."""
    if not _IDENTIFIER.fullmatch(value):
        raise wrong("is no name; write letters, digits and '_', not beginning with a digit")
    return value


def check_column(value: str) -> str:
    """Return the name of a parameter or analysed number: an identifier that is no column yet."""
    check_identifier(value)
    if value in RESERVED:
        raise wrong(NO_COLUMN)
    return value


Real = Annotated[float, BeforeValidator(as_number)]
Whole = Annotated[int, BeforeValidator(as_integer)]
#: A number that stays an integer when it is written as one.
Numeric = Annotated[
    int | float, PlainValidator(as_number), WithJsonSchema({"type": ["number", "string"]})
]
Flag = Annotated[bool, BeforeValidator(as_flag)]
Text = Annotated[str, BeforeValidator(as_text)]
Seconds = Annotated[float, BeforeValidator(as_seconds), Field(gt=0)]
Name = Annotated[str, AfterValidator(check_name)]
Identifier = Annotated[str, AfterValidator(check_identifier)]
Column = Annotated[str, AfterValidator(check_column)]
RunName = Annotated[Text, AfterValidator(check_run_name)]
Pointer = Annotated[Text, AfterValidator(check_pointer)]
Url = Annotated[Text, AfterValidator(check_url)]
Swept = Annotated[
    bool | int | float | str,
    PlainValidator(as_value),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
]
Options = Annotated[Mapping[str, Any], BeforeValidator(plain_data)]
Noise = Annotated[Mapping[str, Any], BeforeValidator(noise_data)]
