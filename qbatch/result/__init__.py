"""From counts to numbers that can be trusted: each with a standard error and an interval.

Pure: no clock, no files, no randomness but what is seeded by the data itself.
"""

from __future__ import annotations

from qbatch.result.counts import Counts, pool

__all__ = ["Counts", "pool"]
