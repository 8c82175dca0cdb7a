"""Fits in a manifest: what is taken, and that each mistake is told at its line."""

from __future__ import annotations

import re

import pytest

from qbatch.curves import CURVES
from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.fits import Fit, parameters_of
from qbatch.plan import expand

HEAD = """\
qbatch: 1
name: t
vars: {k: 2}
circuits:
  a: {qasm: "OPENQASM 3.0; input float theta; qubit q; bit c; U(theta, 0, 0) q; c = measure q;"}
backends: {l: {provider: local}}
sweep: {matrix: {theta: {linspace: [0, 3, 10]}}, repeat: 2}
analysis:
  probabilities: {p1: "1"}
  fits:
    t1: """


def manifest(fit: str, more: str = "") -> Manifest:
    return parse_manifest(f"{HEAD}{fit}\n{more}")


def mistakes(fit: str, more: str = "") -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        expand(manifest(fit, more))
    return [str(error) for error in caught.value.exceptions]


@pytest.mark.parametrize("model", CURVES)
def test_every_curve_can_be_named(model: str) -> None:
    (fit,) = manifest(f"{{model: {model}, x: theta, y: p1}}").analysis.fits.values()
    assert fit.curve({}) == CURVES[model]


def test_a_formula_may_name_vars_and_times_have_units() -> None:
    found = manifest("{formula: a*exp(-k*x/T), x: theta, y: p1, start: {a: 1/k, T: 40us}}")
    fit = found.analysis.fits["t1"]
    assert fit.start == {"a": 0.5, "T": 40e-6}
    assert fit.curve(found.vars).names == ("a", "T")


@pytest.mark.parametrize(
    ("fit", "place", "said"),
    [
        ("{model: exponentail, x: theta, y: p1}", "11:17", "did you mean 'exponential'?"),
        ("{model: line, x: thetaa, y: p1}", "11:26", "is no axis .* did you mean 'theta'"),
        ("{model: line, x: theta, y: p2}", "11:36", "'p2' is no number of the analysis"),
        ("{model: line, x: backend, y: p1}", "11:26", "an axis of names"),
        ("{model: line, x: theta, y: p1, by: [bakend]}", "11:45", "did you mean 'backend'"),
        ("{model: line, x: theta, y: p1, by: [theta]}", "11:45", "is x: there would be a fit for"),
        ("{model: line, x: theta, y: p1, where: {thea: 3}}", "11:48", "did you mean 'theta'"),
        ("{model: line, x: theta, y: p1, where: {theta: 9}}", "11:48", "matches no point"),
        ("{model: line, x: theta, y: p1, start: {c: 1}}", "11:48", "no parameter of 'a.x . b'"),
        ("{model: line, x: theta, y: p1, fixed: {a: 1, b: 2}}", "11:40", "leave one free"),
        ("{model: rb, x: theta, y: p1, start: {p: 1.2}}", "11:49", "not between 0 and 1"),
        ("{model: exponential, x: theta, y: p1, start: {tau: -1}}", "11:60", "is not above 0"),
        (
            "{model: line, x: theta, y: p1, start: {a: 1}, fixed: {a: 1}}",
            "11:48",
            "one of start and fixed",
        ),
        ("{model: line, x: theta, y: p1, qubits: 2}", "11:9", "is for model rb"),
        ("{x: theta, y: p1}", "11:9", "has neither model nor formula"),
        ("{model: line, formula: a*x, x: theta, y: p1, start: {a: 1}}", "11:9", "has both"),
        ("{formula: a*theta, x: theta, y: p1, start: {a: 1}}", "11:19", "has no x, which stands"),
        ("{formula: k*x, x: theta, y: p1}", "11:19", "has no parameter to fit"),
        ("{formula: a*x+b, x: theta, y: p1, start: {a: 1}}", "11:19", "where to begin with 'b'"),
        ("{formula: a*cosh(x), x: theta, y: p1, start: {a: 1}}", "11:19", "calls cosh"),
        ("exponential", "11:9", "is no fit; write"),
        (
            "{model: damped_cosine, x: theta, y: p1, where: {theta: [0, 1, 2, 3]}}",
            "11:32",
            "'theta' has 4 values, too few for parameters a, tau, f, phi, c",
        ),
        ("{model: exponential, x: repeat, y: p1}", "11:30", "'repeat' has 2 values, too few"),
    ],
)
def test_a_mistake_is_told_at_its_place(fit: str, place: str, said: str) -> None:
    (found,) = mistakes(fit)
    assert found.startswith(f"<string>:{place}:")
    assert re.search(said, found), found


def test_checks_name_the_parameters_that_are_fitted() -> None:
    fit = "{model: rb, x: theta, y: p1, fixed: {b: 0.5}}"
    manifest(fit, "checks: [{that: t1.p > 0.9}, {that: t1.epc < 0.1}, {that: 0 < t1.a < 1}]\n")
    found = mistakes(fit, "checks: [{that: t1.ecp < 0.1}, {that: t1.b == 0.5}]\n")
    assert "'t1.ecp' is not analysed" in found[0]
    assert "did you mean 't1.epc'" in found[0]
    assert "'t1.b' is not analysed" in found[1]


@pytest.mark.parametrize(
    ("by", "axis", "is_told"),
    [
        ("", "theta: 0", True),
        ("", "repeat: 1", True),
        ("", "backend: l", False),
        (", by: [backend]", "backend: l", False),
        (", by: []", "backend: l", True),
    ],
)
def test_a_check_chooses_among_fits_by_axes_that_part_them(
    by: str, axis: str, is_told: bool
) -> None:
    fit = f"{{model: line, x: theta, y: p1{by}}}"
    checks = f"checks: [{{that: t1.a > 0, where: {{{axis}}}}}]\n"
    if not is_told:
        expand(manifest(fit, checks))
        return
    (found,) = mistakes(fit, checks)
    assert "t1.a is not of one" in found


def test_plots_draw_no_parameter() -> None:
    fit = "{model: line, x: theta, y: p1}"
    (found,) = mistakes(fit, "report: {plots: [{x: theta, y: t1.a}]}\n")
    assert "'t1.a' is no axis or number of the analysis" in found


def test_an_axis_of_texts_is_no_x() -> None:
    text = HEAD.replace("{linspace: [0, 3, 10]}", "[0, 1, soon]")
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        expand(parse_manifest(text + "{model: line, x: theta, y: p1}\n"))
    assert "'theta' is 'soon' at some points; a curve needs numbers" in str(
        caught.value.exceptions[0]
    )


def test_too_few_points_by_an_override_are_a_remark() -> None:
    text = HEAD + "{model: line, x: theta, y: p1}\n"
    plan = expand(parse_manifest(text, overrides=["sweep.matrix.theta=1"]))
    assert any("'theta' has 1 value, too few" in remark for remark in plan.remarks)


def test_parameters_of_a_formula_have_names_that_theory_may_have() -> None:
    fit = Fit.model_validate({"formula": "m - a*x", "x": "x", "y": "p", "start": {"m": 1, "a": 2}})
    assert parameters_of({"s": fit}) == {"s.m", "s.a"}
