"""A cloud's table of bitstrings and counts as ours: one reading for all drivers.

Rule: a table that is not counts, does not fit the circuit's bits, or does not add up to the shots
ordered is `Misspoke`; nothing of it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbatch.errors import Misspoke
from qbatch.result import Counts

if TYPE_CHECKING:
    from qbatch.providers import Order


def is_count(bits: str, count: object) -> bool:
    """Whether `bits` is a bitstring of at least one bit, and `count` a number of shots."""
    is_number = isinstance(count, int) and not isinstance(count, bool) and count >= 0
    return is_number and bool(bits) and not set(bits) - {"0", "1"}


def read_tally(
    provider: str,
    order: Order,
    table: Mapping[str, Any],
    *,
    leftmost_is_bit_0: bool,
    is_padded: bool = False,
    may_space: bool = True,
) -> Counts:
    """Turn a table over all classical bits into counts.

    Args:
        provider: For messages.
        order: Its circuit says how many bits in which registers.
        table: Bitstring -> count.
        leftmost_is_bit_0: Else the rightmost character is.
        is_padded: Every bitstring has its full width; else zeros may be missing on its left.
        may_space: Spaces may stand between registers.

    Raises:
        Misspoke: Not counts, wrong width, or they do not add up to the shots ordered.
    """
    facts = order.circuit.facts
    ours: dict[int, int] = {}
    for text, count in table.items():
        bits = text.replace(" ", "") if may_space else text
        fits = len(bits) == facts.num_bits or (not is_padded and len(bits) < facts.num_bits)
        if not is_count(bits, count) or not fits:
            raise Misspoke(f"{provider}: {order.name}: {text!r:.80}: {count!r:.80} is no count")
        whole = bits.rjust(facts.num_bits, "0")
        outcome = int(whole[::-1] if leftmost_is_bit_0 else whole, 2)
        ours[outcome] = ours.get(outcome, 0) + count
    shots = sum(ours.values())
    if shots != order.shots:
        raise Misspoke(f"{provider}: {order.name}: {order.shots} shots were ordered, {shots} came")
    registers = tuple((register.name, register.num_bits) for register in facts.registers)
    return Counts.from_ints(registers, list(ours), list(ours.values()))
