"""The command line called in process, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli import main
from qbatch.job import Job, JobState
from qbatch.snapshot import Run, Snapshot
from tests.cli.written import misfits
from tests.emulated import emulating, hurried

BELL = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""

#: One figure in place of one for each number: drawing takes longer than all else of a run.
REPORT = "report: {plots: [{x: shots, y: zz}]}\n"

MANIFEST = f"""\
qbatch: 1
name: pair
circuits:
  bell: bell.qasm
backends:
  sim: {{provider: local, limits: {{workers: 1}}}}
sweep:
  matrix: {{shots: [10, 20, 40]}}
  seed: 1
analysis:
  observables: {{zz: Z0 Z1, z: Z0}}
checks:
  - {{that: zz >= 0.3}}
{REPORT}"""


@dataclass(frozen=True)
class Said:
    """What a call of qbatch left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Said]


@pytest.fixture
def qbatch(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Call:
    """Call the command line in an empty folder and return what it said; JSON fits its schema."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert misfits([*map(str, arguments)], said.out) == []
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A small valid manifest with three points, in the current folder of `qbatch`."""
    (tmp_path / "bell.qasm").write_text(BELL)
    path = tmp_path / "pair.yaml"
    path.write_text(MANIFEST)
    return Path("pair.yaml")


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small manifest was run once, in all of the session; never changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "bell.qasm").write_text(BELL)
    (folder / "pair.yaml").write_text(MANIFEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "pair.yaml"]) == 0
    return folder


@pytest.fixture
def done(finished_run: Path, tmp_path: Path) -> Path:
    """The small manifest, run already, in the current folder of `qbatch`."""
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)
    return Path("pair.yaml")


@pytest.fixture
def set_state(done: Path, tmp_path: Path) -> Callable[..., str]:
    """Put the first point of the finished run into a state; returns its id."""

    def put(state: JobState, error: str = "") -> str:
        folder = tmp_path / "runs" / "pair"
        with Run(folder) as run:
            point = next(iter(run))
        with Snapshot(folder) as snapshot, snapshot.transaction():
            (row,) = snapshot.jobs_of([point.id])
            snapshot.save_jobs([replace(row, job=Job(point.id, state, error=error))])
        return point.id

    return put


# -- two emulated clouds --------------------------------------------------------------------------

Faults = Callable[..., None]

CLOUDS = """\
qbatch: 1
name: clouds
circuits: {bell: bell.qasm}
backends:
  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}
  forte: {provider: open-quantum, target: "ionq:forte-1"}
sweep:
  matrix: {backend: [toshiko, forte]}
  repeat: 2
shots: 100
"""

VENDORS = ("OQC_", "OPENQUANTUM_", "QBATCH_OQC", "QBATCH_OPEN_QUANTUM", "MARQOV", "SCW_", "IBM")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Both clouds, by `qbatch emulate`; the variables of its env file."""
    folder = tmp_path_factory.mktemp("emulated")
    with emulating(folder, "oqc", "open-quantum", "--queue-s", "0.1", "--seed", "1") as found:
        yield found


@pytest.fixture
def no_clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cloud's variable is set, and what is learned stays here."""
    for name in [name for name in os.environ if name.startswith(VENDORS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def clouds(
    served: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    no_clouds: None,
    faults: Faults,
) -> Iterator[dict[str, str]]:
    """The environment of a person who uses the served clouds; pauses are short."""
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    faults()
    with hurried():
        yield served


def origin(served: dict[str, str]) -> str:
    return served["QBATCH_OQC_URL"].rpartition("/")[0]


@pytest.fixture
def faults(served: dict[str, str]) -> Faults:
    """Replace the fault script; without arguments all is well again."""

    def put(**script: Any) -> None:
        body = json.dumps(script).encode()
        request = urllib.request.Request(f"{origin(served)}/-/faults", body, method="PUT")
        with urllib.request.urlopen(request):
            pass

    return put


@pytest.fixture
def ledger(served: dict[str, str]) -> Callable[[], list[dict[str, Any]]]:
    """What the clouds accepted."""

    def read() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{origin(served)}/-/ledger") as reply:
            entries: list[dict[str, Any]] = json.load(reply)
        return entries

    return read


@pytest.fixture
def two_clouds(manifest: Path) -> Path:
    """Two points on each of two clouds."""
    path = manifest.with_name("clouds.yaml")
    path.write_text(CLOUDS)
    return path
