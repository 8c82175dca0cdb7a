"""Whole runs against emulated clouds whose results are known beforehand, on a virtual clock.

Every point flips some of two qubits, so that its outcome is certain: a result stored as good that
is not its point's is seen at once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import trio
from trio.testing import MockClock

from qbatch.emulators import Emulation, Queueing, read_faults
from qbatch.emulators.clock import Clock
from qbatch.executor.start import run_async
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.providers import Surroundings
from qbatch.snapshot import PointResult, Run

ORIGIN = "https://emulators.test"
SHOTS = 100

#: A run that is not over by then hangs; seconds of the virtual clock.
MOST_RUN_S = 10 * 86_400.0

TARGETS = {
    "oqc": "qpu:uk:2:d865b5a184",
    "open-quantum": "ionq:forte-1",
    "marqov": "sv1",
    "scaleway": "QPU-GARNET-20PQ",
    "ibm-direct-access": "emu_5q",
}

#: The one call of each cloud that spends.
SPENDING = {
    "oqc": "/*/tasks/submit",
    "open-quantum": "/sched/v1/jobs",
    "marqov": "/api/jobs/submit",
    "scaleway": "/qaas/v1alpha1/jobs",
    "ibm-direct-access": "/v1/jobs",
}

#: Where the real cloud is not known, what is sent twice is bought twice: the emulators' switches.
WORST = {
    "oqc": {"resubmit": "twice"},
    "open-quantum": {"second_create": "duplicate"},
    "marqov": {"deduplicate": "none"},
}

MANIFEST = """\
qbatch: 1
name: flips
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      input float b;
      qubit[2] q;
      bit[2] c;
      rx(a) q[0];
      rx(b) q[1];
      c = measure q;
backends:
{backends}
sweep: {{matrix: {{backend: [{names}], a: [0, pi], b: [0, pi]}}}}
shots: {shots}
analysis: {{observables: {{zz: Z0 Z1}}}}
checks: [{{that: zz >= -1}}]
"""


def manifest_of(*providers: str, timeout: str = "2h") -> Manifest:
    """Four points on each cloud."""
    lines = [
        f'  {name}: {{provider: {name}, target: "{TARGETS[name]}", timeout: {timeout}}}'
        for name in providers
    ]
    text = MANIFEST.format(backends="\n".join(lines), names=", ".join(providers), shots=SHOTS)
    return parse_manifest(text, folder=Path("/"))


def expected(point: PointResult) -> dict[str, int]:
    """The one result that the point can have."""
    bits = ["1" if math.isclose(float(point.parameters[name]), math.pi) else "0" for name in "ba"]
    return {"".join(bits): SHOTS}


class Clouds:
    """Emulated clouds that outlive the runs against them, on one clock.

    Args:
        origin: Where they are.
        clock: Of all runs; None: one of its own.
    """

    def __init__(
        self,
        *providers: str,
        queue_s: float = 20.0,
        origin: str = ORIGIN,
        clock: MockClock | None = None,
    ) -> None:
        self._origin = origin
        self.clock = clock or MockClock(autojump_threshold=0)
        began_at = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self.emulation = Emulation(
            providers,
            queueing=Queueing(queue_s),
            clock=Clock(began_at),
            inline=True,
            seed=1,
        )

    def close(self) -> None:
        self.emulation.close()

    def set_faults(self, **script: Any) -> None:
        self.emulation.world.faults = read_faults(script)

    def ledger(self) -> list[dict[str, Any]]:
        return trio.run(self._ledger, clock=self.clock)

    async def _ledger(self) -> list[dict[str, Any]]:
        await trio.lowlevel.checkpoint()
        return self.emulation.world.ledger.entries()

    def environ(self) -> dict[str, str]:
        """Addresses and credentials."""
        return self.emulation.environment(self._origin)

    def surroundings(
        self,
        wrap: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda t: t,
        environ: Mapping[str, str] | None = None,
    ) -> Surroundings:
        return Surroundings(
            environ=self.environ() if environ is None else environ,
            transport=wrap(self.emulation.transport()),
            is_virtual=True,
            now=lambda: self.emulation.world.clock.utc().timestamp(),
        )

    def run(self, manifest: Manifest, folder: Path, around: Surroundings, **options: Any) -> Run:
        """Run a manifest; what is asked for is `run`'s."""

        async def act() -> Run:
            with trio.fail_after(MOST_RUN_S):
                return await run_async(
                    manifest, out=folder, surroundings=around, **{"approve": True, **options}
                )

        return trio.run(act, clock=self.clock)


def purchases(run: Run, ledger: list[dict[str, Any]]) -> Mapping[str, list[dict[str, Any]]]:
    """Point -> what the clouds' own books have of it, without what ended without a result."""
    composites = dict(_composites(run))
    found: dict[str, list[dict[str, Any]]] = {point.id: [] for point in run}
    for entry in ledger:
        if entry["state"] in ("failed", "cancelled", "expired"):
            continue
        if entry["provider"] == "ibm-direct-access":  # many points in one job, under our own id
            meant = composites[entry["id"]]
        else:
            words = set(re.split("[-/]", entry["name"]))
            meant = [key for key in found if words & {key[:12], key[:16]}]
        assert meant, f"nobody ordered {entry}"
        for key in meant:
            found[key].append(entry)
    return found


def _composites(run: Run) -> Iterator[tuple[str, list[str]]]:
    """Key of each purchase -> its points."""
    keys = dict(run._rows("SELECT ordinal, id FROM points"))
    rows = run._rows(
        "SELECT key, jobs FROM intents JOIN composites ON composites.ordinal = composite"
    )
    for key, jobs in rows:
        yield key, [keys[int(number)].hex() for number in re.findall(r"\d+", jobs)]


def times_bought(run: Run, ledger: list[dict[str, Any]]) -> Counter[str]:
    return Counter({key: len(entries) for key, entries in purchases(run, ledger).items()})
