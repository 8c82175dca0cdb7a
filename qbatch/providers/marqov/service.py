"""Marqov's API, asked: who asks, and what there is to be read of its catalogue.

Rules: what a batch of ours is, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, Refused, Unfit
from qbatch.manifest.models import Backend
from qbatch.providers import Surroundings
from qbatch.providers.kit.accounts import named, owner
from qbatch.providers.kit.credentials import Secret, find_address, find_credential
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.shared_rates import SharedRates
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.untrusted import is_word, record
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.marqov.replies import RATES, expect
from qbatch.state import state_folder

BASE_URL = "https://app.marqov.ai"
URL_VARIABLES = ("QBATCH_MARQOV_URL", "MARQOV_PLATFORM_URL")
KEY_VARIABLES = ("MARQOV_PLATFORM_KEY",)
VENDOR = Vendor(("marqov.ai",), URL_VARIABLES, KEY_VARIABLES)


class Service:
    """The API as one key sees it.

    Args:
        backend: Says where it is, by which key, and which entry of the catalogue is meant.
        around: What may be seen of the world.
    """

    def __init__(self, backend: Backend, around: Surroundings) -> None:
        self.environ = around.environ
        self.base = find_address(backend.url, URL_VARIABLES, around.environ, BASE_URL)
        self.wire = open_wire("marqov", around)
        self.wanted = backend.target or ""
        self._pointer = backend.credentials
        self._run_id = around.run_id
        self._is_virtual = around.is_virtual
        self._key: Secret | None = None
        self._entry: Mapping[str, Any] | None = None

    # -- who asks -------------------------------------------------------------------------------

    @property
    def urls(self) -> Sequence[str]:
        return (self.base,)

    def secret(self) -> Secret:
        """Return the API key.

        Raises:
            CredentialsError: There is none.
        """
        if self._key is None:
            self._key = find_credential(self._pointer, KEY_VARIABLES, self.environ)
        return self._key

    def account(self) -> str:
        """Name the key by its digest: nothing tells its team."""
        return named(self.base, owner(self.secret(), self._run_id))

    def shared_rates(self) -> SharedRates | None:
        """Return what all runs of this account share; a rehearsal shares nothing."""
        if self._is_virtual:
            return None
        account = f"marqov {self.base} {self.secret().reveal()}"
        return SharedRates(state_folder(self.environ), account, RATES)

    # -- requests -------------------------------------------------------------------------------

    def url(self, path: str) -> str:
        """Return the URL of a path of the API."""
        return f"{self.base}/api/{path}"

    async def ask(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request that has to succeed."""
        reply = await self.send(method, path, **request)
        expect(reply)
        return reply

    async def send(self, method: str, path: str, *, key: str = "", **request: Any) -> Reply:
        """Send a request with the API key.

        Args:
            method: HTTP's.
            path: Of the API.
            key: Under which the platform is to act once.
            request: As the wire takes it.
        """
        headers = {"authorization": f"Bearer {self.wire.reveal(self.secret())}"}
        if key:
            headers["idempotency-key"] = key
        if "content" in request:
            headers["content-type"] = "application/json"
        return await self.wire.send(method, self.url(path), headers=headers, **request)

    async def cancel(self, job_id: str, key: str) -> Reply:
        """Ask for a job to be cancelled.

        Raises:
            Refused: A key may not; a person can, in the browser.
        """
        reply = await self.send("POST", f"jobs/{job_id}/cancel", key=key)
        if reply.status == 403:
            page = f"{self.base}/jobs/{job_id}"
            raise Refused(f"marqov: an API key cannot cancel; cancel it in the browser: {page}")
        return reply

    # -- the catalogue --------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List the platform's backends, retired ones included."""
        reply = await self.ask("GET", "backends")
        items = reply.object().get("backends")
        if not isinstance(items, list) or not all(is_word(record(i).get("slug")) for i in items):
            raise Misspoke(f"marqov: no list of backends: {reply.excerpt()}")
        return items

    async def find_entry(self) -> Mapping[str, Any]:
        """Read the catalogue's entry of the backend that is wanted.

        Raises:
            Unfit: There is none (with the nearest names), or it is retired.
        """
        backends = await self.backends()
        for one in backends:
            if one["slug"] == self.wanted:
                if one.get("isRetired") is True:
                    raise Unfit(f"marqov: {self.wanted} is retired; choose another target")
                self._entry = one
                return one
        slugs = [str(one["slug"]) for one in backends if one.get("isRetired") is not True]
        raise no_target("marqov", self.wanted, slugs, noun="backend")

    async def entry(self) -> Mapping[str, Any]:
        """Return the catalogue's entry of the backend that is wanted, read once."""
        return await self.find_entry() if self._entry is None else self._entry
