"""One configuration file read: its mistakes, each with the file and the key.

Rule: where a call saves what is bought or measured, what is wrong in a file is left out of it and
told (`leaving_out`), a key at a time; elsewhere it ends the call. No key is a limit: each is a
taste or opens a door, so leaving one out never allows what the file does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
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

#: Mistakes that were left out since `leaving_out` began; None: they are raised.
_left_out: ContextVar[list[SourceError] | None] = ContextVar("_left_out", default=None)


@contextmanager
def leaving_out() -> Iterator[list[SourceError]]:
    """Have what is wrong left out of what is read meanwhile, and give it, each once."""
    told: list[SourceError] = []
    token = _left_out.set(told)
    try:
        yield told
    finally:
        _left_out.reset(token)


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
            problem = "leads to a file that is not there; mend the link or remove it"
            _tell(_mistake(str(path), problem))
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
        _tell(
            _mistake(
                str(file),
                f"[tool.qbatch] in {PYPROJECT} beside it configures the project, too; write all of "
                "it into one of them",
            )
        )
        return None
    from qbatch.configuration.models import ProjectsFile

    return checked(ProjectsFile, said, str(file)), file


def _projects_table(file: Path) -> dict[str, Any]:
    import tomllib

    if file.name != PYPROJECT:
        return _read_toml(file)
    try:
        tools = tomllib.loads(file.read_text("utf-8")).get("tool", {})
    except (OSError, ValueError, RecursionError):  # other programs' file as well: theirs to tell
        return {}
    table = tools.get("qbatch", {}) if isinstance(tools, dict) else {}
    return table if isinstance(table, dict) else {"tool.qbatch": table}


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a file; one that is not there raises as it opens."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError, RecursionError) as error:  # TOML's errors say the line
        _tell(_mistake(str(path), f"cannot be read: {error}; mend or remove it"), error)
        return {}


def checked(model: type[Model], said: Mapping[str, Any], place: str) -> Model:
    """Read what a file or a variable says; what is wrong in it is left out inside `leaving_out`.

    Raises:
        SourceError: One mistake.
        SourceErrors: Several.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(said)
    except ValidationError as error:
        errors = error.errors()
        told = list(dict.fromkeys(_problems(model, errors)))
        mistakes = [_mistake(place, problem) for problem in told]
    if _left_out.get() is None and len(mistakes) > 1:
        raise SourceErrors("the configuration is wrong", mistakes)
    for mistake in mistakes:
        _tell(mistake)
    return model.model_validate(_without(said, [each["loc"] for each in errors]))


def _without(said: Mapping[str, Any], places: Sequence[tuple[int | str, ...]]) -> dict[str, Any]:
    """Return what is said without the keys in which something is wrong, each as a whole."""
    kept = {key: dict(it) if isinstance(it, dict) else it for key, it in said.items()}
    for table, *rest in places:
        inner = kept.get(str(table))
        if rest and isinstance(inner, dict):
            inner.pop(str(rest[0]), None)
        else:
            kept.pop(str(table), None)
    return kept


def check_names(
    names: Iterable[str], known: Collection[str], table: str, what: str, place: str
) -> None:
    """See that what a table's keys name is there.

    Args:
        names: The keys.
        known: All there are.
        table: The table's name.
        what: One of them is: "provider".
        place: The file.

    Raises:
        SourceError: One is not; inside `leaving_out` it is noted.
    """
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
            _tell(_mistake(place, f"{table}.{shortened(name)}: there is no such {what}{hint}"))


def _tell(mistake: SourceError, cause: BaseException | None = None) -> None:
    """Raise a mistake; inside `leaving_out` note it.

    Raises:
        SourceError: It.
    """
    told = _left_out.get()
    if told is None:
        raise mistake from cause
    if str(mistake) not in map(str, told):
        told.append(mistake)


def _problems(model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[str]:
    for error in errors:
        steps = [step for step in error["loc"] if isinstance(step, str)]
        key, found = ".".join(steps), shortened(str(error["input"]))
        match error["type"]:
            case "extra_forbidden":
                yield _unknown(model, steps)
            case "model_type" | "dict_type":
                yield f"{key}: write a table, [{key}]"
            case "too_short":
                yield f"{key}: name one at least; `--no-report` writes none"
            case "literal_error":
                words = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
                yield f"{key}: {found!r} is none of {', '.join(words)}{did_you_mean(found, words)}"
            case "value_error":
                yield f"{key}: {error['ctx']['error']}"
            case "string_type" if steps[0] == "accounts":
                yield f"{key}: write a text"
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
