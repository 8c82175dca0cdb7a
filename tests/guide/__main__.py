"""Write the guide's tables anew: ``python -m tests.guide``."""

from tests.guide.blocks import GUIDE, made

for page in sorted(GUIDE.glob("*.md")):
    page.write_text(made(page.read_text("utf-8")), "utf-8")
