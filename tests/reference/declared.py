"""Random manifests that ask for numbers, and what these are by plain linear algebra in numpy.

Rules: nothing of qbatch, Qiskit or Aer. A manifest is made as the map that its YAML holds, its
circuit as OpenQASM 3 text, and beside each stands the exact number: of the state vector, of the
qubits that the bits are measured from, and of the probability that a bit is read wrongly.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

Array = Any

SHOTS = 2000

_I = np.eye(2)
_PAULI = {
    "I": _I,
    "X": np.array([[0, 1], [1, 0]], complex),
    "Y": np.array([[0, -1j], [1j, 0]], complex),
    "Z": np.diag([1, -1]).astype(complex),
}
_FIXED = {
    "h": (_PAULI["X"] + _PAULI["Z"]) / np.sqrt(2),
    "x": _PAULI["X"],
    "y": _PAULI["Y"],
    "s": np.diag([1, 1j]),
    "tdg": np.diag([1, np.exp(-0.25j * np.pi)]),
}
_TURNS = {"rx": "X", "ry": "Y", "rz": "Z"}

#: Term of an observable: its coefficient, and classical bit -> X, Y or Z.
Term = tuple[float, Mapping[int, str]]


@dataclass(frozen=True)
class Number:
    """What a number is: its value at a theta, and how far a fair estimate of it may stray at most.

    Attributes:
        value: theta -> what it is; without its mitigation, as it is read by the noisy machine.
        spread: The most that one shot may be away from the mean.
    """

    value: Callable[[float], float]
    spread: float


@dataclass(frozen=True)
class Experiment:
    """A manifest with its files, and the numbers that it asks for.

    Attributes:
        numbers: Name of a column -> number of each point.
        derived: Name -> value and spread of a number across points.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, str]
    thetas: Sequence[float]
    numbers: Mapping[str, Number]
    derived: Mapping[str, tuple[float, float]]


# -- the circuit


@dataclass(frozen=True)
class _Circuit:
    """Gates on qubits, and from which qubit each classical bit is measured."""

    qubits: int
    gates: Sequence[tuple[str, Sequence[int], str, Callable[[float], float]]]
    registers: Mapping[str, int]  # name -> size; none: the circuit ends unmeasured
    sources: Sequence[int]  # bit -> qubit

    @property
    def text(self) -> str:
        lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', "input float theta;"]
        lines.append(f"qubit[{self.qubits}] q;")
        lines += [f"bit[{size}] {name};" for name, size in self.registers.items()]
        for name, qubits, angle, _ in self.gates:
            operands = ", ".join(f"q[{qubit}]" for qubit in qubits)
            lines.append(f"{name}{f'({angle})' if angle else ''} {operands};")
        bits = [f"{name}[{at}]" for name, size in self.registers.items() for at in range(size)]
        lines += [
            f"{bit} = measure q[{qubit}];" for bit, qubit in zip(bits, self.sources, strict=False)
        ]
        return "\n".join(lines) + "\n"

    def state(self, theta: float) -> Array:
        """Amplitudes of shape (2,) * qubits; qubit k is axis k."""
        vector = np.zeros((2,) * self.qubits, complex)
        vector[(0,) * self.qubits] = 1
        for name, qubits, _, angle in self.gates:
            vector = _after(vector, _matrix(name, angle(theta)), qubits)
        return vector

    def expectation(self, theta: float, letters: Mapping[int, str]) -> float:
        vector = moved = self.state(theta)
        for bit, letter in letters.items():
            moved = _after(moved, _PAULI[letter], [self.sources[bit]])
        return float(np.vdot(vector, moved).real)

    def probabilities(self, theta: float, misread: float) -> dict[tuple[int, ...], float]:
        """Bits, bit 0 first -> the probability to read them."""
        squares = np.abs(self.state(theta)) ** 2
        others = tuple(qubit for qubit in range(self.qubits) if qubit not in self.sources)
        kept = sorted(self.sources)
        table = np.transpose(squares.sum(others), [kept.index(qubit) for qubit in self.sources])
        flips = np.array([[1 - misread, misread], [misread, 1 - misread]])
        for bit in range(len(self.sources)):
            table = np.moveaxis(np.tensordot(flips, table, axes=(1, bit)), 0, bit)
        return {bits: float(p) for bits, p in np.ndenumerate(table)}


def _matrix(name: str, angle: float) -> Array:
    if name in _FIXED:
        return _FIXED[name]
    if name in _TURNS:
        pauli = _PAULI[_TURNS[name]]
        return np.cos(angle / 2) * _I - 1j * np.sin(angle / 2) * pauli
    target = {"cx": _PAULI["X"], "cz": _PAULI["Z"], "cp": np.diag([1, np.exp(1j * angle)])}
    inner = target[name] if name in target else _matrix(name[1:], angle)  # crx, cry, crz
    return np.block([[_I, np.zeros((2, 2))], [np.zeros((2, 2)), inner]])


def _after(vector: Array, matrix: Array, qubits: Sequence[int]) -> Array:
    k = len(qubits)
    cube = matrix.reshape((2,) * (2 * k))
    moved = np.tensordot(cube, vector, axes=(list(range(k, 2 * k)), list(qubits)))
    return np.moveaxis(moved, list(range(k)), list(qubits))


def _circuit(draw: random.Random) -> _Circuit:
    qubits = draw.randint(2, 4)
    gates: list[Any] = []
    for _ in range(draw.randint(5, 10)):
        name = draw.choice([*_FIXED, *_TURNS, *_TURNS, "cx", "cx", "cz", "cp", "crx", "cry"])
        many = 1 if name in _FIXED or name in _TURNS else 2
        angle, value = ("", lambda _: 0.0)
        if name in _TURNS or name in ("cp", "crx", "cry"):
            angle, value = _angle(draw)
        gates.append((name, draw.sample(range(qubits), many), angle, value))
    if draw.random() < 0.35:
        return _Circuit(qubits, gates, {}, range(qubits))
    bits = draw.randint(2, qubits)
    first = draw.randint(1, bits)
    registers = {"a": first, "b": bits - first} if first < bits else {"a": bits}
    return _Circuit(qubits, gates, registers, draw.sample(range(qubits), bits))


def _angle(draw: random.Random) -> tuple[str, Callable[[float], float]]:
    factor, fixed = draw.choice([1, 2, -1, 0.5]), round(draw.uniform(-3, 3), 3)
    if draw.random() < 0.5:
        return str(fixed), lambda _: fixed
    return f"{factor}*theta + {fixed}", lambda theta: factor * theta + fixed


# -- the numbers


def _terms(draw: random.Random, bits: int, letters: str = "XYZ") -> list[Term]:
    found: list[Term] = []
    for _ in range(draw.randint(1, 4)):
        chosen = draw.sample(range(bits), draw.randint(1, min(3, bits)))
        coefficient = round(draw.uniform(-2, 2), 2) or 1.0
        found.append((coefficient, {bit: draw.choice(letters) for bit in chosen}))
    return found


def _bit_name(draw: random.Random, registers: Mapping[str, int], bit: int, letter: str) -> str:
    """Name a bit by its number, or by its place in its register."""
    if not registers or draw.random() < 0.5:
        return f"{letter}{bit}"
    first = registers["a"]
    return f"{letter}(a[{bit}])" if bit < first else f"{letter}(b[{bit - first}])"


def _sum(circuit: _Circuit, terms: Sequence[Term], misread: float = 0.0) -> Number:
    def value(theta: float) -> float:
        return sum(
            c * (1 - 2 * misread) ** len(letters) * circuit.expectation(theta, letters)
            for c, letters in terms
        )

    return Number(value, sum(abs(c) for c, _ in terms))


def _written(draw: random.Random, circuit: _Circuit, terms: Sequence[Term]) -> str:
    parts = []
    for coefficient, letters in terms:
        names = [_bit_name(draw, circuit.registers, *pair) for pair in letters.items()]
        parts.append(f"{'-' if coefficient < 0 else '+'} {abs(coefficient)} {' '.join(names)}")
    return " ".join(parts).removeprefix("+ ")


def _filed(draw: random.Random, bits: int, terms: Sequence[Term]) -> tuple[str, str]:
    """Return the name and the text of a file of terms, in one of its forms."""
    strings = [
        ("".join(letters.get(bit, "I") for bit in reversed(range(bits))), c) for c, letters in terms
    ]
    form = draw.choice(["list", "object", "csv", "openfermion"])
    if form == "list":
        return "h.json", json.dumps(strings)
    if form == "object":
        return "h.json", json.dumps(
            {"paulis": [s for s, _ in strings], "coeffs": [c for _, c in strings]}
        )
    if form == "csv":
        return "h.csv", "pauli,coefficient\n" + "".join(f"{s},{c}\n" for s, c in strings)
    lines = [
        f"{c} [{' '.join(f'{letter}{bit}' for bit, letter in sorted(letters.items()))}]"
        for c, letters in terms
    ]
    return "h.txt", " +\n".join(lines) + "\n"


Pattern = tuple[str, Callable[[Sequence[int]], bool]]


def _pattern(draw: random.Random, circuit: _Circuit) -> Pattern:
    bits = len(circuit.sources)
    kind = draw.choice(["letters", "all", "weight", "parity", "registers", "either"])
    if kind == "registers" and len(circuit.registers) == 2:
        return _of_registers(draw, circuit.registers)
    if kind == "all":
        digit = draw.choice("01")
        return f"all={digit}", lambda read: all(bit == int(digit) for bit in read)
    if kind == "weight":
        least = draw.randint(0, bits)
        return f"weight(all)>={least}", lambda read: sum(read) >= least
    if kind == "parity":
        odd = draw.randint(0, 1)
        return f"parity(all)={odd}", lambda read: sum(read) % 2 == odd
    if kind == "either":
        return "all=0 | all=1", lambda read: len(set(read)) == 1
    letters = [draw.choice("01*") for _ in range(bits)]
    return _spaced(letters, circuit.registers), lambda read: _fits(letters, read)


def _of_registers(draw: random.Random, registers: Mapping[str, int]) -> Pattern:
    size = registers["a"]
    low = [draw.choice("01*") for _ in range(size)]
    high = draw.choice("01")
    text = f"a={''.join(reversed(low))}, b={high}"
    return (
        text,
        lambda read: _fits(low, read[:size]) and all(bit == int(high) for bit in read[size:]),
    )


def _spaced(letters: Sequence[str], registers: Mapping[str, int]) -> str:
    """Bit 0 rightmost; the register that is declared last stands leftmost."""
    size = registers.get("a", len(letters))
    parts = ["".join(reversed(letters[size:])), "".join(reversed(letters[:size]))]
    return " ".join(part for part in parts if part)


def _fits(letters: Sequence[str], read: Sequence[int]) -> bool:
    return all(letter in ("*", str(bit)) for letter, bit in zip(letters, read, strict=True))


def _chance(circuit: _Circuit, pattern: Pattern, misread: float) -> Number:
    def value(theta: float) -> float:
        table = circuit.probabilities(theta, misread)
        return sum(p for bits, p in table.items() if pattern[1](bits))

    return Number(value, 1.0)


# -- the experiment

_MITIGATIONS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "readout": {"readout": {"method": "tensored", "shots": 4000}},
    "full": {"readout": {"method": "full", "shots": 4000}},
    "mthree": {"readout": {"method": "mthree", "shots": 4000}},
    "zne": {"zne": {"scales": [1, 3, 5], "fit": "linear"}},
    "twirl": {"twirl": {"n": 16}},
    "both": {"twirl": {"n": 16}, "zne": {"scales": [1, 3], "fit": "linear"}},
}
#: Mitigation -> the columns beside the raw one, and by how much they multiply what one shot may
#: stray, at most: dividing by the rates of readout, extrapolating from the scales to 0.
_BESIDE: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "readout": {"readout": 2.5},
    "full": {"readout": 2.5},
    "mthree": {"readout": 2.5},
    "zne": {"zne": 2.2},
    "twirl": {"twirl": 1.0},
    "both": {"twirl": 1.0, "zne": 2.2},
}


def experiment(seed: int, number: int) -> Experiment:
    """The same for equal seeds and numbers, everywhere."""
    draw = random.Random(f"{seed}:{number}")
    circuit = _circuit(draw)
    bits = len(circuit.sources)
    kind = draw.choice([*_MITIGATIONS])
    reads = kind in ("none", "readout", "full", "mthree")
    misread = draw.choice([0.0, 0.03, 0.1]) if reads else 0.0
    terms, filed = _terms(draw, bits), _terms(draw, bits)
    name, text = _filed(draw, bits, filed)
    pattern = _pattern(draw, circuit)
    numbers = {
        "e": _sum(circuit, terms, misread),
        "h": _sum(circuit, filed, misread),
        "p": _chance(circuit, pattern, misread),
    }
    numbers |= _mitigated(circuit, kind, terms, filed, pattern)
    thetas = sorted({round(draw.uniform(-3, 3), 2) for _ in range(2)})
    noise = {"noise": {"readout": misread}} if misread else {}
    derived, wanted = _derived(draw, numbers, thetas)
    manifest = {
        "qbatch": 1,
        "name": "declared",
        "circuits": {"c": "c.qasm"},
        "backends": {"sim": {"provider": "local", **noise}},
        "shots": SHOTS,
        "sweep": {"matrix": {"theta": thetas}, "seed": draw.randrange(10**6)},
        "analysis": {
            "observables": {"e": _written(draw, circuit, terms), "h": {"file": name}},
            "probabilities": {"p": pattern[0]},
            "derived": derived,
            **({"mitigation": dict(_MITIGATIONS[kind])} if kind != "none" else {}),
        },
    }
    return Experiment(manifest, {"c.qasm": circuit.text, name: text}, thetas, numbers, wanted)


def _mitigated(
    circuit: _Circuit, kind: str, terms: Sequence[Term], filed: Sequence[Term], pattern: Pattern
) -> dict[str, Number]:
    """What mending or extrapolating should come to: the numbers of a machine without errors."""
    exact = {
        "e": _sum(circuit, terms),
        "h": _sum(circuit, filed),
        "p": _chance(circuit, pattern, 0.0),
    }
    return {
        f"{name}.{suffix}": Number(number.value, worse * number.spread)
        for suffix, worse in _BESIDE[kind].items()
        for name, number in exact.items()
    }


def _derived(
    draw: random.Random, numbers: Mapping[str, Number], thetas: Sequence[float]
) -> tuple[dict[str, str], dict[str, tuple[float, float]]]:
    low, high = thetas[0], thetas[-1]
    names = sorted(numbers)
    one, other = draw.choice(names), draw.choice(names)
    factor = draw.choice([2, -3, 0.5])
    first, second = numbers[one], numbers[other]
    formulas = {
        "change": f"{one}[theta={low}] - {one}[theta={high}]",
        "average": f"mean({one}, over=theta)",
        "joint": f"{factor}*{one}[theta={low}] + {other}[theta={low}]",
    }
    values = {theta: first.value(theta) for theta in thetas}
    wanted = {
        "change": (values[low] - values[high], 2 * first.spread),
        "average": (reduce(float.__add__, values.values()) / len(values), first.spread),
        "joint": (
            factor * values[low] + second.value(low),
            abs(factor) * first.spread + second.spread,
        ),
    }
    return formulas, wanted
