"""M16: what is said before buying, held against the emulated clouds' own books.

Generated manifests are run at each cloud; the price of the offer that was agreed to is compared,
unit by unit, with what the cloud's ledger has in the end. How near the two must be is the cloud's
billing rule:

    oqc                per task and per shot         the same, to a millionth
    open-quantum       whole credits, quoted         the same
    marqov             per task and per shot, with   the same; with a cap, no more than it
                       a minimum
    scaleway           QPUs: per circuit and shot    the same
                       simulators: a session's time  no more than the longest session
    ibm-direct-access  time of the machine, as used  one part in a hundred
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.emulators.marqov import TEAM
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan.pricing.offer import Offer
from tests.fuzz.whole_runs import Clouds
from tests.properties.priced import EVERYDAY, SWITCHES
from tests.proving import patiently

DEEP = settings(EVERYDAY, max_examples=patiently(10))

#: Cloud -> backends that are bought at: target and options.
BACKENDS = {
    "oqc": [
        "target: 'qpu:uk:1:12345'",
        "target: 'qpu:jp:3:673b1ad43c'",
        "target: 'qpu:uk:2:d865b5a184'",
    ],
    "open-quantum": [
        "target: 'ionq:forte-1'",
        "target: 'iqm:garnet', options: {execution_plan: private, queue_priority: instant}",
        "target: 'iqm:emerald', options: {queue_priority: priority}",
    ],
    "marqov": [
        "target: sv1",
        "target: ionq-aria-1",
        "target: iqm-garnet",
        "target: quantinuum-h2",
        f"target: marqov-sim, options: {{native: {{cap_cents: 20}}, team: {TEAM}}}",
    ],
    "scaleway": [
        "target: QPU-GARNET-20PQ",
        "target: QPU-IBEX-12PQ",
        "target: QPU-EMERALD-54PQ, limits: {jobs: 2}",
        "target: EMU-AER-16C-128M",
    ],
    "ibm-direct-access": [
        "target: emu_5q",
        "target: emu_5q, options: {sampler: {execution: {rep_delay: 100e-6}}}",
        "target: emu_5q, limits: {jobs: 2}",
    ],
}

#: Unit -> how far a bill may be from a price that is called "about" it: share of the bill.
ABOUT = {"qpu_seconds": 0.01, "credits": 0.0}

#: Units and their parts: no cloud rounds to less.
EXACT = 1e-6

MANIFEST = """\
qbatch: 1
name: priced
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      qubit[2] q;
      bit[2] c;
      rx(a) q[0];
      cx q[0], q[1];
      c = measure q;
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      qubit[3] q;
      bit[3] c;
      h q[0];
      cx q[0], q[1];
      cx q[1], q[2];
      c = measure q;
backends:
  one: {{provider: {provider}, {one}}}
  two: {{provider: {provider}, {two}}}
sweep:
  - matrix: {{circuit: [turn], a: {angles}, shots: {shots}, backend: [one, two]}}
    repeat: {repeat}
  - matrix: {{circuit: [bell], shots: {more}, backend: {backends}}}
"""

#: Few and many, and more than some machines take at once.
SHOTS = st.integers(100, 3_000) | st.integers(100, 45_000)


@st.composite
def manifests(draw: st.DrawFn, provider: str) -> str:
    chosen = st.sampled_from(BACKENDS[provider])
    return MANIFEST.format(
        provider=provider,
        one=draw(chosen),
        two=draw(chosen),
        angles=draw(st.lists(st.sampled_from([0, 1, 2]), min_size=1, unique=True)),
        shots=draw(st.lists(SHOTS, min_size=1, max_size=2, unique=True)),
        more=draw(st.lists(SHOTS, min_size=1, max_size=2, unique=True)),
        repeat=draw(st.integers(1, 2)),
        backends=draw(st.sampled_from(["[one]", "[two]", "[one, two]"])),
    )


def billed(ledger: list[dict[str, object]]) -> Mapping[str, float]:
    """Unit -> what the cloud's book has, cancelled and failed jobs included."""
    found: dict[str, float] = {}
    for entry in ledger:
        unit, price = str(entry["unit"]), float(str(entry["price"]))
        found[unit] = found.get(unit, 0.0) + price
    return found


def check(provider: str, text: str) -> None:
    """Run a manifest at an emulated cloud, and compare price and bill."""
    offers: list[Offer] = []

    def approve(offer: Offer) -> bool:
        offers.append(offer)
        return True

    clouds, folder = Clouds(provider), Path(tempfile.mkdtemp(prefix="qbatch-estimates-"))
    clouds.set_faults(switches=SWITCHES)
    try:
        manifest, around = parse_manifest(text, folder=folder), clouds.surroundings()
        with clouds.run(manifest, folder / "run", around, approve=approve, quote=True) as run:
            assert {point.state for point in run} == {JobState.COMPLETED}
        bill = billed(clouds.ledger())
    finally:
        clouds.close()
        shutil.rmtree(folder)
    (offer,) = offers
    assert {unit for unit, price in bill.items() if price} <= offer.prices.keys()
    for unit, price in offer.prices.items():
        paid, certainty = bill.get(unit, 0.0), offer.left.certainty(unit)
        if certainty == "at most":
            assert 0 < paid <= price + EXACT
        else:
            share = ABOUT[unit] if certainty == "about" else 0.0
            assert price == pytest.approx(paid, rel=share, abs=EXACT)


@pytest.mark.parametrize("provider", BACKENDS)
@given(data=st.data())
@EVERYDAY
def test_what_is_said_before_buying_is_what_is_billed(provider: str, data: st.DataObject) -> None:
    check(provider, data.draw(manifests(provider)))


@pytest.mark.slow
@pytest.mark.parametrize("provider", BACKENDS)
@given(data=st.data())
@DEEP
def test_what_is_said_before_buying_is_what_is_billed_at_length(
    provider: str, data: st.DataObject
) -> None:
    check(provider, data.draw(manifests(provider)))
