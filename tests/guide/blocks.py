"""Tables of the guide that are made from what the code says, and where they stand.

A page holds them between ``<!-- made: NAME -->`` and ``<!-- end -->``; `python -m tests.guide`
writes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

import qbatch
from qbatch.cli.outputs import schema_of, verbs
from qbatch.curves import CURVES
from qbatch.manifest.examples import manifests
from qbatch.providers import BUILT_IN, manifest_schema
from qbatch.providers.kit.proofs import UNSERVED
from qbatch.purchase import COMPOSITES, MOVES, TABLE, JobState
from tests.guide.messages import messages
from tests.guide.rooms import renewed

GUIDE = Path(qbatch.__file__).parent / "guide"
_BLOCK = re.compile(r"(<!-- made: ([\w -]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _keys(part: str, head: str) -> str:
    """The keys of a provider's options or noise, those of maps within them too."""
    definitions = manifest_schema()["$defs"]

    def rows(name: str, prefix: str) -> Iterator[tuple[str, ...]]:
        for key, option in definitions[name]["properties"].items():
            default = option.get("default")
            shown = "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"
            yield f"`{prefix}{key}`", _kind(option), shown, _cell(option["description"])
            inner = next(iter(re.findall(r"#/\$defs/([\w-]+)", str(option))), None)
            if inner is not None:
                yield from rows(inner, f"{prefix}{key}.")

    return _table((head, "value", "default", "what"), rows(part, ""))


def _kind(option: Mapping[str, Any]) -> str:
    if choices := [one for one in option.get("anyOf", ()) if one.get("type") != "null"]:
        return " or ".join(_kind(one) for one in choices)
    if words := option.get("enum"):
        return _cell(", ".join(f"`{word}`" for word in words if word is not None))
    if "#/$defs/" in str(option):
        return "a map"
    kinds = option.get("type", "any")
    names = {"object": "a map", "array": "a list", "integer": "a whole number", "string": "text"}
    names |= {"boolean": "`true`, `false`", "number": "a number"}
    known = [kinds] if isinstance(kinds, str) else kinds
    first = next((kind for kind in known if kind != "null"), "any")
    return names.get(first, "any") + _range(option)


def _range(option: Mapping[str, Any]) -> str:
    low, high = option.get("minimum"), option.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if high < 10**6 else f" from {low:g} to {high}"
    below = option.get("exclusiveMaximum")
    under = f" and below {below:g}" if below is not None else ""
    if low is not None:
        return f", {low:g} or more{under}"
    if (above := option.get("exclusiveMinimum")) is not None:
        return f" above {above:g}{under}"
    return ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _states() -> str:
    """The table of purchases, whole."""

    def rows() -> Iterator[tuple[str, ...]]:
        for state, events in TABLE.items():
            for event, row in events.items():
                after = f"`{row.state}`" if row.state is not state else ""
                yield f"`{state}`", event.value, after, row.ledger.value, row.next.value

    return _table(("stands at", "what happens", "then at", "the ledger", "next"), rows())


def _diagram() -> str:
    """Which state leads to which, as Mermaid draws it."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    lines += [f"    {old} --> {new}" for old in JobState for new in JobState if new in MOVES[old]]
    lines.append("    completed --> [*]")
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def _composites() -> str:
    """The table of composite jobs, whole; rows that several stages share stand once."""

    def rows() -> Iterator[tuple[str, ...]]:
        together: dict[tuple[str, str], list[str]] = {}
        for stage, events in COMPOSITES.items():
            for event, after in events.items():
                together.setdefault((event.value, after), []).append(stage)
        for (event, after), stages in together.items():
            yield ", ".join(f"`{stage}`" for stage in stages), event, f"`{after}`"

    return _table(("stands at", "what happens", "then at"), rows())


def _stages() -> str:
    """Which stage leads to which, as Mermaid draws it."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    lines += [
        f"    {old} --> {new}"
        for old, rows in COMPOSITES.items()
        for new in COMPOSITES
        if new in rows.values() and new != old
    ]
    lines.append("    closed --> [*]")
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def _proofs() -> str:
    """Each cloud's answers that are believed to have bought nothing."""

    def rows() -> Iterator[tuple[str, ...]]:
        for provider in (name for name in BUILT_IN if name != "local"):
            driver = import_module(f"qbatch.providers.{provider.replace('-', '_')}.driver")
            told = [
                f"{status} with {' or '.join(f'`{code}`' for code in codes)}"
                for status, codes in driver.NOT_BOUGHT.items()
            ]
            yield provider, "; ".join(told) or "-"

    unserved = ", ".join(map(str, sorted(UNSERVED)))
    return _table(("cloud", f"believed beside {unserved}"), rows())


def _vendors() -> str:
    """Each cloud's own hosts and variables."""

    def rows() -> Iterator[tuple[str, ...]]:
        for provider in (name for name in BUILT_IN if name != "local"):
            vendor = import_module(f"qbatch.providers.{provider.replace('-', '_')}.driver").VENDOR
            told = (vendor.hosts, vendor.urls, vendor.variables)
            yield provider, *(", ".join(f"`{one}`" for one in some) for some in told)

    return _table(("provider", "hosts and all below", "or where these say", "credentials"), rows())


def _curves() -> str:
    """The curves that can be fitted."""

    def rows() -> Iterator[tuple[str, ...]]:
        for curve in CURVES.values():
            told = ("; ".join(f"`{each.name}`: {each.means}" for each in curve.parameters),)
            yield f"`{curve.name}`", f"`{curve.formula.text}`", *told

    return _table(("model", "curve", "its parameters"), rows())


def _public() -> str:
    """What `qbatch` offers Python, each with the first line of what it says of itself."""

    def rows() -> Iterator[tuple[str, ...]]:
        for name in sorted(qbatch.__all__, key=lambda name: (name[0].isupper(), name)):
            found = getattr(qbatch, name)
            if callable(found):
                yield f"`{name}`", _cell((getdoc(found) or "").splitlines()[0])

    return _table(("name", "what it is"), rows())


def _messages() -> str:
    """What can be said of mistakes and trouble, by the page that tells more."""
    rows: dict[str, set[tuple[str, str, str]]] = {}
    for each in messages():
        problem, remedy = each.parts
        row = (_code(each.place), _code(problem), _code(remedy))
        rows.setdefault(each.topic, set()).add(row)
    head = ("place", "what is said", "how to mend it")

    def by_text(row: tuple[str, str, str]) -> tuple[str, str, str]:
        return row[1], row[0], row[2]

    return "".join(
        f"\n## {topic or 'Of no page'}\n\n{_table(head, iter(sorted(rows[topic], key=by_text)))}"
        for topic in sorted(rows)
    )


def _outputs() -> str:
    """What each verb writes with ``--json``."""
    rows = ((f"`{verb}`", _cell(schema_of(verb)["description"])) for verb in verbs())
    return _table(("verb", "what `--json` writes"), rows)


def _code(text: str) -> str:
    """A text in a cell, letter for letter."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{_cell(text)}{fence}" if text else ""


def _toy(file: str, language: str, package: str = "providers/toy_cloud") -> str:
    """A file of a package by which the tests add something: a cloud, where none is named."""
    text = (Path(__file__).parents[1] / package / file).read_text("utf-8")
    return f"```{language}\n{text}```\n"


_MADE: Mapping[str, Callable[[], str]] = {
    **{
        f"options {name}": (lambda name=name: _keys(f"{name}-options", "option"))
        for name in BUILT_IN
    },
    "noise": lambda: _keys("local-noise", "key"),
    "engine": lambda: _keys("local-engine", "key"),
    "proofs": _proofs,
    "vendors": _vendors,
    "curves": _curves,
    "public names": _public,
    "messages": _messages,
    "json": _outputs,
    **{
        f"every key of {name}": (lambda text=text: f"```yaml\n{text}```\n")
        for name, text in manifests().items()
    },
    "toy driver": lambda: _toy("toy_cloud.py", "python"),
    "toy project": lambda: _toy("pyproject.toml", "toml"),
    "toy extras": lambda: _toy("toy_extras.py", "python", "extending/toy_extras"),
    "toy extras project": lambda: _toy("pyproject.toml", "toml", "extending/toy_extras"),
    "toy fits": lambda: _toy("toy_fits.py", "python", "extending/toy_fits"),
    "toy fits project": lambda: _toy("pyproject.toml", "toml", "extending/toy_fits"),
    "toy engine": lambda: _toy("toy_engine.py", "python", "extending/toy_engine"),
    "toy engine project": lambda: _toy("pyproject.toml", "toml", "extending/toy_engine"),
    "diagram": _diagram,
    "states": _states,
    "stages": _stages,
    "composites": _composites,
}

#: Name -> what makes a table of what stands there now.
MAKERS: Mapping[str, Callable[[str], str]] = {
    "rooms": renewed,
    **{name: (lambda _, make=make: make()) for name, make in _MADE.items()},
}


def made(text: str) -> str:
    """Return a page with its tables made anew.

    Raises:
        KeyError: A table is named that nobody makes.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{MAKERS[block[2]](block[3])}{block[4]}", text)


def names_in(text: str) -> list[str]:
    """Return the names of a page's tables."""
    return [block[2] for block in _BLOCK.finditer(text)]
