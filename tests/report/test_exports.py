"""Exports have the promised columns, to the last digit, and survive any text."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import ExtraError, SelectionError
from qbatch.exchange.exports import export
from qbatch.job import Job, JobState
from qbatch.manifest.columns import FIGURES
from qbatch.snapshot import Entry, Purchase


def exported(run: Any, name: str) -> str:
    out = io.StringIO()
    export(run, name, out)
    return out.getvalue()


def test_csv_has_the_promised_columns(bell: Any) -> None:
    head = exported(bell, "csv").splitlines()[0]
    assert head == (
        "id,point,state,circuit,backend,shots,repeat,"
        "zz,zz_se,zz_low,zz_high,p00,p00_se,p00_low,p00_high,tvd,tvd_se,tvd_low,tvd_high,"
        "cost,unit,provider_job_id,error,error_code,emulated"
    )


def test_csv_gives_numbers_to_their_last_digit(bell: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    for row, point in zip(rows, bell.points, strict=True):
        assert row["id"] == point.id
        assert float(row["zz_low"]) == point.estimates["zz"].low
        assert float(row["tvd_se"]) == point.estimates["tvd"].se


def test_csv_survives_commas_quotes_and_line_ends(bell: Any) -> None:
    error = 'say "no",\nthen =1+1'
    bell.fail("backend=noisy,shots=100", error)
    rows = list(csv.DictReader(io.StringIO(exported(bell, "csv"), newline="")))
    assert len(rows) == 8
    assert rows[1]["error"] == error
    assert rows[1]["zz"] == ""


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+XX", "-XX", "\t=1", "=cmd|' /C calc'!A0"])
@pytest.mark.parametrize("name", ["csv", "counts", "ledger"])
def test_no_text_of_a_table_opens_as_a_formula(bell: Any, text: str, name: str) -> None:
    """P16: a spreadsheet computes what begins so, quoted or not."""
    bell.axes = ("backend", "pauli")
    for point in bell.points:
        point.parameters, point.name = {"pauli": text}, text
        point.job = Job(point.id, JobState.COMPLETED, error=text, provider_job_id=text)
    entry = Entry(0, 1, "ideal", "usd", -1.0, text, 2.0, 0.0, text)
    bell.bought = [Purchase(bell.points[0].id, text, entry)]
    cells = [cell for row in csv.reader(io.StringIO(exported(bell, name))) for cell in row]
    assert f"'{text}" in cells
    assert not [cell for cell in cells if cell[:1] in set("=@+-\t\r") and not _is_number(cell)]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", text) is not None


def test_numbers_of_a_table_stay_numbers(bell: Any) -> None:
    bell.axes = ("backend", "x", "text")
    bell.points[0].parameters = {"x": -0.5, "text": "-0.5"}
    row = next(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    assert (row["x"], row["text"]) == ("-0.5", "-0.5")


def test_csv_has_a_column_for_every_swept_parameter(bell: Any) -> None:
    bell.axes = ("backend", "theta", "mode")
    bell.points[0].parameters = {"theta": 0.1, "mode": True}
    rows = list(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    assert (rows[0]["theta"], rows[0]["mode"]) == ("0.1", "true")
    assert (rows[1]["theta"], rows[1]["mode"]) == ("", "")


def test_csv_has_the_ledger_of_all_attempts_and_the_ledger_each_of_them(bell: Any) -> None:
    first, second = bell.points[:2]
    lost = Entry(0, 1, "ideal", "usd", 1.0, "by list", 2.0, 0.0, "not bought")
    done = Entry(0, 2, "ideal", "usd", 1.0, "by quote", 2.0, 1.5, "by invoice", 0.5, "by letter")
    waits = Entry(1, 1, "noisy", "usd", 1.0, "by list", 2.0)
    bell.bought = [
        Purchase(first.id, first.name, lost),
        Purchase(first.id, first.name, done),
        Purchase(second.id, second.name, waits),
    ]
    rows = list(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    told = [[row[name] for name in FIGURES] for row in rows[:3]]
    assert told == [
        ["2.0", "by list; by quote", "4.0", "1.5", "not bought; by invoice", "0.5", "by letter"],
        ["1.0", "by list", "2.0", "", "", "0.0", ""],
        [""] * 7,
    ]
    each = list(csv.DictReader(io.StringIO(exported(bell, "ledger"))))
    assert [(row["point"], row["attempt"], row["billed"]) for row in each] == [
        (first.name, "1", "0.0"),
        (first.name, "2", "1.5"),
        (second.name, "1", ""),
    ]


def test_csv_tells_cost_and_the_providers_id(bell: Any) -> None:
    bell.points[0].job = Job("", JobState.COMPLETED, provider_job_id="j-1", cost=1.5, unit="usd")
    row = next(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    assert (row["cost"], row["unit"], row["provider_job_id"]) == ("1.5", "usd", "j-1")


def test_counts_are_a_long_table(bell: Any) -> None:
    bell.fail("backend=noisy,shots=100", "no")
    rows = list(csv.DictReader(io.StringIO(exported(bell, "counts"))))
    first = [row for row in rows if row["id"] == bell.points[0].id]
    assert [(row["bitstring"], row["count"]) for row in first] == [("00", "51"), ("11", "49")]
    assert list(rows[0]) == ["id", "point", "bitstring", "count"]
    assert not [row for row in rows if row["id"] == bell.points[1].id]


def test_json_is_one_document_with_everything(bell: Any) -> None:
    bell.fail("backend=noisy,shots=100", "no")
    document = json.loads(exported(bell, "json"))
    assert (document["qbatch"], document["run"], document["level"]) == (1, "bell-sweep", 0.95)
    first, second = document["points"][:2]
    assert first["counts"] == {"00": 51, "11": 49}
    assert set(first["estimates"]["zz"]) == {"value", "se", "low", "high"}
    assert 0 < first["estimates"]["tvd"]["floor"] < 0.1
    assert (second["state"], second["counts"], second["error"]) == ("failed", None, "no")


def test_every_format_tells_what_an_emulator_made(bell: Any) -> None:
    bell.targets = {"noisy": {"is_emulated": True}, "ideal": {"is_emulated": False}}
    rows = list(csv.DictReader(io.StringIO(exported(bell, "csv"))))
    assert {(row["backend"], row["emulated"]) for row in rows} == {("noisy", "yes"), ("ideal", "")}
    points = json.loads(exported(bell, "json"))["points"]
    assert {(point["backend"], point["emulated"]) for point in points} == {
        ("noisy", True),
        ("ideal", False),
    }


@pytest.mark.parametrize(("name", "ending"), [("netcdf", "nc"), ("parquet", "parquet")])
def test_a_missing_extra_is_named(bell: Any, tmp_path: Path, name: str, ending: str) -> None:
    def without_it() -> None:
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")

    bell.to_xarray = bell.to_dataframe = without_it
    told = rf"{name}: h5py is not installed; pip install 'qbatch\[data\]' brings it"
    with pytest.raises(ExtraError, match=told):
        export(bell, name, tmp_path / f"results.{ending}")
    assert list(tmp_path.glob("*results*")) == []


def test_a_column_of_unlike_values_is_written_as_text(bell: Any, tmp_path: Path) -> None:
    """P11: Parquet ended a finished run with an internal error."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, "x", True, None], "b": [1, 0.5, 2, 3]})
    bell.to_dataframe = lambda: table
    export(bell, "parquet", tmp_path / "r.parquet")
    read = pandas.read_parquet(tmp_path / "r.parquet")
    assert read["a"].tolist()[:3] == ["1", "x", "true"]
    assert read["a"].isna().tolist() == [False, False, False, True]
    assert read["b"].tolist() == [1, 0.5, 2, 3]


def test_an_empty_run_is_valid_in_every_text_format(make_run: Any) -> None:
    run = make_run()
    assert len(exported(run, "csv").splitlines()) == 1
    assert len(exported(run, "counts").splitlines()) == 1
    assert json.loads(exported(run, "json"))["points"] == []


def test_a_file_is_written_whole(bell: Any, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    export(bell, "csv", tmp_path / "deep" / "results.csv")
    assert (tmp_path / "deep" / "results.csv").read_text("utf-8") == exported(bell, "csv")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("netcdf", "netcdf is binary: name a file"), ("xls", "no export format 'xls'; there are csv")],
)
def test_what_cannot_be_exported_is_said(bell: Any, name: str, problem: str) -> None:
    with pytest.raises(SelectionError, match=problem):
        exported(bell, name)
