"""`run`: the public entry, from a manifest to results, wherever it is called from."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from inspect import getdoc, signature
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, FakeLocal, plan_of

from qbatch import executor, providers
from qbatch.errors import CredentialsError, NotApproved, RunLockedError, SourceErrors, Unavailable
from qbatch.executor import Offer, Options, Started, Warned, run, run_async, wait_described
from qbatch.job import JobState
from qbatch.providers import Surroundings, Target
from qbatch.snapshot import Run, Snapshot, database
from qbatch.snapshot.database import open_writer
from qbatch.snapshot.lock import Note
from tests.daily import mostly_slow

TEXT = """
qbatch: 1
name: {name}
circuits:
  bell: {{qasm: "OPENQASM 2.0; include \\"qelib1.inc\\"; qreg q[2]; creg c[2]; h q[0];
    cx q[0],q[1]; measure q -> c;"}}
backends: {{sim: {{provider: local}}}}
sweep: {{matrix: {{shots: [10, 20, 30]}}}}
"""


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every driver that `run` opens; a `FakeLocal` for any backend."""
    opened: list[Any] = []

    def open_driver(backend: Any, *, surroundings: Surroundings, **_: Any) -> Any:
        opened.append(FakeLocal())
        opened[-1].run_id = surroundings.run_id
        return opened[-1]

    monkeypatch.setattr(providers, "open_driver", open_driver)
    return opened


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.yaml"
    path.write_text(TEXT.format(name="three"))
    return path


def test_a_manifest_becomes_a_run_folder_under_runs(manifest: Path, drivers: list[Any]) -> None:
    done = run(manifest)
    assert done.folder == Path("runs/three")
    assert done.summary.completed == 3
    assert [point.counts.shots for point in done if point.counts] == [10, 20, 30]
    assert done.manifest.name == "three"


@pytest.mark.parametrize("has_tables", [False, True])
def test_a_run_cut_off_before_its_first_step_goes_on(
    manifest: Path, drivers: list[Any], has_tables: bool
) -> None:
    folder = Path("runs/three")
    folder.mkdir(parents=True)
    (folder / "snapshot.db").touch()
    if has_tables:
        open_writer(folder, "normal", Note()).close()
    assert run(manifest).summary.completed == 3


def test_it_works_inside_a_running_asyncio_loop(manifest: Path, drivers: list[Any]) -> None:
    async def notebook() -> Run:
        return run(manifest)

    assert asyncio.run(notebook()).summary.completed == 3


def test_it_works_inside_a_running_trio_loop(manifest: Path, drivers: list[Any]) -> None:
    async def plain() -> Run:
        return run(manifest)

    async def awaited() -> Run:
        return await run_async(manifest)

    assert trio.run(plain).summary.completed == 3
    assert trio.run(awaited).summary.total == 0


def test_a_large_folder_is_sealed_beside_the_loop(
    manifest: Path, drivers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing: list[threading.Thread] = []
    seal_of = database.seal_of

    def noted(path: Path) -> bytes:
        sealing.append(threading.current_thread())
        return seal_of(path)

    monkeypatch.setattr(database, "seal_of", noted)
    trio.run(run_async, manifest)
    assert sealing
    assert threading.main_thread() not in sealing


def test_every_run_of_a_folder_has_one_id_and_a_fresh_one_another(
    manifest: Path, drivers: list[Any]
) -> None:
    ids = [run(manifest).meta["run_id"] for _ in range(2)]
    ids.append(run(manifest, fresh=True).meta["run_id"])
    assert ids[0] == ids[1] == drivers[1].run_id
    assert ids[2] == drivers[2].run_id != ids[0]


def test_a_fresh_run_sets_the_old_one_aside_and_says_where(
    manifest: Path, drivers: list[Any]
) -> None:
    told: list[Any] = []
    run(manifest)
    assert run(manifest, fresh=True, observer=told.append).summary.completed == 3
    (aside,) = Path("runs").glob("three.*")
    assert str(aside) in next(event.text for event in told if isinstance(event, Warned))
    with Run(aside) as old:
        assert old.counts_by_state() == {JobState.COMPLETED: 3}


def test_a_selection_runs_only_what_it_names(manifest: Path, drivers: list[Any]) -> None:
    assert run(manifest, select="shots>15").summary.completed == 2
    assert run(manifest, overrides=["name=other"], out="elsewhere").folder == Path("elsewhere")


def test_overrides_are_part_of_the_run(manifest: Path, drivers: list[Any]) -> None:
    done = run(manifest, overrides=["sweep.matrix.shots=5,6"])
    assert [point.shots for point in done] == [5, 6]
    assert done.manifest.overrides == ("sweep.matrix.shots=5,6",)


def test_nothing_is_written_when_the_person_refuses(manifest: Path, drivers: list[Any]) -> None:
    seen: list[Offer] = []

    def refuse(offer: Offer) -> bool:
        seen.append(offer)
        return False

    with pytest.raises(NotApproved):
        run(manifest, approve=refuse)
    assert [offer.targets["sim"].name for offer in seen] == ["fake"]
    assert not Path("runs").exists()


def test_nothing_is_written_when_a_target_cannot_run_the_plan(
    manifest: Path, drivers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeLocal, "check", lambda self, order, target: "it is too wide")
    with pytest.raises(SourceErrors) as caught:
        run(manifest)
    assert "it is too wide" in str(caught.value.exceptions[0])
    assert not Path("runs").exists()


def test_a_folder_in_use_is_told_before_a_provider_is_asked(
    manifest: Path, drivers: list[Any]
) -> None:
    with Snapshot(Path("runs/three")), pytest.raises(RunLockedError, match="process"):
        run(manifest)
    assert drivers == []


def test_the_report_can_be_refreshed_while_the_run_goes_on(
    manifest: Path, drivers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def wait_for_refresh(self: FakeLocal, batches: Any) -> Any:
        while not seen:
            await trio.sleep(0.01)
        return await poll(self, batches)

    poll = FakeLocal.poll
    monkeypatch.setattr(FakeLocal, "poll", wait_for_refresh)
    done = run(manifest, refresh=lambda current: seen.append(len(current)), refresh_s=0.01)
    assert seen[0] == 3
    assert done.summary.completed == 3


def test_a_target_that_is_away_for_a_moment_is_asked_again() -> None:
    class Away(FakeCloud):
        tries = 0

        async def describe(self) -> Target:
            self.tries += 1
            if self.tries < 2:
                raise Unavailable("cloud: 503", retry_after_s=0.0)
            return await super().describe()

    assert wait_described(Away()).name == "cloud"


def test_wrong_credentials_are_told_as_they_are(
    manifest: Path, drivers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: FakeLocal) -> Target:
        raise CredentialsError("cloud: 401")

    monkeypatch.setattr(FakeLocal, "describe", refuse)
    with pytest.raises(CredentialsError):
        run(manifest)


def test_a_ready_plan_is_taken_as_it_is(tmp_path: Path, drivers: list[Any]) -> None:
    told: list[Any] = []
    plan = plan_of(4, "local")
    done = run(plan.manifest, plan=plan, out=tmp_path / "out", observer=told.append)
    assert done.summary.completed == 4
    assert told[0] == Started("fakes", 4, added=4)


STOPPED = """
import sys
sys.path.insert(0, sys.argv[1])
import trio
from fake_drivers import FakeLocal, plan_of
from qbatch import providers
from qbatch.executor import run

class Slow(FakeLocal):
    async def poll(self, batches):
        print("working", flush=True)
        await trio.sleep_forever()

providers.open_driver = lambda backend, **kwargs: Slow()
plan = plan_of(8, "local")
run(plan.manifest, plan=plan, out=sys.argv[2])
"""


def signalled(folder: Path, number: int, times: int) -> tuple[int, float]:
    """Exit status of a run that is sent a signal so often, and how long it took to leave."""
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, here, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        began = time.monotonic()
        for _ in range(times):
            child.send_signal(number)
        child.wait(20)
        return child.returncode, time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "times", "status"),
    mostly_slow(
        [
            (signal.SIGINT, 1, -signal.SIGINT),
            (signal.SIGINT, 3, -signal.SIGINT),
            (signal.SIGTERM, 1, 128 + signal.SIGTERM),
        ]
    ),
)
def test_a_signal_ends_a_run_soon_and_leaves_the_folder_in_order(
    tmp_path: Path, number: int, times: int, status: int
) -> None:
    found, took_s = signalled(tmp_path, number, times)
    assert found == status
    assert took_s < 5.0  # 2 s on a machine that has nothing else to do
    with Run(tmp_path) as stopped:
        assert stopped.counts_by_state() == {JobState.CREATED: 8}


def test_whoever_gives_a_stop_judges_signals_himself(tmp_path: Path, drivers: list[Any]) -> None:
    stop = executor.Stop()
    stop.request("SIGINT", signal_number=signal.SIGINT)
    plan = plan_of(4, "local")
    summary = run(plan.manifest, plan=plan, out=tmp_path / "out", stop=stop).summary
    assert (summary.signal, summary.pending) == (signal.SIGINT, 4)


def test_the_options_of_a_run_are_listed_once_and_shown_by_help() -> None:
    names = [one.name for one in fields(Options)]
    for function in (run, run_async):
        assert [*signature(function).parameters] == ["manifest", *names]
        listed = (getdoc(function) or "").partition("Options:\n")[2]
        assert re.findall(r"^ {4}(\w+): ", listed, re.MULTILINE) == names
