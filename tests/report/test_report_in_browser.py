"""A report is inert in a real browser, whatever a run's texts say: nothing runs, nothing is asked.

The pages are opened without their Content-Security-Policy: that the texts stay texts must not hang
on it. A control page, on which the same texts stand unescaped, proves that the browser would fall
for each of them and that we would see it.
"""

from __future__ import annotations

import re
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.report import write_report
from tests.report.browser import FLAGS, PROD, opened, without_policy
from tests.report.hostile import ACTIVE, payloads, run_of, words
from tests.report.test_pages import Balanced

pytestmark = pytest.mark.slow

#: Tells, as the title of the page around, what goes beyond the window and cannot be moved into it.
MEASURE = """\
<script>
addEventListener("load", () => {
  for (const element of document.querySelectorAll("details")) element.open = true;
  const moves = (element) => element && element !== document.body &&
    (/auto|scroll/.test(getComputedStyle(element).overflowX) || moves(element.parentElement));
  const cut = [...document.querySelectorAll("th, td, p, li, h1, h2, h3, dd, pre, svg")].filter(
    (element) => element.getBoundingClientRect().right > innerWidth + 1 && !moves(element));
  parent.document.title = `${innerWidth}: ${cut.map((element) => element.tagName)}`;
});
</script>
"""

#: Tells, as the title of the page around, on how many lines each part of a point's name stands.
LINES = """\
<script>
addEventListener("load", () => {
  const names = [...document.querySelectorAll(".extremes td a")];
  const parts = names.flatMap((name) => [...name.childNodes].filter((one) => one.nodeType === 3));
  parent.document.title = parts.map((part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return range.getClientRects().length;
  }).join(" ");
});
</script>
"""

#: Where a text stands on a page that escapes nothing.
CONTEXTS = (
    "<p>{}</p>",
    '<p title="{}">x</p>',
    "<p title='{}'>x</p>",
    '<a href="{}">x</a>',
)


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """(Origin on a loopback port, paths that were asked for there)."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - its name is the method's

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    return parser


def test_a_report_of_hostile_texts_is_inert(chromium: str, tmp_path: Path) -> None:
    with listening() as (origin, asked):
        texts, found = payloads(origin), []
        for name, said in (("hostile", texts), ("harmless", words(len(texts)))):
            folder = tmp_path / name
            write_report(run_of(said, folder), ("md", "html"), folder)
            found.append(opened(chromium, without_policy(folder / "report.html"), folder))
            for drawing in sorted((folder / "figures").iterdir()):
                if name == "hostile":
                    assert "OWNED" in opened(chromium, drawing, folder)
    hostile, harmless = map(parsed, found)
    assert asked == []
    assert "<title>OWNED" not in found[0]
    assert (hostile.tags, hostile.drawn) == (harmless.tags, harmless.drawn)
    assert {link.partition(",")[0] for link in hostile.outward} <= {
        "data:image/png;base64",
        "data:text/csv;charset=utf-8",
    }


def control(folder: Path, texts: list[str]) -> Path:
    """Write a page with a frame for each text in each context, as it is."""
    frames = [
        f'<iframe srcdoc="{escape(PROD + context.format(text))}"></iframe>'
        for text in texts
        for context in CONTEXTS
    ]
    page = folder / "control.html"
    page.write_text(f"<!DOCTYPE html><title>control</title>{''.join(frames)}", "utf-8")
    return page


def test_the_same_texts_unescaped_would_be_noticed_one_and_all(
    chromium: str, tmp_path: Path
) -> None:
    with listening() as (origin, asked):
        opened(chromium, control(tmp_path, payloads(origin)[: len(ACTIVE)]), tmp_path)
    assert {f"/{number}" for number in range(len(ACTIVE))} == {path.rstrip("?") for path in asked}


def test_the_policy_alone_lets_nothing_run_or_be_asked(chromium: str, tmp_path: Path) -> None:
    """But for a page that leads to another one: no policy forbids that."""
    with listening() as (origin, asked):
        folder = tmp_path / "report"
        write_report(run_of(words(4), folder), ("html",), folder)
        page = (folder / "report.html").read_text("utf-8")
        texts = [text for text in payloads(origin)[: len(ACTIVE)] if "http-equiv" not in text]
        slipped = page.replace("<main>", f"<main>{''.join(texts)}")
        (folder / "slipped.html").write_text(slipped, "utf-8")
        found = opened(chromium, folder / "slipped.html", tmp_path)
    assert len(re.findall("<(?:script|img|iframe|link|object|video|style)[ >]", found)) > 15
    assert "<title>OWNED" not in found
    assert asked == []


def framed(page: Path, width: int, folder: Path) -> Path:
    """A page that shows another in so many pixels, however wide the browser is."""
    frame = folder / "frame.html"
    inside = escape(page.read_text("utf-8"))
    style = f"border: 0; width: {width}px; height: 900px"
    frame.write_text(f'<!DOCTYPE html><title></title><iframe style="{style}" srcdoc="{inside}">')
    return frame


@pytest.mark.parametrize("width", [420, 900, 1400])
def test_no_column_is_cut_at_any_width(chromium: str, tmp_path: Path, width: int) -> None:
    """P34: at 900 and 420 px columns were cut."""
    write_report(run_of(words(len(payloads(""))), tmp_path), ("html",), tmp_path)
    page = without_policy(tmp_path / "report.html", MEASURE)
    frame = framed(page, width, tmp_path)
    assert f"<title>{width}: </title>" in opened(chromium, frame, tmp_path)


def test_a_points_name_breaks_between_its_values_on_a_phone(chromium: str, tmp_path: Path) -> None:
    """`gamma=0.785398,` stood in two lines, broken within the number."""
    manifest = qbatch.Manifest(
        name="grid",
        circuits={
            "c": "OPENQASM 3.0; include 'stdgates.inc'; input float gamma; input float beta;\n"
            "qubit q; bit b; rx(gamma) q; rx(beta) q; b = measure q;\n"
        },
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        sweep=qbatch.sweep(gamma=[i / 7 for i in range(7)], beta=[i / 7 for i in range(6)]),
        analysis={"observables": {"z": "Z0"}},
        shots=20,
    )
    run = qbatch.run(manifest, out=tmp_path / "run")
    (tmp_path / "report.html").write_text(qbatch.render(run, "html"), "utf-8")
    page = without_policy(tmp_path / "report.html", LINES)
    frame = framed(page, 390, tmp_path)
    lines = re.search("<title>(.*?)</title>", opened(chromium, frame, tmp_path))
    assert lines is not None
    assert lines[1]
    assert set(lines[1].split()) == {"1"}, "lines that each value of a name stands on"


@pytest.mark.parametrize(
    ("zone", "told"),
    [("Asia/Kolkata", "2026-12-01 at 05:00 GMT+5:30"), ("UTC", "2026-11-30 at 23:30 UTC")],
)
def test_instants_are_shown_in_the_zone_of_the_reader(
    chromium: str, tmp_path: Path, zone: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file itself has UTC, for whom no script runs."""
    monkeypatch.setenv("TZ", zone)
    run = run_of(words(len(payloads(""))), tmp_path)
    run.meta = {**run.meta, "created_at": "2026-11-30T23:30:05+00:00"}
    write_report(run, ("html",), tmp_path)
    page = tmp_path / "report.html"
    assert "2026-11-30 at 23:30 UTC</time>" in page.read_text("utf-8")
    assert f">{told}</time>" in opened(chromium, page, tmp_path)


def test_a_long_tables_head_stands_on_each_printed_page(chromium: str, tmp_path: Path) -> None:
    """All pages in the middle begin with the same words; their rows are of other values."""
    manifest = qbatch.Manifest(
        name="long",
        circuits={
            "c": "OPENQASM 3.0; include 'stdgates.inc'; input float x; qubit q; bit b;\n"
            "rx(x) q; b = measure q;\n"
        },
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        sweep=qbatch.sweep(x=[i / 40 for i in range(120)]),
        analysis={"observables": {"z": "Z0"}},
        shots=20,
    )
    run = qbatch.run(manifest, out=tmp_path / "run")
    text = qbatch.render(run, "html").replace("<details><summary>All", "<details open><summary>All")
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(text, "utf-8")
    flags = [each for each in FLAGS if each != "--dump-dom"]
    command = [chromium, *flags, f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run([*command, f"--print-to-pdf={printed}", page.as_uri()], timeout=120, check=True)
    middle = [*texts_of(printed.read_bytes())][3:-2]
    assert len(middle) >= 3
    head = [*takewhile(lambda glyphs: len(set(glyphs)) == 1, zip(*middle, strict=False))]
    assert len(head) >= len("xstatez")


def texts_of(document: bytes) -> Iterator[list[bytes]]:
    """Yield what each page of a PDF shows, glyph by glyph."""
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            shown = zlib.decompress(stream)
        except zlib.error:
            continue
        if glyphs := re.findall(rb"<([0-9A-Fa-f]+)> ?Tj", shown):
            yield glyphs
