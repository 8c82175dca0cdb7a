"""How a driver names the account that it uses, so that purchases are told apart by who pays.

Rules: a name is readable and holds no secret. Of a credential of which the cloud tells no owner, a
digest stands in its place: keyed with the run's id, so that it is none of the secret alone, and
folders of several runs cannot be held against one another.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from hashlib import blake2b
from urllib.parse import urlsplit

from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.untrusted import decode, identifier, record

_DIGEST = re.compile(r"\bcredential #[0-9a-f]+\b")


def named(base: str, *told: str) -> str:
    """Return an account's name.

    Args:
        base: URL of the service that takes jobs.
        told: What identifies the account there; "" for nothing.

    >>> named("https://API.scaleway.com/", "project 6170692e")
    'project 6170692e at api.scaleway.com'
    """
    url = urlsplit(base)
    return f"{', '.join(filter(None, told))} at {url.netloc.lower()}{url.path.rstrip('/')}"


def owner(credential: Secret, run_id: str) -> str:
    """Name whose a credential is: by what it says itself, else by its digest.

    >>> owner(Secret("marqey_test_1", "env:KEY"), "run1")
    'credential #c6bd5113d736'
    """
    return subject(credential) or f"credential {digest(credential, run_id)}"


def comparable(account: str) -> str:
    """Return an account's name without what stands for a credential in one run alone.

    >>> comparable("instance 7, credential #c6bd5113d736 at localhost")
    'instance 7, a credential at localhost'
    """
    return _DIGEST.sub("a credential", account)


def subject(token: Secret) -> str:
    """Return the subject of a token that says it (a JWT), which outlives the token; "" for none.

    Nobody is trusted for it: a token that lies is not taken by its cloud.
    """
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = record(decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))))
    except ValueError:
        return ""
    found = identifier(claims.get("iam_id")) or identifier(claims.get("sub"))
    return f"user {found}" if found else ""


def digest(secret: Secret, run_id: str) -> str:
    """Return a secret's digest, keyed with the run's id."""
    key = blake2b(run_id.encode()).digest()
    return f"#{blake2b(secret.reveal().encode(), key=key, digest_size=6).hexdigest()}"
