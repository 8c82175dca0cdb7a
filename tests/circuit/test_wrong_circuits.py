"""Each wrong circuit has its message; none ends in a traceback."""

from pathlib import Path

import pytest

from qbatch.errors import CircuitError, SourceErrors
from tests.circuit.conftest import QASM3, circuit3, opened

FOLDER = Path(__file__).parents[1] / "manifests" / "circuits"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.is_file())


def expected_of(file: str) -> str:
    text = (FOLDER / file).read_text("utf-8", errors="replace")
    return text.rpartition("expect: ")[2].removesuffix("\n").removesuffix(" #}")


@pytest.mark.parametrize("file", FILES)
def test_a_wrong_circuit_has_its_message(file):
    kind = {".qasm": "file", ".j2": "template", ".py": "python"}[Path(file).suffix]
    value = f"{file}:build" if kind == "python" else file
    with pytest.raises(CircuitError) as caught:
        opened(FOLDER, trust=True, **{kind: value}).circuit({})
    assert str(caught.value) == expected_of(file)


def test_there_are_many_wrong_circuits():
    assert len(FILES) >= 30


def test_mistakes_that_bring_no_others_about_are_told_at_once():
    """P41: circuits told one mistake at a time."""
    body = (
        "qubit[2] q; bit[2] c;\nh r[0];\ncnott q[0], q[1];\nfoo q[0];\nfoo q[1];\n"
        "h q[7];\nx q[0] q[1];\nc[9] = measure q[0];\nc = measure q;\n"
    )
    with pytest.raises(SourceErrors) as caught:
        circuit3(body)
    told = [(error.place.line, error.problem) for error in caught.value.exceptions]
    assert [line for line, _ in told] == [4, 5, 6, 8, 9, 10]  # 'foo' once
    assert "'r'" in told[0][1]
    assert "'foo'" in told[2][1]


@pytest.mark.parametrize(
    "body",
    [
        "qubit[0] q; h q;",  # what was not declared is no second mistake
        "gate mine a { hh a; } qubit q; mine q;",
        "qubit q; if (true) { hh q; h qq; } h r;",
        "def f(qubit a) { hh a; } qubit q; f(q); h r;",
        "int n = m; qubit q; for int i in [0:n] { h q; }",
        "qubit q; h q",
    ],
)
def test_a_mistake_that_may_bring_others_about_is_told_alone(body):
    with pytest.raises(CircuitError):
        circuit3(body)


def test_no_more_than_ten_mistakes_are_told():
    with pytest.raises(SourceErrors) as caught:
        circuit3("qubit q;\n" + "".join(f"g{n} q;\n" for n in range(30)))
    assert len(caught.value.exceptions) == 10


def test_mistakes_in_a_text_that_is_made_are_all_told_at_its_maker(tmp_path):
    (tmp_path / "t.qasm.j2").write_text(QASM3 + "qubit[{{ n }}] q;\nhh q;\nh r;\n")
    with pytest.raises(SourceErrors) as caught:
        opened(tmp_path, template="t.qasm.j2", hint={"n": 2})
    assert [str(error).partition(" of")[0] for error in caught.value.exceptions] == [
        "t.qasm.j2: at 4:1",
        "t.qasm.j2: at 5:3",
    ]
