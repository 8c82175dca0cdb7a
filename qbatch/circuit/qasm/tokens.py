"""OpenQASM text to tokens, and places in the text.

Rules: one regular expression reads both versions of the language; comments are dropped here,
annotations and pragmas (*directives*) are put aside. An ``@`` begins an annotation, to the end of
its line, where a statement can begin, and nowhere else. Every mistake carries an offset that
`place_at` turns into line:column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from qbatch.circuit.text import Source
from qbatch.errors import CircuitError
from qbatch.notation import nearest

#: Parentheses, blocks, gates within gates: at most so many levels.
NESTING = 50


class Token(NamedTuple):
    """`start` is an offset.

    `kind`: "id", "int", "real", "duration", "string", "op" or "end"; of what is put aside,
    "directive".
    """

    kind: str
    text: str
    start: int


_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\r\n]*|/\*.*?\*/|\A\ufeff)
    | (?P<hash>\#pragma\b[^\r\n]*)
    | (?P<pragma>pragma\b)
    | (?P<at>@)
    | (?P<unclosed>/\*)
    | (?P<id>[^\W\d]\w*|\$\d+)
    | (?P<duration>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ ]?(?:dt|ns|us|µs|μs|ms|s)\b)
    | (?P<imaginary>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[ ]?im\b)
    | (?P<real>(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)
    | (?P<int>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*)
    | (?P<string>"[^"\r\n]*"|'[^'\r\n]*')
    | (?P<op>->|\+\+|\*\*=?|==|!=|<=|>=|&&|\|\||<<=?|>>=?|[-+*/%^&|~]=|[-+*/%^&|~!<>=(){}\[\];:,.])
    | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_LINE_END = re.compile(r"[\r\n]|\Z")

#: After these a statement begins, or the braces or brackets of a loop have ended.
_BEFORE_STATEMENT = frozenset({";", "{", "}", "]", "else"})

#: Tokens between the parentheses before an annotation, at most.
_LOOK_BACK = 100

#: Words whose parentheses stand before a statement.
_HEADS = frozenset({"if", "while"})


def tokenize(source: Source) -> tuple[list[Token], list[Token]]:
    """Split a text into tokens, the last of kind "end", and directives.

    Raises:
        CircuitError: A character is no part of OpenQASM.
    """
    text = source.text
    tokens: list[Token] = []
    directives: list[Token] = []
    start: int | None = 0
    while start is not None:
        start = _tokenize_from(start, source, tokens, directives)
    tokens.append(Token("end", "", len(text.rstrip())))
    return tokens, directives


def _tokenize_from(
    start: int, source: Source, tokens: list[Token], directives: list[Token]
) -> int | None:
    """Append what follows `start`, up to an annotation; return where to go on after it."""
    new = tuple.__new__  # half the time of Token(…), and there are many
    for match in _TOKEN.finditer(source.text, start):
        kind = match.lastgroup
        if kind == "skip":
            continue
        if kind in _RARE:
            if kind in ("bad", "unclosed"):
                raise _bad_character(source, match.start())
            if kind == "hash" or _begins_statement(tokens):
                end = _LINE_END.search(source.text, match.start())
                line = source.text[match.start() : end.start() if end else None]
                directives.append(Token("directive", line.rstrip(), match.start()))
                return end.start() if end else None
            kind = "op" if kind == "at" else "id"
        tokens.append(new(Token, (kind, match[0], match.start())))
    return None


#: Kinds of tokens that need a second look.
_RARE = frozenset({"at", "hash", "pragma", "bad", "unclosed"})


def _begins_statement(tokens: list[Token]) -> bool:
    """Whether the next token is the first of a statement."""
    if not tokens or tokens[-1].text in _BEFORE_STATEMENT:
        return True
    if tokens[-1].text != ")":
        return False
    depth = 0
    for at in range(len(tokens) - 1, max(0, len(tokens) - _LOOK_BACK), -1):
        depth += (tokens[at].text == ")") - (tokens[at].text == "(")
        if depth == 0:
            return tokens[at - 1].text in _HEADS
    return False


def _bad_character(source: Source, offset: int) -> CircuitError:
    character = source.text[offset]
    if source.text.startswith("/*", offset):
        return source.error(offset, "this comment is never closed; end it with a star and a slash")
    if character in "\"'":
        return source.error(offset, "this string never ends; close it on the same line")
    return source.error(offset, f"{character!r} is no part of OpenQASM; take it away")


class Cursor:
    """The tokens of a text, one after the other; `at` is the next one's number.

    Attributes:
        directives: Of the text; no part of `tokens`.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens, self.directives = tokenize(source)
        self.at = 0
        self.nesting = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def error(self, problem: str, token: Token | None = None) -> CircuitError:
        """Make the error to raise at `token`, by default the next one."""
        return self.source.error((token or self.token).start, problem)

    @property
    def found(self) -> str:
        """The next token, as messages name it."""
        return repr(self.token.text) if self.token.kind != "end" else "the end of the text"

    def take(self, text: str) -> bool:
        """Go past `text` if it comes next."""
        token = self.tokens[self.at]
        if token.text == text and token.kind != "string":
            self.at += 1
            return True
        return False

    def expect(self, text: str, after: str = "") -> Token:
        """Go past `text`, which has to come next."""
        token = self.tokens[self.at]
        if token.text == text and token.kind != "string":
            self.at += 1
            return token
        if text == ";":
            previous = self.tokens[self.at - 1]
            end = previous.start + len(previous.text)
            raise self.source.error(end, f"';' is missing here, before {self.found}")
        raise self.error(f"expected {text!r}{after}, found {self.found}")

    def name(self, what: str) -> Token:
        """Go past an identifier, which has to come next."""
        token = self.tokens[self.at]
        if token.kind != "id":
            raise self.error(f"expected {what}, found {self.found}")
        self.at += 1
        return token

    def unknown(
        self, token: Token, what: str, known: Iterable[str], hint: str = ""
    ) -> CircuitError:
        """Make the error for a name that is not in scope, with the nearest one that is.

        Args:
            token: The name.
            what: It should be.
            known: Names that could stand here.
            hint: The name meant, where that is known already.
        """
        near = hint or nearest(token.text, sorted({*known} - {token.text}), 0.7)
        more = f"; did you mean '{near}'?" if near else "; define it above"
        return self.error(f"'{token.text}' is not defined as a {what}{more}", token)

    def deeper(self) -> None:
        """Count one more level of nesting."""
        self.nesting += 1
        if self.nesting > NESTING:
            raise self.error(f"nested more than {NESTING} levels deep; write it flatter")
