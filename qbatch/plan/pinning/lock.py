"""``qbatch.lock``: what an experiment was when it was committed, and what would change now.

JSON, sorted and indented, the same on every machine for the same plan: versions, what the ids
depend on (settings of the backends, contents of the circuits), what targets that are one of
several were decided to be and by which figures, bases that the manifest extends with
the digests of their files, resolved targets with their prices
and digests of the programs that circuits are translated to for them, and for each sweep the number
of its points, their shots in all, and a digest of their ids that does not depend on their order.
The ids themselves stand there up to a bound, so that a small lock file reads well in a diff, and a
million points do not make a large one. Manifests of one folder share the file, each with an entry
under its file name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.drafts import draft_beside
from qbatch.errors import SelectionError
from qbatch.manifest.decisions import Decision, decisions_facts, decisions_in
from qbatch.manifest.extensions import packages_named
from qbatch.plan.pinning.reasons import changes, leaves
from qbatch.plan.pinning.saved import describe, describe_targets

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from qbatch.manifest import Manifest
    from qbatch.plan.plan import Plan
    from qbatch.providers import Target

FORMAT = 1

#: The file's name.
LOCK = "qbatch.lock"

#: Of which kind the ids of an entry are; an entry of another kind is not compared.
IDS = 2

#: Plans of more points are pinned by digest alone.
MOST_IDS = 500

#: Distributions whose version can change a result.
PINNED = ("qbatch", "qiskit", "qiskit-aer", "numpy")

#: Those by whose name a target computes: pinned where a plan has such a target.
PINNED_BY_TARGET = frozenset({"stim"})

_MODULUS = 1 << 256


def lock_path(plan: Plan) -> Path:
    """Return where the lock of a plan lies: ``qbatch.lock`` beside the manifest."""
    return plan.manifest.folder / LOCK


def installed_versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of those of `PINNED` that are installed, without importing them.

    Args:
        more: Further distributions, which are told likewise.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (*PINNED, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def installed_packages() -> tuple[str, ...]:
    """Return a line ``NAME==VERSION`` for each package that is installed, sorted.

    What is left of one that was removed halfway, and has neither, is none.
    """
    from importlib.metadata import distributions

    found = (_name_and_version(each) for each in distributions())
    named = {f"{name}=={version}" for name, version in found if name and version}
    return (*sorted(named, key=str.lower),)


def _name_and_version(distribution: Distribution) -> tuple[str | None, str | None]:
    """Return what a package's metadata says; each run waits for that of all packages.

    The head alone is parsed: the README behind it takes three times as long.
    """
    from email.parser import HeaderParser

    texts = (distribution.read_text(name) for name in ("METADATA", "PKG-INFO", ""))  # "": an egg
    head = next(filter(None, texts), "").partition("\n\n")[0]
    told = HeaderParser().parsestr(head)
    return told["Name"], told["Version"]


def make_lock(
    plan: Plan,
    targets: Mapping[str, Target],
    drivers: Mapping[str, object] | None = None,
    *,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what is pinned, as JSON.

    Args:
        plan: The plan.
        targets: Backend -> target, as resolved.
        drivers: Backend -> driver, of those that translate circuits; None: none does.
        versions: Distribution -> version; None: those installed.
    """
    more = (*_named(targets), *packages_named(plan.manifest))
    ids: dict[str, str] = {}
    sweeps = []
    for grid in plan.grids:
        total, number, shots = 0, 0, 0
        for id_, name, wanted in plan.pins(grid):
            total, number = (total + int(id_, 16) * wanted) % _MODULUS, number + 1
            shots += wanted
            if plan.num_settings <= MOST_IDS:
                ids[name] = id_
        sweeps.append({"points": number, "shots": shots, "digest": f"{total:064x}"})
    return {
        "name": plan.manifest.name,
        "ids": IDS,
        "versions": dict(installed_versions(more) if versions is None else versions),
        **_bases(plan),
        **describe(plan),
        **_decided(plan),
        "targets": describe_targets(plan, targets, drivers or {}),
        "sweeps": sweeps,
        "points": ids,
    }


def _decided(plan: Plan) -> dict[str, Any]:
    """What targets were decided to be that are one of several; nothing where there are none."""
    found = decisions_facts(plan.manifest.decisions)
    return {"decided": found} if found else {}


def decided_in_lock(manifest: Manifest) -> tuple[Decision, ...]:
    """Return what was decided when a manifest was locked; nothing where it was not.

    Raises:
        SelectionError: The file that is there is no lock.
        SourceErrors: What was decided cannot be read.
    """
    file = manifest.folder / LOCK
    if manifest.path is None or not file.exists():
        return ()
    entry = _read(file)["manifests"].get(manifest.path.name)
    return decisions_in(entry.get("decided"), str(file)) if isinstance(entry, dict) else ()


def _named(targets: Mapping[str, Target]) -> list[str]:
    """Return which distributions compute because a target is named after them."""
    names = {name for target in targets.values() for name in target.name.split(", ")}
    return sorted(names & PINNED_BY_TARGET)


def _bases(plan: Plan) -> dict[str, dict[str, str]]:
    """Name what the manifest extends, with digests; nothing where it extends nothing."""
    found = {base.path: base.digest for base in plan.manifest.sources[1:]}
    return {"extends": found} if found else {}


def write_lock(
    plan: Plan,
    targets: Mapping[str, Target],
    path: str | Path | None = None,
    *,
    drivers: Mapping[str, object] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write the manifest's entry in the lock, unless it would not change; return the lock's path.

    Raises:
        SelectionError: The file that is there is no lock.
        OSError: The file cannot be written.
    """
    file = lock_path(plan) if path is None else Path(path)
    entries = _read(file)["manifests"] if file.exists() else {}
    entries[entry_name(plan)] = make_lock(plan, targets, drivers, versions=versions)
    lock = {"qbatch-lock": FORMAT, "manifests": entries}
    text = json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if not file.exists() or file.read_text("utf-8") != text:
        part = draft_beside(file)
        try:
            part.write_text(text, "utf-8", newline="\n")
            part.replace(file)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return file


def entry_name(plan: Plan) -> str:
    """Return under which name the plan's manifest stands in the lock."""
    path = plan.manifest.path
    return path.name if path else plan.manifest.name


def read_lock(plan: Plan, path: str | Path | None = None) -> dict[str, Any]:
    """Return the entry of the plan's manifest.

    Raises:
        SelectionError: There is no lock, it is none, it has no entry for this manifest, or one by
            an earlier qbatch.
    """
    file = lock_path(plan) if path is None else Path(path)
    entry = _read(file)["manifests"].get(entry_name(plan))
    if not isinstance(entry, dict):
        raise SelectionError(
            f"{file}: has no entry for {entry_name(plan)}; run once without --frozen to write it"
        )
    if entry.get("ids") != IDS:
        raise SelectionError(
            f"{file}: the entry for {entry_name(plan)} has ids of an earlier qbatch; run once "
            "without --frozen to write it anew"
        )
    return entry


def _read(file: Path) -> dict[str, Any]:
    try:
        lock = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SelectionError(
            f"{file}: cannot be read ({error.strerror}); run once without --frozen to write it"
        ) from error
    except ValueError as error:
        raise SelectionError(f"{file}: is no lock ({error}); restore or remove it") from error
    if not isinstance(lock, dict) or lock.get("qbatch-lock") != FORMAT:
        raise SelectionError(f"{file}: is no lock of this qbatch; restore or remove it")
    if not isinstance(lock.get("manifests"), dict):
        raise SelectionError(f"{file}: is no lock of this qbatch; restore or remove it")
    return lock


def check_lock(
    plan: Plan,
    targets: Mapping[str, Target],
    path: str | Path | None = None,
    *,
    drivers: Mapping[str, object] | None = None,
    versions: Mapping[str, str] | None = None,
) -> list[str]:
    """Say what would change in the lock, a line for each leaf with both values; none: nothing.

    Raises:
        SelectionError: There is no lock to compare with.
    """
    old = read_lock(plan, path)
    new = json.loads(json.dumps(make_lock(plan, targets, drivers, versions=versions)))
    lines = _changed_points(old.pop("points", {}), new.pop("points"))
    return [str(change) for change in changes(leaves(old), leaves(new))] + lines


def _changed_points(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    lines = [f"point {name}: new" for name in new if name not in old]
    lines += [f"point {name}: gone" for name in old if name not in new]
    both = [name for name in new if name in old and old[name] != new[name]]
    return lines + [f"point {name}: id {old[name][:12]}… → {new[name][:12]}…" for name in both]
