"""Which installed packages a manifest names, by what they offer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.fit_models import GROUP as FITS
from qbatch.manifest.own import GROUP as ANALYSES

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest

#: Groups of entry points of what other rooms load, by their names in packages.
ENGINES, PROVIDERS = "qbatch.engines", "qbatch.providers"


def packages_named(manifest: Manifest) -> list[str]:
    """Return the distributions whose version can change what a run does or tells, sorted.

    Those of sections are none of them: they say what is there in other words.
    """
    from qbatch.circuit.installed import package_of

    found = {package_of(group, name)[0] for group, name in _offers(manifest)}
    return sorted(found - {""})


def _offers(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield group and name of each entry point."""
    yield from (
        (ANALYSES, own.installed) for own in manifest.analysis.own.values() if own.installed
    )
    yield from ((FITS, fit.installed) for fit in manifest.analysis.fits.values() if fit.installed)
    for backend in manifest.backends.values():
        yield PROVIDERS, backend.provider
        if engine := (backend.engine or {}).get("installed"):
            yield ENGINES, str(engine)
