"""Credits of the emulated Open Quantum: what organizations have, and pay with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.open_quantum.access import ORGANIZATIONS, Rejected, check_organization
from qbatch.emulators.open_quantum.catalogue import NAME


@dataclass
class Balance:
    """Credits of one organization; only Public plans may be paid with Spark credits."""

    spark: float
    full: float

    def pay(self, price: float, *, is_public: bool) -> tuple[float, float]:
        """Take `price`; return what came from each kind.

        Raises:
            Rejected: There is not enough.
        """
        spark = min(self.spark, price) if is_public else 0.0
        if price - spark > self.full:
            raise Rejected(402, "INSUFFICIENT_CREDITS", f"{price:g} credits are needed")
        self.spark -= spark
        self.full -= price - spark
        return spark, price - spark


class Credits:
    """The balances of all organizations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.balances: dict[str, Balance] = {}

    async def show(self, request: Request) -> Response:
        balance = self.of(check_organization(request.path_params["organization"]))
        return JSONResponse({"spark_credits": balance.spark, "full_credits": balance.full})

    def of(self, organization_id: str) -> Balance:
        if organization_id not in self.balances:
            is_first = organization_id == ORGANIZATIONS[0][0]
            full = float(self._switch("credits", 1_000_000 if is_first else 0))
            self.balances[organization_id] = Balance(self._switch("spark_credits", 0.0), full)
        return self.balances[organization_id]

    def _switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)
