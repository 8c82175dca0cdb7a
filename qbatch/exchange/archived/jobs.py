"""The jobs of an archive: each with its own counts and where it comes from, written and read.

A run pools the counts of a point; here they stand job by job, as they were bought, so that whoever
takes them knows each purchase again, and what references told can be told anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qbatch.errors import SelectionError, SnapshotError
from qbatch.exchange.archived.contents import JOBS
from qbatch.exchange.archived.reading import Archive
from qbatch.result import Counts
from qbatch.snapshot.lending import Lender
from qbatch.snapshot.reused import REUSED, Reused

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: Of a register, at most: more is no circuit's.
MOST_BITS = 100_000

_Count = Annotated[int, Field(ge=0, le=2**53)]
_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ArchivedJob(BaseModel):
    """One finished job.

    Attributes:
        id: Content id of the point, or setting, or reference.
        point: Its name.
        circuit: Its name.
        backend: Its name.
        shots: That it bought.
        registers: (name, bits), in the order declared.
        counts: Outcome -> how often.
        facts: What its provider said.
        bought: Where it comes from, as `Reused` has it; what this run bought, without its folder.
        emulated: An emulator stood in for the cloud.
        state: Whether the state before measurement was kept with the run; an archive has none.
        ran_at: When it ran, seconds since 1970; None where it ran in another run.
        turn: In which order jobs were sent; None likewise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: _Id
    point: str
    circuit: str
    backend: str
    shots: Annotated[_Count, Field(gt=0)]
    registers: list[tuple[str, Annotated[int, Field(ge=0, le=MOST_BITS)]]]
    counts: dict[str, _Count]
    facts: dict[str, Any] = {}
    bought: dict[str, Any]
    emulated: bool = False
    state: bool = False
    ran_at: float | None = None
    turn: int | None = None

    @property
    def measured(self) -> Counts:
        """Its counts.

        Raises:
            ValueError: They do not fit its registers, or are of another number of shots.
        """
        found = Counts.from_dict(
            [(str(name), int(bits)) for name, bits in self.registers], self.counts
        )
        if found.shots != self.shots:
            raise ValueError(f"bought {self.shots} shots, not {found.shots}; have it written again")
        return found

    def origin(self, folder: str) -> Reused:
        """Where it comes from.

        Args:
            folder: The archive's, said of what its own run bought.

        Raises:
            SnapshotError: It is not said as qbatch says it.
        """
        found = Reused.of({REUSED: {"folder": folder, **self.bought}})
        if found is None or found.start < 0:
            raise SnapshotError(
                f"{self.point}: where its shots come from is not said; "
                "have the archive written again"
            )
        return found


class ArchivedJobs(BaseModel):
    """All jobs of an archive.

    Attributes:
        run: Id of the run.
        name: Of the run.
        rehearsal: All of it comes from emulated clouds.
        jobs: In the order of the plan.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: str
    name: str
    rehearsal: bool = False
    jobs: list[ArchivedJob]


def jobs_of(run: Run, ids: Collection[str]) -> ArchivedJobs:
    """Return the jobs of a run as an archive keeps them.

    Args:
        run: Read again, beside whoever reads it.
        ids: Contents whose jobs are meant.
    """
    moments, meta = run.moments(), run.meta
    with Lender(run.folder) as lender:
        jobs = [*_written(lender, {*ids}, moments)]
    return ArchivedJobs(
        run=meta.get("run_id", ""), name=run.name, rehearsal=run.is_rehearsal, jobs=jobs
    )


def _written(lender: Lender, ids: set[str], moments: Any) -> Iterator[ArchivedJob]:
    for lent in lender.finished(ids):
        counts, moment = Counts.unpack(lent.counts), moments.get(lent.point.ordinal)
        bought = lent.reused.facts()
        if bought["folder"] == str(lender.folder):
            del bought["folder"]  # a path of the machine where it ran
        yield ArchivedJob(
            id=lent.point.point_id,
            point=lent.point.name,
            circuit=lent.point.circuit,
            backend=lent.point.backend,
            shots=lent.point.shots,
            registers=[*counts.registers],
            counts=counts.to_dict(),
            facts=lent.facts,
            bought=bought,
            emulated=lent.is_emulated,
            state=lent.vector is not None,
            ran_at=None if moment is None else moment.at,
            turn=None if moment is None else moment.turn,
        )


def read_jobs(archive: Archive) -> ArchivedJobs:
    """Read the jobs of an archive.

    Raises:
        SelectionError: It has none that are written as qbatch writes them.
    """
    if JOBS not in archive.files:
        raise SelectionError(
            f"{archive.path}: it keeps no job by itself, for an earlier qbatch wrote it; "
            "`qbatch archive RUN -o run.zip` writes it anew"
        )
    try:
        return ArchivedJobs.model_validate_json(archive.files[JOBS])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SelectionError(
            f"{archive.path}: {JOBS}: {place}: {first['msg']}; have the archive written again"
        ) from error
