"""A run to an archive: a zip file that is an RO-Crate."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch import __version__
from qbatch.archive.sources import is_source, source_files
from qbatch.bases import is_reference
from qbatch.errors import ExtraError, SelectionError
from qbatch.exchange.archived.contents import (
    CALIBRATIONS,
    CIRCUITS,
    ENVIRONMENT,
    JOBS,
    LEDGER,
    LOCK,
    MANIFEST,
    POINTS,
    PROGRAMS,
    RESULTS,
    SETTINGS,
    SUMS,
    TABLE,
    archive_digest,
    digest_of,
)
from qbatch.exchange.archived.jobs import jobs_of
from qbatch.exchange.secrets import scan
from qbatch.manifest.decisions import decisions_facts
from qbatch.plan.pinning.lock import installed_packages
from qbatch.report import render
from qbatch.report.files import json_file, replacing
from qbatch.snapshot.origins import read_origins
from qbatch.snapshot.programs import read_programs
from qbatch.snapshot.sources import read_sources

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: What stands beside each file in the metadata.
_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".html": "text/html",
    ".yaml": "application/yaml",
    ".qasm": "text/plain",
    ".lock": "text/plain",
}


def write_archive(run: Run, path: Path) -> str:
    """Write `run` as an archive and return its digest, 64 hex digits.

    Args:
        run: Read several times.
        path: Of the zip file, which is replaced whole.

    Raises:
        SelectionError: The name does not end in ``.zip``, or no point has a result.
        SnapshotError: A file would hold what looks like a credential; nothing was written.
        UnwritableError: The file cannot be written.
        ExtraError: rocrate is missing.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise ExtraError("rocrate", "archive") from error
    if path.suffix.lower() != ".zip":
        raise SelectionError(f"{path}: an archive is a zip file; name one that ends in .zip")
    files = dict(_files(run))
    scan(files, "archive")
    crate = ROCrate()
    digests = {name: digest_of(body) for name, body in files.items()}
    _describe(crate, run, digests)
    for name, body in files.items():
        kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
        facts = {
            "sha256": digests[name],
            "encodingFormat": kind,
            "contentSize": str(len(body)),
            "name": name,
        }
        crate.add_file(io.BytesIO(body), name, properties=facts)
    with replacing(path) as fresh:
        crate.write_zip(fresh)
    return archive_digest(digests)


def _describe(crate: Any, run: Run, digests: dict[str, str]) -> None:
    """Say what the run was, and what made it (the profile "Process Run Crate")."""
    from rocrate.model.contextentity import ContextEntity

    crate.name = run.name
    crate.description = run.manifest.description or f"Results of the qbatch manifest {run.name}"
    crate.root_dataset["identifier"] = f"sha256:{archive_digest(digests)}"
    software = {"@type": "SoftwareApplication", "name": "qbatch", "version": __version__}
    qbatch = crate.add(ContextEntity(crate, "#qbatch", properties=software))
    facts = {"name": f"qbatch run {run.meta.get('manifest_path', run.name)}"}
    for key, fact in (("startTime", "created_at"), ("endTime", "finished_at")):
        if run.meta.get(fact):
            facts[key] = run.meta[fact]
    made = [{"@id": name} for name in digests if not _is_given(name)]
    given = [{"@id": name} for name in digests if name == MANIFEST or is_source(name)]
    crate.add_action(qbatch, object=given, result=made, properties=facts)


def _is_given(name: str) -> bool:
    """Tell whether a file was there before anything ran."""
    return name in (MANIFEST, LOCK, SUMS) or is_source(name)


def _files(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file.

    Raises:
        SelectionError: No point has a result.
    """
    settings, points = _points(run)
    if not points:
        raise SelectionError(f"{run.folder}: no point has a result yet; run it first")
    yield MANIFEST, run.manifest.text.encode()
    yield from source_files(read_sources(run.meta), run.manifest.folder.resolve())
    lock = run.manifest.folder / LOCK
    if lock.is_file():
        yield LOCK, lock.read_bytes()
    yield SUMS, json_file(dict(run.manifest.sums))
    for key, setting in settings.items():
        text = setting.pop("circuit")
        setting["circuit_file"] = f"{CIRCUITS}/{key}.qasm"
        yield setting["circuit_file"], text.encode()
        if programs := read_programs(run, key):
            yield f"{PROGRAMS}/{key}.qasm", programs[-1].encode()
    yield SETTINGS, json_file(settings)
    yield POINTS, json_file(points)
    yield JOBS, jobs_of(run, points).model_dump_json(indent=1, exclude_defaults=True).encode()
    yield RESULTS, render(run, "json").encode()
    yield TABLE, render(run, "csv").encode()
    if run.ledger():
        yield LEDGER, render(run, "ledger").encode()
    for each in run.calibrations:
        document = run.calibrations.document(each.digest)
        if document is not None:
            yield f"{CALIBRATIONS}/{each.digest}.json", json_file(document)
    for form in ("md", "html"):
        yield f"report.{form}", render(run, form).encode()
    yield ENVIRONMENT, json_file(_environment(run))


def _points(run: Run) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return settings by key, and what is needed to make each measured point's id."""
    settings: dict[str, dict[str, Any]] = {}
    points: dict[str, dict[str, Any]] = {}
    measured = (part for whole in run if not whole.same_as for part in whole.each_setting)
    for point in chain(measured, run.references()):
        if point.counts is None:
            continue
        if point.setting and point.setting not in settings:
            settings[point.setting] = dict(run.setting_of(point))
        pieces = point.pieces or (point,)
        points[point.id] = {
            "setting": point.setting,
            "repeat": point.repeat,
            "jobs": [
                [one.start, one.bought] for one in pieces if one.job.state.value == "completed"
            ],
            **({"reference": point.name} if is_reference(point.name) else {}),
        }
    return settings, points


def _environment(run: Run) -> dict[str, Any]:
    packages = installed_packages()
    return {
        "ran_with": json.loads(run.meta.get("versions", "{}")),
        "revision": run.meta.get("revision", ""),
        "ran_from": [each.facts() for each in read_origins(run.meta)],
        "overrides": list(run.manifest.overrides),
        "decided": decisions_facts(run.manifest.decisions),
        "archived_with": {
            "qbatch": __version__,
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "packages": [*packages],
            "packages_sha256": digest_of("\n".join(packages).encode()),
        },
    }
