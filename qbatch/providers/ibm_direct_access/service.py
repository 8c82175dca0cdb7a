"""IBM's service and its identity service, spoken to: addresses, credentials, requests, machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from qbatch.errors import CredentialsError, Misspoke, Refused
from qbatch.manifest.models import Backend
from qbatch.providers import Surroundings
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.replies import expect, read_error
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import (
    Secret,
    address,
    find_address,
    find_credential,
)
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.untrusted import amount, identifier, record
from qbatch.providers.kit.wire import Reply, open_wire

IAM_URL = "https://iam.cloud.ibm.com"
URL_VARIABLE = "QBATCH_IBM_DIRECT_ACCESS_URL"
ENDPOINT, IAM_ENDPOINT = "QRMI_IBM_QS_ENDPOINT", "QRMI_IBM_QS_IAM_ENDPOINT"
KEY, CRN = "QRMI_IBM_QS_IAM_APIKEY", "QRMI_IBM_QS_SERVICE_CRN"


class Service:
    """All that is asked of the service, whichever job it is about.

    Attributes:
        wanted: The machine; None: the only one, until that is known.
        bearer: The token.
        wire: To the service and to the bucket.
    """

    def __init__(self, backend: Backend, options: Options, surroundings: Surroundings) -> None:
        self.wanted = backend.target
        self.environ = surroundings.environ
        self._options = options
        self._pointer = backend.credentials
        self._url_given = backend.url
        self.wire = open_wire("ibm-direct-access", surroundings)
        self.bearer = Bearer(self._issue_token)

    # -- machines -------------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List the machines of the instance: name, state, message."""
        reply = await self.ask("GET", "backends")
        rows = reply.object().get("backends")
        if not isinstance(rows, list) or not all(identifier(record(i).get("name")) for i in rows):
            raise Misspoke(f"ibm-direct-access: no list of backends: {reply.excerpt()}")
        return rows

    async def find_backend(self) -> Mapping[str, Any]:
        """Return the machine that is wanted: the only one, where nothing was said.

        Raises:
            Unfit: There is none, with the nearest names.
        """
        machines = await self.backends()
        if self.wanted is None and len(machines) == 1:
            self.wanted = str(machines[0]["name"])
        for machine in machines:
            if machine["name"] == self.wanted:
                return machine
        names = [str(one["name"]) for one in machines]
        noun, none = "backend of this instance", "(it has none)"
        raise no_target("ibm-direct-access", self.wanted, names, noun=noun, none=none)

    # -- addresses and credentials ----------------------------------------------------------------

    @property
    def prefix(self) -> str:
        """Before the official client's variables, where they are set for each machine."""
        return f"{self.wanted}_" if self.wanted else ""

    @property
    def target_name(self) -> str:
        """Return the machine's name; "" until it is known."""
        return self.wanted or ""

    def variable(self, name: str) -> str | None:
        """Read one of the official client's variables, for this machine or for all."""
        found = (self.environ.get(one) for one in self._names(name))
        return next((value for value in found if value), None)

    def _names(self, name: str) -> tuple[str, str]:
        """Variables that are read for one of the official client's, in their order."""
        return (f"{self.prefix}{name}", name)

    @property
    def base(self) -> str:
        """Return where the service is.

        Raises:
            Refused: Nobody said.
        """
        variables = (URL_VARIABLE, *self._names(ENDPOINT))
        found = find_address(self._url_given, variables, self.environ, "")
        if not found:
            raise Refused(
                "ibm-direct-access: where is the service? Each installation has its own address: "
                f"write url: https://…, or set {ENDPOINT}"
            )
        return found

    @property
    def iam(self) -> str:
        """Return where tokens are made."""
        if self._options.iam_endpoint:
            return address(self._options.iam_endpoint, "options.iam_endpoint")
        return find_address(None, self._names(IAM_ENDPOINT), self.environ, IAM_URL)

    # -- requests -------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request that has to succeed."""
        reply = await self.send(method, path, **request)
        expect(reply)
        return reply

    async def send(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request with the token, by a path below ``/v1/``."""
        url = f"{self.base}/v1/{path}"
        headers = {"accept": "application/json"}
        if crn := self._options.service_crn or self.variable(CRN):
            headers["service-crn"] = crn
        if self._options.api_version is not None:
            headers["ibm-api-version"] = self._options.api_version
        if "content" in request:
            headers["content-type"] = "application/json"

        async def send_as(token: Secret) -> Reply:
            authorized = {**headers, "authorization": f"Bearer {self.wire.reveal(token)}"}
            return await self.wire.send(method, url, headers=authorized, **request)

        return await self.bearer.send(send_as)

    @property
    def urls(self) -> Sequence[str]:
        return (
            self.base,
            self.iam,
        )

    def secret(self) -> Secret:
        """Read the API key.

        Raises:
            CredentialsError: There is none.
        """
        return find_credential(self._pointer, self._names(KEY), self.environ)

    async def _issue_token(self) -> tuple[Secret, float]:
        secret = self.secret()
        if self._options.auth == "bearer":
            return secret, inf
        reply = await self.wire.send(
            "POST",
            f"{self.iam}/identity/token",
            form={
                "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
                "apikey": self.wire.reveal(secret),
            },
            headers={"accept": "application/json"},
            deadline_s=20.0,
            is_secret=True,
        )
        if reply.status in (400, 401, 403):
            raise CredentialsError(
                f"ibm-direct-access: IAM refuses the API key from {secret.source}: "
                f"{read_error(reply) or reply.status}"
            )
        expect(reply)
        answer = reply.object()
        token, life_s = answer.get("access_token"), amount(answer.get("expires_in"))
        if not isinstance(token, str) or not token or life_s is None:
            raise Misspoke("ibm-direct-access: IAM gave no access_token with expires_in")
        return Secret(token, secret.source), life_s
