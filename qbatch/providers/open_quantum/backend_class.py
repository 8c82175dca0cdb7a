"""The backend class that jobs are for: as the platform lists it, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from qbatch.circuit import Fit, program_text
from qbatch.errors import Misspoke, Refused
from qbatch.manifest.models import Transpile
from qbatch.providers import Order, Price, Target
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.targets import takes_no_jobs
from qbatch.providers.kit.untrusted import amount, record, whole, word
from qbatch.providers.open_quantum.platform import Platform
from qbatch.providers.open_quantum.replies import closed, code_of, find_basis

#: Active jobs per organization, as documented.
MOST_ACTIVE = 10


class BackendClass:
    """One backend class.

    Args:
        platform: Whose it is.
        wanted: As the manifest has it.
        transpile: How circuits are made to fit its gates.
    """

    def __init__(self, platform: Platform, wanted: str, transpile: Transpile) -> None:
        self._platform = platform
        self._transpile = transpile
        self.wanted = wanted
        #: As the platform knows it, once it was looked up.
        self.code = ""
        #: Gates that it takes; none: any, or not known yet.
        self.basis: tuple[str, ...] = ()
        #: What it says where it takes no jobs; "" where it does, as far as is known.
        self._closed = ""

    async def describe(self) -> Target:
        """Read its state, queue, limits and topology.

        Raises:
            Unfit: There is none, with the nearest codes.
        """
        row = await self._look_up()
        detail = await self._details(row)
        self.basis = find_basis(record(detail.get("constraint_data")))
        return _target(row, detail)

    async def list_all(self) -> Sequence[Target]:
        """List the backend classes of the platform, each with its limits."""

        async def ask(row: Mapping[str, Any]) -> Target:
            try:
                return _target(row, await self._details(row))
            except (Refused, Misspoke):
                return _target(row, {})

        rows = await self._platform.backends()
        found, failures = await ask_all([partial(ask, row) for row in rows])
        if failures:
            raise failures[0]
        return found

    async def _look_up(self) -> Mapping[str, Any]:
        row = await self._platform.find_backend(self.wanted)
        self.code = code_of(row)
        self._closed = closed(row)
        return row

    async def _details(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"backends/classes/{quote(code_of(row), safe=':')}"
        return (await self._platform.ask("GET", path)).object()

    def closes(self) -> None:
        """Note that it takes no jobs, which a preparation was told."""
        self._closed = "not active"

    async def wait_until_open(self) -> None:
        """See that a backend that was offline, or in maintenance, takes jobs by now."""
        if not self._closed:
            return
        await self._look_up()
        if self._closed:
            raise takes_no_jobs("open-quantum", self.code, self._closed)

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated to the backend's gates.
        """
        fit, values = self._fit(), order.parameters
        return program_text(order.circuit, values, "2.0", register="c", fit=fit)

    def _fit(self) -> Fit | None:
        level, seed = self._transpile.optimization_level, self._transpile.seed or 0
        return Fit(self.basis, optimization_level=level, seed=seed) if self.basis else None


def _target(row: Mapping[str, Any], detail: Mapping[str, Any]) -> Target:
    constraints = record(detail.get("constraint_data"))
    limits = record(constraints.get("limits"))
    status, waiting = row.get("status"), amount(row.get("queue_depth"))
    return Target(
        name=code_of(row),
        num_qubits=whole(limits.get("max_qubits_per_job")) or whole(constraints.get("n_qubits")),
        min_shots=whole(limits.get("min_shots")) or 1,
        max_shots=whole(limits.get("max_shots")),
        max_jobs=1,
        in_flight=MOST_ACTIVE,
        poll_s=(2.0, 60.0),
        price=Price(unit="credits", quoted=True, source="quoted by the platform for each job"),
        online=not closed(row),
        state=closed(row).lower(),
        queue_depth=None if waiting is None else int(waiting),
        facts={
            "name": word(row.get("name")),
            "constraints": constraints,
            "configuration_schema": detail.get("configuration_schema"),
            "status": status,
        },
    )
