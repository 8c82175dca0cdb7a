"""The nearest known name, for a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that `name` was probably meant to be, or None.

    Args:
        name: As found.
        known: Names to choose from.
        cutoff: How alike they must be, from 0 to 1.
    """
    from difflib import get_close_matches

    candidates = [*known][:1000]
    by_fold = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    found = get_close_matches(name.casefold()[:100], by_fold, n=1, cutoff=cutoff)
    return by_fold[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'theta'?``, or "" when nothing is near."""
    found = nearest(name, known, cutoff)
    return f"; did you mean {found!r}?" if found else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names joined by commas, the first `most` of them."""
    all_names = [*names]
    shown = ", ".join(all_names[:most])
    return shown + (f", … ({len(all_names)} in all)" if len(all_names) > most else "")
