"""A row of each table, by the names of its columns: where they stand is said here and nowhere else.

Rule: what may be large in a row (a body, a state vector) is not a part of it; it is read beside it,
and only where it is asked for. The rows hold what SQLite gives back, checked by no one yet:
`schema` says how their CRCs are made, `trust` checks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Fact(NamedTuple):
    """Of the run as a whole."""

    key: str
    value: str
    crc: int


class Setting(NamedTuple):
    """What points share; its `body` is large."""

    key: str
    body_crc: int
    crc: int


class Point(NamedTuple):
    """What a job computes."""

    ordinal: int
    id: bytes
    name: str
    circuit: str
    backend: str
    shots: int
    repeat: int
    seed: int
    parameters: str
    setting: str
    crc: int
    position: int | None
    content: bytes | None
    start: int
    wanted: int | None


class Place(NamedTuple):
    """A place of the plan that comes to the content of a point before it."""

    position: int
    point: int
    name: str
    circuit: str
    backend: str
    shots: int
    repeat: int
    parameters: str
    crc: int


class Job(NamedTuple):
    """Where a point is."""

    ordinal: int
    state: str
    generation: int
    composite: int | None
    provider_job_id: str | None
    status: str
    error: str
    cost: float | None
    unit: str
    submitted_at: float | None
    updated_at: float
    crc: int


class Composite(NamedTuple):
    """Jobs that are sent together."""

    ordinal: int
    id: str
    backend: str
    generation: int
    jobs: str
    num_jobs: int
    memo: str
    crc: int
    stage: str
    created_at: float
    sent_at: float | None
    closed_at: float | None
    moved: int


class Intent(NamedTuple):
    """What a composite job was to buy; its `body` is large."""

    composite: int
    key: str
    at: float
    body_crc: int
    crc: int


class Move(NamedTuple):
    """A step: of a job, or of none."""

    seq: int
    at: float
    job: int | None
    state: str
    note: str
    crc: int


class Attempt(NamedTuple):
    """A purchase that ended without a result."""

    job: int
    generation: int
    state: str
    provider_job_id: str | None
    status: str
    error: str
    cost: float | None
    unit: str
    submitted_at: float | None
    ended_at: float
    crc: int
    composite: int | None = None
    start: int | None = None
    shots: int | None = None
    setting: str | None = None


class Purchase(NamedTuple):
    """An entry of the ledger."""

    job: int
    generation: int
    backend: str
    unit: str
    quoted: float
    quoted_by: str
    reserved: float
    billed: float | None
    billed_by: str
    refunded: float
    refunded_by: str
    crc: int
    composite: int | None = None
    start: int | None = None
    shots: int | None = None
    setting: str | None = None


class Result(NamedTuple):
    """What a job measured; its `statevector` is large."""

    ordinal: int
    at: float
    counts: bytes
    facts: str
    analysis: str
    estimates: str
    vector_crc: int | None
    crc: int


class Reply(NamedTuple):
    """What a provider said; its `body` is large."""

    job: int
    at: float
    kind: str
    body_crc: int
    crc: int


def columns(table: str, row: type[NamedTuple]) -> str:
    """What to select of a table, in the order of `row`."""
    return ", ".join(f"{table}.{name}" for name in row._fields)


def marks(row: type[NamedTuple]) -> str:
    """A parameter for each of its columns."""
    return ", ".join("?" * len(row._fields))


def among(words: Iterable[str]) -> str:
    """What follows ``IN`` in SQL for some of our own words."""
    return "({})".format(", ".join(f"'{word}'" for word in sorted(words)))
