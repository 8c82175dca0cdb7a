"""A run folder that a stranger gave has no file read from a place that it names."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import qbatch as package
from qbatch.manifest.named_files import PLACES
from qbatch.snapshot import home
from tests.cli.conftest import BELL, Call

MANIFEST = """\
qbatch: 1
name: named
extends: bases/base.yaml
circuits:
  bell: bell.qasm
  ring: {template: ring.qasm.j2}
  code: {python: "code.py:build"}
backends:
  sim: {provider: local, limits: {workers: 1}, noise: {calibration: machine.json}}
sweep:
  matrix: {circuit: [bell, ring, code], shots: {from: {file: shots.csv, column: shots}}}
analysis:
  observables: {h: {file: h.json}, made: {python: "code.py:energy"}}
  expected: {h: {file: exact.csv, column: h}, made: {python: "code.py:exact"}}
  own: {own: {python: "code.py:own"}}
budget: {prices: prices.yaml}
reuse: [runs/before]
report: {template: own.md.j2, formats: [md, html, csv, json]}
"""

WITHOUT_REUSE = MANIFEST.replace("reuse: [runs/before]\n", "")

CODE = f"""\
def build(): return {BELL!r}
def energy(): return "Z0"
def exact(): return 0.0
def own(counts): return 0.5, 0.1
"""

FILES = {
    "named.yaml": MANIFEST,
    "bases/base.yaml": "tags: [based]\n",
    "bell.qasm": BELL,
    "ring.qasm.j2": BELL,
    "code.py": CODE,
    "machine.json": '{"qubits": [{}, {}], "gates": [{"gate": "h"}, {"gate": "cx"}]}',
    "shots.csv": "shots\n10\n20\n",
    "h.json": '[["ZI", 0.5], ["IZ", 0.25]]',
    "exact.csv": "shots,h\n10,0\n20,0\n",
    "prices.yaml": "date: 2026-11-01\nconvert: {credits: {usd: 0.01}}\n",
    "own.md.j2": "# {{ name }}\n",
    "qbatch.toml": 'color = "never"\n',
}

#: Where a manifest names a file -> how this one does there; "" for another key of the same file.
NAMED = {
    "circuits/*": "bell.qasm",
    "circuits/*/file": "",
    "circuits/*/template": "ring.qasm.j2",
    "circuits/*/python": "code.py",
    "reuse/[]": "runs/before",
    "budget/prices": "prices.yaml",
    "report/template": "own.md.j2",
    "analysis/observables/*/file": "h.json",
    "analysis/observables/*/python": "code.py:energy",
    "analysis/expected/*/file": "exact.csv",
    "analysis/expected/*/python": "code.py:exact",
    "analysis/own/*/python": "code.py:own",
    "backends/*/noise/calibration": "machine.json",
    "sweep/matrix/*/from/file": "shots.csv",
}

_opened: list[str] = []
_is_watching = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching and event in ("open", "os.listdir", "os.scandir"):
        _opened.append(str(arguments[0]))


sys.addaudithook(_hook)


@contextmanager
def watching() -> Iterator[list[str]]:
    """Give what this process opens meanwhile."""
    global _is_watching
    _opened.clear()
    _is_watching = True
    try:
        yield _opened
    finally:
        _is_watching = False


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The folder in which the manifest of the run stands, with all that it names."""
    folder = tmp_path / "theirs"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def given(there: Path, qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of which this person knows nothing."""
    folder = tmp_path / "mine" / "given"
    folder.parent.mkdir()
    (there / "runs").mkdir()
    before = there / "before.yaml"
    before.write_text(WITHOUT_REUSE.replace("name: named", "name: before"))
    assert qbatch("run", before, "--trust", "--no-report").code == 0
    assert (there / "runs" / "before").is_dir()
    said = qbatch("run", there / "named.yaml", "--out", folder, "--trust")
    assert said.code == 0, said.err
    assert (folder / "own.md").read_text() == "# named\n"
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "other-state"))
    monkeypatch.setattr(home, "_noted", {})
    monkeypatch.chdir(folder.parent)
    return folder


def test_the_manifest_here_names_a_file_in_each_way_that_there_is():
    plain = {place for place in PLACES if "sweep/[]" not in place and "noise." not in place}
    others = {"sweep/zip/*/from/file", "backends/*/noise/calibration_file", "backends/*/noise/file"}
    assert plain - others == {*NAMED}
    assert all(text in MANIFEST for text in NAMED.values())


READING = (
    ["status"],
    ["show"],
    ["show", "--json"],
    ["report"],
    ["check"],
    ["figure", "-n", "1", "-o", "f.svg"],
    *(["export", "-f", form] for form in ("csv", "json", "counts", "ledger", "fits")),
    ["archive", "-o", "a.zip"],
    ["diff", "given"],
    ["doctor"],
    ["fetch"],
    ["cancel"],
    ["retry", "--yes"],
    ["forget", "--yes"],
)


@pytest.mark.slow
def test_nothing_is_read_from_where_a_strangers_run_says_that_its_manifest_is(
    given: Path, there: Path, qbatch: Call
):
    for verb, *more in READING:
        with watching() as opened:
            said = qbatch(verb, given.name, *more)
        assert said.code not in (2, 70) or verb == "retry", (verb, said.err)
        told = "given: it says that its manifest is" in said.err
        assert "own.md.j2: cannot be read" in said.err if verb == "report" else True
        assert told if verb == "retry" else True
        assert [each for each in opened if each.startswith(str(there))] == [], verb


def test_python_reads_nothing_from_there_either(given: Path, there: Path):
    with watching() as opened:
        run = package.open_run(given)
        for form in ("md", "html", "json", "csv"):
            package.render(run, form)
        run.fits()
        run.check()
        assert run.manifest.folder == given
    assert [each for each in opened if each.startswith(str(there))] == []


@pytest.mark.slow
def test_a_run_of_the_persons_own_has_its_files(
    there: Path, qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (there / "runs").mkdir()
    (there / "named.yaml").write_text(WITHOUT_REUSE)
    elsewhere, usual = tmp_path / "out", there / "runs" / "named"
    for more in (["--out", str(elsewhere)], []):
        assert qbatch("run", there / "named.yaml", "--trust", *more).code == 0
    monkeypatch.setattr(home, "_noted", {})  # another process: it is known by what was noted
    for folder in (elsewhere, usual):
        (folder / "own.md").unlink()
        assert qbatch("report", folder).code == 0
        assert (folder / "own.md").read_text() == "# named\n"
    copied = tmp_path / "copied"
    shutil.copytree(there, copied)  # a whole project: its run is the copy's own
    (copied / "own.md.j2").write_text("copied")
    assert qbatch("report", copied / "runs" / "named").code == 0
    assert (copied / "runs" / "named" / "own.md").read_text().strip() == "copied"


def test_the_home_folder_is_nobodys_project(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "runs" / "strange"
    folder.mkdir(parents=True)
    assert not home.is_believed(tmp_path, folder)
    assert not home.is_believed(Path("/"), folder)
    assert home.is_believed(folder, folder)
    facts = {"manifest_folder": "../..", "run_folder": "/nowhere"}
    assert home.home_of(facts, folder) == folder
    copied = {"manifest_folder": "/a", "run_folder": "/a/b"}
    assert home.told_home(copied, folder) == folder.resolve().parent
