"""The git revision that a manifest is of, as far as git knows it."""

from __future__ import annotations

import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path

from qbatch.frozen import dataclass

#: Seconds that git may take; a run does not wait longer for a note.
LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a manifest stood when it was run.

    Attributes:
        commit: 40 hex digits.
        branch: "" where none is checked out.
        is_dirty: A tracked file differs from the commit, or the manifest is not tracked.
        changes: SHA-256 of what ``git diff HEAD --binary`` prints, where it prints anything.
    """

    commit: str
    branch: str
    is_dirty: bool
    changes: str = ""

    def __str__(self) -> str:
        parts = [self.commit, *([f"on {self.branch}"] if self.branch else [])]
        return " ".join(parts) + (self._changes if self.is_dirty else "")

    @property
    def _changes(self) -> str:
        which = f" (diff {self.changes[:12]})" if self.changes else ""
        return f", with changes that are in no commit{which}"


def revision_of(manifest: Path) -> Revision | None:
    """Return the revision of a manifest's file; None where git knows none, or is not there."""
    folder = manifest.absolute().parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    try:
        status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
        tracked = _git(folder, "ls-files", "--", manifest.name)
        diff = _diff(folder) if _has_changes(status) else b""
    except (OSError, subprocess.SubprocessError):
        return None
    heads = dict[str, str]()
    for line in status.splitlines():
        if line.startswith("# branch."):
            name, _, value = line.removeprefix("# branch.").partition(" ")
            heads[name] = value
    commit, branch = heads.get("oid", ""), heads.get("head", "")
    if not commit or commit.startswith("("):  # no commit yet
        return None
    is_dirty = _has_changes(status) or not tracked
    changes = sha256(diff).hexdigest() if diff else ""
    return Revision(commit, "" if branch.startswith("(") else branch, is_dirty, changes)


def noted_revision(noted: str) -> Revision | None:
    """Read what a run noted, as JSON; None where it noted nothing."""
    return Revision(**json.loads(noted)) if noted else None


def _has_changes(status: str) -> bool:
    return any(not line.startswith("# ") for line in status.splitlines())


def _diff(folder: Path) -> bytes:
    """What differs of all tracked files; empty before the first commit."""
    try:
        return _git_bytes(folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")
    except subprocess.CalledProcessError:
        return b""


def _git(folder: Path, *words: str) -> str:
    return _git_bytes(folder, *words).decode("utf-8", "replace")


def _git_bytes(folder: Path, *words: str) -> bytes:
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
    return done.stdout
