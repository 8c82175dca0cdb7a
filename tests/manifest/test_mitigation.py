"""Mitigation in a manifest: what is taken, how its numbers are named, each mistake at its line."""

from __future__ import annotations

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.models import Analysis

HEAD = """\
qbatch: 1
name: t
circuits:
  a: {qasm: "OPENQASM 3.0; input float theta; qubit q; bit c; U(theta, 0, 0) q; c = measure q;"}
backends: {l: {provider: local}}
sweep: {matrix: {theta: [0, 1]}}
analysis:
  observables: {z: Z0}
  probabilities: {p1: "1"}
  distribution: {target: {"0": 1}}
  mitigation: """


def manifest(mitigation: str, more: str = "") -> Manifest:
    return parse_manifest(f"{HEAD}{mitigation}\n{more}")


def test_each_mean_has_a_mitigated_number_beside_it() -> None:
    assert manifest("{zne: {}}").analysis.names == ("z", "p1", "tvd", "z.zne", "p1.zne")
    assert manifest("{}").analysis.names == ("z", "p1", "tvd")


def test_mitigated_numbers_are_numbers_like_any_other() -> None:
    more = (
        "  derived: {d: 'z.zne[theta=1] - z[theta=1]'}\n"
        "  expected: {z.zne: cos(theta)}\n"
        "checks: [{that: z.zne >= 0.5}, {that: 'z.zne == expected'}]\n"
        "report: {plots: [{x: theta, y: z.zne}], labels: {z.zne: mended}}\n"
    )
    found = manifest("{zne: {scales: [1, 1.5, 2], fold: gates, fit: richardson}}", more)
    zne = found.analysis.mitigation.zne
    assert zne is not None
    assert zne.scales == (1, 1.5, 2)
    assert found.analysis.mitigation.methods == ("zne",)


@pytest.mark.parametrize(
    ("mitigation", "place", "said"),
    [
        ("{znee: {}}", "11:16", "did you mean 'zne'"),
        ("{zne: {scales: [2, 3]}}", "11:30", "lacks 1, at which the raw number is measured"),
        ("{zne: {scales: [1]}}", "11:30", "needs two scales or more"),
        ("{zne: {scales: [1, 3, 3]}}", "11:30", "each once"),
        ("{zne: {scales: [1, 0.5]}}", "11:34", "can be made more, not less"),
        ("{zne: {fit: line}}", "11:27", "linear"),
        ("{zne: {asymptote: 0}}", "11:21", "is for fit: exponential"),
    ],
)
def test_each_mistake_is_told_at_its_line(mitigation: str, place: str, said: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        manifest(mitigation)
    (error,) = caught.value.exceptions
    assert place in str(error)
    assert said in str(error)


def test_where_there_is_no_mean_nothing_is_mitigated() -> None:
    text = f"{HEAD}{{zne: {{}}}}\n".replace("  observables: {z: Z0}\n", "")
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        parse_manifest(text.replace('  probabilities: {p1: "1"}\n', ""))
    assert "nothing is mitigated" in str(caught.value.exceptions[0])


#: Names each mitigated number wherever a number may be named.
NAMED_EVERYWHERE = (
    "  derived: {d: 'z.KIND[theta=1] - z[theta=1]'}\n"
    "  fits: {f: {formula: 'a*cos(x)', x: theta, y: p1.KIND, start: {a: 1}}}\n"
    "  expected: {z: 1, p1.KIND: cos(theta)}\n"
    "checks: [{that: z.KIND >= 0.5}, {that: 'p1.KIND == expected'}]\n"
    "report: {plots: [{x: theta, y: z.KIND}], labels: {z.KIND: mended}}\n"
)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("twirl", "n: 8"), ("readout", "shots: 0"), ("zne", "scales: [2, 3]"), ("twirl", "m: 16")],
)
def test_a_mistake_in_mitigation_brings_no_second_one(kind: str, wrong: str) -> None:
    """Its numbers are named, whatever is wrong with how they are made."""
    with pytest.raises(SourceErrors) as caught:
        manifest(f"{{{kind}: {{{wrong}}}}}", NAMED_EVERYWHERE.replace("KIND", kind))
    (error,) = caught.value.exceptions
    assert f"analysis.mitigation.{kind}" in str(error)


def test_theory_of_a_number_that_is_wrong_itself_is_no_second_mistake() -> None:
    text = f"{HEAD}{{zne: {{}}}}\n  expected: {{p1: 1, p1.zne: 1}}\n"
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text.replace('{p1: "1"}', '{p1: "x"}'))
    (error,) = caught.value.exceptions
    assert "analysis.probabilities.p1" in str(error)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("zz", "more shots"),
        ("zz.readout", "more shots or longer calibrations (readout.shots)"),
        (
            "zz.twirl",
            "more shots, more forms (twirl.n) or longer calibrations (readout.shots)",
        ),
        ("d", "more shots, more forms (twirl.n) or longer calibrations (readout.shots)"),
    ],
)
def test_what_makes_a_number_narrower_is_what_it_is_made_of(number: str, said: str) -> None:
    analysis = Analysis.model_validate(
        {
            "observables": {"zz": "Z0 Z1"},
            "derived": {"d": "mean(zz.twirl, over=x)"},
            "mitigation": {"twirl": {"n": 16}, "readout": {}},
        }
    )
    assert analysis.narrowing(number) == said
    assert analysis.at({}).narrowing(number) == said
    raw = Analysis.model_validate({"observables": {"zz": "Z0 Z1"}})
    assert raw.narrowing("zz") == raw.narrowing("d") == "more shots"
