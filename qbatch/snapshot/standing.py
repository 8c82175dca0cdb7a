"""How far a run is and what it waits for, kept by its runner for whoever looks from outside.

Rules: it says nothing that the journal does not know or that outlives the runner, so it is neither
synced nor checked, and where it cannot be written nothing is lost. It names the holder of the
lock: what a runner that died left there is believed by nobody, and a runner that ends removes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qbatch.snapshot.lock import Note, read_note

NAME = "running.json"


def _holder(note: Note) -> dict[str, Any]:
    facts = asdict(note)
    return {name: facts[name] for name in ("pid", "host", "boot", "started_at")}


def write_standing(folder: Path, holder: Note, facts: Mapping[str, Any]) -> None:
    """Put it in the place of what was told before; a disk that is full is no matter here."""
    new = folder / f"{NAME}.new"
    with suppress(OSError):
        new.write_text(json.dumps({"holder": _holder(holder), **facts}), encoding="utf-8")
        new.replace(folder / NAME)


def remove_standing(folder: Path) -> None:
    """There is no runner any more. Repeatable."""
    for name in (NAME, f"{NAME}.new"):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def read_standing(folder: Path) -> Mapping[str, Any] | None:
    """What the holder of the lock tells; None: nothing, or it is another's.

    Whether anybody holds the lock is for the caller to ask.
    """
    try:
        facts = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(facts, dict) or facts.pop("holder", None) != _holder(read_note(folder)):
        return None
    return facts
