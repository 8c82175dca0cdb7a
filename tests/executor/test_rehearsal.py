"""Rehearsals: real drivers, emulated clouds, virtual time, and nothing of the real world."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from qbatch.emulators import MODULES
from qbatch.errors import Refused, SnapshotError, SourceErrors
from qbatch.executor import Cause, Options, run
from qbatch.executor.rehearsal import Rehearsal, rehearse, without_account
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Backend
from qbatch.plan import expand
from qbatch.snapshot import Run

MANIFEST = """
qbatch: 1
name: trial
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[%(qubits)d] q;
      bit[1] c;
      ry(theta) q[0];
      c[0] = measure q[0];
backends:
%(backends)s
sweep: {matrix: {theta: {linspace: [0, 3, %(points)d]}}}
shots: %(shots)d
"""

TOSHIKO = '  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}'
EMERALD = '  emerald: {provider: open-quantum, target: "iqm:emerald"}'
LOCAL = "  sim: {provider: local}"


def play(
    folder: Path,
    *backends: str,
    points: int = 3,
    qubits: int = 1,
    shots: int = 100,
    queues_s: tuple[float, ...] = (60.0, 3600.0),
) -> Rehearsal:
    facts = {"backends": "\n".join(backends), "points": points, "qubits": qubits, "shots": shots}
    plan = expand(parse_manifest(MANIFEST % facts, folder=folder))
    return rehearse(plan, Options(out=folder / "trial.rehearsal"), queues_s=queues_s)


def test_time_and_price_come_as_ranges_from_a_short_queue_to_a_long_one(tmp_path: Path) -> None:
    done = play(tmp_path, LOCAL, TOSHIKO, EMERALD)
    low, high = done.makespan_s
    assert 60 <= low <= 200
    assert 3600 <= high <= 4200
    assert done.spent == {"credits": (6.0, 6.0), "usd": (pytest.approx(0.39), pytest.approx(0.39))}
    assert all(
        backend.states == {JobState.COMPLETED: 3}
        for one in done.passes
        for backend in one.backends.values()
    )


def test_no_socket_is_opened_and_no_name_is_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a rehearsal touched the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    assert play(tmp_path, TOSHIKO, EMERALD, queues_s=(5.0,)).summary.completed == 6


#: How variables begin that lead to somebody's account.
ACCOUNTS = ("OQC", "OPENQUANTUM", "MY_", "QBATCH_OQC", "QRMI", "QISKIT_SCALEWAY", "SCW", "MARQOV")


class Untouchable(dict[str, str]):
    """An environment in which no credential may be looked for."""

    def get(self, key: str, default: Any = None) -> Any:
        assert not key.startswith(ACCOUNTS), key
        return super().get(key, default)

    __getitem__ = get


def test_no_real_credential_address_or_account_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", Untouchable(os.environ))
    backends = (
        '  a: {provider: oqc, target: "qpu:uk:1:12345", credentials: "env:MY_TOKEN", '
        'url: "https://cloud.example"}',
        '  b: {provider: open-quantum, target: "iqm:garnet", credentials: "file:/nowhere/key", '
        "options: {organization: my-lab}}",
        "  c: {provider: ibm-direct-access, target: emu_5q, credentials: 'env:MY_KEY', options: "
        "{service_crn: mine, storage: {endpoint: 'https://s3.example', bucket: mine}}}",
        "  d: {provider: scaleway, target: QPU-GARNET-20PQ, options: {project_id: mine}}",
        "  e: {provider: marqov, target: sv1, credentials: 'env:MY_MARQOV'}",
        "  f: {provider: marqov, target: marqov-sim, options: {native: {cap_cents: 20}, team: "
        "0f4c2d7e-5b1a-4c3e-9a8d-2e6f1b7c9d30}}",
    )
    done = play(tmp_path, *backends, points=1, queues_s=(5.0,))
    assert done.summary.completed == 6
    assert "MY_TOKEN" not in (done.folder / "rehearsal.json").read_text()


def test_one_job_of_many_points_is_billed_once(tmp_path: Path) -> None:
    machine = "  ibm: {provider: ibm-direct-access, target: emu_5q}"
    done = play(tmp_path, machine, points=10, queues_s=(5.0,))
    assert done.passes[0].backends["ibm"].composite_jobs == 1
    assert done.spent["qpu_seconds"][0] == pytest.approx(2 + 10 * 100 * 0.27e-3)


@pytest.mark.slow
def test_three_hundred_jobs_at_marqov_take_until_the_third_day(tmp_path: Path) -> None:
    """Its limit of a hundred submissions a day is what takes the time."""
    sv1 = "  sv1: {provider: marqov, target: sv1}"
    done = play(tmp_path, sv1, points=300, queues_s=(60.0,))
    assert done.summary.completed == 300
    assert 2 * 86_400 <= done.makespan_s[0] <= 3 * 86_400
    assert done.spent["usd"][0] == pytest.approx(300 * 0.075)
    waits = done.passes[0].backends["sv1"].waits
    assert waits[Cause.RATE].seconds > 0.9 * done.makespan_s[0]
    with Run(done.folder) as run:
        sent = sorted(point.submitted_at.timestamp() for point in run if point.submitted_at)
    assert max(b - a for a, b in zip(sent, sent[100:], strict=False)) >= 86_400 - 700
    assert all(b - a >= 86_400 for a, b in zip(sent, sent[100:], strict=False))


def test_what_leads_to_an_account_is_set_aside_and_the_rest_is_kept() -> None:
    backend = Backend(
        provider="open-quantum",
        target="iqm:garnet",
        credentials="env:X",
        options={"organization": "lab", "queue_priority": "instant"},
    )
    bare = without_account(backend)
    assert (bare.credentials, bare.url, dict(bare.options)) == (
        None,
        None,
        {"queue_priority": "instant"},
    )


def test_the_limit_that_binds_is_named_with_its_time(tmp_path: Path) -> None:
    done = play(tmp_path, EMERALD, points=25, queues_s=(600.0,))
    waits = done.passes[0].backends["emerald"].waits
    assert 1200 <= waits[Cause.TARGET_LIMIT].seconds <= 1600
    assert waits[Cause.QUEUE].times == 25
    assert 1800 <= done.makespan_s[0] <= 2400


def test_the_manifests_own_limit_is_told_apart(tmp_path: Path) -> None:
    limited = EMERALD.replace("}", ", limits: {in_flight: 2}}")
    waits = play(tmp_path, limited, points=4, queues_s=(60.0,)).passes[0].backends["emerald"].waits
    assert Cause.MANIFEST_LIMIT in waits
    assert Cause.TARGET_LIMIT not in waits


def test_two_backends_of_one_organization_share_its_ten_jobs_and_none_fails(
    tmp_path: Path,
) -> None:
    garnet = EMERALD.replace("emerald", "garnet")
    done = play(tmp_path, EMERALD, garnet, points=12, queues_s=(600.0,))
    assert done.summary.completed == 24
    waits = [backend.waits for backend in done.passes[0].backends.values()]
    assert any(each[Cause.FULL].seconds >= 500 for each in waits if Cause.FULL in each)


def test_a_target_the_emulated_cloud_does_not_have_is_offered_and_said_to_be_assumed(
    tmp_path: Path,
) -> None:
    odd = ('  a: {provider: oqc, target: "qpu:us:7:new"}', EMERALD.replace(":emerald", ":sirius"))
    done = play(tmp_path, *odd, points=1, queues_s=(5.0,))
    assert done.summary.completed == 2
    assert done.assumed == {"a": "qpu:us:7:new", "emerald": "iqm:sirius"}


def test_what_a_target_cannot_take_is_refused_as_in_a_run(tmp_path: Path) -> None:
    with pytest.raises(SourceErrors):
        play(tmp_path, TOSHIKO, qubits=40, shots=100)


def test_a_provider_without_an_emulator_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: module for name, module in MODULES.items() if name != "oqc"}
    monkeypatch.setattr("qbatch.emulators.MODULES", others)
    with pytest.raises(Refused, match="'oqc' has no emulator"):
        play(tmp_path, TOSHIKO)


def test_a_rehearsal_replaces_the_one_before_and_repeats_it(tmp_path: Path) -> None:
    first = play(tmp_path, TOSHIKO, queues_s=(30.0,))
    again = play(tmp_path, TOSHIKO, queues_s=(30.0,))
    assert again.makespan_s == first.makespan_s
    assert again.summary.completed == 3
    kept = json.loads((again.folder / "rehearsal.json").read_text())
    assert kept["makespan_s"] == list(again.makespan_s)


def test_a_run_and_a_rehearsal_never_share_a_folder(tmp_path: Path) -> None:
    text = MANIFEST % {"backends": LOCAL, "points": 2, "qubits": 1, "shots": 10}
    manifest = parse_manifest(text, folder=tmp_path)
    rehearse(expand(manifest), Options(out=tmp_path / "a"), queues_s=(1.0,))
    with pytest.raises(SnapshotError, match="this is a rehearsal"):
        run(manifest, out=tmp_path / "a")
    run(manifest, out=tmp_path / "b").close()
    with pytest.raises(SnapshotError, match="no rehearsal"):
        rehearse(expand(manifest), Options(out=tmp_path / "b"), queues_s=(1.0,))
    with Run(tmp_path / "b") as kept:
        assert not kept.is_rehearsal


def test_a_selection_is_told_alone(tmp_path: Path) -> None:
    facts = {"backends": f"{TOSHIKO}\n{EMERALD}", "points": 4, "qubits": 1, "shots": 100}
    plan = expand(parse_manifest(MANIFEST % facts, folder=tmp_path))
    done = rehearse(plan, Options(out=tmp_path / "trial.rehearsal", select="theta>=2"))
    for one in done.passes:
        assert {name: each.jobs for name, each in one.backends.items()} == {
            "toshiko": 2,
            "emerald": 2,
        }
        assert all(each.states == {JobState.COMPLETED: 2} for each in one.backends.values())
