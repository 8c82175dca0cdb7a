"""What goes to other people is looked through for credentials first."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qbatch.errors import SnapshotError

#: Keys of clouds, by their looks.
SECRETS = re.compile(
    r"marqey_(live|test)_\w{8,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bbearer\s+[\w.-]{16,}"
    r"|\bauthentication-token\W+[\w-]{16,}",
    re.IGNORECASE,
)


def scan(files: Mapping[str, bytes], what: str) -> None:
    """See that no file holds what looks like a credential.

    Args:
        files: Path -> content.
        what: They are for, in a word.

    Raises:
        SnapshotError: One does.
    """
    for path, body in files.items():
        if SECRETS.search(body.decode("utf-8", "replace")):
            raise SnapshotError(
                f"{path} of the {what} would hold what looks like a credential; take it "
                "out of the manifest, and change it at its provider; nothing was written"
            )
