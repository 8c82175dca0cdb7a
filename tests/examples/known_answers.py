"""The guide's table of known answers: what manifests to copy from should give, and gave.

``python -m tests.examples.known_answers`` runs them, which takes a minute or two, and writes the
table anew; a slow test holds the guide's against it. What is wanted is a closed formula, or was
made by exact diagonalization (see `hamiltonians/`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from math import pi, sin, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from qbatch import open_run
from qbatch.cli import main
from qbatch.report.numbers import full
from qbatch.result import Estimate

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "qbatch" / "guide" / "numbers.md"

#: Stands before the table in the guide.
MARK = "<!-- python -m tests.examples.known_answers -->\n"

HEAD = "| manifest | number | wanted | got | interval |\n|---|---|--:|--:|---|\n"

Pick = Callable[[Any], Estimate]


@dataclass(frozen=True)
class Answer:
    """A number of one manifest.

    Attributes:
        manifest: Its name.
        said: What the number is.
        wanted: What it should be.
        digits: Of that, written.
        pick: Returns it from the manifest's run.
        scale: It is written so many times as large.
    """

    manifest: str
    said: str
    wanted: float
    digits: int
    pick: Pick
    scale: float = 1.0


def of_point(name: str, **where: Any) -> Pick:
    """Pick a number of the one point that has these values."""

    def pick(run: Any) -> Estimate:
        found = []
        for point in run:
            values = {**point.parameters, "backend": point.backend, "shots": point.shots}
            if all(values[axis] == pytest.approx(value) for axis, value in where.items()):
                found.append(point.estimates[name])
        (one,) = found
        return one  # type: ignore[no-any-return]

    return pick


def across(name: str, **group: Any) -> Pick:
    """Pick a number across points, of the group that has these values."""

    def pick(run: Any) -> Estimate:
        named = (one for one in run.across() if one.name == name)
        (found,) = (one for one in named if group.items() <= dict(one.group).items())
        return found.estimate  # type: ignore[no-any-return]

    return pick


def ghz_populations(n: int, p: float, e: float) -> float:
    """P(0...0) + P(1...1): the mean of all products of Z over an even number of bits.

    On its way back through the circuit a product loses 1 - p at the CX between k and k + 1 if it
    has bit k, or an odd number of bits beyond it.
    """
    even = [bits for bits in product((0, 1), repeat=n) if sum(bits) % 2 == 0]
    links = [sum(bits[k] or sum(bits[k + 1 :]) % 2 for k in range(n - 1)) for bits in even]
    return float(
        np.mean([(1 - p) ** m * (1 - 2 * e) ** sum(b) for m, b in zip(links, even, strict=True)])
    )


def ghz_coherence(n: int, p: float, e: float) -> float:
    """How far the parity of all bits swings."""
    return (1 - p) ** (n - 1) * (1 - 2 * e) ** n


def _fidelity(n: int, p: float, e: float) -> float:
    return (ghz_populations(n, p, e) + ghz_coherence(n, p, e)) / 2


_SHRUNK = 0.95 * 0.94**2
_READ = 1 - 0.02 - 0.1

ANSWERS = (
    Answer(
        "h2_energy",
        "ground state of H₂, hartree (5 settings)",
        -1.13731,
        6,
        of_point("E", shots=100_000),
    ),
    Answer("h2_dissociation", "H₂ at 0.4 Å, hartree", -0.91415, 5, of_point("E", r=0.4)),
    Answer("h2_dissociation", "at 0.735 Å", -1.13731, 6, of_point("E", r=0.735)),
    Answer("h2_dissociation", "at 3 Å", -0.93363, 5, of_point("E", r=3.0)),
    Answer(
        "h2_dissociation", "energy to part them, from 0.735 to 3 Å", 0.20367, 5, across("depth")
    ),
    Answer(
        "lih_energy",
        "Hartree-Fock state of LiH, hartree (117 terms in 36 settings, naively 117)",
        -7.86202,
        6,
        of_point("E", theta=0),
    ),
    Answer("lih_energy", "its best two configurations", -7.87654, 6, of_point("E", theta=-0.23325)),
    Answer(
        "ghz_fidelity",
        "F of 2 qubits, noisy",
        _fidelity(2, 0.02, 0.01),
        4,
        across("F", backend="noisy", n=2),
    ),
    Answer(
        "ghz_fidelity",
        "of 6 qubits, noisy",
        _fidelity(6, 0.02, 0.01),
        4,
        across("F", backend="noisy", n=6),
    ),
    Answer("ghz_fidelity", "of 6 qubits, ideal", 1, 4, across("F", backend="ideal", n=6)),
    Answer("zne", "ends of 6 noisy qubits, as measured", 0.97**5, 4, of_point("ends", n=6)),
    Answer("zne", "without noise", 1, 4, of_point("ends.zne", n=6)),
    Answer(
        "readout",
        "⟨XXXX⟩ of 4 bits read wrongly in 10 of 100, as measured",
        0.8**4,
        4,
        of_point("swing", **{"noise.readout": 0.1}),
    ),
    Answer("readout", "mended", 1, 4, of_point("swing.readout", **{"noise.readout": 0.1})),
    Answer(
        "twirl",
        r"⟨ZZ⟩ of \|11⟩, 1 read wrongly more often than 0, as measured",
        0.98 * (_READ - 0.08) ** 2 + 0.02 * 0.08**2,
        4,
        of_point("zz", theta=pi),
    ),
    Answer("twirl", "twirled", 0.98 * _READ**2, 4, of_point("zz.twirl", theta=pi)),
    Answer("twirl", "twirled, without noise of gates", _READ**2, 4, of_point("zz.zne", theta=pi)),
    Answer("phase_estimation", "P(5) of 16 at φ = 5/16", 1, 4, of_point("m5", phi=5 / 16)),
    Answer(
        "phase_estimation",
        "half-way to 6/16",
        (sin(pi / 2) / (16 * sin(pi / 32))) ** 2,
        4,
        of_point("m5", phi=11 / 32),
    ),
    Answer("chsh_angles", "S, ideal", 2 * sqrt(2), 5, across("S", backend="ideal")),
    Answer("chsh_angles", "S, noisy", 2 * sqrt(2) * _SHRUNK, 5, across("S", backend="noisy")),
    Answer("t1", "T1, µs", 50, 4, across("decay.tau"), 1e6),
    Answer("ramsey", "T2, µs", 30, 4, across("fringes.tau"), 1e6),
    Answer("ramsey", "detuning, kHz", 100, 4, across("fringes.f"), 1e-3),
    Answer("rb_decay", "error per gate", 0.005, 4, across("decay.epc")),
)


def found(answer: Answer, run: Any) -> Estimate:
    """Return what a run has for an answer, in the table's unit."""
    one, k = answer.pick(run), answer.scale
    return replace(one, value=k * one.value, se=k * one.se, low=k * one.low, high=k * one.high)


def table(opened: Callable[[str], Any]) -> str:
    """Make the table; `opened` runs a manifest by its name and opens the run."""
    rows, last = [], ""
    for answer in ANSWERS:
        value, _, interval = full(found(answer, opened(answer.manifest))).partition(" ")
        name = "" if answer.manifest == last else f"`{answer.manifest}`"
        last = answer.manifest
        cells = (name, answer.said, f"{answer.wanted:.{answer.digits}g}", value, interval)
        rows.append(f"| {' | '.join(cells)} |\n".replace("|  |", "| |"))
    return HEAD + "".join(rows)


def in_guide() -> str:
    """Return the table as the guide has it."""
    return PAGE.read_text("utf-8").partition(MARK)[2].partition("\n\n")[0] + "\n"


def _run(folder: Path) -> Callable[[str], Any]:
    def opened(name: str) -> Any:
        if not (folder / name).exists():
            manifest = str(ROOT / "manifests" / f"{name}.yaml")
            assert main(["run", manifest, "--trust", f"--out={folder / name}"]) == 0
        return open_run(folder / name)

    return opened


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        made = table(_run(Path(temporary)))
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(MARK + in_guide(), MARK + made), "utf-8")
