"""What a package adds by entry points, from its own files as an installer leaves them."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.report import render
from tests.daily import mostly_slow

PACKAGE = Path(__file__).parent / "toy_extras"

CIRCUIT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\nbit c;\nh q;\nc = measure q;\n'

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install the package, with other code in place of its own where that is given."""

    def installed(code: str = "") -> None:
        site = tmp_path / "site"
        project: Any = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
        name, version = project["name"], project["version"]
        facts = site / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir(parents=True)
        text = code or (PACKAGE / "toy_extras.py").read_text("utf-8")
        (site / "toy_extras.py").write_text(text, "utf-8")
        told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (facts / "METADATA").write_text(told)
        lines = ""
        for group, points in project["entry-points"].items():
            lines += f"[{group}]\n" + "".join(f"{key} = {at}\n" for key, at in points.items())
        (facts / "entry_points.txt").write_text(lines)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "toy_extras", raising=False)

    return installed


def run_in(folder: Path, sections: list[str]) -> qbatch.Run:
    manifest = qbatch.Manifest(
        name="coin",
        circuits={"coin": CIRCUIT},
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        sweep=qbatch.sweep(shots=[10, 1000]),
        analysis={"observables": {"z": "Z0"}},
        report={"sections": sections},
    )
    return qbatch.run(manifest, out=folder)


def test_the_package_adds_a_format_and_a_section(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    install()
    run = run_in(tmp_path / "run", ["widest"])
    assert main(["export", str(run.folder), "-f", "tsv"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    expected = [(p.name, "z", e.value, e.low, e.high) for p in run for e in [p.estimates["z"]]]
    assert rows == [[*map(str, row)] for row in expected]
    few = run["shots=10"].estimates["z"]
    for format in ("md", "html"):
        text = render(run, format)
        assert "The widest 2 of 2: more shots there help most." in text
        assert f"{few.high - few.low:.3g}" in text
    assert main(["export", str(run.folder), "-f", "tsv", "-o", str(tmp_path / "z.tsv")]) == 0
    assert (tmp_path / "z.tsv").read_text() == "".join("\t".join(row) + "\n" for row in rows)


def test_a_format_or_section_that_nobody_offers_is_refused(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run = run_in(tmp_path / "run", [])
    assert main(["export", str(run.folder), "-f", "tsv"]) == 2
    assert "'tsv' is not one of 'csv'" in capsys.readouterr().err
    install()
    with pytest.raises(SourceErrors) as caught:
        run_in(tmp_path / "other", ["widset"])
    assert str(caught.value) == (
        "Manifest(): report.sections[0]: 'widset' is no section that a package offers; there are "
        "widest; did you mean 'widest'?"
    )


BROKEN = """\
import qbatch

def write_tsv(run, file):
    raise ValueError("nothing to write")

def widest(run):
    return {}
"""


@pytest.mark.parametrize(
    ("gives", "told"),
    mostly_slow(
        [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("qbatch.Section('x', head='a', rows=((1 / 0,) for _ in 'a'))", "ZeroDivisionError"),
            ("{}", "it is a dict, not a qbatch.Section"),
            ("qbatch.Section('x', rows=[('a',)])", "a row has not one text for each column"),
            (
                "qbatch.Section('x', head=('a',), rows=[1, 2])",
                "its table cannot be read: TypeError",
            ),
            ("qbatch.Section('x', head=None)", "its table cannot be read: TypeError"),
        ],
        daily=2,
    ),
)
def test_what_fails_says_where_and_the_rest_of_the_report_stands(
    install: Install,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    gives: str,
    told: str,
):
    install(BROKEN.replace("{}", gives))
    run = run_in(tmp_path / "run", ["widest"])
    text = render(run, "md")
    assert told in text
    assert "## How to read this" in text
    file = tmp_path / "z.tsv"
    file.write_text("kept")
    assert main(["export", str(run.folder), "-f", "tsv", "-o", str(file)]) == 3
    assert "toy_extras.py:4: ValueError: nothing to write" in capsys.readouterr().err
    assert file.read_text() == "kept"


def test_a_run_is_read_without_the_package_whose_section_it_names(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    install()
    run_in(tmp_path / "run", ["widest"])
    monkeypatch.setattr(sys, "path", [one for one in sys.path if "site" not in Path(one).name])
    text = render(qbatch.open_run(tmp_path / "run"), "md")
    assert "no installed package offers a report section 'widest'" in text


def test_rows_that_are_made_as_they_are_read_are_shown(install: Install, tmp_path: Path):
    install(
        BROKEN.replace(
            "{}", "qbatch.Section('x', head=('a',), rows=((f'row{i}',) for i in (1, 2)))"
        )
    )
    text = render(run_in(tmp_path / "run", ["widest"]), "md")
    assert "row1" in text
    assert "row2" in text


def test_a_section_makes_no_markup(install: Install, tmp_path: Path):
    hostile = "<script>alert(1)</script>|[x](y)"
    code = f"import qbatch\ndef widest(run):\n    t = {hostile!r}\n"
    install(code + "    return qbatch.Section(t, t + '\\n\\n# ' + t, (t,), [(t,)])\n")
    run = run_in(tmp_path / "run", ["widest"])
    page = render(run, "html")
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 5
    text = render(run, "md")
    assert "<script>" not in text
    assert "\\# &lt;script>alert(1)&lt;/script>\\|[x\\](y)" in text
