"""The list of all messages is complete, and each message ends with the page it stands under."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from qbatch import errors
from qbatch.cli.error_messages import ErrorMessages
from qbatch.cli.error_topics import topic_of
from qbatch.cli.topics import pages
from tests.guide.blocks import GUIDE
from tests.guide.messages import PUBLIC, Message, messages, modules
from tests.guide.remedies import parted

WRONG = sorted((Path(__file__).parents[1] / "manifests").glob("*.yaml"))
#: Bugs of ours and control flow, which no person is meant to meet.
SILENT = {
    "AssertionError",
    "AttributeError",
    "FrozenInstanceError",
    "KeyError",
    "NotADirectoryError",
}


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]{2,}", text)


def texts_of(statement: ast.Raise) -> list[str]:
    """The longest text of two words or more that a statement has, spaces evened out."""
    found = [
        " ".join(node.value.split())
        for node in ast.walk(statement.exc or statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return sorted((text for text in found if len(words_of(text)) > 1), key=len)[-1:]


def test_the_text_of_every_statement_that_raises_is_in_the_list() -> None:
    told: dict[str, str] = {}
    for each in messages():
        told[each.room] = f"{told.get(each.room, '')}\n{each.text}"
    missing = [
        f"{module.name}:{node.lineno}: {text}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise)
        and not (isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in SILENT)
        for text in texts_of(node)
        if text not in told.get(module.name, "")
    ]
    assert missing == []


@cache
def pattern_of(text: str) -> re.Pattern[str]:
    """What a message may read as: anything in place of words in capitals."""
    parts = re.split(r"\b[A-Z][A-Z_]*\b", text)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def test_what_wrong_manifests_are_told_is_in_the_list() -> None:
    patterns = [pattern_of(each.text) for each in messages() if len(words_of(each.text)) > 1]
    expected = [
        line.removeprefix("# expect: ")
        for path in WRONG
        for line in path.read_text("utf-8", "replace").splitlines()
        if line.startswith("# expect: ")
    ]
    assert len(expected) > 200
    missing = [text for text in expected if not any(each.search(text) for each in patterns)]
    assert missing == []


def test_every_message_stands_under_a_page_that_exists() -> None:
    lacking = {each.kind for each in messages() if each.topic not in pages()}
    assert lacking == {"ExtraError"}  # it says which package to install, and that is all


def test_every_message_says_where_it_holds_what_is_wrong_and_how_it_is_mended() -> None:
    lacking = [
        f"{each.room}: {each.text}"
        for each in messages()
        if not (each.place and all(each.parts)) and each.kind != "ExtraError"
    ]
    assert lacking == []


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("is empty; write one", "is empty", "write one"),
        ("expected ';', found 'cx'", "found 'cx'", "expected ';'"),
        ("is no backend (NAMES)", "is no backend", "NAMES"),
        ("no credential: set NAME", "no credential", "set NAME"),
        ("cos takes one number, not two", "cos takes one number, not two", "takes one number"),
        ("the row is damaged", "the row is damaged", ""),
        ("names the same backend twice", "names the same backend twice", ""),
    ],
)
def test_a_remedy_is_found_in_the_forms_that_it_has(text: str, said: str, remedy: str) -> None:
    assert parted(text) == (said, remedy)


def raised(message: Message) -> BaseException:
    """An error of a message's kind, raised by a function that calls itself of its module."""
    kind = getattr(errors, message.kind)
    is_of_file = issubclass(kind, errors.SourceError)
    error = kind(errors.Place("m.yaml"), message.text) if is_of_file else kind.__new__(kind)
    if not is_of_file:
        Exception.__init__(error, message.text)
    names = {"__name__": f"qbatch.{message.room}", "error": error}
    try:
        exec("raise error", names)
    except errors.QbatchError as caught:
        return caught
    raise AssertionError


@pytest.mark.parametrize("kind", sorted(PUBLIC - {"QbatchError", "SourceErrors", "JobStateError"}))
def test_an_error_ends_with_the_page_that_its_message_stands_under(kind: str, capsys) -> None:
    rows = [each for each in messages() if each.kind == kind]
    assert {topic_of(raised(each)) == each.topic for each in rows} <= {True}
    if rows and rows[0].topic:
        with ErrorMessages():
            raise raised(rows[0])
        assert capsys.readouterr().err.endswith(f"more: qbatch help {rows[0].topic}\n")


def test_trouble_is_told_by_messages_that_there_are() -> None:
    """Each heading of the page is a message, or the beginning of one."""
    texts = "\n".join(each.text for each in messages())
    quoted = re.findall(r"^\| `([^`]+)`", (GUIDE / "trouble.md").read_text("utf-8"), re.MULTILINE)
    assert len(quoted) >= 20
    assert [text for text in quoted if text.strip("… ") not in texts] == []
