"""The frame of the command line: verbs, help, completion, schema, init."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

import click
import pytest

import qbatch as package
from qbatch.cli.group import SECTIONS
from tests.daily import mostly_slow

ROOT = Path(__file__).parents[2]


def test_help_shows_the_verbs_in_the_groups_of_the_design(qbatch: Callable[..., Any]) -> None:
    text = qbatch("--help").out
    sections = re.split(r"^([A-Z][\w -]+):$", text, flags=re.MULTILINE)
    shown = dict(zip(sections[1::2], sections[2::2], strict=True))
    for section, verbs in SECTIONS.items():
        for verb, (_, summary) in verbs.items():
            assert re.search(rf"^  {verb} +{re.escape(summary[:20])}", shown[section], re.MULTILINE)


@pytest.mark.parametrize("verb", [verb for verbs in SECTIONS.values() for verb in verbs])
def test_every_verb_has_help_and_lives_where_the_table_says(
    verb: str, qbatch: Callable[..., Any]
) -> None:
    said = qbatch(verb, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: qbatch {verb}")
    module = next(verbs[verb][0] for verbs in SECTIONS.values() if verb in verbs)
    name = f"{verb}_" if iskeyword(verb) else verb
    assert isinstance(getattr(import_module(f"qbatch.cli.verbs.{module}"), name), click.Command)


def test_a_misspelt_verb_is_told_the_nearest_one(qbatch: Callable[..., Any]) -> None:
    said = qbatch("rnu", "bell.yaml")
    assert said.code == 2
    assert "there is no verb 'rnu'; did you mean 'run'?" in said.err


def test_an_unknown_flag_is_a_usage_error_on_stderr(qbatch: Callable[..., Any]) -> None:
    said = qbatch("run", "--nonsense", "bell.yaml")
    assert said.code == 2
    assert said.out == ""
    assert "--nonsense" in said.err


def test_the_version_is_that_of_the_project(qbatch: Callable[..., Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert qbatch("--version").out == f"qbatch {project['version']}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_qbatch_back(shell: str, qbatch: Callable[..., Any]) -> None:
    said = qbatch("completion", shell)
    assert said.code == 0
    assert f"_QBATCH_COMPLETE={shell}_complete" in said.out


def test_a_shell_that_asks_is_told_the_verbs(
    qbatch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_QBATCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "qbatch re")
    monkeypatch.setenv("COMP_CWORD", "1")
    verbs = [verb for verbs in SECTIONS.values() for verb in verbs if verb.startswith("re")]
    assert qbatch().out.split() == [f"plain,{verb}" for verb in verbs]


@pytest.mark.parametrize("verb", ["show", "forget", "cancel", "resolve"])
def test_a_shell_that_asks_is_told_the_points_of_a_run(
    verb: str, qbatch: Callable[..., Any], done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P17."""
    monkeypatch.setenv("_QBATCH_COMPLETE", "bash_complete")
    for run, begun, expected in (
        (str(done), "shots=", ["shots=10", "shots=20", "shots=40"]),
        ("runs/pair", "shots=2", ["shots=20"]),
        ("nowhere", "s", []),
    ):
        monkeypatch.setenv("COMP_WORDS", f"qbatch {verb} {run} {begun}")
        monkeypatch.setenv("COMP_CWORD", "3")
        said = qbatch()
        assert said.out.split() == [f"plain,{name}" for name in expected]
        assert said.err == ""


def test_every_public_name_can_be_had_and_an_unknown_one_cannot() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


def test_init_writes_a_manifest_that_is_valid(qbatch: Callable[..., Any]) -> None:
    assert qbatch("init", "new/place").code == 0
    assert qbatch("validate", "new/place/bell.yaml").code == 0
    assert Path("new/place/.gitignore").read_text() == "runs/\n"


def test_init_writes_the_schema_that_its_manifest_names(qbatch: Callable[..., Any]) -> None:
    """P12: editors were told of no schema."""
    qbatch("init", "new")
    first = Path("new/bell.yaml").read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert Path("new", named).read_text() == qbatch("schema").out


@pytest.mark.parametrize("root", mostly_slow(["new", ".", "new/place"]))
def test_what_runs_write_is_ignored_where_it_is_written(
    root: str, qbatch: Callable[..., Any]
) -> None:
    """P39: `runs/` was put where no .gitignore covered it."""
    Path(root).mkdir(parents=True, exist_ok=True)
    Path(root, "qbatch.toml").touch()
    assert qbatch("init", "new/place").code == 0
    assert qbatch("run", "new/place/bell.yaml", "-S", "shots=10").code == 0
    assert Path(root, "runs", "my-bell").is_dir()
    ignored = [path.parent for path in Path().rglob(".gitignore")]
    assert ignored == [Path(root)]


def test_init_never_overwrites(qbatch: Callable[..., Any]) -> None:
    Path("bell.yaml").write_text("mine")
    Path(".gitignore").write_text("*.pyc")
    said = qbatch("init")
    assert Path("bell.yaml").read_text() == "mine"
    assert Path(".gitignore").read_text() == "*.pyc\nruns/\n"
    assert "kept  bell.yaml" in said.err


def test_init_twice_changes_nothing(qbatch: Callable[..., Any]) -> None:
    qbatch("init")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    qbatch("init")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_init_into_a_folder_that_cannot_be_made_is_a_usage_error(
    qbatch: Callable[..., Any],
) -> None:
    Path("file").touch()
    said = qbatch("init", "file/new")
    assert said.code == 2
    assert "file/new/bell.yaml: cannot be written (Not a directory); name another" in said.err


def examples() -> list[str]:
    return sorted(path.stem for path in (ROOT / "manifests").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", examples())
def test_an_example_comes_with_all_that_it_names(name: str, qbatch: Callable[..., Any]) -> None:
    said = qbatch("init", "new", "--example", name)
    assert said.code == 0
    text = Path("new", f"{name}.yaml").read_text()
    own = (ROOT / "manifests" / f"{name}.yaml").read_text()
    assert text == f"# yaml-language-server: $schema=manifest.v1.schema.json\n{own}"
    assert f"qbatch run {Path('new', name)}.yaml" in said.err
    assert qbatch("validate", f"new/{name}.yaml", "--trust").code == 0


def test_the_next_command_of_an_example_fits_it(qbatch: Callable[..., Any]) -> None:
    for name in ("ansatz", "h2_dissociation"):  # a circuit, an observable
        assert f"qbatch run {name}.yaml --trust" in qbatch("init", "--example", name).err
    assert "--trust" not in qbatch("init", "--example", "t1").err
    assert "two_clouds.yaml --rehearse" in qbatch("init", "--example", "two-clouds").err


def test_examples_are_listed_with_what_each_shows(qbatch: Callable[..., Any]) -> None:
    said = qbatch("init", "--example", "list")
    assert [line.split()[0] for line in said.out.splitlines()] == examples()
    assert re.search(r"^  t1 +Decay of an excited qubit, and its time by a fit\.$", said.out, re.M)
    assert not list(Path().iterdir())


def test_the_list_of_examples_folds_where_it_is_narrow(
    qbatch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = qbatch("init", "--example", "list").out.splitlines()
    assert len(lines) > len(examples())
    assert max(map(len, lines)) <= 80


def test_an_unknown_example_is_told_with_those_there_are(qbatch: Callable[..., Any]) -> None:
    said = qbatch("init", "--example", "noise_scna")
    assert said.code == 2
    assert "did you mean 'noise_scan'?" in said.err
    assert "Ramsey fringes" in said.err


def test_schema_goes_to_stdout_or_to_a_file(qbatch: Callable[..., Any]) -> None:
    printed = qbatch("schema")
    assert printed.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    qbatch("schema", "-o", "manifest.v1.schema.json")
    assert Path("manifest.v1.schema.json").read_text() == printed.out
