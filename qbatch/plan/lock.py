"""``qbatch.lock``: what an experiment was when it was committed, and what would change now.

JSON, sorted and indented, the same on every machine for the same plan: versions, what the ids
depend on (settings of the backends, digests of the circuits' texts), resolved targets with their
prices, and for each sweep the number of its points and a digest of their ids that does not depend
on their order. The ids themselves stand there up to a bound, so that a small lock file reads well
in a diff, and a million points do not make a large one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import SelectionError
from qbatch.plan.reasons import changes, leaves
from qbatch.plan.saved import describe

if TYPE_CHECKING:
    from qbatch.plan.points import Plan
    from qbatch.providers import Price, Target

FORMAT = 1

#: Plans of more points are pinned by digest alone.
MOST_IDS = 500

#: Distributions whose version can change a result.
PINNED = ("qbatch", "qiskit", "qiskit-aer")

_MODULUS = 1 << 256


def lock_path(plan: Plan) -> Path:
    """Return where the lock of a plan lies: ``qbatch.lock`` beside the manifest."""
    return plan.manifest.folder / "qbatch.lock"


def installed_versions() -> dict[str, str]:
    """Return the versions of those of `PINNED` that are installed, without importing them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PINNED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def make_lock(
    plan: Plan, targets: Mapping[str, Target], *, versions: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what is pinned, as JSON.

    Args:
        plan: The plan.
        targets: Backend -> target, as resolved.
        versions: Distribution -> version; None: those installed.
    """
    ids: dict[str, str] = {}
    sweeps = []
    for grid in plan.grids:
        total, number = 0, 0
        for id_, name in plan.ids_and_names(grid):
            total, number = (total + int(id_, 16)) % _MODULUS, number + 1
            if plan.num_points <= MOST_IDS:
                ids[name] = id_
        sweeps.append({"points": number, "digest": f"{total:064x}"})
    used = {name: targets[name] for name in plan.manifest.backends if name in targets}
    return {
        "qbatch-lock": FORMAT,
        "name": plan.manifest.name,
        "versions": dict(installed_versions() if versions is None else versions),
        **describe(plan),
        "targets": {n: {"target": t.name, "price": _price(t.price)} for n, t in used.items()},
        "sweeps": sweeps,
        "points": ids,
    }


def _price(price: Price) -> dict[str, Any]:
    found = {name: getattr(price, name) for name in price.__slots__}
    return {name: value for name, value in found.items() if value}


def write_lock(
    plan: Plan,
    targets: Mapping[str, Target],
    path: str | Path | None = None,
    *,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write the lock, unless it would not change, and return its path.

    Raises:
        OSError: The file cannot be written.
    """
    file = lock_path(plan) if path is None else Path(path)
    lock = make_lock(plan, targets, versions=versions)
    text = json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if not file.exists() or file.read_text("utf-8") != text:
        part = file.with_name(file.name + ".part")
        part.write_text(text, "utf-8", newline="\n")
        part.replace(file)
    return file


def read_lock(path: str | Path) -> dict[str, Any]:
    """Read a lock.

    Raises:
        SelectionError: There is none, or it is none.
    """
    try:
        lock = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SelectionError(
            f"{path}: cannot be read ({error.strerror}); run once without --frozen to write it"
        ) from error
    except ValueError as error:
        raise SelectionError(f"{path}: is no lock: {error}") from error
    if not isinstance(lock, dict) or lock.get("qbatch-lock") != FORMAT:
        raise SelectionError(f"{path}: is no lock of this qbatch; run once without --frozen")
    return lock


def check_lock(
    plan: Plan,
    targets: Mapping[str, Target],
    path: str | Path | None = None,
    *,
    versions: Mapping[str, str] | None = None,
) -> list[str]:
    """Say what would change in the lock, a line for each leaf with both values; none: nothing.

    Raises:
        SelectionError: There is no lock to compare with.
    """
    old = read_lock(lock_path(plan) if path is None else path)
    new = json.loads(json.dumps(make_lock(plan, targets, versions=versions)))
    lines = _changed_points(old.pop("points", {}), new.pop("points"))
    return [str(change) for change in changes(leaves(old), leaves(new))] + lines


def _changed_points(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    lines = [f"point {name}: new" for name in new if name not in old]
    lines += [f"point {name}: gone" for name in old if name not in new]
    both = [name for name in new if name in old and old[name] != new[name]]
    return lines + [f"point {name}: id {old[name][:12]}… → {new[name][:12]}…" for name in both]
