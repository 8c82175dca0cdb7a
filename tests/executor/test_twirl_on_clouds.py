"""Twirled circuits on noisy machines of all five clouds, emulated; and what twirling is for.

Readout that flips each bit with e multiplies ⟨Z0 Z3⟩ by (1 - 2 e)², a depolarizing gate by 1 - p.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.emulators.noise import Noise
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.plan import expand
from qbatch.snapshot import Run
from tests.executor.test_zne_on_clouds import CLOUDS, manifest


@pytest.mark.slow
def test_twirled_numbers_are_those_of_every_cloud(tmp_path: Path) -> None:
    analysis = {"observables": {"zz": "Z0 Z3"}, "mitigation": {"twirl": {"n": 16}}}
    plan = expand(manifest(CLOUDS, analysis=analysis, shots=3200))
    assert plan.num_settings == 5 * 17
    noise = Noise(two_qubit=0.03, readout=0.02)
    done = rehearse(plan, Options(out=tmp_path / "r"), queues_s=(1.0,), noise=noise)
    with Run(done.folder) as found:
        for point in found:
            raw, twirled = point.estimates["zz"], point.estimates["zz.twirl"]
            truth = 0.97**3 * 0.96**2
            assert abs(raw.value - truth) < 4 * raw.se + 0.03, point.backend
            assert abs(twirled.value - raw.value) < 4 * (raw.se + twirled.se), point.backend
            assert len(point.settings) == 17
