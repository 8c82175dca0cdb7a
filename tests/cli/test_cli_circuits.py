"""Circuits that changed are shown statement by statement, by ``plan`` and ``diff``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import BELL, Call


def test_a_changed_circuit_is_shown_as_its_reader_wrote_it(
    done: Path, qbatch: Call, tmp_path: Path
) -> None:
    (tmp_path / "bell.qasm").write_text(BELL.replace("h q[0];", "ry(1.2) q[0]; // a comment"))
    planned = qbatch("plan", done).out
    assert planned.count("circuit: −1 +1 lines") == 3
    assert planned.endswith(
        "circuit bell: −1 +1 lines\n  … 2 unchanged lines\n    qubit[2] q;\n    bit[2] c;\n"
        "  - h q[0];\n  + ry(1.2) q[0];\n    cx q[0], q[1];\n    c = measure q;\n"
    )
    (change, *_) = qbatch("plan", done, "--json", "--all").json["list"][0]["changes"]
    assert change["lines"][3:5] == ["- h q[0];", "+ ry(1.2) q[0];"]

    (tmp_path / "runs" / "pair").rename(tmp_path / "before")
    assert qbatch("run", done, "--no-report").code in (0, 4, 5)
    said = qbatch("diff", "before", "runs/pair", "-o", "page.html")
    assert "     - h q[0];\n     + ry(1.2) q[0];\n" in said.out
    assert "<del>- h q[0];</del>\n<ins>+ ry(1.2) q[0];</ins>" in Path("page.html").read_text()
    (circuit,) = qbatch("diff", "before", "runs/pair", "--json").json["circuits"]
    assert circuit["lines"] == change["lines"]
    assert [point["shots_asked"] for point in circuit["points"]] == [10, 20, 40]


def test_comments_and_spaces_change_no_circuit(done: Path, qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(BELL.replace("h q[0];", "h  q[0]; // as before"))
    assert "3 done" in qbatch("plan", done).out
