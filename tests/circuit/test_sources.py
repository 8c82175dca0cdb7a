"""Circuits by path, inline, from templates and from Python."""

import pytest

from qbatch.circuit import UntrustedCodeError, parses
from qbatch.errors import CircuitError, ConsentError, Place
from tests.circuit.conftest import QASM3, opened

BELL = QASM3 + "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"
ROTATED = QASM3 + "input float theta;\nqubit[{{ n }}] q;\nbit c; rx(theta * {{ k }}) q;\n"


def write(folder, name, text):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return name


def error_of(*args, **kwargs):
    with pytest.raises(CircuitError) as caught:
        opened(*args, **kwargs)
    return str(caught.value)


def test_a_file_is_the_same_circuit_at_all_values(tmp_path):
    source = opened(tmp_path, file=write(tmp_path, "sub/bell.qasm", BELL))
    assert source.circuit({"n": 1}) is source.circuit({})
    assert (source.arguments, source.parameters) == (frozenset(), frozenset())


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    (tmp_path / "w.qasm").write_bytes(b"\xef\xbb\xbf" + BELL.replace("\n", "\r\n").encode())
    assert opened(tmp_path, file="w.qasm").circuit({}).text == BELL


def test_a_mistake_in_inline_text_is_told_at_the_manifests_line(tmp_path):
    text = QASM3 + "qubit q;\nhh q;\n"
    place = Place("m.yaml", 7, 5)
    with pytest.raises(CircuitError, match=r"m\.yaml:11:7: 'hh'") as caught:
        opened(tmp_path, qasm=text, place=place)
    assert caught.value.excerpt == "      hh q;"


@pytest.mark.parametrize("file", ["../bell.qasm", "/etc/passwd", "out/bell.qasm"])
def test_paths_stay_inside_the_folder(tmp_path, file):
    folder = tmp_path / "experiment"
    folder.mkdir()
    write(tmp_path, "bell.qasm", BELL)
    (folder / "out").symlink_to(tmp_path)
    for kind in ("file", "template"):
        assert "lies outside the manifest's folder" in error_of(folder, **{kind: file})
    assert "lies outside" in error_of(folder, python=f"{file}:f", trust=True)


@pytest.mark.parametrize(
    ("file", "text", "hint"),
    [
        ("g.qasm.j2", "qubit[{{ n }}] q;", "for a Jinja template, write {template: g.qasm.j2}"),
        ("g.qasm", "{% for i in range(3) %}x q;{% endfor %}", "{template: g.qasm}"),
        ("g.jinja", "qubit q; hh q;", "{template: g.jinja}"),
        ("g.py", "def make(): ...", 'write {python: "g.py:FUNCTION"}'),
    ],
)
def test_a_file_that_is_no_openqasm_is_told_how_it_is_written_of(tmp_path, file, text, hint):
    """P30: a template's path was read as OpenQASM, without a hint."""
    assert hint in error_of(tmp_path, file=write(tmp_path, file, text))


def test_a_template_in_the_manifest_is_told_where_it_belongs(tmp_path):
    assert "{template: FILE.qasm.j2}" in error_of(tmp_path, qasm="qubit[{{ n }}] q;")


@pytest.mark.parametrize("text", ["qubit q; hh q;", "qubit q; if (true) {{ hh q; }}"])
def test_a_mistake_in_openqasm_is_no_template(tmp_path, text):
    assert "emplate" not in error_of(tmp_path, file=write(tmp_path, "a.qasm", QASM3 + text))


def test_a_missing_file_is_told_with_the_nearest_one(tmp_path):
    write(tmp_path, "circuits/bell.qasm", BELL)
    expected = "m.yaml:4:3: circuits/bel.qasm is no file; did you mean circuits/bell.qasm?"
    assert error_of(tmp_path, file="circuits/bel.qasm") == expected


def test_a_folder_or_an_odd_path_is_no_file(tmp_path):
    assert "is a folder; name a file in it" in error_of(tmp_path, file=".")
    assert "m.yaml:4:3" in error_of(tmp_path, file="a\0b")
    assert "m.yaml:4:3" in error_of(tmp_path, file="x" * 5000)


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "large.qasm").open("wb") as stream:
        stream.truncate(200 * 2**20)
    assert (
        error_of(tmp_path, file="large.qasm")
        == "large.qasm: is larger than 8388608 bytes; make it shorter"
    )


def test_a_template_takes_its_variables_and_leaves_inputs_free(tmp_path):
    source = opened(tmp_path, template=write(tmp_path, "t.j2", ROTATED), hint={"n": 1, "k": 2})
    assert source.arguments == source.required == {"n", "k"}
    assert source.parameters == {"n", "k", "theta"}
    circuit = source.circuit({"n": 3, "k": 0.5, "theta": 9, "other": 1})
    assert circuit.facts.num_qubits == 3
    assert "theta * 0.5" in circuit.text


def test_a_sweeps_value_wins_over_with(tmp_path):
    file = write(tmp_path, "t.j2", ROTATED)
    source = opened(tmp_path, template=file, arguments={"n": 1, "k": 2})
    assert source.required == frozenset()
    assert "qubit[1]" in source.circuit({}).text
    assert "qubit[5]" in source.circuit({"n": 5}).text


def test_with_may_give_an_input_its_value(tmp_path):
    file = write(tmp_path, "t.j2", ROTATED)
    values = {"n": 1, "k": 2, "theta": 0.5}
    assert opened(tmp_path, template=file, arguments=values).defaults == values


def test_an_unknown_name_in_with_is_told_with_the_nearest(tmp_path):
    file = write(tmp_path, "t.j2", ROTATED)
    message = error_of(tmp_path, template=file, arguments={"n": 1, "k": 1, "thta": 2})
    assert message.endswith("no argument of t.j2 (k, n, theta); did you mean 'theta'?")


def test_a_text_is_made_once_for_equal_values_and_apart_for_others(tmp_path):
    text = QASM3 + "qubit q; // {{ x }}\n"
    source = opened(tmp_path, template=write(tmp_path, "t.j2", text))
    before = parses()
    for _ in range(3):
        made = {source.circuit({"x": x}).text for x in (1, 1.0, True, "1.0", 0.0, -0.0)}
    assert {line.rpartition(" ")[2] for text in made for line in text.split("\n")[2:3]} == {
        "1", "1.0", "true", "0.0", "-0.0"}  # fmt: skip
    assert parses() == before + 5


def test_a_function_takes_its_arguments_by_name(tmp_path):
    code = (
        "from qiskit import QuantumCircuit\n"
        "def build(n, angle=0.5):\n"
        "    circuit = QuantumCircuit(n, n)\n"
        "    circuit.rx(angle, range(n))\n"
        "    circuit.measure(range(n), range(n))\n"
        "    return circuit\n"
    )
    file = write(tmp_path, "c.py", code)
    source = opened(tmp_path, python=f"{file}:build", trust=True)
    assert (source.arguments, source.required) == ({"n", "angle"}, {"n"})
    facts = source.circuit({"n": 2}).facts
    assert (facts.num_gates, facts.terminal) == (2, (0, 1))


def test_a_function_may_return_text_and_import_its_neighbours(tmp_path):
    write(tmp_path, "neighbour_of_c.py", f"TEXT = {BELL!r}\n")
    file = write(tmp_path, "c2.py", "import neighbour_of_c\ndef f(): return neighbour_of_c.TEXT\n")
    assert opened(tmp_path, python=f"{file}:f", trust=True).circuit({}).text == BELL


def test_a_function_is_not_run_without_trust(tmp_path):
    file = write(tmp_path, "c.py", "raise SystemExit('it ran')\n")
    with pytest.raises(UntrustedCodeError, match=r"m\.yaml:4:3: circuit 'c' runs code") as caught:
        opened(tmp_path, python=f"{file}:build")
    assert isinstance(caught.value, ConsentError)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def build(:\n", "c.py:1: invalid syntax"),
        ("import nothing_of_that_name\n", "c.py:1: ModuleNotFoundError: No module named"),
        ("x = 1\ndef build():\n    return inner()\ndef inner():\n    1 / 0\n", "c.py:5: ZeroDiv"),
        ("def build(*args): pass\n", "c.py:1: build() takes '*args'; every argument needs a name"),
        ("def build(n): pass\n", "c.py:1: circuit 'c' needs a value for 'n'"),
        ("def build(): return 'OPENQASM 3.0; h q;'\n", "c.py: at 1:15 of the text it makes: "),
        ("build = 3\n", "c.py: has no function 'build'"),
    ],
)
def test_what_goes_wrong_in_a_function_is_told_at_its_line(tmp_path, code, message):
    file = write(tmp_path, "c.py", code)
    with pytest.raises(CircuitError) as caught:
        opened(tmp_path, python=f"{file}:build", trust=True).circuit({})
    assert str(caught.value).startswith(message)
