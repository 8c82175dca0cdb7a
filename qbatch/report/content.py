"""What a report says, whatever it is written in: Markdown, HTML, or a person's own template.

Rule: no clock, and no timings but those of clouds, so that equal runs on this machine give equal
reports, however often they were interrupted; but for one line, the date on which the run was begun,
which is kept with it.
"""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.instants import moment
from qbatch.job import JobState
from qbatch.manifest.bare import command_of, is_circuit
from qbatch.manifest.paths import put, setting_axis
from qbatch.notation import amount, duration, listed, whole
from qbatch.plan.pinning.revision import noted_revision
from qbatch.providers import is_local
from qbatch.report.across import AcrossRow, derived_rows, formulas, theory_rows
from qbatch.report.agreement import Verdict as AgreementVerdict
from qbatch.report.backend_facts import BackendFacts, backend_facts, decided
from qbatch.report.costs import Costs
from qbatch.report.drift import HasReferences
from qbatch.report.fits import FitTable, fit_tables
from qbatch.report.judging import CheckResult, Judgement
from qbatch.report.numbers import count_of, emulated, percent
from qbatch.report.overview import Extreme, Failure, Overview
from qbatch.report.own_sections import Section, own_sections
from qbatch.report.precision import precision_sections
from qbatch.report.reused import aside_notes, reused_rows, set_aside_notes
from qbatch.report.rows import Columns, Run
from qbatch.result import Verdict

if TYPE_CHECKING:
    from qbatch.across.drifting import Drifting
    from qbatch.manifest.models import Backend, Manifest, Where
    from qbatch.report.figures import Figure
    from qbatch.snapshot import Held

#: Order in which states are told.
STATES = (
    JobState.COMPLETED,
    JobState.RUNNING,
    JobState.SUBMITTED,
    JobState.SUBMITTING,
    JobState.CREATED,
    JobState.HELD,
    JobState.FAILED,
    JobState.CANCELLED,
)

#: Points from which on the highest and lowest are told before the table.
MANY_POINTS = 30

#: Circuits shown, and characters of each.
MAX_CIRCUITS, MAX_CIRCUIT = 12, 20_000

#: Points from which on the table of all of them is folded.
FOLDED_FROM = 60

#: Judgements shown of each verdict.
MAX_SHOWN = {Verdict.FAIL: 20, Verdict.UNDECIDED: 10, Verdict.PASS: 3}

#: Head of the column that a table has where nothing is analysed.
OUTCOMES = "most frequent outcomes"

#: Heads of `Content.times`.
TIME_HEADS = (
    "backend",
    "jobs",
    "makespan",
    "queue, mean",
    "queue, longest",
    "until home, mean",
    "until home, longest",
)

#: Held jobs told in full.
MAX_HELD = 20

#: Said on top of a rehearsal's report.
REHEARSED = (
    "This is a rehearsal: every number on this page comes from emulated clouds. "
    "Nothing was sent to a real one, and nothing was spent."
)

_PACKAGES = ("qbatch", "qiskit", "qiskit-aer", "numpy")


@dataclass(frozen=True)
class Content:
    """Everything a report says besides its rows.

    Attributes:
        run: What it is about.
        columns: Of the results table.
        overview: What one reading found.
        figures: Drawn.
    """

    run: Run
    columns: Columns
    overview: Overview
    figures: tuple[Figure, ...]

    @property
    def manifest(self) -> Manifest:
        """As kept with the results."""
        return self.run.manifest

    @property
    def level(self) -> str:
        """Confidence of the intervals: ``95 %``."""
        share = self.columns.level
        return percent(share, 0 if round(share * 100, 9) % 1 == 0 else 1)

    @cached_property
    def states(self) -> list[tuple[JobState, int]]:
        """(state, points) of the states that points are in."""
        return [(state, n) for state in STATES if (n := self.overview.states[state])]

    @property
    def title(self) -> str:
        """Of the page."""
        return f"Rehearsal of {self.run.name}" if self.banner else self.run.name

    @cached_property
    def banner(self) -> str:
        """What must be read before any number: that it comes from a rehearsal; else ""."""
        if "rehearsal" not in self.run.meta:
            return ""
        noise = json.loads(self.run.meta["rehearsal"]).get("noise")
        return f"{REHEARSED} Noise is on: {noise}." if noise else REHEARSED

    @cached_property
    def reused(self) -> list[Sequence[str]]:
        """What comes from other runs, see `reused_rows`."""
        return reused_rows(self.run)

    @cached_property
    def aside(self) -> list[str]:
        """What of other runs is kept and not counted, a line each."""
        return aside_notes(self.run)

    @cached_property
    def set_aside(self) -> list[str]:
        """What of this run itself is kept and not counted, a line for each reason."""
        return set_aside_notes(self.run)

    @property
    def warnings(self) -> list[str]:
        """What backends warned of, with how many points it is about."""
        told = self.overview.warnings.items()
        return [f"{backend}: {text} ({count_of(n, 'point')})" for (backend, text), n in told]

    @property
    def begun_at(self) -> datetime | None:
        """When the run was begun, UTC; None where nobody knows."""
        at = self.run.meta.get("created_at")
        return moment(at) if at else None

    @cached_property
    def circuits(self) -> list[tuple[str, str]]:
        """(name, text) of the circuits that points ran, free parameters left in."""
        found = []
        for name, point in list(self.overview.circuits.items())[:MAX_CIRCUITS]:
            text = self.run.circuit_of(point) or ""
            if len(text) > MAX_CIRCUIT:
                text = f"{text[:MAX_CIRCUIT]}\n// … {len(text) - MAX_CIRCUIT:,} more characters"
            if text:
                found.append((name, text))
        return found

    @property
    def headline(self) -> str:
        """How far the run is, in a sentence."""
        overview = self.overview
        told = f"{whole(overview.completed)} of {count_of(overview.points, 'point')} completed"
        rest = [f"{whole(n)} {state}" for state, n in self.states if state != JobState.COMPLETED]
        told += f" ({', '.join(rest)})" if rest else ""
        return told + (f"; {overview.in_part}" if overview.in_part.points else "")

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """(figure, what it counts), for the top of a page."""
        overview = self.overview
        tiles = [
            (f"{whole(overview.completed)} / {whole(overview.points)}", "points completed"),
            (whole(overview.shots), "shots"),
            (str(len(overview.backends)), "backend" if len(overview.backends) == 1 else "backends"),
        ]
        if overview.checks:
            passed = sum(check.verdict is Verdict.PASS for check in overview.checks)
            tiles.append((f"{passed} / {len(overview.checks)}", "checks passed"))
        tiles += [
            (amount(cost, unit), f"spent{emulated(self.run.targets, unit)}")
            for unit, cost in self.money.spent.items()
        ]
        return tiles

    @cached_property
    def backends(self) -> list[BackendFacts]:
        """In the order of the manifest, those that have points."""
        shares = self.overview.backends
        return [
            backend_facts(
                name,
                backend,
                {**self._settings(name, backend), **decided(self.manifest, name)},
                self.run.targets.get(name),
                shares[name],
            )
            for name, backend in self.manifest.backends.items()
            if name in shares
        ]

    def _settings(self, name: str, backend: Backend) -> dict[str, Any]:
        """What of a backend decides results; what is an axis, by its values."""
        settings: dict[str, Any] = {
            "noise": backend.noise,
            "options": backend.options,
            "transpile": backend.transpile and backend.transpile.model_dump(exclude_none=True),
        }
        for axis in self.columns.parameters:
            found = setting_axis(axis)
            if found is not None and found.concerns(name):
                values = self.columns.values.get(axis)
                few = [self.columns.text(axis, value) for value in values or ()]
                told = f"an axis ({listed(few, 5)})" if few else "an axis"
                with suppress(KeyError):  # it is one of sweeps that do not have this backend
                    settings = put(settings, found.path, told)
        return settings

    @cached_property
    def money(self) -> Costs:
        """What it cost."""
        return Costs(self.run, self.overview)

    @property
    def held_note(self) -> str:
        """What is to be done about held jobs."""
        number = self.overview.states[JobState.HELD]
        told = f"{count_of(number, 'job')} {'is' if number == 1 else 'are'} held"
        folder = " ".join(shlex.quote(str(self.run.folder)).replace("`", "'").split())
        return (
            f"{told}: whether the provider took what was sent nobody can tell, and nothing is "
            "sent again by itself. Look each up at its provider by what is told here, then "
            f"`qbatch resolve {folder} POINT` with `--adopt ID` (it was taken), "
            "`--resubmit` (it was not), or `--give-up`."
        )

    @property
    def failures(self) -> list[Failure]:
        """What failed or was cancelled; held jobs are told by themselves."""
        found = self.overview.failures.values()
        return [failure for failure in found if failure.state is not JobState.HELD]

    @cached_property
    def held(self) -> Sequence[Held]:
        """Jobs that a person must look up, as many as a page has room for."""
        if self.run.is_plan_alone and not self.overview.states[JobState.HELD]:
            return ()  # every job was read for the overview
        return self.run.held()[:MAX_HELD]

    @cached_property
    def times(self) -> list[tuple[str, ...]]:
        """(backend, jobs, makespan, mean and longest queue, mean and longest until it was home)."""
        clouds = [one.name for one in self.backends if not is_local(one.provider)]
        found = self.run.times(clouds)
        return [
            (name, whole(each.jobs), duration(each.makespan_s))
            + (tuple(map(duration, each.queue_s)) if each.queue_s else ("", ""))
            + tuple(map(duration, each.took_s))
            for name in clouds
            if (each := found.get(name)) is not None
        ]

    @property
    def left_out_note(self) -> str:
        """That checks were judged at more points than are shown; "" where all are."""
        if all(len(shown(check)) == check.numbers.total() for check in self.overview.checks):
            return ""
        return "Of each check the points nearest to failing are shown: fails, undecided, passes."

    @property
    def constant_note(self) -> str:
        """What has one value at every point, and is no column of the table; "" for nothing."""
        constant = self.columns.constant.items()
        told = ", ".join(f"{name} = {self.columns.text(name, value)}" for name, value in constant)
        return f"At every point that has it: {told}." if told else ""

    @property
    def equalities_note(self) -> str:
        """How many true equalities fail by chance; "" where there is nothing to say."""
        judged = sum(
            check.numbers.total()
            for check in self.overview.checks
            if any(op == "==" for op, _ in check.check.conditions)
        )
        if judged < 2:
            return ""
        expected = judged * (1 - self.columns.level)
        return (
            f"{judged} equalities were judged at the {self.level} level: of those that hold, about "
            f"{expected:.2g} would fail by chance."
        )

    @cached_property
    def agreement(self) -> list[AgreementVerdict]:
        """Whether the backends measure the same, number by number."""
        return self.overview.agreement.verdicts()

    @property
    def agreement_note(self) -> str:
        """Which numbers are not compared between backends; "" where all are."""
        return self.overview.agreement.note()

    @cached_property
    def fits(self) -> list[FitTable]:
        """Fits, a table each."""
        return fit_tables(self.overview.fits, self.manifest)

    @cached_property
    def drift(self) -> Sequence[Drifting]:
        """What references tell of each machine."""
        return self.run.drift() if isinstance(self.run, HasReferences) else ()

    @cached_property
    def derived(self) -> list[AcrossRow]:
        """Derived numbers, a row each."""
        across = self.overview.across
        return [] if across is None else derived_rows(across, self.manifest)

    @cached_property
    def theory(self) -> list[tuple[str, ...]]:
        """How well theory and points agree, a row for each number; see `across.THEORY_HEADS`."""
        across = self.overview.across
        return [] if across is None else theory_rows(across, self.run.manifest.report.texts)

    @property
    def formulas(self) -> list[tuple[str, str]]:
        """(name, formula) of each derived number."""
        return formulas(self.manifest)

    @cached_property
    def repeats_note(self) -> str:
        """Whether repeats scatter more than shot noise lets them; "" without repeats."""
        return self.overview.repeats.note()

    @cached_property
    def versions(self) -> dict[str, str]:
        """Package -> version, as noted by the run, else of this process."""
        noted = self.run.meta.get("versions", "")
        if noted.startswith("{"):
            return {str(name): str(number) for name, number in json.loads(noted).items()}
        return {"python": platform.python_version(), **_installed()}

    @cached_property
    def sections(self) -> list[Section]:
        """Of targets and of numbers without noise, then of installed packages."""
        return [*precision_sections(self.run), *own_sections(self.run)]

    @property
    def command(self) -> str:
        """What to type to run it again."""
        manifest, path = self.manifest, Path(self.run.meta.get("manifest_path", "<string>"))
        if path == Path("<string>"):
            path = manifest.path or Path(f"{manifest.name}.yaml")
        if is_circuit(path) and (command := command_of(manifest.text)):
            return command
        # Of an absolute path the folders say more of the machine than of the experiment.
        words = ["qbatch", "run", path.name if path.is_absolute() else str(path)]
        for override in manifest.overrides:
            words += ["-S", override]
        return shlex.join([*words, "--trust"] if manifest.trust else words)

    @property
    def revision(self) -> str:
        """The manifest's git commit and branch when it was last run; "" where git knew none."""
        revision = noted_revision(self.run.meta.get("revision", ""))
        return str(revision) if revision else ""

    @property
    def seeds(self) -> str:
        """Root seed of each sweep."""
        return ", ".join(str(sweep.seed) for sweep in self.manifest.sweeps)


def settings_text(verdict: AgreementVerdict) -> str:
    """How many settings were compared, and at how many of them there are too few shots."""
    few = f" ({whole(verdict.too_few)} with too few shots)" if verdict.too_few else ""
    return f"{whole(verdict.settings)}{few}"


def shown(check: CheckResult) -> list[Judgement]:
    """The judgements of a check that a page has room for, the worst first."""
    found = []
    for verdict, limit in MAX_SHOWN.items():
        found += check.kept.get(verdict, [])[:limit]
    return found


def others_text(one: Extreme) -> str:
    """How many further points have the same value: "" for none."""
    return f" and {count_of(one.others, 'other point')}" if one.others else ""


def where_text(where: Where, columns: Columns) -> str:
    """``backend = noisy, shots = 100 or 1000``; "" for all points."""
    parts = []
    for name, wanted in where.items():
        values = wanted if isinstance(wanted, tuple | list) else (wanted,)
        parts.append(f"{name} = {' or '.join(columns.text(name, value) for value in values)}")
    return ", ".join(parts)


def _installed() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def functions_of(run: Run) -> list[tuple[str, str]]:
    """Return what the manifest's functions of counts and of theory are, each with its SHA-256."""
    noted, theories = (json.loads(run.meta.get(key) or "{}") for key in ("analyses", "theories"))
    own, called = run.manifest.analysis.own.items(), run.manifest.analysis.called.items()
    return [
        *(("analysis", f"{name}: {each.told(noted.get(name, {}))}") for name, each in own),
        *(("theory", f"{name}: {each.described(theories.get(name, {}))}") for name, each in called),
    ]
