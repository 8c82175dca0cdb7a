"""Results as tab-separated values, and a section about the numbers that are known worst."""

from typing import TextIO

import qbatch


def write_tsv(run: qbatch.Run, file: TextIO) -> None:
    """Write a line for each point and number: point, number, value, low, high."""
    for point in run:
        for name, found in point.estimates.items():
            values = (found.value, found.low, found.high)
            print(point.name, name, *values, sep="\t", file=file)


def widest(run: qbatch.Run) -> qbatch.Section:
    """Show the five numbers with the widest intervals."""
    found = [
        (each.high - each.low, point.name, name)
        for point in run
        for name, each in point.estimates.items()
    ]
    rows = [(name, point, f"{width:.3g}") for width, point, name in sorted(found, reverse=True)]
    return qbatch.Section(
        title="Widest intervals",
        text=f"The widest {min(5, len(rows))} of {len(rows)}: more shots there help most.",
        head=("number", "point", "width"),
        rows=rows[:5],
    )
