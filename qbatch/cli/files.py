"""Files that the person named on the command line."""

from __future__ import annotations

from pathlib import Path

import click


def write_text(path: Path, text: str) -> None:
    """Write a file that the person named; a path that cannot be written is a usage error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
    click.echo(f"wrote {path}", err=True)
