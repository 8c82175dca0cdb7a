"""The IBM Direct Access driver against the emulated cloud."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
import trio

from qbatch.emulators.ibm_direct_access.signing import Asked, Keeper
from qbatch.errors import CredentialsError, Misspoke, Refused, Unavailable
from qbatch.providers import (
    Cancelled,
    Done,
    Failed,
    Missing,
    Running,
    Taken,
)
from qbatch.providers.ibm_direct_access.replies import read_array, read_counts, read_programs
from qbatch.providers.ibm_direct_access.storage import VARIABLES, Bucket, open_bucket
from qbatch.providers.kit.credentials import Secret

SMALL, LARGE = "emu_5q", "ibm_rensselaer"

Maker = Callable[..., Any]


@pytest.mark.parametrize("target", [SMALL, LARGE])
async def test_an_asymmetric_circuit_comes_back_in_our_bit_order(
    talk: Maker, order: Maker, asymmetric: Callable[..., float], target: str
) -> None:
    cloud = talk("ibm-direct-access", target=target)
    await cloud.driver.describe()
    (fetched,) = await cloud.run(order())
    assert fetched.counts.registers == (("a", 2), ("b", 1))
    assert asymmetric(fetched) < 5


async def test_a_register_of_more_than_a_byte_has_its_highest_byte_first(
    talk: Maker, order: Maker
) -> None:
    wide = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[11] q; bit[10] c; bit[1] d;'
        "x q[9]; x q[0]; x q[10]; for int i in [0:9] { c[i] = measure q[i]; } d[0] = measure q[10];"
    )
    (fetched,) = await talk("ibm-direct-access", target=LARGE).run(order(wide, shots=50))
    assert fetched.counts.to_dict() == {"1 1000000001": 50}


async def test_many_programs_are_one_job_and_each_has_counts_and_usage_of_its_own(
    talk: Maker, order: Maker, asymmetric: Callable[..., float]
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    wanted = [order(name="one", shots=1000), order(name="two", shots=3000)]
    fetched = await cloud.run(*wanted)
    assert [one.counts.shots for one in fetched] == [1000, 3000]
    assert max(map(asymmetric, fetched)) < 5
    (entry,) = cloud.ledger
    assert [one.cost for one in fetched] == pytest.approx(
        [entry["price"] / 4, entry["price"] * 3 / 4]
    )


async def test_no_signature_is_in_what_is_kept(talk: Maker, order: Maker) -> None:
    """The service gives the signed URLs back in every record."""
    cloud = talk("ibm-direct-access", target=SMALL)
    cloud.set_faults(jobs=[{"fail": "the fridge is warm", "code": 1517}])
    batch = await cloud.prepare(order())
    intent = cloud.driver.intend(batch)
    sent = await cloud.submit(batch)
    (update,) = (await cloud.finish(sent)).values()
    kept = b"".join((intent.body, update.raw, json.dumps(batch.composite.memo).encode()))
    assert b"results_" in kept
    assert b"X-Amz" not in kept


async def test_the_body_has_signed_urls_that_live_as_long_as_asked(
    talk: Maker, order: Maker
) -> None:
    options = {"storage": {"url_life_s": 7200}}
    cloud = talk("ibm-direct-access", target=SMALL, options=options)
    batch = await cloud.prepare(order())
    body = json.loads(cloud.driver._submissions.signed(cloud.driver.intend(batch)))
    for name in ("input", "results", "logs"):
        asked = parse_qs(urlsplit(body["storage"][name]["presigned_url"]).query)
        assert asked["X-Amz-Expires"] == ["7200"]
        assert len(asked["X-Amz-Signature"][0]) == 64


def test_a_signing_key_is_that_of_the_published_example() -> None:
    """From Amazon's documentation of Signature Version 4, for its example of a presigned URL."""
    access, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    keys = (Secret(access, "test"), Secret(secret, "test"))
    bucket = Bucket("https://s3.amazonaws.com", "", "examplebucket", "us-east-1", *keys)
    known = "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"
    assert bucket._signing_key("20130524").hex() == known


def bucket_at(endpoint: str) -> Bucket:
    keys = {"QRMI_IBM_QS_AWS_ACCESS_KEY_ID": "AKID", "QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY": "hidden"}
    where = {VARIABLES["endpoint"]: endpoint, VARIABLES["bucket"]: "mine"}
    return open_bucket({}, keys | where, "")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.example.com",
        "https://s3.example.com:443/",
        "http://s3.example.com:80/base",
        "http://s3.example.com:9000",
        "https://S3.Example.com",
        "https://bücher.example/ü b",
        "https://[2001:DB8::1]:443",
    ],
)
def test_what_is_signed_is_what_is_sent(endpoint: str) -> None:
    """Host and path on the wire are httpx's to choose; the signature is checked with those."""
    at = datetime(2026, 11, 29, 12, tzinfo=UTC)
    url = bucket_at(endpoint).presign("GET", "a b/ü~.json", now_s=at.timestamp(), life_s=60)
    sent = httpx.Client(trust_env=False).build_request("GET", url)
    path, _, query = sent.url.raw_path.decode().partition("?")
    asked = Asked("GET", path, query, {"host": sent.headers["host"]})
    Keeper({"AKID": "hidden"}).check(asked, at)


@pytest.mark.parametrize("endpoint", ["s3.example.com", "ftp://s3.example.com", "https://a:port"])
def test_an_endpoint_that_is_no_url_is_refused_before_anything_is_sent(endpoint: str) -> None:
    with pytest.raises(Refused, match=r"endpoint.* is no (address|URL)"):
        bucket_at(endpoint)


async def test_a_lost_answer_is_found_under_the_id_we_chose(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.prepare(order())
    cloud.set_faults(requests=[{"method": "POST", "path": "/v1/jobs", "drop": "after"}])
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert not caught.value.unsent
    located = await cloud.located(batch, cloud.driver.intend(batch))
    assert isinstance(located[batch.orders[0].id], Taken | Running | Done)
    assert len(cloud.ledger) == 1


async def test_what_left_no_trace_is_sent_again_under_the_same_id(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.prepare(order())
    intent, key = cloud.driver.intend(batch), batch.orders[0].id
    answer = (await cloud.located(batch, intent))[key]
    assert isinstance(answer, Missing)  # it may still be on its way
    assert answer.is_proof
    assert answer.settle_s >= 60
    again = await cloud.prepare(order())
    assert cloud.driver.intend(again).key == intent.key


async def test_a_second_submission_of_one_job_adopts_the_first(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.prepare(order())
    await cloud.submit(batch)
    (update,) = await cloud.driver.submit(batch, cloud.driver.intend(batch))
    assert isinstance(update, Running)
    assert [entry["submissions"] for entry in cloud.ledger] == [2]


async def test_a_strangers_job_under_our_id_is_not_adopted(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.prepare(order())
    intent = cloud.driver.intend(batch)
    body = json.loads(intent.body)
    theirs = replace(intent, body=json.dumps({**body, "timeout_secs": 77}).encode())
    await cloud.driver.submit(batch, theirs)
    with pytest.raises(Refused, match="another job has the id"):
        await cloud.driver.submit(batch, intent)


async def test_a_job_that_ran_and_was_deleted_is_found_by_its_results(
    talk: Maker, order: Maker
) -> None:
    """Its id is free again: to send it once more would run it twice."""
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    await cloud.driver.release(batch)
    located = await cloud.located(batch, cloud.driver.intend(batch))
    (answer,) = located.values()
    assert isinstance(answer, Taken | Running | Done)
    assert isinstance(answer, Done)
    (fetched,) = await cloud.driver.fetch(batch, [batch.orders[0].id])
    assert fetched.counts.shots == 2000


async def test_a_job_that_vanished_without_results_is_missing_and_found_nowhere(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.submit(await cloud.prepare(order()))
    cloud.set_faults(switches={"ibm-direct-access": {"lost_results": True}})
    await cloud.driver.cancel(batch, [batch.orders[0].id])
    await cloud.driver.release(batch)
    (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, Missing)
    assert f"no job {batch.provider_job_ids[0]}" in update.error
    assert update.settle_s >= 60


async def test_all_lanes_taken_means_wait_and_not_fail(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    cloud.set_faults(switches={"ibm-direct-access": {"lanes": 1}})
    first = await cloud.submit(await cloud.prepare(order(name="one")))
    second = await cloud.prepare(order(name="two"))
    second = replace(second, composite=replace(second.composite, id="d" * 64))
    second = replace(second, composite=replace(second.composite, memo={}))
    second = replace(
        second, composite=replace(second.composite, memo=(await cloud.driver.prepare(second)).memo)
    )
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(second)
    assert caught.value.is_full
    await cloud.finish(first)
    with pytest.raises(Unavailable):  # it has ended, but holds its lane
        await cloud.submit(second)
    await cloud.driver.release(first)
    assert (await cloud.submit(second)).provider_job_ids != (None,)


async def test_a_reserved_machine_means_wait(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.prepare(order())
    slot = {"backend": SMALL, "from_s": 0, "until_s": 3600}
    cloud.set_faults(switches={"ibm-direct-access": {"reservations": [slot]}})
    with pytest.raises(Unavailable) as caught:
        await cloud.submit(batch)
    assert caught.value.is_full
    assert not (await cloud.driver.describe()).online
    await trio.sleep(3700)
    await cloud.submit(batch)
    assert len(cloud.ledger) == 1


async def test_a_machine_that_is_down_is_waited_for_without_submitting(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("ibm-direct-access", target="emu_paused")
    assert not (await cloud.driver.describe()).online
    batch = await cloud.prepare(order())
    with pytest.raises(Unavailable, match="emu_paused is paused") as caught:
        await cloud.submit(batch)
    assert caught.value.is_full
    assert cloud.ledger == []


async def test_a_failed_job_fails_all_its_programs_in_the_clouds_words(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    cloud.set_faults(jobs=[{"fail": "the fridge is warm", "code": 1517}])
    batch = await cloud.submit(await cloud.prepare(order(name="one"), order(name="two")))
    ended = (await cloud.finish(batch)).values()
    assert {type(update) for update in ended} == {Failed}
    assert all("the fridge is warm" in update.error for update in ended)
    assert [bool(update.log) for update in ended] == [True, False]


async def test_a_job_is_cancelled_as_a_whole_or_not_at_all(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", queue_s=1000.0, target=SMALL)
    one, two = order(name="one"), order(name="two")
    batch = await cloud.submit(await cloud.prepare(one, two))
    with pytest.raises(Refused, match="only be cancelled as a whole"):
        await cloud.driver.cancel(batch, [one.id])
    updates = await cloud.driver.cancel(batch, [one.id, two.id])
    assert {type(update) for update in updates} == {Cancelled}
    assert cloud.ledger[0]["state"] == "cancelled"


async def test_objects_stay_or_go_as_asked(talk: Maker, order: Maker) -> None:
    for keep in (True, False):
        options = {"storage": {"keep_objects": keep}}
        cloud = talk("ibm-direct-access", target=SMALL, options=options)
        batch = await cloud.submit(await cloud.prepare(order()))
        await cloud.finish(batch)
        await cloud.driver.release(batch)
        assert await cloud.driver._objects.has_results(batch.composite.memo["job_id"]) is keep


async def test_a_token_that_ended_is_renewed_without_a_word(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    batch = await cloud.submit(await cloud.prepare(order()))
    cloud.set_faults(requests=[{"path": "/v1/jobs", "nth": 1, "expire_tokens": "all"}])
    (update,) = await cloud.driver.poll([batch])
    assert isinstance(update, Running)


async def test_a_wrong_key_is_a_matter_of_credentials_and_is_not_shown(talk: Maker) -> None:
    environ = {"QRMI_IBM_QS_IAM_APIKEY": "sesame-open"}
    cloud = talk("ibm-direct-access", target=SMALL, environ=environ)
    with pytest.raises(CredentialsError, match="QRMI_IBM_QS_IAM_APIKEY") as caught:
        await cloud.driver.describe()
    assert "sesame" not in str(caught.value)


async def test_settings_may_be_set_for_one_machine(talk: Maker) -> None:
    """As the official client reads them: with the machine's name before theirs."""
    environ = {
        "QRMI_IBM_QS_IAM_APIKEY": "wrong",
        "emu_5q_QRMI_IBM_QS_IAM_APIKEY": talk("ibm-direct-access").emulation.environment("x")[
            "QRMI_IBM_QS_IAM_APIKEY"
        ],
    }
    cloud = talk("ibm-direct-access", target=SMALL, environ=environ)
    assert (await cloud.driver.describe()).name == SMALL


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("QRMI_IBM_QS_S3_BUCKET", "S3-compatible bucket"),
        ("QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY", "keys to the bucket"),
    ],
)
async def test_what_is_missing_for_storage_is_told_with_its_remedy(
    talk: Maker, missing: str, said: str
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL, environ={missing: ""})
    with pytest.raises(Refused, match=said):
        await cloud.driver.describe()


async def test_an_unknown_machine_is_answered_with_the_nearest(talk: Maker) -> None:
    with pytest.raises(Refused, match="target: ibm_rensselaer"):
        await talk("ibm-direct-access", target="ibm_renselaer").driver.describe()


async def test_a_circuit_that_does_not_fit_is_told_before_anything_is_sent(
    talk: Maker, order: Maker
) -> None:
    wide = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[6]; creg c[1]; h q[0]; measure q[0]->c[0];'
    cloud = talk("ibm-direct-access", target=SMALL)
    target = await cloud.driver.describe()
    assert "6 qubits; emu_5q has 5" in cloud.driver.check(order(wide), target)
    placed = talk("ibm-direct-access", target=SMALL, options={"initial_layout": [4, 3]})
    target = await placed.driver.describe()
    assert "initial_layout has 2 qubits" in placed.driver.check(order(), target)


async def test_a_layout_of_ones_own_is_used(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", target=SMALL, options={"initial_layout": [4, 3, 0]})
    await cloud.driver.describe()
    text = cloud.driver.program(order())
    assert "a[0] = measure $4;" in text
    assert "b[0] = measure $0;" in text


async def test_results_that_lag_are_left_out_until_they_are_there(
    talk: Maker, order: Maker
) -> None:
    cloud = talk("ibm-direct-access", target=SMALL)
    cloud.set_faults(jobs=[{"lag_s": 20}])
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    wanted = [batch.orders[0].id]
    assert await cloud.driver.fetch(batch, wanted) == []
    await trio.sleep(25)
    assert len(await cloud.driver.fetch(batch, wanted)) == 1


def a_result(fields: Mapping[str, Any]) -> Any:
    return {"results": [{"data": fields, "metadata": {}}], "metadata": {"version": 2}}


def test_the_plain_result_format_is_read_too(order: Maker) -> None:
    fields = {
        "a": {"samples": ["0x1", "0x3"], "num_bits": 2},
        "b": {"samples": ["0x1", "0x0"], "num_bits": 1},
    }
    (row,) = read_programs(a_result(fields))
    assert read_counts(row, order(shots=2)).to_dict() == {"1 01": 1, "0 11": 1}


def test_a_published_typed_result_is_read(order: Maker) -> None:
    """Four shots of a Bell pair, as qiskit-ibm-runtime 0.51.0 writes them: 3, 0, 3, 3."""
    bell = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] meas; h q[0]; '
        "cx q[0], q[1]; meas = measure q;"
    )
    rows = (
        "eJyb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RomOgqGmjoK"
        "tQpkAy5mBmZmAOUnG8E="
    )
    bits = {"array": {"__type__": "ndarray", "__value__": rows}, "num_bits": 2}
    fields = {"meas": {"__type__": "BitArray", "__value__": bits}}
    data = {"field_names": ["meas"], "shape": [], "fields": fields}
    pub = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}
    result = {"pub_results": [{"__type__": "SamplerPubResult", "__value__": pub}], "metadata": {}}
    (row,) = read_programs({"__type__": "PrimitiveResult", "__value__": result})
    assert read_counts(row, order(bell, shots=4)).to_dict() == {"11": 3, "00": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"a": {"samples": ["0x1"], "num_bits": 2}},
        {"a": {"samples": ["0x1"], "num_bits": 3}, "b": {"samples": ["0x1"], "num_bits": 1}},
        {"a": {"samples": ["0x7"], "num_bits": 2}, "b": {"samples": ["0x1"], "num_bits": 1}},
        {"a": {"samples": ["0x1"] * 2, "num_bits": 2}, "b": {"samples": ["0x1"], "num_bits": 1}},
        {"a": {"samples": ["yes"], "num_bits": 2}, "b": {"samples": ["0x1"], "num_bits": 1}},
        {"a": {"array": "AAAA", "num_bits": 2}, "b": {"array": None, "num_bits": 1}},
    ],
)
def test_what_is_not_the_shots_ordered_is_misspoken(order: Maker, fields: Any) -> None:
    (row,) = read_programs(a_result(fields))
    with pytest.raises(Misspoke):
        read_counts(row, order(shots=1))


def test_an_array_never_runs_code() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    packed = base64.b64encode(zlib.compress(file.getvalue())).decode()
    with pytest.raises(Misspoke, match="cannot be read"):
        read_array({"__type__": "ndarray", "__value__": packed})
