"""A figure for a paper: as wide as the journal says, with type that can be read, the same again."""

from __future__ import annotations

import csv
import io
import re
import struct
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.cli.conftest import Call

#: Style -> width of a column and of both, inches, by the journals' instructions to authors.
WIDTHS = {"aps": (8.6 / 2.54, 17.8 / 2.54), "ieee": (3.5, 7.16), "nature": (89 / 25.4, 183 / 25.4)}


def figure(qbatch: Call, done: Path, name: str, *more: str) -> bytes:
    said = qbatch("figure", done, "-o", name, *more)
    assert said.code == 0, said.err
    return Path(name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("style", WIDTHS)
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_figure_is_as_wide_as_the_journal_says(
    qbatch: Call, done: Path, style: str, is_wide: bool
) -> None:
    more = ("-x", "shots", "-y", "zz", "--style", style, *(["--wide"] if is_wide else []))
    box = re.search(rb"/MediaBox \[\s*0 0 ([\d.]+) ", figure(qbatch, done, "f.pdf", *more))
    assert box is not None
    assert float(box[1]) / 72 == pytest.approx(WIDTHS[style][is_wide], abs=0.01)


def test_a_png_has_600_dots_an_inch(qbatch: Call, done: Path) -> None:
    (width,) = struct.unpack(">I", figure(qbatch, done, "f.png", "-n", "1")[16:20])
    assert width == pytest.approx(600 * 8.6 / 2.54, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["f.pdf", "f.svg", "f.png"])
def test_equal_data_are_equal_files(qbatch: Call, done: Path, name: str) -> None:
    assert figure(qbatch, done, name, "-n", "1") == figure(qbatch, done, name, "-n", "1")


def test_type_stays_type_and_text_is_black(qbatch: Call, done: Path) -> None:
    assert b"/Subtype /TrueType" in figure(qbatch, done, "f.pdf", "-n", "1") or (
        b"/CIDFontType2" in Path("f.pdf").read_bytes()
    )
    drawing = figure(qbatch, done, "f.svg", "-n", "1").decode()
    assert "<text" in drawing
    assert "#1a2b3c" not in drawing


def test_the_caption_has_points_shots_intervals_run_and_day(qbatch: Call, done: Path) -> None:
    said = " ".join(qbatch("figure", done, "-n", "1", "-o", "f.pdf").out.split())
    assert "3 points" in said
    assert "95 % intervals" in said
    assert "10 to 40 shots a point" in said
    assert re.search(r"Run pair, begun on 20\d\d-\d\d-\d\d; qbatch \d", said)


def test_the_data_of_a_figure_are_those_of_the_points(qbatch: Call, done: Path) -> None:
    drawn = list(csv.DictReader(io.StringIO(figure(qbatch, done, "f.csv", "-n", "1").decode())))
    points = list(csv.DictReader(io.StringIO(qbatch("export", done, "-f", "csv").out)))
    names = ("point", "shots", "zz", "zz_se", "zz_low", "zz_high")
    assert [[row[name] for name in names] for row in drawn] == [
        [point[name] for name in names] for point in points
    ]
    page = Path("runs/pair/report.html").read_text("utf-8")
    link, *_ = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)" download="[^"]*\.csv"', page)
    assert unquote(link) == Path("f.csv").read_text("utf-8")


def test_columns_of_a_figures_data_have_each_a_name_of_its_own(qbatch: Call, done: Path) -> None:
    """An axis of shots and what was measured were both `shots`."""
    head, *rows = csv.reader(io.StringIO(figure(qbatch, done, "f.csv", "-n", "1").decode()))
    assert len(set(head)) == len(head)
    asked, measured = head.index("shots_asked"), head.index("shots")
    assert [row[asked] for row in rows] == [row[measured] for row in rows]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("-o", "f.pdf", "-n", "9"), "the report has no figure 9; choose one by its number (1: "),
        (("-o", "f.eps", "-n", "1"), "f.eps: the file has to end in .pdf, .svg, .png or .csv"),
        (
            ("-o", "f.pdf", "-x", "thate", "-y", "zz"),
            "qbatch: figure: x: 'thate' is no axis or number",
        ),
        (("-o", "f.pdf", "-n", "1", "-x", "shots"), "-n is a figure of the report"),
        (("-o", "no/f.pdf", "-n", "1"), "no/f.pdf: cannot be written (there is no folder no)"),
    ],
)
def test_what_cannot_be_drawn_is_a_usage_error(
    qbatch: Call, done: Path, more: tuple[str, ...], why: str
) -> None:
    said = qbatch("figure", done, *more)
    assert said.code == 2
    assert why in " ".join(said.err.split())
