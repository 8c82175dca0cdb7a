"""The names OpenQASM files may use without defining them: gates, constants, words.

Sources: ``stdgates.inc`` of OpenQASM 3; ``qelib1.inc`` of OpenQASM 2 as its paper prints it and as
Qiskit has extended it since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import e, pi, tau
from typing import NamedTuple


class Standard(NamedTuple):
    """A gate known by name.

    Attributes:
        num_params: Angles it takes.
        num_qubits: Qubits it acts on.
        qiskit_name: Of its class in ``qiskit.circuit.library.standard_gates``.
    """

    num_params: int
    num_qubits: int
    qiskit_name: str


def _one_size(num_params: int, num_qubits: int, names: Mapping[str, str]) -> dict[str, Standard]:
    return {name: Standard(num_params, num_qubits, cls) for name, cls in names.items()}


_BOTH = (
    _one_size(0, 1, {"x": "XGate", "y": "YGate", "z": "ZGate", "h": "HGate", "s": "SGate"})
    | _one_size(0, 1, {"sdg": "SdgGate", "t": "TGate", "tdg": "TdgGate", "id": "IGate"})
    | _one_size(1, 1, {"rx": "RXGate", "ry": "RYGate", "rz": "RZGate", "u1": "U1Gate"})
    | _one_size(2, 1, {"u2": "U2Gate"})
    | _one_size(3, 1, {"u3": "U3Gate"})
    | _one_size(0, 2, {"cx": "CXGate", "cy": "CYGate", "cz": "CZGate", "ch": "CHGate"})
    | _one_size(1, 2, {"crz": "CRZGate"})
    | _one_size(0, 3, {"ccx": "CCXGate"})
)

_LATER = (
    _one_size(0, 1, {"sx": "SXGate"})
    | _one_size(1, 1, {"p": "PhaseGate"})
    | _one_size(0, 2, {"swap": "SwapGate"})
    | _one_size(1, 2, {"cp": "CPhaseGate", "crx": "CRXGate", "cry": "CRYGate"})
    | _one_size(4, 2, {"cu": "CUGate"})
    | _one_size(0, 3, {"cswap": "CSwapGate"})
)

#: Part of the language.
BUILTIN: Mapping[str, Standard] = {"U": Standard(3, 1, "UGate"), "CX": Standard(0, 2, "CXGate")}

#: ``include "stdgates.inc";``
STDGATES: Mapping[str, Standard] = (
    _BOTH
    | _LATER
    | _one_size(1, 1, {"phase": "PhaseGate"})
    | _one_size(1, 2, {"cphase": "CPhaseGate"})
    | _one_size(0, 2, {"CX": "CXGate"})
)

#: ``include "qelib1.inc";`` as in the paper: a program may not define these again.
PAPER: dict[str, Standard] = _BOTH | {
    "cu1": Standard(1, 2, "CU1Gate"),
    "cu3": Standard(3, 2, "CU3Gate"),
}

#: ``include "qelib1.inc";`` with Qiskit's additions: a program may define those itself.
QELIB1: Mapping[str, Standard] = (
    PAPER
    | _LATER
    | _one_size(1, 1, {"u0": "IGate"})
    | _one_size(3, 1, {"u": "UGate"})
    | _one_size(0, 1, {"sxdg": "SXdgGate"})
    | _one_size(0, 2, {"csx": "CSXGate"})
    | _one_size(1, 2, {"rxx": "RXXGate", "rzz": "RZZGate"})
    | _one_size(0, 3, {"rccx": "RCCXGate"})
    | _one_size(0, 4, {"rc3x": "RC3XGate", "c3x": "C3XGate", "c3sqrtx": "C3SXGate"})
    | _one_size(0, 5, {"c4x": "C4XGate"})
)

#: ``ctrl @ name`` that is a gate by itself, with the same parameters.
CONTROLLED: Mapping[str, str] = {
    "x": "cx", "y": "cy", "z": "cz", "h": "ch", "cx": "ccx", "swap": "cswap",
    "rx": "crx", "ry": "cry", "rz": "crz", "p": "cp", "phase": "cp", "u1": "cp",
}  # fmt: skip


def _multiples(of: float) -> Callable[[Sequence[float]], bool]:
    return lambda params: all(abs(p / of - round(p / of)) < 1e-9 for p in params)


#: Gate -> whether it is a Clifford gate at these angles (radians).
CLIFFORD: Mapping[str, Callable[[Sequence[float]], bool]] = (
    dict.fromkeys(
        ("x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "id", "u0", "cx", "CX", "cy", "cz", "swap"),
        lambda _: True,
    )
    | dict.fromkeys(
        ("rx", "ry", "rz", "p", "phase", "u1", "u2", "u3", "u", "U", "rxx", "rzz"),
        _multiples(pi / 2),
    )
    | dict.fromkeys(("cp", "cphase", "cu1", "crx", "cry", "crz"), _multiples(pi))
)

#: Gates that make of each basis state one, at any angle: they let no bit of an outcome free.
PERMUTING = frozenset(
    {"x", "y", "z", "s", "sdg", "t", "tdg", "id", "u0", "p", "phase", "u1", "rz", "gphase", "cx",
     "CX", "cy", "cz", "cp", "cphase", "cu1", "crz", "rzz", "swap", "ccx", "cswap", "c3x", "c4x"}
)  # fmt: skip

#: Numbers with a name.
CONSTANTS: Mapping[str, float] = {
    "pi": pi, "π": pi, "tau": tau, "τ": tau, "euler": e, "ℇ": e,
    "true": True, "false": False,
}  # fmt: skip

#: No name in an OpenQASM 3 circuit may be one of these.
KEYWORDS = frozenset(
    {"OPENQASM", "include", "qubit", "bit", "qreg", "creg", "input", "output", "const", "let",
     "gate", "opaque", "measure", "reset", "barrier", "delay", "if", "else", "while", "for", "in",
     "box", "float", "angle", "int", "uint", "bool", "gphase", "ctrl", "negctrl", "inv", "pow",
     "def", "extern", "switch", "case", "default", "break", "continue", "return", "cal", "defcal",
     "defcalgrammar", "array", "duration", "stretch", "complex", "nop", "durationof", "readonly",
     "mutable", "void", "end", "true", "false", "pragma"}
)  # fmt: skip

#: Nor in an OpenQASM 2 circuit one of these.
KEYWORDS_2 = frozenset(
    {"OPENQASM", "include", "qreg", "creg", "gate", "opaque", "measure", "reset", "barrier", "if",
     "pi", "sin", "cos", "tan", "exp", "ln", "sqrt"}
)  # fmt: skip

#: What others call a gate -> its name.
SYNONYMS: Mapping[str, str] = {
    "cnot": "cx", "ccnot": "ccx", "toffoli": "ccx", "tof": "ccx", "fredkin": "cswap",
    "hadamard": "h", "had": "h", "not": "x", "i": "id", "iden": "id", "identity": "id",
    "sqrtx": "sx", "v": "sx", "rphi": "p", "cr1": "cp", "r1": "p", "mcx": "ccx", "sdag": "sdg",
    "si": "sdg", "tdag": "tdg", "ti": "tdg", "cphaseshift": "cp", "phaseshift": "p",
}  # fmt: skip

#: What is not executed -> what it is, and what to do instead.
REFUSED: Mapping[str, str] = {
    "extern": "calls a function outside the circuit; compute its value before, as an input",
    "cal": "brings pulses, which are not executed; write gates",
    "defcal": "brings pulses, which are not executed; write gates",
    "defcalgrammar": "brings pulses, which are not executed; write gates",
    "array": "is not supported; write registers, or a constant for each element",
    "complex": "is not supported; write angles, which are real",
    "stretch": "is not supported; write the time where it is needed: delay[100ns] q;",
    "durationof": "is not supported; write the time where it is needed: delay[100ns] q;",
    "nop": "is not supported; leave it out",
    "readonly": "belongs to arrays, which are not supported; write registers",
    "mutable": "belongs to arrays, which are not supported; write registers",
}
