"""Pages opened in a real browser, without a window and without a network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=4000",
    "--dump-dom",
)

#: Does to everything on a page what a reader may do to it.
PROD = """\
<script>
addEventListener("load", () => {
  for (const element of document.querySelectorAll("*")) {
    for (const kind of ["mouseover", "click"]) {
      element.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true}));
    }
    if (element.focus) element.focus();
  }
});
</script>
"""

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*">')


def opened(chromium: str, page: Path, folder: Path) -> str:
    """Open a page; return what has become of it, as HTML."""
    command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return done.stdout.decode("utf-8", "replace")


def without_policy(page: Path, script: str = PROD) -> Path:
    text, number = POLICY.subn(lambda _: script, page.read_text("utf-8"))
    assert number == 1
    bare = page.with_name(f"bare-{page.name}")
    bare.write_text(text, "utf-8")
    return bare
