"""What an archive tells of drift, told anew from the counts of its references."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.across.drifting import read_drift
from qbatch.errors import QbatchError
from qbatch.exchange.archived.contents import RESULTS
from qbatch.exchange.archived.points import Finding
from qbatch.frozen import dataclass
from qbatch.result import Counts, pool
from qbatch.result.drift import FEWEST
from qbatch.snapshot.times import Moment

if TYPE_CHECKING:
    from qbatch.exchange.archived.jobs import ArchivedJob, ArchivedJobs
    from qbatch.exchange.archived.reading import Archive
    from qbatch.manifest import Manifest

#: What is drawn by chance, which another numpy draws otherwise.
_DRAWN = ("p", "trend_p", "jump_p")


@dataclass(frozen=True, slots=True)
class _Ran:
    """A point, or a reference, as `read_drift` asks for it."""

    circuit: str
    backend: str
    jobs: Sequence[_Job]
    counts: Counts | None = None
    sampled: int = 0
    parameters: Mapping[str, Any] | None = None

    @property
    def ordinal(self) -> int:
        return self.jobs[0].ordinal


@dataclass(frozen=True, slots=True)
class _Job:
    ordinal: int


class _Run:
    """An archive as `read_drift` asks for a run."""

    def __init__(self, results: Any, told: ArchivedJobs, manifest: Manifest) -> None:
        self.manifest = manifest
        self._points, self._references = results["points"], results["references"]
        self._told = told.jobs
        self._by_id: dict[str, list[int]] = defaultdict(list)
        for number, job in enumerate(told.jobs):
            self._by_id[job.id].append(number)

    def moments(self) -> dict[int, Moment]:
        """When each job ran, by its number."""
        return {
            number: Moment(job.ran_at, job.turn or 0)
            for number, job in enumerate(self._told)
            if job.ran_at is not None
        }

    def references(self) -> Iterator[_Ran]:
        """Yield each with its counts."""
        for one in self._references:
            jobs = self._jobs([one["id"]])
            counts = pool([self._job(each).measured for each in jobs])
            yield _Ran(one["circuit"], one["backend"], jobs, counts)

    def __iter__(self) -> Iterator[_Ran]:
        for one in self._points:
            jobs = self._jobs([part["id"] for part in one.get("settings") or [one]])
            own = {"sampled": one["shots"], "parameters": one["parameters"]}
            yield _Ran(one["circuit"], one["backend"], jobs, **own)

    def _jobs(self, ids: Sequence[str]) -> list[_Job]:
        return [_Job(number) for id_ in ids for number in self._by_id.get(id_, ())]

    def _job(self, job: _Job) -> ArchivedJob:
        return self._told[job.ordinal]


def check_drift(archive: Archive, told: ArchivedJobs, manifest: Manifest) -> list[Finding]:
    """See that what is told of drift is what the references tell."""
    results = archive.json(RESULTS)
    if not (isinstance(results, dict) and results.get("references")):
        return []
    try:
        facts = [each.facts() for each in read_drift(_Run(results, told, manifest))]
        computed = {each["backend"]: each for each in json.loads(json.dumps(facts))}
        kept = {str(each["backend"]): each for each in results["drift"]}
        return [*_compared(kept, computed)]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, QbatchError) as error:
        said = f"cannot be told anew: {type(error).__name__}: {error}"
        return [Finding(f"{RESULTS}: drift", said)]


def _compared(kept: Mapping[str, Any], computed: Mapping[str, Any]) -> Iterator[Finding]:
    for backend in sorted({*kept, *computed}):
        where = f"{RESULTS}: drift: {backend}"
        if backend not in kept or backend not in computed:
            yield Finding(where, "is not one of the machines whose references it has")
            continue
        ours, theirs = computed[backend], kept[backend]
        for key in {**ours, **theirs}:
            is_same = _is_drawn_alike if key in _DRAWN else _is_alike
            if not is_same(theirs.get(key), ours.get(key)):
                given = f"{key} is {_short(theirs.get(key))}"
                yield Finding(where, f"{given}; the references give {_short(ours.get(key))}")
                break


def _is_alike(told: Any, computed: Any) -> bool:
    if isinstance(computed, float) and isinstance(told, int | float):
        return math.isclose(told, computed, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(computed, dict) and isinstance(told, dict):
        return told.keys() == computed.keys() and all(
            _is_alike(told[key], computed[key]) for key in computed
        )
    return bool(told == computed)


def _is_drawn_alike(told: Any, computed: Any) -> bool:
    """Whether both may be shares of draws by chance, five of their standard errors apart."""
    if not isinstance(told, int | float):
        return False
    error = math.sqrt(max(computed * (1 - computed), 1 / FEWEST) / FEWEST)
    return abs(told - float(computed)) <= 5 * error


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]} …"
