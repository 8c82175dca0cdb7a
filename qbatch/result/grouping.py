"""In which bases a circuit is measured, so that sums of Paulis can be had from counts.

A basis says for each classical bit whether X, Y or Z of its qubit is measured; Z is what the
circuit measures as it is written. Terms that ask the same of each bit that they share go into one
basis (they commute qubit by qubit). To find few bases is to colour a graph with few colours, which
nobody knows how to do exactly and quickly: terms are taken in several orders, each into the first
basis that it fits, and the order with the fewest bases is kept. One order is that of Qiskit's
``group_commuting`` (most conflicts first). Then terms are taken anew basis by basis, which never
needs more of them (Culberson 1992).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.notation import NotationError
from qbatch.result.observable import Observable
from qbatch.result.pauli import PauliSum, write_term
from qbatch.result.written import Term

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Words = npt.NDArray[np.uint64]
    Places = npt.NDArray[np.intp]

#: Terms of which all pairs are looked at, to begin with those that fit fewest others.
_MOST_PAIRED = 20_000
_PAIRED_AT_ONCE = 256

#: Times that terms are put into bases anew, and terms put so in sum.
_MOST_TURNS = 12
_TERMS_TURNED = 40_000


@dataclass(frozen=True, slots=True)
class Basis(Mapping[int, str]):
    """What is measured of each classical bit's qubit.

    As a mapping it has the bits that are rotated: bit -> "X" or "Y". Every other is measured in Z.

    Attributes:
        rotated: (classical bit, "X" or "Y"), bits ascending.
    """

    rotated: Term = ()
    _letters: Mapping[int, str] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_letters", dict(self.rotated))

    def __getitem__(self, bit: int) -> str:
        return self._letters[bit]

    def __iter__(self) -> Iterator[int]:
        return iter(self._letters)

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def text(self) -> str:
        """``X0 Y1``; "" where the circuit is measured as it is written."""
        return " ".join(f"{letter}{bit}" for bit, letter in self.rotated)

    @classmethod
    def parse(cls, text: str) -> Basis:
        """Read what `text` writes, in any order of bits.

        Raises:
            NotationError: Something else stands there, or a bit stands there twice.

        >>> Basis.parse("Y1 X0").text
        'X0 Y1'
        """
        letters: dict[int, str] = {}
        for match in re.finditer(r"\S+", text):
            found = re.fullmatch(r"([XY])(\d{1,9})", match[0])
            if found is None:
                problem = f"{match[0]!r} is none of X and Y with a bit; write for example X0 Y1"
                raise NotationError(problem, match.start() + 1)
            if letters.setdefault(int(found[2]), found[1]) != found[1]:
                problem = (
                    f"bit {int(found[2])} cannot be measured in both X and Y; "
                    "measure them in two settings"
                )
                raise NotationError(problem, match.start() + 1)
        return cls(tuple(sorted(letters.items())))

    def measures(self, term: Term) -> bool:
        """Whether this basis's counts tell a product of Paulis."""
        return all(self._letters.get(bit, "Z") == letter for bit, letter in term)


#: The circuit as it is written: Z of every bit.
AS_WRITTEN = Basis()


def group(sums: Sequence[PauliSum]) -> tuple[Basis, ...]:
    """Find few bases of which, for each term of each sum, one measures it.

    The answer depends on the terms alone, not on their order or coefficients.

    Returns:
        At least one basis, distinct. `AS_WRITTEN` stands first where it is among them: where a
        term over Z is measured by none of the others, and where nothing needs another.
    """
    terms = sorted({term for one in sums for term in one.terms if term})
    rotated = [term for term in terms if any(letter != "Z" for _, letter in term)]
    if not rotated:
        return (AS_WRITTEN,)
    found = _numbered(_Masks(terms))
    letters: list[dict[int, str]] = [{} for _ in range(max(found) + 1)]
    for term, number in zip(terms, found, strict=True):
        letters[number].update((bit, letter) for bit, letter in term if letter != "Z")
    bases = {Basis(tuple(sorted(one.items()))) for one in letters}
    return tuple(sorted(bases, key=lambda basis: basis.rotated))


def _numbered(masks: _Masks) -> list[int]:
    """Give each term the number of its basis, few numbers in all."""
    best = min((masks.filled(order) for order in masks.orders()), key=max)
    for turn in range(min(_MOST_TURNS, _TERMS_TURNED // len(best))):
        # Taken basis by basis they need no more of them than before, and perhaps fewer.
        best = min(best, masks.filled(_by_basis(best, turn)), key=max)
    return best


def _by_basis(numbers: Sequence[int], turn: int) -> list[int]:
    """Order terms by their bases: the last basis first, or the largest."""
    sizes = Counter(numbers)
    rank = {n: (-sizes[n] if turn % 2 else 0, -n) for n in sizes}
    return sorted(range(len(numbers)), key=lambda row: rank[numbers[row]])


class _Masks:
    """Terms as bit masks: which bits have X or Y, which have Z or Y.

    Attributes:
        place: Classical bit -> its place in the masks.
        x: Shape (terms, words).
        z: Shape (terms, words).
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        import numpy as np

        bits = sorted({bit for term in terms for bit, _ in term})
        self.place = {bit: at for at, bit in enumerate(bits)}
        self.x = np.zeros((len(terms), -(-len(bits) // 64)), dtype=np.uint64)
        self.z = np.zeros_like(self.x)
        for row, term in enumerate(terms):
            for bit, letter in term:
                self._mark(self.x[row], bit, letter != "Z")
                self._mark(self.z[row], bit, letter != "X")

    def _mark(self, words: Words, bit: int, is_marked: bool) -> None:
        word, shift = divmod(self.place[bit], 64)
        words[word] |= is_marked << shift

    def measured_in(self, basis: Basis) -> npt.NDArray[np.bool_]:
        """Tell which terms a basis measures."""
        import numpy as np

        words = self.x.shape[1]
        x, z = np.zeros(words, np.uint64), np.full(words, ~np.uint64(0))
        for bit, letter in basis.rotated:
            if bit in self.place:
                self._mark(x, bit, True)
                if letter == "X":
                    word, shift = divmod(self.place[bit], 64)
                    z[word] ^= np.uint64(1 << shift)
        return np.logical_not(_differ(self.x, self.z, x, z).any(axis=1))

    def orders(self) -> Iterator[Places]:
        """Yield orders in which terms are taken."""
        import numpy as np

        weights = np.bitwise_count(self.x | self.z).sum(axis=1, dtype=np.int64)
        yield np.argsort(-weights, kind="stable")
        if len(weights) <= _MOST_PAIRED:
            conflicts = self.conflicts()
            yield np.argsort(-conflicts, kind="stable")
            yield np.lexsort((-conflicts, -weights))

    def conflicts(self) -> npt.NDArray[np.int64]:
        """Count with how many others each term cannot share a basis."""
        import numpy as np

        found = np.zeros(len(self.x), dtype=np.int64)
        for start in range(0, len(self.x), _PAIRED_AT_ONCE):
            rows = slice(start, start + _PAIRED_AT_ONCE)
            x, z = self.x[rows, None, :], self.z[rows, None, :]
            found[rows] = _differ(x, z, self.x, self.z).any(axis=2).sum(axis=1)
        return found

    def filled(self, order: Iterable[int]) -> list[int]:
        """Put terms, one after the other, into the first basis that they fit: its number."""
        import numpy as np

        found = [0] * len(self.x)
        x, z = (
            np.zeros((16, self.x.shape[1]), np.uint64),
            np.zeros((16, self.x.shape[1]), np.uint64),
        )
        used = 0
        for row in map(int, order):
            fits = ~_differ(self.x[row], self.z[row], x[:used], z[:used]).any(axis=1)
            number = int(fits.argmax()) if fits.any() else used
            if number == used:
                used += 1
                if used > len(x):
                    x, z = (
                        np.concatenate((x, np.zeros_like(x))),
                        np.concatenate((z, np.zeros_like(z))),
                    )
            x[number] |= self.x[row]
            z[number] |= self.z[row]
            found[row] = number
        return found


def _differ(x: Words, z: Words, other_x: Words, other_z: Words) -> Words:
    """Tell on which bits two products have different Paulis."""
    found: Words = ((x ^ other_x) | (z ^ other_z)) & (x | z) & (other_x | other_z)
    return found


def split(whole: PauliSum, bases: Sequence[Basis]) -> tuple[Observable, ...]:
    """Part a sum: what each basis's counts tell of it, written over Z.

    In the counts of a basis each bit is what was measured of it, so that ``X0 Y1`` is Z0 Z1 of the
    counts of the basis ``X0 Y1``. Each term goes into the first basis that measures it, the
    constant into the first of all.

    Args:
        whole: The sum.
        bases: Distinct, such as `group` finds.

    Returns:
        An observable for each basis; without terms where it is needed for none.

    Raises:
        ValueError: No basis measures some term.
    """
    parts: list[dict[Term, float]] = [{} for _ in bases]
    for term, number in zip(whole.terms, _places([*whole.terms], bases), strict=True):
        parts[number][term] = whole.terms[term]
    return tuple(_over_z(part) for part in parts)


def _places(terms: Sequence[Term], bases: Sequence[Basis]) -> Sequence[int]:
    """Number of the first basis that measures each term."""
    import numpy as np

    masks = _Masks(terms)
    found = np.full(len(terms), len(bases))
    for number in range(len(bases) - 1, -1, -1):
        found[masks.measured_in(bases[number])] = number
    if (found == len(bases)).any():
        raise ValueError(
            f"no basis measures {write_term(terms[int(found.argmax())])}; add one that does"
        )
    return [*map(int, found)]


def _over_z(part: Mapping[Term, float]) -> Observable:
    text = " + ".join(f"{found!r} {write_term(term)}" for term, found in part.items())
    terms = sorted((tuple(bit for bit, _ in term), found) for term, found in part.items() if term)
    return Observable(text or "0", part.get((), 0.0), tuple((found, bits) for bits, found in terms))
