"""What careful users of the official clients have after the same kills: some jobs twice."""

from __future__ import annotations

import os

import pytest

from tests.conformance.environments import CannotBuild
from tests.crash.clients import CLIENTS, try_client


@pytest.mark.conformance
@pytest.mark.parametrize("cloud", CLIENTS)
def test_a_careful_user_of_an_official_client_buys_some_jobs_twice(cloud: str) -> None:
    try:
        told = try_client(cloud)
    except CannotBuild as error:
        if os.environ.get("CI"):
            pytest.fail(f"the official client of {cloud} cannot run: {error}")
        pytest.skip(f"NOT RUN: the official client of {cloud}: {error}")
    assert told.kills == told.cases - 2  # the last one was through, another lost an answer
    assert told.kills > 20
    assert told.lost == 0
    assert told.twice > 3
    assert told.twice_by_a_lost_answer == 1
