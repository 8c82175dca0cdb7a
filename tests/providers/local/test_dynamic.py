"""Circuits that act on what they measured, held against a walk through all their branches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plain as by_formula
import pytest
from simulating import HEAD, counts, order, settings

from qbatch.manifest.models import Transpile

FIXED = by_formula.FIXED
SHOTS = 2000

#: A program: ("h", 0), ("ry", angle, qubit), ("measure", qubit, bit), ("reset", qubit),
#: ("if", {bit: value, …}, then, otherwise).
Steps = Sequence[Any]


def written(steps: Steps) -> str:
    lines = []
    for step in steps:
        name, *rest = step
        if name == "measure":
            lines.append(f"c[{rest[1]}] = measure q[{rest[0]}];")
        elif name == "if":
            condition = " && ".join(f"c[{bit}] == {value}" for bit, value in rest[0].items())
            body = f"if ({condition}) {{ {written(rest[1])} }}"
            lines.append(body + (f" else {{ {written(rest[2])} }}" if rest[2] else ""))
        elif name == "reset":
            lines.append(f"reset q[{rest[0]}];")
        elif name in by_formula.TURNING:
            lines.append(f"{name}({rest[0]}) {', '.join(f'q[{q}]' for q in rest[1:])};")
        else:
            lines.append(f"{name} {', '.join(f'q[{q}]' for q in rest)};")
    return " ".join(lines)


Branch = tuple[np.ndarray, tuple[int, ...]]


def branches(steps: Steps, at: Branch, flip: float = 0.0) -> list[Branch]:
    """All ends, each an unnormalised state and its bits; misread bits split a branch again."""
    found = [at]
    for step in steps:
        found = [end for one in found for end in _after(step, one, flip)]
    return found


def _after(step: Any, at: Branch, flip: float) -> list[Branch]:
    state, bits = at
    name, *rest = step
    if name == "measure":
        qubit, bit = rest
        ends = []
        for true in (0, 1):
            projected = _projected(state, qubit, true)
            for read, share in ((true, 1 - flip), (1 - true, flip)):
                if share and np.vdot(projected, projected).real > 1e-14:
                    ends.append((projected * share**0.5, (*bits[:bit], read, *bits[bit + 1 :])))
        return ends
    if name == "reset":
        one = by_formula.apply(_projected(state, rest[0], 1), FIXED["x"], [rest[0]])
        return [(_projected(state, rest[0], 0), bits), (one, bits)]
    if name == "if":
        taken = all(bits[bit] == value for bit, value in rest[0].items())
        return branches(rest[1] if taken else rest[2], at, flip)
    if name in by_formula.TURNING:
        return [(by_formula.apply(state, by_formula.TURNING[name][1](rest[0]), rest[1:]), bits)]
    return [(by_formula.apply(state, FIXED[name], rest), bits)]


def _projected(state: np.ndarray, qubit: int, value: int) -> np.ndarray:
    kept = state.copy()
    kept.reshape(-1, 2, 1 << qubit)[:, 1 - value] = 0
    return kept


def distribution(steps: Steps, qubits: int, bits: int, flip: float = 0.0) -> dict[str, float]:
    found: dict[str, float] = {}
    for state, read in branches(steps, (by_formula.start(qubits), (0,) * bits), flip):
        key = "".join(map(str, reversed(read)))
        found[key] = found.get(key, 0.0) + float(np.vdot(state, state).real)
    return {key: p for key, p in found.items() if p > 1e-12}


#: Name -> (qubits, bits, steps). Those in CLIFFORD hold gates that a tableau takes.
PROGRAMS: dict[str, tuple[int, int, Steps]] = {
    "the same bit twice": (1, 1, [("h", 0), ("measure", 0, 0), ("h", 0), ("measure", 0, 0)]),
    "reset between": (
        2,
        2,
        [("h", 0), ("cx", 0, 1), ("reset", 0), ("measure", 0, 0), ("measure", 1, 1)],
    ),
    "feed forward": (
        3,
        3,
        [
            ("h", 0),
            ("measure", 0, 2),
            ("if", {2: 1}, [("x", 1)], [("h", 1)]),
            ("measure", 1, 0),
            ("if", {0: 1}, [("if", {2: 0}, [("x", 2)], [])], []),
            ("measure", 2, 1),
        ],
    ),
    "nested": (
        3,
        3,
        [
            ("h", 0),
            ("h", 1),
            ("measure", 0, 0),
            ("measure", 1, 1),
            ("if", {0: 1}, [("if", {1: 0}, [("x", 2)], [("h", 2)])], [("reset", 1), ("h", 1)]),
            ("measure", 2, 2),
            ("measure", 1, 1),
        ],
    ),
    "measured in a branch": (
        2,
        3,
        [
            ("h", 0),
            ("measure", 0, 0),
            ("if", {0: 1}, [("h", 1), ("measure", 1, 1)], []),
            ("if", {1: 1}, [("x", 0)], []),
            ("measure", 0, 2),
        ],
    ),
    "turned": (
        2,
        2,
        [
            ("ry", 0.9, 0),
            ("measure", 0, 1),
            ("if", {1: 1}, [("crx", 1.3, 0, 1)], [("ry", 0.4, 1)]),
            ("cp", 0.7, 1, 0),
            ("measure", 1, 0),
        ],
    ),
    "a qubit that nobody uses": (
        4,
        2,
        [("h", 3), ("measure", 3, 0), ("if", {0: 1}, [("x", 1)], []), ("measure", 1, 1)],
    ),
}
CLIFFORD = [name for name in PROGRAMS if name != "turned"]
#: Methods, and the levels of transpiling beside 0 that are tried each day.
EVERYDAY = [("statevector", 0), ("statevector", 2), ("matrix_product_state", 0), ("stabilizer", 0)]
THOROUGH = [
    (method, level)
    for method in ("statevector", "density_matrix", "matrix_product_state", "stabilizer")
    for level in range(4)
    if (method, level) not in EVERYDAY
]


def text_of(name: str) -> str:
    qubits, bits, steps = PROGRAMS[name]
    return f"{HEAD}qubit[{qubits}] q; bit[{bits}] c;\n{written(steps)}\n"


def holds(name: str, flip: float = 0.0, **backend: Any) -> None:
    """See that frequencies are within five standard errors: false alarms below 1 in 10^5."""
    wanted = distribution(PROGRAMS[name][2], *PROGRAMS[name][:2], flip)
    one = order(text_of(name), 7, shots=SHOTS)
    found = counts(one, settings(**backend)).to_dict()
    assert found.keys() <= wanted.keys()
    for key, p in wanted.items():
        error = 5 * math.sqrt(max(0.0, p * (1 - p)) / SHOTS) + 1e-9
        assert found.get(key, 0) / SHOTS == pytest.approx(p, abs=error), key


def _holds_by(name: str, method: str, level: int) -> None:
    if method != "stabilizer" or name in CLIFFORD:
        backend: dict[str, Any] = {"options": {"method": method}}
        if level:
            backend["transpile"] = Transpile(optimization_level=level, seed=2)
        holds(name, **backend)


@pytest.mark.parametrize(("method", "level"), EVERYDAY)
@pytest.mark.parametrize("name", PROGRAMS)
def test_counts_are_those_of_all_branches(name, method, level):
    _holds_by(name, method, level)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "level"), THOROUGH)
@pytest.mark.parametrize("name", PROGRAMS)
def test_counts_are_those_of_all_branches_by_every_method_and_level(name, method, level):
    _holds_by(name, method, level)


@pytest.mark.parametrize("name", ["feed forward", "nested", "measured in a branch"])
@pytest.mark.parametrize("method", ["statevector", "stabilizer"])
def test_conditions_see_the_misread_bit(name, method):
    holds(name, 0.2, options={"method": method}, noise={"readout": 0.2})


@pytest.mark.parametrize("name", ["the same bit twice", "reset between"])
def test_stim_measures_and_resets_alike(name):
    pytest.importorskip("stim")
    holds(name, options={"method": "stim"})
    holds(name, 0.2, options={"method": "stim"}, noise={"readout": 0.2})


def test_a_gate_in_a_branch_is_as_noisy_as_any():
    text = HEAD + (
        "qubit[2] q; bit[2] c;\nx q[0]; c[0] = measure q[0];\n"
        "if (c[0]) { x q[1]; }\nc[1] = measure q[1];\n"
    )
    noise = {"depolarizing": {"one_qubit": 0.4}}
    found = counts(order(text, 1, shots=SHOTS), settings(noise=noise)).to_dict()
    wanted = {"11": 0.8 * 0.8, "01": 0.8 * 0.2, "00": 0.2}
    for key, p in wanted.items():
        assert found[key] / SHOTS == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / SHOTS))


@pytest.mark.parametrize("method", ["statevector", "matrix_product_state", "stabilizer"])
def test_bits_beyond_the_sixty_fourth_stand_where_they_belong(method):
    text = HEAD + (
        "qubit[2] q; bit[70] c;\nx q[0]; c[69] = measure q[0]; c[3] = measure q[0];\n"
        "if (c[69]) { x q[1]; }\nc[66] = measure q[1];\n"
    )
    found = counts(order(text, 1, shots=3), settings(options={"method": method})).to_dict()
    wanted = ["0"] * 70
    for bit in (69, 66, 3):
        wanted[69 - bit] = "1"
    assert found == {"".join(wanted): 3}


def test_a_loop_ends_when_its_bit_says_so():
    text = HEAD + (
        "qubit[1] q; bit[1] c;\nx q[0]; c[0] = measure q[0];\n"
        "while (c[0]) { h q[0]; c[0] = measure q[0]; }\n"
    )
    for method in ("statevector", "stabilizer"):
        found = counts(order(text, 1, shots=200), settings(options={"method": method}))
        assert found.to_dict() == {"0": 200}


def test_registers_are_compared_from_their_first_bit():
    text = HEAD + (
        "qubit[3] q; bit[2] a; bit[3] b; bit r;\n"
        "x q[1]; b[0] = measure q[0]; b[1] = measure q[1];\n"
        "if (b == 2) { x q[2]; }\nr = measure q[2];\n"
    )
    assert counts(order(text, 1, shots=5), settings()).to_dict() == {"1 010 00": 5}
