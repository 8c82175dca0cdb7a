"""`fetch` and `cancel` see to what is at the providers, and leave the rest as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_drivers import FakeCloud, lost_before, plan_of, play

from qbatch.executor import collect
from qbatch.executor.events import ignore
from qbatch.job import JobState
from qbatch.providers import Unclear
from qbatch.snapshot import Snapshot


def test_what_fetch_finds_not_taken_keeps_what_was_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = FakeCloud()
    cloud.script["submit"] = [lost_before]
    cloud.located = Unclear("", error="who knows")
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.summary.states == {JobState.HELD: 1}
    cloud.located = None
    monkeypatch.setattr(collect, "open_driver", lambda *_, **__: cloud)
    collect.fetch_run(tmp_path, wait=False, observer=ignore)
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.counts_by_state() == {JobState.CREATED: 1}
        (stored,) = snapshot.open_composites()
    assert stored.stage == "created"  # sent again, it is the same under the same key
    assert stored.memo == {"upload": stored.id, "account": cloud.owner}
    assert cloud.ledger.released == []
