"""Plans of small manifests, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand

#: Two free parameters, one bit.
WAVE = """OPENQASM 3.0;
include "stdgates.inc";
input float gamma;
input float beta;
qubit q;
bit c;
rx(gamma) q;
rz(beta) q;
c = measure q;
"""

#: No parameters, two bits.
PAIR = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0],q[1];
measure q -> c;
"""

#: `n` is a template variable.
CHAIN = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[{{ n }}];
creg c[{{ n }}];
h q[0];
measure q -> c;
"""


def manifest_text(
    sweep: Any = None, *, circuits: Any = None, backends: Any = None, **more: Any
) -> str:
    """YAML of a manifest; by default one circuit `wave` on one local backend `sim`."""
    whole = {
        "qbatch": 1,
        "name": "test",
        "circuits": {"wave": {"qasm": WAVE}} if circuits is None else circuits,
        "backends": {"sim": {"provider": "local"}} if backends is None else backends,
        **({} if sweep is None else {"sweep": sweep}),
        **more,
    }
    return yaml.safe_dump(whole, sort_keys=False)


def plan_of(
    sweep: Any = None, *, folder: Path | None = None, flags: Sequence[str] = (), **keys: Any
) -> Plan:
    """The plan of `manifest_text` of the same arguments, changed by `-S` flags."""
    text = manifest_text(sweep, **keys)
    return expand(parse_manifest(text, file="m.yaml", folder=folder, overrides=flags))


def mistakes_of(sweep: Any = None, *, folder: Path | None = None, **keys: Any) -> list[str]:
    """What is wrong with the manifest, or []."""
    try:
        plan_of(sweep, folder=folder, **keys)
    except SourceErrors as errors:
        return [str(error) for error in errors.exceptions]
    return []


def names(plan: Plan) -> list[str]:
    return [point.name for point in plan.points()]


def ids(plan: Plan) -> list[str]:
    return [point.id for point in plan.points()]
