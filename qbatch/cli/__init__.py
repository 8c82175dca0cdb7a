"""The command line: verbs, exit codes, what is said and where.

Rules of this package: data goes to stdout, talk and progress to stderr; a verb stands in a module
of its own that is imported when the verb is called, and imports what is heavy inside its function;
a person's mistake never ends in a traceback; the exit code is decided in one place, `exits`.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

import click

from qbatch import __version__
from qbatch.cli.configured import begin_configured, see_configured
from qbatch.cli.error_messages import ErrorMessages
from qbatch.cli.failures import wants_json
from qbatch.cli.group import Verbs, named_in
from qbatch.cli.streams import begin_in_utf8, prepare_streams

#: So many more objects stand there before Python looks for circles among them. By its own 700 it
#: looks some hundred times while a verb and its models are made, which are all kept.
MORE_OBJECTS = 20_000


@click.group(
    name="qbatch",
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The guide comes with the package: qbatch/guide. QBATCH_DEBUG=1 shows tracebacks.",
)
@click.version_option(__version__, message="qbatch %(version)s")
@click.pass_context
def qbatch(context: click.Context) -> None:  # \b is click's word for "keep these lines"
    """Run a quantum experiment from one YAML manifest: plan it, run it, report it.

    \b
    qbatch init                     write a manifest to start from
    qbatch plan bell.yaml           what would run, and why
    qbatch run bell.yaml            run what is missing, write the report
    """  # noqa: D301
    see_configured(context, context.invoked_subcommand, named_in(context))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (of this process, when None) and return its exit code."""
    if arguments is None:
        begin_in_utf8()
        gc.set_threshold(MORE_OBJECTS)
    prepare_streams()
    words = sys.argv[1:] if arguments is None else arguments
    told = ErrorMessages(as_json=wants_json(words), verb=words[0] if words else "")
    outer = click.Context(qbatch, color=begin_configured())  # of what is told after a verb
    with outer.scope(), told:
        code = qbatch.main(
            arguments, prog_name="qbatch", standalone_mode=False, color=outer.color, obj=outer
        )
        told.exit_code = code if isinstance(code, int) else 0
        sys.stdout.flush()
    return told.exit_code
