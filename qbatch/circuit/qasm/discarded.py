"""Measurements whose result nobody keeps: ``measure q;``.

Such a measurement disturbs its qubit and no more, and takes its time, in which a noisy qubit
relaxes. It leaves no trace where the qubit is next reset or not used again, and is dropped there.
Elsewhere its result goes into a bit whose value is not read any more before another measurement
sets it; where there is none, the person is asked for one. Where bits are declared that nothing is
measured into, or none at all, the result was hardly meant to be lost, and that is remarked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qbatch.circuit.program import (
    NO_BIT,
    Gate,
    If,
    Measure,
    Operation,
    Program,
    Reset,
    While,
)
from qbatch.circuit.qasm.conditions import bits_of
from qbatch.circuit.text import Source


def settle(program: Program, source: Source) -> None:
    """Drop each measurement without a bit, or give it one.

    Raises:
        CircuitError: It matters, and no bit is free.
    """
    measured = [op for op in _within(program.operations) if isinstance(op, Measure)]
    discarded = [op for op in measured if op.bit == NO_BIT]
    if discarded:
        if not program.num_bits or len({op.bit for op in measured}) - 1 < program.num_bits:
            line = source.text.count("\n", 0, discarded[0].start) + 1
            program.remarks.append(
                f"what is measured in its line {line} goes into no bit; write c = measure q; to "
                "keep it"
            )
        program.operations[:] = _settled(program, source)


def _blocks(op: Operation) -> tuple[list[Operation], ...]:
    if isinstance(op, If):
        return op.then, op.otherwise
    return (op.body,) if isinstance(op, While) else ()


def _within(operations: Sequence[Operation]) -> Iterator[Operation]:
    for op in operations:
        yield op
        for block in _blocks(op):
            yield from _within(block)


class _After:
    """What follows a place of the circuit, kept while walking from its end to its start.

    Attributes:
        used: Qubits that are used again, or measured, before they are reset.
        free: Bits that a measurement sets before anything reads them.
    """

    def __init__(self) -> None:
        self.used: set[int] = set()
        self.free: set[int] = set()

    def precede(self, op: Operation) -> None:
        """Go to the place before `op`."""
        if isinstance(op, Gate):
            self.used.update(op.qubits)
        elif isinstance(op, Reset):
            self.used.discard(op.qubit)
        elif isinstance(op, Measure) and op.bit != NO_BIT:
            self.used.add(op.qubit)
            self.free.add(op.bit)
        elif isinstance(op, If | While):
            inner = list(_within([op]))
            for item in inner:
                if isinstance(item, Gate):
                    self.used.update(item.qubits)
                elif isinstance(item, Measure | Reset):
                    self.used.add(item.qubit)
                elif isinstance(item, If | While):
                    self.free -= bits_of(item.condition)


def _settled(program: Program, source: Source) -> list[Operation]:
    after = _After()
    found: list[Operation] = []
    for op in reversed(program.operations):
        if isinstance(op, If | While):
            _settle_block(op, after, source)
        if not (isinstance(op, Measure) and op.bit == NO_BIT):
            found.append(op)
        elif op.qubit in after.used:
            found.append(Measure(op.qubit, _bit(after.free, op, source)))
        after.precede(op)
    return found[::-1]


def _settle_block(op: If | While, after: _After, source: Source) -> None:
    """Settle what stands in blocks, where the order of things is not known: with more caution."""
    inner = list(_within([op]))
    discarded = [item for item in inner if isinstance(item, Measure) and item.bit == NO_BIT]
    if not discarded:
        return
    touched = [q for item in inner for q in _qubits(item)]
    taken = {item.bit for item in inner if isinstance(item, Measure)}
    read = {
        bit for item in inner if isinstance(item, If | While) for bit in bits_of(item.condition)
    }
    dropped = set[int]()
    for item in discarded:
        if item.qubit in after.used or touched.count(item.qubit) > 1:
            item.bit = _bit(after.free - taken - read, item, source)
        else:
            dropped.add(id(item))
    for block in (block for item in inner for block in _blocks(item)):
        block[:] = [item for item in block if id(item) not in dropped]


def _qubits(op: Operation) -> tuple[int, ...]:
    if isinstance(op, Gate):
        return op.qubits
    return (op.qubit,) if isinstance(op, Measure | Reset) else ()


def _bit(free: set[int], measure: Measure, source: Source) -> int:
    if not free:
        raise source.error(
            measure.start,
            "what was measured is used again, and no bit is free to take the result; declare one "
            "for it: c = measure q;",
        )
    return min(free)
