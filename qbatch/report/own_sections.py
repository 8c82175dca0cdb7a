"""Sections that installed packages put into reports, where a manifest names them.

Rule: what a package gives is text, shown as text: it makes no markup, and one that fails takes
nothing else of the report with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from qbatch.circuit.installed import load_installed
from qbatch.errors import CircuitError, Place
from qbatch.frozen import dataclass
from qbatch.manifest.sections import GROUP
from qbatch.report.rows import Run


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a report, of a package's own.

    Attributes:
        title: Its heading.
        text: Paragraphs, parted by empty lines.
        head: Of a table's columns.
        rows: Of the table, a text for each column; () for none.
    """

    title: str
    text: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

    @property
    def paragraphs(self) -> list[str]:
        """Each on one line."""
        return [" ".join(each.split()) for each in self.text.split("\n\n") if each.strip()]


def own_sections(run: Run) -> list[Section]:
    """Make the sections that a run's manifest names, in its order."""
    return [_made(name, run) for name in run.manifest.report.sections]


def _made(name: str, run: Run) -> Section:
    try:
        found = load_installed(GROUP, name, "report section", Place(name)).call(run)
    except CircuitError as error:
        return Section(name, f"This section was not made: {error}")
    if not isinstance(found, Section):
        kind = type(found).__name__
        return Section(name, f"This section was not made: it is a {kind}, not a qbatch.Section.")
    try:
        head = tuple(map(str, found.head))
        rows = [tuple(map(str, row)) for row in found.rows]
    # whatever a package's own rows raise as they are read is the package's, never ours
    except Exception as error:
        said = f"its table cannot be read: {type(error).__name__}: {error}"
        return Section(name, f"This section was not made: {said}"[:500])
    if any(len(row) != len(head) for row in rows):
        return Section(name, "This section was not made: a row has not one text for each column.")
    return Section(str(found.title), str(found.text), head, rows)
