"""Numbers across points: what is made of several points of a run, and what theory says of each.

points      the measured points, taken in while a run is read
numbers     what any number across points is
reading     all of them of one run: the door for reports, checks, files and Python

A number across points is made from measured ones when somebody reads the run; it is no part of any
content id, is kept nowhere, and buys nothing.
"""

from __future__ import annotations

from qbatch.across.expected import Agreement, agreement_facts
from qbatch.across.numbers import ACROSS_COLUMNS, AcrossNumber, across_facts, across_rows
from qbatch.across.points import Measured, Points
from qbatch.across.reading import Across, read_across

__all__ = [
    "ACROSS_COLUMNS",
    "Across",
    "AcrossNumber",
    "Agreement",
    "Measured",
    "Points",
    "across_facts",
    "across_rows",
    "agreement_facts",
    "read_across",
]
