"""Derived numbers: values and intervals against published and closed answers; what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

import qbatch
from qbatch.across import AcrossNumber
from qbatch.across.hull import Region, hull
from qbatch.errors import SourceErrors
from qbatch.plan import expand
from qbatch.result import wilson
from qbatch.snapshot import PointResult
from tests.across.made import across_of, manifest_of, ones

P = {"p": "1"}


def made(
    formula: Any, matrix: Any, counts: Any, repeat: int = 1, **analysis: Any
) -> list[AcrossNumber]:
    given = {"probabilities": P, **analysis, "derived": {"D": formula}}
    return list(across_of(manifest_of(given, matrix, repeat), counts).derived)


def test_a_difference_of_proportions_has_newcombes_interval() -> None:
    """Newcombe, Statistics in Medicine 17, 873 (1998), method 10: 56/70 - 48/80, and others."""
    published = [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ]
    for (a, m), (b, n), (low, high) in published:
        counts = {(0,): ones(a, m), (1,): ones(b, n)}
        (found,) = made("p[x=0] - p[x=1]", {"x": [0, 1]}, counts)
        assert found.estimate is not None
        assert found.estimate.value == pytest.approx(a / m - b / n)
        assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high), abs=6e-5)


def test_what_is_not_named_stays_an_axis() -> None:
    counts = {
        (backend, x): ones(number, 100)
        for (backend, x), number in {
            ("one", 0): 80,
            ("one", 1): 30,
            ("two", 0): 60,
            ("two", 1): 50,
        }.items()
    }
    found = made("p[x=0] - p[x=1]", {"backend": ["one", "two"], "x": [0, 1]}, counts)
    told = [(one.label, round(one.estimate.value, 6)) for one in found if one.estimate]
    assert told == [("backend=one", 0.5), ("backend=two", 0.1)]


def test_a_mean_over_repeats_is_of_independent_ones() -> None:
    numbers = (50, 60, 55, 45)
    counts = {(0, at): ones(number, 100) for at, number in enumerate(numbers, start=1)}
    (found,) = made("mean(p, over=repeat)", {"x": [0]}, counts, repeat=4)
    estimate = found.estimate
    assert estimate is not None
    each = [wilson(number, 100) for number in numbers]
    assert estimate.value == pytest.approx(np.mean([one.value for one in each]))
    assert estimate.se == pytest.approx(math.sqrt(sum(one.se**2 for one in each)) / 4)
    below = math.sqrt(sum((one.value - one.low) ** 2 for one in each)) / 4
    assert estimate.value - estimate.low == pytest.approx(below)


def test_numbers_of_the_same_shots_are_dependent() -> None:
    """p and 1 - p add up to 1, whatever the shots."""
    counts = {(0,): ones(30, 100)}
    (found,) = made("p + q", {"x": [0]}, counts, probabilities={"p": "1", "q": "0"})
    assert found.estimate is not None
    assert (found.estimate.low, found.estimate.value, found.estimate.high) == (1, 1, 1)
    (twice,) = made("p - p", {"x": [0]}, counts)
    assert twice.estimate is not None
    assert (twice.estimate.low, twice.estimate.high) == (0, 0)


def test_a_share_among_the_shots_kept_is_a_proportion_of_them() -> None:
    """P(11)/P(1*) of the same shots: a proportion among 620, with its closed interval."""
    counts = {(0,): {"00": 300, "01": 80, "10": 120, "11": 500}}
    (found,) = made("both / first", {"x": [0]}, counts, probabilities={"both": "11", "first": "1*"})
    alone = wilson(500, 620)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(alone.value)
    assert found.estimate.low == pytest.approx(alone.low, abs=1.5e-3)
    assert found.estimate.high == pytest.approx(alone.high, abs=1.5e-3)
    assert found.estimate.se == pytest.approx(alone.se, rel=0.05)


def test_a_root_of_squares_has_the_gradients_error_where_shots_are_many() -> None:
    counts = {(0,): ones(70_000, 100_000), (1,): ones(40_000, 100_000)}
    (found,) = made("sqrt(p[x=0]**2 + p[x=1]**2)", {"x": [0, 1]}, counts)
    p, q = 0.7, 0.4
    size = math.hypot(p, q)
    se = math.sqrt(p**2 * p * (1 - p) + q**2 * q * (1 - q)) / size / math.sqrt(100_000)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(size)
    assert found.estimate.se == pytest.approx(se, rel=0.03)
    z = norm.ppf(0.975)
    assert found.estimate.high - found.estimate.low == pytest.approx(2 * z * se, rel=0.03)


def test_the_largest_is_told_with_its_place_and_an_end_for_all() -> None:
    numbers = {0: 40, 1: 90, 2: 85}
    counts = {(x,): ones(number, 100) for x, number in numbers.items()}
    matrix = {"x": [0, 1, 2]}
    (found,) = made("max(p, over=x)", matrix, counts)
    estimate = found.estimate
    assert estimate is not None
    assert (estimate.value, found.note) == (0.9, "largest of 3, at x=1")
    assert estimate.high == wilson(90, 100).high
    assert estimate.low == pytest.approx(wilson(90, 100, 1 - 0.05 / 3).low)
    (place,) = made("argmax(p, over=x)", matrix, counts)
    assert place.estimate is not None
    assert (place.estimate.low, place.estimate.value, place.estimate.high) == (1, 1, 2)
    (least,) = made("min(p, over=x)", matrix, counts)
    assert least.estimate is not None
    assert (least.estimate.value, least.note) == (0.4, "smallest of 3, at x=0")
    assert least.estimate.high == pytest.approx(wilson(40, 100, 1 - 0.05 / 3).high)


def test_a_point_that_is_not_measured_leaves_it_undecided_never_made_of_the_others() -> None:
    counts = {(0,): ones(80, 100), (2,): ones(1, 100)}
    for formula in ("mean(p, over=x)", "max(p, over=x)", "p[x=0] - p[x=1]"):
        (found,) = made(formula, {"x": [0, 1, 2]}, counts)
        assert found.estimate is None
        assert "x=1" in found.reason
        assert "is not measured (created)" in found.reason


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("1 / (p[x=0] - p[x=1])", "divides by what may be 0"),
        ("sqrt(p[x=0] - 0.5)", "the square root of what is or may be negative"),
        ("1 / (p[x=0] - p[x=0])", "divides by 0"),
    ],
)
def test_what_has_no_value_is_undecided(formula: str, said: str) -> None:
    (found,) = made(formula, {"x": [0, 1]}, {(0,): ones(50, 100), (1,): ones(48, 100)})
    assert found.estimate is None
    assert said in found.reason


def test_each_at_a_reference_point_is_asked_for_by_name() -> None:
    counts = {(x,): ones(number, 100) for x, number in ((0, 50), (1, 70))}
    formula = {"value": "p - p[x=0]", "by": ["x"]}
    found = made(formula, {"x": [0, 1]}, counts)
    told = [(one.group["x"], one.estimate.value) for one in found if one.estimate]
    assert told == [(0, 0.0), (1, pytest.approx(0.2))]


def test_a_derived_number_may_name_those_above_it_and_vars() -> None:
    manifest = manifest_of(
        {
            "probabilities": P,
            "derived": {"d": "p[x=0] - p[x=1]", "half": "k * d"},
        },
        {"x": [0, 1]},
        vars={"k": 0.5},
    )
    counts = {(0,): ones(80, 100), (1,): ones(30, 100)}
    found = {one.name: one.estimate for one in across_of(manifest, counts).derived}
    assert found["half"] is not None
    assert found["d"] is not None
    assert found["half"].high == pytest.approx(found["d"].high / 2)


def test_a_mistake_is_told_once_and_not_again_where_the_number_is_used() -> None:
    derived = {"d": "p[x=5]", "half": "d / 2", "more": "half + p[x=7]"}
    matrix = {"x": [0, 1], "y": [0]}
    with pytest.raises(SourceErrors) as caught:
        expand(manifest_of({"probabilities": P, "derived": derived}, matrix))
    (error,) = caught.value.exceptions
    assert "analysis.derived.d: 'p[x=5]': p[x=5]: x is never that" in str(error)


@pytest.mark.parametrize("written", [True, ["p[x=0]"]])
def test_what_is_no_text_is_no_formula(written: object) -> None:
    with pytest.raises(SourceErrors) as caught:
        manifest_of({"probabilities": P, "derived": {"d": written}}, {"x": [0, 1]})
    (error,) = caught.value.exceptions
    assert "is no formula; write it as text" in str(error)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("p[x=0] - q[x=1]", "'q' is no number of the analysis (p)"),
        ("p[z=0] - p[x=1]", "'z' is no axis"),
        ("p[x=0] - p[x=5]", "p[x=5]: x is never that (it is 0, 1)"),
        (
            "p[x=0] - p",
            "name a value in brackets, or, where each is meant, say so with by: [backend, x]",
        ),
        ("p[x=0] - p[backend=one]", "name these axes in brackets on both sides"),
        ("argmax(p[x=0], over=backend)", "'one' is no number on that axis"),
        ("p[x=ideal]", "x is never that"),
        ("p[backend=thre]", "'thre' is no backend (one, two)"),
        ("median(p, over=x)", "calls median"),
        ("p[x=0", "bracket"),
        ("p[x=0]/0", "'p[x=0]/0' divides by zero"),
        ("p[x=0]/(1 - 1)", "divides by zero"),
        ("p[x=0]/none", "divides by zero"),
        ("mean(p/none, over=x)", "divides by zero"),
        ("p[x=0] + log(none)", "without a finite real value, log(0)"),
        ("p[x=0]*sqrt(-2)", "without a finite real value, sqrt(-2)"),
        ("p[x=0]*0**-1", "without a finite real value, 0 ** -1"),
        ("3 + 4", "names no number of the analysis"),
        ({"value": "p[x=0]", "by": ["x"]}, "it differs along backend, too"),
        ({"value": "p[x=0]", "by": ["backnd"]}, "did you mean 'backend'?"),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_bought(formula: Any, said: str) -> None:
    analysis = {"probabilities": P, "derived": {"D": formula}}
    matrix = {"backend": ["one", "two"], "x": [0, 1], "y": [0]}
    with pytest.raises(SourceErrors) as caught:
        expand(manifest_of(analysis, matrix, vars={"none": 0}))
    told = str(caught.value.exceptions[0])
    assert said in told
    assert "derived.D" in told


def test_a_check_speaks_of_axes_that_a_derived_number_has_left() -> None:
    analysis = {"probabilities": P, "derived": {"D": "p[x=0] - p[x=1]"}}
    matrix = {"backend": ["one", "two"], "x": [0, 1], "y": [0]}
    for where in ({"backend": "one"}, {"y": 0}, {}):
        checks = [{"that": "D > 0", "where": where}]
        assert expand(manifest_of(analysis, matrix, checks=checks)).num_points == 4
    checks = [{"that": "D > 0", "where": {"x": 1}}]
    with pytest.raises(SourceErrors) as caught:
        expand(manifest_of(analysis, matrix, checks=checks))
    assert "D is not of one x; it has a value for each backend" in str(caught.value.exceptions[0])


def test_a_name_is_one_number_alone() -> None:
    with pytest.raises(SourceErrors) as caught:
        manifest_of({"probabilities": P, "derived": {"p": "p[x=0]"}}, {"x": [0]})
    assert "names two numbers" in str(caught.value.exceptions[0])


def test_zipped_axes_are_named_by_one_of_them() -> None:
    from qbatch.manifest import parse_manifest
    from tests.across.made import MANIFEST

    text = "sweep: {zip: {x: [0, 1], y: [5, 6]}}\nanalysis: {probabilities: {p: '1'}, derived: "
    plan = expand(
        parse_manifest(f"{MANIFEST}{text}{{D: '{{}}'}}}}".replace("{}", "p[x=0] - p[x=1]"))
    )
    assert plan.num_points == 4


def test_where_a_function_turns_its_interval_reaches_the_value_there() -> None:
    """Of E = 0.03 of 1,000 shots, whose interval holds 0, the ends are the images of E's own."""
    counts = {(0,): ones(515, 1000), (1,): ones(492, 1000)}
    e = wilson(515, 1000)
    furthest = max(2 * e.high - 1, 1 - 2 * e.low)
    for formula, low, high in (
        ("abs(2*p[x=0] - 1)", 0.0, furthest),
        ("(2*p[x=0] - 1)**2", 0.0, furthest**2),
        ("cos(2*p[x=0] - 1)", math.cos(furthest), 1.0),
        ("3 - abs(2*p[x=0] - 1)", 3 - furthest, 3.0),
    ):
        (found,) = made(formula, {"x": [0, 1]}, counts)
        assert found.estimate is not None
        told = (found.estimate.low, found.estimate.high)
        assert told == pytest.approx((low, high), abs=2e-6)
        assert found.estimate.judged[0] <= told[0]
        assert found.estimate.judged[1] >= told[1]
        assert "it turns near there" in found.note
        if low == 0.0:
            assert found.estimate.judged[0] == 0.0  # "abs(E) > 0" is undecided, not passed
    (root,) = made("sqrt((2*p[x=0] - 1)**2 + (2*p[x=1] - 1)**2)", {"x": [0, 1]}, counts)
    assert root.estimate is not None
    assert (root.estimate.low, root.estimate.judged[0]) == (0.0, 0.0)
    assert root.estimate.high > math.hypot(furthest, 0.0)


def test_far_from_a_turn_a_function_has_its_quantiles() -> None:
    counts = {(0,): ones(700, 1000), (1,): ones(492, 1000)}
    (found,) = made("abs(2*p[x=0] - 1)", {"x": [0, 1]}, counts)
    alone = wilson(700, 1000)
    assert found.estimate is not None
    assert found.note == ""
    assert found.estimate.low == pytest.approx(2 * alone.low - 1, abs=2e-3)
    assert found.estimate.high == pytest.approx(2 * alone.high - 1, abs=2e-3)


@pytest.mark.parametrize("held", [0.9, 0.95, 0.975])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_ends_over_a_ball_are_those_of_chi_squared(size: int, held: float) -> None:
    """A weighted sum over a ball: to its radius; the distance to a place within: from 0."""
    generator = np.random.default_rng(3)
    draws = generator.standard_normal((size, 5000))
    radius = math.sqrt(chi2.ppf(held, size))
    weights = np.arange(1.0, size + 1)
    low, high = hull(lambda at: weights @ at, Region(size, held), draws, generator)
    reach = radius * float(np.linalg.norm(weights))
    assert (low, high) == pytest.approx((-reach, reach), rel=1e-5)
    place = np.full((size, 1), 0.3)
    low, high = hull(
        lambda at: np.sqrt(((at - place) ** 2).sum(axis=0)), Region(size, held), draws, generator
    )
    assert low == 0.0
    assert high == pytest.approx(radius + 0.3 * math.sqrt(size), rel=1e-5)


def test_points_that_share_a_setting_are_not_independent(tmp_path: Path) -> None:
    """Circuit a in basis X is circuit b as written: X of a and Z of b are the same shots."""
    head = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nbit[1] c;\nry(0.9) q[0];\n'
    (tmp_path / "a.qasm").write_text(f"{head}c[0] = measure q[0];\n")
    (tmp_path / "b.qasm").write_text(f"{head}h q[0];\nc[0] = measure q[0];\n")
    (tmp_path / "m.yaml").write_text(SHARED)
    run = qbatch.run(tmp_path / "m.yaml", out=tmp_path / "s")
    found = {one.name: one.estimate for one in run.derived()}
    (x, z) = (
        next(p.estimates[n] for p in run if p.circuit == c) for c, n in (("a", "X"), ("b", "Z"))
    )
    assert x.value == z.value
    for name in ("less", "more", "product", "squared", "own"):
        assert found[name] is not None
    more, less, product = found["more"], found["less"], found["product"]
    assert more.se == pytest.approx(2 * x.se)
    assert more.high - more.value >= 0.999 * 2 * (x.high - x.value)
    assert (less.value, less.low < 0 < less.high) == (0.0, True)
    assert product.low <= x.low**2 + 1e-6
    assert product.high >= x.high**2 - 1e-6
    assert found["squared"].low == 0.0
    # Z and X of one point are of two settings, whose shots are independent:
    mine = next(p for p in run if p.circuit == "a")
    assert found["own"].se == pytest.approx(
        math.hypot(mine.estimates["X"].se, mine.estimates["Z"].se)
    )


SHARED = """\
qbatch: 1
name: shared
circuits: {a: a.qasm, b: b.qasm}
backends: {ideal: {provider: local}}
sweep: {matrix: {circuit: [a, b]}, seed: 3}
shots: 1000
analysis:
  observables: {X: X0, Z: Z0}
  derived:
    less: X[circuit=a] - Z[circuit=b]
    more: X[circuit=a] + Z[circuit=b]
    product: X[circuit=a] * Z[circuit=b]
    squared: (X[circuit=a] - Z[circuit=b])**2
    own: X[circuit=a] + Z[circuit=a]
"""


def test_numbers_of_twirled_points_err_as_they_do_in_each_form(tmp_path: Path) -> None:
    """Form by form, from the counts: what is made of a form's numbers is one of n repetitions."""
    head = 'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float theta;\nqubit[2] q;\nbit[2] c;\n'
    (tmp_path / "a.qasm").write_text(f"{head}ry(theta) q[0];\ncx q[0], q[1];\nc = measure q;\n")
    (tmp_path / "m.yaml").write_text(TWIRLED)
    run = qbatch.run(tmp_path / "m.yaml", out=tmp_path / "s")
    found = {one.name: one.estimate for one in run.derived()}
    z = {(p.parameters["theta"], name): _of_forms(p, name) for p in run for name in ("Z", "XX")}
    raw = [p.estimates["Z"].se for p in run]
    wanted = {
        "more": z[0.3, "Z"] + z[0.4, "Z"],
        "less": z[0.3, "Z"] - z[0.4, "Z"],
        "bases": z[0.3, "Z"] + z[0.4, "XX"],
        "both": z[0.3, "Z"] + z[0.3, "XX"],
    }
    told = {name: each for name, each in found.items() if each is not None}
    assert told.keys() == {*wanted, "raw", "square"}
    for name, each in wanted.items():
        assert told[name].value == pytest.approx(each.mean())
        assert told[name].se == pytest.approx(each.std(ddof=1) / 4, rel=1e-9)
    more, square = told["more"], told["square"]
    assert square.se == pytest.approx(2 * more.value * more.se, rel=0.1)
    assert told["raw"].se == pytest.approx(math.hypot(*raw))


def _of_forms(point: PointResult, name: str) -> np.ndarray:
    """⟨Z0⟩ or ⟨X0 X1⟩ in each form, of the bits as they would be read unflipped."""
    found = {}
    for text, counts in point.counts_by_basis.items():
        basis, is_twirled, twirl = text.rpartition("twirl=")
        if is_twirled and basis.startswith("X") == (name == "XX"):
            form, flips = twirl.split(":")
            value = 0
            for bits, shots in counts.to_dict().items():
                read = int(bits, 2) ^ int(flips, 2)
                value += shots * (-1) ** (read.bit_count() if name == "XX" else read & 1)
            found[int(form)] = value / counts.shots
    return np.array([found[form] for form in range(16)])


TWIRLED = """\
qbatch: 1
name: twirled
circuits: {a: a.qasm}
backends: {noisy: {provider: local, noise: {readout: {p10: 0.01, p01: 0.2}}}}
sweep: {matrix: {theta: [0.3, 0.4]}, seed: 3}
shots: 16000
analysis:
  observables: {Z: Z0, XX: X0 X1}
  mitigation: {twirl: {n: 16}}
  derived:
    more: Z.twirl[theta=0.3] + Z.twirl[theta=0.4]
    less: Z.twirl[theta=0.3] - Z.twirl[theta=0.4]
    square: (Z.twirl[theta=0.3] + Z.twirl[theta=0.4])**2
    both: Z.twirl[theta=0.3] + XX.twirl[theta=0.3]
    raw: Z[theta=0.3] + Z[theta=0.4]
    bases: Z.twirl[theta=0.3] + XX.twirl[theta=0.4]
"""
