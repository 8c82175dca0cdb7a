"""P21: Marqov's options are checked when the manifest is read, and `backends` shows tiers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qbatch.cli.verbs.backends import _tell
from qbatch.emulators.marqov.access import Rejected
from qbatch.emulators.marqov.catalogue import BACKENDS
from qbatch.emulators.marqov.physics import read_noise
from qbatch.manifest.models import Backend
from qbatch.providers import Target, validate_settings
from qbatch.providers.marqov.noise import NOISY, STATES
from qbatch.providers.marqov.options import Options

FLIPS = {"channel": "Depolarizing", "probability": 0.1, "qubits": [0]}
TIMES = {"t1": 5e-5, "t2": 7e-5, "gate_time": 1e-7}


def told(target: str, **options: Any) -> list[str]:
    backend = Backend(provider="marqov", target=target, options=options)
    return [
        f"{'.'.join(map(str, loc))}: {text}" for loc, text in validate_settings(backend, Path())
    ]


@pytest.mark.parametrize("slug", [one.slug for one in BACKENDS if not one.is_retired])
def test_only_backends_with_noise_or_states_are_asked_for_them(slug: str) -> None:
    (backend,) = [one for one in BACKENDS if one.slug == slug]
    noisy, state = told(slug, noise_model=[FLIPS]), told(slug, statevector=True)
    assert noisy == ([] if backend.takes_noise else [
        f"options.noise_model: noise_model is not for {slug}; choose target {' or '.join(NOISY)}"
    ])  # fmt: skip
    assert state == ([] if backend.gives_state else [
        f"options.statevector: statevector is not for {slug}; choose target {' or '.join(STATES)}"
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (0.1, "0.1 is no list of channels"),
        ("strong", "'strong' is no list of channels"),
        ({}, "is empty; write channels, or t1, t2 and gate_time"),
        (
            {"t3": 1.0},
            "'t3' is none of channels, t1, t2, gate_time; what the platform takes beyond",
        ),
        ({"t1": 1.0}, "t2 is missing"),
        ({**TIMES, "t1": 0}, "t1: 0 is no time"),
        ({**TIMES, "t2": 2e-4}, "t2: 0.0002 is more than twice t1"),
        ({**TIMES, "channels": 3}, "3 is no list of channels"),
        ([{**FLIPS, "channel": "Depolarising"}], "channel 1: 'Depolarising' is none of .* did you"),
        ([FLIPS, "x"], "channel 2: 'x' is none of Depolarizing"),
        ([{**FLIPS, "gamma": 0.1}], "channel 1: Depolarizing has no 'gamma'"),
        ([{**FLIPS, "probability": 1.1}], "probability: 1.1 is no number from 0 to 1"),
        ([{**FLIPS, "probability": float("nan")}], "probability: nan is no number"),
        ([{**FLIPS, "probability": True}], "probability: True is no number"),
        ([{"channel": "ReadoutError", "p0_given1": 0.1}], "p1_given0: None is no number"),
        ([{**FLIPS, "qubits": [-1]}], r"qubits: \[-1\] is no list"),
        ([{**FLIPS, "qubits": []}], r"qubits: \[\] is no list"),
    ],
)
def test_a_noise_model_that_is_none_is_told_with_its_place(model: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Options(noise_model=model)


VALUES = st.sampled_from([0, 0.5, 1, 1.5, -0.1, None, True, "x", 1e-5])
CHANNELS = st.fixed_dictionaries(
    {"channel": st.sampled_from(["Depolarizing", "PhaseDamping", "ReadoutError", "Other"])},
    optional={
        "probability": VALUES,
        "gamma": VALUES,
        "p0_given1": VALUES,
        "p1_given0": VALUES,
        "qubits": st.sampled_from([[0], [1, 2], "0", [1.5], [-1]]),
    },
)
MODELS = st.lists(CHANNELS, min_size=1, max_size=2) | st.fixed_dictionaries(
    {}, optional={"channels": st.lists(CHANNELS, max_size=1), **dict.fromkeys(TIMES, VALUES)}
)


@given(MODELS)
def test_what_is_checked_is_what_the_emulated_platform_takes(model: Any) -> None:
    def ours() -> bool:
        try:
            return bool(Options(noise_model=model))
        except ValidationError:
            return False

    def theirs() -> bool:
        try:
            read_noise(model)
        except Rejected:
            return False
        return True

    assert ours() == theirs()


def test_what_the_platform_takes_beyond_that_travels_unread() -> None:
    assert told("marqov-sim", params={"noise_model": {"new": 1}}) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"native": {}}, "cap_cents is missing"),
        ({"native": {"cap_cents": 0}}, "0 is too small; write 1 or more"),
        ({"native": {"cap_cents": 10_001}}, "10001 is too large; write 10000 or less"),
        ({"native": {"cap_cents": 11}, "team": "us"}, "'us' is no UUID"),
        ({"team": "0f4c2d7e-5b1a-4c3e-9a8d-2e6f1b7c9d30"}, "team needs native"),
        ({"native": {"cap_cents": 11}, "entrypoint": "2"}, "is not written as"),
        ({"native": {"cap_cents": 11}, "entrypoint": "run"}, "needs script_id or inline_code"),
        ({"native": {"cap_cents": 11}, "inline_code": "x"}, "entrypoint names the workflow"),
        ({"entrypoint": "run"}, "entrypoint needs native"),
        ({"native": {"cap_cents": 11}, "execution_mode": "direct"}, "execution_mode has no place"),
        ({"native": {"cap_cents": 11}, "on_unknown": "hold"}, "on_unknown has no place"),
        ({"native": {"cap_cents": 11}, "params": {"a": 1}}, "params go to a native workflow"),
    ],
)
def test_what_does_not_go_together_natively_is_told(options: dict[str, Any], words: str) -> None:
    (problem,) = told("marqov-sim", **options)
    assert words in problem


#: By the platform's own form, written out here.
TIERS = {
    "Marqov Simulators": {"marqov-sim", "local"},
    "Cloud Simulators": {"sv1", "dm1", "tn1"},
    "Quantum Hardware": {
        "ionq-aria-1", "ionq-forte-1", "rigetti-ankaa-2", "iqm-garnet", "quantinuum-h2",
    },
}  # fmt: skip


async def test_each_target_has_the_tier_of_the_platforms_form(talk: Any) -> None:
    targets = await talk("marqov", target="sv1").driver.list_targets()
    found = {target.name: target.tier for target in targets}
    for tier, slugs in TIERS.items():
        assert {name for name, one in found.items() if one == tier} == slugs
    brilliance = {name for name, tier in found.items() if tier == "Quantum Brilliance"}
    assert brilliance == {name for name in found if name.startswith("qb-sim-")}


@pytest.mark.parametrize(("tier", "shown"), [("Quantum Hardware", True), ("", False)])
def test_backends_shows_tiers_where_there_are_any(
    capsys: pytest.CaptureFixture[str], tier: str, *, shown: bool
) -> None:
    account: Any = type(
        "Account",
        (),
        {"name": "m", "provider": "m", "error": None, "driver": None, "is_emulated": False},
    )
    _tell([account], {"m": [Target("t", tier=tier)]})
    said = capsys.readouterr().out
    assert ("tier" in said, "Quantum Hardware" in said) == (shown, shown)
