"""Conditions mean what OpenQASM 3 says, for each value that the bits can have.

Held against ten lines that compute with Python's numbers: the formula that a condition is lowered
to, over all values of the bits, and what Aer makes of the Qiskit circuit built of it.
"""

import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator

from qbatch.circuit import build, program_text
from qbatch.circuit.program import If
from qbatch.circuit.qasm.conditions import SIZE, bits_of
from qbatch.circuit.qasm.parser import parse
from qbatch.circuit.qasm.writer import qasm3_text
from qbatch.circuit.text import Source
from qbatch.errors import CircuitError, Place
from tests.circuit.conftest import QASM2, QASM3, circuit, circuit2, circuit3
from tests.daily import mostly_slow

HERE = Place("c.qasm", 1, 1)

#: Register -> its bits among the six.
REGISTERS = {"a": (0, 1, 2), "b": (3, 4), "s": (5,)}
BITS = "bit[3] a; bit[2] b; bit s;"


def operation(program):
    """The only operation that is left of a program, or None."""
    assert len(program.operations) <= 1
    return program.operations[0] if program.operations else None


def lowered(condition, declarations=BITS):
    """The formula of a condition, or True or False where it was folded."""
    text = f"{QASM3}{declarations} qubit q; if ({condition}) x q;"
    found = operation(parse(Source(text, HERE)))
    if found is None:
        return False
    return found.condition if isinstance(found, If) else True


def holds(formula, bits):
    """Whether a formula holds for these bits, bit 0 first."""
    if isinstance(formula, bool):
        return formula
    if formula.op == "bit":
        return bool(bits[formula.args[0]])
    if formula.op == "equals":
        numbers, value = formula.args
        return value == sum(bits[bit] << place for place, bit in enumerate(numbers))
    if formula.op == "not":
        return not holds(formula.args[0], bits)
    return {"and": all, "or": any}[formula.op](holds(arg, bits) for arg in formula.args)


# -- the other computation: a value is (number, width), a width of 0 is true or false


def value(tree, bits):
    op, *args = tree
    if op == "bits":
        return sum(bits[bit] << place for place, bit in enumerate(args[0])), len(args[0])
    if op in ("number", "string"):
        return args[0], args[1]
    (left, width), (right, other) = value(args[0], bits), value(args[-1], bits)
    wider = max(width, other)
    computed = {
        "!": (not left, 0), "&&": (left and right, 0), "||": (left or right, 0),
        "==": (left == right, 0), "!=": (left != right, 0), "<": (left < right, 0),
        "<=": (left <= right, 0), ">": (left > right, 0), ">=": (left >= right, 0),
        "~": (left ^ (1 << max(width, 1)) - 1, width), "&": (left & right, wider),
        "|": (left | right, wider), "^": (left ^ right, wider), "()": (left, width),
        "<<": (left << min(right, 99) & (1 << width) - 1, width), ">>": (left >> right, width),
    }[op]  # fmt: skip
    return (bool(computed[0]), 0) if computed[1] == 0 else computed


#: As in the specification, from loose to tight.
LOOSENESS = [
    ["||"],
    ["&&"],
    ["|"],
    ["^"],
    ["&"],
    ["==", "!="],
    ["<", "<=", ">", ">="],
    ["<<", ">>"],
]
LEVEL = {op: level for level, ops in enumerate(LOOSENESS) for op in ops} | {"!": 20, "~": 20}


def written(tree):
    """Write a tree with no more parentheses than needed."""
    op, *args = tree
    if op in ("bits", "number", "string"):
        return args[-1]
    if op == "()":
        return f"({written(args[0])})"
    parts = [
        f"({written(arg)})" if LEVEL.get(arg[0], 99) < LEVEL[op] + place else written(arg)
        for place, arg in enumerate(args)
    ]
    return f"{op}{parts[0]}" if len(parts) == 1 else f"{parts[0]} {op} {parts[1]}"


@st.composite
def bits_picked(draw):
    name = draw(st.sampled_from(sorted(REGISTERS)))
    bits = REGISTERS[name]
    if name == "s":
        return ("bits", bits, "s")
    first = draw(st.integers(0, len(bits) - 1))
    last = draw(st.integers(first, len(bits) - 1))
    indices = draw(st.permutations(range(len(bits))))
    return draw(
        st.sampled_from(
            [
                ("bits", bits, name),
                ("bits", (bits[first],), f"{name}[{first}]"),
                ("bits", (bits[first],), f"{name}[{first - len(bits)}]"),
                ("bits", bits[first : last + 1], f"{name}[{first}:{last}]"),
                ("bits", bits[::-1], f"{name}[{len(bits) - 1}:-1:0]"),
                ("bits", tuple(bits[i] for i in indices), f"{name}[{{{str(indices)[1:-1]}}}]"),
            ]
        )
    )


def number(low):
    plain = st.integers(low, 20).map(lambda n: ("number", n, max(1, n.bit_length()), str(n)))
    return plain | st.sampled_from([("number", 2**70, 71, str(2**70)), ("number", 5, 3, "0b101")])


STRINGS = st.text("01", min_size=1, max_size=5).map(
    lambda digits: ("string", int(digits, 2), len(digits), f'"{digits}"')
)
SHIFTS = st.integers(0, 6).map(lambda n: ("number", n, 3, str(n)))
CONSTANTS = st.sampled_from([("number", True, 0, "true"), ("number", False, 0, "false")])
BITWISE = st.sampled_from(["&", "|", "^"])
TESTS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def words(draw, depth):
    """Trees that are bits."""
    shape = draw(st.integers(0, 4)) if depth else 0
    if shape < 2:
        return draw(bits_picked() if draw(st.integers(0, 4)) else STRINGS)
    inner = draw(words(depth - 1))
    if shape == 2:
        return (draw(st.sampled_from(["~", "()"])), inner)
    if shape == 3:
        return (draw(st.sampled_from(["<<", ">>"])), inner, draw(SHIFTS))
    return swapped(draw, draw(BITWISE), inner, draw(words(depth - 1) | number(0)))


@st.composite
def truths(draw, depth):
    """Trees that are true or false."""
    shape = draw(st.integers(0, 4)) if depth else 0
    if shape < 2:
        return swapped(draw, draw(TESTS), draw(words(depth)), draw(words(depth) | number(-3)))
    inner = draw(truths(depth - 1))
    if shape == 2:
        return (draw(st.sampled_from(["!", "()"])), inner)
    if shape == 3:
        op, other = draw(st.sampled_from(["&", "|", "^", "==", "!="])), draw(truths(depth - 1))
        return swapped(draw, op, inner, draw(st.just(other) | CONSTANTS) if len(op) > 1 else other)
    either = truths(depth - 1) | words(depth - 1) | CONSTANTS
    return swapped(draw, draw(st.sampled_from(["&&", "||"])), inner, draw(either))


def swapped(draw, op, left, right):
    return (op, right, left) if draw(st.booleans()) else (op, left, right)


CONDITIONS = truths(3) | words(2)


@settings(max_examples=250, deadline=None)
@given(CONDITIONS)
@pytest.mark.slow
def test_any_condition_holds_for_the_bits_for_which_it_should(tree):
    formula = lowered(written(tree))
    for bits in product((0, 1), repeat=6):
        assert holds(formula, bits) == bool(value(tree, bits)[0]), (written(tree), bits)


def program_with(conditions):
    """Put six random bits into registers, and raise a flag for each condition that holds.

    A register of 70 bits stands between, since simulators keep up to 64 in one word.
    """
    flags = "".join(
        f"reset f; if ({written(tree)}) x f; r[{n}] = measure f;"
        for n, tree in enumerate(conditions)
    )
    return circuit3(
        f"qubit[6] q; qubit f; bit[3] a; bit[2] b; bit[70] wide; bit s; bit[{len(conditions)}] r;"
        f"h q; a = measure q[0:2]; b = measure q[3:4]; s = measure q[5]; {flags}"
    )


def flags_of(built, method):
    """Run a circuit of `program_with`: each shot gives the six bits, and which flags are raised."""
    counts = AerSimulator(method=method).run(built, shots=150, seed_simulator=7).result()
    for outcome in counts.get_counts():
        r, s, _, b, a = outcome.split()
        bits = [int(digit) for digit in (s + b + a)[::-1]]
        yield bits, [digit == "1" for digit in r[::-1]]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(CONDITIONS, min_size=4, max_size=10),
    st.sampled_from(["statevector", "density_matrix", "matrix_product_state", "stabilizer"]),
)
@pytest.mark.slow
def test_a_simulator_takes_the_branches_that_python_does_and_so_it_does_of_what_is_written(
    conditions, method
):
    original = program_with(conditions)
    sent = circuit(program_text(original, {}, "3.0"))
    for bits, flags in (*flags_of(build(original), method), *flags_of(build(sent), method)):
        expected = [bool(value(tree, bits)[0]) for tree in conditions]
        assert flags == expected, ([written(tree) for tree in conditions], bits)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("c[0] > 0", {1, 3, 5, 7}), ("c & 1", {1, 3, 5, 7}), ("1 == c[0]", {1, 3, 5, 7}),
        ("(c[0] == 1) == true", {1, 3, 5, 7}), ("(c[0] == 1) == 1", {1, 3, 5, 7}),
        ("~c == 7", {0}), ("!c", {0}), ("!!c", set(range(1, 8))), ("c && c[0]", {1, 3, 5, 7}),
        ("(c & 6) == 4", {4, 5}), ("(c ^ 5) == 1", {4}), ("c > -1", set(range(8))),
        ("c < 8", set(range(8))), ("c != 9", set(range(8))), ("c == 9", set()), ("c >= 8", set()),
        ("c[0:1] == 2", {2, 6}), ("c[{2, 0}] == 1", {4, 6}), ("(c ^ 1)[0]", {0, 2, 4, 6}),
        ('c == "011"', {3}), ('"110" == c', {6}), ("c >> 1 == 2", {4, 5}),
        ("(c << 1) == 6", {3, 7}),
        ("bool(c)", set(range(1, 8))), ("bool(c) == 1", set(range(1, 8))),
        ("int[3](c) < 0", {4, 5, 6, 7}), ("int[3](c) == -1", {7}), ("int(c) > 3", {4, 5, 6, 7}),
        ("uint[3](c) > 3", {4, 5, 6, 7}), ("~uint[4](c) == 15", {0}), ("~int(c) == -1", {0}),
        ("bit[4](c) == 7", {7}), ("int[3](c) >> 1 == -1", {6, 7}), ("int[3](c) < c", {4, 5, 6, 7}),
        ("rotl(c, 1) == 1", {4}), ("rotr(c, 1) == 1", {2}), ("c[0] ^ c[1] ^ c[2]", {1, 2, 4, 7}),
        ("alias == 2", {4}), ("alias[1]", {4, 5, 6, 7}), ("c == n", {5}),
        ("c[i] == 1", {2, 3, 6, 7}),
        ("c == 0x5 && !c[1]", {5}), ("c[0] == c[2]", {0, 2, 5, 7}), ("c < c", set()),
    ],
)  # fmt: skip
def test_conditions_of_every_form(condition, expected):
    names = "bit[3] c; const int n = 5; const uint[2] i = 1; let alias = c[{1, 2}];"
    if condition.startswith("alias =="):
        expected = {4, 5}
    formula = lowered(condition, names)
    taken = {n for n in range(8) if holds(formula, [n >> bit & 1 for bit in range(3)])}
    assert taken == expected


def test_a_register_of_seventy_bits_is_compared_with_its_number():
    body = "qreg q[2]; creg c[70]; creg r[1]; x q[0]; measure q[0] -> c[65];"
    taken = f"{body} if (c == 36893488147419103232) x q[1]; measure q[1] -> r[0];"
    other = taken.replace("232)", "233)")
    for text, expected in ((taken, "1"), (other, "0")):
        counts = AerSimulator().run(build(circuit2(text)), shots=2).result().get_counts()
        assert [outcome[0] for outcome in counts] == [expected]


@pytest.mark.parametrize("condition", ["c > 1", "c >= 4294967296", "c > d", "!(c < 2)", "c != d"])
def test_registers_beyond_32_bits_are_ordered_by_their_highest(condition):
    body = (
        f"qubit[2] q; bit[33] c; bit[33] d; bit r; x q[0]; c[32] = measure q[0];"
        f"d[31] = measure q[0]; if ({condition}) x q[1]; r = measure q[1];"
    )
    counts = AerSimulator().run(build(circuit3(body)), shots=2).result().get_counts()
    assert [outcome[0] for outcome in counts] == ["1"]


def test_a_condition_known_beforehand_leaves_no_condition_behind():
    facts = circuit3("qubit q; bit[2] c; c[0] = measure q; if (c == 5) { x q; }").facts
    assert not facts.is_dynamic
    assert facts.terminal == (0, None)
    assert circuit2("qreg q[1]; creg c[2]; if (c == 5) x q[0];").facts.num_gates == 0
    taken = circuit3("qubit q; bit[2] c; if (c < 4) { x q; } else { h q; }").facts
    assert (taken.gates, taken.is_dynamic) == (("x",), False)


def test_a_whole_registers_value_stays_a_whole_registers_value():
    for condition in ("c == 2", "2 == c", "!c[0] && c[1]", "!(c != 2)", "c[1] == 1 && c[0] == 0"):
        formula = lowered(condition, "bit[2] c;")
        assert (formula.op, formula.args) == ("equals", ((0, 1), 2))
    none = lowered("!c", "bit[2] c;")
    assert (none.op, none.args) == ("equals", ((0, 1), 0))


def test_a_while_asks_the_same_questions():
    body = "qubit q; bit[2] c; while (!c || c[0:1] == 2) c[0] = measure q;"
    loop = operation(parse(Source(f"{QASM3}{body}", HERE)))
    assert [holds(loop.condition, [n & 1, n >> 1]) for n in range(4)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("c + 1 == 2", r"'\+' on measured bits is not supported; compare them"),
        ("c == 0.5", "bits are whole numbers, 0.5 is none"),
        ("c == x", "cannot mix measured bits and inputs"),
        ("x > 0", "'>' on an input is not supported"),
        ("x", "a condition is over measured bits"),
        ("q", "'q' is quantum"),
        ("1 << c", "shifted by a number known beforehand"),
        ("c << -1", "cannot be shifted by -1"),
        ("(c == 1) << 1", "a comparison is true or false"),
        ("c & -1", "takes no negative number"),
        ("uint[2](c) == 1", r"3 bits do not fit into uint\[2\]; pick some by their index"),
        ("float(c) == 1", r"float\(\) cannot take this value"),
        ("c[3]", "index 3 is out of range: 'c' has 3 bits"),
        ("c[0][0]", "'c' is a single bit and has no index"),
    ],
)
def test_what_cannot_be_asked_of_bits_is_told_at_its_place(condition, problem):
    with pytest.raises(CircuitError, match=problem) as caught:
        circuit3(f"input float x; bit[3] c; qubit q;\nif ({condition}) {{ }}")
    assert str(caught.value).startswith("c.qasm:4:")


def test_numbers_in_angles_stay_within_64_bits():
    with pytest.raises(CircuitError, match="does not fit into 64 bits"):
        circuit3(f"qubit q; rx({2**70}) q;")


@pytest.mark.parametrize(
    "condition",
    mostly_slow(
        [
            "c < d",
            "c" + " ^ d" * 400,
            "(" + " ^ ".join(f"c[{n}]" for n in range(4000)) + ") == 1",
            "c[0]" + " == d[0]" * 3000,
            "c[0]" + " < d[0]" * 3000,
            "c" + " < d" * 50,
            "c" + " && d[1] || c[2]" * 30_000,
            "c == " + "9" * 5000,
            f"c == 2 ** {10**15}",
            f"c == 1 << {10**15}",
            f"c << {10**15}",
            "!" * 60 + "c",
            "(c ^ d) < (~c ^ d) ^ (c < d)",
        ],
        daily=5,
    ),
)
def test_no_condition_however_made_takes_long(condition):
    began = time.process_time()
    with pytest.raises(CircuitError, match=r"c\.qasm:4:"):
        circuit3(f"bit[5000] c; bit[5000] d; qubit q;\nif ({condition}) x q;")
    assert time.process_time() - began < 5


def test_large_conditions_that_are_no_larger_than_allowed_are_built():
    body = "bit[500] c; bit[500] d; qubit q; if (c < d) x q; if (c > 12345) x q; if (c) x q;"
    program = parse(Source(QASM3 + body, HERE))
    assert max(op.condition.size for op in program.operations) <= SIZE
    assert [len(bits_of(op.condition)) for op in program.operations] == [1000, 499, 500]
    assert build(circuit3(body)).count_ops() == {"if_else": 3}


#: Qiskit's expressions, with the casts that it puts in, and what they are for numbers a and b.
MADE = [
    (lambda a, b: expr.logic_not(a), lambda a, b: not a),
    (lambda a, b: expr.logic_and(a, expr.logic_not(b)), lambda a, b: a and not b),
    (lambda a, b: expr.not_equal(b, 0), lambda a, b: b),
    (lambda a, b: expr.less(expr.bit_not(b), a), lambda a, b: 3 - b < a),
    (lambda a, b: expr.equal(expr.bit_not(expr.bit_or(a, 2)), 1), lambda a, b: 7 - (a | 2) == 1),
    (lambda a, b: expr.equal(expr.bit_xor(a, 5), b), lambda a, b: a ^ 5 == b),
    (lambda a, b: expr.less(expr.bit_not(expr.cast(b, types.Uint(3))), 6), lambda a, b: 7 - b < 6),
    (lambda a, b: expr.greater_equal(expr.shift_left(a, 1), 4), lambda a, b: (a << 1 & 7) >= 4),
    (lambda a, b: expr.equal(expr.shift_right(a, 1), b), lambda a, b: a >> 1 == b),
    (lambda a, b: expr.index(a, 1), lambda a, b: a & 2),
    (lambda a, b: expr.equal(expr.less(a, 3), expr.less(b, 2)), lambda a, b: (a < 3) == (b < 2)),
]


@pytest.mark.parametrize(("make", "compute"), MADE)
def test_conditions_that_a_function_made_are_written_as_it_meant_them(make, compute):
    a, b = ClassicalRegister(3, "a"), ClassicalRegister(2, "b")
    made = QuantumCircuit(QuantumRegister(1), a, b)
    with made.if_test(make(a, b)):
        made.x(0)
    formula = operation(parse(Source(qasm3_text(made, HERE), HERE))).condition
    for bits in product((0, 1), repeat=5):
        low, high = bits[0] + 2 * bits[1] + 4 * bits[2], bits[3] + 2 * bits[4]
        assert holds(formula, bits) == bool(compute(low, high))


def test_conditions_survive_in_one_register_for_all():
    original = circuit3(
        "qubit[2] q; bit[2] c; bit d; c = measure q; if (c == 2 || d) { x q[0]; }"
        "if (c == 1) { x q[1]; } if (!d) { x q[0]; }"
    )
    sent = program_text(original, {}, "3.0", register="all")
    first, second, third = (
        op.condition for op in parse(Source(sent, HERE)).operations if isinstance(op, If)
    )
    for bits in product((0, 1), repeat=3):
        assert holds(first, bits) == (bits[:2] == (0, 1) or bits[2] == 1)
        assert holds(second, bits) == (bits[:2] == (1, 0))
        assert holds(third, bits) == (bits[2] == 0)


@pytest.mark.parametrize(
    ("condition", "written"), [("d", "d == 1"), ("!d", "d == 0"), ("!c[0] && c[1]", "c == 2")]
)
def test_what_is_a_registers_value_is_written_as_openqasm_2(condition, written):
    original = circuit3(f"qubit q; bit d; bit[2] c; d = measure q; if ({condition}) {{ x q; }}")
    assert f"if ({written}) x q[0];" in program_text(original, {}, "2.0")


def test_openqasm_2_compares_registers_as_ever():
    text = f"{QASM2}qreg q[1]; creg c[2]; if (c == 2) x q[0];"
    found = operation(parse(Source(text, HERE)))
    assert (found.condition.op, found.condition.args) == ("equals", ((0, 1), 2))
