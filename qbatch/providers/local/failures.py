"""Why a circuit could not be simulated, in words that do not depend on the run.

Rules: Aer numbers its circuits and experiments through the process; such counters are taken out, so
that one cause has one text. A status ("COMPLETED") is never told for a cause.
"""

from __future__ import annotations

import re
from typing import Any

from qbatch.errors import QbatchError

#: Words of a status that name no cause.
_STATUS = frozenset({"", "COMPLETED", "DONE", "ERROR", "PARTIAL COMPLETED"})

#: What runs differ in, and what takes its place.
_COUNTERS = (
    (re.compile(r"\bcircuit-\d+(-\d+)*\b"), "circuit"),
    (re.compile(r"\[Experiment \d+\]\s*"), ""),
    (re.compile(r"^(ERROR:\s*)+"), ""),
    (re.compile(r"\s+"), " "),
)


def failures() -> tuple[type[BaseException], ...]:
    """What a circuit that cannot be simulated raises; Qiskit adds Python's own by accident."""
    from qiskit.exceptions import QiskitError

    return (
        QbatchError,
        QiskitError,
        ArithmeticError,
        TypeError,
        ValueError,
        RuntimeError,
        MemoryError,
    )


def told(error: BaseException) -> str:
    """Say why, without what is only true of this run."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return _without_counters(getattr(error, "message", None) or str(error)) or repr(error)


def told_of(result: Any, index: int) -> str:
    """Say why one experiment of a result of Aer gave nothing.

    >>> from types import SimpleNamespace as Made
    >>> told_of(Made(results=[], status="COMPLETED"), 0)
    'Aer gave no result and no reason'
    >>> told_of(Made(results=[], status="ERROR:  [Experiment 0] Circuit circuit-46 is wrong."), 0)
    'Circuit circuit is wrong.'
    """
    statuses = [result.results[index].status] if index < len(result.results) else []
    for status in (*statuses, result.status):
        if str(status).strip() not in _STATUS:
            return _repeated_once(_without_counters(str(status)))
    return "Aer gave no result and no reason"


def _without_counters(text: str) -> str:
    for pattern, instead in _COUNTERS:
        text = pattern.sub(instead, text)
    return text.strip().strip("'\"").strip()


def _repeated_once(text: str) -> str:
    """Drop sentences that Aer says again for each further experiment."""
    sentences = re.split(r"(?<=method\.)\s*", text)
    return " ".join(dict.fromkeys(each for each in sentences if each))
