"""What is run: for each cloud a small manifest whose every point has one certain outcome.

The angles are 0 and π, so a point's counts are all shots on one bitstring, another for each point:
a result that were lost, cut, or fetched for the wrong point is seen at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qbatch.snapshot import PointResult

SHOTS = 100

CIRCUIT = """\
OPENQASM 3.0;
include "stdgates.inc";
input float a;
input float b;
qubit[2] q;
bit[2] c;
rx(a) q[0];
rx(b) q[1];
cz q[0], q[1];
c = measure q;
"""

#: What a reference gives is what no point can give.
REFERENCE = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
x q[0];
x q[2];
c = measure q;
"""

OF_A_REFERENCE = "101"

MANIFEST = """\
qbatch: 1
name: crash
circuits: {{turned: turned.qasm{more}}}
backends:
  cloud: {backend}
shots: {shots}
sweep:
  matrix: {{a: [0, pi], b: [0, pi]}}
  exclude: {exclude}
report: {{formats: [csv]}}
{run}"""


@dataclass(frozen=True)
class Experiment:
    """A manifest for one cloud.

    Attributes:
        cloud: Name of its provider.
        backend: As the manifest has it.
        points: 3 or 4.
        shots: Of each.
        pieces: So many jobs buy a point, as many shots does the target take at once.
        switches: How the emulated cloud behaves where its real answer is not known: as is worst for
            whoever sends twice.
        row: What the proof's table calls it, where a cloud has several.
        every: So many points are between two references; 0: there are none.
        ends: Where its points may be when the same command was given again in fair weather.
    """

    cloud: str
    backend: str
    points: int
    switches: Mapping[str, Any] = field(default_factory=dict)
    shots: int = SHOTS
    pieces: int = 1
    row: str = ""
    every: int = 0
    ends: tuple[str, ...] = ("completed", "held")

    @property
    def jobs(self) -> int:
        """How many there are to buy."""
        return self.points * self.pieces + self.references

    @property
    def references(self) -> int:
        """How many there are: one before each stretch of points, and one after the last."""
        return math.ceil(self.points / self.every) + 1 if self.every else 0

    def missing(self, jobs: Collection[PointResult]) -> int:
        """How many jobs a run folder with these lacks; negative: it has more than there are."""
        return self.jobs - len(jobs)

    def shots_of(self, job: PointResult) -> int:
        """How many shots a job buys."""
        return job.bought if self.pieces > 1 else self.shots

    def amiss(self, parameters: Mapping[str, Any], counts: Mapping[str, int], shots: int) -> str:
        """Return what so many shots can give, if these counts are not that; else ""."""
        wanted = {expected(parameters): shots}
        return "" if counts == wanted else str(wanted)

    def write(self, folder: Path) -> None:
        """Write manifest and circuit into `folder`."""
        (folder / "turned.qasm").write_text(CIRCUIT)
        exclude = "[]" if self.points == 4 else "[{a: pi, b: pi}]"
        more, run = "", ""
        if self.every:
            (folder / "ref.qasm").write_text(REFERENCE)
            more, run = (
                ", ref: ref.qasm",
                f"run: {{reference: {{circuit: ref, every: {self.every}}}}}\n",
            )
        text = MANIFEST.format(
            backend=self.backend, shots=self.shots, exclude=exclude, more=more, run=run
        )
        (folder / "crash.yaml").write_text(text)


#: Two composite jobs of two points where a cloud takes several at once, else three jobs.
EXPERIMENTS = {
    "oqc": Experiment(
        "oqc",
        '{provider: oqc, target: "qpu:uk:1:12345", limits: {jobs: 2}}',
        4,
        {"resubmit": "twice"},
    ),
    "open-quantum": Experiment(
        "open-quantum",
        '{provider: open-quantum, target: "ionq:forte-1"}',
        3,
        {"second_create": "duplicate"},
    ),
    "ibm-direct-access": Experiment(
        "ibm-direct-access",
        "{provider: ibm-direct-access, target: emu_5q, limits: {jobs: 2}, "
        "transpile: {optimization_level: 0}}",
        4,
    ),
    "marqov": Experiment(
        "marqov",
        "{provider: marqov, target: sv1}",
        3,
        {"deduplicate": "none", "cancel": "allow"},
    ),
    "marqov-native": Experiment(  # P21: one key admits once, so nothing may be held
        "marqov",
        "{provider: marqov, target: marqov-sim, options: {native: {cap_cents: 20}}}",
        3,
        {"deduplicate": "native", "cancel": "allow"},
        row="marqov, natively",
        ends=("completed",),
    ),
    "scaleway": Experiment(
        "scaleway",
        "{provider: scaleway, target: QPU-GARNET-20PQ, limits: {jobs: 2}}",
        4,
    ),
}

#: What is proved: each cloud, and the other path of one that has two.
CLOUDS = tuple(EXPERIMENTS)

#: Clouds whose protocols can tell what became of a purchase: nobody is ever asked.
CERTAIN = ("oqc", "ibm-direct-access", "scaleway")

#: Targets that take 2,000 shots at once, and points of more.
CUT = {
    "cut-open-quantum": Experiment(
        "open-quantum",
        '{provider: open-quantum, target: "aqt:ibex-q1"}',
        3,
        {"second_create": "duplicate"},
        shots=5000,
        pieces=3,
    ),
    "cut-scaleway": Experiment(
        "scaleway",
        "{provider: scaleway, target: QPU-IBEX-12PQ, limits: {jobs: 4}}",
        3,
        shots=5000,
        pieces=3,
    ),
}

#: Every cloud, with a reference after every two points.
REFERRED = {f"ref-{name}": replace(EXPERIMENTS[name], every=2) for name in CLOUDS}

#: All that a case may name.
NAMED = EXPERIMENTS | CUT | REFERRED

#: The calls that spend, which most faults are for.
SPENDING = {
    "oqc": ("*/tasks/submit",),
    "open-quantum": ("/sched/v1/jobs",),
    "ibm-direct-access": ("/v1/jobs",),
    "marqov": ("/api/jobs/submit",),
    "marqov-native": ("/api/jobs/submit",),
    "scaleway": ("*/jobs", "*/sessions"),
}

#: The longest that a cloud may need to act, or its lists to show it: drivers trust after a minute.
LONGEST_LAG_S = 45.0


def _like(cloud: str, backend: str = "", **switches: Any) -> Experiment:
    known = EXPERIMENTS[cloud]
    return replace(known, backend=backend or known.backend, switches=switches)


#: Cloud -> what storms choose from: other readings of what is not known of it, other prices.
VARIANTS = {
    "oqc": (
        EXPERIMENTS["oqc"],
        _like("oqc", resubmit="conflict"),
        _like("oqc", '{provider: oqc, target: "qpu:uk:2:d865b5a184"}', resubmit="twice"),
    ),
    "open-quantum": (
        EXPERIMENTS["open-quantum"],
        _like("open-quantum", second_create="conflict"),
        CUT["cut-open-quantum"],
    ),
    "ibm-direct-access": (
        EXPERIMENTS["ibm-direct-access"],
        _like("ibm-direct-access", lane_held="until_ended"),
    ),
    "marqov": (
        EXPERIMENTS["marqov"],
        _like("marqov", "{provider: marqov, target: marqov-sim}"),
        _like("marqov", "{provider: marqov, target: sv1, options: {on_unknown: resend}}"),
    ),
    "marqov-native": (EXPERIMENTS["marqov-native"],),
    "scaleway": (
        EXPERIMENTS["scaleway"],
        _like("scaleway", "{provider: scaleway, target: EMU-AER-16C-128M, limits: {jobs: 2}}"),
        CUT["cut-scaleway"],
    ),
}


def expected(parameters: Mapping[str, Any]) -> str:
    """Return the one bitstring that a point can give; a reference has no parameters."""
    if not parameters:
        return OF_A_REFERENCE
    return "".join("1" if float(parameters[name]) > 1 else "0" for name in ("b", "a"))
