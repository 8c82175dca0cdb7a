"""OQC's counts, one table per classical register, as ours, which are joint.

At OQC the leftmost character is bit 0, and a table counts its register alone. Joint counts are
known where at most one register varies; else nobody knows them, and they are never made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Misspoke
from qbatch.providers.kit.tally import is_count, read_tally
from qbatch.result import Counts

if TYPE_CHECKING:
    from qbatch.providers import Order

#: (name, num_bits), declared order.
Layout = Sequence[tuple[str, int]]


class NotCounts(ValueError):
    """It is something else; the text says what, to stand after "but"."""


class SeparateRegisters(NotCounts):
    """Several registers vary, each counted for itself.

    Args:
        names: Of these registers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"registers {' and '.join(names)} were counted apart, so their joint counts are not "
            f"known; choose one of them (--register {names[0]})"
        )


def read_results(results: Any, order: Order) -> Counts:
    """Turn OQC's counts into ours.

    Args:
        results: ``{"c": {"001": 52}}`` or ``{"001": 52}``; leftmost character = bit 0. Leading
            zeros may have been stripped, which at OQC means bits were lost on the left: such keys
            are padded on the left, as its own client does.
        order: Its circuit says how many bits in which registers.

    Raises:
        Misspoke: Not counts, wrong width, or they do not add up to the shots ordered.
    """
    if isinstance(results, dict) and len(results) == 1:
        (only,) = results.values()
        results = only if isinstance(only, dict) else results
    if not isinstance(results, dict) or not results:
        raise Misspoke(f"oqc: {order.name}: the task completed without counts: {results!r:.120}")
    if all(isinstance(table, dict) for table in results.values()):  # a program not sent by us
        registers = [(one.name, one.num_bits) for one in order.circuit.facts.registers]
        try:
            counts = counts_of(results, registers)
        except NotCounts as error:
            raise Misspoke(f"oqc: {order.name}: {error}") from error
        if counts.shots != order.shots:
            raise Misspoke(
                f"oqc: {order.name}: {order.shots} shots were ordered, {counts.shots} came"
            )
        return counts
    return read_tally("oqc", order, results, leftmost_is_bit_0=True, may_space=False)


def counts_of(
    data: Mapping[str, Any], declared: Layout = (), register: str | None = None
) -> Counts:
    """Read a result.

    Args:
        data: ``{"c": {"001": 52}}``, or ``{"001": 52}`` of a program with one register. Leading
            zeros may be missing, as OQC's own client allows.
        declared: The program's registers; empty: not known, and taken from the data. A register
            that was never measured may be missing from the data; its bits are 0.
        register: Of several, keep this one alone.

    Raises:
        SeparateRegisters: Joint counts cannot be known, and `register` chooses none.
        NotCounts: It holds no counts, or they contradict each other or the registers.
    """
    tables = _tables(data, declared)
    layout = declared or [(name, max(map(len, table))) for name, table in tables.items()]
    widths = dict(layout)
    if unknown := [name for name in tables if name not in widths]:
        raise NotCounts(f"the program has no register {unknown[0]!r}")
    if register in tables and len(tables) > 1:
        layout, tables = [(register, widths[register])], {register: tables[register]}
    read = {name: _outcomes(name, table, widths[name]) for name, table in tables.items()}
    if len({sum(outcomes.values()) for outcomes in read.values()}) > 1:
        raise NotCounts("its registers were counted different numbers of times")
    return _joint(layout, read)


def _tables(data: Mapping[str, Any], declared: Layout) -> dict[str, Mapping[str, Any]]:
    if data and all(isinstance(table, Mapping) and table for table in data.values()):
        return dict(data)
    if not data or any(isinstance(table, Mapping) for table in data.values()):
        raise NotCounts("it holds no counts")
    if len(declared) > 1:
        raise NotCounts("it does not say to which register its counts belong")
    return {declared[0][0] if declared else "c": data}


def _outcomes(name: str, table: Mapping[str, Any], width: int) -> Counter[int]:
    outcomes: Counter[int] = Counter()
    for bits, count in table.items():
        if not is_count(bits, count) or len(bits) > width:
            raise NotCounts(f"{bits!r}: {count!r} is no count of register {name!r}")
        if count:
            outcomes[int(bits.rjust(width, "0")[::-1], 2)] += count
    if not outcomes:
        raise NotCounts(f"register {name!r} was counted no time")
    return outcomes


def _joint(layout: Layout, read: Mapping[str, Counter[int]]) -> Counts:
    varying = [name for name, outcomes in read.items() if len(outcomes) > 1]
    if len(varying) > 1:
        raise SeparateRegisters(varying)
    leading = varying[0] if varying else next(iter(read))
    constant, offset, shift = 0, 0, 0
    for name, num_bits in layout:
        if name == leading:
            shift = offset
        elif name in read:
            constant |= next(iter(read[name])) << offset
        offset += num_bits
    outcomes = read[leading]
    joint = [constant | outcome << shift for outcome in outcomes]
    return Counts.from_ints(layout, joint, list(outcomes.values()))
