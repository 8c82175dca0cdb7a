"""A run as one file that proves itself: written here, checked on any machine, offline.

contents    which files an archive has, and what stands in them
writing     a run to an archive: a zip file that is an RO-Crate
reading     an archive, which may be a stranger's, to its files
verifying   whether digests, ids and numbers of an archive are what they should be
repeating   a sample of its simulated points, run again
"""

from __future__ import annotations

from qbatch.archive.repeating import Repeated, repeat_points
from qbatch.archive.verifying import Finding, Verified, verify
from qbatch.archive.writing import write_archive

__all__ = ["Finding", "Repeated", "Verified", "repeat_points", "verify", "write_archive"]
