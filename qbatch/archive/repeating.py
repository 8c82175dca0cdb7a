"""A sample of an archive's simulated points, run again: their counts must come out bit for bit.

Each is run from what its id is made of (program, backend, parameters, seed), as a manifest of its
own in a temporary folder: nothing of the archive's manifest is run, no Python, no template.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qbatch.archive.verifying import Verified
from qbatch.errors import QbatchError
from qbatch.exchange.archived.contents import ENVIRONMENT
from qbatch.exchange.archived.points import ArchivedPoint, Finding, points_of
from qbatch.executor import run
from qbatch.frozen import dataclass
from qbatch.manifest import parse_manifest
from qbatch.plan.identity import FILE_KEYS
from qbatch.providers import is_local


@dataclass(frozen=True, slots=True)
class Repeated:
    """What came of it.

    Attributes:
        points: Run again.
        of: Simulated points that could be.
        findings: Whose counts are others now.
        note: Why others may come out without anybody's doing; "" where nothing is known.
    """

    points: int
    of: int
    findings: tuple[Finding, ...]
    note: str = ""


def repeat_points(found: Verified, sample: int) -> Repeated:
    """Run some of an archive's simulated points again.

    Args:
        found: From `verify`.
        sample: So many, chosen by the archive's digest; all, where there are no more.
    """
    there = (setting for point in points_of(found.archive, []) for setting in point)
    points = [setting for setting in there if _can_be_repeated(setting)]
    chosen = random.Random(found.digest).sample(points, min(sample, len(points)))
    findings = tuple(_repeat_all(chosen))
    return Repeated(len(chosen), len(points), findings, _note(found) if findings else "")


def _can_be_repeated(point: ArchivedPoint) -> bool:
    """Whether it is simulated, and all of its shots from the first on are there."""
    backend = point.setting["backend"]
    if not is_local(str(backend.get("provider"))) or point.has_shots_axis is None:
        return False
    if any(isinstance((backend.get("noise") or {}).get(key), dict) for key in FILE_KEYS):
        return False
    reached = 0
    for start, shots in sorted(point.facts["jobs"]):
        if start != reached:
            return False
        reached += shots
    return True


def _repeat_all(points: list[ArchivedPoint]) -> Iterator[Finding]:
    for point in points:
        with tempfile.TemporaryDirectory(prefix="qbatch-verify-") as folder:
            try:
                problem = _repeat(point, Path(folder))
            except QbatchError as error:
                problem = f"cannot be run again: {error}"
        if problem:
            yield Finding(point.name, problem)


def _repeat(point: ArchivedPoint, folder: Path) -> str:
    """Run one point again; say what is wrong, "" where its counts are the same."""
    counts = point.counts
    manifest = parse_manifest(json.dumps(_manifest(point, counts.shots)), folder=folder)
    with run(manifest, out=folder / "run", points={point.id}) as done:
        (again,) = [one for one in done if one.id == point.id]
        if again.counts is None:
            return f"did not run again: {again.state}: {again.job.error}"
        if again.counts.to_dict() != counts.to_dict():
            return "gives other counts when it is run again"
    return ""


def _manifest(point: ArchivedPoint, shots: int) -> dict[str, Any]:
    axes: dict[str, Any] = {name: [value] for name, value in point.parameters.items()}
    more: dict[str, Any] = {}
    if point.has_shots_axis:
        axes["shots"] = [point.fields["shots"]]
    else:
        more["shots"] = shots
    return {
        "qbatch": 1,
        "name": "again",
        "circuits": {"circuit": {"qasm": point.circuit.text}},
        "backends": {"backend": dict(point.setting["backend"])},
        "sweep": {
            "matrix": axes or {"backend": ["backend"]},
            "repeat": point.facts["repeat"],
            "seed": point.setting["seed"],
        },
        **more,
    }


def _note(found: Verified) -> str:
    then = found.archive.json(ENVIRONMENT).get("ran_with")
    if not isinstance(then, dict):
        return ""
    others = []
    for name, told in then.items():
        with suppress(PackageNotFoundError, ValueError):
            if (here := version(name)) != told:
                others.append(f"{name} {told} then, {here} here")
    return f"Versions differ, which may be why: {'; '.join(others)}" if others else ""
