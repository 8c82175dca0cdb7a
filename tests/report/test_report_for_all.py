"""A report in a browser: for readers of every kind, by pointer and by keys, on any page.

Whether a page is accessible is judged by axe-core, an engine of rules that shares nothing with us.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from html import escape, unescape
from pathlib import Path

import pytest

from qbatch.cli import main
from qbatch.report import write_report
from tests.report.browser import POLICY, opened, without_policy
from tests.report.hostile import run_of, words

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

DARK = "@media screen and (prefers-color-scheme: dark)"
PRINT = "@media print"

#: View -> width of the window, and what the style sheet's conditions then come to.
VIEWS = {
    "light": (1200, {DARK: "@media not all", PRINT: "@media not all"}),
    "dark": (1200, {DARK: "@media all", PRINT: "@media not all"}),
    "narrow": (360, {DARK: "@media not all", PRINT: "@media not all"}),
    "print": (700, {DARK: "@media not all", PRINT: "@media all"}),
}

#: Judges a page with all of it unfolded, and tells the page around.
JUDGE = """\
<script src="AXE"></script>
<script>
addEventListener("load", async () => {
  for (const element of document.querySelectorAll("details")) element.open = true;
  const judged = await axe.run();
  const faults = judged.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)}`));
  parent.postMessage(["VIEW", innerWidth, judged.passes.length, faults], "*");
});
</script>
"""

#: Writes down what the pages inside tell.
LISTEN = """\
<!DOCTYPE html><title></title><pre></pre><script>
const told = [];
addEventListener("message", (event) => {
  told.push(event.data);
  document.querySelector("pre").textContent = JSON.stringify(told);
});
</script>
"""

#: Does what a reader does who looks for points; what came of it becomes the page's title.
READ = """\
<script>
addEventListener("load", async () => {
  const told = [];
  const soon = () => new Promise((done) => setTimeout(done, 300));
  const rows = Array.from(document.querySelectorAll("#results .tall tbody tr"));
  const input = document.querySelector("#results input");
  for (const text of ["", "noisy", "shots=1000", "backend=ideal shots>500", "zz<0", "(["]) {
    input.value = text;
    input.dispatchEvent(new Event("input"));
    await soon();
    told.push([text, rows.filter((row) => !row.hidden).length]);
  }
  location.hash = rows[0].id;
  await soon();
  told.push(["linked", rows.filter((row) => !row.hidden).length]);
  const drawing = document.querySelector(".drawing");
  drawing.focus();
  const press = (key) => drawing.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const said = () => document.querySelector("output.told").textContent;
  press("ArrowRight");
  told.push(["first", said()]);
  press("ArrowLeft");
  told.push(["last", said()]);
  const marks = document.querySelectorAll(".drawing g title");
  marks[1].parentNode.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
  told.push(["pointed", said() === marks[1].textContent || said(), said().slice(-30)]);
  document.title = JSON.stringify(told);
});
</script>
"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The address of axe-core, which npm installs."""
    folders = [Path(one) for one in os.environ.get("NODE_PATH", "").split(os.pathsep) if one]
    for folder in (*folders, ROOT / "node_modules"):
        if (script := folder / "axe-core" / "axe.min.js").is_file():
            return script.as_uri()
    if os.environ.get("CI"):
        pytest.fail("there is no axe-core on NODE_PATH; install it, for CI leaves nothing out")
    pytest.skip("there is no axe-core on NODE_PATH")


@pytest.fixture(scope="module")
def bell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a manifest of the gallery."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copytree(ROOT / "manifests", folder / "manifests")
    manifest = folder / "manifests" / "bell.yaml"
    assert main(["run", str(manifest), f"--out={folder / 'bell'}"]) == 0
    return folder / "bell" / "report.html"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with failures, held jobs, costs, times and many other sections."""
    folder = tmp_path_factory.mktemp("everything")
    write_report(run_of(words(9), folder), ("html",), folder)
    return folder / "report.html"


def frame(page: Path, view: str, axe: str) -> str:
    """Return a frame with a view of a page, which judges itself."""
    width, conditions = VIEWS[view]
    judge = JUDGE.replace("AXE", axe).replace("VIEW", view)
    text, number = POLICY.subn(lambda _: judge, page.read_text("utf-8"))
    assert number == 1
    for condition, becomes in conditions.items():
        assert condition in text
        text = text.replace(condition, becomes)
    style = f"border: 0; width: {width}px; height: 900px"
    return f'<iframe style="{style}" srcdoc="{escape(text)}"></iframe>'


def judged(chromium: str, folder: Path, inside: str) -> dict[str, tuple[int, int, list[str]]]:
    """Return view -> (width, rules that hold, what breaks one) of the frames of a page."""
    page = folder / "frames.html"
    page.write_text(LISTEN + inside, "utf-8")
    found = re.search("<pre>(.*?)</pre>", opened(chromium, page, folder), re.DOTALL)
    assert found
    return {
        name: (width, holding, faults)
        for name, width, holding, faults in json.loads(unescape(found[1]))
    }


@pytest.mark.parametrize(("name", "views"), [("bell", tuple(VIEWS)), ("everything", ("narrow",))])
def test_no_report_breaks_a_rule_of_accessibility(
    chromium: str,
    axe: str,
    name: str,
    views: tuple[str, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    page = request.getfixturevalue(name)
    found = judged(chromium, tmp_path, "".join(frame(page, view, axe) for view in views))
    assert {view: width for view, (width, *_) in found.items()} == {
        view: VIEWS[view][0] for view in views
    }
    assert all(holding > 30 for _, holding, _ in found.values())
    assert [faults for *_, faults in found.values() if faults] == []


def test_a_page_that_breaks_rules_is_found_out(
    chromium: str, axe: str, bell: Path, tmp_path: Path
) -> None:
    text = bell.read_text("utf-8").replace("--quiet: #5c666f", "--quiet: #b0b6bb")
    broken = tmp_path / "report.html"
    broken.write_text(text.replace('<html lang="en">', "<html>"), "utf-8")
    (_, _, faults) = judged(chromium, tmp_path, frame(broken, "light", axe))["light"]
    assert {"color-contrast", "html-has-lang"} <= {fault.partition(":")[0] for fault in faults}


def test_rows_are_filtered_and_marks_told_by_pointer_and_by_keys(
    chromium: str, bell: Path, tmp_path: Path
) -> None:
    page = without_policy(bell, READ)
    title = re.search("<title>(.*?)</title>", opened(chromium, page, tmp_path))
    assert title
    told = {what: came for what, *came in json.loads(unescape(title[1]))}
    asked = ("", "noisy", "shots=1000", "backend=ideal shots>500", "zz<0", "([", "linked")
    assert [told[text][0] for text in asked] == [18, 9, 6, 6, 0, 0, 18]
    for mark in ("first", "last"):
        assert re.match(r"backend=\w+,shots=\d+, 3 repeats: zz = .* \[.*\]$", told[mark][0])
    assert told["first"] != told["last"]
    assert told["pointed"][0] is True
