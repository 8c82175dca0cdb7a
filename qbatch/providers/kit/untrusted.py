"""Values that others sent: JSON decoded within bounds, and read without trust in its shape.

Rules: whatever comes, a reader here returns what it promises, or None, or "" for what is not there,
and never fails by the type of what it was given. What may be shown or kept is printable, bounded,
and without the signatures of presigned URLs. Numbers are finite.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from qbatch.errors import Misspoke
from qbatch.notation import UNSHOWN

#: Objects and lists within each other; deeper ones exhaust whoever walks through them later.
MOST_DEPTH = 100

#: Texts, lists and maps that an answer may hold, beside one for each byte that came: a bomb's would
#: take fifty times its bytes.
FREE_VALUES = 100_000

#: Of a cloud's own words, characters.
MOST_WORDS = 2_000

#: Of a status, an identifier or another single word, characters.
MOST_WORD = 200

#: Names told where a wrong one was given.
MOST_NAMES = 20

#: A text that a terminal, a database or a page cannot be given as it is.
_UNFIT = re.compile(f"[{UNSHOWN}\r]")

#: How such text is written in JSON; what need not be escaped is looked for by `_UNFIT` itself.
_UNFIT_ESCAPED = re.compile(
    r"\\(?:u00[0189]|u007[fF]|u[dD][89a-fA-F]|u061[cC]|u200[eEfF]|u202[89a-eA-E]|u206[6-9]|[bfr])"
)

#: A URL with its query, where signatures are, also as JSON may write it.
_QUERY = re.compile(r"""(https?:\\?/\\?/[^\s"'<>?]*)\?(?:\\u[0-9a-fA-F]{4}|\\/|[^\s"'<>\\])+""")

#: A part of a signature that stands alone.
_SIGNATURE = re.compile(r"""(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"'<>\\]+""")

#: A printable word that may stand in a path of a URL.
_IDENTIFIER = re.compile(rf"(?!\.\.?$)[!-~]{{1,{MOST_WORD}}}")
_NOT_IN_PATHS = frozenset('/?#%\\"<>')


def decode(text: str | bytes, *, most: int | None = None) -> Any:
    """Decode JSON; what cannot be shown in it becomes U+FFFD.

    Args:
        text: JSON.
        most: Texts, lists and maps in it; None: any number.

    Raises:
        ValueError: It is not JSON (NaN and infinities are not), holds a number no float can hold,
            is nested too deep, or holds more than `most`.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    held = text.count('"') // 2 + text.count("[") + text.count("{")
    if most is not None and held > most:
        raise ValueError(f"more than {most} texts, lists and maps")
    if _is_deep(text):
        raise ValueError(f"nested more than {MOST_DEPTH} levels deep")
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    return _fit(value) if _has_unfit(text) else value


def _is_deep(text: str) -> bool:
    """Whether it is nested too deep, found by taking away the innermost pairs again and again."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return False
    rest = re.sub(r'[^][{}"]+', "", re.sub(r'"[^"\\]*(?:\\.[^"\\]*)*"', "", text, flags=re.DOTALL))
    for _ in range(MOST_DEPTH):
        rest = rest.replace("[]", "").replace("{}", "")
    return bool(rest)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.20} is more than a number can be")
    return value


def _has_unfit(text: str) -> bool:
    if "\\" in text and _UNFIT_ESCAPED.search(text):
        return True
    return (not text.isascii() or "\x7f" in text) and _UNFIT.search(text) is not None


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, dict):
        return {fit(key): _fit(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_fit(one) for one in value]
    return value


def fit(text: str) -> str:
    r"""Return text that a terminal, a database and a page can be given.

    >>> fit("\x1b[31mred\r\n")
    '�[31mred\n'
    """
    return _UNFIT.sub("\ufffd", text.replace("\r\n", "\n"))


def redact(text: str) -> str:
    """Return text without the queries of URLs, and so without their signatures.

    >>> redact("cannot read https://store.example/a.json?X-Amz-Signature=5e1f today")
    'cannot read https://store.example/a.json?… today'
    """
    if "?" in text:
        text = _QUERY.sub(r"\1?…", text)
    return _SIGNATURE.sub(r"\1…", text) if "=" in text else text


def redacted(value: Any) -> Any:
    """Return JSON without the queries of any URLs in it: signatures stand there."""
    if isinstance(value, dict):
        return {key: redacted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [redacted(one) for one in value]
    return redact(value) if isinstance(value, str) else value


def said(value: Any, most: int = MOST_WORDS) -> str:
    """Return a cloud's own words, fit to be shown and kept; "" where there are none.

    Several of them, in a list, are joined.
    """
    if isinstance(value, list):
        value = "; ".join(filter(None, (said(one, most) for one in value[:20])))
    if value is None or value == "" or isinstance(value, bool):
        return ""
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    text = redact(fit(value[: 4 * most])).strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def word(value: Any) -> str:
    """Return a status or another single word as it was said; "" for what is none."""
    return said(value, MOST_WORD) if isinstance(value, str) else ""


def is_word(value: Any) -> bool:
    """Whether it is one word or several, that can be shown and kept as it is."""
    return bool(value) and word(value) == value


def identifier(value: Any) -> str | None:
    """Return an id that can be asked for: a printable word of one part of a path; else None."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        return None
    return None if _NOT_IN_PATHS & set(value) else value


def needed_id(row: Mapping[str, Any], cloud: str, what: str = "an answer") -> str:
    """Return the ``id`` of a record, without which nothing can be done with it.

    Args:
        row: As a cloud sent it.
        cloud: Its provider's name.
        what: The record is.

    Raises:
        Misspoke: It has none.
    """
    value = identifier(row.get("id"))
    if value is None:
        raise Misspoke(f"{cloud}: {what} without an id: {said(dict(row), 200)}")
    return value


def number(value: Any) -> float | None:
    """Return a JSON number, or text that is one, as a float; None for anything else.

    -0.0 is 0.0: SQLite keeps no other zero, and the row's check value would not match.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found + 0.0 if math.isfinite(found) else None


def amount(value: Any) -> float | None:
    """Return a JSON number that may be a price or a time: 0 or more; None for anything else."""
    found = None if isinstance(value, str) else number(value)
    return found if found is not None and found >= 0 else None


def whole(value: Any) -> int | None:
    """Return a whole JSON number of 1 or more, or None."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and value > 0 else None


def record(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the objects of a list; none for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
