"""What OQC's own client saved, taken over as a run and gone on with."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from qbatch.emulators import Emulation, Queueing
from qbatch.errors import SelectionError, SnapshotError, SourceError
from qbatch.exchange.oqc.adopt import MANIFEST, adopt_oqc
from qbatch.exchange.oqc.export import oqc_snapshot
from qbatch.exchange.oqc.format import write_config
from qbatch.executor.start import run_async
from qbatch.job import CompositeJob, JobState
from qbatch.providers import Surroundings
from qbatch.providers.oqc.options import Options
from qbatch.snapshot import Run, Snapshot

QPU = "qpu:uk:2:d865b5a184"
HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
SPLIT = HEAD + "qreg q[2]; creg a[1]; creg b[1]; h q; measure q[0]->a[0]; measure q[1]->b[0];"
IDS = [f"0216e7aa-0fe8-48a7-9917-a088c0b3cc{number:02}" for number in range(10, 60)]


def output(kind: str, task_id: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "task_id": task_id, "received": "2026-11-21T03:08:56.269571", **more}


def result(task_id: str = IDS[0], **data: Any) -> dict[str, Any]:
    return output("result", task_id, data=data or {"c": {"00": 60, "10": 40}})


def failure(code: int, task_id: str = IDS[1]) -> dict[str, Any]:
    return output("error", task_id, error_code=code, error_message="no good")


def job(state: str = "COMPLETED", program: str = BELL, **more: Any) -> dict[str, Any]:
    config, kind = write_config(100, Options())
    ended: dict[str, Any] = {}
    if state == "COMPLETED":
        ended = {"task_id": IDS[0], "result": result(), "history": [result()]}
    head = {"program": program, "qpu_id": QPU, "config_json": config, "config_type": kind}
    return head | {"state": state} | ended | more


def save(folder: Path, *jobs: Mapping[str, Any]) -> Path:
    path = folder / "batch.json"
    data = {"schema_version": "1", "snapshot_kind": "composite", "jobs": jobs}
    path.write_text(json.dumps(data))
    return path


def adopted(folder: Path, *jobs: Mapping[str, Any], register: str | None = None) -> Run:
    adopt_oqc(save(folder, *jobs), out=folder / "run", register=register)
    return Run(folder / "run")


def states(run: Run) -> list[str]:
    return [point.state.value for point in run]


def test_a_result_is_taken_over_in_our_bit_order_with_its_time(tmp_path: Path) -> None:
    (point,) = adopted(tmp_path, job())
    assert point.counts is not None
    assert point.counts.to_dict() == {"00": 60, "01": 40}
    assert point.job.provider_job_id == IDS[0]
    assert point.completed_at is not None
    assert point.completed_at.astimezone().isoformat().startswith("2026-11-21T03:08:56.269571")


def test_the_same_asked_for_again_is_a_repeat(tmp_path: Path) -> None:
    again = {"task_id": IDS[3], "result": result(IDS[3]), "history": [result(IDS[3])]}
    run = adopted(tmp_path, job(), job(**again), job(config_json=None))
    assert sorted(point.repeat for point in run) == [1, 1, 2]
    assert {point.shots for point in run} == {100, 1000}
    assert len(run.manifest.circuits) == len(run.manifest.backends) == 1


@pytest.mark.parametrize(
    ("saved", "state"),
    [
        (job("CREATED"), JobState.CREATED),
        (job("CREATED", task_id=IDS[5]), JobState.SUBMITTING),
        (job("SUBMITTED", task_id=IDS[5]), JobState.SUBMITTED),
        (job("RUNNING", task_id=IDS[5]), JobState.RUNNING),
        (job("SUBMITTED"), JobState.HELD),
        (job("COMPLETED", result=None), JobState.SUBMITTED),
        (job("COMPLETED", result=None, task_id=None), JobState.HELD),
        (job("COMPLETED", result=result(c=[[0, 1]])), JobState.HELD),
        (job("CANCELLED", task_id=IDS[5]), JobState.CANCELLED),
        (job("CANCELLED", task_id=IDS[0], result=result()), JobState.COMPLETED),
        (job("FAILED", task_id=IDS[1], error=failure(102)), JobState.FAILED),
        (job("FAILED", task_id=IDS[1], error=failure(503)), JobState.SUBMITTED),
        (job("FAILED", task_id=IDS[1], error=failure(-1)), JobState.SUBMITTED),
        (job("FAILED", error=failure(503)), JobState.FAILED),
    ],
)
def test_a_saved_state_becomes_one_that_never_buys_a_living_task_again(
    tmp_path: Path, saved: dict[str, Any], state: JobState
) -> None:
    assert states(adopted(tmp_path, saved)) == [state.value]


@pytest.mark.parametrize(("state", "stage"), [("CREATED", "submitting"), ("RUNNING", "submitted")])
def test_what_is_in_flight_stands_in_a_composite_job(
    tmp_path: Path, state: str, stage: str
) -> None:
    run = adopted(tmp_path, job(state, task_id=IDS[5]))
    assert run.composites_by_stage() == {("d865b5a184", stage): 1}
    assert run.memo_of(next(iter(run))) == ({"task_ids": [IDS[5]], "qpu_id": QPU}, 0)


def test_an_id_that_was_to_be_used_is_written_from_a_memo_that_is_one(tmp_path: Path) -> None:
    adopted(tmp_path, job("CREATED", task_id=IDS[5])).close()
    with Snapshot(tmp_path / "run") as snapshot, snapshot.transaction():
        (stored,) = snapshot.open_composites()
        ((_, row),) = snapshot.rows_at(stored.children)
        sent_anew = row.job.with_changes(provider_job_id=None, generation=2)
        snapshot.save_jobs([row.with_job(sent_anew)])
    with Run(tmp_path / "run") as run:
        (written,) = json.loads(oqc_snapshot(run)[0])["jobs"]
    assert written["task_id"] == IDS[5]
    with Snapshot(tmp_path / "run") as snapshot, snapshot.transaction():
        other = {"task_ids": IDS[5]}  # each letter of it would be an id
        composite = CompositeJob(stored.id, stored.backend, (), stored.generation, other)
        snapshot.save_memo(stored.ordinal, composite, stored.children)
    with Run(tmp_path / "run") as run, pytest.raises(SnapshotError, match="'task_ids' is "):
        oqc_snapshot(run)


def test_earlier_outputs_are_attempts(tmp_path: Path) -> None:
    history = [failure(102), failure(102), result(IDS[2]), result(IDS[0])]
    run = adopted(tmp_path, job(history=history))
    (point,) = run
    told = [(a.generation, a.state.value, a.provider_job_id) for a in run.attempts_of(point)]
    assert told == [(1, "failed", IDS[1]), (2, "completed", IDS[2]), (3, "completed", IDS[0])]


def test_a_program_that_cannot_be_read_is_kept_outside_the_manifest(tmp_path: Path) -> None:
    odd = job("FAILED", HEAD + "boo q;", task_id=IDS[1], error=failure(102))
    flying = job("SUBMITTED", HEAD + "boo q;", task_id=IDS[4])
    noted = adopt_oqc(save(tmp_path, job(), odd, flying), out=tmp_path / "run").notes
    with Run(tmp_path / "run") as run:
        assert states(run) == ["completed", "failed", "held"]
        assert list(run.manifest.circuits) == ["program-1"]
    assert "job 2: its program cannot be read" in noted[0]


def test_registers_counted_apart_need_a_choice(tmp_path: Path) -> None:
    data = {"a": {"0": 50, "1": 50}, "b": {"0": 40, "1": 60}}
    split = job(program=SPLIT, result=result(**data))
    with pytest.raises(SelectionError, match="job 1: registers a and b were counted apart"):
        adopted(tmp_path, split)
    assert not (tmp_path / "run").exists()
    (point,) = adopted(tmp_path, split, register="b")
    assert point.counts is not None
    assert point.counts.to_dict() == {"0": 40, "1": 60}


def test_a_file_with_nothing_to_take_over_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing to take over: it holds no jobs"):
        adopted(tmp_path)
    with pytest.raises(SourceError, match="its program measures nothing"):
        adopted(tmp_path, job("CREATED", HEAD + "qreg q[1]; creg c[1]; x q[0];"))
    assert not (tmp_path / "run").exists()


def test_an_import_that_is_cut_off_leaves_no_half_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qbatch.exchange.oqc.adopt._write_case", die)
    with pytest.raises(KeyboardInterrupt):
        adopted(tmp_path, job())
    assert [path.name for path in tmp_path.iterdir()] == ["batch.json"]


def test_an_import_is_never_written_over_a_run(tmp_path: Path) -> None:
    adopted(tmp_path, job())
    with pytest.raises(SelectionError, match="is not empty"):
        adopted(tmp_path, job("CREATED"))


def test_an_imported_run_goes_out_as_it_came(tmp_path: Path) -> None:
    jobs = [
        job("CREATED", tag="é"),
        job(hybrid_marker="m", fetch_diagnostics=True),
        job("FAILED", HEAD + "boo q;", task_id=IDS[1], error=failure(102)),
        job("CANCELLED", task_id=IDS[5]),
    ]
    text, left_out = oqc_snapshot(adopted(tmp_path, *jobs))
    found = json.loads(text)["jobs"]
    assert left_out == 0
    for before, after in zip(jobs, found, strict=True):
        assert {key: after[key] for key in before if key not in ("result", "error", "history")} == {
            key: value for key, value in before.items() if key not in ("result", "error", "history")
        }


@pytest.fixture
def emulation() -> Iterator[Emulation]:
    made = Emulation(["oqc"], queueing=Queueing(5.0), inline=True, seed=1)
    yield made
    made.close()


async def go_on(emulation: Emulation, folder: Path) -> Run:
    """Run the folder's manifest."""
    around = Surroundings(
        environ=emulation.environment("https://emulators.test"),
        transport=emulation.transport(),
        is_virtual=True,
    )
    return await run_async(folder / MANIFEST, out=folder, surroundings=around, approve=True)


def on_virtual_time(work: Callable[[], Awaitable[None]]) -> None:
    trio.run(work, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("state", ["SUBMITTED", "CREATED"])
def test_a_task_in_flight_is_fetched_under_its_own_id_and_not_bought_again(
    tmp_path: Path, emulation: Emulation, state: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()

    async def work() -> None:
        adopted(first, job("CREATED")).close()
        task_id = next(iter(await go_on(emulation, first / "run"))).job.provider_job_id
        adopted(second, job(state, task_id=task_id)).close()
        (point,) = await go_on(emulation, second / "run")
        assert (point.state, point.job.provider_job_id) == (JobState.COMPLETED, task_id)
        assert [entry["submissions"] for entry in emulation.world.ledger.entries()] == [1]

    on_virtual_time(work)


def test_what_was_fetched_since_goes_out_as_a_result(tmp_path: Path, emulation: Emulation) -> None:
    async def work() -> None:
        flip = BELL.replace("h q[0]; cx q[0],q[1]", "x q[0]")
        adopted(tmp_path, job("CREATED", flip, tag="mine")).close()
        run = await go_on(emulation, tmp_path / "run")
        (found,) = json.loads(oqc_snapshot(run)[0])["jobs"]
        assert (found["state"], found["tag"]) == ("COMPLETED", "mine")
        assert found["result"]["data"] == {"c": {"10": 100}}  # bit 0 stands left
        assert found["history"] == [found["result"]]
        assert found["timings"]

    on_virtual_time(work)
