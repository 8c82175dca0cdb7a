"""Unitaries of generated OpenQASM 3 programs, computed beside the product by numpy alone.

Matrices are written from the language's chapter on gates and ``stdgates.inc``; qubit 0 is the
lowest bit of an index. Nothing here imports qbatch or Qiskit.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import numpy as np


def u_matrix(theta, phi, lam):
    e = np.exp
    return 0.5 * np.array(
        [
            [1 + e(1j * theta), -1j * e(1j * lam) * (1 - e(1j * theta))],
            [1j * e(1j * phi) * (1 - e(1j * theta)), e(1j * (phi + lam)) * (1 + e(1j * theta))],
        ]
    )


def phase(gamma, matrix):
    return np.exp(1j * gamma) * matrix


def controlled(matrix, value=1):
    """One more qubit, which becomes qubit 0."""
    full = np.eye(2 * len(matrix), dtype=complex)
    full[value::2, value::2] = matrix
    return full


def p_matrix(lam):
    return np.diag([1, np.exp(1j * lam)])


X = np.array([[0, 1], [1, 0]], dtype=complex)
SWAP = np.eye(4, dtype=complex)[[0, 2, 1, 3]]

ONE = {
    "U": (3, u_matrix),
    "p": (1, p_matrix),
    "phase": (1, p_matrix),
    "u1": (1, p_matrix),
    "u2": (2, lambda f, m: phase(-(f + m + math.pi / 2) / 2, u_matrix(math.pi / 2, f, m))),
    "u3": (3, lambda t, f, m: phase(-(t + f + m) / 2, u_matrix(t, f, m))),
    "rx": (1, lambda t: phase(-t / 2, u_matrix(t, -math.pi / 2, math.pi / 2))),
    "ry": (1, lambda t: phase(-t / 2, u_matrix(t, 0, 0))),
    "rz": (1, lambda t: phase(-t / 2, u_matrix(0, 0, t))),
    "x": (0, lambda: X),
    "y": (0, lambda: np.array([[0, -1j], [1j, 0]])),
    "z": (0, lambda: p_matrix(math.pi)),
    "h": (0, lambda: np.array([[1, 1], [1, -1]], dtype=complex) / math.sqrt(2)),
    "s": (0, lambda: p_matrix(math.pi / 2)),
    "sdg": (0, lambda: p_matrix(-math.pi / 2)),
    "t": (0, lambda: p_matrix(math.pi / 4)),
    "tdg": (0, lambda: p_matrix(-math.pi / 4)),
    "sx": (0, lambda: np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2),
    "id": (0, lambda: np.eye(2, dtype=complex)),
}

#: Gate -> angles, qubits, its matrix from its angles.
GATES = {name: (angles, 1, make) for name, (angles, make) in ONE.items()}
for name, base in {"cx": "x", "CX": "x", "cy": "y", "cz": "z", "ch": "h", "cp": "p", "cphase": "p",
                   "crx": "rx", "cry": "ry", "crz": "rz"}.items():  # fmt: skip
    angles, make = ONE[base]
    GATES[name] = (angles, 2, lambda *a, make=make: controlled(make(*a)))
GATES["cu"] = (4, 2, lambda t, f, m, g: controlled(phase(g - t / 2, u_matrix(t, f, m))))
GATES["swap"] = (0, 2, lambda: SWAP)
GATES["cswap"] = (0, 3, lambda: controlled(SWAP))
GATES["ccx"] = (0, 3, lambda: controlled(controlled(X)))
GATES["gphase"] = (1, 0, lambda g: np.array([[np.exp(1j * g)]]))

BUILTIN = {"U": GATES["U"], "gphase": GATES["gphase"]}


class NearCut(Exception):
    """An eigenvalue so near −1 that rounding chooses its root."""


def power(matrix, exponent):
    """The principal power: phases of eigenvalues between −π and π, that of −1 being π."""
    if float(exponent).is_integer():
        return np.linalg.matrix_power(
            matrix if exponent >= 0 else matrix.conj().T, abs(int(exponent))
        )
    values, vectors = np.linalg.eig(matrix)
    phases = np.angle(values)
    if any(1e-12 < abs(math.pi - abs(p)) < 1e-5 for p in phases):
        raise NearCut
    phases[phases < -math.pi + 1e-8] = math.pi
    return vectors @ np.diag(np.exp(1j * exponent * phases)) @ np.linalg.inv(vectors)


@dataclass
class Call:
    name: str
    params: list[str]
    qubits: list[int]
    modifiers: list[tuple[str, float]] = field(default_factory=list)

    def text(self, names):
        mods = "".join(
            f"{kind}{'' if kind == 'inv' else f'({arg})'} @ " for kind, arg in self.modifiers
        )
        angles = f"({', '.join(self.params)})" if self.params else ""
        return f"{mods}{self.name}{angles} {', '.join(names[q] for q in self.qubits)};"


@dataclass
class Own:
    name: str
    params: list[str]
    num_qubits: int
    body: list[Call | None]  # None: a barrier

    def text(self):
        names = [f"q{n}" for n in range(self.num_qubits)]
        body = " ".join("barrier q0;" if c is None else c.text(names) for c in self.body)
        angles = f"({', '.join(self.params)})" if self.params else ""
        return f"gate {self.name}{angles} {', '.join(names)} {{ {body} }}"


@dataclass
class Generated:
    """A program; `matrix` for values of its inputs."""

    library: bool
    inputs: list[str]
    own: dict[str, Own]
    num_qubits: int
    body: list[Call]
    version: str = "3.0"

    def text(self):
        names = [f"q[{n}]" for n in range(self.num_qubits)]
        file = {"2.0": "qelib1.inc", "3.0": "stdgates.inc"}[self.version]
        lines = [f"OPENQASM {self.version};", *[f'include "{file}";'] * self.library]
        lines += [own.text() for own in self.own.values()]
        lines += [f"input float {name};" for name in self.inputs]
        size = self.num_qubits
        lines += [f"qreg q[{size}];" if self.version == "2.0" else f"qubit[{size}] q;"]
        lines += [call.text(names) for call in self.body]
        return "\n".join(lines)

    def matrix(self, values):
        return self._product(self.body, values, self.num_qubits)

    def _product(self, calls, values, num_qubits):
        total = np.eye(2**num_qubits, dtype=complex)
        for call in calls:
            if call is not None:
                total = placed(self._call(call, values), call.qubits, num_qubits) @ total
        return total

    def _call(self, call, values):
        angles = [eval(p, {**vars(math), **values}) for p in call.params]
        if call.name in self.own:
            own = self.own[call.name]
            inner = dict(zip(own.params, angles, strict=True))
            matrix = self._product(own.body, inner, own.num_qubits)
        else:
            matrix = GATES[call.name][2](*angles)
        for kind, argument in reversed(call.modifiers):
            if kind == "inv":
                matrix = matrix.conj().T
            elif kind == "pow":
                matrix = power(matrix, argument)
            else:
                for _ in range(argument):
                    matrix = controlled(matrix, int(kind == "ctrl"))
        return matrix


def placed(matrix, qubits, num_qubits):
    """A gate's matrix on some of many qubits."""
    size = 2**num_qubits
    full = np.zeros((size, size), dtype=complex)
    for column in range(size):
        inner = sum((column >> q & 1) << k for k, q in enumerate(qubits))
        rest = column & ~sum(1 << q for q in qubits)
        for row in range(len(matrix)):
            full[rest | sum((row >> k & 1) << q for k, q in enumerate(qubits)), column] += matrix[
                row, inner
            ]
    return full


#: Names that Qiskit or a simulator knows, for gates that are something else.
KNOWN_NAMES = ["rzz", "mcx", "initialize", "kraus", "unitary", "save_state", "if_else", "u", "cu1",
               "cu3", "c3x", "rccx", "csx", "ecr", "iswap", "sxdg", "mcphase", "u0", "r",
               "snapshot", "pauli", "diagonal", "roerror", "multiplexer", "a0", "p0"]  # fmt: skip


#: Gates of OpenQASM 2's paper, and names that a program may define beside them.
OLD = ["u3", "u2", "u1", "cx", "id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz",
       "cz", "cy", "ch", "ccx", "crz"]  # fmt: skip
OLD_NAMES = ["swap", "cswap", "p", "cp", "cu", "sx", "crx", "cry", "rxx", "phase", "gate1"]


class Generator:
    """Makes random programs."""

    def __init__(self, seed, *, num_qubits=4, version="3.0"):
        self.random = random.Random(seed)
        self.num_qubits = num_qubits
        self.version = version

    def _known(self, library):
        if self.version == "3.0":
            return GATES if library else BUILTIN
        return {name: GATES[name] for name in ["U", "CX", *OLD * library]}

    def program(self):
        pick = self.random
        library = pick.random() < 0.7
        is_new = self.version == "3.0"
        inputs = pick.sample(["a", "theta", "c"], pick.randint(0, 2)) if is_new else []
        sizes = {name: spec[:2] for name, spec in self._known(library).items()}
        others = [g for g in (GATES if is_new else OLD) if g not in {*sizes, "gphase"}]
        names = KNOWN_NAMES + (others if not library else []) + ([] if is_new else OLD_NAMES)
        names = [n for n in names if is_new or n not in ("cu1", "cu3")]  # of the paper's library
        own = {}
        for name in pick.sample(names, pick.randint(1, 4)):
            params = pick.sample(["b", "a", "theta", "p0", "x1"], pick.randint(0, 2))
            qubits = pick.randint(1, 3)
            body = [
                None if pick.random() < 0.1 else self._call(sizes, own, params, qubits)
                for _ in range(pick.choice([1, 1, 2, 3]))
            ]
            own[name] = Own(name, params, qubits, body)
            sizes[name] = (len(params), qubits)
        body = [
            self._call(sizes, own, inputs, self.num_qubits, own_first=True)
            for _ in range(pick.randint(1, 4))
        ]
        return Generated(library, inputs, own, self.num_qubits, body, self.version)

    def _call(self, sizes, own, names, num_qubits, own_first=False):
        pick = self.random
        while True:
            name = pick.choice([*(own if own_first and own else sizes), *sizes])
            angles, qubits = sizes[name]
            if qubits <= num_qubits:
                break
        modifiers, free = [], num_qubits - qubits
        is_free = bool(names) and angles > 0
        for _ in range(pick.choice([0, 1, 1, 2, 3]) if self.version == "3.0" else 0):
            kind = pick.choice(["ctrl", "negctrl", "inv", "pow"])
            if kind.endswith("ctrl"):
                if free:
                    count = pick.randint(1, min(free, 2))
                    modifiers.append((kind, count))
                    free -= count
            elif kind == "inv":
                modifiers.append((kind, 1))
            else:
                fraction = not (is_free and not self._has_roots(name))
                modifiers.append((kind, pick.choice([0.5, -0.25, 1.5, 2, -1] if fraction
                                                    else [2, 3, -1, -2, 0])))  # fmt: skip
        total = qubits + sum(int(arg) for kind, arg in modifiers if kind.endswith("ctrl"))
        if total == 0:
            modifiers, total = [("ctrl", 1)], 1
        params = [self._angle(names) for _ in range(angles)]
        return Call(name, params, pick.sample(range(num_qubits), total), modifiers)

    def _has_roots(self, name):
        return name in {"p", "phase", "u1", "rx", "ry", "rz", "cp", "cphase", "crx", "cry", "crz",
                        "gphase"}  # fmt: skip

    def _angle(self, names):
        pick = self.random
        number = pick.choice([f"{pick.uniform(-7, 7):.4f}", "pi/2", "-pi", "3*pi/2", "0.0", "pi"])
        if not names or pick.random() < 0.3:
            return number
        name = pick.choice(names)
        return pick.choice(
            [name, f"2*{name}", f"-{name}/2", f"{name} + {number}", f"sin({name})",
             f"{pick.choice(names)} - {name}*{number}",
             f"{name}**2" if self.version == "3.0" else f"cos({name})*{name}"]
        )  # fmt: skip
