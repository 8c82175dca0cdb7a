"""How patterns of outcomes are written, and what is said of what is none.

Rule: what a pattern is of (registers, their sizes) is known only with the circuits; here stands
what no circuit could make right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qbatch.manifest.fields import Mistakes, wrong
from qbatch.notation import did_you_mean

_NAMED = (
    r"(?:[^\W\d]\w*\s*=\s*[01*]+"
    r"|(?:weight|parity)\s*\(\s*[^\W\d]\w*\s*\)\s*(?:[<>]=?|==?)\s*\d{1,9})"
)
_ONE = rf"\s*(?:[01*][01* ]*|{_NAMED}\s*(?:,\s*{_NAMED}\s*)*)"
_PATTERN = re.compile(rf"{_ONE}(?:\|{_ONE})*")
_HOW = 'write 0, 1 and *, as in "1*0", or registers by name, as in "all=0"'
_COUNTED = {
    "weight": 'write how many bits are 1 as a whole number, as in "weight(all)>=1"',
    "parity": 'write "parity(all)=0" for an even number of ones, "parity(all)=1" for an odd one',
}


def _weight_of(found: re.Match[str]) -> str:
    return f"weight({found[1] or 'all'})"


#: What stands for something in patterns elsewhere -> how it is written here.
_ELSEWHERE = (
    (r"[\"']", ""),
    (r"\bP\s*\(((?:[^()]|\([^()]*\))*)\)", r"\1"),
    (r"\|\s*([01]+)\s*[>\u27e9]", r"\1"),
    (r"\ball\s+(?:0s?|zeros?|zeroes)\b", "all=0"),
    (r"\ball\s+(?:1s?|ones?)\b", "all=1"),
    (r"\s*(?:(?<![<>])=>|≥)\s*", ">="),
    (r"\s*(?:=<|≤)\s*", "<="),
    (r"\s*(?:==|:)\s*", "="),
    (r"\s+and\s+|\s*;\s*|\s*&+\s*", ", "),
    (r"\s+or\s+|\s*\|\|\s*|\s*\u222a\s*", " | "),
    (r"\b(\w+)\s*\.\s*(weight|parity)\b", r"\2(\1)"),
    (r"\b(weight|parity)\s*(?:\(\s*\))?\s*(?=[<>=])", r"\1(all)"),
    (r"\b(?:hamming[ _]?weight|hw|ones)\s*(?:\(\s*(\w*)\s*\))?\s*(?=[<>=])", _weight_of),
    (r"\s*\+\s*", " | "),
    (r"\beven\b", "0"),
    (r"\bodd\b", "1"),
)
_INDEXED = re.compile(r"\s*([^\W\d]\w*)\s*\[\s*\d+\s*\]\s*(?:==?|:)\s*\W?[01]")
_CALLED = re.compile(r"\s*([^\W\d]\w*)\s*\(")


def by_registers(patterns: Any) -> Any:
    """Return patterns as texts; those by register as the text that says the same."""
    if not isinstance(patterns, Mapping):
        return patterns
    mistakes = Mistakes()
    found = {}
    for name, pattern in patterns.items():
        if not isinstance(pattern, Mapping):
            found[name] = pattern
            continue
        for register, letters in pattern.items():
            if not isinstance(letters, str) or not letters:
                said = 'is no pattern of a register; write 0, 1 and * in quotes, as in "0*"'
                mistakes.add((name, register), wrong(said))
        found[name] = ", ".join(f"{register}={letters}" for register, letters in pattern.items())
    mistakes.raise_any()
    return found


def mistake_in(pattern: str) -> str:
    """Say what is wrong with a pattern, as it follows the pattern; "" where nothing is."""
    if _PATTERN.fullmatch(pattern) is not None:
        return ""
    if meant := _meant(pattern):
        return f"is no pattern; {_HOW}{meant}"
    part = _wrong_part(pattern)
    if not part:
        mark = "," if re.search(r"(?:^|[|,])\s*,|,\s*(?:[|,]|$)", pattern) else "|"
        return f"is no pattern: one is missing beside {mark}; write it, or leave the {mark} out"
    meant = "" if _PATTERN.fullmatch(part) else _meant(part)
    where = "is no pattern" if part == pattern.strip() else f"is no pattern: {part!r} is none"
    return f"{where}; {_how(part)}{meant}"


def _wrong_part(pattern: str) -> str:
    """Return the first part of what | and commas join that is wrong; "" where one is missing."""
    for one in pattern.split("|"):
        if re.fullmatch(_ONE, one) is not None:
            continue
        parts = [part.strip() for part in one.split(",")]
        return next((part for part in parts if re.fullmatch(_NAMED, part) is None), one.strip())
    return pattern.strip()


def _how(part: str) -> str:
    """Say how a part is written that is wrong."""
    found = _CALLED.match(part)
    if found is not None and found[1] not in _COUNTED:
        name = found[1]
        return f"{name!r} is neither weight nor parity{did_you_mean(name, _COUNTED)}"
    if re.fullmatch(r"[01* ]+", part) is not None:
        letters = part.replace(" ", "")
        return f'letters of all bits stand alone or beside |; beside a comma write "all={letters}"'
    word = re.match(r"weight\b|parity\b", part)
    return _HOW if word is None else _COUNTED[word[0]]


def _meant(pattern: str) -> str:
    """Say how what is no pattern is probably written; "" where nobody knows."""
    if found := _INDEXED.match(pattern):
        register = found[1]
        return f'; a bit is told by its place in its register, as in "{register}=*1" for bit 0'
    text = pattern
    for written, here in _ELSEWHERE:
        text = re.sub(written, here, text)
    if re.fullmatch(r"[01* xX?.]+", text):
        text = re.sub(r"[xX?.]", "*", text)
    return f'; did you mean "{text}"?' if _PATTERN.fullmatch(text) else ""
