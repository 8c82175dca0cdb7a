"""``qbatch figure``: one figure of a run as a file, as a paper prints it."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.configured import settings
from qbatch.cli.options import out_option, output_option, run_argument
from qbatch.cli.tables import say, tell
from qbatch.configuration.words import STYLES


@click.command()
@run_argument
@output_option("Ends in .pdf, .svg, .png, or .csv for what is drawn.", required=True)
@click.option("-n", "--number", type=int, metavar="N", help="Which of the report's, from 1.")
@click.option("-x", metavar="AXIS", help="An axis: a figure that the report has not.")
@click.option("-y", metavar="NUMBER", help="A number of the analysis, over the axis.")
@click.option("--color", metavar="AXIS", help="One line of its own colour for each value.")
@click.option("--facet", metavar="AXIS", help="One panel for each value.")
@click.option("--xscale", type=click.Choice(["linear", "log"]), help="Of the x axis.")
@click.option("--yscale", type=click.Choice(["linear", "log"]), help="Of the y axis.")
@click.option(
    "--style",
    type=click.Choice(STYLES),
    help="Widths and type as the journal wants them; aps, or what your configuration says.",
)
@click.option("--wide", is_flag=True, help="Over both columns.")
@out_option
def figure(
    run: Path,
    output: Path,
    number: int | None,
    x: str | None,
    y: str | None,
    color: str | None,
    facet: str | None,
    xscale: str | None,
    yscale: str | None,
    style: str | None,
    wide: bool,
    out: Path | None,
) -> None:
    """Write a figure of RUN for a paper, and print its caption.

    \b
    qbatch figure runs/bell -o fig1.pdf
    qbatch figure runs/t1 -n 2 --style nature --wide -o fig2.pdf
    qbatch figure runs/t1 -x delay -y p1 --color backend -o fig3.svg
    """  # noqa: D301  (\b is click's word for "keep these lines")
    from qbatch.cli.files import named_by_person
    from qbatch.cli.runs import open_analysed
    from qbatch.report import paper
    from qbatch.report.one_figure import asked_for, of_report

    words = {"x": x, "y": y, "color": color, "facet": facet}
    asked = {**words, "xscale": xscale, "yscale": yscale}
    is_own = any(value is not None for value in asked.values())
    if is_own and number is not None:
        raise click.UsageError("-n is a figure of the report; -x, -y and the others make another")
    opened = open_analysed(run, out)
    series = asked_for(opened, asked, "figure") if is_own else of_report(opened, number)
    journal = paper.STYLES[style or settings().style]
    with named_by_person():
        caption = paper.save_for_paper(opened, series, output, journal, is_wide=wide)
    say(caption)
    tell(f"wrote {output}")
