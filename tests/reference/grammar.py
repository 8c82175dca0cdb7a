"""OpenQASM 2 and 3 to plain tuples: the reference's own parser, no code shared with any other.

Rules: readable next to the grammars of the two specifications. A statement is a tuple that begins
with its kind, an expression likewise; names, types and sizes are judged by the evaluator.

    ("if", ("binary", "==", ("name", "c"), ("number", 1)), [("apply", (), "x", (), [("name", "q")])], [])
"""  # noqa: E501

from __future__ import annotations

import re
from typing import Any, NamedTuple

Node = tuple[Any, ...]


class WrongProgram(Exception):
    """The text is no program, or uses what the reference does not know."""


class Token(NamedTuple):
    kind: str
    text: str


_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\r\n]*|/\*.*?\*/)
      | (?P<word>[^\W\d]\w*|\$\d+)
      | (?P<duration>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\ ?(?:dt|ns|us|µs|ms|s)\b)
      | (?P<real>(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)
      | (?P<integer>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*)
      | (?P<string>"[^"\r\n]*")
      | (?P<sign>->|\+\+|\*\*|==|!=|<=|>=|&&|\|\||<<|>>|[-+*/%^&|~!<>=(){}\[\];:,@])""",
    re.VERBOSE | re.DOTALL,
)
_LINE = re.compile(r"[^\r\n]*")
_TYPES = ("float", "angle", "int", "uint", "bool", "bit")


def tokens_of(text: str) -> list[Token]:
    """Split a text; annotations and pragmas go, which only stand where a statement may begin."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        begins = not found or found[-1].text in (";", "{", "}")
        if begins and (text[at] in "@#" or re.match(r"pragma\b", text[at:])):
            at = _LINE.match(text, at).end()  # type: ignore[union-attr]
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise WrongProgram(f"no token: {text[at : at + 10]!r}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0]))
        at = match.end()
    return [*found, Token("end", "")]


#: Operators from loose to tight, as the table of OpenQASM 3 has them; ** and unary ones are apart.
_LEVELS_3 = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_LEVELS_2 = (("==",), ("+", "-"), ("*", "/"))


class Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.at = 0
        self.version = 3
        if self.take("OPENQASM"):
            self.version = int(float(self.next().text))
            self.expect(";")

    @property
    def here(self) -> str:
        token = self.tokens[self.at]
        return "" if token.kind == "string" else token.text

    def next(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, *texts: str) -> str:
        if self.here in texts and self.here:
            return self.next().text
        return ""

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise WrongProgram(f"expected {text!r}, found {self.tokens[self.at].text!r}")

    def word(self) -> str:
        token = self.next()
        if token.kind != "word":
            raise WrongProgram(f"expected a name, found {token.text!r}")
        return token.text

    def listed(self, one: Any, closing: str) -> list[Any]:
        """Read ``one, one, …`` up to `closing`."""
        found: list[Any] = []
        while not self.take(closing):
            if found:
                self.expect(",")
            found.append(one())
        return found

    # -- statements

    def program(self) -> list[Node]:
        found = []
        while self.tokens[self.at].kind != "end":
            found.append(self.statement())
        return found

    def block(self) -> list[Node]:
        if not self.take("{"):
            return [self.statement()]
        found = []
        while not self.take("}"):
            found.append(self.statement())
        return found

    def statement(self) -> Node:
        if self.take(";"):
            return ("block", [])
        if self.here == "{":
            return ("block", self.block())
        word = self.here
        reader = getattr(self, f"_{word}_{self.version}", None) or getattr(self, f"_{word}", None)
        two = {"include", "qreg", "creg", "gate", "opaque", "measure", "reset", "barrier", "if"}
        if reader and (self.version == 3 or word in two):
            self.at += 1
            return reader()  # type: ignore[no-any-return]
        if self.version == 3 and word in _TYPES:
            return self._constant()
        return self._apply_or_assign()

    def _end_of(self, node: Node) -> Node:
        self.expect(";")
        return node

    def _include(self) -> Node:
        return self._end_of(("include", self.next().text.strip('"')))

    def _sized(self) -> Node | None:
        if not self.take("["):
            return None
        size = self.expression()
        self.expect("]")
        return size

    def _qreg(self) -> Node:
        return self._end_of(("qubits", self.word(), self._sized()))

    def _creg(self) -> Node:
        return self._end_of(("bits", self.word(), self._sized(), None))

    def _qubit(self) -> Node:
        size = self._sized()
        return self._end_of(("qubits", self.word(), size))

    def _bit(self) -> Node:
        size = self._sized()
        name = self.word()
        return self._end_of(("bits", name, size, self.expression() if self.take("=") else None))

    def _output(self) -> Node:
        self.expect("bit")
        return self._bit()

    def _type(self) -> str:
        kind = self.word()
        self._sized()
        return kind

    def _input(self) -> Node:
        return self._end_of(("input", self._type(), self.word()))

    def _const(self) -> Node:
        return self._constant()

    def _constant(self) -> Node:
        kind, name = self._type(), self.word()
        self.expect("=")
        return self._end_of(("const", kind, name, self.expression()))

    def _let(self) -> Node:
        name = self.word()
        self.expect("=")
        parts = [self.operand()]
        while self.take("++"):
            parts.append(self.operand())
        return self._end_of(("let", name, parts))

    def _gate(self) -> Node:
        name = self.word()
        params = self.listed(self.word, ")") if self.take("(") else []
        qubits = [self.word()]
        while self.take(","):
            qubits.append(self.word())
        return ("gate", name, params, qubits, self.block())

    def _opaque(self) -> Node:
        while not self.take(";"):
            self.at += 1
        return ("block", [])

    def _def(self) -> Node:
        name = self.word()
        self.expect("(")
        params = self.listed(self._parameter, ")")
        if self.take("->"):
            self._type()
        return ("def", name, params, self.block())

    def _parameter(self) -> tuple[str, str]:
        return self._type(), self.word()

    def _return(self) -> Node:
        return self._end_of(("return", None if self.here == ";" else self.expression()))

    def _measure(self) -> Node:
        source = self.operand()
        return self._end_of(("measure", source, self.operand() if self.take("->") else None))

    def _reset(self) -> Node:
        return self._end_of(("reset", self.operand()))

    def _barrier(self) -> Node:
        return ("barrier", self.listed(self.operand, ";"))

    def _delay(self) -> Node:
        self.expect("[")
        text = self.next().text
        self.expect("]")
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "dt": 0.0}
        number, unit = re.fullmatch(r"([\d.eE+-]+) ?(\D+)", text).groups()  # type: ignore[union-attr]
        return ("delay", float(number) * scale[unit], self.listed(self.operand, ";"))

    def _box(self) -> Node:
        return ("block", self.block())

    def _condition(self) -> Node:
        self.expect("(")
        condition = self.expression()
        self.expect(")")
        return condition

    def _if(self) -> Node:
        condition, then = self._condition(), self.block()
        return ("if", condition, then, self.block() if self.take("else") else [])

    def _while(self) -> Node:
        return ("while", self._condition(), self.block())

    def _for(self) -> Node:
        self._type()
        name = self.word()
        self.expect("in")
        if self.take("{"):
            return ("for", name, ("set", self.listed(self.expression, "}")), self.block())
        self.expect("[")
        return ("for", name, self._range(), self.block())

    def _range(self) -> Node:
        """Read the rest of ``[first:last]`` or ``[first:step:last]``, or of a single index."""
        parts: list[Node | None] = [None if self.here == ":" else self.expression()]
        while self.take(":"):
            parts.append(None if self.here in ("]", ":") else self.expression())
        self.expect("]")
        if len(parts) == 1:
            return ("index", parts[0])
        return ("range", parts[0], parts[1] if len(parts) == 3 else None, parts[-1])

    def _switch(self) -> Node:
        subject, cases, default = self._condition(), [], []
        self.expect("{")
        while not self.take("}"):
            if self.take("default"):
                default = self.block()
                continue
            self.expect("case")
            values = [self.expression()]
            while self.take(","):
                values.append(self.expression())
            cases.append((values, self.block()))
        return ("switch", subject, cases, default)

    def _end(self) -> Node:
        return self._end_of(("end",))

    def _apply_or_assign(self) -> Node:
        start = self.at
        if self.version == 3 and self.tokens[self.at + 1].text in ("=", "["):
            target = self.operand()
            if self.take("="):
                return self._end_of(("assign", target, self.expression()))
            self.at = start
        modifiers = []
        while self.version == 3 and (kind := self.take("ctrl", "negctrl", "inv", "pow")):
            argument = self._condition() if self.here == "(" else ("number", 1)
            modifiers.append((kind, argument))
            self.expect("@")
        name = self.word()
        args = self.listed(self.expression, ")") if self.take("(") else []
        return ("apply", tuple(modifiers), name, args, self.listed(self.operand, ";"))

    # -- operands and expressions

    def operand(self) -> Node:
        """Read ``name``, ``name[index]``, ``name[range]`` or ``name[{set}]``."""
        name = self.word()
        if not self.take("["):
            return ("name", name)
        if self.take("{"):
            chosen: Node = ("set", self.listed(self.expression, "}"))
            self.expect("]")
            return ("pick", name, chosen)
        return ("pick", name, self._range())

    def expression(self, level: int = 0) -> Node:
        levels = _LEVELS_3 if self.version == 3 else _LEVELS_2
        if level == len(levels):
            return self._unary()
        left = self.expression(level + 1)
        while sign := self.take(*levels[level]):
            left = ("binary", sign, left, self.expression(level + 1))
        return left

    def _unary(self) -> Node:
        if sign := self.take("-", "+", "!", "~"):
            return ("unary", sign, self._unary())
        return self._power()

    def _power(self) -> Node:
        base = self._primary()
        if self.take("**" if self.version == 3 else "^"):
            return ("binary", "**", base, self._unary())
        return base

    def _primary(self) -> Node:
        token = self.tokens[self.at]
        if self.take("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.take("measure"):
            return ("measured", self.operand())
        if token.kind == "word":
            following = self.tokens[self.at + 1].text
            if token.text in _TYPES:
                kind = self._type()
                return ("call", kind, [self._condition()])
            if following == "(":
                self.at += 2
                return ("call", token.text, self.listed(self.expression, ")"))
            return self.operand()
        self.at += 1
        plain = token.text.replace("_", "")
        if token.kind == "real":
            return ("number", float(plain))
        if token.kind == "integer":
            based = plain[:1] == "0" and plain[1:2].isalpha()
            return ("number", int(plain, 0) if based else int(plain))
        if token.kind == "string":
            digits = plain.strip('"')
            return ("literal", int(digits, 2), len(digits))
        raise WrongProgram(f"expected a value, found {token.text!r}")


def parse(text: str) -> tuple[int, list[Node]]:
    """Read a whole program; returns the version's first digit and the statements."""
    parser = Parser(text)
    return parser.version, parser.program()
