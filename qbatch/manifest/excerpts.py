"""Parts of a manifest's text by the path of their key, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yaml.nodes import MappingNode, Node, SequenceNode

from qbatch.manifest.nodes import compose_node


def lines_at(text: str, path: Sequence[str], wild: str) -> Iterator[list[str]]:
    """Yield the lines of each place that a path means, outdented.

    Args:
        text: A manifest's, which is YAML.
        path: Keys from the top; items of lists are passed over.
        wild: A step that means any key.
    """
    root = compose_node(text)
    for key, value in _standing(root, path, wild) if root is not None else ():
        lines = text.splitlines()[key.start_mark.line : _last_line(value) + 1]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        yield [line[indent:].rstrip() for line in lines]


def _standing(node: Node, path: Sequence[str], wild: str) -> Iterator[tuple[Node, Node]]:
    """Yield key and value of each place that a path means."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _standing(item, path, wild)
    elif isinstance(node, MappingNode) and path:
        for key, value in node.value:
            if path[0] in (key.value, wild):
                if len(path) == 1:
                    yield key, value
                yield from _standing(value, path[1:], wild)


def _last_line(node: Node) -> int:
    """Return the line that a value ends on; libyaml ends a block where the next key begins."""
    if isinstance(node, MappingNode) and node.value:
        return _last_line(node.value[-1][1])
    if isinstance(node, SequenceNode) and node.value:
        return _last_line(node.value[-1])
    return int(node.end_mark.line) - (1 if node.end_mark.column == 0 else 0)
