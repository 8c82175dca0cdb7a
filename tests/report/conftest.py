"""Runs made by hand: points with counts, without a snapshot, an executor or a simulator."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from qbatch.job import Job, JobState
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.result import Counts, Estimate, analyse
from qbatch.snapshot.doubles import read_doubles

BELL = """\
qbatch: 1
name: bell-sweep
description: Is <b>noise</b> told apart?
circuits:
  bell: {qasm: "OPENQASM 3.0; bit[2] c; qubit[2] q; c = measure q;"}
backends:
  ideal: {provider: local}
  noisy: {provider: local, noise: {readout: 0.02}}
sweep:
  matrix: {backend: [ideal, noisy], shots: [100, 1000]}
  repeat: 2
  seed: 7
analysis:
  observables: {zz: Z0 Z1}
  probabilities: {p00: "00"}
  distribution: {target: {"00": 0.5, "11": 0.5}, metrics: [tvd]}
checks:
  - {that: zz >= 0.8, where: {backend: noisy, shots: 1000}}
  - {that: zz == 1, where: {backend: ideal}}
"""


@dataclass
class FakePoint:
    name: str
    backend: str
    shots: int
    repeat: int = 1
    circuit: str = "bell"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    counts: Counts | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    job: Job = field(default_factory=lambda: Job(""))
    undecided: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""
    same_as: str = ""
    is_setting: bool = False
    settings: tuple[FakePoint, ...] = ()
    basis: str = ""

    @property
    def each_setting(self) -> tuple[FakePoint, ...]:
        return self.settings or (self,)

    @property
    def counts_by_basis(self) -> dict[str, Counts]:
        return {} if self.counts is None else {"": self.counts}

    @property
    def done(self) -> int:
        return self.sampled if self.job.state is JobState.COMPLETED else 0

    @property
    def used(self) -> int:
        return self.done

    @property
    def missing(self) -> tuple[str, ...]:
        return ()

    @property
    def is_short(self) -> bool:
        return self.done < self.shots

    @property
    def counted(self) -> int:
        return 0 if self.same_as else self.done

    @property
    def asked(self) -> int:
        return 0 if self.same_as else self.shots

    @property
    def state_in_words(self) -> str:
        return self.job.state.value

    @property
    def sampled(self) -> int:
        return self.shots if self.counts is None else self.counts.shots

    @property
    def id(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


@dataclass
class FakeRun:
    manifest: Manifest
    points: list[FakePoint]
    folder: Path
    axes: tuple[str, ...] = ("backend", "shots")
    targets: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=lambda: {"versions": '{"qbatch": "1.2.3"}'})
    times_read: int = 0
    #: Backend -> how long its jobs took.
    took: Mapping[str, Any] = field(default_factory=dict)

    #: What the run has bought, and what of it is in doubt.
    bought: list[Any] = field(default_factory=list)
    doubtful: list[Any] = field(default_factory=list)
    #: Circuit -> its text.
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def emulated(self) -> set[str]:
        return {name for name, target in self.targets.items() if target.get("is_emulated")}

    def ledger(self) -> list[Any]:
        return self.bought

    def doubles(self) -> list[Any]:
        return [*read_doubles(self.meta).values()]

    is_plan_alone = False

    def held(self) -> list[Any]:
        return self.doubtful

    def circuit_of(self, point: FakePoint) -> str | None:
        return self.texts.get(point.circuit)

    def times(self, backends: Collection[str]) -> Mapping[str, Any]:
        return {name: self.took[name] for name in backends if name in self.took}

    @property
    def name(self) -> str:
        return self.manifest.name

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[FakePoint]:
        self.times_read += 1
        return iter(self.points)

    def point(self, name: str) -> FakePoint:
        return next(point for point in self.points if point.name == name)

    def measure(self, name: str, numbers: Mapping[str, int]) -> None:
        """Give a point its counts."""
        point = self.point(name)
        bits = len(next(iter(numbers), "00"))
        point.counts = Counts.from_dict((("c", bits),), numbers)
        point.estimates = analyse(point.counts, self.manifest.analysis)
        point.job = Job(point.id, JobState.COMPLETED)

    def fail(self, name: str, error: str, state: JobState = JobState.FAILED) -> None:
        """Take a point's counts away."""
        point = self.point(name)
        point.counts, point.estimates = None, {}
        point.job = Job(point.id, state, error=error)


def bell_points() -> Iterator[tuple[FakePoint, dict[str, int]]]:
    for repeat in (1, 2):
        for shots in (100, 1000):
            for backend, flips in (("ideal", 0), ("noisy", shots // 50)):
                name = f"backend={backend},shots={shots}" + ("#2" if repeat == 2 else "")
                zeros = shots // 2 + repeat
                numbers = {"00": zeros, "11": shots - zeros - flips, "01": flips}
                yield FakePoint(name, backend, shots, repeat), numbers


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., FakeRun]:
    def make(text: str = BELL, points: Sequence[FakePoint] | None = None) -> FakeRun:
        manifest = parse_manifest(text, file="bell.yaml", folder=tmp_path)
        return FakeRun(manifest, list(points or ()), tmp_path / "runs")

    return make


@pytest.fixture
def bell(make_run: Callable[..., FakeRun]) -> FakeRun:
    """Eight finished points: two backends, two numbers of shots, two repeats."""
    made = list(bell_points())
    run = make_run(points=[point for point, _ in made])
    for point, numbers in made:
        run.measure(point.name, {bits: n for bits, n in numbers.items() if n})
    return run


@pytest.fixture
def bell_manifest() -> str:
    return BELL


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out: most of a report's time, and not what most tests are about."""
    monkeypatch.setattr("qbatch.report.writing.draw_figures", lambda *_: [])


@pytest.fixture(scope="session")
def chromium() -> str:
    """A browser, by its command."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium here; install it, for CI leaves nothing out")
        pytest.skip("there is no chromium here")
    return found
