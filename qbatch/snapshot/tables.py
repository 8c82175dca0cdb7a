"""A run as a pandas table, an xarray dataset, and a small HTML table for notebooks.

pandas and xarray are in the extra ``[data]`` and are imported here, when asked for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from qbatch.errors import ExtraError, SelectionError
from qbatch.manifest.columns import ENDS, FIGURES, HEAD, OF_CURVE, TAIL
from qbatch.snapshot.dimensions import axis_values, dimensions_of
from qbatch.snapshot.extrapolated import zne_columns
from qbatch.snapshot.ledger import figures_by_point, figures_of
from qbatch.snapshot.machine_columns import MachineColumns

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from qbatch.job import JobState
    from qbatch.manifest.models import Manifest
    from qbatch.result import Counts, CountsArray
    from qbatch.snapshot.dimensions import Dimension
    from qbatch.snapshot.ledger import Purchase
    from qbatch.snapshot.points import PointResult

#: Cells of an xarray dataset; a sparse sweep of many axes can ask for more than a machine has.
MAX_CELLS = 50_000_000

#: In a row: which of its columns are of analyses. No name of a column can be this.
_ANALYSES = "columns of analyses"


class Run(Protocol):
    """What tables need of a run."""

    @property
    def name(self) -> str: ...
    @property
    def manifest(self) -> Manifest: ...
    @property
    def emulated(self) -> Collection[str]: ...
    def __iter__(self) -> Iterator[PointResult]: ...
    def __len__(self) -> int: ...
    def ledger(self) -> list[Purchase]: ...
    def counts_by_state(self) -> dict[JobState, int]: ...


def parameter_names(points: Iterable[PointResult]) -> list[str]:
    """Every swept parameter, in order of first appearance."""
    return list(dict.fromkeys(axis for point in points for axis in point.parameters))


def to_dataframe(run: Run) -> pd.DataFrame:
    """One row per point; columns as in ``results.csv``, missing values NaN.

    Of each number without noise (``E.zne``) there are also ``_chi2``, ``_dof`` and ``_p``.

    Units and labels of axes and numbers are in its `attrs`.

    Raises:
        ExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ExtraError("pandas", "data") from error
    parameters, emulated = parameter_names(run), run.emulated
    bought, machines = figures_by_point(run.ledger()), MachineColumns(run)
    rows = []
    for point in run:
        rows.append(row := row_of(point, run.manifest))
        row["emulated"] = point.backend in emulated
        if bought:
            row |= zip(FIGURES, figures_of(bought, point.each_setting), strict=True)
        row |= zip(machines.names, machines.cells(point), strict=True)
    analyses = list(dict.fromkeys(itertools.chain.from_iterable(_analyses(row) for row in rows)))
    columns = [*HEAD, *parameters, *analyses, *TAIL]
    columns += (*(FIGURES if bought else ()), *machines.names)
    table = pd.DataFrame(rows, columns=columns)
    table.attrs |= {"units": dict(run.manifest.units), "labels": dict(run.manifest.report.texts)}
    return table


def frame_of(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a table.

    Raises:
        ExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ExtraError("pandas", "data") from error
    return pd.DataFrame(list(rows), columns=list(columns))


def _analyses(row: dict[str, Any]) -> list[str]:
    names: list[str] = row.pop(_ANALYSES)
    return names


def row_of(point: PointResult, manifest: Manifest) -> dict[str, Any]:
    """A point's columns by name; `_ANALYSES` names those of its analyses."""
    analyses: dict[str, float] = {}
    for name, estimate in point.estimates.items():
        analyses[name] = estimate.value
        analyses[f"{name}_se"] = estimate.se
        analyses[f"{name}_low"] = estimate.low
        analyses[f"{name}_high"] = estimate.high
    analyses |= zne_columns(point, manifest)
    return {
        "id": point.id,
        "point": point.name,
        "state": point.state.value,
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.sampled,
        "repeat": point.repeat,
        **point.parameters,
        **analyses,
        "cost": point.job.cost,
        "unit": point.job.unit,
        "provider_job_id": point.job.provider_job_id,
        "error": point.job.error,
        "error_code": point.job.error_code,
        _ANALYSES: list(analyses),
    }


def to_xarray(run: Run) -> xr.Dataset:
    """Sweep axes as dimensions with their values as coordinates.

    Axes that are zipped with one another are one dimension, named after them (``n_theta``), on
    which each is a coordinate; ``sel(n=3)`` finds it there. An axis that the manifest sweeps is a
    dimension also where it has one value; what else has one value in all the run is an attribute.
    Shots that differ and are no axis (by an override, say) are neither: ``counted`` tells them.

    Variables: per analysis NAME, NAME_se, NAME_low, NAME_high (float, NaN where a point is
    missing), of numbers without noise NAME_chi2, NAME_dof, NAME_p; ``state`` (text, "" where
    missing), ``counted`` shots, ``outcomes`` (distinct bitstrings), ``target.…`` of machines. Units
    are attributes; that of the dataset called ``emulated`` names backends that emulators were.

    Raises:
        ExtraError: xarray is not installed.
        SelectionError: The sweep is too sparse for one array.
    """
    try:
        import xarray as xr
    except ImportError as error:
        raise ExtraError("xarray", "data") from error
    import numpy as np

    dimensions, constant = dimensions_of(run)
    shape = tuple(len(one.places) for one in dimensions)
    if math.prod(shape) > MAX_CELLS:
        raise SelectionError(f"{run.name}: axes of {shape} values are too sparse; ask for a table")
    arrays: dict[str, Any] = {"state": np.full(shape, "", dtype="U10")}
    for point in run:
        values = axis_values(point)
        where = tuple(one.places[one.key(values)] for one in dimensions)
        for name, value in _cells_of(point, run.manifest).items():
            if name not in arrays:
                arrays[name] = np.full(shape, np.nan)
            arrays[name][where] = value
    arrays |= _of_machines(run, dimensions, shape)
    names, told = _names(dimensions, arrays), _Attributes(run)
    emulated = {"emulated": ", ".join(sorted(run.emulated))} if run.emulated else {}
    made = xr.Dataset(
        {name: (names, array, told.of_column(name)) for name, array in arrays.items()},
        coords={
            axis: (name, _coordinate(one.column(axis)), told.of(axis))
            for name, one in zip(names, dimensions, strict=True)
            for axis in one.axes
        },
        attrs={"run": run.name, **emulated, **constant},
    )
    for axis in (axis for one in dimensions if len(one.axes) > 1 for axis in one.axes):
        made = made.set_xindex(axis)
    return made


class _Attributes:
    """What netCDF's conventions call the unit and the label of a variable."""

    def __init__(self, run: Run) -> None:
        manifest, self._machines = run.manifest, MachineColumns(run)
        self._units, self._labels = manifest.units, manifest.report.texts
        names = manifest.analysis.names
        self._numbers = {f"{name}{end}": name for name in names for end in ENDS}

    def of(self, name: str) -> dict[str, str]:
        """Of an axis or a number."""
        told = {"units": self._units.get(name, ""), "long_name": self._labels.get(name, "")}
        return {key: text for key, text in told.items() if text}

    def of_column(self, column: str) -> dict[str, str]:
        """Of a column of a number: its standard error and interval are in the same unit."""
        name = self._numbers.get(column)
        if name is None:
            of_curve = (told for end, told in OF_CURVE.items() if column.endswith(f".zne{end}"))
            found = ({"long_name": told} for told in of_curve)
            return next(found, self._machines.attributes(column))
        told = self.of(name)
        if name != column and "long_name" in told:
            told["long_name"] += f": {ENDS[column.removeprefix(name)]}"
        return told


def _names(dimensions: Sequence[Dimension], taken: Collection[str]) -> tuple[str, ...]:
    """The dimensions' names: an axis', or those of zipped axes, unlike any other name."""
    used = {*taken, *(axis for one in dimensions for axis in one.axes)}
    names = []
    for one in dimensions:
        name = "_".join(one.axes)
        while len(one.axes) > 1 and name in used:
            name += "_"
        names.append(name)
    return tuple(names)


def counts_array(
    run: Run,
    register: str | None,
    bit_order: Literal["right", "left"],
    points: Iterable[PointResult] | None,
) -> CountsArray:
    """See `Run.counts_array`; every point is read once."""
    from qbatch.result import CountsArray, UnlikeRegistersError

    rows: list[Counts] = []
    names: list[str] = []
    for point in run if points is None else points:
        if point.counts is not None:
            rows.append(point.counts)
            names.append(point.name)
    if not rows:
        raise SelectionError(
            f"{run.name}: no point is completed, so there is nothing to count; run or fetch it"
        )
    try:
        return CountsArray.of(rows, register, bit_order=bit_order, names=names)
    except KeyError as error:
        raise SelectionError(f"{run.name}: {error.args[0]}") from error
    except UnlikeRegistersError as error:
        remedy = "give points= those of one kind, as in [p for p in run if p.circuit == ...]"
        raise SelectionError(f"{run.name}: {error}, or {remedy}") from error


def _of_machines(
    run: Run, dimensions: Sequence[Dimension], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return an array for each column of machines."""
    import numpy as np

    machines = MachineColumns(run)
    arrays = {name: np.full(shape, None, dtype=object) for name in machines.names}
    for point in run if arrays else ():
        values = axis_values(point)
        where = tuple(one.places[one.key(values)] for one in dimensions)
        for name, value in zip(machines.names, machines.cells(point), strict=True):
            arrays[name][where] = value
    return {name: _of_one_type(array) for name, array in arrays.items()}


def _of_one_type(cells: Any) -> Any:
    """Return cells as numbers, NaN for none, or as texts, "" for none."""
    import numpy as np

    if all(value is None or isinstance(value, float) for value in cells.flat):
        return cells.astype(float)
    return np.array(["" if value is None else str(value) for value in cells.flat]).reshape(
        cells.shape
    )


def _coordinate(values: list[Any]) -> list[Any]:
    is_numeric = all(value is None or isinstance(value, (int, float)) for value in values)
    if is_numeric:
        return [float("nan") if value is None else value for value in values]
    return ["" if value is None else str(value) for value in values]


def _cells_of(point: PointResult, manifest: Manifest) -> dict[str, Any]:
    cells: dict[str, Any] = {"state": point.state.value}
    row = row_of(point, manifest)
    cells.update({name: row[name] for name in row[_ANALYSES]})
    if point.settings:
        cells["counted"] = sum(counts.shots for counts in point.counts_by_basis.values())
    if point.counts is not None:
        cells.setdefault("counted", point.counts.shots)
        cells["outcomes"] = len(point.counts)
    return cells
