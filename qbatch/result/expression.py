"""Reads sums of products of Paulis: what a person may write, and where it is wrong.

    sum      = ["+" | "-"] product {("+" | "-") product}
    product  = factor {["*"] factor | "/" factor}
    factor   = number | "pi" | "sqrt" "(" sum ")" | pauli bit | "(" sum ")"
             | pauli "(" register "[" bit "]" ")" | ("parity" | "weight") "(" register | "all" ")"
    pauli    = "Z" | "I", and where more than counts are asked for "X" | "Y" (`qbatch.result.pauli`)

`Z2` counts through all registers, `Z(b[0])` within one; ``parity(b)`` is the product of Z over a
register's bits, ``parity(all)`` over all bits there are, however many; ``weight(b)`` is the number
of a register's bits that are 1, the sum of (1 - Z)/2 over them.

Products go from left to right, so ``1/2 Z0`` is half of Z0. Only numbers divide. The value of each
part is a polynomial: ascending bits of a product of Z -> coefficient, for Z Z = 1. A reader of more
Paulis (`SumReader.paulis`) writes its products as such tuples too, and says how they multiply.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from qbatch.notation import did_you_mean, listed
from qbatch.result.notation import NotationError
from qbatch.result.written import Term, is_written, read_written

Polynomial = dict[tuple[int, ...], float]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>pi|sqrt)(?![A-Za-z])"
    r"|(?P<parity>parity|weight)\s*\(\s*(?P<of>\w+)\s*\)"
    r"|(?P<indexed>[A-Za-z])\s*\(\s*(?P<register>[^\W\d]\w*)\s*\[\s*(?P<index>\d{1,9})\s*\]\s*\)"
    r"|(?P<pauli>[A-Za-z])\s*_?(?P<bit>\d{1,9})"
    r"|(?P<sign>[+\-−])|(?P<times>[*·×])|(?P<over>[/÷])|(?P<open>\()|(?P<close>\)))"
)
LONGEST = 100_000
_DEEPEST = 50
#: Products of two terms that may be formed while parentheses are multiplied out.
_MOST_PRODUCTS = 200_000

#: What is left of cancelled terms below so much of their sizes is rounding: 0.1 + 0.2 - 0.3 is 0.
_ROUNDING = 8 * 2.0**-52

_Token = tuple[str, str, int]
_Term = tuple[float, tuple[int, ...]]


def read_sum(text: str, num_bits: int, registers: Sequence[tuple[str, int]] = ()) -> Polynomial:
    """Read a sum of products over `num_bits` classical bits.

    Raises:
        NotationError: It cannot be read, names a bit that the circuit does not have, is not finite,
            or is too long to be multiplied out.
    """
    if "X" not in text and "Y" not in text and (found := read_at_once(text, num_bits, registers)):
        return {tuple(bit for bit, _ in term): number for term, number in found.items()}
    return SumReader(text, num_bits, registers).whole()


def read_at_once(
    text: str, num_bits: int, registers: Sequence[tuple[str, int]]
) -> Mapping[Term, float] | None:
    """Read a sum that is written as `pauli.write_sum` does; None where it is to be read in turn.

    Raises:
        NotationError: It has too many terms, or is long and names a bit that the circuit does not
            have.
    """
    found = read_written(text)
    strays = (word for term in found or () for word in term if word[0] >= num_bits)
    if found is None or (stray := next(strays, None)) is None:
        return found
    if len(text) <= LONGEST:
        return None  # whoever reads it in turn tells the column, too
    raise NotationError(f"'{stray[1]}{stray[0]}': {_layout(num_bits, registers)}")


class _Sum:
    """Adds up terms, and tells what they make from what rounding leaves where they cancel."""

    def __init__(self) -> None:
        self._total: Polynomial = {}
        self._sizes: Polynomial = {}

    def add(self, product: tuple[int, ...], coefficient: float) -> None:
        self._total[product] = self._total.get(product, 0.0) + coefficient
        self._sizes[product] = self._sizes.get(product, 0.0) + abs(coefficient)

    def settled(self) -> Polynomial:
        return {
            product: 0.0 if abs(found) < _ROUNDING * self._sizes[product] < math.inf else found
            for product, found in self._total.items()
        }


class SumReader:
    """Goes through the tokens once.

    Attributes:
        paulis: Letters that may be written.

    Raises:
        NotationError: As `read_sum`.
    """

    paulis: ClassVar[str] = "ZI"

    def __init__(self, text: str, num_bits: int, registers: Sequence[tuple[str, int]]) -> None:
        if len(text) > LONGEST:
            raise NotationError(f"{len(text)} characters are too many; write {LONGEST} or fewer")
        self._tokens, self._at = [*_tokens(text, self.paulis), ("end", "", len(text) + 1)], 0
        self._num_bits, self._registers = num_bits, registers
        self._products = 0

    def whole(self) -> Polynomial:
        """Read all there is."""
        found = self.sum(0)
        kind, token, column = self.next
        if kind != "end":
            raise NotationError(f"{token!r} closes nothing; take it away", column)
        if not math.isfinite(2 * sum(map(abs, found.values()))):
            raise NotationError("the coefficients add up to what is not finite; write smaller ones")
        return found

    def one(self, pauli: str, bits: Sequence[int]) -> tuple[int, ...]:
        """Return the product of one Pauli over ascending bits."""
        return tuple(bits) if pauli == "Z" else ()

    def multiplied(self, first: tuple[int, ...], second: tuple[int, ...]) -> _Term:
        """Multiply two products: their sign, and what product they are."""
        return 1.0, tuple(sorted({*first} ^ {*second}))

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def sum(self, depth: int) -> Polynomial:
        total = _Sum()
        sign = self._sign() if self.next[0] == "sign" else 1.0
        while True:
            for product, coefficient in self.product(depth).items():
                total.add(product, sign * coefficient)
            if self.next[0] != "sign":
                return total.settled()
            sign = self._sign()

    def _sign(self) -> float:
        sign = 1.0 if self._take()[1] == "+" else -1.0
        if self.next[0] == "sign":
            raise NotationError(f"a term is missing before {self.next[1]!r}", self.next[2])
        return sign

    def product(self, depth: int) -> Polynomial:
        value = self.factor(depth)
        while True:
            kind, token, column = self.next
            if kind in ("times", "over"):
                self._take()
                place = self.next[2]
                other = self.factor(depth)
                value = (
                    self._over(value, other, place)
                    if kind == "over"
                    else self._times(value, other, column)
                )
            elif kind == "number":
                raise NotationError(f"{token!r} needs + or - before it", column)
            elif kind in ("pauli", "indexed", "parity", "open", "word"):
                value = self._times(value, self.factor(depth), column)
            else:
                return value

    def factor(self, depth: int) -> Polynomial:
        kind, token, column = self._take()
        if kind == "number":
            return {(): float(token)}
        if kind == "pauli":
            return {self._numbered(token, column): 1.0}
        if kind == "indexed":
            return {self._indexed(token, column): 1.0}
        if kind == "parity":
            bits = self._bits_of(_inner(token), column, token)
            return self._weight(bits) if token.startswith("weight") else {self.one("Z", bits): 1.0}
        if kind == "word":
            return {(): math.pi if token == "pi" else self._root(depth, column)}
        if kind == "open":
            return self._inside(depth + 1, column)
        if kind in ("times", "over") or (kind == "sign" and self._at > 1):
            raise NotationError(f"a factor is missing before {token!r}", column)
        problem = "something must follow here" if self._at > 1 else "an observable is missing"
        raise NotationError(f"{problem}; write for example Z0 Z1", column)

    def _weight(self, bits: Sequence[int]) -> Polynomial:
        """Return the number of bits that are 1."""
        return {(): len(bits) / 2, **{self.one("Z", [bit]): -0.5 for bit in bits}}

    def _indexed(self, token: str, column: int) -> tuple[int, ...]:
        """Read ``Z(a[0])``."""
        register, _, index = _inner(token).rstrip("] \t\n").partition("[")
        bits = self._bits_of(register.strip(), column, token, is_one=True)
        if int(index) >= len(bits):
            ends = f"0 to {len(bits) - 1}" if len(bits) > 1 else "0 alone"
            raise NotationError(
                f"{token!r}: {register.strip()} has the bits {ends}; name one of them", column
            )
        if token[0] not in self.paulis:
            raise NotationError(_no_pauli(token, self.paulis), column)
        return self.one(token[0], [bits[int(index)]])

    def _numbered(self, token: str, column: int) -> tuple[int, ...]:
        """Read ``Z2``."""
        pauli, bit = token[0], int(token[1:].strip(" _\t\n"))
        if pauli not in self.paulis:
            meant = f"{pauli.upper()}{bit}" if pauli.upper() in self.paulis else ""
            meant = f"Z({pauli}[{bit}])" if pauli in dict(self._registers) else meant
            raise NotationError(_no_pauli(token, self.paulis, meant), column)
        if bit >= self._num_bits:
            raise NotationError(f"{token!r}: {_layout(self._num_bits, self._registers)}", column)
        return self.one(pauli, [bit])

    def _bits_of(self, name: str, column: int, token: str, *, is_one: bool = False) -> range:
        """Return a register's classical bits; those of all registers under ``all``."""
        start = 0
        for register, size in self._registers:
            if register == name:
                return range(start, start + size)
            start += size
        if name == "all" and not is_one:
            return range(self._num_bits)
        known = [register for register, _ in self._registers]
        has = f"there are {listed(known)}" if known else "the circuit has none"
        raise NotationError(
            f"{token!r}: {name!r} is no register of classical bits; {has}"
            f"{did_you_mean(name, known)}",
            column,
        )

    def _inside(self, depth: int, column: int) -> Polynomial:
        if depth > _DEEPEST:
            raise NotationError(
                f"parentheses are nested deeper than {_DEEPEST}; multiply them out", column
            )
        value = self.sum(depth)
        if self._take()[0] != "close":
            raise NotationError("'(' is never closed; write ')'", column)
        return value

    def _root(self, depth: int, column: int) -> float:
        kind, _, place = self._take()
        if kind != "open":
            raise NotationError("'sqrt' needs parentheses, as in sqrt(2)", column)
        number = _number(self._inside(depth + 1, place), place, "sqrt takes numbers only")
        if number < 0:
            raise NotationError(
                "sqrt of a negative number is no real number; observables have real coefficients",
                column,
            )
        return math.sqrt(number)

    def _times(self, left: Polynomial, right: Polynomial, column: int) -> Polynomial:
        self._products += len(left) * len(right)
        if self._products > _MOST_PRODUCTS:
            raise NotationError(
                f"this has more than {_MOST_PRODUCTS} terms when multiplied out; "
                "put them into a file",
                column,
            )
        total = _Sum()
        for first, a in left.items():
            for second, b in right.items():
                sign, product = self.multiplied(first, second)
                total.add(product, sign * (a * b))
        return total.settled()

    def _over(self, value: Polynomial, divisor: Polynomial, column: int) -> Polynomial:
        number = _number(divisor, column, "only numbers divide")
        if number == 0:
            raise NotationError("this divides by zero; divide by another number", column)
        return {product: coefficient / number for product, coefficient in value.items()}


def _number(value: Mapping[tuple[int, ...], float], column: int, problem: str) -> float:
    if any(value[product] for product in value if product):
        raise NotationError(f"{problem}; a product of Z stands here", column)
    return value.get((), 0.0)


def _tokens(text: str, paulis: str) -> Iterator[_Token]:
    """(kind, token, 1-based column) of each token."""
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise NotationError(_strange(text[column - 1 :], paulis), column)
        kinds = (name for name in ("pauli", "indexed", "parity") if match[name])
        kind = next(kinds, str(match.lastgroup))
        yield kind, match[0].strip(), match.end() - len(match[0].lstrip()) + 1
        at = match.end()


def speaks_of_x_or_y(text: str) -> bool:
    """Tell whether a sum has an X or a Y in it; what cannot be read may have one.

    >>> speaks_of_x_or_y("Z0 X_1"), speaks_of_x_or_y("Z(X[0])")
    (True, False)
    """
    if "X" not in text and "Y" not in text:
        return False
    if is_written(text):
        return True
    try:
        tokens = [(kind, token) for kind, token, _ in _tokens(text, "XYZ")]
    except NotationError:
        return True
    return any(kind in ("pauli", "indexed") and token[0] in "XY" for kind, token in tokens)


def _inner(token: str) -> str:
    """Return what stands in a token's parentheses."""
    return token[token.index("(") + 1 : token.rindex(")")].strip()


#: What is written elsewhere -> what may be meant by it here; LETTERS stands for those of Paulis.
_MEANT = (
    (
        r"(?P<pauli>[zZ])\s*\(\s*(?P<name>[^\W\d]\w*)\s*\)",
        "Z({name}[0]), one bit, or parity({name}), all of {name}",
    ),
    (r"(?P<pauli>[LETTERS])\s*\(\s*(?P<name>[^\W\d]\w*)\s*\)", "{pauli}({name}[0])"),
    (r"(?P<pauli>[LETTERS])\s*_?[\[({]\s*(?P<bit>\d+)\s*[\])}]", "{pauli}{bit}"),
    (
        r"(?P<pauli>[LETTERS])?\s*(?P<name>[^\W\d]\w*)\s*\[\s*(?P<bit>\d+)\s*\]",
        "{pauli}({name}[{bit}])",
    ),
    (r"parity\s*\(\s*(?P<name>\w+)\s*,\s*(?P<next>\w+)\s*\)", "parity({name}) parity({next})"),
    (
        r"weight\s*\(\s*(?P<name>\w+)\s*,\s*(?P<next>\w+)\s*\)",
        "weight({name}) + weight({next})",
    ),
    (r"(?P<name>parity|weight)\s*(?:\(\s*\)|(?!\())", "{name}(all)"),
)


def _meant(rest: str, paulis: str) -> str:
    """Say what may be meant by what begins a text and cannot be read; "" where nobody knows."""
    if found := re.match(rf"[{paulis}]{{2,}}(?![\w(\[])", rest):
        letters = enumerate(reversed(found[0]))
        product = " ".join(f"{letter}{bit}" for bit, letter in letters if letter != "I")
        return f"{found[0]!r} counts bits by their place; write {product or 'a number'}"
    letters_of_both = "".join(f"{pauli}{pauli.lower()}" for pauli in paulis if pauli != "I")
    for written, here in _MEANT:
        if found := re.match(written.replace("LETTERS", letters_of_both), rest):
            words = {**found.groupdict(), "pauli": (found.groupdict().get("pauli") or "Z").upper()}
            return f"{found[0]!r} is not understood; did you mean {here.format(**words)}?"
    return ""


def _strange(rest: str, paulis: str) -> str:
    if meant := _meant(rest, paulis):
        return meant
    if rest[0].upper() in paulis:
        return f"{rest[0]!r} needs the number of a classical bit, as in {rest[0].upper()}0"
    if rest[0] in "xXyY":
        return _no_pauli(rest[0], paulis)
    return f"{rest[0]!r} is not understood; write for example 3 - 0.5 Z0 Z1"


def _no_pauli(token: str, paulis: str, meant: str = "") -> str:
    """Say why a token that begins with a letter is no Pauli here, and what may be meant."""
    if token[0] in "xXyY" and token[0].upper() not in paulis:
        return (
            f"{token!r}: counts tell Z and I only; "
            f"rotate the qubit in the circuit before its measurement and write Z"
        )
    mend = f"did you mean {meant}?" if meant else "write for example Z0 Z1"
    return f"{token!r} is no Pauli over {listed([*paulis[:-1]])} and {paulis[-1]}; {mend}"


def _layout(num_bits: int, registers: Sequence[tuple[str, int]]) -> str:
    """Say which classical bits there are."""
    if num_bits == 0:
        return "the circuit has no classical bits; measure into some"
    words, start = [], 0
    for name, size in registers:
        words.append(f"{name} has {start}" + (f" to {start + size - 1}" if size > 1 else ""))
        start += size
    where = f" ({', '.join(words)})" if words else ""
    if num_bits == 1:
        return f"the circuit has the one classical bit 0{where}"
    return f"the circuit has the classical bits 0 to {num_bits - 1}{where}"
