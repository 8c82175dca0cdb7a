"""P39: a package of an extra that is missing is told with its remedy, and is no bug of qbatch's."""

from __future__ import annotations

import ast
import builtins
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qbatch as package
from qbatch import errors
from qbatch.cli.exits import _OF_ERROR
from tests.cli.conftest import REPORT

Call = Callable[..., Any]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python in which nothing of the extra ``data`` is installed."""
    real, gone = builtins.__import__, ("pandas", "xarray", "h5netcdf", "pyarrow")

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("qbatch.exchange.exports.find_spec", lambda name: None)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("form", "name"), [("parquet", "pandas"), ("netcdf", "xarray")])
@pytest.mark.parametrize("verb", ["export", "report"])
def test_a_verb_that_needs_it_says_so(
    verb: str, form: str, name: str, qbatch: Call, done: Path
) -> None:
    said = qbatch(verb, done, "-f", form, *(("-o", "results.x") if verb == "export" else ()))
    assert said.code == 2
    told, _, topic = said.err.partition("more: ")
    assert told == f"qbatch: {name} is not installed; pip install 'qbatch[data]' brings it\n"
    assert topic == "qbatch help python\n"  # which says what brings it
    assert not Path("results.x").exists()


@pytest.mark.usefixtures("bare")
def test_a_run_that_could_not_write_its_report_does_not_begin(qbatch: Call, manifest: Path) -> None:
    text = manifest.read_text().replace(REPORT, "report: {formats: [md, parquet]}\n")
    manifest.write_text(text)
    said = qbatch("run", manifest)
    assert said.code == 2
    assert "parquet: pandas is not installed; pip install" in said.err
    assert not Path("runs").exists()


MANIFEST = """\
qbatch: 1
name: bell
circuits: {bell: bell.qasm}
backends:
  sim: {provider: local, BACKEND}
sweep: {seed: 1}
shots: 100
"""


def test_a_library_that_a_manifest_names_is_asked_for_before_anything_runs(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.write_text(MANIFEST.replace("BACKEND", "options: {method: stim}"))
    monkeypatch.setitem(sys.modules, "stim", None)
    for verb in ("plan", "run"):
        said = qbatch(verb, manifest)
        assert said.code == 3
        assert "sim: options.method: stim is not installed; pip install 'qbatch[stim]'" in said.err
    assert not Path("runs").exists()


def test_a_library_that_a_manifest_names_is_pinned_with_its_version(
    qbatch: Call, manifest: Path
) -> None:
    stim = pytest.importorskip("stim")
    for options, pinned in (("{}", None), ("{method: stim}", stim.__version__)):
        manifest.write_text(MANIFEST.replace("BACKEND", f"options: {options}"))
        assert qbatch("run", manifest, "--no-report").code == 0
        (entry,) = json.loads(Path("qbatch.lock").read_text())["manifests"].values()
        assert entry["versions"].get("stim") == pinned


def test_a_cluster_without_its_client_is_told_so_beside_other_backends(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    manifest.write_text(MANIFEST.replace("BACKEND", 'engine: {dask: "tcp://127.0.0.1:9"}'))
    said = qbatch("backends", manifest, "--provider", "local", "--trust")
    assert said.code == 3
    assert "dask: distributed is not installed; pip install 'qbatch[dask]'" in said.err


def kinds(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(below for each in kind.__subclasses__() for below in kinds(each))]


def test_only_a_bug_of_ours_is_called_one() -> None:
    ours = {each for each in kinds(errors.QbatchError) if each.__module__ == "qbatch.errors"}
    bugs = {each for each in ours if not any(issubclass(each, kind) for kind, _ in _OF_ERROR)}
    assert bugs == {errors.QbatchError, errors.JobStateError}


@pytest.mark.slow
def test_nothing_raises_the_root_of_the_tree() -> None:
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                assert getattr(node.func, "id", "") != "QbatchError", path
