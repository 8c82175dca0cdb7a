"""`qbatch merge`: shards of a sweep become one run folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import BELL, MANIFEST

Call = Callable[..., Any]


def test_shards_are_one_run_as_if_it_had_been_made_at_once(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "--no-report").code == 0
    whole = qbatch("export", "pair.yaml", "--format", "counts").out
    for name, which in (("a", "shots < 20"), ("b", "shots > 5, shots < 40")):
        assert qbatch("run", "pair.yaml", "-k", which, "--out", name, "--no-report").code == 0
    said = qbatch("merge", "a", "b", "-o", "c")
    assert said.code == 9
    assert "1 job taken from b; 1 not used, for these shots were there" in said.out
    assert (
        "go on only in c: what runs in the old folders from now on is not known there" in said.out
    )
    assert "copy" not in said.err
    assert qbatch("run", "pair.yaml", "--out", "c", "--no-report").code == 0
    assert qbatch("export", "c", "--format", "counts").out == whole


def test_what_cannot_be_merged_is_said(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "-k", "shots=10", "--out", "a", "--no-report").code == 0
    assert "merge takes two run folders or more" in qbatch("merge", "a", "-o", "c").err
    said = qbatch("merge", "a", "a", "-o", "a")
    assert said.code != 0
    assert not Path("c").exists()


def test_a_copy_is_warned_of(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "-k", "shots=10", "--out", "a", "--no-report").code == 0
    shutil.copytree("a", "b")
    said = qbatch("merge", "a", "b", "-o", "c")
    assert "warning: b may be a copy of another run folder" in said.err
    assert "a may be" not in said.err
