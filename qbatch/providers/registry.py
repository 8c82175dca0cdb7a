"""Which providers there are, and how their drivers and options are found.

Rules: nothing of a provider is imported before it is asked for. A third party's package announces
its driver by entry point; the module that the entry point names may hold a pydantic model
`Options`, which is then checked as ours are: at its line, with the nearest known name, and where it
has a method `misfits` against the backend's target; and a `VENDOR`, which says what hosts and
variables are its cloud's. No driver is opened whose credential would go where the person does not
allow: see `kit.permission`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.errors import CredentialsError, ProviderError, Refused, Unfit
from qbatch.providers.contract import Driver, Surroundings
from qbatch.providers.kit.permission import CredentialRule, Vendor

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Backend
    from qbatch.manifest.paths import SettingValues

Loc = tuple[str | int, ...]


class Room(NamedTuple):
    """Where a provider of ours lives.

    Attributes:
        driver: Module with its factory ``open_driver(backend, *, name, surroundings)``.
        options: Module with the model of what ``options`` may say, `Options`.
    """

    driver: str
    options: str


def _cloud(room: str) -> Room:
    return Room(f"qbatch.providers.{room}.driver", f"qbatch.providers.{room}.options")


BUILT_IN: Mapping[str, Room] = {
    "local": Room("qbatch.providers.local", "qbatch.providers.local.options"),
    "ibm-direct-access": _cloud("ibm_direct_access"),
    "open-quantum": _cloud("open_quantum"),
    "marqov": _cloud("marqov"),
    "scaleway": _cloud("scaleway"),
    "oqc": _cloud("oqc"),
}

#: Provider -> options that name an account, an address or a store of the person's own.
ACCOUNT_OPTIONS: Mapping[str, frozenset[str]] = {
    "open-quantum": frozenset({"organization"}),
    "ibm-direct-access": frozenset({"service_crn", "iam_endpoint", "auth", "storage"}),
    "marqov": frozenset({"team"}),
    "scaleway": frozenset({"project_id"}),
}

#: Provider -> options that only label its jobs, or say where among a person's own things they
#: stand, or who pays and by which path: no result depends on them, so no point's id does.
LABEL_OPTIONS: Mapping[str, frozenset[str]] = {
    "marqov": frozenset({"native", "team"}),
    "oqc": frozenset({"tag", "hybrid_marker"}),
    "scaleway": frozenset({"session_id", "max_duration"}),
}

#: Where third parties announce theirs: ``name = "module:open_driver"``, or the module alone.
ENTRY_POINTS = "qbatch.providers"


def open_driver(
    backend: Backend,
    *,
    name: str,
    folder: Path,
    surroundings: Surroundings | None = None,
    settings: Collection[SettingValues] = (),
) -> Driver:
    """Return the driver of a backend: ours, or one that a package announces by entry point.

    Args:
        backend: Of a manifest.
        name: The backend's in the manifest.
        folder: The manifest's.
        surroundings: What the driver may see of the world; its `folder` and `rule` are replaced.
        settings: What its points change of it; none: nothing.

    Raises:
        Refused: Nobody knows the provider, its package cannot be loaded, or its settings are wrong.
        CredentialsError: The backend names a credential that no manifest may.
        Elsewhere: Its credential would go where the person has not allowed.
    """
    around = replace(surroundings or Surroundings(), folder=folder)
    opening = _factory(backend.provider)

    def open_one(one: SettingValues) -> Driver:
        changed = _changed(backend, one, name)
        rule = CredentialRule(
            changed.provider, _vendor(changed.provider), around.permission, around.environ
        )
        rule.check_pointer(changed.credentials)
        driver: Driver = opening(changed, name=name, surroundings=replace(around, rule=rule))
        rule.source = _source(driver)
        for url in dict.fromkeys([*([changed.url] if changed.url else []), *_addresses(driver)]):
            rule.admit(url)
        return driver

    if not any(settings):
        return open_one(())
    from qbatch.providers.several import open_several

    return open_several(open_one, settings, name)


def _changed(backend: Backend, settings: SettingValues, name: str) -> Backend:
    if not settings:
        return backend
    from pydantic import ValidationError

    try:
        return backend.with_settings(settings)
    except ValidationError as error:  # those of a point bought before the manifest was changed
        told = ", ".join(".".join(path) for path, _ in settings)
        raise Refused(f"{name}: the backend cannot be set to a point's {told} any more") from error


def _vendor(provider: str) -> Vendor:
    """Return what belongs to a cloud; nothing of one whose package does not say."""
    module = BUILT_IN[provider].driver if provider in BUILT_IN else _announced(provider).module
    found = getattr(_loaded(provider, module), "VENDOR", None)
    return found if isinstance(found, Vendor) else Vendor()


def _source(driver: Any) -> str:
    """Say where a driver's credential comes from; "" where it has none or does not say."""
    try:
        return str(driver.credential_source()) if hasattr(driver, "credential_source") else ""
    except CredentialsError:
        return ""


def _addresses(driver: Any) -> Iterable[str]:
    """Yield where a driver's cloud is; nothing where it does not know: its wire checks again."""
    for method in ("base_urls", "storage_urls"):
        if hasattr(driver, method):
            with suppress(ProviderError):  # told when it is needed
                yield from getattr(driver, method)()


def options_model(provider: str) -> type[BaseModel] | None:
    """Return the model of a provider's ``options``; None: it tells of none.

    Raises:
        Refused: Nobody knows the provider, or its package cannot be loaded.
    """
    if provider in BUILT_IN:
        ours: type[BaseModel] = import_module(BUILT_IN[provider].options).Options
        return ours
    from pydantic import BaseModel

    found = _loaded(provider, _announced(provider).module)
    model = getattr(found, "Options", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifests, with options and noise of every provider.

    Raises:
        Refused: A third party's package cannot be loaded.
    """
    from qbatch.manifest import json_schema

    models = {provider: options_model(provider) for provider in (*BUILT_IN, *_all_announced())}
    parts = {provider: {"options": model} for provider, model in models.items() if model}
    parts["local"]["noise"] = import_module("qbatch.providers.local.noise").Noise
    engines = import_module("qbatch.providers.local.engines.options")
    parts["local"]["engine"] = engines.EngineOptions
    return json_schema(parts)


def validate_settings(backend: Backend, folder: Path) -> list[tuple[Loc, str]]:
    """Say what is wrong with a backend's own settings; pure, and no driver is opened.

    Args:
        backend: Of a manifest.
        folder: The manifest's.

    Returns:
        For each mistake its place within the backend, and what is wrong and how to mend it.
    """
    if backend.provider == "local":
        local = import_module(BUILT_IN["local"].driver)
        problems: list[tuple[Loc, str]] = local.validate_settings(backend, folder)
        return problems
    try:
        model = options_model(backend.provider)
    except Refused as error:
        return [(("provider",), str(error))]
    if model is None:
        return []
    from qbatch.providers.complaints import complaints_about

    found = complaints_about(model, backend.options)
    if not found:
        options: Any = model.model_validate(dict(backend.options))
        found = [*options.misfits(backend.target)] if hasattr(options, "misfits") else []
    return [(("options", *loc), text) for loc, text in found]


def validate_changed(
    backend: Backend, settings: SettingValues, folder: Path
) -> list[tuple[Loc, str]]:
    """Say what is wrong with a backend once `settings` are set, as `validate_settings` does."""
    from pydantic import ValidationError

    from qbatch.manifest.fields import AT_KEY
    from qbatch.providers.complaints import complaints

    account = ACCOUNT_OPTIONS.get(backend.provider, frozenset())
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
    if backend.provider != "local":
        return False
    found: bool = import_module(BUILT_IN["local"].driver).depends_on_values(backend)
    return found


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
    local = import_module(BUILT_IN["local"].driver)
    found: str | None = local.misfit(backend, folder, circuit, rows)
    return found


def remarks(backends: Sequence[Backend], folder: Path) -> list[str]:
    """Say how settings of a backend were understood, and what of it is hardly meant; pure.

    Args:
        backends: The backend in each of its settings, all valid.
        folder: The manifest's.
    """
    ours = [backend for backend in backends if backend.provider == "local"]
    if not ours:
        return []
    found: list[str] = import_module(BUILT_IN["local"].driver).remarks(ours, folder)
    return found


def _factory(provider: str) -> Any:
    if provider in BUILT_IN:
        return import_module(BUILT_IN[provider].driver).open_driver
    found = _loaded(provider, _announced(provider).value)
    return found if callable(found) else found.open_driver


def _all_announced() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _announced(provider: str) -> EntryPoint:
    announced = _all_announced()
    if provider not in announced:
        known = ", ".join([*BUILT_IN, *sorted(announced)])
        raise Unfit(f"{provider}: no such provider; known are {known}")
    return announced[provider]


def _loaded(provider: str, value: str) -> Any:
    """Load what an entry point names: ``module``, or ``module:attribute``."""
    module, _, attribute = value.partition(":")
    try:
        found = import_module(module)
        return getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as error:
        raise Refused(f"{provider}: its driver {value} cannot be loaded: {error}") from error
