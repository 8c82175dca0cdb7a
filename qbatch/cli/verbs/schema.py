"""``qbatch schema``: the JSON Schema that editors check and complete manifests with."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.completing import complete_schemas, schema_names
from qbatch.cli.files import write_text
from qbatch.cli.options import output_option


@click.command()
@output_option("Write it there instead of to stdout.")
@click.option(
    "--of",
    "what",
    metavar="VERB|FILE",
    shell_complete=complete_schemas,
    help="Print that of what VERB --json writes instead (error: what any verb writes that fails), "
    "or that of qbatch.toml or config.toml (your own file).",
)
def schema(output: Path | None, what: str | None) -> None:
    """Print the JSON Schema (draft 2020-12) of manifests.

    \b
    qbatch schema -o manifest.v1.schema.json
    and as the first line of a manifest:
    # yaml-language-server: $schema=manifest.v1.schema.json
    of a project's configuration, and as the first line of qbatch.toml:
    qbatch schema --of qbatch.toml -o qbatch.schema.json
    #:schema ./qbatch.schema.json
    """  # noqa: D301  (\b is click's word for "keep these lines")
    text = schema_text() if what is None else _text_of(what)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _text_of(what: str) -> str:
    import json

    from qbatch.cli.outputs import schema_of
    from qbatch.configuration.schema import FILES, configuration_schema
    from qbatch.errors import SelectionError
    from qbatch.notation import did_you_mean

    known = schema_names()
    if what not in known:
        near = did_you_mean(what, known) or f"; those there are: {', '.join(known)}"
        raise SelectionError(f"--of: there is no schema of {what!r}{near}").about("json")
    found = configuration_schema(what) if what in FILES else schema_of(what)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """The JSON Schema as a file has it."""
    import json

    from qbatch.providers import manifest_schema

    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"
