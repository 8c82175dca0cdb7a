"""A page of the guide as a terminal shows it: nothing of it is cut off."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

from qbatch.cli.topics import plain


class _WholeTable(TableElement):
    """A table whose long words go on in the next line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for shown in super().__rich_console__(console, options):
            if isinstance(shown, Table):
                for column in shown.columns:
                    column.overflow = "fold"
            yield shown


class GuidePage(Markdown):
    """A page, or a section of one.

    Args:
        text: As it is written, in Markdown.
    """

    elements: ClassVar = {**Markdown.elements, "table_open": _WholeTable}

    def __init__(self, text: str) -> None:
        super().__init__(plain(text))
