"""What two runs have differently: same, changed or undecided, number by number.

Two sides (`sides`: run folders, exported files, files of a git commit) are matched by what their
points ask; `judging` says which numbers changed beyond shot noise, all of them taken together, and
`facts` what else differs. `telling` and `page` show it.
"""

from __future__ import annotations

from qbatch.difference.judging import Difference, NumberChange, Word, compare
from qbatch.difference.opening import open_side
from qbatch.difference.sides import Side, side_of

__all__ = ["Difference", "NumberChange", "Side", "Word", "compare", "open_side", "side_of"]
