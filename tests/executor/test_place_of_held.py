"""M15: the place where a held job is to be looked for exists at the emulated clouds too."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
import trio

from qbatch.job import JobState
from tests.fuzz.whole_runs import SPENDING, Clouds, manifest_of


@pytest.mark.parametrize("provider", SPENDING)
def test_a_lost_answer_is_found_or_held_with_a_place_that_shows_the_job(
    provider: str, tmp_path: Path
) -> None:
    clouds = Clouds(provider)
    lost = {"method": "POST", "path": SPENDING[provider], "drop": "after", "nth": 1}
    clouds.set_faults(requests=[lost])
    around = clouds.surroundings()

    async def look(url: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=clouds.emulation.transport()) as client:
            return await client.get(url)

    try:
        with clouds.run(manifest_of(provider), tmp_path / "run", around) as run:
            states, held = {point.state for point in run}, list(run.held())
        assert states <= {JobState.COMPLETED, JobState.HELD}
        assert len(held) == (provider == "marqov")  # the others have a look-up
        for one in held:
            (url,) = re.findall(r"look at (\S+) for", one.why)
            page = trio.run(look, url, clock=clouds.clock)
            assert page.status_code == 200
            assert one.key
            (line,) = [line for line in page.text.splitlines() if one.key in line]
            (bought,) = [each for each in clouds.ledger() if each["key"] == one.key]
            assert line.startswith(bought["id"])
            assert str(bought["name"]) in line
    finally:
        clouds.close()
