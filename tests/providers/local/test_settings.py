from __future__ import annotations

import json
import subprocess
import sys

import pytest
from simulating import settings

from qbatch.errors import Refused
from qbatch.manifest.models import Backend, Transpile
from qbatch.providers.local import validate_settings

WRONG = [
    ({"options": {"methd": "x"}}, ("options", "methd"), "did you mean 'method'?"),
    ({"options": {"method": "statvector"}}, ("options", "method"), "did you mean 'statevector'?"),
    ({"options": {"precision": 2}}, ("options", "precision"), "none of double, single"),
    ({"options": {"device": "TPU"}}, ("options", "device"), "none of CPU, GPU"),
    ({"options": {"statevector": 1}}, ("options", "statevector"), "neither true nor false"),
    (
        {"options": {"matrix_product_state_max_bond_dimension": 8}},
        ("options",),
        "only matters with method: matrix_product_state",
    ),
    (
        {"options": {"method": "stabilizer", "precision": "single"}},
        ("options",),
        "precision: single is unknown to method: stabilizer",
    ),
    ({"options": {"method": "tensor_network"}}, ("options",), "needs device: GPU"),
    ({"noise": {"depolarising": {}}}, ("noise", "depolarising"), "did you mean 'depolarizing'?"),
    ({"noise": {"depolarizing": 0.1}}, ("noise", "depolarizing"), "is no map"),
    (
        {"noise": {"depolarizing": {"one_qubit": 1.5}}},
        ("noise", "depolarizing", "one_qubit"),
        "1.5 is too large; write 1",
    ),
    (
        {"noise": {"depolarizing": {"onequbit": 0.1}}},
        ("noise", "depolarizing", "onequbit"),
        "did you mean 'one_qubit'?",
    ),
    ({"noise": {"readout": 2}}, ("noise", "readout"), "2 is no probability"),
    ({"noise": {"readout": {"p10": -1.0}}}, ("noise", "readout", "p10"), "write 0"),
    (
        {"noise": {"thermal_relaxation": {"t1": 1e-4}}},
        ("noise", "thermal_relaxation", "t2"),
        "t2 is missing",
    ),
    (
        {"noise": {"thermal_relaxation": {"t1": 1e-4, "t2": 3e-4}}},
        ("noise", "thermal_relaxation"),
        "physics wants t2 <= 2 t1",
    ),
    (
        {"noise": {"calibration": "a.json", "readout": 0.1}},
        ("noise",),
        "calibration says all there is to say; remove readout",
    ),
    (
        {"noise": {"readout": 0.1}, "options": {"statevector": True}},
        ("options", "statevector"),
        "a noisy backend has no final state",
    ),
    (
        {"noise": {"readout": {"p01": 0.1}}, "options": {"method": "stim"}},
        ("noise",),
        "stim knows depolarizing and symmetric readout only",
    ),
    (
        {
            "noise": {"thermal_relaxation": {"t1": 1.0, "t2": 1.5}},
            "options": {"method": "stabilizer"},
        },
        ("options", "method"),
        "t2 <= t1 only",
    ),
    (
        {"transpile": Transpile(optimization_level=1), "options": {"method": "stim"}},
        ("options", "method"),
        "stim takes circuits as written",
    ),
    ({"target": "big"}, ("target",), "the local simulator has no targets"),
    (
        {"transpile": Transpile(optimization_level=1), "options": {"statevector": True}},
        ("options", "statevector"),
        "transpiling may permute",
    ),
]


@pytest.mark.parametrize(("backend", "loc", "problem"), WRONG, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_at_its_place_with_its_remedy(backend, loc, problem):
    [(found_loc, found)] = validate_settings(Backend(provider="local", **backend))
    assert found_loc == loc
    assert problem in found


def test_all_mistakes_are_told_at_once():
    backend = Backend(
        provider="local", options={"methd": 1, "precision": "half"}, noise={"readout": 3}
    )
    assert len(validate_settings(backend)) == 3


def test_wrong_settings_never_make_a_driver():
    with pytest.raises(Refused, match="options\\.method"):
        settings(options={"method": "guess"})


def test_a_single_readout_number_misreads_both_ways():
    noise = settings(noise={"readout": 0.02}).noise
    assert noise is not None
    assert (noise.readout_of(0).p01, noise.readout_of(0).p10) == (0.02, 0.02)


CALIBRATION = {
    "qubits": [{"t1": 1e-4, "t2": 8e-5, "readout": {"p01": 0.02, "p10": 0.01}}, {"readout": 0.05}],
    "gates": [{"gate": "cx", "qubits": [0, 1], "error": 0.01}, {"gate": "h"}],
}


def test_a_calibration_file_is_read(tmp_path):
    (tmp_path / "device.json").write_text(json.dumps(CALIBRATION))
    noise = settings(tmp_path, noise={"calibration": "device.json"}).noise
    assert noise.num_qubits == 2
    assert noise.readout_of(1).p10 == 0.05
    assert noise.calibration.gate("cx", (1, 0)).error == 0.01
    assert noise.calibration.gate("x", (0,)) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "EOF"),
        ('{"qubits": []}', "qubits: [] is empty"),
        ('{"qubits": [{"T1": 1}]}', "qubits.0.T1: unknown key"),
        ('{"qubits": [{"t1": 1, "t2": 3}]}', "qubits.0: t2 is 3 s"),
        ('{"qubits": [{}], "gates": [{"gate": "h", "qubits": [3]}]}', "qubit 3 of gate h does not"),
        ('{"qubits": [{}], "gates": [{"error": 0.1}]}', "neither a gate nor qubits"),
        ('{"qubits": [{}], "gates": [{"gate": "h", "error": 0.1, "depolarizing": 0.1}]}', "twice"),
    ],
)
def test_a_wrong_calibration_file_is_refused_with_its_place(tmp_path, text, problem):
    (tmp_path / "device.json").write_text(text)
    backend = Backend(provider="local", noise={"calibration": "device.json"})
    [(loc, found)] = validate_settings(backend, tmp_path)
    assert loc == ("noise", "calibration")
    assert problem in found


@pytest.mark.parametrize("file", ["missing.json", "../outside.json"])
def test_a_calibration_file_must_be_there_and_within_the_folder(tmp_path, file):
    backend = Backend(provider="local", noise={"calibration": file})
    [(loc, found)] = validate_settings(backend, tmp_path)
    assert loc == ("noise", "calibration")
    assert file in found


def test_settings_are_checked_and_planned_with_nothing_heavy_loaded():
    code = """if True:
    import sys
    from pathlib import Path
    from qbatch.manifest.models import Backend
    from qbatch.providers import open_driver
    from qbatch.providers.local import validate_settings
    backend = Backend(provider="local", noise={"readout": 0.1})
    assert validate_settings(backend, Path()) == []
    driver = open_driver(backend, name="b", folder=Path())
    try:
        driver.describe().send(None)
    except StopIteration as described:
        assert described.value.name == "aer:automatic"
    heavy = {"numpy", "qiskit", "qiskit_aer", "trio", "httpx", "matplotlib"} & sys.modules.keys()
    assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_calibration_that_no_tableau_knows_is_refused_for_stabilizer(tmp_path) -> None:
    lifetimes = {"t1": 5e-5, "t2": 9e-5}
    (tmp_path / "c.json").write_text(json.dumps({"qubits": [lifetimes]}))
    backend = Backend(
        provider="local", options={"method": "stabilizer"}, noise={"calibration": "c.json"}
    )
    ((place, told),) = validate_settings(backend, tmp_path)
    assert place == ("options", "method")
    assert "t2 <= t1 only" in told
