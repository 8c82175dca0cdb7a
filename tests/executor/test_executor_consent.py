"""M11: what counts as consent, at all five emulated clouds; what is bought, their books say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.errors import ConsentError, NotApproved, OverBudget, SelectionError
from qbatch.executor import Offer
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import save_plan
from tests.daily import mostly_slow
from tests.fuzz.whole_runs import TARGETS, Clouds
from tests.fuzz.whole_runs import manifest_of as free_manifest_of
from tests.properties.priced import UNITS


def manifest_of(provider: str, shots: int = 100) -> Manifest:
    """Four points at a machine that costs; OQC's simulator is free."""
    text = free_manifest_of(provider).text.replace(TARGETS["oqc"], "qpu:uk:1:12345")
    return parse_manifest(text.replace("shots: 100", f"shots: {shots}"), folder=Path("/"))


@pytest.fixture(params=TARGETS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clouds(provider: str) -> Iterator[Clouds]:
    clouds = Clouds(provider)
    yield clouds
    clouds.close()


@pytest.fixture
def go(provider: str, clouds: Clouds, tmp_path: Path) -> Any:
    def run(**options: Any) -> Any:
        given = {"approve": None, **options}
        done = clouds.run(manifest_of(provider), tmp_path / "run", clouds.surroundings(), **given)
        done.close()
        return done.summary

    return run


def bills(clouds: Clouds) -> float:
    return sum(entry["price"] for entry in clouds.ledger())


@pytest.mark.parametrize("approve", [None, False])
def test_m11_what_costs_is_not_bought_without_consent(
    provider: str, go: Any, clouds: Clouds, tmp_path: Path, approve: Any
) -> None:
    with pytest.raises(NotApproved, match="nobody agreed to that") as caught:
        go(approve=approve)
    assert clouds.ledger() == []
    assert not (tmp_path / "run").exists()
    offer: Offer = caught.value.offer
    assert offer.prices.keys() == {UNITS[provider]}
    assert offer.left.jobs == 4


def test_m11_the_offer_of_a_refusal_is_agreed_to_as_it_stands(go: Any, clouds: Clouds) -> None:
    with pytest.raises(NotApproved) as caught:
        go()
    assert go(approve=caught.value.offer).completed == 4
    assert len(clouds.ledger()) > 0
    assert go().total == 0, "what is bought already needs no consent"


def test_m11_an_offer_of_another_plan_agrees_to_nothing(go: Any, clouds: Clouds) -> None:
    with pytest.raises(NotApproved) as caught:
        go(select="a=0")
    assert caught.value.offer.left.jobs == 2
    with pytest.raises(NotApproved, match="agreed to was 2"):
        go(approve=caught.value.offer)
    assert clouds.ledger() == []


def test_m11_a_function_is_shown_the_price_and_decides(
    provider: str, go: Any, clouds: Clouds
) -> None:
    shown: list[Offer] = []
    with pytest.raises(NotApproved, match="nothing was done"):
        go(approve=lambda offer: shown.append(offer))
    assert [offer.left.jobs for offer in shown] == [4]
    assert clouds.ledger() == []
    assert go(approve=lambda offer: UNITS[provider] in offer.prices).completed == 4


@pytest.mark.parametrize("door", mostly_slow(["approve", "max_cost"]))
def test_m11_a_limit_is_consent_up_to_it(provider: str, go: Any, clouds: Clouds, door: str) -> None:
    unit = UNITS[provider]
    with pytest.raises(ConsentError):
        go(**{door: {unit: 1e-9}})
    assert bills(clouds) == 0
    assert go(**{door: {unit: 1e6}}).states == {JobState.COMPLETED: 4}


def test_m11_a_limit_in_words_is_the_same(provider: str, go: Any, clouds: Clouds) -> None:
    assert go(approve=f"1000000{UNITS[provider]}").completed == 4


def test_m11_a_saved_plan_is_consent_to_itself(
    provider: str, go: Any, clouds: Clouds, tmp_path: Path
) -> None:
    shown: list[Offer] = []
    with pytest.raises(NotApproved):
        go(approve=lambda offer: shown.append(offer))
    offer, path = shown[0], tmp_path / "m.plan"
    terms = {"targets": offer.targets, "drivers": offer.drivers}
    save_plan(offer.plan, path, **terms)
    with pytest.raises(NotApproved, match="agreed to was 0 for nothing"):  # its price was not seen
        go(approve=path)
    save_plan(offer.plan, path, **terms, adds=offer.adds)
    dearer, around = manifest_of(provider, shots=200), clouds.surroundings()
    with pytest.raises(ConsentError, match="refused, for this has changed"):
        clouds.run(dearer, tmp_path / "run", around, approve=path)
    assert clouds.ledger() == []
    assert go(approve=str(path)).completed == 4


def test_m11_a_run_that_a_limit_ends_says_so_and_has_what_there_is(tmp_path: Path) -> None:
    clouds = Clouds("open-quantum")
    try:
        manifest, around = manifest_of("open-quantum"), clouds.surroundings()
        with pytest.raises(OverBudget, match="--max-cost allows 30 credits") as caught:
            clouds.run(manifest, tmp_path, around, max_cost={"credits": 30})
        with caught.value.run as run:
            states = run.counts_by_state()
        assert states[JobState.CREATED] > 0
        assert states[JobState.COMPLETED] > 0
        assert 0 < bills(clouds) <= 30
    finally:
        clouds.close()


@pytest.mark.parametrize("approve", [5, 1.5, ["5usd"], object()])
def test_m11_what_agrees_to_nothing_is_told(approve: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="agrees to nothing; give True, a limit"):
        qbatch.run(tmp_path / "m.yaml", approve=approve)
    with pytest.raises(SelectionError, match="cannot be read"):
        qbatch.run(tmp_path / "m.yaml", approve="absent.plan")
