"""The machine that jobs are for: as the service tells of it, and what circuits become for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.circuit import Fit, program_text
from qbatch.manifest.models import Transpile
from qbatch.providers import Order, Price, Target
from qbatch.providers.ibm_direct_access.fitting import fit_of
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.replies import expect, read_target, status_of
from qbatch.providers.ibm_direct_access.service import Service
from qbatch.providers.kit.targets import takes_no_jobs
from qbatch.providers.kit.untrusted import record, said, whole


class Machine:
    """One machine.

    Args:
        service: The API, which knows which one is wanted.
        options: The backend's.
        transpile: How circuits are made to fit it.
    """

    def __init__(self, service: Service, options: Options, transpile: Transpile) -> None:
        self._service = service
        self._options = options
        self._transpile = transpile
        #: What circuits are made to fit, once it was described.
        self.fit: Fit | None = None
        #: What it takes of its time, once it was described.
        self.price = Price()
        self._status = "online"

    async def describe(self) -> Target:
        """Read its state, lanes, configuration and calibration.

        Raises:
            Unfit: There is none, with the nearest names.
        """
        machine = await self._service.find_backend()
        self._status = status_of(machine)
        return await self._describe(machine)

    async def list_all(self) -> Sequence[Target]:
        """List the machines of the instance."""
        return [await self._describe(machine) for machine in await self._service.backends()]

    async def _describe(self, machine: Mapping[str, Any]) -> Target:
        name = str(machine["name"])
        configuration = (await self._service.ask("GET", f"backends/{name}/configuration")).object()
        properties = (await self._service.ask("GET", f"backends/{name}/properties")).object()
        lanes = await self._lanes(name)
        target = read_target(machine, configuration, properties, lanes, self._options)
        if name == self._service.target_name:
            self.fit = fit_of(configuration, properties, self._options, self._transpile)
            self.price = target.price
        return target

    async def properties(self) -> Mapping[str, Any]:
        """Read its calibration."""
        name = self._service.target_name
        return (await self._service.ask("GET", f"backends/{name}/properties")).object()

    async def _lanes(self, name: str) -> int | None:
        """Ask how many jobs the machine keeps for us; older services do not tell."""
        reply = await self._service.send("GET", f"backends/{name}/lanes")
        if reply.status == 404:
            return None
        expect(reply)
        return whole(record(reply.object().get("hpc_workload_manager")).get("lanes"))

    async def wait_until_open(self) -> None:
        """See that a machine that was offline, paused or reserved takes jobs by now."""
        if self._status == "online":
            return
        machine = await self._service.find_backend()
        self._status = status_of(machine)
        if self._status != "online":
            why = f": {told}" if (told := said(machine.get("message"))) else ""
            raise takes_no_jobs(
                "ibm-direct-access", self._service.target_name, f"{self._status}{why}"
            )

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated to the machine's gates and coupling.
        """
        return program_text(order.circuit, order.parameters, "3.0", fit=self.fit)
