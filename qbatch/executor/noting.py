"""What is noted of a run as a whole: which it is, when it ran, by what versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from qbatch.errors import RunLockedError, SnapshotError
from qbatch.executor.options import Options
from qbatch.executor.origin import origin_of
from qbatch.manifest import Manifest
from qbatch.manifest.decisions import kept_decisions
from qbatch.plan.pinning.lock import installed_versions
from qbatch.plan.pinning.revision import revision_of
from qbatch.snapshot import Snapshot
from qbatch.snapshot.origins import ORIGINS, read_origins, with_origin


def note_run(snapshot: Snapshot, options: Options, run_id: str, manifest: Manifest) -> None:
    """Note what a run is as a whole, now that its folder is taken.

    Raises:
        RunLockedError: Another run began in it.
        SnapshotError: A target was decided to be another one there.
    """
    meta = snapshot.meta()
    known = meta.get("run_id", run_id)
    if known != run_id:
        raise RunLockedError(f"{snapshot.folder}: another run began here just now; run again")
    if options.rehearsal is None:
        _check_decided(snapshot, meta, manifest)
    revision = _revision(manifest)
    origin = origin_of(options.command, revision, snapshot.now())
    snapshot.set_meta(
        run_id=run_id,
        run_folder=str(snapshot.folder.resolve()),
        versions=json.dumps(installed_versions()),
        selection=options.select or "",
        started_at=now_text(),
        finished_at="",
        forgotten="",
        revision=json.dumps(revision) if revision else "",
        analyses=_analyses(manifest),
        theories=_theories(manifest),
        **{ORIGINS: with_origin(read_origins(meta), origin)},
        **({} if options.rehearsal is None else {"rehearsal": json.dumps(options.rehearsal)}),
    )


def _check_decided(snapshot: Snapshot, meta: Mapping[str, str], manifest: Manifest) -> None:
    """See that what was planned is what was decided here, also since it was planned.

    Raises:
        SnapshotError: It is not: the same points would be bought at two machines.
    """
    for kept in kept_decisions(meta, str(snapshot.folder)):
        for ours in manifest.decisions:
            if ours.question == kept.question and ours.chosen != kept.chosen:
                raise SnapshotError(
                    f"{snapshot.folder}: backend {kept.backend!r} was decided to be {kept.chosen} "
                    f"here, and this was planned for {ours.chosen}: nothing was bought; plan again "
                    "from the manifest's file, or take another folder with --out DIR"
                ).about("any-of")


def _analyses(manifest: Manifest) -> str:
    """What own analyses are now, as JSON; "" without one."""
    found = {name: own.facts() for name, own in manifest.analysis.own.items()}
    return json.dumps(found) if found else ""


def _theories(manifest: Manifest) -> str:
    """What functions that say what theory says are now, as JSON; "" without one."""
    found = {name: each.facts() for name, each in manifest.analysis.called.items()}
    return json.dumps(found) if found else ""


def _revision(manifest: Manifest) -> dict[str, Any]:
    """The git revision of a manifest; empty without one."""
    found = revision_of(manifest.path) if manifest.path is not None else None
    return {} if found is None else asdict(found)


def now_text() -> str:
    """Write the present instant; UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
