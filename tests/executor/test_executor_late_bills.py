"""Bills that are due: a run asks for them before it buys, and buys whatever comes of that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, Play, plan_of, play, raising
from selling import CLOUD
from selling import plan_of as wave_of

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Refused, Unavailable
from qbatch.executor import Warned
from qbatch.executor.bills import LIMIT_S, MOST_IN_RUN
from qbatch.providers import Answer, Batch, Failed, Price
from qbatch.providers.answers import Part
from qbatch.snapshot import Run
from qbatch.snapshot.asked import ASKED, FIRST_S, OLDEST_S, Asked, dump_asked, read_asked
from tests.fuzz.whole_runs import Clouds, manifest_of


class Late(FakeCloud):
    """A cloud at which jobs fail, and that tells only later what they were billed.

    Attributes:
        is_late: It tells no bill yet.
        part: It answers about so many ended jobs at a time.
        asked: About how many jobs it was asked, each time.
    """

    def __init__(self, **target: Any) -> None:
        price = Price("credits", per_job=1.0, quoted=True)
        super().__init__(works_s=0.0, price=price, **target)
        self.quote = 1.0
        self.is_late = True
        self.part: int | None = None
        self.asked: list[int] = []

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        ids = [id_ for batch in batches for id_ in batch.provider_job_ids if id_]
        self.asked.append(len(ids))
        await self._call("poll", lambda: None)
        known = [job for job in self.ledger.jobs if job.id in ids]
        cost = None if self.is_late else 0.25
        told: list[Answer] = [
            Failed(job.job_id, "FAILED", job.id, error="broken", cost=cost) for job in known
        ]
        if self.part is not None and len(told) > self.part:
            return Part(told[: self.part])
        return told


def begin(folder: Path, cloud: Late, points: int) -> None:
    """Buy so many; all fail, and no bill is told."""
    play(folder, plan_of(points, "cloud"), cloud)
    assert bills(folder) == [None] * points
    cloud.is_late = False
    cloud.asked.clear()


def bills(folder: Path) -> list[float | None]:
    with Run(folder) as run:
        return [each.entry.billed for each in run.ledger()]


def warnings(played: Play) -> str:
    return "\n".join(event.text for event in played.told(Warned))


def test_a_run_keeps_what_was_billed_late_and_asks_the_newest_only(tmp_path: Path) -> None:
    cloud, points = Late(), MOST_IN_RUN + 3
    begin(tmp_path, cloud, points)
    play(tmp_path, plan_of(points, "cloud"), cloud, only="missing")
    assert cloud.asked == [MOST_IN_RUN]
    assert bills(tmp_path).count(0.25) == MOST_IN_RUN
    assert bills(tmp_path).count(None) == 3


@pytest.mark.parametrize("part", [1, 2, 3])
def test_what_is_told_in_parts_is_asked_for_to_the_end(tmp_path: Path, part: int) -> None:
    cloud = Late()
    begin(tmp_path, cloud, 5)
    cloud.part = part
    play(tmp_path, plan_of(5, "cloud"), cloud, only="missing")
    assert cloud.asked == list(range(5, 0, -part))
    assert bills(tmp_path) == [0.25] * 5


@pytest.mark.parametrize(
    "error", [Unavailable("down"), Misspoke("nonsense"), Refused("not your job")]
)
def test_a_cloud_that_cannot_be_asked_for_old_bills_is_asked_once_and_bought_at(
    tmp_path: Path, error: ProviderError
) -> None:
    cloud = Late()
    begin(tmp_path, cloud, 1)
    cloud.script = {"poll": [raising(error)]}
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert f"cloud: asking what was billed failed: {error}" in warnings(played)
    assert played.summary.out_of_reach == {}
    assert len(cloud.ledger.jobs) == 2
    assert played.elapsed_s < 5


def test_a_cloud_that_does_not_answer_about_old_bills_is_not_waited_for(tmp_path: Path) -> None:
    class Silent(Late):
        async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
            if not self.is_late and len(self.ledger.jobs) == 1:
                await trio.sleep_forever()
            return await super().poll(batches)

    cloud = Silent()
    begin(tmp_path, cloud, 1)
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert "not told within 30 s what was billed" in warnings(played)
    assert len(cloud.ledger.jobs) == 2
    assert LIMIT_S <= played.elapsed_s < LIMIT_S + 5


def test_refused_credentials_end_the_backend_as_everywhere(tmp_path: Path) -> None:
    cloud = Late()
    begin(tmp_path, cloud, 1)
    cloud.script = {"poll": [raising(CredentialsError("bad key"))]}
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert str(played.summary.out_of_reach["cloud"]) == "bad key"
    assert len(cloud.ledger.jobs) == 1


def test_what_cannot_be_read_of_an_old_job_stops_no_buying(tmp_path: Path) -> None:
    """Its point is in the plan no more, and its setting is lost."""
    cloud = Late()
    play(tmp_path, wave_of([0.1, 0.2], 100, CLOUD), cloud)
    with closing(sqlite3.connect(tmp_path / "snapshot.db")) as db:
        db.execute("DELETE FROM settings")
        db.commit()
    played = play(tmp_path, plan_of(1, "at"), cloud)
    assert len(cloud.ledger.jobs) == 3
    told = warnings(played)
    assert "nobody is asked what 2 jobs that are over cost, for it cannot be read here" in told
    assert "is missing" in told


def test_who_never_tells_is_asked_ever_less_often() -> None:
    """With a run every hour, for as long as a job is asked about."""
    known: dict[int, Asked] = {}
    asked = []
    for hour in range(int(OLDEST_S // 3600)):
        now = 1.8e9 + 3600.0 * hour
        if 7 not in known or known[7].is_due(now):
            asked.append(hour)
            known = read_asked({ASKED: dump_asked(known, [7], {7}, now)})
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[:6] == [1, 1, 1, 2, 3, 6], "10 min, 20, 40 and so on, to the next run"
    assert pauses == sorted(pauses)
    assert pauses[-1] == 7 * 24
    assert len(asked) == 14
    assert dump_asked(known, [], set(), now) == "{}", "what is billed is forgotten"


def test_a_clock_that_was_set_back_puts_no_question_off() -> None:
    assert Asked(5, 2e9).is_due(1.8e9)


def test_after_a_month_a_run_asks_no_more(tmp_path: Path) -> None:
    cloud = Late()
    begin(tmp_path, cloud, 1)
    play(tmp_path, plan_of(1, "cloud"), cloud, only="missing", clock_s=OLDEST_S + 60.0)
    assert cloud.asked == []


def test_what_is_asked_about_rarely_leaves_room_for_others(tmp_path: Path) -> None:
    cloud, points = Late(), MOST_IN_RUN + 3
    begin(tmp_path, cloud, points)
    cloud.is_late = True
    for _ in range(3):
        play(tmp_path, plan_of(points, "cloud"), cloud, only="missing")
    assert cloud.asked == [MOST_IN_RUN, 3]
    cloud.is_late = False
    play(tmp_path, plan_of(points, "cloud"), cloud, only="missing", clock_s=FIRST_S)
    assert cloud.asked[2:] == [MOST_IN_RUN]


def test_a_bill_that_is_told_late_takes_the_place_of_the_quote_once(tmp_path: Path) -> None:
    """Quoted at 16.5 credits each, billed with 11: that is no refund, and nobody asks again."""
    clouds = Clouds("open-quantum")
    try:
        clouds.set_faults(switches={"open-quantum": {"quoted": 1.5, "tells_credits": False}})
        manifest, around = manifest_of("open-quantum"), clouds.surroundings()
        with clouds.run(manifest, tmp_path, around) as run:
            assert {(each.entry.billed, each.entry.billed_by) for each in run.ledger()} == {
                (16.5, "as quoted")
            }
            assert [point.job.cost for point in run] == [16.5] * 4
        clouds.set_faults(switches={"open-quantum": {"quoted": 1.5}})
        for _ in range(2):
            with clouds.run(manifest, tmp_path, around) as run:
                entries = [each.entry for each in run.ledger()]
                assert [point.job.cost for point in run] == [11.0] * 4
                assert run.spent() == {"credits": 44.0}
                assert run.summary.total == 0
            assert {(e.quoted, e.billed, e.refunded) for e in entries} == {(16.5, 11.0, 0.0)}
            assert {e.billed_by for e in entries} == {"told by the provider in the end"}
        assert len(clouds.ledger()) == 4
    finally:
        clouds.close()
