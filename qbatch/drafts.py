"""Names for files that are written beside their place and then renamed into it.

Rule: whoever writes whole files takes the name of the draft from here. Two writers of one file (a
report refreshed while the last one is written, two commands on one folder) never share a draft:
then one would rename away, or cut off, what the other is writing.
"""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

#: Characters kept of the file's name: a file system allows 255 bytes in all, a character takes 4.
_KEPT = 40


def draft_beside(path: Path) -> Path:
    """Return a hidden name in `path`'s folder that no other writer has, of whatever process."""
    return path.with_name(f".{path.name[:_KEPT]}.{token_hex(8)}.new")
