"""What is known of a run beside its numbers, and in what two of them differ.

Manifest, what it was locked to (prices and rules of targets, contents of files that it names),
versions, targets with their calibration, accounts, the commit, the computer's system and packages,
when it ran. What names no experiment (the run folder, its id) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.plan.pinning.pinned import PINNED
from qbatch.plan.pinning.reasons import leaves
from qbatch.plan.pinning.revision import noted_revision
from qbatch.providers.kit.accounts import comparable

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: Parts of a manifest that change no number, or are told as numbers.
_NOT_TOLD = ("name", "description", "tags", "report", "checks", "run", "budget")

#: Characters of a fact in a line.
_LONGEST = 60

#: So many parts of a list in which two sides differ alike are told as one.
_MANY = 3

#: Of what is noted as a run begins (`snapshot.origins.Origin`).
_OF_COMPUTER = ("system", "python", "packages")

#: Facts that are instants.
MOMENTS = ("began", "ended")

_ABSENT = "–"


def facts_of(run: Run) -> dict[str, Any]:
    """Return dotted name -> value, of what may make two runs differ."""
    manifest = run.manifest
    written = manifest.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    found: dict[str, Any] = {
        "manifest": {key: value for key, value in written.items() if key not in _NOT_TOLD},
        "lock": _locked(run),
        "versions": json.loads(run.meta.get("versions", "{}")),
        "targets": _targets(run),
        "accounts": _accounts(run),
        **_revision(run),
        "computer": _computer(run),
        "began": run.meta.get("created_at"),
        "ended": run.meta.get("finished_at"),
    }
    return {
        path: value
        for path, value in leaves(found).items()
        if value not in (None, {}, []) and not _is_text(path)
    }


def _revision(run: Run) -> dict[str, str | None]:
    """Commit and branch of the manifest, and what of its folder is in no commit."""
    found = noted_revision(run.meta.get("revision", ""))
    if found is None:
        return {}
    changes = f"changes with the diff {found.changes[:12]}" if found.changes else "the manifest"
    beside = changes if found.is_dirty else None
    return {"commit": found.commit, "branch": found.branch or None, "in no commit": beside}


def _targets(run: Run) -> dict[str, Any]:
    """Backend -> what is known of its machine, as it was when its jobs ran, where that is told."""
    found: dict[str, dict[str, Any]] = {
        name: {
            "target": target.get("name"),
            "emulated": target.get("is_emulated"),
            **{k: v for k, v in (target.get("facts") or {}).items() if k != "balance"},
        }
        for name, target in run.targets.items()
    }
    for each in run.calibrations:  # the last of each machine stays
        if each.jobs or each.unsure:
            told = found.setdefault(each.backend, {})
            told["calibration"] = run.calibrations.document(each.digest)
    return found


def _locked(run: Run) -> dict[str, Any]:
    """What it was pinned to beside its manifest, and the functions that it named."""
    found = json.loads(run.meta.get(PINNED) or "{}")
    targets = {
        name: {key: told for key, told in terms.items() if key != "target"}
        for name, terms in found.pop("targets", {}).items()
    }
    functions = {
        name: {key: told for key, told in each.items() if key in ("version", "sha256")}
        for fact in ("analyses", "theories")
        for name, each in json.loads(run.meta.get(fact) or "{}").items()
    }
    return {"targets": targets, **found, "functions": functions}


def _accounts(run: Run) -> dict[str, str]:
    """Backend -> the accounts with which it was bought there."""
    found: dict[str, set[str]] = {}
    for purchase in run.ledger():
        if purchase.account:
            account = comparable(purchase.account)
            found.setdefault(purchase.entry.backend, set()).add(account)
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


def together(facts: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return facts in which two sides differ, those of many alike parts as one.

    >>> together([(f"qubits.{n}.error", "0", "0.1") for n in range(4)] + [("began", "1", "2")])
    [('qubits.*.error (4 of them)', '0', '0.1'), ('began', '1', '2')]
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, one, other in facts:
        parts = ("*" if part.isdecimal() else part for part in name.split("."))
        found.setdefault((".".join(parts), one, other), []).append(name)
    told: list[tuple[str, str, str]] = []
    for (alike, one, other), names in found.items():
        if len(names) >= _MANY:
            names = [f"{alike} ({len(names)} of them)"]
        told += [(name, one, other) for name in names]
    return told


def _end(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"…{text[3 - _LONGEST :]}"


def shown(value: Any) -> str:
    """A fact in a line."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}…"
