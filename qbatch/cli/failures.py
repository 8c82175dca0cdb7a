"""An error as ``--json`` has it: on stdout, in place of what the verb would have written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from qbatch.errors import SourceError


def wants_json(words: Sequence[str]) -> bool:
    """Tell whether what was typed asks a verb for JSON, even where it cannot be read.

    >>> wants_json(["status", "--json", "--wach"]), wants_json(["status", "--", "--json"])
    (True, False)
    """
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options and not {"--help", "-h"} & {*options}


def failure(error: BaseException, code: int, topic: str) -> str:
    """Return an error as a line of JSON.

    Args:
        error: That ended the call.
        code: Its exit code.
        topic: The page of the guide that tells more; "" for none.
    """
    from qbatch.errors import SourceError, SourceErrors

    mistakes = mistakes_in(error) if isinstance(error, SourceError | SourceErrors) else []
    facts = {
        "event": "error",
        "message": "; ".join(map(str, mistakes)) or message_of(error),
        "mistakes": [*map(mistake_facts, mistakes)],
        "help": topic or None,
        "exit_code": int(code),
    }
    return json.dumps(facts, ensure_ascii=False)


def message_of(error: BaseException) -> str:
    """Return what is wrong, in the words that a person is told."""
    from qbatch.errors import QbatchError

    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and is_for_want_of_room(error):
        return (
            f"{error.filename or 'the output'}: {error.strerror}; make room, then run the same "
            "command again: what was finished is saved"
        )
    return str(error) if isinstance(error, QbatchError) else f"{type(error).__name__}: {error}"


def is_for_want_of_room(error: BaseException) -> bool:
    """Tell whether a disk is full."""
    from qbatch.report.files import NO_ROOM

    return isinstance(error, OSError) and error.errno in NO_ROOM


def mistakes_in(error: SourceError | ExceptionGroup[SourceError]) -> list[SourceError]:
    """All single mistakes of a group, nested ones too, in order."""
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [mistake for part in error.exceptions for mistake in mistakes_in(part)]


def mistake_facts(error: SourceError) -> dict[str, object]:
    """A mistake in a file, with its place, as ``--json`` has it."""
    place = error.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "problem": error.problem,
    }
