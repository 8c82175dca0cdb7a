"""Which providers there are, and how their drivers and options are found.

Rules: nothing of a provider is imported before it is asked for. A third party's package announces
its driver by entry point; the module that the entry point names may hold a pydantic model
`Options`, which is then checked as ours are: at its line, with the nearest known name, and where it
has a method `misfits` against the backend's target; a `VENDOR`, which says what hosts and variables
are its cloud's; and a `ROOM`, which says what else is to be known of it. No driver is opened whose
credential would go where the person does not allow: see `kit.permission`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import CredentialsError, ProviderError, Refused, Unfit
from qbatch.notation import did_you_mean, listed, shortened
from qbatch.providers.contract import Driver, Surroundings
from qbatch.providers.kit.permission import CredentialRule, Vendor
from qbatch.providers.room import Room

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

    from qbatch.manifest.models import Backend, Manifest
    from qbatch.manifest.paths import SettingValues

#: Ours, each with the package that holds its `ROOM`.
BUILT_IN: Mapping[str, str] = {
    "local": "qbatch.providers.local",
    "ibm-direct-access": "qbatch.providers.ibm_direct_access",
    "open-quantum": "qbatch.providers.open_quantum",
    "marqov": "qbatch.providers.marqov",
    "scaleway": "qbatch.providers.scaleway",
    "oqc": "qbatch.providers.oqc",
}

#: The one that needs no cloud: a simulator on this machine.
EMBEDDED = "local"

#: Where third parties announce theirs: ``name = "module:open_driver"``, or the module alone.
ENTRY_POINTS = "qbatch.providers"


def provider_names() -> list[str]:
    """Return the names of all providers, ours first; nothing of theirs is loaded."""
    return [*BUILT_IN, *(name for name in _all_announced() if name not in BUILT_IN)]


def room_of(provider: str) -> Room:
    """Return what a provider says of itself.

    Raises:
        Refused: Nobody knows the provider, or its package cannot be loaded.
    """
    if provider in BUILT_IN:
        ours: Room = import_module(BUILT_IN[provider]).ROOM
        return ours
    module = _announced(provider).module
    found = getattr(loaded(provider, module), "ROOM", None)
    room = found if isinstance(found, Room) else Room()
    return replace(room, driver=room.driver or module, options=room.options or module)


def is_local(provider: str) -> bool:
    """Whether it says that it is, see `Room`; one that cannot be asked counts as a cloud."""
    return room_if_known(provider).is_local


def calibration_age_s(manifest: Manifest, backend: str) -> float | None:
    """How old a calibration of readout may be when a job on a backend runs; None: any age.

    What is computed here does not drift: its noise is what the manifest says.
    """
    asked, readout = manifest.backends.get(backend), manifest.analysis.mitigation.readout
    is_computed = asked is not None and is_local(asked.provider)
    return None if readout is None or is_computed else readout.every_s


def is_here(backend: Backend) -> bool:
    """Whether it is computed for as long as the run goes on: nothing is left anywhere."""
    room = room_if_known(backend.provider)
    return room.is_local and not room.lasting_engines & (backend.engine or {}).keys()


def units(providers: Iterable[str] = ()) -> frozenset[str]:
    """Return what these bill in, and ours; see `Room`."""
    return frozenset().union(*(room_if_known(each).units for each in {*BUILT_IN, *providers}))


def tells_units(provider: str) -> bool:
    """Whether all that it may bill in is known; see `Room`."""
    room = room_if_known(provider)
    return room.is_local or bool(room.units)


def account_options(provider: str) -> frozenset[str]:
    """Return which options name an account of the person's; see `Room`."""
    return room_if_known(provider).account_options


def room_if_known(provider: str) -> Room:
    """Do as `room_of`; of one that cannot be asked nothing is known."""
    try:
        return room_of(provider)
    except Refused:
        return Room()


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
        if (pointer := rule.pointer_of(changed)) != changed.credentials:
            changed = changed.model_copy(update={"credentials": pointer})
        driver: Driver = opening(changed, name=name, surroundings=replace(around, rule=rule))
        _check_is_local(changed.provider, driver)
        rule.source = _source(driver)
        for url in dict.fromkeys([*([changed.url] if changed.url else []), *_addresses(driver)]):
            rule.admit(url)
        return driver

    if not any(settings):
        return open_one(())
    from qbatch.providers.several import open_several

    return open_several(open_one, settings, name)


def _check_is_local(provider: str, driver: Driver) -> None:
    """See that only drivers of local providers are local: each is asked at its time."""
    if driver.is_local and not room_of(provider).is_local:
        raise Refused(
            f"{provider}: its driver says is_local, its package does not; write "
            "ROOM = Room(is_local=True) beside open_driver"
        )


def _changed(backend: Backend, settings: SettingValues, name: str) -> Backend:
    if not settings:
        return backend
    from pydantic import ValidationError

    try:
        return backend.with_settings(settings)
    except ValidationError as error:  # those of a point bought before the manifest was changed
        told = ", ".join(".".join(path) for path, _ in settings)
        raise Refused(
            f"{name}: the backend cannot be set to a point's {told} any more; plan again"
        ) from error


def _vendor(provider: str) -> Vendor:
    """Return what belongs to a cloud; nothing of one whose package does not say."""
    found = getattr(loaded(provider, room_of(provider).driver), "VENDOR", None)
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
    from pydantic import BaseModel

    model = getattr(loaded(provider, room_of(provider).options), "Options", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifests, with options and noise of every provider.

    Raises:
        Refused: A third party's package cannot be loaded.
    """
    from qbatch.manifest import json_schema

    return json_schema({each: models_of(each) for each in (*BUILT_IN, *_all_announced())})


def models_of(provider: str) -> dict[str, type[BaseModel]]:
    """Return the models of what a provider takes: of its options, its noise, its engine.

    Raises:
        Refused: Nobody knows the provider, or its package cannot be loaded.
    """
    room, options = room_of(provider), options_model(provider)
    found = {} if options is None else {"options": options}
    if room.noise:
        found["noise"] = loaded(provider, room.noise).Noise
    if room.engines:
        found["engine"] = loaded(provider, room.engines).EngineOptions
    return found


def _factory(provider: str) -> Any:
    if provider in BUILT_IN:
        return import_module(room_of(provider).driver).open_driver
    found = loaded(provider, _announced(provider).value)
    return found if callable(found) else found.open_driver


def _all_announced() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _announced(provider: str) -> EntryPoint:
    announced = _all_announced()
    if provider not in announced:
        raise Unfit(_no_provider(provider, {*BUILT_IN, *announced}))
    return announced[provider]


def _no_provider(name: str, known: Collection[str]) -> str:
    rooms = {each: room_if_known(each) for each in known}
    meant = [each for each, room in rooms.items() if name.casefold() in room.also_called]
    names = sorted(known)
    hint = did_you_mean(name, meant, 0) or did_you_mean(name, names)
    return f"{shortened(name)!r} is no provider ({listed(names)}){hint}"


def loaded(provider: str, value: str) -> Any:
    """Load what an entry point names: ``module``, or ``module:attribute``."""
    module, _, attribute = value.partition(":")
    try:
        found = import_module(module)
        return getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as error:
        raise Refused(
            f"{provider}: its driver {value} cannot be loaded: {error}; mend or reinstall its "
            "package"
        ) from error
