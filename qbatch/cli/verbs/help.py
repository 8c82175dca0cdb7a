"""``qbatch help``: the guide, offline, in the terminal."""

from __future__ import annotations

import sys

import click

from qbatch.cli.completing import complete_topics
from qbatch.cli.tables import wrapped


@click.command()
@click.argument("topic", nargs=-1, shell_complete=complete_topics)
@click.pass_context
def help(context: click.Context, topic: tuple[str, ...]) -> None:
    """Show a page of the guide, a section of it by its heading, or a verb's flags.

    Without TOPIC: what there is. `qbatch explain KEY` tells of a manifest's key.
    """
    from qbatch.cli.group import has_verb
    from qbatch.cli.topics import page_text, pages, sections_about
    from qbatch.errors import SelectionError
    from qbatch.notation import did_you_mean

    words = " ".join(topic)
    page = words.lower().replace(" ", "-").removesuffix(".md")
    if not topic:
        _list(pages())
    elif page in pages():
        _show(page_text(page))
    elif has_verb(words) and context.parent is not None:
        context.parent.command.main([words, "--help"], "qbatch", standalone_mode=False)
    elif len(found := sections_about(words)) == 1:
        _show(found[0].text)
    elif found:
        titles = "\n".join(f"  {each.page}: {each.title}" for each in found)
        raise SelectionError(f"several sections are about {words!r}; name one\n{titles}")
    else:
        hint = did_you_mean(page, pages()) or "; `qbatch help` lists the pages"
        raise SelectionError(f"there is no page or heading {words!r}{hint}")


def _list(pages: dict[str, str]) -> None:
    width = max(map(len, pages))
    for name, about in pages.items():
        line = f"{name.ljust(width)}  {about}"
        click.echo(wrapped(line, further=" " * (width + 2), stream=sys.stdout))
    click.echo("\nqbatch help TOPIC shows one; qbatch explain KEY tells of a manifest's key")


def _show(text: str) -> None:
    """Show Markdown: set for a terminal, as it is for anything else."""
    from qbatch.cli.configured import is_plain

    if not sys.stdout.isatty():
        click.echo(text.rstrip("\n"))
        return
    from rich.console import Console

    from qbatch.cli.guide_pages import GuidePage

    Console(file=sys.stdout, no_color=is_plain(sys.stdout)).print(GuidePage(text))
