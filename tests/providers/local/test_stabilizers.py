"""Clifford circuits of any width, beside state vectors, stim and Aer."""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import stim
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Statevector
from simulating import HEAD, circuit, counts, failure, order, run, settings

from qbatch.circuit import build
from qbatch.providers import Target
from qbatch.providers.local import clifford as clifford_program
from qbatch.providers.local import engine
from qbatch.providers.local.fit import Fit
from qbatch.providers.local.fused.answers import evaluate as evaluate_fused
from qbatch.providers.local.fused.program import prepare as prepare_fused
from qbatch.providers.local.method import choose_library, memory_bytes, settled
from qbatch.providers.local.plain import marginal
from qbatch.providers.local.stabilizers import check, draws, support
from qbatch.providers.local.stabilizers import program as stabilizers_program
from qbatch.providers.local.stabilizers.draws import Misread, Outcomes, sample, to_row
from qbatch.providers.local.stabilizers.program import Stabilized, evaluate, prepare
from qbatch.providers.local.stabilizers.support import WORDS, Support, support_of
from qbatch.providers.local.work import CHUNK_S, Evolution, Program, Sampling, cut

ONE_QUBIT = ["id", "h", "s", "sdg", "z", "x", "y", "sx"]
TURNS = ["rx(pi/2)", "ry(-pi/2)", "rz(3*pi/2)", "u3(pi/2, 0, pi)", "p(pi)", "inv @ sx"]
TWO_QUBITS = ["cx", "cy", "cz", "swap", "crz(pi)", "cry(pi)", "cp(pi)"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
    engine.forget()
    yield
    engine.forget()


def clifford(num_qubits: int, seed: int, layers: int = 6, *, plain: bool = False) -> str:
    """A random Clifford circuit that measures some of its qubits, into bits in any order."""
    rng = random.Random(f"{seed} {num_qubits}")
    lines = ["reset q[0];"]
    for _ in range(layers):
        names = ONE_QUBIT + ([] if plain else TURNS)
        lines += [f"{rng.choice(names)} q[{qubit}];" for qubit in range(num_qubits)]
        order_ = rng.sample(range(num_qubits), num_qubits)
        for a, b in zip(order_[::2], order_[1::2], strict=False):
            lines.append(f"{rng.choice(TWO_QUBITS[: 4 if plain else None])} q[{a}], q[{b}];")
    read = rng.sample(range(num_qubits), rng.randint((num_qubits + 1) // 2, num_qubits))
    bits = rng.sample(range(num_qubits + 1), len(read))
    lines += [f"c[{bit}] = measure q[{qubit}];" for qubit, bit in zip(read, bits, strict=True)]
    return HEAD + f"qubit[{num_qubits}] q; bit[{num_qubits + 1}] c;\n" + "\n".join(lines) + "\n"


def ghz(num_qubits: int) -> str:
    chain = "".join(f"cx q[{k}], q[{k + 1}];\n" for k in range(num_qubits - 1))
    sizes = f"qubit[{num_qubits}] q; bit[{num_qubits}] c;\nh q[0];\n"
    return HEAD + sizes + chain + "c = measure q;\n"


def spread(num_qubits: int) -> str:
    sizes = f"qubit[{num_qubits}] q; bit[{num_qubits}] c;\nh q;\n"
    return HEAD + sizes + "c = measure q;\n"


def backwards(num_qubits: int) -> str:
    """Measured from the last bit to the first."""
    head, _ = spread(num_qubits).split("c = measure q;")
    return head + "".join(f"c[{k}] = measure q[{k}];\n" for k in reversed(range(num_qubits)))


def made_of(text: str, **backend: object) -> tuple[Program, Stabilized]:
    """Make a circuit ready as the rule does for wide ones, however wide it is."""
    found = circuit(text)
    using = replace(settled(found.facts, settings(**backend)), method="stabilizer", library="numpy")
    program = Program(found, using)
    return program, prepare(program)


# -- what each gate is made of ---------------------------------------------------------------------


@pytest.mark.parametrize("name", WORDS)
def test_a_gate_is_what_it_is_made_of(name: str) -> None:
    gates = get_standard_gate_name_mapping()
    size = gates[name].num_qubits
    product = np.eye(1 << size)
    for letter, on in WORDS[name]:
        matrix = np.array([[1, 0], [0, 1j]]) if letter == "s" else gates[letter].to_matrix()
        if size == 2:
            matrix = {
                ("s", (1,)): np.kron(matrix, np.eye(2)) if letter != "cx" else None,
                ("h", (1,)): np.kron(matrix, np.eye(2)) if letter != "cx" else None,
                ("cx", (0, 1)): gates["cx"].to_matrix(),
                ("cx", (1, 0)): np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
            }[letter, on]
        product = matrix @ product
    wanted = gates[name].to_matrix()
    overlap = np.trace(product.conj().T @ wanted) / (1 << size)
    assert abs(overlap) == pytest.approx(1, abs=1e-14)


# -- small ones, beside amplitudes -----------------------------------------------------------------


@pytest.mark.parametrize("num_qubits", range(1, 13))
@pytest.mark.parametrize("seed", range(5))
def test_the_outcomes_are_those_of_the_state_vector(num_qubits: int, seed: int) -> None:
    text = clifford(num_qubits, seed)
    program, made = made_of(text)
    bare = build(program.circuit)
    bare.data = [item for item in bare.data if item.operation.name not in ("measure", "reset")]
    weights = np.abs(Statevector(bare).data) ** 2
    wanted = np.flatnonzero(marginal(weights, made.measured) > 1e-9)
    size = len(made.support.directions)
    assert [made.support.outcome(place) for place in range(1 << size)] == wanted.tolist()
    assert len(wanted) == 1 << size


@pytest.mark.parametrize("num_qubits", range(1, 13))
def test_counts_are_those_drawn_from_probabilities(num_qubits: int) -> None:
    jobs = (Sampling("a", 3000, 7), Sampling("b", 11, 2**63 - 1), Sampling("c", 5000, 7, 3000))
    for seed in range(20, 24):
        program, made = made_of(clifford(num_qubits, seed, 3))
        by_amplitudes = replace(program.settings, method="statevector")
        fused = prepare_fused(replace(program, settings=by_amplitudes))
        (wanted,) = evaluate_fused(fused, [Evolution((), jobs)])
        (found,) = evaluate(made, [Evolution((), jobs)])
        for one, other in zip(found.drawn, wanted.drawn, strict=True):
            assert one.error == other.error == ""
            assert np.array_equal(one.outcomes, other.outcomes)
            assert np.array_equal(one.counts, other.counts)


@pytest.mark.parametrize("text", [clifford(13, 1), ghz(14), clifford(15, 2)])
def test_a_run_gives_what_aers_amplitudes_give(text: str) -> None:
    """Of the first widths that the rule sends here; angles included."""
    one = order(text, 5, shots=2000)
    assert counts(one, settings()) == counts(one, settings(options={"method": "statevector"}))


# -- wide ones, beside stim and Aer ----------------------------------------------------------------


def by_stim(text: str, num_qubits: int) -> stim.TableauSimulator:
    names = {"sdg": "S_DAG", "id": "I", "sx": "SQRT_X", "sxdg": "SQRT_X_DAG"}
    simulator = stim.TableauSimulator()
    simulator.set_num_qubits(num_qubits)
    for item in build(circuit(text)).data:
        name = item.operation.name
        if name not in ("measure", "reset"):
            on = [qubit._index for qubit in item.qubits]
            simulator.do_circuit(stim.Circuit(f"{names.get(name, name.upper())} {_spaced(on)}"))
    return simulator


def _spaced(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


@pytest.mark.parametrize(("num_qubits", "layers"), [(50, 8), (127, 3), (200, 2)])
def test_wide_circuits_have_the_outcomes_that_stim_says(num_qubits: int, layers: int) -> None:
    text = clifford(num_qubits, 9, layers, plain=True)
    program, made = made_of(text)
    state, found = by_stim(text, num_qubits), made.support
    for outcome in (found.origin, *(found.origin ^ each for each in found.directions)):
        bits = [bool(outcome >> k & 1) for k in range(len(made.measured))]
        copy = state.copy()
        for qubit, bit in zip(made.measured, bits, strict=True):
            copy.postselect_z(qubit, desired_value=bit)  # raises where it cannot come
    free = 0
    for qubit in made.measured:
        free += state.peek_z(qubit) == 0
        state.measure(qubit)
    assert free == len(found.directions)
    check.hold(made, program)


def test_shots_of_stims_sampler_and_ours_are_alike() -> None:
    """Each bit and each pair of neighbours, within five standard errors of one another."""
    text = clifford(60, 3, 2, plain=True)
    ours = counts(order(text, 1, shots=8000), settings())
    theirs = counts(order(text, 2, shots=8000), settings(options={"method": "stim"}))
    tables = []
    for found in (ours, theirs):
        bits = np.unpackbits(found.outcomes, axis=1, bitorder="little").astype(bool)
        pairs = bits ^ np.roll(bits, 1, axis=1)
        weights = found.counts / found.counts.sum()
        tables.append(np.concatenate([weights @ bits, weights @ pairs]))
    assert np.abs(tables[0] - tables[1]).max() < 5 * math.sqrt(0.25 * 2 / 8000)
    never = (tables[0] == 0) | (tables[0] == 1)
    assert np.array_equal(tables[0][never], tables[1][never])


# -- shots that have numbers -----------------------------------------------------------------------


@pytest.mark.parametrize("noise", [{}, {"noise": {"readout": {"p01": 0.1, "p10": 0.02}}}])
@pytest.mark.parametrize("text", [ghz(100), spread(20), spread(70)], ids=["ghz", "20", "70"])
def test_more_shots_later_are_those_that_at_once_had_given(text, noise, monkeypatch) -> None:
    whole = order(text, 4, shots=4000)
    first = replace(whole, id="a" * 64, shots=1000)
    then = replace(whole, id="b" * 64, shots=3000, start=1000)
    parts = run([first, then], settings(**noise))
    at_once = counts(whole, settings(**noise)).to_dict()
    summed: dict[str, int] = {}
    for part in parts.values():
        for outcome, often in part.to_dict().items():
            summed[outcome] = summed.get(outcome, 0) + often
    assert summed == at_once
    monkeypatch.setattr(draws, "_BLOCK", 997)
    engine.forget()
    assert counts(whole, settings(**noise)).to_dict() == at_once


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 53, 63, 64, 65, 128, 130])
def test_each_shot_is_the_outcome_that_its_numbers_say(size: int) -> None:
    rng = random.Random(size)
    pivots = sorted(rng.sample(range(140), size), reverse=True)
    free = sum(1 << k for k in range(140) if k not in pivots)
    directions = tuple(1 << k | rng.getrandbits(140) & free & ((1 << k) - 1) for k in pivots)
    known = Support(rng.getrandbits(140) & free, directions)
    rows = [to_row(each, range(140)) for each in (known.origin, *directions)]
    table = np.frombuffer(b"".join(rows), np.uint8).reshape(size + 1, -1)
    found, often = sample(Outcomes(table[0], table[1:]), 300, seed=3, start=17)
    words = max(1, -(-size // 64))
    numbers = np.random.PCG64(3).random_raw((300 + 17) * words).reshape(-1, words)[17:]
    wanted: dict[int, int] = {}
    for row in numbers.tolist():
        digits = "".join(f"{word:064b}" for word in row)[:size]
        outcome = known.outcome(int(digits or "0", 2))
        wanted[outcome] = wanted.get(outcome, 0) + 1
    got = {
        int.from_bytes(row.tobytes(), "little"): n
        for row, n in zip(found, often.tolist(), strict=True)
    }
    assert got == wanted


def test_bits_are_misread_as_often_as_said() -> None:
    p01, p10, shots = 0.2, 0.05, 40_000
    noise = {"readout": {"p01": p01, "p10": p10}}
    found = counts(order(ghz(13), 8, shots=shots), settings(noise=noise))
    bits = np.unpackbits(found.outcomes, axis=1, bitorder="little")[:, :13]
    weights = found.counts / shots
    # Of two bits that are always equal: mean of one, and of their product.
    alike = 0.5 * ((1 - p01) ** 2 + p10**2)
    for k in range(13):
        assert weights @ bits[:, k] == pytest.approx(0.5 * (1 - p01 + p10), abs=5 * 0.5 / 200)
        both = bits[:, k] & bits[:, k - 1]
        assert weights @ both == pytest.approx(alike, abs=5 * 0.5 / 200)


def test_a_misread_bit_is_the_one_that_its_number_says() -> None:
    outcomes = Outcomes(np.array([0b01], np.uint8), np.zeros((0, 1), np.uint8),
                        (Misread(1, 0.5, 0.25), Misread(0, 0.125, 1.0)))  # fmt: skip
    found, often = sample(outcomes, 64, seed=5, start=2)
    wanted: dict[int, int] = {}
    for _, first, second in np.random.PCG64(5).random_raw(66 * 3).reshape(-1, 3)[2:].tolist():
        row = (1 if second / 2**64 >= 0.125 else 0) | (2 if first / 2**64 < 0.25 else 0)
        wanted[row] = wanted.get(row, 0) + 1
    assert dict(zip(found[:, 0].tolist(), often.tolist(), strict=True)) == wanted


def test_jobs_of_one_wide_circuit_are_cut_and_drawn_alike() -> None:
    """Each takes its own time, however equal their circuits."""
    text = spread(40)
    many = list(cut([order(text, k, shots=200_000) for k in range(30)], settings()))
    assert len(many) > 10
    assert all(chunk.seconds <= CHUNK_S or len(chunk.job_ids) == 1 for chunk in many)
    few = [order(text, k, shots=500) for k in range(5)]
    (together,) = cut(few, settings())
    assert [len(evolution.samplings) for evolution in together.evolutions] == [1] * 5
    _, made = made_of(text)
    jobs = tuple(Sampling(one.id, one.shots, one.seed, one.start) for one in few)
    (shared,) = evaluate(made, [Evolution((), jobs)])
    found = run(few, settings())
    for drawn in shared.drawn:
        assert np.array_equal(found[drawn.job_id].outcomes, drawn.outcomes)
        assert np.array_equal(found[drawn.job_id].counts, drawn.counts)


# -- memory ----------------------------------------------------------------------------------------

MISREAD = {"noise": {"readout": 0.02}}


@pytest.mark.parametrize(
    ("text", "shots", "backend"),
    [
        (spread(70), 300_000, {}),
        (spread(33), 300_000, {}),
        (spread(200), 100_000, {}),
        (spread(70), 100_000, MISREAD),
        (spread(13), 3_000_000, {}),
        (ghz(100), 3_000_000, {}),
        (ghz(100), 1000, {}),
        (ghz(100), 100_000, MISREAD),
    ],
)
def test_drawing_takes_no_more_memory_than_is_told(text, shots, backend) -> None:
    program, made = made_of(text, **backend)
    told = memory_bytes(program.circuit.facts, program.settings, shots)
    sample(made.outcomes, 100, 1)
    tracemalloc.start()
    _, often = sample(made.outcomes, shots, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert often.sum() == shots
    assert peak <= told <= 4 * peak
    chunk = next(cut([order(text, shots=shots)], settings(**backend)))
    assert chunk.memory == told


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shots", [1000, 200_000, 1_500_000])
def test_drawing_from_any_circuit_takes_no_more_memory_than_is_told(seed, shots) -> None:
    program, made = made_of(clifford(13 + 5 * seed, seed, layers=1 + seed % 3, plain=True))
    sample(made.outcomes, 100, 1)
    tracemalloc.start()
    sample(made.outcomes, shots, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= memory_bytes(program.circuit.facts, program.settings, shots)


def test_many_shots_of_few_outcomes_are_told_to_take_little():
    made = circuit(ghz(100))
    assert memory_bytes(made.facts, settled(made.facts, settings()), 10**7) < 40e6


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("plain", [True, False])
def test_no_more_bits_are_free_than_is_said(seed: int, plain: bool) -> None:
    text = clifford(13 + seed, seed, layers=1 + seed % 4, plain=plain)
    program, made = made_of(text)
    assert len(made.support.directions) <= program.circuit.facts.free_bits


@pytest.mark.parametrize("text", [ghz(100), spread(100), backwards(100)], ids=["g", "s", "b"])
def test_stims_samples_take_about_the_memory_that_is_told(text: str) -> None:
    made = circuit(text)
    using = settled(made.facts, settings(options={"method": "stim"}))
    ready = clifford_program.prepare(Program(made, using))
    clifford_program.sample(ready, (), 10, 1)
    tracemalloc.start()
    clifford_program.sample(ready, (), 200_000, 1)
    _, taken = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= memory_bytes(made.facts, using, 200_000) <= 2 * taken


def test_few_outcomes_of_many_shots_take_no_memory(monkeypatch) -> None:
    """Blocks are merged as they come."""
    _, made = made_of(spread(8))
    whole = sample(made.outcomes, 50_000, 3)
    monkeypatch.setattr(draws, "_BLOCK", 100)
    tracemalloc.start()
    found = sample(made.outcomes, 50_000, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000  # 500 blocks of 100 rows took 2.3 MB
    assert np.array_equal(found[0], whole[0])
    assert np.array_equal(found[1], whole[1])


def test_shots_that_take_too_much_memory_are_refused() -> None:
    fit = Fit(settings(), 100_000_000)
    target = Target("local")
    assert fit.check(order(spread(70), shots=100_000), target) is None
    said = fit.check(order(spread(70), shots=2_000_000), target)
    assert said is not None
    assert said.startswith("2,000,000 shots of 70 bits need 0.3 GB; this machine has 0.1 GB; ")
    assert "take fewer shots" in said


# -- the rule, and the guard -----------------------------------------------------------------------

DEPOLARIZING = {"depolarizing": {"one_qubit": 0.01}}
RULE = [
    (ghz(12), {}, ("statevector", "numpy")),
    (ghz(13), {}, ("stabilizer", "numpy")),
    (clifford(13, 1), {}, ("stabilizer", "numpy")),
    (ghz(200), {"noise": {"readout": 0.1}}, ("stabilizer", "numpy")),
    (ghz(13), {"noise": DEPOLARIZING}, ("stabilizer", "aer")),
    (ghz(13) + "reset q[0];\n", {}, ("stabilizer", "aer")),
    (ghz(13), {"options": {"method": "stabilizer"}}, ("stabilizer", "aer")),
    (ghz(13), {"options": {"method": "stim"}}, ("stim", "stim")),
    (ghz(13), {"options": {"statevector": True}}, ("statevector", "aer")),
    (ghz(17), {"options": {"precision": "single"}}, ("statevector", "aer")),
    (ghz(17), {"transpile": {"optimization_level": 1}}, ("statevector", "aer")),
]


@pytest.mark.parametrize(("text", "backend", "wanted"), RULE)
def test_which_clifford_circuits_come_here_is_a_rule(text, backend, wanted) -> None:
    facts = circuit(text).facts
    using = settled(facts, settings(**backend))
    assert (using.method, choose_library(facts, using)) == wanted


def test_what_is_wrong_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "WORDS", {**WORDS, "s": ()})
    text = ghz(13).replace("cx q[0]", "s q[0]; h q[0]; cx q[0]", 1)
    said = failure(order(text), settings())
    assert "computed wrongly (Aer draws " in said
    assert "{method: stabilizer} computes by Aer" in said


def test_outcomes_too_many_are_found_by_qiskits_tableau() -> None:
    program, made = made_of(ghz(13))
    more = replace(made, support=replace(made.support, directions=(*made.support.directions, 1)))
    assert made.support == Support(0, ((1 << 13) - 1,))
    with pytest.raises(Exception, match=r"2\*\*2 outcomes, by Qiskit 2\*\*1"):
        check.hold(more, program)
    check.hold(made, program)


def test_rows_that_are_not_the_outcomes_are_not_given(monkeypatch) -> None:
    """Of a circuit whose outcomes are all there are, so that any row drawn is one of them."""

    def broken(outcome: int, positions: Sequence[int | None]) -> bytes:
        return to_row(outcome & ~4, positions)

    monkeypatch.setattr(stabilizers_program, "to_row", broken)
    said = failure(order(spread(13)), settings())
    assert "computed wrongly (rows are not the outcomes they stand for)" in said


def test_rows_drawn_that_should_never_come_are_not_given(monkeypatch) -> None:
    monkeypatch.setattr(draws, "_table", lambda directions: np.full((256, 2), 3, np.uint8))
    said = failure(order(ghz(13)), settings())
    assert "computed wrongly (it draws 0000000000000 0 times, not 17)" in said


READ_OTHERWISE = {"noise": {"readout": {"p01": 0.02, "p10": 0.001}}}

#: What misreads bits, broken -> what it is given in its place.
BROKEN = {
    "none is misread": lambda _: (),
    "the other way": lambda all_: [replace(one, p01=one.p10, p10=one.p01) for one in all_],
    "the next bit": lambda all_: [replace(one, bit=(one.bit + 1) % 13) for one in all_],
    "one too few": lambda all_: all_[:-1],
    "more often": lambda all_: [replace(one, p10=one.p10 + 0.05) for one in all_],
}


@pytest.mark.parametrize("name", BROKEN)
def test_bits_that_are_misread_wrongly_are_not_given(name, monkeypatch) -> None:
    """By a misreading that 32 shots hardly ever meet."""
    misread = draws._misread

    def broken(outcomes: Outcomes, rows, numbers):
        return misread(
            replace(outcomes, misread=tuple(BROKEN[name](outcomes.misread))), rows, numbers
        )

    assert counts(order(ghz(13), shots=50), settings(**READ_OTHERWISE)).to_dict()
    monkeypatch.setattr(draws, "_misread", broken)
    monkeypatch.setattr(check.verdicts, "READER", -1)
    engine.forget()
    said = failure(order(ghz(13)), settings(**READ_OTHERWISE))
    assert "computed wrongly (it draws " in said


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_table_of_misreading_is_not_given(name) -> None:
    program, made = made_of(ghz(13), **READ_OTHERWISE)
    table = tuple(BROKEN[name](made.outcomes.misread))
    wrong = replace(made, outcomes=replace(made.outcomes, misread=table))
    said = "it draws " if name == "the next bit" else "bits are misread otherwise than asked for"
    with pytest.raises(Exception, match=said):  # the former: all bits are, in another order
        check.hold(wrong, program)
    check.hold(made, program)


def test_a_sample_that_begins_elsewhere_is_not_given(monkeypatch) -> None:
    numbers = draws._numbers
    monkeypatch.setattr(draws, "_numbers", lambda o, shots, seed, start: numbers(o, shots, seed, 0))
    said = failure(order(spread(13)), settings())
    assert "computed wrongly (it draws " in said


@pytest.mark.parametrize("noise", [{}, READ_OTHERWISE], ids=["exact", "misread"])
def test_a_sample_that_lacks_shots_is_not_given_though_its_circuit_was_looked_at(
    noise, monkeypatch
) -> None:
    """What is wrong with samples of many shots only is not seen in 32."""
    few = order(spread(40), shots=50)
    assert counts(few, settings(**noise)).to_dict()
    whole = draws.count_rows
    places = draws._counted_places

    monkeypatch.setattr(draws, "count_rows", lambda rows: whole(rows[:-1]))
    monkeypatch.setattr(draws, "_counted_places", lambda numbers, k: places(numbers[1:], k))
    assert "sample is drawn wrongly (499 shots of 500)" in failure(
        order(spread(40), shots=500), settings(**noise)
    )
    monkeypatch.setattr(draws, "count_rows", lambda rows: whole(np.roll(rows, 1, axis=1)))
    monkeypatch.setattr(
        draws, "_counted_places", lambda numbers, k: places(numbers << np.uint64(1), k)
    )
    assert "sample is drawn wrongly (shot 499 of its sample is not there)" in failure(
        order(spread(40), shots=500), settings(**noise)
    )


def test_bits_that_nothing_is_written_to_stay_0() -> None:
    text = ghz(13).replace("bit[13] c", "bit[14] c").replace("c = m", "c[1:13] = m")
    program, made = made_of(text)
    assert made.positions[0] is None
    check.hold(made, program)
    origin = made.outcomes.origin | np.array([1, 0], np.uint8)
    wrong = replace(made, outcomes=replace(made.outcomes, origin=origin))
    with pytest.raises(Exception, match="rows are not the outcomes they stand for"):
        check.hold(wrong, replace(program, durations=(("other", 1.0),)))


def test_a_circuit_that_measures_nothing_is_held_too() -> None:
    text = ghz(13).replace("c = measure q;\n", "")
    program, made = made_of(text)
    check.hold(made, program)
    assert counts(order(text, shots=100), settings()).to_dict() == {"0" * 13: 100}


def test_the_result_says_who_computed() -> None:
    (chunk,) = engine_chunks(ghz(40))
    facts = engine.simulate(chunk).facts
    assert (facts["engine"], facts["method"]) == ("numpy", "stabilizer")


def engine_chunks(text: str):
    return cut([order(text)], settings())


def test_a_circuit_of_a_thousand_qubits_is_solved() -> None:
    steps = [("h", (0,)), *(("cx", (k, k + 1)) for k in range(999)), ("x", (500,))]
    found = support_of(steps, 1000, range(1000))
    assert found == Support(1 << 500, ((1 << 1000) - 1,))
