"""What was measured: how often each outcome came, for all classical registers of a circuit.

Rules: counts are true integers, never rounded from probabilities. Classical bit j is counted
through the registers in the order declared. In text the rightmost character is bit 0 of its
register and the last declared register stands leftmost, joined by a space. A `Counts` never
changes: its arrays are read-only, its outcomes distinct and ascending as integers, each count at
least 1.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qbatch.errors import SnapshotError
from qbatch.result.few import FEW, read_few

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]

#: (name, num_bits) of each classical register, declared order.
Registers = tuple[tuple[str, int], ...]

_MAGIC = b"qbc"
_VERSION = 1
_DIGEST_BYTES = 16
_DEFLATED = 1
_SMALLEST_DEFLATED = 200


def _check_registers(registers: Iterable[tuple[str, int]]) -> Registers:
    return _checked(tuple([(str(name), int(num_bits)) for name, num_bits in registers]))


@lru_cache(maxsize=1024)
def _checked(checked: Registers) -> Registers:
    names = [name for name, _ in checked]
    if len(set(names)) != len(names):
        raise ValueError(f"counts: a register is named twice: {', '.join(names)}; rename one")
    for name, num_bits in checked:
        if num_bits < 1:
            raise ValueError(f"counts: register {name!r} has {num_bits} bits; it needs 1 or more")
    return checked


def order_keys(outcomes: Bytes) -> npt.NDArray[Any]:
    """One sortable scalar per outcome, ascending as the outcomes do as integers."""
    import numpy as np

    num_bytes = outcomes.shape[1]
    if num_bytes == 1:
        return outcomes[:, 0]
    if num_bytes <= 8:
        wide = np.zeros((len(outcomes), 8), dtype=np.uint8)
        wide[:, :num_bytes] = outcomes
        return wide.view("<u8")[:, 0]
    highest_first = np.ascontiguousarray(outcomes[:, ::-1])
    return highest_first.view(f"S{num_bytes}")[:, 0]  # missing trailing zeros compare as zeros


def _canonical(outcomes: Bytes, counts: Ints, least: int) -> tuple[Bytes, Ints]:
    """Drop what never came, merge equal outcomes, sort."""
    import numpy as np

    if least == 0:
        outcomes, counts = outcomes[counts != 0], counts[counts != 0]
    keys = order_keys(outcomes)
    if len(keys) < 2 or bool((keys[1:] > keys[:-1]).all()):
        return outcomes, counts
    order = np.argsort(keys, kind="stable")
    keys, outcomes, counts = keys[order], outcomes[order], counts[order]
    starts = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1))
    return outcomes[starts], np.add.reduceat(counts, starts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Counts:
    """Outcome -> number of shots.

    Attributes:
        registers: (name, num_bits) of all classical registers, declared order.
        outcomes: uint8, shape (k, ceil(num_bits / 8)); bit j of a row, counted from the lowest
            bit of its first byte, is classical bit j. Any order and repetition is taken; kept
            ascending and distinct.
        counts: int64, shape (k,), 0 or more each; zeros are dropped.

    Raises:
        ValueError: Shapes, types or signs are wrong, or a bit beyond the registers is set.
    """

    registers: Registers
    outcomes: Bytes
    counts: Ints
    _packed: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        import numpy as np

        registers = _check_registers(self.registers)
        outcomes = np.asarray(self.outcomes)
        counts = np.asarray(self.counts)
        num_bits = sum(bits for _, bits in registers)
        num_bytes = (num_bits + 7) // 8
        if num_bits == 0:
            raise ValueError("counts: no classical register; measure into one")
        if outcomes.dtype != np.uint8 or outcomes.shape != (len(counts), num_bytes):
            raise ValueError(
                f"counts: outcomes are {outcomes.dtype}{outcomes.shape}; "
                f"expected uint8({len(counts)}, {num_bytes}) for {num_bits} bits"
            )
        if counts.ndim != 1 or (counts.size and counts.dtype.kind not in "iu"):
            raise ValueError(f"counts: {counts.dtype} is no count; expected whole numbers of shots")
        counts = counts.astype(np.int64)
        least = int(counts.min()) if counts.size else 1
        if least < 0:
            raise ValueError(f"counts: {least} shots is impossible; expected 0 or more")
        if num_bits % 8 and outcomes.size and int(outcomes[:, -1].max()) >> (num_bits % 8):
            raise ValueError(f"counts: a bit beyond the {num_bits} declared is set; declare more")
        outcomes, counts = _canonical(outcomes, counts, least)
        outcomes = np.array(outcomes, dtype=np.uint8, order="C")
        outcomes.flags.writeable = counts.flags.writeable = False
        object.__setattr__(self, "registers", registers)
        object.__setattr__(self, "outcomes", outcomes)
        object.__setattr__(self, "counts", counts)

    # -- made from what providers send ---------------------------------------------------------

    @classmethod
    def from_dict(cls, registers: Iterable[tuple[str, int]], counts: Mapping[str, int]) -> Counts:
        """Read bitstrings, with or without the spaces between registers.

        Args:
            registers: (name, num_bits), declared order.
            counts: Bitstring -> shots; rightmost character bit 0, last declared register leftmost.

        Raises:
            ValueError: A key has another width, other characters, or misplaced spaces.
        """
        import numpy as np

        declared = _check_registers(registers)
        if len(declared) == 1 and (few := read_few(declared[0][1], counts)) is not None:
            return cls._of(declared, *few)
        for shots in counts.values():
            if isinstance(shots, bool) or not hasattr(shots, "__index__"):
                raise ValueError(f"counts: {shots!r} is no count; expected a whole number of shots")
        numbers = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
        return cls(declared, rows_of_text(declared, list(counts)), numbers)

    @classmethod
    def _of(
        cls, registers: Registers, outcomes: Bytes, counts: Ints, packed: bytes = b""
    ) -> Counts:
        """Make counts of what is known to be as they are kept."""
        made = object.__new__(cls)
        outcomes.flags.writeable = counts.flags.writeable = False
        object.__setattr__(made, "registers", registers)
        object.__setattr__(made, "outcomes", outcomes)
        object.__setattr__(made, "counts", counts)
        object.__setattr__(made, "_packed", packed)
        return made

    @classmethod
    def packed_before(
        cls, registers: Registers, outcomes: Bytes, counts: Ints, packed: bytes
    ) -> Counts:
        """Make counts anew whose parts were those of a `Counts` in a process of ours.

        Args:
            registers: Its registers.
            outcomes: Its outcomes.
            counts: Its counts.
            packed: What its `pack` wrote.
        """
        return cls._of(registers, outcomes, counts, packed)

    @classmethod
    def from_ints(
        cls,
        registers: Iterable[tuple[str, int]],
        outcomes: Sequence[int] | npt.NDArray[Any],
        counts: Sequence[int] | npt.NDArray[Any],
    ) -> Counts:
        """Read outcomes given as integers: bit j of the integer is classical bit j.

        Raises:
            ValueError: An integer is negative or sets a bit beyond the registers.
        """
        import numpy as np

        declared = _check_registers(registers)
        num_bytes = (sum(bits for _, bits in declared) + 7) // 8
        numbers = np.asarray(counts) if len(counts) else np.zeros(0, dtype=np.int64)
        if isinstance(outcomes, np.ndarray) and outcomes.dtype.kind in "iu":
            return cls(declared, _rows_of_array(outcomes, num_bytes), numbers)
        try:
            joined = b"".join(int(value).to_bytes(num_bytes, "little") for value in outcomes)
        except OverflowError as error:
            raise ValueError(
                f"counts: a number is negative or over {num_bytes * 8} bits; declare more"
            ) from error
        rows = np.frombuffer(joined, dtype=np.uint8).reshape(len(outcomes), num_bytes)
        return cls(declared, rows, numbers)

    @classmethod
    def from_shots(cls, registers: Iterable[tuple[str, int]], outcomes: Bytes) -> Counts:
        """Count one row per shot, in any order; rows as in `outcomes`."""
        import numpy as np

        return cls(tuple(registers), outcomes, np.ones(len(outcomes), dtype=np.int64))

    # -- read ----------------------------------------------------------------------------------

    @property
    def num_bits(self) -> int:
        """Classical bits in all registers together."""
        return sum(bits for _, bits in self.registers)

    @property
    def shots(self) -> int:
        """Shots in total."""
        return sum(self.counts.tolist()) if len(self.counts) <= FEW else int(self.counts.sum())

    def __len__(self) -> int:
        """Distinct outcomes seen."""
        return len(self.counts)

    def __eq__(self, other: object) -> bool:
        import numpy as np

        if not isinstance(other, Counts):
            return NotImplemented
        return (
            self.registers == other.registers
            and np.array_equal(self.outcomes, other.outcomes)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        layout = " ".join(f"{name}[{bits}]" for name, bits in self.registers)
        top = ", ".join(f"{bits}: {n}" for bits, n in self.top(3))
        more = ", …" if len(self) > 3 else ""
        return f"<Counts of {self.shots} shots on {layout}: {top}{more}>"

    def bitstrings(self) -> list[str]:
        """The outcomes as text, ascending as integers."""
        import numpy as np

        bits = np.unpackbits(self.outcomes, axis=1, count=self.num_bits, bitorder="little")
        text = np.full((len(self), self.num_bits + len(self.registers) - 1), ord(" "), np.uint8)
        text[:, _columns(self.registers)] = bits + np.uint8(ord("0"))
        width = text.shape[1]
        joined = text.tobytes().decode("ascii")
        return [joined[i : i + width] for i in range(0, len(joined), width)]

    def to_dict(self) -> dict[str, int]:
        """Bitstring -> shots: ``{"1 00": 3}``."""
        return dict(zip(self.bitstrings(), self.counts.tolist(), strict=True))

    def to_ints(self) -> dict[int, int]:
        """Outcome as an integer (bit j is classical bit j) -> shots."""
        width = self.outcomes.shape[1]
        joined = self.outcomes.tobytes()
        keys = (
            int.from_bytes(joined[i : i + width], "little") for i in range(0, len(joined), width)
        )
        return dict(zip(keys, self.counts.tolist(), strict=True))

    def top(self, n: int) -> list[tuple[str, int]]:
        """The `n` most frequent outcomes, most frequent first, ties ascending as integers."""
        import numpy as np

        if n < len(self):
            first = np.argsort(-self.counts, kind="stable")[:n]
            kept = Counts(self.registers, self.outcomes[first], self.counts[first])
            return kept.top(n)
        return sorted(self.to_dict().items(), key=lambda item: -item[1])

    def bit(self, index: int) -> Bytes:
        """Classical bit `index` of each outcome, 0 or 1, shape (k,)."""
        import numpy as np

        column = self.outcomes[:, index >> 3]
        return (column >> np.uint8(index & 7)) & np.uint8(1)

    def marginal(self, bits: Sequence[int], name: str = "c") -> Counts:
        """Keep only these classical bits; bit `bits[i]` becomes bit i of one register `name`.

        Raises:
            ValueError: A bit does not exist or is named twice, or there is none.
        """
        import numpy as np

        wrong = [bit for bit in bits if not 0 <= bit < self.num_bits]
        if wrong or len(set(bits)) != len(bits) or not bits:
            said = f"cannot keep bits {list(bits)} of {self.num_bits}"
            raise ValueError(f"counts: {said}; name each once at most")
        kept = np.stack([self.bit(bit) for bit in bits], axis=1)
        rows = np.packbits(kept, axis=1, bitorder="little")
        return Counts(((name, len(bits)),), rows, self.counts)

    def register(self, name: str) -> Counts:
        """Counts of one register alone.

        Raises:
            KeyError: There is none of that name.
        """
        start = 0
        for other, num_bits in self.registers:
            if other == name:
                return self.marginal(range(start, start + num_bits), name)
            start += num_bits
        known = ", ".join(other for other, _ in self.registers)
        raise KeyError(f"no classical register {name!r}; there are {known}")

    def __add__(self, other: Counts) -> Counts:
        """Counts of both together.

        Raises:
            ValueError: The registers differ.
        """
        if not isinstance(other, Counts):
            return NotImplemented
        return pool([self, other])

    # -- kept ----------------------------------------------------------------------------------

    def pack(self) -> bytes:
        """Write compactly: equal counts give equal bytes.

        Layout: ``qbc``, version, flags, digest (16 bytes of BLAKE2b over the body, keyed by the
        flags), body, deflated where flag 1 is set. The body: number of registers; name length,
        name, num_bits of each; number of outcomes; bytes per count; outcomes; counts, low byte
        first.
        """
        if self._packed:
            return self._packed
        largest = int(self.counts.max()) if len(self) else 0
        width = next(w for w in (1, 2, 4, 8) if largest < 1 << (8 * w - (w == 8)))
        head = [struct.pack("<H", len(self.registers))]
        for name, num_bits in self.registers:
            encoded = name.encode()
            head.append(struct.pack(f"<H{len(encoded)}sI", len(encoded), encoded, num_bits))
        head.append(struct.pack("<QB", len(self), width))
        numbers = self.counts.astype(f"<u{width}").tobytes()
        body, flags = b"".join((*head, self.outcomes.tobytes(), numbers)), 0
        if len(body) >= _SMALLEST_DEFLATED:
            deflated = zlib.compress(body, 1)
            if len(deflated) < len(body):
                body, flags = deflated, _DEFLATED
        return b"".join((_MAGIC, bytes((_VERSION, flags)), _digest(flags, body), body))

    @classmethod
    def unpack(cls, packed: bytes) -> Counts:
        """Read what `pack` wrote.

        Raises:
            SnapshotError: The bytes are damaged, or from a newer version.
        """
        start = len(_MAGIC) + 2 + _DIGEST_BYTES
        if len(packed) < start or packed[:3] != _MAGIC:
            raise SnapshotError("stored counts are no counts of qbatch's; try `qbatch doctor`")
        version, flags = packed[3], packed[4]
        if version != _VERSION:
            raise SnapshotError(
                f"stored counts have version {version}; this qbatch reads {_VERSION}"
            )
        body = packed[start:]
        if _digest(flags, body) != packed[start - _DIGEST_BYTES : start]:
            raise SnapshotError("stored counts are damaged, by their digest; try `qbatch doctor`")
        try:
            return cls(*_parse_body(zlib.decompress(body) if flags else body))
        except (ValueError, struct.error, zlib.error) as error:
            raise SnapshotError(f"stored counts are damaged: {error}") from error


def _digest(flags: int, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=bytes((flags,))).digest()


def _parse_body(body: bytes) -> tuple[Registers, Bytes, Ints]:
    import numpy as np

    (num_registers,) = struct.unpack_from("<H", body)
    at, registers = 2, []
    for _ in range(num_registers):
        (length,) = struct.unpack_from("<H", body, at)
        name, num_bits = struct.unpack_from(f"<{length}sI", body, at + 2)
        registers.append((name.decode(), num_bits))
        at += 2 + length + 4
    k, width = struct.unpack_from("<QB", body, at)
    at += 9
    num_bytes = (sum(bits for _, bits in registers) + 7) // 8
    if len(body) != at + k * (num_bytes + width):
        raise ValueError("the length does not fit")
    outcomes = np.frombuffer(body, np.uint8, k * num_bytes, at).reshape(k, num_bytes)
    numbers = np.frombuffer(body, f"<u{width}", k, at + k * num_bytes)
    return tuple(registers), outcomes, numbers.astype(np.int64)


@lru_cache(maxsize=1024)
def _columns(registers: Registers) -> Sequence[int]:
    """Column in the text of each classical bit."""
    columns: list[int] = []
    right = sum(bits for _, bits in registers) + len(registers) - 1
    for _, num_bits in registers:
        columns.extend(right - 1 - bit for bit in range(num_bits))
        right -= num_bits + 1
    return columns


@lru_cache(maxsize=1024)
def _gaps(registers: Registers) -> Sequence[int]:
    """Columns in the text where the spaces between registers are."""
    columns = _columns(registers)
    return sorted(set(range(len(columns) + len(registers) - 1)) - set(columns))


def rows_of_text(registers: Registers, keys: Sequence[str]) -> Bytes:
    """Rows of outcomes from bitstrings; see `Counts.from_dict`."""
    import numpy as np

    num_bits = sum(bits for _, bits in registers)
    spaced_width = num_bits + len(registers) - 1
    if not all(len(key) == spaced_width for key in keys):
        keys = [_spaced(registers, key) for key in keys]
    try:
        joined = "".join(keys).encode("ascii")
    except UnicodeEncodeError as error:
        raise ValueError("counts: a bitstring has other characters; use 0, 1, space") from error
    text = np.frombuffer(joined, dtype=np.uint8).reshape(len(keys), spaced_width)
    columns = _columns(registers)
    bits = text[:, columns] - np.uint8(ord("0"))
    wrong = (bits > 1).any(axis=1)
    if len(registers) > 1:
        wrong |= (text[:, _gaps(registers)] != ord(" ")).any(axis=1)
    if wrong.any():
        raise ValueError(_misfit(registers, keys[int(np.argmax(wrong))]))
    return np.packbits(bits, axis=1, bitorder="little")


def _spaced(registers: Registers, key: str) -> str:
    """Put the spaces between registers where they were left out."""
    num_bits = sum(bits for _, bits in registers)
    if len(key) == num_bits + len(registers) - 1:
        return key
    if len(key) != num_bits or " " in key:
        raise ValueError(_misfit(registers, key))
    parts, right = [], num_bits
    for _, bits in registers:
        parts.append(key[right - bits : right])
        right -= bits
    return " ".join(reversed(parts))


def _misfit(registers: Registers, key: str) -> str:
    layout = " ".join(f"{name}[{bits}]" for name, bits in reversed(registers))
    return f"counts: {key!r} does not fit {layout}; write 0 and 1, rightmost bit 0 of its register"


def _rows_of_array(outcomes: npt.NDArray[Any], num_bytes: int) -> Bytes:
    import numpy as np

    if outcomes.size and int(outcomes.min()) < 0:
        raise ValueError(f"counts: {outcomes.min()} is no outcome; expected 0 or more")
    if num_bytes < 8 and outcomes.size and int(outcomes.max()) >> (8 * num_bytes):
        raise ValueError(f"counts: {outcomes.max()} is beyond the registers; declare more bits")
    rows = np.zeros((len(outcomes), max(num_bytes, 8)), dtype=np.uint8)
    rows[:, :8] = outcomes.astype("<u8").reshape(-1, 1).view(np.uint8)
    return rows[:, :num_bytes]


def pool(many: Iterable[Counts]) -> Counts:
    """Add up counts of the same registers, such as the repeats of a point.

    Raises:
        ValueError: There is none, or their registers differ.
    """
    import numpy as np

    all_counts = list(many)
    layouts = {counts.registers for counts in all_counts}
    if len(layouts) != 1:
        raise ValueError(f"counts: {len(layouts)} different register layouts; pool like ones")
    return Counts(
        all_counts[0].registers,
        np.concatenate([counts.outcomes for counts in all_counts]),
        np.concatenate([counts.counts for counts in all_counts]),
    )
