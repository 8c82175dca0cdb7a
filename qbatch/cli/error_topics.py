"""Which page of the guide tells more of an error: by kind, by what it is about, by who says it."""

from __future__ import annotations

import re
from functools import cache
from types import TracebackType

from qbatch import errors
from qbatch.cli.topics import pages

#: The first kind that an error is decides which page tells more of it.
_OF_KIND: tuple[tuple[type[BaseException], str], ...] = (
    (errors.Elsewhere, "clouds"),
    (errors.NotAllowed, "clouds"),
    (errors.CredentialsError, "clouds"),
    (errors.CircuitError, "circuits"),
    (errors.SourceError, "manifest"),
    (errors.OverBudget, "budgets"),
    (errors.NotApproved, "budgets"),
    (errors.ConsentError, "exit-codes"),
    (errors.ProviderError, "clouds"),
    (errors.SnapshotError, "reliability"),
    (errors.PointsFailed, "reliability"),
)

#: Of a package that is missing: what uses the extra that brings it.
_OF_EXTRA = {"archive": "comparing", "dask": "dask", "data": "python"}

#: The longest beginning of a manifest's key that stands here decides.
_OF_KEY = {
    "analysis": "numbers",
    "analysis.derived": "across",
    "analysis.expected": "across",
    "analysis.fits": "fits",
    "analysis.mitigation": "mitigation",
    "budget": "budgets",
    "checks": "numbers",
    "circuits": "circuits",
    "engine.installed": "extending",
    "extends": "bases",
    "report": "numbers",
    "reuse": "pooling",
    "run.notify": "notices",
    "run.reference": "drift",
    **dict.fromkeys(
        (f"shots.{key}" for key in ("of", "target_se", "target_width", "min", "max", "relative")),
        "adaptive",
    ),
}

#: The longest beginning of a module's name that stands here decides, unless a step of it is called
#: as a page is.
_OF_ROOM = {
    "accuracy": "adaptive",
    "across": "across",
    "across.fitting": "fits",
    "api": "python",
    "api.comparing": "comparing",
    "archive": "comparing",
    "arguments": "python",
    "arithmetic": "manifest",
    "circuit": "circuits",
    "circuit.calibrating": "mitigation",
    "circuit.folding": "mitigation",
    "circuit.inverse": "mitigation",
    "circuit.twirling": "mitigation",
    "cli": "tour",
    "cli.at_clouds": "clouds",
    "cli.bare": "manifest",
    "cli.explaining": "manifest",
    "cli.gallery": "examples",
    "cli.reusing": "pooling",
    "cli.verbs.doctor": "reliability",
    "cli.verbs.emulate": "clouds",
    "cli.verbs.explain": "exit-codes",
    "cli.verbs.resolve": "reliability",
    "configuration": "configuration",
    "difference": "comparing",
    "engines": "extending",
    "exchange": "extending",
    "exchange.archived": "comparing",
    "executor": "reliability",
    "executor.deciding": "any-of",
    "executor.reuse": "pooling",
    "fit_models": "extending",
    "formula": "across",
    "job": "reliability",
    "manifest": "manifest",
    "manifest.accuracy": "adaptive",
    "manifest.analysis": "numbers",
    "manifest.any_of": "any-of",
    "manifest.decisions": "any-of",
    "manifest.budget": "budgets",
    "manifest.derived": "across",
    "manifest.expected": "across",
    "manifest.extending": "bases",
    "manifest.hamiltonians": "numbers",
    "manifest.of_points": "across",
    "manifest.own": "numbers",
    "manifest.prices": "budgets",
    "manifest.reference": "drift",
    "plan": "manifest",
    "plan.accuracy": "adaptive",
    "plan.calibrations": "mitigation",
    "plan.choosing": "any-of",
    "plan.pricing": "budgets",
    "plan.references": "drift",
    "plan.undecided": "any-of",
    "providers": "clouds",
    "providers.local": "circuits",
    "providers.local.engines": "engines",
    "report": "numbers",
    "report.template": "extending",
    "result": "numbers",
    "result.extrapolation": "mitigation",
    "result.readout": "mitigation",
    "snapshot": "reliability",
    "snapshot.reused": "pooling",
    "snapshot.lending": "pooling",
}
_KEY = re.compile(r"(?:unknown key \S+ in )?([a-z_]+(?:\.[\w\[\]-]+)*)[:;]")


def topic_of(error: BaseException) -> str:
    """Return the page that tells more of an error, of several of the first; "" for none."""
    if isinstance(error, BaseExceptionGroup):
        return topic_of(error.exceptions[0])
    if not isinstance(error, errors.QbatchError):
        return ""
    if error.topic:
        return error.topic
    if isinstance(error, errors.ExtraError) and error.extra in _OF_EXTRA:
        return _OF_EXTRA[error.extra]
    return topic_for(type(error), _told(error), _room_of(error.__traceback__))


def topic_for(kind: type[BaseException], text: str, room: str) -> str:
    """Return the page that tells more of an error of that kind and text.

    Args:
        kind: Its class.
        text: What it says; of a mistake in a file, without the place.
        room: Module that raised it, after ``qbatch.``; "" where that is not known.
    """
    cloud = text.partition(":")[0]  # what a driver says begins with its name
    if issubclass(kind, errors.ProviderError) and cloud in _pages():
        return cloud
    key = _KEY.match(text)
    if issubclass(kind, errors.ManifestError) and key and (page := _nearest(_OF_KEY, key[1])):
        return page
    general = next((page for each, page in _OF_KIND if issubclass(kind, each)), "")
    return general or page_of_room(room)


def page_of_room(room: str) -> str:
    """Return the page about what a module does; "" for none."""
    steps = room.replace("_", "-").split(".")[1:]
    named = [step for step in steps if step in _pages()]
    return named[-1] if named else _nearest(_OF_ROOM, room)


@cache
def _pages() -> frozenset[str]:
    return frozenset(pages())


def _nearest(pages: dict[str, str], name: str) -> str:
    steps = name.split(".")
    begun = (".".join(steps[:n]) for n in range(len(steps), 0, -1))
    return next((pages[each] for each in begun if each in pages), "")


def _told(error: BaseException) -> str:
    return error.problem if isinstance(error, errors.SourceError) else str(error)


def _room_of(trace: TracebackType | None) -> str:
    """Return the module of ours in which an error was raised."""
    found = ""
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("qbatch."):
            found = name.removeprefix("qbatch.")
        trace = trace.tb_next
    return found
