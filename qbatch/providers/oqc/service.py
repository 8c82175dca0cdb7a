"""OQC's API, asked: who asks, and what there is to be read of QPUs.

Rules: what a batch of ours is, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from qbatch.errors import CredentialsError, Misspoke, Refused
from qbatch.providers import Surroundings
from qbatch.providers.kit.accounts import named, owner
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret, find_address, find_credential
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.untrusted import is_word, record
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.oqc.replies import expect, read_features, read_window, url_of

BASE_URL = "https://cloud.oqc.app"
URL_VARIABLES = ("QBATCH_OQC_URL", "OQC_URL")
TOKEN_VARIABLES = ("OQC_AUTHENTICATION_TOKEN", "OQC_AUTH_TOKEN", "OQC_TOKEN")
#: The QPU of backends that name none.
TARGET_VARIABLE = "OQC_DEVICE"
VENDOR = Vendor(("oqc.app",), URL_VARIABLES, (*TOKEN_VARIABLES, "OQC_PASSWORD"))

#: How long a token lives that was made by e-mail and password, seconds.
LOGIN_LIFE_S = 86_400.0


class Service:
    """The API as one credential sees it.

    Args:
        url: The manifest's word for where it is.
        pointer: The manifest's word for where the token is.
        around: What may be seen of the world.
    """

    def __init__(self, url: str | None, pointer: str | None, around: Surroundings) -> None:
        self.base = find_address(url, URL_VARIABLES, around.environ, BASE_URL)
        self.wire = open_wire("oqc", around)
        self._pointer = pointer
        self._environ = around.environ
        self._run_id = around.run_id
        self._bearer = Bearer(self._log_in)

    # -- who asks -------------------------------------------------------------------------------

    @property
    def urls(self) -> Sequence[str]:
        return (self.base,)

    def secret(self) -> Secret:
        """Read the token, or the password that brings one.

        Raises:
            CredentialsError: There is none.
        """
        if self._by_password():
            return Secret(self._environ["OQC_PASSWORD"], "env:OQC_EMAIL and env:OQC_PASSWORD")
        return find_credential(self._pointer, TOKEN_VARIABLES, self._environ)

    def account(self) -> str:
        """Name the user, as far as the credential tells."""
        if self._by_password():
            return named(self.base, f"user {self._environ['OQC_EMAIL']}")
        return named(self.base, owner(self.secret(), self._run_id))

    def _by_password(self) -> bool:
        """Tell whether e-mail and password are what we have."""
        if self._pointer is not None or any(self._environ.get(name) for name in TOKEN_VARIABLES):
            return False
        return all(self._environ.get(name) for name in ("OQC_EMAIL", "OQC_PASSWORD"))

    async def _log_in(self) -> tuple[Secret, float]:
        if not self._by_password():
            return self.secret(), inf
        email, password = self._environ["OQC_EMAIL"], self.secret()
        await self.wire.send("POST", f"{self.base}/admin/logout", json={})
        reply = await self.wire.send(
            "POST",
            f"{self.base}/admin/login",
            params={"include_auth_token": "true"},
            json={"email": email, "password": self.wire.reveal(password)},
            is_secret=True,
        )
        if reply.status != 200:
            raise CredentialsError(f"oqc: OQC_EMAIL and OQC_PASSWORD are refused ({reply.status})")
        user = record(record(reply.object().get("response")).get("user"))
        token = user.get("authentication_token")
        if not isinstance(token, str) or not token:
            raise Misspoke("oqc: POST /admin/login: the reply holds no token")
        return Secret(token, "env:OQC_EMAIL"), LOGIN_LIFE_S

    # -- requests -------------------------------------------------------------------------------

    async def send(self, method: str, url: str, **request: Any) -> Reply:
        headers = {"content-type": "application/json"} if "content" in request else {}

        async def send_as(token: Secret) -> Reply:
            known = {"authentication-token": self.wire.reveal(token)}
            return await self.wire.send(method, url, headers=headers | known, **request)

        return await self._bearer.send(send_as)

    # -- QPUs -----------------------------------------------------------------------------------

    async def qpus(self) -> Sequence[Mapping[str, Any]]:
        """List the QPU records of the account."""
        reply = await self.send("GET", f"{self.base}/admin/qpu", params={"per_page": 1000})
        expect(reply)
        items = reply.object().get("items")
        if not isinstance(items, list) or not all(is_word(record(i).get("id")) for i in items):
            raise Misspoke(f"oqc: the QPU list has no items with ids: {reply.excerpt()}")
        return items

    async def next_window(self, qpu: Mapping[str, Any]) -> str | None:
        """Read when a QPU next takes tasks; None: always, or not announced."""
        if read_features(qpu.get("feature_set")).get("always_on"):
            return None
        reply = await self.send("GET", f"{url_of(qpu)}/windows/next")
        expect(reply)
        return read_window(reply)

    async def calibration(self, qpu: Mapping[str, Any], date: str | None = None) -> Any:
        """Read a QPU's calibration, as the service tells it.

        Args:
            qpu: The record.
            date: ``YYYY-MM-DD``; None: the latest.

        Returns:
            JSON, or ``{"unavailable": why}``: a simulator has none.
        """
        params = {"qpu_id": str(qpu["id"])} | ({} if date is None else {"date": date})
        return await self._told(qpu, "monitoring/calibrations", params)

    async def status(self, qpu: Mapping[str, Any]) -> Any:
        """Read a QPU's system status, as the service tells it; or ``{"unavailable": why}``."""
        return await self._told(qpu, "monitoring/statuses", {})

    async def _told(self, qpu: Mapping[str, Any], path: str, params: Mapping[str, str]) -> Any:
        """Ask for what a QPU may not have."""
        try:
            reply = await self.send("GET", f"{url_of(qpu)}/{path}", params=params)
            expect(reply)
            return reply.json()
        except CredentialsError:
            raise
        except (Refused, Misspoke) as error:
            return {"unavailable": str(error)}
