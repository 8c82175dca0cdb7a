"""The steps of composite jobs at clouds, told one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import trio
from fake_drivers import FakeCloud, plan_of, play

from qbatch.executor import Started, Step
from qbatch.executor.steps import Steps, moves_in_words
from qbatch.job import Job, JobState


def test_every_step_is_told_in_order_with_how_long_it_took(tmp_path: Path) -> None:
    played = play(tmp_path, plan_of(1, "cloud"), FakeCloud(works_s=100.0))
    steps = played.told(Step)
    words = [step.text.split()[0] for step in steps]
    assert words[:3] == ["prepared", "submitting", "submitted"]
    assert words[-3:] == ["done", "result", "completed"]
    assert {(step.backend, step.job) for step in steps} == {("cloud", steps[0].job)}
    assert 100 <= sum(step.took_s for step in steps) <= played.elapsed_s


def test_a_simulator_tells_no_steps(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.is_local = True
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    assert played.told(Started)
    assert not played.told(Step)


def test_children_that_go_the_same_way_are_one_sentence() -> None:
    jobs = [Job(str(number), JobState.SUBMITTING) for number in range(5)]
    taken = [
        replace(job, state=JobState.SUBMITTED, provider_job_id=f"t{job.id}") for job in jobs[:4]
    ]
    lost = replace(jobs[4], state=JobState.FAILED, error="too deep")
    assert moves_in_words(zip(jobs, [*taken, lost], strict=True), total=5) == [
        "4 of 5 submitted as t0, t1, t2, …",
        "1 of 5 failed: too deep",
    ]
    assert moves_in_words(zip(taken, taken, strict=True), total=5) == []


def test_a_reader_that_is_gone_is_told_nothing_more() -> None:
    told: list[object] = []

    def gone(event: object) -> None:
        told.append(event)
        raise BrokenPipeError

    order = SimpleNamespace(name="theta=0")
    composite = SimpleNamespace(backend="cloud", id="c")
    batch: Any = SimpleNamespace(composite=composite, orders=(order, order))

    async def tell() -> None:
        steps = Steps(gone)
        steps.tell(batch, "uploaded")
        steps.tell(batch, "prepared")

    trio.run(tell)
    assert told == [Step("cloud", "theta=0 and 1 more", "uploaded", 0.0)]
