r"""A run's results for other programs: one reading, written as it is read.

``csv``: one row per point, columns `id, point, state, circuit, backend, shots, repeat`, one per
swept parameter, then NAME, NAME_se, NAME_low, NAME_high per analysed number, NAME_chi2, NAME_dof,
NAME_p per number without noise, then `cost, unit, provider_job_id, error, error_code, emulated`
(yes where an emulator stood in for the cloud), and where something may be billed `quoted,
quoted_by, reserved, billed, billed_by, refunded, refunded_by` of all attempts together; RFC 4180,
UTF-8, ``\n`` line ends, numbers to their last digit, times in seconds, empty where there is none.
Text that a spreadsheet would take for a formula (it begins with ``=``, ``+``, ``-`` or ``@`` and is
no number) has an apostrophe before it.

``counts``: the long table `id, point, bitstring, count`, outcomes ascending as integers.

``json``: ``{"qbatch": 1, "run", "level", "units", "labels", "points": [...], "fits": [...],
"across": [...], "expected": [...], "purchases": [...]}``, a point a line: `id, point, state,
circuit, backend, shots, repeat, parameters, estimates` (name -> value, se, low, high, and a
distance's floor), `counts` (bitstring -> count, or null), `cost, unit, provider_job_id, error,
error_code, emulated`. `units` and `labels` have those of axes and numbers that have one. `fits` has
a line for each fit and group, with `parameters` (name -> value, se, low, high, unit), `covariance`,
`chi2, dof, p, verdict`. `across` has the numbers across points, a line each: `name, group` (axis ->
value), `value, se, low, high` (null where it is undecided), `reason` (why it is), `note, points`
(their names). `expected` has what theory says, a line for each number and backend: `name, backend,
formula, chi_squared, freedom, p, left_out, without_error, waiting`, and of each point `expected,
residual, pull` (null where it has no error). A purchase has the columns of ``ledger`` by name, null
where that is empty.

``ledger``: one row per purchase: `id, point, attempt, backend, unit, quoted, quoted_by, reserved,
billed, billed_by, refunded, refunded_by, emulated, start, shots, setting, purchase, account`;
quoted and reserved are empty where nobody told a price, billed until a bill came, and emulated is
yes where an emulator stands in for the cloud: that is no money. It bought shots [start, start +
shots) of the point's sample, as was asked for then, in the setting with that key, under the key
`purchase` that was sent to the provider; empty where an earlier version did not keep it.

``fits``: one row per parameter of each fit and group: `fit, group` (as text), `parameter, unit,
value, se, low, high, chi2, dof, p, scale` (what errors were multiplied by), `verdict, reason,
points, missing`; numbers are empty where a fit is undecided. Fixed parameters are not there.

``reused``: one row per job that comes from another run: `id, point, backend, shots, run` (its id),
`name, folder, user, host, account, provider_job_id, sent_at, completed_at` (UTC), `cost, unit`
(what it was charged there). In ``json`` the same stands under `reused`, summed up for each run, and
under `put_aside` what of other runs is kept and not counted.

``across``: one row per number across points (derived, of own functions of groups, of fits) and
group: `number, group` (as text), `unit, value, se, low, high, reason` (why it is undecided),
`note, points` (how many).

``zne``: one row per point and number without noise: `id, point, number, value, se, low, high`,
`chi2, dof, p` of the values at the scales of the noise about the curve; `json` has them under
`zne`, with these values.

``calibrations``: what machines told of themselves, in the long form: one row per calibration and
number: `backend, calibration` (its digest), `first_read_at, last_read_at` (UTC; empty where results
told it), `jobs` (that ran with it), `unsure` (jobs while which it changed), `name, qubits, value,
unit`. In ``json`` the same stands under `calibrations`, with `values` (``t1[3]`` -> value, unit),
and of each point under `calibrations` which held for each of its jobs. In ``csv`` and the tables of
xarray and pandas, where some are known, `target.calibration` has the digests, a space between, and
there is a column for each number of a machine that the report names: `target.t1[3]`.

``columns``: what stands in the columns of ``csv``, a row for each: `column, label, unit, meaning`.

``oqc-snapshot``: the points on OQC as that cloud's own client saves and loads them.

``capsule``: a sealed Marqov capsule of the whole run, a new folder or a ``.capsule`` file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from qbatch.across import (
    ACROSS_COLUMNS,
    Across,
    Points,
    across_facts,
    across_rows,
    agreement_facts,
    read_across,
)
from qbatch.across.fit_facts import FIT_COLUMNS, fit_facts, fit_rows
from qbatch.across.points import needs_points
from qbatch.circuit.installed import load_installed, offered
from qbatch.errors import CircuitError, ExtraError, Place, ReportError, SelectionError
from qbatch.exchange.calibration_rows import (
    CALIBRATION_COLUMNS,
    calibration_facts,
    calibration_rows,
    facts_of_jobs,
)
from qbatch.exchange.column_rows import COLUMNS_OF_COLUMNS, column_rows
from qbatch.exchange.csv_rows import CsvRows, cell
from qbatch.exchange.reference_rows import reference_facts
from qbatch.exchange.reused_rows import REUSED_COLUMNS, reused_facts, reused_jobs
from qbatch.manifest.columns import FIGURES
from qbatch.notation import did_you_mean, visible
from qbatch.report.files import replacing, replacing_text
from qbatch.report.numbers import plain
from qbatch.report.rows import Columns, Floors, Point, Run, facts_of_setting, stretches
from qbatch.snapshot.calibrated import calibrated_facts
from qbatch.snapshot.extrapolated import ZNE_COLUMNS, zne_facts, zne_rows

if TYPE_CHECKING:
    from qbatch.result import Estimate
    from qbatch.snapshot.points import PointResult

#: Group of entry points by which packages offer formats: functions of a run and an open text file.
EXPORTERS = "qbatch.exporters"

#: Formats that are text and can go to a stream.
TEXT_FORMATS = (
    "csv",
    "counts",
    "json",
    "ledger",
    "fits",
    "reused",
    "across",
    "zne",
    "columns",
    "calibrations",
    "oqc-snapshot",
)
#: Formats that need a file.
BINARY_FORMATS = ("netcdf", "parquet")
#: Formats that make a folder, or a file of the packed folder.
FOLDER_FORMATS = ("capsule",)


def export(run: Run, format: str, out: IO[str] | Path) -> None:
    """Write a run's results.

    Args:
        run: Read once.
        format: csv, counts, json, ledger, fits, reused, across, zne, columns, calibrations,
            oqc-snapshot; with a path also capsule, and netcdf and parquet, which need the extra
            ``[data]``; or one that a package offers.
        out: An open text stream, or the path of a file, which is replaced whole.

    Raises:
        SelectionError: The format is unknown, or is binary and `out` is a stream.
        ExtraError: A package of the extra is missing.
        ReportError: A package's exporter failed.
        SnapshotError: The file cannot be written.
    """
    if format in (*BINARY_FORMATS, *FOLDER_FORMATS):
        if not isinstance(out, Path):
            raise SelectionError(f"{format} is binary: name a file with -o FILE")
        _write_binary(run, format, out)
        return
    write = _WRITERS.get(format) or installed_writer(format)
    if isinstance(out, Path):
        with replacing_text(out) as file:
            write(run, file)
    else:
        write(run, out)


def installed_writer(format: str) -> Callable[[Run, IO[str]], None]:
    """Return what an installed package writes a format with.

    Raises:
        SelectionError: No package offers that format.
        ReportError: What offers it cannot be loaded.
    """
    if format not in (there := offered(EXPORTERS)):
        known = ", ".join((*TEXT_FORMATS, *BINARY_FORMATS, *FOLDER_FORMATS, *there))
        hint = did_you_mean(format, [*TEXT_FORMATS, *there])
        raise SelectionError(f"no export format {format!r}; there are {known}{hint}")

    def write(run: Run, file: IO[str]) -> None:
        try:
            load_installed(EXPORTERS, format, "exporter", Place(format)).call(run, file)
        except CircuitError as error:
            if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough
                raise error.__cause__ from None
            raise ReportError(error.place, error.problem, excerpt=error.excerpt) from error

    return write


class _Shown:
    """A table's file, into which nothing goes that a person who opens it could be deceived by."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(visible(text))


def _write_csv(run: Run, file: IO[str]) -> None:
    written = CsvRows(run, Columns.of(run), file)
    for points in stretches(run):
        written.add_all(points)


def _write_counts(run: Run, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(("id", "point", "bitstring", "count"))
    for one in (setting for point in run for setting in point.each_setting):
        if one.counts is not None:
            writer.writerows(
                (one.id, cell(one.name), bits, n) for bits, n in one.counts.to_dict().items()
            )


#: What a purchase was of.
_BOUGHT = ("start", "shots", "setting", "purchase", "account")

#: Columns of the ledger.
_LEDGER = ("id", "point", "attempt", "backend", "unit", *FIGURES, "emulated", *_BOUGHT, "double")


def _ledger_rows(run: Run) -> Iterator[tuple[Any, ...]]:
    """Yield each purchase, as `_LEDGER` names what is told of it, then each double."""
    emulated = run.emulated
    for each in run.ledger():
        entry = each.entry
        figures = map(entry.figure, FIGURES)
        no_money = "yes" if entry.backend in emulated else ""
        bought = (entry.start, entry.shots, entry.setting, each.key, each.account)
        row = (each.id, each.point, entry.generation, entry.backend, entry.unit)
        yield (*row, *figures, no_money, *bought, "")
    yield from _double_rows(run, emulated)


def _double_rows(run: Run, emulated: Collection[str]) -> Iterator[tuple[Any, ...]]:
    """Yield each job that the run did not order: what it is said to cost, and its id."""
    for double in run.doubles():
        known = {"billed": double.cost, "billed_by": double.source}
        figures = (known.get(name, "") for name in FIGURES)
        no_money = "yes" if double.backend in emulated else ""
        head = ("", ", ".join(double.points), "", double.backend, double.unit)
        yield (*head, *figures, no_money, *("" for _ in _BOUGHT), double.id)


def _write_ledger(run: Run, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(_LEDGER)
    writer.writerows(map(cell, row) for row in _ledger_rows(run))


def _write_reused(run: Any, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(REUSED_COLUMNS)
    writer.writerows(map(cell, row) for row in reused_jobs(run))


def _write_fits(run: Run, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(FIT_COLUMNS)
    fitted = read_across(run).fits
    writer.writerows(map(cell, row) for row in fit_rows(fitted, run.manifest))


def _write_across(run: Run, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(ACROSS_COLUMNS)
    numbers = read_across(run).numbers
    writer.writerows(map(cell, row) for row in across_rows(numbers, run.manifest.units))


def _write_zne(run: Any, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(ZNE_COLUMNS)
    writer.writerows(map(cell, row) for row in zne_rows(run, run.manifest))


def _write_columns(run: Run, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(COLUMNS_OF_COLUMNS)
    writer.writerows(map(cell, row) for row in column_rows(run))


def _write_calibrations(run: Any, file: IO[str]) -> None:
    writer = csv.writer(_Shown(file), lineterminator="\n")
    writer.writerow(CALIBRATION_COLUMNS)
    writer.writerows(map(cell, row) for row in calibration_rows(run))


def _write_json(run: Run, file: IO[str]) -> None:
    manifest = run.manifest
    head = {
        "qbatch": 1,
        "run": run.name,
        "level": manifest.analysis.intervals.level,
        "units": dict(manifest.units),
        "labels": dict(manifest.report.texts),
        **{k: json.loads(run.meta[k]) for k in ("analyses", "theories") if run.meta.get(k)},
    }
    file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "points": [')
    floors, emulated = Floors(manifest), run.emulated
    gathered = Points(manifest)
    for number, point in enumerate(run):
        if needs_points(manifest):
            gathered.add(point)
        whole = cast("PointResult", point)
        facts = {**_facts(point, floors), **zne_facts(whole, manifest), **calibrated_facts(whole)}
        facts["emulated"] = point.backend in emulated
        facts |= facts_of_jobs(run, cast("PointResult", point))
        file.write((",\n" if number else "\n") + json.dumps(facts, ensure_ascii=False))
    across = Across(gathered)
    file.write('\n], "fits": [')
    for number, fitted in enumerate(across.fits):
        facts = fit_facts(fitted, manifest)
        file.write((",\n" if number else "\n") + json.dumps(facts, ensure_ascii=False))
    file.write('\n], "across": [')
    for number, made in enumerate(across.numbers):
        facts = across_facts(made)
        file.write((",\n" if number else "\n") + json.dumps(facts, ensure_ascii=False))
    file.write('\n], "expected": [')
    for number, each in enumerate(across.expected):
        facts = agreement_facts(each)
        file.write((",\n" if number else "\n") + json.dumps(facts, ensure_ascii=False))
    file.write('\n], "purchases": [')
    for number, row in enumerate(_ledger_rows(run)):
        told = {
            name: None if value == "" else value for name, value in zip(_LEDGER, row, strict=True)
        }
        file.write((",\n" if number else "\n") + json.dumps(told, ensure_ascii=False))
    file.write("\n]")
    for name, facts_of in (
        reference_facts(run) | reused_facts(run) | calibration_facts(run)
    ).items():
        file.write(f', "{name}": {json.dumps(facts_of, ensure_ascii=False)}')
    file.write("}\n")


def _facts(point: Point, floors: Floors) -> dict[str, Any]:
    job, counts = point.job, point.counts
    return {
        "id": point.id,
        "point": point.name,
        "state": job.state,
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.sampled,
        **({"missing": [*point.missing]} if point.missing else {}),
        "repeat": point.repeat,
        "parameters": dict(point.parameters),
        "estimates": {
            name: dict(_numbers(floors.beside(name, estimate, point.sampled)))
            for name, estimate in point.estimates.items()
        },
        "counts": None if counts is None else counts.to_dict(),
        **({"settings": [*map(facts_of_setting, point.settings)]} if point.settings else {}),
        "cost": job.cost,
        "unit": job.unit,
        "provider_job_id": job.provider_job_id,
        "error": job.error,
        "error_code": job.error_code,
    }


def _numbers(estimate: Estimate) -> Iterator[tuple[str, float]]:
    for name in ("value", "se", "low", "high"):
        yield name, getattr(estimate, name)
    if estimate.floor is not None:
        yield "floor", estimate.floor


def _write_oqc_snapshot(run: Any, file: IO[str]) -> None:
    from qbatch.exchange.oqc.export import oqc_snapshot

    file.write(oqc_snapshot(run)[0])


_WRITERS: dict[str, Callable[[Run, IO[str]], None]] = {
    "csv": _write_csv,
    "counts": _write_counts,
    "json": _write_json,
    "ledger": _write_ledger,
    "fits": _write_fits,
    "reused": _write_reused,
    "across": _write_across,
    "zne": _write_zne,
    "columns": _write_columns,
    "calibrations": _write_calibrations,
    "oqc-snapshot": _write_oqc_snapshot,
}


#: Format -> the packages it is written by.
PACKAGES = {"netcdf": ("xarray", "h5netcdf"), "parquet": ("pandas", "pyarrow")}


def check_packages(formats: Iterable[str]) -> None:
    """See that what is to be written when a run ends can be written.

    Raises:
        ExtraError: A package is not installed.
    """
    for name in formats:
        for package in PACKAGES.get(name, ()):
            if find_spec(package) is None:
                raise ExtraError(f"{name}: {package}", "data")


def _of_one_type(table: Any) -> Any:
    """The table, with columns of mixed values as the texts that the CSV file has of them."""
    for name in table.columns:
        kinds = (
            {type(value) for value in table[name].dropna()} if table[name].dtype == object else ()
        )
        if len(kinds) > 1:
            table[name] = table[name].map(plain, na_action="ignore")
    return table


def _write_binary(run: Any, format: str, path: Path) -> None:
    if format == "capsule":
        from qbatch.exchange.capsule import write_capsule

        write_capsule(run, path)
        return
    with replacing(path) as fresh:
        try:
            if format == "netcdf":
                run.to_xarray().to_netcdf(fresh, engine="h5netcdf")
            else:
                _of_one_type(run.to_dataframe()).to_parquet(fresh, index=False)
        except ImportError as error:
            raise ExtraError(f"{format}: {error.name or error}", "data") from error
