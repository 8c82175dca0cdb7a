"""What holds, and who says so: variable before project before person before default.

What a flag or a manifest says goes before all of these; who reads it there looks there first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.configuration.files import checked, read_own, read_projects
from qbatch.configuration.places import configuration_file
from qbatch.configuration.words import Color, Format, Style
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.configuration.models import ProjectsFile

#: Of a value that nobody gave.
DEFAULT = "default"

FORMATS_VARIABLE, STYLE_VARIABLE = "QBATCH_REPORT_FORMATS", "QBATCH_FIGURE_STYLE"


@dataclass(frozen=True, slots=True)
class Settings:
    """The values.

    Attributes:
        color: Whether what is said is in colour.
        formats: Files of a report whose manifest says nothing of them; None: the usual.
        style: Of figures for a paper.
        sources: Key -> the file or variable that says so; what is not in it is a default.
    """

    color: Color = "auto"
    formats: tuple[Format, ...] | None = None
    style: Style = "aps"
    sources: Mapping[str, str] = field(default_factory=dict)

    def source(self, key: str) -> str:
        return self.sources.get(key, DEFAULT)


def read_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """Read what holds for a process in a folder.

    Raises:
        SourceError: A file or variable is wrong.
        SourceErrors: It has several mistakes.
    """
    found: dict[str, tuple[Any, str]] = {}
    for source, said in _layers(environ, folder):  # the last one that says something decides
        found |= {key: (value, source) for key, value in _values(said)}
    color = _color_of(environ)
    if color is not None:
        found["color"] = color
    formats = found.get("report.formats")
    return Settings(
        color=found.get("color", ("auto", ""))[0],
        formats=tuple(formats[0]) if formats else None,
        style=found.get("figure.style", ("aps", ""))[0],
        sources={key: source for key, (_, source) in found.items()},
    )


def _layers(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[str, ProjectsFile]]:
    """Yield who says what; a later one goes before those above it."""
    if (own := read_own(environ)) is not None:
        yield str(configuration_file(environ)), own
    if (projects := read_projects(folder)) is not None:
        yield str(projects[1]), projects[0]
    variables: dict[str, dict[str, dict[str, Any]]] = {}
    if formats := environ.get(FORMATS_VARIABLE):
        names = [name.strip() for name in formats.split(",")]
        variables[FORMATS_VARIABLE] = {"report": {"formats": names}}
    if style := environ.get(STYLE_VARIABLE):
        variables[STYLE_VARIABLE] = {"figure": {"style": style}}
    for name, said in variables.items():
        from qbatch.configuration.models import ProjectsFile

        yield f"variable {name}", checked(ProjectsFile, said, name)


def _values(said: ProjectsFile) -> Iterator[tuple[str, Any]]:
    values = {
        "color": said.color,
        "report.formats": said.report.formats,
        "figure.style": said.figure.style,
    }
    yield from ((key, value) for key, value in values.items() if value is not None)


def _color_of(environ: Mapping[str, str]) -> tuple[Color, str] | None:
    """What the variables that many programs know say; that of no colour goes first."""
    if environ.get("NO_COLOR"):
        return "never", "variable NO_COLOR"
    if environ.get("FORCE_COLOR"):
        return "always", "variable FORCE_COLOR"
    return None
