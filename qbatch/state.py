"""Where qbatch keeps what outlives a run and belongs to the person, not to an experiment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where that is: QBATCH_STATE_DIR, or qbatch's place in the user's state folder.

    >>> state_folder({"QBATCH_STATE_DIR": "/var/q"})
    PosixPath('/var/q')
    """
    if own := environ.get("QBATCH_STATE_DIR"):
        return Path(own)
    if users := environ.get("XDG_STATE_HOME"):
        return Path(users) / "qbatch"
    return Path.home() / ".local" / "state" / "qbatch"
