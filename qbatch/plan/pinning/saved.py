"""A plan in a file: what ``plan -o FILE`` writes, and ``run --plan FILE`` runs or refuses.

The file is text, a line of JSON followed by a line "id shots name" for each point in run order and
a last line of JSON with their number and digest, by which a file cut short is known. The first line
holds what the ids depend on: settings of the backends, contents of the circuits, versions, and the
selection, so that a refusal can say what changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from qbatch.drafts import draft_beside
from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import as_written
from qbatch.manifest.decisions import decisions_facts
from qbatch.manifest.paths import Path as SettingPath
from qbatch.manifest.paths import put
from qbatch.plan.identity import canonical_json
from qbatch.plan.pinning.reasons import changes, leaves
from qbatch.plan.pricing.summary import Kind, kind_of
from qbatch.plan.select import select

if TYPE_CHECKING:
    from qbatch.plan.layout import Layout
    from qbatch.plan.plan import Plan
    from qbatch.providers import Price, Target

FORMAT = 2

_LINES_AT_ONCE = 4096
_MOST_TEXTS = 1000
#: Translating takes a while, so of very many circuit texts the first are pinned.
_MOST_PROGRAMS = 200
_MOST_SHOWN = 5
_LONGEST_LINE = 16 * 2**20
#: Of what `describe` returns, what stands there only where a manifest has it.
_TERMS = ("convert", "budget")


#: Id, name and shots of a point.
Pin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A saved plan; its points stay in the file.

    Attributes:
        path: The file.
        head: What `describe` returned when it was saved.
        selection: The ``-k`` expression it was saved with; "" for all points.
        num_points: How many points it has; each setting of a point counts.
    """

    path: Path
    head: Mapping[str, Any]
    selection: str
    num_points: int

    @property
    def adds(self) -> tuple[int, Mapping[str, float]]:
        """Jobs that it would have bought at backends that bill, and unit -> price, when saved."""
        adds = self.head.get("offer") or {}
        return int(adds.get("jobs", 0)), dict(adds.get("prices", {}))

    def pins(self) -> Iterator[Pin]:
        """Yield id, name and shots of every point, in run order."""
        with self.path.open(encoding="utf-8") as file:
            for line in islice(file, 1, 1 + self.num_points):
                id_, shots, name = line.rstrip("\n").split(" ", 2)
                yield id_, name, int(shots)


def describe(plan: Plan) -> dict[str, Any]:
    """Return what a plan depends on, in short: backends, circuits, the terms of its price."""
    texts: dict[str, set[str]] = {}
    for layout in plan.layouts():
        texts.setdefault(layout.circuit, set()).add(layout.program.facts.content)
    return {
        "backends": _backends(plan),
        "circuits": {name: _texts(found) for name, found in sorted(texts.items())},
        "seeds": [grid.seed for grid in plan.grids],
        **_terms(plan),
    }


def _backends(plan: Plan) -> dict[str, Any]:
    """Return what of each backend counts for ids; a setting that is an axis with all its values."""
    found = {name: dict(plan.factory.backend_settings(name)) for name in plan.manifest.backends}
    values: dict[tuple[str, SettingPath], dict[str, Any]] = {}
    for layout in plan.layouts():
        for path, value in layout.settings:
            values.setdefault((layout.backend, path), {})[canonical_json(value)] = value
    for (name, path), of_axis in values.items():
        many = len(of_axis) > _MOST_TEXTS
        shown = _texts({*of_axis}, "values") if many else [*of_axis.values()]
        found[name] = put(found[name], path, shown)
    return found


def _terms(plan: Plan) -> dict[str, Any]:
    """What units are worth and what may be spent, where that is said: prices alone do not bound."""
    budget = plan.manifest.budget
    limits = {"total": budget.total, **budget.backends}
    found = {
        "convert": {unit: dict(worths) for unit, worths in plan.prices.convert.items()},
        "budget": {name: dict(amounts) for name, amounts in limits.items() if amounts},
    }
    return {name: told for name, told in found.items() if told}


def describe_targets(
    plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, object]
) -> dict[str, Any]:
    """Return for each backend that was asked what it would run on, for what price, and as what.

    Args:
        plan: The plan.
        targets: Backend -> target.
        drivers: Backend -> driver; those that translate circuits are asked for the programs.
    """
    found: dict[str, Any] = {}
    for name in plan.manifest.backends:
        if name in targets:
            found[name] = terms_of_target(targets[name])
            if programs := _programs(plan, name, drivers.get(name)):
                found[name]["programs"] = programs
    return found


def terms_of_target(target: Target) -> dict[str, Any]:
    """Return what a target is called, its price, and the rule by which it computes."""
    found = {"target": target.name, "price": _price(target.price)}
    return {**found, **({"rule": rule} if (rule := target.facts.get("rule")) else {})}


def _price(price: Price) -> dict[str, Any]:
    found = {name: getattr(price, name) for name in price.__slots__}
    return {name: value for name, value in found.items() if value}


def _programs(plan: Plan, backend: str, driver: object) -> dict[str, list[str] | str]:
    """Digests of what a driver translates each circuit to; all parameters are a half in it."""
    digests: dict[str, set[str]] = {}
    for layout, text in programs_of(plan, backend, driver):
        digests.setdefault(layout.circuit, set()).add(hashlib.sha256(text.encode()).hexdigest())
    return {name: _texts(found) for name, found in sorted(digests.items())}


def programs_of(plan: Plan, backend: str, driver: object) -> Iterator[tuple[Layout, str]]:
    """Yield what a driver translates circuits to, all parameters a half; of very many the first.

    Raises:
        CircuitError: One cannot be translated.
    """
    from qbatch.providers import Order, Translates

    if not isinstance(driver, Translates):
        return
    seen: set[Kind] = set()
    for layout in plan.layouts():
        circuit, kind = layout.program, kind_of(layout)
        if layout.backend != backend or kind in seen or len(seen) >= _MOST_PROGRAMS:
            continue
        seen.add(kind)
        values = dict.fromkeys(circuit.facts.parameters, 0.5)
        order = Order("", layout.circuit, circuit, values, 1, 0, layout.settings)
        yield layout, driver.program(order)


def _texts(digests: set[str], noun: str = "texts") -> list[str] | str:
    found = sorted(digests)
    if len(found) <= _MOST_TEXTS:
        return found
    return f"{len(found)} {noun}: {hashlib.sha256(''.join(found).encode()).hexdigest()}"


def selected(plan: Plan, selection: str) -> Iterator[Pin]:
    """Yield id, name and shots of every point of `plan` that `selection` means, in run order.

    Raises:
        SelectionError: The selection cannot be read.
    """
    if not selection:
        return plan.pins()
    is_meant = select(selection, plan.names, plan.manifest)
    meant = (point for point in plan.points() if is_meant(point))
    return ((point.id, point.name, as_written(point.shots)) for point in meant)


def save_plan(
    plan: Plan,
    path: str | Path,
    *,
    selection: str = "",
    targets: Mapping[str, Target] | None = None,
    drivers: Mapping[str, object] | None = None,
    adds: tuple[int, Mapping[str, float]] = (0, {}),
) -> int:
    """Write a plan to a file, replacing it whole, and return how many points it has.

    Args:
        plan: The plan.
        path: Of the file.
        targets: Backend -> target; they and their prices are part of what was planned.
        drivers: As for `describe_targets`.
        selection: A ``-k`` expression; only the points it means are saved.
        adds: What it would buy, as `Offer.adds`; whoever runs it agrees to so much.

    Raises:
        SelectionError: The selection cannot be read or means no point.
        OSError: The file cannot be written.
    """
    path = Path(path)
    head = {
        "qbatch-plan": FORMAT,
        "name": plan.manifest.name,
        "selection": selection,
        "offer": {"jobs": adds[0], "prices": dict(adds[1])},
        "targets": describe_targets(plan, targets or {}, drivers or {}),
        "decided": decisions_facts(plan.manifest.decisions),
    }
    part = draft_beside(path)
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(canonical_json({**head, **describe(plan)}) + "\n")
            number = _write_points(file, selected(plan, selection))
        if not number:
            raise SelectionError(
                f"-k: {selection!r} means no point of {plan.manifest.name}; "
                "`qbatch plan` lists them"
            )
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return number


def _write_points(file: TextIO, points: Iterator[Pin]) -> int:
    """Write the points' lines, and the last line; return how many there are."""
    digest, number = hashlib.sha256(), 0
    while chunk := list(islice(points, _LINES_AT_ONCE)):
        lines = [f"{id_} {shots} {name}\n" for id_, name, shots in chunk]
        text = "".join(lines)
        digest.update(text.encode())
        number += len(lines)
        file.write(text)
    file.write(canonical_json({"points": number, "digest": digest.hexdigest()}) + "\n")
    return number


def load_plan(path: str | Path) -> SavedPlan:
    """Read a saved plan and see that it is whole.

    Raises:
        SelectionError: There is no such file, or it is no whole plan.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8") as file:
            head = _head(file.readline(_LONGEST_LINE), path)
            number, tail = _read_through(file)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SelectionError(
            f"--plan {path}: cannot be read: {why}; name a file that `qbatch plan -o FILE` wrote"
        ) from error
    if tail != canonical_json({"points": number[0], "digest": number[1]}):
        raise SelectionError(f"--plan {path}: is cut short or was edited; plan again with -o")
    return SavedPlan(path, head, str(head.get("selection", "")), number[0])


def _head(line: str, path: Path) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or "qbatch-plan" not in head:
        raise SelectionError(f"--plan {path}: is no plan; make one with qbatch plan -o")
    if head["qbatch-plan"] != FORMAT:
        raise SelectionError(f"--plan {path}: was made by another qbatch; plan again with -o")
    return head


def _read_through(lines: Iterator[str]) -> tuple[tuple[int, str], str]:
    """Return number and digest of the points' lines, and the last line."""
    digest, number, last = hashlib.sha256(), -1, ""
    for line in lines:
        digest.update(last.encode())
        number, last = number + 1, line
    return (number, digest.hexdigest()), last.rstrip("\n")


def differences(
    saved: SavedPlan,
    plan: Plan,
    targets: Mapping[str, Target] | None = None,
    drivers: Mapping[str, object] | None = None,
) -> list[str]:
    """Say what has changed between a saved plan and `plan`, in lines; none: nothing has.

    Leaves of the settings come first, with both values, then targets and prices, then points by
    name. A target that was not asked, then or now, is not compared.
    """
    new = {**describe(plan), "targets": describe_targets(plan, targets or {}, drivers or {})}
    new = json.loads(canonical_json(new))
    old = {key: saved.head[key] for key in (*new, *_TERMS) if key in saved.head}
    both = (old.get("targets") or {}).keys() & new["targets"].keys()
    for side in (old, new):
        side["targets"] = {name: side["targets"][name] for name in sorted(both)}
    found = [
        f"{change.leaf}: {change.old} → {change.new}"
        for change in changes(leaves(old), leaves(new))
    ]
    return found + _different_points(saved, plan)


def _different_points(saved: SavedPlan, plan: Plan) -> list[str]:
    pairs = zip_longest(saved.pins(), selected(plan, saved.selection))
    at = next((number for number, (old, new) in enumerate(pairs) if old != new), None)
    if at is None:
        return []
    old = {name: (id_, shots) for id_, name, shots in islice(saved.pins(), at, None)}
    new = {
        name: (id_, shots) for id_, name, shots in islice(selected(plan, saved.selection), at, None)
    }
    both = [name for name in new if name in old]
    lists = {
        "changed": [name for name in both if old[name][0] != new[name][0]],
        "shots": [
            f"{name}: {old[name][1]} → {new[name][1]}"
            for name in both
            if old[name][0] == new[name][0] and old[name][1] != new[name][1]
        ],
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
    }
    lines = [_line(word, points) for word, points in lists.items() if points]
    return lines or ["the order of the points"]


def _line(word: str, names: list[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f"{word}: {'; '.join(names[:_MOST_SHOWN])}{more}"
