"""References on emulated clouds: bought once each, and what they tell of a machine's drift."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.across.drifting import Drifting
from qbatch.archive import verify, write_archive
from qbatch.emulators.drift import read_course
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.providers import Surroundings
from qbatch.report.writing import render
from qbatch.snapshot import Run
from tests.executor.test_reuse_archives import forged

CLOUDS = {
    "toshiko": "{provider: oqc, target: 'qpu:uk:1:12345', limits: {in_flight: 1}}",
    "forte": "{provider: open-quantum, target: 'ionq:forte-1'}",
    "ankaa": "{provider: marqov, target: rigetti-ankaa-2}",
    "garnet": "{provider: scaleway, target: QPU-GARNET-20PQ}",
    "rensselaer": "{provider: ibm-direct-access, target: ibm_rensselaer}",
}

FLAT = "OPENQASM 3.0; input float theta; qubit q; bit c; U(0, 0, theta) q; c = measure q;"
REF = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; measure q->c;'


def played(folder: Path, backends: str, order: str, noise: dict[str, Any]) -> Run:
    text = f"""\
qbatch: 1
name: study
circuits: {{flat: {{qasm: '{FLAT}'}}, ref: {{qasm: '{REF}'}}}}
backends: {{{backends}}}
shots: 200
sweep: {{matrix: {{theta: {{linspace: [0, 1, 20]}}}}, order: {order}}}
run: {{reference: {{circuit: ref, every: 2}}}}
analysis: {{probabilities: {{one: "1"}}}}
"""
    plan = expand(parse_manifest(text, folder=folder))
    done = rehearse(
        plan, Options(out=folder / "s.rehearsal"), queues_s=(1.0,), noise=read_course(noise)
    )
    return Run(done.folder)


def told(run: Run) -> Drifting:
    (found,) = run.drift()
    return found


JUMP = {"readout": 0.02, "jumps": [{"after_jobs": 16, "readout": 0.15}]}


@pytest.fixture(scope="module")
def jumped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A sweep as it is written on a machine that jumps while it runs."""
    folder = tmp_path_factory.mktemp("jumped")
    with played(folder, f"toshiko: {CLOUDS['toshiko']}", "as-written", JUMP) as run:
        yield run


def test_a_jump_is_seen_where_it_is_and_an_order_that_follows_time_is_warned_of(
    jumped: Run,
) -> None:
    with Run(jumped.folder) as run:
        found = told(run)
        assert (found.outcome, len(found.ones)) == ("01", 11)
        assert found.test.kind == "jump"
        assert found.test.at == 6  # the first 16 jobs are 6 references and 10 points
        assert found.test.change == pytest.approx(0.83**2 - 0.98**2, abs=0.05)
        assert list(found.confounded) == ["theta"]
        assert found.confounded["theta"] > 0.99
        page, lines = render(run, "html"), render(run, "md")
    assert "## Drift" in lines
    assert "theta goes along with time on toshiko" in lines
    assert '<section id="drift">' in page
    assert "<title>The reference over time on toshiko</title>" in page


def test_an_archive_tells_drift_anew_and_one_changed_count_is_found(
    jumped: Run, tmp_path: Path
) -> None:
    write_archive(jumped, tmp_path / "a.zip")
    (told,) = [each.facts() for each in jumped.drift()]
    whole = verify(tmp_path / "a.zip")
    assert whole.findings == []
    assert json.loads(whole.archive.files["results.json"])["drift"] == [told]

    def move(counts: dict[str, int]) -> None:
        counts["01"], counts["00"] = counts["01"] - 1, counts.get("00", 0) + 1

    def of_results(files: dict[str, bytes]) -> None:
        facts = json.loads(files["results.json"])
        move(facts["references"][3]["counts"])
        files["results.json"] = json.dumps(facts).encode()

    def of_jobs(files: dict[str, bytes]) -> None:
        facts = json.loads(files["jobs.json"])
        move(next(job["counts"] for job in facts["jobs"] if job["point"].endswith("#4")))
        files["jobs.json"] = json.dumps(facts).encode()

    def of_both(files: dict[str, bytes]) -> None:
        of_results(files)
        of_jobs(files)

    def of_what_is_told(files: dict[str, bytes]) -> None:
        facts = json.loads(files["results.json"])
        facts["drift"][0]["confounded"] = {}
        files["results.json"] = json.dumps(facts).encode()

    for change, where in (
        (of_results, "jobs.json: reference:ref,backend=toshiko#4"),
        (of_jobs, "jobs.json: reference:ref,backend=toshiko#4"),
        (of_both, "results.json: drift: toshiko"),
        (of_what_is_told, "results.json: drift: toshiko"),
    ):
        found = verify(forged(tmp_path / "a.zip", change, tmp_path / "b.zip"))
        assert where in [each.where for each in found.findings]


def test_nothing_is_seen_of_a_steady_machine_and_of_an_interleaved_sweep(tmp_path: Path) -> None:
    backends = f"toshiko: {CLOUDS['toshiko']}"
    with played(tmp_path, backends, "interleave", {"readout": 0.02}) as run:
        found = told(run)
    assert found.test.kind == "none"
    assert found.verdict.startswith("no drift is seen in the share of 01 in 11 runs of 'ref'")
    assert not found.warnings
    assert found.facts()["kind"] == "none"


def test_each_reference_is_bought_once_on_all_five_clouds(tmp_path: Path) -> None:
    backends = ", ".join(f"{name}: {one}" for name, one in CLOUDS.items())
    with played(tmp_path, backends, "interleave", {"readout": 0.02}) as run:
        assert Counter(each.backend for each in run.references()) == dict.fromkeys(CLOUDS, 11)
        bought = Counter(purchase.point for purchase in run.ledger())
        assert set(bought.values()) == {1}
        assert sum(name.startswith("reference:") for name in bought) >= 44
        assert {each.backend for each in run.drift()} == set(CLOUDS)
        assert len(run) == 100


def test_references_of_another_run_are_not_reused_for_they_tell_of_its_time(tmp_path: Path) -> None:
    def done(name: str, thetas: str, **options: Any) -> Run:
        text = f"""\
qbatch: 1
name: {name}
circuits: {{flat: {{qasm: '{FLAT}'}}, ref: {{qasm: '{REF}'}}}}
backends: {{sim: {{provider: local}}}}
shots: 20
sweep: {{matrix: {{theta: {thetas}}}}}
run: {{reference: {{circuit: ref, every: 2}}}}
"""
        around = Surroundings(environ={}, is_virtual=True)
        manifest = parse_manifest(text, folder=tmp_path)
        return qbatch.run(manifest, out=tmp_path / name, surroundings=around, **options)

    done("first", "[0, 1]").close()
    with done("second", "[1, 2]", reuse=[tmp_path / "first"]) as run:
        assert [run.reused(point) != [] for point in run] == [True, False]
        assert [run.reused(each) for each in run.references()] == [[], []]
        assert all(each.done == 20 for each in run.references())
