"""P24: ``qbatch jobs`` against emulators served on a loopback port, whose own books judge it."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qbatch.snapshot import open_run
from tests.emulated import emulating, hurried

Call = Callable[..., Any]

MANIFEST = """\
qbatch: 1
name: there
circuits: {bell: bell.qasm}
backends:
  garnet: {provider: scaleway, target: QPU-GARNET-20PQ}
sweep:
  matrix: {backend: [garnet]}
  repeat: 2
shots: 100
"""

VENDORS = ("OQC_", "OPENQUANTUM_", "QBATCH_", "MARQOV", "SCW_", "QISKIT_", "QRMI", "IBM")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """All clouds, whose jobs wait for long; the variables of their env file."""
    folder = tmp_path_factory.mktemp("emulated")
    with emulating(folder, "all", "--queue-s", "600") as found:
        yield found


@pytest.fixture
def clouds(
    served: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(VENDORS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    with hurried():
        yield


@pytest.fixture
def ledger(served: dict[str, str]) -> Callable[[str], dict[str, dict[str, Any]]]:
    """What a cloud accepted: its id -> the entry."""
    origin = served["QBATCH_OQC_URL"].rpartition("/")[0]

    def read(provider: str) -> dict[str, dict[str, Any]]:
        with urllib.request.urlopen(f"{origin}/-/ledger") as reply:
            return {e["id"]: e for e in json.load(reply) if e["provider"] == provider}

    return read


@pytest.fixture
def there(qbatch: Call, clouds: None, manifest: Path) -> Path:
    """Two jobs of a run folder wait at Scaleway."""
    path = manifest.with_name("there.yaml")
    path.write_text(MANIFEST)
    assert qbatch("run", path, "--detach", "--yes").code == 9
    return path


def ids_of(folder: str = "runs/there") -> set[str]:
    with open_run(folder) as run:
        return {str(point.job.provider_job_id) for point in run}


def tag_of(folder: str = "runs/there") -> str:
    with open_run(folder) as run:
        return f"run:{run.meta['run_id']}"


def listed(said: Any) -> list[dict[str, Any]]:
    assert said.code == 0, said.err
    (cloud,) = said.json
    jobs: list[dict[str, Any]] = cloud["jobs"]
    return jobs


def test_jobs_of_a_run_folder_are_listed_and_marked(
    qbatch: Call, there: Path, ledger: Callable[..., Any]
) -> None:
    jobs = listed(qbatch("jobs", "--provider", "scaleway", "--tag", tag_of(), "--json"))
    assert {job["id"] for job in jobs} == ids_of()
    assert {job["id"] for job in jobs} <= ledger("scaleway").keys()
    for job in jobs:
        (run,) = job["runs"]
        assert run["folder"] == "runs/there"
        assert (run["state"], run["needed"], run["double"]) == ("submitted", True, False)
    said = qbatch("jobs", "--provider", "scaleway", "--tag", tag_of())
    assert said.out.startswith("scaleway (emulated):\n")
    assert "runs/there: bell#2 (submitted)" in said.out
    assert "there are more" not in said.err
    shown = qbatch("jobs", "--provider", "scaleway", "--show", jobs[0]["id"]).out
    assert f"{jobs[0]['id']} at scaleway (emulated): submitted" in shown


def test_jobs_that_no_run_folder_here_made_are_listed_unmarked(
    qbatch: Call, there: Path, tmp_path: Path
) -> None:
    tag = tag_of()
    Path("runs").rename(tmp_path / "elsewhere")
    jobs = listed(qbatch("jobs", "--provider", "scaleway", "--tag", tag, "--json"))
    assert [job["runs"] for job in jobs] == [[], []]
    found = qbatch("jobs", "--provider", "scaleway", "--out", "elsewhere/there", "--json")
    assert sum(bool(job["runs"]) for job in listed(found)) == 2


def test_a_page_says_how_to_go_on(qbatch: Call, there: Path) -> None:
    sieve = ["jobs", "--provider", "scaleway", "--tag", tag_of(), "--most", "1"]
    (first,) = qbatch(*sieve, "--json").json
    assert f"--provider scaleway --page {first['next']}" in qbatch(*sieve).err
    (second,) = qbatch(*sieve, "--page", first["next"], "--json").json
    assert {job["id"] for each in (first, second) for job in each["jobs"]} == ids_of()
    assert second["next"] == ""


def test_a_state_that_no_job_is_in_lists_none_and_reads_all_pages(
    qbatch: Call, there: Path
) -> None:
    sieve = ["jobs", "--provider", "scaleway", "--tag", tag_of(), "--most", "1", "--json"]
    (said,) = qbatch(*sieve, "--state", "failed").json
    assert (said["jobs"], said["next"]) == ([], "")
    (said,) = qbatch(*sieve, "--state", "submitted").json
    assert len(said["jobs"]) == 1


def test_what_a_run_here_still_needs_is_left_alone(
    qbatch: Call, there: Path, ledger: Callable[..., Any]
) -> None:
    one = min(ids_of())
    for deed in (["--cancel", one], ["--rename", one, "mine"], ["--tags", one, "a,b"]):
        said = qbatch("jobs", "--provider", "scaleway", *deed, "--yes")
        assert said.code == 6
        assert "runs/there still needs it for bell" in said.err
        assert "`qbatch cancel runs/there` gives it up" in said.err
    entry = ledger("scaleway")[one]
    assert entry["state"] == "queued"
    assert entry["name"].startswith("qbatch-")


def test_a_job_of_nobody_here_is_renamed_tagged_and_cancelled(
    qbatch: Call, there: Path, tmp_path: Path, ledger: Callable[..., Any]
) -> None:
    one, other = sorted(ids_of())
    Path("runs").rename(tmp_path / "elsewhere")
    at = ["jobs", "--provider", "scaleway"]
    assert qbatch(*at, "--rename", one, "calibration").code == 0
    assert qbatch(*at, "--tags", one, "lab, july").code == 0
    shown = qbatch(*at, "--show", one, "--json").json
    assert (shown["name"], shown["tags"]) == ("calibration", ["lab", "july"])
    refused = qbatch(*at, "--cancel", one)  # nobody is there to be asked
    assert refused.code == 6
    assert ledger("scaleway")[one]["state"] == "queued"
    assert qbatch(*at, "--cancel", one, "--yes").code == 0
    states = {id_: ledger("scaleway")[id_]["state"] for id_ in (one, other)}
    assert states == {one: "cancelled", other: "queued"}


def test_one_wrong_id_among_several_stops_nothing(
    qbatch: Call, there: Path, tmp_path: Path, ledger: Callable[..., Any]
) -> None:
    one = min(ids_of())
    Path("runs").rename(tmp_path / "elsewhere")
    said = qbatch("jobs", "--provider", "scaleway", "--cancel", one, "--cancel", one[:8], "--yes")
    assert said.code == 2
    assert f"scaleway: there is no job {one[:8]}" in said.err
    assert ledger("scaleway")[one]["state"] == "queued"


def test_what_scaleway_lacks_is_said_by_name(qbatch: Call, there: Path) -> None:
    said = qbatch("jobs", "--provider", "scaleway", "--delete", min(ids_of()), "--yes")
    assert said.code == 2
    assert "scaleway: no --delete: by Scaleway's pages jobs are cancelled and never" in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--show", "a", "--cancel", "b"], "say one of --show"),
        (["--show", "a", "--state", "failed"], "for the list alone"),
        (["--provider", "scaleway", "--rename", "a", " "], "--rename needs a name"),
        (["--backend", "garnet"], "give the manifest too"),
        (["--show", "a"], "say which cloud with --provider or --backend"),
        (["--page", "2.1"], "say which cloud with --provider or --backend"),
        (["--provider", "local"], "this machine keeps no jobs"),
        (["--provider", "scaleway", "--page", "x"], "'x' is no page"),
        (["--provider", "scaleway", "--show", "a/b"], "'a/b' is no job's id"),
        (["there.yaml", "--backend", "garnett"], "did you mean 'garnet'?"),
    ],
)
def test_a_wrong_command_line_is_told(
    qbatch: Call, clouds: None, manifest: Path, arguments: list[str], told: str
) -> None:
    manifest.with_name("there.yaml").write_text(MANIFEST)
    said = qbatch("jobs", *arguments)
    assert said.code == 2
    assert told in said.err


def test_a_backend_of_a_manifest_means_its_account(qbatch: Call, there: Path) -> None:
    (said,) = qbatch("jobs", there, "--backend", "garnet", "--tag", tag_of(), "--json").json
    assert (said["provider"], said["backends"], len(said["jobs"])) == ("scaleway", ["garnet"], 2)


def test_a_cloud_without_a_credential_is_told(
    qbatch: Call, clouds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCW_SECRET_KEY", "QISKIT_SCALEWAY_SECRET_KEY"):
        monkeypatch.delenv(name)
    said = qbatch("jobs", "--provider", "scaleway")
    assert said.code == 7
    assert "QISKIT_SCALEWAY_SECRET_KEY" in said.err


# -- the other clouds -------------------------------------------------------------------------


def run_at(qbatch: Call, manifest: Path, provider: str, target: str) -> None:
    """Leave two jobs at a cloud, in runs/there."""
    path = manifest.with_name("there.yaml")
    at = f"provider: {provider}, target: {json.dumps(target)}"
    path.write_text(MANIFEST.replace("provider: scaleway, target: QPU-GARNET-20PQ", at))
    limit = ["--max-cost", "100credits"] if provider == "open-quantum" else []
    assert qbatch("run", path, "--detach", "--yes", *limit).code == 9


def test_where_there_is_no_list_the_jobs_of_run_folders_are_told(
    qbatch: Call, clouds: None, manifest: Path, ledger: Callable[..., Any]
) -> None:
    run_at(qbatch, manifest, "marqov", "marqov-sim")
    said = qbatch("jobs", "--provider", "marqov")
    assert (
        "marqov (emulated): Marqov documents no list of jobs; these are those that run folders"
        in said.err
    )
    first = qbatch("jobs", "--provider", "marqov", "--most", "1", "--json").json[0]
    rest = qbatch("jobs", "--provider", "marqov", "--page", first["next"], "--json").json[0]
    assert {job["id"] for job in (*first["jobs"], *rest["jobs"])} == ids_of()
    assert ids_of() <= ledger("marqov").keys()


def test_ibms_job_of_nobody_here_is_cancelled_then_deleted(
    qbatch: Call, clouds: None, manifest: Path, tmp_path: Path
) -> None:
    run_at(qbatch, manifest, "ibm-direct-access", "emu_5q")
    (job_id,) = ids_of()
    at = ["jobs", "--provider", "ibm-direct-access"]
    assert "runs/there still needs it for bell and 1 more" in qbatch(*at, "--delete", job_id).err
    Path("runs").rename(tmp_path / "elsewhere")
    said = qbatch(*at, "--delete", job_id, "--yes")
    assert said.code == 1
    assert "--cancel it first" in said.err
    assert qbatch(*at, "--cancel", job_id, "--yes").code == 0
    assert qbatch(*at, "--delete", job_id, "--yes").out == f"ibm-direct-access: {job_id}: gone\n"
    assert job_id not in {job["id"] for job in listed(qbatch(*at, "--json"))}
    assert qbatch(*at, "--show", job_id).code == 2


@pytest.mark.parametrize(
    ("provider", "target"), [("oqc", "qpu:uk:1:12345"), ("open-quantum", "ionq:forte-1")]
)
def test_other_lists_mark_the_jobs_of_run_folders(
    qbatch: Call, clouds: None, manifest: Path, provider: str, target: str
) -> None:
    run_at(qbatch, manifest, provider, target)
    jobs = listed(qbatch("jobs", "--provider", provider, "--json"))
    assert {job["id"] for job in jobs if job["runs"]} == ids_of()
    refused = qbatch("jobs", "--provider", provider, "--session", "s")
    assert refused.code == 2
    assert f"{provider}: its jobs cannot be sifted by --session; by --state" in refused.err


def test_every_cloud_with_a_credential_is_listed(qbatch: Call, there: Path) -> None:
    said = qbatch("jobs", "--json")
    assert said.code == 0
    assert {cloud["provider"] for cloud in said.json} == {
        "scaleway", "oqc", "open-quantum", "marqov", "ibm-direct-access",
    }  # fmt: skip
    assert all(cloud["error"] is None for cloud in said.json)


# -- doubles ----------------------------------------------------------------------------------


@pytest.fixture
def faults(served: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Replace the fault script; all is well again after the test."""
    origin = served["QBATCH_OQC_URL"].rpartition("/")[0]

    def put(**script: Any) -> None:
        body = json.dumps(script).encode()
        request = urllib.request.Request(f"{origin}/-/faults", body, method="PUT")
        with urllib.request.urlopen(request):
            pass

    yield put
    put()


def test_a_job_that_was_delivered_twice_is_told_priced_and_can_be_cancelled(
    qbatch: Call,
    clouds: None,
    manifest: Path,
    faults: Callable[..., None],
    ledger: Callable[..., Any],
) -> None:
    """M9: nobody mentioned the second job, nor its price."""
    path = manifest.with_name("there.yaml")
    path.write_text(MANIFEST)
    faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 1, "again_s": 0}])
    told = qbatch("run", path, "--detach", "--yes")
    assert told.code == 9
    run = ["jobs", "--provider", "scaleway", "--tag", tag_of()]
    jobs = listed(qbatch(*run, "--json"))
    doubles = [job for job in jobs if any(each["double"] for each in job["runs"])]
    assert len(jobs) == 3
    (double,) = doubles
    assert double["id"] not in ids_of()
    assert double["name"] in {job["name"] for job in jobs if job["id"] in ids_of()}
    assert f"`qbatch jobs there.yaml --backend garnet --cancel {double['id']}` stops it" in told.err
    (line,) = [line for line in qbatch("status", path).out.splitlines() if "beside" in line]
    assert line == (
        "  beside the ledger: 0.34 EUR for 1 job that the run did not order; "
        "sums and budgets count it"
    )
    assert qbatch("status", path, "--json").json["ledger"]["beside"][0]["id"] == double["id"]
    report = Path("runs/there/report.md").read_text()
    assert "Beside the ledger: 0.34 EUR for 1 job" in report
    rows = [line.split("|")[1:3] for line in report.splitlines() if line.startswith("| garnet")]
    assert [name.strip() for name, _ in rows][-1] == "garnet, not ordered"
    said = qbatch(*run)
    assert (
        f"job {double['id']} is a second job under the name of bell of runs/there; "
        "not in its ledger"
    ) in said.err
    assert f"`qbatch jobs --provider scaleway --cancel {double['id']}` stops it" in said.err
    assert qbatch("jobs", "--provider", "scaleway", "--cancel", double["id"], "-y").code == 0
    states = {id_: ledger("scaleway")[id_]["state"] for id_ in (*ids_of(), double["id"])}
    assert states.pop(double["id"]) == "cancelled"
    assert set(states.values()) == {"queued"}


@pytest.mark.slow
def test_a_double_that_comes_later_is_told_by_fetch(
    qbatch: Call, clouds: None, manifest: Path, faults: Callable[..., None]
) -> None:
    """M9: no later call noticed it."""
    path = manifest.with_name("there.yaml")
    path.write_text(MANIFEST)
    faults(requests=[{"method": "POST", "path": "*/jobs", "nth": 1, "again_s": 4}])
    assert "second one" not in qbatch("run", path, "--detach", "--yes").err
    assert "beside the ledger" not in qbatch("status", path).out
    time.sleep(4)
    assert "is a second one under the name of bell" in qbatch("fetch", path).err
    assert "beside the ledger: 0.34 EUR for 1 job" in qbatch("status", path).out
