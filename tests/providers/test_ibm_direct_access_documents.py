"""What a job at IBM Direct Access says of its circuits, results and log, which lie in a bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from qbatch.providers.ibm_direct_access.storage import Bucket
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.listing import JobInFull, Lists
from tests.providers.conftest import PROBABILITIES, Talk

Maker = Callable[..., Any]

IBM = {"target": "emu_5q"}


async def sent(talk: Maker, order: Maker) -> Talk:
    """An account with one job of two programs."""
    cloud: Talk = talk("ibm-direct-access", **IBM)
    await cloud.driver.describe()
    await cloud.submit(await cloud.prepare(order(name="a"), order(name="b")))
    return cloud


async def shown(cloud: Talk, by: Talk | None = None) -> JobInFull:
    driver = (by or cloud).driver
    assert isinstance(driver, Lists)
    found = await driver.jobs_at_cloud().show_job(cloud.ledger[0]["id"])
    assert found is not None
    return found


async def test_circuits_are_shown_at_once_and_results_when_they_are_there(
    talk: Maker, order: Maker
) -> None:
    cloud = await sent(talk, order)
    waiting = await shown(cloud)
    assert waiting.circuit.startswith("// program 1 of 2, 2000 shots\nOPENQASM 3.0;")
    assert waiting.circuit.count("measure") == 6
    assert (waiting.results, waiting.elsewhere) == ((), {})
    await trio.sleep(100)
    done = await shown(cloud)
    assert done.circuit == waiting.circuit
    assert len(done.results) == 2
    for text in done.results:
        counts = json.loads(text)
        assert counts.keys() == PROBABILITIES.keys()
        assert sum(counts.values()) == 2000
        for key, probability in PROBABILITIES.items():
            assert counts[key] / 2000 == pytest.approx(probability, abs=0.06)


async def test_the_same_counts_are_shown_as_are_fetched(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", **IBM)
    await cloud.driver.describe()
    (fetched,) = await cloud.run(order())
    (text,) = (await shown(cloud)).results
    assert json.loads(text) == fetched.counts.to_dict()


async def test_no_signature_of_a_job_is_used_or_shown(talk: Maker, order: Maker) -> None:
    """Its record opens its objects to whoever has it; the keys of who asks do here."""
    cloud = await sent(talk, order)
    found = await shown(cloud)
    assert "Signature=" not in json.dumps(found.job.raw)
    without = {"QRMI_IBM_QS_AWS_ACCESS_KEY_ID": "nobody-known"}
    other = Talk("ibm-direct-access", cloud.emulation, {**IBM, "environ": without})
    found = await shown(cloud, other)
    assert (found.circuit, found.results) == ("", ())
    place = f"input_{cloud.ledger[0]['id']}.json: "
    assert place in found.elsewhere["circuit"]
    assert "403" in found.elsewhere["circuit"]
    assert "?" not in found.elsewhere["circuit"]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"QRMI_IBM_QS_S3_BUCKET": "another"}, "that is not the bucket another at"),
        ({"QRMI_IBM_QS_S3_ENDPOINT": "https://s3.a.example"}, "at https://s3.a.example"),
        ({"QRMI_IBM_QS_S3_BUCKET": ""}, "set QRMI_IBM_QS_S3_ENDPOINT and"),
        ({"QRMI_IBM_QS_AWS_ACCESS_KEY_ID": ""}, "no keys to the bucket: set"),
    ],
)
async def test_what_lies_elsewhere_is_told_and_never_asked_for(
    talk: Maker, order: Maker, environ: dict[str, str], told: str
) -> None:
    cloud = await sent(talk, order)
    settings = {**IBM, "environ": environ}
    other = Talk("ibm-direct-access", cloud.emulation, settings)
    found = await shown(cloud, other)
    assert found.elsewhere.keys() == {"circuit", "result", "log"}
    for what, part in (("circuit", "input"), ("result", "results"), ("log", "logs")):
        assert f"{part}_{cloud.ledger[0]['id']}.json: " in found.elsewhere[what]
        assert told in found.elsewhere[what]


async def test_objects_that_were_removed_are_told(talk: Maker, order: Maker) -> None:
    cloud = talk("ibm-direct-access", **IBM, options={"storage": {"keep_objects": False}})
    await cloud.driver.describe()
    batch = await cloud.submit(await cloud.prepare(order()))
    await cloud.finish(batch)
    driver = cloud.driver
    job_id = cloud.ledger[0]["id"]
    for part in ("input", "results"):
        await driver._objects.delete(f"{part}_{job_id}.json")  # type: ignore[attr-defined]
    found = await shown(cloud)
    assert found.elsewhere.keys() == {"circuit", "result"}
    assert found.elsewhere["result"].endswith("there is nothing any more")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://s3.lab.example/data/mine/input_1.json?X-Amz-Signature=a", "input_1.json"),
        ("https://S3.lab.example/data/mine/a%20b/c.json", "a b/c.json"),
        ("https://mine.s3.lab.example/data/input_1.json", "input_1.json"),
        ("http://10.0.0.1:9000/mine/input_1.json", "input_1.json"),
        ("https://s3.lab.example/data/mine-too/input_1.json", None),
        ("https://s3.lab.example.org/data/mine/input_1.json", None),
        ("http://s3.lab.example/data/mine/input_1.json", None),
        ("https://s3.lab.example/data/mine/", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_an_object_of_the_bucket_is_known_by_its_address(url: str, key: str | None) -> None:
    secret = Secret("s", "test")
    bucket = Bucket(
        "https://s3.lab.example/data", "http://10.0.0.1:9000", "mine", "x", secret, secret
    )
    assert bucket.key_of(url) == key
