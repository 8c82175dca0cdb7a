"""How far a run is, shown in a notebook's cell while it goes on.

Rules: one display of the cell is changed in place, which needs no widgets; a front end without HTML
shows its text. Nothing is shown outside of a notebook, and no package is loaded for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from qbatch.executor.events import Event, Finished, Observer, Progress, Started, Waiting, Warned
from qbatch.executor.waits import OpenWait
from qbatch.fragments import line, note, table
from qbatch.notation import amount, duration, whole
from qbatch.report.numbers import count_of

#: Seconds between two changes.
PAUSE_S = 0.25

#: Warnings shown; the first ones.
MOST_WARNINGS = 20

#: Shows (HTML, text) in place of what was shown before.
Show = Callable[[str, str], None]


def in_notebook() -> Observer | None:
    """Return an observer that shows a run in the cell that is executed; None outside of one."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return Shown(_display(), time.monotonic)


def _display() -> Show:
    """Make a display in the cell; it is changed from whatever thread."""
    from IPython.display import display

    def bundle(html: str, text: str) -> dict[str, Any]:
        return {"text/html": html, "text/plain": text}

    handle: Any = display(bundle("", ""), raw=True, display_id=True)
    context = copy_context()  # by which the kernel knows the cell
    return lambda html, text: context.run(handle.update, bundle(html, text), raw=True)


class Shown:
    """An observer that shows how far a run is.

    Args:
        show: Shows it.
        now: The time in seconds.
    """

    def __init__(self, show: Show, now: Callable[[], float]) -> None:
        self._show = show
        self._now = now
        self._shown_at = -PAUSE_S
        self._name = ""
        self._words = "begins"
        self._progress: Progress | None = None
        self._waits: dict[str, tuple[OpenWait, ...]] = {}
        self._warnings: list[str] = []

    def __call__(self, event: Event) -> None:
        """Take in an event; show it, if it is time."""
        match event:
            case Started(name=name, total=total, unit=unit, kept=kept):
                self._name = name
                self._words = f"0 of {count_of(total, unit)}"
                self._words += f", {whole(kept)} done before" if kept else ""
            case Progress():
                self._progress = event
                self._words = f"{whole(event.done)} of {whole(event.total)}"
            case Waiting(backend=backend, waits=waits):
                self._waits[backend] = waits
            case Warned(text=text):
                self._warnings.append(text)
            case Finished(summary=summary):
                states = [f"{whole(number)} {state}" for state, number in summary.states.items()]
                took = f"in {duration(summary.elapsed_s)}" if summary.elapsed_s else ""
                self._words = ", ".join(filter(None, [*states, took, summary.stopped]))
                self._waits.clear()
                self._tell()
                return
            case _:
                return
        if self._now() - self._shown_at >= PAUSE_S:
            self._tell()

    def _tell(self) -> None:
        self._shown_at = self._now()
        name = self._name or "qbatch"
        waits = [
            f"{backend}: waits for {waits[0].cause.awaited}"
            + (f": {waits[0].why}" if waits[0].why else "")
            for backend, waits in self._waits.items()
            if waits
        ]
        told = [*waits, *self._warnings[:MOST_WARNINGS]]
        text = "\n".join([f"{name}: {self._words}", *told])
        html = line(name, self._words) + self._bar() + self._table() + "".join(map(note, told))
        self._show(html, text)

    def _bar(self) -> str:
        found = self._progress
        if found is None or not found.total:
            return ""
        return f'<progress value="{found.done}" max="{found.total}"></progress>'

    def _table(self) -> str:
        backends = self._progress.backends if self._progress else {}
        rows = [
            (
                name,
                f"{whole(each.completed)} of {whole(each.total)}",
                whole(each.in_flight),
                whole(each.failed + each.cancelled + each.held),
                amount(each.spent, each.unit) if each.unit else "",
            )
            for name, each in backends.items()
            if each.total  # else nothing is to be run there
        ]
        head = ("backend", "completed", "in flight", "failed, cancelled or held", "spent")
        return table(head, rows) if rows else ""
