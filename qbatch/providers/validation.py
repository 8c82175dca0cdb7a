"""What is wrong with a backend's own settings, and with circuits for it, as its provider says.

Rules: pure, and no driver is opened. What a provider does not obey is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.notation import listed
from qbatch.providers.registry import (
    BUILT_IN,
    account_options,
    is_here,
    loaded,
    models_of,
    room_if_known,
    room_of,
)
from qbatch.providers.room import Judge, Loc, Room

if TYPE_CHECKING:
    from pydantic import BaseModel

    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Backend
    from qbatch.manifest.paths import SettingValues

#: Limits that a run holds to wherever it is.
_OF_ALL = frozenset({"in_flight", "jobs"})


def validate_settings(backend: Backend, folder: Path) -> list[tuple[Loc, str]]:
    """Say what is wrong with a backend's own settings.

    Args:
        backend: Of a manifest.
        folder: The manifest's.

    Returns:
        For each mistake its place within the backend, and what is wrong and how to mend it.
    """
    try:
        room = room_of(backend.provider)
        judge = _judge(backend.provider)
        models = models_of(backend.provider)
    except Refused as error:
        return [(("provider",), str(error))]
    found = judge.validate_settings(backend, folder) if judge else _told_by(models, backend)
    return [*found, *_not_obeyed(backend, room)]


def _told_by(models: Mapping[str, type[BaseModel]], backend: Backend) -> list[tuple[Loc, str]]:
    """Say what is wrong with options, noise and engine by the provider's models of them."""
    from qbatch.providers.complaints import complaints_about

    found: list[tuple[Loc, str]] = []
    for key, model in models.items():
        written = dict(getattr(backend, key) or {})
        wrong = complaints_about(model, written) if key == "options" or written else []
        if key == "options" and not wrong:
            options: Any = model.model_validate(written)
            wrong = [*options.misfits(backend.target)] if hasattr(options, "misfits") else []
        found += [((key, *loc), text) for loc, text in wrong]
    return found


def _not_obeyed(backend: Backend, room: Room) -> Iterator[tuple[Loc, str]]:
    """Say what a backend's provider would take no notice of."""
    written, limits = backend.model_fields_set, backend.limits.model_fields_set - _OF_ALL
    if "noise" in written and not room.noise:
        yield ("noise",), f"noise is for {_those(lambda one: bool(one.noise))}; remove it"
    if "engine" in written and not room.engines:
        yield ("engine",), f"engine is for {_those(lambda one: bool(one.engines))}; remove it"
    if backend.transpile is not None and room.compiles:
        yield ("transpile",), f"{backend.provider} compiles programs itself; remove transpile"
    for name in sorted(limits - room.limits):
        others = _those(lambda one, name=name: name in one.limits)  # type: ignore[misc]
        yield ("limits", name), f"limits.{name} is for {others}; remove it"
    if backend.on_timeout == "leave" and is_here(backend):
        said = "on_timeout is for clouds: nobody else works on what the simulator leaves; remove it"
        yield ("on_timeout",), said


def _those(obey: Callable[[Room], bool]) -> str:
    """Name which of ours do."""
    return "provider " + listed(name for name in BUILT_IN if obey(room_of(name)))


def validate_changed(
    backend: Backend, settings: SettingValues, folder: Path
) -> list[tuple[Loc, str]]:
    """Say what is wrong with a backend once `settings` are set, as `validate_settings` does."""
    from pydantic import ValidationError

    from qbatch.manifest.fields import AT_KEY
    from qbatch.providers.complaints import complaints

    account = account_options(backend.provider)
    problems: list[tuple[Loc, str]] = [
        (path, f"says whose account it is; write a backend for each {path[1]}")
        for path, _ in settings
        if path[0] == "options" and path[1] in account
    ]
    try:
        changed = backend.with_settings(settings)
    except ValidationError as error:
        found = complaints(error, type(backend), dict(settings))
        return problems + [(tuple(s for s in loc if s != AT_KEY), text) for loc, text in found]
    return problems + validate_settings(changed, folder)


def depends_on_values(backend: Backend) -> bool:
    """Whether a backend can run some circuits at some values only; see `misfit`."""
    judge = _judge(backend.provider)
    return judge is not None and judge.depends_on_values(backend)


def misfit(
    backend: Backend, folder: Path, circuit: Circuit, rows: Iterable[Sequence[float]]
) -> str | None:
    """Say why a backend cannot run a circuit at some of its points, or None; pure.

    Args:
        backend: For which `depends_on_values` holds.
        folder: The manifest's.
        circuit: With its free parameters.
        rows: A value for each of `circuit.facts.parameters`, point by point.
    """
    judge = _judge(backend.provider)
    assert judge is not None, "only who judges says that it depends on values"
    return judge.misfit(backend, folder, circuit, rows)


def remarks(backends: Sequence[Backend], folder: Path) -> list[str]:
    """Say how settings of a backend were understood, and what of it is hardly meant; pure.

    Args:
        backends: The backend in each of its settings, all valid.
        folder: The manifest's.
    """
    found: list[str] = []
    for provider in dict.fromkeys(backend.provider for backend in backends):
        if (judge := _judge(provider)) is not None:
            theirs = [backend for backend in backends if backend.provider == provider]
            found += judge.remarks(theirs, folder)
    return found


def _judge(provider: str) -> Judge | None:
    """Return who judges a provider's settings beyond the options' model, if anybody does."""
    judge = room_if_known(provider).judge
    return loaded(provider, judge) if judge else None
