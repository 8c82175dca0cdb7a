"""M5: a copied run folder: it goes on where it is alone, and buys nothing beside its original."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_drivers import Bought, FakeCloud, FakeLocal, Ledger, plan_of, play

from qbatch import providers
from qbatch.errors import SnapshotError
from qbatch.executor import run
from qbatch.executor.agreed import Agreed
from qbatch.executor.consent import offer_of
from qbatch.executor.doubts import of_sending
from qbatch.executor.engine import Settings
from qbatch.executor.events import Warned
from qbatch.job import JobState
from qbatch.plan.packing import composite_id
from qbatch.plan.pricing.limits import Limit
from qbatch.providers import Answer, Batch, Done, Failed, GivenBack, Missing, Unclear
from qbatch.purchase import Event
from qbatch.snapshot import Run

TEXT = """
qbatch: 1
name: three
circuits:
  bell: {qasm: "OPENQASM 2.0; include \\"qelib1.inc\\"; qreg q[2]; creg c[2]; h q[0];
    cx q[0],q[1]; measure q -> c;"}
backends: {cloud: {provider: oqc, target: "qpu:uk:1"}, sim: {provider: local}}
sweep: {matrix: {backend: [cloud, sim], shots: [10, 20, 30]}}
"""

ORIGINAL, COPY = Path("runs/three"), Path("copy")

Go = Callable[..., Run]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def go(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Run the manifest at a cloud that answers at once."""
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(TEXT)

    def open_driver(backend: Any, **_: Any) -> Any:
        if backend.provider == "local":
            return FakeLocal()
        return FakeCloud(ledger, works_s=0.0, poll_s=(0.01, 0.01))

    monkeypatch.setattr(providers, "open_driver", open_driver)
    return lambda **options: run("m.yaml", **{"approve": True, **options})


@pytest.fixture
def copied(go: Go) -> None:
    """A run that bought one of its points, and a copy of its folder."""
    go(select="shots=10").close()
    shutil.copytree(ORIGINAL, COPY)


def test_a_copy_buys_nothing_while_its_original_is_there(
    go: Go, copied: None, ledger: Ledger
) -> None:
    asked: list[Any] = []
    with pytest.raises(SnapshotError, match=f"^copy is a copy of .*{ORIGINAL}, which is still"):
        go(out=COPY, approve=lambda offer: asked.append(offer) or True)
    assert (len(ledger.jobs), asked) == (1, [])
    assert go().summary.completed == 4
    assert max(ledger.times_bought.values()) == 1


def test_a_copy_goes_on_where_its_original_is_gone(go: Go, copied: None, ledger: Ledger) -> None:
    shutil.rmtree(ORIGINAL)
    assert go(out=COPY).summary.completed == 4
    COPY.rename("moved")
    assert go(out="moved").summary.total == 0
    assert max(ledger.times_bought.values()) == 1


def test_the_original_goes_on_also_after_a_copy_was_used(go: Go, copied: None) -> None:
    ORIGINAL.rename("away")
    go(out=COPY, select="shots=20").close()
    Path("away").rename(ORIGINAL)
    shutil.rmtree(COPY)
    assert go(select="shots=30").summary.completed == 2


def test_a_run_elsewhere_in_the_place_of_the_original_is_no_obstacle(go: Go, copied: None) -> None:
    go(fresh=True, select="backend=sim").close()
    assert go(out=COPY).summary.completed == 4


def test_a_copy_without_anything_left_to_buy_runs(go: Go, copied: None) -> None:
    assert go(out=COPY, select="backend=sim").summary.completed == 2
    go().close()
    shutil.rmtree(COPY)
    shutil.copytree(ORIGINAL, COPY)
    assert go(out=COPY).summary.total == 0


def test_a_folder_reached_by_another_path_is_no_copy(go: Go, copied: None) -> None:
    Path("link").symlink_to(ORIGINAL)
    assert go(out="link").summary.completed == 4


def test_a_copy_may_begin_anew(go: Go, copied: None, ledger: Ledger) -> None:
    assert go(out=COPY, fresh=True).summary.completed == 6


@pytest.mark.parametrize("driver", [FakeLocal(), FakeCloud(Ledger())])
def test_only_of_what_is_bought_a_copy_warns(driver: FakeLocal | FakeCloud, tmp_path: Path) -> None:
    plan = plan_of(2, "cloud")
    first, _ = [point.id for point in plan.points()]
    play(tmp_path / "a", plan, driver, selected=lambda point: point.id == first)
    (tmp_path / "a").rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", tmp_path / "b")
    played = play(tmp_path / "b", plan, driver)
    assert played.summary.states == {JobState.COMPLETED: 2}
    warned = [event for event in played.events if isinstance(event, Warned)]
    assert bool(warned) == (not driver.is_local)


# -- what another copy bought ---------------------------------------------------------------------


class Recalling(FakeCloud):
    """A cloud that shows what another copy bought, and says something of the first child of it."""

    def __init__(self, recalled: Answer, **target: Any) -> None:
        super().__init__(**target)
        self.recalled = recalled

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        first = batch.orders[0].id
        return [replace(self.recalled, job_id=first)] if self.ledger.of(first) else []


@pytest.mark.parametrize(
    "recalled",
    [
        Unclear("", error="its list is behind", again_s=5.0),
        GivenBack("", "cancelling", "c0", error="its session ended", settle_s=5.0),
        Failed("", "cancelling", "c0", error="its session ended", settle_s=5.0),
        Missing("", error="its list is behind", settle_s=5.0, is_proof=True),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2])
def test_what_another_copy_bought_is_not_bought_anew_while_it_is_unclear(
    recalled: Answer, at_once: int, tmp_path: Path
) -> None:
    """Of two that are sent together the other one was not bought there: it is, here, once."""
    plan, cloud = plan_of(at_once, "cloud"), Recalling(recalled, max_jobs=at_once)
    first, *_ = [point.id for point in plan.points()]
    play(tmp_path / "a", plan, cloud, limits=(Limit("budget", "credits", 0.5),))
    assert cloud.ledger.jobs == []
    (tmp_path / "a").rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", tmp_path / "b")
    cloud.ledger.jobs.append(Bought(first, "its key", "c0", 0.0))
    played = play(tmp_path / "b", plan, cloud)
    assert played.summary.states == {JobState.COMPLETED: at_once}
    assert cloud.ledger.times_bought == dict.fromkeys([p.id for p in plan.points()], 1)


@pytest.mark.parametrize("kind", [GivenBack, Failed])
def test_what_counts_only_if_it_lasts_does_not_count_as_it_is_said_first(
    kind: type[Answer],
) -> None:
    assert of_sending(kind("j", settle_s=5.0)) is Event.UNCLEAR
    assert of_sending(kind("j")) is kind("j").event


def test_what_a_copy_bought_keeps_its_name_where_others_sent_with_it_are_held_back(
    tmp_path: Path,
) -> None:
    """The other one was not offered: it is neither bought, nor the cloud's job released by it."""
    plan, cloud = plan_of(2, "cloud"), Recalling(Done("", "done", "c0"), max_jobs=2)
    first, other = [point.id for point in plan.points()]
    play(tmp_path / "a", plan, cloud, limits=(Limit("budget", "credits", 0.5),))
    (tmp_path / "a").rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", tmp_path / "b")
    cloud.ledger.jobs.append(Bought(first, "its key", "c0", 0.0))
    drivers, targets = {"cloud": cloud}, {"cloud": cloud.target}
    offer = offer_of(None, plan, targets, drivers, lambda p: p.id == first, Settings())
    played = play(tmp_path / "b", plan, cloud, agreed=Agreed.to(offer))
    assert played.summary.states == {JobState.COMPLETED: 1, JobState.CREATED: 1}
    assert set(cloud.ledger.released) == {composite_id((first, other), 1)}
    assert len(cloud.ledger.jobs) == 1
