"""How errors are told: place, value and remedy with the line and a caret, and never a traceback.

`QBATCH_DEBUG=1` adds tracebacks. What qbatch did not raise on purpose is its own bug: exit code 70,
and how to report it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import click

from qbatch.cli.failures import failure, is_for_want_of_room, message_of, mistakes_in
from qbatch.cli.tables import tell, width_of
from qbatch.instants import told_within

if TYPE_CHECKING:
    from qbatch.errors import SourceError


#: Characters shown of a line that has a mistake: in any window, and in a wide one.
LEAST_SHOWN, MOST_SHOWN = 40, 100

#: Verbs that end with a report.
WRITE_REPORTS = frozenset({"run", "retry", "fetch", "cancel", "report"})


class ErrorMessages:
    """A context that tells any error and keeps the exit code it leads to.

    Args:
        as_json: Write it to stdout as JSON, too.
        verb: That was typed.
    """

    def __init__(self, *, as_json: bool = False, verb: str = "") -> None:
        self.exit_code = 0
        self._as_json = as_json
        self._verb = verb

    def __enter__(self) -> ErrorMessages:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            return True
        from qbatch.cli.exits import code_of

        try:
            self.exit_code = _tell(error, self._verb, as_json=self._as_json)
        except OSError:  # nobody listens any more
            own = getattr(error, "exit_code", None)
            self.exit_code = own if isinstance(own, int) else code_of(error)
            _drop_closed_streams()
        return True


def _tell(error: BaseException, verb: str, *, as_json: bool) -> int:
    """Tell an error, and return its exit code."""
    from qbatch.cli.error_topics import topic_of
    from qbatch.cli.exits import Exit

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):  # click, after answering a shell that completes
        return error.code if isinstance(error.code, int) else Exit.INTERNAL
    if isinstance(error, BrokenPipeError):  # the reader has seen enough
        _drop_closed_streams()
        return Exit.DONE
    code = _tell_person(error, verb)
    topic = topic_of(error)
    if topic:
        tell(click.style(f"more: qbatch help {topic}", dim=True))
    if as_json:
        click.echo(failure(error, code, topic))
    return code


def _tell_person(error: BaseException, verb: str) -> int:
    """Say what is wrong, and return the exit code."""
    from qbatch.cli.exits import Exit, code_of
    from qbatch.errors import QbatchError, SourceError, SourceErrors

    if isinstance(error, click.Abort | KeyboardInterrupt):
        tell("interrupted")
        return Exit.INTERRUPTED
    if os.environ.get("QBATCH_DEBUG") == "1":
        sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, click.ClickException):
        said = io.StringIO()
        error.show(said)
        tell(said.getvalue().removesuffix("\n"))
        return error.exit_code
    if isinstance(error, (SourceErrors, SourceError)):
        _tell_mistakes(mistakes_in(error), verb)
    elif isinstance(error, QbatchError) or is_for_want_of_room(error):
        tell(f"{click.style('qbatch:', fg='red')} {told_within(message_of(error))}")
        if remedy := getattr(error, "remedy", ""):
            tell(remedy)
    else:
        _tell_bug(error)
    return Exit.PENDING if is_for_want_of_room(error) else code_of(error)


def _tell_mistakes(mistakes: Sequence[SourceError], verb: str) -> None:
    """Tell every mistake, each with its line, and how many there are."""
    for mistake in mistakes:
        tell(describe(mistake))
    from qbatch.errors import ReportError

    number = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    is_late = any(isinstance(mistake, ReportError) for mistake in mistakes)
    again = "`qbatch report`" if verb in WRITE_REPORTS else "the same command again"
    end = f"the results are kept: mend it, then {again}" if is_late else "nothing was run"
    tell(f"{number}; {end}")


def describe(error: SourceError) -> str:
    """``file:line:column: problem``, the line itself, and a caret below the column."""
    place = click.style(f"{error.place}:", bold=True)
    lines = [f"{place} {told_within(error.problem)}"]
    if error.excerpt and error.place.line is not None:
        gutter = f"{error.place.line:>6} | "
        room = max(LEAST_SHOWN, (width_of(sys.stderr) or MOST_SHOWN) - len(gutter) - len("……"))
        text, caret = _fit(error.excerpt.rstrip("\r\n"), error.place.column, min(room, MOST_SHOWN))
        lines.append(gutter + text)
        if caret is not None:
            lines.append(" " * (len(gutter) - 2) + "| " + " " * caret + click.style("^", fg="red"))
    return "\n".join(lines)


def _fit(line: str, column: int | None, width: int) -> tuple[str, int | None]:
    """Cut a long line to a window around the column; the caret's offset in it, 0-based."""
    line = "".join(char if char.isprintable() else " " for char in line)
    caret = None if column is None or column > len(line) + 1 else column - 1
    start = 0 if caret is None or caret < width - min(20, width // 4) else caret - width // 2
    text = ("…" if start else "") + line[start : start + width]
    text += "…" if len(line) > start + width else ""
    return text, None if caret is None else caret - start + bool(start)


def _tell_bug(error: BaseException) -> None:
    from qbatch import __version__

    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (
        f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "nowhere"
    )
    tell(
        f"{click.style('qbatch: internal error:', fg='red')} {type(error).__name__}: {error}\n"
        f"  at {where} (qbatch {__version__}, Python {sys.version.split()[0]})\n"
        "  This is a bug in qbatch, not in your manifest. Run the same command again with\n"
        "  QBATCH_DEBUG=1 and report what it prints. What was finished is saved: `qbatch run`\n"
        "  goes on from there."
    )


def _drop_closed_streams() -> None:
    """Point closed standard streams at nothing, so that Python's last flush cannot fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nothing, stream.fileno())
