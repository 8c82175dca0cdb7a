"""What a manifest's key means, from the schema that editors use, and how an example uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean, listed

#: Stands for a name that the person gives.
NAME = "NAME"

#: Longer names of keys have a line of their own, so that what is said of them has room.
_WIDEST = 24

#: Lines shown of an example.
MOST_LINES = 8

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a manifest.

    Attributes:
        path: From the top; a name of the person's as `NAME`.
        schema: Of its value.
        whose: Provider that it belongs to; "" where it is everybody's.
    """

    path: tuple[str, ...]
    schema: Schema
    whose: str = ""

    @property
    def name(self) -> str:
        """As a person writes it."""
        return ".".join(self.path)


class Keys:
    """All keys of a manifest.

    Args:
        schema: Of manifests, whole.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def find(self, path: str) -> list[Key]:
        """Return the keys that a path means: several where providers have one of that name.

        A path may leave out ``backends.NAME``.

        Raises:
            SelectionError: There is none.
        """
        steps = _steps(path)
        if not (found := self._meant(steps)):
            raise SelectionError(self._unknown(steps))
        return found

    def names_in(self, path: str) -> list[str]:
        """Return the names of the keys in what a path means, sorted; none where that is nothing."""
        found = self._meant(_steps(path))
        return sorted({each.path[-1] for key in found for each in self.inner(key)})

    def _meant(self, steps: Sequence[str]) -> list[Key]:
        top = Key((), self._schema)
        return self._walk(top, steps) or self._walk(top, ["backends", NAME, *steps])

    def _walk(self, key: Key, steps: Sequence[str]) -> list[Key]:
        if not steps:
            return [key]
        step, *rest = steps
        if step.isdecimal():
            return self._walk(key, rest)
        return [
            end
            for each in self.inner(key)
            if each.path[-1] in (step, NAME)
            for end in self._walk(each, rest)
        ]

    def inner(self, key: Key) -> list[Key]:
        """Return the keys within a key's value, each once for each provider that has it."""
        found: dict[tuple[str, str], Key] = {}
        for schema, whose in self._forms(key.schema, key.whose):
            for name, value in schema.get("properties", {}).items():
                if whose or (name, "") not in found:
                    found[name, whose] = Key((*key.path, name), value, whose)
            more = schema.get("additionalProperties")
            if isinstance(more, dict):
                found.setdefault((NAME, whose), Key((*key.path, NAME), more, whose))
        parts = {name for name, whose in found if whose}
        return [each for (name, whose), each in found.items() if whose or name not in parts]

    def _forms(self, schema: Schema, whose: str) -> Iterator[tuple[Schema, str]]:
        """Yield what a value may be, with references followed, and whose that form is."""
        if reference := schema.get("$ref"):
            yield from self._forms(self._schema["$defs"][reference.rpartition("/")[2]], whose)
        yield schema, whose
        for each in schema.get("anyOf", ()):
            yield from self._forms(each, whose)
        if isinstance(items := schema.get("items"), dict):
            yield from self._forms(items, whose)
        for rule in schema.get("allOf", ()):
            provider = rule["if"]["properties"]["provider"]["const"]
            yield from self._forms(rule["then"], provider)

    def _unknown(self, steps: Sequence[str]) -> str:
        """Say which step goes nowhere, and what there is."""
        for at in range(len(steps) - 1, -1, -1):
            if before := self._walk(Key((), self._schema), steps[:at]):
                names = sorted({each.path[-1] for key in before for each in self.inner(key)})
                where = f"{'.'.join(steps[:at])} has" if at else "a manifest has"
                there = listed(names, 20) if names else "nothing is in it"
                return f"{where} no {steps[at]!r} ({there}){did_you_mean(steps[at], names)}"
        return f"there is no key {'.'.join(steps)!r}; `qbatch help every-key` lists them"

    def lines(self, key: Key) -> Iterator[str]:
        """Yield what there is to say of a key."""
        yield f"{key.name}{f'  (provider {key.whose})' if key.whose else ''}"
        yield f"  {self.described(key)}"
        yield f"  value    {self.kind(key.schema)}"
        default = key.schema.get("default")
        if default not in (None, "") and not isinstance(default, (list, dict)):
            yield f"  default  {json.dumps(default, ensure_ascii=False)}"
        if inner := self.inner(key):
            yield "  in it"
            width = min(max(len(each.path[-1]) for each in inner), _WIDEST)
            for each in inner:
                whose = f" ({each.whose})" if each.whose != key.whose else ""
                name, told = each.path[-1], f"{self.described(each)}{whose}"
                if len(name) > width:
                    yield f"    {name}"
                    name = ""
                yield f"    {name.ljust(width)}  {told}"

    def described(self, key: Key) -> str:
        """Return a key's description; of one that only names a form, that form's."""
        told = (form.get("description") for form, _ in self._forms(key.schema, ""))
        own = key.schema.get("description")
        return str(own or next((each for each in told if each), "A name of yours."))

    def kind(self, schema: Schema) -> str:
        """Say what a value is."""
        if reference := schema.get("$ref"):
            return self.kind(self._schema["$defs"][reference.rpartition("/")[2]])
        if choices := schema.get("anyOf"):
            kinds = [self.kind(each) for each in choices if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
        if words := schema.get("enum"):
            return ", ".join(str(word) for word in words if word is not None)
        if "const" in schema:
            return str(schema["const"])
        kinds = schema.get("type", "anything")
        first = next(
            (each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null"),
            "anything",
        )
        if first == "array":
            items = schema.get("items")
            return f"a list of: {self.kind(items)}" if isinstance(items, dict) else "a list"
        return _KINDS.get(first, first) + _range(schema)


def _steps(path: str) -> list[str]:
    return [step for step in path.replace("[", ".").replace("]", "").split(".") if step]


_KINDS = {
    "object": "a map",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
}


def _range(schema: Schema) -> str:
    bounds = (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    )
    told = [f"{word} {schema[bound]:g}" for bound, word in bounds if bound in schema]
    return f" {' '.join(told)}" if told else ""


def example_lines(key: Key) -> list[str]:
    """Return how a key stands in a manifest: in one of the examples, else as the schema has it."""
    manifest, lines = example_of(key)
    if lines:
        return [f"  example  {manifest}.yaml", *(f"    {line}" for line in lines)]
    told = [json.dumps(each, ensure_ascii=False) for each in key.schema.get("examples", ())]
    return [f"  example  {key.path[-1]}: {each}" for each in told]


def example_of(key: Key) -> tuple[str, list[str]]:
    """Return the name of a manifest that has a key, and how it stands there; "" for none."""
    from qbatch.cli import gallery
    from qbatch.manifest.excerpts import lines_at

    for name in gallery.names():
        _, text = next(gallery.files_of(name))
        if not key.whose or f"provider: {key.whose}" in text:
            for lines in lines_at(text, key.path, NAME):
                return name, [*lines[:MOST_LINES], *(["..."] if len(lines) > MOST_LINES else [])]
    return "", []
