"""What a call of `run` can tell of where it comes from."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from typing import Any

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
        _packages(),
        revision,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the system has no name for who runs this
        return ""


@cache
def _packages() -> str:
    lines = {f"{each.name}=={each.version}" for each in distributions()}
    return sha256("\n".join(sorted(lines, key=str.lower)).encode()).hexdigest()
