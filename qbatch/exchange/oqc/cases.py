"""Jobs that OQC's client saved, each judged: where it is, in our words.

Rules:

* A task that may be alive at OQC is in flight here, under its own id, so that it is asked for and
  never bought again. That holds for jobs which the client calls failed because a *request* failed
  (an HTTP status, or -1): only OQC's word about the task counts.
* A task id that was allocated and perhaps never submitted is looked for like a lost answer.
* What cannot be said in a manifest, or is no counts, is held: kept, and for the person to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.circuit import CircuitFacts, open_circuit
from qbatch.errors import CircuitError, Place, SelectionError, SourceError, SourceErrors
from qbatch.exchange.oqc.format import SavedError, SavedJob, SavedResult, read_config, read_jobs
from qbatch.exchange.oqc.manifest import Wish
from qbatch.job import JobState
from qbatch.manifest.models import Circuit
from qbatch.plan import canonical_json
from qbatch.providers.oqc.results import NotCounts, SeparateRegisters, counts_of
from qbatch.snapshot import JobRow

if TYPE_CHECKING:
    from qbatch.result import Counts


@dataclass
class Case:
    """One saved job on its way to a point."""

    number: int
    saved: SavedJob
    wish: Wish
    facts: CircuitFacts | None
    state: JobState = JobState.CREATED
    error: str = ""
    counts: Counts | None = None
    row: JobRow | None = None
    earlier: list[SavedResult | SavedError] = field(default_factory=list)

    @property
    def layout(self) -> Sequence[tuple[str, int]]:
        """Registers of its program, where they are known."""
        registers = self.facts.registers if self.facts is not None else ()
        return [(register.name, register.num_bits) for register in registers]

    @property
    def is_at_oqc(self) -> bool:
        return self.state in (JobState.SUBMITTING, JobState.SUBMITTED, JobState.RUNNING)


def read_cases(file: Path, register: str | None) -> list[Case]:
    """Read a file of the client and judge each of its jobs.

    Args:
        file: One job, or a composite.
        register: Kept of results whose registers were counted apart.

    Raises:
        SourceError: It is no such file.
        SelectionError: `register` is needed.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(Place(str(file)), f"cannot be read: {reason}") from error
    circuits: dict[str, tuple[str, CircuitFacts | None, str]] = {}
    backends: dict[str, str] = {}
    cases = []
    for number, saved in enumerate(read_jobs(text, str(file))):
        try:
            config = read_config(saved.config_json)
        except ValueError as error:
            where = f"jobs.{number}.config_json: {error}"
            raise SourceError(Place(str(file)), where) from error
        if saved.program not in circuits:
            circuits[saved.program] = (f"program-{len(circuits) + 1}", *_facts(saved.program))
        circuit, facts, problem = circuits[saved.program]
        options = canonical_json([saved.qpu_id, config.options, config.problem])
        backend = backends.setdefault(options, _backend_name(saved.qpu_id, backends))
        wish = Wish(
            circuit,
            saved.program,
            backend,
            saved.qpu_id,
            config.options,
            config.shots,
            problem or config.problem,
        )
        cases.append(_judged(Case(number, saved, wish, facts), register, file))
    return cases


def _backend_name(qpu_id: str, known: Mapping[str, str]) -> str:
    plain = "".join(char if char.isalnum() else "-" for char in qpu_id.rpartition(":")[2]) or "oqc"
    plain = plain if plain[0].isalpha() else f"qpu-{plain}"
    taken = sum(1 for name in known.values() if name == plain or name.startswith(f"{plain}."))
    return f"{plain}.{taken + 1}" if taken else plain


def _facts(program: str) -> tuple[CircuitFacts | None, str]:
    """What is known of a program, or why nothing is."""
    try:
        facts = open_circuit("program", Circuit(qasm=program), folder=Path()).circuit({}).facts
    except (CircuitError, SourceErrors, ValueError) as error:
        first = error.exceptions[0] if isinstance(error, SourceErrors) else error
        return None, f"its program cannot be read: {getattr(first, 'problem', first)}"
    if facts.parameters:
        return facts, f"its program has inputs without values: {', '.join(facts.parameters)}"
    return (facts, "") if facts.measured_bits else (facts, "its program measures nothing")


def _judged(case: Case, register: str | None, file: Path) -> Case:
    """Decide where a job is, in our words."""
    saved = case.saved
    history = list(saved.history)
    latest = saved.result or saved.error
    ids = dict.fromkeys(item.task_id for item in history)
    case.earlier = [
        next(item for item in reversed(history) if item.task_id == task_id)
        for task_id in ids
        if task_id != (latest.task_id if latest else saved.task_id)
    ]
    case.state, case.error = _state(saved)
    if case.state is JobState.COMPLETED:
        assert saved.result is not None
        try:
            case.counts = counts_of(saved.result.data, case.layout, register)
        except SeparateRegisters as error:
            raise SelectionError(f"{file}: job {case.number + 1}: {error}") from error
        except NotCounts as error:
            case.state, case.error = JobState.HELD, f"completed; its result is kept, but {error}"
    elif case.is_at_oqc and case.wish.problem:
        case.state = JobState.HELD
        case.error = f"{case.wish.problem}; fetch its result with OQC's own client"
    return case


def _state(saved: SavedJob) -> tuple[JobState, str]:
    if saved.result is not None and saved.state in ("COMPLETED", "CANCELLED"):
        return JobState.COMPLETED, ""
    if saved.state == "COMPLETED":
        if saved.task_id is not None:
            return JobState.SUBMITTED, ""
        return JobState.HELD, "completed, says the file, but it holds neither result nor task id"
    if saved.state == "FAILED":
        error = saved.error or SavedError(error_message="no reason given")
        if saved.task_id is not None and _is_of_a_request(error.error_code):
            return JobState.SUBMITTED, ""
        return JobState.FAILED, str(error.told)
    if saved.state == "CANCELLED":
        return JobState.CANCELLED, "cancelled in OQC's client"
    if saved.task_id is None:
        if saved.state == "CREATED":
            return JobState.CREATED, ""
        return JobState.HELD, f"{saved.state}, says the file, but it holds no task id"
    if saved.state == "CREATED":
        return JobState.SUBMITTING, ""
    return (JobState.RUNNING if saved.state == "RUNNING" else JobState.SUBMITTED), ""


def _is_of_a_request(code: int | None) -> bool:
    """Tell whether an error says how a request went, and nothing of the task."""
    return code is None or code == -1 or 400 <= code < 600
