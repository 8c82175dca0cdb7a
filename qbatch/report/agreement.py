"""Whether backends that ran the same settings measured the same.

A setting is a circuit with its parameters; shots and repeats only say how well it is known. Each
backend's shots on a setting are pooled, and a χ² test asks whether the backends differ by more than
shot noise. Distances are left out: finitely many shots bias them.

Rule: constant memory per setting; beyond `MAX_SETTINGS` further settings are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbatch.report.numbers import plain, with_error
from qbatch.result import Estimate, chi_squared_p

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.report.rows import Point

MAX_SETTINGS = 20_000

#: Chance that backends which all measure the same are told to differ, over all settings together.
FALSE_ALARM = 0.01


@dataclass(slots=True)
class Pooled:
    """What one backend measured of one number at one setting, over all its shots.

    Attributes:
        shots: Counted.
        weighted: Sum of value × shots.
        noise: Sum of (standard error × shots)².
    """

    shots: int = 0
    weighted: float = 0.0
    noise: float = 0.0

    def add(self, shots: int, value: float, se: float) -> None:
        self.shots += shots
        self.weighted += shots * value
        self.noise += (shots * se) ** 2

    @property
    def value(self) -> float:
        return self.weighted / self.shots

    @property
    def se(self) -> float:
        return sqrt(self.noise) / self.shots


@dataclass(frozen=True, slots=True)
class Compared:
    """One number at one setting, as its backends have it.

    Attributes:
        setting: Readable: "circuit, gamma=0.1".
        values: Backend -> (value, standard error).
        p_value: Probability that shot noise alone makes them differ so much or more.
    """

    setting: str
    values: Mapping[str, tuple[float, float]]
    p_value: float

    @property
    def told(self) -> str:
        """Each backend's value with its standard error."""
        return ", ".join(f"{name} {with_error(*pair)}" for name, pair in self.values.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number over all settings that two backends or more have run.

    Attributes:
        settings: Compared.
        differing: Of these, where shot noise hardly explains the difference.
        least_likely: The setting with the smallest p.
    """

    number: str
    settings: int
    differing: int
    least_likely: Compared

    @property
    def word(self) -> str:
        """The verdict in one word: agree or differ."""
        return "differ" if self.differing else "agree"


@dataclass(slots=True)
class Agreement:
    """Collects what points measured; then judges.

    Attributes:
        numbers: Names of what is compared: observables and probabilities.
        quantile: Half-widths of intervals in standard errors.
    """

    numbers: tuple[str, ...] = ()
    quantile: float = 1.96
    _found: dict[tuple[str, str], dict[str, Pooled]] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest, level: float) -> Agreement:
        """Begin; a run with one backend has nothing to compare."""
        analysis = manifest.analysis
        names = (*analysis.observables, *analysis.probabilities)
        quantile = NormalDist().inv_cdf(0.5 + level / 2)
        return cls(names if len(manifest.backends) > 1 else (), quantile)

    def add(self, point: Point, estimates: Mapping[str, Estimate]) -> None:
        """Take in one measured point."""
        if not self.numbers:
            return
        values = (f"{name}={plain(value)}" for name, value in point.parameters.items())
        setting = ", ".join((point.circuit, *values))
        for number in self.numbers:
            estimate = estimates.get(number)
            key = (number, setting)
            if estimate is None or (key not in self._found and len(self._found) >= MAX_SETTINGS):
                continue
            pooled = self._found.setdefault(key, {}).setdefault(point.backend, Pooled())
            pooled.add(point.shots, estimate.value, self._se_of(estimate))

    def _se_of(self, estimate: Estimate) -> float:
        """Return a standard error that is never 0: shots that all agree prove no certainty."""
        return max(estimate.se, (estimate.high - estimate.low) / 2 / self.quantile)

    def verdicts(self) -> list[Verdict]:
        """Judge each number, in the order of the analysis; empty without anything to compare."""
        shared = {key: found for key, found in self._found.items() if len(found) > 1}
        limit = FALSE_ALARM / max(1, len(shared))
        verdicts = []
        for number in self.numbers:
            compared = [_compare(s, found) for (n, s), found in shared.items() if n == number]
            if compared:
                differing = sum(one.p_value < limit for one in compared)
                worst = min(compared, key=lambda one: one.p_value)
                verdicts.append(Verdict(number, len(compared), differing, worst))
        return verdicts


def _compare(setting: str, found: Mapping[str, Pooled]) -> Compared:
    weights = {name: 1 / max(one.se, 1e-12) ** 2 for name, one in found.items()}
    mean = sum(found[n].value * w for n, w in weights.items()) / sum(weights.values())
    chi_squared = sum((found[n].value - mean) ** 2 * w for n, w in weights.items())
    values = {name: (one.value, one.se) for name, one in found.items()}
    return Compared(setting, values, chi_squared_p(chi_squared, len(found) - 1))
