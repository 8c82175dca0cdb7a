"""Keeps an official client on loopback; imported by the client scripts before the client itself.

Names other than loopback's do not resolve (``BLOCKED`` keeps those asked for), sockets to anywhere
else are refused, and waits between polls are shortened, since the emulated queue is short.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

LOOPBACK = (None, "", "127.0.0.1", "localhost", "::1")
BLOCKED: list[str] = []

_resolve, _connect, _sleep = socket.getaddrinfo, socket.socket.connect, time.sleep


def _getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in LOOPBACK:
        BLOCKED.append(name)
        raise socket.gaierror("loopback only")
    return _resolve(host, *more, **named)


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_UNIX and address[0] not in LOOPBACK:
        raise ConnectionRefusedError(f"loopback only, not {address[0]}")
    _connect(self, address)


socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
time.sleep = lambda seconds: _sleep(min(seconds, 0.1))


def main(scenarios: dict[str, Callable[[], Any]]) -> None:
    """Run the scenario named on the command line; its result goes out as one line of JSON."""
    assert not os.listdir(os.environ["HOME"]), "HOME must be empty"  # noqa: PTH208
    result = scenarios[sys.argv[1]]()
    print("\nRESULT " + json.dumps(result), flush=True)
