"""What is known of a run beside its numbers, and in what two of them differ.

Manifest, versions, targets with their calibration, accounts, the commit, the computer's system and
packages, when it ran. What names no experiment (the run folder, its id) is left out.
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

#: Characters of a fact in a line.
_LONGEST = 60

#: Of what is noted as a run begins (`snapshot.origins.Origin`).
_OF_COMPUTER = ("system", "python", "packages")

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
        "accounts": _accounts(run),
        "commit": run.meta.get("revision") or None,
        "computer": _computer(run),
        "began": run.meta.get("started_at"),
        "ended": run.meta.get("finished_at"),
    }
    return {
        path: value
        for path, value in leaves(found).items()
        if value not in (None, {}, []) and not _is_text(path)
    }


def _accounts(run: Run) -> dict[str, str]:
    """Backend -> the accounts with which it was bought there."""
    found: dict[str, set[str]] = {}
    for purchase in run.ledger():
        if purchase.account:
            found.setdefault(purchase.entry.backend, set()).add(purchase.account)
    return {backend: ", ".join(sorted(each)) for backend, each in found.items()}


def _computer(run: Run) -> dict[str, str]:
    """What the run was last called on; who called and where stays with the run."""
    known = run.origins()
    last = known[-1] if known else None
    return {} if last is None else {name: getattr(last, name) for name in _OF_COMPUTER}


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
            told = shown(one), shown(other)
            if told[0] == told[1]:  # they differ behind what is shown
                told = _end(one), _end(other)
            yield name, *told


def _end(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"…{text[3 - _LONGEST :]}"


def shown(value: Any) -> str:
    """A fact in a line."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}…"
