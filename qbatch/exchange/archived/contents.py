"""The files of an archive, by name.

====================  ==============================================================================
manifest.yaml         as it was when the run was last begun, with the bases that it extends in it
sources.json          of one that extends others: its own file and theirs -> where they stand here
sources/N-NAME        each of these files, as it was read
qbatch.lock           where one stood beside it
sums.json             files that its observables name -> the sums in them
circuits/KEY.qasm     the circuits that points were made from, one for each setting
programs/KEY.qasm     what a setting's circuit was translated to here for its machine, the latest,
                      all parameters a half, where that was done
settings.json         setting -> backend, circuit file, content, language, root seed: what ids are
                      made from, see `qbatch.plan.identity`
points.json           point -> its setting, repeat, whether its shots are an axis, and which shots
                      each of its jobs bought: [start, shots]; references, too
jobs.json             every job with its own counts: where it was bought, by whom, when it ran; by
                      it another run takes shots of an archive, see `lending`
results.json          numbers and counts, as `qbatch export --format json`
results.csv           the same as a table, ledger.csv: every purchase
calibrations/DIGEST.json  what a machine told of its calibration, where jobs ran with it
report.md, .html      the report
environment.json      versions when it ran, and of all packages where it was archived
====================  ==============================================================================

``ro-crate-metadata.json`` has each file's SHA-256, and says what made them (RO-Crate 1.3,
https://www.researchobject.org/ro-crate). The archive's own digest is the SHA-256 of the lines
``DIGEST  PATH`` of all files but that one, sorted by path: kept elsewhere, it proves that nothing
was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

METADATA = "ro-crate-metadata.json"
MANIFEST = "manifest.yaml"
LOCK = "qbatch.lock"
SUMS = "sums.json"
SOURCES = "sources.json"
SOURCE_FILES = "sources"
SETTINGS = "settings.json"
POINTS = "points.json"
JOBS = "jobs.json"
RESULTS = "results.json"
TABLE = "results.csv"
LEDGER = "ledger.csv"
ENVIRONMENT = "environment.json"
CIRCUITS = "circuits"
PROGRAMS = "programs"
CALIBRATIONS = "calibrations"

#: Without these nothing can be verified.
NEEDED = (MANIFEST, SUMS, SETTINGS, POINTS, RESULTS, ENVIRONMENT)


def digest_of(body: bytes) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    return sha256(body).hexdigest()


def archive_digest(digests: Mapping[str, str]) -> str:
    """The archive's digest, from those of its files."""
    lines = (f"{digests[path]}  {path}\n" for path in sorted(digests) if path != METADATA)
    return sha256("".join(lines).encode()).hexdigest()
