"""Many counts as one labelled array: a row per result, a column per outcome that came at all.

Rule: every outcome is looked at once, however many columns there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from qbatch.arguments import TEXT, takes
from qbatch.errors import ExtraError
from qbatch.result.counts import Counts, Registers, order_keys

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import xarray as xr

    Ints = npt.NDArray[np.int64]

BitOrder = Literal["right", "left"]

#: Cells of one array, 8 bytes each.
MAX_CELLS = 100_000_000

#: Up to so many bits every possible outcome has a place in a table; beyond, outcomes are sorted.
_TABLE_BITS = 20


class UnlikeRegistersError(ValueError):
    """Results of unlike classical registers have no columns in common."""


@dataclass(frozen=True, eq=False)
class CountsArray:
    """Result x outcome -> number of shots.

    Attributes:
        values: int64, shape (results, outcomes); 0 where an outcome did not come.
        bitstrings: Label of each column, ascending as integers in either bit order; registers
            joined by a space.
        names: Label of each row.
        bit_order: "right": the rightmost character of a register is its bit 0, and the last
            declared register stands leftmost, as everywhere in qbatch; "left": all the other way
            round, as OQC writes.
    """

    values: Ints
    bitstrings: tuple[str, ...]
    names: tuple[str, ...]
    bit_order: BitOrder = "right"

    @classmethod
    def of(
        cls,
        rows: Sequence[Counts],
        register: str | None = None,
        *,
        bit_order: BitOrder = "right",
        names: Sequence[str] | None = None,
    ) -> CountsArray:
        """Make it of many counts.

        Args:
            rows: At least one.
            register: Of this register alone; a row without it is all 0. None: of all together.
            bit_order: Of the labels.
            names: Of the rows; None: their numbers.

        Raises:
            KeyError: No row has such a register.
            UnlikeRegistersError: The rows' registers differ.
            ValueError: There are no rows, the bit order is none, or the array would be too large.
        """
        import numpy as np

        _check_bit_order(bit_order)
        layout, chosen = _chosen(rows, register)
        num_bits = sum(bits for _, bits in layout)
        outcomes = np.concatenate([counts.outcomes for counts in chosen])
        columns, firsts = _columns(order_keys(outcomes), num_bits)
        if len(rows) * len(firsts) > MAX_CELLS:
            raise ValueError(
                f"{len(rows):,} results x {len(firsts):,} outcomes are too many for one array; "
                "choose a register"
            )
        values = np.zeros((len(rows), len(firsts)), dtype=np.int64)
        where = np.repeat(np.arange(len(rows)), [len(counts) for counts in chosen])
        values[where, columns] = np.concatenate([counts.counts for counts in chosen])
        labels = Counts(layout, outcomes[firsts], np.ones(len(firsts), np.int64)).bitstrings()
        if bit_order == "left":
            labels = [label[::-1] for label in labels]
        said = names if names is not None else [str(number) for number in range(len(rows))]
        return cls(values, tuple(labels), tuple(said), bit_order)

    def bits(self) -> npt.NDArray[Any]:
        """The integer of each column's outcome: its bit k is classical bit k.

        It is the same in either bit order of the labels, and `bits` gives it for one of them.

        Returns:
            int64; Python's integers, as objects, where there are more than 63 bits.
        """
        import numpy as np

        found = [bits(label, bit_order=self.bit_order) for label in self.bitstrings]
        width = len(self.bitstrings[0].replace(" ", "")) if self.bitstrings else 0
        return np.array(found, dtype=np.int64 if width < 64 else object)

    def like(self, pattern: str) -> CountsArray:
        """Keep the columns whose label fits.

        Args:
            pattern: 0, 1 or * for each bit, in the bit order of the labels; spaces do not count.

        Raises:
            ValueError: It has other characters, or another length than the labels.
        """
        import numpy as np

        wanted = pattern.replace(" ", "")
        if set(wanted) - set("01*"):
            raise ValueError(f"{pattern!r} is no pattern; write 0, 1 or * for each bit")
        labels = [label.replace(" ", "") for label in self.bitstrings]
        width = len(labels[0]) if labels else len(wanted)
        if len(wanted) != width:
            raise ValueError(f"{pattern!r} has {len(wanted)} bits; the outcomes have {width}")
        text = np.frombuffer("".join(labels).encode(), np.uint8).reshape(len(labels), width)
        mask = np.frombuffer(wanted.encode(), np.uint8)
        fixed = mask != ord("*")
        keep = (text[:, fixed] == mask[fixed]).all(axis=1)
        kept = tuple(label for label, ok in zip(self.bitstrings, keep, strict=True) if ok)
        return replace(self, values=self.values[:, keep], bitstrings=kept)

    def to_xarray(self) -> xr.DataArray:
        """Dimensions ``result`` and ``bitstring``, both labelled (needs the extra ``[data]``).

        Along ``bitstring`` a second coordinate ``bit`` has the outcomes' integers (`bits`), up to
        63 bits: ``.sel(bit=3)`` and ``.sel(bitstring="011")`` find the same column.

        Raises:
            ExtraError: xarray is not installed.
        """
        try:
            import xarray as xr
        except ImportError as error:
            raise ExtraError("xarray", "data") from error
        found = xr.DataArray(
            self.values,
            dims=("result", "bitstring"),
            coords={"result": list(self.names), "bitstring": list(self.bitstrings)},
            name="counts",
            attrs={"bit_order": f"bit 0 {self.bit_order}most"},
        )
        integers = self.bits()
        if integers.dtype == object:
            return found
        return found.assign_coords(bit=("bitstring", integers)).set_xindex("bit")


@takes(text=TEXT, bit_order=TEXT)
def bits(text: str, *, bit_order: BitOrder = "right") -> int:
    """Return the integer of an outcome: its bit k is classical bit k.

    Args:
        text: Of 0 and 1; spaces between registers do not count.
        bit_order: Where bit 0 stands: "right" as everywhere in qbatch, "left" as OQC writes.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty or has other characters, or the bit order is none.

    >>> bits("011"), bits("110", bit_order="left")
    (3, 3)
    """
    _check_bit_order(bit_order)
    plain = text.replace(" ", "")
    if not plain or set(plain) - set("01"):
        raise ValueError(f"{text!r} is no bitstring; write 0 or 1 for each bit")
    return int(plain if bit_order == "right" else plain[::-1], 2)


def _check_bit_order(bit_order: str) -> None:
    if bit_order not in ("right", "left"):
        raise ValueError(f"bit_order: {bit_order!r} is none; write 'right' or 'left'")


def _chosen(rows: Sequence[Counts], register: str | None) -> tuple[Registers, list[Counts]]:
    """The registers of the array, and each row with no others."""
    if not rows:
        raise ValueError("no results, no array; give one or more")
    if register is None:
        layouts = dict.fromkeys(counts.registers for counts in rows)
        if len(layouts) > 1:
            raise UnlikeRegistersError(_unlike(layouts))
        return rows[0].registers, list(rows)
    found = (dict(counts.registers).get(register) for counts in rows)
    sizes = {bits for bits in found if bits is not None}
    if not sizes:
        known = _named(dict.fromkeys(counts.registers for counts in rows))
        raise KeyError(f"no classical register {register!r}; there are {known}")
    if len(sizes) > 1:
        told = f"register {register!r} has different sizes in different results"
        raise UnlikeRegistersError(
            f"{told} ({', '.join(map(str, sorted(sizes)))} bits); choose results of one circuit"
        )
    layout: Registers = ((register, sizes.pop()),)
    return layout, [_only(counts, layout) for counts in rows]


def _only(counts: Counts, layout: Registers) -> Counts:
    if counts.registers == layout:
        return counts
    name = layout[0][0]
    if name in dict(counts.registers):
        return counts.register(name)
    return Counts.from_ints(layout, [], [])


def _unlike(layouts: dict[Registers, None]) -> str:
    """Say how they differ, and which registers are of one size wherever there is one."""
    told = [" ".join(f"{name}[{bits}]" for name, bits in layout) for layout in layouts]
    kinds = "; ".join(told[:3]) + ("; …" if len(told) > 3 else "")
    sizes: dict[str, set[int]] = {}
    for layout in layouts:
        for name, bits in layout:
            sizes.setdefault(name, set()).add(bits)
    alike = [name for name, found in sizes.items() if len(found) == 1]
    remedy = f"; name one: {', '.join(alike)}" if alike else ""
    return f"the results have different registers ({kinds}){remedy}"


def _named(layouts: dict[Registers, None]) -> str:
    return ", ".join(dict.fromkeys(name for layout in layouts for name, _ in layout))


def _columns(keys: npt.NDArray[np.generic], num_bits: int) -> tuple[Ints, Ints]:
    """Column of each outcome, and for each column one row of `keys` that has it."""
    import numpy as np

    if num_bits > _TABLE_BITS:
        _, firsts, columns = np.unique(keys, return_index=True, return_inverse=True)
        return columns.reshape(-1), firsts
    table = np.full(1 << num_bits, -1, dtype=np.int64)
    table[keys] = np.arange(len(keys))
    came = np.flatnonzero(table >= 0)
    firsts = table[came]
    table[came] = np.arange(len(came))
    return table[keys], firsts
