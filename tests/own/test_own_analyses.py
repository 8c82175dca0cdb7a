"""Own analyses in a run, as a person meets them: beside the manifest, and from a package."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.plan import expand_file
from qbatch.result import wilson

PACKAGE = Path(__file__).parent / "toy_analysis"
BELL = "h q[0]; cx q[0],q[1]; measure q->c;"
MANIFEST = f"""\
qbatch: 1
name: own
circuits: {{bell: {{qasm: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; {BELL}'}}}}
backends: {{noisy: {{provider: local, noise: {{readout: 0.05}}}}}}
sweep: {{matrix: {{shots: [100, 1000]}}, seed: 3}}
analysis:
  observables: {{zz: Z0 Z1}}
  own:
    agree: {{python: "analysis.py:agree"}}
    shape: {{python: "analysis.py:shape", numbers: [ones, largest], with: {{scale: 2}}}}
checks:
  - {{that: agree >= 0.7}}
  - {{that: largest == 4}}
report: {{formats: [md, html, csv, json], plots: [{{x: shots, y: ones}}]}}
"""
CODE = """\
from math import sqrt

from qbatch.result import wilson

__version__ = "1.2"


def agree(counts, level=0.95):
    table = counts.to_dict()
    return wilson(table.get("00", 0) + table.get("11", 0), counts.shots, level)


def shape(counts, scale):
    if counts.shots < 500:
        raise ValueError("too few shots for me")
    ones = [text.count("1") for text, n in counts.to_dict().items() for _ in range(n)]
    mean = sum(ones) / len(ones)
    return {"ones": (scale * mean, scale / sqrt(len(ones))), "largest": (scale * max(ones), 0)}
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest whose code nobody has allowed yet."""
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "analysis.py").write_text(CODE, "utf-8")
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST, "utf-8")
    return path


def run(manifest: Path, *words: str) -> int:
    return main(["run", str(manifest), "--yes", *words])


def test_a_strangers_code_does_not_run(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(manifest) == 6
    said = capsys.readouterr().err
    assert "m.yaml:9:5: analysis 'agree' runs code from analysis.py; read it, then allow" in said
    assert not (manifest.parent / "runs").exists()


def test_its_numbers_stand_in_report_csv_json_and_checks(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(manifest, "--trust") == 0
    folder = manifest.parent / "runs" / "own"
    rows = read_csv(folder)
    assert [row["shots"] for row in rows] == ["100", "1000"]
    few, many = qbatch.open_run(folder)
    for point, row in zip((few, many), rows, strict=True):
        assert point.counts is not None
        table = point.counts.to_dict()
        expected = wilson(table["00"] + table["11"], point.shots)
        assert point.estimates["agree"] == expected
        assert float(row["agree"]) == expected.value
        assert float(row["agree_low"]) == expected.low
    table = many.counts.to_dict()
    mean = (table["01"] + table["10"] + 2 * table["11"]) / 1000
    assert float(rows[1]["ones"]) == pytest.approx(2 * mean)
    assert (rows[0]["ones"], rows[1]["largest"]) == ("", "4.0")
    assert {*few.estimates} == {"zz", "agree"}
    assert few.undecided == {"shape": "analysis.py:15: ValueError: too few shots for me"}
    told = json.loads((folder / "results.json").read_text("utf-8"))
    digest = _sha256(manifest.parent / "analysis.py")
    assert told["analyses"]["agree"] == {
        "python": "analysis.py:agree",
        "version": "1.2",
        "sha256": digest,
    }
    assert "largest" in told["points"][1]["estimates"]
    page = (folder / "report.md").read_text("utf-8")
    assert "analysis 'shape' gave no numbers: analysis.py:15: ValueError: too few shots" in page
    assert f"- analysis shape: analysis.py:shape 1.2, SHA-256 {digest}" in page
    assert digest in (folder / "report.html").read_text("utf-8")
    capsys.readouterr()
    assert main(["check", str(folder)]) == 4
    said = capsys.readouterr()
    assert "pass       agree >= 0.7  (2 points: 2 pass)" in said.out
    assert "undecided shots=100: analysis.py:15: ValueError: too few" in said.out
    assert "Traceback" not in said.out + said.err


def read_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def _sha256(path: Path) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


def test_another_function_buys_nothing_again_and_makes_numbers_anew(manifest: Path) -> None:
    assert run(manifest, "--trust", "--no-report") == 0
    folder = manifest.parent / "runs" / "own"
    before = [*qbatch.open_run(folder)]
    former = before[1].estimates["agree"]
    code = manifest.parent / "analysis.py"
    code.write_text(CODE.replace('table.get("11", 0)', "0"), "utf-8")
    _, untrusted = qbatch.open_run(folder)
    assert {*untrusted.estimates} == {"zz"}
    assert "read it, then allow it with --trust" in untrusted.undecided["agree"]
    assert run(manifest, "--trust", "--no-report") == 0
    after = [*qbatch.open_run(folder)]
    assert [point.attempt for point in after] == [point.attempt for point in before]
    assert [point.id for point in after] == [point.id for point in before]
    table = after[1].counts.to_dict()
    assert after[1].estimates["agree"] == wilson(table["00"], 1000)
    assert after[1].estimates["agree"] != former


def test_numbers_are_kept_where_the_function_is_not_to_be_had_any_more(manifest: Path) -> None:
    assert run(manifest, "--trust", "--no-report") == 0
    folder = manifest.parent / "runs" / "own"
    _, before = qbatch.open_run(folder)
    (manifest.parent / "analysis.py").unlink()
    _, after = qbatch.open_run(folder)
    assert after.estimates == before.estimates
    assert {*after.estimates} == {"zz", "agree", "ones", "largest"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("analysis.py:agree", "analysis.py:agre"), "has no function 'agre'; did you mean 'agree'"),
        (("analysis.py:agree", "analysi.py:agree"), "analysi.py is no file; did you mean analysis"),
        (("scale: 2", "scal: 2"), "'with' gives 'scal', which is no argument (scale)"),
        ((", with: {scale: 2}", ""), "the function needs scale; write with: {…}"),
    ],
)
def test_what_cannot_be_called_is_told_before_anything_runs(
    manifest: Path, change: tuple[str, str], told: str
) -> None:
    manifest.write_text(MANIFEST.replace(*change), "utf-8")
    with pytest.raises(SourceErrors) as caught:
        expand_file(manifest, trust=True)
    assert any(told in str(error) for error in caught.value.exceptions), caught.value.exceptions


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def agree(counts) return 1\n", "analysis.py:1: expected ':'"),
        ("x = 1\n", "analysis.py: has no function 'agree'"),
        ("\n\ndef agree(counts):\n    return 0.5\n", "analysis.py:3: agree is 0.5; return an"),
        (
            "\ndef agree(counts):\n    return float('nan'), 0.1\n",
            "analysis.py:2: agree is nan ± 0.1, which is not finite",
        ),
    ],
)
def test_what_gives_no_number_is_told_with_its_file(code: str, told: str, manifest: Path) -> None:
    from qbatch.manifest import load_manifest
    from qbatch.manifest.own import Home
    from qbatch.result import Counts, OwnNumbersError
    from qbatch.result.own import own_numbers

    (manifest.parent / "analysis.py").write_text(code, "utf-8")
    own = load_manifest(manifest).analysis.own["agree"]
    own.come_home(Home(manifest.parent, trust=True))
    with pytest.raises(OwnNumbersError) as caught:
        own_numbers(own, Counts.from_dict([("c", 2)], {"00": 10}), 0.95)
    assert str(caught.value).startswith(told)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package as an installer leaves it: its module, and what it announces."""
    site = tmp_path / "site"
    project: Any = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"], project["version"]
    facts = site / f"{name.replace('-', '_')}-{version}.dist-info"
    facts.mkdir(parents=True)
    (site / "toy_analysis.py").write_bytes((PACKAGE / "toy_analysis.py").read_bytes())
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = project["entry-points"]["qbatch.analyses"].items()
    lines = "".join(f"{key} = {value}\n" for key, value in points)
    (facts / "entry_points.txt").write_text(f"[qbatch.analyses]\n{lines}")
    return site


OF_PACKAGE = """\
    sizes: {installed: sizes, numbers: [mean_ones, many_ones], with: {least: 2}}
    broken: {installed: broken}
"""


@pytest.mark.slow
def test_what_a_package_offers_needs_no_trust(manifest: Path, installed: Path) -> None:
    own = MANIFEST[MANIFEST.index("    agree:") : MANIFEST.index("report:")]
    manifest.write_text(MANIFEST.replace(own, OF_PACKAGE).replace("y: ones", "y: mean_ones"))
    paths = os.pathsep.join([str(installed), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "qbatch", "run", "m.yaml", "--yes"],
        cwd=manifest.parent,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    folder = manifest.parent / "runs" / "own"
    rows = read_csv(folder)
    counts = [point.counts.to_dict() for point in qbatch.open_run(folder)]
    for row, table in zip(rows, counts, strict=True):
        shots = sum(table.values())
        many = wilson(table["11"], shots)
        assert float(row["many_ones"]) == many.value
        assert float(row["many_ones_high"]) == many.high
        mean = (table["01"] + table["10"] + 2 * table["11"]) / shots
        assert float(row["mean_ones"]) == pytest.approx(mean)
        assert row["broken"] == ""
    page = (folder / "report.md").read_text("utf-8")
    digest = _sha256(installed / "toy_analysis.py")
    assert f"- analysis sizes: installed sizes 2.1, SHA-256 {digest}" in page
    assert "analysis 'broken' gave no numbers: toy_analysis.py:27: ArithmeticError: 100" in page
