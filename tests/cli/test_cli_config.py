"""What is set outside of manifests is shown with where it comes from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import qbatch as package
from qbatch.configuration.files import leaving_out
from qbatch.configuration.models import OwnFile
from qbatch.errors import SourceError
from qbatch.providers.kit.permission import read_permission
from tests.cli.conftest import REPORT, Call

CONFIGURATION = """\
[manifests]
hosts = ["qpu.lab.example"]
credentials = ["env:LAB_TOKEN"]
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of qbatch's is set, and the home folder is empty."""
    for name in ("QBATCH_CONFIG", "QBATCH_STATE_DIR", "XDG_STATE_HOME", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "etc"))


def shown(said: Any) -> dict[str, tuple[str, str]]:
    return {each["key"]: (each["value"], each["source"]) for each in said.json}


def test_without_a_configuration_nothing_is_allowed(qbatch: Call, tmp_path: Path) -> None:
    found = shown(qbatch("config", "--json"))
    file = tmp_path / "etc" / "qbatch" / "config.toml"
    assert found["configuration"] == (f"{file} (not there)", "variable XDG_CONFIG_HOME")
    assert found["manifests.hosts"] == ("", "default")
    assert found["NO_COLOR"] == ("", "default")
    assert found["state"][1] == "default"


def test_a_value_without_room_is_folded_in_its_column(
    qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(CONFIGURATION.replace("qpu.lab.example", "a" * 30 + '", "' + "b" * 30))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QBATCH_CONFIG", str(file))
    monkeypatch.setenv("COLUMNS", "80")
    lines = qbatch("config").out.splitlines()
    assert lines[0].split() == ["key", "value", "from"]
    at = next(number for number, line in enumerate(lines) if line.startswith("manifests.hosts"))
    assert lines[at].split() == ["manifests.hosts", "a" * 30 + ",", "your", "own"]
    assert lines[1].split()[:2] == ["configuration", "~/own.toml"]
    assert lines[at + 1].strip() == "b" * 30
    assert max(map(len, lines)) <= 80


def test_each_value_names_the_file_or_variable_that_says_so(
    qbatch: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(CONFIGURATION)
    monkeypatch.setenv("QBATCH_CONFIG", str(file))
    monkeypatch.setenv("QBATCH_STATE_DIR", "/var/q")
    (tmp_path / "qbatch.toml").touch()
    found = shown(qbatch("config", "--json"))
    assert found["configuration"] == (str(file), "variable QBATCH_CONFIG")
    assert found["manifests.hosts"] == ("qpu.lab.example", str(file))
    assert found["manifests.credentials"] == ("env:LAB_TOKEN", str(file))
    assert found["manifests.engines"] == ("", "default")
    assert found["state"] == ("/var/q", "variable QBATCH_STATE_DIR")
    assert found["project"][0] == str(tmp_path)
    assert "qpu.lab.example" in qbatch("config").out


def test_a_wrong_configuration_is_told_at_its_file(qbatch: Call, tmp_path: Path) -> None:
    file = tmp_path / "etc" / "qbatch" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[manifest]\n")
    said = qbatch("config")
    assert said.code == 3
    assert f"{file}: unknown key 'manifest'" in said.err


#: Key -> a variable and its text; then what each may say, from the one that decides to the last.
KEYS = {
    "report.formats": (
        ("QBATCH_REPORT_FORMATS", "json"),
        '[report]\nformats = ["html"]\n',
        '[report]\nformats = ["md"]\n',
        ("json", "html", "md", "md, html, csv"),
    ),
    "figure.style": (
        ("QBATCH_FIGURE_STYLE", "ieee"),
        '[figure]\nstyle = "nature"\n',
        '[figure]\nstyle = "aps"\n',
        ("ieee", "nature", "aps", "aps"),
    ),
    "color": (
        ("FORCE_COLOR", "1"),
        'color = "never"\n',
        'color = "always"\n',
        ("always", "never", "always", "auto"),
    ),
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The person's own file, not written yet."""
    file = tmp_path / "etc" / "qbatch" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


@pytest.mark.parametrize("key", KEYS)
def test_a_variable_goes_before_the_project_and_that_before_the_person(
    qbatch: Call, tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    (variable, text), projects, persons, values = KEYS[key]
    project = tmp_path / "qbatch.toml"
    monkeypatch.setenv(variable, text)
    project.write_text(projects)
    own.write_text(persons)
    found = [shown(qbatch("config", "--json"))[key]]
    monkeypatch.delenv(variable)
    found.append(shown(qbatch("config", "--json"))[key])
    project.unlink()
    (tmp_path / "pyproject.toml").write_text("[tool.qbatch]\n")
    found.append(shown(qbatch("config", "--json"))[key])
    own.unlink()
    found.append(shown(qbatch("config", "--json"))[key])
    sources = (f"variable {variable}", str(project), str(own), "default")
    assert found == list(zip(values, sources, strict=True))


def test_a_table_of_pyproject_configures_as_the_projects_file_does(
    qbatch: Call, tmp_path: Path
) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.qbatch.figure]\nstyle = "nature"\n')
    assert shown(qbatch("config", "--json"))["figure.style"] == ("nature", str(file))
    (tmp_path / "qbatch.toml").write_text('color = "never"\n')
    said = qbatch("config")
    assert said.code == 3
    assert "[tool.qbatch] in pyproject.toml beside it configures the project, too" in said.err


def test_no_color_goes_before_force_color(qbatch: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(qbatch("config", "--json"))["color"] == ("never", "variable NO_COLOR")


@pytest.mark.parametrize("table", ['hosts = ["evil.example"]', 'engines = ["rm -rf ~"]', ""])
@pytest.mark.parametrize(
    ("file", "within"), [("qbatch.toml", ""), ("pyproject.toml", "tool.qbatch.")]
)
def test_a_projects_file_opens_no_door(
    qbatch: Call, tmp_path: Path, file: str, within: str, table: str
) -> None:
    (tmp_path / file).write_text(f"[{within}manifests]\n{table}\n")
    said = qbatch("config")
    assert said.code == 3
    assert f"{file}: manifests: stands in your own configuration only" in said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('colour = "auto"', "unknown key 'colour'; did you mean 'color'?"),
        ('color = "yes"', "color: 'yes' is none of auto, always, never"),
        ("color = 1", "color: '1' is none of auto, always, never"),
        ("[report]\nformat = []", "unknown key 'format' in [report]; did you mean 'formats'?"),
        ("[report]\nzzz = []", "unknown key 'zzz' in [report]; known are formats"),
        ('[report]\nformats = ["pdf"]', "report.formats: 'pdf' is none of md, html, csv, json"),
        ("[report]\nformats = []", "report.formats: name one at least"),
        ('[report]\nformats = "md"', "report.formats: write a list of texts"),
        ("report = 3", "report: write a table, [report]"),
        ('[figure]\nstyle = "natur"', "is none of aps, ieee, nature; did you mean 'nature'?"),
        ("x = " + "[" * 100_000, "cannot be read"),
    ],
)
def test_a_wrong_projects_file_is_told_before_anything_is_done(
    qbatch: Call, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "qbatch.toml").write_text(text)
    said = qbatch("init")
    assert said.code == 3
    assert f"{tmp_path / 'qbatch.toml'}: " in said.err
    assert told in said.err
    assert "more: qbatch help configuration" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["qbatch.toml"]


def test_all_mistakes_are_told_at_once_and_help_is_given(qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "qbatch.toml").write_text('color = "yes"\n[figures]\n')
    assert "2 mistakes" in qbatch("config").err
    assert qbatch("help", "configuration").code == 0


def test_a_wrong_variable_is_told_by_its_name(
    qbatch: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_REPORT_FORMATS", "md, pdf")
    said = qbatch("config")
    assert said.code == 3
    assert "QBATCH_REPORT_FORMATS: report.formats: 'pdf' is none of" in said.err


def test_a_pyproject_that_is_no_toml_is_other_programs_to_tell(
    qbatch: Call, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool\n")
    assert qbatch("config").code == 0


def test_a_reports_formats_are_of_flag_manifest_and_configuration(
    qbatch: Call, done: Path, tmp_path: Path
) -> None:
    (tmp_path / "qbatch.toml").write_text('[report]\nformats = ["json"]\n')

    def written(*more: str) -> list[str]:
        return [Path(line).name for line in qbatch("report", *more).out.split()]

    assert written(str(done)) == ["results.json"]
    assert written(str(done), "-f", "csv") == ["results.csv"]
    done.write_text(done.read_text().replace(REPORT, "report: {formats: [md]}\n"))
    assert written(str(done)) == ["report.md"]


@pytest.mark.slow
def test_a_figures_style_is_the_flags_before_the_configurations(
    qbatch: Call, done: Path, tmp_path: Path
) -> None:
    def drawn(*more: str) -> bytes:
        said = qbatch("figure", done, "-n", "1", "-o", "f.png", *more)
        assert said.code == 0, said.err
        return Path("f.png").read_bytes()

    usual, ieee = drawn(), drawn("--style", "ieee")
    assert usual != ieee
    (tmp_path / "qbatch.toml").write_text('[figure]\nstyle = "ieee"\n')
    assert drawn() == ieee
    assert drawn("--style", "aps") == usual


@pytest.mark.parametrize(("color", "is_colored"), [("always", True), ("never", False)])
def test_colours_are_as_the_configuration_says(
    qbatch: Call, tmp_path: Path, color: str, is_colored: bool
) -> None:
    (tmp_path / "qbatch.toml").write_text(f'color = "{color}"\n')
    assert ("\x1b[" in qbatch("validate", "missing.yaml").err) is is_colored
    assert ("\x1b[" in qbatch("init").err) is is_colored


# -- whose project ---------------------------------------------------------------------------------


def test_the_project_is_that_of_the_manifest_or_run_that_is_named(
    qbatch: Call, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = tmp_path / "qbatch.toml", tmp_path / "elsewhere"
    there.write_text('[figure]\nstyle = "nature"\n')
    here.mkdir()
    (here / "qbatch.toml").write_text('[figure]\nstyle = "ieee"\n')
    out = here / "out"
    assert qbatch("run", done, "--out", out, "--no-report").code == 0
    monkeypatch.chdir(here)
    assert shown(qbatch("config", "--json"))["figure.style"][0] == "ieee"
    for named in (tmp_path / done, tmp_path / "runs" / "pair", out):
        found = shown(qbatch("config", named, "--json"))
        assert found["figure.style"] == ("nature", str(there)), named
        assert found["project"] == (str(tmp_path), str(named))


def test_colours_are_those_of_the_manifests_project(
    qbatch: Call, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qbatch.toml").write_text('color = "always"\n')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "qbatch.toml").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / manifest).write_text("qbatch: 2\n")
    assert "\x1b[" in qbatch("validate", tmp_path / manifest).err
    assert "\x1b[" not in qbatch("validate", "gone.yaml").err


# -- a wrong file and what is paid for -------------------------------------------------------------

#: What is wrong -> where it stands, and what is told of it.
WRONG = {
    'colour = "auto"\n[figure]\nstyle = "nature"\n': "unknown key 'colour'",
    "[manifests]\nhosts = ['evil.example']\n": "manifests: stands in your own configuration only",
    "[report]\nformats = []\n[figure]\nstyle = 'nature'\n": "report.formats: name one at least",
    "x = [": "cannot be read",
}


def test_accounts_are_told_with_their_file_and_of_no_unknown_cloud(
    qbatch: Call, done: Path, own: Path, tmp_path: Path
) -> None:
    own.write_text('[accounts]\noqc = "file:key"\n')
    assert shown(qbatch("config", "--json"))["accounts.oqc"] == (
        f"file:{own.parent / 'key'}",
        str(own),
    )
    told = qbatch("config").out.splitlines()
    assert next(line for line in told if "accounts.oqc" in line).endswith("your own")
    own.write_text('[accounts]\noqcc = "env:LAB_TOKEN"\n')
    said = qbatch("plan", done)
    assert said.code == 3
    assert f"{own}: accounts.oqcc: there is no such provider; did you mean 'oqc'?" in said.err
    said = qbatch("status", done)
    assert said.code == 0
    assert "accounts.oqcc: there is no such provider" in said.err
    own.unlink()
    (tmp_path / "qbatch.toml").write_text('[accounts]\noqc = "env:STRANGER"\n')
    said = qbatch("plan", done)
    assert said.code == 3
    assert "qbatch.toml: accounts: stands in your own configuration only" in said.err


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_stops_no_verb_that_saves_what_is_bought(
    qbatch: Call, done: Path, tmp_path: Path, own: Path, text: str
) -> None:
    (tmp_path / "qbatch.toml").write_text(text)
    for verb in ("status", "cancel", "fetch", "show"):
        said = qbatch(verb, done)
        assert said.code == 0, (verb, said.err)
        assert f"qbatch: warning: {tmp_path / 'qbatch.toml'}: {WRONG[text]}" in said.err
        assert f"`{verb}` goes on without it" in said.err
        assert said.err.count("warning") == said.err.count("goes on without") == 1
    assert qbatch("run", done).code == 3
    (tmp_path / "qbatch.toml").unlink()
    own.write_text(text.replace("[manifests]\nhosts = ['evil", "[manifests]\nhosts = ['evil/"))
    assert "goes on without it" in qbatch("status", done).err
    assert qbatch("run", done).code == 3


def test_what_is_left_out_opens_no_door_and_what_is_right_holds(own: Path) -> None:
    text = '[manifests]\nhosts = ["lab.example"]\ncredentials = ["env:A"]\nengines = ["q1"]\n'
    environ = {"XDG_CONFIG_HOME": str(own.parents[1])}
    own.write_text(text)
    whole = read_permission(environ)
    lines = text.splitlines()
    for number in range(1, len(lines)):
        key = lines[number].partition(" ")[0]
        own.write_text("\n".join([*lines[:number], f"{key} = 3", *lines[number + 1 :]]))
        with leaving_out() as told:
            found = read_permission(environ)
        assert [each.problem for each in told] == [f"manifests.{key}: write a list of texts"]
        for name in ("hosts", "pointers", "engines"):
            mine = {"credentials": "pointers"}.get(key, key)
            wanted = frozenset() if name == mine else getattr(whole, name)
            assert getattr(found, name) == wanted
    with pytest.raises(SourceError):
        read_permission(environ)


def test_no_key_of_a_configuration_is_a_limit() -> None:
    """One that is would be lifted where a wrong file is left out: it has to stop every verb."""
    tastes = {"color", "report.formats", "figure.style"}
    doors = {f"manifests.{name}" for name in ("credentials", "hosts", "engines", "notify")}
    ways_in = {"accounts"}  # without it nothing is bought
    found = set()
    for name, field in OwnFile.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        found |= {f"{name}.{key}" for key in inner} or {name}
    assert found == tastes | doors | ways_in
    assert all(getattr(OwnFile().manifests, door.partition(".")[2]) == [] for door in doors)


# -- in an editor ----------------------------------------------------------------------------------


def test_the_schema_of_a_file_takes_what_is_right_and_nothing_else(qbatch: Call) -> None:
    guide = Path(package.__file__).parent / "guide" / "configuration.md"
    shown_there = guide.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    whole = tomllib.loads(shown_there)
    projects = {key: value for key, value in whole.items() if key not in ("manifests", "accounts")}
    for file, right, wrong in (
        ("config.toml", whole, {"colour": "auto"}),
        ("qbatch.toml", projects, whole),
    ):
        schema = json.loads(qbatch("schema", "--of", file).out)
        checked = jsonschema.Draft202012Validator(schema)
        assert not [*checked.iter_errors(right)]
        assert [*checked.iter_errors(wrong)]
        assert [*checked.iter_errors({"report": {"formats": ["pdf"]}})]
        for part in (schema, *schema["$defs"].values()):
            assert "\n" not in part["description"]  # editors show it as it is
            assert all(each["description"] for each in part["properties"].values())
