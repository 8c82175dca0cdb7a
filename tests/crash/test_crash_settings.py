"""Points in many settings, killed again and again: each setting's shots are bought exactly once.

Two observables of Bell states, in two bases, at two scales of the noise, in sixteen twirled forms
each, with calibrations of the readout that are bought again as they grow old: what a bit gives is
chance, the parity of both is certain in every setting, and another one where a form flips one bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qbatch.bases import is_calibration, is_twirled, setting_of
from qbatch.snapshot import PointResult, Run
from tests.crash.cases import DONE, RUN, Played, Stage, settle
from tests.crash.experiments import EXPERIMENTS, Experiment
from tests.crash.oracle import all_jobs
from tests.crash.test_crash_boundaries import assert_good
from tests.crash.world import Kill, Place, World
from tests.proving import for_a_while

CIRCUIT = """\
OPENQASM 3.0;
include "stdgates.inc";
input float a;
qubit[2] q;
bit[2] c;
rx(a) q[0];
h q[0];
cx q[0], q[1];
c = measure q;
"""

MANIFEST = """\
qbatch: 1
name: crash
circuits: {{turned: turned.qasm}}
backends:
  cloud: {backend}
shots: {shots}
sweep: {{matrix: {{a: [0, pi]}}}}
analysis:
  observables: {{xx: X0 X1, zz: Z0 Z1}}
  mitigation:
    readout: {{shots: {calibration}{every}}}
    zne: {{scales: [1, 3], fit: linear}}
    twirl: {{n: {forms}}}
report: {{formats: [csv]}}
"""

#: Forms of each twirled setting, shots of a calibration, and how old one may be in some cases.
FORMS, CALIBRATION, EVERY_S = 16, 60, 60.0

BASES, SCALES, CALIBRATIONS = 2, 2, 2

#: What is told of an observable: raw, and by what was taken out of it.
ENDS = ("", ".readout", ".twirl", ".zne")


@dataclass(frozen=True)
class Measured(Experiment):
    """Two points in many settings.

    Attributes:
        is_aging: Calibrations are bought again as they grow old.
    """

    is_aging: bool = False

    @property
    def jobs(self) -> int:
        """Each basis raw and in its forms, at the larger scale in those alone; and calibrations."""
        return self.points * BASES * (1 + SCALES * FORMS) + CALIBRATIONS

    def missing(self, jobs: Collection[PointResult]) -> int:
        names = Counter(job.name for job in jobs)
        again = sum(times - 1 for name, times in names.items() if is_calibration(setting_of(name)))
        return self.jobs + again * self.is_aging - len(jobs)

    def shots_of(self, job: PointResult) -> int:
        setting = setting_of(job.name)
        if is_calibration(setting):
            return CALIBRATION
        return self.shots // FORMS if is_twirled(setting) else self.shots

    def amiss(self, parameters: Mapping[str, Any], counts: Mapping[str, int], shots: int) -> str:
        prepared = parameters.get("calibration")
        if prepared is not None:
            return "" if counts == {prepared: shots} else f"{shots} times {prepared}"
        odd = "basis" in parameters and float(parameters["a"]) > 1
        odd ^= str(parameters.get("twirl", "")).partition(":")[2].count("1") % 2
        found = {text.count("1") % 2 for text in counts}
        is_right = found == {odd} and sum(counts.values()) == shots
        return "" if is_right else f"{shots} of {'odd' if odd else 'even'} parity"

    def write(self, folder: Path) -> None:
        (folder / "turned.qasm").write_text(CIRCUIT)
        text = MANIFEST.format(
            backend=self.backend,
            shots=self.shots,
            calibration=CALIBRATION,
            every=f", every: {EVERY_S:g}s" if self.is_aging else "",
            forms=FORMS,
        )
        (folder / "crash.yaml").write_text(text)


def measured(cloud: str, backend: str) -> Measured:
    known = EXPERIMENTS[cloud]
    facts = {name: getattr(known, name) for name in known.__dataclass_fields__}
    return Measured(**{**facts, "backend": backend, "points": 2, "shots": 10 * FORMS})


#: With compilers that leave folded gates alone; each takes many programs at once.
CLOUDS = (
    measured(
        "oqc",
        '{provider: oqc, target: "qpu:uk:1:12345", limits: {jobs: 20}, options: {tket: none}}',
    ),
    measured("scaleway", "{provider: scaleway, target: QPU-GARNET-20PQ, limits: {jobs: 20}}"),
)

#: Each cloud in turn, both ways; so many cases at least, and more while the seconds last.
CASES = [
    replace(CLOUDS[number % 2], is_aging=is_aging)
    for number, is_aging in enumerate((True, False, False, True))
]
LEAST, SPARE_S = 2, 6.0

#: Kills of one case, and about how many boundaries a process meets that buys some of it.
KILLS, WITHIN = 4, {"w": (2, 25), "h": (8, 80)}

#: Seconds a job waits at the cloud.
QUEUE_S = 0.5


def play_settings(world: World, number: int) -> Played:
    """Kill the run, and whoever takes it up; hold what it has against the cloud's book."""
    experiment = CASES[number % len(CASES)]
    name = f"settings:{experiment.cloud}:{number}"
    chance = Random(name)
    with world.place() as place:
        stage = Stage(world, place, experiment, name, queue_s=QUEUE_S)
        for _ in range(KILLS):
            kind = chance.choice("wh")
            if not stage.call(RUN, Kill(kind, chance.randint(*WITHIN[kind]))).is_killed:
                break
        settle(stage, RUN, (DONE,))
        stage.played.verdict = stage.judge({"completed"})
        with Run(stage.run_folder) as run:
            stage.played.words += [*told_by_the_book(run, experiment, place), *numbers_amiss(run)]
            if experiment.is_aging:
                stage.played.words += bought_too_often(run)
        return stage.close()


def told_by_the_book(run: Run, experiment: Measured, place: Place) -> list[str]:
    """Say where counts and shots are not those that the cloud itself measured."""
    book, jobs = place.measured(), {job.job.id: job for job in all_jobs(run)}
    shots = {key: experiment.shots_of(job) for key, job in jobs.items()}
    sold = sum(each["shots"] for each in book.values())
    words = [f"{sold} shots are sold"] * (sold != sum(shots.values()))
    for key, job in jobs.items():
        own = book.get(str(job.job.provider_job_id), {})
        measured = own.get("counts") or {}
        there = {format(int(outcome), "02b"): n for outcome, n in measured.items()}
        has = None if job.counts is None else job.counts.to_dict()
        if (there, own.get("shots")) != (has, shots[key]):
            words.append(f"{job.name} has {has}, the cloud's book {own}")
    return words


def numbers_amiss(run: Run) -> list[str]:
    """Say which numbers are not what theory says; of aged calibrations one may be untold."""
    words = []
    for point in run:
        signs = {"xx": -1.0 if float(point.parameters["a"]) > 1 else 1.0, "zz": 1.0}
        wanted = {f"{name}{end}": sign for name, sign in signs.items() for end in ENDS}
        for name, why in point.undecided.items():
            if "as `every` asks" in why and "." in name:
                del wanted[name]
        if {name: each.value for name, each in point.estimates.items()} != pytest.approx(wanted):
            words.append(f"{point.name} is {point.state}: {point.estimates}, {point.undecided}")
    return words


def bought_too_often(run: Run) -> list[str]:
    """Say which calibrations are bought again before they are half as old as they may be."""
    ran = {job.ordinal: run.ran_at(job.ordinal) for job in all_jobs(run)}
    times = [at for at in ran.values() if at is not None]
    most = 2 + (max(times) - min(times)) / (EVERY_S / 2)
    jobs = {job.ordinal: setting_of(job.name) for job in all_jobs(run)}
    bought = Counter(setting for setting in jobs.values() if is_calibration(setting))
    return [f"{name}: {times} times" for name, times in bought.items() if times > most]


@pytest.mark.slow
def test_killed_among_its_settings_a_run_has_the_shots_of_each_once(world: World) -> None:
    played = [play_settings(world, number) for number in for_a_while(count(), LEAST, SPARE_S)]
    assert_good(played)
    assert sum(one.kills for one in played) >= 3 * LEAST
    assert sum(one.verdict.bought for one in played) >= LEAST * CASES[0].jobs
