"""Fits of a run: which points are fitted together, what is undecided, and what is told of it."""

from __future__ import annotations

from math import exp
from pathlib import Path

import pytest

import qbatch
from qbatch.across import Across, Measured, Points, read_across
from qbatch.across.fits import Fitted
from qbatch.manifest import parse_manifest
from qbatch.plan import expand

DECAY = """\
qbatch: 1
name: decay
circuits:
  excited:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input duration wait; qubit q; bit c;
      x q; delay[wait] q; c = measure q;
backends:
  short: {provider: local, noise: {thermal_relaxation: {t1: 20us, t2: 20us}}}
  long: {provider: local, noise: {thermal_relaxation: {t1: 50us, t2: 50us}}}
sweep:
  matrix: {backend: [short, long], wait: {linspace: [1us, 100us, 10]}}
  repeat: 2
  seed: 3
shots: 400
analysis:
  probabilities: {p1: "1"}
  fits: {t1: {model: exponential, x: wait, y: p1}}
report: {formats: []}
"""


def run_of(folder: Path, text: str = DECAY, select: str | None = None) -> qbatch.snapshot.Run:
    """A run of this manifest, done as far as it is selected."""
    path = folder / "manifest.yaml"
    path.write_text(text)
    qbatch.run(path, select=select)
    return qbatch.open_run(path)


@pytest.fixture(scope="module")
def decay(tmp_path_factory: pytest.TempPathFactory) -> qbatch.snapshot.Run:
    """The run of the manifest above; what is fitted of it, each test says."""
    return run_of(tmp_path_factory.mktemp("decay"))


def fits_of(run: qbatch.snapshot.Run, text: str = DECAY) -> tuple[Fitted, ...]:
    """What a manifest of the same points has fitted."""
    points = Points(parse_manifest(text))
    points.add_all(run)
    return Across(points).fits


def test_each_backend_is_fitted_by_itself_with_all_of_its_repeats(
    decay: qbatch.snapshot.Run,
) -> None:
    short, long = fits_of(decay)
    assert [dict(one.group) for one in (short, long)] == [{"backend": "short"}, {"backend": "long"}]
    assert [one.label for one in (short, long)] == ["backend=short", "backend=long"]
    for one, true in ((short, 20e-6), (long, 50e-6)):
        assert len(one.points) == 20
        tau = one.parameters["tau"]
        assert tau.low < tau.value < tau.high
        assert abs(tau.value - true) < 4 * tau.se
        assert one.verdict == "good"


def test_by_says_what_is_fitted_together(decay: qbatch.snapshot.Run) -> None:
    together = DECAY.replace("y: p1}", "y: p1, by: []}")
    (one,) = fits_of(decay, together)
    assert len(one.points) == 40
    assert one.group == {}
    assert one.verdict == "poor"  # two decays are no one


def test_where_says_which_points_are_fitted(decay: qbatch.snapshot.Run) -> None:
    (one,) = fits_of(decay, DECAY.replace("y: p1}", "y: p1, where: {backend: long}}"))
    assert one.group == {}
    assert {name.split(",")[0] for name in one.points} == {"backend=long"}


def test_an_axis_that_goes_with_x_parts_no_groups(tmp_path: Path) -> None:
    zipped = DECAY.replace(
        "matrix: {backend: [short, long], wait: {linspace: [1us, 100us, 10]}}",
        "zip: {wait: [1us, 20us, 40us, 80us], shots: [100, 200, 300, 400]}",
    ).replace("  short: {provider: local, noise: {thermal_relaxation: {t1: 20us, t2: 20us}}}\n", "")
    (one,) = fits_of(run_of(tmp_path, zipped), zipped)
    assert len(one.points) == 8


SHARED = """\
qbatch: 1
name: shared
circuits:
  a: {qasm: 'HEAD ry(t) q; d = measure q;'}
  b: {qasm: 'HEAD ry(t) q; d = measure q;'}
  c: {qasm: 'HEAD x q; ry(t) q; d = measure q;'}
backends: {ideal: {provider: local}}
sweep: {matrix: {circuit: [a, b, c], t: {linspace: [0.3, 3.5, 9]}}, seed: 3}
shots: 1000
analysis:
  probabilities: {p0: "0"}
  fits: {f: {y: p0, x: t, formula: "A*cos(x) + b", start: {A: 0.5, b: 0.5}}}
report: {formats: []}
""".replace("HEAD", 'OPENQASM 3.0; include "stdgates.inc"; input float t; qubit q; bit d;')


def test_each_group_has_the_shots_that_it_shares_with_another(tmp_path: Path) -> None:
    run = run_of(tmp_path, SHARED)
    a, b, c = fits_of(run, SHARED)
    assert [one.label for one in (a, b, c)] == ["circuit=a", "circuit=b", "circuit=c"]
    assert [len(one.points) for one in (a, b, c)] == [9, 9, 9]
    assert a.parameters == b.parameters != c.parameters  # a and b are the same shots
    (together,) = fits_of(run, SHARED.replace("x: t,", "x: t, by: [],"))
    assert len(together.points) == 18  # once in a group


def test_a_parameter_is_a_number_across_points(decay: qbatch.snapshot.Run) -> None:
    across = read_across(decay)
    taus = list(across.named("t1.tau"))
    assert [dict(tau.group)["backend"] for tau in taus] == ["short", "long"]
    assert [tau.estimate for tau in taus] == [one.parameters["tau"] for one in across.fits]


def test_what_is_not_measured_is_told_and_too_little_is_undecided(tmp_path: Path) -> None:
    short, long = fits_of(run_of(tmp_path, select="backend=long and wait<60us"))
    assert short.solution is None
    assert short.reason.startswith("none of 20 points has p1 (")
    assert "is not measured (created)" in short.reason
    assert long.missing == 8
    assert "8 more not measured" in long.quality
    (note,) = {number.note for number in long.numbers()}
    assert "8 more not measured" in note


def test_of_a_long_sweep_no_point_is_compared_with_each_other(
    decay: qbatch.snapshot.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compared(one: Measured, other: object) -> bool:
        raise AssertionError(f"{one.name} is compared: of 20,000 points it takes minutes")

    monkeypatch.setattr(Measured, "__eq__", compared)
    assert [one.missing for one in fits_of(decay)] == [0, 0]


def test_points_that_tell_nothing_are_undecided_with_the_reason(tmp_path: Path) -> None:
    flat = DECAY.replace("x q; ", "")  # never excited: nothing decays
    for one in fits_of(run_of(tmp_path, flat), flat):
        assert one.verdict == "undecided"
        assert one.parameters == {}
        for number in one.numbers():
            assert number.estimate is None
            assert number.reason == one.reason != ""


def test_error_per_clifford_is_half_of_what_one_qubit_loses(tmp_path: Path) -> None:
    text = DECAY.replace("model: exponential", "model: rb, qubits: 2, fixed: {b: 0}").replace(
        "linspace: [1us, 100us, 10]", "linspace: [1, 10, 10]"
    )
    text = text.replace("input duration wait", "input float wait").replace("[wait]", "[wait * 1us]")
    for one, t1 in zip(fits_of(run_of(tmp_path, text), text), (20, 50), strict=True):
        p, epc = one.parameters["p"], one.parameters["epc"]
        assert abs(p.value - exp(-1 / t1)) < 4 * p.se
        assert epc.value == pytest.approx(0.75 * (1 - p.value))
        assert (epc.low, epc.high) == pytest.approx((0.75 * (1 - p.high), 0.75 * (1 - p.low)))
        assert epc.se == pytest.approx(0.75 * p.se)


def test_fits_are_no_part_of_what_is_bought() -> None:
    """A fit, whichever, changes no point's id."""
    plain = DECAY.replace("  fits: {t1: {model: exponential, x: wait, y: p1}}\n", "")
    assert plain != DECAY
    one, other = (
        [point.id for point in expand(parse_manifest(text)).points()] for text in (plain, DECAY)
    )
    assert one == other
