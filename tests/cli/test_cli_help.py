"""The guide and the manifest's keys in the terminal, and where an error sends its reader."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from qbatch import errors
from qbatch.cli.error_topics import topic_of
from qbatch.cli.explaining import NAME, Key, Keys
from qbatch.cli.group import SECTIONS
from qbatch.cli.topics import pages, plain, sections
from qbatch.providers import manifest_schema
from tests.cli.conftest import Call
from tests.guide.blocks import GUIDE

SCHEMA = manifest_schema()


def every_key() -> list[Key]:
    """All keys of a manifest, each provider's too."""
    keys, found, waiting = Keys(SCHEMA), [], [Key((), SCHEMA)]
    while waiting:
        inner = keys.inner(waiting.pop())
        found += inner
        waiting += inner
    return found


def test_every_page_of_the_guide_is_a_topic(qbatch: Call) -> None:
    names = {page.stem for page in GUIDE.glob("*.md")} - {"index"}
    assert set(pages()) == names
    listed = qbatch("help").out
    assert all(f"\n{name} " in f"\n{listed}" for name in names)


def test_a_page_is_shown_as_it_is_where_no_terminal_reads_it(qbatch: Call) -> None:
    shown = qbatch("help", "exit", "codes").out
    assert shown.startswith("# Exit codes\n")
    assert "<!--" not in qbatch("help", "clouds").out


def test_a_section_is_shown_by_its_heading(qbatch: Call) -> None:
    shown = qbatch("help", "settings", "as", "axes").out
    assert shown.startswith("## Settings as axes\n")
    assert "## Noise of the local simulator" not in shown


def test_a_heading_within_a_code_block_is_none() -> None:
    assert all(each.title and each.text.startswith("##") for each in sections())
    assert not any(each.title.startswith("qbatch ") for each in sections())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mnaifest"], "did you mean 'manifest'?"),
        (["wait"], "  exit-codes: What waits for your word"),
        (["nothing at all"], "`qbatch help` lists the pages"),
    ],
)
def test_what_is_no_topic_is_told_with_those_there_are(
    words: list[str], told: str, qbatch: Call
) -> None:
    said = qbatch("help", *words)
    assert said.code == 2
    assert told in said.err


@pytest.mark.parametrize("verb", [verb for verbs in SECTIONS.values() for verb in verbs])
def test_help_of_a_verb_is_its_flags_unless_a_page_is_called_so(verb: str, qbatch: Call) -> None:
    assert verb not in pages()
    assert qbatch("help", verb).out == qbatch(verb, "--help").out


def test_every_key_has_a_description() -> None:
    keys = Keys(SCHEMA)
    lacking = [each.name for each in every_key() if len(keys.described(each)) < 5]
    assert lacking == []


def test_every_key_is_found_by_its_path() -> None:
    keys = Keys(SCHEMA)
    for each in every_key():
        found = [(one.path, one.whose) for one in keys.find(each.name)]
        assert (each.path, each.whose) in found


def test_a_key_is_told_with_whose_it_is_what_it_takes_and_an_example(qbatch: Call) -> None:
    told = qbatch("explain", "options.tket").out
    assert told.startswith("backends.NAME.options.tket  (provider oqc)\n")
    assert "  value    none, one, two\n" in told
    told = qbatch("explain", "report.plots.xscale").out
    assert '  default  "linear"\n  example  bell.yaml\n' in told
    assert "xscale: log" in told


def test_every_key_is_found_by_its_path_and_has_an_example() -> None:
    keys = Keys(SCHEMA)
    named = [each for each in every_key() if each.path[-1] != NAME]
    assert len(named) > 250
    for each in named:
        assert each.path in {found.path for found in keys.find(each.name)}
        assert each.schema.get("examples"), each.name


def test_an_example_is_a_line_of_a_manifest_that_comes_with_the_package(qbatch: Call) -> None:
    lines = qbatch("explain", "sweep.repeat").out.partition("  example  ")[2].splitlines()
    manifest = Path("manifests", lines[0])
    text = (GUIDE.parent.parent / manifest).read_text()
    assert all(line.strip() in text for line in lines[1:])
    assert "repeat: 3" in lines[1]


def test_a_key_that_is_none_is_told_with_the_nearest(qbatch: Call) -> None:
    said = qbatch("explain", "sweep.matrx")
    assert said.code == 2
    assert "sweep has no 'matrx'" in said.err
    assert "did you mean 'matrix'?" in said.err


def test_exit_codes_are_explained(qbatch: Call) -> None:
    assert qbatch("explain", "143").out.startswith("exit code 143: hung up, interrupted")
    assert qbatch("explain", "44").code == 2


@pytest.mark.parametrize(
    ("error", "topic"),
    [
        (errors.ManifestError(errors.Place("a.yaml"), "x"), "manifest"),
        (errors.ManifestError(errors.Place("a.yaml"), "analysis.fits.t1.x: no axis"), "fits"),
        (errors.ManifestError(errors.Place("a.yaml"), "unknown key 'a' in budget; b"), "budgets"),
        (errors.CircuitError(errors.Place("a.qasm"), "x"), "circuits"),
        (errors.Refused("oqc: no such target"), "oqc"),
        (errors.NotApproved("x", None), "budgets"),
        (errors.CredentialsError("x"), "clouds"),
        (errors.NotAllowed("x"), "clouds"),
        (errors.Unavailable("x"), "clouds"),
        (errors.RunLockedError("x"), "reliability"),
        (errors.SelectionError("x"), ""),
        (ValueError("x"), ""),
    ],
)
def test_an_error_sends_its_reader_to_a_page_that_exists(error: Any, topic: str) -> None:
    assert topic_of(error) == topic
    assert not topic or topic in pages()


def test_a_wrong_manifest_ends_with_the_topic(qbatch: Call) -> None:
    Path("m.yaml").write_text("qbatch: 1\n")
    assert qbatch("plan", "m.yaml").err.endswith("\nmore: qbatch help manifest\n")


def test_what_is_wrong_with_bases_ends_with_their_page(qbatch: Call) -> None:
    Path("m.yaml").write_text("extends: base.yaml\n")
    assert qbatch("validate", "m.yaml").err.endswith("\nmore: qbatch help bases\n")
    assert qbatch("help", "extends").out.startswith(
        "## `extends`: what comes of a base and a manifest\n"
    )


def test_links_are_shown_as_words_and_addresses_stay() -> None:
    assert plain("see [waiting](clouds.md#waiting)") == "see waiting"
    assert plain("[a](https://b)") == "[a](https://b)"


@pytest.mark.parametrize("width", [40, 80])
def test_no_name_is_cut_off_in_a_table_of_a_terminal(width: int) -> None:
    from rich.console import Console

    from qbatch.cli.guide_pages import GuidePage

    name = "matrix_product_state_max_bond_dimension"
    console = Console(width=width, record=True, file=StringIO())
    console.print(GuidePage(f"| key | what |\n|---|---|\n| `{name}` | {'of it ' * 30} |\n"))
    shown = console.export_text()
    assert "…" not in shown
    assert name in "".join(line[1:].partition(" ")[0] for line in shown.splitlines())


def test_what_is_said_of_long_names_has_room(qbatch: Call, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = qbatch("explain", "backends.NAME.options").out.splitlines()
    at = told.index("    matrix_product_state_max_bond_dimension")
    assert told[at + 1].startswith(" " * 30 + "Aer's, under Aer's name: the most")
    assert max(map(len, told)) <= 80
    assert all(len(line) - len(line.lstrip()) <= 32 for line in told)
