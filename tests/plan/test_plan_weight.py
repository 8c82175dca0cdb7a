"""A plan stays light: nothing heavy is imported, nothing is made before it is asked for."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

from plan_making import manifest_text, plan_of

HEAVY = {"numpy", "qiskit", "trio", "httpx", "matplotlib", "jinja2", "rich", "starlette"}

SCRIPT = """
import sys
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
plan = expand(parse_manifest(sys.argv[1]))
assert len(list(plan.points())) == plan.num_points == 4
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_plan_of_plain_circuits_imports_nothing_heavy() -> None:
    text = manifest_text({"matrix": {"gamma": [1, 2], "beta": [3, 4]}})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, text], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY.isdisjoint(done.stdout.split())


def test_ten_million_points_are_counted_and_begun_without_being_made() -> None:
    tracemalloc.start()
    axis = {"linspace": [0, 1, 1000]}
    plan = plan_of({"matrix": {"gamma": axis, "beta": axis}, "repeat": 10, "order": "random"})
    assert plan.num_points == 10_000_000
    assert next(plan.points()).repeat in range(1, 11)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
