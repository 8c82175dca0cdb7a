"""M11: a quote above what a person was shown holds the job back, and the next offer shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_drivers import play
from selling import CLOUD, Shop, plan_of

from qbatch.errors import NotAgreed, NotApproved
from qbatch.executor import Offer
from qbatch.executor.agreed import Agreed
from qbatch.executor.consent import offer_of
from qbatch.executor.engine import Settings
from qbatch.job import JobState
from qbatch.plan import Plan, save_plan
from qbatch.snapshot import Run
from qbatch.snapshot.quotes import KEPT_S, read_quotes
from tests.fuzz.whole_runs import Clouds, manifest_of


class Asked:
    """A person who is shown offers and says yes; before that, the cloud's quotes may change."""

    def __init__(self, clouds: Clouds, provider: str) -> None:
        self.clouds = clouds
        self.provider = provider
        self.shown: list[float] = []

    def quote(self, share: float) -> None:
        """From now on the cloud quotes so many times what it lists."""
        self.clouds.set_faults(switches={self.provider: {"quoted": share}})

    def run(self, folder: Path, then: float | None = None, **options: Any) -> Any:
        """Run it; `then` is what is quoted after the person said yes."""

        def approve(offer: Offer) -> bool:
            self.shown.append(sum(offer.prices.values()))
            if then is not None:
                self.quote(then)
            return True

        given = {"approve": approve, "quote": True, **options}
        manifest, around = manifest_of(self.provider), self.clouds.surroundings()
        with self.clouds.run(manifest, folder, around, **given) as done:
            return done.summary


@pytest.fixture(params=["marqov", "open-quantum"])
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    clouds = Clouds(request.param)
    yield Asked(clouds, request.param)
    clouds.close()


def test_a_quote_that_held_jobs_back_is_the_price_of_the_next_offer(
    asked: Asked, tmp_path: Path
) -> None:
    asked.quote(1)
    with pytest.raises(NotAgreed, match=r"it costs .*, offered was ") as caught:
        asked.run(tmp_path, then=1.002)
    caught.value.run.close()
    assert asked.clouds.ledger() == []
    summary = asked.run(tmp_path)
    first, second = asked.shown
    assert second == pytest.approx(1.002 * first, rel=1e-12)
    assert summary.states == {JobState.COMPLETED: 4}
    assert summary.not_agreed == {}
    assert len(asked.clouds.ledger()) == 4, "once each"
    assert sum(entry["price"] for entry in asked.clouds.ledger()) <= second + 1e-9


@pytest.mark.parametrize("word", ["offer", "saved plan"])
def test_what_was_agreed_to_at_quotes_is_not_bought_at_higher_ones(
    asked: Asked, tmp_path: Path, word: str
) -> None:
    kept: list[Offer] = []
    asked.quote(1)
    with pytest.raises(NotApproved):
        asked.run(tmp_path / "run", approve=lambda offer: kept.append(offer))
    approve: Any = kept[0]
    if word == "saved plan":
        terms = {"targets": kept[0].targets, "drivers": kept[0].drivers, "adds": kept[0].adds}
        save_plan(kept[0].plan, approve := tmp_path / "m.plan", **terms)
    asked.quote(1.002)
    with pytest.raises((NotAgreed, NotApproved), match=r"it costs |agreed to was 4 for "):
        asked.run(tmp_path / "run", approve=approve, quote=False)
    with pytest.raises(NotApproved, match="agreed to was 4 for "):
        asked.run(tmp_path / "run", approve=approve, quote=False)
    assert asked.clouds.ledger() == []
    asked.quote(1)
    if asked.provider == "open-quantum":  # it was asked, and nothing was held back
        assert asked.run(tmp_path / "run", approve=approve, quote=False).completed == 4


# -- kinds of jobs, and time ----------------------------------------------------------------------


def offered(folder: Path, plan: Plan, shop: Shop, at: float) -> Offer:
    drivers, targets = {"at": shop}, {"at": shop.target}
    return offer_of(folder, plan, targets, drivers, None, Settings(), lambda: at)


def held_back(folder: Path) -> tuple[Plan, Shop, float]:
    """Two angles at 1 credit each that the cloud quoted at 1.25 each, and when about that was."""
    shop, plan = Shop(), plan_of([0.1, 0.2], 100, CLOUD)
    first = Agreed.to(offer_of(None, plan, {"at": shop.target}, {"at": shop}, None, Settings()))
    shop.quote = 1.25
    played = play(folder, plan, shop, agreed=first)
    assert "it costs 1.25 credits, offered was 1 credits;" in played.summary.not_agreed["at"]
    assert shop.sold == {}
    with Run(folder) as run:
        (told,) = read_quotes(run.meta, 0.0)
    return plan, shop, told.at


def test_it_is_shown_for_a_day_and_for_jobs_of_its_kind_alone(tmp_path: Path) -> None:
    plan, shop, at = held_back(tmp_path)
    assert offered(tmp_path, plan, shop, at + KEPT_S).prices == {"credits": 2.5}
    assert offered(tmp_path, plan, shop, at + KEPT_S + 1).prices == {"credits": 2.0}
    other = plan_of([0.1, 0.2], 50, CLOUD)
    assert offered(tmp_path, other, shop, at).prices == {"credits": 2.0}


def test_what_is_quoted_above_that_again_is_held_back_again(tmp_path: Path) -> None:
    plan, shop, at = held_back(tmp_path)
    second = offered(tmp_path, plan, shop, at)
    assert second.left.backends[0].formula.endswith("1 credits per job, or as quoted before")
    shop.quote = 1.5
    played = play(tmp_path, plan, shop, agreed=Agreed.to(second))
    assert "it costs 1.5 credits, offered was 1.25 credits;" in played.summary.not_agreed["at"]
    third = offered(tmp_path, plan, shop, at)
    assert third.prices == {"credits": 3.0}
    play(tmp_path, plan, shop, agreed=Agreed.to(third))
    assert shop.sold == {0.1: [(0, 100)], 0.2: [(0, 100)]}
