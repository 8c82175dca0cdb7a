"""Numbers of several settings: what repeats and runs share is counted once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qbatch
from qbatch.difference import Word, compare, side_of
from tests.difference.mitigated import Case, Drawn, alarms, compared, side


@pytest.mark.parametrize("knows_shots", [True, False])
@pytest.mark.parametrize("kind", ["gates", "calibrated"])
def test_more_repeats_of_the_same_forms_or_calibration_prove_no_change(
    kind: str, knows_shots: bool
) -> None:
    case = Case(kind, shots=160_000, repeats=5, knows_shots=knows_shots)
    assert alarms(case, 60) <= 9  # P < 1e-3 at 5 %


@pytest.mark.parametrize("kind", ["gates", "readout"])
def test_runs_of_the_same_forms_differ_by_their_shots_alone(kind: str) -> None:
    """So a shift is seen that is far within what other forms would leave open."""
    case = Case(kind, are_same=True)
    assert alarms(case, 60) <= 9
    seen = [compared(case, seed, shift=0.04).changes[0] for seed in range(10)]
    assert all(one.word is Word.CHANGED for one in seen)
    others = [compared(replace(case, are_same=False), seed).changes[0] for seed in range(10)]
    assert np.mean([one.detectable for one in others]) > 0.05


def test_five_repeats_are_what_one_point_of_all_their_shots_is() -> None:
    case, random = Case("gates", repeats=5), np.random.default_rng(3)
    repeats = side("a", case, Drawn.by("gates", random), [0.8], random)
    found = compare(repeats, repeats).changes[0].here
    each = [one.in_settings for one in repeats.told if one.in_settings is not None]
    means = []
    for text in each[0].settings:
        ones = sum(one.counts[text].to_dict().get("1", 0) for one in each)
        means.append(1 - 2 * ones / (5 * case.shots / 16))
    assert found.value == pytest.approx(np.mean(means), abs=1e-12)
    assert found.se == pytest.approx(np.std(means, ddof=1) / 4, rel=1e-9)


TWIRLED = """
qbatch: 1
name: NAME
circuits:
  c:
    qasm: |
      OPENQASM 3; include "stdgates.inc";
      qubit[2] q; bit[2] b; h q[0]; cx q[0], q[1]; b = measure q;
backends: {n: {provider: local, noise: {readout: ERROR}}}
sweep: {matrix: {backend: [n]}, seed: SEED}
shots: 1600
analysis: {observables: {zz: Z0 Z1}, mitigation: {twirl: {n: 16}}}
"""


def test_two_runs_are_of_the_same_forms_where_their_circuits_say_so(tmp_path: Path) -> None:
    sides = []
    for name, error, seed in (("a", 0.02, 1), ("b", 0.03, 1), ("c", 0.02, 2)):
        text = TWIRLED.replace("NAME", name).replace("ERROR", str(error))
        (tmp_path / f"{name}.yaml").write_text(text.replace("SEED", str(seed)), "utf-8")
        qbatch.run(tmp_path / f"{name}.yaml")
        sides.append(side_of(name, qbatch.open_run(tmp_path / "runs" / name)))
    forms = [each.told[0].in_settings.forms for each in sides if each.told[0].in_settings]
    assert len(set(forms[0])) == 16
    assert forms[0] == forms[1] != forms[2]
    assert {one.number for one in compare(*sides[:2]).changes} == {"zz", "zz.twirl"}
