"""What backends are that may be one of several: asked of their clouds once, and then kept.

A decision that was made holds for as long as its question does: the run folder's first, then that
of the plan agreed to, then that of ``qbatch.lock``, unless all is begun anew. Only where there is
none are clouds asked, those of all candidates alike and no others; nothing is bought by that. None
is left out because it could not be asked, unless it would not be chosen at its best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import trio

from qbatch.accuracy.candidates import error_of
from qbatch.accuracy.damping import left_of, simulated_errors, told_errors
from qbatch.errors import (
    CredentialsError,
    OutOfFunds,
    ProviderError,
    Refused,
    SnapshotError,
    SourceErrors,
    Unavailable,
    Unfit,
)
from qbatch.executor.describing import describe
from qbatch.executor.enquire import ATTEMPTS
from qbatch.executor.quoting import ask_quotes
from qbatch.executor.retry import Retry
from qbatch.executor.waits import Waits
from qbatch.manifest.decisions import Decision, decisions_in, kept_decisions
from qbatch.manifest.reading import decide_manifest, with_candidate
from qbatch.notation import amount, listed
from qbatch.plan import Plan, SavedPlan, check_targets, expand, priced
from qbatch.plan.choosing import (
    Candidate,
    Error,
    UndecidedError,
    choose,
    compared,
    judged,
    unknown_of,
)
from qbatch.plan.mistakes import Mistakes
from qbatch.plan.pinning.lock import LOCK, decided_in_lock
from qbatch.plan.pricing.limits import SLACK, Limit, factor_of, limits_of, untold
from qbatch.plan.pricing.offer import Offer
from qbatch.plan.pricing.spans import opens_at_s, span_of
from qbatch.providers import TellsCalibration, is_local, open_driver
from qbatch.providers.registry import EMBEDDED
from qbatch.snapshot import Run, is_run_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qbatch.manifest import Manifest
    from qbatch.manifest.any_of import AnyOf
    from qbatch.manifest.models import Backend
    from qbatch.providers import Driver, Surroundings, Target

#: Of what keeps a candidate out, so many reasons are told.
_MOST_REASONS = 2

#: Refusals that are about the account or the manifest: a person mends them.
_MENDED = (CredentialsError, OutOfFunds, Unfit)

#: What a person can do where a candidate could not be asked; the first that fits.
_REMEDIES: Mapping[type[ProviderError], str] = {
    CredentialsError: "give what it asks for",
    Unfit: "mend what it says",
    Unavailable: "try again",
    Refused: "see what it says and try again",
}
_KINDS = tuple(_REMEDIES)

#: Points of which standard errors are told though nothing is decided by them.
_FEW_POINTS = 2_000


def _nobody(line: str) -> None:
    del line


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """How clouds are asked for what a decision rests on.

    Attributes:
        around: What drivers may see of the world.
        max_cost: Unit -> ``--max-cost``.
        adapt: Changes a backend before its driver is opened.
        folder: Of the run, whose shots tell how far single shots are apart; None: there is none.
        note: Told what could not be asked.
    """

    around: Surroundings
    folder: Path | None = None
    max_cost: Mapping[str, float] = field(default_factory=dict)
    adapt: Callable[[Backend], Backend] | None = None
    note: Callable[[str], None] = _nobody


def decided_before(
    manifest: Manifest,
    folder: Path | None,
    agreed: object = None,
    *,
    is_anew: bool = False,
) -> Manifest:
    """Return a manifest with all that was decided of it before, and who says so.

    Args:
        manifest: Any.
        folder: Of its run; None: what was decided there counts no more.
        agreed: What was agreed to: of a saved plan, or an offer, its decisions hold.
        is_anew: What the lock says counts no more.

    Raises:
        SourceErrors: What was decided there cannot be read.
    """
    if not manifest.open_questions:
        return manifest
    found: dict[str, Decision] = {}
    told = [*_told(folder, agreed)]
    if not is_anew:
        told.append((LOCK, decided_in_lock(manifest)))
    for said_by, decisions in told:
        for each in decisions:
            question = manifest.open_questions.get(each.backend)
            if question is not None and each.figures and each.answers(question):
                found.setdefault(each.backend, replace(each, said_by=said_by))
    return decide_manifest(manifest, (*manifest.decisions, *found.values()))


def _told(folder: Path | None, agreed: object) -> Iterator[tuple[str, Sequence[Decision]]]:
    if folder is not None and is_run_folder(folder):
        with suppress(SnapshotError), Run(folder) as run:  # damaged: taking it will tell
            yield str(folder), kept_decisions(run.meta, str(folder))
    if isinstance(agreed, Offer):
        yield "the offer", agreed.plan.manifest.decisions
    if isinstance(agreed, SavedPlan):
        yield str(agreed.path), decisions_in(agreed.head.get("decided"), str(agreed.path))


def wait_decided(manifest: Manifest, asking: Inquiry) -> Manifest:
    """`decide` from plain code."""
    if not manifest.open_questions:
        return manifest
    return trio.run(decide, manifest, asking)


async def decide(manifest: Manifest, asking: Inquiry) -> Manifest:
    """Return a manifest with what was open decided now, by what clouds tell.

    Args:
        manifest: With decisions made before.
        asking: How clouds are asked.

    Raises:
        SourceErrors: Something cannot be decided, at its target; or a candidate is wrong as it is
            written.
        ProviderError: A candidate could not be asked that might be the one.
    """
    questions = manifest.open_questions
    if not questions:
        return manifest
    found: dict[str, dict[str, Candidate]] = {name: {} for name in questions}
    for at in range(max(len(question.any_of) for question in questions.values())):
        plan = expand(with_candidate(manifest, at))
        for name, question in questions.items():
            if at < len(question.any_of):
                alone = plan.alone(name)
                known = await _candidate(alone, name, question, question.any_of[at], asking)
                found[name][question.any_of[at]] = known
        rates = plan.prices.rates
    mistakes, decisions = Mistakes(manifest), []
    for name, question in questions.items():
        candidates = [*found[name].values()]
        if unknown := unknown_of(question, candidates, rates):
            raise _not_asked(manifest, name, question, unknown)
        candidates = compared(candidates)
        try:
            decisions.append(_decision(name, question, candidates, rates))
        except UndecidedError as error:
            told = _told_open(name, question, candidates, error)
            mistakes.add(("backends", name, "target"), told)
    mistakes.raise_if_any()
    return decide_manifest(manifest, (*manifest.decisions, *decisions))


def _decision(
    name: str,
    question: AnyOf,
    candidates: Sequence[Candidate],
    rates: Mapping[tuple[str, str], float],
) -> Decision:
    """Choose; of a backend without points nothing was asked, and nothing is kept."""
    if not any(each.has_points for each in candidates):
        return Decision(name, question.any_of, question.prefer, question.any_of[0])
    chosen = choose(question, candidates, rates)
    figures = {each.name: each.facts() for each in judged(question, candidates)}
    return Decision(name, question.any_of, question.prefer, chosen.name, figures)


def _told_open(
    name: str, question: AnyOf, candidates: Sequence[Candidate], error: UndecidedError
) -> str:
    outs = [f"{each.name}: {each.out}" for each in judged(question, candidates) if each.out]
    told = "".join(f"\n  {line}" for line in outs)
    return f"backend {name!r}: it cannot be decided which is {question.told}: {error}{told}"


def _not_asked(
    manifest: Manifest, name: str, question: AnyOf, unknown: Sequence[Candidate]
) -> ProviderError:
    """Say which candidates could be the one, for all that is known: no mistake of a decision.

    Its kind is the most that the person can do: name a credential, mend the manifest, try again.
    """
    failures = [each.failure for each in unknown]
    kind = next(
        (one for one in _KINDS if any(isinstance(failure, one) for failure in failures)), Refused
    )
    place = manifest.place_of("backends", name, "target")
    told = "".join(f"\n  {each.name}: {each.out}" for each in unknown)
    which = listed(each.name for each in unknown)
    return kind(
        f"{place}: backend {name!r}: nothing is decided, for {which} could be {question.told} and "
        f"could not be asked; {_REMEDIES[kind]}, or take {which} out of any_of{told}"
    )


async def _candidate(
    plan: Plan, name: str, question: AnyOf, chosen: str, asking: Inquiry
) -> Candidate:
    """Gather what is known of one candidate, which a plan has for the backend."""
    settings = plan.backends_used().get(name)
    if settings is None:
        return Candidate(chosen, has_points=False)
    backend = plan.manifest.backends[name]
    try:
        driver = open_driver(
            asking.adapt(backend) if asking.adapt else backend,
            name=name,
            folder=plan.manifest.folder,
            surroundings=asking.around,
            settings=settings,
        )
    except ProviderError as error:
        return Candidate(chosen, out=str(error), failure=error)
    try:
        told = await describe(driver, Retry(attempts=ATTEMPTS), Random(0), Waits(asking.around.now))
        target = priced({name: told}, plan)[name]
        if out := _misfit(plan, name, target, driver) or _closed(backend, target, asking.around):
            return Candidate(chosen, target.name, out, is_emulated=target.is_emulated)
        unquoted = await ask_quotes(plan, {name: driver}, {name: target})
        for each in unquoted:
            asking.note(str(each))
        known = await _figures(plan, name, question, chosen, target, driver, asking)
        return _without_quotes(known, [each.error for each in unquoted])
    except ProviderError as error:
        return Candidate(chosen, out=str(error), failure=error)
    finally:
        with trio.CancelScope(shield=True):
            await driver.aclose()


def _without_quotes(known: Candidate, errors: Sequence[ProviderError]) -> Candidate:
    """Judge a candidate of which jobs were not quoted: a job that is refused can never run there.

    Whatever else goes wrong may pass, or is the person's to mend: its price is not known yet.
    """
    for error in errors:
        if not isinstance(error, Refused) or isinstance(error, _MENDED):
            return replace(known, out=str(error), price=None, failure=error)
    return replace(known, out=str(errors[0])) if errors else known


def _misfit(plan: Plan, name: str, target: Target, driver: Driver) -> str:
    """Say why a target cannot run all points; "" where it can."""
    try:
        check_targets(plan, {name: target}, {name: driver})
    except SourceErrors as error:
        problems = [getattr(each, "problem", str(each)) for each in error.exceptions]
        more = len(problems) - _MOST_REASONS
        told = problems[:_MOST_REASONS] + ([f"and {more} more"] if more > 0 else [])
        return "; ".join(told)
    return ""


def _closed(backend: Backend, target: Target, around: Surroundings) -> str:
    """Say why a target will take no jobs in time; "" where it will."""
    if target.online:
        return ""
    opens_s = opens_at_s(target)
    if opens_s is None:
        return f"{target.standing}, and nobody tells until when"
    if opens_s - around.now() > backend.timeout_s:
        return (
            f"closed until {target.next_window_at}, which is longer than its timeout of "
            f"{backend.timeout_s:g} s"
        )
    return ""


async def _left(
    plan: Plan, name: str, question: AnyOf, driver: Driver, asking: Inquiry
) -> dict[str, float]:
    """Say what a machine's errors leave of a number, where they are told before jobs run.

    Raises:
        ProviderError: They could not be asked, and that decides.
    """
    try:
        return await _told_left(plan, name, driver)
    except ProviderError as error:
        if question.prefer == "most_precise":
            raise
        asking.note(f"backend {name!r}: its errors could not be asked: {error}")
        return {}


async def _told_left(plan: Plan, name: str, driver: Driver) -> dict[str, float]:
    backend = plan.manifest.backends[name]
    errors: dict[str, float] = {}
    if backend.provider == EMBEDDED:
        errors = simulated_errors(backend)
    elif isinstance(driver, TellsCalibration):
        errors = told_errors(await driver.read_calibration())
    circuits = [layout.program.facts for layout in plan.layouts() if layout.backend == name]
    return left_of(circuits, errors)


async def _figures(
    plan: Plan,
    name: str,
    question: AnyOf,
    chosen: str,
    target: Target,
    driver: Driver,
    asking: Inquiry,
) -> Candidate:
    backend = plan.manifest.backends[name]
    summary = plan.summary({name: target}, drivers={name: driver})
    share = next(each for each in summary.backends if each.backend == name)
    is_asked = question.prefer == "most_precise" or share.points <= _FEW_POINTS
    known = Candidate(
        chosen,
        target.name,
        price=share.price,
        unit=share.unit,
        formula=share.formula,
        span=span_of(share, target, asking.around.now(), is_local=is_local(backend.provider)),
        error=_error(plan, name, target, asking.folder) if is_asked else None,
        left=await _left(plan, name, question, driver, asking) if is_asked else {},
        is_emulated=target.is_emulated,
    )
    limits = limits_of(plan.manifest, asking.max_cost)
    said = untold(limits, summary, plan.prices.rates)
    return replace(known, out=said[0] if said else _over(plan, name, known, limits))


def _error(plan: Plan, name: str, target: Target, folder: Path | None) -> Error | None:
    """Return the largest standard error there, by shots that the run has; else the worst case."""
    if folder is not None and is_run_folder(folder):
        with suppress(SnapshotError), Run(folder) as run:  # damaged: taking it will tell
            return error_of(plan, name, target, run)
    return error_of(plan, name, target)


def _over(plan: Plan, name: str, known: Candidate, limits: Sequence[Limit]) -> str:
    """Say which limit a candidate would go beyond by itself; "": none that is known."""
    for limit in limits:
        factor = factor_of(limit, name, known.unit, plan.prices.rates)
        if known.price and factor is not None and known.price * factor > limit.amount + SLACK:
            price = amount(known.price * factor, limit.unit)
            return f"it would cost {price}, and {limit.said_by} allows {limit.told}"
    return ""
