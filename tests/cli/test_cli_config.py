"""What is set outside of manifests is shown with where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call

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
    done.write_text(done.read_text() + "report: {formats: [md]}\n")
    assert written(str(done)) == ["report.md"]


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
