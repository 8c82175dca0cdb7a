"""`resolve --double`: a job that no run ordered, at a cloud that cannot be asked any more."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from qbatch.snapshot import Snapshot
from qbatch.snapshot.doubles import Double
from tests.cli.conftest import Call

RUN = Path("runs/pair")


@pytest.fixture
def doubled(done: Path) -> Path:
    """A run with a double that waits, whose price is its twin's, and one that is over."""
    waits = Double(
        "d7", "sim", ("shots=10",), "queued", False, "", 2.0, "eur", "as its twin was quoted"
    )
    over = Double("d8", "sim", ("shots=20",), "done", True, "", 1.0, "eur", "by the cloud")
    free = Double("d9", "sim", ("shots=20",), "queued", False, "", None, "", "")
    with Snapshot(RUN) as snapshot, snapshot.transaction():
        snapshot.note_doubles([waits, over, free])
    return done


@pytest.mark.parametrize(
    ("cost", "told", "sum_"),
    [
        ("1.5", "1.50 EUR as a person told", "2.50 EUR"),
        ("none", "free as a person told", "1.00 EUR"),
    ],
)
def test_a_person_says_what_a_double_cost(
    qbatch: Call, doubled: Path, cost: str, told: str, sum_: str
) -> None:
    said = qbatch("resolve", doubled, "--double", "d7", "--cost", cost)
    assert (said.code, said.err) == (
        0,
        f"sim: job d7 is over, {told}; its cloud's word goes before\n",
    )
    lines = qbatch("status", doubled).out.splitlines()
    assert f"  sim: job d7 (queued when last seen), also named shots=10: {told}" in lines
    assert any(f"beside the ledger: {sum_} for 3 jobs" in line for line in lines)
    facts = qbatch("status", doubled, "--json").json["ledger"]["beside"][0]
    assert (facts["is_over"], facts["source"]) == (True, "as a person told")
    assert facts["cost"] == (0.0 if cost == "none" else float(cost))
    rows = csv.DictReader(io.StringIO(qbatch("export", doubled, "--format", "ledger").out))
    assert ("d7", "as a person told") in [(row["double"], row["billed_by"]) for row in rows]
    assert qbatch("resolve", doubled, "--double", "d7", "--cost", "1.25").code == 0  # a typo mended


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--double", "x", "--cost", "1"),
            "x is no job that the run did not order; of these it knows d7, d8",
        ),
        (("--double", "d8", "--cost", "1"), "job d8 is over already (done), at 1 eur by the cloud"),
        (("--double", "d9", "--cost", "1"), "job d9 has no unit that 1 could be in"),
        (("--double", "d7", "--cost", "-1"), "--cost: '-1' is no price; write a number, 0 or more"),
        (("--double", "d7", "--cost", "nan"), "--cost: 'nan' is no price"),
        (("--double", "d7", "--cost", "inf"), "--cost: 'inf' is no price"),
        (("--double", "d7", "--cost", "dear"), "--cost: 'dear' is no price"),
        (("--double", "d7"), "--double ID goes with --cost N"),
        (("--cost", "1"), "--double ID goes with --cost N"),
        (("shots=10", "--double", "d7", "--cost", "1"), "--double ID goes with --cost N"),
        (("--give-up", "--double", "d7", "--cost", "1"), "--double ID goes with --cost N"),
        ((), "say which POINT, or --double ID --cost N"),
    ],
)
def test_what_cannot_be_said_of_a_double_is_refused(
    qbatch: Call, doubled: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = qbatch("status", doubled, "--json").json["ledger"]["beside"]
    said = qbatch("resolve", doubled, *arguments)
    assert said.code == 2
    assert words in " ".join(said.err.split())
    assert qbatch("status", doubled, "--json").json["ledger"]["beside"] == before
