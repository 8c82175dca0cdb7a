"""Budgets against the emulated clouds' own books: never exceeded, and what fits is bought.

Of points that are alike, each cloud's book says what one costs; so many fit as the budget has room
for. At IBM Direct Access the bill is the time used, and what is reserved before is the job's
time-out: ten times what is expected and 300 s at least, or what `timeout_secs` says. There a run
goes on for as long as one more point's time-out fits into what the bills left.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.errors import OverBudget
from qbatch.manifest import parse_manifest
from tests.fuzz.whole_runs import TARGETS, Clouds
from tests.properties.priced import EVERYDAY, SWITCHES, UNITS
from tests.proving import patiently

DEEP = settings(EVERYDAY, max_examples=patiently(8))

#: Rounding of sums.
SLACK = 1e-6

#: Of emulated IBM machines: seconds for a job, and for a shot, as its sheet assumes them.
JOB_S, SHOT_S = 2.0, 250e-6 + 20e-6

MANIFEST = """\
qbatch: 1
name: bounded
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      qubit[2] q;
      bit[2] c;
      rx(a) q[0];
      c = measure q;
backends: {{one: {{provider: {provider}, target: "{target}"{more}}}}}
sweep: {{matrix: {{a: [{angles}]}}}}
shots: {shots}
budget: {{one: {{{unit}: {budget!r}}}}}
"""


@contextmanager
def at(provider: str) -> Iterator[tuple[Clouds, Path]]:
    clouds, folder = Clouds(provider), Path(tempfile.mkdtemp(prefix="qbatch-budgets-"))
    clouds.set_faults(switches=SWITCHES)
    try:
        yield clouds, folder
    finally:
        clouds.close()
        shutil.rmtree(folder)


def bought(provider: str, points: int, shots: int, budget: float, more: str = "") -> list[float]:
    """Run it, and again; return what each job costs by the cloud's own book."""
    text = MANIFEST.format(
        provider=provider,
        target=TARGETS[provider].replace("qpu:uk:2:d865b5a184", "qpu:uk:1:12345"),
        more=more,
        angles=", ".join(map(str, range(points))),
        shots=shots,
        unit=UNITS[provider],
        budget=budget,
    )
    with at(provider) as (clouds, folder):
        manifest = parse_manifest(text, folder=folder)
        books = []
        for _ in range(2):
            with suppress(OverBudget):
                clouds.run(manifest, folder / "run", clouds.surroundings()).close()
            books.append([float(entry["price"]) for entry in clouds.ledger()])
    assert books[0] == books[1], "what fits was not bought at once"
    return books[0]


def check(provider: str, data: st.DataObject) -> None:
    points, shots = data.draw(st.integers(1, 6)), data.draw(st.integers(100, 900))
    (price,) = bought(provider, 1, shots, 1e9)
    budget = round(data.draw(st.floats(0, 1.2)) * points * price, 4)
    book = bought(provider, points, shots, budget)
    assert sum(book) <= budget + SLACK
    assert len(book) == min(points, math.floor(budget / price + SLACK))


def check_ibm(data: st.DataObject) -> None:
    points, shots = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([100, 9_000, 60_000]))
    fixed = data.draw(st.none() | st.integers(60, 600))
    budget = data.draw(st.integers(1, 400) | st.integers(250, 2_500))
    more = "" if fixed is None else f", options: {{timeout_secs: {fixed}}}"
    book = bought("ibm-direct-access", points, shots, float(budget), more)
    assert sum(book) <= budget + SLACK
    of_one = fixed or max(300, math.ceil(10 * (JOB_S + shots * SHOT_S)))
    is_whole = sum(book) >= points * shots * SHOT_S
    assert is_whole or budget - sum(book) < of_one + SLACK
    assert len(book) <= 1 + math.log2(points) + points * shots / 30_000, "bought in slivers"


@given(data=st.data())
@EVERYDAY
def test_a_budget_holds_at_ibm_and_what_fits_is_bought(data: st.DataObject) -> None:
    check_ibm(data)


@pytest.mark.slow
@given(data=st.data())
@DEEP
def test_a_budget_holds_at_ibm_and_what_fits_is_bought_at_length(data: st.DataObject) -> None:
    check_ibm(data)


@pytest.mark.slow
@pytest.mark.parametrize("provider", sorted(UNITS.keys() - {"ibm-direct-access"}))
@given(data=st.data())
@DEEP
def test_a_budget_holds_and_as_many_jobs_are_bought_as_fit(
    provider: str, data: st.DataObject
) -> None:
    check(provider, data)
