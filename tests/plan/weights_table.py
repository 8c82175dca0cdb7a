"""How much shots that are spread by weight lower the standard error of a sum: a table.

    python -m tests.plan.weights_table

Of Hamiltonians that are drawn or known, measured in settings found greedily, with exact variances:
the standard error as a share of that of even shots. Of products of random qubits and of random
states it is the mean, and behind it the largest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from qbatch.plan.weights import Weight, allocated

SHOTS = 4000
PAULI = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0, -1.0]),
}
LIH = Path(__file__).parents[2] / "manifests" / "hamiltonians" / "lih.txt"

#: Pauli string -> coefficient.
Terms = Mapping[str, float]


def hamiltonians(generator: np.random.Generator) -> Iterator[tuple[str, Terms]]:
    """Yield each with its name, without what is the same for all states."""
    for width, size in ((3, 12), (4, 20), (5, 30)):
        texts = ("".join(generator.choice(list("IXYZ"), width)) for _ in range(size))
        sizes = 10 ** generator.uniform(-2, 0, size) * generator.choice([-1, 1], size)
        yield (
            f"{size} terms drawn on {width} qubits",
            without_constant(dict(zip(texts, sizes.tolist(), strict=True))),
        )
    for field in (0.3, 1.0):
        chain = {on(5, {at: "Z", at + 1: "Z"}): 1.0 for at in range(4)}
        yield (
            f"Ising chain of 5, field {field:g}",
            chain | {on(5, {at: "X"}): field for at in range(5)},
        )
    yield "LiH, 118 terms", without_constant(dict(_openfermion(LIH.read_text(), 6)))


def on(width: int, letters: Mapping[int, str]) -> str:
    return "".join(letters.get(at, "I") for at in range(width))


def without_constant(terms: Terms) -> Terms:
    return {text: size for text, size in terms.items() if set(text) != {"I"}}


def _openfermion(text: str, width: int) -> Iterator[tuple[str, float]]:
    for size, word in re.findall(r"^([-+\d.e]+) \[([^\]]*)\]", text, re.M):
        letters = {int(at): letter for letter, at in re.findall(r"([XYZ])(\d+)", word)}
        yield on(width, letters), float(size)


def settings_of(terms: Terms) -> list[Terms]:
    """Sort terms, the largest first, into the first setting that they commute with qubit-wise."""
    found: list[dict[str, float]] = []
    for text in sorted(terms, key=lambda each: -abs(terms[each])):
        fits = (
            each
            for each in found
            if all(
                "I" in pair or pair[0] == pair[1]
                for other in each
                for pair in zip(text, other, strict=True)
            )
        )
        home = next(fits, None)
        if home is None:
            found.append(home := {})
        home[text] = terms[text]
    return found


def operator(terms: Terms) -> np.ndarray:
    """The matrix of a sum."""
    made = (size * reduce(np.kron, [PAULI[each] for each in text]) for text, size in terms.items())
    return np.asarray(sum(made))


def states(whole: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield kinds of states with states of them."""
    basis = np.zeros(len(whole))
    basis[int(np.argmin(np.real(np.diag(whole))))] = 1
    yield "best basis state", basis
    yield "ground state", np.linalg.eigh(whole)[1][:, 0]
    for _ in range(15):
        qubits = [_drawn(2, generator) for _ in range(len(whole).bit_length() - 1)]
        yield "products", reduce(np.kron, qubits)
    for _ in range(10):
        yield "random states", _drawn(len(whole), generator)


def _drawn(size: int, generator: np.random.Generator) -> np.ndarray:
    found = generator.normal(size=size) + 1j * generator.normal(size=size)
    return np.asarray(found / np.linalg.norm(found))


def variance(one: np.ndarray, state: np.ndarray) -> float:
    moved = one @ state
    return max(0.0, float(np.vdot(moved, moved).real - np.vdot(state, moved).real ** 2))


def shares(terms: Terms, generator: np.random.Generator) -> dict[str, list[float]]:
    """Kind of state -> standard errors, as shares of those of even shots."""
    settings = settings_of(terms)
    operators = [operator(each) for each in settings]
    weights = [Weight(sum(size**2 for size in each.values())) for each in settings]
    spread = np.array(allocated(weights, SHOTS))
    found: dict[str, list[float]] = {}
    for kind, state in states(sum(operators), generator):  # type: ignore[arg-type]
        varies = np.array([variance(each, state) for each in operators])
        even = float(varies.sum() / SHOTS)
        share = float((varies / spread).sum()) / even if even > 1e-15 else 1.0
        found.setdefault(kind, []).append(share**0.5)
    return found


def cell_of(each: Sequence[float]) -> str:
    mean = f"{np.mean(each):.2f}"
    return mean if len(each) == 1 else f"{mean} ({max(each):.2f})"


def main() -> None:
    """Print the table."""
    generator = np.random.default_rng(4)
    print("| sum | settings | best basis state | ground state | products | random states |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, terms in hamiltonians(generator):
        found = shares(terms, generator)
        cells = " | ".join(map(cell_of, found.values()))
        print(f"| {name} | {len(settings_of(terms))} | {cells} |")


if __name__ == "__main__":
    main()
