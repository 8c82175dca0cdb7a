"""A person says under which id a job is: it is looked for, and asked about, by that id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qbatch.providers import Batch, Done, NotTaken, Running, Taken

Maker = Callable[..., Any]

TARGETS = {
    "oqc": "qpu:uk:2:d865b5a184",
    "open-quantum": "ionq:forte-1",
    "marqov": "sv1",
    "scaleway": "QPU-GARNET-20PQ",
    "ibm-direct-access": "emu_5q",
}


async def two_purchases(cloud: Any, order: Maker) -> tuple[Batch, str]:
    """A purchase that was only prepared, and the id of another of the same order."""
    await cloud.driver.describe()
    sent = await cloud.submit(await cloud.prepare(order(), generation=1))
    return await cloud.prepare(order(), generation=2), sent.provider_job_ids[0]


@pytest.mark.parametrize("provider", TARGETS)
async def test_an_adopted_job_is_found_and_asked_about_by_its_id(
    provider: str, talk: Maker, order: Maker
) -> None:
    cloud = talk(provider, queue_s=50.0, target=TARGETS[provider])
    batch, other = await two_purchases(cloud, order)
    adopted = replace(batch, provider_job_ids=(other,))
    (found,) = await cloud.driver.locate(adopted, cloud.driver.intend(batch))
    (news,) = await cloud.driver.poll([adopted])
    for answer in (found, news):
        assert isinstance(answer, Taken | Running | Done)
        assert answer.provider_job_id == other


@pytest.mark.parametrize("provider", TARGETS)
async def test_an_adopted_id_that_is_nobodys_proves_nothing_at_once(
    provider: str, talk: Maker, order: Maker
) -> None:
    cloud = talk(provider, queue_s=50.0, target=TARGETS[provider])
    batch, _ = await two_purchases(cloud, order)
    adopted = replace(batch, provider_job_ids=("00000000-0000-4000-8000-000000000000",))
    (found,) = await cloud.driver.locate(adopted, cloud.driver.intend(batch))
    assert not isinstance(found, Taken | Running | Done | NotTaken)
