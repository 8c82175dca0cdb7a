"""What `check` and `diff` have judged, for a CI service: a case each, as JUnit or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.cli.files import named_by_person, write_text
from qbatch.cli.tables import tell
from qbatch.frozen import dataclass
from qbatch.notation import visible

if TYPE_CHECKING:
    from qbatch.difference import Difference

#: A comparison's word -> the verdict of a check.
_VERDICTS = {"changed": "fail", "undecided": "undecided", "same": "pass"}

#: Verdict -> JUnit's element for it.
_ELEMENTS = {"fail": "failure", "undecided": "skipped"}

#: Lines told of a case in a summary.
MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was judged.

    Attributes:
        name: What is claimed.
        verdict: pass, fail or undecided.
        summary: How it came out, in a line.
        lines: Of points, the worst first.
    """

    name: str
    verdict: str
    summary: str
    lines: Sequence[str] = ()


def cases_of(found: Difference) -> Iterator[Case]:
    """Yield a case for each number that was compared: that it is the same."""
    from qbatch.difference.telling import sentence, summed_up

    for number, changes in found.numbers.items():
        word, told, notable = summed_up(changes)
        lines = [sentence(one, found.name) for one in notable]
        yield Case(f"same {number}", _VERDICTS[word.value], told, lines)


def write_cases(name: str, cases: Iterable[Case], junit: Path | None, summary: Path | None) -> None:
    """Write what was judged into the files that the person named.

    Args:
        name: Of the run, or of what was compared.
        cases: In order.
        junit: Replaced whole; None: none.
        summary: Written at its end, for steps of a CI job share one; None: none.

    Raises:
        SelectionError: One cannot be written.
    """
    judged = list(cases)
    if junit is not None:
        write_text(junit, _junit(name, judged))
    if summary is not None:
        with named_by_person():
            _append(summary, "\n".join(_markdown(name, judged)) + "\n")
        tell(f"wrote {summary}")


def _append(path: Path, text: str) -> None:
    """Write at the end of a file.

    Raises:
        UnwritableError: It cannot be written.
    """
    from qbatch.report.files import unwritable

    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise unwritable(path, error) from error


def _junit(name: str, cases: Sequence[Case]) -> str:
    from xml.etree import ElementTree

    name, verdicts = visible(name), [case.verdict for case in cases]
    counts = {"tests": len(cases), "failures": verdicts.count("fail")}
    counts["skipped"] = verdicts.count("undecided")
    suite = ElementTree.Element("testsuite", name=name)
    for key, number in counts.items():
        suite.set(key, str(number))
    for case in cases:
        facts = {"classname": name, "name": visible(case.name)}
        written = ElementTree.SubElement(suite, "testcase", facts)
        if element := _ELEMENTS.get(case.verdict):
            message = f"{case.verdict}: {case.summary}"
            told = ElementTree.SubElement(written, element, message=visible(message))
            told.text = "\n".join(map(visible, case.lines))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _markdown(name: str, cases: Sequence[Case]) -> Iterator[str]:
    from qbatch.report.markdown import VERDICTS, cell, code, line, table
    from qbatch.result import Verdict

    yield from (f"### {cell(visible(name))}", "")
    if not cases:
        yield from ("Nothing was judged.", "")
        return
    rows = [
        (
            VERDICTS[Verdict(case.verdict)],
            code(visible(case.name), in_table=True),
            cell(visible(case.summary)),
        )
        for case in cases
    ]
    yield from (*table(("verdict", "claim", "points"), rows), "")
    for case in cases:
        if case.verdict != "pass" and case.lines:
            shown = [visible(each) for each in case.lines[:MOST_LINES]]
            if len(case.lines) > MOST_LINES:
                shown.append(f"and {len(case.lines) - MOST_LINES} more")
            yield from (f"{code(visible(case.name))}:", "", *(f"- {line(e)}" for e in shown), "")
