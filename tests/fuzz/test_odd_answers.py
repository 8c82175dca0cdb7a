"""Answers that once brought a driver down, or were believed; each as the storm found it."""

from __future__ import annotations

import base64
import json
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from qbatch.errors import Misspoke, ProviderError, Refused, Unavailable
from qbatch.providers import Missing
from tests.fuzz.mutations import Answer
from tests.fuzz.scenes import Stage, make_call

Change = Callable[[Any], Any]


def answered(provider: str, call: str, path: str, change: Change | int) -> Any:
    """Make a call while the answers of one path are changed; return what came, or the error.

    Args:
        change: Of the JSON, or the status instead.
    """

    def spoil(request: httpx.Request, answer: Answer) -> Answer:
        if not fnmatchcase(request.url.path, path) or answer.status >= 300:
            return answer
        if isinstance(change, int):
            return replace(answer, status=change)
        return answer.with_body(json.dumps(change(json.loads(answer.body))).encode())

    async def act() -> Any:
        stage = Stage(provider)
        try:
            if call not in ("describe", "list_targets"):
                await stage.furnish()
            asked = await make_call(stage, call, Random(1))
            stage.line.spoil = spoil
            return await asked()
        except ProviderError as error:
            return error
        finally:
            stage.emulation.close()

    return trio.run(act, clock=MockClock(autojump_threshold=0))


def at(*keys: Any, to: Any) -> Change:
    """Change the value at a path; `...` stands for every entry of a list."""

    def change(tree: Any) -> Any:
        if not keys:
            return to
        if keys[0] is ...:
            return [at(*keys[1:], to=to)(one) for one in tree]
        rest = at(*keys[1:], to=to)
        return {**tree, keys[0]: rest(tree.get(keys[0], {}))}

    return change


QPUS, PLATFORMS, QUOTE = "*/admin/qpu", "*/platforms", "*/jobs/prepare/*"
MACHINE = "*/backends/emu_5q/configuration"


@pytest.mark.parametrize(
    ("provider", "call", "path", "change", "kind"),
    [
        ("oqc", "list_targets", "*/windows/next", 503, Unavailable),
        ("open-quantum", "list_targets", "*/sched/v1/backends/classes/*", 503, Unavailable),
        ("oqc", "describe", QPUS, at("items", ..., "price_per_shot", to="free"), Misspoke),
        ("oqc", "describe", QPUS, at("items", ..., "price_per_shot", to=-1), Misspoke),
        ("oqc", "describe", QPUS, at("items", ..., "id", to=None), Misspoke),
        ("oqc", "prepare", "*/12345/tasks", lambda _: ["a/b", "c"], Misspoke),
        ("oqc", "locate", "*/status", lambda _: {}, Misspoke),
        ("scaleway", "describe", PLATFORMS, at("platforms", ..., "price_per_hour", to=1), Misspoke),
        (
            "scaleway",
            "describe",
            PLATFORMS,
            at("platforms", ..., "price_per_hour", "units", to=-1),
            Misspoke,
        ),
        (
            "open-quantum",
            "prepare",
            QUOTE,
            at("quote", ..., "price", to=-5),
            Misspoke,
        ),
        ("open-quantum", "prepare", QUOTE, at("quote", ..., "execution_plan_id", to=7), Misspoke),
        ("open-quantum", "poll", "*/jobs", at("jobs", to={"a": 1}), Misspoke),
        ("marqov", "prepare", "*/analyse", at("cost", "total_usd", to="cheap"), Misspoke),
        ("marqov", "prepare", "*/analyse", at("cost", "total_usd", to=-1), Misspoke),
        ("ibm-direct-access", "describe", MACHINE, at("n_qubits", to=10**9), Misspoke),
        ("ibm-direct-access", "describe", MACHINE, at("coupling_map", to=[[0]]), Misspoke),
        ("ibm-direct-access", "describe", MACHINE, at("coupling_map", to=[[0, 99]]), Misspoke),
        ("ibm-direct-access", "prepare", MACHINE, at("basis_gates", to=["x"]), Refused),
    ],
)
def test_what_cannot_be_understood_is_refused(
    provider: str, call: str, path: str, change: Any, kind: type[ProviderError]
) -> None:
    assert type(answered(provider, call, path, change)) is kind


def test_limits_that_are_no_numbers_are_no_limits() -> None:
    limits = {"max_qubits_per_job": "many", "max_shots": -1, "min_shots": True}
    change = at("constraint_data", "limits", to=limits)
    target = answered("open-quantum", "describe", "*/sched/v1/backends/classes/*", change)
    assert (target.max_shots, target.min_shots) == (None, 1)


def test_a_list_that_leads_back_to_itself_ends() -> None:
    cursors: list[str] = []

    def change(tree: Any) -> Any:
        cursors.append(base64.b64encode(tree["backend_classes"][0]["id"].encode()).decode())
        return {**tree, "pagination": {"next_cursor": cursors[0]}}

    failure = answered("open-quantum", "describe", "*/mgmt/v1/backends/classes", change)
    assert isinstance(failure, Misspoke)
    assert len(cursors) == 2


def test_an_absurd_number_of_rows_is_not_believed() -> None:
    updates = answered("scaleway", "poll", "*/jobs", at("total_count", to="9" * 5000))
    assert updates


def test_gates_that_nobody_knows_are_not_used() -> None:
    change = at("basis_gates", to=["id", "rz", "sx", "x", "cz", "ccx", "melt", "-1", None])
    prepared = answered("ibm-direct-access", "prepare", MACHINE, change)
    assert prepared.ready


def test_what_no_file_can_hold_does_not_end_a_call() -> None:
    change = at("jobs", ..., "progress_message", to="\ud800\x1b[31m")
    updates = answered("scaleway", "poll", "*/jobs", change)
    errors = [update.error for update in updates if update.error]
    assert errors
    assert set(errors) == {"\ufffd\ufffd[31m"}


def test_an_array_is_believed_no_further_than_it_reaches() -> None:
    """NumPy would make room for what the head of the array promises."""
    assert isinstance(fetched_with("|u1", "(99999999999, 9)", b"few"), Misspoke)


@pytest.mark.usefixtures("nothing_runs")
def test_what_is_pickled_in_an_array_is_not_called() -> None:
    class Malice:
        def __reduce__(self) -> Any:
            return os.system, ("exit 0",)

    assert isinstance(fetched_with("|O", "(1,)", pickle.dumps(Malice())), Misspoke)


def fetched_with(kind: str, shape: str, body: bytes) -> Any:
    """Fetch results each array of which is this one."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body
    packed = base64.b64encode(zlib.compress(data)).decode()

    def change(tree: Any) -> Any:
        text = json.dumps(tree)
        for array in _arrays(tree):
            text = text.replace(json.dumps(array), json.dumps(packed))
        return json.loads(text)

    return answered("ibm-direct-access", "fetch", "*/results_*", change)


def _arrays(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        mine = [tree["__value__"]] if tree.get("__type__") == "ndarray" else []
        return mine + [one for value in tree.values() for one in _arrays(value)]
    return [one for value in tree for one in _arrays(value)] if isinstance(tree, list) else []


@pytest.mark.parametrize(("provider", "path"), [("oqc", "*/all_info"), ("marqov", "*/status")])
def test_a_job_that_its_cloud_does_not_have_is_told_to_be_missing(provider: str, path: str) -> None:
    updates = answered(provider, "poll", path, 404)
    assert updates
    assert {type(update) for update in updates} == {Missing}
    assert all("or not any more" in update.error for update in updates)
