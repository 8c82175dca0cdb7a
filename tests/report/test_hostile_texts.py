"""Texts that others wrote stay texts in Markdown and in drawings, as they do in HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from qbatch.notation import visible
from qbatch.report import render, write_report
from qbatch.report.markdown import cell, code, fenced, table
from tests.report.hostile import payloads, run_of, words
from tests.report.test_pages import parsed

TEXTS = payloads("http://127.0.0.1:9")

#: A column ends at a pipe that no backslash stands before, or an even number of them.
END_OF_COLUMN = re.compile(r"(?<!\\)(?:\\\\)*\|")

#: A block of code.
FENCED = re.compile(r"(?ms)^(`{3,})\w+$.*?^\1$")

#: What no page holds: it would move a terminal's cursor, or turn the text that follows it.
MOVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A hostile run's report, and that of its harmless twin."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("hostile", "harmless")}
    for folder, texts in zip(folders.values(), (TEXTS, words(len(TEXTS))), strict=True):
        write_report(run_of(texts, folder), ("md", "html"), folder)
    return folders


def blocks(path: Path) -> Iterator[tuple[str, str, int, str]]:
    """What a Markdown reader makes of a page, without the texts."""
    for token in reader().parse(path.read_text("utf-8")):
        yield token.type, token.tag, token.level, token.content if "html" in token.type else ""


def inside(path: Path) -> Counter[str]:
    """Kinds of what stands inside of lines."""
    tokens = reader().parse(path.read_text("utf-8"))
    return Counter(child.type for token in tokens for child in token.children or ())


def reader() -> Any:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.slow
def test_no_text_makes_a_block_or_a_row_of_markdown(pages: dict[str, Path]) -> None:
    hostile, harmless = (list(blocks(folder / "report.md")) for folder in pages.values())
    assert hostile == harmless


@pytest.mark.slow
def test_no_text_makes_markup_or_a_link_of_markdown(pages: dict[str, Path]) -> None:
    hostile, harmless = (inside(folder / "report.md") for folder in pages.values())
    assert hostile["html_inline"] == hostile["link_open"] == 0
    assert hostile["image"] == harmless["image"] == 4
    assert hostile["code_inline"] == harmless["code_inline"]


@pytest.mark.slow
def test_every_row_of_a_markdown_table_has_the_columns_of_its_head(pages: dict[str, Path]) -> None:
    text = (pages["hostile"] / "report.md").read_text("utf-8")
    tables = re.findall(r"(?m)(?:^\|.*\n)+", FENCED.sub("", text))
    assert len(tables) == 7
    for found in tables:
        rows = found.rstrip("\n").split("\n")
        assert len({len(END_OF_COLUMN.findall(row)) for row in rows}) == 1


CLAIMS = ("zz <= -0.9", "abs(zz) < 1", "p00 != 0.5", "a & b &lt; c &amp;", "|zz| <= 1", r"\| \\| |")


def spans(text: str) -> list[str]:
    tokens = reader().parse(text)
    kinds = [child for token in tokens for child in token.children or ()]
    return [child.content for child in kinds if child.type == "code_inline"]


@pytest.mark.parametrize("text", [*CLAIMS, *TEXTS])
def test_a_span_of_code_shows_what_was_written(text: str) -> None:
    """P14: report.md printed `zz &lt;= -0.9`, an entity inside a span of code."""
    written = " ".join(visible(text).split())
    assert spans(f"- ✘ fail: {code(written)} at x") == [written]
    row = "\n".join(table(["verdict", "claim"], [["a", code(written, in_table=True)]]))
    (shown,) = spans(row)
    assert shown.replace(r"\ |", r"\|") == written


@pytest.mark.parametrize("text", ["&lt;b&gt; &amp; &#60; &unknown AT&T", *CLAIMS[:-1]])
def test_a_text_reads_as_it_was_written(text: str) -> None:
    (paragraph,) = (t for t in reader().parse(cell(text)) if t.type == "inline")
    assert "".join(child.content for child in paragraph.children or ()) == text


@pytest.mark.parametrize("claim", ["zz <= -0.9", "0.1 < p00 < 0.9"])
def test_a_claim_stands_in_both_lists_as_the_manifest_has_it(
    bell: Any, make_run: Any, bell_manifest: str, claim: str
) -> None:
    text = bell_manifest.replace("zz >= 0.8", f'"{claim}"')
    assert spans(render(make_run(text, bell.points), "md")).count(claim) >= 2


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_no_page_holds_what_moves_a_cursor_or_turns_text(pages: dict[str, Path], name: str) -> None:
    text = (pages["hostile"] / name).read_text("utf-8")
    assert "OWNED" in text
    assert MOVING.search(text) is None


def test_no_text_makes_an_element_of_html(pages: dict[str, Path]) -> None:
    hostile, harmless = (
        parsed((folder / "report.html").read_text("utf-8")) for folder in pages.values()
    )
    assert (hostile.tags, hostile.drawn) == (harmless.tags, harmless.drawn)
    kinds = {link.partition(",")[0] for link in hostile.outward}
    assert kinds == {"data:image/png;base64", "data:text/csv;charset=utf-8"}


def test_drawings_of_hostile_words_are_well_formed_and_name_nothing_outside(
    pages: dict[str, Path],
) -> None:
    drawings = sorted((pages["hostile"] / "figures").iterdir())
    assert len(drawings) == 4
    for drawing in drawings:
        for element in ElementTree.parse(drawing).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "a")
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                assert not name.endswith("href") or value.startswith(("#", "data:image/png;"))


def test_a_long_word_leaves_a_drawing_its_room(pages: dict[str, Path]) -> None:
    text = (pages["hostile"] / "figures" / "figure-1-zz-over-mode.svg").read_text("utf-8")
    labels = re.findall(r"(?s)<text [^>]*>(.*?)</text>", text)
    assert "w" * 23 + "…" in labels
    assert max(map(len, map(unescape, labels))) <= 24


def test_a_fence_is_longer_than_any_inside() -> None:
    assert list(fenced("sh", "a ```` b")) == ["`````sh", "a ```` b", "`````"]


def test_the_command_and_the_folder_stay_inside_their_marks(tmp_path: Path) -> None:
    run = run_of(words(9), tmp_path)
    run.folder = Path("runs/a`<b>`\n\n```\n<script>")
    tokens = reader().parse(render(run, "md"))
    blocks = [token.content for token in tokens if token.type == "html_block"]
    inside = [child.type for token in tokens for child in token.children or ()]
    opened = [
        f"<details><summary>{what}</summary>\n"
        for what in ("Settings and facts", "Circuits", "Manifest")
    ]
    assert blocks == [tag for begin in opened for tag in (begin, "</details>\n")]
    assert "html_inline" not in inside
