from __future__ import annotations

import pytest
from plan_making import plan_of

from qbatch.job import JobState
from qbatch.plan import Had, Stored, Why, count_reasons, reasons, removed


def plan(gamma=(1, 2), noise: float = 0.1, **more):
    backends = {"sim": {"provider": "local", "noise": {"readout": noise}}}
    return plan_of({"matrix": {"gamma": list(gamma), "beta": [0]}, **more}, backends=backends)


def stored_of(plan, state: JobState = JobState.COMPLETED) -> dict[str, Stored]:
    return {
        p.id: Stored(
            p.name,
            state,
            p.shots,
            p.repeat,
            dict(p.parameters),
            lambda key=p.setting: plan.setting(key),
            [Had(0, p.shots, state)],
        )
        for p in plan.points()
    }


def test_all_is_new_to_an_empty_folder() -> None:
    assert [str(reason) for reason in reasons(plan(), {})] == ["new", "new"]


@pytest.mark.parametrize(
    ("state", "why", "runs"),
    [
        (JobState.COMPLETED, Why.DONE, False),
        (JobState.CREATED, Why.MISSING, True),
        (JobState.FAILED, Why.FAILED, True),
        (JobState.CANCELLED, Why.CANCELLED, True),
        (JobState.SUBMITTING, Why.IN_FLIGHT, False),
        (JobState.RUNNING, Why.IN_FLIGHT, False),
        (JobState.HELD, Why.HELD, False),
    ],
)
def test_the_state_of_a_known_point_decides(state, why, runs) -> None:
    (first, _) = reasons(plan(), stored_of(plan(), state))
    assert first.why is why
    assert first.why.runs is runs


def test_a_changed_backend_names_the_leaf_and_both_values() -> None:
    found = list(reasons(plan(noise=0.2), stored_of(plan(noise=0.1))))
    assert [str(reason) for reason in found] == ["changed: backend.noise.readout: 0.1 → 0.2"] * 2


def test_a_moved_value_is_found_by_nearness() -> None:
    (_, second) = reasons(plan(gamma=(1, 3)), stored_of(plan(gamma=(1, 2))))
    assert str(second) == "changed: parameters.gamma: 2 → 3"
    assert second.before in stored_of(plan(gamma=(1, 2)))


def test_an_added_value_is_new_while_nothing_is_gone() -> None:
    found = [reason.why for reason in reasons(plan(gamma=(1, 2, 3)), stored_of(plan()))]
    assert found == [Why.DONE, Why.DONE, Why.NEW]


def test_a_point_changes_from_one_other_only() -> None:
    found = [reason.why for reason in reasons(plan(gamma=(1, 3, 4)), stored_of(plan()))]
    assert sorted(found) == [Why.CHANGED, Why.DONE, Why.NEW]


def test_a_point_too_different_is_new() -> None:
    other = plan_of(
        {"matrix": {"gamma": [7], "beta": [8], "shots": [9]}},
        backends={"sim": {"provider": "local", "noise": {"readout": 0.5}}},
    )
    assert [reason.why for reason in reasons(other, stored_of(plan()))] == [Why.NEW]


def test_points_that_the_manifest_no_longer_has_are_removed() -> None:
    found = list(removed(plan(gamma=(1,)), stored_of(plan())))
    assert [(point.name, point.state) for point in found] == [
        ("gamma=2,beta=0", JobState.COMPLETED)
    ]


def test_a_survey_counts_what_the_reasons_say() -> None:
    now, before = plan(gamma=(1, 3, 4), repeat=2), stored_of(plan(gamma=(1, 2)))
    found = count_reasons(now, before, limit=2)
    assert found.counts == count_reasons(now, before, lambda _: True).counts
    assert found.counts.total() == 6
    assert list(found.first) == list(reasons(now, before))[:2]


def test_a_survey_of_something_new_goes_through_nothing() -> None:
    large = plan_of(
        {"matrix": {"gamma": {"linspace": [0, 1, 3000]}, "beta": {"linspace": [0, 1, 3000]}}}
    )
    found = count_reasons(large, {}, limit=3)
    assert found.counts == {Why.NEW: 9_000_000}
    assert len(found.first) == 3


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (400, "more shots: 400 of 1 000 done"),
        (1000, "done"),
        (3000, "done: 1 000 wanted, 3 000 used"),
    ],
)
def test_shots_that_are_there_are_told(there: int, told: str) -> None:
    sweep = {"matrix": {"gamma": [1], "beta": [0]}}
    before, now = (plan_of(sweep, shots=shots) for shots in (there, 1000))
    (found,) = reasons(now, stored_of(before))
    assert str(found).replace("\u202f", " ") == told
