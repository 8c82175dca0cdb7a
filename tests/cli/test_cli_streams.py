"""P1, P2, P3: closed streams, redirected ones, and names and locales that are no UTF-8."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qbatch.snapshot import open_run
from qbatch.snapshot.paths import FACTS, kept, read
from tests.cli.conftest import Call
from tests.daily import mostly_slow

#: Python's own way to leave the locale's encoding as it is.
BARE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def start(
    folder: Path | bytes, *words: str, redirect: str = "", **environ: str
) -> tuple[int, bytes]:
    """Run the command line by a shell, which redirects; return code and what is left open."""
    command = f'exec "$0" -m qbatch "$@" {redirect}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, *words],
        cwd=folder,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert b"internal error" not in done.stdout + done.stderr
    return done.returncode, done.stdout


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"]

#: Of those, with most of them left to the slow proofs: what costs seconds each.
CLOSED_DEAR = [
    one if one == CLOSED[-1] else pytest.param(one, marks=pytest.mark.slow) for one in CLOSED
]


@pytest.mark.parametrize("redirect", CLOSED_DEAR)
@pytest.mark.slow
def test_a_closed_stream_is_nobody(done: Path, tmp_path: Path, redirect: str) -> None:
    others = ("plan", "validate", "doctor") if redirect == CLOSED[-1] else ()
    for verb in ("run", "status", "export", *others):
        assert start(tmp_path, verb, str(done), redirect=redirect)[0] == 0, verb


@pytest.mark.parametrize("redirect", CLOSED_DEAR)
@pytest.mark.slow
def test_a_whole_run_needs_no_streams(manifest: Path, tmp_path: Path, redirect: str) -> None:
    assert start(tmp_path, "run", str(manifest), redirect=redirect)[0] == 0
    with open_run(tmp_path / "runs" / "pair") as run:
        assert [point.state.value for point in run] == ["completed"] * 3


@pytest.mark.parametrize("redirect", CLOSED_DEAR)
def test_nobody_gives_no_consent(done: Path, tmp_path: Path, redirect: str) -> None:
    assert start(tmp_path, "forget", str(done), redirect=redirect)[0] == 6


@pytest.mark.slow
def test_a_log_on_a_full_disk_ends_nothing(done: Path, tmp_path: Path) -> None:
    for verb in ("validate", "show", "run", "export"):
        assert start(tmp_path, verb, str(done), redirect="2>/dev/full")[0] == 0, verb
    assert start(tmp_path, "init", "new", redirect="2>/dev/full")[0] == 0
    assert start(tmp_path, "plan", "none.yaml", redirect="2>/dev/full")[0] == 3
    for verb in ("plan", "export"):  # what was asked for is not there
        assert start(tmp_path, verb, str(done), redirect=">/dev/full 2>&1")[0] == 9, verb


@pytest.mark.parametrize(
    "words", mostly_slow([["--help"], ["nonsense"], ["--version"], ["schema"]], daily=2)
)
def test_help_needs_no_stream(tmp_path: Path, words: list[str]) -> None:
    assert start(tmp_path, *words, redirect=">&- 2>&-")[0] == (2 if words == ["nonsense"] else 0)


@pytest.mark.parametrize("encoding", ["cp1252", pytest.param("ascii", marks=pytest.mark.slow)])
def test_redirected_data_is_utf_8_as_in_a_file(
    qbatch: Call, done: Path, tmp_path: Path, encoding: str
) -> None:
    for form in ("md", "csv", "json"):
        assert qbatch("export", done, "-f", form, "-o", "x").code == 0
        code, said = start(tmp_path, "export", str(done), "-f", form, PYTHONIOENCODING=encoding)
        assert code == 0
        assert said == (tmp_path / "x").read_bytes()


def test_a_terminal_is_shown_what_it_can_show(done: Path, tmp_path: Path) -> None:
    main, worker = pty.openpty()
    environ = os.environ | {"PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "qbatch", "show", str(done)]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environ, stdin=worker, stdout=worker, stderr=worker, check=False
    )
    os.close(worker)
    said = os.read(main, 1 << 20)
    os.close(main)
    assert ended.returncode == 0
    assert b"?" in said
    assert said.isascii()


@pytest.fixture(
    params=[
        b"caf\xe9",
        pytest.param("\u00fc".encode(), marks=pytest.mark.slow),
        pytest.param(b"bytes:x", marks=pytest.mark.slow),
    ]
)
def odd(request: pytest.FixtureRequest, manifest: Path, tmp_path: Path) -> bytes:
    """The small manifest in a folder of an odd name, the circuit's file with one as well."""
    folder = os.path.join(os.fsencode(tmp_path), request.param)  # noqa: PTH118
    os.mkdir(folder)  # noqa: PTH102
    here = Path(os.fsdecode(folder))
    text = (tmp_path / manifest).read_text("utf-8")
    (here / "pair.yaml").write_text(text.replace("bell.qasm", "b\u00e9ll.qasm"), "utf-8")
    shutil.copy(tmp_path / "bell.qasm", here / "b\u00e9ll.qasm")
    return folder


@pytest.mark.parametrize(
    ("odd", "environ"),
    [(b"caf\xe9", BARE), ("\u00fc".encode(), {}), (b"bytes:x", BARE)],
    ids=["C", "utf-8", "URL"],
    indirect=["odd"],
)
@pytest.mark.slow
def test_running_and_reading_do_not_depend_on_names_and_locale(
    odd: bytes, environ: dict[str, str]
) -> None:
    for verb in ("plan", "run", "retry"):
        assert start(odd, verb, "pair.yaml", **environ)[0] == 0, verb
    other = {} if environ else BARE
    for verb in ("status", "report", "export"):
        assert start(odd, verb, "pair.yaml", **other)[0] == 0, verb
    for line in start(odd, "show", "pair.yaml", "--json", **other)[1].splitlines():
        assert json.loads(line)["state"] == "completed"


@pytest.mark.slow
def test_a_run_knows_the_folder_that_it_was_made_in(odd: bytes) -> None:
    assert start(odd, "run", "pair.yaml", **BARE)[0] == 0
    with open_run(Path(os.fsdecode(odd)) / "runs" / "pair") as run:
        assert os.fsencode(run.manifest.folder) == odd
        assert os.fsencode(run.meta["run_folder"]) == odd + b"/runs/pair"


@pytest.mark.parametrize(
    "path", ["/a/b", "caf\udce9", "\u00fc/%41", "bytes:/a", "bytes:%41\udcff", ""]
)
def test_a_path_is_kept_as_the_bytes_it_is(path: str) -> None:
    assert read(kept(path)) == path
    kept(path).encode("utf-8")
    assert "manifest_folder" in FACTS


ODD = """\
qbatch: 1
name: odd
circuits: {one: {template: one.j2}}
backends: {sim: {provider: local}}
sweep: {matrix: {label: ["x\\u202Ey", "e\\u200Fff", "q\\u2028rrr", "q\\e[31mrrrr"]}}
shots: 10
"""
CIRCUIT = """\
OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; rx({{ label|length }}) q[0];
c = measure q;
"""


@pytest.mark.slow
def test_nothing_that_turns_a_line_reaches_a_terminal_or_a_table(tmp_path: Path) -> None:
    """M8: U+202E of a manifest's values was shown, and written to results.csv."""
    (tmp_path / "odd.yaml").write_text(ODD)
    (tmp_path / "one.j2").write_text(CIRCUIT)
    said = b""
    for words in (("plan",), ("run",), ("show",), ("status",), ("export", "-f", "csv")):
        main, worker = pty.openpty()
        command = [sys.executable, "-m", "qbatch", words[0], "odd.yaml", *words[1:]]
        subprocess.run(
            command, cwd=tmp_path, stdin=worker, stdout=worker, stderr=worker, check=True
        )
        os.close(worker)
        said += os.read(main, 1 << 20)
        os.close(main)
    table = (tmp_path / "runs" / "odd" / "results.csv").read_text("utf-8")
    for text in (said.decode(), table):
        assert "x\ufffdy" in text
        assert not {"\u202e", "\u200f", "\u2028"} & set(text)
        assert "\x1b[31mrrrr" not in text
