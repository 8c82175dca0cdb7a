"""Formulas of numbers at points, worked out: for each group of points one quantity.

A number of the analysis is a table: along the axes that tell the run's points apart, in each cell
the number there. Brackets choose cells and take their axes away, and so do those that are zipped
with them and are decided thereby. Between two tables + - * / and ** join cells of equal axes.
Where one of them has all axes of the other, the other's cells come again and again
(``E - E[theta=0]``), if the manifest says with `by` that this is meant. `mean`, `max` and their
like take an axis away.

A cell whose points are not all measured says which, and never becomes a number made of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.across.points import Measured, Points
from qbatch.across.quantity import (
    Extreme,
    FitParameter,
    GroupNumber,
    Number,
    Quantity,
    UndecidedError,
    applied,
    combined,
    constant,
    of_source,
    weighted,
)
from qbatch.frozen import dataclass
from qbatch.manifest.of_points import Call, Constant, Gathered, Name, Node, Operation
from qbatch.notation import is_number, listed
from qbatch.plan.geometry.where import Narrowed, is_match, narrowed
from qbatch.plan.geometry.written import values_by_axis, writers_of
from qbatch.snapshot.dimensions import zipped

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.across.own import OwnOfGroup
    from qbatch.manifest.derived import Derived
    from qbatch.manifest.models import Analysis, Value, Where

#: A cell's place along one axis; True is told from 1. None: its points do not have the axis.
Step = tuple[bool, "Value | None"]
Key = tuple[Step, ...]

#: Reasons told of one number.
MOST_REASONS = 3


class RefusedError(ValueError):
    """A formula means nothing for these points: the message says why.

    Attributes:
        is_void: Whether brackets match no point.
    """

    def __init__(self, problem: str, *, is_void: bool = False) -> None:
        super().__init__(problem)
        self.is_void = is_void


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a cell has no number: each reason once."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.reasons) - MOST_REASONS
        told = "; ".join(self.reasons[:MOST_REASONS])
        return f"{told}; and {more} more" if more > 0 else told


Cell = Quantity | Missing


@dataclass(frozen=True, slots=True)
class Table:
    """Cells along axes.

    Attributes:
        axes: Their names, in order.
        cells: Values of the axes -> what is there.
    """

    axes: tuple[str, ...]
    cells: Mapping[Key, Cell]

    def groups(self) -> Iterator[tuple[dict[str, Value], Cell]]:
        """Yield each cell with its axes, those that its points have."""
        for key, cell in self.cells.items():
            steps = zip(self.axes, key, strict=True)
            yield {axis: value for axis, (_, value) in steps if value is not None}, cell


class Tables:
    """Works formulas out over the points of a run, or of a plan.

    Args:
        points: All of them, measured or not.
        fits: Returns the fits of these points; asked where a formula names one.
        own: Returns what own functions say of groups of them; likewise.
    """

    def __init__(
        self,
        points: Points,
        fits: Callable[[], Sequence[Fitted]],
        own: Callable[[], Sequence[OwnOfGroup]],
    ) -> None:
        self._points = points
        self._fits = fits
        self._own = own
        manifest = points.manifest
        self._analysis = manifest.analysis
        self._vars = {name: float(value) for name, value in manifest.vars.items()}
        self._values = values_by_axis(manifest)
        self._writers = writers_of(self._values)
        self._zipped = zipped(manifest)
        self._known: dict[tuple[str, Node], Table] = {}
        self.axes = points.varied

    def derived(self, name: str) -> Table:
        """Work out a derived number of the manifest.

        Raises:
            RefusedError: It means nothing for these points.
        """
        derived = self._analysis.derived[name]
        table = self._table(derived.node, name, derived)
        if derived.by is None:
            return table
        wanted = [axis for axis in derived.by if axis in self.axes]
        if more := [axis for axis in table.axes if axis not in wanted]:
            raise RefusedError(
                f"it differs along {listed(more)}, too; name a value in brackets, or gather it, as "
                f"in mean(…, over={more[0]})"
            )
        if gone := [axis for axis in wanted if axis not in table.axes]:
            raise RefusedError(
                f"it has no axis {listed(gone)} left to have a value for each of; "
                "take it out of `by`"
            )
        return table

    def _table(self, node: Node, owner: str, derived: Derived) -> Table:
        key = owner, node
        if key not in self._known:
            self._known[key] = self._made(node, owner, derived)
        return self._known[key]

    def _made(self, node: Node, owner: str, derived: Derived) -> Table:
        match node:
            case Constant(value=value):
                return Table((), {(): constant(value)})
            case Name():
                return self._named(node, derived)
            case Call(function=function, of=inner):
                table = self._table(inner, owner, derived)
                cells = {key: _applied(function, cell) for key, cell in table.cells.items()}
                return Table(table.axes, cells)
            case Operation(operator=operator, left=left, right=right):
                sides = [self._table(side, owner, derived) for side in (left, right)]
                return self._joined(operator, *sides, is_spread=derived.by is not None)
            case Gathered(function=function, of=inner, over=axis):
                return self._gathered(function, self._table(inner, owner, derived), axis)

    # -- names ---------------------------------------------------------------------------------

    def _named(self, name: Name, derived: Derived) -> Table:
        if name.name in self._vars and name.name not in self._analysis.names:
            return Table((), {(): constant(self._vars[name.name])})
        where = derived.place_of(name)
        meant = narrowed(where, self._values)
        if name.name in self._analysis.derived:
            return self._chosen(self.derived(name.name), name, where, meant)
        if name.name not in self._analysis.names:
            made = self._fitted if "." in name.name else self._of_groups
            return self._chosen(made(name.name), name, where, meant)
        return self._measured(name, where, meant)

    def _fitted(self, name: str) -> Table:
        """Return a parameter of a fit: along the axes that tell the groups apart."""
        found = [(one, p) for one in self._fits() for p in one.names if f"{one.name}.{p}" == name]
        told = [*dict.fromkeys(axis for one, _ in found for axis in one.group)]
        axes = tuple(sorted(told, key=[*self.axes, *told].index))
        cells: dict[Key, Cell] = {}
        for one, parameter in found:
            key = tuple(_step(one.group.get(axis)) for axis in axes)
            if one.solution is None:
                at = f" at {one.label}" if one.label else ""
                cells[key] = Missing((f"{name}{at} is undecided: {one.reason}",))
            else:
                cells[key] = of_source(FitParameter.of(one, parameter, self._analysis))
        return Table(axes, cells)

    def _of_groups(self, name: str) -> Table:
        """Return a number of an own function: along the axes that tell the groups apart."""
        found = [one for one in self._own() if name in one.spec.returns]
        told = [*dict.fromkeys(axis for one in found for axis in one.group.axes)]
        axes = tuple(sorted(told, key=[*self.axes, *told].index))
        cells: dict[Key, Cell] = {}
        for one in found:
            key = tuple(_step(one.group.axes.get(axis)) for axis in axes)
            estimate = one.estimates.get(name)
            if estimate is None:
                at = f" at {one.group.label}" if one.group.label else ""
                cells[key] = Missing((f"{name}{at} is undecided: {one.reason}",))
            else:
                id_ = f"own {name} {one.group.label}"
                points = tuple(point.name for point in one.group.members)
                cells[key] = of_source(GroupNumber(id_, name, estimate, points, one.shots))
        return Table(axes, cells)

    def _measured(self, name: Name, where: Where, meant: Narrowed) -> Table:
        """Return a number of the analysis at the points that are meant."""
        points = [point for point in self._points if is_match(meant, point.axes)]
        if not points:
            raise RefusedError(self._void(name, where), is_void=True)
        gone = self._decided(where, [point.axes for point in points])
        axes = tuple(axis for axis in self.axes if axis not in gone)
        cells: dict[Key, Cell] = {}
        owners: dict[Key, Measured] = {}
        for point in points:
            key = tuple(_step(point.axes.get(axis)) for axis in axes)
            if key in cells and owners[key].id != point.id:
                told = f"{owners[key].name} and {point.name}"
                raise RefusedError(
                    f"{_written(name)} is at several points: {told}; "
                    "name a value in brackets, or gather it"
                )
            owners[key] = point
            cells[key] = _cell(name.name, point, self._analysis)
        return Table(axes, cells)

    def _chosen(self, table: Table, name: Name, where: Where, meant: Narrowed) -> Table:
        """Return those cells of a derived number that are meant."""
        varied = [axis for axis in where if axis in self.axes]
        if strange := [axis for axis in varied if axis not in table.axes]:
            has = listed(table.axes) or "none"
            raise RefusedError(f"{_written(name)}: {name.name} has no axis {strange[0]} ({has})")
        same = {axis: self._only(axis) for axis in where if axis not in self.axes}
        kept = [
            (values, cell)
            for values, cell in table.groups()
            if is_match(meant, {**values, **{a: v for a, v in same.items() if v is not None}})
        ]
        if not kept:
            raise RefusedError(self._void(name, where), is_void=True)
        gone = self._decided(where, [values for values, _ in kept])
        axes = tuple(axis for axis in table.axes if axis not in gone)
        cells = {tuple(_step(values.get(axis)) for axis in axes): cell for values, cell in kept}
        return Table(axes, cells)

    def _decided(self, where: Where, chosen: Sequence[Mapping[str, Value]]) -> set[str]:
        """Return the axes that brackets take away from the cells that they choose."""
        gone = set(where)
        together = {axis for group in self._zipped if gone.intersection(group) for axis in group}
        for axis in self.axes:
            seen = {_step(values.get(axis)) for values in chosen}
            if len(seen) == 1 and (axis in together or seen == {_step(None)}):
                gone.add(axis)
        return gone

    def _void(self, name: Name, where: Where) -> str:
        for axis, value in where.items():
            seen = dict.fromkeys(point.axes[axis] for point in self._points if axis in point.axes)
            if not any(is_match(narrowed({axis: value}, self._values), {axis: v}) for v in seen):
                there = listed(self.text(axis, each) for each in seen) or "no point has it"
                return f"{_written(name)}: {axis} is never that (it is {there})"
        return (
            f"{_written(name)}: no point has all of these together; "
            "name values that one of them has"
        )

    def text(self, axis: str, value: Value) -> str:
        """Return a value as it is written in the names of points."""
        writer = self._writers.get(axis)
        return str(value) if writer is None else writer(value)

    # -- between tables ------------------------------------------------------------------------

    def _joined(self, operator: str, left: Table, right: Table, *, is_spread: bool) -> Table:
        """Put an operator between two tables.

        Args:
            operator: + - * / or **.
            left: On its left.
            right: On its right.
            is_spread: Whether the cells of one may be taken again and again for the other's.
        """
        large, small = (left, right) if len(left.axes) >= len(right.axes) else (right, left)
        if not set(small.axes) <= set(large.axes):
            only_left = [axis for axis in left.axes if axis not in right.axes]
            only_right = [axis for axis in right.axes if axis not in left.axes]
            raise RefusedError(
                f"on one side of {operator} the points differ along {listed(only_left)}, on the "
                f"other along {listed(only_right)}; name these axes in brackets on both sides"
            )
        more = [axis for axis in large.axes if axis not in small.axes]
        if more and not is_spread and not _is_constant(small):
            raise RefusedError(
                f"on one side of {operator} the points differ along {listed(more)}, on the other "
                f"they do not; name a value in brackets, or, where each is meant, say so with "
                f"by: [{', '.join(large.axes)}]"
            )
        at = [large.axes.index(axis) for axis in small.axes]
        is_same = len(large.axes) == len(small.axes)
        cells: dict[Key, Cell] = {}
        for key, cell in large.cells.items():
            place = tuple(key[i] for i in at)
            other = small.cells.get(place) or self._absent(small.axes, place)
            cells[key] = _combined(operator, *((cell, other) if large is left else (other, cell)))
        if is_same:
            for place in small.cells.keys() - {tuple(key[i] for i in at) for key in cells}:
                whole = dict(zip(small.axes, place, strict=True))
                key = tuple(whole[axis] for axis in large.axes)
                cells[key] = self._absent(large.axes, key)
        return Table(large.axes, cells)

    def _absent(self, axes: Sequence[str], key: Key) -> Missing:
        told = ", ".join(
            f"{axis}={self.text(axis, value)}"
            for axis, (_, value) in zip(axes, key, strict=True)
            if value is not None
        )
        return Missing((f"one side has no point at {told}",))

    def _gathered(self, function: str, table: Table, axis: str) -> Table:
        if axis not in table.axes:
            if axis in self.axes:
                has = listed(table.axes) or "none is left"
                raise RefusedError(f"{function} over {axis}: no such axis is left there ({has})")
            members = {key: [(self._only(axis), cell)] for key, cell in table.cells.items()}
            return Table(
                table.axes, {key: _gathered(function, axis, m) for key, m in members.items()}
            )
        at = table.axes.index(axis)
        groups: dict[Key, list[tuple[Value | None, Cell]]] = {}
        for key, cell in table.cells.items():
            groups.setdefault((*key[:at], *key[at + 1 :]), []).append((key[at][1], cell))
        for place in (place for members in groups.values() for place, _ in members):
            if function.startswith("arg") and not is_number(place):
                raise RefusedError(
                    f"{function} over {axis}: {place!r} is no number on that axis; use min or max"
                )
        axes = (*table.axes[:at], *table.axes[at + 1 :])
        return Table(axes, {key: _gathered(function, axis, found) for key, found in groups.items()})

    def _only(self, axis: str) -> Value | None:
        """Return the one value that all points have on an axis."""
        return next((point.axes.get(axis) for point in self._points), None)


def _step(value: Value | None) -> Step:
    return value.__class__ is bool, value


def _written(name: Name) -> str:
    places = ", ".join(f"{axis}={text}" for axis, text in name.where)
    return f"{name.name}[{places}]" if places else name.name


def _cell(name: str, point: Measured, analysis: Analysis) -> Cell:
    if name in point.estimates:
        return of_source(Number.of(point, name, analysis))
    return Missing((f"{point.name} {point.why_without(name, analysis)}",))


def _reasons(cells: Iterable[Cell]) -> tuple[str, ...]:
    missing = (cell for cell in cells if isinstance(cell, Missing))
    return tuple(dict.fromkeys(reason for cell in missing for reason in cell.reasons))


def _is_constant(table: Table) -> bool:
    return all(isinstance(cell, Quantity) and cell.is_constant for cell in table.cells.values())


def _applied(function: str, cell: Cell) -> Cell:
    if isinstance(cell, Missing):
        return cell
    try:
        return applied(function, cell)
    except UndecidedError as error:
        return Missing((str(error),))


def _combined(operator: str, left: Cell, right: Cell) -> Cell:
    if isinstance(left, Missing) or isinstance(right, Missing):
        return Missing(_reasons((left, right)))
    try:
        return combined(operator, left, right)
    except UndecidedError as error:
        return Missing((str(error),))


def _gathered(function: str, axis: str, members: Sequence[tuple[Value | None, Cell]]) -> Cell:
    quantities = [(place, cell) for place, cell in members if isinstance(cell, Quantity)]
    if len(quantities) < len(members):
        return Missing(_reasons(cell for _, cell in members))
    if function in ("mean", "sum"):
        weight = 1 / len(members) if function == "mean" else 1.0
        return weighted((weight, quantity) for _, quantity in quantities)
    return of_source(Extreme(function, axis, tuple(quantities)))
