"""Who we are at Open Quantum: where its services are, and a token that lives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from pathlib import Path

from qbatch.errors import CredentialsError, Misspoke
from qbatch.frozen import dataclass
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret, find_address, read_pointer
from qbatch.providers.kit.untrusted import amount
from qbatch.providers.kit.wire import Wire

URL_VARIABLES = (
    "QBATCH_OPEN_QUANTUM_URL",
    "OPENQUANTUM_KEYCLOAK_BASE",
    "OPENQUANTUM_MANAGEMENT_URL",
    "OPENQUANTUM_SCHEDULER_URL",
)
CREDENTIAL_VARIABLES = ("OPENQUANTUM_TOKEN", "OPENQUANTUM_CLIENT_SECRET")


@dataclass(frozen=True, slots=True)
class Services:
    """Base URLs, without a trailing slash."""

    identity: str
    management: str
    scheduler: str
    realm: str = "platform"


def find_services(url: str | None, environ: Mapping[str, str]) -> Services:
    """Return where the services are.

    One URL (the manifest's ``url`` or QBATCH_OPEN_QUANTUM_URL) serves all three under the prefixes
    ``/idp``, ``/mgmt`` and ``/sched``; else the vendor's own variables, else the cloud itself.
    """
    realm = environ.get("OPENQUANTUM_KEYCLOAK_REALM", "platform")
    stem = find_address(url, URL_VARIABLES[:1], environ, "")
    if stem:
        return Services(f"{stem}/idp", f"{stem}/mgmt", f"{stem}/sched", realm)

    def where(variable: str, default: str) -> str:
        return find_address(None, [variable], environ, default)

    return Services(
        where("OPENQUANTUM_KEYCLOAK_BASE", "https://id.openquantum.com"),
        where("OPENQUANTUM_MANAGEMENT_URL", "https://management.openquantum.com"),
        where("OPENQUANTUM_SCHEDULER_URL", "https://scheduler.openquantum.com"),
        realm,
    )


def open_account(
    services: Services, pointer: str | None, environ: Mapping[str, str], wire: Wire
) -> Bearer:
    """Return who we are at the identity service: a fixed token, or client credentials.

    Raises:
        CredentialsError: There is neither.
    """
    client, fixed = read_account(pointer, environ)

    async def issue() -> tuple[Secret, float]:
        if client is None:
            assert fixed is not None
            return fixed, inf
        return await _issue_token(services, client, wire)

    return Bearer(issue)


async def _issue_token(
    services: Services, client: tuple[str, Secret], wire: Wire
) -> tuple[Secret, float]:
    client_id, secret = client
    reply = await wire.send(
        "POST",
        f"{services.identity}/realms/{services.realm}/protocol/openid-connect/token",
        form={
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": wire.reveal(secret),
        },
        deadline_s=20.0,
        is_secret=True,
    )
    if reply.status in (400, 401, 403):
        raise CredentialsError(
            f"open-quantum: the client id and secret from {secret.source} are refused "
            f"({reply.status})"
        )
    if not reply.is_success:
        raise reply.failure("no token")
    answer = reply.object()
    token, life_s = answer.get("access_token"), amount(answer.get("expires_in"))
    if not isinstance(token, str) or not token:
        raise Misspoke("open-quantum: the identity service gave no access_token")
    return Secret(token, secret.source), 300.0 if life_s is None else life_s


def read_account(
    pointer: str | None, environ: Mapping[str, str]
) -> tuple[tuple[str, Secret] | None, Secret | None]:
    """Find the account: client id with secret, or a fixed token; the first source that has one.

    A ``credentials:`` pointer may lead to a token or to the JSON of a key file.

    Raises:
        CredentialsError: There is none, or the key file is no key file.
    """
    if pointer is not None:
        found = read_pointer(pointer, environ)
        return (_read_key(found), None) if found.reveal().startswith("{") else (None, found)
    key_file = environ.get("OPENQUANTUM_SDK_KEY")
    if key_file:
        return _read_key(read_pointer(f"file:{Path(key_file)}", environ)), None
    if environ.get("OPENQUANTUM_TOKEN"):
        return None, Secret(environ["OPENQUANTUM_TOKEN"], "env:OPENQUANTUM_TOKEN")
    client_id, secret = (environ.get(f"OPENQUANTUM_CLIENT_{part}") for part in ("ID", "SECRET"))
    if client_id and secret:
        return (client_id, Secret(secret, "env:OPENQUANTUM_CLIENT_SECRET")), None
    raise CredentialsError(
        "open-quantum: no credential: set OPENQUANTUM_CLIENT_ID and OPENQUANTUM_CLIENT_SECRET, "
        "or OPENQUANTUM_SDK_KEY to the path of a key file"
    )


def _read_key(found: Secret) -> tuple[str, Secret]:
    try:
        key = json.loads(found.reveal())
        return str(key["client_id"]), Secret(str(key["client_secret"]), found.source)
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(
            f"open-quantum: {found.source} is no key file (JSON with client_id and client_secret)"
        ) from error
