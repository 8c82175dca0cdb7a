"""``qbatch schema``: the JSON Schema that editors check and complete manifests with."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.files import write_text
from qbatch.cli.options import output_option


@click.command()
@output_option("Write it there instead of to stdout.")
@click.option("--of", "verb", metavar="VERB", help="Of what VERB --json writes instead.")
def schema(output: Path | None, verb: str | None) -> None:
    """Print the JSON Schema (draft 2020-12) of manifests.

    \b
    qbatch schema -o manifest.v1.schema.json
    and as the first line of a manifest:
    # yaml-language-server: $schema=manifest.v1.schema.json
    """  # noqa: D301  (\b is click's word for "keep these lines")
    text = schema_text() if verb is None else _text_of(verb)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _text_of(verb: str) -> str:
    import json

    from qbatch.cli.outputs import schema_of, verbs
    from qbatch.errors import SelectionError
    from qbatch.notation import did_you_mean

    if verb not in verbs():
        near = did_you_mean(verb, verbs()) or f"; those that do: {', '.join(verbs())}"
        raise SelectionError(f"--of: {verb} writes no JSON{near}")
    return json.dumps(schema_of(verb), indent=2, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """The JSON Schema as a file has it."""
    import json

    from qbatch.providers import manifest_schema

    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"
