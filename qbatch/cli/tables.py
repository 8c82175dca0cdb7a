"""Tables for a terminal; files have writers of their own in `report`."""

from __future__ import annotations

from qbatch.notation import unturned


def format_table(head: list[str], rows: list[list[str]], *, indent: str = "") -> str:
    """A table whose columns stand one below the other; columns without any text are left out.

    Cells of figures alone are set to the right; no text is changed.
    """
    from tabulate import tabulate

    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    cells = [[unturned(row[i]) for i in kept] for row in rows]
    aligned = ["right" if _is_numeric(column) else "left" for column in zip(*cells, strict=True)]
    table = tabulate(
        cells,
        headers=[head[i] for i in kept],
        tablefmt="plain",
        disable_numparse=True,
        colalign=aligned or None,
    )
    return "\n".join(indent + line.rstrip() for line in table.splitlines())


def _is_numeric(column: tuple[str, ...]) -> bool:
    return all(set(cell) <= set("0123456789 ,.?-\u202f") for cell in column)
