"""What the configuration files may say: a model for each of the two."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qbatch.configuration.words import POINTER, Color, Format, Style


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _host(text: str) -> str:
    if set(text) & set("/:@* ") or not text.strip("."):
        raise ValueError(f"{text!r} is no host; write a name as lab.example")
    return text.lower().strip(".")


def _pointer(text: str) -> str:
    if not POINTER.fullmatch(text):  # it may be the secret itself, and is not shown
        raise ValueError(
            "is no pointer to a secret; write env:NAME, file:PATH or keyring:SERVICE/USER"
        )
    return text


class Manifests(_Table):
    """What manifests may do with what is the person's.

    Attributes:
        credentials: What they may write under ``credentials``, beside a vendor's own variables.
        hosts: Domains that any credential may be sent to, each with all below it.
        engines: What they may write under ``engine``, word for word.
        notify: Commands and addresses that they may have told of a run, word for word.
    """

    credentials: list[str] = []
    hosts: list[Annotated[str, AfterValidator(_host)]] = []
    engines: list[str] = []
    notify: list[str] = []


class Report(_Table):
    """Reports where the manifest says nothing of it.

    Attributes:
        formats: Files to write.
    """

    formats: Annotated[list[Format], Field(min_length=1)] | None = None


class Figure(_Table):
    """What `qbatch figure` writes.

    Attributes:
        style: Widths and type as the journal wants them.
    """

    style: Style | None = None


class ProjectsFile(_Table):
    """``qbatch.toml``, or ``[tool.qbatch]``: only what may come from a stranger.

    Attributes:
        color: Whether what is said is in colour.
        report: Defaults of reports.
        figure: Defaults of figures for a paper.
    """

    color: Color | None = None
    report: Report = Report()
    figure: Figure = Figure()


class OwnFile(ProjectsFile):
    """The person's own.

    Attributes:
        accounts: Provider -> where the credential is that its backends take which name none, where
            no variable of the vendor's is set.
        manifests: What manifests may do.
    """

    accounts: dict[str, Annotated[str, AfterValidator(_pointer)]] = {}
    manifests: Manifests = Manifests()
