"""What a person may write under a local backend's ``engine``.

Rules: plain data. Nothing here can change a result, so none of it is part of a content's id. What a
shell would see is quoted, or is code that the person has to agree to (`permission`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from qbatch.providers.local.options import PlainData, wrong

_WORD = re.compile(r"[\w.@+-]+")
_CONSTRAINT = re.compile(r"[\w.@+&|*()\[\],:-]+")
_MEMORY = re.compile(r"(\d+)\s*([KMGT])B?", re.IGNORECASE)
_SLURM_TIME = re.compile(r"(\d+-)?\d+(:\d+){0,2}")
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[\w.\-\[\]:]+:\d+(/[\w./-]*)?")

_BYTES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def _word(text: str) -> str:
    if not _WORD.fullmatch(text) or text.startswith("-"):
        raise wrong(f"{text!r} is no name that Slurm knows; write letters, digits, . _ @ + -")
    return text


def _constraint(text: str) -> str:
    if not _CONSTRAINT.fullmatch(text) or text.startswith("-"):
        raise wrong(f"{text!r} is no constraint; write features with & or | between them")
    return text


def memory_bytes(text: str) -> int:
    """Read a size, powers of 1024 as Slurm has them.

    >>> memory_bytes("8G"), memory_bytes("512 MB")
    (8589934592, 536870912)
    """
    found = _MEMORY.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise wrong(f"{text!r} is no size; write 8G, or 512M")
    return int(found[1]) * _BYTES[found[2].upper()]


def _memory(text: str) -> str:
    memory_bytes(text)
    return text


def slurm_time(text: str) -> str:
    """Write a time limit as Slurm reads it: as it is, or from a span.

    >>> slurm_time("2h"), slurm_time("1h30m"), slurm_time("90s"), slurm_time("1-00:00:00")
    ('120', '90', '2', '1-00:00:00')
    """
    if _SLURM_TIME.fullmatch(text):
        return text
    found = _SPAN.fullmatch(text)
    if not text or found is None or not any(found.groups()):
        raise wrong(f"{text!r} is no time; write 2h, 90m, 1h30m, or 1-12:00:00 as Slurm does")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return str(max(1, -(-(86400 * days + 3600 * hours + 60 * minutes + seconds) // 60)))


def _time(text: str) -> str:
    slurm_time(text)
    return text


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise wrong(f"{text!r} is no scheduler's address; write tcp://HOST:8786")
    return text


def _argument(text: str) -> str:
    if not text.startswith("-") or "\n" in text or "\0" in text:
        raise wrong(f"{text!r} is no option of sbatch; write --gres=gpu:1")
    return text


Word = Annotated[str, AfterValidator(_word)]
Size = Annotated[str, AfterValidator(_memory)]


class Processes(PlainData):
    """Worker processes of this machine.

    Attributes:
        workers: How many at once; None: as `limits.workers` says, else as many as there are cores
            for their threads.
        threads: Of each worker, where counts are the same with any number of them: for ideal
            circuits that Aer computes, that measure all qubits and have fewer than 5,000 gates;
            else it has one.
        memory: What all that runs may take together: 8G; None: as `limits.memory_gb` says, else
            all of the machine's.
    """

    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    memory: Size | None = None


class Slurm(PlainData):
    """A centre's batch system, by its own commands: each composite job is a batch job, or a task.

    Attributes:
        partition: Where; None: the centre's default.
        time: Time limit of one batch job: 2h, 90m, or 1-12:00:00 as Slurm writes it; None: the
            partition's.
        cpus: Of one batch job, on one node: so many worker processes.
        memory: Of one batch job: 8G; None: the partition's default.
        account: Whose hours are used; None: your default. Needs your agreement, as `setup` does.
        qos: Quality of service; None: your default. Needs your agreement, as `setup` does.
        constraint: Features a node must have: skylake, or a&b.
        python: The interpreter on the nodes, one that has qbatch; None: this one. Needs your
            agreement, as `setup` does.
        setup: Lines of shell that come first in each batch script: module load python. Needs your
            agreement: --trust, or your own configuration.
        extra: Further options of sbatch, each with its value: --gres=gpu:1. Need your agreement, as
            `setup` does.
    """

    partition: Word | None = None
    time: Annotated[str, AfterValidator(_time)] | None = None
    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    memory: Size | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Annotated[str, AfterValidator(_constraint)] | None = None
    python: Annotated[str, Field(min_length=1)] | None = None
    setup: str = ""
    extra: tuple[Annotated[str, AfterValidator(_argument)], ...] = ()

    @property
    def given(self) -> list[str]:
        """Name the settings that are not as they would be anyway.

        >>> Slurm(cpus=4, time="2h", setup="").given
        ['time', 'cpus']
        """
        fields = type(self).model_fields
        return [name for name, field in fields.items() if getattr(self, name) != field.default]

    @property
    def takes(self) -> str:
        """Say what the batch jobs take of a centre, in words, options of sbatch included.

        >>> Slurm(cpus=4, time="2h", account="q123").takes
        'batch jobs of 4 cpus for 2h each, on account q123'
        >>> Slurm(time="2h", extra=("--gres=gpu:1",)).takes
        'batch jobs of 1 cpu for 2h each, on your default account, with --gres=gpu:1'
        >>> Slurm(time="90").takes
        'batch jobs of 1 cpu for 90m each, on your default account'
        """
        cpus = f"{self.cpus} cpu{'s' if self.cpus > 1 else ''}"
        minutes = "m" if self.time and self.time.isdecimal() else ""
        time = f"{self.time}{minutes}" if self.time else "the partition's longest time"
        parts = [
            f"batch jobs of {cpus} for {time} each",
            f"on account {self.account}" if self.account else "on your default account",
        ]
        if self.qos:
            parts.append(f"quality of service {self.qos}")
        if self.extra:
            parts.append(f"with {' '.join(self.extra)}")
        return ", ".join(parts)


#: What an installed engine may be given.
Argument = bool | int | float | str

#: Keys of which one says which engine it is.
ENGINES = ("processes", "slurm", "dask", "installed")


class EngineOptions(PlainData):
    """Where a local backend computes; counts are the same everywhere.

    Attributes:
        processes: Workers of this machine: {processes: {workers: 4}}. So it is without an engine.
        slurm: A centre's batch system: {slurm: {partition: cpu, time: 2h}}.
        dask: The address of a Dask scheduler that runs already: tcp://scheduler:8786. Needs your
            agreement: --trust, or your own configuration.
        installed: Name under which a package offers one (entry point `qbatch.engines`).
        arguments: What the installed engine is given: {installed: fresh, with: {at_once: 2}}. Texts
            need your agreement, as `dask` does.
    """

    processes: Processes | None = None
    slurm: Slurm | None = None
    dask: Annotated[str, AfterValidator(_address)] | None = None
    installed: Word | None = None
    arguments: Mapping[str, Argument | tuple[Argument, ...]] | None = Field(
        default=None, alias="with"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_bare(cls, data: Any) -> Any:
        """Read a key without a value as one without settings."""
        if isinstance(data, Mapping):
            bare = ("processes", "slurm")
            return {k: {} if v is None and k in bare else v for k, v in data.items()}
        return data

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        named = [name for name in ENGINES if getattr(self, name) is not None]
        if len(named) != 1:
            found = f"has {' and '.join(named)}" if named else "names none"
            raise wrong(f"{found}; write one of {', '.join(ENGINES)}")
        if self.arguments is not None and self.installed is None:
            raise wrong("'with' is for installed engines; remove it")
        return self
