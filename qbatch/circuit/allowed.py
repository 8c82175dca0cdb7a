"""Code that a person allowed with ``--trust``: it may run again for as long as none of it changes.

What counts as the code of a circuit is every module in its file's folder and below, for it may
import any of them. It is noted in the person's own state folder, by its path and digest; nothing
that comes with a manifest or a run folder says that it may run.
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from qbatch.drafts import draft_beside
from qbatch.state import state_folder

#: In the state folder: path of a file -> digest of its code.
NAME = "allowed.json"

#: What Python would import.
_MODULES = (".py", ".pyc", ".so", ".pyd")

#: Folders with more modules, or more bytes of them, are not remembered.
MOST_MODULES, MOST_BYTES = 2_000, 32 * 2**20


def allow(file: Path) -> None:
    """Note that the code of `file`, a resolved path, may run as it is now."""
    digest, known = _digest(file), _read()
    if digest is None or known.get(str(file)) == digest:
        return
    with suppress(OSError):  # a state folder that cannot be written: the person is asked again
        state_folder().mkdir(parents=True, exist_ok=True)
        text = json.dumps(known | {str(file): digest}, indent=1)
        draft = draft_beside(state_folder() / NAME)
        draft.write_text(text, "utf-8")
        draft.replace(state_folder() / NAME)


def is_allowed(file: Path) -> bool:
    """Tell whether the code of `file`, a resolved path, was allowed, and is what it was."""
    noted = _read().get(str(file))
    return noted is not None and noted == _digest(file)


def _read() -> dict[str, str]:
    try:
        known = json.loads((state_folder() / NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _digest(file: Path) -> str | None:
    """Of all modules beside and below the file; None where there are too many to look at."""
    found, size = sha256(), 0
    try:
        modules = sorted(each for each in file.parent.rglob("*") if each.suffix in _MODULES)
        if len(modules) > MOST_MODULES:
            return None
        for each in modules:
            if "__pycache__" in each.parts:
                continue
            data = each.read_bytes()
            size += len(data)
            if size > MOST_BYTES:
                return None
            name = str(each.relative_to(file.parent)).encode("utf-8", "surrogateescape")
            found.update(sha256(name).digest() + sha256(data).digest())
    except OSError:
        return None
    return found.hexdigest()
