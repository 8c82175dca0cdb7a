"""Where configuration files are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from qbatch.project import project_root

#: Names a configuration file other than the person's own.
CONFIGURATION = "QBATCH_CONFIG"

#: A project's file, and the one that may have a table ``[tool.qbatch]`` in its place.
PROJECTS, PYPROJECT = "qbatch.toml", "pyproject.toml"


def configuration_file(environ: Mapping[str, str]) -> Path:
    """Return where the person's own configuration is, whether there is one or not.

    >>> configuration_file({"XDG_CONFIG_HOME": "/home/me/etc"})
    PosixPath('/home/me/etc/qbatch/config.toml')
    """
    if own := environ.get(CONFIGURATION):
        return Path(own)
    if users := environ.get("XDG_CONFIG_HOME"):
        return Path(users) / "qbatch" / "config.toml"
    try:
        return Path.home() / ".config" / "qbatch" / "config.toml"
    except RuntimeError:  # nobody says where the home folder is: there is no configuration
        return Path(os.devnull)


def project_files(folder: Path) -> list[Path]:
    """Return the files that may configure the project of a folder, as many as there are."""
    try:
        root = project_root(folder)
    except OSError:  # the folder is gone
        return []
    return [file for name in (PROJECTS, PYPROJECT) if (file := root / name).is_file()]
