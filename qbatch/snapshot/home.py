"""Where the files are that a run's manifest names: where it stood, if that may be believed.

Rule: a run folder may be a stranger's, and says by itself where its manifest stood. It is believed
where it lies among the runs of that manifest's project, or where this person ran it. Else files are
looked for in the run folder alone, so that none is read from a place of the stranger's choosing.
What `qbatch run` notes stands in the person's own state folder: nothing that comes with a run
folder says of itself that it is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from qbatch.drafts import draft_beside
from qbatch.project import holds_home, project_root
from qbatch.state import state_folder

#: Under a project's root: the folder of its runs.
RUNS = "runs"

#: In the state folder: a file for each run folder, in which stands where its manifest is.
_NOTES = "runs"

#: What is noted in this process, also where the state folder cannot be written: run folder -> home.
_noted: dict[str, str] = {}


def home_of(facts: Mapping[str, str], folder: Path) -> Path:
    """Return the folder that the paths of a kept manifest begin in.

    Args:
        facts: Of a run, with ``manifest_folder``.
        folder: The run's.
    """
    home = told_home(facts, folder)
    return home if is_believed(home, folder) else folder.absolute()


def told_home(facts: Mapping[str, str], folder: Path) -> Path:
    """Return where a run says that its manifest stands; of a copied project, where it is there."""
    home, noted = Path(facts["manifest_folder"]), facts.get("run_folder")
    if noted is None or is_same(noted, folder):
        return home
    return Path(os.path.normpath(folder.resolve() / os.path.relpath(home, noted)))


def is_believed(home: Path, folder: Path) -> bool:
    """Tell whether a run folder may say that its manifest stands in `home`."""
    try:
        there, at = folder.resolve(), home.resolve()
        if at == there:
            return True
        root = project_root(at)
        if there.parent == root / RUNS and not holds_home(root):
            return True
    except (OSError, ValueError, RuntimeError):  # it is no path: nobody's
        return False
    return str(at) in (_noted.get(str(there)), _read_note(there))


def note_home(folder: Path, home: Path, *, lasting: bool = True) -> None:
    """Note that this person runs a manifest of `home` in a run folder.

    Args:
        folder: The run's.
        home: The manifest's folder.
        lasting: Also for later calls; else for this process.
    """
    if is_believed(home, folder):
        return
    there, at = folder.resolve(), home.resolve()
    _noted[str(there)] = str(at)
    if not lasting:
        return
    file = _note_of(there)
    with suppress(OSError, RuntimeError):  # no state folder to write: it holds for this process
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = draft_beside(file)
        draft.write_bytes(os.fsencode(at))
        draft.replace(file)


def _read_note(folder: Path) -> str | None:
    try:
        return os.fsdecode(_note_of(folder).read_bytes())
    except (OSError, RuntimeError):
        return None


def _note_of(folder: Path) -> Path:
    return state_folder() / _NOTES / sha256(os.fsencode(folder)).hexdigest()[:32]


def is_same(one: str | Path, other: Path) -> bool:
    """Tell whether two paths lead to one file or folder that is there."""
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False
