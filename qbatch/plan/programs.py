"""Checks of the circuits that a plan uses against what the manifest asks of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qbatch.errors import SourceError
from qbatch.manifest.hamiltonians import told_of
from qbatch.plan.mistakes import Mistakes
from qbatch.plan.references import check_reference

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Manifest
    from qbatch.plan.plan import Plan

Registers = tuple[tuple[str, int], ...]


def check_programs(plan: Plan, mistakes: Mistakes) -> None:
    """See that every circuit measures, and that the analysis fits its classical registers."""
    seen: dict[Registers, Circuit] = {}
    for layout in plan.layouts():
        program = layout.program
        if layout.calibrates:
            continue
        if not program.facts.measured_bits:
            why = "; ".join(program.facts.remarks)
            more = f" that is kept: {why}" if why else "; add a measurement"
            mistakes.add(
                ("circuits", program.name), f"circuit {program.name!r} measures nothing{more}"
            )
        registers = tuple((r.name, r.num_bits) for r in program.facts.registers)
        seen.setdefault(registers, program)
    for name, own in plan.manifest.analysis.own.items():
        try:
            own.open(mistakes.place("analysis", "own", name))
        except SourceError as error:
            mistakes.note(error)
    _check_made(plan, mistakes)
    check_reference(plan, mistakes)
    for loc, file, read in _readings(plan.manifest):
        for registers, program in seen.items():
            try:
                read(registers)
            except ValueError as error:
                problem = getattr(error, "problem", str(error))
                mistakes.add(loc, f"{file}{problem} (circuit {program.name!r})")
                break


def _check_made(plan: Plan, mistakes: Mistakes) -> None:
    """See that observables made for each point fit the registers there; one mistake for each."""
    from qbatch.result.pauli import parse_pauli

    varying = dict(plan.manifest.analysis.varying)
    seen: set[tuple[str, str, Registers]] = set()
    for layout in plan.variant_layouts() if varying else ():
        texts = plan.manifest.analysis.at(layout.shared).observables
        registers = tuple((r.name, r.num_bits) for r in layout.program.facts.registers)
        for name, each in [*varying.items()]:
            if (name, texts[name], registers) in seen:
                continue
            seen.add((name, texts[name], registers))
            try:
                parse_pauli(texts[name], sum(n for _, n in registers), registers)
            except ValueError as error:
                problem = getattr(error, "problem", str(error))
                said = f"{each.told(layout.shared)}: {problem} (circuit {layout.program.name!r})"
                mistakes.add(("analysis", "observables", name), said)
                del varying[name]


def _readings(
    manifest: Manifest,
) -> Iterator[tuple[tuple[str | int, ...], str, Callable[[Registers], Any]]]:
    """Yield for each item of the analysis its place, its file, and what reads it for registers."""
    from qbatch.result import parse_pattern
    from qbatch.result.pauli import parse_pauli

    def observable(text: str) -> Callable[[Registers], Any]:
        return lambda registers: parse_pauli(text, sum(n for _, n in registers), registers)

    def pattern(text: str) -> Callable[[Registers], Any]:
        return lambda registers: parse_pattern(text, registers)

    analysis = manifest.analysis
    for name, text in analysis.observables.items():
        if name in analysis.varying:
            continue
        yield ("analysis", "observables", name), told_of(text, manifest.sums), observable(text)
    for name, text in analysis.probabilities.items():
        yield ("analysis", "probabilities", name), "", pattern(text)
    if (distribution := analysis.distribution) is not None:
        yield (
            ("analysis", "distribution", "target"),
            "",
            lambda registers: _check_target(distribution.target, registers),
        )


def _check_target(target: Iterable[str], registers: Registers) -> None:
    """Check what `result.parse_distribution` would, without loading numpy."""
    from qbatch.result import parse_bits

    outcomes = [tuple(parse_bits(bits, registers).items()) for bits in target]
    if len(set(outcomes)) < len(outcomes):
        raise ValueError("a bitstring stands twice; write each once")
