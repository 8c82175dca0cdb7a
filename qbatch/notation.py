"""Names and hosts as people write them and texts as they are shown to people.

The nearest known name for a misspelt one, long ones cut short; what something costs; and the one
list of characters that never reach a terminal, a page or a table: they move the cursor, or turn or
break the line that follows, so that it reads as what it is not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeGuard

#: Inside a character class: controls but for tab and line ends, lone surrogates, and what turns
#: the direction of a text or ends a line unseen.
UNSHOWN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
)
_UNSHOWN = re.compile(f"[{UNSHOWN}]")

#: What may be shown of ASCII.
_PLAIN = bytes([*b"\t\n\r", *range(0x20, 0x7F)])

#: Units that are money.
MONEY = frozenset({"usd", "eur"})

#: Of these, those that no program of ours writes on purpose: a colour begins with a control.
_TURNING = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return text as a page, a drawing, a table and a terminal may show it.

    >>> visible("\x1b[31mred \u202eder")
    '�[31mred �der'
    """
    if text.isascii() and text.isprintable():
        return text
    # Of long texts nearly all is plain: it is taken out at once, and what is left looked through.
    rest = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    if not rest or not _UNSHOWN.search(rest.decode("utf-8", "surrogatepass")):
        return text
    return _UNSHOWN.sub("\ufffd", text)


def unturned(text: str) -> str:
    r"""Return text that may hold colours of ours, without what turns or breaks its lines.

    >>> unturned("\x1b[31mred \u202eder")
    '\x1b[31mred �der'
    """
    return text if text.isascii() else _TURNING.sub("\ufffd", text)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that `name` was probably meant to be, or None.

    Args:
        name: As found.
        known: Names to choose from.
        cutoff: How alike they must be, from 0 to 1.
    """
    from difflib import get_close_matches

    candidates = [name for name in known if len(name) <= 100][:1000]
    by_fold = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    found = get_close_matches(name.casefold()[:100], by_fold, n=1, cutoff=max(cutoff, _MISSPELT))
    if not found:
        also = [one for one in candidates if _is_called(one, name.casefold())]
        if len(also) == 1:
            return also[0]
        found = get_close_matches(name.casefold()[:100], by_fold, n=1, cutoff=cutoff)
    return by_fold[found[0]] if found else None


#: From here on two names are one and the same, misspelt: no other word for it is thought of.
_MISSPELT = 0.85


#: What people call things that have another name here.
_CALLED = {
    "state_vector": "statevector",
    "clifford": "stabilizer",
}


def _is_called(known: str, name: str) -> bool:
    """Tell whether `name` is another word for a known name, its initials, or its first word."""
    words = re.split(r"[-_ ]", known.casefold())
    initials = "".join(word[:1] for word in words) if len(words) > 1 else ""
    return _CALLED.get(name) == known or name in (initials, words[0] if len(words) > 1 else "")


def nearest_few(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that `name` may have been meant to be, the nearest first."""
    from difflib import get_close_matches

    return get_close_matches(name[:100], [one for one in known if len(one) <= 100][:1000], 3, 0.4)


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'theta'?``, or "" when nothing is near."""
    found = nearest(name, known, cutoff)
    return f"; did you mean {shortened(found)!r}?" if found else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names joined by commas, the first `most` of them."""
    all_names = [*names]
    shown = ", ".join(map(shortened, all_names[:most]))
    return shown + (f", … ({len(all_names)} in all)" if len(all_names) > most else "")


def shortened(text: str, most: int = 60) -> str:
    """Return text cut to `most` characters."""
    return text if len(text) <= most else text[:most] + "…"


def whole(number: int) -> str:
    """A whole number with thin spaces between thousands.

    >>> whole(1234567) == "1\u202f234\u202f567"
    True
    """
    return f"{number:,}".replace(",", "\u202f")


#: (seconds from which, of one, and of the part of it that is told beside it), with their names.
_SPANS = ((172_800, 86_400, "d", 3600, "h"), (3600, 3600, "h", 60, "min"), (60, 60, "min", 1, "s"))


def duration(seconds: float) -> str:
    """A duration in words.

    >>> duration(0.4), duration(75), duration(7300), duration(7200), duration(262_000)
    ('1 s', '1 min 15 s', '2 h 1 min', '2 h', '3 d')
    """
    whole_s = max(1, round(seconds))
    for least_s, unit_s, unit, part_s, part in _SPANS:
        if whole_s >= least_s:
            rest = whole_s % unit_s // part_s
            return f"{whole_s // unit_s} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole_s} s"


def amount(cost: float, unit: str) -> str:
    """Money, credits or QPU time; units are never left out and never added up.

    Money has two digits after the point, or as many as a price below a cent needs, up to six.

    >>> amount(1.5, "usd"), amount(0.075, "usd"), amount(0.1 + 0.2, "usd")
    ('1.50 USD', '0.075 USD', '0.30 USD')
    >>> amount(12, "credits"), amount(0.25, "qpu_seconds")
    ('12 credits', '0.25 QPU seconds')
    """
    if unit in MONEY:
        text = f"{cost:.6f}".rstrip("0")
        return f"{text.ljust(text.index('.') + 3, '0')} {spoken(unit)}"
    return f"{cost:.6g} {spoken(unit)}".strip()


def spoken(unit: str) -> str:
    """What something is paid in, as a person reads it.

    >>> spoken("usd"), spoken("qpu_seconds"), spoken("credits")
    ('USD', 'QPU seconds', 'credits')
    """
    return unit.upper() if unit in MONEY else unit.replace("qpu_", "QPU ").replace("_", " ")


def at_most(cost: float, unit: str) -> str:
    """`amount` of an upper bound: never less than it is, beyond the noise of its last bits.

    >>> at_most(0.075, "usd"), at_most(0.1 + 0.2, "usd"), at_most(1234567.0, "credits")
    ('0.08 USD', '0.30 USD', '1.23457e+06 credits')
    """
    exact = Decimal(f"{cost:.12g}")
    digits = 2 if unit in MONEY else 5 - max(exact.adjusted(), -12)
    return amount(float(exact.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING)), unit)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; what is true or false is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a float can be: no NaN, infinity or greater whole number.

    >>> [is_finite(value) for value in (1, -0.5, True, "1", float("nan"), 10**400)]
    [True, True, False, False, False, False]
    """
    return is_number(value) and abs(value) <= sys.float_info.max


@lru_cache(maxsize=64)  # each request asks it
def is_loopback(host: str) -> bool:
    """Tell whether a host is written as this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "localhost.example")]
    [True, True, True, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
