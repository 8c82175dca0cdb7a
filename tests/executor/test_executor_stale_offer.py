"""What is bought when the offer that was agreed to is not what there is to buy any more."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fake_drivers import FakeCloud, play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CLOUD, WAVE, Shop, plan_of, stop_after
from test_executor_agreed import MOVED, begin, move

import qbatch
from qbatch import providers
from qbatch.cli.consent import Consent
from qbatch.cli.running import run_manifest
from qbatch.errors import NotAgreed
from qbatch.executor import Offer, Options
from qbatch.executor.agreed import Agreed
from qbatch.executor.consent import offer_of
from qbatch.executor.engine import Settings
from qbatch.job import JobState
from qbatch.plan import Plan
from qbatch.providers import Failed, Price
from qbatch.snapshot import Run

Runs = list[tuple[int, int]]


def offer(folder: Path, plan: Plan, shop: FakeCloud) -> Offer:
    """What a run would be agreed to now."""
    known = folder if folder.exists() else None
    drivers, targets = {"at": shop}, {"at": shop.target}
    return offer_of(known, plan, targets, drivers, None, Settings())


def agreed(folder: Path, plan: Plan, shop: FakeCloud) -> Agreed:
    return Agreed.to(offer(folder, plan, shop))


def test_points_and_shots_that_a_plan_has_since_are_not_bought(tmp_path: Path) -> None:
    shop = Shop(max_jobs=3)
    consent = agreed(tmp_path / "run", plan_of([0.1, 0.2], 100, CLOUD), shop)
    other = plan_of([0.1, 0.2, 0.3], 100, CLOUD)
    played = play(tmp_path / "run", other, shop, agreed=consent)
    assert shop.sold == {0.1: [(0, 100)], 0.2: [(0, 100)]}
    assert played.summary.states == {JobState.COMPLETED: 2, JobState.CREATED: 1}
    assert "theta=0.3 (its shots 1 to 100 were not offered)" in played.summary.not_agreed["at"]
    more = play(tmp_path / "run", plan_of([0.1, 0.2], 400, CLOUD), shop, agreed=consent)
    assert shop.sold == {0.1: [(0, 100)], 0.2: [(0, 100)]}
    assert "theta=0.1 (its shots 101 to 400" in more.summary.not_agreed["at"]
    assert "and 1 more; run again to be shown" in more.summary.not_agreed["at"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"price": Price("credits", per_job=1.5)}, "its price is another one than was offered"),
        ({"name": "other"}, "its target is other, offered was cloud"),
    ],
)
def test_at_another_price_or_target_nothing_is_bought(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    shop, plan = Shop(), plan_of([0.1, 0.2], 100, CLOUD)
    consent = agreed(tmp_path / "run", plan, shop)
    shop.target = replace(shop.target, **change)
    played = play(tmp_path / "run", plan, shop, agreed=consent)
    assert shop.sold == {}
    assert why in played.summary.not_agreed["at"]


def test_with_another_account_nothing_is_bought(tmp_path: Path) -> None:
    class Renamed(Shop):
        def account(self) -> str:
            return "bob"

    plan, shop = plan_of([0.1], 100, CLOUD), Renamed()
    played = play(tmp_path / "run", plan, shop, agreed=agreed(tmp_path / "run", plan, Shop()))
    assert shop.sold == {}
    assert "its account is bob, offered was lab at cloud" in played.summary.not_agreed["at"]


def test_a_quote_above_the_price_that_was_offered_is_not_bought(tmp_path: Path) -> None:
    shop, plan = Shop(), plan_of([0.1], 100, CLOUD)
    shop.quote = 1.25
    played = play(tmp_path / "run", plan, shop, agreed=agreed(tmp_path / "run", plan, shop))
    assert shop.sold == {}
    assert "it costs 1.25 credits, offered was 1" in played.summary.not_agreed["at"]


def test_what_is_in_flight_was_agreed_to_and_is_sent_again_where_it_was_not_taken(
    tmp_path: Path,
) -> None:
    from fake_drivers import lost_before

    shop, plan = Shop(), plan_of([0.1], 100, CLOUD)
    shop.script = {"submit": [lost_before], "locate": [lost_before] * 3}
    play(tmp_path, plan, shop, beside=[stop_after(1.0)])
    assert shop.sold == {}
    consent = agreed(tmp_path, plan, shop)
    assert consent.offered == {}
    played = play(tmp_path, plan, shop, agreed=consent)
    assert shop.sold == {0.1: [(0, 100)]}
    assert played.summary.not_agreed == {}


RUNS = st.lists(st.tuples(st.integers(1, 12), MOVED, st.booleans()), max_size=2)


def is_within(bought: Runs, offered: Runs) -> bool:
    """Whether each that was bought lies in one that was offered, and no two in the same."""
    homes = [
        next((at for at, n in offered if at <= start and start + shots <= at + n), None)
        for start, shots in bought
    ]
    return None not in homes and len(set(homes)) == len(homes)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RUNS, RUNS, st.integers(1, 12), st.integers(1, 12), st.sampled_from([None, 3, 5]))
def test_whatever_others_do_to_the_folder_only_what_was_offered_is_bought(
    before: list[Any], meanwhile: list[Any], asked: int, found: int, most: int | None
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        shop = Shop(max_shots=most, max_jobs=4)

        def others(steps: list[Any]) -> None:
            for shots, moves, to_end in steps:
                begin(folder, plan_of([0.5], shots, CLOUD), most)
                move(folder, moves, to_end=to_end)

        others(before)
        begin(folder, plan_of([0.5], asked, CLOUD), most)
        consent = agreed(folder, plan_of([0.5], asked, CLOUD), shop)
        others(meanwhile)
        play(folder, plan_of([0.5], found, CLOUD), shop, agreed=consent)
        offered = [run for runs in consent.offered.values() for run in runs]
        assert is_within(shop.sold.get(0.5, []), offered)
        if not meanwhile and found == asked:
            assert shop.sold.get(0.5, []) == sorted(offered)
    finally:
        shutil.rmtree(folder)


# -- from asking to exit code -------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A cloud at which two angles are to be measured; the job of the first is in flight."""
    monkeypatch.chdir(tmp_path)
    text = WAVE.replace("BACKEND", CLOUD).replace("SHOTS", "100")
    Path("m.yaml").write_text(text.replace("THETAS", "[0.1, 0.2]"))
    shop = Shop(poll_s=(0.01, 0.01))
    play(tmp_path / "run", plan_of([0.1], 100, CLOUD), shop, beside=[stop_after(2.0)])
    assert shop.sold == {0.1: [(0, 100)]}
    shop.accepted.clear()
    shop.works_s = 0.0
    monkeypatch.setattr(providers, "open_driver", lambda *_, **__: shop)
    return shop


def aside(work: Callable[[], object]) -> None:
    """Do it as another process would, while this one waits."""
    thread = Thread(target=work)
    thread.start()
    thread.join()


def fail_elsewhere(shop: Shop) -> None:
    """Another runner learns that the job in flight failed, and ends."""
    (id_,) = (job.job_id for job in shop.ledger.jobs)
    shop.said[id_] = Failed(id_, "FAILED", error="broken")
    folder = Path("run")
    aside(lambda: play(folder, plan_of([0.1], 100, CLOUD), shop, only="missing"))
    shop.said.clear()


def test_a_job_that_fails_while_the_person_is_asked_is_not_bought_again(shop: Shop) -> None:
    shown: list[int] = []

    def approve(offer: Offer) -> bool:
        shown.append(offer.left.jobs)
        fail_elsewhere(shop)
        return True

    with pytest.raises(NotAgreed, match=r"not bought, .*theta=0\.1 \(its shots 1 to 100") as caught:
        qbatch.run("m.yaml", out="run", approve=approve)
    with caught.value.run as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 1, JobState.FAILED: 1}
    assert shop.sold == {0.2: [(0, 100)]}
    qbatch.run("m.yaml", out="run", approve=lambda offer: offer.left.jobs == 1).close()
    assert shop.sold == {0.1: [(0, 100)], 0.2: [(0, 100)]}
    assert shown == [1]


def test_on_the_command_line_that_is_told_with_exit_code_6(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    class Slow(Consent):
        def give(self, teller: Any, offer: Offer) -> bool:
            fail_elsewhere(shop)
            return True

    options = Options(out="run")
    code = run_manifest(Path("m.yaml"), options, Slow(), as_json=False, report=False)
    told = capfd.readouterr().out
    assert code == 6
    assert "at: not bought, for nobody agreed to it: theta=0.1" in told
    assert shop.sold == {0.2: [(0, 100)]}
    with Run(Path("run")) as run:
        assert run.counts_by_state()[JobState.FAILED] == 1


@pytest.mark.parametrize("word", [True, {"credits": 5.0}])
def test_whatever_is_quoted_is_bought_where_that_was_agreed_to(shop: Shop, word: Any) -> None:
    shop.quote = 1.25
    qbatch.run("m.yaml", out="run", approve=word).close()
    assert 0.2 in shop.sold


def test_a_quote_above_the_price_that_a_person_was_shown_is_held_back(shop: Shop) -> None:
    shop.quote = 1.25
    with pytest.raises(NotAgreed, match=r"it costs 1\.25 credits, offered was 1"):
        qbatch.run("m.yaml", out="run", approve=lambda offer: True)
    assert shop.sold == {}


@pytest.mark.parametrize(
    ("word", "most"), [({"yes": True}, {}), ({}, {"max_cost": {"credits": 5.0}})]
)
def test_with_yes_or_a_limit_the_command_line_buys_whatever_is_quoted(
    shop: Shop, word: Any, most: Any
) -> None:
    shop.quote = 1.25
    code = run_manifest(
        Path("m.yaml"), Options(out="run", **most), Consent(**word), as_json=False, report=False
    )
    assert code == 0
    assert 0.2 in shop.sold
