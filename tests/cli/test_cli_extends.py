"""A manifest that extends a base, through plan, run, lock, report, archive, diff and a move."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import BELL, MANIFEST, Call


def lay_out(folder: Path) -> None:
    """Write a project: a base in one folder, a manifest in another."""
    (folder / "lab").mkdir()
    (folder / "exp").mkdir()
    (folder / "qbatch.toml").touch()
    (folder / "lab" / "bell.qasm").write_text(BELL)
    (folder / "lab" / "base.yaml").write_text(MANIFEST)
    (folder / "exp" / "m.yaml").write_text(
        "extends: ../lab/base.yaml\nname: ext\nsweep: {matrix: {shots: [10, 20]}}\n"
    )


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_run_names_its_bases_and_keeps_them(qbatch: Call, tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert qbatch("plan", "exp/m.yaml", "--json").json["points"] == 2
    assert qbatch("run", "exp/m.yaml").code == 0
    told = digest("lab/base.yaml")
    for file in ("exp/qbatch.lock", "runs/ext/report.md", "runs/ext/report.html"):
        assert told in Path(file).read_text("utf-8"), file
    assert digest("exp/m.yaml") in Path("runs/ext/report.md").read_text("utf-8")

    assert qbatch("archive", "exp/m.yaml", "-o", "ext.zip").code == 0
    with zipfile.ZipFile("ext.zip") as packed:
        assert packed.read("sources/1-base.yaml") == Path("lab/base.yaml").read_bytes()
        assert packed.read("sources/0-m.yaml") == Path("exp/m.yaml").read_bytes()
    verified = qbatch("verify", "ext.zip")
    assert verified.code == 0, verified

    with Path("lab/base.yaml").open("a") as base:
        base.write("# a word\n")
    refused = qbatch("run", "exp/m.yaml", "--frozen")
    assert refused.code != 0
    assert f"base.yaml: {told[:12]}… → {digest('lab/base.yaml')[:12]}…" in refused.err
    assert "nothing to do" in qbatch("run", "exp/m.yaml").out
    assert qbatch("diff", "exp/m.yaml", "runs/ext").code == 0


def test_a_run_is_read_where_its_project_is_not(qbatch: Call, tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert qbatch("run", "exp/m.yaml").code == 0
    shutil.move("runs/ext", "moved")
    for folder in ("exp", "lab", "runs"):
        shutil.rmtree(folder)
    Path("qbatch.toml").unlink()
    assert qbatch("show", "moved").code == 0
    assert qbatch("report", "moved").code == 0


@pytest.mark.slow
def test_an_archive_holds_whatever_way_a_manifest_names_its_bases(
    qbatch: Call, tmp_path: Path
) -> None:
    """From four folders up, by a link, and files of its own folder named from above."""
    lay_out(tmp_path)
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    (deep / "shared").symlink_to(tmp_path / "lab")
    shutil.move("lab/bell.qasm", deep / "bell.qasm")
    base = Path("lab/base.yaml").read_text("utf-8").replace("bell.qasm", "../a/b/c/d/bell.qasm")
    Path("lab/base.yaml").write_text(base)
    (deep / "above.yaml").write_text("extends: ../../../../lab/base.yaml\nname: deep\n")
    (deep / "link.yaml").write_text("extends: [above.yaml, shared/shots.yaml]\nname: linked\n")
    Path("lab/shots.yaml").write_text("shots: 20\n")
    for name in ("deep", "linked"):
        manifest = str(deep / ("above.yaml" if name == "deep" else "link.yaml"))
        assert qbatch("run", manifest).code == 0
        assert qbatch("archive", manifest, "-o", f"{name}.zip").code == 0
        verified = qbatch("verify", f"{name}.zip")
        assert verified.code == 0, verified


def test_an_archive_whose_files_do_not_make_its_manifest_does_not_hold(
    qbatch: Call, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    assert qbatch("run", "exp/m.yaml").code == 0
    assert qbatch("archive", "exp/m.yaml", "-o", "ext.zip").code == 0
    with zipfile.ZipFile("ext.zip") as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    files["sources/0-m.yaml"] = files["sources/0-m.yaml"].replace(b"[10, 20]", b"[10, 21]")
    with zipfile.ZipFile("ext.zip", "w") as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    told = qbatch("verify", "ext.zip")
    assert told.code == 5
    assert "sources.json: manifest.yaml is not what they come to" in told.out
