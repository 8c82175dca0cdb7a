"""Many results as one labelled array: qbatch beside OQC's official client, or its way of doing it.

The official client lives in an environment of its own, which ``tests/conformance`` builds. It reads
the run as qbatch exports it, so both make the same array of the same results. Where it is not
there, its way stands in: a dictionary of each result made anew for every column.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from measuring import Row, ms

ROOT = Path(__file__).parents[2]
RESULTS, BITS, SHOTS = 1_000, 10, 8_000

OFFICIAL = """
import json, sys, time
from oqc_qcaas_sdk import OqcSdk
from oqc_qcaas_sdk.dataarray_utils import results_to_counts_dataarray
jobs = OqcSdk(url="http://127.0.0.1:1", authentication_token="x").load(sys.argv[1]).jobs
results = [job.last for job in jobs] if hasattr(jobs[0], "last") else [job.result for job in jobs]
start = time.perf_counter()
array = results_to_counts_dataarray(results, "c")
print(json.dumps([time.perf_counter() - start, int(array.values.sum()), list(array.shape)]))
"""


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_run(folder)
        from qbatch.snapshot import open_run

        with open_run(folder / "run") as run:
            ours = _best(run.counts_array)
            array = run.counts_array()
            liking = _best(lambda: array.like("1" + "*" * (BITS - 1)))
            tables = [point.counts.to_dict() for point in run if point.counts is not None]
        beside, theirs = _official(folder, array.values.shape) or (
            "a dictionary per column",
            _seconds(lambda: by_column(tables)),
        )
    what = f"{RESULTS:,} results x {array.values.shape[1]:,} outcomes"
    ratio = f"{theirs / ours:,.0f} x faster"
    yield Row(f"{what} as one array", ms(ours), beside, f"{theirs:.1f} s", ratio, "<= 1 s")
    # The official like() makes the array and then chooses columns.
    ratio = f"{theirs / (ours + liking):,.0f} x faster"
    both = ms(ours + liking)
    yield Row(f"{what}, columns like 1*…", both, beside, f"{theirs:.1f} s", ratio, "<= 1 s")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _best(work: Callable[[], object], rounds: int = 5) -> float:
    return min(_seconds(work) for _ in range(rounds))


def by_column(tables: Sequence[Mapping[str, int]]) -> list[list[int]]:
    """The array a column at a time, each result's counts turned into a dictionary for each."""
    columns = sorted({bits for table in tables for bits in table})
    return [[dict(table.items()).get(column, 0) for table in tables] for column in columns]


def _official(folder: Path, shape: tuple[int, ...]) -> tuple[str, float] | None:
    python = next(iter(sorted(ROOT.glob(".ci/venv-oqc-*/bin/python"))), None)
    if python is None:
        return None
    from qbatch.exchange.oqc.export import oqc_snapshot
    from qbatch.snapshot import open_run

    with open_run(folder / "run") as run:
        (folder / "saved.json").write_text(oqc_snapshot(run)[0], "utf-8")
    command = [str(python), "-W", "ignore", "-c", OFFICIAL, str(folder / "saved.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, shots, their_shape = json.loads(done.stdout.splitlines()[-1])
    assert (shots, tuple(their_shape)) == (RESULTS * SHOTS, shape)
    return "OQC's official client 0.1.24", float(took)


def _make_run(folder: Path) -> None:
    """A run of OQC results, each with nearly every outcome, taken over from a saved file."""
    import numpy as np

    from qbatch.exchange.oqc.adopt import adopt_oqc

    random = np.random.default_rng(1)
    labels = [format(outcome, f"0{BITS}b") for outcome in range(1 << BITS)]
    program = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{BITS}]; creg c[{BITS}]; '
    program += "h q; measure q->c;"
    jobs = []
    for _ in range(RESULTS):
        drawn = random.multinomial(SHOTS, [1 / len(labels)] * len(labels))
        data = {bits: int(n) for bits, n in zip(labels, drawn, strict=True) if n}
        result = {"kind": "result", "data": {"c": data}}
        jobs.append({"program": program, "qpu_id": "q", "state": "COMPLETED", "result": result})
    text = json.dumps({"schema_version": "1", "snapshot_kind": "composite", "jobs": jobs})
    (folder / "made.json").write_text(text)
    adopt_oqc(folder / "made.json", out=folder / "run")
