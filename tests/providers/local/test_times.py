"""P28 and P38: times of noise: how they are written, and as what they were understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.manifest.paths import TIMES
from qbatch.manifest.times import as_written_time
from qbatch.providers import remarks
from qbatch.providers.local.noise import Lifetime, Noise, Seconds
from qbatch.providers.local.times import time_text

TEXT = """
qbatch: 1
name: t
circuits: {c: {qasm: "OPENQASM 3.0; qubit q; bit c; c = measure q;"}}
backends: {b: {provider: local, noise: %s}}
"""


def backend(noise: str) -> Any:
    return parse_manifest(TEXT % noise).backends["b"]


def told(noise: str, folder: Path = Path()) -> list[str]:
    return remarks([backend(noise)], folder)


#: By which pydantic knows a field that is a time.
OF_TIMES = [FieldInfo.from_annotation(kind).metadata for kind in (Seconds, Lifetime)]


def times_in(model: type[BaseModel], path: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The fields of a model, at any depth, that are times."""
    found = {
        (*path, name) for name, info in model.model_fields.items() if info.metadata in OF_TIMES
    }
    for name, info in model.model_fields.items():
        for inner in (info.annotation, *get_args(info.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= times_in(inner, (*path, name))
    return found


def test_what_may_have_a_unit_is_what_the_model_takes_as_a_time() -> None:
    assert times_in(Noise, ("noise",)) == TIMES


@given(
    st.decimals(0, 9999, places=3, allow_nan=False),
    st.sampled_from([("s", 0), ("ms", 3), ("us", 6), ("µs", 6), ("ns", 9), ("ps", 12)]),
    st.sampled_from(["", " "]),
)
def test_a_unit_moves_the_point_and_rounds_nothing(number, unit, space) -> None:
    name, places = unit
    assert as_written_time(f"{number}{space}{name}") == float(number.scaleb(-places))


@pytest.mark.parametrize("text", ["80", "us", "80 parsecs", "80usec", "1e3us", "8 0us", "pi"])
def test_what_is_no_number_with_a_unit_is_left_as_it_is(text: str) -> None:
    assert as_written_time(text) is text


def test_written_with_a_unit_or_without_it_is_the_same_backend() -> None:
    gates = "gate_time: {one_qubit: %s, measure: %s}"
    short = "{thermal_relaxation: {t1: 80us, t2: 0.06 ms, " + gates % ("35ns", "1us") + "}}"
    plain = "{thermal_relaxation: {t1: 8e-5, t2: 60e-6, " + gates % ("35e-9", "1e-6") + "}}"
    assert backend(short) == backend(plain)


@pytest.mark.parametrize(
    ("noise", "place", "said"),
    [
        ("{thermal_relaxation: {t1: 80 parsecs, t2: 1}}", "5:66", "'80 parsecs' is no time"),
        ("{readout: 5us}", "5:", "'5us' is no"),
    ],
)
def test_a_unit_that_is_none_or_where_none_goes_is_refused(noise, place, said) -> None:
    from qbatch.plan import expand

    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(TEXT % noise))
    [mistake] = [str(error) for error in caught.value.exceptions]
    assert f"<string>:{place}" in mistake
    assert said in mistake


def test_lifetimes_in_the_wrong_unit_are_told_and_warned_of() -> None:
    """P38: t1 = 50, meant in µs, ran without a word."""
    wrong = told("{thermal_relaxation: {t1: 50, t2: 30, gate_time: {one_qubit: 35ns}}}")
    assert wrong == [
        "t1 = 50 s, t2 = 30 s; gate times: one_qubit = 35 ns",
        "one_qubit takes 7e-10 of t1, so nothing of it is seen; times are seconds, or have a "
        "unit: t1: 50us",
        "one_qubit takes 1e-09 of t2, so nothing of it is seen; times are seconds, or have a "
        "unit: t2: 50us",
    ]
    right = told("{thermal_relaxation: {t1: 50us, t2: 30us, gate_time: {one_qubit: 35ns}}}")
    assert right == ["t1 = 50 µs, t2 = 30 µs; gate times: one_qubit = 35 ns"]


def test_relaxation_without_gate_times_says_that_only_delays_relax() -> None:
    understood, warned = told("{thermal_relaxation: {t1: 50us, t2: 30us}}")
    assert understood == "t1 = 50 µs, t2 = 30 µs; gate times: none"
    assert "only a delay relaxes its qubits" in warned


def test_a_calibration_is_told_by_its_range(tmp_path: Path) -> None:
    calibration = {
        "qubits": [{"t1": 1e-4, "t2": 9e-5}, {"t1": 1.2e-4}],
        "gates": [{"gate": "cx", "time": 3e-7}, {"gate": "sx", "time": 35e-9}],
        "measure_time": 1e-6,
    }
    (tmp_path / "device.json").write_text(json.dumps(calibration))
    assert told("{calibration: device.json}", tmp_path) == [
        "t1 = 100 µs to 120 µs, t2 = 90 µs; gate times: gates = 35 ns to 300 ns, measure = 1 µs"
    ]


def test_other_noise_has_nothing_to_say() -> None:
    assert told("{readout: 0.1, depolarizing: {one_qubit: 0.1}}") == []


@given(st.floats(1e-12, 1e5))
def test_a_time_is_written_so_that_it_reads_back(time_s: float) -> None:
    number, unit = time_text(time_s).split(" ")
    assert float(number) >= 1 or unit == "ps"
    assert as_written_time(f"{float(number):.12f} {unit}") == pytest.approx(time_s, rel=1e-5)
