"""What PyYAML says of a text that is no YAML, as a place and what the person can do about it."""

from __future__ import annotations

import yaml
from yaml.nodes import MappingNode, Node
from yaml.reader import ReaderError

from qbatch.errors import Place
from qbatch.manifest.nodes import TooMuchError, compose_node, lines_of


class Unreadable(Exception):
    """A text is no YAML that a manifest could be: at `at`, a place or a node."""

    def __init__(self, at: Place | Node, problem: str) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem


def compose(text: str, file: str) -> Node:
    """Read YAML into nodes.

    Raises:
        Unreadable: It is no YAML, empty, several documents, not a map, or too large.
    """
    try:
        node = compose_node(text)
    except TooMuchError as error:
        raise Unreadable(error.node, error.problem) from error
    except ReaderError as error:
        raise Unreadable(*_unreadable(error, text, file)) from error
    except UnicodeEncodeError as error:
        raise Unreadable(Place(file), "holds a lone surrogate; save as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        raise Unreadable(*_syntax(error, text, file)) from error
    if node is None:
        raise Unreadable(Place(file), "is empty; a manifest begins with 'qbatch: 1'")
    if not isinstance(node, MappingNode):
        raise Unreadable(node, "is no map of keys; a manifest begins with 'qbatch: 1'")
    return node


def _unreadable(error: ReaderError, text: str, file: str) -> tuple[Place, str]:
    before = text.encode()[: error.position].decode("utf-8", "replace")
    if isinstance(error.character, str):  # the fallback counts characters
        before = text[: error.position]
    lines = lines_of(before)
    code = ord(error.character) if isinstance(error.character, str) else error.character
    place = Place(file, len(lines), len(lines[-1]) + 1)
    return place, f"the character U+{code:04X} is not allowed in YAML; remove it"


#: What the parser says -> what the person can do about it.
_REMEDIES = {
    "mapping values are not allowed": (
        "a ': ' where no key can stand; put text that holds ': ' in quotes, and keys of one map "
        "at one indentation"
    ),
    "found undefined alias": (
        "'*' begins an alias, and no anchor of that name stands above; put text that begins "
        'with * in quotes, as in "*1"'
    ),
    "found duplicate anchor": "an anchor of this name stands above; rename one",
    "but found another document": "a second document begins here; a manifest is one document",
    "found unexpected end of stream": "the quotes opened above are never closed; close them",
    "found unknown escape character": (
        'in double quotes a backslash begins an escape; use single quotes, or "\\\\"'
    ),
    "could not find expected ':'": "a key without ':'; write 'key: value'",
    "did not find expected key": "a key was expected here; is the indentation right?",
    "did not find expected '-' indicator": "an item of the list above was expected here ('- …'); "
    "indent it as the others",
    "did not find expected ',' or '}'": "a ',' or '}' was expected before this; write it",
    "did not find expected ',' or ']'": "a ',' or ']' was expected before this; write it",
}


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Place, str]:
    mark = error.problem_mark or error.context_mark
    place = Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)
    problem = f"{error.problem or 'is no YAML'}; mend it there"
    if "cannot start any token" in problem and mark is not None:
        return place, _bad_start(place, text)
    told = next((told for said, told in _REMEDIES.items() if said in problem), problem)
    since = error.context_mark
    if since is not None and mark is not None and since.line != mark.line:
        what, _, remedy = told.partition("; ")
        told = f"{what} (in what began on line {since.line + 1}); {remedy}"
    return place, f"YAML: {told}"


def _bad_start(place: Place, text: str) -> str:
    line = lines_of(text)[(place.line or 1) - 1]
    found = line[(place.column or 1) - 1 :][:1]
    if found == "\t":
        return "YAML: a tab indents this line; indent with spaces"
    return f"YAML: text cannot begin with {found!r}; put it in quotes"
