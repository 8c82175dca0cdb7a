"""Facts are kept between processes; the cache never gets in the way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qbatch.circuit import parses, reading
from qbatch.circuit.cache import FactsCache, cache_folder
from tests.circuit.conftest import circuit3

BODY = "qubit[2] q; bit[2] c; h q[0]; c = measure q;"


def begin_another_process(monkeypatch):
    """Forget all but what is on disk."""
    reading._cache._finish()
    monkeypatch.setattr(reading, "_cache", FactsCache())
    for kept in (reading._programs, reading._built, reading._facts):
        kept.clear()


def files():
    return list(cache_folder().iterdir())


def test_facts_found_on_disk_are_not_computed_again(monkeypatch):
    first = circuit3(BODY).facts
    begin_another_process(monkeypatch)
    before = parses()
    assert circuit3(BODY).facts == first
    assert parses() == before


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 1000, None])
def test_a_damaged_cache_is_begun_anew(monkeypatch, damage):
    first = circuit3(BODY).facts
    begin_another_process(monkeypatch)
    (file,) = files()
    whole = file.read_bytes()
    file.write_bytes(whole[:6000] + bytes(len(whole)) if damage is None else damage)
    assert circuit3(BODY).facts == first
    begin_another_process(monkeypatch)
    before = parses()
    assert circuit3(BODY).facts == first
    assert parses() == before


def test_a_row_of_something_else_is_replaced(monkeypatch):
    first = circuit3(BODY)
    reading._cache.flush()
    with reading._cache._database as database:
        database.execute("UPDATE facts SET facts = '[1, 2]'")
    begin_another_process(monkeypatch)
    assert circuit3(BODY).facts == first.facts


def test_a_cache_that_cannot_be_written_is_gone_past(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert circuit3(BODY).facts.num_qubits == 2


def test_the_cache_stands_where_the_user_keeps_caches(monkeypatch):
    monkeypatch.setenv("QBATCH_CACHE_DIR", "/a")
    assert cache_folder() == Path("/a")
    monkeypatch.delenv("QBATCH_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder() == Path("/b/qbatch")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert cache_folder() == Path("/c/.cache/qbatch")


def test_two_writers_do_not_harm_each_other(monkeypatch):
    other = FactsCache()
    facts = circuit3(BODY).facts
    for number in range(700):
        reading._cache.put(f"a{number}", facts)
        other.put(f"b{number}", facts)
    reading._cache.flush()
    other.flush()
    third = FactsCache()
    assert third.get("a699") == third.get("b699") == facts
    other.close()
    third.close()


PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace
from qbatch.circuit import open_circuit
spec = SimpleNamespace(file="c.qasm", qasm=None, template=None, python=None, arguments={})
print(open_circuit("c", spec, folder=Path(sys.argv[1])).circuit({}).facts.num_qubits)
print(*sorted({m.partition(".")[0] for m in sys.modules} & {"qiskit", "numpy", "jinja2", "yaml"}))
"""


def test_opening_circuits_imports_nothing_heavy(tmp_path):
    (tmp_path / "c.qasm").write_text(f"OPENQASM 3.0;\n{BODY.replace('h q[0];', '')}")
    environment = {**os.environ, "QBATCH_CACHE_DIR": str(tmp_path / "cache")}
    for _ in ("cold", "warm"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "2\n\n"
