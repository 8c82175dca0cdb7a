"""What `-k` means where settings of points are dropped: whatever its words say of the point."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import qbatch
from qbatch.cli.runs import choose
from qbatch.manifest import parse_manifest

TEXT = """\
qbatch: 1
name: several
circuits:
  bell:
    qasm: |
      OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];
      h q[0]; cx q[0],q[1]; measure q->c;
backends: {sim: {provider: local}}
sweep: {matrix: {shots: [160, 320]}, repeat: 2}
analysis:
  observables: {zz: Z0 Z1, xx: X0 X1}
  mitigation: {readout: {shots: 50}, twirl: {n: 16}}
"""


def test_shots_and_copies_name_all_settings_of_their_points(tmp_path: Path) -> None:
    manifest = parse_manifest(TEXT, folder=tmp_path)
    with qbatch.run(manifest, out=tmp_path / "run") as run:
        every = {each.name for point in run for each in point.settings}
        for text, has in {
            "shots=160": lambda point: point.parameters.get("shots", point.shots) == 160,
            "repeat=2": lambda point: point.repeat == 2,
            "shots>200": lambda point: point.shots > 200,
        }.items():
            meant = {each.name for point in run if has(point) for each in point.settings}
            found = Counter(each.name for each in choose(run, (), text, is_exact=True))
            assert found == Counter(meant), text
            assert 0 < len(meant) < len(every)
        # 2 bases, 2 x 16 forms and 2 calibrations
        assert len([*choose(run, (), "shots=160", is_exact=True)]) == 2 * 36
