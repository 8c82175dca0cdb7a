"""P19: what IBM's machine time, limits and reservations are said to be, before a job is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from qbatch.emulators.ibm_direct_access.options import OPTIONS
from qbatch.errors import Unfit
from qbatch.executor.budget import expected_prices
from qbatch.manifest import parse_manifest
from qbatch.plan import expand, notices
from qbatch.providers import Cancelled
from qbatch.providers.ibm_direct_access.sampler import Sampler

Maker = Callable[..., Any]

TARGET = "emu_5q"

#: Repetition delay -> options that ask for it; None: the machine's.
DELAYS: dict[float | None, dict[str, Any]] = {
    None: {},
    100e-6: {"sampler": {"execution": {"rep_delay": 100e-6}}},
    0.0: {"sampler": {"execution": {"rep_delay": 0}}},
}


@pytest.mark.parametrize("delay_s", DELAYS)
@pytest.mark.parametrize("shots", [[1], [1000], [20_000, 20_000], [100] * 40])
async def test_the_price_that_is_shown_is_that_of_the_clouds_book(
    talk: Maker, order: Maker, shots: list[int], delay_s: float | None
) -> None:
    """P19, M16: 10 s were said and 12.8 billed, for 40,000 shots; circuits and jobs take time."""
    cloud = talk("ibm-direct-access", target=TARGET, options=DELAYS[delay_s])
    target = await cloud.driver.describe()
    orders = [order(name=f"p{k:02}", shots=each) for k, each in enumerate(shots)]
    said = target.price.of_composite(shots)
    assert "delays in circuits not counted" in target.price.source
    batch = await cloud.submit(await cloud.prepare(*orders))
    ended = await cloud.finish(batch)
    billed = cloud.ledger[0]["price"]
    assert sum(update.cost for update in ended.values()) == pytest.approx(billed)
    assert said == pytest.approx(billed, rel=0.01)
    assert sum(expected_prices(orders, target.price, {}).values()) == pytest.approx(said)


async def test_a_delay_that_the_machine_does_not_have_is_told_before_anything_is_sent(
    talk: Maker,
) -> None:
    options = {"sampler": {"execution": {"rep_delay": 0.01}}}
    with pytest.raises(Unfit, match="write 0e-6 to 500e-6"):
        await talk("ibm-direct-access", target=TARGET, options=options).driver.describe()


MANIFEST = """\
qbatch: 1
name: long
circuits: {c: {qasm: "OPENQASM 3.0; qubit q; bit c; c = measure q;"}}
backends:
  ibm: {provider: ibm-direct-access, target: emu_5q, options: {timeout_secs: %d}}
sweep: {repeat: 2}
shots: 25000
"""


@pytest.mark.parametrize(("timeout_secs", "is_enough"), [(1, False), (15, False), (16, True)])
async def test_a_time_limit_too_small_for_the_shots_is_told_by_the_plan_and_ends_the_job(
    talk: Maker, order: Maker, timeout_secs: int, is_enough: bool
) -> None:
    """P19: 2 s and 2 x 25,000 x 270 µs are 15.5 s, in one job; the emulated machine agrees."""
    options = {"timeout_secs": timeout_secs}
    cloud = talk("ibm-direct-access", target=TARGET, options=options)
    target = await cloud.driver.describe()
    plan = expand(parse_manifest(MANIFEST % timeout_secs, folder=Path("/")))
    told = [one for one in notices(plan, {"ibm": target}) if "ends a job" in one]
    assert len(told) == (not is_enough)
    if told:
        assert "about 15.5 QPU seconds" in told[0]
        assert f"options.timeout_secs ends a job after {timeout_secs}" in told[0]
    batch = await cloud.submit(await cloud.prepare(*(order(name=n, shots=25_000) for n in "ab")))
    ended = await cloud.finish(batch)
    assert any(isinstance(update, Cancelled) for update in ended.values()) is not is_enough


async def test_a_reserved_machine_is_shown_as_reserved(talk: Maker) -> None:
    """P19: it was shown as offline."""
    cloud = talk("ibm-direct-access", target=TARGET)
    cloud.set_faults(switches={"ibm-direct-access": {"reservations": [{"backend": TARGET}]}})
    states = {target.name: target.standing for target in await cloud.driver.list_targets()}
    assert states == {
        "ibm_rensselaer": "online",
        TARGET: "reserved",
        "emu_paused": "paused",
        "emu_offline": "offline",
    }
    plan = expand(parse_manifest(MANIFEST % 600, folder=Path("/")))
    assert notices(plan, {"ibm": await cloud.driver.describe()}) == [
        f"backend 'ibm' ({TARGET}) is reserved"
    ]


def test_the_options_of_the_sampler_are_those_that_the_service_knows() -> None:
    """P19: against the emulator's set, which was written apart; shots are the plan's."""
    assert _leaves(Sampler) == _known(OPTIONS["sampler"]) - {"default_shots"}


def _leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        found |= _leaves(kind, f"{prefix}{name}.") if is_model else {f"{prefix}{name}"}  # type: ignore[arg-type]
    return found


def _known(options: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, check in options.items():
        is_map = isinstance(check, Mapping)
        found |= _known(check, f"{prefix}{name}.") if is_map else {f"{prefix}{name}"}
    return found


def test_only_what_is_written_is_sent() -> None:
    given = {"twirling": {"enable_gates": True, "num_randomizations": 8}, "execution": {}}
    assert Sampler.model_validate(given).sent == given
    assert Sampler().sent == {}


@pytest.mark.parametrize(
    "given",
    [
        {"twirling": {"num_randomizations": 0}},
        {"twirling": {"shots_per_randomization": "many"}},
        {"dynamical_decoupling": {"sequence_type": "YY"}},
        {"execution": {"rep_delay": -1}},
        {"simulator": {"seed_simulator": -1}},
        {"default_shots": 10},
    ],
)
def test_what_the_service_would_refuse_is_refused_by_the_model(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sampler.model_validate(given)
