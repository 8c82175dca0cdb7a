"""One configuration file read: its mistakes, each with the file and the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qbatch.configuration.places import PYPROJECT, configuration_file, project_files
from qbatch.errors import Place, SourceError, SourceErrors
from qbatch.notation import did_you_mean, shortened

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from qbatch.configuration.models import OwnFile, ProjectsFile

    Model = TypeVar("Model", bound=BaseModel)

#: The guide's page about all of it.
PAGE = "configuration"


def read_own(environ: Mapping[str, str]) -> OwnFile | None:
    """Read the person's own configuration; None where there is none, or it says nothing.

    Raises:
        SourceError: It cannot be read, or has one mistake.
        SourceErrors: It has several.
    """
    path = configuration_file(environ)
    try:
        said = _read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise _mistake(str(path), "leads to a file that is not there") from None
        return None
    if not said:
        return None
    from qbatch.configuration.models import OwnFile

    return checked(OwnFile, said, str(path))


def read_projects(folder: Path) -> tuple[ProjectsFile, Path] | None:
    """Read what configures the project of a folder, and tell which file that is.

    Raises:
        SourceError: It cannot be read, has one mistake, or two files say something.
        SourceErrors: It has several mistakes.
    """
    tables = [(file, said) for file in project_files(folder) if (said := _projects_table(file))]
    if not tables:
        return None
    file, said = tables[0]
    if len(tables) > 1:
        raise _mistake(
            str(file),
            f"[tool.qbatch] in {PYPROJECT} beside it configures the project, too; write all of it "
            "into one of them",
        )
    from qbatch.configuration.models import ProjectsFile

    return checked(ProjectsFile, said, str(file)), file


def _projects_table(file: Path) -> dict[str, Any]:
    if file.name != PYPROJECT:
        return _read_toml(file)
    try:
        tools = _read_toml(file).get("tool", {})
    except SourceError:  # it is other programs' file as well, and marks no project as it is
        return {}
    table = tools.get("qbatch", {}) if isinstance(tools, dict) else {}
    return table if isinstance(table, dict) else {"tool.qbatch": table}


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError, RecursionError) as error:  # TOML's errors say the line
        raise _mistake(str(path), f"cannot be read: {error}") from error


def checked(model: type[Model], said: Mapping[str, Any], place: str) -> Model:
    """Read what a file or a variable says.

    Raises:
        SourceError: One mistake.
        SourceErrors: Several.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(said)
    except ValidationError as error:
        told = list(dict.fromkeys(_problems(model, error.errors())))
        mistakes = [_mistake(place, problem) for problem in told]
    if len(mistakes) == 1:
        raise mistakes[0]
    raise SourceErrors("the configuration is wrong", mistakes)


def _problems(model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[str]:
    for error in errors:
        steps = [step for step in error["loc"] if isinstance(step, str)]
        key, found = ".".join(steps), shortened(str(error["input"]))
        match error["type"]:
            case "extra_forbidden":
                yield _unknown(model, steps)
            case "model_type":
                yield f"{key}: write a table, [{key}]"
            case "too_short":
                yield f"{key}: name one at least; `--no-report` writes none"
            case "literal_error":
                words = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
                yield f"{key}: {found!r} is none of {', '.join(words)}{did_you_mean(found, words)}"
            case "value_error":
                yield f"{key}: {error['ctx']['error']}"
            case _:
                yield f"{key}: write a list of texts"


def _unknown(model: type[BaseModel], steps: list[str]) -> str:
    from qbatch.configuration.models import OwnFile

    if steps[0] in OwnFile.model_fields.keys() - model.model_fields.keys():
        return (
            f"{steps[0]}: stands in your own configuration only (`qbatch config` says where that "
            "is): a project's file travels with its repository, which may be a stranger's"
        )
    known = list(OwnFile.model_fields if len(steps) == 1 else _fields(model, steps[0]))
    within = f" in [{steps[0]}]" if len(steps) > 1 else ""
    hint = did_you_mean(steps[-1], known) or f"; known are {', '.join(known)}"
    return f"unknown key {shortened(steps[-1])!r}{within}{hint}"


def _fields(model: type[BaseModel], table: str) -> Iterator[str]:
    part = model.model_fields[table].annotation
    yield from getattr(part, "model_fields", ())


def _mistake(place: str, problem: str) -> SourceError:
    return SourceError(Place(place), problem).about(PAGE)
