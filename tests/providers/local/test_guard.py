"""A call for many points is held against a plain computation; what disagrees is never reported."""

from __future__ import annotations

import math
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import plain as by_formula
import pytest
from simulating import ANSATZ, HEAD, circuit, order, run, settings

from qbatch.circuit import bind
from qbatch.errors import Refused
from qbatch.manifest.models import Transpile
from qbatch.providers.local import batching, engine, guard, plain, verdicts
from qbatch.providers.local.batching import installed
from qbatch.providers.local.engine import simulate
from qbatch.providers.local.prepare import Prepared, as_written, prepare
from qbatch.providers.local.settings import Settings
from qbatch.providers.local.verdicts import Verdict
from qbatch.providers.local.work import Program, cut, settled

CRY = HEAD + (
    "input float a; qubit[2] q; bit[2] c;\nx q[0]; ry(a) q[1]; cry(a) q[0], q[1];\nc = measure q;\n"
)
#: A table with a wrong row: Aer leaves the angle of cry at 0.
WRONG = frozenset({"ry", "cry"})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
    engine.forget()


def program(text: str, **backend: object) -> Program:
    made = circuit(text)
    return Program(made, settled(made.facts, settings(**backend)))


def AER(**backend: object) -> Settings:  # noqa: N802
    """Settings by which Aer computes: a method that is named is its."""
    noisy = "noise" in backend
    method = "density_matrix" if noisy else "statevector"
    return settings(**{"options": {"method": method}, **backend})


def judged(text: str, points: list[tuple[float, ...]], gates: frozenset[str] | None = None, **more):
    made = program(text, **more)
    return guard.judge(prepare(made, gates), made, points)


NOISE = {"depolarizing": {"one_qubit": 0.02, "two_qubit": 0.05}, "readout": 0.03}
RELAXING = {
    "thermal_relaxation": {
        "t1": 8e-5,
        "t2": 9e-5,
        "gate_time": {"one_qubit": 3e-8, "two_qubit": 3e-7, "measure": 1e-6},
    }
}


@pytest.mark.parametrize(
    "backend",
    [
        {},
        {"noise": NOISE},
        {"noise": RELAXING},
        {"options": {"precision": "single"}},
        {"options": {"statevector": True}},
        {"options": {"method": "density_matrix"}},
        {"transpile": Transpile(optimization_level=3, seed=1)},
        {"transpile": Transpile(optimization_level=2, seed=1), "noise": NOISE},
    ],
    ids=str,
)
@pytest.mark.parametrize("text", [ANSATZ, CRY], ids=["ansatz", "cry"])
def test_what_is_right_is_found_right_and_computed_together(text, backend):
    points = [(0.3, 1.1)[: len(circuit(text).facts.parameters)]]
    assert judged(text, points, **backend) == Verdict(together=True)


def test_what_a_transpiler_synthesises_to_a_fidelity_is_no_wrong_number():
    # Qiskit takes this root for a gate of a simpler kind, which moves P by up to 3e-6.
    text = HEAD + (
        "input angle theta; qubit[4] q; bit c;\n"
        "gate turn(x) a { U(.5, .7, x) a; }\n"
        "gate two a, b { negctrl @ turn(.7) b, a; turn(.5) a; U(arcsin(.3), -1.264, 0) b; }\n"
        "pow(.25) @ two q[2], q[3]; turn(theta) q[0]; two q[0:1], q[3:-1:2];\n"
        "c = measure q[0];\n"
    )
    made = program(text, transpile=Transpile(optimization_level=1, seed=1))
    prepared = prepare(made)
    judged_by = guard.judge(prepared, made, [(1.212,)])
    assert judged_by is not None
    assert judged_by.together
    assert not prepare(program(text)).is_resynthesised


@pytest.mark.parametrize("backend", [{}, {"options": {"statevector": True}}], ids=str)
@pytest.mark.parametrize("points", [[(0.0,)], [(0.0,), (math.pi,)], [(0.4,), (0.9,)]], ids=str)
def test_a_wrong_row_of_the_table_is_found_whatever_points_are_asked_for(points, backend):
    verdict = judged(CRY, points, WRONG, **backend)
    assert verdict is not None
    assert not verdict.together
    assert "circuit 'circuit'" in verdict.warning
    assert verdict.warning.count("cry") == 1
    assert "one by one instead" in verdict.warning


def test_the_run_says_so_and_gives_the_right_numbers(monkeypatch):
    monkeypatch.setitem(batching.PROVEN, installed(), WRONG)
    orders = [order(CRY, k, shots=20_000, a=a) for k, a in enumerate((0.0, 0.5, math.pi / 2))]
    [chunk] = cut(orders, AER())
    for _ in range(2):  # the second time it is known from the disk
        engine.forget()
        answer = simulate(chunk)
        assert not answer.errors
        assert "cry" in answer.facts["warning"]
        for one, found in run(orders, AER()).items():
            a = next(each.parameters["a"] for each in orders if each.id == one)
            ones = sum(n for key, n in found.to_dict().items() if key[0] == "1")
            assert ones / 20_000 == pytest.approx(math.sin(a) ** 2, abs=0.02)


def test_what_is_said_does_not_depend_on_the_points_that_a_worker_has():
    told = {judged(CRY, points, WRONG) for points in ([(0.0,)], [(0.4,), (0.9,)], [(2.5,)])}
    assert len(told) == 1
    [verdict] = told
    assert verdict is not None
    assert "P(" in verdict.warning


def test_what_disagrees_both_ways_is_never_reported():
    from dataclasses import replace

    made = program(CRY)
    ready = prepare(made, WRONG)
    zero = ready.circuit.assign_parameters({ready.circuit.parameters[0]: 0.0})
    with pytest.raises(Refused, match=r"no number is given"):
        guard.judge(replace(ready, circuit=zero), made, [(0.4,)])


ROOT = CRY.replace("(a)", "(sqrt(a - 2))")


@pytest.mark.parametrize("points", [[1.3, 3.0], [1.3, 1.4, 3.0]], ids=str)
def test_a_point_without_angles_hides_no_wrong_row(points, monkeypatch):
    monkeypatch.setitem(batching.PROVEN, installed(), WRONG)
    [chunk] = cut([order(ROOT, k, a=a) for k, a in enumerate(points)], AER())
    answer = simulate(chunk)
    assert len(answer.errors) == len(points) - 1
    assert "at a = 3 P(" in answer.facts["warning"]
    assert "gate: cry;" in answer.facts["warning"]


def test_a_circuit_that_had_no_angles_yet_is_looked_at_where_it_has(monkeypatch):
    monkeypatch.setitem(batching.PROVEN, installed(), WRONG)
    [first] = cut([order(ROOT, 1, a=1.3)], AER())
    [later] = cut([order(ROOT, 2, a=3.0)], AER())
    assert "warning" not in simulate(first).facts
    assert "gate: cry;" in simulate(later).facts["warning"]


def test_nothing_is_said_where_nothing_is_wrong():
    [chunk] = cut([order(ANSATZ, k, a=0.1 * k, b=0.7) for k in range(4)], AER())
    assert "warning" not in simulate(chunk).facts


# -- the verdict on disk ---------------------------------------------------------------------------


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """Programs that the guard computes a point of."""
    seen: list[Program] = []
    judge = guard.judge

    def counted(prepared: Prepared, program: Program, points: object) -> Verdict | None:
        seen.append(program)
        return judge(prepared, program, points)

    monkeypatch.setattr(guard, "judge", counted)
    return seen


def again(text: str = ANSATZ, **backend: object) -> None:
    engine.forget()
    names = circuit(text).facts.parameters
    run([order(text, 1, **dict.fromkeys(names, 0.4))], AER(**backend))


def test_a_circuit_is_looked_at_once_for_each_target(monkeypatch):
    seen = looked_at(monkeypatch)
    for _ in range(3):
        again()
    assert len(seen) == 1
    again(noise=NOISE)
    assert len(seen) == 2


def test_other_versions_are_looked_at_anew(monkeypatch):
    seen = looked_at(monkeypatch)
    again()
    monkeypatch.setattr(verdicts, "READER", -1)
    again()
    assert len(seen) == 2


@pytest.mark.parametrize("harm", ["torn", "changed", "unwritable", "gone"])
def test_a_cache_in_disorder_only_costs_another_look(harm, monkeypatch, tmp_path):
    seen = looked_at(monkeypatch)
    if harm == "unwritable":
        (tmp_path / "cache").write_text("a file where the folder should be")
    again()
    for file in (tmp_path / "cache").glob("checked-*/*/*.json"):
        text = file.read_text()
        if harm == "torn":
            file.write_text(text[: len(text) // 2])
        elif harm == "changed":
            file.write_text(text.replace("true", "false"))
        else:
            file.unlink()
    again()
    assert len(seen) == 2


# -- what it is held against -----------------------------------------------------------------------


def test_the_plain_computation_agrees_with_formulas():
    rng = np.random.default_rng(5)
    body, wanted = "", []
    for _ in range(30):
        name = str(rng.choice(["rx", "ry", "rz", "p", "cp", "crx", "cry", "crz", "ccx", "ch"]))
        if name in by_formula.TURNING:
            angle = float(rng.uniform(-3, 3))
            matrix, written = by_formula.TURNING[name][1](angle), f"{name}({angle!r})"
        else:
            matrix, written = by_formula.FIXED[name], name
        on = rng.permutation(4)[: len(matrix).bit_length() - 1].tolist()
        body += f"{written} {', '.join(f'q[{k}]' for k in on)};\n"
        wanted.append((matrix, on))
    made = bind(circuit(HEAD + "qubit[4] q;\n" + body), {})
    state = by_formula.run(4, wanted)
    assert plain.final_state(made) == pytest.approx(state, abs=1e-12)
    cube = (np.abs(state) ** 2).reshape(2, 2, 2, 2)  # axes: qubits 3, 2, 1, 0
    found = plain.distribution(made, [2, 0], mixed=False).reshape(2, 2)  # axes: qubits 0, 2
    assert found == pytest.approx(cube.sum(axis=(0, 2)).T, abs=1e-12)


def test_the_plain_density_matrix_agrees_with_the_closed_form():
    text = HEAD + "qubit[2] q; bit[2] c;\nh q[0]; cx q[0], q[1];\nc = measure q;\n"
    noise = {"depolarizing": {"one_qubit": 0.1, "two_qubit": 0.2}}
    noisy = as_written(program(text, noise=noise))
    found = plain.distribution(noisy, [0, 1], mixed=True)
    assert found == pytest.approx([0.45, 0.05, 0.05, 0.45], abs=1e-12)


def test_a_wait_of_twenty_lifetimes_is_no_disagreement() -> None:
    text = HEAD + (
        "input float a; qubit[1] q; bit[1] c;\nx q[0]; delay[393us] q[0]; rx(a) q[0];\n"
        "c = measure q;\n"
    )
    noise = {
        "depolarizing": {"one_qubit": 0.02},
        "thermal_relaxation": {"t1": 2e-5, "t2": 1.5e-5},
    }
    assert judged(text, [(1.3,), (0.2,)], noise=noise) == Verdict(together=True)


def test_equal_channels_of_a_bound_circuit_are_worked_out_once(monkeypatch) -> None:
    noisy = as_written(program(ANSATZ, noise={**NOISE, **RELAXING}))
    values = np.random.default_rng(4).uniform(-3, 3, len(noisy.parameters))
    bound = noisy.assign_parameters(values.tolist())
    told = [item.operation for item in bound.data if item.operation.name in plain.CHANNELS]
    different = {plain.superoperator(each).data.tobytes() for each in told}
    made, whole = [], plain.superoperator
    monkeypatch.setattr(plain, "superoperator", lambda each: made.append(each) or whole(each))
    plain.distribution(bound, [0, 1], mixed=True)
    assert len(made) == len(different) < len(told)


CHANGES = [
    ("fused/stages.py", b"Y = 2\n"),
    ("fused/new.py", b""),
    ("prepare.py", b"X = 2\n"),
    ("fused/__pycache__/stages.pyc", None),
    ("fused/notes.txt", None),
]


@pytest.mark.parametrize(("name", "content"), CHANGES)
def test_a_verdict_is_of_the_code_that_was_looked_at(name, content, tmp_path, monkeypatch):
    """None: no code, so that the verdict holds."""
    package = tmp_path / "computing_in_test"
    (package / "fused" / "__pycache__").mkdir(parents=True)
    for file, text in (("__init__.py", ""), ("prepare.py", "X = 1"), ("fused/stages.py", "Y = 1")):
        (package / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    monkeypatch.setattr(verdicts, "PACKAGES", (package.name,))
    verdicts.code_of.cache_clear()
    key = verdicts.key_of("program", ())
    verdicts.keep(key, Verdict(together=True))
    verdicts.code_of.cache_clear()
    assert verdicts.read(verdicts.key_of("program", ())) == Verdict(together=True)
    (package / name).write_bytes(content if content is not None else b"other")
    verdicts.code_of.cache_clear()
    assert (verdicts.key_of("program", ()) == key) is (content is None)


def test_the_code_that_verdicts_are_of_is_that_which_computes():
    local = Path(batching.__file__).parent
    computing = ["exact.py", "prepare.py", "tableau.py", "fused/stages.py", "stabilizers/draws.py"]
    names = {name for package in verdicts.PACKAGES for name, _ in sources(package)}
    assert all((local / name).is_file() for name in computing)
    assert {f"qbatch.providers.local/{name}" for name in computing} <= names
    assert "qbatch.circuit/to_qiskit.py" in names


def sources(package: str):
    return verdicts._sources(files(package), package)
