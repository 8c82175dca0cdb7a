"""The page of a difference, as a person reads it."""

from __future__ import annotations

from qbatch.difference.page import as_read


def test_instants_are_written_as_those_of_reports_and_all_else_as_it_is() -> None:
    told = as_read("began", "2026-11-30T10:00:05+00:00", "–")
    assert told == ("began", "2026-11-30 10:00:05 UTC", "–")
    commit = ("commit", "2026-11-30T10:00:05+00:00", "5f1c")
    assert as_read(*commit) == commit
