"""Whether an archive is what it says: digests, ids and numbers, each computed anew.

A digest that does not match says that a file was changed after it was written. An id that does not
says that circuit, backend or parameters are not those that ran. A number that does not says that
counts and numbers do not belong together. Only the archive's own digest, kept elsewhere, proves
that all of it was not made up together; and simulated points, run again, that theirs were not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qbatch.archive.calibrations import wrong_calibrations
from qbatch.archive.drifting import check_drift
from qbatch.archive.mending import Mender, mended_counts, wrongly_mended
from qbatch.archive.sources import wrong_with_sources
from qbatch.bases import is_calibration
from qbatch.errors import QbatchError
from qbatch.exchange.archived.checking import check_files, check_jobs, id_problem
from qbatch.exchange.archived.contents import (
    ENVIRONMENT,
    JOBS,
    MANIFEST,
    METADATA,
    RESULTS,
    SOURCES,
    SUMS,
    archive_digest,
)
from qbatch.exchange.archived.jobs import read_jobs
from qbatch.exchange.archived.points import ArchivedPoint, Finding, points_of
from qbatch.exchange.archived.reading import Archive, read_archive
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.decisions import decisions_in
from qbatch.result import Counts, Estimate, analyse, analyse_settings

#: Numbers may differ in their last digits between machines.
_RELATIVE = 1e-9


@dataclass
class Verified:
    """What was found.

    Attributes:
        archive: As it was read.
        digest: Of the archive.
        findings: All that is wrong; empty where everything holds.
        files: Whose digests were computed.
        ids: Points whose ids were made anew.
        numbers: That were computed anew from counts.
        not_computed: Numbers that cannot be, by name.
    """

    archive: Archive
    digest: str
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    ids: int = 0
    numbers: int = 0
    not_computed: dict[str, str] = field(default_factory=dict)


def verify(path: Path) -> Verified:
    """Check an archive; nothing in it is run.

    Raises:
        SelectionError: It is no archive.
    """
    archive = read_archive(path)
    found = Verified(archive, archive_digest(archive.digests))
    found.files = len({*archive.files, *archive.listed} - {METADATA})
    found.findings += check_files(archive)
    found.findings += (Finding(*wrong) for wrong in wrong_calibrations(archive))
    found.not_computed |= _across_points(archive.json(RESULTS))
    if wrong := wrong_with_sources(archive):
        found.findings.append(Finding(SOURCES, wrong))
    manifest = _manifest_of(archive, found.findings)
    if manifest is None:
        return found
    settings: list[ArchivedPoint] = []
    jobs = read_jobs(archive) if JOBS in archive.files else None  # an earlier qbatch kept none
    mender = None if jobs is None else Mender(jobs, manifest)
    for point in points_of(archive, found.findings):
        found.ids += 1
        settings += point
        found.findings += (each for one in point for each in id_problem(one))
        found.findings += _check_numbers(found, point, manifest, mender)
    if jobs is not None:
        found.findings += check_jobs(archive, jobs, settings)
        found.findings += check_drift(archive, jobs, manifest)
    return found


def _across_points(results: Any) -> dict[str, str]:
    """Name the numbers that are made of several points."""
    tables = results if isinstance(results, dict) else {}
    told = [tables.get(key) for key in ("across", "fits")]
    rows = [row for each in told if isinstance(each, list) for row in each]
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    return {str(name): "is made of several points" for name in names if name}


def _manifest_of(archive: Archive, findings: list[Finding]) -> Manifest | None:
    """Read the manifest, without the files that stood beside it; None where it is none."""
    overrides, sums = archive.json(ENVIRONMENT), archive.json(SUMS)
    try:
        with TemporaryDirectory(prefix="qbatch-verify-") as nothing_in_it:
            return parse_manifest(
                archive.text(MANIFEST),
                file=MANIFEST,
                folder=nothing_in_it,
                overrides=[str(one) for one in overrides.get("overrides", [])],
                decisions=decisions_in(overrides.get("decided"), ENVIRONMENT),
                sums={str(file): str(text) for file, text in sums.items()},
            )
    except (QbatchError, AttributeError, TypeError) as error:
        findings.append(Finding(MANIFEST, f"cannot be read: {error}"))
        return None


def _check_numbers(
    found: Verified, point: Sequence[ArchivedPoint], manifest: Manifest, mender: Mender | None
) -> Iterator[Finding]:
    where = f"{RESULTS}: {point[0].name}"
    try:
        counts = {setting.basis: setting.counts for setting in point}
        mended, wrong = _mended(counts, point, mender)
        computed = _analysed(mended, point[0].fields, manifest)
    except (ValueError, KeyError, TypeError, AttributeError, QbatchError) as error:
        yield Finding(where, f"its counts cannot be analysed: {type(error).__name__}: {error}")
        return
    if wrong:
        yield Finding(where, f"calibrated: {wrong}")
    for setting in point:
        bought, there = sum(n for _, n in setting.facts["jobs"]), counts[setting.basis].shots
        if there != bought:
            yield Finding(where, f"has counts of {there} shots; its jobs bought {bought}")
    for name, told in point[0].fields["estimates"].items():
        if name not in computed:
            found.not_computed[name] = "is not made of one point's counts alone"
            continue
        found.numbers += 1
        one = computed[name]
        for key in ("value", "se", "low", "high"):
            if not _is_near(told.get(key), getattr(one, key)):
                given = f"{key} is {told.get(key)!r}; its counts give {getattr(one, key)!r}"
                yield Finding(where, f"{name}: {given}")
                break


def _mended(
    counts: Mapping[str, Counts], point: Sequence[ArchivedPoint], mender: Mender | None
) -> tuple[Mapping[str, Counts], str]:
    """Return a point's counts with those of the calibrations by which it is mended.

    Returns:
        They, and in what the archive tells otherwise by which it is; "" where it does not.
    """
    told = point[0].fields.get("calibrated")
    if mender is None:
        chosen: Mapping[str, Mapping[str, int]] = {} if told is None else told["counts"]
        found = mended_counts(counts, chosen)
        return (counts if told is None else {**_own(counts), **found}), ""
    aged = mender.calibrated(point)
    wrong = wrongly_mended(told, aged)
    return (counts if aged is None else {**_own(counts), **aged.counts}), wrong


def _own(counts: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return the counts of a point's settings that are no calibrations."""
    return {text: each for text, each in counts.items() if not is_calibration(text)}


def _analysed(
    counts: Mapping[str, Counts], fields: Mapping[str, Any], manifest: Manifest
) -> Mapping[str, Estimate]:
    """Compute a point's numbers, from one setting as written or from several."""
    own = {name: fields[name] for name in ("circuit", "backend")}
    analysis = manifest.analysis.at({**own, **fields["parameters"]})
    settings = fields.get("settings")
    if not settings:
        return analyse(counts[""], analysis)
    bases = [str(setting["basis"]) for setting in settings]
    return analyse_settings(counts, bases, analysis)


def _is_near(told: Any, computed: float) -> bool:
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return is_number and math.isclose(told, computed, rel_tol=_RELATIVE, abs_tol=_RELATIVE)
