"""Patterns: which outcomes a probability is of.

    pattern = one {"|" one}
    one     = bitstring of 0, 1 and * | part {"," part}
    part    = (register | "all") "=" letters
            | "weight" "(" register | "all" ")" ("=" | "<" | "<=" | ">" | ">=") number
            | "parity" "(" register | "all" ")" "=" (0 | 1)

An outcome fits a pattern where it fits any of what ``|`` joins; it counts once there, however many
it fits. The weight of bits is how many of them are 1, their parity whether that is odd.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean, listed
from qbatch.result.notation import NotationError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.counts import Counts

_COUNTED = re.compile(r"(weight|parity)\s*\(\s*(\w+)\s*\)\s*(<=|>=|==?|<|>)\s*(\d{1,9})")
_COMPARE: Mapping[str, Callable[[Any, int], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Registers = Sequence[tuple[str, int]]

#: Bits of which every outcome is looked at, at most.
_MOST_BITS = 16

#: Patterns joined by | that are told apart by what they share, at most.
_MOST_JOINED = 10


class Rows(Protocol):
    """Outcomes, as `Counts` has them."""

    def __len__(self) -> int: ...
    def bit(self, index: int, /) -> npt.NDArray[np.uint8]: ...


@dataclass(frozen=True, slots=True)
class Ones:
    """A condition on how many of some bits are 1.

    Attributes:
        bits: Classical bits that are counted.
        compare: One of = < <= > >=.
        number: With which the number of ones is compared, or its parity.
        is_parity: True for the parity.
    """

    bits: range
    compare: str
    number: int
    is_parity: bool = False

    def holds(self, ones: Any) -> Any:
        """Whether it holds for these numbers of ones; an array gives an array."""
        return _COMPARE[self.compare](ones % 2 if self.is_parity else ones, self.number)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What ``|`` joins: outcomes that fit all conditions.

    Attributes:
        bits: Classical bit -> 0 or 1, for each bit that must have a certain value.
        ones: Conditions on weights and parities.
    """

    bits: Mapping[int, int]
    ones: tuple[Ones, ...] = ()

    def matches(self, counts: Rows) -> npt.NDArray[np.bool_]:
        """Whether each outcome fits, shape (k,), in the order of `counts.outcomes`."""
        import numpy as np

        found = np.ones(len(counts), dtype=bool)
        for bit, value in self.bits.items():
            found &= counts.bit(bit) == value
        for condition in self.ones:
            ones = np.zeros(len(counts), dtype=np.int64)
            for bit in condition.bits:
                ones += counts.bit(bit)
            found &= condition.holds(ones)
        return found


def count_matches(counts: Counts, pattern: str) -> int:
    """Count the shots whose outcome fits a pattern.

    Raises:
        NotationError: The pattern does not fit the registers.
    """
    return int(counts.counts[matches_of(counts, pattern)].sum())


def matches_of(counts: Counts, pattern: str) -> npt.NDArray[np.bool_]:
    """Say which outcomes fit a pattern, in the order of ``counts.outcomes``.

    Raises:
        NotationError: The pattern does not fit the registers.
    """
    import numpy as np

    found = np.zeros(len(counts), dtype=bool)
    for outcomes in parse_pattern(pattern, counts.registers):
        found |= outcomes.matches(counts)
    return found


def share_of(pattern: str, registers: Registers) -> float | None:
    """Tell which share of all outcomes fits a pattern: its probability where all are alike.

    Returns:
        None where there are too many outcomes to look at.

    Raises:
        NotationError: It does not fit the registers.

    >>> share_of("all=0 | all=1", [("a", 30)]) == 2**-29
    True
    >>> share_of("weight(a)<=1", [("a", 2)])
    0.75
    """
    parts = parse_pattern(pattern, registers)
    if not any(part.ones for part in parts) and len(parts) <= _MOST_JOINED:
        return _share_of_any([part.bits for part in parts])
    used = {bit for part in parts for bit in part.bits}
    used = used.union(*(condition.bits for part in parts for condition in part.ones))
    if len(used) > _MOST_BITS:
        return None
    every = _Every({bit: place for place, bit in enumerate(sorted(used))})
    found = [part.matches(every) for part in parts]
    return float(sum(found[1:], start=found[0]).mean())


def _share_of_any(parts: Sequence[Mapping[int, int]]) -> float:
    """Share of outcomes that fit some part: what parts share is counted once."""
    total = 0.0
    for chosen in range(1, 2 ** len(parts)):
        together: dict[int, int] = {}
        some = [part for k, part in enumerate(parts) if chosen >> k & 1]
        agree = all(
            together.setdefault(bit, value) == value for part in some for bit, value in part.items()
        )
        if agree:
            total -= (-1) ** len(some) * 2.0 ** -len(together)
    return total


@dataclass(frozen=True, slots=True)
class _Every:
    """Every outcome of some bits: bit -> its place."""

    places: Mapping[int, int]

    def __len__(self) -> int:
        return 1 << len(self.places)

    def bit(self, index: int, /) -> npt.NDArray[np.uint8]:
        import numpy as np

        return (np.arange(len(self)) >> self.places[index] & 1).astype(np.uint8)


def parse_pattern(pattern: str, registers: Registers) -> tuple[Outcomes, ...]:
    """Read a pattern; outcomes that fit any of what is returned fit it.

    By name it fits circuits of any width: ``all=0`` means that every bit is 0, ``a=1, b=0*`` what
    registers a and b are, whatever others there are. One letter stands for every bit of its
    register. ``weight(all)<=1`` counts ones, ``parity(a)=1`` means that they are odd in number.

    Raises:
        NotationError: It cannot be read, does not fit the registers, or fits no outcome.

    >>> [outcomes.bits for outcomes in parse_pattern("all=0 | all=1", [("a", 2)])]
    [{0: 0, 1: 0}, {0: 1, 1: 1}]
    >>> parse_pattern("weight(a)>=1", [("a", 2)])[0].ones
    (Ones(bits=range(0, 2), compare='>=', number=1, is_parity=False),)
    """
    if "|" not in pattern and not re.search("[=<>]", pattern):
        return (Outcomes(parse_bits(pattern, registers)),)
    found = []
    for part in pattern.split("|"):
        if not part.strip():
            raise NotationError(f"{pattern!r}: a pattern is missing beside |")
        is_named = re.search("[=<>]", part) is not None
        found.append(
            _parse_named(part, registers)
            if is_named
            else Outcomes(parse_bits(part.strip(), registers))
        )
    return tuple(found)


def parse_bits(pattern: str, registers: Registers) -> dict[int, int]:
    """Read ``0``, ``1`` and ``*`` (either), written as a bitstring is.

    Spaces between registers may be left out.

    Returns:
        Classical bit -> 0 or 1, for each bit that must have a certain value.

    Raises:
        NotationError: Other characters, another width, or spaces elsewhere than between registers.

    >>> parse_bits("1 0*", [("a", 2), ("b", 1)])
    {1: 0, 2: 1}
    """
    strange = next((i for i, letter in enumerate(pattern) if letter not in "01* "), None)
    if strange is not None:
        raise NotationError(f"{pattern[strange]!r} is none of 0, 1 and *", strange + 1)
    num_bits = sum(bits for _, bits in registers)
    letters = pattern.replace(" ", "")
    words = [len(word) for word in pattern.split(" ")]
    sizes = [bits for _, bits in reversed(registers)]
    if len(letters) != num_bits or (" " in pattern and words != sizes):
        layout = " ".join(f"{name}[{bits}]" for name, bits in reversed(registers))
        raise NotationError(
            f"{pattern!r} has {len(letters)} of {num_bits} bits or a misplaced space; "
            f"write one 0, 1 or * for each bit of {layout}, bit 0 rightmost"
        )
    return {bit: int(letter) for bit, letter in enumerate(reversed(letters)) if letter in "01"}


def _parse_named(pattern: str, registers: Registers) -> Outcomes:
    bits: dict[int, int] = {}
    ones = []
    for part in (word.strip() for word in pattern.split(",")):
        if counted := _COUNTED.fullmatch(part):
            ones.append(_ones(counted, registers))
            continue
        for bit, value in _letters(part, registers).items():
            if bits.setdefault(bit, value) != value:
                raise NotationError(
                    f"{pattern.strip()!r} asks bit {bit} to be both 0 and 1; ask for one of them"
                )
    return Outcomes(bits, tuple(ones))


def _ones(found: re.Match[str], registers: Registers) -> Ones:
    """Read a weight or a parity, which some outcome must have."""
    what, name, compare, number = found.groups()
    condition = Ones(_bits_of(name, registers), compare, int(number), what == "parity")
    most = len(condition.bits)
    if condition.is_parity and (compare not in ("=", "==") or int(number) > 1):
        said = f"write parity({name})=0 for an even number of ones, parity({name})=1 for an odd one"
        raise NotationError(f"{found[0]!r}: a parity is 0 or 1; {said}")
    if not any(condition.holds(weight) for weight in range(most + 1)):
        raise NotationError(
            f"{found[0]!r} never holds: the weight of {name}[{most}] is 0 to {most}"
        )
    return condition


def _letters(part: str, registers: Registers) -> dict[int, int]:
    """Read what a register is, as in ``a=0*``."""
    name, equals, letters = (word.strip() for word in part.partition("="))
    bits = _bits_of(name, registers)
    size = len(bits)
    if not equals or not letters or letters.strip("01*") or len(letters) not in (1, size):
        one = f", or one for all {size}" if size > 1 else ""
        raise NotationError(
            f"{part!r}: write one 0, 1 or * for each bit of {name}[{size}]{one}, as in "
            f"{name}={'0' * min(size, 8)}"
        )
    letters = letters * (size if len(letters) == 1 else 1)
    return {
        bit: int(letter)
        for bit, letter in zip(bits, reversed(letters), strict=True)
        if letter in "01"
    }


def _bits_of(name: str, registers: Registers) -> range:
    """Return a register's classical bits; those of all registers under ``all``."""
    starts = [*accumulate((size for _, size in registers), initial=0)]
    for (register, size), start in zip(registers, starts, strict=False):
        if register == name:
            return range(start, start + size)
    if name == "all":
        return range(starts[-1])
    if name in ("weight", "parity"):
        raise NotationError(f"{name!r} is of some bits; write for example {name}(all)=1")
    known = [register for register, _ in registers]
    raise NotationError(
        f"{name!r} is no register of classical bits; there are {listed(known)}, and all of "
        f"them are called all{did_you_mean(name, known)}"
    )
