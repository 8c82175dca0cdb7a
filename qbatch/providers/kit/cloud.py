"""What is alike in every driver of a cloud: where it speaks, by which credential, that it ends.

Rule: no protocol stands here. What a driver promises is `qbatch.providers.Driver`; this is the part
of it that is its service's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.wire import Wire


class Service(Protocol):
    """A cloud as its driver speaks to it.

    Attributes:
        wire: To it.
    """

    wire: Wire

    @property
    def urls(self) -> Sequence[str]:
        """Where its services are."""
        ...

    def secret(self) -> Secret:
        """Read the credential.

        Raises:
            CredentialsError: There is none; the message names the variables to set.
        """
        ...


class SpeaksToCloud:
    """The part of a driver that is its service's.

    Args:
        name: The backend's in the manifest.
        service: The cloud.
    """

    is_local = False

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self._cloud = service

    @property
    def is_emulated(self) -> bool:
        """An emulator stands in for the cloud."""
        return self._cloud.wire.is_emulated

    def base_urls(self) -> Sequence[str]:
        """Return where the cloud's services are."""
        return self._cloud.urls

    def credential_source(self) -> str:
        """Say where the credential comes from; never its text.

        Raises:
            CredentialsError: There is none; the message names the variables to set.
        """
        return self._cloud.secret().source

    async def aclose(self) -> None:
        """Close connections."""
        await self._cloud.wire.aclose()
