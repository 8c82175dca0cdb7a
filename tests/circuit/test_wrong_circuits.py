"""Each wrong circuit has its message; none ends in a traceback."""

from pathlib import Path

import pytest

from qbatch.errors import CircuitError
from tests.circuit.conftest import opened

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
