"""P28: a number with a unit of time is a number of seconds, wherever a manifest takes values."""

import pickle

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest

HEAD = """\
qbatch: 1
name: test
vars: {step: 5ns}
circuits: {t: {template: t.qasm.j2, with: {hold: 3us}}}
backends: {ideal: {provider: local}}
"""


def read(sweep: str, more: str = "") -> Manifest:
    return parse_manifest(f"{HEAD}sweep: {sweep}\n{more}")


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("[80us, 5ns, 0.1 ms, 1s, 0]", (8e-5, 5e-9, 1e-4, 1.0, 0)),
        ("[0.0, 80µs]", (0.0, 8e-5)),
        ("['80us', \"5ns\"]", ("80us", "5ns")),
        ("[80usec, 8 0us, us, µ]", ("80usec", "8 0us", "us", "µ")),
        ("[step, 2*step, 7ns]", (5e-9, 1e-8, 7e-9)),
    ],
)
def test_unquoted_values_with_a_unit_are_seconds(written: str, values: tuple[object, ...]) -> None:
    assert read(f"{{matrix: {{tau: {written}}}}}").sweeps[0].matrix["tau"].values == values


def test_ends_of_a_spacing_are_seconds_too() -> None:
    axes = read(
        "{matrix: {a: {linspace: [0us, 100us, 3]}, b: {geomspace: [1ns, 1ms, 4]},"
        " c: {range: [0s, 5ns, 1ns]}, d: {random: {min: 1us, max: 2us, n: 2}}}}"
    ).sweeps[0]
    assert axes.matrix["a"].linspace == (0.0, 1e-4, 3)
    assert axes.matrix["b"].geomspace == (1e-9, 1e-3, 4)
    assert axes.matrix["c"].range == (0.0, 5e-9, 1e-9)
    drawn = axes.matrix["d"].random
    assert drawn is not None
    assert (drawn.min, drawn.max) == (1e-6, 2e-6)


def test_wheres_points_and_arguments_take_times() -> None:
    made = read(
        "{matrix: {tau: [1us, 2us]}, exclude: [{tau: 2us}], include: [{tau: 7us, circuit: t,"
        " backend: ideal}], overrides: [{where: {tau: 1us}, set: {hold: 4us}}]}"
    )
    sweep = made.sweeps[0]
    assert sweep.exclude[0] == {"tau": 2e-6}
    assert sweep.include[0]["tau"] == 7e-6
    assert sweep.overrides[0].set == {"hold": 4e-6}
    assert made.circuits["t"].arguments == {"hold": 3e-6}
    assert made.vars == {"step": 5e-9}


def test_a_setting_that_is_no_time_is_left_to_its_own_rules() -> None:
    made = read("{matrix: {noise.readout: [5us], options.max_idle: [90s], circuit: [t]}}")
    assert made.sweeps[0].matrix["noise.readout"].values == ("5us",)
    assert made.sweeps[0].matrix["options.max_idle"].values == ("90s",)
    assert made.times == frozenset()


def test_axes_of_times_have_seconds_as_their_unit() -> None:
    made = read(
        "[{matrix: {a: [1us, 0.0], b: [1, 2], c: {linspace: [0, 1s, 3]}, d: ['1us']}},"
        " {zip: {e: [1ns], noise.thermal_relaxation.t1: [3]}}]",
        "report: {units: {c: s, b: Hz}}\n",
    )
    t1 = "noise.thermal_relaxation.t1"
    assert made.times == {"a", "c", "e", t1}
    assert made.units == {"a": "s", "b": "Hz", "c": "s", "e": "s", t1: "s"}
    again = pickle.loads(pickle.dumps(made))
    assert again.units == made.units


TIMED = (
    "analysis:\n  probabilities: {p: '1'}\n"
    "  fits: {t1: {model: exponential, x: wait, y: p}, r: {model: damped_cosine, x: wait, y: p},"
    " of: {model: exponential, x: n, y: p}}\n"
    "  derived: {best: 'argmax(p, over=wait)', half: 'best / 2'}\n"
)


def timed(units: str) -> Manifest:
    return read(
        "{matrix: {wait: [0, 5us, 9us], n: [1, 2]}}", f"{TIMED}report: {{units: {units}}}\n"
    )


@pytest.mark.parametrize(
    ("name", "unit", "said"),
    [
        ("wait", "us", "the values of wait are seconds; write s"),
        ("wait", "µs", "the values of wait are seconds; write s"),
        ("t1.tau", "us", "the values of t1.tau are seconds; write s"),
        ("r.f", "kHz", "the values of r.f are one over seconds; write Hz"),
        ("best", "us", "the values of best are seconds; write s"),
    ],
)
def test_no_unit_but_seconds_stands_over_values_in_seconds(name: str, unit: str, said: str) -> None:
    """`t1.tau: us` made 50 µs into 50·10⁻⁶ µs."""
    with pytest.raises(SourceErrors) as caught:
        timed(f"{{{name}: {unit}, p: us}}")
    (told,) = map(str, caught.value.exceptions)
    assert f"report.units.{name}" in told
    assert f"'{unit}' converts nothing, and {said}" in told


def test_units_of_what_is_in_seconds_or_in_nothing_known_are_taken() -> None:
    given = "{wait: s, t1.tau: s, r.f: 1/s, best: s, half: us, n: V, of.tau: mV, t1.a: V, p: m}"
    assert timed(given).units["t1.tau"] == "s"


def test_a_kept_manifest_with_another_unit_is_read_and_is_in_seconds() -> None:
    """It was taken before: its run is still to be read, with the unit that its values have."""
    text = timed("{wait: s}").text.replace("{wait: s}", "{wait: us}")
    assert parse_manifest(text, sums={}).units["wait"] == "s"


def test_what_stands_twice_in_two_units_is_told() -> None:
    with pytest.raises(SourceErrors) as caught:
        read("{matrix: {tau: [1us, 1000ns]}}")
    assert "stands twice on this axis" in str(caught.value.exceptions[0])


def test_a_column_named_like_a_time_is_a_name() -> None:
    for column in ("'10us'", "10us"):
        made = read(f"{{matrix: {{a: {{from: {{file: d.csv, column: {column}}}}}}}}}")
        found = made.sweeps[0].matrix["a"].from_file
        assert found is not None
        assert found.column == "10us"
        assert made.times == frozenset()


def test_ends_in_quotes_are_no_times() -> None:
    with pytest.raises(SourceErrors) as caught:
        read("{matrix: {a: {linspace: [0, '10us', 3]}, b: {random: {min: 0, max: '1s', n: 2}}}}")
    told = [str(error) for error in caught.value.exceptions]
    assert "'10us' is in quotes, and so a string" in told[0]
    assert "'1s' is in quotes, and so a string" in told[1]


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ("matrix: {t: [20us, 50, 0us]}", "6:28: sweep.matrix.t[1]: 50 has no unit, and 20us"),
        ("zip: {t: [50, 0, 20us]}", "sweep.zip.t[0]: 50 has no unit, and 20us beside it has one"),
        ("matrix: {t: [20us, 2*25]}", "'2*25' has no unit"),
        ("matrix: {t: {linspace: [0us, 50, 3]}}", "50 has no unit, and 0us"),
        ("matrix: {t: {range: [0, 20us, 5]}}", "5 has no unit, and 20us"),
        ("matrix: {t: {random: {min: 1us, max: 2, n: 5}}}", "2 has no unit, and 1us"),
        (
            "matrix: {noise.thermal_relaxation.t1: {linspace: [20us, 50, 3]}}",
            "50 has no unit, and 20us",
        ),
        (
            "matrix: {t: [20us]}, include: [{t: 50, circuit: t, backend: ideal}]",
            "sweep.include[0].t: 50 has no unit, and 20us",
        ),
        (
            "matrix: {t: [20us]}, overrides: [{where: {t: 20us}, set: {t: 50}}]",
            "sweep.overrides[0].set.t: 50 has no unit, and 20us",
        ),
        ("matrix: {t: {range: [0us, 100us]}}", "a range of times needs its step"),
        (
            "matrix: {t: [1s, 2s, 2p]}",
            "'2p' is no time, and 1s beside it is read as 1 second; write \"1s\" in quotes if",
        ),
        ("matrix: {t: ['80us', 5ns]}", "'80us' is no time, and 5ns beside it"),
        ("matrix: {t: [80us, true]}", "true is no time, and 80us"),
    ],
)
def test_an_axis_of_times_has_nothing_else(sweep: str, told: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        read(f"{{{sweep}}}")
    (mistake,) = caught.value.exceptions
    assert told in str(mistake)


def test_wheres_may_name_times_by_their_seconds() -> None:
    made = read("{matrix: {t: [20us, 50us]}, exclude: [{t: 2e-5}]}")
    assert made.sweeps[0].exclude[0] == {"t": 2e-5}
    made = read("{matrix: {t: [2e-5, 5e-5]}, exclude: [{t: 20us}]}")
    assert made.sweeps[0].exclude[0] == {"t": 2e-5}
    assert made.times == frozenset()
