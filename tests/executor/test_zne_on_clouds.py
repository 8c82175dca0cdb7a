"""Zero-noise extrapolation on noisy machines of all five clouds, emulated: bias goes, cost is told.

A chain of CX gates correlates four bits; each gate, depolarizing with p, multiplies ⟨Z0 Z3⟩ by
1 - p. So what is measured decays exactly with the number of gates, and is 1 without noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from qbatch.emulators.noise import Noise
from qbatch.errors import SourceErrors
from qbatch.executor import Options, run
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import expand
from qbatch.plan.measured import told_settings
from qbatch.snapshot import Run

CHAIN = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[4];
creg c[4];
h q[0];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
measure q -> c;
"""
CLOUDS = {
    "forte": {"provider": "open-quantum", "target": "ionq:forte-1"},
    "rensselaer": {"provider": "ibm-direct-access", "target": "ibm_rensselaer"},
    "aria": {"provider": "marqov", "target": "ionq-aria-1"},
    "garnet": {"provider": "scaleway", "target": "QPU-GARNET-20PQ"},
    "toshiko": {"provider": "oqc", "target": "qpu:uk:1:12345", "options": {"tket": "none"}},
}


def manifest(backends: dict[str, Any], fit: str = "exponential", **more: Any) -> Manifest:
    whole = {
        "qbatch": 1,
        "name": "chain",
        "circuits": {"chain": {"qasm": CHAIN}},
        "backends": backends,
        "shots": 4000,
        "analysis": {
            "observables": {"zz": "Z0 Z3"},
            "mitigation": {"zne": {"scales": [1, 3], "fit": fit}},
        },
        **more,
    }
    return parse_manifest(yaml.safe_dump(whole), folder=Path("/"))


def test_the_extrapolated_number_beats_the_raw_one_on_every_cloud(tmp_path: Path) -> None:
    plan = expand(manifest(CLOUDS))
    assert plan.num_settings == 10
    noise = Noise(two_qubit=0.03)
    done = rehearse(plan, Options(out=tmp_path / "r"), queues_s=(1.0,), noise=noise)
    with Run(done.folder) as found:
        for point in found:
            raw, mended = point.estimates["zz"], point.estimates["zz.zne"]
            assert abs(raw.value - 0.97**3) < 4 * raw.se + 0.03, point.backend
            assert abs(mended.value - 1) < abs(raw.value - 1) / 2, point.backend
            assert abs(mended.value - 1) < 4 * mended.se, point.backend


@pytest.mark.parametrize(
    ("fit", "scales", "factor"), [("linear", [1, 2, 3], 4), ("richardson", [1, 3, 5], 15)]
)
def test_bias_goes_down_by_what_the_curve_leaves_of_it(
    tmp_path: Path, fit: str, scales: list[float], factor: float
) -> None:
    """Of (1 - p)³ˢ a line leaves the second order of 3 p, a parabola the third."""
    noise = {"depolarizing": {"two_qubit": 0.03}}
    asked = {
        "observables": {"zz": "Z0 Z3"},
        "mitigation": {"zne": {"scales": scales, "fit": fit, "fold": "gates"}},
    }
    local = {"sim": {"provider": "local", "noise": noise}}
    found = manifest(local, analysis=asked, shots=4_000_000)
    with run(found, out=tmp_path) as done:
        (point,) = done
        raw, mended = point.estimates["zz"], point.estimates["zz.zne"]
    assert raw.value == pytest.approx(0.97**3, abs=1e-3)
    assert abs(mended.value - 1) < abs(raw.value - 1) / factor


def test_a_compiler_that_takes_folded_gates_away_is_told_not_to() -> None:
    backends = {"toshiko": {"provider": "oqc", "target": "qpu:uk:1:12345"}}
    with pytest.raises(SourceErrors) as caught:
        expand(manifest(backends))
    (error,) = caught.value.exceptions
    assert "write options: {tket: none}" in str(error)
    assert ":11:3: zne is asked for" in str(error)
    swept = {"matrix": {"options.tket": ["none", "two"]}}
    with pytest.raises(SourceErrors, match="mistake") as caught:
        expand(manifest({"toshiko": CLOUDS["toshiko"]}, sweep=swept))
    assert "where tket is swept" in str(caught.value.exceptions[0])


def test_the_plan_says_whose_compilers_nobody_can_set() -> None:
    told = " ".join(told_settings(expand(manifest(CLOUDS))))
    assert "compilers of aria, garnet are not qbatch's to set" in told
    assert "compilers" not in " ".join(
        told_settings(expand(manifest({"l": {"provider": "local"}})))
    )
