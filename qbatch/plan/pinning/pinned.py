"""What a run is pinned to beside its manifest: kept with it as the lock is kept beside that.

Prices and rules of targets, contents of files that the manifest names, and the programs that
circuits are translated to. What a manifest says itself is kept as its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.errors import CircuitError
from qbatch.plan.identity import FILE_KEYS, canonical_json
from qbatch.plan.pinning.saved import programs_of, terms_of_target

if TYPE_CHECKING:
    from qbatch.plan.plan import Plan
    from qbatch.providers import Target

#: The fact of a run that holds it.
PINNED = "pinned"

#: Characters of programs that are kept of one backend.
MOST_TEXT = 16 * 2**20


def pinned(plan: Plan, targets: Mapping[str, Target]) -> dict[str, Any]:
    """Return what a plan is pinned to, as JSON; of backends without a target what is known."""
    manifest = plan.manifest
    found: dict[str, Any] = {
        "targets": {name: terms_of_target(target) for name, target in targets.items()},
        "extends": {base.path: base.digest for base in manifest.sources[1:]},
        "files": {name: dict(_files(plan, name)) for name in manifest.backends},
        "convert": {unit: dict(worths) for unit, worths in plan.prices.convert.items()},
    }
    return {name: told for name, told in found.items() if told}


def _files(plan: Plan, backend: str) -> Iterator[tuple[str, str]]:
    """Yield key and digest of each file of a backend's noise whose content counts."""
    noise = plan.factory.backend_settings(backend).get("noise") or {}
    for key in FILE_KEYS:
        if isinstance(noise.get(key), Mapping):
            yield key, hashlib.sha256(canonical_json(noise[key]).encode()).hexdigest()


def programs_in(plan: Plan, drivers: Mapping[str, object]) -> dict[str, str]:
    """Return what circuits are translated to: key of each setting -> program.

    All parameters are a half in it. What cannot be translated is left out: its jobs will say why.
    """
    found: dict[str, str] = {}
    for name, driver in drivers.items():
        characters = 0
        try:
            for layout, text in programs_of(plan, name, driver):
                characters += len(text)
                if characters > MOST_TEXT:
                    break
                found[layout.setting] = text
        except CircuitError:
            continue
    return found
