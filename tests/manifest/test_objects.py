"""Manifests written in Python: the checks and points of a file, and YAML that reads back."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, load_manifest, parse_manifest
from qbatch.manifest.construction import read_data
from qbatch.manifest.models import Sweep
from qbatch.manifest.objects import sweep
from qbatch.manifest.source import Source
from qbatch.manifest.yaml_text import as_text, write_yaml
from qbatch.plan import expand

GALLERY = Path(__file__).parents[2] / "manifests"

ROTATION = """\
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[1] q;
bit[1] c;
rx(theta) q[0];
c[0] = measure q[0];
"""


NOISY = {"provider": "local", "noise": {"readout": 0.01}}


def rotation() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("theta"), 0)
    circuit.measure(0, 0)
    return circuit


def made(**more: Any) -> Manifest:
    given: dict[str, Any] = {
        "name": "made",
        "circuits": {"rabi": ROTATION},
        "backends": {"ideal": {"provider": "local"}, "other": NOISY},
        "sweep": sweep(theta=[0.5]),
    }
    return Manifest(**{**given, **more})


def ids(manifest: Manifest) -> list[str]:
    return [point.id for point in expand(manifest).points()]


def values(manifest: Manifest, axis: str) -> list[Any]:
    return [
        dict(point.parameters)[axis]
        for point in expand(manifest).points()
        if point.backend == "ideal"
    ]


# -- objects ---------------------------------------------------------------------------------------


def test_a_qiskit_circuit_is_what_its_openqasm_is():
    assert ids(made(circuits={"rabi": rotation()})) == ids(made())


@pytest.mark.parametrize("written", [rotation(), ROTATION], ids=["circuit", "text"])
def test_a_circuit_may_have_a_dot_in_its_name(written: Any):
    found = made(circuits={"h2.0-74": written})
    assert found.circuits["h2.0-74"].qasm == made(circuits={"rabi": written}).circuits["rabi"].qasm


def test_a_circuit_is_named_by_its_path(tmp_path: Path):
    (tmp_path / "rabi.qasm").write_text(ROTATION)
    for written in ("rabi.qasm", Path("rabi.qasm"), tmp_path / "rabi.qasm", {"file": "rabi.qasm"}):
        found = made(circuits={"rabi": written}, folder=tmp_path)
        assert found.circuits["rabi"].file == "rabi.qasm"
        assert ids(found) == ids(made())


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (np.linspace(0, np.pi, 7), np.linspace(0, np.pi, 7).tolist()),
        (np.linspace(0.3, -0.7, 1001), np.linspace(0.3, -0.7, 1001).tolist()),
        (np.geomspace(0.01, 1, 5), np.geomspace(0.01, 1, 5).tolist()),
        (np.arange(3), [0, 1, 2]),
        (np.array([1.5, 2.5], dtype=np.float32), [1.5, 2.5]),
        (range(3, 30, 9), [3, 12, 21]),
        (range(4, 0, -2), [4, 2]),
        ([np.float64(0.1), np.int64(2)], [0.1, 2]),
        ((0.1, 1e-300, 1e22), [0.1, 1e-300, 1e22]),
        (["pi/2"], [np.pi / 2]),
        ({"linspace": [0, 1, 3]}, [0.0, 0.5, 1.0]),
    ],
)
def test_an_axis_has_exactly_the_values_it_was_given(axis: Any, expected: list[float]):
    found = values(made(sweep=sweep(theta=axis, order="as-written")), "theta")
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_a_long_array_is_written_by_its_ends():
    found = made(sweep=sweep(theta=np.linspace(0, 1, 30_000)))
    assert len(found.text) < 1_000
    assert expand(found).num_points == 60_000


def test_text_that_looks_like_a_number_stays_text():
    found = made(analysis={"probabilities": {"up": "0"}}, tags=["1e-3", "true", "~", "07"])
    assert found.tags == ("1e-3", "true", "~", "07")
    assert found.analysis.probabilities["up"] == "0"


def test_a_sweep_has_a_word_for_each_key_of_a_manifests():
    words = {*inspect.signature(sweep).parameters} - {"axes"}
    assert words == {*Sweep.model_fields}


def test_words_of_a_sweep_are_axes_where_they_stand_in_a_map():
    text = ROTATION.replace("theta", "seed")
    found = made(circuits={"rabi": text}, sweep=sweep({"seed": [0.25]}, seed=9))
    assert found.sweeps[0].seed == 9
    assert values(found, "seed") == [0.25]


def test_several_sweeps_are_a_list():
    found = made(sweep=[sweep(theta=[0.1]), sweep(theta=[0.2, 0.3], backend=["ideal"])])
    assert expand(found).num_points == 4


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"shots": 0}, "Manifest(): shots: 0 is too few; write 1 or more"),
        (
            {"sweep": sweep(thata=[1.0])},
            "Manifest(): sweep.matrix.thata: sweep axis 'thata' is no parameter of rabi (theta); "
            "did you mean 'theta'?",
        ),
        (
            {"sweep": sweep(theta=[0.5, 0.25, 0.5])},
            "Manifest(): sweep.matrix.theta[2]: 0.5 stands twice on this axis (value 1); "
            "remove one",
        ),
        (
            {"sweep": [sweep(theta=[0.5]), sweep(theta=[1], backend=["idael"])]},
            "Manifest(): sweep[1].matrix.backend[0]: 'idael' is no backend (ideal, other); "
            "did you mean 'ideal'?",
        ),
        (
            {"circuits": {"rabi": "OPENQASM 3.0;\nqubit q;\nfoo q;"}},
            "Manifest(): circuits.rabi.qasm:3:1: 'foo' is not defined as a gate",
        ),
        (
            {"backends": {"ideal": {"provider": "local", "target": object()}}},
            "Manifest(): backends.ideal.target: is of type object, which no manifest can hold; "
            "write text, numbers, lists, maps, ranges or arrays, and circuits under circuits",
        ),
        (
            {"backends": {"ideal": {"provider": "local"}, 5: {"provider": "local"}}},
            "Manifest(): backends: the key 5 is no text; write it in quotes",
        ),
        (
            {"sweep": sweep(theta=np.zeros((2, 2)))},
            "Manifest(): sweep.matrix.theta: is an array of 2 dimensions; write one of 1",
        ),
        (
            {"sweep": sweep(theta=np.sqrt(np.arange(500_001)))},
            "Manifest(): sweep.matrix.theta: 500,001 values are too many to be written; the most "
            "is 500,000. Keep them in a CSV file: {'from': {'file': …}}",
        ),
        ({"sweep": sweep(theta=[float("nan")])}, "Manifest(): sweep.matrix.theta[0]:"),
        ({"circuits": {"rabi": "nowhere.qasm"}}, "Manifest(): circuits.rabi:"),
        ({"backends": None}, "Manifest(): backends is missing; add 'backends: …'"),
    ],
)
def test_a_mistake_is_told_at_its_argument(given: dict[str, Any], told: str, tmp_path: Path):
    with pytest.raises(SourceErrors) as caught:
        expand(made(**given, folder=tmp_path))
    assert str(caught.value).startswith(told)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SourceErrors) as caught:
        made(shots=-1, checks=[{"that": "zz >= 0"}], wahr=1)
    assert [str(error.place) for error in caught.value.exceptions] == [
        "Manifest(): shots",
        "Manifest(): checks[0].that",
        "Manifest(): wahr",
    ]


def test_a_map_that_holds_itself_is_refused():
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        made(analysis=endless)
    assert str(caught.value).endswith("is nested more than 64 deep; write it flatter")


def test_what_is_read_from_a_file_is_of_the_same_type():
    loaded = load_manifest(GALLERY / "bell.yaml")
    assert type(loaded) is type(made())
    assert loaded.shots == 1024


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_plans_the_same_and_knows_its_places(copied: Any):
    found = copied(made())
    assert ids(found) == ids(made())
    assert str(found.place_of("sweep", "matrix", "theta")) == "Manifest(): sweep.matrix.theta"


# -- YAML ------------------------------------------------------------------------------------------

#: Texts that YAML would take for something else.
ODD = ["1e-3", "010", "no", "~", "null", ".inf", "1:30", "0x1f", "a: b", "- a", "#", "*a", "<<", ""]
ODD += ["a\nb", "a\n\n", " a\n  b\n", "pi/2", "max(1, 2)", "[a]", "{a}", "!tag", "%", "@", "`"]

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    st.sampled_from(ODD),
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS, TEXTS.map(as_text))
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def _as_read(value: Any) -> Any:
    """What reading gives: tuples for lists, and no keys that are free for people."""
    if isinstance(value, dict):
        return {key: _as_read(item) for key, item in value.items() if not key.startswith("x-")}
    return tuple(map(_as_read, value)) if isinstance(value, list) else value


def _types(value: Any) -> Any:
    """Where arithmetic is: text that may be written without quotes, and only that."""
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    return tuple(map(_types, value)) if isinstance(value, tuple) else type(value)


@given(st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_yaml_reads_back_as_what_was_written(data: dict[str, Any]):
    found, mistakes = read_data(Source("made", write_yaml(data), Path()))
    assert mistakes == []
    assert found == _as_read(data)


@given(st.lists(st.sampled_from(["2*pi", "sqrt(2)/n", "(a, b)", "80us", "-1+2", "n*[3]"])))
def test_what_was_written_without_quotes_is_read_as_arithmetic_again(texts: list[str]):
    data = {"a": [as_text(text) for text in texts], "b": ["2*pi"]}
    found, _ = read_data(Source("made", write_yaml(data), Path()))
    assert _types(found) == _types(_as_read(data))


NUMBERS = st.one_of(
    st.floats(-1e6, 1e6), st.integers(-99, 99), st.floats(1e-9, 1e-3), st.booleans()
)
AXES = st.lists(NUMBERS, min_size=1, max_size=5, unique=True)


@given(
    theta=AXES,
    noise=st.lists(st.floats(0, 0.5), min_size=1, max_size=3, unique=True),
    repeat=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
    shots=st.integers(1, 10**6),
    order=st.sampled_from(["interleave", "as-written", "random"]),
)
@settings(deadline=None, max_examples=15)
def test_points_are_those_of_the_same_manifest_in_a_file(
    theta: list[Any], noise: list[float], shots: int, **words: Any
):
    theta = [value for value in theta if not isinstance(value, bool)] or [1]
    theta = list(dict.fromkeys(theta))
    found = made(sweep=sweep({"noise.readout": noise}, theta=theta, **words), shots=shots)
    file = {
        "qbatch": 1,
        "name": "made",
        "circuits": {"rabi": {"qasm": ROTATION}},
        "backends": {"ideal": {"provider": "local"}, "other": NOISY},
        "sweep": {"matrix": {"noise.readout": noise, "theta": theta}, **words},
        "shots": shots,
    }
    points = list(expand(parse_manifest(json.dumps(file))).points())
    assert list(expand(found).points()) == points
    assert list(expand(parse_manifest(found.to_yaml())).points()) == points


@pytest.mark.parametrize("file", sorted(GALLERY.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_example_with_other_shots_reads_back(file: Path):
    manifest = load_manifest(file, overrides=["name=made"], trust=True)
    text = manifest.to_yaml()
    assert text != manifest.text
    if manifest.open_questions:  # clouds decide which backends its points have
        again = parse_manifest(text, folder=file.parent, trust=True)
        assert again.model_dump() == manifest.model_dump()
        return
    plan = expand(manifest)
    again = expand(parse_manifest(text, folder=file.parent, trust=True))
    assert [p.id for p in islice(again.points(), 300)] == [p.id for p in islice(plan.points(), 300)]
    assert again.num_points == plan.num_points


def test_it_reads_back_equal(tmp_path: Path):
    found = made(shots=77)
    again = parse_manifest(found.to_yaml())
    assert again == found
    assert again != made(shots=78)
    assert parse_manifest(found.to_yaml(), folder=tmp_path) != found  # its paths lead elsewhere


def test_it_is_yaml_to_others():
    found = made(shots=77, checks=[], tags=["no", "1e-3"])
    assert yaml.safe_load(found.to_yaml())["tags"] == ["no", "1e-3"]


# -- saving ----------------------------------------------------------------------------------------


def test_a_saved_manifest_is_loaded_again(tmp_path: Path):
    found = made()
    path = found.save(tmp_path / "made.yaml")
    assert ids(load_manifest(path)) == ids(found)
    found.save(path)  # the same once more is no harm


def test_nothing_is_written_over(tmp_path: Path):
    path = tmp_path / "made.yaml"
    path.write_text("mine")
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        made().save(path)
    assert str(caught.value).startswith(f"{path}: is there already")
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("at", "told"), [("no/made.yaml", "there is no folder"), (".", "is a folder")]
)
def test_where_nothing_can_be_saved_is_told(at: str, told: str, tmp_path: Path):
    with pytest.raises(SourceErrors) as caught:
        made().save(tmp_path / at)
    assert told in str(caught.value)


def test_a_manifest_stays_beside_the_files_it_names(tmp_path: Path):
    (tmp_path / "rabi.qasm").write_text(ROTATION)
    (tmp_path / "other").mkdir()
    found = made(circuits={"rabi": "rabi.qasm"}, folder=tmp_path)
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        found.save(tmp_path / "other" / "made.yaml")
    assert "(rabi.qasm); save it there" in str(caught.value)
    assert ids(load_manifest(found.save(tmp_path / "made.yaml"))) == ids(found)
