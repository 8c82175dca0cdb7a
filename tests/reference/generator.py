"""Random programs in OpenQASM 2 and 3 that use all that qbatch says it reads; sizes are bounded.

Rules: a seed and a number give the same program everywhere. A program is legal by the two
specifications; what they leave open (operands of different widths, rounding divisions) is not made.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from tree import Block, Call, Line, Node, Program, call_text

#: Gate -> (angles, qubits).
Gates = dict[str, tuple[int, int]]

_BOTH: Gates = {
    **dict.fromkeys(("x", "y", "z", "h", "s", "sdg", "t", "tdg", "id", "sx"), (0, 1)),
    **dict.fromkeys(("rx", "ry", "rz", "u1", "p"), (1, 1)),
    **dict.fromkeys(("cx", "cy", "cz", "ch", "swap"), (0, 2)),
    **dict.fromkeys(("crx", "cry", "crz", "cp"), (1, 2)),
    **dict.fromkeys(("ccx", "cswap"), (0, 3)),
    "u2": (2, 1), "u3": (3, 1), "cu": (4, 2),
}  # fmt: skip
STDGATES: Gates = _BOTH | {"phase": (1, 1), "cphase": (1, 2), "CX": (0, 2)}
QELIB1: Gates = _BOTH | {
    "u0": (1, 1), "u": (3, 1), "sxdg": (0, 1), "csx": (0, 2), "cu1": (1, 2), "cu3": (3, 2),
    "rxx": (1, 2), "rzz": (1, 2), "rccx": (0, 3), "rc3x": (0, 4), "c3x": (0, 4),
    "c3sqrtx": (0, 4), "c4x": (0, 5),
}  # fmt: skip
CLIFFORD = ("x", "y", "z", "h", "s", "sdg", "id", "sx", "cx", "cy", "cz", "swap")
TURNS = ("rx", "ry", "rz", "p", "u1")

#: Names that own gates take, besides those of library gates that are not included.
_OWN_3 = ("mine", "g1", "Foo_2", "rzz", "sxdg", "u", "cu3", "ccz", "iswap", "c3x", "rxx", "csx")
_OWN_2 = ("mine", "g1", "foo_2", "sx", "rzz", "p", "u", "swap", "rxx", "bit", "box", "ctrl", "end")
#: Names within gates; some are those of gates and functions, which they hide only as values.
_PARAMS = ("a", "b", "theta", "phi", "lam", "x1", "t", "gamma", "rx")
_PARAMS_3 = (*_PARAMS, "tan", "cx")
_WIRES = ("q", "b", "a", "r", "w", "z1", "t1", "x", "h", "cz")


class Maker:
    """Makes one program."""

    def __init__(self, rng: random.Random, version: int, kind: str) -> None:
        self.rng = rng
        self.version = version
        self.kind = kind
        self.gates: Gates = {}
        self.library: Gates = {}
        self.inputs: list[str] = []
        self.numbers: list[str] = []
        self.num_qubits = 0
        #: For each qubit the ways to write it, and ways to write several at once.
        self.wires: list[list[str]] = []
        self.groups: list[tuple[str, tuple[int, ...]]] = []
        #: Registers of bits: name -> size, 0 for a single bit.
        self.bits: dict[str, int] = {}
        self.written: list[str] = []
        #: Names, arguments, and sizes of what they return, 0 for nothing.
        self.subroutines: list[tuple[str, str, int]] = []

    # -- chance

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def several(self, most: int, make: Callable[[], Node | None], least: int = 1) -> list[Node]:
        made = [make() for _ in range(self.rng.randint(least, most))]
        return [node for node in made if node is not None]

    # -- the whole

    def program(self) -> Program:
        rng = self.rng
        head = []
        if self.version == 2:
            head = ["OPENQASM 2.0;", 'include "qelib1.inc";']
            self.library = dict(QELIB1)
        else:
            if self.chance(0.9):
                head = [rng.choice(("OPENQASM 3.0;", "OPENQASM 3.0;", "OPENQASM 3;"))]
            if self.kind != "plain" or self.chance(0.85):
                head.append('include "stdgates.inc";')
                self.library = dict(STDGATES)
        self.gates = dict(self.library)
        body: list[Node] = [*self.declarations()]
        at = len(body)
        if self.kind != "clifford" and (self.chance(0.6) or not self.library):
            if self.numbers or self.chance(0.5):
                body += self.several(2, self.definition)
            else:
                defined = self.several(2, self.definition)
                body[:0], at = defined, at + len(defined)
        if self.version == 3 and self.kind == "dynamic" and self.chance(0.3):
            body += self.several(1, self.subroutine)
        make = self.statement if self.kind in ("plain", "clifford") else self.any_statement
        if self.kind == "noise" and self.chance(0.5):
            make = self.statement
        body += self.several(10 if self.kind != "noise" else 7, lambda: self.at_top(make), 3)
        body[at:at] = self.mixing(0.7)
        body += [*self.mixing(0.5), *self.final()]
        if self.version == 3 and self.chance(0.08):
            body += [Line("end;"), *self.several(2, self.call)]
        points: Sequence[Mapping[str, float]] = ({},)
        if self.inputs:
            draw = lambda: round(rng.uniform(0.1, 3.0), 3)  # noqa: E731
            points = [{name: draw() for name in self.inputs} for _ in range(3)]
        rough = rng.getrandbits(32) if self.chance(0.35) else None
        return Program(self.version, tuple(head), tuple(body), self.kind, tuple(points), rough)

    def mixing(self, probability: float) -> list[Node]:
        """Turn qubits every way, so that no phase goes unseen."""
        found: list[Node] = []
        for qubit in range(self.num_qubits):
            if self.kind == "clifford":
                call = Call((), self.rng.choice(("h", "sx", "h")), (), (self.wire(qubit),))
            else:
                angles = (f"{self.rng.uniform(0.4, 2.4):.2f}" for _ in range(3))
                call = Call((), "U", tuple(angles), (self.wire(qubit),))
            if self.chance(probability):
                found.append(call)
        return found

    def at_top(self, make: Callable[[], Node | None]) -> Node | None:
        """Make a statement that need not be within a block: now and then one more own gate."""
        if self.kind != "clifford" and self.chance(0.05):
            return self.definition()
        return make()

    def declarations(self) -> list[Node]:
        rng, lines = self.rng, list[Node]()
        three = self.version == 3
        if three and self.kind != "clifford" and self.chance(0.75):
            self.inputs = rng.sample(("a", "b", "theta", "x1"), rng.randint(1, 2))
            lines += [Line(f"input {rng.choice(('float', 'angle', 'float[64]'))} {name};")
                      for name in self.inputs]  # fmt: skip
        if three and self.chance(0.3):
            lines.append(Line(rng.choice(("const float k0 = 2*pi/7;", "const int k0 = 3;"))))
            self.numbers.append("k0")
        most = {"noise": 4, "dynamic": 4}.get(self.kind, 5)
        total = rng.randint(2, most)
        first = rng.randint(1, total) if self.chance(0.4) else total
        if three and self.chance(0.06):
            self.num_qubits, self.wires = total, [[f"${at}"] for at in range(total)]
            self.classical(lines)
            return lines
        self.quantum(lines, "q", first)
        if total > first:
            self.quantum(lines, "anc", total - first)
        if three and self.chance(0.35):
            self.alias(lines)
        self.classical(lines)
        return lines

    def quantum(self, lines: list[Node], name: str, size: int) -> None:
        start = self.num_qubits
        self.num_qubits += size
        if self.version == 3 and size == 1 and self.chance(0.4):
            lines.append(Line(f"qubit {name};"))
            self.wires.append([name])
            return
        old = self.version == 2 or self.chance(0.1)
        lines.append(Line(f"qreg {name}[{size}];" if old else f"qubit[{size}] {name};"))
        for at in range(size):
            ways = [f"{name}[{at}]"] * 3
            if self.version == 3:
                ways += [f"{name}[{at - size}]", f"{name}[{at + 1}-1]"]
            self.wires.append(ways)
        everything = tuple(range(start, start + size))
        self.groups.append((name, everything))
        if self.version == 3 and size > 2:
            self.groups += [
                (f"{name}[0:1]", everything[:2]),
                (f"{name}[-2:-1]", everything[-2:]),
                (f"{name}[0:2:{size - 1}]", everything[::2]),
                (f"{name}[{{1, 0}}]", (start + 1, start)),
                (f"{name}[{size - 1}:-1:{size - 2}]", (start + size - 1, start + size - 2)),
            ]

    def alias(self, lines: list[Node]) -> None:
        texts = [group for group in self.groups if len(group[1]) > 1]
        if not texts:
            return
        text, members = self.rng.choice(texts)
        if self.chance(0.3) and len(rest := [*set(range(self.num_qubits)) - {*members}]):
            text, members = f"{text} ++ {self.whole(rest[0])}", (*members, rest[0])
        lines.append(Line(f"let al = {text};"))
        for at, qubit in enumerate(members):
            self.wires[qubit].append(f"al[{at}]")
        self.groups.append(("al", members))

    def whole(self, qubit: int) -> str:
        """Write one qubit so that it can be joined to others: as a slice."""
        name, _, index = self.wires[qubit][0].partition("[")
        return f"{name}[{index[:-1]}:{index[:-1]}]" if index else name

    def classical(self, lines: list[Node]) -> None:
        rng = self.rng
        if self.kind in ("plain", "clifford") and self.chance(0.6):
            return
        for name in ("c", "d", "e")[: rng.randint(1, 3)]:
            size = rng.choice((1, 2, 3)) if self.chance(0.85) else rng.choice((33, 40, 65, 70))
            if self.version == 3 and size == 1 and self.chance(0.6):
                size = 0
                start = rng.choice(("", "", " = false", " = 0"))
                lines.append(Line(f"bit {name}{start};"))
            else:
                three = self.version == 3 and self.chance(0.9)
                lines.append(Line(f"bit[{size}] {name};" if three else f"creg {name}[{size}];"))
            self.bits[name] = size

    def final(self) -> list[Node]:
        """Measure every qubit into a register of its own."""
        n = self.num_qubits
        order = self.rng.sample(range(n), n)
        if self.chance(0.6):
            order = list(range(n))
        declared = f"creg m[{n}];" if self.version == 2 else f"bit[{n}] m;"
        lines = [Line(declared)]
        if self.version == 3 and self.chance(0.5):
            return [
                *lines,
                *(Line(f"m[{at}] = measure {self.wire(q)};") for at, q in enumerate(order)),
            ]
        return [
            *lines,
            *(Line(f"measure {self.wire(q)} -> m[{at}];") for at, q in enumerate(order)),
        ]

    # -- angles

    def angle(self, names: Sequence[str] | None = None, depth: int = 0) -> str:
        rng = self.rng
        if self.kind == "clifford":
            return rng.choice(("0", "pi/2", "pi", "-pi/2", "3*pi/2", "2*pi"))
        names = self.inputs if names is None else names
        if not names or self.chance(0.3):
            return self.number()
        name = rng.choice(list(names))
        inner = self.angle(names, depth + 1) if depth < 2 else self.number()
        power = "^" if self.version == 2 else "**"
        forms = (
            name, name, name, f"-{name}", f"2*{name}", f"{name}/2", f"{name} + {inner}",
            f"{name} - {inner}", f"({inner})*{name}", f"{name}*0.3", f"-({name} + {inner})/3",
            f"sin({name})", f"cos({inner})", f"{name}{power}2", f"-{name}{power}2",
            f"sqrt({name}*{name})", f"pi - {name}*{name}", f"exp(-{name})",
        )  # fmt: skip
        return rng.choice(forms)

    def number(self) -> str:
        rng = self.rng
        plain = f"{rng.uniform(-3.5, 3.5):.3f}"
        forms = [
            plain, plain, "pi", "pi/2", "-pi/4", "3*pi/4", "0", "1", ".5", "1e-1", "2.*pi/3",
            "sin(0.4)", "-(1 + 0.25)", "ln(2)*0.5", "cos(pi/5)", "pi*2/3",
        ]  # fmt: skip
        if self.version == 3:
            forms += ["tau/3", "2**0.5", "-2.0**2", "π/3", "pi - euler", "0x1F/4.0", "arcsin(0.3)"]
            forms += [f"{name}*0.2" for name in self.numbers]
        else:
            forms += ["1/3", "2^0.5", "-0.5^2", "7/5"]
        return rng.choice(forms)

    # -- gates

    def wire(self, qubit: int) -> str:
        return self.rng.choice(self.wires[qubit])

    def call(
        self, wires: Sequence[str] | None = None, names: Sequence[str] | None = None
    ) -> Node | None:
        """Apply a gate: to qubits of the program, or to the `wires` of a gate's body."""
        rng, count = self.rng, len(wires) if wires is not None else self.num_qubits
        known = {name: size for name, size in self._usable().items() if size[1] <= count}
        if not known:
            return None
        name = rng.choice(sorted(known))
        num_params, num_qubits = known[name]
        modifiers: tuple[str, ...] = ()
        modified = self.version == 3 and self.kind in ("plain", "dynamic")
        if modified and self.chance(0.3):
            if self.chance(0.15):
                name, num_params, num_qubits = "gphase", 1, 0
            modifiers, controls = self.modifiers(count - num_qubits, least=int(num_qubits == 0))
            num_qubits += controls
        args = tuple(self.angle(names) for _ in range(num_params))
        if wires is None and num_qubits and self.groups and self.chance(0.12):
            operands = self.broadcast(num_qubits)
            if operands:
                return Call(modifiers, name, args, operands)
        chosen = rng.sample(range(count), num_qubits)
        if wires is not None:
            return Call(modifiers, name, args, tuple(wires[qubit] for qubit in chosen))
        return Call(modifiers, name, args, tuple(self.wire(qubit) for qubit in chosen))

    def _usable(self) -> Gates:
        if self.kind == "clifford":
            turns = TURNS if self.chance(0.3) else ()
            return {name: self.gates[name] for name in (*CLIFFORD, *turns)}
        own = {name: size for name, size in self.gates.items() if name not in self.library}
        if own and self.chance(0.25):
            return own
        large = {name: size for name, size in self.gates.items() if size[1] > 2}
        if large and self.chance(0.12):
            return large
        return {**self.gates, "U": (3, 1)}

    def modifiers(self, free: int, least: int = 0) -> tuple[tuple[str, ...], int]:
        """Choose modifiers with at most `free` controls; returns them and the controls."""
        rng, found, controls = self.rng, list[str](), 0
        for _ in range(rng.randint(1, 3)):
            kind = rng.choice(("ctrl", "ctrl", "negctrl", "inv", "pow"))
            if kind.endswith("ctrl"):
                number = rng.choice((1, 1, 2))
                if controls + number > free:
                    continue
                controls += number
                found.append(kind if number == 1 else f"{kind}({number})")
            elif kind == "pow":
                found.append(f"pow({rng.choice(('2', '3', '-1', '0.5', '-0.5', '0.25', '1.5'))})")
            else:
                found.append("inv")
        if controls < least <= free:
            return ("ctrl", *found), controls + 1
        return tuple(found), controls

    def broadcast(self, num_operands: int) -> tuple[str, ...] | None:
        """Choose operands with whole registers among them, no qubit twice."""
        text, members = self.rng.choice(self.groups)
        used, operands = {*members}, [text]
        same = [g for g in self.groups if len(g[1]) == len(members)]
        for _ in range(num_operands - 1):
            fitting = [g for g in same if used.isdisjoint(g[1])]
            free = [*set(range(self.num_qubits)) - used]
            if fitting and self.chance(0.5):
                text, more = self.rng.choice(fitting)
                operands.append(text)
                used |= {*more}
            elif free:
                qubit = self.rng.choice(free)
                operands.append(self.wire(qubit))
                used.add(qubit)
            else:
                return None
        self.rng.shuffle(operands)
        return tuple(operands)

    def definition(self) -> Node | None:
        rng = self.rng
        pool = _OWN_2 if self.version == 2 else _OWN_3
        if not self.library:
            pool = (*pool, *STDGATES)
        free = [name for name in pool if name not in self.gates or name in self.library]
        if self.version == 3:
            free = [name for name in free if name not in self.library]
        free = [name for name in free if name not in self.taken()]
        if not free:
            return None
        name = rng.choice(free)
        params = rng.sample(_PARAMS if self.version == 2 else _PARAMS_3, rng.randint(0, 3))
        wires = [w for w in rng.sample(_WIRES, len(_WIRES)) if w not in params]
        wires = wires[: rng.randint(1, 3)]
        body: list[Node] = []
        self.gates.pop(name, None)
        self.library.pop(name, None)
        for _ in range(rng.randint(1, 4)):
            made = self.call(wires, params)
            if made is not None:
                body.append(made)
        if self.version == 3 and self.chance(0.15) and self.kind != "noise":
            body.append(Call((), "gphase", (self.angle(params),), ()))
        if self.chance(0.1):
            body.insert(0, Line(f"barrier {', '.join(wires)};"))
        self.gates[name] = (len(params), len(wires))
        head = f"({', '.join(params)})" if params else rng.choice(("", "", "()"))
        return Block(f"gate {name}{head} {', '.join(wires)}", tuple(body))

    def taken(self) -> set[str]:
        return {*self.inputs, *self.bits, *self.numbers, "q", "anc", "al", "m"}

    # -- statements

    def statement(self) -> Node | None:
        """Make one of those that any program may have."""
        roll = self.rng.random()
        if roll < 0.04:
            return Line(f"barrier {self.wire(self.rng.randrange(self.num_qubits))};")
        if roll < 0.06:
            return Line("barrier;" if self.version == 3 else "barrier q;")
        if self.version == 3 and roll < 0.16:
            return self.loop(self.statement)
        if self.version == 3 and roll < 0.18:
            return Block("box", tuple(self.several(2, self.call)))
        if self.version == 3 and roll < (0.26 if self.kind == "noise" else 0.19):
            return self.delay()
        return self.call()

    def delay(self) -> Node:
        length = self.rng.choice(("7ns", "310ns", "1.5us", "40us", "0.002ms", "1e-6s"))
        some = [self.some_wire(), *(group for group, _ in self.groups)]
        return Line(f"delay[{length}] {self.rng.choice(some)};")

    def some_wire(self) -> str:
        return self.wire(self.rng.randrange(self.num_qubits))

    def any_statement(self, depth: int = 0) -> Node | None:
        """Make one of those of a program that acts on what it measured."""
        roll = self.rng.random()
        if not self.bits or roll < 0.5:
            return self.statement()
        if roll < 0.72:
            return self.measurement()
        if roll < 0.78:
            whole = self.groups and self.chance(0.2)
            return Line(f"reset {self.rng.choice(self.groups)[0] if whole else self.some_wire()};")
        if self.subroutines and roll < 0.82:
            return self.subroutine_call()
        if depth < 2:
            return self.control(depth)
        return self.call()

    def measurement(self) -> Node:
        target = self.bit()
        wire = self.some_wire()
        self.written.append(target)
        if self.version == 2 or self.chance(0.4):
            return Line(f"measure {wire} -> {target};")
        if self.chance(0.06):
            return Line(f"measure {wire};")
        return Line(f"{target} = measure {wire};")

    def bit(self) -> str:
        name, size = self.rng.choice([*self.bits.items()])
        if size == 0:
            return name
        at = self.rng.randrange(size) if size < 5 or self.chance(0.5) else size - 1
        if self.version == 3 and self.chance(0.15):
            at -= size
        return f"{name}[{at}]"

    def known_bit(self) -> str:
        """Prefer a bit that some measurement has written."""
        return self.rng.choice(self.written) if self.written and self.chance(0.7) else self.bit()

    def control(self, depth: int) -> Node | None:
        if self.version == 2:
            return self.old_if()
        rng, inner = self.rng, lambda: self.any_statement(depth + 1)
        body = self.several(2, inner)
        roll = rng.random()
        if roll < 0.1 and (again := self.repetition()):
            return again
        if roll < 0.2:
            return self.switch(inner)
        if not body:
            return None
        otherwise = self.several(1, inner) if self.chance(0.35) else []
        return Block(f"if ({self.condition()})", tuple(body), tuple(otherwise))

    def repetition(self) -> Node | None:
        """Make a loop that a measurement ends sooner or later."""
        bit, wire = self.bit(), self.some_wire()
        name, _, index = bit.partition("[")
        tests = [bit, f"!{bit}", f"{bit} == 1"]
        if index:
            at = int(index[:-1]) % self.bits[name]
            tests += [f"({name} & {1 << at}) != 0", f"{name} == {1 << at}", f"{name} >= {1 << at}"]
            if at == self.bits[name] - 1:
                tests.append(f"!({name} < {1 << at})")
        body = (Call((), "U", ("1.1", "0.2", "0.3"), (wire,)), Line(f"{bit} = measure {wire};"))
        # the bit becomes either value, and one of the two ends each test but '>='
        test = self.rng.choice([t for t in tests if ">=" not in t or at == self.bits[name] - 1])
        return Block(f"while ({test})", body)

    def old_if(self) -> Node | None:
        """Make OpenQASM 2's ``if(c==k)`` of one operation."""
        made = self.call() if self.chance(0.8) else self.measurement()
        if made is None:
            return None
        name, size = self.rng.choice([*self.bits.items()])
        value = self.value_of(max(size, 1))
        text = call_text(made) if isinstance(made, Call) else made.text  # type: ignore[union-attr]
        return Line(f"if({name}=={value}) {text}")

    def value_of(self, size: int) -> int:
        """Choose a value that so many bits may well have."""
        places = [0, size - 1] if size > 5 else range(size)
        return sum(1 << at for at in {*places} if self.chance(0.5))

    def switch(self, inner: Callable[[], Node | None]) -> Node | None:
        registers = [(name, size) for name, size in self.bits.items() if 0 < size < 5]
        if not registers:
            return None
        name, size = self.rng.choice(registers)
        values = self.rng.sample(range(1 << size), min(3, 1 << size))
        cases: list[Node] = [Block(f"case {values[0]}", tuple(self.several(2, inner)))]
        if len(values) > 2:
            cases.append(Block(f"case {values[1]}, {values[2]}", tuple(self.several(1, inner))))
        if self.chance(0.6):
            cases.append(Block("default", tuple(self.several(1, inner))))
        return Block(f"switch ({name})", tuple(cases))

    def condition(self, depth: int = 0) -> str:
        """Write a condition of any form."""
        rng = self.rng
        one, other = self.known_bit(), self.known_bit()
        forms = [
            one, one, f"!{one}", f"{one} == 1", f"{one} != {other}", f"1 == {one}",
            f"{one} ^ {other}",
            f"{one} & {other}", f"{one} | {other}", f"({one} ^ {other}) == 1", f"{one} < {other}",
            f"{one} > 0", f"({one} == 1) == true", f"~{one}", f"{one} == false",
            f"{one} >= {other}",
        ]  # fmt: skip
        if registers := [(name, size) for name, size in self.bits.items() if size]:
            name, size = rng.choice(registers)
            k, j = self.value_of(size), self.value_of(size)
            sign = rng.choice(("==", "!=", "<", "<=", ">", ">="))
            forms += [
                name, f"!{name}", f"{name} {sign} {k}", f"{name} {sign} {k}", f"{k} {sign} {name}",
                f"~{name} == {k}", f"({name} & {k}) == {j}", f"({name} | {k}) {sign} {j}",
                f"({name} ^ {k}) {sign} {j}", f"{name} > -1", f"!!{name}",
                f"({name} << 1) {sign} {k}",
                f'{name} == "{k:0{size}b}"', f"({name} >> 1) == {k >> 1}", f"{name} & {k}",
            ]  # fmt: skip
            if size < 5:
                forms += [f"{name} < {1 << size}", f"{name} != {(1 << size) + 1}"]
            if size > 2:
                forms.append(f"{name}[0:1] {sign} {rng.randrange(4)}")
            twins = [twin for twin, wide in registers if wide == size and twin != name]
            if twins:
                forms += [f"{name} {sign} {twins[0]}", f"({name} | {twins[0]}) == {k}"]
                forms += [f"({name} & {twins[0]}) {sign} {k}"]
        if depth < 2 and self.chance(0.35):
            left, right = self.condition(depth + 1), self.condition(depth + 1)
            return rng.choice(
                (
                    f"({left}) && ({right})",
                    f"({left}) || ({right})",
                    f"!({left})",
                    f"({left}) == ({right})",
                )
                if self._is_test(left) and self._is_test(right)
                else (f"({left}) && ({right})", f"({left}) || ({right})", f"!({left})")
            )
        return rng.choice(forms)

    def _is_test(self, text: str) -> bool:
        """Whether a condition is true or false by its form: comparable to another one."""
        return text.startswith("!") and "=" not in text

    def loop(self, make: Callable[[], Node | None]) -> Node | None:
        rng = self.rng
        register = next((g for g in self.groups if g[0] in ("q", "al") and len(g[1]) > 1), None)
        if register is None:
            return None
        name, members = register
        size = len(members)
        kind, ones = rng.choice((("int", 0), ("uint", 0), ("int[32]", 0)))[0], "i"
        ranges = (f"[0:{size - 1}]", f"[{size - 1}:-1:0]", f"[0:2:{size - 1}]", "{0, 1}", "[1:0]")
        single = [g for g, n in self._usable().items() if n[1] == 1]
        double = [g for g, n in self._usable().items() if n[1] == 2]
        if not single:
            return None
        body: list[Node] = []
        for _ in range(rng.randint(1, 2)):
            gate = rng.choice(sorted(single))
            args = tuple(self.angle([*self.inputs, "1.0*i"]) for _ in range(self._angles(gate)))
            body.append(Call((), gate, args, (f"{name}[{ones}]",)))
        if double and self.chance(0.5):
            gate = rng.choice(sorted(double))
            args = tuple(self.angle() for _ in range(self._angles(gate)))
            body.append(Call((), gate, args, (f"{name}[{ones}]", f"{name}[{ones} - 1]")))
        if self.chance(0.2):
            inner = f"for {kind} j in [0:1]"
            body.append(Block(inner, (Call((), rng.choice(sorted(single)), (), (f"{name}[j]",)),)))
            gate = body[-1].body[0].name  # type: ignore[union-attr]
            body[-1] = Block(
                inner,
                (
                    Call(
                        (),
                        gate,
                        tuple(self.angle() for _ in range(self._angles(gate))),
                        (f"{name}[j]",),
                    ),
                ),
            )
        if self.bits and self.kind == "dynamic" and self.chance(0.2):
            body = [Block(f"if ({self.condition()})", tuple(body))]
        return Block(f"for {kind} i in {rng.choice(ranges)}", tuple(body))

    def _angles(self, gate: str) -> int:
        return 3 if gate == "U" else self.gates[gate][0]

    # -- subroutines

    def subroutine(self) -> Node | None:
        name = f"sub{len(self.subroutines)}"
        pairs = [text for text, members in self.groups if len(members) == 2]
        if pairs and self.chance(0.5):
            return self.subroutine_of_two(name, pairs)
        body = [made for _ in range(2) if (made := self.call(["w"], ["t"])) is not None]
        if self.chance(0.5):
            self.subroutines.append((name, "{wire}, {angle}", 0))
            return Block(f"def {name}(qubit w, float t)", tuple(body))
        self.subroutines.append((name, "{wire}, {angle}", 1))
        return Block(f"def {name}(qubit w, float t) -> bit", (*body, Line("return measure w;")))

    def subroutine_of_two(self, name: str, pairs: Sequence[str]) -> Node:
        """Make one that takes registers."""
        wires, body = ["w[0]", "w[-1]"], list[Node]()
        body += [made for _ in range(3) if (made := self.call(wires, ["t"])) is not None]
        places = [bits for bits, size in self.bits.items() if size == 2]
        given = f"{self.rng.choice(pairs)}, {{angle}}"
        if places and self.chance(0.6):
            given += f", {self.rng.choice(places)}"
            test = self.rng.choice(("b == 2", "b[0]", "b != 1", "b[0] ^ b[1]", "b < 2"))
            body.append(Block(f"if ({test})", (Call((), "U", ("1.3", "0", "t"), ("w",)),)))
            head = f"def {name}(qubit[2] w, float[64] t, bit[2] b)"
        else:
            head = f"def {name}(qubit[2] w, angle t)"
        if places and "bit[2] b" not in head and self.chance(0.5):
            self.subroutines.append((name, given, 2))
            return Block(f"{head} -> bit[2]", (*body, Line("return measure w;")))
        self.subroutines.append((name, given, 0))
        return Block(head, tuple(body))

    def subroutine_call(self) -> Node:
        name, given, size = self.rng.choice(self.subroutines)
        given = given.replace("{wire}", self.some_wire()).replace("{angle}", self.angle())
        call = f"{name}({given});"
        if size == 1:
            target = self.bit()
            self.written.append(target)
            return Line(f"{target} = {call}")
        if size == 2:
            return Line(f"{self.rng.choice([b for b, n in self.bits.items() if n == 2])} = {call}")
        return Line(call)


KINDS = ("plain", "plain", "dynamic", "dynamic", "clifford", "noise", "noise")


def generate(seed: int, number: int) -> Program:
    """Make program `number` of a seed."""
    rng = random.Random(f"{seed}:{number}")
    version = 2 if rng.random() < 0.35 else 3
    return Maker(rng, version, rng.choice(KINDS)).program()
