"""Which packages a run tells of: those that Python's own reader finds, whatever they are like."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

import pytest

from qbatch.plan.pinning.lock import installed_packages

README = "\n# A README\n\nName: of-the-readme\nVersion: 9\n"

#: Metadata of a package as it may be, by the package's name.
ODD = {
    "plain": "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n" + README,
    "late": "Metadata-Version: 2.1\nSummary: Name: no\n\tVersion: 0\nVersion: 2\nName: late\n",
    "twice": "Name: twice\nVersion: 3\nVersion: 4\n" + README,
    "dos": "Name: dos\r\nVersion: 5\r\n\r\nVersion: 6\r\n",
    "spaced": "Name:   spaced  \nVersion:7\n",
    "small": "name: small\nversion: 8\n",
    "folded": "Name: folded\nDescription: of\n        Version: 0\nVersion: 10\n",
}


def test_packages_are_those_that_python_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, told in ODD.items():
        folder = tmp_path / f"{name}-0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_bytes(told.encode())
    egg = tmp_path / "egg.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: egg\nVersion: 11\n")
    monkeypatch.syspath_prepend(tmp_path)

    found = {f"{each.name}=={each.version}" for each in distributions()}

    (tmp_path / "left.dist-info").mkdir()  # pip was stopped
    (folder := tmp_path / "broken-0.dist-info").mkdir()
    (folder / "METADATA").write_text("Name: broken\n" + README)

    assert {"twice==3", "egg==11", "small==8", "dos==5"} <= found
    assert installed_packages.__wrapped__() == tuple(sorted(found, key=str.lower))
