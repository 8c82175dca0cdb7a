"""Which calibration a machine had while each job ran; the answer is the emulator's own book.

What a machine's noise is, and when it is calibrated anew, stands in the fault script: the readout
error that a calibration tells is the one that the jobs under it meet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
import trio

from qbatch.archive import verify, write_archive
from qbatch.calibration import Column
from qbatch.emulators.drift import read_course
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import expand
from qbatch.report import render
from qbatch.snapshot import Run, merge
from tests.daily import mostly_slow
from tests.fuzz.whole_runs import Clouds

BACKENDS = {
    "rensselaer": (
        "{provider: ibm-direct-access, target: ibm_rensselaer, limits: {jobs: 1, in_flight: 1}}"
    ),
    "forte": "{provider: open-quantum, target: 'ionq:forte-1', limits: {in_flight: 1}}",
    "toshiko": "{provider: oqc, target: 'qpu:uk:1:12345', limits: {jobs: 1, in_flight: 1}}",
}

#: In percent, before and after the machine is calibrated as the fifth job was taken.
BEFORE, AFTER = 0.02, 0.05


NOISE = {"readout": BEFORE, "calibrations": [{"after_jobs": 5, "readout": AFTER}]}

#: Eight points, one after the other.
EIGHT = """\
qbatch: 1
name: eight
circuits: {{flat: {{qasm: 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      rz(theta) q; c = measure q;'}}}}
backends: {{{}: {}}}
shots: 100
sweep: {{matrix: {{theta: {{linspace: [0, 1, 8]}}}}, order: as-written, seed: 5}}
analysis: {{probabilities: {{one: "1"}}}}
"""


def eight_on(backend: str, folder: Path) -> Manifest:
    return parse_manifest(EIGHT.format(backend, BACKENDS[backend]), folder=folder)


@pytest.mark.parametrize("backend", mostly_slow(BACKENDS))
def test_each_job_has_the_calibration_it_ran_with(tmp_path: Path, backend: str) -> None:
    column = Column("readout_error", (0,))
    folder = tmp_path / "eight.rehearsal"
    plan = expand(eight_on(backend, tmp_path))
    rehearse(plan, Options(out=folder), queues_s=(600.0,), noise=read_course(NOISE))
    with Run(folder) as run:
        known = run.calibrations
        told = [known.value_of(point, column) for point in run]
        epochs = [*known]
        held = [known.of_job(point) for point in run]
    assert [len(each.digests) for each in held].count(2) == (backend != "forte"), held
    assert [None if each is None else each.value for each in told[:4]] == [BEFORE] * 4
    assert [None if each is None else each.value for each in told[5:]] == [AFTER] * 3
    assert len(epochs) == 2
    assert sum(each.jobs for each in epochs) == 8 - (backend != "forte")


#: What asks a cloud for a machine's calibration.
ASKING = {"toshiko": "/monitoring/calibrations", "rensselaer": "/properties"}

CLOUDS = ("oqc", "ibm-direct-access", "open-quantum")


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    place = Clouds(*CLOUDS, queue_s=600.0)
    place.set_faults(switches={name: {"noise": NOISE} for name in CLOUDS})
    yield place
    place.close()


class Counting(httpx.AsyncBaseTransport):
    """Counts requests for calibrations, and, once it is told to, keeps them without an answer."""

    def __init__(self, asked: list[str], inner: httpx.AsyncBaseTransport, *, keeps: bool) -> None:
        self.inner, self.keeps, self.asked = inner, keeps, asked

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith((*ASKING.values(),)):
            self.asked.append(request.url.path)
            if self.keeps and len(self.asked) > 1:  # the first is asked as the machine is described
                await trio.sleep(3600)
        return await self.inner.handle_async_request(request)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ASKING)
def test_calibrations_are_asked_for_seldom_and_delay_nothing(
    tmp_path: Path, clouds: Clouds, backend: str
) -> None:
    """Sixteen readings at most of eight jobs, one more for the end, one as it is described."""
    took, now = [], clouds.clock.current_time
    for keeps in (False, True):
        asked: list[str] = []
        around = clouds.surroundings(partial(Counting, asked, keeps=keeps))
        folder, began = tmp_path / f"{keeps}", now()
        with clouds.run(eight_on(backend, tmp_path), folder, around) as run:
            assert run.counts_by_state() == {JobState.COMPLETED: 8}
            assert run.calibrations.is_known is not keeps
        took.append(now() - began)
        assert len(asked) <= 18
    assert took[1] <= took[0] + 10


def test_a_calibration_goes_wherever_its_results_go(tmp_path: Path, clouds: Clouds) -> None:
    """Into exports, an archive, a merged folder, and another run that takes the shots."""
    manifest, around = eight_on("toshiko", tmp_path), clouds.surroundings()
    with clouds.run(manifest, tmp_path / "a", around) as run:
        told = json.loads(render(run, "json"))
        own = [point.get("calibrations") for point in told["points"]]
        first, second = (each["calibration"] for each in told["calibrations"])
        rows = [*csv.DictReader(io.StringIO(render(run, "calibrations")))]
        table = run.to_dataframe()
        array = run.to_xarray()
        write_archive(run, tmp_path / "a.zip")
        lines = [*csv.DictReader(io.StringIO(render(run, "csv")))]
        pages = render(run, "md"), render(run, "html")
    assert [each[0]["calibrations"] for each in own].count([first, second]) == 1
    readout = {(r["calibration"], r["value"]) for r in rows if r["name"] == "readout_error"}
    assert readout == {(first, f"{BEFORE}"), (second, f"{AFTER}")}
    expected = [" ".join(each[0]["calibrations"]) for each in own]
    assert [*table["target.calibration"]] == expected == [*array["target.calibration"].values]
    assert [line["target.calibration"] for line in lines] == expected
    assert all(digest in page for digest in (first, second) for page in pages)
    array.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert not verify(tmp_path / "a.zip").findings

    merge([tmp_path / "a"], tmp_path / "merged")
    with Run(tmp_path / "merged") as merged:
        held = merged.calibrations
        assert [" ".join(held.digests_of(point)) for point in merged] == expected
    other = manifest.model_copy(update={"name": "other"})
    with clouds.run(other, tmp_path / "b", around, reuse=[tmp_path / "a"]) as taking:
        held = taking.calibrations
        assert [" ".join(held.digests_of(point)) for point in taking] == expected
        assert held.values(first)[Column("readout_error", (0,))].value == BEFORE


def test_a_changed_calibration_in_an_archive_is_found(tmp_path: Path, clouds: Clouds) -> None:
    with clouds.run(eight_on("forte", tmp_path), tmp_path / "a", clouds.surroundings()) as run:
        write_archive(run, tmp_path / "a.zip")
        digest = next(iter(run.calibrations)).digest
    name = f"calibrations/{digest}.json"
    with ZipFile(tmp_path / "a.zip") as whole, ZipFile(tmp_path / "b.zip", "w") as changed:
        for each in whole.namelist():
            body = whole.read(each)
            changed.writestr(each, body.replace(b"0.02", b"0.01") if each == name else body)
    problems = {each.problem for each in verify(tmp_path / "b.zip").findings if each.where == name}
    assert "is not the calibration with that digest" in problems
    assert "results.json tells other numbers of it" in problems
