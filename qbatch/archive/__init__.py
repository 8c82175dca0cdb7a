"""A run as one file that proves itself: written here, checked on any machine, offline.

writing     a run to an archive: a zip file that is an RO-Crate
verifying   whether digests, ids and numbers of an archive are what they should be
drifting    what references tell of drift, told anew
mending     by which calibrations points are mended, told anew
repeating   a sample of its simulated points, run again

What an archive holds is read in `qbatch.exchange.archived`.
"""

from __future__ import annotations

from qbatch.archive.repeating import Repeated, repeat_points
from qbatch.archive.verifying import Verified, verify
from qbatch.archive.writing import write_archive
from qbatch.exchange.archived.points import Finding

__all__ = ["Finding", "Repeated", "Verified", "repeat_points", "verify", "write_archive"]
