"""The git revision that a manifest is of, as far as git knows it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Seconds that git may take; a run does not wait longer for a note.
LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a manifest stood when it was run.

    Attributes:
        commit: 40 hex digits.
        branch: "" where none is checked out.
        is_dirty: A tracked file differs from the commit, or the manifest is not tracked.
    """

    commit: str
    branch: str
    is_dirty: bool

    def __str__(self) -> str:
        parts = [self.commit, *([f"on {self.branch}"] if self.branch else [])]
        return " ".join(parts) + (", with changes that are in no commit" if self.is_dirty else "")


def revision_of(manifest: Path) -> Revision | None:
    """Return the revision of a manifest's file; None where git knows none, or is not there."""
    folder = manifest.absolute().parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    try:
        status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
        tracked = _git(folder, "ls-files", "--", manifest.name)
    except (OSError, subprocess.SubprocessError):
        return None
    heads, changed = dict[str, str](), False
    for line in status.splitlines():
        if line.startswith("# branch."):
            name, _, value = line.removeprefix("# branch.").partition(" ")
            heads[name] = value
        else:
            changed = True
    commit, branch = heads.get("oid", ""), heads.get("head", "")
    if not commit or commit.startswith("("):  # no commit yet
        return None
    return Revision(commit, "" if branch.startswith("(") else branch, changed or not tracked)


def _git(folder: Path, *words: str) -> str:
    """Ask git without letting it write, or run what the repository names.

    Raises:
        OSError: It is not there.
        subprocess.SubprocessError: It refused, or took too long.
    """
    done = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words],
        capture_output=True,
        check=True,
        timeout=LIMIT_S,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    )
    return done.stdout.decode("utf-8", "replace")
