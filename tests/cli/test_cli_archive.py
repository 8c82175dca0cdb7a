"""``qbatch archive`` and ``qbatch verify``: what was changed is found, a stranger's is inert."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from qbatch.archive import write_archive
from qbatch.snapshot import open_run
from tests.cli.conftest import BELL, Call

Files = dict[str, bytes]
METADATA = "ro-crate-metadata.json"


@pytest.fixture(scope="module")
def packed(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run, archived once for all tests."""
    path = tmp_path_factory.mktemp("archived") / "pair.zip"
    with open_run(finished_run / "runs" / "pair") as run:
        write_archive(run, path)
    return path


@pytest.fixture
def archived(done: Path, packed: Path, qbatch: Call, tmp_path: Path) -> Path:
    """That archive, beside its run."""
    shutil.copy(packed, tmp_path)
    return Path("pair.zip")


def files_of(path: Path) -> Files:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def pack(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    return path


def forged(path: Path, change: Callable[[Files], None]) -> Path:
    """Change an archive's files, and make its metadata agree with them again."""
    files = files_of(path)
    change(files)
    metadata = json.loads(files[METADATA])
    for entity in metadata["@graph"]:
        if entity["@type"] == "File" and entity["@id"] in files:
            entity["sha256"] = hashlib.sha256(files[entity["@id"]]).hexdigest()
    files[METADATA] = json.dumps(metadata).encode()
    return pack(files, Path("forged.zip"))


def of_results(change: Callable[[Any], None]) -> Callable[[Files], None]:
    def act(files: Files) -> None:
        results = json.loads(files["results.json"])
        change(results["points"])
        files["results.json"] = json.dumps(results).encode()

    return act


@pytest.mark.slow
def test_an_archive_holds_on_another_machine(
    archived: Path, qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(archived, elsewhere)
    shutil.rmtree("runs")
    monkeypatch.chdir(elsewhere)
    found = qbatch("verify", archived, "--json")
    assert found.code == 0
    facts = found.json
    assert (facts["ids"], facts["numbers"], facts["run_again"]) == (3, 6, 3)
    assert facts["holds"]
    assert qbatch("verify", archived, "--digest", facts["digest"], "--sample", "0").code == 0
    other = qbatch("verify", archived, "--digest", "0" * 64, "--sample", "0")
    assert other.code == 5
    assert "is not the archive with that digest" in other.out


@pytest.mark.slow
def test_it_is_a_research_object_that_others_read(archived: Path) -> None:
    crate = ROCrate(str(archived))
    names = {entity.id for entity in crate.data_entities}
    assert {"manifest.yaml", "results.json", "report.html", "environment.json"} <= names
    (action,) = [one for one in crate.contextual_entities if one.type == "CreateAction"]
    assert action["instrument"]["name"] == "qbatch"
    for name, body in files_of(archived).items():
        if name != METADATA:
            assert crate.get(name)["sha256"] == hashlib.sha256(body).hexdigest()


def test_the_digest_is_that_of_the_files_by_hand(
    archived: Path, qbatch: Call, tmp_path: Path
) -> None:
    lines = [
        f"{hashlib.sha256(body).hexdigest()}  {name}\n"
        for name, body in sorted(files_of(archived).items())
        if name != METADATA
    ]
    told = qbatch("verify", archived, "--sample", "0", "--json").json["digest"]
    assert told == hashlib.sha256("".join(lines).encode()).hexdigest()


def one_count(points: Any) -> None:
    counts = points[0]["counts"]
    counts["00"], counts["11"] = counts["00"] + 1, counts["11"] - 1


def one_value(points: Any) -> None:
    points[1]["estimates"]["z"]["value"] += 1e-6


def one_parameter_of_the_identity(points: Any) -> None:
    points[2]["shots"] += 1


def one_shot_more(points: Any) -> None:
    points[0]["counts"]["00"] += 1


def counts_and_numbers_together(points: Any) -> None:
    """As whoever knows how: the other outcome of each shot, which leaves zz and turns z."""
    counts, z = points[0]["counts"], points[0]["estimates"]["z"]
    points[0]["counts"] = {"00": counts["11"], "11": counts["00"]}
    z["value"], z["low"], z["high"] = -z["value"], -z["high"], -z["low"]


@pytest.mark.parametrize(
    ("change", "sample", "told"),
    [
        (one_count, "0", "z: value is"),
        (one_value, "0", "z: value is"),
        (one_parameter_of_the_identity, "0", "its id is not that of its circuit"),
        (one_shot_more, "0", "has counts of 11 shots; its jobs bought 10"),
        (counts_and_numbers_together, "3", "gives other counts when it is run again"),
    ],
)
@pytest.mark.slow
def test_what_was_changed_is_found_though_all_digests_agree(
    archived: Path, qbatch: Call, change: Callable[[Any], None], sample: str, told: str
) -> None:
    said = qbatch("verify", forged(archived, of_results(change)), "--sample", sample)
    assert said.code == 5
    assert told in said.out


def test_a_circuit_that_was_changed_is_found(archived: Path, qbatch: Call) -> None:
    def change(files: Files) -> None:
        (name,) = [name for name in files if name.startswith("circuits/")]
        files[name] = files[name].replace(b"h q[0]", b"x q[0]")

    said = qbatch("verify", forged(archived, change), "--sample", "0")
    assert said.code == 5
    assert "is not the circuit that ran" in said.out


def test_a_file_that_was_changed_added_or_taken_is_named(archived: Path, qbatch: Call) -> None:
    files = files_of(archived)
    files["report.md"] += b"!"
    files["more.txt"] = b""
    del files["results.csv"]
    said = qbatch("verify", pack(files, Path("other.zip")), "--sample", "0")
    assert said.code == 5
    assert "report.md: was changed since it was archived" in said.out
    assert "more.txt: is there, and not listed" in said.out
    assert "results.csv: is listed, and missing" in said.out


def test_nothing_of_an_archive_is_written_or_run(
    archived: Path, qbatch: Call, tmp_path: Path
) -> None:
    """A stranger's: paths that lead elsewhere, Python circuits, a manifest that is none."""

    def change(files: Files) -> None:
        files["../../evil.txt"] = b"x"
        files["/tmp/evil.txt"] = b"x"
        files["evil.py"] = b"open('ran', 'w')\ndef build(): open('ran', 'w')\n"
        text = files["manifest.yaml"].decode()
        files["manifest.yaml"] = text.replace(
            "bell: bell.qasm", "bell: {python: evil.py:build}"
        ).encode()

    path = forged(archived, change)
    before = sorted(tmp_path.rglob("*"))
    said = qbatch("verify", path, "--sample", "1")
    assert said.code == 5
    assert "../../evil.txt: is there, and not listed" in said.out
    assert sorted(tmp_path.rglob("*")) == before
    broken = forged(archived, lambda files: files.update({"manifest.yaml": b"{"}))
    assert "manifest.yaml: cannot be read" in qbatch("verify", broken, "--sample", "0").out


SPOILT: list[Any] = [
    None,
    [],
    {},
    "x",
    {"points": [None, 3, {}, {"id": 1}, {"id": "a", "counts": {"0": 1}}]},
    {"points": {}},
]


@pytest.mark.parametrize(
    "name", ["results.json", "settings.json", "points.json", "environment.json"]
)
@pytest.mark.parametrize("body", SPOILT)
def test_whatever_stands_in_a_file_is_told(
    archived: Path, qbatch: Call, name: str, body: Any
) -> None:
    path = forged(archived, lambda files: files.update({name: json.dumps(body).encode()}))
    said = qbatch("verify", path, "--sample", "0")
    assert said.code in (0, 2, 5)
    assert said.code != 0 or name == "environment.json"
    assert "internal error" not in said.err


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"no zip", "it is no zip file"),
        (b"", "it is no zip file"),
    ],
)
def test_what_is_no_archive_is_told(qbatch: Call, body: bytes, told: str) -> None:
    Path("a.zip").write_bytes(body)
    said = qbatch("verify", "a.zip")
    assert said.code == 2
    assert told in said.err
    assert qbatch("verify", "none.zip").code == 2


def test_a_bomb_does_not_go_off(
    archived: Path, qbatch: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many times its own size, it is one though it is far from the most that an archive may be."""
    monkeypatch.setattr("qbatch.exchange.archived.reading.FREE_BYTES", 1 << 20)
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("results.json", bytes(1 << 24))
    assert Path("bomb.zip").stat().st_size * 500 < 1 << 24
    said = qbatch("verify", "bomb.zip")
    assert said.code == 2
    assert "its files are larger than" in said.err


@pytest.mark.slow
def test_nothing_is_archived_that_looks_like_a_credential(
    manifest: Path, qbatch: Call, tmp_path: Path
) -> None:
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    text = (tmp_path / manifest).read_text() + f"description: {secret}\n"
    (tmp_path / manifest).write_text(text)
    assert qbatch("run", manifest, "--no-report").code == 0
    said = qbatch("archive", manifest, "-o", "a.zip")
    assert said.code == 9
    assert "looks like a credential" in said.err
    assert secret not in said.err
    assert not Path("a.zip").exists()


def test_a_run_without_results_and_a_name_without_its_ending_are_told(
    done: Path, qbatch: Call
) -> None:
    assert qbatch("archive", done).code == 0
    assert Path("pair.zip").is_file()
    assert "name one that ends in .zip" in qbatch("archive", done, "-o", "a.tar").err
    assert qbatch("archive", "none").code == 2


@pytest.mark.slow
def test_points_of_clouds_and_shots_bought_later_are_verified(qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(BELL)
    text = """\
qbatch: 1
name: two
circuits: {bell: bell.qasm}
backends:
  sim: {provider: local}
  cloud: {provider: oqc, target: "qpu:uk:2:d865b5a184"}
sweep: {matrix: {backend: [sim, cloud]}, seed: 4}
shots: 100
analysis: {observables: {zz: Z0 Z1}, probabilities: {both: "11"}}
"""
    (tmp_path / "two.yaml").write_text(text)
    assert qbatch("run", "two.yaml", "--rehearse", "--out", "r", "--no-report").code == 0
    (tmp_path / "two.yaml").write_text(text.replace("shots: 100", "shots: 250"))
    assert qbatch("run", "two.yaml", "--rehearse", "--out", "r", "--no-report").code == 0
    assert qbatch("archive", "r", "-o", "r.zip").code == 0
    found = qbatch("verify", "r.zip", "--json")
    assert found.code == 0, found.json
    assert (found.json["ids"], found.json["run_again"]) == (2, 1)


IN_BASES = """\
qbatch: 1
name: xx
circuits: {bell: bell.qasm}
backends: {sim: {provider: local, noise: {readout: 0.05}, limits: {workers: 1}}}
shots: 300
analysis: {observables: {e: 0.5 X0 X1 + 0.3 Z0 Z1 - 0.2 Y0 Y1}, probabilities: {p00: "00"}}
"""


def test_each_setting_of_a_point_is_verified(qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "xx.yaml").write_text(IN_BASES)
    assert qbatch("run", "xx.yaml", "--no-report").code == 0
    assert qbatch("archive", "xx.yaml", "-o", "xx.zip").code == 0
    found = qbatch("verify", "xx.zip", "--json").json
    assert found["holds"], found
    assert (found["ids"], found["numbers"], found["simulated"]) == (1, 2, 3)

    def one_shot(points: Any) -> None:
        counts = points[0]["settings"][1]["counts"]
        counts["01"], counts["00"] = counts.get("01", 0) + 1, counts["00"] - 1

    said = qbatch("verify", forged(Path("xx.zip"), of_results(one_shot)), "--sample", "0")
    assert said.code == 5
    assert "e: value is" in said.out


def test_numbers_across_points_are_named_as_not_computed(qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "two.yaml").write_text(
        "qbatch: 1\nname: two\ncircuits: {bell: bell.qasm}\n"
        "backends: {sim: {provider: local, limits: {workers: 1}}}\n"
        "sweep: {matrix: {shots: [100, 300]}}\n"
        "analysis:\n  observables: {zz: Z0 Z1}\n"
        "  derived: {d: 'zz[shots=300] - zz[shots=100]'}\n"
    )
    assert qbatch("run", "two.yaml", "--no-report").code == 0
    assert qbatch("archive", "two.yaml").code == 0
    found = qbatch("verify", "two.zip", "--sample", "0", "--json").json
    assert found["not_computed"] == {"d": "is made of several points"}
    assert found["numbers"] == 2


def test_an_archive_is_compared_by_the_numbers_in_it(done: Path, qbatch: Call) -> None:
    assert qbatch("archive", done, "-o", "a.zip").code == 0
    said = qbatch("diff", "a.zip", "runs/pair")
    assert said.code == 0
    assert "6 comparisons at 3 points that both have" in said.out
    with zipfile.ZipFile("a.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile("b.zip", "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body + b" " if name == "results.json" else body)
    said = qbatch("diff", "b.zip", "runs/pair")
    assert (said.code, "b.zip: results.json was changed since" in said.err) == (2, True)
