"""Submissions per time, counted over all runs of a person on this machine.

A cloud's limit belongs to an account, and several runs, or several backends of one run, may use
the same account at once. Each driver that is limited so asks here before it submits.

Rules: one small file in the person's state folder, locked by the operating system while it is read
and written; a lock dies with its process. Accounts stand there as digests. A file that cannot be
used is passed over: the cloud itself enforces its limit, this only spares it the asking.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO

from qbatch.providers import Rate
from qbatch.system import lock

#: Clocks may differ by so much, seconds, before an entry from the future is thrown away.
TOLERANCE_S = 60.0


class SharedRates:
    """The limits of one account.

    Args:
        folder: Of the file; made when missing.
        account: Whatever tells accounts apart, secrets allowed: only its digest is kept.
        rates: All of them hold.
    """

    def __init__(self, folder: Path, account: str, rates: Sequence[Rate]) -> None:
        self._path = folder / "submissions.json"
        self._account = sha256(account.encode()).hexdigest()[:16]
        self._rates = rates

    def take(self, now_s: float) -> float:
        """Count one submission and return 0, or return the seconds to wait, uncounted.

        Args:
            now_s: Seconds since the epoch.
        """
        longest_s = max((rate.window_s for rate in self._rates), default=0.0)

        def count(sent: list[float]) -> float:
            sent[:] = sorted(at for at in sent if now_s - longest_s < at <= now_s + TOLERANCE_S)
            wait_s = max((_wait_s(rate, sent, now_s) for rate in self._rates), default=0.0)
            if not wait_s:
                sent.append(now_s)
            return wait_s

        return self._change(count)

    def give_back(self, at_s: float) -> None:
        """Forget the submission counted at `at_s`: it certainly did not take place."""

        def forget(sent: list[float]) -> float:
            if at_s in sent:
                sent.remove(at_s)
            return 0.0

        self._change(forget)

    def _change(self, change: Callable[[list[float]], float]) -> float:
        """Apply `change` to what this account sent, under the lock."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
                lock(file.fileno())
                accounts = _read(file)
                answer = change(accounts.setdefault(self._account, []))
                file.seek(0)
                json.dump({name: sent for name, sent in accounts.items() if sent}, file)
                file.truncate()
                return answer
        except OSError:
            return 0.0


def _wait_s(rate: Rate, sent: Sequence[float], now_s: float) -> float:
    inside = [at for at in sent if at > now_s - rate.window_s]
    if len(inside) < rate.calls:
        return 0.0
    return max(inside[-rate.calls] + rate.window_s - now_s, 0.001)


def _read(file: IO[str]) -> dict[str, list[float]]:
    """Read the accounts; what is not of their shape is forgotten."""
    try:
        accounts = json.load(file)
        return {
            str(name): [float(at) for at in sent]
            for name, sent in accounts.items()
            if isinstance(sent, list)
        }
    except (ValueError, TypeError, AttributeError):
        return {}
