"""Noise that does not stay: machines drift, jump, and are calibrated anew.

What a fault script's switch may say beside the noise itself (see `noise`):

    switches:
      oqc:
        noise:
          readout: 0.02
          drift: {per_hour: {readout: 0.01}, per_job: {two_qubit: 0.0001}}
          jumps: [{at_s: 3600, readout: 0.05}, {after_jobs: 30, two_qubit: 0.02}]
          calibrations: [{at_s: 7200}, {after_jobs: 90, readout: 0.01}, {at_s: 9000, tunes: false}]

`drift` adds to a probability in proportion to the time, or to the number of jobs that the cloud
took, since the machine was tuned. A jump adds to it at once and for good, `at_s` of the
emulation's time, or when so many jobs were taken. A calibration tunes the machine: what is written
on top holds again, or what it says itself, and drift and jumps begin anew. With `tunes: false` it
only measures. Either way a machine publishes what the latest one found, and when.

Rules: a moment is an instant and how many jobs were taken by then, compared in that order; what
noise a job meets is that of the moment when it begins. Probabilities stay between 0 and 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from qbatch.emulators.noise import Noise, NoiseError, read_noise

#: Keys of the switch that are read here.
KEYS = ("drift", "jumps", "calibrations")

PROBABILITIES = tuple(one.name for one in fields(Noise))

HOUR_S = 3600.0

#: How much is added to each probability.
Change = Mapping[str, float]


class Moment(NamedTuple):
    """An instant, seconds of the emulation, and how many jobs its cloud had taken by then."""

    at_s: float
    jobs: int


@dataclass(frozen=True)
class Due:
    """When something happens: at an instant, or when so many jobs were taken."""

    at_s: float | None = None
    after_jobs: int | None = None

    def moment(self, taken: Sequence[float]) -> Moment | None:
        """Return when that is; None: not yet known. `taken`: when each job was taken, seconds."""
        if self.at_s is not None:
            return Moment(self.at_s, bisect_right(taken, self.at_s))
        assert self.after_jobs is not None
        if self.after_jobs > len(taken):
            return None
        return Moment(taken[self.after_jobs - 1], self.after_jobs)


@dataclass(frozen=True)
class Jump:
    """Probabilities that rise, or fall, from a moment on."""

    due: Due
    change: Change


@dataclass(frozen=True)
class Calibration:
    """Parameters are measured, and, if it tunes, brought back to what is written or said here."""

    due: Due
    tunes: bool
    values: Change


class Published(NamedTuple):
    """What a machine tells of itself.

    Attributes:
        number: How many calibrations there were before, 0 for what it was when all began.
        at_s: When it was measured.
        noise: What was found.
    """

    number: int
    at_s: float
    noise: Noise


@dataclass(frozen=True)
class Course:
    """The noise of a cloud's machines over time."""

    written: Noise
    per_hour: Change
    per_job: Change
    jumps: Sequence[Jump]
    calibrations: Sequence[Calibration]

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.written}{'' if self.is_steady else ', at first'}"

    @property
    def is_steady(self) -> bool:
        """True where nothing changes."""
        return not (self.per_hour or self.per_job or self.jumps or self.calibrations)

    def at(self, now: Moment, taken: Sequence[float]) -> Noise:
        """Return the noise of a moment."""
        since, values = Moment(0.0, 0), self.written
        for moment, one in self._past(self.calibrations, now, taken):
            if one.tunes:
                since, values = moment, Noise(**{**vars(self.written), **one.values})
        found = dict(vars(values))
        hours, jobs = max(0.0, now.at_s - since.at_s) / HOUR_S, max(0, now.jobs - since.jobs)
        for name in found:
            found[name] += hours * self.per_hour.get(name, 0.0)
            found[name] += jobs * self.per_job.get(name, 0.0)
        for moment, jump in self._past(self.jumps, now, taken):
            if moment >= since:
                for name, change in jump.change.items():
                    found[name] += change
        return Noise(**{name: min(1.0, max(0.0, value)) for name, value in found.items()})

    def published(self, now: Moment, taken: Sequence[float]) -> Published:
        """Return what the latest calibration found."""
        past = self._past(self.calibrations, now, taken)
        if not past:
            return Published(0, 0.0, self.written)
        moment, _ = past[-1]
        return Published(len(past), moment.at_s, self.at(moment, taken))

    def _past(
        self, those: Sequence[Any], now: Moment, taken: Sequence[float]
    ) -> list[tuple[Moment, Any]]:
        known = [(one.due.moment(taken), one) for one in those]
        past = [(moment, one) for moment, one in known if moment is not None and moment <= now]
        return sorted(past, key=lambda each: each[0])


def read_course(written: Any) -> Course | None:
    """Read a switch; None: there is no noise.

    Raises:
        NoiseError: It is not of the shape described in the head of this module or of `noise`.
    """
    if isinstance(written, Course):
        return written
    if not isinstance(written, Mapping) or not any(key in written for key in KEYS):
        noise = read_noise(written)
        return None if noise is None else Course(noise, {}, {}, (), ())
    rest = {key: value for key, value in written.items() if key not in KEYS}
    drift = _object(written.get("drift", {}), "noise.drift", ("per_hour", "per_job"))
    return Course(
        read_noise(rest) or Noise(),
        _change(drift.get("per_hour", {}), "noise.drift.per_hour"),
        _change(drift.get("per_job", {}), "noise.drift.per_job"),
        tuple(_jump(*each) for each in _entries(written, "jumps", ())),
        tuple(_calibration(*each) for each in _entries(written, "calibrations", ("tunes",))),
    )


def _entries(
    written: Mapping[str, Any], key: str, more: tuple[str, ...]
) -> list[tuple[str, dict[str, Any]]]:
    entries = written.get(key, [])
    if not isinstance(entries, list | tuple):
        raise NoiseError(f"noise.{key}: {entries!r} is no list; write [{{at_s: 3600, …}}]")
    known = ("at_s", "after_jobs", *more, *PROBABILITIES)
    return [
        (f"noise.{key}[{at}]", _object(one, f"noise.{key}[{at}]", known))
        for at, one in enumerate(entries)
    ]


def _jump(where: str, entry: dict[str, Any]) -> Jump:
    due = _due(where, entry)
    if not entry:
        raise NoiseError(f"{where}: says of no probability by how much it rises; add readout: 0.05")
    return Jump(due, _change(entry, where))


def _calibration(where: str, entry: dict[str, Any]) -> Calibration:
    due, tunes = _due(where, entry), entry.pop("tunes", True)
    if not isinstance(tunes, bool):
        raise NoiseError(f"{where}.tunes: {tunes!r}; write true or false")
    if entry and not tunes:
        raise NoiseError(f"{where}: what only measures sets no probability; leave it out")
    for name, value in _change(entry, where).items():
        if value < 0:
            raise NoiseError(f"{where}.{name}: {value!r} is no probability; write 0 to 1")
    return Calibration(due, tunes, entry)


def _due(where: str, entry: dict[str, Any]) -> Due:
    """Take out of an entry when it happens."""
    at_s, after_jobs = entry.pop("at_s", None), entry.pop("after_jobs", None)
    if (at_s is None) == (after_jobs is None):
        raise NoiseError(f"{where}: write at_s, seconds, or after_jobs, a number; one of them")
    if at_s is not None and not (_is_number(at_s) and 0 <= at_s < math.inf):
        raise NoiseError(f"{where}.at_s: {at_s!r} is no number of seconds, 0 or more")
    if after_jobs is not None and (type(after_jobs) is not int or after_jobs < 1):
        raise NoiseError(f"{where}.after_jobs: {after_jobs!r} is no number of jobs, 1 or more")
    return Due(at_s, after_jobs)


def _change(written: Any, where: str) -> dict[str, float]:
    found = _object(written, where, PROBABILITIES)
    for name, value in found.items():
        if not _is_number(value) or not -1 <= value <= 1:
            raise NoiseError(f"{where}.{name}: {value!r} is no change of a probability")
    return found


def _object(written: Any, where: str, known: Sequence[str]) -> dict[str, Any]:
    names = ", ".join(known)
    if not isinstance(written, Mapping):
        raise NoiseError(f"{where}: {written!r} is no object; write {names}")
    for name in written:
        if name not in known:
            raise NoiseError(f"{where}: unknown key {name!r}; known: {names}")
    return dict(written)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
