"""What a run may be asked for: the one list of its options.

Python callers write them as keywords of `run`, the command line fills them from its own, a
rehearsal sets those that make it one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, update_wrapper
from inspect import Parameter, Signature, getdoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar

from qbatch.arguments import (
    ANYTHING,
    FLAG,
    FUNCTION,
    NOTHING,
    NUMBER,
    PATH,
    TEXT,
    Kind,
    check,
    list_of,
    map_of,
    of_type,
)
from qbatch.errors import SelectionError
from qbatch.executor.events import Observer, ignore
from qbatch.notation import did_you_mean

if TYPE_CHECKING:
    from qbatch.executor.budget import Excess
    from qbatch.executor.consent import Approve
    from qbatch.executor.stop import Stop
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Backend
    from qbatch.plan import Plan
    from qbatch.providers import Surroundings
    from qbatch.snapshot import Run
    from qbatch.snapshot.put_aside import PutAside

P = ParamSpec("P")
Done = TypeVar("Done")
Done_co = TypeVar("Done_co", covariant=True)

Refresh = Callable[["Run"], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run takes beside its manifest.

    Attributes:
        out: The run folder; None: ``runs/NAME`` under the project's root, the manifest's own.
        fresh: Set the old run folder aside and begin anew; targets that are one of several are
            decided anew, whatever the lock says.
        only: "failed": only points that failed or were cancelled; "missing": only those never
            run; None: both.
        select: Only points this expression selects, as ``-k`` takes it.
        points: Only points of these ids; None: all that `select` means.
        overrides: ``path=value`` each, as ``-S`` takes them; or path -> value.
        reuse: Run folders (or manifests, for their runs) and archives, other people's too, whose
            finished jobs count here where the plan asks for the same content: only the difference
            is bought.
        put_aside: Jobs of this run whose shots are to count no more, once the person agreed: what
            is missing by that is bought (`snapshot.drifted.to_buy_again`).
        trust: Python circuits may run, and credentials may go wherever the manifest says.
        fail_fast: Stop at the first job that fails; None: as the manifest says.
        observer: Told of every event (`qbatch.executor.events`), in the run's thread.
        refresh: Called with the run now and then while it goes on, in a thread.
        refresh_s: How often, seconds.
        approve: What agrees to what the run costs: True (whatever it costs), a limit ("5usd",
            {"credits": 40}), the file of a saved plan, the `offer` of a `NotApproved` error, or a
            function that is shown the `Offer` before anything is written or spent, also where
            that is free, and returns True to go on. None: only what is free, or what `max_cost`
            bounds, is run.
        quote: Before it is shown the `Offer`, ask clouds that quote each job for what their plans
            and priorities cost; the plan has it then.
        stop: By which the caller can ask the run to end; then signals are the caller's to
            judge, by `Summary.signal`.
        plan: The manifest's plan, where it was expanded already.
        surroundings: What drivers see of the world; a rehearsal gives its own.
        detach: Return once all that fits is submitted; results come by another call.
        max_cost: Unit -> most that the run may cost in all, earlier calls included; or "5usd". A
            plan known to cost more is refused; where prices are quoted job by job, buying stops.
            With a limit in each unit that is billed, it agrees to so much.
        ask_more: Where the manifest says ``on_exceed: ask``, called in a thread when a purchase
            would go beyond a limit; returns what the limit is from now on, or None to stop.
        adapt: What a driver is told of a backend of the manifest; None: all of it.
        command: What was typed, where it was: noted with what is bought by it.
        rehearsal: The facts that mark the run folder as a rehearsal's; None: a real run.
    """

    out: str | Path | None = None
    fresh: bool = False
    only: Literal["failed", "missing"] | None = None
    select: str | None = None
    points: Collection[str] | None = None
    overrides: Sequence[str] = ()
    reuse: Sequence[str | Path] = ()
    put_aside: tuple[PutAside, ...] = ()
    trust: bool = False
    fail_fast: bool | None = None
    observer: Observer = ignore
    refresh: Refresh | None = None
    refresh_s: float = 5.0
    approve: Approve | None = None
    quote: bool = False
    stop: Stop | None = None
    plan: Plan | None = None
    surroundings: Surroundings | None = None
    detach: bool = False
    max_cost: Mapping[str, float] = field(default_factory=dict)
    ask_more: Callable[[Excess], float | None] | None = None
    adapt: Callable[[Backend], Backend] | None = None
    command: str = ""
    rehearsal: Mapping[str, Any] | None = None


class TakesKeywords(Protocol[P, Done_co]):
    """A function of a manifest and of options by their names."""

    def __call__(
        self, manifest: Manifest | str | Path, *args: P.args, **options: P.kwargs
    ) -> Done_co: ...


def keywords(
    make: Callable[P, Options],
) -> Callable[[Callable[[Manifest | str | Path, Options], Done]], TakesKeywords[P, Done]]:
    """Let a function of a manifest and `Options` take each option by its name.

    What it then says of itself (`help`, signature) lists them, from `Options` alone.
    """

    def decorate(
        function: Callable[[Manifest | str | Path, Options], Done],
    ) -> TakesKeywords[P, Done]:
        def called(manifest: Manifest | str | Path, *args: P.args, **options: P.kwargs) -> Done:
            _check(function.__name__, manifest, options)
            written: dict[str, Any] = {**options}
            return function(manifest, make(*args, **_read(written)))

        update_wrapper(called, function)
        called.__doc__ = f"{getdoc(function)}\n\nOptions:\n{_listed()}"
        called.__signature__ = _signature(function)  # type: ignore[attr-defined]
        return called

    return decorate


@cache
def _kinds() -> dict[str, Kind]:
    """What each option may be; of `approve` more is said where it is read."""
    from qbatch.executor.stop import Stop
    from qbatch.plan import Plan
    from qbatch.providers import Surroundings

    call, facts = FUNCTION | NOTHING, map_of("a map of facts", ANYTHING)
    limits = map_of("a map from unit to number", NUMBER)
    settings = map_of("a map from path to value", ANYTHING)
    return {
        **dict.fromkeys(("fresh", "trust", "quote", "detach"), FLAG),
        **dict.fromkeys(("refresh", "ask_more", "adapt"), call),
        **dict.fromkeys(("only", "select"), TEXT | NOTHING),
        "out": PATH | NOTHING,
        "points": TEXT | list_of("a list of ids", TEXT) | NOTHING,
        "overrides": TEXT | list_of("a list of texts, PATH=VALUE each", TEXT) | settings,
        "reuse": PATH | list_of("a list of paths", PATH),
        "put_aside": list_of("a list of jobs", ANYTHING),
        "fail_fast": FLAG | NOTHING,
        "observer": FUNCTION,
        "refresh_s": NUMBER,
        "stop": of_type("a Stop", Stop) | NOTHING,
        "plan": of_type("a qbatch.Plan", Plan) | NOTHING,
        "surroundings": of_type("Surroundings", Surroundings) | NOTHING,
        "max_cost": TEXT | limits,
        "command": TEXT,
        "rehearsal": facts | NOTHING,
    }


def _check(verb: str, manifest: object, options: Mapping[str, object]) -> None:
    """See that options and manifest can be asked for.

    Raises:
        TypeError: There is no such option, it is of another kind, or that is no manifest.
    """
    from qbatch.manifest import Manifest

    known, kinds = [one.name for one in fields(Options)], _kinds()
    for name, value in options.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise TypeError(f"{verb}() has no option {name!r}{hint}")
        check(verb, name, value, kinds.get(name, ANYTHING))
    if not isinstance(manifest, (Manifest, str, Path)):
        kind = type(manifest).__name__
        raise TypeError(
            f"{verb}() takes a manifest's file, a qbatch.Manifest, or what load_manifest returns, "
            f"not a {kind}; make a qbatch.Manifest of it"
        )


def _read(options: dict[str, Any]) -> dict[str, Any]:
    """Read what may be written as on the command line: a limit "5usd", an override "shots=100".

    One text stands for a list of one.

    Raises:
        SelectionError: A limit is no amount with a unit, or there is no such choice.
    """
    from qbatch.plan.pricing.limits import parse_limits

    limit, overrides = options.get("max_cost"), options.get("overrides")
    if isinstance(limit, str):
        options["max_cost"] = parse_limits([limit])
    if isinstance(overrides, str):
        options["overrides"] = (overrides,)
    elif isinstance(overrides, Mapping):
        options["overrides"] = tuple(f"{path}={value}" for path, value in overrides.items())
    for name, kinds in (("reuse", str | Path), ("points", str)):
        if isinstance(options.get(name), kinds):
            options[name] = (options[name],)
    if (only := options.get("only")) not in (None, "failed", "missing"):
        raise SelectionError(f"only: {only!r} is no choice; write 'failed', 'missing' or None")
    return options


def _listed() -> str:
    """The list of `Options`, out of its docstring."""
    return (getdoc(Options) or "").partition("Attributes:\n")[2]


def _signature(function: Callable[..., object]) -> Signature:
    first = next(iter(signature(function).parameters.values()))
    options = signature(Options).parameters.values()
    return Signature([first.replace(kind=Parameter.POSITIONAL_OR_KEYWORD), *options])
