"""P27: axes that are settings of backends: which points there are, and what is refused.

The independent answer is the same experiment written by hand: a backend for each value.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plan_making import PAIR, ids, manifest_text, mistakes_of, names, plan_of

from qbatch.errors import SourceErrors
from qbatch.job import JobState
from qbatch.plan import Plan, differences, expand_file, load_plan, reasons, save_plan, select
from qbatch.plan.pinning.had import Had
from qbatch.plan.pinning.reasons import Stored
from qbatch.providers import Target

CIRCUITS = {"pair": {"qasm": PAIR}}
LOCAL: dict[str, Any] = {"provider": "local"}
OQC: dict[str, Any] = {"provider": "oqc", "target": "qpu:uk:2:d865b5a184"}
IDEAL_AND_NOISY = {
    "ideal": LOCAL,
    "noisy": {**LOCAL, "noise": {"depolarizing": {"two_qubit": 0.1}}},
}

probability = st.floats(0, 1, allow_subnormal=False)
#: Provider, what the manifest says of the backend, path of an axis, its values.
SETTINGS = st.one_of(
    st.tuples(
        st.just(LOCAL),
        st.sampled_from(
            [{}, {"noise": {"readout": 0.5}}, {"noise": {"depolarizing": {"one_qubit": 0.01}}}]
        ),
        st.sampled_from(
            ["noise.readout", "noise.depolarizing.two_qubit", "noise.depolarizing.one_qubit"]
        ),
        st.lists(probability, min_size=1, max_size=4, unique=True),
    ),
    st.tuples(
        st.just(LOCAL),
        st.sampled_from([{}, {"transpile": {"optimization_level": 1}}, {"transpile": {"seed": 3}}]),
        st.sampled_from(["transpile.optimization_level"]),
        st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    ),
    st.tuples(
        st.just(LOCAL),
        st.sampled_from([{}, {"options": {"precision": "double"}}]),
        st.just("options.method"),
        st.just(["automatic", "statevector", "density_matrix"]),
    ),
    st.tuples(
        st.just(OQC),
        st.sampled_from([{}, {"options": {"tket": "two", "error_mitigation": "none"}}]),
        st.just("options.error_mitigation"),
        st.lists(st.sampled_from(["none", "matrix", "linear"]), min_size=1, unique=True),
    ),
)


def by_hand(backend: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The backend with one setting written into it."""
    part, *keys, last = path.split(".")
    found = {**backend, part: {**backend.get(part, {})}}
    inner = found[part]
    for key in keys:
        inner[key] = {**inner.get(key, {})}
        inner = inner[key]
    inner[last] = value
    return found


@given(SETTINGS, st.integers(0, 2**40), st.integers(1, 2))
def test_a_point_is_what_the_same_backend_written_by_hand_gives(setting, seed, repeat) -> None:
    provider, said, path, values = setting
    backend = {**provider, **said}
    common = {"seed": seed, "repeat": repeat, "order": "as-written"}
    swept = plan_of(
        {"matrix": {path: values}, **common}, circuits=CIRCUITS, backends={"d": backend}
    )
    written = [
        plan_of(common, circuits=CIRCUITS, backends={"d": by_hand(backend, path, value)})
        for value in values
    ]
    assert ids(swept) == [id_ for plan in written for id_ in ids(plan)]
    assert len({*ids(swept)}) == len(values) * repeat
    orders = [swept.order_of(point) for point in swept.points()]
    assert [dict(order.settings)[tuple(path.split("."))] for order in orders] == [
        value for value in values for _ in range(repeat)
    ]


def test_points_are_named_by_the_path_and_have_its_value() -> None:
    plan = plan_of({"matrix": {"noise.readout": [0, 0.1]}}, circuits=CIRCUITS)
    assert names(plan) == ["noise.readout=0", "noise.readout=0.1"]
    assert [point.parameters for point in plan.points()] == [
        (("noise.readout", 0),),
        (("noise.readout", 0.1),),
    ]


def readouts(plan: Plan) -> Counter[tuple[str, Any]]:
    """(backend, the readout error that its setting says) -> points."""
    return Counter(
        (point.backend, plan.setting(point.setting)["backend"].get("noise", {}).get("readout"))
        for point in plan.points()
    )


@pytest.mark.parametrize("order", ["interleave", "as-written", "random"])
@pytest.mark.parametrize("part", ["matrix", "zip"])
def test_points_of_other_backends_are_there_once(order: str, part: str) -> None:
    sweep = {part: {"backends.noisy.noise.readout": [0.1, 0.2, 0.3]}, "order": order, "repeat": 2}
    plan = plan_of(sweep, circuits=CIRCUITS, backends=IDEAL_AND_NOISY)
    noisy = {("noisy", value): 2 for value in (0.1, 0.2, 0.3)}
    assert readouts(plan) == {("ideal", None): 2, **noisy}
    assert plan.num_points == 8 == len({*ids(plan)})
    ideal = [point for point in plan.points() if point.backend == "ideal"]
    assert {point.name for point in ideal} == {"backend=ideal", "backend=ideal#2"}
    assert all(not point.parameters for point in ideal)


@given(st.lists(st.integers(0, 3), min_size=3, max_size=3), st.sampled_from(["matrix", "zip"]))
def test_what_tells_points_of_other_backends_apart_keeps_them(gammas: list[int], part: str) -> None:
    """The axis of one backend beside another axis: each point of the other once for that axis."""
    values = [0.1, 0.2, 0.3]
    axis = {"backends.b.noise.readout": values}
    if part == "zip":
        sweep: dict[str, Any] = {"zip": {"gamma": gammas, **axis}}
        b = set(zip(gammas, values, strict=True))
    else:
        gammas = sorted(set(gammas))
        sweep = {"matrix": {"gamma": gammas, **axis}}
        b = set(product(gammas, values))
    plan = plan_of(
        {**sweep, "matrix": {**sweep.get("matrix", {}), "beta": [0]}},
        backends={"a": LOCAL, "b": LOCAL},
    )
    found = [(point.backend, dict(point.parameters)) for point in plan.points()]
    assert Counter(p["gamma"] for name, p in found if name == "a") == Counter(set(gammas))
    assert {(p["gamma"], p["backends.b.noise.readout"]) for name, p in found if name == "b"} == b
    assert len(found) == len({*gammas}) + len(b) == plan.num_points


#: Axes, of all backends and of one; a matrix takes some of them, a zip others.
MIXED = (
    "gamma",
    "noise.depolarizing.one_qubit",
    "backends.a.noise.readout",
    "backends.b.noise.readout",
    "backends.b.noise.depolarizing.two_qubit",
)


@st.composite
def mixed_sweeps(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.permutations(MIXED))
    crossed = draw(st.integers(0, len(names)))
    length = draw(st.integers(1, 3))
    values = st.lists(st.sampled_from([0, 0.25, 0.5, 0.75]), unique=True)
    return {
        "matrix": {name: draw(values.filter(bool)) for name in names[:crossed]},
        "zip": {
            name: draw(st.lists(st.sampled_from([0, 0.5, 1]), min_size=length, max_size=length))
            for name in names[crossed:]
        },
        "order": draw(st.sampled_from(["interleave", "as-written", "random"])),
        "repeat": draw(st.integers(1, 2)),
    }


@given(mixed_sweeps())
def test_points_are_those_of_a_loop_over_backends_and_their_axes(sweep: dict[str, Any]) -> None:
    rows = [*zip(*sweep["zip"].values(), strict=True)] if sweep["zip"] else [()]
    assume(len({*rows}) == len(rows))  # else what is zipped stands twice, and is refused
    expected = set()
    for backend in "abc":
        for crossed in product(*sweep["matrix"].values()):
            for row in rows:
                values = dict(zip(sweep["matrix"], crossed, strict=True))
                values |= dict(zip(sweep["zip"], row, strict=True))
                mine = {
                    name: value
                    for name, value in values.items()
                    if not name.startswith("backends.") or name.startswith(f"backends.{backend}.")
                }
                expected.add((backend, frozenset(mine.items())))
    plan = plan_of(
        {**sweep, "matrix": {**sweep["matrix"], "beta": [0]}},
        backends={"a": LOCAL, "b": LOCAL, "c": LOCAL},
    )
    found = Counter(
        (point.backend, frozenset((n, v) for n, v in point.parameters if n != "beta"))
        for point in plan.points()
    )
    assert found == dict.fromkeys(expected, sweep["repeat"])
    assert plan.num_points == sum(found.values())


def test_two_backends_with_axes_of_their_own_do_not_multiply() -> None:
    sweep = {
        "matrix": {"backends.a.noise.readout": [0.1, 0.2], "backends.b.noise.readout": [0.3, 0.4]}
    }
    plan = plan_of(sweep, circuits=CIRCUITS, backends={"a": LOCAL, "b": LOCAL, "c": LOCAL})
    assert readouts(plan) == {
        ("a", 0.1): 1, ("a", 0.2): 1, ("b", 0.3): 1, ("b", 0.4): 1, ("c", None): 1,
    }  # fmt: skip


def test_a_where_on_the_axis_of_one_backend_means_no_point_of_another() -> None:
    axis = {"backends.noisy.noise.readout": [0.1, 0.2]}
    kept = plan_of(
        {"matrix": axis, "exclude": [{"backends.noisy.noise.readout": 0.1}]},
        circuits=CIRCUITS,
        backends=IDEAL_AND_NOISY,
    )
    assert readouts(kept) == {("ideal", None): 1, ("noisy", 0.2): 1}
    many = plan_of(
        {
            "matrix": axis,
            "overrides": [{"where": {"backends.noisy.noise.readout": 0.1}, "set": {"shots": 7}}],
        },
        circuits=CIRCUITS,
        backends=IDEAL_AND_NOISY,
    )
    assert Counter((point.backend, point.shots) for point in many.points()) == {
        ("ideal", 1024): 1, ("noisy", 7): 1, ("noisy", 1024): 1,
    }  # fmt: skip


def test_included_points_and_overrides_set_backends_too() -> None:
    plan = plan_of(
        {
            "matrix": {"backend": ["noisy"], "noise.readout": [0.1, 0.2]},
            "include": [{"backend": "noisy"}, {"backend": "ideal", "noise.readout": 0.5}],
            "overrides": [{"where": {"noise.readout": 0.2}, "set": {"noise.readout": 0.25}}],
        },
        circuits=CIRCUITS,
        backends=IDEAL_AND_NOISY,
    )
    assert readouts(plan) == {
        ("noisy", 0.1): 1, ("noisy", 0.25): 1, ("noisy", None): 1, ("ideal", 0.5): 1,
    }  # fmt: skip


def test_a_composite_job_holds_one_setting() -> None:
    plan = plan_of(
        {"matrix": {"noise.readout": [0, 0.1, 0.2], "shots": [1, 2, 3]}}, circuits=CIRCUITS
    )
    target = Target("t", max_jobs=100)
    batches = [*plan.composites({"sim": target})]
    assert [len({order.settings for order in batch.orders}) for batch in batches] == [1, 1, 1]
    assert sum(len(batch.orders) for batch in batches) == 9
    assert plan.summary({"sim": target}).composite_jobs == 3


def test_a_backend_need_not_be_whole_where_an_axis_makes_it_so() -> None:
    backends = {"d": {**LOCAL, "noise": {"thermal_relaxation": {"t2": "30us"}}}}
    sweep = {"matrix": {"noise.thermal_relaxation.t1": ["20us", "0.1ms", 5e-5]}}
    plan = plan_of(sweep, circuits=CIRCUITS, backends=backends)
    noise = [plan.setting(p.setting)["backend"]["noise"] for p in plan.points()]
    assert [each["thermal_relaxation"]["t1"] for each in noise] == [2e-5, 1e-4, 5e-5]
    [mistake] = mistakes_of(circuits=CIRCUITS, backends=backends)
    assert "t1 is missing" in mistake


def test_of_a_manifest_that_is_wrong_elsewhere_no_axis_is_told_as_missing(tmp_path: Path) -> None:
    """What is wrong by itself is told at once; what an axis may say is not."""
    file = tmp_path / "m.yaml"
    backends = {
        "d": {**LOCAL, "noise": {"thermal_relaxation": {"t2": "30us"}}},
        "e": {**LOCAL, "noise": {"readuot": 0.1}},
    }
    sweep = {"matrix": {"backends.d.noise.thermal_relaxation.t1": ["20us"]}}
    file.write_text(manifest_text(sweep, circuits=CIRCUITS, backends=backends, shots=0))
    with pytest.raises(SourceErrors) as caught:
        expand_file(file)
    told = [error.problem for error in caught.value.exceptions]
    assert len(told) == 2
    assert "unknown key 'readuot'" in told[0]
    assert "0 is too few" in told[1]


@pytest.mark.parametrize(
    ("matrix", "backends", "told"),
    [
        (
            {"noise.readuot": [0.1]},
            None,
            ["noise.readuot: unknown key 'readuot'", "did you mean 'readout'"],
        ),
        ({"noise.readout": [0.1, 1.5]}, None, ["noise.readout: 1.5 is no probability"]),
        ({"noise.depolarizing.two_qubit": [2]}, None, ["2 is too large; write 1.0 or less"]),
        (
            {"noise.depolarizing.two_qubits": [0.1]},
            None,
            ["unknown key 'two_qubits'", "did you mean 'two_qubit'"],
        ),
        ({"options.statevector": [1]}, None, ["options.statevector: 1 is neither true nor false"]),
        ({"options.method": ["statevectr"]}, None, ["did you mean 'statevector'"]),
        ({"transpile.sede": [1]}, None, ["unknown key 'sede'", "did you mean 'seed'"]),
        ({"transpile.optimization_level": [0, 4]}, None, ["4 is too large; write 3 or less"]),
        (
            {"noise.readout.p01": [0.1]},
            {"d": {**LOCAL, "noise": {"readout": 0.1}}},
            ["is one value there", "write it as a map"],
        ),
        (
            {"noise.readout": [0.1]},
            {"d": LOCAL, "q": OQC},
            [
                "noise.readout: noise is for provider local",
                "backend 'q', oqc, at m.yaml:2",
                "write backends.NAME.noise.readout",
            ],
        ),
        (
            {"options.tket": ["one"]},
            {"d": LOCAL, "q": OQC},
            ["unknown key 'tket'", "backend 'd', local, at m.yaml:2"],
        ),
        ({"transpile.seed": [1]}, {"q": OQC}, ["oqc compiles programs itself", "backend 'q'"]),
        (
            {"options.organization": ["a"]},
            {"q": {"provider": "open-quantum", "target": "x"}},
            ["says whose account it is"],
        ),
        (
            {"noise.readout": [0.1], "backends.d.noise.readout": [0.2]},
            {"d": LOCAL},
            ["both set noise.readout of backend 'd'; keep one of them"],
        ),
        ({"noise.readout": [0.1], "noise.readout.p01": [0.2]}, None, ["both set noise.readout"]),
        (
            {"backends.q.options.tket": ["one"], "backend": ["d"]},
            {"d": LOCAL, "q": OQC},
            ["no point of this sweep is of backend 'q' (d)"],
        ),
        (
            {"nose.readout": [1]},
            None,
            ["sweep.matrix.nose.readout", "is no axis", "did you mean 'noise.readout'"],
        ),
        (
            {"backends.sim.optoins.method": ["stim"]},
            None,
            ["is no axis", "did you mean 'backends.sim.options.method'"],
        ),
        (
            {"backends.smi.noise.readout": [1]},
            None,
            ["is a setting of no backend; there are sim; did you mean 'sim'"],
        ),
        ({"noise.thermal_relaxation.t1": ["80 parsecs"]}, None, ["is no time; write 80us"]),
    ],
)
def test_what_a_backend_cannot_be_set_to_is_refused_at_its_value(
    matrix: dict[str, Any], backends: Any, told: list[str]
) -> None:
    found = mistakes_of({"matrix": matrix}, circuits=CIRCUITS, backends=backends)
    assert found
    for text in told:
        assert any(text in mistake for mistake in found), found


def test_of_a_spacing_that_is_wrong_in_many_values_a_few_are_told() -> None:
    found = mistakes_of({"matrix": {"noise.readout": {"linspace": [0, 2, 101]}}}, circuits=CIRCUITS)
    assert len(found) == 4
    assert "1.02 is no probability" in found[0]
    assert "47 more values are wrong here" in found[3]


# -- held against what was -------------------------------------------------------------------------


def scan(readouts: Any, two_qubit: float = 0.01) -> Plan:
    noise = {"depolarizing": {"two_qubit": two_qubit}, "readout": 0.5}
    backends = {"d": {**LOCAL, "noise": noise}}
    return plan_of({"matrix": {"noise.readout": readouts}}, circuits=CIRCUITS, backends=backends)


def test_a_saved_plan_says_which_setting_has_changed(tmp_path: Path) -> None:
    save_plan(scan([0.1, 0.2]), tmp_path / "plan")
    saved = load_plan(tmp_path / "plan")
    assert differences(saved, scan([0.1, 0.2])) == []
    assert differences(saved, scan([0.1, 0.3])) == [
        "backends.d.noise.readout.1: 0.2 → 0.3",
        "new: noise.readout=0.3",
        "gone: noise.readout=0.2",
    ]
    assert differences(saved, scan([0.1, 0.2], 0.02)) == [
        "backends.d.noise.depolarizing.two_qubit: 0.01 → 0.02",
        "changed: noise.readout=0.1; noise.readout=0.2",
    ]


def test_a_changed_point_names_the_setting_once() -> None:
    old, new = scan([0.1, 0.2]), scan([0.1, 0.3])
    stored = {
        point.id: Stored(
            point.name,
            JobState.COMPLETED,
            point.shots,
            point.repeat,
            dict(point.parameters),
            partial(old.setting, point.setting),
            [Had(0, point.shots, JobState.COMPLETED)],
        )
        for point in old.points()
    }
    why = [str(reason) for reason in reasons(new, stored)]
    assert why == ["done", "changed: backend.noise.readout: 0.2 → 0.3"]


def test_what_was_bought_by_hand_is_not_bought_again_by_an_axis() -> None:
    hand = plan_of(circuits=CIRCUITS, backends={"d": {**LOCAL, "noise": {"readout": 0.1}}})
    axis = plan_of({"matrix": {"noise.readout": [0.1]}}, circuits=CIRCUITS, backends={"d": LOCAL})
    assert ids(hand) == ids(axis)


def test_a_time_is_chosen_as_it_was_written() -> None:
    axis = "noise.thermal_relaxation.t1"
    plan = plan_of(
        {"matrix": {axis: ["35us", "80us"]}},
        circuits=CIRCUITS,
        backends={"d": {**LOCAL, "noise": {"thermal_relaxation": {"t2": "20us"}}}},
    )
    for text, wanted in (("80us", [8e-5]), ("0.035ms", [3.5e-5]), ("8e-5", [8e-5])):
        is_meant = select(f"{axis}={text}", plan.axes, plan.manifest)
        assert [p.parameters[0][1] for p in plan.points() if is_meant(p)] == wanted


# -- chosen by -k ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("noise.readout=0.1", {0.1}),
        ("noise.readout>=0.1 and not noise.readout=0.3", {0.1, 0.2}),
        ("noise.readout<0.1 or noise.readout=3/10", {0.0, 0.3}),
        ("noise.readout=0.2,backend=sim", {0.2}),
    ],
)
def test_dotted_names_choose_points(expression: str, wanted: set[float]) -> None:
    plan = plan_of({"matrix": {"noise.readout": [0.0, 0.1, 0.2, 0.3]}}, circuits=CIRCUITS)
    is_meant = select(expression, plan.axes, plan.manifest)
    chosen = [dict(point.parameters) for point in plan.points() if is_meant(point)]
    assert {found["noise.readout"] for found in chosen} == wanted
    for point in plan.points():  # and a name chooses its point
        assert select(point.name, plan.axes, plan.manifest)(point)
