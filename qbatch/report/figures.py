"""Figures: matplotlib draws SVG, and the SVG is made fit for a page.

Rules: `Figure` objects only, no pyplot, no global state changed; matplotlib is imported when the
first figure is drawn. Equal data give equal bytes: no dates, ids from a fixed salt. Text and axes
are drawn in a colour that inside a page becomes `currentColor`, so that they follow light and dark
mode. Every point carries its name and value as a tooltip.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qbatch.arguments import PATH, takes
from qbatch.errors import SelectionError
from qbatch.fragments import note
from qbatch.frozen import dataclass
from qbatch.notation import visible
from qbatch.report.canvas import FONT_SIZE, INK, MAX_TITLES, PAPER, Canvas
from qbatch.report.files import write_pieces
from qbatch.report.numbers import count_of
from qbatch.report.series import MAX_MARKS, Series

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Manifest


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure.

    Attributes:
        slug: File name without its ending: ``figure-1-zz-over-shots``.
        title: Above it.
        caption: What it shows, in words; also for those who cannot see it.
        svg: To stand in a file: its own background, dark text.
        inline: To stand inside a page: transparent, text in the page's colour.
        note: Why nothing is drawn; "" where something is.
        csv: What is drawn, as `figure_data` writes it; "" of more rows than a page should carry.
    """

    slug: str
    title: str
    caption: str
    svg: str = field(default="", repr=False)
    inline: str = field(default="", repr=False)
    note: str = ""
    csv: str = field(default="", repr=False)

    @property
    def csv_link(self) -> str:
        """An address that holds the data itself; "" for none."""
        return f"data:text/csv;charset=utf-8,{quote(self.csv, safe='')}" if self.csv else ""

    @takes(path=PATH)
    def save(self, path: str | Path) -> Path:
        """Write the picture as SVG, over what is there; return the path.

        Raises:
            SelectionError: Nothing is drawn, or the file is to be of another kind.
            UnwritableError: The file cannot be written.
        """
        path = Path(path)
        if self.note:
            raise SelectionError(f"{path}: there is no picture: {self.note}")
        if path.suffix.lower() != ".svg":
            raise SelectionError(
                f"{path}: the picture is SVG; write {path.with_suffix('.svg')}, or for a paper use "
                "`qbatch figure`, which writes PDF and PNG"
            )
        write_pieces(path, [self.svg])
        return path

    def _repr_svg_(self) -> str | None:
        return self.svg or None

    def _repr_html_(self) -> str | None:
        return None if self.svg else note(self.note)


def draw_figures(
    all_series: Sequence[Series], manifest: Manifest, fits: Sequence[Fitted] = ()
) -> list[Figure]:
    """Draw every figure of a report."""
    return [
        draw(series, manifest, number, fits) for number, series in enumerate(all_series, start=1)
    ]


def draw(series: Series, manifest: Manifest, number: int, fits: Sequence[Fitted] = ()) -> Figure:
    """Draw one figure.

    Args:
        series: What to draw.
        manifest: For the words on the axes.
        number: Counted from 1; makes ids and file names unique in a page.
        fits: Of the run, for curves through the points.
    """
    title = series.plot.title or title_of(series)
    slug = re.sub(r"[^a-z0-9]+", "-", f"figure-{number}-{title_of(series)}".lower())
    slug = slug.strip("-")[:60]
    if not series.marks and not series.outcomes:
        why = why_empty(series)
        return Figure(slug, title, why, note=why)
    from qbatch.report import drawing  # brings matplotlib
    from qbatch.report.figure_data import csv_of

    canvas = Canvas(series, manifest, {}, [], fits)
    svg = _to_svg(lambda: drawing.draw(canvas), slug)
    if left_out := series.why_left_out():
        canvas.caption.append(left_out)
    if series.dropped:
        canvas.caption.append(
            f"{count_of(series.dropped, 'point')} left out (a figure holds {MAX_MARKS:,} points of "
            "one register layout); name a where to choose."
        )
    svg = _with_titles(_with_own_ids(svg, f"f{number}-"), canvas.titles, f"f{number}-")
    rows = max(len(series.marks), sum(map(len, series.outcomes.values())))
    data = csv_of(series) if rows <= MAX_TITLES else ""
    return replace(_on_a_page(svg, slug, title, " ".join(canvas.caption), number), csv=data)


def why_empty(series: Series) -> str:
    """Say why nothing can be drawn of a series without marks."""
    if series.dropped:
        return "Too many points for a figure nobody asked for; name one under report: plots."
    return series.why_left_out() or "No finished point belongs to this figure yet."


def picture(drawn: Callable[[], Any], title: str, caption: str, number: int) -> Figure:
    """Make a figure of a sheet that matplotlib draws.

    Args:
        drawn: Makes the sheet, inside this module's settings.
        title: Above it.
        caption: What it shows, in words.
        number: Counted from 1; makes ids unique in a page.
    """
    slug = f"figure-{number}"
    svg = _with_own_ids(_to_svg(drawn, slug), f"f{number}-")
    return _on_a_page(svg, slug, title, caption, number)


def _on_a_page(svg: str, slug: str, title: str, caption: str, number: int) -> Figure:
    svg = visible(_with_description(svg, title, caption, f"f{number}-"))
    standing = svg.replace(INK, "#222222").replace(PAPER, "#ffffff")
    inline = svg[svg.index("<svg") :].replace(INK, "currentColor").replace(PAPER, "none")
    return Figure(slug, title, caption, standing, inline)


def title_of(series: Series) -> str:
    """Say what a figure shows, as its title where the manifest gives none."""
    plot = series.plot
    if plot.type == "heatmap":
        return f"{plot.z} over {plot.x} and {plot.y}"
    if series.shows_outcomes:
        return "Frequencies of outcomes"
    if plot.type == "histogram":
        return f"Distribution of {plot.x}"
    return f"{plot.y} over {plot.x}"


#: What matplotlib warns of and texts of others can bring about: a glyph that its font lacks (who
#: shows the picture has more fonts), and words so long that panels have to overlap them.
_EXPECTED = ("Glyph .* missing", "constrained_layout not applied")


def settings_of(ink: str, paper: str, points: float) -> dict[str, Any]:
    """Return matplotlib's settings of every figure.

    Args:
        ink: Colour of text and axes.
        paper: Colour of the background.
        points: Size of all text.
    """
    return {
        "font.family": "sans-serif",
        "font.size": points,
        "axes.titlesize": points,
        "axes.labelsize": points,
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": ink,
        "axes.linewidth": 0.7,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.color": ink,
        "ytick.color": ink,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "grid.color": ink,
        "grid.alpha": 0.13,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.5,
        "lines.markersize": 4.5,
        "figure.facecolor": paper,
        "savefig.facecolor": paper,
        "legend.frameon": False,
        "text.parse_math": False,
    }


@contextmanager
def set_for(settings: Mapping[str, Any]) -> Iterator[None]:
    """Let matplotlib draw by these settings inside, without the warnings that texts bring about."""
    import matplotlib as mpl

    known: Any = {name: value for name, value in settings.items() if name in mpl.rcParams}
    with mpl.rc_context(known), warnings.catch_warnings():
        for expected in _EXPECTED:
            warnings.filterwarnings("ignore", expected)
        yield


def _to_svg(drawn: Callable[[], Any], salt: str) -> str:
    own = {"svg.fonttype": "none", "svg.hashsalt": salt, "svg.id": None}
    out = io.StringIO()
    with set_for(settings_of(INK, PAPER, FONT_SIZE) | own):
        drawn().savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _with_own_ids(svg: str, prefix: str) -> str:
    """Make ids unique among all figures of a page, without what only its own file may have."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[a-z][^>]*>", lambda tag: _with_own_id(tag[0], prefix), svg)
    return re.sub(r"<\?xml.*?\?>\s*<!DOCTYPE.*?>\s*", "", svg, flags=re.DOTALL)


def _with_own_id(tag: str, prefix: str) -> str:
    """The same for one tag: words on an axis may look like attributes, and stay as they are."""
    tag = re.sub(r' style="([^"]*)"', _as_attributes, tag)
    tag = re.sub(r'\bid="', f'id="{prefix}', tag)
    return re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}", tag)


#: Style properties that are attributes of SVG too.
_PRESENTATION = re.compile(
    r"fill|shape-rendering|fill-\w+|stroke|stroke-\w+|opacity|clip-path|text-anchor|image-rendering"
)


def _as_attributes(match: re.Match[str]) -> str:
    """Write a style attribute as attributes of SVG: pages let no inline style through."""
    found: dict[str, str] = {}
    for declaration in match[1].split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name.startswith("font"):  # "font: bold 9.5px …", or its parts, by matplotlib's version
            if size := re.search(r"[\d.]+px", value):
                found["font-size"] = size[0]
            if name in {"font", "font-family"}:
                found["font-family"] = "monospace" if "monospace" in value else "sans-serif"
        elif _PRESENTATION.fullmatch(name):
            found[name] = value
    return "".join(f' {name}="{value}"' for name, value in found.items())


def _with_titles(svg: str, titles: dict[str, list[str]], prefix: str) -> str:
    """Put a <title> into each mark of the groups named in `titles`."""
    for gid, texts in titles.items():
        start = svg.find(f'<g id="{prefix}{gid}">')
        if start < 0:
            continue
        end = _end_of_group(svg, start)
        body = svg[start:end]
        marks = list(re.finditer(r"<(use|path) [^>]*?/>", re.sub(_DEFS, _blank, body)))
        if len(marks) != len(texts):
            continue  # some lie outside of the picture: a tooltip would sit on the wrong one
        parts, at = [], 0
        for match, text in zip(marks, texts, strict=True):
            parts += [body[at : match.end() - 2], f"><title>{escape(text)}</title></{match[1]}>"]
            at = match.end()
        svg = svg[:start] + "".join(parts) + body[at:] + svg[end:]
    return svg


_DEFS = re.compile(r"<defs>.*?</defs>", re.DOTALL)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _end_of_group(svg: str, start: int) -> int:
    depth = 0
    for match in re.finditer(r"<g\b[^>]*?(/?)>|</g>", svg[start:]):
        depth += -1 if match[0] == "</g>" else not match[1]
        if depth == 0:
            return start + match.end()
    return len(svg)


def _with_description(svg: str, title: str, caption: str, prefix: str) -> str:
    """Name the picture for those who cannot see it, and let its width follow the page."""
    head = (
        f'<title id="{prefix}title">{escape(title)}</title>'
        f'<desc id="{prefix}desc">{escape(caption)}</desc>'
    )
    labelled = f'role="img" aria-labelledby="{prefix}title {prefix}desc"'
    style = 'stroke-linejoin="round" stroke-linecap="butt"'
    start = svg.index("<svg ") + len("<svg ")
    end = svg.index(">", start) + 1
    return f"{svg[:start]}{labelled} {style} {svg[start:end]}{head}{svg[end:]}"
