"""pydantic's complaints to ours: where pydantic knows *what*, YAML's marks know *where*.

Rules: place, value found, what is wrong with it, how to mend it, nearest known name. A misspelt
key is reported at the key, a wrong value at the value, a missing key at the map it belongs in.
What later versions will know is refused by name. Values are shown as they are written, never
evaluated, and never where they may be secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from yaml.nodes import ScalarNode

from qbatch.errors import ManifestError, Place, SourceError
from qbatch.manifest.accuracy import Accuracy
from qbatch.manifest.annotations import models_in
from qbatch.manifest.any_of import AnyOf
from qbatch.manifest.fields import AT_KEY, SECRET_KEY, Model
from qbatch.manifest.models import CIRCUIT_SOURCES, Manifest
from qbatch.manifest.source import Loc, Source, Trace
from qbatch.notation import did_you_mean, listed, shortened

#: Known names that this version refuses: it never accepts and ignores.
LATER = {
    "mitigation": "error mitigation is not part of this version of qbatch; remove it",
}

#: Fields that no key is named after.
_NO_KEYS = {("Axis", "values"), ("Budget", "backends")}

#: pydantic's type of error -> what is wrong and how to mend it, from its context.
_PROBLEMS: Mapping[str, str] = {
    "greater_than": "is too small; write more than {gt}",
    "greater_than_equal": "is too small; write {ge} or more",
    "less_than": "is too large; write less than {lt}",
    "less_than_equal": "is too large; write {le} or less",
    "model_type": "is no map; write keys and values",
    "dict_type": "is no map; write keys and values",
    "mapping_type": "is no map; write keys and values",
    "tuple_type": "is no list; write [ … ] or lines that begin with '- '",
    "too_short": "is empty; write at least one",
    "finite_number": "is not finite; write a number",
}


def complain(
    source: Source, error: ValidationError, root: type[Model] = Manifest
) -> Iterator[ManifestError]:
    """Turn each of pydantic's errors into ours; `root` is the model of the whole file."""
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] != "silent":
            yield _complaint(source, detail["loc"], detail["type"], detail.get("ctx") or {}, root)


def _complaint(
    source: Source, loc: Loc, kind: str, context: Mapping[str, Any], root: type[Model]
) -> ManifestError:
    at_key = AT_KEY in loc
    loc = tuple(step for step in loc if step != AT_KEY)
    trace = source.trace(loc)
    if kind == "extra_forbidden":
        return source.mistake(source.place(trace.key), _unknown_key(loc, trace, root))
    if kind == "missing":
        return source.mistake(_map_place(source, trace), _missing(loc[-1], trace))
    problem = _problem(kind, context, trace)
    shown = "" if kind == "amiss" else _shown(trace.key if at_key else trace.value)
    told = f"{trace.path}: {shown} {problem}" if shown else f"{trace.path}: {problem}"
    mistake = source.mistake(
        source.place(trace.key if at_key else trace.value), told.removeprefix(": ")
    )
    if _is_secret(loc) and mistake.place.line != source.place(trace.key).line:
        mistake.excerpt = ""  # the line holds nothing but the secret
    return mistake


def _is_secret(loc: Loc) -> bool:
    key = str(loc[-1]) if loc else ""
    return key in ("credentials", "url") or SECRET_KEY.fullmatch(key) is not None


def _problem(kind: str, context: Mapping[str, Any], trace: Trace) -> str:
    if "problem" in context:
        return str(context["problem"])
    if kind.endswith("_type") and getattr(trace.value, "tag", "") == "null":
        return "is empty; fill it in or remove the line"
    if kind == "greater_than_equal" and context["ge"] == 1:
        return "is too few; write 1 or more"
    if kind == "tuple_type" and isinstance(trace.value, ScalarNode):
        written = shortened(trace.value.value)
        if trace.steps[-1:] == ("command",):
            return f"is no list; write each word by itself: [{', '.join(_words(written))}]"
        return f"is no list; write [{written}]"
    if kind == "model_type" and len(trace.steps) == 2 and trace.steps[0] == "circuits":
        return f"is no circuit; write a path, or a map with one of {listed(CIRCUIT_SOURCES)}"
    if kind == "literal_error" and trace.steps == ("qbatch",):
        return "is no version of the manifest that this qbatch reads; write 1"
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        return f"is none of {', '.join(words)}{did_you_mean(str(trace.value.value), words)}"
    return _PROBLEMS.get(
        kind, "does not fit here; `qbatch explain` says what its key takes"
    ).format(**context)


def _words(text: str) -> Iterator[str]:
    """Yield the words of a command as a list in YAML has them."""
    for word in text.split():
        yield word if re.fullmatch(r"[\w./][\w./=-]*", word) else json.dumps(word)


def _shown(node: Any) -> str:
    """Return a scalar as it is written; "" for what is empty, a map or a list."""
    if not isinstance(node, ScalarNode) or node.tag == "null":
        return ""
    text = shortened(node.value)
    return text if node.tag in ("int", "float", "bool") else repr(text)


def _map_place(source: Source, trace: Trace) -> Place:
    return source.place(trace.key) if trace.steps or source.call else Place(source.file, 1, 1)


def _missing(name: str | int, trace: Trace) -> str:
    within = f"{trace.path}: " if trace.steps else ""
    example = {"qbatch": "qbatch: 1", "name": "name: my-experiment"}.get(str(name), f"{name}: …")
    return f"{within}{name} is missing; add '{example}'"


def _unknown_key(loc: Loc, trace: Trace, root: type[Model]) -> str:
    key = shortened(str(loc[-1]))
    within = ".".join(str(step) for step in trace.steps[:-1] if isinstance(step, str))
    where = f" in {within}" if within else ""
    if key in LATER:
        return f"{key}{where}: {LATER[key]}"
    if SECRET_KEY.fullmatch(key):
        return (
            f"unknown key {key!r}{where}; a secret does not belong in a manifest: point to it with "
            "credentials: env:NAME, keyring:… or file:…"
        )
    names = known_keys(loc[:-1], root)
    near = (
        did_you_mean(key, names, cutoff=0.8)
        or _elsewhere(key, within, root)
        or did_you_mean(key, names)
    )
    return f"unknown key {key!r}{where}{near or f'; known are {listed(names, 20)}'}"


def _elsewhere(key: str, within: str, root: type[Model]) -> str:
    """Say where a key that is unknown here is known: nearby first, else as high up as it is."""
    homes = [home for name, home in _homes(root, "") if name == key]
    near = [home for home in homes if within and home.startswith(within.split(".")[0])]
    found = min(near or homes, key=lambda home: home.count("."), default=None)
    return "" if found is None else f"; it belongs {f'in {found}' if found else 'at the top level'}"


def _homes(model: type[Model], path: str) -> Iterator[tuple[str, str]]:
    for name, info in fields_of(model).items():
        yield name, path
        inner = model_in(info.annotation)
        if inner is not None and inner is not model and path.count(".") < 4:
            step = f".{name}.NAME" if is_map(info.annotation) else f".{name}"
            yield from _homes(inner, (path + step).removeprefix("."))


def known_keys(loc: Loc, root: type[Model] = Manifest) -> list[str]:
    """Return the keys that a map at this location can have; none where any name goes."""
    model = model_at(loc, root)
    return [*fields_of(model)] if model else []


def model_at(loc: Loc, root: type[Model] = Manifest) -> type[Model] | None:
    """Return the model of the map at this location, None where there is none."""
    if loc[-1:] == ("shots",) and not {"matrix", "zip"} & set(loc):
        return Accuracy  # where a number may stand as well
    if loc[:1] == ("backends",) and loc[2:] == ("target",):
        return AnyOf  # where a name may stand as well
    model: type[Model] | None = root
    annotation: Any = root
    for step in loc:
        if model is None and isinstance(step, str) and not is_map(annotation):
            model = model_in(annotation)  # one of something, written without its list
        if model is not None and step in fields_of(model):
            annotation = fields_of(model)[str(step)].annotation
            # The next step names an entry of a map or list of models.
            model = None if is_many(annotation) else model_in(annotation)
        elif model is None:
            model = model_in(annotation)
    return model_in(annotation) if model is None and not is_map(annotation) else model


def fields_of(model: type[Model]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys they have in a manifest."""
    return {
        info.alias or name: info
        for name, info in model.model_fields.items()
        if (model.__name__, name) not in _NO_KEYS
    }


def model_in(annotation: Any) -> type[Model] | None:
    """Return the model that an annotation holds, at any depth."""
    return next((m for m in models_in(annotation) if issubclass(m, Model)), None)


def is_many(annotation: Any) -> bool:
    """Say whether an annotation is a map or list."""
    return is_map(annotation) or get_origin(annotation) is tuple


def is_map(annotation: Any) -> bool:
    """Say whether an annotation is a map of names that are free."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def order_of(error: SourceError) -> tuple[bool, str, int, int]:
    """Sort by place, file by file; what has none, `-S` and whole files, first."""
    place = error.place
    file = "" if place.line is None else place.file
    return (place.line is not None, file, place.line or 0, place.column or 0)
