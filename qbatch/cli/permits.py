"""The person's word on where a manifest may send credentials: see `providers.kit.permission`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.errors import Elsewhere, ProviderError, SourceErrors

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Backend
    from qbatch.providers import Surroundings


def surroundings_of(manifest: Manifest | None, *, trust: bool) -> Surroundings:
    """Return what drivers may see of the world, and where they may send credentials.

    At a terminal each host that is neither the vendor's nor allowed is asked about; elsewhere, and
    after a no, opening its driver says what is to be done.

    Args:
        manifest: None: credentials go where the environment says.
        trust: The manifest may send them wherever it says, by https.

    Raises:
        SourceError: The person's configuration is wrong.
    """
    from qbatch.providers import Surroundings, is_local

    around = Surroundings.of_this_process(is_trusted=trust)
    if manifest is None or not _is_attended():
        return around
    for name, backend in manifest.known_backends.items():
        if not is_local(backend.provider):
            around = _ask_about(name, backend, manifest.folder, around)
    return around


def surroundings_for(path: Path, overrides: Sequence[str], *, trust: bool) -> Surroundings:
    """Do the same for a manifest that is not read yet; its mistakes are told by who expands it."""
    from qbatch.manifest import load_manifest

    manifest = None
    if _is_attended():
        with suppress(SourceErrors):
            manifest = load_manifest(path, overrides=overrides, trust=trust)
    return surroundings_of(manifest, trust=trust)


def _is_attended() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_about(name: str, backend: Backend, folder: Path, around: Surroundings) -> Surroundings:
    """Ask for each host that a backend's credential would go to, until all are allowed."""
    from dataclasses import replace

    from qbatch.providers import open_driver

    while True:
        try:
            open_driver(backend, name=name, folder=folder, surroundings=around)
        except Elsewhere as error:
            if error.host is None or not _agrees(name, error):
                return around
            permission = around.permission.with_host(error.host)
            around = replace(around, permission=permission)
        except (ProviderError, ValueError):  # told by who uses it
            return around
        else:
            return around


def _agrees(name: str, error: Elsewhere) -> bool:
    secret = f"the credential from {error.source}" if error.source else "its credential"
    try:
        return click.confirm(f"Backend {name}: send {secret} to {error.host}?", err=True)
    except click.Abort:
        raise KeyboardInterrupt from None
