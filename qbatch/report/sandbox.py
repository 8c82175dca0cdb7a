"""The sandbox of circuit templates, for reports: the same payment, and what a report is given.

A report's template reads objects (points, checks, figures) and may use nearly all of Jinja2's
filters, and what it writes may be escaped. So attributes of what it is given can be read, and
filters that may grow a text are asked what they would make before they make it. A run of more
points may take more steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Cycler, Joiner, Namespace

from qbatch.circuit.sandbox import (
    BUDGET,
    INTERNAL,
    LONGEST,
    Budget,
    Sandbox,
    TooMuchError,
    check_format,
    settled,
)

#: Of a report without points, and what each point adds.
STEPS, STEPS_PER_POINT = 1_000_000, 500
MADE, MADE_PER_POINT = 256_000_000, 20_000

#: Items of one list; there may be a million points.
MOST_ITEMS = 2_000_000

#: A width or number of parts.
MOST_WIDTH = 10_000

#: Filters that are left out: chance, and what reaches for other templates or prints insides.
_WITHOUT = frozenset({"random", "pprint", "urlize", "forceescape"})

#: Filters that make a text as large as the text times an argument.
_GROWING = frozenset({"center", "indent", "wordwrap", "replace", "truncate"})

#: What is read as Jinja2's own sandbox lets it.
_READ = (Mapping, list, tuple, LoopContext, Macro, Namespace, Cycler, Joiner)

#: Methods of texts.
_METHODS = frozenset({
    *("capitalize", "count", "endswith", "find", "isdigit", "lower", "lstrip", "partition"),
    *("removeprefix", "removesuffix", "rpartition", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "title", "upper", "join", "replace", "ljust", "rjust", "center", "zfill"),
})  # fmt: skip


class ReportSandbox(Sandbox):
    """See the module's head.

    Args:
        filters: A report's own.
        autoescape: What is written is HTML.
        undefined: What a name stands for that is not there.
    """

    def __init__(
        self,
        filters: Mapping[str, Callable[..., Any]],
        *,
        autoescape: bool,
        undefined: type[Undefined],
    ) -> None:
        super().__init__()
        self.autoescape = autoescape
        self.undefined = undefined
        self.finalize = _print
        allowed = {name: each for name, each in FILTERS.items() if name not in _WITHOUT}
        allowed.update(filters)
        self.filters = {name: _paid(name, each) for name, each in allowed.items()}
        self.filters |= {**INTERNAL, " rounds": _rounds, " concatenated": _concatenated}
        self.tests = dict(TESTS)
        own = {"namespace": Namespace, "dict": dict, "cycler": Cycler, "joiner": Joiner}
        self.globals = {"range": self.globals["range"], **own}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow what reads a value; methods of texts that may grow are asked when called."""
        if isinstance(obj, str):
            return attr in _METHODS
        if isinstance(obj, _READ):
            return ImmutableSandboxedEnvironment.is_safe_attribute(self, obj, attr, value)
        is_ours = type(obj).__module__.startswith("qbatch.")
        return not attr.startswith("_") and (is_ours or not callable(value))

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function that does not make too much."""
        text = getattr(obj, "__self__", None)
        if isinstance(text, str):
            if obj.__name__ == "join":
                args = (_of_bounded_length(text, *args),)
            else:
                _check_growth(text, (*args, *kwargs.values()))
        return super().call(context, obj, *args, **kwargs)


def budget_for(points: int) -> Budget:
    """Return what a report of so many points may take."""
    return Budget(STEPS + STEPS_PER_POINT * points, MADE + MADE_PER_POINT * points, MOST_ITEMS)


def _check_growth(text: str, given: Iterable[Any]) -> None:
    """See that a text times an argument is not too long."""
    factor = 1
    for each in given:
        if isinstance(each, str):
            factor = max(factor, len(each))
        elif isinstance(each, int):
            factor = max(factor, each)
    if (len(text) + 1) * factor > LONGEST:
        raise TooMuchError("a text that may become too long; make it shorter")


def _of_bounded_length(separator: str, parts: Iterable[Any]) -> list[str]:
    """Return the texts to be joined, which are not too long together."""
    texts, length = [], 0
    for part in parts:
        texts.append(part if isinstance(part, str) else str(part))
        length += len(texts[-1]) + len(separator)
        if length > LONGEST:
            raise TooMuchError("join makes a text that is too long; join fewer")
    return texts


def _paid(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter pay for what it reads and what it makes."""
    passed = getattr(function, "jinja_pass_arg", None)

    @pass_context
    def filter_(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget: Budget = context.parent[BUDGET]
        budget.take(value)
        given = (*args, *kwargs.values())
        if name == "format":
            check_format(str(value))
        elif name == "join":
            value = _of_bounded_length(
                "" if not given else str(given[0]), _joined(context, value, kwargs)
            )
            kwargs.pop("attribute", None)
            args = args[:1]
        elif name in _GROWING:
            _check_growth(str(value), given)
        elif name in ("batch", "slice", "round") and any(
            isinstance(each, int) and each > MOST_WIDTH for each in given
        ):
            raise TooMuchError(f"{name} by more than {MOST_WIDTH}; write less")
        first = {"context": context, "environment": context.environment}
        first["eval_context"] = context.eval_ctx
        more = () if passed is None else (first[passed.name],)
        return budget.take(settled(function(*more, value, *args, **kwargs)))

    return filter_


def _joined(context: Context, value: Iterable[Any], kwargs: Mapping[str, Any]) -> Iterable[Any]:
    """Return what `join` joins: items, or an attribute of theirs."""
    attribute = kwargs.get("attribute")
    if attribute is None:
        return value
    mapped: Iterable[Any] = FILTERS["map"](context, value, attribute=attribute)
    return mapped


@pass_context
def _print(context: Context, value: Any) -> Any:
    """Pay for what is written."""
    budget: Budget = context.parent[BUDGET]
    if not isinstance(value, str):
        value = str(value)
    return budget.take(value)


@pass_context
def _rounds(context: Context, values: Iterable[Any]) -> Any:
    """Pay for the rounds of a loop as they come: a run's points are not held at once."""
    budget: Budget = context.parent[BUDGET]
    if hasattr(values, "__len__") or isinstance(values, Undefined):
        budget.take(values)
        budget.pay(2 * len(values))  # type: ignore[arg-type]
        return values

    def rounds() -> Iterator[Any]:
        for each in values:
            budget.pay(2)
            yield each

    return rounds()


@pass_context
def _concatenated(context: Context, parts: list[Any]) -> str:
    """Compute ``a ~ b ~ c``, escaped where one of them is HTML already."""
    budget: Budget = context.parent[BUDGET]
    _of_bounded_length("", parts)
    return budget.take(markup_join(parts))
