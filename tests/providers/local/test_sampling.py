from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qbatch.providers.local.sampling import (
    Run,
    count_rows,
    cumulative,
    draw,
    draw_all,
    misread,
    to_rows,
)
from qbatch.providers.local.seeds import states_of

seeds = st.integers(0, 2**63 - 1)
weights = st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda w: sum(w) > 0.01)


@given(weights, st.integers(1, 3000), seeds)
@settings(deadline=None)
def test_every_shot_is_counted_once_and_ascending(weights, shots, seed):
    outcomes, counts = draw(cumulative(np.array(weights)), shots, seed)
    assert counts.sum() == shots
    assert (np.diff(outcomes) > 0).all()
    assert (counts > 0).all()


@given(weights, seeds)
@settings(deadline=None)
def test_what_cannot_happen_is_never_drawn(weights, seed):
    outcomes, _ = draw(cumulative(np.array(weights)), 500, seed)
    assert all(weights[outcome] > 0 for outcome in outcomes)


@given(weights, seeds)
@settings(deadline=None)
def test_the_last_bit_of_a_probability_changes_no_count(weights, seed):
    exact = np.array(weights)
    shaken = exact * (1 + 2.2e-16 * np.resize([1, -1, 0], len(exact)))
    for found, other in zip(
        draw(cumulative(exact), 200, seed), draw(cumulative(shaken), 200, seed), strict=True
    ):
        assert np.array_equal(found, other)


def test_rounding_below_zero_is_taken_as_zero():
    outcomes, counts = draw(cumulative(np.array([-1e-17, 1.0])), 10, 1)
    assert (outcomes.tolist(), counts.tolist()) == ([1], [10])


def test_the_algorithm_is_the_documented_one():
    uniforms = np.random.Generator(np.random.PCG64(7)).random(1000)
    outcomes, counts = draw(cumulative(np.array([0.25, 0.75])), 1000, 7)
    assert dict(zip(outcomes.tolist(), counts.tolist(), strict=True)) == {
        0: (uniforms < 0.25).sum(),
        1: (uniforms >= 0.25).sum(),
    }


@given(weights, st.integers(1, 80), seeds)
@settings(deadline=None)
def test_counting_sorted_numbers_counts_what_each_stands_for(weights, shots, seed):
    distribution = cumulative(np.array(weights))
    uniforms = np.random.Generator(np.random.PCG64(seed)).random(shots)
    drawn = [int((distribution <= uniform).sum()) for uniform in uniforms]
    outcomes, counts = draw(distribution, shots, seed)
    wanted = sorted({each: drawn.count(each) for each in drawn}.items())
    assert list(zip(outcomes.tolist(), counts.tolist(), strict=True)) == wanted


def test_more_shots_than_a_block_continue_the_same_stream(monkeypatch):
    distribution = cumulative(np.ones(8))
    whole = draw(distribution, 1000, 3)
    monkeypatch.setattr("qbatch.providers.local.sampling._BLOCK", 7)
    assert np.array_equal(draw(distribution, 1000, 3), whole)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30))
@example([0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1])
@settings(deadline=None)
def test_states_are_those_that_numpy_seeds_its_generator_with(numbers):
    assert list(states_of(numbers)) == [np.random.PCG64(number).state for number in numbers]


@st.composite
def several(draw):
    """Distributions, and runs of them: some of equal shots beside each other, some not."""
    num_rows, size = draw(st.integers(1, 6)), draw(st.sampled_from([1, 2, 3, 16, 257, 1024]))
    generator = np.random.default_rng(draw(seeds))
    probabilities = generator.exponential(size=(num_rows, size))
    probabilities[generator.random((num_rows, size)) < 0.3] = 0
    probabilities[:, draw(st.integers(0, size - 1))] += 1e-3
    rows = sorted(draw(st.lists(st.integers(0, num_rows - 1), min_size=1, max_size=12)))
    shots = st.sampled_from([1, 2, 100, 300, 2000])
    starts = st.just(0) | st.integers(1, 10**6)
    return probabilities, [Run(row, draw(shots), draw(seeds), draw(starts)) for row in rows]


@given(several(), st.sampled_from([1, 700, 1 << 16]))
@settings(deadline=None)
def test_what_is_drawn_for_many_is_what_is_drawn_for_each(case, together):
    probabilities, runs = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qbatch.providers.local.sampling._TOGETHER", together)
        outcomes, counts, sizes = draw_all(probabilities, runs)
    ends = np.cumsum(sizes)
    assert len(sizes) == len(runs)
    assert len(outcomes) == len(counts) == ends[-1]
    for run, start, end in zip(runs, ends - sizes, ends, strict=True):
        own = draw(cumulative(probabilities[run.row]), run.shots, run.seed, run.start)
        assert np.array_equal(outcomes[start:end], own[0])
        assert np.array_equal(counts[start:end], own[1])


def test_frequencies_follow_the_probabilities():
    wanted = np.array([0.5, 0.25, 0.2, 0.05])
    _, counts = draw(cumulative(wanted), 100_000, 11)
    assert np.allclose(counts / 100_000, wanted, atol=0.008)  # five standard errors


def test_a_misread_bit_is_read_as_its_row_says():
    read = misread(np.array([0.0, 1.0]), [(0.1, 0.3)])
    assert read == pytest.approx([0.1, 0.9])
    read = misread(np.array([1.0, 0.0]), [(0.1, 0.3)])
    assert read == pytest.approx([0.7, 0.3])


def test_each_qubit_is_misread_by_itself():
    read = misread(np.array([0, 1.0, 0, 0]), [(0.1, 0.0), (0.0, 0.2)])
    assert read == pytest.approx([0.1 * 0.8, 0.9 * 0.8, 0.1 * 0.2, 0.9 * 0.2])


@given(st.integers(1, 5), st.data())
@settings(deadline=None)
def test_misreading_keeps_the_sum(num_qubits, data):
    flip = st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1))
    flips = data.draw(st.lists(flip, min_size=num_qubits, max_size=num_qubits))
    uniform = np.full(2**num_qubits, 0.5**num_qubits)
    assert misread(uniform, flips).sum() == pytest.approx(1)


@given(st.lists(st.none() | st.integers(0, 11), min_size=1, max_size=30), st.data())
def test_bits_hold_the_qubits_they_were_given(positions, data):
    num_qubits = max((p + 1 for p in positions if p is not None), default=1)
    outcomes = data.draw(st.lists(st.integers(0, 2**num_qubits - 1), min_size=1, max_size=20))
    rows = to_rows(np.array(outcomes), positions)
    assert rows.shape == (len(outcomes), (len(positions) + 7) // 8)
    for row, outcome in zip(rows, outcomes, strict=True):
        value = int.from_bytes(row.tobytes(), "little")
        wanted = sum((outcome >> p & 1) << bit for bit, p in enumerate(positions) if p is not None)
        assert value == wanted


@given(st.integers(1, 20), st.data())
@settings(deadline=None)
def test_equal_rows_are_counted_together(num_bytes, data):
    row = st.binary(min_size=num_bytes, max_size=num_bytes)
    shots = data.draw(st.lists(row, min_size=1, max_size=60))
    rows = np.frombuffer(b"".join(shots), np.uint8).reshape(len(shots), num_bytes)
    distinct, counts = count_rows(rows)
    found = {r.tobytes(): n for r, n in zip(distinct, counts.tolist(), strict=True)}
    assert found == {one: shots.count(one) for one in shots}
