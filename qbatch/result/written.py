"""Sums of Paulis as `pauli.write_sum` writes them, read at once: ``+ 0.5 X0 Y1 - 2.0 Z3``.

Sums of files and functions stand so, with up to 100,000 terms; what a person writes has brackets,
registers and products, and is read by `expression.SumReader`. Rule: what is read here is what that
reader would read; all else is left to it, mistakes too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from qbatch.result.notation import NotationError

#: A product of Paulis: (classical bit, "X", "Y" or "Z"), bits ascending; () is the identity.
Term = tuple[tuple[int, str], ...]

MOST_TERMS = 100_000

_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"
_PAULIS = r"(?: [XYZ]\d{1,9})*"
_TERM = re.compile(rf"([+-]) ({_NUMBER})({_PAULIS})(?: |$)")
_ONLY = re.compile(r"[+-] [\d.e+\-XYZ ]+")


def is_written(text: str) -> bool:
    """Tell whether a text has no signs but those of sums that are written so."""
    return _ONLY.fullmatch(text) is not None


def read_written(text: str) -> Mapping[Term, float] | None:
    """Read a sum, whatever bits there are.

    Returns:
        Product -> coefficient, never 0; None where it is not written so, or where a product stands
        twice.

    Raises:
        NotationError: There are more than `MOST_TERMS` terms.
    """
    if text[:2] not in ("+ ", "- "):
        return None
    found: dict[Term, float] = {}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            return None
        sign, number, paulis = match.groups()
        term = tuple((int(word[1:]), word[0]) for word in paulis.split())
        bits = [bit for bit, _ in term]
        coefficient = float(number)
        if not _are_ascending(bits) or term in found or not coefficient:
            return None
        if len(found) == MOST_TERMS:
            problem = f"more than {MOST_TERMS:,} terms are too many"
            raise NotationError(f"{problem}; leave out those that weigh least")
        found[term] = coefficient if sign == "+" else -coefficient
        at = match.end()
    return found if found and math.isfinite(2 * sum(map(abs, found.values()))) else None


def _are_ascending(bits: Sequence[int]) -> bool:
    return all(first < second for first, second in pairwise(bits))
