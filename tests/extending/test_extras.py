"""What a package adds by entry points, from its own files as an installer leaves them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import qbatch
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.report import render
from tests.daily import mostly_slow
from tests.extending.conftest import Install

CIRCUIT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\nbit c;\nh q;\nc = measure q;\n'


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
    assert main(["export", str(run.folder), "-f", "tsb"]) == 2
    assert "'tsv'" in capsys.readouterr().err
    with pytest.raises(SourceErrors) as caught:
        run_in(tmp_path / "other", ["widset"])
    assert str(caught.value) == (
        "Manifest(): report.sections[0]: 'widset' is no section that a package offers; there are "
        "widest; did you mean 'widest'?"
    )


def test_what_nobody_offers_is_told_with_the_page_about_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "m.yaml"
    qbatch.Manifest(
        name="coin",
        circuits={"coin": CIRCUIT},
        backends={"ideal": {"provider": "local"}},
        analysis={"own": {"even": {"installed": "none"}}},
    ).save(file)
    assert main(["plan", str(file)]) == 3
    told = capsys.readouterr().err
    assert "no installed package offers an analysis 'none'" in " ".join(told.split())
    assert told.endswith("more: qbatch help extending\n")


CLOSED = """\
def write_tsv(run, file):
    raise BrokenPipeError

def widest(run):
    return None
"""


def test_a_reader_that_has_seen_enough_is_no_mistake_of_the_package(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    install(CLOSED)
    run = run_in(tmp_path / "run", [])
    assert main(["export", str(run.folder), "-f", "tsv", "-o", str(tmp_path / "z.tsv")]) == 0
    assert "mistake" not in capsys.readouterr().err


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
    monkeypatch.setattr(sys, "path", [one for one in sys.path if Path(one).name != "site"])
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
