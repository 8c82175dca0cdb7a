"""Every mistake of a sweep, with its message."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from plan_making import CHAIN, PAIR, mistakes_of, plan_of

from qbatch.errors import SourceErrors
from qbatch.plan import expand_file, remarks

ALL = {"gamma": [0.5], "beta": [0.5]}


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            {"matrix": {**ALL, "gama": [1]}},
            "sweep axis 'gama' is no parameter of wave (beta, gamma); did you mean 'gamma'?",
        ),
        ({"matrix": {"gamma": [1]}}, "'wave' needs a value for its parameter beta"),
        (None, "'wave' needs a value for its parameters gamma, beta"),
        (
            {"matrix": {**ALL, "gamma": {"range": [0, 1e12, 1]}}},
            "more than 10,000,000 values",
        ),
        (
            {"zip": {"gamma": [1, 2, 3], "beta": {"linspace": [0, 1, 2]}}},
            "zipped axes differ in length: gamma 3, beta 2",
        ),
        ({"matrix": {**ALL, "shots": {"linspace": [0, 9, 3]}}}, "shots: 0 is no whole number"),
        (
            {"matrix": ALL, "exclude": [{"gamma": 0.7}]},
            "exclude matches no point: gamma is never 0.7 (it is 0.5)",
        ),
        (
            {
                "matrix": {"gamma": [1, 2], "beta": [1, 2]},
                "exclude": [{"gamma": 1}, {"beta": [3, 4]}],
            },
            "beta is never 3 or 4",
        ),
        (
            {"zip": {"gamma": [1, 2], "beta": [3, 4]}, "exclude": [{"gamma": 1, "beta": 4}]},
            "no point has all of these together",
        ),
        ({"matrix": ALL, "exclude": [{"gamma": 0.5}]}, "nothing is left of this sweep"),
        (
            {"matrix": ALL, "sample": {"where": {"gamma": 3}, "n": 1}},
            "where matches no point: gamma is never 3",
        ),
        (
            {"matrix": ALL, "overrides": [{"where": {"beta": 3}, "set": {"shots": 1}}]},
            "where matches no point: beta is never 3",
        ),
        (
            {
                "matrix": {"gamma": [1, 2], "beta": [0]},
                "exclude": [{"gamma": 2}],
                "overrides": [{"where": {"gamma": 2}, "set": {"shots": 1}}],
            },
            "where matches no point",
        ),
        (
            {"matrix": ALL, "overrides": [{"where": {"beta": 0.5}, "set": {"gama": 1}}]},
            "'gama' is no parameter of wave",
        ),
        (
            {"matrix": ALL, "include": [{"gamma": 1}]},
            "include takes whole points: 'wave' needs its parameter beta",
        ),
        (  # P11: it said "has true twice"
            {"matrix": {**ALL, "gamma": [1, True]}},
            "gamma has 1 and true, which are equal; keep one of them",
        ),
        ({"matrix": {**ALL, "gamma": ["a"]}}, "gamma of 'wave' takes numbers; 'a' is none"),
        ({"matrix": {**ALL, "gamma": [True]}}, "gamma of 'wave' takes numbers; True is none"),
    ],
)
def test_a_mistake_is_told_at_its_place_with_the_remedy(sweep, message: str) -> None:
    found = mistakes_of(sweep)
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("m.yaml:")


def test_a_matrix_of_a_million_million_points_is_refused_at_once() -> None:
    axis = {"linspace": [0, 1, 1_000_000]}
    start = time.process_time()
    found = mistakes_of({"matrix": {"gamma": axis, "beta": axis}})
    assert "1000000000000 points are too many (at most 10000000" in found[0]
    assert time.process_time() - start < 1.0


def test_repeats_and_several_sweeps_count_towards_the_limit() -> None:
    axis = {"linspace": [0, 1, 3000]}
    assert (
        "18000000 points" in mistakes_of({"matrix": {"gamma": axis, "beta": axis}, "repeat": 2})[0]
    )
    sweeps = [{"matrix": {"gamma": axis, "beta": axis}, "seed": seed} for seed in (1, 2)]
    assert "18000000 points in all" in mistakes_of(sweeps)[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = mistakes_of(
        [
            {"matrix": {"gama": [1], "beta": [1], "gamma": [1]}},
            {"matrix": ALL, "exclude": [{"gamma": 3}]},
        ]
    )
    assert len(found) == 2
    assert "gama" in found[0]
    assert "gamma is never 3" in found[1]


@pytest.mark.parametrize(
    ("sweep", "count"),
    [
        ([{"matrix": ALL}, {"matrix": ALL}], 1),
        ([{"matrix": {**ALL, "gamma": [1, 2]}}, {"matrix": {**ALL, "gamma": [2.0, 3]}}], 1),
        ({"matrix": ALL, "include": [{"gamma": 0.5, "beta": 0.5}]}, 1),
        (
            {
                "matrix": {**ALL, "shots": [1, 2, 3]},
                "overrides": [{"where": {"shots": [2, 3]}, "set": {"shots": 1}}],
            },
            2,
        ),
    ],
)
def test_a_repeated_point_is_told_with_both_places(sweep, count: int) -> None:
    """P10: one place was named twice, and no partner."""
    found = mistakes_of(sweep)
    assert len(found) == 1 or count > 1
    assert "is made twice, here and at m.yaml:" in found[0]


def test_a_repeated_point_in_an_include_names_both_lines() -> None:
    point = {"gamma": 3, "beta": 4}
    (found,) = mistakes_of(
        {"matrix": ALL, "include": [point, {"gamma": 1, "beta": 1}, dict(point)]}
    )
    assert found.split(":")[1] != found.rsplit("m.yaml:", 1)[1].split(":")[0]


def test_shots_as_an_axis_and_as_a_number_are_not_mixed_under_one_name() -> None:
    matrix = {"gamma": [1], "beta": [1], "shots": [100, 200]}
    same, other = ({"gamma": 1, "beta": 1, "shots": shots} for shots in (100, 9))
    found = mistakes_of({"matrix": matrix, "include": [same]})
    assert "gamma=1,beta=1,shots=100 is made twice" in found[0]
    assert not mistakes_of({"matrix": matrix, "include": [other]})


def test_many_repeated_points_are_counted() -> None:
    sweep = {"matrix": {"gamma": {"linspace": [0, 1, 50]}, "beta": [0]}}
    found = mistakes_of([sweep, sweep])
    assert "45 more points are made twice" in " ".join(found)


def test_a_circuit_without_measurement_is_refused() -> None:
    text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\ncreg c[1];\nh q[0];\n'
    (found,) = mistakes_of(None, circuits={"none": {"qasm": text}})
    assert "circuit 'none' measures nothing; add a measurement" in found


def test_a_circuit_whose_measurement_goes_nowhere_is_told_where() -> None:
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\nbit c;\nh q;\nmeasure q;\n'
    (found,) = mistakes_of(None, circuits={"lost": {"qasm": text}})
    assert "circuit 'lost' measures nothing that is kept: what is measured in its line 6" in found


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        ({"observables": {"z": "Z0 Z2"}}, "the circuit has the classical bits 0 to 1"),
        ({"probabilities": {"p": "111"}}, "(circuit 'pair')"),
        ({"distribution": {"target": {"000": 1.0}}}, "(circuit 'pair')"),
    ],
)
def test_an_analysis_that_does_not_fit_the_circuit_is_refused(analysis, message) -> None:
    (found,) = mistakes_of(None, circuits={"pair": {"qasm": PAIR}}, analysis=analysis)
    assert message in found


def test_a_check_at_a_point_that_is_not_there_is_refused() -> None:
    (found,) = mistakes_of(
        {"matrix": {"shots": [100, 200]}},
        circuits={"pair": {"qasm": PAIR}},
        analysis={"observables": {"z": "Z0"}},
        checks=[{"that": "z > 0", "where": {"shots": 300}}],
    )
    assert "where matches no point: shots is never 300" in found


def test_a_where_that_an_override_leaves_without_points_is_left_out_and_said() -> None:
    """P7: `-S shots=100` on a manifest whose check names 10000 was refused."""
    sweep = {
        "matrix": {"shots": [100, 200]},
        "overrides": [{"where": {"shots": 200}, "set": {"shots": 7}}],
        "exclude": [{"shots": 200}],
    }
    made = plan_of(
        {**sweep, "exclude": []},
        circuits={"pair": {"qasm": PAIR}},
        analysis={"observables": {"z": "Z0"}},
        checks=[{"that": "z > 0", "where": {"shots": 200}}],
        report={"plots": [{"x": "shots", "y": "z", "where": {"shots": 200}}]},
        flags=["sweep.matrix.shots=100"],
    )
    assert made.num_points == 1
    assert [remark.split(":")[0] for remark in remarks(made)] == [
        "left out with -S sweep.matrix.shots=100"
    ] * 3
    assert "where matches no point: shots is never 200" in remarks(made)[-1]
    unknown = mistakes_of(
        {**sweep, "overrides": [{"where": {"shoots": 1}, "set": {"shots": 7}}], "exclude": []},
        circuits={"pair": {"qasm": PAIR}},
        flags=["sweep.matrix.shots=100"],
    )
    assert "did you mean 'shots'?" in unknown[0]


def test_an_override_that_changes_included_points_is_told() -> None:
    """P33: it did so silently."""
    point = {"circuit": "wave", "backend": "sim", "beta": 1}
    sweep = {
        "matrix": {"gamma": [0, 1], "beta": [1]},
        "include": [{**point, "gamma": 2}, {**point, "gamma": 3}, {**point, "gamma": 4}],
    }
    change = {"where": {"gamma": [1, 2, 3]}, "set": {"shots": 7}}
    (told,) = remarks(plan_of({**sweep, "overrides": [change]}))
    assert told.endswith("this override changes 2 included points too")
    assert not remarks(plan_of({**sweep, "overrides": [{**change, "where": {"gamma": 1}}]}))


def test_a_check_may_ask_for_what_an_override_sets() -> None:
    plan_of(
        {"matrix": {"shots": [100]}, "overrides": [{"where": {"shots": 100}, "set": {"shots": 7}}]},
        circuits={"pair": {"qasm": PAIR}},
        analysis={"observables": {"z": "Z0"}},
        checks=[{"that": "z > -2", "where": {"shots": 7}}],
    )


def test_values_a_hair_apart_match_a_where() -> None:
    sweep = {
        "matrix": {"gamma": {"linspace": [0, 0.3, 4]}, "beta": [0]},
        "exclude": [{"gamma": 0.1}],
    }
    assert plan_of(sweep).num_points == 3


def test_a_file_with_unknown_circuits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("circuit,gamma\nwave,1\nwafe,2\n", "utf-8")
    columns = {name: {"from": {"file": "a.csv", "column": name}} for name in ("circuit", "gamma")}
    (found,) = mistakes_of({"zip": columns, "matrix": {"beta": [0]}}, folder=tmp_path)
    assert "there is no circuit 'wafe' (wave); did you mean 'wave'?" in found


def test_a_calibration_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    noisy = {"sim": {"provider": "local", "noise": {"calibration": "none.json"}}}
    (found,) = mistakes_of({"matrix": ALL}, folder=tmp_path, backends=noisy)
    assert "cannot read calibration file 'none.json'" in found


def test_a_template_that_fails_at_one_value_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "chain.j2").write_text(CHAIN, "utf-8")
    circuits = {"chain": {"template": "chain.j2"}}
    found = mistakes_of({"matrix": {"n": [2, -1]}}, folder=tmp_path, circuits=circuits)
    assert len(found) == 1
    assert "chain.j2: at 3:8 of the text it makes with n=-1" in found[0]


def test_an_excluded_value_is_never_rendered(tmp_path: Path) -> None:
    (tmp_path / "chain.j2").write_text(CHAIN, "utf-8")
    sweep = {"matrix": {"n": [2, -1]}, "exclude": [{"n": -1}]}
    plan = plan_of(sweep, folder=tmp_path, circuits={"chain": {"template": "chain.j2"}})
    assert plan.num_points == 1


TEMPLATE = (
    "qubit[{{ n }}] q; bit[{{ n }}] c;\n{% for i in range(n) %}U(0, 0, 0) q[{{ i }}];{% endfor %}"
)
FUNCTION = """\
def build(n, angle=0.1):
    if n > 3:
        raise ValueError("too many")
    return f"qubit[{n}] q; bit[{n}] c; U({angle}, 0, 0) q[0];"
"""
MADE = """\
qbatch: 1
name: made
circuits:
  c:
    SOURCE
    with: {WITH}
backends: {sim: {provider: local}}
sweep: {matrix: {AXES}}
"""
IN_TEMPLATE, IN_FUNCTION = "template: t.qasm.j2", "python: c.py:build"


@pytest.mark.parametrize("source", [IN_TEMPLATE, IN_FUNCTION])
@pytest.mark.parametrize(
    ("given", "axes", "expected"),
    [
        ("n: 2, m: 3", "", ["m.yaml:6:18: 'with' gives 'm', which is no argument of FILE (NAMES)"]),
        (
            "m: 3, k: 3",
            "n: [2]",
            ["m.yaml:6:12: 'with' gives 'm'", "m.yaml:6:18: 'with' gives 'k'"],
        ),
        ("", "", ["m.yaml:6:5: circuit 'c' needs a value for 'n'; sweep it or give it in 'with'"]),
    ],
)
def test_what_with_gives_wrongly_is_told_at_its_place(
    tmp_path: Path, source: str, given: str, axes: str, expected: list[str]
) -> None:
    file = source.split()[1].removesuffix(":build")
    names = "angle, n" if source == IN_FUNCTION else "n"
    wanted = [text.replace("FILE", file).replace("NAMES", names) for text in expected]
    told = made_mistakes(tmp_path, source, given, axes)
    assert len(told) == len(wanted)
    assert all(line.startswith(text) for line, text in zip(told, wanted, strict=True)), told


@pytest.mark.parametrize(
    ("source", "given", "axes", "expected"),
    [
        (IN_FUNCTION, "", "n: [2, 4]", "c.py:3: with n=4: ValueError: too many"),
        (
            IN_FUNCTION,
            "angle: 0.5",
            "n: [3, 4]",
            "c.py:3: with angle=0.5, n=4: ValueError: too many; angle is given at m.yaml:6:12",
        ),
        (
            IN_FUNCTION,
            "angle: x, n: y",
            "",
            "c.py:2: with angle=x, n=y: TypeError: '>' not supported between instances of 'str' and"
            " 'int'; angle, n are given at m.yaml:6:5",
        ),
        (
            IN_TEMPLATE,
            "n: 2.5",
            "",
            "t.qasm.j2:2: with n=2.5: 'float' object cannot be interpreted as an integer; "
            "n is given at m.yaml:6:12",
        ),
        (
            IN_FUNCTION,
            "n: 2",
            "angle: [nothing]",
            "c.py: at 1:25 of the text it makes with angle=nothing, n=2: 'nothing' is not defined "
            "as a value; define it above; n is given at m.yaml:6:12",
        ),
    ],
)
def test_what_a_circuit_cannot_be_made_of_is_told_with_its_values(
    tmp_path: Path, source: str, given: str, axes: str, expected: str
) -> None:
    assert made_mistakes(tmp_path, source, given, axes) == [expected]


def made_mistakes(folder: Path, source: str, given: str, axes: str) -> list[str]:
    (folder / "t.qasm.j2").write_text(TEMPLATE)
    (folder / "c.py").write_text(FUNCTION)
    text = MADE.replace("SOURCE", source).replace("WITH", given).replace("AXES", axes)
    (folder / "m.yaml").write_text(text)
    with pytest.raises(SourceErrors) as caught:
        expand_file(folder / "m.yaml", trust=True)
    return [str(one).replace(f"{folder}/", "") for one in caught.value.exceptions]
