"""What a call of `run` can tell of where it comes from."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from qbatch.plan.pinning.lock import installed_packages
from qbatch.snapshot.origins import Origin


def origin_of(command: str, revision: Mapping[str, Any], now: float) -> Origin:
    """Return where this call comes from.

    Args:
        command: As it was typed; "" where Python code called.
        revision: The manifest's git revision; empty without one.
        now: Seconds since 1970.
    """
    system = " ".join(filter(None, (platform.system(), platform.release(), platform.machine())))
    return Origin(
        now,
        command,
        _user(),
        platform.node(),
        system,
        platform.python_version(),
        sha256("\n".join(installed_packages()).encode()).hexdigest(),
        revision,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the system has no name for who runs this
        return ""
