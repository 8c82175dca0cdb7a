"""The batch system's driver against commands that say what Slurm would: each of its words."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from simulating import WAVE, batch, order, run, settings

from qbatch.errors import Refused, Unavailable, Unfit
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    GivenBack,
    NotTaken,
    Running,
    Strange,
    Surroundings,
    Taken,
    open_driver,
)
from qbatch.providers.kit.permission import Permission
from qbatch.providers.local.engine import simulate
from qbatch.providers.local.engines.contract import Task
from qbatch.providers.local.engines.frames import Part, jobs_of, pack_answers, unpack_work
from qbatch.providers.local.engines.node import engine_of, memory_of
from qbatch.providers.local.engines.slurm import driver as slurm_driver
from qbatch.providers.local.engines.slurm.allocation import cpus_of
from qbatch.providers.local.engines.slurm.driver import SlurmDriver
from qbatch.providers.local.engines.slurm.states import GOING_ON, STATES
from qbatch.providers.local.engines.slurm.steps import step_of
from qbatch.providers.local.work import cut
from tests.slurm_commands import SlurmCommands


class Centre(SlurmCommands):
    """Commands under a folder of their own, and a driver that uses them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "bin")
        self.run_folder = folder / "runs 100%"

    def shows(self, key: str, state: str, reason: str = "None") -> None:
        self.says("squeue", f"4711|{key}|{state}|{reason}")

    def driver(self, path: str = ":/usr/bin:/bin", **slurm: object) -> SlurmDriver:
        found = open_driver(
            Backend(provider="local", engine={"slurm": slurm}),
            name="hpc",
            folder=Path(),
            surroundings=Surroundings(
                environ={"PATH": f"{self.folder}{path}"},
                run_id="r",
                run_folder=self.run_folder,
                permission=Permission(is_trusted=True),
            ),
        )
        assert isinstance(found, SlurmDriver)
        return found


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


ORDERS = [order(WAVE, k, shots=100, theta=0.1 * k) for k in range(3)]
BATCH = batch(ORDERS)


def sent(driver: SlurmDriver) -> str:
    """Send the batch, and return its key."""

    async def send() -> str:
        intent = driver.intend(BATCH)
        answers = await driver.submit(BATCH, intent)
        assert {type(one) for one in answers} == {Taken}
        return intent.key

    return trio.run(send)


def polled(driver: SlurmDriver) -> Sequence[Answer]:
    driver._asked_at = float("-inf")
    return trio.run(driver.poll, [BATCH])


def kinds(answers: Sequence[Answer]) -> set[type[Answer]]:
    assert {one.job_id for one in answers} == {one.id for one in ORDERS}
    return {type(one) for one in answers}


def compute(centre: Centre, key: str) -> Path:
    """Do what the node would."""
    folder = centre.run_folder / "slurm"
    digest = (folder / f"{key}.sha256").read_text()
    chunks = unpack_work((folder / f"{key}.work").read_bytes(), digest)
    parts = [Part(jobs_of(chunk), simulate(chunk)) for chunk in chunks]
    result = folder / f"{key}.result"
    result.write_bytes(pack_answers(digest, parts))
    return result


#: Slurm's word -> what is made of it where there are no answers.
ENDS = {
    "queued": Taken,
    "running": Running,
    "again": GivenBack,
    "failed": Failed,
    "cancelled": Cancelled,
    "ended": GivenBack,
}


@pytest.mark.parametrize("word", [*STATES, "NOVEL"])
def test_each_word_of_slurms_means_one_thing(centre, word):
    driver = centre.driver()
    centre.shows(sent(driver), word, "Because")
    answers = polled(driver)
    assert kinds(answers) == {ENDS[STATES[word]] if word in STATES else Strange}
    assert answers[0].status == f"{word} (Because)"


def test_a_whole_file_of_answers_counts_whatever_slurm_says(centre):
    driver = centre.driver()
    key = sent(driver)
    compute(centre, key)
    centre.shows(key, "FAILED", "NonZeroExitCode")
    assert kinds(polled(driver)) == {Done}
    found = trio.run(driver.fetch, BATCH, [one.id for one in ORDERS])
    assert {one.job_id: one.counts for one in found} == run(ORDERS, settings())


def test_a_torn_file_of_answers_is_computed_again(centre):
    driver = centre.driver()
    key = sent(driver)
    result = compute(centre, key)
    result.write_bytes(result.read_bytes()[:-9])
    answers = polled(driver)
    assert kinds(answers) == {GivenBack}
    assert "cannot count: it is torn" in answers[0].error
    assert not result.exists()


def moved(centre: Centre, driver: SlurmDriver, name: str) -> tuple[SlurmDriver, Batch]:
    """Prepare and send the batch, have it computed, rename its folder; who goes on, and with what.

    Slurm knows it no more.
    """
    prepared = trio.run(driver.prepare, BATCH)
    remembered = replace(BATCH, composite=replace(BATCH.composite, memo=prepared.memo))
    compute(centre, sent(driver))
    centre.run_folder = centre.run_folder.rename(centre.run_folder.with_name(name))
    return centre.driver(), remembered


@pytest.mark.parametrize("ask", ["poll", "locate", "submit"])
def test_answers_in_a_folder_that_was_moved_count(centre, ask):
    driver, remembered = moved(centre, centre.driver(), "renamed")
    intent = driver.intend(remembered)
    if ask == "poll":
        answers = trio.run(driver.poll, [remembered])
    else:
        answers = trio.run(getattr(driver, ask), remembered, intent)
    assert kinds(answers) == {Done}
    assert len(centre.calls("sbatch")) == 1
    found = trio.run(driver.fetch, remembered, [one.id for one in ORDERS])
    assert {one.job_id: one.counts for one in found} == run(ORDERS, settings())
    trio.run(driver.release, remembered)
    assert not (centre.run_folder / "slurm").exists()


def test_torn_answers_in_a_folder_that_was_moved_are_computed_again(centre):
    driver, remembered = moved(centre, centre.driver(), "renamed")
    (result,) = (centre.run_folder / "slurm").glob("*.result")
    result.write_bytes(result.read_bytes()[:-9])
    assert kinds(trio.run(driver.poll, [remembered])) == {GivenBack}
    assert not result.exists()


@pytest.mark.parametrize("name", ["../own", "qbatch-../../own", 7, "qbatch-" + "0" * 24 + "/x"])
def test_a_memo_that_names_no_batch_job_leads_nowhere(centre, name):
    driver = centre.driver()
    memo = trio.run(driver.prepare, BATCH).memo
    strange = dict.fromkeys(memo, name)
    remembered = replace(BATCH, composite=replace(BATCH.composite, memo=strange))
    own = centre.run_folder / "own.result"
    own.parent.mkdir()
    own.write_text("mine")
    assert kinds(trio.run(driver.poll, [remembered])) == {GivenBack}
    trio.run(driver.release, remembered)
    assert own.read_text() == "mine"


def test_what_slurm_forgot_counts_as_lost_only_once_its_file_could_be_seen(centre):
    driver = centre.driver()
    sent(driver)
    answers = polled(driver)
    assert kinds(answers) == {GivenBack}
    assert answers[0].settle_s == slurm_driver.SHOWN_S


def test_what_was_never_sent_from_this_folder_is_sent_at_once(centre):
    answers = polled(centre.driver())
    assert kinds(answers) == {GivenBack}
    assert answers[0].settle_s == 0


def test_the_same_word_again_is_no_news(centre):
    driver = centre.driver()
    centre.shows(sent(driver), "PENDING", "Priority")
    assert kinds(polled(driver)) == {Taken}
    assert not polled(driver)
    centre.shows(driver.intend(BATCH).key, "PENDING", "Resources")
    assert polled(driver)[0].status == "PENDING (Resources)"


HELD = [
    ("PENDING", "launch failed requeued held"),  # as seen on Slurm 22.05
    ("COMPLETING", "launch failed requeued held"),
    ("PENDING", "launch_failed_requeued_held"),
    ("PENDING", "JobHoldMaxRequeue"),
]


@pytest.mark.parametrize(("state", "reason"), HELD)
def test_what_slurm_holds_because_it_could_not_start_it_is_sent_anew(centre, state, reason):
    driver = centre.driver()
    centre.shows(sent(driver), state, reason)
    centre.says("sinfo", "n1|drained|Duplicate jobid")
    answers = polled(driver)
    assert kinds(answers) == {GivenBack}
    assert {each.settle_s for each in answers} == {0.0}
    told = f"Slurm holds job 4711: {state} ({reason}); nodes out of use: n1 drained: Duplicate"
    assert answers[0].error.startswith(told)


def test_what_a_person_holds_stays_where_it_is(centre):
    driver = centre.driver()
    centre.shows(sent(driver), "PENDING", "JobHeldUser")
    assert kinds(polled(driver)) == {Taken}


@pytest.mark.parametrize(("state", "reason"), HELD)
def test_a_held_job_that_was_sent_anew_is_cancelled(centre, state, reason):
    driver = centre.driver()
    key = sent(driver)
    centre.shows(key, state, reason)
    polled(driver)
    trio.run(driver.aclose)
    assert [f"--name={key}" in call for call in centre.calls("scancel")] == [True]


@pytest.mark.parametrize(("state", "calls"), [("PENDING", 1), ("RUNNING", 0), ("COMPLETED", 0)])
def test_what_is_queued_again_though_its_answers_are_there_is_cancelled(centre, state, calls):
    driver = centre.driver()
    key = sent(driver)
    compute(centre, key)
    assert kinds(polled(driver)) == {Done}
    trio.run(driver.release, BATCH)
    centre.shows(key, state)
    trio.run(driver.aclose)
    assert len(centre.calls("scancel")) == calls


def test_what_is_released_while_slurm_is_asked_of_others_is_cancelled_later(centre):
    driver = centre.driver()
    other = batch(ORDERS, "other")
    key, other_key = (driver.intend(one).key for one in (BATCH, other))

    async def ask_and_release() -> None:
        await driver.release(BATCH)
        centre.shows(key, "PENDING")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.aclose)
            await trio.testing.wait_all_tasks_blocked()  # for Slurm's answer
            await driver.release(other)
        centre.shows(other_key, "PENDING")
        await driver.aclose()

    trio.run(ask_and_release)
    assert [call.partition("--name=")[2] for call in centre.calls("scancel")] == [key, other_key]


def test_a_controller_that_is_away_at_the_end_spoils_nothing(centre):
    driver = centre.driver()
    trio.run(driver.release, BATCH)
    centre.says("squeue", "", "squeue: error: Unable to contact slurm controller", 1)
    trio.run(driver.aclose)


def located(driver: SlurmDriver) -> Sequence[Answer]:
    return trio.run(driver.locate, BATCH, driver.intend(BATCH))


def test_a_lost_answer_is_looked_for_in_files_queue_and_accounting(centre):
    driver = centre.driver()
    assert kinds(located(driver)) == {NotTaken}
    key = driver.intend(BATCH).key
    centre.says("sacct", f"4711|{key}|CANCELLED by 1000|None")
    assert kinds(located(centre.driver())) == {Cancelled}
    centre.shows(key, "RUNNING")
    assert kinds(located(centre.driver())) == {Running}
    sent(driver)
    compute(centre, key)
    assert kinds(located(centre.driver())) == {Done}


@pytest.mark.parametrize("word", [w for w, meaning in STATES.items() if meaning in GOING_ON])
def test_what_accounting_alone_takes_for_queued_or_running_is_forgotten(centre, word):
    driver = centre.driver()
    centre.says("sacct", f"4711|{sent(driver)}|{word}|None")
    answers = polled(driver)
    assert kinds(answers) == {GivenBack}
    assert answers[0].settle_s == slurm_driver.SHOWN_S


def test_of_a_job_that_was_requeued_accountings_last_word_counts(centre):
    driver = centre.driver()
    key = sent(driver)
    words = ("REQUEUED", "NODE_FAIL", "REQUEUED", "TIMEOUT")  # as sacct of Slurm 22.05 shows them
    centre.says("sacct", "\n".join(f"4711|{key}|{word}|None" for word in words))
    assert kinds(polled(driver)) == {Failed}


def test_of_two_jobs_of_one_name_the_one_that_goes_on_counts(centre):
    driver = centre.driver()
    key = sent(driver)
    centre.says("squeue", f"1|{key}|NODE_FAIL|None\n2|{key}|PENDING|Priority\n3|{key}|FAILED|None")
    assert kinds(polled(driver)) == {Taken}


@pytest.mark.parametrize("older", [word for word, meaning in STATES.items() if meaning == "again"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_jobs_that_ended_the_newer_counts(centre, older, newest_first):
    driver = centre.driver()
    key = sent(driver)
    lines = [f"99|{key}|{older}|None", f"100|{key}|CANCELLED|None"]
    centre.says("squeue", "\n".join(lines[::-1] if newest_first else lines))
    assert kinds(polled(driver)) == {Cancelled}
    centre.says("squeue", f"99|{key}|CANCELLED|None\n100|{key}|{older}|None")
    assert kinds(polled(driver)) == {GivenBack}


def planted(centre: Centre, key: str, name: str) -> Path:
    """Make a file of the person's, and a link to it where the batch job's file would be."""
    own = centre.run_folder / "own.txt"
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine\n")
    link = centre.run_folder / "slurm" / f"{key}.{name}"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(own)
    return own


@pytest.mark.parametrize("name", ["work", "sh", "sha256", "log"])
def test_nothing_is_written_through_a_link_that_was_planted(centre, name):
    driver = centre.driver()
    key = driver.intend(BATCH).key
    own = planted(centre, key, name)
    assert sent(driver) == key
    assert not (centre.run_folder / "slurm" / f"{key}.{name}").is_symlink()
    assert own.read_text() == "mine\n"


def test_a_log_that_is_a_link_is_not_read(centre):
    driver = centre.driver()
    key = sent(driver)
    planted(centre, key, "log")
    centre.shows(key, "TIMEOUT")
    assert "mine" not in polled(driver)[0].error


def test_answers_that_are_a_link_do_not_count(centre):
    driver = centre.driver()
    result = compute(centre, sent(driver))
    result.symlink_to(result.rename(centre.run_folder / "elsewhere"))
    answers = polled(driver)
    assert kinds(answers) == {GivenBack}
    assert "cannot count: it is a symbolic link to" in answers[0].error
    assert not result.exists()


def test_a_folder_that_is_a_link_is_not_written_to(centre, tmp_path):
    driver = centre.driver()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    centre.run_folder.mkdir()
    (centre.run_folder / "slurm").symlink_to(elsewhere)
    with pytest.raises(Refused, match=r"is a symbolic link to .*elsewhere"):
        trio.run(driver.submit, BATCH, driver.intend(BATCH))
    assert not [*elsewhere.iterdir()]
    assert not centre.calls("sbatch")


def test_a_failure_is_told_with_its_logs_end_and_what_to_do(centre):
    driver = centre.driver()
    key = sent(driver)
    (centre.run_folder / "slurm" / f"{key}.log").write_text("one\nslurmstepd: DUE TO TIME LIMIT\n")
    centre.shows(key, "TIMEOUT", "TimeLimit")
    error = polled(driver)[0].error
    assert "TIMEOUT (TimeLimit); raise engine.slurm.time" in error
    assert error.endswith("its log ends: one / slurmstepd: DUE TO TIME LIMIT")


def test_what_took_too_much_memory_is_told_so_by_its_log(centre):
    """As Slurm 22.05 shows it that limits memory without control groups."""
    driver = centre.driver()
    key = sent(driver)
    log = "slurmstepd-n1: error: StepId=1.batch exceeded memory limit (323420160 > 52428800)\n"
    (centre.run_folder / "slurm" / f"{key}.log").write_text(log)
    centre.shows(key, "FAILED", "JobLaunchFailure")
    assert "(JobLaunchFailure); raise engine.slurm.memory, or take" in polled(driver)[0].error


def test_cancelling_some_points_gives_the_others_back(centre):
    driver = centre.driver()
    key = sent(driver)
    answers = trio.run(driver.cancel, BATCH, [ORDERS[0].id])
    assert [type(one) for one in answers] == [Cancelled, GivenBack, GivenBack]
    assert f"--name={key}" in centre.calls("scancel")[0]


def test_released_files_are_gone(centre):
    driver = centre.driver()
    compute(centre, sent(driver))
    trio.run(driver.release, BATCH)
    assert not (centre.run_folder / "slurm").exists()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("sbatch: error: Batch job submission failed: Invalid account", Refused),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", Unavailable),
        ("sbatch: error: Socket timed out on send/recv operation", Unavailable),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", Refused),  # nothing of the person's is there
    ],
)
def test_what_sbatch_refuses_is_told_in_its_words(centre, said, kind):
    centre.says("sbatch", "", said, 1)
    driver = centre.driver()
    with pytest.raises(kind, match=said.rpartition(": ")[2].split("(")[0].strip()):
        trio.run(driver.submit, BATCH, driver.intend(BATCH))


#: Slurm's general words about limits, which follow the name of the one.
VIOLATES = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
    "(job submit limit, user's size and/or time limits)"
)


@pytest.mark.parametrize(
    "limit",
    [
        "AssocMaxSubmitJobLimit",
        "AssocGrpSubmitJobsLimit",
        "QOSMaxSubmitJobPerUserLimit",
        "QOSMaxSubmitJobPerAccountLimit",
        "QOSGrpSubmitJobsLimit",
        "",
    ],
)
def test_a_full_queue_is_waited_for_where_jobs_of_the_persons_are_in_it(centre, limit):
    driver = centre.driver()
    centre.shows("another", "PENDING")
    centre.says("sbatch", "", f"sbatch: error: {limit}\n{VIOLATES}" if limit else VIOLATES, 1)
    with pytest.raises(Unavailable) as caught:
        trio.run(driver.submit, BATCH, driver.intend(BATCH))
    assert caught.value.is_full
    assert limit in str(caught.value)


@pytest.mark.parametrize(
    "limit", ["QOSMaxWallDurationPerJobLimit", "AssocMaxCpuPerJobLimit", "QOSMaxMemoryPerJob"]
)
def test_a_job_that_is_too_large_for_a_limit_is_not_waited_for(centre, limit):
    driver = centre.driver()
    centre.shows("another", "PENDING")
    centre.says("sbatch", "", f"sbatch: error: {limit}\n{VIOLATES}", 1)
    with pytest.raises(Refused, match=limit):
        trio.run(driver.submit, BATCH, driver.intend(BATCH))


@pytest.mark.parametrize(
    "reason", ["AssocMaxJobsLimit", "QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit", "Resources"]
)
def test_limits_on_what_runs_are_waited_for_and_told(centre, reason):
    driver = centre.driver()
    centre.shows(sent(driver), "PENDING", reason)
    answers = polled(driver)
    assert kinds(answers) == {Taken}
    assert answers[0].status == f"PENDING ({reason})"


def test_what_does_not_answer_keeps_no_answers_that_are_there(centre):
    driver = centre.driver()
    key = sent(driver)
    compute(centre, key)
    other = replace(BATCH, composite=replace(BATCH.composite, id="other"))
    centre.says("squeue", "", "squeue: error: Unable to contact slurm controller", 1)
    assert kinds(trio.run(driver.poll, [other, BATCH])) == {Done}


def test_the_target_says_what_the_centre_allows(centre):
    target = trio.run(centre.driver(partition="cpu").describe)
    assert target.in_flight == 50
    assert target.facts["cluster"] == "here"
    with pytest.raises(Unfit, match="no partition 'gpu'; there are cpu"):
        trio.run(centre.driver(partition="gpu").describe)


def test_nodes_that_take_no_work_are_told_in_slurms_words(centre):
    out = "n[1-2]|drained|disk | full"
    centre.says("sinfo", f"cpu|up\n{out}\n{out}")
    target = trio.run(centre.driver().describe)
    assert target.facts["nodes_out"] == "n[1-2] drained: disk | full"


def test_where_there_is_no_slurm_it_says_so(centre):
    (centre.folder / "scontrol").unlink()
    with pytest.raises(Unfit, match="run on a login node"):
        trio.run(centre.driver(path="").describe)


def test_every_name_and_value_is_an_argument_of_its_own(centre):
    driver = centre.driver(
        partition="cpu", time="90m", memory="2G", constraint="a&b", extra=["--comment=$(id); x"]
    )
    key = sent(driver)
    (call,) = centre.calls("sbatch")
    for argument in ("--time=90", "--mem=2097152K", "--constraint=a&b", "--comment=$(id); x"):
        assert argument in call
    assert "runs 100%%/slurm" in call  # in the log's name alone
    script = (centre.run_folder / "slurm" / f"{key}.sh").read_text()
    words = shlex.split(script.partition("exec \\\n")[2])
    assert str(centre.run_folder / "slurm" / f"{key}.result") in words


def test_the_persons_lines_come_before_the_interpreter_of_theirs(centre):
    driver = centre.driver(setup="module load python\n", python="/opt/python")
    script = (centre.run_folder / "slurm" / f"{sent(driver)}.sh").read_text()
    lines = script.splitlines()
    assert lines[2] == "module load python"
    assert lines[4].startswith("/opt/python -P ")


def ran(centre: Centre, key: str, **environ: str) -> str:
    """Run a batch job's script as Slurm would; what it said."""
    script = centre.run_folder / "slurm" / f"{key}.sh"
    done = subprocess.run(
        ["bash", script], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    return done.stderr


@pytest.mark.slow
def test_a_script_that_is_run_leaves_the_answers(centre):
    driver = centre.driver(memory="1G")
    assert not ran(centre, sent(driver))
    assert kinds(polled(driver)) == {Done}
    found = trio.run(driver.fetch, BATCH, [one.id for one in ORDERS])
    assert {one.job_id: one.counts for one in found} == run(ORDERS, settings())


#: What a state of 28 qubits takes: 2**28 amplitudes of 16 bytes.
WIDE = 2**28 * 16


@pytest.mark.parametrize(("memory", "at_once"), [(9 * 2**30, 2), (6 * 2**30, 1), (2**30, 1)])
def test_workers_of_a_batch_job_share_its_memory(memory, at_once):
    tasks = [
        Task(replace(chunk, memory=WIDE, seconds=60.0), 60.0, lambda: None, lambda _: None)
        for one in ORDERS
        for chunk in cut([one], settings())
    ]

    async def most_at_once() -> int:
        engine = engine_of(2, str(memory))
        for task in tasks:
            engine.put(task)
        await trio.testing.wait_all_tasks_blocked()
        running = engine._share.running
        for task in tasks:
            engine.drop(task)
        await engine.leave()
        return running

    assert trio.run(most_at_once) == at_once


def test_a_script_says_how_much_memory_its_workers_share(centre):
    driver = centre.driver(memory="8G")
    script = (centre.run_folder / "slurm" / f"{sent(driver)}.sh").read_text()
    assert str(8 * 2**30) in shlex.split(script.partition("exec \\\n")[2])


@pytest.mark.parametrize(
    ("environ", "shared"),
    [
        ({"SLURM_MEM_PER_NODE": "8192"}, 8 * 2**30),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "8"}, 8 * 2**30),
        ({"SLURM_MEM_PER_NODE": "0"}, math.inf),
        ({}, math.inf),
    ],
)
def test_without_a_word_of_the_manifests_slurms_own_counts(environ, shared):
    assert memory_of(environ) == shared


def test_a_step_has_its_share_of_an_allocation():
    environ = {"SLURM_JOB_CPUS_PER_NODE": "4(x2),2", "SLURM_MEM_PER_NODE": "8000"}
    assert cpus_of(environ) == 10
    assert "--mem=2000" in step_of(environ).before
