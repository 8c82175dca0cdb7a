"""From plain data back to YAML, so that reading the text again gives the same data.

Rules: what reads as a number, a boolean or nothing stays what it is; text that looks like one
stands in quotes, and so does all text that was quoted before (`Plain` was not). Text of several
lines is a block; a map or list of few short values stands on one line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.manifest.nodes import PREFIX, Plain, plain_type

#: What of plain text would end it inside of brackets.
_INDICATORS = frozenset(",[]{}#")
_WIDTH = 100
#: Characters of a map that stands on one line.
_SHORT = 72


def as_text(text: str) -> str:
    """Return text as YAML reads it where it is written without quotes, if it may be so written."""
    return Plain(text) if plain_type(text) == "plain" else text


def write_yaml(data: Mapping[str, Any]) -> str:
    """Write a map as a YAML document.

    Args:
        data: Of maps with text as keys, lists, tuples, text, numbers, booleans and None.
    """
    written: str = yaml.serialize(
        _node(data, 0), Dumper=_fast_dumper(), allow_unicode=True, width=_WIDTH
    )
    return written


def _fast_dumper() -> Any:
    """libyaml's, four times as fast, where PyYAML was built with it."""
    return getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _node(value: Any, depth: int) -> Node:
    if isinstance(value, Mapping):
        pairs = [(_key(key), _node(item, depth + 1)) for key, item in value.items()]
        is_flow = depth > 1 and all(_is_brief(each) or _is_row(each) for each in value.values())
        is_flow = is_flow and sum(map(len, map(str, (*value, *value.values())))) <= _SHORT
        return MappingNode(f"{PREFIX}map", pairs, flow_style=is_flow or not pairs)
    if isinstance(value, list | tuple):
        items = [_node(item, depth + 1) for item in value]
        return SequenceNode(f"{PREFIX}seq", items, flow_style=_is_row(value))
    return _scalar(value)


def _key(key: str) -> Node:
    return _scalar(as_text(key))


def _is_brief(value: Any) -> bool:
    """Tell whether a value may stand between brackets as it would by itself."""
    if isinstance(value, Mapping | list | tuple):
        return False
    if not isinstance(value, str):
        return True
    return "\n" not in value and not (type(value) is Plain and _INDICATORS.intersection(value))


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_brief, value))


def _scalar(value: Any) -> Node:
    if isinstance(value, str):
        style = None if type(value) is Plain else '"'
        return ScalarNode(f"{PREFIX}str", str(value), style="|" if "\n" in value else style)
    if value is None:
        return ScalarNode(f"{PREFIX}null", "null")
    if isinstance(value, bool):
        return ScalarNode(f"{PREFIX}bool", "true" if value else "false")
    if isinstance(value, int):
        return ScalarNode(f"{PREFIX}int", str(value))
    return ScalarNode(f"{PREFIX}float", _decimal(value))


def _decimal(number: float) -> str:
    if not math.isfinite(number):
        return ".nan" if math.isnan(number) else ".inf" if number > 0 else "-.inf"
    text = repr(number)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
