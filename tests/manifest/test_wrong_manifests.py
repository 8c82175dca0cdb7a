"""Every wrong manifest under tests/manifests says what is wrong with it: all of it, and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import load_manifest
from qbatch.plan import expand_file

FOLDER = Path(__file__).parent.parent / "manifests"
WRONG = sorted(FOLDER.glob("*.yaml"))
#: What only a provider can tell is wrong.
SETTINGS = sorted((FOLDER / "settings").glob("*.yaml"))
HEAD = "qbatch: 1\nname: wrong\ncircuits: {a: a.qasm}\nbackends: {sim: {provider: local}}\n"


def mistakes_of(path: Path, read: Callable[[Path], object] = load_manifest) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        read(path)
    return [str(error).removeprefix(f"{path}:").strip() for error in caught.value.exceptions]


def test_there_are_enough_wrong_manifests():
    assert len(WRONG) >= 50


@pytest.mark.parametrize("path", [*WRONG, *SETTINGS], ids=lambda path: path.stem)
def test_a_wrong_manifest_says_all_that_is_wrong_and_where(path):
    lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    expected = [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]
    assert expected
    assert mistakes_of(path, expand_file if path in SETTINGS else load_manifest) == expected


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_no_message_nor_excerpt_shows_a_secret(path):
    with pytest.raises(SourceErrors) as caught:
        load_manifest(path)
    for error in caught.value.exceptions:
        assert "5fa9c0ffee" not in f"{error} {error.excerpt!r} {error!r}"


@pytest.mark.parametrize("style", ["", "|", ">-", '"'])
def test_a_secret_on_a_line_of_its_own_is_not_shown_either(tmp_path, style):
    path = tmp_path / "m.yaml"
    secret = '"5fa9c0ffee"' if style == '"' else f"{style}\n      5fa9c0ffee"
    path.write_text(
        HEAD.split("backends")[0]
        + f"backends:\n  q:\n    provider: oqc\n    credentials: {secret}\n"
    )
    with pytest.raises(SourceErrors) as caught:
        load_manifest(path)
    (error,) = caught.value.exceptions
    assert "5fa9c0ffee" not in f"{error} {error.excerpt}"


def test_an_excerpt_is_the_line_of_the_mistake():
    with pytest.raises(SourceErrors) as caught:
        load_manifest(FOLDER / "shots_zero.yaml")
    assert caught.value.exceptions[0].excerpt == "shots: 0"


def test_a_200_megabyte_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(200 * 2**20)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    assert mistakes_of(path)[0].startswith("200 MiB is too large for a manifest (at most 32 MiB)")


def test_a_device_that_never_ends_is_refused():
    assert "too large" in mistakes_of(Path("/dev/zero"))[0]


def test_a_folder_cannot_be_read_as_a_manifest(tmp_path):
    assert mistakes_of(tmp_path) == ["is a folder; name a manifest"]
    (tmp_path / "bell.yaml").touch()
    (tmp_path / "notes.txt").touch()
    assert mistakes_of(tmp_path) == ["is a folder; name a manifest in it: bell.yaml"]


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("bell.qasm", "qubit q;", "{bell: bell.qasm}"),
        ("2 q.qasm", "qubit q;", "{circuit: 2 q.qasm}"),
        ("ghz.qasm.j2", "OPENQASM 3.0;", "{ghz: {template: ghz.qasm.j2}}"),
        ("made.py", "def build(): ...", '{made: {python: "made.py:FUNCTION"}}'),
        ("bell.txt", "// a pair\n/* of qubits */ OPENQASM 2.0;", "{bell: bell.txt}"),
    ],
)
def test_a_circuit_in_place_of_a_manifest_is_told_as_one(tmp_path, name, text, source):
    path = tmp_path / name
    path.write_text(text)
    (told,) = mistakes_of(path)
    assert told.startswith(f"is a circuit, no manifest; name it in one, as in circuits: {source} ")


def test_a_link_that_leads_nowhere_is_told_as_one(tmp_path):
    (tmp_path / "m.yaml").symlink_to("bell.yaml")
    assert mistakes_of(tmp_path / "m.yaml") == [
        "leads to bell.yaml, which is not there; put that back"
    ]


def test_a_missing_file_is_told_with_the_nearest_one(tmp_path):
    (tmp_path / "bell.yaml").write_text(HEAD)
    assert mistakes_of(tmp_path / "bel.yaml") == ["no such file; did you mean 'bell.yaml'?"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "shots: WORD",
        "WORD: 1",
        "shots: 1WORD",
        "tags: [" + "1," * 600_000 + "1]",
        "shots: " + "1:0" * 500_000,
        "checks: [{that: WORD}]",
        "sweep: {matrix: {WORD: [1]}}",
    ],
    ids=lambda line: line[:12],
)
def test_huge_words_make_small_messages(tmp_path, line):
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + line.replace("WORD", "x" * 2_000_000) + "\n")
    with pytest.raises(SourceErrors) as caught:
        load_manifest(path)
    for error in caught.value.exceptions:
        assert len(str(error)) < 1000
        assert len(error.excerpt) < 200


def test_utf_16_is_named(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text(HEAD, encoding="utf-16")
    assert mistakes_of(path) == ["1:1: is UTF-16; save the file as UTF-8"]


def test_a_path_that_leaves_the_folder_by_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "out").symlink_to(tmp_path)
    (tmp_path / "inside" / "a.qasm").symlink_to(tmp_path / "b.qasm")
    path = tmp_path / "inside" / "m.yaml"
    path.write_text(HEAD.replace("{a: a.qasm}", "{a: a.qasm, b: out/b.qasm, c: out/../c.qasm}"))
    told = mistakes_of(path)
    assert len(told) == 3
    assert all("lies outside the manifest's folder" in line for line in told)


def test_a_path_into_the_folder_from_elsewhere_is_told_as_it_is_from_there(tmp_path):
    """P41: it said that the path lies outside."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.qasm").touch()
    path = tmp_path / "m.yaml"
    roundabout = f"{{a: {tmp_path}/sub/b.qasm, b: sub/../sub/b.qasm, c: {tmp_path}x/b.qasm}}"
    path.write_text(HEAD.replace("{a: a.qasm}", roundabout))
    inside = "is written from elsewhere; write 'sub/b.qasm', from the manifest's folder"
    told = mistakes_of(path)
    assert [inside in line for line in told] == [True, True, False]
    assert "lies outside" in told[2]


def test_a_symbolic_link_within_the_folder_is_followed(tmp_path):
    (tmp_path / "a.qasm").symlink_to(tmp_path / "b.qasm")
    (tmp_path / "m.yaml").write_text(HEAD)
    assert load_manifest(tmp_path / "m.yaml").circuits["a"].file == "a.qasm"


def test_a_loop_of_symbolic_links_is_refused(tmp_path):
    (tmp_path / "a.qasm").symlink_to(tmp_path / "a.qasm")
    (tmp_path / "m.yaml").write_text(HEAD)
    assert "lies outside" in mistakes_of(tmp_path / "m.yaml")[0]


def test_a_thousand_mistakes_are_counted_and_two_hundred_shown(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + "".join(f"key{i}: 1\n" for i in range(1000)))
    told = mistakes_of(path)
    assert len(told) == 201
    assert told[-1] == "and 800 more mistakes; mend these first"


def test_mistakes_of_all_kinds_are_told_together_in_the_order_of_their_places(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + "vars: {n: 1/0}\nshots: 0\nshots: 1\nrun: {1: 2}\nnmae: x\n")
    places = [line.split(": ")[0] for line in mistakes_of(path)]
    assert places == ["5:11", "6:8", "7:1", "8:7", "8:7", "9:1"]
