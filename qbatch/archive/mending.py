"""By which calibrations the points of an archive are mended, told anew from when its jobs ran."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.bases import Setting
from qbatch.frozen import dataclass
from qbatch.result import Counts
from qbatch.snapshot.calibrated import Calibrated, calibrated

if TYPE_CHECKING:
    from qbatch.exchange.archived.jobs import ArchivedJob, ArchivedJobs
    from qbatch.exchange.archived.points import ArchivedPoint
    from qbatch.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _Part:
    """A point, a setting of it, or a job, as `calibrated` asks for it."""

    _run: Mender
    basis: str = ""
    settings: Sequence[_Part] = ()
    jobs: Sequence[_Part] = ()
    ordinal: int = -1
    done: int = 0
    counts: Counts | None = None
    is_setting: bool = False
    backend: str = ""

    @property
    def each_setting(self) -> Sequence[_Part]:
        return self.settings


class Mender:
    """The jobs of an archive, as `calibrated` asks for a run.

    Args:
        told: Its jobs.
        manifest: As it ran.
    """

    def __init__(self, told: ArchivedJobs, manifest: Manifest) -> None:
        self.manifest = manifest
        self._told = told.jobs
        self._by_id: dict[str, list[int]] = defaultdict(list)
        for number, job in enumerate(told.jobs):
            self._by_id[job.id].append(number)

    def ran_at(self, ordinal: int) -> float | None:
        return self._told[ordinal].ran_at

    def calibrated(self, point: Sequence[ArchivedPoint]) -> Calibrated | None:
        """Return by what a point is mended; None where its calibrations are bought once.

        Raises:
            KeyError, ValueError: The settings that it has are not told, or counts do not fit.
        """
        told = point[0].fields.get("settings") or ()
        settings = [self._setting(str(each["basis"]), str(each["id"])) for each in told]
        return calibrated(_Part(self, settings=settings, backend=str(point[0].fields["backend"])))

    def _setting(self, basis: str, id_: str) -> _Part:
        jobs = [self._job(number, self._told[number]) for number in self._by_id.get(id_, ())]
        done = sum(job.done for job in jobs)
        return _Part(self, basis, jobs=jobs, done=done, is_setting=True)

    def _job(self, number: int, job: ArchivedJob) -> _Part:
        return _Part(self, ordinal=number, done=job.shots, counts=job.measured)


def wrongly_mended(told: Any, found: Calibrated | None) -> str:
    """Say in what an archive tells otherwise by what a point is mended; "" where it does not.

    Args:
        told: As the archive has it; None where it tells nothing.
        found: By the times of its jobs.
    """
    ours = None if found is None else json.loads(json.dumps(found.facts()))
    if ours is None or not isinstance(told, Mapping):
        return "" if told == ours else f"is {_short(told)}; its jobs give {_short(ours)}"
    for key in {**ours, **told}:
        if told.get(key) != ours.get(key):
            given = f"{key} is {_short(told.get(key))}"
            return f"{given}; the times of its jobs give {_short(ours.get(key))}"
    return ""


def mended_counts(
    counts: Mapping[str, Counts], chosen: Mapping[str, Mapping[str, int]]
) -> Mapping[str, Counts]:
    """Return a point's counts, those of calibrations replaced by the ones that an archive names.

    Of an archive that keeps no job by itself no more can be said than that they are among all.

    Raises:
        ValueError: They are not among those of all calibrations.
    """
    found: dict[str, Counts] = {}
    for prepared, told in chosen.items():
        text = Setting(prepared=prepared).text
        every = counts[text].to_dict()
        if any(shots > every.get(bits, 0) for bits, shots in told.items()):
            raise ValueError(
                f"{text} is said to have read more than all its jobs did; "
                "have the archive written again"
            )
        found[text] = Counts.from_dict(counts[text].registers, told)
    return found


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]} …"
