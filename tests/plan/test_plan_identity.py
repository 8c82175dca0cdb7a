from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import CHAIN, PAIR, WAVE, ids, plan_of

from qbatch.plan.identity import canonical_json, id_of, number_text, seed_of

SWEEP = {"matrix": {"gamma": [0.5, 1.5], "beta": [0.25]}, "seed": 7}


#: The words of `WAVE`, as the head of `circuit.qasm.content` says.
WORDS = [
    "OPENQASM 3.0", "include", '"stdgates.inc"', ";", "input", "float", "gamma", ";", "input",
    "float", "beta", ";", "qubit", "q", ";", "bit", "c", ";", "rx", "(", "gamma", ")", "q", ";",
    "rz", "(", "beta", ")", "q", ";", "c", "=", "measure", "q", ";",
]  # fmt: skip


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "last"), [({}, ""), ({"shots": 9}, ""), ({"matrix.shots": [300]}, ',"shots":300')]
)
def test_an_id_is_the_hash_of_the_documented_text(change: dict, last: str) -> None:
    sweep = copy.deepcopy(SWEEP)
    if axis := change.pop("matrix.shots", None):
        sweep["matrix"]["shots"] = axis
    point = next(plan_of(sweep, **change).points())
    circuit = sha256("".join(word + "\n" for word in WORDS))
    text = (
        '{"backend":{"provider":"local"},"circuit":"' + circuit + '","parameters":'
        '{"beta":0.25,"gamma":0.5},"repeat":1,"seed":7' + last + "}"
    )
    assert point.id == sha256(text)
    assert point.seed == int(point.id[16:32], 16) % 2**63


def test_the_settings_of_a_point_hash_to_its_id() -> None:
    plan = plan_of(
        {**SWEEP, "repeat": 2}, backends={"é": {"provider": "local", "noise": {"readout": 1.0}}}
    )
    for point in plan.points():
        assert id_of(plan.settings_of(point)) == point.id
        assert json.loads(plan.setting_text(point.setting)) == plan.setting(point.setting)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back_as_the_same_number(value: float) -> None:
    assert float(number_text(value)) == value
    assert canonical_json({"x": value}) == f'{{"x":{number_text(value)}}}'


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0.0, -0.0), (2**53, float(2**53))])
def test_equal_numbers_give_equal_ids(one: float, other: float) -> None:
    first, second = (
        plan_of({"matrix": {"gamma": [value], "beta": [0.5]}}) for value in (one, other)
    )
    assert ids(first) == ids(second)


def test_what_cannot_change_a_result_stays_out_of_the_id() -> None:
    plain = plan_of(SWEEP)
    other = plan_of(
        SWEEP,
        name="other",
        tags=["a"],
        description="words",
        circuits={"renamed": {"qasm": WAVE.replace("\n", "\r\n")}},
        backends={
            "renamed": {
                "provider": "local",
                "limits": {"workers": 1, "jobs": 3},
                "timeout": "6h",
                "options": {},
            }
        },
        analysis={"observables": {"z": "Z0"}},
        run={"max_in_flight": 3},
    )
    assert ids(plain) == ids(other)


@pytest.mark.parametrize(
    "change",
    [
        {"backends": {"sim": {"provider": "oqc", "target": "x"}}},
        {"backends": {"sim": {"provider": "local", "options": {"method": "statevector"}}}},
        {"backends": {"sim": {"provider": "local", "noise": {"readout": 0.1}}}},
        {"backends": {"sim": {"provider": "local", "transpile": {"optimization_level": 1}}}},
        {"circuits": {"wave": {"qasm": WAVE + "reset q;\n"}}},
        {"circuits": {"wave": {"qasm": WAVE.replace("rx", "ry")}}},
        {"circuits": {"wave": {"qasm": WAVE + "#pragma keep all\n"}}},
        {"circuits": {"wave": {"qasm": WAVE.replace("rx", "@verbatim\nrx")}}},
    ],
)
def test_what_can_change_a_result_changes_every_id(change: dict) -> None:
    assert set(ids(plan_of(SWEEP))).isdisjoint(ids(plan_of(SWEEP, **change)))


@pytest.mark.parametrize(
    "text",
    [
        WAVE + "// more\n",
        "/* a note\n   of two lines */" + WAVE,
        WAVE.replace("\n", "\n\n\t "),
        WAVE.replace(";\n", "; "),
        WAVE.replace("\n", "\r"),
        WAVE.replace('"', "'"),
        WAVE.replace("3.0", "3"),
        WAVE.removeprefix("OPENQASM 3.0;\n"),
        WAVE.replace("rx(gamma) q;", "rx  ( gamma )q ;// turn"),
    ],
)
def test_how_a_circuit_is_written_is_no_part_of_the_id(text: str) -> None:
    """M12: a comment or a blank line bought all points again."""
    other = plan_of(SWEEP, circuits={"wave": {"qasm": text}})
    assert text != WAVE
    assert ids(other) == ids(plan_of(SWEEP))
    point = next(other.points())
    assert other.order_of(point).circuit.text == text


def test_the_note_of_a_template_is_no_part_of_the_id(tmp_path: Path) -> None:
    """M12."""
    (tmp_path / "chain.j2").write_text(CHAIN, "utf-8")
    (tmp_path / "noted.j2").write_text("{# a note #}\n" + CHAIN + "\n{# more #}\n", "utf-8")
    one, two = (
        plan_of({"matrix": {"n": [2]}}, folder=tmp_path, circuits={"c": {"template": name}})
        for name in ("chain.j2", "noted.j2")
    )
    assert ids(one) == ids(two)


@pytest.mark.parametrize(
    "sweep",
    [
        {**SWEEP, "overrides": [{"where": {"gamma": [0.5, 1.5]}, "set": {"shots": 77}}]},
        {"matrix": {}, "include": [], "seed": 7},
    ],
)
def test_shots_as_a_number_are_no_part_of_the_id_or_seed(sweep: dict) -> None:
    if not sweep["matrix"]:
        points = [{"gamma": g, "beta": 0.25, "shots": 78} for g in (0.5, 1.5)]
        sweep = {**SWEEP, "include": points, "exclude": [{"gamma": [0.5, 1.5]}]}
    found, plain = list(plan_of(sweep).points()), list(plan_of(SWEEP).points())
    assert {point.shots for point in found} in ({77}, {78})
    assert [(p.id, p.seed) for p in found] == [(p.id, p.seed) for p in plain]


def test_the_values_of_a_shots_axis_are_experiments_of_their_own() -> None:
    axis = plan_of({"matrix": {"gamma": [0.5], "beta": [0.25], "shots": [100, 1024]}, "seed": 7})
    assert len({*ids(axis), ids(plan_of(SWEEP))[0]}) == 3
    zipped = plan_of(
        {"zip": {"gamma": [0.5], "shots": [100]}, "matrix": {"beta": [0.25]}, "seed": 7}
    )
    assert ids(zipped) == ids(axis)[:1]


def test_seed_and_repeat_are_part_of_the_id() -> None:
    plain = set(ids(plan_of(SWEEP)))
    assert plain.isdisjoint(ids(plan_of({**SWEEP, "seed": 8})))
    twice = ids(plan_of({**SWEEP, "repeat": 2}))
    assert len(set(twice)) == 4
    assert plain < set(twice)


def test_a_calibration_file_counts_by_its_content(tmp_path: Path) -> None:
    def with_file(name: str, text: str) -> list[str]:
        (tmp_path / name).write_text(text, "utf-8")
        noisy = {"sim": {"provider": "local", "noise": {"calibration": name}}}
        return ids(plan_of(SWEEP, folder=tmp_path, backends=noisy))

    first = with_file("a.json", '{"qubits": [{"t1": 1.0, "t2": 2}]}')
    assert with_file("b.json", '{"qubits": [{ "t2": 2.0,\n "t1": 1 }]}') == first
    assert with_file("a.json", '{"qubits": [{"t1": 1.5, "t2": 2}]}') != first


def test_a_template_counts_by_the_text_it_makes(tmp_path: Path) -> None:
    (tmp_path / "chain.j2").write_text(CHAIN, "utf-8")
    (tmp_path / "other.j2").write_text(CHAIN.replace("{{ n }}", "{{ m }}"), "utf-8")
    one = plan_of({"matrix": {"n": [2]}}, folder=tmp_path, circuits={"c": {"template": "chain.j2"}})
    two = plan_of({"matrix": {"m": [2]}}, folder=tmp_path, circuits={"c": {"template": "other.j2"}})
    assert ids(one) == ids(two)


@given(st.permutations(["gamma", "beta", "shots", "backend"]))
def test_the_order_of_axes_and_keys_changes_no_id(order: list[str]) -> None:
    axes = {"gamma": [0, 1], "beta": [2, 3], "shots": [10, 20], "backend": ["a", "b"]}
    backends = {
        "a": {"provider": "local", "noise": {"readout": 0.1, "depolarizing": {"one_qubit": 0.1}}},
        "b": OTHER,
    }
    shuffled = {"b": dict(reversed(OTHER.items())), "a": dict(reversed(backends["a"].items()))}
    first = plan_of({"matrix": axes}, backends=backends)
    second = plan_of({"matrix": {name: axes[name] for name in order}}, backends=shuffled)
    assert sorted(ids(first)) == sorted(ids(second))


OTHER = {"provider": "local", "options": {"method": "statevector", "precision": "single"}}


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6, unique=True), st.floats(11, 20))
def test_adding_a_value_changes_no_other_id_and_no_seed(values: list[float], more: float) -> None:
    before, after = (
        plan_of({"matrix": {"gamma": axis, "beta": [0, 1]}}) for axis in (values, [more, *values])
    )
    known = {point.id: point.seed for point in after.points()}
    assert all(known[point.id] == point.seed for point in before.points())
    assert len(known) == before.num_points + 2


def test_seeds_are_63_bits_and_made_from_the_id() -> None:
    for point in plan_of({**SWEEP, "repeat": 20}).points():
        assert point.seed == seed_of(point.id)
        assert 0 <= point.seed < 2**63


def test_points_of_one_circuit_and_backend_share_their_setting() -> None:
    plan = plan_of({"matrix": {"shots": [1, 2], "backend": ["a", "b"]}}, **TWO)
    settings = {point.backend: point.setting for point in plan.points()}
    assert len(set(settings.values())) == 2
    assert plan.setting(settings["b"])["backend"] == {
        "provider": "local",
        "noise": {"readout": 0.5},
    }
    assert plan.setting(settings["a"])["circuit"] == PAIR


TWO = {
    "circuits": {"pair": {"qasm": PAIR}},
    "backends": {
        "a": {"provider": "local"},
        "b": {"provider": "local", "noise": {"readout": 0.5}},
    },
}
