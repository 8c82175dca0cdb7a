"""Every manifest of manifests/ runs, and its physics comes out as its head comment says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from math import atan2, cos, exp, hypot, log, pi, remainder, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector

from qbatch import open_run
from qbatch.across import read_across
from qbatch.cli import main
from qbatch.report import Overview
from qbatch.report.rows import Columns
from tests.emulated import emulating, hurried
from tests.examples import known_answers

MANIFESTS = Path(__file__).parents[2] / "manifests"

#: Standard errors by which a number may miss its expectation: one in 15,000 points would.
SIGMAS = 4.0

Open = Callable[[str], Any]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Emulated clouds on a loopback port, and the environment that leads to them."""
    env_file = tmp_path_factory.mktemp("clouds") / "env"
    command = [sys.executable, "-m", "qbatch.emulators", "all", "--queue-s", "0.2"]
    server = subprocess.Popen(
        [*command, "--env-file", str(env_file)], stderr=subprocess.DEVNULL, cwd=MANIFESTS.parent
    )
    try:
        deadline = time.monotonic() + 60
        while not env_file.exists():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lines = env_file.read_text("utf-8").splitlines()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QBATCH_STATE_DIR", str(env_file.parent))
            for name, _, value in (line.partition("=") for line in lines):
                patch.setenv(name, value)
            yield
    finally:
        server.terminate()
        server.wait(30)


#: Manifest -> the machines that it is for, and the clouds that have them.
MACHINES = {"device_comparison": ("devices", "all"), "drift_study": ("drift", "oqc")}


@contextmanager
def machines(copy: Path, script: str, clouds: str) -> Iterator[None]:
    """Emulated clouds with machines as a script says, and what leads to them."""
    faults = str(copy / "faults" / f"{script}.yaml")
    folder = Path(tempfile.mkdtemp(dir=copy))
    serving = emulating(folder, clouds, "--queue-s", "0.2", "--faults", faults)
    with serving as variables, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QBATCH_STATE_DIR", str(folder))
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Open:
    """Run a manifest once, in a copy of manifests/, its report included, and open the run."""
    copy = tmp_path_factory.mktemp("examples")
    shutil.copytree(MANIFESTS, copy, dirs_exist_ok=True)

    def open_done(name: str) -> Any:
        folder = copy / "runs" / name
        if not folder.exists():
            if "clouds" in name:
                request.getfixturevalue("clouds")
            command = ["run", f"{copy / name}.yaml", "--trust", "--yes", f"--out={folder}"]
            served = machines(copy, *MACHINES[name]) if name in MACHINES else nullcontext()
            with served, hurried():
                assert main(command) == 0
        return open_run(folder)

    return open_done


def estimates(run: Any, name: str, **where: Any) -> list[tuple[dict[str, Any], Any]]:
    """(parameters and backend, estimate) of each point that has these values."""
    found = []
    for point in run:
        values = {
            **dict(point.parameters),
            "backend": point.backend,
            "shots": point.shots,
            "circuit": point.circuit,
        }
        if all(values[axis] == pytest.approx(wanted) for axis, wanted in where.items()):
            found.append((values, point.estimates[name]))
    assert found, where
    return found


def is_near(estimate: Any, expected: float) -> bool:
    return bool(abs(estimate.value - expected) <= SIGMAS * estimate.se + 1e-12)


def holds_everywhere(found: Any, law: Callable[[dict[str, Any]], float]) -> None:
    misses = [(values, e, law(values)) for values, e in found if not is_near(e, law(values))]
    assert misses == []


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_manifest_says_what_to_expect_and_is_tested_here(path: Path) -> None:
    head = path.read_text("utf-8").split("\nqbatch: 1")[0]
    assert "Physics to expect:" in head
    assert f'done("{path.stem}")' in Path(__file__).read_text("utf-8")


#: Of those that take seconds, the checks too are left to the slow proofs.
LONG = (
    "any_of_clouds",
    "device_comparison",
    "drift_study",
    "five_clouds",
    "ghz_fidelity",
    "ghz_noise",
    "lih_energy",
    "rb_decay",
    "twirl",
    "two_clouds",
)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (path.stem in LONG), id=path.stem)
        for path in sorted(MANIFESTS.glob("*.yaml"))
    ],
)
def test_the_checks_of_every_manifest_pass(path: Path, done: Open) -> None:
    assert main(["check", str(done(path.stem).folder)]) == 0


def test_an_ideal_bell_pair_agrees_and_a_noisy_one_by_the_formula(done: Open) -> None:
    run = done("bell")
    assert {e.value for _, e in estimates(run, "zz", backend="ideal")} == {1.0}
    noisy = (1 - 0.01) * (1 - 2 * 0.02) ** 2
    holds_everywhere(estimates(run, "zz", backend="noisy"), lambda _: noisy)


def test_a_hundred_times_the_shots_give_a_tenth_of_the_interval(done: Open) -> None:
    run = done("bell")
    few, many = (estimates(run, "p00", backend="ideal", shots=n)[0][1] for n in (100, 10_000))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(10, rel=0.1)


@pytest.mark.slow
def test_noise_tears_the_ends_of_a_ghz_chain_apart_gate_by_gate(done: Open) -> None:
    noise = {"ideal": (0.0, 0.0), "good": (0.01, 0.01), "poor": (0.05, 0.02)}

    def law(values: dict[str, Any]) -> float:
        p, e = noise[values["backend"]]
        return float((1 - p) ** (values["n"] - 1) * (1 - 2 * e) ** 2)

    holds_everywhere(estimates(done("ghz_noise"), "ends"), law)


def test_a_scan_of_noise_follows_the_formula_at_every_strength(done: Open) -> None:
    found = estimates(done("noise_scan"), "zz")
    assert len(found) == 33

    def law(values: dict[str, Any]) -> float:
        p, e = values["noise.depolarizing.two_qubit"], values["noise.readout"]
        return float((1 - p) * (1 - 2 * e) ** 2)

    holds_everywhere(found, law)


def test_a_noisy_state_extrapolated_to_no_noise_is_the_ideal_one(done: Open) -> None:
    run = done("zne")
    holds_everywhere(estimates(run, "ends"), lambda values: float(0.97 ** (values["n"] - 1)))
    found = estimates(run, "ends.zne")
    assert len(found) == 3
    holds_everywhere(found, lambda _: 1.0)
    for point in run:
        raw, mended = point.estimates["ends"].value, point.estimates["ends.zne"].value
        assert abs(mended - 1) < abs(raw - 1) / 2


@pytest.mark.slow
def test_lopsided_readout_is_even_in_the_mean_over_twirled_forms(done: Open) -> None:
    left, shift, p = 1 - 0.02 - 0.1, 0.1 - 0.02, 0.02

    def read(values: dict[str, Any]) -> float:
        sent = left**2 + shift**2 + 2 * left * shift * cos(values["theta"])
        return float((1 - p) * sent + p * shift**2)

    run = done("twirl")
    holds_everywhere(estimates(run, "zz"), read)
    for name, wanted in (("zz.twirl", (1 - p) * left**2), ("zz.zne", left**2)):
        found = estimates(run, name)
        assert len(found) == 3
        assert all(each.low <= wanted <= each.high for _, each in found)
    ((_, raw),) = estimates(run, "zz", theta=0)
    assert raw.low > left**2 + 0.1
    assert {len(point.settings) for point in run} == {33}


def test_what_readout_took_from_a_ghz_state_is_given_back(done: Open) -> None:
    run = done("readout")
    for name, left in (
        ("ends", lambda e: (1 - 2 * e) ** 2),
        ("swing", lambda e: (1 - 2 * e) ** 4),
        ("agree", lambda e: (1 - e) ** 4 + e**4),
    ):

        def law(values: dict[str, Any], left: Callable[[float], float] = left) -> float:
            return left(values["noise.readout"])

        raw, mended = estimates(run, name), estimates(run, f"{name}.readout")
        assert len(raw) == len(mended) == 4
        holds_everywhere(raw, law)
        holds_everywhere(mended, lambda _: 1.0)
        assert all(not e.low <= 1 <= e.high for _, e in raw)


def test_the_qaoa_landscape_is_the_analytic_one_at_all_441_points(done: Open) -> None:
    found = estimates(done("qaoa_ring6"), "cut")
    assert len(found) == 441
    holds_everywhere(found, lambda v: 3 + 1.5 * sin(4 * v["beta"]) * sin(2 * v["gamma"]))


def test_the_largest_mean_cut_is_four_and_a_half_of_six_edges(done: Open) -> None:
    found = estimates(done("qaoa_ring6"), "cut")
    (best,) = estimates(done("qaoa_ring6"), "cut", gamma=pi / 4, beta=pi / 8)
    assert best[1].low <= 4.5 <= best[1].high
    assert is_near(max((e for _, e in found), key=lambda e: e.value), 4.5)


def test_a_phase_is_read_as_a_binary_fraction_of_sixteen(done: Open) -> None:
    run = done("phase_estimation")
    for outcome in (0, 1, 5, 6, 8, 15):

        def law(values: dict[str, Any], outcome: int = outcome) -> float:
            distance = 16 * values["phi"] - outcome
            if distance % 16 == 0:
                return 1.0
            return float((sin(pi * distance) / (16 * sin(pi * distance / 16))) ** 2)

        found = estimates(run, f"m{outcome}")
        assert len(found) == 32
        assert [e.value for values, e in found if 16 * values["phi"] == outcome] == [1.0]
        holds_everywhere(found, law)


def test_the_report_of_qaoa_shows_the_maximum_where_it_is(done: Open) -> None:
    report = (done("qaoa_ring6").folder / "report.md").read_text("utf-8")
    highest = re.search(r"\| cut +\| highest \| \S+ \[([\d.]+), ([\d.]+)\] \| (\S+)", report)
    assert highest is not None
    low, high, point = highest.groups()
    assert float(low) <= 4.5 <= float(high)
    assert point == "gamma=0.785398,beta=0.392699"


def test_an_adaptive_landscape_is_equally_well_known_everywhere_for_fewer_shots(
    done: Open,
) -> None:
    run = done("adaptive_qaoa")
    points = estimates(run, "cut")
    assert len(points) == 81
    for where, cut in points:
        ideal = 3 + 1.5 * sin(4 * where["beta"]) * sin(2 * where["gamma"])
        assert 0 < cut.se <= 0.06
        assert abs(cut.value - ideal) <= SIGMAS * 0.06


def test_the_report_says_what_an_adaptive_landscape_saves(done: Open) -> None:
    run = done("adaptive_qaoa")
    found = [(point.done, point.estimates["cut"].se) for point in run]
    worst = max(se for _, se in found)
    used = sum(shots for shots, _ in found)
    alike = max(shots * se**2 for shots, se in found) / worst**2 * len(found)
    report = (run.folder / "report.md").read_text("utf-8")
    told = re.search(r"Shots: (.+); as many at each point.* be (.+), so (\d+) % are saved", report)
    assert told is not None
    numbers = [int(re.sub(r"\D", "", each)) for each in told.groups()]
    assert numbers[0] == used
    assert numbers[1] == pytest.approx(alike, rel=0.01)
    assert numbers[2] == pytest.approx(100 * (1 - used / alike), abs=1.5)
    assert numbers[2] >= 30


def test_two_root_two_lies_in_the_interval_of_the_ideal_chsh_value(done: Open) -> None:
    ((_, ideal),) = estimates(done("chsh"), "S", backend="ideal", theta=pi / 4)
    assert ideal.low <= 2 * sqrt(2) <= ideal.high
    assert ideal.low > 2


def test_the_chsh_value_follows_bobs_angle_under_noise_too(done: Open) -> None:
    shrunk = {"ideal": 1.0, "noisy": (1 - 0.05) * (1 - 2 * 0.03) ** 2}
    holds_everywhere(
        estimates(done("chsh"), "S"),
        lambda v: shrunk[v["backend"]] * 2 * sqrt(2) * cos(v["theta"] - pi / 4),
    )


def test_the_chsh_value_from_two_bases_follows_the_entanglement(done: Open) -> None:
    shrunk = {"ideal": 1.0, "noisy": (1 - 0.05) * (1 - 2 * 0.03) ** 2}
    holds_everywhere(
        estimates(done("chsh_bases"), "S"),
        lambda v: shrunk[v["backend"]] * sqrt(2) * (1 + sin(v["theta"])),
    )


def fit_decay(found: Any) -> tuple[float, float, float]:
    """Weighted line through ln z over length: (rate, its standard error, ln z at length 0)."""
    rows = [(v["length"], log(e.value), (e.value / e.se) ** 2) for v, e in found]
    total = sum(w for *_, w in rows)
    x0 = sum(w * x for x, _, w in rows) / total
    y0 = sum(w * y for _, y, w in rows) / total
    spread = sum(w * (x - x0) ** 2 for x, _, w in rows)
    slope = sum(w * (x - x0) * (y - y0) for x, y, w in rows) / spread
    return -slope, 1 / sqrt(spread), y0 - slope * x0


@pytest.mark.slow
def test_benchmarking_finds_the_gate_error_put_in_whatever_the_readout(done: Open) -> None:
    rate, se, intercept = fit_decay(estimates(done("rb_decay"), "z"))
    assert abs(rate + log(1 - 0.01)) < SIGMAS * se
    assert se < 0.05 * rate
    assert exp(intercept) == pytest.approx(1 - 2 * 0.05, abs=0.005)


@pytest.mark.slow
def test_the_report_of_benchmarking_sets_the_fit_beside_the_value_put_in(done: Open) -> None:
    page = (done("rb_decay").folder / "rb_decay.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) error .* \| ([\d.]+) ± ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    assert [row[0] for row in rows] == ["gate", "readout"]
    for _, fitted, se, put_in in rows:
        assert abs(float(fitted) - float(put_in)) < SIGMAS * float(se)


def fitted(run: Any, name: str) -> dict[str, Any]:
    """Parameter -> estimate of the one fit of a run."""
    (one,) = (each for each in run.fits() if each.name == name)
    assert one.verdict == "good"
    return dict(one.parameters)


@pytest.mark.slow
def test_the_fit_of_benchmarking_holds_the_error_put_in(done: Open) -> None:
    found = fitted(done("rb_decay"), "decay")
    for name, put_in in (("p", 0.99), ("epc", 0.005), ("a", 0.9)):
        assert found[name].low <= put_in <= found[name].high
    assert found["epc"].se < 0.05 * 0.005


def test_an_excited_qubit_decays_in_the_time_put_in(done: Open) -> None:
    run = done("t1")
    holds_everywhere(estimates(run, "p1"), lambda v: 0.03 + 0.94 * exp(-v["wait"] / 50e-6))
    found = fitted(run, "decay")
    for name, put_in in (("tau", 50e-6), ("a", 0.94), ("c", 0.03)):
        assert found[name].low <= put_in <= found[name].high
    assert found["tau"].se < 0.05 * 50e-6


def test_ramsey_fringes_have_the_t2_and_the_detuning_put_in(done: Open) -> None:
    run = done("ramsey")
    found = estimates(run, "p1")
    holds_everywhere(
        found, lambda v: 0.5 - 0.5 * exp(-v["wait"] / 30e-6) * cos(2 * pi * 100e3 * v["wait"])
    )
    parameters = fitted(run, "fringes")
    for name, put_in in (("tau", 30e-6), ("f", 100e3), ("a", 0.5), ("c", 0.5)):
        assert parameters[name].low <= put_in <= parameters[name].high
    phase = parameters["phi"]
    assert phase.low <= phase.value + remainder(pi - phase.value, 2 * pi) <= phase.high


def test_the_energy_of_hydrogen_follows_the_ansatz_to_its_ground_state(done: Open) -> None:
    found = estimates(done("ansatz"), "E")
    holds_everywhere(found, lambda v: -0.3464 - 0.7782 * cos(v["theta"]) - 0.1820 * sin(v["theta"]))
    ground = -0.3464 - hypot(0.7782, 0.1820)
    ((_, lowest),) = estimates(done("ansatz"), "E", theta=round(atan2(0.1820, 0.7782), 4))
    assert lowest.low <= ground <= lowest.high


def exact_energies(name: str, num_qubits: int) -> tuple[float, Callable[[float], float]]:
    """A Hamiltonian's ground state, and its energy in cos(x/2) |1100...> + sin(x/2) |...0011>.

    The file is read with a pattern, not by qbatch; the matrices are Qiskit's.
    """
    text = (MANIFESTS / "hamiltonians" / name).read_text("utf-8")
    terms = [
        ("".join(word[0] for word in term.split()), [int(word[1:]) for word in term.split()], value)
        for value, term in re.findall(r"^(-?[\d.e-]+) \[(.*)\]", text, re.MULTILINE)
    ]
    operator = SparsePauliOp.from_sparse_list(
        [(letters, bits, float(value)) for letters, bits, value in terms], num_qubits
    )

    def energy(theta: float) -> float:
        amplitudes = np.zeros(2**num_qubits)
        amplitudes[0b11] = cos(theta / 2)
        amplitudes[0b11 << (num_qubits - 2)] = sin(theta / 2)
        return float(Statevector(amplitudes).expectation_value(operator).real)

    return float(np.linalg.eigvalsh(operator.to_matrix())[0]), energy


def test_hydrogens_measured_energy_is_the_exact_one_at_every_angle(done: Open) -> None:
    ground, energy = exact_energies("h2.txt", 4)
    run = done("h2_energy")
    found = estimates(run, "E")
    assert len(found) == 14
    holds_everywhere(found, lambda v: energy(v["theta"]))
    assert {len(point.settings) for point in run} == {5}
    values, lowest = min(found, key=lambda each: each[1].value)
    assert values["theta"] == -0.22354
    assert lowest.low <= ground <= lowest.high < energy(0)
    assert lowest.se < 0.001


#: Ground state of H2 in STO-3G, full configuration interaction by PySCF 2.14: length -> hartree.
H2_GROUND_STATES = {
    0.4: -0.9141497046,
    0.5: -1.0551597945,
    0.6: -1.1162860069,
    0.735: -1.1373060358,
    0.9: -1.1205602813,
    1.1: -1.0791929450,
    1.4: -1.0154682493,
    1.8: -0.9618169528,
    2.3: -0.9389223860,
    3.0: -0.9336318446,
}


def test_hydrogen_pulled_apart_has_the_exact_energy_at_each_length(done: Open) -> None:
    run = done("h2_dissociation")
    found = estimates(run, "E")
    assert [values["r"] for values, _ in found] == [*H2_GROUND_STATES]
    holds_everywhere(found, lambda values: H2_GROUND_STATES[values["r"]])
    assert all(e.low <= H2_GROUND_STATES[values["r"]] <= e.high for values, e in found)
    assert {len(point.settings) for point in run} == {5}
    assert max(estimate.se for _, estimate in found) < 0.002
    (agreement,) = read_across(run).expected
    assert agreement.formula == "hamiltonians/h2_exact.csv"
    assert [one.expected for one in agreement.residuals] == pytest.approx(
        [*H2_GROUND_STATES.values()], abs=1e-7
    )
    made = {k: text for k, text in run.manifest.sums.items() if k.startswith("hamiltonians/h2.py")}
    for key, text in made.items():
        operator = SparsePauliOp.from_sparse_list(
            [
                (re.sub(r"\W|\d", "", term), [*map(int, re.findall(r"\d", term))], float(sign + c))
                for sign, c, term in re.findall(r"([+-]) ([\d.e-]+)((?: [XYZ]\d)*)", text)
            ],
            4,
        )
        lowest = float(np.linalg.eigvalsh(operator.to_matrix())[0])
        length = float(re.findall(r'"r": ([\d.]+)', key)[0])
        assert lowest == pytest.approx(H2_GROUND_STATES[length], abs=1e-8)


@pytest.mark.slow
def test_lithium_hydride_takes_36_settings_where_its_terms_are_117(done: Open) -> None:
    ground, energy = exact_energies("lih.txt", 6)
    run = done("lih_energy")
    found = estimates(run, "E")
    holds_everywhere(found, lambda v: energy(v["theta"]))
    assert {len(point.settings) for point in run} == {36}
    ((_, lowest),) = estimates(run, "E", theta=-0.23325)
    assert ground < energy(-0.23325) < energy(0)
    assert lowest.low <= energy(-0.23325) <= lowest.high < energy(0)


@pytest.mark.slow
def test_the_fidelity_of_a_ghz_state_falls_with_its_size_by_the_formula(done: Open) -> None:
    run = done("ghz_fidelity")
    noise = {"ideal": (0.0, 0.0), "noisy": (0.02, 0.01)}

    def coherence(backend: str, n: int) -> float:
        p, e = noise[backend]
        return float((1 - p) ** (n - 1) * (1 - 2 * e) ** n)

    parities = estimates(run, "parity", circuit="turned")
    holds_everywhere(parities, lambda v: coherence(v["backend"], v["n"]) * cos(v["turn"]))
    found = {one.label: one.estimate for one in run.derived() if one.name == "F"}
    assert len(found) == 8
    for backend, (p, e) in noise.items():
        for n in (2, 3, 4, 6):
            truth = (known_answers.ghz_populations(n, p, e) + coherence(backend, n)) / 2
            assert is_near(found[f"backend={backend},n={n}"], truth)
            assert found[f"backend={backend},n={n}"].low > 0.5


@pytest.mark.slow
def test_the_guides_table_of_known_answers_is_what_comes_out(done: Open) -> None:
    assert known_answers.in_guide() == known_answers.table(done)
    for answer in known_answers.ANSWERS:
        assert is_near(known_answers.found(answer, done(answer.manifest)), answer.wanted), answer


def all_agree_on_the_turned_qubit(run: Any) -> None:
    holds_everywhere(estimates(run, "zz"), lambda v: -cos(v["theta"]))
    holds_everywhere(estimates(run, "high"), lambda v: sin(v["theta"] / 2) ** 2)
    overview = Overview.of(run, Columns.of(run))
    for point in run:
        overview.add(point)
    verdicts = overview.agreement.verdicts()
    assert [(one.number, one.settings) for one in verdicts] == [
        ("zz", 5),
        ("high", 5),
        ("mixed", 5),
    ]
    assert min(one.least_likely.p_value for one in verdicts) > 1e-5
    assert "## Agreement between backends" in (run.folder / "report.md").read_text("utf-8")


def test_two_clouds_and_the_simulator_measure_the_same_physics(done: Open) -> None:
    run = done("two_clouds")
    assert {point.backend for point in run} == {"sim", "oqc", "ionq"}
    all_agree_on_the_turned_qubit(run)


@pytest.mark.slow
def test_any_of_three_clouds_measures_it_at_the_one_that_is_soonest(done: Open) -> None:
    run = done("any_of_clouds")
    assert [each.chosen for each in run.manifest.decisions] == ["forte"]
    assert run.targets["device"]["name"] == "ionq:forte-1"
    holds_everywhere(estimates(run, "zz"), lambda v: -cos(v["theta"]))
    holds_everywhere(estimates(run, "high"), lambda v: sin(v["theta"] / 2) ** 2)


#: Emulated device -> probability with which a gate on two of its qubits depolarizes them.
DEVICES = {
    "sim": 0,
    "forte": 0.02,
    "rensselaer": 0.05,
    "garnet": 0.09,
    "toshiko": 0.14,
    "aria": 0.22,
}


@pytest.mark.slow
def test_diff_puts_six_devices_in_the_order_of_their_noise(
    done: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    run = done("device_comparison")
    law = {name: 1 - p for name, p in DEVICES.items()}
    holds_everywhere(estimates(run, "ends"), lambda v: law[v["backend"]] ** (v["n"] - 1))
    capsys.readouterr()
    assert main(["diff", str(run.folder), "--between", "backend", "--json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert len(found["changes"]) == 15 * 3
    *_, largest = found["standings"]
    assert largest["where"] == "n=6"
    assert [one["at"] for one in largest["order"]] == [*DEVICES]
    assert largest["apart"] == [True] * 5


@pytest.mark.slow
def test_a_drift_is_told_and_makes_no_slope_where_points_are_bought_mixed(
    done: Open, tmp_path: Path
) -> None:
    def slope(run: Any) -> tuple[float, float]:
        theta, ones = zip(*((w["theta"], e.value) for w, e in estimates(run, "one")), strict=True)
        (a, _), covariance = np.polyfit(theta, ones, 1, cov=True)
        return float(a), float(sqrt(covariance[0, 0]))

    run = done("drift_study")
    mixed, error = slope(run)
    assert abs(mixed) < SIGMAS * error
    (told,) = run.drift()
    assert len(told.ones) == 7
    # seven on a line may be likelier on a step: wherever that is, it is 3.5 of their six distances
    change = {"trend": -0.004 * 30, "jump": -0.004 * 30 * 3.5 / 6}[told.test.kind]
    assert told.test.change == pytest.approx(change, abs=SIGMAS * sqrt(2 * 0.1 * 0.9 / 1000))
    assert told.warnings == []
    out = tmp_path / "as-written"
    copy = run.folder.parents[1]
    options = ["-S", "sweep.order=as-written", "--yes", f"--out={out}"]
    with machines(copy, *MACHINES["drift_study"]):
        assert main(["run", str(copy / "drift_study.yaml"), *options]) == 0
    with open_run(out) as other:
        false, error = slope(other)
        assert false == pytest.approx(0.004 * 29, abs=0.02)
        assert false > 8 * error
        assert [one.split(" goes")[0] for one in other.drift()[0].warnings] == ["theta"]
    assert main(["check", str(run.folder)]) == 0


@pytest.mark.slow
def test_five_clouds_and_the_simulator_measure_the_same_physics(done: Open) -> None:
    run = done("five_clouds")
    assert {point.backend for point in run} == set(run.manifest.backends)
    all_agree_on_the_turned_qubit(run)


@pytest.mark.slow
def test_the_report_of_five_clouds_tells_money_by_unit_and_time_by_cloud(done: Open) -> None:
    run = done("five_clouds")
    page = (run.folder / "report.md").read_text("utf-8")
    assert set(run.spent()) == {"credits", "usd", "eur", "qpu_seconds"}
    for total in ("830 credits", "14.20 EUR", "13.75 USD", "QPU seconds"):
        assert total in page
    times = page.split("## Time")[1].split("## ")[0]
    assert [name for name in run.manifest.backends if f"| {name} " in times] == [
        "forte", "rensselaer", "sv1", "garnet", "toshiko",
    ]  # fmt: skip


def test_the_chsh_value_of_four_points_has_two_root_two_in_its_interval(done: Open) -> None:
    found = {one.label: one for one in done("chsh_angles").derived() if one.name == "S"}
    wanted = {"backend=ideal": 2 * sqrt(2), "backend=noisy": 0.95 * 0.94**2 * 2 * sqrt(2)}
    assert found.keys() == wanted.keys()
    for label, truth in wanted.items():
        estimate = found[label].estimate
        assert estimate is not None
        assert estimate.low <= truth <= estimate.high
        assert estimate.low > 2
        # Four independent numbers of 20,000 shots, each worth 1 or -1 with mean truth/4.
        assert estimate.se == pytest.approx(sqrt(4 * (1 - (truth / 4) ** 2) / 20_000), rel=0.02)


@pytest.mark.slow
def test_a_ratio_of_derived_numbers_is_what_the_noise_leaves(done: Open) -> None:
    (kept,) = [one for one in done("chsh_angles").derived() if one.name == "kept"]
    assert kept.estimate is not None
    assert kept.estimate.low <= 0.95 * 0.94**2 <= kept.estimate.high
