"""What is known of a run beside its numbers, and in what two of them differ.

Manifest, versions, targets with their calibration, the commit, when it ran. What names no
experiment (the run folder, its id) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.plan.pinning.reasons import leaves

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: Parts of a manifest that change no number, or are told as numbers.
_NOT_TOLD = ("name", "description", "tags", "report", "checks", "run", "budget")

_ABSENT = "–"


def facts_of(run: Run) -> dict[str, Any]:
    """Return dotted name -> value, of what may make two runs differ."""
    manifest = run.manifest
    written = manifest.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    found: dict[str, Any] = {
        "manifest": {key: value for key, value in written.items() if key not in _NOT_TOLD},
        "versions": json.loads(run.meta.get("versions", "{}")),
        "targets": {
            name: {
                "target": target.get("name"),
                "emulated": target.get("is_emulated"),
                **(target.get("facts") or {}),
            }
            for name, target in run.targets.items()
        },
        "commit": run.meta.get("revision") or None,
        "began": run.meta.get("started_at"),
        "ended": run.meta.get("finished_at"),
    }
    return {
        path: value
        for path, value in leaves(found).items()
        if value not in (None, {}, []) and not _is_text(path)
    }


def _is_text(path: str) -> bool:
    """Whether a leaf is a circuit's text: what changed in it is told statement by statement."""
    return path.startswith("manifest.circuits.") and path.endswith(".qasm")


def differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, here, there) of each fact in which two sides differ."""
    if not here or not there:
        return
    for name in dict.fromkeys((*here, *there)):
        one, other = here.get(name, _ABSENT), there.get(name, _ABSENT)
        if one != other:
            yield name, shown(one), shown(other)


def shown(value: Any) -> str:
    """A fact in a line."""
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"
