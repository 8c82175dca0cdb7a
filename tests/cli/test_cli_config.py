"""What is set outside of manifests is shown with where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call

CONFIGURATION = """\
[manifests]
hosts = ["qpu.lab.example"]
credentials = ["env:LAB_TOKEN"]
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of qbatch's is set, and the home folder is empty."""
    for name in ("QBATCH_CONFIG", "QBATCH_STATE_DIR", "XDG_STATE_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "etc"))


def shown(said: Any) -> dict[str, tuple[str, str]]:
    return {each["key"]: (each["value"], each["source"]) for each in said.json}


def test_without_a_configuration_nothing_is_allowed(qbatch: Call, tmp_path: Path) -> None:
    found = shown(qbatch("config", "--json"))
    file = tmp_path / "etc" / "qbatch" / "config.toml"
    assert found["configuration"] == (f"{file} (not there)", "variable XDG_CONFIG_HOME")
    assert found["manifests.hosts"] == ("", "default")
    assert found["NO_COLOR"] == ("", "default")
    assert found["state"][1] == "default"


def test_each_value_names_the_file_or_variable_that_says_so(
    qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(CONFIGURATION)
    monkeypatch.setenv("QBATCH_CONFIG", str(file))
    monkeypatch.setenv("QBATCH_STATE_DIR", "/var/q")
    (tmp_path / "qbatch.toml").touch()
    found = shown(qbatch("config", "--json"))
    assert found["configuration"] == (str(file), "variable QBATCH_CONFIG")
    assert found["manifests.hosts"] == ("qpu.lab.example", str(file))
    assert found["manifests.credentials"] == ("env:LAB_TOKEN", str(file))
    assert found["manifests.engines"] == ("", "default")
    assert found["state"] == ("/var/q", "variable QBATCH_STATE_DIR")
    assert found["project"][0] == str(tmp_path)
    assert "qpu.lab.example" in qbatch("config").out


def test_a_wrong_configuration_is_told_at_its_file(qbatch: Call, tmp_path: Path) -> None:
    file = tmp_path / "etc" / "qbatch" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[manifest]\n")
    said = qbatch("config")
    assert said.code == 3
    assert f"{file}: unknown key 'manifest'" in said.err
