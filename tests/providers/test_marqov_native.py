"""P21: Marqov's native path: a cap, one admission per key, a lost answer found by its key."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import trio

from qbatch.emulators.marqov import TEAM
from qbatch.errors import Misspoke, Refused, Unavailable, Unfit
from qbatch.manifest.models import Backend
from qbatch.plan.identity import backend_identity
from qbatch.providers import Failed, Missing, Repeatable, Repeats, Taken, Unclear
from qbatch.providers.marqov import native
from qbatch.providers.marqov.driver import Marqov

SUBMIT = "/api/jobs/submit"
DYNAMIC = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[1] q;
bit[2] c;
c[0] = measure q[0];
if (c[0]) { x q[0]; }
c[1] = measure q[0];
"""

Maker = Callable[..., Any]


def lost(**fault: Any) -> list[dict[str, Any]]:
    return [{"method": "POST", "path": SUBMIT, "nth": 1, **fault}]


@pytest.fixture
def cloud(talk: Maker) -> Maker:
    """Return a maker of talks: options beside the cap."""

    def make(cap: int = 50, target: str = "marqov-sim", **options: Any) -> Any:
        chosen = {"native": {"cap_cents": cap}, "team": TEAM}
        return talk("marqov", target=target, options={**chosen, **options})

    return make


async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    cloud: Maker, order: Maker, asymmetric: Callable[..., float]
) -> None:
    (fetched,) = await cloud().run(order())
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5
    assert fetched.cost == 0.11


async def test_the_cap_is_the_most_that_a_job_costs(cloud: Maker, order: Maker) -> None:
    on = cloud(42)
    price = (await on.driver.describe()).price
    assert (price.of_job(2000), price.unit, price.certainty) == (0.42, "usd", "at most")
    await on.submit(await on.prepare(order()))
    assert [entry["cap_cents"] for entry in on.ledger] == [42]


@pytest.mark.parametrize(
    ("maker", "words"),
    [
        ({"cap": 10}, r"cap_cents: 10 is out of range; marqov-sim takes 11 to 10000"),
        ({"target": "sv1"}, r"sv1 are not enabled .* marqov-sim \(native_workflow\)"),
    ],
)
async def test_a_cap_or_target_that_no_runtime_takes_is_told_by_the_plan(
    cloud: Maker, maker: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unfit, match=words):
        await cloud(**maker).driver.describe()


async def test_where_nothing_is_enabled_that_is_said(cloud: Maker) -> None:
    on = cloud()
    on.set_faults(switches={"marqov": {"native": False}})
    with pytest.raises(Unfit, match="not enabled for this team; enabled are none"):
        await on.driver.describe()


async def test_the_team_comes_from_the_environment_or_is_asked_for(
    talk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = talk("marqov", target="marqov-sim", options={"native": {"cap_cents": 11}}).driver
    await driver.describe()
    service = driver._service
    monkeypatch.setattr(service, "environ", {**service.environ, native.TEAM_VARIABLE: ""})
    with pytest.raises(Unfit, match=r"write options\.team, or set MARQOV_TEAM_ID"):
        await driver.describe()


async def test_the_body_is_closed_and_its_program_is_the_circuit(
    cloud: Maker, order: Maker
) -> None:
    on = cloud()
    batch = await on.prepare(order())
    body = json.loads(on.driver.intend(batch).body)
    assert set(body) == {
        "protocol_version", "team_id", "backend", "programming_model", "cap_cents", "analysis_id",
        "source", "input",
    }  # fmt: skip
    call = json.loads(body["input"])
    assert set(call["kwargs"]) == {"program", "shots", "seed"}
    assert call["kwargs"]["program"].startswith("OPENQASM 2.0;")
    name, _, source = body["source"]["content"].partition("\n")
    assert name == f"# qbatch-run1-{order().id[:16]}-1"
    assert source == native.PROGRAM
    assert call["entrypoint"] == "run"


async def test_what_is_measured_before_its_end_is_told_by_the_plan(
    cloud: Maker, order: Maker
) -> None:
    driver = cloud().driver
    target = await driver.describe()
    assert "measures at the end only" in driver.check(order(DYNAMIC), target)
    assert driver.check(order(), target) is None


async def test_a_workflow_of_ones_own_gets_shots_params_and_sweep_values(
    cloud: Maker, order: Maker
) -> None:
    code = "from marqov import workflow\n"
    on = cloud(inline_code=code, entrypoint="mine", params={"layers": 3})
    batch = await on.prepare(order())
    body = json.loads(on.driver.intend(batch).body)
    assert body["source"]["content"].endswith(f"\n{code}")
    call = json.loads(body["input"])
    assert call["entrypoint"] == "mine"
    assert call["kwargs"] == {"shots": 2000, "layers": 3, **order().parameters}


async def test_a_saved_script_is_pinned_to_what_it_is(
    talk: Maker, cloud: Maker, order: Maker
) -> None:
    saver = talk("marqov", target="marqov-sim")
    script = (await saver.prepare(order())).composite.memo["script_id"]
    on = cloud(script_id=script, entrypoint="mine")
    on.driver._service.wire, on.emulation = saver.driver._service.wire, saver.emulation
    body = json.loads(on.driver.intend(await on.prepare(order())).body)
    assert body["source"] == {"kind": "script", "script_id": script}
    assert len(body["source_sha256"]) == 64


async def test_what_was_prepared_on_other_terms_is_prepared_anew(
    talk: Maker, cloud: Maker, order: Maker
) -> None:
    first = await cloud(20).prepare(order())
    for other, cap in ((cloud(30), 30), (talk("marqov", target="marqov-sim"), None)):
        memo = (await other.driver.prepare(first)).memo
        assert json.loads(memo.get("body", "{}")).get("cap_cents") == cap
        assert ("native" in memo) is (cap is not None)
    same = await cloud(20).driver.prepare(first)
    assert same.memo == first.composite.memo


async def test_neither_cap_nor_path_makes_another_point(tmp_path: Any) -> None:
    def identity(**options: Any) -> Any:
        backend = Backend(provider="marqov", target="marqov-sim", options=options)
        return backend_identity(backend, tmp_path)

    assert identity() == identity(native={"cap_cents": 20}) == identity(native={"cap_cents": 30})
    assert identity(entrypoint="a") != identity(entrypoint="b")


async def test_a_copy_of_the_run_folder_is_told_the_admission_of_the_other(
    cloud: Maker, order: Maker
) -> None:
    on, copy = cloud(), cloud()
    copy.driver._service.wire, copy.emulation = on.driver._service.wire, on.emulation
    first = await on.submit(await on.prepare(order()))
    second = await copy.submit(await copy.prepare(order()))
    assert first.provider_job_ids == second.provider_job_ids
    assert [entry["submissions"] for entry in on.ledger] == [2]


# -- lost answers --------------------------------------------------------------------------------

LOST = [
    {"drop": "before"},
    {"drop": "after"},
    {"status": 503, "when": "after"},
    {"status": 201, "html": True, "when": "after"},
    {"status": 201, "when": "after"},  # JSON, without a receipt
    {"status": 302, "when": "after"},
    {"late_s": 40.0},
]


async def lose(on: Any, order: Any, **fault: Any) -> Any:
    """Lose the answer to a submission; return its batch."""
    batch = await on.prepare(order)
    on.set_faults(requests=lost(**fault), switches={"marqov": {"deduplicate": "native"}})
    with pytest.raises((Unavailable, Misspoke)) as caught:
        await on.submit(batch)
    assert not getattr(caught.value, "unsent", False)
    return batch


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_is_found_by_its_key(
    cloud: Maker, order: Maker, fault: dict[str, Any]
) -> None:
    on = cloud()
    batch = await lose(on, order(), **fault)
    intent = on.driver.intend(batch)
    answer = (await on.located(batch, intent))[order().id]
    assert isinstance(answer, Repeatable)
    assert answer.life_s == 86_400
    assert intent.key in answer.error
    assert isinstance(on.driver, Repeats)
    (again,) = await on.driver.repeat(batch, intent)
    (once_more,) = await on.driver.repeat(batch, intent)
    (entry,) = on.ledger
    assert isinstance(again, Taken)
    assert again.provider_job_id == once_more.provider_job_id == entry["id"]
    assert entry["key"] == intent.key


@pytest.mark.parametrize(("takes", "admitted"), [("native", 1), ("none", 2)])
@pytest.mark.parametrize("again_s", [0.0, 30.0])
async def test_what_a_network_delivers_twice_is_admitted_once(
    cloud: Maker, order: Maker, takes: str, admitted: int, again_s: float
) -> None:
    """M9: no list would show a second job, so the promise about keys is all that there is.

    Where the platform broke it, the second delivery would be another job.
    """
    on = cloud()
    batch = await on.prepare(order())
    on.set_faults(requests=lost(again_s=again_s), switches={"marqov": {"deduplicate": takes}})
    intent = on.driver.intend(batch)
    (answer,) = await on.driver.submit(batch, intent)
    await trio.sleep(2 * again_s)
    await on.driver.describe()  # with the next request the emulator takes the delivery that is due
    assert isinstance(answer, Taken)
    assert [entry["key"] for entry in on.ledger] == [intent.key] * admitted
    assert answer.provider_job_id in {entry["id"] for entry in on.ledger}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ({"status": 402}, Refused, "402"),
        ({"status": 409}, Refused, "409"),
        ({"status": 503}, Unavailable, "503"),
        ({"status": 401}, Refused, "401"),
    ],
)
async def test_what_is_said_to_the_second_sending_is_never_an_answer_about_the_first(
    cloud: Maker, order: Maker, fault: dict[str, Any], kind: type[Exception], words: str
) -> None:
    on = cloud()
    batch = await lose(on, order(), drop="after")
    on.set_faults(requests=lost(**fault))
    with pytest.raises(kind, match=words):
        await on.driver.repeat(batch, on.driver.intend(batch))
    assert len(on.ledger) == 1


async def test_another_body_under_the_key_is_refused_not_adopted(
    cloud: Maker, order: Maker
) -> None:
    on = cloud()
    batch = await lose(on, order(), drop="after")
    intent = on.driver.intend(batch)
    other = type(intent)(intent.key, intent.body.replace(b'"cap_cents":50', b'"cap_cents":60'))
    with pytest.raises(Refused, match="idempotency_conflict"):
        await on.driver.repeat(batch, other)
    assert len(on.ledger) == 1


async def test_a_limit_of_submissions_is_waited_out(cloud: Maker, order: Maker) -> None:
    on = cloud()
    batch = await lose(on, order(), drop="before")
    on.set_faults(requests=lost(status=429, retry_after=17))
    (answer,) = await on.driver.repeat(batch, on.driver.intend(batch))
    assert isinstance(answer, Unclear)
    assert (answer.again_s, answer.is_patient) == (17.0, True)


async def test_a_job_with_an_id_is_asked_about_by_it(cloud: Maker, order: Maker) -> None:
    on = cloud()
    batch = await on.submit(await on.prepare(order()))
    answer = (await on.located(batch, on.driver.intend(batch)))[order().id]
    assert not isinstance(answer, Repeatable | Missing)
    assert answer.provider_job_id == on.ledger[0]["id"]


async def test_what_was_bought_natively_is_found_when_the_manifest_says_otherwise_now(
    talk: Maker, cloud: Maker, order: Maker
) -> None:
    on = cloud()
    batch = await lose(on, order(), drop="after")
    intent = on.driver.intend(batch)
    plain: Marqov = talk("marqov", target="marqov-sim").driver
    plain._service.wire = on.driver._service.wire
    assert isinstance((await plain.locate(batch, intent))[0], Repeatable)
    (again,) = await plain.repeat(batch, intent)
    assert again.provider_job_id == on.ledger[0]["id"]


# -- results -------------------------------------------------------------------------------------


async def test_a_failed_job_says_why(cloud: Maker, order: Maker) -> None:
    on = cloud(inline_code="x = 1", entrypoint="mine")
    batch = await on.submit(await on.prepare(order()))
    answer = (await on.finish(batch))[order().id]
    assert isinstance(answer, Failed)
    assert answer.error == "the emulator executes no Python"


def managed(**display: Any) -> dict[str, Any]:
    output = {"task_key": "task_0001", "port": "result", "display": display}
    return {"protocol_version": native.RESULT, "outputs": [output]}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (managed(state="withheld", reason="too large"), "not shown: too large"),
        (managed(), "not shown: no reason given"),
        ({"protocol_version": native.RESULT, "outputs": []}, "0 outputs"),
        ({"protocol_version": native.RESULT}, "0 outputs"),
    ],
)
def test_an_output_that_cannot_be_read_is_misspoken(
    order: Maker, result: dict[str, Any], words: str
) -> None:
    with pytest.raises(Misspoke, match=words):
        native.read_output(result, order())


@pytest.mark.parametrize(
    "changes",
    [
        {"job_id": None},
        {"protocol_version": "marqov.funded-admission-receipt/v2"},
        {"input_sha256": "0" * 64},
        {"source_sha256": "0" * 64},
    ],
)
def test_a_receipt_of_something_else_is_none(changes: dict[str, Any]) -> None:
    class Answered:
        asked, status = "POST", 201

        def object(self) -> dict[str, Any]:
            good = {
                "protocol_version": native.RECEIPT,
                "job_id": "j1",
                "submission_id": "s1",
                "source_sha256": sha256(b"code").hexdigest(),
                "input_sha256": sha256(b"{}").hexdigest(),
            }
            return good | changes

        def excerpt(self, most: int = 0) -> str:
            return ""

    body = json.dumps({"source": {"kind": "inline", "content": "code"}, "input": "{}"}).encode()
    reply: Any = Answered()
    with pytest.raises(Misspoke, match="without a receipt of this submission"):
        native.read_receipt(reply, body)
    if "job_id" in changes:
        changes["job_id"] = "j1"
        assert native.read_receipt(reply, body) == "j1"
