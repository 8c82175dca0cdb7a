"""Capsules: what they hold, and that they prove it. The official program judges them elsewhere."""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from qbatch import open_run
from qbatch.errors import SelectionError, SnapshotError
from qbatch.exchange.capsule import canonical, capsule_id, pack, write_capsule
from qbatch.exchange.exports import export
from qbatch.exchange.secrets import SECRETS
from qbatch.executor import run as run_manifest

MANIFEST = """\
qbatch: 1
name: caps
description: {description}
circuits:
  bell:
    qasm: |
      OPENQASM 2.0;
      include "qelib1.inc";
      qreg q[2]; creg c[2];
      h q[0]; cx q[0],q[1]; measure q->c;
backends: {{sim: {{provider: local, limits: {{workers: 1}}}}}}
sweep: {{matrix: {{shots: [100, 200]}}}}
"""


def make_run(folder: Path, description: str = "Bell") -> Any:
    (folder / "m.yaml").write_text(MANIFEST.format(description=description))
    run_manifest(folder / "m.yaml", out=folder / "out").close()
    return open_run(folder / "out")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_run(tmp_path_factory.mktemp("run"))


def test_a_capsule_holds_circuits_counts_and_versions(run: Any, tmp_path: Path) -> None:
    identity = write_capsule(run, tmp_path / "cap")
    manifest = json.loads((tmp_path / "cap" / "capsule.yaml").read_text())
    assert capsule_id(manifest) == identity
    assert manifest["requirements"]["max_qubit_count"] == 2
    assert [task["backend"]["shots"] for task in manifest["task_executions"]] == [100, 200]
    (source,) = (tmp_path / "cap" / "source").iterdir()
    assert "cx q[0]" in source.read_text()
    payloads = [json.loads(one.read_text()) for one in (tmp_path / "cap/payload").glob("*.json")]
    assert sorted(sum(one["counts"].values()) for one in payloads if "counts" in one) == [100, 200]


def test_every_file_is_in_the_checksums(run: Any, tmp_path: Path) -> None:
    write_capsule(run, tmp_path / "cap")
    lines = (tmp_path / "cap" / ".checksums").read_text().splitlines()
    said = dict(reversed(line.split("  ")) for line in lines)
    found = {
        path.relative_to(
            tmp_path / "cap"
        ).as_posix(): f"sha256:{sha256(path.read_bytes()).hexdigest()}"
        for path in (tmp_path / "cap").rglob("*")
        if path.is_file() and path.name not in (".checksums", "capsule.yaml")
    }
    assert said == found
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1])


def test_a_packed_capsule_has_one_folder_and_no_traces(run: Any, tmp_path: Path) -> None:
    write_capsule(run, tmp_path / "bell.capsule")
    with tarfile.open(tmp_path / "bell.capsule") as archive:
        members = archive.getmembers()
    assert members[0].name == "bell"
    assert all(one.name.split("/")[0] == "bell" for one in members)
    assert {(one.mtime, one.uid, one.uname) for one in members} == {(0, 0, "")}


def test_the_same_files_are_the_same_bytes() -> None:
    files = {"b/c": b"1", "a": b"2"}
    packed = pack("n", files)
    assert packed == pack("n", dict(reversed(files.items())))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == ["n", "n/a", "n/b", "n/b/c"]


def test_a_folder_that_is_there_is_left_alone(run: Any, tmp_path: Path) -> None:
    (tmp_path / "cap").mkdir()
    with pytest.raises(SnapshotError, match="is there already"):
        write_capsule(run, tmp_path / "cap")
    assert list(tmp_path.iterdir()) == [tmp_path / "cap"]


def test_what_looks_like_a_key_is_not_written(tmp_path: Path) -> None:
    leaky = make_run(tmp_path, description="mine is marqey_live_" + "a" * 32)
    with pytest.raises(SnapshotError, match="looks like a credential"):
        write_capsule(leaky, tmp_path / "cap")
    assert not (tmp_path / "cap").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Authorization: Bearer abcdefgh12345678", True),
        ("AKIA" + "A" * 16, True),
        ("-----BEGIN RSA PRIVATE KEY-----", True),
        ("credentials: env:MARQOV_PLATFORM_KEY", False),
        ("sha256:" + "a" * 64, False),
    ],
)
def test_keys_are_known_by_their_looks(text: str, found: bool) -> None:
    assert bool(SECRETS.search(text)) is found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100"),
        (0.075, "0.075"),
        (0.00002, "0.00002"),
        (-0.0, "0"),
        (12345.678, "12345.678"),
        (True, "true"),
        ("a\u0301\n", '"\u00e1\\n"'),
        ({"\U0001f600": 1, "\uff21": 2}, '{"\U0001f600":1,"\uff21":2}'),
    ],
)
def test_canonical_json_is_that_of_the_standard(value: Any, text: str) -> None:
    assert canonical(value) == text


def test_a_capsule_needs_a_place(run: Any, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="name a file"):
        export(run, "capsule", io.StringIO())
    export(run, "capsule", tmp_path / "cap")
    assert (tmp_path / "cap" / "capsule.yaml").exists()
