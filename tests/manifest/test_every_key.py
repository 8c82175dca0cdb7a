"""The manifests that show every key have every key, and are right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from qbatch.manifest import load_manifest
from qbatch.manifest.examples import manifests
from qbatch.manifest.reading import possible
from qbatch.manifest.schema import generate
from qbatch.plan import expand
from qbatch.providers import manifest_schema

ROOT = Path(__file__).parents[2]
SCHEMA = manifest_schema()
FUNCTIONS = """\
def build(n, theta):
    text = "OPENQASM 3.0; include 'stdgates.inc'; input float theta; qubit q; bit c; ry(theta) q;"
    return text.replace("input float theta;", "").replace("theta", str(theta)) + " c = measure q;"

def energy(theta, scale):
    return f"{scale} Z0"

def exact(theta):
    return 1.0

def share(counts, scale):
    return scale, 0.1

def trend(points):
    return 0.5, 0.1
"""
TOYS = """\
import qbatch

def sizes(counts): ...
def widest(run): ...
def fresh(at_once): ...

kinds = dict.fromkeys(("a", "tau", "beta"), "above 0")
stretched = qbatch.FitModel(lambda x, **_: x, kinds, lambda x, y: [], "x")
"""
FILES = {
    "functions.py": FUNCTIONS,
    "report.md.j2": "# {{ name }}\n",
    "prices/2026-11.yaml": "date: 2026-11-01\nconvert: {credits: {usd: 0.01}}\n",
    "tables/angles.csv": "theta\n0.1\n0.2\n",
    "tables/z.csv": "theta,z\n0,1\n3.2,-1\n",
    "tables/h2.json": '[["ZII", 0.5], ["IIZ", 0.25]]',
    "tables/calibration.json": '{"qubits": [{}, {}], "gates": [{"gate": "any", "error": 0.001}]}',
    "site/toys-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: toys\nVersion: 1\n",
    "site/toys-1.dist-info/entry_points.txt": (
        "[qbatch.analyses]\nsizes = toys:sizes\n[qbatch.sections]\nwidest = toys:widest\n"
        "[qbatch.fits]\nstretched = toys:stretched\n[qbatch.engines]\nfresh = toys:fresh\n"
    ),
    "site/toys.py": TOYS,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the manifests name lies there, and the package that they name is installed."""
    shutil.copytree(ROOT / "manifests" / "circuits", tmp_path / "circuits")
    (tmp_path / "qbatch.toml").touch()
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path


@pytest.mark.parametrize("name", manifests())
def test_a_manifest_that_shows_keys_is_right_and_can_be_planned(name: str, folder: Path) -> None:
    path = folder / f"{name}.yaml"
    path.write_text(manifests()[name])
    for decided in possible(load_manifest(path, trust=True)):
        assert [*islice(expand(decided).points(), 3)]


def keys_of(part: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a schema has, with what is said of it."""
    if isinstance(part, list):
        for each in part:
            yield from keys_of(each, name)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "properties" and "const" not in str(value.get("provider", "")):
                for inner, said in value.items():
                    yield f"{name}.{inner}", said
                    yield from keys_of(said, f"{name}.{inner}")
            elif key not in ("$defs", "examples"):
                yield from keys_of(value, name)


def all_keys() -> list[tuple[str, dict[str, Any]]]:
    parts = {"": SCHEMA, **SCHEMA["$defs"]}
    return [each for name, part in parts.items() for each in keys_of(part, name)]


def test_every_key_has_an_example_by_the_manifests_that_show_all() -> None:
    assert [name for name, said in all_keys() if "examples" not in said] == []
    assert len(all_keys()) > 230


def test_every_example_is_one() -> None:
    for name, said in all_keys():
        checked = jsonschema.Draft202012Validator({**said, "$defs": SCHEMA["$defs"]})
        for example in said["examples"]:
            assert not (found := [*checked.iter_errors(example)]), (name, example, found)


def test_a_key_that_will_go_is_struck_through() -> None:
    class Options(BaseModel):
        """Of a cloud.

        Attributes:
            old: As it was called.
        """

        old: int = Field(default=1, deprecated="say new")

    part = generate({"a-cloud": {"options": Options}})["$defs"]["a-cloud-options"]
    assert part["properties"]["old"]["deprecated"] is True
