"""What a plan says is left to buy is what the clouds' own books have afterwards.

Jobs, shots, composite jobs and prices, of manifests that are drawn: observables in several bases,
calibrations, scaled noise, twirled forms, points that share a content; from nothing, and with more
shots beside what was bought before.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from qbatch.manifest import parse_manifest
from qbatch.plan import Had, count_reasons, jobs_in, pieces_of
from qbatch.plan.pricing.offer import Offer
from qbatch.plan.pricing.summary import PlanSummary
from qbatch.snapshot import Run
from tests.fuzz.whole_runs import TARGETS, Clouds
from tests.proving import for_a_while

#: What a backend needs where circuits are folded, twirled or calibrated.
OPTIONS: dict[str, dict[str, Any]] = {
    "oqc": {"tket": "none"},
    "ibm-direct-access": {"initial_layout": [0, 1]},
}
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; bit[2] c; '
CIRCUITS = {
    "bell": f"{HEAD} ry(a) q[0]; cx q[0], q[1]; c = measure q;",
    #: Of every value of `a` the same content.
    "flat": f"{HEAD} x q[0]; cx q[0], q[1]; c = measure q;".replace(" input float a;", ""),
}
OBSERVABLES = {"zz": "Z0 Z1", "xx": "X0 X1", "mixed": "0.5 Y0 Z1 + 0.2 X0 + 0.1 Z0"}


def drawn(seed: int) -> Iterator[dict[str, Any]]:
    """Yield the same manifest twice, the second with more shots."""
    draw = random.Random(seed)
    provider = draw.choice([*TARGETS, "local"])
    names = draw.sample([*OBSERVABLES], draw.randint(1, 2))
    mitigation: dict[str, Any] = {}
    if draw.random() < 0.6:
        method = draw.choice(["tensored", "full", "mthree"])
        mitigation["readout"] = {"method": method, "shots": draw.choice([120, 300])}
    if draw.random() < 0.4:
        mitigation["zne"] = {"scales": draw.choice([[1, 3], [1, 3, 5]])}
    if draw.random() < 0.3:
        mitigation["twirl"] = {"n": 16}
    forms = 16 if "twirl" in mitigation else 1
    circuits = draw.choice([["bell"], ["bell", "flat"]])
    for shots in (100 * forms, 250 * forms):
        backend: dict[str, Any] = {"provider": provider}
        if provider != "local":
            backend["target"] = TARGETS[provider]
        if provider in OPTIONS:
            backend["options"] = OPTIONS[provider]
        yield {
            "qbatch": 1,
            "name": "books",
            "circuits": {name: {"qasm": CIRCUITS[name]} for name in CIRCUITS},
            "backends": {"one": backend},
            "sweep": {"matrix": {"circuit": circuits, "a": [0.3, 0.7]}, "repeat": 1},
            "shots": shots,
            "analysis": {
                "observables": {name: OBSERVABLES[name] for name in names},
                **({"mitigation": mitigation} if mitigation else {}),
            },
        }


def told_and_bought(
    asked: dict[str, Any], folder: Path, clouds: Clouds
) -> tuple[PlanSummary, int, list[dict[str, Any]], int]:
    """Run: what the plan says is left, how many jobs by its reasons, the books, shots bought."""
    manifest = parse_manifest(yaml.safe_dump(asked), folder=folder)
    offers: list[Offer] = []
    jobs: dict[str, list[Had]] = {}
    there = 0
    if (folder / "r").exists():
        with Run(folder / "r") as before:
            jobs, there = jobs_in(before), shots_of(before)
    booked = len(clouds.ledger())

    def agree(offer: Offer) -> bool:
        offers.append(offer)
        return True

    with clouds.run(manifest, folder / "r", clouds.surroundings(), approve=agree) as run:
        bought = shots_of(run) - there
    (offer,) = offers
    left = offer.plan.summary(offer.targets, pieces_of=pieces_of(jobs, offer.targets))
    reasons = count_reasons(offer.plan, {}) if not jobs else None
    new = left.jobs if reasons is None else reasons.runs
    return left, new, clouds.ledger()[booked:], bought


def shots_of(run: Run) -> int:
    """How many all jobs of a run bought."""
    return sum({job.ordinal: job.done for point in run for job in point.jobs}.values())


@pytest.mark.slow
def test_what_is_left_to_buy_is_what_the_books_have(tmp_path: Path) -> None:
    for seed in for_a_while(itertools.count(), 8, 6.0):
        clouds = Clouds(*TARGETS)
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            for asked in drawn(seed):
                check(asked, *told_and_bought(asked, folder, clouds))
        finally:
            clouds.close()


def check(
    asked: dict[str, Any], left: PlanSummary, new: int, booked: list[dict[str, Any]], shots: int
) -> None:
    """Hold what was told against what was bought."""
    provider = asked["backends"]["one"]["provider"]
    assert left.shots == shots, asked
    assert new == left.jobs, asked
    if provider == "local":
        assert booked == []
        return
    entries = left.composite_jobs if provider == "ibm-direct-access" else left.jobs
    assert len(booked) == entries, asked
    if provider != "open-quantum":  # it quotes each job
        for unit in {each["unit"] for each in booked}:
            price = sum(each["price"] for each in booked if each["unit"] == unit)
            assert left.prices.get(unit, 0.0) == pytest.approx(price), asked
