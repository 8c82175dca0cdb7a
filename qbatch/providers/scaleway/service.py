"""Scaleway's API, asked: who asks, which project pays, lists over all their pages, single records.

Rules: what a batch or a session of ours is, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import CredentialsError, Misspoke, Unavailable
from qbatch.providers import Surroundings
from qbatch.providers.kit.credentials import Secret, find_address, find_credential
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.untrusted import is_word, number
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.scaleway.replies import expect

BASE_URL = "https://api.scaleway.com"
URL_VARIABLES = ("QBATCH_SCALEWAY_URL", "QISKIT_SCALEWAY_API_URL", "SCW_API_URL")
KEY_VARIABLES = ("QISKIT_SCALEWAY_SECRET_KEY", "SCW_SECRET_KEY")
VENDOR = Vendor(("scaleway.com",), URL_VARIABLES, KEY_VARIABLES)
PROJECT_VARIABLES = ("QISKIT_SCALEWAY_PROJECT_ID", "SCW_PROJECT_ID", "SCW_DEFAULT_PROJECT_ID")

#: Rows asked for at once.
PAGE = 100


class Service:
    """The API as one key and one project see it.

    Args:
        url: The manifest's word for where it is.
        pointer: The manifest's word for where the secret key is.
        project_id: The manifest's word for who pays.
        surroundings: What may be seen of the world.
    """

    def __init__(
        self, url: str | None, pointer: str | None, project_id: str | None, around: Surroundings
    ) -> None:
        self.base = find_address(url, URL_VARIABLES, around.environ, BASE_URL)
        self.wire = open_wire("scaleway", around)
        self._pointer = pointer
        self._project_id = project_id
        self._environ = around.environ

    def project(self) -> str:
        """Say who pays.

        Raises:
            CredentialsError: Nobody says.
        """
        named = (self._environ.get(name) for name in PROJECT_VARIABLES)
        found = self._project_id or next((value for value in named if value), None)
        if not found:
            raise CredentialsError(
                "scaleway: which project pays? write options: {project_id: …}, or set "
                f"{PROJECT_VARIABLES[0]}"
            )
        return found

    @property
    def urls(self) -> Sequence[str]:
        return (self.base,)

    def secret(self) -> Secret:
        """Find the secret key.

        Raises:
            CredentialsError: There is none.
        """
        return find_credential(self._pointer, KEY_VARIABLES, self._environ)

    # -- requests -------------------------------------------------------------------------------

    async def rows(self, path: str, key: str, params: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """Read a list over all its pages; how many rows make a page is the service's choice."""
        rows: list[Mapping[str, Any]] = []
        for page in range(1, 10_000):
            asked = {**params, "page": page, "page_size": PAGE}
            answer = (await self.ask("GET", path, params=asked)).object()
            more = answer.get(key)
            if more == rows and rows:
                raise Misspoke(f"scaleway: GET {path}: page {page} is the first again")
            if not isinstance(more, list) or not all(isinstance(one, dict) for one in more):
                raise Misspoke(f"scaleway: GET {path}: no list of {key}: {answer!r:.120}")
            rows += more
            total = number(answer.get("total_count"))  # a number, or a text that is one
            if not more or (total and len(rows) >= total > 0):
                return rows
        raise Misspoke(f"scaleway: GET {path}: the list has no end")

    async def record(self, path: str) -> Mapping[str, Any] | None:
        """Read one record; None where there is none any more."""
        reply = await self.send("GET", path)
        if reply.status == 404:
            return None
        expect(reply)
        return reply.object()

    async def ask(self, method: str, path: str, **request: Any) -> Reply:
        """Send, and expect a success."""
        reply = await self.send(method, path, **request)
        expect(reply)
        return reply

    async def send(self, method: str, path: str, **request: Any) -> Reply:
        headers = {"x-auth-token": self.wire.reveal(self.secret())}
        url = f"{self.base}/qaas/v1alpha1/{path}"
        return await self.wire.send(method, url, headers=headers, **request)

    # -- what there is --------------------------------------------------------------------------

    async def platforms(self) -> Sequence[Mapping[str, Any]]:
        """List all platforms."""
        rows = await self.rows("platforms", "platforms", {"order_by": "name_asc"})
        if not all(is_word(one.get("name")) for one in rows):
            raise Misspoke("scaleway: GET platforms: one has no name")
        return rows

    async def results(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """List the rows of a job's results, oldest first; before its end, those there are."""
        params = {"order_by": "created_at_asc"}
        return await self.rows(f"jobs/{job_id}/results", "job_results", params)

    async def text_of(self, row: Mapping[str, Any]) -> str | None:
        """Return a row's result, wherever it is; the URL authorises by itself."""
        text, url = row.get("result"), row.get("url")
        if isinstance(text, str) and text:
            return text
        if not isinstance(url, str) or not url:
            return None
        reply = await self.wire.send("GET", url, is_bare=True)
        if not reply.is_success:  # such URLs end; the next try reads a fresh one
            raise Unavailable(f"scaleway: a result's URL answered {reply.status}")
        return reply.content.decode("utf-8", "replace")

    async def job_circuit(self, job_id: str) -> Mapping[str, Any]:
        """Read the circuit that a job was posted with; {} for one that came as a model."""
        return (await self.ask("GET", f"jobs/{job_id}/circuit")).object()

    async def update_job(self, job_id: str, *, name: str, tags: Sequence[str]) -> None:
        """Change how a job is called; only of one that is never to be looked for by its name."""
        change = {"name": name, "tags": list(tags)}
        await self.ask("PATCH", f"jobs/{job_id}", json=change)
