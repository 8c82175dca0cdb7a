"""Clouds that tell no price: that is never a price of nothing, neither shown nor bought within one.

Each emulated cloud answers as ever, with all that it says of prices left out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from qbatch.cli import status_costs
from qbatch.errors import ConsentError, ProviderError
from qbatch.exchange.exports import export
from qbatch.executor.deciding import Inquiry, decide
from qbatch.report.costs import Costs
from qbatch.report.overview import Overview
from qbatch.report.rows import Columns
from tests.executor.test_deciding import World, figures, played, world_in

#: Cloud -> a machine that costs something, and what its answers say of prices.
CLOUDS = {
    "oqc": ('target: "qpu:uk:1:12345"', ("price_per_shot", "price_per_task")),
    "marqov": ("target: iqm-garnet", ("pricing", "cost")),
    "scaleway": (
        "target: QPU-GARNET-20PQ",
        ("price_per_circuit", "price_per_shot", "price_per_hour"),
    ),
    "open-quantum": ('target: "iqm:emerald"', ("price", "price_increase")),
    "ibm-direct-access": ("target: ibm_rensselaer", ("default_rep_delay", "rep_delay_range")),
}

#: Of these nothing is known of the price until it is told; IBM's is an estimate of ours.
UNKNOWN = ("oqc", "marqov", "scaleway", "open-quantum")


class Silent(httpx.AsyncBaseTransport):
    """Answers of one cloud come without some keys, at any depth."""

    def __init__(self, inner: httpx.AsyncBaseTransport, cloud: str, keys: tuple[str, ...]) -> None:
        self._inner, self._cloud, self._keys = inner, cloud, keys

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = await self._inner.handle_async_request(request)
        is_meant = request.url.path.startswith(f"/{self._cloud}/")
        if not is_meant or "json" not in reply.headers.get("content-type", ""):
            return reply
        told = without(self._keys, json.loads(await reply.aread()))
        headers = {k: v for k, v in reply.headers.items() if k != "content-length"}
        return httpx.Response(reply.status_code, headers=headers, json=told, request=request)


def without(keys: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, list):
        return [without(keys, each) for each in value]
    if isinstance(value, dict):
        return {key: without(keys, each) for key, each in value.items() if key not in keys}
    return value


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as found:
        yield found


def silenced(world: World, cloud: str) -> Any:
    """What drivers see where one cloud tells no prices."""
    inner = world.around.transport
    assert inner is not None
    return replace(world.around, transport=Silent(inner, cloud, CLOUDS[cloud][1]))


def manifest(cloud: str, more: str = "") -> str:
    return f"backends: {{machine: {{provider: {cloud}, {CLOUDS[cloud][0]}}}}}\n{more}"


def each(*clouds: str) -> Any:
    """These clouds, of which one is enough for every day."""
    marks = {cloud: () if cloud == "oqc" else pytest.mark.slow for cloud in clouds}
    return pytest.mark.parametrize(
        "cloud", [pytest.param(cloud, marks=mark) for cloud, mark in marks.items()]
    )


@each(*CLOUDS)
def test_a_price_that_is_not_told_needs_the_persons_word(world: World, cloud: str) -> None:
    with pytest.raises((ConsentError, ProviderError)) as caught:
        world.run(manifest(cloud), surroundings=silenced(world, cloud), approve=None)
    assert world.sold == {}
    if cloud in ("oqc", "scaleway"):
        assert "3 jobs for a price that is not told at machine" in str(caught.value)


@each(*UNKNOWN)
@pytest.mark.parametrize("said_by", ["budget.total", "--max-cost"])
def test_no_limit_lets_a_price_pass_that_is_not_told(
    world: World, cloud: str, said_by: str
) -> None:
    unit = {"open-quantum": "credits", "scaleway": "eur"}.get(cloud, "usd")
    budget = f"budget: {{total: {{{unit}: 1000000}}}}\n" if said_by == "budget.total" else ""
    more = {} if budget else {"max_cost": {unit: 1e6}}
    told = ""
    try:
        with world.run(manifest(cloud, budget), surroundings=silenced(world, cloud), **more) as run:
            told = str([*run.summary.over_budget.values()])
    except ProviderError as error:
        told = str(error)
    except ConsentError as error:
        told = str(error)
    assert world.sold == {}
    if cloud in ("oqc", "scaleway"):
        assert "its price is not told (GET /" in told
        assert f"so {said_by} of 1000000.00 {unit.upper()} cannot bound it" in told


@pytest.mark.slow
def test_a_job_that_is_sent_without_an_analysis_is_bounded_too(world: World) -> None:
    """Inline scripts are not quoted: where Marqov's catalogue tells no price, nobody does."""
    text = manifest("marqov", "budget: {total: {usd: 1000000}}\n")
    text = text.replace("target: iqm-garnet", "target: iqm-garnet, options: {framework: openqasm}")
    with world.run(text, surroundings=silenced(world, "marqov")) as run:
        assert "its price is not told" in str(run.summary.over_budget)
    assert world.sold == {}


@each(*UNKNOWN)
def test_who_tells_no_price_is_not_the_cheapest(world: World, cloud: str) -> None:
    other = "oqc" if cloud != "oqc" else "marqov"
    text = f"""
backends:
  silent: {{provider: {cloud}, {CLOUDS[cloud][0]}}}
  dear: {{provider: {other}, {CLOUDS[other][0]}}}
  device: {{target: {{any_of: [silent, dear], prefer: cheapest}}}}
"""
    asking = Inquiry(around=silenced(world, cloud))
    if cloud != "open-quantum":
        decided = played(decide, world.write(text), asking)
        assert decided.decisions[0].chosen == "dear"
        assert figures(decided)["silent"]["out"] == "no price is known before it is bought"
        return
    with pytest.raises(ProviderError, match="silent could be the cheapest"):
        played(decide, world.write(text), asking)


def test_a_price_of_the_persons_own_stands_in_its_place(world: World) -> None:
    listed = {"qpu:uk:1:12345": {"unit": "usd", "per_shot": 0.01}}
    (world.folder / "prices.yaml").write_text(json.dumps({"date": "2026-11-01", "prices": listed}))
    text = manifest("oqc", "budget: {prices: prices.yaml, total: {usd: 16}}\n")
    with world.run(text, surroundings=silenced(world, "oqc")) as run:
        assert run.summary.over_budget == {}
    assert world.sold == {"oqc": 3}


@each("oqc", "scaleway")
def test_what_was_bought_without_a_price_stands_nowhere_as_nothing(
    world: World, cloud: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in the ledger's words, nor in a report or a table; only a bill is a figure."""
    with world.run(manifest(cloud), surroundings=silenced(world, cloud)) as run:
        facts = status_costs.facts_of(run)
        status_costs.tell_costs(facts, run.targets)
        (row,) = Costs(run, Overview.of(run, Columns.of(run))).rows
        table, ledger = io.StringIO(), io.StringIO()
        export(run, "csv", table)
        export(run, "ledger", ledger)
    (total,) = facts["totals"]
    assert total["jobs"] == total["untold"] == world.sold[cloud] == 3
    assert "3 jobs at a price that is not told" in (said := capsys.readouterr().out)
    assert "0.00" not in said
    assert row[2:] == ("not told",) * 5
    assert {(each_["quoted"], each_["reserved"]) for each_ in facts["jobs"]} == {(None, None)}
    rows = [csv.DictReader(io.StringIO(one.getvalue())) for one in (table, ledger)]
    for each_ in chain.from_iterable(rows):
        assert (each_["quoted"], each_["reserved"], each_["billed"]) == ("", "", "")
        assert each_["quoted_by"].startswith("not told: GET /")
