"""A package's curve is fitted as qbatch's own are, and known by the manifest without it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.optimize import curve_fit

import qbatch
from qbatch.across import Across
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from tests.across.made import MANIFEST, across_of
from tests.extending.conftest import Install

FIT = {"installed": "stretched", "parameters": ["a", "tau", "beta"], "x": "x", "y": "p1"}
TIMES = [float(x) for x in np.linspace(0.25, 8, 24)]
SHOTS = 20_000


def text_of(fits: object) -> str:
    analysis = {"probabilities": {"p1": "1"}, "fits": fits}
    return MANIFEST + yaml.safe_dump({"analysis": analysis, "sweep": {"matrix": {"x": TIMES}}})


def across(fits: object, share: np.ndarray) -> Across:
    rng = np.random.default_rng(5)
    ones = rng.binomial(SHOTS, share)
    counts = {(x,): {"1": int(n), "0": SHOTS - int(n)} for x, n in zip(TIMES, ones, strict=True)}
    manifest = parse_manifest(text_of(fits)).model_copy()
    return across_of(manifest, counts)


def stretched(x: np.ndarray, a: float, tau: float, beta: float) -> np.ndarray:
    return a * np.exp(-((x / tau) ** beta))


def test_a_packages_curve_is_fitted_as_another_library_does(install: Install):
    install(package="toy_fits")
    share = stretched(np.array(TIMES), 0.9, 2.5, 0.7)
    (fitted,) = across({"s": FIT}, share).fits
    assert fitted.verdict == "good"
    rng = np.random.default_rng(5)
    y = rng.binomial(SHOTS, share) / SHOTS
    error = np.sqrt(y * (1 - y) / SHOTS)
    best, covariance = curve_fit(stretched, TIMES, y, (1, 1, 1), error, absolute_sigma=True)
    for name, value, variance, true in zip(
        ("a", "tau", "beta"), best, np.diag(covariance), (0.9, 2.5, 0.7), strict=True
    ):
        found = fitted.parameters[name]
        assert found.value == pytest.approx(value, abs=0.1 * np.sqrt(variance))
        assert found.se == pytest.approx(np.sqrt(variance), rel=0.05)
        assert abs(found.value - true) < 4 * found.se
    assert fitted.curve.formula.text == ("a*exp(-(x/tau)**beta) (stretched of qbatch-toy-fits 2.1)")


SAME = """\
import numpy as np
import qbatch

def decay(x, a, tau, c):
    return a*np.exp(-x/tau) + c

stretched = qbatch.FitModel(
    decay,
    {"a": "any number", "tau": "above 0", "c": "any number"},
    lambda x, y: [{"a": y[0], "tau": 1.0, "c": 0.1}],
    "a*exp(-x/tau) + c",
)
"""


def test_a_curve_of_qbatchs_own_is_the_same_from_a_package(install: Install):
    install(SAME, "toy_fits")
    installed = {**FIT, "parameters": ["a", "tau", "c"]}
    own = {"model": "exponential", "x": "x", "y": "p1"}
    ours, theirs = across({"o": own, "i": installed}, 0.3 + 0.6 * np.exp(-np.array(TIMES) / 2)).fits
    for name in ("a", "tau", "c"):
        one, other = ours.parameters[name], theirs.parameters[name]
        for part in ("value", "se", "low", "high"):
            assert getattr(one, part) == pytest.approx(getattr(other, part), rel=2e-3)


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        ({**FIT, "installed": "streched"}, "offers a fit 'streched'; there are stretched; did you"),
        ({**FIT, "parameters": ["a", "t"]}, "write parameters: [a, tau, beta]"),
        ({**FIT, "start": {"ta": 1}}, "start.ta: 'ta' is no parameter of"),
        ({**FIT, "start": {"tau": -1}}, "start.tau: -1 is not above 0"),
        ({**FIT, "model": "line"}, "has both model and installed; write one of model"),
        ({"formula": "a*x", "parameters": ["a"], "x": "x", "y": "p1"}, "is for installed curves"),
    ],
)  # fmt: skip
def test_what_a_manifest_says_wrongly_of_a_packages_curve_is_told(
    install: Install, fit: object, told: str
):
    install(package="toy_fits")
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text_of({"s": fit}))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("stretched = 3", "is a int, no FitModel"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        (SAME.replace('"above 0"', '"positive"'), "parameter 'tau' is 'positive'; write one of"),
    ],
)
def test_a_package_that_is_wrong_is_told_before_anything_runs(
    install: Install, code: str, told: str
):
    install(code, "toy_fits")
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text_of({"s": FIT}))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    return a*np",
            "    return 1 / 0 + a*np",
            "raised ZeroDivisionError: division by zero",
        ),
        ('[{"a": y[0]', '[{"b": y[0]', "the starts of a*exp(-x/tau) + c"),
        ('"tau": 1.0', '"tau": -1.0', "no start of a*exp(-x/tau) + c"),
        ("    return a*np", "    return [1, 2] + 0 * a*np", "raised ValueError"),
    ],
)
def test_what_a_package_raises_is_the_fits_reason(install: Install, old: str, new: str, told: str):
    install(SAME.replace(old, new), "toy_fits")
    (fitted,) = across({"s": {**FIT, "parameters": ["a", "tau", "c"]}}, np.full(24, 0.5)).fits
    assert fitted.verdict == "undecided"
    assert told in fitted.reason


def test_a_run_is_read_and_checked_without_the_package(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    install(package="toy_fits")
    manifest = qbatch.Manifest(
        name="decay",
        circuits={
            "c": "OPENQASM 3.0; include 'stdgates.inc'; input float x; qubit q; bit b;\n"
            "rx(x) q; b = measure q;\n"
        },
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        sweep=qbatch.sweep(x=[0.5, 1.0, 1.5, 2.0, 2.5]),
        analysis={"probabilities": {"p1": "1"}, "fits": {"s": FIT}},
        checks=[{"that": "s.tau >= 0"}],
        shots=100,
    )
    run = qbatch.run(manifest, out=tmp_path / "run")
    page = qbatch.render(run, "md")
    assert "stretched of qbatch-toy-fits 2.1" in page
    monkeypatch.setattr(sys, "path", [one for one in sys.path if Path(one).name != "site"])
    monkeypatch.delitem(sys.modules, "toy_fits")
    (fitted,) = qbatch.open_run(tmp_path / "run").fits()
    assert "no installed package offers a fit 'stretched'" in fitted.reason
    assert fitted.names == ("a", "tau", "beta")
    assert main(["check", str(tmp_path / "run")]) == 4
    assert main(["report", str(tmp_path / "run")]) == 0
    capsys.readouterr()
