"""A program as a small tree, so that making one smaller is leaving out and simplifying nodes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from grammar import tokens_of


@dataclass(frozen=True)
class Line:
    """A statement that is only ever left out as a whole."""

    text: str


@dataclass(frozen=True)
class Call:
    """A gate applied."""

    modifiers: tuple[str, ...]
    name: str
    args: tuple[str, ...]
    operands: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """``head { body }``, with ``else { otherwise }`` where there is any."""

    head: str
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


Node = Line | Call | Block


@dataclass(frozen=True)
class Program:
    """A program and the values that its inputs take.

    Attributes:
        version: 2 or 3.
        head: The version line and the include, as far as written.
        kind: What it was made for: "plain", "dynamic", "clifford", "noise".
        points: Values of the inputs, some sets of them.
        roughness: Seed of odd white space and comments; None: one statement a line.
    """

    version: int
    head: tuple[str, ...]
    body: tuple[Node, ...]
    kind: str = "plain"
    points: tuple[Mapping[str, float], ...] = field(default=({},))
    roughness: int | None = None

    @property
    def text(self) -> str:
        plain = "\n".join([*self.head, *_lines(self.body)]) + "\n"
        return plain if self.roughness is None else roughened(plain, random.Random(self.roughness))


def _lines(nodes: tuple[Node, ...], indent: str = "") -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Line):
            yield indent + node.text
        elif isinstance(node, Call):
            yield indent + call_text(node)
        else:
            yield f"{indent}{node.head} {{"
            yield from _lines(node.body, indent + "  ")
            if node.otherwise:
                yield f"{indent}}} else {{"
                yield from _lines(node.otherwise, indent + "  ")
            yield indent + "}"


def call_text(call: Call) -> str:
    modifiers = "".join(f"{modifier} @ " for modifier in call.modifiers)
    args = f"({', '.join(call.args)})" if call.args else ""
    return f"{modifiers}{call.name}{args} {', '.join(call.operands)}".rstrip() + ";"


_GAPS = ("\n", "\r\n", "\r", "\t", "  ", " \n\t ", " ")
_REMARKS = (
    "/* x q; */", "/* two\n@lines: of it */", "// h q[0]; { /*\n", "// ends at CR\r",
    "/* @a\n@b\n*/", "/**/", "// @ \r\n", "/* // */", "/* \" */",
)  # fmt: skip
_ANNOTATIONS = ("\n@note this; { is none\n", "\n@qbatch.check(1) 'x'\r\n")


def roughened(plain: str, rng: random.Random) -> str:
    """Write the same tokens with white space, comments and annotations of every sort between."""
    parts: list[str] = []
    previous = ""
    version = 2 if re.match(r"OPENQASM 2", plain) else 3
    for token in tokens_of(plain):
        gap = rng.choice(_GAPS) if rng.random() < 0.25 else " "
        if rng.random() < 0.05:
            gap += rng.choice(_REMARKS) + rng.choice(_GAPS)
        if version == 3 and previous == ";" and rng.random() < 0.05 and token.text not in "}":
            gap += rng.choice(_ANNOTATIONS)
        parts += [gap if parts else gap.strip("@"), token.text]
        previous = token.text
    return "".join(parts)


# -- smaller ones ----------------------------------------------------------------------------------


def smaller(program: Program) -> Iterator[Program]:
    """Yield programs a step smaller, those that leave out most first."""
    if program.roughness is not None:
        yield replace(program, roughness=None)
    for body in _smaller_lists(program.body):
        yield replace(program, body=body)
    for node in program.body:
        if isinstance(node, Block) and (found := _GATE.fullmatch(node.head)):
            for body in _without_a_parameter(program.body, node, found):
                yield replace(program, body=body)
    if len(program.points) > 1:
        for point in program.points:
            yield replace(program, points=(point,))
    for at, line in enumerate(program.head):
        if not line.startswith("OPENQASM"):
            yield replace(program, head=program.head[:at] + program.head[at + 1 :])


_GATE = re.compile(r"gate (\w+)(?:\((.*)\))? (.*)")


def _without_a_parameter(
    nodes: tuple[Node, ...], gate: Block, head: re.Match[str]
) -> Iterator[tuple[Node, ...]]:
    """Take an angle or a qubit from a gate's definition and its calls."""
    name, params, wires = head[1], (head[2] or "").split(", "), head[3].split(", ")
    for at in range(len(params) if head[2] else 0):
        told = ", ".join(params[:at] + params[at + 1 :])
        smaller_head = f"gate {name}({told}) {head[3]}" if told else f"gate {name} {head[3]}"
        yield _called(nodes, gate, smaller_head, "args", at)
    for at in range(len(wires) if len(wires) > 1 else 0):
        told = ", ".join(wires[:at] + wires[at + 1 :])
        smaller_head = f"gate {name}({head[2]}) {told}" if head[2] else f"gate {name} {told}"
        yield _called(nodes, gate, smaller_head, "operands", at - len(wires))


def _called(
    nodes: tuple[Node, ...], gate: Block, head: str, part: str, at: int
) -> tuple[Node, ...]:
    name = head.split(" ")[1].partition("(")[0]

    def changed(node: Node) -> Node:
        if node is gate:
            return replace(gate, head=head)
        if isinstance(node, Block):
            body = tuple(map(changed, node.body))
            return replace(node, body=body, otherwise=tuple(map(changed, node.otherwise)))
        if isinstance(node, Call) and node.name == name:
            whole = list(getattr(node, part))
            if -len(whole) <= at < len(whole):
                del whole[at]
            return replace(node, **{part: tuple(whole)})
        return node

    return tuple(map(changed, nodes))


def _smaller_lists(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    size = len(nodes)
    length = size
    while length:
        for start in range(0, size, length):
            yield nodes[:start] + nodes[start + length :]
        length //= 2
    for at, node in enumerate(nodes):
        for put in _simpler(node):
            yield (*nodes[:at], *put, *nodes[at + 1 :])


def _simpler(node: Node) -> Iterator[tuple[Node, ...]]:
    if isinstance(node, Block):
        yield node.body
        if node.otherwise:
            yield node.otherwise
            yield (replace(node, otherwise=()),)
        for body in _smaller_lists(node.body):
            if body:
                yield (replace(node, body=body),)
        for otherwise in _smaller_lists(node.otherwise):
            yield (replace(node, otherwise=otherwise),)
    elif isinstance(node, Call):
        for at, modifier in enumerate(node.modifiers):
            count = re.match(r"(?:neg)?ctrl(?:\((\d)\))?$", modifier)
            dropped = int(count[1] or 1) if count else 0
            rest = node.modifiers[:at] + node.modifiers[at + 1 :]
            yield (replace(node, modifiers=rest, operands=node.operands[dropped:]),)
        for at, arg in enumerate(node.args):
            for plain in ("0.7", *re.findall(r"[a-z]\w*(?!\w*\()", arg)):
                if len(plain) < len(arg):
                    args = (*node.args[:at], plain, *node.args[at + 1 :])
                    yield (replace(node, args=args),)
