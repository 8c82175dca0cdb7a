"""P28: a swept delay relaxes as the closed forms say: T1 decay and Ramsey fringes."""

import math

import pytest
from simulating import HEAD, counts, failure, order, run, settings

DECAY = HEAD + "input duration tau;\nqubit q; bit c;\nx q; delay[tau] q;\nc = measure q;\n"
RAMSEY = (
    HEAD + "input duration tau; input float phi;\nqubit q; bit c;\n"
    "h q; delay[tau] q; rz(phi) q; h q;\nc = measure q;\n"
)
#: The delay's length is also the angle by which a drive beside the qubit's frequency turns it.
DETUNED = HEAD + (
    "input float a; input duration tau; qubit q; bit c;\n"
    "rx(a) q; h q; delay[tau] q; rz(pi*(tau/1us)) q; h q;\nc = measure q;\n"
)
#: A bit read early decides what follows, so that Aer simulates the shots.
AFTER_FEEDBACK = (
    HEAD + "input duration tau;\nqubit q; bit early; bit c;\n"
    "early = measure q;\nif (!early) { x q; delay[tau] q; }\nc = measure q;\n"
)
T1, T2 = 50e-6, 30e-6
RELAXING = {"thermal_relaxation": {"t1": T1, "t2": T2}}
TIMES = (0.0, 1e-9, 5e-6, 20e-6, 80e-6, 1.0)
SHOTS = 40_000


def share(found, outcome="1"):
    return found.to_dict().get(outcome, 0) / found.shots


def near(probability):
    """Five standard deviations, and no less than one shot."""
    sd = math.sqrt(probability * (1 - probability) / SHOTS)
    return pytest.approx(probability, abs=5 * sd + 1 / SHOTS)


@pytest.mark.parametrize("method", ["automatic", "density_matrix"])
def test_excited_states_decay_by_t1(method):
    using = settings(noise=RELAXING, options={"method": method})
    orders = [order(DECAY, n, shots=SHOTS, tau=tau) for n, tau in enumerate(TIMES)]
    found = run(orders, using)
    for one, tau in zip(orders, TIMES, strict=True):
        assert share(found[one.id]) == near(math.exp(-tau / T1)), tau


def test_coherence_decays_by_t2_at_any_angle():
    using = settings(noise=RELAXING)
    points = [(tau, phi) for tau in TIMES for phi in (0.0, 1.0, math.pi)]
    orders = [order(RAMSEY, n, shots=SHOTS, tau=t, phi=p) for n, (t, p) in enumerate(points)]
    found = run(orders, using)
    for one, (tau, phi) in zip(orders, points, strict=True):
        wanted = (1 - math.exp(-tau / T2) * math.cos(phi)) / 2
        assert share(found[one.id]) == near(wanted), (tau, phi)


@pytest.mark.slow
def test_a_delay_within_a_branch_relaxes_too():
    using = settings(noise=RELAXING)
    found = counts(order(AFTER_FEEDBACK, 1, shots=SHOTS, tau=20e-6), using)
    assert share(found, "1 0") == near(math.exp(-20e-6 / T1))


@pytest.mark.parametrize("noise", [None, {"depolarizing": {"one_qubit": 0.0}}, {"readout": 0.0}])
def test_without_relaxation_a_delay_changes_nothing(noise):
    using = settings(noise=noise) if noise else settings()
    for tau in TIMES:
        assert counts(order(DECAY, 1, shots=100, tau=tau), using).to_dict() == {"1": 100}


def test_repeated_and_cut_counts_do_not_depend_on_which_delays_stand_beside():
    using = settings(noise=RELAXING)
    orders = [order(DECAY, n, shots=500, tau=tau) for n, tau in enumerate(TIMES)]
    together = run(orders, using)
    alone = {one.id: run([one], using)[one.id] for one in reversed(orders)}
    for one in orders:
        assert together[one.id].to_dict() == alone[one.id].to_dict()


@pytest.mark.parametrize("noise", [None, RELAXING])
def test_a_delay_below_nothing_is_told(noise):
    using = settings(noise=noise) if noise else settings()
    told = failure(order(DECAY, 1, tau=-1e-6), using)
    assert told == "local: a delay is no time at this point's values; leave the point out"


@pytest.mark.parametrize("method", ["automatic", "statevector"])
def test_a_delay_that_is_an_angle_too_turns_by_it_where_a_plain_angle_stands_beside(
    method, monkeypatch, tmp_path
):
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path))  # no earlier look at the circuit counts
    using = settings(options={"method": method})
    times = (0.25e-6, 0.5e-6, 1e-6)
    orders = [order(DETUNED, n, shots=SHOTS, a=0.0, tau=tau) for n, tau in enumerate(times)]
    found = run(orders, using)
    for one, tau in zip(orders, times, strict=True):
        wanted = (1 - math.cos(math.pi * tau / 1e-6)) / 2
        assert not isinstance(found[one.id], str), found[one.id]
        assert share(found[one.id]) == near(wanted), tau
