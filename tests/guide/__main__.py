"""Write what is made of the guide anew.

``python -m tests.guide``: its tables. ``python -m tests.guide commands``: what it and the README
show of commands, too, which takes a minute.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.guide.blocks import GUIDE, made
from tests.guide.commands import blocks_of, renewed

ROOT = GUIDE.parent.parent

for page in sorted(GUIDE.glob("*.md")):
    page.write_text(made(page.read_text("utf-8")), "utf-8")
for page in [ROOT / "README.md", *GUIDE.glob("*.md")] if "commands" in sys.argv else []:
    if blocks_of(page):
        with TemporaryDirectory() as folder:
            page.write_text(renewed(page.read_text("utf-8"), page, Path(folder), ROOT), "utf-8")
