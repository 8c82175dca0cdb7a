"""Circuits that earlier versions of qbatch simulated wrongly, told by their text.

Results that were stored by them have no `MARK` among their facts. What is told is what may have
been wrong: angles of controlled gates left at 0 for inputs, logic and order of whole registers,
powers and phases of modified gates, statements taken for annotations.
"""

from __future__ import annotations

import re

#: Among the facts of every result simulated since: of which format the circuit's facts were.
MARK = "reader"

_FAULTS = (
    (re.compile("@"), "gate modifiers and annotations"),
    (
        re.compile(r"\binput\b.*\b(?:cp|cphase|crx|cry|crz|cu)\s*\(", re.DOTALL),
        "controlled rotations by an input",
    ),
    (
        re.compile(r"\b(?:if|while)\s*\([^{};]*(?:!(?!=)|&&|\|\||[<~^&|]|(?<!-)>)"),
        "conditions over several bits",
    ),
)


def doubt(text: str) -> str:
    """Say why a result of a circuit that an earlier version simulated may be wrong; "" if not.

    Args:
        text: Of the circuit.
    """
    faults = ", ".join(what for pattern, what in _FAULTS if pattern.search(text))
    return faults and (
        f"simulated by an earlier version of qbatch, which took {faults} wrongly; drop these "
        "points (qbatch forget) and run them again"
    )
