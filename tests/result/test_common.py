"""What numbers err by in common, against what they do when single shots of a calibration change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from qbatch.manifest.models import Analysis
from qbatch.result import Counts, analyse_settings, in_common
from qbatch.result.readout.methods import calibrations_of
from tests.daily import mostly_slow

#: So many shots of each outcome: one more of them is a small step.
SCALE = 1_000_000
RATES = (0.04, 0.11)


def counts_of(share: np.ndarray, shots: int) -> Counts:
    found = np.maximum(1, np.round(share * shots)).astype(int)
    bits = len(share).bit_length() - 1
    texts = [f"{at:0{bits}b}" for at in range(len(share))]
    return Counts.from_dict([("c", bits)], dict(zip(texts, found.tolist(), strict=True)))


def read(share: np.ndarray) -> np.ndarray:
    wrong, missed = RATES
    own = np.array([[1 - wrong, missed], [wrong, 1 - missed]])
    return np.asarray(np.kron(own, own) @ share)


#: A setting's text -> probabilities of what is there.
THERE: Mapping[str, np.ndarray] = {
    "": np.array([0.5, 0.1, 0.15, 0.25]),
    "X0 X1": np.array([0.4, 0.2, 0.1, 0.3]),
    "noise_scale=3": np.array([0.4, 0.2, 0.2, 0.2]),
    "X0 X1, noise_scale=3": np.array([0.3, 0.25, 0.2, 0.25]),
}


def settings_of(method: str) -> dict[str, Counts]:
    found = {text: counts_of(read(share), SCALE) for text, share in THERE.items()}
    for text in calibrations_of(method, [0, 1], 2):
        found[f"calibration={text}"] = counts_of(read(np.eye(4)[int(text, 2)]), SCALE)
    return found


def one_more(counts: Counts, outcome: int) -> Counts:
    numbers = counts.to_dict()
    text = f"{outcome:02b}"
    return Counts.from_dict([("c", 2)], {**numbers, text: numbers[text] + 1})


def in_two_jobs(text: str, counts: Counts) -> list[tuple[tuple[str, int], Counts]]:
    """A calibration's shots as two jobs took them, the second three times as many."""
    numbers = counts.to_dict()
    first = {bits: number // 4 for bits, number in numbers.items()}
    second = {bits: number - first[bits] for bits, number in numbers.items()}
    jobs = (Counts.from_dict([("c", 2)], each) for each in (first, second))
    return [((text, at), each) for at, each in enumerate(jobs)]


@pytest.mark.parametrize("method", ["tensored", "full", "mthree"])
@pytest.mark.parametrize("name", mostly_slow(["e.zne", "p.readout", "e.readout", "p.zne"], daily=2))
def test_errors_in_common_are_what_single_shots_of_a_calibration_change(
    method: str, name: str
) -> None:
    analysis = Analysis(
        observables={"e": "0.7 Z0 Z1 + 0.4 X0 X1 - 0.3 Z0"},
        probabilities={"p": "1*"},
        mitigation={"readout": {"method": method}, "zne": {"scales": (1.0, 3.0)}},
    )
    counts = settings_of(method)
    jobs = {text: in_two_jobs(text, counts[text]) for text in counts if text.startswith("cal")}
    found = in_common(name, counts, [*counts], analysis, jobs)
    assert found is not None
    value = analyse_settings(counts, [*counts], analysis)[name].value
    for text, both in jobs.items():
        for at, outcome in enumerate(both[0][1].outcomes[:, 0].tolist()):
            moved = {**counts, text: one_more(counts[text], outcome)}
            step = analyse_settings(moved, [*counts], analysis)[name].value - value
            for key, calibration in both:
                wanted = step * calibration.counts[at] ** 0.5
                assert found.errors[key][at] == pytest.approx(wanted, rel=1e-3, abs=1e-9)
