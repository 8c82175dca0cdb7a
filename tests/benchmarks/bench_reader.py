"""The OpenQASM reader beside the libraries that could take its place.

`openqasm3.parse` makes a syntax tree and no more; `pyqasm` (its `validate` and `unroll`) and
Qiskit's loaders (which use `openqasm3` for version 3) say what a program means. What is written
after reading is computed by the plain evaluator of ``tests/reference`` and compared with what the
program as it was computes. pyqasm is a peer only: ``pip install pyqasm`` beside qbatch; without it
its rows are left out.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from measuring import Row, in_turn, ms, peak_mib, python, seconds

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/reference"))
SEED, PROGRAMS = 7, 300

#: A reader that takes longer for a program of some lines does not read it, seconds.
LONGEST_S = 5.0

_SPLIT = "import sys; from pathlib import Path; text = Path(sys.argv[1]).read_text();"
_WORK = {
    "nothing": "",
    "qbatch": "from qbatch.circuit.qasm.parser import parse;"
    "from qbatch.circuit.text import Source; from qbatch.errors import Place;"
    "parse(Source(text, Place('x', 1, 1)))",
    "openqasm3": "import openqasm3; openqasm3.parse(text)",
    "pyqasm": "import pyqasm; pyqasm.loads(text).unroll()",
    "Qiskit": "import qiskit.qasm3; qiskit.qasm3.loads(text)",
}


def measure() -> Iterator[Row]:
    peers = [name for name in ("openqasm3", "pyqasm", "Qiskit") if _is_here(name)]
    readers = _readers()
    logging.disable(logging.CRITICAL)
    small = [path.read_text() for path in sorted((ROOT / "manifests/circuits").glob("*.qasm"))]
    large = brickwork(100, 3_000)
    for peer in peers:
        for what, texts in (("the manifests' circuits", small), ("3,000 gates", [large])):
            yield _times(what, texts, peer, readers)
    yield from _processes(peers)
    for name in ("qbatch", *(peer for peer in peers if peer != "openqasm3")):
        yield _meanings(name)
    yield _syntax()


def _is_here(peer: str) -> bool:
    return importlib.util.find_spec(peer.lower()) is not None


def brickwork(qubits: int, gates: int) -> str:
    """Return a circuit of rotations and entangling gates in alternate layers, OpenQASM 3."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{qubits}] q;", f"bit[{qubits}] c;"]
    for k in range(gates):
        a = k % (qubits - 1)
        lines.append(f"cx q[{a}], q[{a + 1}];" if k % 2 else f"rz({k} * pi / 7) q[{a}];")
    return "\n".join([*lines, "c = measure q;", ""])


# -- time and memory -------------------------------------------------------------------------------


def _readers() -> dict[str, Callable[[str], object]]:
    from qbatch.circuit.qasm.parser import parse
    from qbatch.circuit.text import Source
    from qbatch.errors import Place

    def with_pyqasm(text: str) -> object:
        import pyqasm

        return pyqasm.loads(text).unroll()

    def with_qiskit(text: str) -> object:
        import qiskit.qasm3

        return qiskit.qasm3.loads(text)

    def with_openqasm3(text: str) -> object:
        import openqasm3

        return openqasm3.parse(text)

    return {
        "qbatch": lambda text: parse(Source(text, Place("x", 1, 1))),
        "openqasm3": with_openqasm3,
        "pyqasm": with_pyqasm,
        "Qiskit": with_qiskit,
    }


def _times(
    what: str, texts: list[str], peer: str, readers: dict[str, Callable[[str], object]]
) -> Row:
    """Compare the times of reading what the peer reads of some texts."""
    taken = [text for text in texts if _takes(readers[peer], text)]
    ours, theirs = in_turn(
        lambda: [readers["qbatch"](text) for text in taken],
        lambda: [readers[peer](text) for text in taken],
        rounds=3,
    )
    return Row(
        f"reading {what}" + (f" ({len(taken)} of {len(texts)})" if len(texts) > 1 else ""),
        ms(ours),
        {"openqasm3": "openqasm3.parse", "pyqasm": "pyqasm unroll", "Qiskit": "qiskit.qasm3.loads"}[
            peer
        ],
        ms(theirs),
        f"{ours / theirs:.3f} x",
        "< 1 x",
    )


def _takes(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except Exception:  # a library's own errors are of every kind
        return False
    return True


def _processes(peers: list[str]) -> Iterator[Row]:
    """Compare whole processes that read one small circuit: what starting costs."""
    small = str(ROOT / "manifests/circuits/bell.qasm")
    took = {
        name: (
            seconds(python("-c", _SPLIT + _WORK[name], small)),
            peak_mib([sys.executable, "-c", _SPLIT + _WORK[name], small]),
        )
        for name in ("nothing", "qbatch", *peers)
    }
    bare_s, bare_mib = took["nothing"]
    for peer in peers:
        (ours_s, ours_mib), (theirs_s, theirs_mib) = took["qbatch"], took[peer]
        yield Row(
            "a process that reads bell.qasm, beyond a bare one",
            f"{ms(ours_s - bare_s)}, {ours_mib - bare_mib:.0f} MiB",
            peer,
            f"{ms(theirs_s - bare_s)}, {theirs_mib - bare_mib:.0f} MiB",
            f"{(ours_s - bare_s) / (theirs_s - bare_s):.2f} x",
            "< 1 x",
        )


# -- the language ----------------------------------------------------------------------------------


def _writers() -> dict[str, Callable[[str], str]]:
    """Return readers that write what they understood as OpenQASM again."""
    from qbatch.circuit.qasm.parser import parse
    from qbatch.circuit.qasm.writer import qasm3_text
    from qbatch.circuit.text import Source
    from qbatch.circuit.to_qiskit import build_program
    from qbatch.errors import Place

    here = Place("x", 1, 1)

    def with_qbatch(text: str) -> str:
        source = Source(text, here)
        return qasm3_text(build_program(parse(source), source), here)

    def with_pyqasm(text: str) -> str:
        import pyqasm

        module = pyqasm.loads(text)
        module.unroll()
        return str(pyqasm.dumps(module))

    def with_qiskit(text: str) -> str:
        from qiskit import qasm2, qasm3

        if re.search(r"OPENQASM\s+2", text):
            known = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
            return qasm3_text(qasm2.loads(text, custom_instructions=known), here)
        return qasm3_text(qasm3.loads(text), here)

    return {"qbatch": with_qbatch, "pyqasm": with_pyqasm, "Qiskit": with_qiskit}


def _meanings(name: str) -> Row:
    """Count of generated programs how many are read, and how many of those right."""
    from comparing import difference
    from evaluator import evaluate
    from grammar import WrongProgram

    write, counted, total = _writers()[name], Counter[str](), 0
    for program in _programs():
        total += 1
        try:
            with _quiet():
                text = write(program.text)
        except Exception as error:  # a library's own errors are of every kind
            counted["refused" if type(error).__name__ != "TimeoutError" else "too slow"] += 1
            continue
        try:
            pairs = [
                (evaluate(program.text, p, None), evaluate(text, p, None)) for p in program.points
            ]
        except (WrongProgram, LookupError, ArithmeticError, TypeError, ValueError):
            counted["written as no program"] += 1
            continue
        wrong = any(difference(expected, found) for expected, found in pairs)
        counted["wrong" if wrong else "right"] += 1
    return Row(
        f"programs over both languages, of {total}",
        _told(counted) if name == "qbatch" else "",
        name if name != "qbatch" else "",
        "" if name == "qbatch" else _told(counted),
        f"{counted['right'] / total:.0%} right",
        "",
    )


def _syntax() -> Row:
    """Count how many of the programs have a syntax tree."""
    import openqasm3

    total = taken = 0
    for program in _programs():
        total += 1
        with _quiet():
            taken += _takes(openqasm3.parse, program.text)
    return Row(
f"programs over both languages, of {total}", "", "openqasm3.parse",
        f"{taken} have a syntax tree", f"{taken / total:.0%}", "",
    )  # fmt: skip


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in counted.most_common())


def _programs() -> Iterator[Any]:
    """Yield the reference's programs whose answer is exact."""
    from evaluator import Unresolved, evaluate
    from generator import generate

    for number in range(PROGRAMS):
        program = generate(SEED, number)
        try:
            for point in program.points:
                evaluate(program.text, point, None)
        except Unresolved:
            continue
        yield program


@contextmanager
def _quiet() -> Iterator[None]:
    """Let a library say nothing, and take no longer than `LONGEST_S`."""

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
