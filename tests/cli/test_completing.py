"""What is offered at Tab, and that nothing heavy is loaded for it: a person waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from qbatch.emulators import MODULES
from qbatch.providers import BUILT_IN
from tests.test_imports import HEAVY

#: What stands on the line -> some of what is offered for its last word.
TYPED = {
    "qbatch stat": ["status"],
    "qbatch help exit": ["exit-codes"],
    "qbatch init --example be": ["bell"],
    "qbatch show pair.yaml shots=2": ["shots=20"],
    "qbatch show runs/pair shots=2": ["shots=20"],
    "qbatch show runs/pair/snapshot.db shots=2": ["shots=20"],
    "qbatch forget pair.yaml shots=1": ["shots=10"],
    "qbatch run pair.yaml -S sho": ["shots="],
    "qbatch run pair.yaml -k s": ["shots="],
    "qbatch plan pair.yaml -k backend=": ["backend=sim"],
    "qbatch show pair.yaml -k b": ["backend="],
    "qbatch show runs/pair -k b": [],
    "qbatch jobs pair.yaml --backend s": ["sim"],
    "qbatch backends --provider o": ["open-quantum", "oqc"],
    "qbatch run bell.qasm --backend o": ["open-quantum", "oqc"],
    "qbatch diff pair.yaml --between s": ["shots"],
    "qbatch diff pair.yaml --between b": ["backend"],
    "qbatch diff pair.yaml pair.yaml --map s": ["sim="],
    "qbatch diff pair.yaml pair.yaml --map sim=": ["sim=sim"],
    "qbatch emulate oq": ["oqc"],
    "qbatch explain backends.NAME.on": ["backends.NAME.on_timeout"],
    "qbatch explain run.no": ["run.notify"],
    "qbatch schema --of qb": ["qbatch.toml"],
    "qbatch schema --of sta": ["status"],
    "qbatch explain options.tk": ["options.tket"],
    "qbatch explain nowhere.at": [],
    "qbatch show absent.yaml x": [],
    "qbatch show bell.qasm x": [],
}

#: The same of circuits, whose text is read for it; no library of circuits is.
OF_CIRCUITS = {
    "qbatch run turned.qasm -p t": ["theta="],
    "qbatch run made.py -p s": ["size="],
    "qbatch run pair.yaml -p t": [],
    "qbatch run absent.qasm -p t": [],
}

TURNED = """OPENQASM 3.0;
include "stdgates.inc";
input angle theta;
qubit q;
bit c;
rx(theta) q;
c = measure q;
"""

#: Completes each line as click does for bash, and tells what was loaded in the end.
SCRIPT = """
import json, sys
from click.shell_completion import ShellComplete
from qbatch.cli import qbatch
found = {}
for line in json.load(sys.stdin):
    *before, last = line.split()[1:]
    items = ShellComplete(qbatch, {}, "qbatch", "_QBATCH_COMPLETE").get_completions(before, last)
    found[line] = [item.value for item in items]
print(json.dumps([found, sorted(sys.modules)]))
"""


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    """A folder with a finished run."""
    assert (tmp_path / done).exists()
    return tmp_path


def completed(lines: Iterable[str], folder: Path) -> tuple[dict[str, list[str]], set[str]]:
    """What is offered in a folder, and the modules that were loaded."""
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([*lines]),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=os.environ,
    )
    found, modules = json.loads(said.stdout)
    return found, set(modules)


def test_tab_offers_what_there_is_and_loads_nothing_heavy(folder: Path) -> None:
    found, modules = completed(TYPED, folder)
    assert {line: found[line] for line in TYPED} == TYPED
    assert modules.isdisjoint({*HEAVY, "starlette", "tabulate"} - {"yaml"})
    assert modules.isdisjoint({"qbatch.manifest.models", "qbatch.snapshot.run", "qbatch.result"})


def test_tab_offers_the_parameters_of_a_circuit(folder: Path) -> None:
    (folder / "turned.qasm").write_text(TURNED)
    (folder / "made.py").write_text("def build(size, depth=2): ...\n")
    found, modules = completed(OF_CIRCUITS, folder)
    assert found == OF_CIRCUITS
    assert modules.isdisjoint({"qiskit", "numpy", "scipy"})


def test_the_clouds_that_are_offered_are_those_that_can_be_emulated() -> None:
    from qbatch.cli.completing import complete_emulated

    offered = complete_emulated(None, None, "")  # type: ignore[arg-type]
    assert {item.value for item in offered} == {*MODULES, "all"}
    assert set(MODULES) < set(BUILT_IN)
