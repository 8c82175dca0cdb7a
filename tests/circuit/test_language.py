"""What is written short means what it means written out: subroutines, switches, loops, scopes."""

import time
from contextlib import suppress
from dataclasses import fields, is_dataclass

import pytest
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from qbatch.circuit import build
from qbatch.circuit.qasm.parser import parse
from qbatch.circuit.text import Limits, Source
from qbatch.errors import CircuitError, Place, SourceErrors
from tests.circuit.conftest import QASM2, QASM3, circuit, circuit2, circuit3

HERE = Place("c.qasm", 1, 1)
Q3 = "qubit[3] q; bit[3] c; "


def plain(it):
    """Operations without their offsets in the text."""
    if isinstance(it, list | tuple):
        return [plain(item) for item in it]
    if is_dataclass(it):
        return [type(it).__name__, *(plain(getattr(it, f.name)) for f in fields(it) if f.compare
                and f.name != "start")]  # fmt: skip
    return it


def meaning(text):
    return plain(parse(Source(text, HERE)).operations)


def same(short, long):
    return meaning(QASM3 + Q3 + short) == meaning(QASM3 + Q3 + long)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("def f(qubit a) { h a; } f(q[1]);", "h q[1];"),
        ("def f() { } f();", ""),
        ("def f(qubit[2] q) { cx q[1], q[0]; } f(q[0:1]);", "cx q[1], q[0];"),
        ("def f(qubit a, qubit b) { swap a, b; } f(q[2], q[0]);", "swap q[2], q[0];"),
        ("def f(angle t, qubit a) { rx(2 * t) a; } f(0.25, q[0]);", "rx(0.5) q[0];"),
        ("def f(int n, qubit[3] a) { for int i in [0:n] x a[i]; } f(1, q);", "x q[0]; x q[1];"),
        ("const int n = 2; def f(qubit[n + 1] a) { x a; } f(q);", "x q;"),
        ("def f(qubit a) { x a; } def g(qubit[2] a) { f(a[1]); f(a[0]); } g(q[{2, 0}]);",
         "x q[0]; x q[2];"),
        ("def f(int n) -> int { return n * n; } rx(f(3) + 1) q[0];", "rx(10) q[0];"),
        ("def f(float x) -> float { float y = x / 2; return y; } rx(f(3)) q[0];", "rx(1.5) q[0];"),
        ("def f(qubit a) -> bit { h a; return measure a; } c[1] = f(q[2]);",
         "h q[2]; c[1] = measure q[2];"),
        ("def f(qubit[2] a) -> bit[2] { return measure a; } c[1:2] = f(q[0:1]);",
         "c[1:2] = measure q[0:1];"),
        ("def f(qubit a) -> bit { bit r; r = measure a; if (r) x a; return r; } c[0] = f(q[1]);",
         "c[0] = measure q[1]; if (c[0]) x q[1];"),
        ("def f(qubit a) -> bit { bit r = measure a; return r; } def g(qubit a) -> bit "
         "{ return f(a); } c[0] = g(q[1]);", "c[0] = measure q[1];"),
        ("def f(bit b, qubit a) { if (b) x a; } f(c[2], q[0]);", "if (c[2]) x q[0];"),
        ("def f(bit[3] b) -> bit { return b[0] ^ b[1] ^ b[2]; } if (f(c)) x q[0];",
         "if (c[0] ^ c[1] ^ c[2]) x q[0];"),
        ("def f(bit[3] b, qubit a) { if (b == 5) x a; } f(c, q[0]); f(\"101\", q[1]);",
         "if (c == 5) x q[0]; x q[1];"),
        ("def f(bool b, qubit a) { if (b) { x a; } else { y a; } } f(true, q[0]); f(1 > 2, q[0]);",
         "x q[0]; y q[0];"),
        ("def f(int n, qubit a) { while (n > 0) { x a; n -= 1; } } f(2, q[0]);", "x q[0]; x q[0];"),
        ("def f(qubit a) { for int i in [0:9] { if (i == 2) { return; } x a; } } f(q[0]);",
         "x q[0]; x q[0];"),
        ("def f(qreg a[2], creg b[1]) { if (b[0]) cx a[0], a[1]; } f(q[0:1], c[0]);",
         "if (c[0]) cx q[0], q[1];"),
        ("int x = 1; def f(qubit q) { int x = 2; ry(x) q; } f(q[0]); rx(x) q[0];",
         "ry(2) q[0]; rx(1) q[0];"),
        ("gate g a { h a; } def f(qubit[2] a) { ctrl @ g a[0], a[1]; } f(q[1:2]);",
         "gate g a { h a; } ctrl @ g q[1], q[2];"),
        ("def f(qubit a) { reset a; barrier a; delay[10ns] a; } f(q[1]);",
         "reset q[1]; barrier q[1]; delay[10ns] q[1];"),
        ("input float t; def f(angle a, qubit b) { rx(2 * a) b; } f(t / 2, q[0]);",
         "input float t; rx(2 * (t / 2)) q[0];"),
    ],
)  # fmt: skip
def test_a_subroutine_means_its_body_with_the_arguments_in_place(short, long):
    assert same(short, long)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("switch (c) { case 1 { x q[0]; } }", "if (c == 1) x q[0];"),
        ("switch (c) { case 1 { x q[0]; } default { y q[0]; } }",
         "if (c == 1) x q[0]; else y q[0];"),
        ("switch (c) { case 9 { x q[0]; } default { y q[0]; } }", "y q[0];"),
        ("switch (c[0]) { case 1, 0 { x q[0]; } default { y q[0]; } }",
         "if (c[0] == 1 || c[0] == 0) x q[0]; else y q[0];"),
        ("switch (2) { case 1 { x q[9]; } case 2 { y q[0]; } default { x q[9]; } }", "y q[0];"),
        ("for int i in [0:2] { switch (i) { case 0, 2 { x q[i]; } default { } } }",
         "x q[0]; x q[2];"),
        ("const int n = 2; switch (c & 3) { case n { x q[0]; } case \"01\" { y q[0]; } }",
         "if ((c & 3) == 2) { x q[0]; } else if ((c & 3) == 1) { y q[0]; }"),
    ],
)  # fmt: skip
def test_a_switch_means_nested_ifs(short, long):
    assert same(short, long)


@pytest.mark.parametrize("num_bits", [1, 3, 5])
@pytest.mark.parametrize("default", ["", "default { f(31, p); }"])
def test_each_value_takes_its_own_case(num_bits, default):
    values = [value for value in range(2**num_bits) if value % 3]
    cases = "".join(f"case {value} {{ f({value}, p); }}" for value in values)
    body = (
        "def f(int n, qubit[5] p) { for int i in [0:4] { if ((n >> i & 1) == 1) x p[i]; } }"
        f"qubit[{num_bits}] q; qubit[5] p; bit[{num_bits}] c; bit[5] r; h q; c = measure q;"
        f"switch (c) {{ {cases} {default} }} r = measure p;"
    )
    simulator = AerSimulator(method="stabilizer")
    counts = simulator.run(build(circuit3(body)), shots=200, seed_simulator=1).result().get_counts()
    for outcome in counts:
        result, selector = (int(digits, 2) for digits in outcome.split())
        expected = selector if selector % 3 else 31 if default else 0
        assert result == expected


def test_a_case_that_changes_the_selector_takes_no_other():
    body = "switch (c) { case 0 { x q[0]; c[0] = measure q[0]; } case 1 { x q[1]; } }"
    counts = AerSimulator().run(build(circuit3(f"{Q3}{body} c = measure q;")), shots=5).result()
    assert counts.get_counts() == {"001": 5}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("for int i in [1:0] if (c == 1) { x q[9]; }", ""),
        ("for int i in [1:0] if (c == 1) { x q; } else { y q; } h q;", "h q;"),
        ("for int i in [1:0] for int j in {0, 1} { x q; } h q;", "h q;"),
        ("for int i in [1:0] while (c == 1) { { x q; } let a = q[{0, 1}]; } h q;", "h q;"),
        ("for int i in [1:0] switch (c) { case 1 { x q; } } h q;", "h q;"),
        ("if (false) if (true) x q; else y q; h q;", "h q;"),
        ("for int i in [0:2] { if (i < 2) cx q[i], q[i + 1]; }", "cx q[0], q[1]; cx q[1], q[2];"),
        ("const int n = 3; if (n == 3) { const int n = 1; rx(n) q[0]; } rx(n) q[0];",
         "rx(1) q[0]; rx(3) q[0];"),
        ("const int n = 3; for int n in [0:1] { x q[n]; } rx(n) q[0];",
         "x q[0]; x q[1]; rx(3) q[0];"),
        ("let a = q[0]; { let a = q[1]; x a; } x a;", "x q[1]; x q[0];"),
        ("for int i in [0:1] { for int i in [2:2] { x q[i]; } y q[i]; }",
         "x q[2]; y q[0]; x q[2]; y q[1];"),
        ("int i = 0; while (i < 3) { x q[i]; i += 1; }", "x q[0]; x q[1]; x q[2];"),
        ("int i = 3; i *= 2; i = i - 5; float f = i; f /= 4; rx(f) q[i];", "rx(0.25) q[1];"),
        ("int s = 0; for int i in [0:3] { s += i; } rx(s) q[0];", "rx(6) q[0];"),
        ("for int i in [0:9] { if (i == 1) { continue; } if (i == 3) { break; } x q[i]; }",
         "x q[0]; x q[2];"),
        ("while (true) { x q[0]; break; }", "x q[0];"),
        ("x q[0]; if (true) { end; } nonsense", "x q[0];"),
        ("bool b = 2 > 1; b = !b; if (b) { x q; } else { y q; }", "y q;"),
        ("const bit[3] m = \"110\"; if (c == m) { x q; }", "if (c == 6) { x q; }"),
        ("const uint[70] big = 1 << 69; if (c < big) { x q; }", "x q;"),
        ("bit d = false; bit[4] e = \"0000\"; bit f = 0; bit[2] g = 0; h q;",
         "bit d; bit[4] e; bit f; bit[2] g; h q;"),
        ("uint[4] n = 10; for int i in [0:2] { if (bool(n[i])) { x q[i]; } }", "x q[1];"),
        ("bit d = measure q[1];", "bit d; d = measure q[1];"),
        ("let two = q[0:1] ++ q[2]; x two[2];", "x q[2];"),
        ("gate g a, b { cx a, b; barrier a, b; h b; } ctrl @ g q[0], q[1], q[2];",
         "gate g a, b { cx a, b; h b; } ctrl @ g q[0], q[1], q[2];"),
    ],
)  # fmt: skip
def test_what_is_known_beforehand_is_done_beforehand(short, long):
    assert same(short, long)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("h q; measure q;", "h q;"),
        ("measure q[0]; c[0] = measure q[0];", "c[0] = measure q[0]; c[0] = measure q[0];"),
        ("h q[0]; measure q[0]; reset q[0]; x q[0];", "h q[0]; reset q[0]; x q[0];"),
        ("measure q[0]; h q[0]; c = measure q;", "c[0] = measure q[0]; h q[0]; c = measure q;"),
        ("def f(qubit a) -> bit { return measure a; } f(q[0]); h q[0]; c = measure q;",
         "c[0] = measure q[0]; h q[0]; c = measure q;"),
        ("if (c[0]) { measure q[0]; } h q[1];", "if (c[0]) { } h q[1];"),
        ("if (c[0]) { measure q[0]; h q[0]; } c = measure q;",
         "if (c[0]) { c[1] = measure q[0]; h q[0]; } c = measure q;"),
        ("measure q[0]; h q[0]; if (c[0]) x q[1]; c[0] = measure q[0]; c[2] = measure q[2];",
         "c[2] = measure q[0]; h q[0]; if (c[0]) x q[1]; c[0] = measure q[0];"
         "c[2] = measure q[2];"),
    ],
)  # fmt: skip
def test_a_measurement_without_a_bit_disturbs_its_qubit_and_nothing_else(short, long):
    assert plain_ifs(meaning(QASM3 + Q3 + short)) == plain_ifs(meaning(QASM3 + Q3 + long))


def plain_ifs(operations):
    """Without ifs that have nothing to do."""
    return [op for op in operations if op[0] != "If" or op[2] or op[3]]


def test_a_measurement_without_a_bit_dephases():
    body = "qubit q; bit c; h q; measure q; h q; c = measure q;"
    counts = AerSimulator().run(build(circuit3(body)), shots=2000, seed_simulator=5).result()
    assert 850 < counts.get_counts()["1"] < 1150
    assert circuit3(body).facts.is_dynamic
    assert not circuit3("qubit[2] q; bit c; h q; measure q[1]; c = measure q[0];").facts.is_dynamic


@pytest.mark.parametrize("word", ["bit", "box", "ctrl", "end", "def", "let", "true", "switch"])
def test_names_of_openqasm_2_may_be_words_of_openqasm_3(word):
    text = f"{QASM2}gate {word} a {{ h a; }} qreg q[1]; {word} q[0];"
    assert circuit(text).facts.num_gates == 1
    program = circuit2(f"qreg {word}[1]; creg c[1]; h {word}[0]; measure {word} -> c;")
    assert program.facts.terminal == (0,)
    assert build(program).count_ops() == {"h": 1, "measure": 1}


def test_an_opaque_gate_that_nobody_calls_is_passed_over():
    assert circuit2("opaque magic(a, b) x, y; qreg q[1]; h q[0];").facts.gates == ("h",)


def test_a_text_without_a_version_is_openqasm_3_or_what_its_library_is_of():
    new = circuit('include "stdgates.inc"; qubit q; bit c; h q; c = measure q;')
    old = circuit('include "qelib1.inc"; qreg q[1]; creg c[1]; u2(0,pi) q[0]; measure q -> c;')
    assert (new.version, new.facts.gates) == ("3.0", ("h",))
    assert (old.version, old.facts.gates) == ("2.0", ("u2",))
    assert circuit("qubit q; U(1, 2, 3) q;").version == "3.0"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("def f(qubit a) { x a; } f(q);", "'a' takes 1 qubit"),
        ("def f(qubit a) { x a; } f(c[0]);", "is classical"),
        ("def f(qubit a) { x a; } f q[0];", "takes 1 argument|expected|'f' is"),
        ("def f(qubit a, qubit b) { cx a, b; } f(q[0], q[0]);", "the same qubit is given twice"),
        ("def f(qubit a) { x a; } c[0] = f(q[0]);", "'f' returns nothing"),
        ("def f(qubit[2] a) -> bit[2] { return measure a; } c[0] = f(q[0:1]);", "returns bit"),
        ("def f(bit b, qubit a) -> bit { return measure a; } c[0] = f(c[0], q[0]);",
         "cannot set bits that it is given"),
        ("def f(qubit a) -> bit { bit r; if (r) x a; return r; } c[0] = f(q[0]);",
         "may not have been measured"),
        ("def f(qubit a) -> bit { bit r; if (true) { } return r; } ", "may not have been measured"),
        ("def f(qubit a) -> bit { bit b; return measure a; }", "bits within a block"),
        ("def f(int n) { } f(1.5);", "of type int, the value is not"),
        ("def f(uint[2] n) { } f(4);", r"does not fit into uint\[2\]"),
        ("def f(qubit a) { x q[0]; }", "is not visible within|is not defined as a register"),
        ("def x(qubit a) { } ", "'x' is a gate already"),
        ("def f(qubit a) { x a; } ctrl @ f(q[0]);", "'f' is a subroutine, no gate"),
        ("def f() { } def f() { }", "'f' is already defined"),
        ("def f() { return 1; } f();", "no type to return"),
        ("return;", "stands in no subroutine"),
        ("break;", "stands in no loop"),
        ("while (c[0]) { break; }", "would depend on a measurement"),
        ("if (c[0]) { end; }", "would depend on a measurement"),
        ("def f(qubit a) -> bit { if (c) { return 0; } }", "not visible"),
        ("c = 1;", "can only be set by a measurement"),
        ("c ^= 1;", "can only be set by a measurement"),
        ("const int n = 1; n = 2;", "cannot be set"),
        ("m = 2;", "'m' is not declared"),
        ("int n; rx(n) q[0];", "'n' has no value yet"),
        ("int n = 0; if (c[0]) { n = 1; }", "known only to the machine"),
        ("bool b = c[0];", "known only to the machine"),
        ("uint[2] n = 3; n += 1;", r"does not fit into uint\[2\]"),
        ("rx(uint[2](7)) q[0];", r"does not fit into uint\[2\]"),
        ("rx(int[2](2.7)) q[0];", r"does not fit into int\[2\]"),
        ("rx(uint(-3)) q[0];", "does not fit into 64 bits"),
        ("rx(-7 % 3) q[0];", "remainder '%' of a negative number"),
        ("rx(mod(7.5, -3)) q[0];", "remainder 'mod' of a negative number"),
        ("switch (c) { default { } case 1 { } }", "nothing can follow the default"),
        ("switch (c) { }", "needs a case"),
        ("switch (c) { case c[0] { } }", "a case is an integer"),
        ("switch (c) { case 1 x q; }", r"expected '\{'"),
        ("cnot q[0], q[1];", "did you mean 'cx'"),
        ("toffoli q[0], q[1], q[2];", "did you mean 'ccx'"),
        ("CZ q[0], q[1];", "did you mean 'cz'"),
        ("foo q[0];", "'foo' is not defined as a gate; define it above$"),
        ("fro q[0];", "'fro' is not defined as a gate; define it above$"),
        ("end q[0];", "';' is missing here, before 'q'$"),
        ("const q[0];", "type"),
        ("qubit q;", "'q' is already defined"),
        ("rx(2im) q[0];", "complex numbers are not supported"),
        ("stretch d;", "'stretch' is not supported"),
        ("input int n;", "only float, angle and duration inputs"),
        ("input bit n;", "only float, angle and duration inputs"),
        ("const complex z = 1;", "'complex' is not supported"),
        ("opaque g a; g q[0];", "'g' is opaque"),
        ("for i in [0:2] { x q[i]; }", "write the type of 'i'"),
        ("qubit r[3];", r"the size stands before the name; write qubit\[…\] r;"),
        ("if (int[2](c[0:1]) == 3) { x q; }", r"goes up to 1, 3 is above; write uint\[2\]"),
        ("int[4] n = 1; rx(n[4]) q[0];", "'n' has no bit 4"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_told_on_its_line(body, problem):
    """P41: `end` was said to be meant by `end`, `const` by `cnot`, and `for` by `foo`."""
    with pytest.raises(CircuitError, match=problem) as caught:
        circuit3(f"{Q3}\n{body}")
    assert str(caught.value).startswith("c.qasm:4:")


MANY = 10**7
NEST = "".join(f"def f{n}() {{ {f'f{n - 1}(); ' * 10} }} " for n in range(1, 9))


LONG = [
    f"for int i in [0:999999] {{ {'const int a = 1; ' * 50} {{ }} a; }}",
    f"def f0() {{ }} {NEST} f8();",
    f"def f0() {{ {'int a = 1; ' * 1000} }} {NEST} f8();",
    "int i = 0; while (i >= 0) { i += 1; }",
    "int i = 0; for int j in [0:999999] { while (i < 1000) { i += 1; } i = 0; }",
    "".join(f"def f{n}(qubit a) {{ {f'f{n - 1}(a);' if n else ''} }} " for n in range(60))
    + "f59(q[0]);",
    "".join(f"def f{n}(qubit a) {{ {f'f{n - 1}(a);' * 2 if n else 'x a;'} }} " for n in range(40))
    + "f39(q[0]);",
    f"def g(qubit a) {{ x a; }} for int i in [0:9999] for int j in [0:{MANY}] g(q[0]);",
    "switch (c) { " + "".join(f"case {n} {{ x q; }}" for n in range(20_000)) + " }",
    "bit[9000] d; switch (d) { " + "".join(f"case {n} {{ x q; }}" for n in range(5000)) + " }",
    "if (c == 1) " * 60 + "x q;",
    "for int i in [1:0] " * 60 + "x q;",
    "{" * 60 + "}" * 60,
    f"pow(1{'0' * 300}) @ x q[0];",
    f"ctrl({MANY}) @ x q[0];",
    "qubit[5000] r; ctrl(4000) @ x r;",
    f"rx({'(' * 60}1{')' * 60}) q[0];",
    f"for int i in [0:{2**62}] {{ }}",
    f"for int i in [{-(2**62)}:{2**62}:{2**61}] {{ x q[7]; }}",
    "let a = q ++ " * 2000 + "q;",
    f"bit[2] d = {'~' * 70}c;",
]


@pytest.mark.parametrize("body", LONG)
@pytest.mark.slow
def test_no_short_text_keeps_the_reader_for_long(body, monkeypatch):
    for limit in ("OPERATIONS", "EXPANDED", "REREAD"):
        monkeypatch.setattr(Limits, limit, getattr(Limits, limit) // 50)
    began = time.process_time()
    with pytest.raises(CircuitError):
        circuit3(f"{Q3}\n{body}")
    assert time.process_time() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("body", LONG)
def test_no_short_text_keeps_the_reader_for_very_long(body):
    began = time.process_time()
    with suppress(CircuitError, SourceErrors):
        circuit3(f"{Q3}\n{body}")
    assert time.process_time() - began < 30


@pytest.mark.slow
def test_many_names_and_many_rounds_are_not_multiplied():
    began = time.process_time()
    names = "".join(f"const int n{n} = {n}; " for n in range(20_000))
    circuit3(f"{names} {Q3} for int i in [0:20000] {{ x q[0]; }}")
    gates = "".join(f"gate g{n} a {{ x a; }} " for n in range(5_000))
    circuit3(f"{names} {gates} {Q3} g3 q[0];")
    assert time.process_time() - began < 8


def test_calls_before_a_gate_is_defined_mean_the_library_s():
    text = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; gate g a { sx a; } '
        "g q[0]; sx q[0]; gate sx a { x a; } sx q[0]; measure q -> c;"
    )
    bare = build(circuit(text)).remove_final_measurements(inplace=False)
    assert Statevector(bare).probabilities() == pytest.approx([1, 0])  # sx twice is x
