"""The guide in the terminal: its pages and their sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

from qbatch.frozen import dataclass

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)\s]*\)")
_MARK = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
_ROW = re.compile(r"^\| (.*) \| (.*) \|$", re.MULTILINE)
_PAGE = re.compile(r"\]\(([\w-]+)\.md\)")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page, with what stands below it.

    Attributes:
        page: Its page.
        title: The heading.
        text: In Markdown, the heading included; sections within it, too.
    """

    page: str
    title: str
    text: str


def pages() -> dict[str, str]:
    """Return the topics and what each is about, in the order of the guide's index."""
    found = {}
    for cells, about in _ROW.findall(page_text("index")):
        for page in _PAGE.findall(cells):
            found[page] = plain(about)
    return found


def page_text(name: str) -> str:
    """Return a page in Markdown, without the marks by which it is checked."""
    page = resources.files("qbatch").joinpath("guide", f"{name}.md")
    return _MARK.sub("", page.read_text("utf-8"))


def plain(text: str) -> str:
    """Return Markdown with links as the words that they stand under."""
    return _LINK.sub(r"\1", text)


def sections() -> Iterator[Section]:
    """Yield every section of the guide below the pages' own headings."""
    for page in pages():
        lines = page_text(page).splitlines()
        fenced, heads = False, []
        for number, line in enumerate(lines):
            fenced ^= line.startswith("```")
            if not fenced and re.match(r"##+ ", line):
                heads.append((number, line))
        for at, (number, line) in enumerate(heads):
            depth = len(line) - len(line.lstrip("#"))
            later = (n for n, other in heads[at + 1 :] if _depth(other) <= depth)
            text = "\n".join(lines[number : next(later, len(lines))])
            yield Section(page, plain(line.lstrip("# ")), text)


def _depth(heading: str) -> int:
    return len(heading) - len(heading.lstrip("#"))


def sections_about(words: str) -> list[Section]:
    """Return the sections whose heading holds all words; the one that is just that, alone."""
    wanted = words.lower().replace("-", " ").split()
    found = [
        each
        for each in sections()
        if all(word in each.title.lower().replace("-", " ") for word in wanted)
    ]
    exact = [each for each in found if each.title.lower().replace("-", " ").split() == wanted]
    return exact or found
