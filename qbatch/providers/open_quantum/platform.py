"""Open Quantum's services, spoken to as one: requests with the token, and lists over all pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from qbatch.errors import Misspoke, Unfit
from qbatch.manifest.models import Backend
from qbatch.notation import nearest_few
from qbatch.providers import Surroundings
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.targets import few, no_target
from qbatch.providers.kit.untrusted import MOST_NAMES, record, records, word
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.open_quantum.account import find_services, open_account, read_account
from qbatch.providers.open_quantum.replies import code_of, expect, id_of


class Platform:
    """All that is asked of the platform, whichever backend it is about.

    Args:
        backend: Says where the services are, and by which credential.
        payer: Whose credits are spent, an id or a name; None: the environment's, or the only one.
        surroundings: What it may see of the world.
    """

    def __init__(self, backend: Backend, payer: str | None, surroundings: Surroundings) -> None:
        self._payer = payer
        self._environ = surroundings.environ
        self._pointer = backend.credentials
        self.services = find_services(backend.url, self._environ)
        self.wire = open_wire("open-quantum", surroundings)
        self._account: Bearer | None = None
        #: Whose credits are spent, once that was asked.
        self.organization: str | None = None

    @property
    def urls(self) -> Sequence[str]:
        return (self.services.identity, self.services.management, self.services.scheduler)

    def secret(self) -> Secret:
        """Read the credential: a client's secret, or a token.

        Raises:
            CredentialsError: There is none.
        """
        client, token = read_account(self._pointer, self._environ)
        return client[1] if client else cast(Secret, token)

    # -- lists ----------------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List all backend classes of the platform."""
        url = f"{self.services.management}/v1/backends/classes"
        return [row async for row in self.pages(url, "backend_classes")]

    async def categories(self) -> Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
        """List what jobs can be for: each category of the platform with its subcategories."""
        found = []
        async for category in self.pages("jobs/categories", "categories"):
            path = f"jobs/categories/{quote(id_of(category))}/subcategories"
            found.append((category, [row async for row in self.pages(path, "categories")]))
        return found

    async def subcategories(self) -> Sequence[Mapping[str, Any]]:
        """List the subcategories of all categories."""
        return [row for _, theirs in await self.categories() for row in theirs]

    async def find_backend(self, wanted: str) -> Mapping[str, Any]:
        """Return the backend class of that short code or id, or of that name (any case).

        Raises:
            Unfit: There is none, or the name is of several.
        """
        rows = await self.backends()
        for row in rows:
            if wanted and wanted in (row.get("short_code"), row.get("id")):
                return row
        fitting = [row for row in rows if wanted and _name_of(row) == wanted.casefold()]
        if len(fitting) == 1:
            return fitting[0]
        codes = [code_of(row) for row in fitting or rows]
        if fitting:
            raise Unfit(
                f"open-quantum: {wanted!r} is the name of {len(fitting)} backends; write target: "
                f"{' or '.join(codes)}"
            )
        names = {_name_of(row): code_of(row) for row in rows} | {code: code for code in codes}
        near = dict.fromkeys(names[name] for name in nearest_few(wanted.casefold(), names))
        raise no_target("open-quantum", wanted, [*near] or codes, noun="backend")

    async def check_subcategory(self, wanted: str) -> None:
        """See that the platform knows what a job is for.

        Raises:
            Unfit: It does not.
        """
        rows = await self.subcategories()
        if any(wanted in (row.get("short_code"), row.get("id")) for row in rows):
            return
        codes = [code_of(row) for row in rows]
        raise Unfit(
            f"open-quantum: {wanted!r} is no subcategory; write options: {{subcategory: …}}, "
            f"such as {' or '.join(few(wanted, codes))}"
        )

    async def organization_id(self) -> str:
        """Return whose credits are spent, asking for it once.

        Raises:
            Unfit: The account has none, or several and nobody said which.
        """
        if self.organization is None:
            wanted = self._payer or self._environ.get("OPENQUANTUM_ORGANIZATION_ID")
            url = f"{self.services.management}/v1/users/organizations"
            rows = [row async for row in self.pages(url, "organizations")]
            fitting = [row for row in rows if wanted in (None, row.get("id"), row.get("name"))]
            if len(fitting) != 1:
                told = (f"{word(row.get('name'))} ({word(row.get('id'))})" for row in rows)
                names = ", ".join(list(told)[:MOST_NAMES])
                raise Unfit(
                    f"open-quantum: whose credits are spent; write options: {{organization: …}}, "
                    f"one of: {names or 'none, the account belongs to no organization'}"
                )
            self.organization = id_of(fitting[0])
        return self.organization

    async def balance(self) -> Mapping[str, Any]:
        """Return the credits of the organization."""
        organization = await self.organization_id()
        url = f"{self.services.management}/v1/organizations/{organization}/transactions/balance"
        return (await self.ask("GET", url)).object()

    def jobs(self, organization: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Walk the job list of an organization."""
        return self.pages(f"organizations/{organization}/jobs", "jobs")

    async def pages(self, path: str, key: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Walk a list over all its pages."""
        cursor: str | None = None
        for _ in range(10_000):
            params: dict[str, str | int] = {"limit": 50} | ({"cursor": cursor} if cursor else {})
            answer = (await self.ask("GET", path, params=params)).object()
            if not isinstance(answer.get(key), list):
                raise Misspoke(f"open-quantum: GET {path}: no list of {key}: {answer!r:.120}")
            for row in records(answer[key]):
                yield row
            before, cursor = cursor, record(answer.get("pagination")).get("next_cursor")
            if not cursor:
                return
            if not isinstance(cursor, str) or cursor == before:
                break
        raise Misspoke(f"open-quantum: the list {key} has no end")

    # -- requests -------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request that has to succeed."""
        reply = await self.send(method, path, **request)
        expect(reply)
        return reply

    async def send(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request with the token.

        Args:
            method: HTTP's.
            path: Below the scheduler's base, or a whole URL.
            request: As the wire takes it.
        """
        if self._account is None:
            self._account = open_account(self.services, self._pointer, self._environ, self.wire)
        url = path if "://" in path else f"{self.services.scheduler}/v1/{path}"
        return await self._account.send(lambda token: self._send_as(token, method, url, **request))

    async def _send_as(self, token: Secret, method: str, url: str, **request: Any) -> Reply:
        headers = {"authorization": f"Bearer {self.wire.reveal(token)}"}
        if "content" in request:
            headers["content-type"] = "application/json"
        return await self.wire.send(method, url, headers=headers, **request)


def _name_of(row: Mapping[str, Any]) -> str:
    """Return the name that people read of a backend class, without its case."""
    return word(row.get("name")).casefold()
