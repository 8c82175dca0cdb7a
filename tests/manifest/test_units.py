"""Units and labels: what follows from them, and what is refused at its line."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.formula import read_formula
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.derived_units import MixedError, unit_of
from qbatch.manifest.of_points import read_of_points
from qbatch.unit import multiplied, read_unit, text_of

TEXT = """qbatch: 1
name: units
circuits: {a: {qasm: "OPENQASM 3.0; input float theta; input float wait; qubit[1] q;"}}
backends: {sim: {provider: local}}
sweep: {matrix: {theta: [0, 1, 2], wait: [1us, 2us, 3us, 4us, 5us, 6us]}}
analysis:
  observables: {z: Z0, E: 2 Z0}
  fits:
    t1: {model: exponential, x: wait, y: z}
    r: {model: damped_cosine, x: wait, y: E}
    slope: {model: line, x: wait, y: E}
    of: {model: sinusoid, x: theta, y: z}
"""
GAP = "gap: 'E[theta=0] - E[theta=1]'"


def read(derived: str = GAP, report: str = "", checks: str = "[]") -> Manifest:
    labels = "labels: {theta: {label: θ, unit: rad}, E: {unit: Ha}, z: polarisation}"
    rest = f"  derived: {{{derived}}}\nchecks: {checks}\nreport: {{{labels}{report}}}\n"
    return parse_manifest(TEXT + rest, folder=Path("/"))


def refused(**written: str) -> str:
    with pytest.raises(SourceErrors) as caught:
        read(**written)
    (told,) = map(str, caught.value.exceptions)
    return told


def test_units_of_fits_and_derived_numbers_follow_from_those_of_axes_and_numbers() -> None:
    made = read(
        "gap: 'E[theta=0] - E[theta=1]', square: 'gap*gap', ratio: 'gap / E[theta=2]',"
        " half: 'gap / 2', root: 'sqrt(square)', best: 'argmax(E, over=wait)', rate: 'gap / best',"
        " most: 'max(gap, over=wait)', turn: 'argmax(z, over=theta)'"
    )
    assert made.units == {
        "theta": "rad",
        "E": "Ha",
        "wait": "s",
        "t1.tau": "s",
        "r.a": "Ha",
        "r.tau": "s",
        "r.f": "Hz",
        "r.c": "Ha",
        "slope.a": "Ha/s",
        "slope.b": "Ha",
        "of.f": "1/rad",
        "gap": "Ha",
        "square": "Ha^2",
        "root": "Ha",
        "best": "s",
        "rate": "Ha/s",
        "most": "Ha",
        "turn": "rad",
    }
    assert made.report.texts == {"theta": "θ", "z": "polarisation"}


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("E[theta=0] + argmax(E, over=theta)", "adds what is in Ha to what is in rad"),
        ("argmax(E, over=wait) - E[theta=0]", "takes what is in Ha from what is in s"),
        ("exp(E[theta=0])", "takes exp of what is in Ha"),
        ("cos(argmax(E, over=wait))", "takes cos of what is in s"),
        ("2 ** E[theta=0]", "has a power of what is in Ha"),
        ("E[theta=0] / E[theta=1] + E[theta=0]", "adds what has no unit to what is in Ha"),
    ],
)
def test_unlike_units_are_not_put_together(formula: str, said: str) -> None:
    told = refused(derived=f"odd: '{formula}'")
    assert told.startswith("<string>:13:")
    assert "analysis.derived.odd" in told
    assert said in told


def test_what_no_unit_is_known_of_goes_with_any() -> None:
    """A number that is multiplied with may convert, so that nothing is known of the product."""
    formulas = "a: 'z[theta=0] + E[theta=0]', b: '27.2*E[theta=0] + 1', c: 'cos(z[theta=0]*pi)'"
    made = read(formulas, report=", units: {b: eV}")
    assert made.units["b"] == "eV"
    assert "c" not in made.units


@pytest.mark.parametrize(
    ("written", "place", "said"),
    [
        ({"report": ", units: {gap: eV}"}, "report.units.gap", "'eV' converts nothing, and 'E["),
        ({"report": ", units: {E: eV}"}, "report.labels.E.unit", "'Ha' is 'eV' under units"),
        ({"report": ", units: {wait: us}"}, "report.units.wait", "the values of wait are seconds"),
        ({"checks": "[{that: t1.tau >= 4 Hz}]"}, "checks[0].that", "t1.tau is in s, not in Hz"),
        ({"checks": "[{that: gap > 0.1 eV}]"}, "checks[0].that", "gap is in Ha, not in eV"),
        ({"checks": "[{that: 5 s > z}]"}, "checks[0].that", "z has no unit; leave s out"),
    ],
)
def test_another_unit_is_refused_where_it_stands(
    written: dict[str, str], place: str, said: str
) -> None:
    told = refused(**written)
    assert place in told
    assert said in told


def test_a_check_may_say_the_unit_of_its_number() -> None:
    made = read(checks="[{that: 4us <= t1.tau < 1e3ms}, {that: gap > -1.5 Ha}, {that: r.f < 2kHz}]")
    assert [each.units(made.vars) for each in made.checks] == [
        ("t1.tau", ("s", "s")),
        ("gap", ("Ha",)),
        ("r.f", ("Hz",)),
    ]


def test_a_kept_manifest_that_mixes_units_is_read() -> None:
    """It was taken before: its run is still to be read."""
    text = read().text.replace("E[theta=0] - E", "E[theta=0] - argmax(E, over=theta) + E")
    assert "gap" not in parse_manifest(text, sums={}).units


def test_a_unit_of_a_formula_is_what_it_grows_by_when_units_are_made_smaller() -> None:
    """Each unit is made smaller by a factor, so its numbers grow; the formula is worked out twice.

    A formula that grows otherwise for other numbers has no unit, and is refused.
    """
    rng, known = random.Random(4), {name: read_unit(name) for name in ("m", "s", "A")}
    told = 0
    for _ in range(400):
        text = _formula(rng, 3)
        try:
            unit = unit_of(read_of_points(text), known)
        except MixedError:
            unit = None
        if unit is None:
            continue
        told += 1
        factors = {name: rng.uniform(1.1, 3) for name in known}
        numbers = {name: rng.uniform(1, 2) for name in known}
        before = _value(text, numbers)
        after = _value(text, {name: numbers[name] * factors[name] for name in known})
        grows = math.prod(factors[name] ** power for name, power in unit.items())
        assert after == pytest.approx(before * grows, rel=1e-9), (text, text_of(unit))
    assert told > 100


def _formula(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice("msA")
    part = _formula(rng, depth - 1)
    kind = rng.choice(["+", "-", "*", "/", "**2", "abs", "sqrt", "same", "same"])
    if kind in ("abs", "sqrt"):
        return f"{kind}({part})" if kind == "abs" else f"sqrt(({part})*({part}))"
    if kind == "same":
        return f"(({part}) + ({part}))"
    return f"({part})**2" if kind == "**2" else f"(({part}) {kind} ({_formula(rng, depth - 1)}))"


def _value(text: str, numbers: dict[str, float]) -> float:
    return float(read_formula(text, {})(numbers))


@pytest.mark.parametrize("text", ["V/s", "1/s^2", "Hz", "m·kg/s", "arb. units", "%", "°", "s"])
def test_a_unit_is_the_same_after_it_was_written(text: str) -> None:
    unit = read_unit(text)
    assert read_unit(text_of(unit)) == unit
    assert multiplied(unit, unit, -1) == {}
    assert multiplied(unit, unit) == multiplied({}, unit, 2)
