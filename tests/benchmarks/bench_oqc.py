"""A thousand jobs on the served OQC emulator: qbatch beside OQC's official client.

The official client lives in an environment of its own, which `tests/conformance` builds (run
``python -m pytest -m conformance tests/conformance -k oqc`` once); without it nothing is measured.
Both run as whole processes against a fresh emulator; requests are counted by the emulator's server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from measuring import Row

ROOT = Path(__file__).parents[2]
JOBS = 1_000
QPU = "qpu:uk:2:d865b5a184"
QASM = (
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
    "h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n"
)

OFFICIAL = """
import asyncio, os, sys
from oqc_qcaas_sdk import OqcSdk
async def main(jobs):
    async with OqcSdk(url=os.environ["OQC_URL"], default_qpu_id=sys.argv[2],
                      authentication_token=os.environ["OQC_AUTHENTICATION_TOKEN"]) as sdk:
        composite = sdk.create_job(program=[sys.argv[3]] * jobs)
        outputs = await composite.execute(timeout_s=300)
        assert sum(1 for _ in composite.jobs) == jobs
asyncio.run(main(int(sys.argv[1])))
"""

MANIFEST = """\
qbatch: 1
name: official
circuits:
  bell:
    qasm: |
{qasm}
backends:
  oqc: {{provider: oqc, target: "{qpu}"}}
shots: 1000
sweep: {{repeat: {jobs}}}
"""


def measure() -> Iterator[Row]:
    official = next(iter(sorted(ROOT.glob(".ci/venv-oqc-*/bin/python"))), None)
    if official is None:
        print("  (the official client's environment is not there: see the head of bench_oqc.py)")
        return
    ours = {jobs: run_ours(jobs) for jobs in (20, JOBS + 20)}
    theirs = {jobs: run_official(official, jobs) for jobs in (20, JOBS + 20)}
    for what, index, unit in (("wall", 0, "s"), ("CPU", 1, "s")):
        us = ours[JOBS + 20][index] - ours[20][index]
        them = theirs[JOBS + 20][index] - theirs[20][index]
        yield Row(
            f"1,000 Bell jobs on the served emulator, {what}, start-up taken off",
            f"{us:.2f} {unit}",
            "official CompositeJob.execute",
            f"{them:.2f} {unit}",
            f"{us / them:.2f} x",
            "<= 0.7 x",
        )
    us, them = ours[JOBS + 20][2], theirs[JOBS + 20][2]
    yield Row(
        "the same, peak memory of the process",
        f"{us:.0f} MiB",
        "official CompositeJob.execute",
        f"{them:.0f} MiB",
        f"{us / them:.2f} x",
        "",
    )


def run_ours(jobs: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        text = MANIFEST.format(
            qasm="".join(f"      {line}\n" for line in QASM.splitlines()), qpu=QPU, jobs=jobs
        )
        Path(folder, "m.yaml").write_text(text)
        command = [sys.executable, "-m", "qbatch", "run", "m.yaml", "--yes", "--no-report"]
        return _beside_emulator(folder, command)


def run_official(python: Path, jobs: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-c", OFFICIAL, str(jobs), QPU, QASM]
        return _beside_emulator(folder, command, {"OQC_SDK_MAX_BROADCAST_JOBS": "100000"})


def _beside_emulator(
    folder: str, command: list[str], more: Mapping[str, str] | None = None
) -> tuple[float, float, float]:
    """Run a command beside a fresh emulator; return wall s, CPU s and peak MiB of the command."""
    env_file = Path(folder, "env")
    serve = [sys.executable, "-m", "qbatch.emulators", "oqc", "--queue-s", "0"]
    with subprocess.Popen(
        [*serve, "--env-file", str(env_file)], stderr=subprocess.DEVNULL, cwd=ROOT
    ) as server:
        while not env_file.exists():
            time.sleep(0.05)
        variables = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        environ = {**os.environ, **variables, **(more or {}), "HOME": folder}
        out = subprocess.run(
            [sys.executable, "-c", _TIMER, *command],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        server.terminate()
    if out.returncode:
        raise SystemExit(f"{command[:3]} failed:\n{out.stderr[-2000:]}")
    wall, cpu, peak = json.loads(out.stdout.splitlines()[-1])
    return wall, cpu, peak / 1024


_TIMER = (
    "import json, resource, subprocess, sys, time; t = time.perf_counter();"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
    "print(json.dumps([time.perf_counter() - t, u.ru_utime + u.ru_stime, u.ru_maxrss]))"
)
