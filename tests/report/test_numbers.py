"""Numbers on a page say how certain they are, and different ones read differently."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.manifest import parse_manifest
from qbatch.plan.geometry.written import values_by_axis, writers_of
from qbatch.report.numbers import full, interval, labels, p_text, plain, short, with_error
from qbatch.result import Estimate, wilson

values = st.floats(-10, 10)
errors = st.floats(1e-9, 10)


@pytest.mark.parametrize("shots", [1, 2, 10, 100, 10_000])
def test_shots_that_all_agree_tell_how_many_they_are(shots: int) -> None:
    """S7: one shot read "1.00", a hundred "1.000"."""
    for successes in (0, shots):
        estimate = wilson(successes, shots)
        match = re.fullmatch(r"([01])\.(0+)\(\+(\d+)−(\d+)\)", short(estimate))
        assert match is not None
        unit = 10.0 ** -len(match[2])
        assert float(match[1]) == estimate.value
        high, low = estimate.value + int(match[3]) * unit, estimate.value - int(match[4]) * unit
        assert low <= estimate.low <= low + unit
        assert high - unit <= estimate.high <= high


def test_one_shot_and_a_hundred_read_differently() -> None:
    """S7."""
    assert len({short(wilson(n, n)) for n in (1, 2, 5, 10, 30, 100, 1000)}) == 7


@given(values, errors, errors)
def test_nothing_is_minus_zero(value: float, se: float, width: float) -> None:
    """S7: it said "-0.000(50)"."""
    estimate = Estimate(value, se, value - width, value + width)
    texts = (with_error(value, se), interval(value - width, value + width), full(estimate))
    texts += (short(Estimate(value, 0.0, value - width, value)),)
    for text in texts:
        assert not re.search(r"-0(\.0*)?(?![\d.])", text)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, min_size=2))
def test_different_swept_values_read_differently(numbers: list[float]) -> None:
    distinct = {number + 0.0 for number in numbers}
    assert len({plain(number) for number in distinct}) == len(distinct)


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("[1000000.5, 1000001.5]", ["1000000.5", "1000001.5"]),
        ("[123456.78, 123456.79]", ["123456.78", "123456.79"]),
        ("[0.3, 0.30000000000000004]", ["0.3", "0.30000000000000004"]),
        ("[0.5, pi/2]", ["0.5", "1.5708"]),
    ],
)
def test_an_axis_is_written_with_the_digits_it_needs(axis: str, expected: list[str]) -> None:
    text = (
        "qbatch: 1\nname: m\ncircuits: {a: a.qasm}\nbackends: {s: {provider: local}}\n"
        f"sweep: {{matrix: {{x: {axis}}}}}\n"
    )
    manifest = parse_manifest(text)
    found = manifest.sweeps[0].matrix["x"].values
    assert found is not None
    write = writers_of(values_by_axis(manifest))["x"]
    assert [write(value) for value in found] == expected


def test_long_labels_that_differ_are_never_cut_to_the_same() -> None:
    texts = [f"{'same beginning of both ' * 3}{end}" for end in "ab"]
    inside = [f"{'x' * 30}{middle}{'y' * 30}" for middle in "ab"]
    for pair in (texts, inside):
        assert len(set(labels(pair))) == 2


def test_no_p_value_is_printed_as_nothing() -> None:
    """S6: reports said "p 0"."""
    assert [p_text(p) for p in (0.0, 1e-16, 1e-15, 0.5)] == [
        "p < 1e-15",
        "p < 1e-15",
        "p = 1e-15",
        "p = 0.5",
    ]


@given(st.floats(-9.99, 9.99), st.floats(0.01, 9), st.sampled_from([-300, -40, -9, 15, 40, 299]))
def test_huge_and_tiny_numbers_are_read_back_with_few_digits(v: float, se: float, e: int) -> None:
    scale = 10.0**e
    read = re.fullmatch(r"(-?[\d.]+)\((\d+)\)(e[+-]\d+)?", with_error(v * scale, se * scale))
    assert read is not None
    last = 10.0 ** -len(read[1].partition(".")[2])
    power = float("1" + (read[3] or ""))
    assert abs(float(read[1]) * (power / scale) - v) <= 0.051 * se
    assert int(read[2]) * last * (power / scale) == pytest.approx(se, rel=0.051)
    low, high = interval((v - se) * scale, (v + se) * scale)[1:-1].split(", ")
    assert abs(float(low) / scale - (v - se)) <= 0.11 * se
    assert abs(float(high) / scale - (v + se)) <= 0.11 * se
    texts = with_error(v * scale, se * scale), low, high
    texts += (short(Estimate(v * scale, 0.0, (v - se) * scale, v * scale)),)
    assert max(map(len, texts)) < 25
