from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import NamedTuple

import pytest

from qbatch.errors import Refused
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Surroundings,
    open_driver,
)


def announce(monkeypatch, value: str) -> None:
    points = EntryPoints([EntryPoint("theirs", value, "qbatch.providers")])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points.select(group=group))


class Theirs(NamedTuple):
    """As much of a driver as finding one asks of it."""

    name: str
    folder: Path
    is_local: bool = False


def make(backend: Backend, *, name: str, surroundings: Surroundings) -> Theirs:
    return Theirs(name, surroundings.folder)


def open_theirs() -> object:
    return open_driver(Backend(provider="theirs"), name="b", folder=Path("here"))


def test_a_third_partys_driver_is_found_by_its_entry_point(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "their_package", SimpleModule())
    announce(monkeypatch, "their_package:make")
    assert open_theirs() == Theirs("b", Path("here"))


def test_an_entry_point_may_name_a_module(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "their_package", SimpleModule())
    announce(monkeypatch, "their_package")
    assert open_theirs() == Theirs("b", Path("here"))


class SimpleModule:
    make = staticmethod(make)
    open_driver = staticmethod(make)
    __spec__ = None


def test_a_package_that_cannot_be_loaded_is_told(monkeypatch):
    announce(monkeypatch, "no_such_package:make")
    with pytest.raises(Refused, match="theirs: its driver no_such_package:make cannot be loaded"):
        open_theirs()


def test_an_unknown_provider_is_told_with_those_that_are_known(monkeypatch):
    announce(monkeypatch, "their_package")
    backend = Backend.model_construct(provider="nowhere")  # a manifest would have refused it
    with pytest.raises(Refused, match=r"'nowhere' is no provider \(.*local, .*theirs\)"):
        open_driver(backend, name="b", folder=Path())
