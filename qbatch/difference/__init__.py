"""What two runs have differently: same, changed or undecided, number by number.

Two sides (`sides`: run folders, exported files, files of a git commit) are matched by what their
points ask, or across backends and other names (`pairing`); `judging` says which numbers changed
beyond shot noise, all of them taken together, and `facts` what else differs. `telling` and `page`
show it.
"""

from __future__ import annotations

from qbatch.difference.judging import Difference, NumberChange, Word, compare
from qbatch.difference.opening import open_side
from qbatch.difference.pairing import compare_between, compare_mapped
from qbatch.difference.sides import Side, side_of
from qbatch.difference.standing import Standing, standings

__all__ = [
    "Difference",
    "NumberChange",
    "Side",
    "Standing",
    "Word",
    "compare",
    "compare_between",
    "compare_mapped",
    "open_side",
    "side_of",
    "standings",
]
