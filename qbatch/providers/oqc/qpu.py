"""The one QPU that a backend runs on: found in the account's list, and spoken to at its own URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.providers import Surroundings
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.wire import Reply
from qbatch.providers.oqc.replies import expect, url_of
from qbatch.providers.oqc.service import TARGET_VARIABLE, Service


class Qpu:
    """A QPU by its id or name; by neither the environment's, or the account's only active one.

    Args:
        service: The API.
        wanted: As the manifest has it.
        around: What may be seen of the world.
    """

    def __init__(self, service: Service, wanted: str | None, around: Surroundings) -> None:
        self._service = service
        self._is_usual = wanted is None and TARGET_VARIABLE in around.environ
        self._wanted = wanted or around.environ.get(TARGET_VARIABLE)
        self._record: Mapping[str, Any] | None = None

    async def find(self) -> Mapping[str, Any]:
        """Read its record.

        Raises:
            Unfit: There is none, with the nearest ids.
        """
        qpus = await self._service.qpus()
        if self._wanted:
            found = [one for one in qpus if self._wanted in (one["id"], one.get("name"))]
        else:
            active = [one for one in qpus if one.get("active") is True]
            found = active if len(active) == 1 else []
        if not found:
            ids = [str(qpu["id"]) for qpu in qpus]
            noun = "QPU of this account" + (f" ({TARGET_VARIABLE})" if self._is_usual else "")
            raise no_target("oqc", self._wanted, ids, noun=noun, none="(the account has none)")
        self._record = found[0]
        return self._record

    async def known(self) -> Mapping[str, Any]:
        """Return its record, read once."""
        return await self.find() if self._record is None else self._record

    async def ask(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request that has to succeed."""
        reply = await self.send(method, path, **request)
        expect(reply)
        return reply

    async def send(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request to the QPU's own URL."""
        url = f"{url_of(await self.known())}/{path}"
        return await self._service.send(method, url, **request)
