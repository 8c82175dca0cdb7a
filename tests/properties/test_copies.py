"""M5: copies of a run folder, and older ones put back: nothing is bought twice where names tell."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbatch.executor import Event, Warned
from qbatch.job import JobState
from qbatch.snapshot import Run
from tests.fuzz.whole_runs import TARGETS, WORST, Clouds, expected, manifest_of

#: Clouds that show what was sent under which name.
NAMING = [name for name in TARGETS if name != "marqov"]

#: Of these, those that show it for each point; the other knows composite jobs alone.
NAMING_POINTS = [name for name in NAMING if name != "ibm-direct-access"]

#: Where it is looked for names; OQC may have no such list, which says nothing.
LOOKING = {
    "open-quantum": "/sched/v1/organizations/*/jobs",
    "scaleway": "/qaas/v1alpha1/jobs",
    "ibm-direct-access": "/v1/jobs/*",
}


@pytest.fixture
def clouds(provider: str) -> Iterator[Clouds]:
    clouds = Clouds(provider, queue_s=5.0)
    clouds.set_faults(switches=WORST)
    yield clouds
    clouds.close()


def go(clouds: Clouds, provider: str, folder: Path, **options: Any) -> list[str]:
    """Run it there; return what it warned of."""
    events: list[Event] = []
    clouds.run(
        manifest_of(provider), folder, clouds.surroundings(), observer=events.append, **options
    ).close()
    return [event.text for event in events if isinstance(event, Warned)]


def states(folder: Path) -> Counter[JobState]:
    """Where the points are; the results of those that have one are right."""
    with Run(folder) as run:
        points = list(run)
        for point in points:
            assert point.counts is None or point.counts.to_dict() == expected(point)
        return Counter(point.state for point in points)


def copied(clouds: Clouds, provider: str, folder: Path, *later: str | None) -> Path:
    """A copy of a folder that has bought one point, and then bought the others; it is gone now."""
    go(clouds, provider, folder, select="a=0,b=0")
    copy = shutil.copytree(folder, folder.with_name("copy"))
    for selected in later:
        go(clouds, provider, folder, select=selected)
    assert states(folder) == {JobState.COMPLETED: 4}
    shutil.rmtree(folder)
    return copy


@pytest.mark.parametrize("provider", NAMING)
def test_what_was_bought_since_a_folder_was_copied_is_taken_over(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    copy = copied(clouds, provider, tmp_path / "run", None)
    before = len(clouds.ledger())
    warned = go(clouds, provider, copy)
    assert len(clouds.ledger()) == before
    assert states(copy) == {JobState.COMPLETED: 4}
    assert sum("bought by another copy of this run folder" in one for one in warned) == 3


@pytest.mark.parametrize("provider", NAMING_POINTS)
def test_what_was_bought_in_other_parts_is_not_bought_again(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    copy = copied(clouds, provider, tmp_path / "run", "a=0", None)
    go(clouds, provider, copy)
    assert len(clouds.ledger()) == 4
    is_held = provider == "scaleway"  # whose sessions are those of other composite jobs
    assert states(copy)[JobState.HELD] == 3 * is_held
    with Run(copy) as run:
        errors = {point.job.error for point in run if point.state is JobState.HELD}
    assert all("another copy of this run folder bought it, as job " in error for error in errors)


@pytest.mark.parametrize("provider", NAMING_POINTS)
def test_only_what_no_other_copy_bought_is_bought(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    go(clouds, provider, tmp_path / "run", select="a=0,b=0")
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    go(clouds, provider, tmp_path / "run", select="a=0")
    shutil.rmtree(tmp_path / "run")
    go(clouds, provider, copy)
    assert len(clouds.ledger()) == 4
    assert states(copy)[JobState.COMPLETED] >= 3


@pytest.mark.parametrize("provider", NAMING)
def test_a_copy_of_a_copy_looks_too_and_so_does_the_next_run(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    copy = copied(clouds, provider, tmp_path / "run", None)
    before = len(clouds.ledger())
    go(clouds, provider, copy, select="a=0,b=0")  # nothing is left to buy of these
    shutil.copytree(copy, tmp_path / "another")
    shutil.rmtree(copy)
    go(clouds, provider, tmp_path / "another", select="a=0,b=0")
    go(clouds, provider, tmp_path / "another")
    assert len(clouds.ledger()) == before


@pytest.mark.parametrize("provider", ["marqov"])
def test_where_a_cloud_shows_no_names_that_is_told(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    (warning,) = go(clouds, provider, copied(clouds, provider, tmp_path / "run", None))
    assert "what another copy of it bought meanwhile is bought again" in warning


@pytest.mark.parametrize("provider", NAMING)
def test_a_folder_that_was_only_moved_looks_for_nothing(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    go(clouds, provider, tmp_path / "run", select="a=0,b=0")
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert go(clouds, provider, moved) == []
    assert states(moved) == {JobState.COMPLETED: 4}


@pytest.mark.parametrize("provider", LOOKING)
def test_where_looking_fails_nothing_is_bought(
    clouds: Clouds, provider: str, tmp_path: Path
) -> None:
    copy = copied(clouds, provider, tmp_path / "run", None)
    before = len(clouds.ledger())
    refuse = [{"method": "GET", "path": LOOKING[provider], "status": 418, "times": 99}]
    clouds.set_faults(requests=refuse, switches=WORST)
    go(clouds, provider, copy)
    assert len(clouds.ledger()) == before
    assert states(copy) == {JobState.COMPLETED: 1, JobState.FAILED: 3}
    with Run(copy) as run:
        errors = [point.job.error for point in run if point.state is JobState.FAILED]
    assert all("looking for what another one bought failed, so nothing" in one for one in errors)
