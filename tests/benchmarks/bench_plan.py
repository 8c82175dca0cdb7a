"""A million points."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench_manifest import HEAD
from measuring import Row, in_turn, ms, peak_mib, python, seconds

#: What nobody can avoid: the product, one SHA-256 and one line per point.
BY_HAND = """
import hashlib, itertools, json, sys
n = int(sys.argv[1])
with open(sys.argv[2], "w") as out:
    for i, (a, b) in enumerate(itertools.product(range(n), range(1000))):
        text = json.dumps({"gamma": a, "beta": b})
        out.write(hashlib.sha256(text.encode()).hexdigest() + text + "\\n")
"""


#: The same behind what each command of qbatch's must have: its libraries, and their models or not.
LIBRARIES = "import click, yaml\nfrom pydantic import BaseModel\n" + BY_HAND
MODELS = "import qbatch.manifest.models\n" + LIBRARIES


def manifest(side: int) -> str:
    axes = f"    gamma: {{linspace: [0, 1, {side}]}}\n    beta: {{linspace: [0, 1, 1000]}}\n"
    return HEAD.replace("  zip:\n    gamma:\n", "  matrix:\n" + axes)


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        for side in (1000, 10):
            path, saved = Path(folder, f"m{side}.yaml"), Path(folder, f"m{side}.plan")
            path.write_text(manifest(side))
            command = ["-m", "qbatch", "plan", str(path), "-o", str(saved)]
            ours, theirs = in_turn(
                python(*command, cwd=folder),
                python("-c", BY_HAND, str(side), str(Path(folder, "hand"))),
                rounds=3,
            )
            yield Row(
                f"qbatch plan -o FILE, {side * 1000:,} points",
                ms(ours),
                "product + json + SHA-256 + file by hand",
                ms(theirs),
                f"{ours / theirs:.2f} x",
                "<= 2 x",
            )
        yield from _floors(Path(folder), 10)
        peak = peak_mib(
            [sys.executable, *command[:3], str(Path(folder, "m1000.yaml")), "-o", str(saved)],
            folder,
        )
        yield Row(
            "the same, 1,000,000 points, peak memory",
            f"{peak:.0f} MiB",
            "",
            "",
            "",
            "<= 120 MiB",
        )
        yield _count(Path(folder, "m1000.yaml"))


def _floors(folder: Path, side: int) -> Iterator[Row]:
    """What the command cannot be faster than, whatever it does itself."""
    hand = str(folder / "hand")
    for what, code in (("click, PyYAML, pydantic", LIBRARIES), ("these, models built", MODELS)):
        ours, theirs = in_turn(
            python("-c", code, str(side), hand), python("-c", BY_HAND, str(side), hand), rounds=5
        )
        yield Row(
            f"importing {what}, and {side * 1000:,} points by hand",
            ms(ours),
            "product + json + SHA-256 + file by hand",
            ms(theirs),
            f"{ours / theirs:.2f} x",
            "",
        )


def _count(path: Path) -> Row:
    from qbatch.manifest import load_manifest
    from qbatch.plan import expand

    start = time.perf_counter()
    plan = expand(load_manifest(path))
    first = time.perf_counter() - start
    again = seconds(lambda: expand(load_manifest(path)).num_points)
    return Row(
        f"load, expand and count {plan.num_points:,} points, in process",
        ms(again),
        "the first time in a process",
        ms(first),
        "",
        "<= 250 ms",
    )
