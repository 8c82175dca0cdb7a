"""Conditions over measured bits: typed values as OpenQASM 3 has them, lowered to one formula.

A `Word` is a value that only a measurement gives: a formula for each of its bits. Its operators
are those of the language: ``bit`` and ``bit[n]`` are unsigned where they meet numbers, an operation
on bits is as wide as its wider operand, ``~`` keeps the width, ``!``, ``&&`` and ``||`` ask whether
any bit is set. Comparisons are exact, whatever the widths: 3 bits are always above -1.

Rules: formulas are trees over single bits, since simulators evaluate comparisons and casts of whole
registers differently; constants are folded; a comparison of w bits has size O(w log w) and depth
O(log w); `SIZE` and `DEPTH` bound what a text can bring about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from qbatch.circuit.program import Condition
from qbatch.frozen import dataclass

#: A formula's nodes at most, written out as a tree.
SIZE = 100_000

#: A formula's levels at most, with ``and`` and ``or`` of many in pairs.
DEPTH = 150

#: A formula, or what it was folded to. Within this module it may hold "xor" (args: formulas).
Formula = Condition | bool


class UnfitError(ValueError):
    """An operation that values over measured bits do not have; its text tells why."""


@dataclass(frozen=True, slots=True)
class Word:
    """A value over measured bits.

    Attributes:
        bits: A formula for each, low to high.
        kind: "bool", "bit" (``bit`` and ``bit[n]``), "uint", or "int": two's complement, its last
            bit is the sign.
    """

    bits: tuple[Formula, ...]
    kind: str = "bit"

    @classmethod
    def of_bits(cls, numbers: Iterable[int]) -> Word:
        """Return the value of classical bits, low to high."""
        return cls(tuple(map(_bit, numbers)))

    @classmethod
    def literal(cls, digits: str) -> Word:
        """Return the value of a bit string such as "0101"; its last digit is bit 0."""
        return cls(tuple(digit == "1" for digit in reversed(digits)))


#: What an operator takes.
Operand = Word | int

#: Operators of which a chain is one operation.
JOINED = frozenset({"&&", "||", "&", "|", "^"})

# -- formulas


@cache
def _bit(number: int) -> Condition:
    return Condition("bit", (number,))


def _made(op: str, args: Sequence[Condition], size: int, depth: int) -> Condition:
    if size > SIZE or depth > DEPTH:
        raise UnfitError(
            "this condition comes down to too many operations on single bits; make it of fewer bits"
        )
    return Condition(op, tuple(args), size, depth)


def _levels(count: int) -> int:
    """Return how deep a tree of pairs with so many leaves is."""
    return (count - 1).bit_length()


def _gathered(op: str, parts: Iterable[Formula], absorbing: bool) -> Formula:
    """Join formulas by "and" or "or"; what is joined that way already is taken apart."""
    args: list[Condition] = []
    size, depth = 1, 0
    for part in parts:
        if isinstance(part, bool):
            if part is absorbing:
                return absorbing
        elif part.op == op:
            args.extend(part.args)
            size, depth = size + part.size - 1, max(depth, part.depth - _levels(len(part.args)))
        else:
            args.append(part)
            size, depth = size + part.size, max(depth, part.depth)
    if not args:
        return not absorbing
    return args[0] if len(args) == 1 else _made(op, args, size, depth + _levels(len(args)))


def all_of(parts: Iterable[Formula]) -> Formula:
    """Return the formula that holds where all do."""
    return _gathered("and", parts, False)


def any_of(parts: Iterable[Formula]) -> Formula:
    """Return the formula that holds where one does."""
    return _gathered("or", parts, True)


def negated(part: Formula) -> Formula:
    if isinstance(part, bool):
        return not part
    if part.op == "not":
        inner: Condition = part.args[0]
        return inner
    return _made("not", [part], part.size + 1, part.depth + 1)


def odd_of(parts: Iterable[Formula]) -> Formula:
    """Return the formula that holds where an odd number does."""
    args: list[Condition] = []
    odd = False
    for part in parts:
        if not isinstance(part, bool) and part.op == "not":
            odd, part = not odd, part.args[0]
        if isinstance(part, bool):
            odd ^= part
        else:
            args.extend(part.args if part.op == "xor" else (part,))
    if not args:
        return odd
    found = args[0]
    if len(args) > 1:  # lowered, each stands there as often as there are arguments
        size = 3 * len(args) * (1 + sum(arg.size for arg in args))
        depth = 1 + max(arg.depth for arg in args) + 2 * _levels(len(args))
        found = _made("xor", args, size, depth)
    return negated(found) if odd else found


def _same(left: Formula, right: Formula) -> Formula:
    return negated(odd_of((left, right)))


def _equal(left: Sequence[Formula], right: Sequence[Formula]) -> Formula:
    return all_of(map(_same, left, right))


def _less(left: Sequence[Formula], right: Sequence[Formula]) -> Formula:
    """Compare unsigned numbers of one width: by the upper half, then by the lower."""
    if len(left) == 1:
        return all_of((negated(left[0]), right[0]))
    half = len(left) // 2
    lower = all_of((_equal(left[half:], right[half:]), _less(left[:half], right[:half])))
    return any_of((_less(left[half:], right[half:]), lower))


# -- values


def truth(value: Operand) -> Formula:
    """Return whether a value is not 0."""
    return any_of(value.bits) if isinstance(value, Word) else bool(value)


def _signed(value: Operand) -> tuple[Formula, ...]:
    """Write a value in two's complement, the sign last."""
    if isinstance(value, Word):
        return value.bits if value.kind == "int" else (*value.bits, False)
    return tuple(bool(value >> n & 1) for n in range(value.bit_length() + 1))


def _widened(bits: tuple[Formula, ...], width: int, fill: Formula) -> tuple[Formula, ...]:
    return bits + (fill,) * (width - len(bits))


def _check_sign(value: Operand, other: Operand) -> None:
    """Refuse to guess what ``int[2](c) == 3`` means: 3 is never an ``int[2]``, its bits are."""
    if not isinstance(value, Word) or isinstance(other, Word) or value.kind != "int":
        return
    width = len(value.bits)
    if value.bits[-1] is not False and 2 ** (width - 1) <= other < 2**width:
        raise UnfitError(
            f"int[{width}] goes up to {2 ** (width - 1) - 1}, {other} is above; "
            f"write uint[{width}](…)"
        )


def _compare(operator: str, left: Operand, right: Operand) -> Word:
    _check_sign(left, right)
    _check_sign(right, left)
    if operator in (">", "<="):
        left, right = right, left
    one, other = _signed(left), _signed(right)
    width = max(len(one), len(other))
    one, other = _widened(one, width, one[-1]), _widened(other, width, other[-1])
    if operator in ("==", "!="):
        found = _equal(one, other)
    else:  # with the signs inverted, two's complement is ordered as unsigned numbers are
        found = _less((*one[:-1], negated(one[-1])), (*other[:-1], negated(other[-1])))
    return Word((negated(found) if operator in ("!=", ">=", "<=") else found,), "bool")


_BITWISE: Mapping[str, Callable[[Iterable[Formula]], Formula]] = {
    "&": all_of, "|": any_of, "^": odd_of,
}  # fmt: skip


def _bitwise(operator: str, args: Sequence[Operand]) -> Word:
    kinds = {arg.kind if isinstance(arg, Word) else "number" for arg in args}
    if "int" in kinds:
        kind, rows = "int", [_signed(arg) for arg in args]
    else:
        kind = next(iter(kinds)) if len(kinds) == 1 else "bit"
        kind = "uint" if kinds == {"uint", "number"} else kind
        rows = [_unsigned(arg, operator) for arg in args]
    width = max(map(len, rows))
    if width * len(rows) ** 2 > 10 * SIZE:
        raise UnfitError(
            "this value comes down to too many operations on single bits; use fewer bits"
        )
    rows = [_widened(row, width, row[-1] if kind == "int" else False) for row in rows]
    return Word(tuple(map(_BITWISE[operator], zip(*rows, strict=True))), kind)


def _unsigned(value: Operand, operator: str) -> tuple[Formula, ...]:
    if isinstance(value, Word):
        return value.bits
    if value < 0:
        raise UnfitError(f"'{operator}' of bits takes no negative number, {value}")
    return _signed(value)[:-1] or (False,)


def _shift(operator: str, left: Operand, right: Operand) -> Word:
    if isinstance(right, Word) or not isinstance(left, Word):
        raise UnfitError("bits can only be shifted by a number known beforehand")
    if left.kind == "bool":
        raise UnfitError(f"'{operator}' takes bits; a comparison is true or false")
    if not 0 <= right <= SIZE:
        raise UnfitError(
            f"bits cannot be shifted by {right}; shift by 0 or more places, no more than there are"
        )
    width = len(left.bits)
    if operator == ">>":
        fill = left.bits[-1] if left.kind == "int" else False
        return Word(_widened(left.bits[right:], width, fill), left.kind)
    shifted = (False,) * min(right, width) + left.bits
    return Word(shifted[:width], left.kind)


def combine(operator: str, args: Sequence[Operand]) -> Word:
    """Apply an operator of OpenQASM 3 to values, one of which is over bits.

    Args:
        operator: As in the language.
        args: One or two; more where the operator is one of `JOINED`.

    Raises:
        UnfitError: It is not defined on them, or comes down to too much.
    """
    if operator == "!":
        return Word((negated(truth(args[0])),), "bool")
    if operator == "~" and isinstance(args[0], Word):
        return Word(tuple(map(negated, args[0].bits)), args[0].kind)
    if operator in ("&&", "||"):
        gather = all_of if operator == "&&" else any_of
        return Word((gather(map(truth, args)),), "bool")
    if operator in ("==", "!=", "<", ">", "<=", ">="):
        return _compare(operator, args[0], args[1])
    if operator in _BITWISE:
        return _bitwise(operator, args)
    if operator in ("<<", ">>"):
        return _shift(operator, args[0], args[1])
    name = {"neg": "-"}.get(operator, operator)
    raise UnfitError(f"'{name}' on measured bits is not supported; compare them, or use & | ^ ~")


def cast(value: Operand, kind: str, width: int | None) -> Word:
    """Convert a value over bits to ``bool``, ``bit``, ``bit[n]``, ``int[n]``, ``uint[n]``.

    Args:
        value: To convert.
        kind: The type's name.
        width: n; None where it is not given: then numbers are as wide as they need be.

    Raises:
        UnfitError: Bits would be lost.
    """
    if kind == "bool":
        return Word((truth(value),), "bool")
    bits = _signed(value)
    is_signed = bits[-1] is not False
    if not is_signed:
        bits = bits[:-1] or (False,)
    if kind == "bit" and width is None:
        width = 1
    if width is None:
        return Word((*bits, False) if kind == "int" and not is_signed else bits, kind)
    if width < len(bits):
        raise UnfitError(
            f"{len(bits)} bits do not fit into {kind}[{width}]; pick some by their index"
        )
    return Word(_widened(bits, width, bits[-1] if is_signed else False), kind)


def rotated(value: Word, by: int) -> Word:
    """Return the bits rotated to the left, as ``rotl`` does; to the right if `by` is negative."""
    by = -by % len(value.bits)
    return Word(value.bits[by:] + value.bits[:by], value.kind)


# -- lowering


def lowered(formula: Formula) -> Formula:
    """Return a formula of "bit", "equals", "not", "and" and "or" alone.

    Raises:
        UnfitError: It comes down to too much.
    """
    if isinstance(formula, bool) or formula.op in ("bit", "equals"):
        return formula
    if formula.op == "not":
        inner = formula.args[0]
        if inner.op == "xor":
            return _parity([lowered(arg) for arg in inner.args])[0]
        found = lowered(inner)
        if isinstance(found, Condition) and found.op == "or":
            args = [negated(arg) for arg in found.args]
            if all(_literal(arg) is not None for arg in args):  # !c is c == 0
                return _all_of_literals(args)
        return negated(found)
    args = [lowered(arg) for arg in formula.args]
    if formula.op == "xor":
        return _parity(args)[1]
    return _all_of_literals(args) if formula.op == "and" else any_of(args)


def _parity(args: Sequence[Formula]) -> tuple[Formula, Formula]:
    """Return where an even number holds, and where an odd one does."""
    if len(args) == 1:
        return negated(args[0]), args[0]
    half = len(args) // 2
    even, odd = _parity(args[:half])
    rest_even, rest_odd = _parity(args[half:])
    return (
        any_of((all_of((even, rest_even)), all_of((odd, rest_odd)))),
        any_of((all_of((even, rest_odd)), all_of((odd, rest_even)))),
    )


def _literal(formula: Formula) -> tuple[int, bool] | None:
    """Return a bit's number and the value asked of it, if that is all the formula is."""
    if isinstance(formula, bool):
        return None
    if formula.op == "bit":
        return formula.args[0], True
    if formula.op == "not" and formula.args[0].op == "bit":
        return formula.args[0].args[0], False
    return None


def _all_of_literals(args: Sequence[Formula]) -> Formula:
    """Return the formula for all of `args`: "equals" where each asks for one bit."""
    literals = [literal for arg in args if (literal := _literal(arg)) is not None]
    asked = dict(literals)
    if any(asked[bit] != value for bit, value in literals):
        return False
    if len(literals) < len(args) or len(asked) == 1:
        return all_of(args)
    bits = tuple(sorted(asked))
    value = sum(asked[bit] << place for place, bit in enumerate(bits))
    return Condition("equals", (bits, value), 2 * len(bits), 2 + len(bits).bit_length())


def bits_of(condition: Condition) -> set[int]:
    """Return the classical bits that a condition reads."""
    if condition.op == "bit":
        return {condition.args[0]}
    if condition.op == "equals":
        return set(condition.args[0])
    return {bit for arg in condition.args for bit in bits_of(arg)}
