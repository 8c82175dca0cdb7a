"""Batch jobs that are sent at the same time as one array, against commands that say so."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from simulating import WAVE, batch, order, run, settings

from qbatch.errors import ProviderError, Refused, Unavailable
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Cancelled,
    Done,
    Failed,
    GivenBack,
    NotTaken,
    Running,
    Surroundings,
    Taken,
    open_driver,
)
from qbatch.providers.kit.permission import Permission
from qbatch.providers.local.engines.slurm.driver import SlurmDriver
from qbatch.providers.local.engines.slurm.former import forsake
from tests.slurm_commands import SlurmCommands

#: Three composite jobs of two points.
BATCHES = [
    batch([order(WAVE, 2 * k + n, shots=100, theta=0.1 * (2 * k + n)) for n in (1, 2)], f"c{k}")
    for k in range(3)
]
KINDS = {"PENDING": Taken, "RUNNING": Running, "TIMEOUT": Failed, "NODE_FAIL": GivenBack}


class Centre(SlurmCommands):
    """Commands of a centre that takes arrays, and a driver that uses them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "bin")
        self.run_folder = folder / "runs 100%"
        self.takes(1001)

    def takes(self, size: int) -> None:
        self.says("scontrol", f"MaxJobCount = 50\nMaxArraySize = {size}")

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            environ={"PATH": f"{self.folder}:/usr/bin:/bin"},
            run_id="r",
            run_folder=self.run_folder,
            permission=Permission(is_trusted=True),
        )

    def driver(self, **slurm: object) -> SlurmDriver:
        backend = Backend(provider="local", engine={"slurm": slurm})
        found = open_driver(backend, name="hpc", folder=Path(), surroundings=self.surroundings)
        assert isinstance(found, SlurmDriver)
        trio.run(found.describe)
        return found

    def queue(self, *words: str) -> None:
        """Have the queue show the tasks of the array with these words, and with no word none."""
        rows = (f"4711_{n}|{self.array}|{word}|None" for n, word in enumerate(words) if word)
        self.says("squeue", "\n".join(rows))

    @property
    def array(self) -> str:
        """The name of the array that was sent last."""
        return re.findall(r"--job-name=(\S+)", self.calls("sbatch")[-1])[0]

    def compute(self, task: int) -> str:
        """Run the script as Slurm would for a task; what it said."""
        done = subprocess.run(
            ["bash"],
            input=self.given("sbatch"),
            env={**os.environ, "SLURM_ARRAY_TASK_ID": str(task)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


def sent(driver: SlurmDriver) -> list[Sequence[Answer] | ProviderError]:
    """Send all batches while another is on its way; what was answered, or raised, for each."""
    found: dict[int, Sequence[Answer] | ProviderError] = {}

    async def send(n: int) -> None:
        try:
            found[n] = await driver.submit(BATCHES[n], driver.intend(BATCHES[n]))
        except ProviderError as error:
            found[n] = error

    async def send_all() -> None:
        async with trio.open_nursery() as nursery, driver._waves._turn:
            for n in range(len(BATCHES)):
                nursery.start_soon(send, n)
                while len(driver._waves._waiting) <= n:
                    await trio.sleep(0.001)

    trio.run(send_all)
    return [found[n] for n in range(len(BATCHES))]


def polled(driver: SlurmDriver) -> list[set[type[Answer]]]:
    """Ask about all batches; the kinds of answer to each."""
    driver._asked_at = float("-inf")
    answers = trio.run(driver.poll, BATCHES)
    return [{type(a) for a in answers if a.job_id in one.composite.job_ids} for one in BATCHES]


def located(driver: SlurmDriver) -> list[set[type[Answer]]]:
    asked = [trio.run(driver.locate, one, driver.intend(one)) for one in BATCHES]
    return [{type(answer) for answer in answers} for answers in asked]


def test_what_is_sent_at_the_same_time_is_one_array(centre):
    answers = sent(centre.driver(cpus=2))
    (call,) = centre.calls("sbatch")
    assert "--array=0-2" in call.split()
    assert f"runs 100%%/slurm/{centre.array}.%a.log" in call
    assert [one.provider_job_id for each in answers for one in each] == [
        f"4711_{task}" for task in (0, 0, 1, 1, 2, 2)
    ]


@pytest.mark.slow
def test_each_task_leaves_the_answers_of_its_own_composite_job(centre):
    driver = centre.driver(setup="export GREETING='hello there'")
    sent(driver)
    assert not centre.compute(1)
    centre.queue("RUNNING", "TIMEOUT", "PENDING")  # the file is the truth
    assert polled(driver) == [{Running}, {Done}, {Taken}]
    orders = BATCHES[1].orders
    found = trio.run(driver.fetch, BATCHES[1], [one.id for one in orders])
    assert {one.job_id: one.counts for one in found} == run(orders, settings())


def test_a_task_that_no_array_has_computes_nothing(centre):
    sent(centre.driver())
    centre.compute(3)
    assert not [*(centre.run_folder / "slurm").glob("*.result")]


@pytest.mark.parametrize("word", KINDS)
def test_each_task_has_a_word_of_its_own(centre, word):
    driver = centre.driver()
    sent(driver)
    centre.queue("COMPLETING", word, "CANCELLED")
    assert polled(driver) == [{Running}, {KINDS[word]}, {Cancelled}]


def test_tasks_that_the_queue_forgot_are_found_in_accounting(centre):
    driver = centre.driver()
    sent(driver)
    centre.queue("", "", "RUNNING")
    centre.says("sacct", f"4711_[0-1%1]|{centre.array}|CANCELLED by 0|None")
    assert polled(driver) == [{Cancelled}, {Cancelled}, {Running}]


def test_an_array_that_ended_as_a_whole_ends_all_its_tasks(centre):
    driver = centre.driver()
    sent(driver)
    centre.says("squeue", f"4711|{centre.array}|CANCELLED|JobHeldUser")  # as Slurm 22.05 shows it
    assert polled(driver) == [{Cancelled}] * 3


def test_a_lost_answer_is_looked_for_at_each_task(centre):
    centre.says("sbatch", "", "sbatch: error: Socket timed out on send/recv operation", 1)
    assert [type(each) for each in sent(centre.driver())] == [Unavailable] * 3
    assert located(centre.driver()) == [{NotTaken}] * 3
    centre.queue("PENDING", "", "RUNNING")
    assert located(centre.driver()) == [{Taken}, {NotTaken}, {Running}]


def test_what_is_sent_again_alone_is_known_at_both_places(centre):
    driver = centre.driver()
    sent(driver)
    trio.run(driver.submit, BATCHES[0], driver.intend(BATCHES[0]))
    first, alone = (re.findall(r"--job-name=(\S+)", each)[0] for each in centre.calls("sbatch"))
    assert alone == driver.intend(BATCHES[0]).key
    centre.says("squeue", f"4711_0|{first}|NODE_FAIL|None\n4712|{alone}|PENDING|None")
    assert polled(centre.driver())[0] == {Taken}
    centre.says("squeue", f"4711_0|{first}|RUNNING|None\n4712|{alone}|PENDING|None")
    assert polled(centre.driver())[0] == {Running}


def test_one_task_is_cancelled_by_its_number_and_its_array_goes_on(centre):
    driver = centre.driver()
    sent(driver)
    centre.queue("RUNNING", "PENDING", "PENDING")
    ids = BATCHES[1].composite.job_ids
    answers = trio.run(driver.cancel, BATCHES[1], ids[:1])
    assert [type(one) for one in answers] == [Cancelled, GivenBack]
    assert centre.calls("scancel") == ["4711_1"]  # by an array's name all that wait would end


def test_a_task_that_ended_meanwhile_needs_no_cancelling(centre):
    driver = centre.driver()
    sent(driver)
    centre.queue("RUNNING", "RUNNING", "RUNNING")
    said = (
        "scancel: error: Kill job error on job id 4711_1: Job/step already completing or completed"
    )
    centre.says("scancel", "", said, 1)
    trio.run(driver.cancel, BATCHES[1], BATCHES[1].composite.job_ids)
    centre.says("scancel", "", "scancel: error: Access/permission denied", 1)
    with pytest.raises(Refused, match="permission denied"):
        trio.run(driver.cancel, BATCHES[1], BATCHES[1].composite.job_ids)


@pytest.mark.slow
def test_what_is_released_and_queued_again_is_cancelled_as_a_task(centre):
    driver = centre.driver()
    sent(driver)
    centre.compute(2)
    assert located(driver)[2] == {Done}
    trio.run(driver.release, BATCHES[2])
    centre.queue("PENDING", "PENDING", "PENDING")
    trio.run(driver.aclose)
    assert centre.calls("scancel") == ["4711_2"]


#: Takes arrays of so many tasks at most.
CHOOSY = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/sbatch.calls
case "$*" in *--array=0-[{refused}]*) echo 'sbatch: error: {said}' >&2; exit 1;; esac
echo 4711
"""
SPECIFICATION = "Batch job submission failed: Invalid job array specification"
LIMIT = "QOSMaxSubmitJobPerUserLimit"


@pytest.mark.parametrize("said", [SPECIFICATION, LIMIT])
def test_what_is_not_taken_of_several_is_sent_fewer_at_a_time(centre, said):
    (centre.folder / "sbatch").write_text(
        CHOOSY.format(folder=centre.folder, said=said, refused="2-9")
    )
    answers = sent(centre.driver())
    assert [{type(one) for one in each} for each in answers] == [{Taken}] * 3
    arrays = [re.findall(r"--array=\S+", call) for call in centre.calls("sbatch")]
    assert arrays[0] == ["--array=0-2"]
    assert [] in arrays


def test_no_array_is_larger_than_the_centre_takes(centre):
    centre.takes(2)
    assert [{type(one) for one in each} for each in sent(centre.driver())] == [{Taken}] * 3
    arrays = [re.findall(r"--array=\S+", call) for call in centre.calls("sbatch")]
    assert sorted(arrays) == [[], ["--array=0-1"]]


def test_a_full_queue_is_told_to_all_that_wait_for_it(centre):
    centre.says("squeue", "9|another|RUNNING|None")
    centre.says("sbatch", "", f"sbatch: error: {LIMIT}", 1)
    answers = sent(centre.driver())
    assert all(isinstance(each, Unavailable) and each.is_full for each in answers)
    assert len(centre.calls("sbatch")) == 2  # three, then one


def test_a_failed_task_is_told_with_its_own_logs_end(centre):
    driver = centre.driver()
    sent(driver)
    folder = centre.run_folder / "slurm"
    for task in range(3):
        (folder / f"{centre.array}.{task}.log").write_text(f"task {task} was too slow\n")
    centre.queue("RUNNING", "TIMEOUT", "RUNNING")
    answers = trio.run(driver.poll, BATCHES)
    (error,) = {one.error for one in answers if isinstance(one, Failed)}
    assert error.startswith("Slurm ended job 4711_1: TIMEOUT")
    assert error.endswith("its log ends: task 1 was too slow")


def test_released_tasks_leave_no_files(centre):
    driver = centre.driver()
    sent(driver)
    for task in range(3):
        (centre.run_folder / "slurm" / f"{centre.array}.{task}.log").touch()
    for one in BATCHES:
        trio.run(driver.release, one)
    assert not (centre.run_folder / "slurm").exists()


def test_a_log_of_a_task_that_is_a_link_is_not_written_through(centre):
    driver = centre.driver()
    sent(driver)
    log = centre.run_folder / "slurm" / f"{centre.array}.0.log"
    log.symlink_to(centre.run_folder / "own")
    sent(driver)
    assert not log.is_symlink()


@pytest.mark.parametrize("line", ["../own 1", "qbatch-zz 1", f"qbatch-{'0' * 24} -1", "\xff"])
def test_a_note_that_names_no_task_leads_nowhere(centre, line):
    driver = centre.driver()
    sent(driver)
    for note in (centre.run_folder / "slurm").glob("*.arrays"):
        note.write_text(f"{line}\n")
    centre.says("squeue", "4711_1|own|RUNNING|None")
    assert polled(driver) == [{GivenBack}] * 3


def test_an_array_of_an_engine_that_was_left_is_cancelled_task_by_task(centre):
    driver = centre.driver()
    sent(driver)
    centre.queue("COMPLETED", "RUNNING", "PENDING")
    told = trio.run(
        forsake, centre.surroundings, [(one.composite, driver.intend(one)) for one in BATCHES]
    )
    assert told.startswith("3 batch jobs that this run had sent to Slurm were cancelled")
    assert centre.calls("scancel") == ["4711_1 4711_2"]
    assert not (centre.run_folder / "slurm").exists()
