"""Targets that are one of several: decided by what clouds tell, kept, and never switched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from qbatch.emulators import Emulation, Queueing
from qbatch.errors import (
    CredentialsError,
    ProviderError,
    SelectionError,
    SnapshotError,
    SourceErrors,
    Unavailable,
    Unfit,
)
from qbatch.executor import Options
from qbatch.executor.consent import Asking, read_approval
from qbatch.executor.deciding import Inquiry, decide, decided_before
from qbatch.executor.start import run_async_with
from qbatch.manifest import load_manifest
from qbatch.manifest.decisions import decisions_in, kept_decisions
from qbatch.manifest.models import Manifest
from qbatch.plan import check_lock, expand, save_plan, write_lock
from qbatch.plan.pricing.limits import taken
from qbatch.providers import Surroundings
from qbatch.snapshot import Run
from qbatch.snapshot.merging import merge

CLOUDS = ("open-quantum", "ibm-direct-access", "marqov", "scaleway", "oqc")
ORIGIN = "https://emulated.invalid"

HEAD = """
qbatch: 1
name: any
circuits:
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float t;
      qubit[2] q;
      bit[2] c;
      rx(t) q[0];
      cx q[0], q[1];
      c = measure q;
sweep: {matrix: {t: [0, 1, 2]}}
shots: 500
analysis: {observables: {zz: Z0 Z1}}
"""

#: A machine that costs something at each cloud.
FIVE = """
backends:
  oq: {provider: open-quantum, target: "iqm:emerald"}
  ibm: {provider: ibm-direct-access, target: ibm_rensselaer}
  braket: {provider: marqov, target: iqm-garnet}
  garnet: {provider: scaleway, target: QPU-GARNET-20PQ}
  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}
  device: {target: {any_of: [oq, ibm, braket, garnet, toshiko], prefer: PREFER}}
budget: {prices: prices.yaml}
"""
#: What one of each unit is worth in dollars.
WORTH = {"usd": 1.0, "eur": 1.1, "credits": 0.02, "qpu_seconds": 1.6}
PRICES = {"date": "2026-11-01", "convert": {u: {"usd": n} for u, n in WORTH.items() if u != "usd"}}


@dataclass
class World:
    """All five clouds in this process, on a virtual clock."""

    emulation: Emulation
    folder: Path

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            environ=self.emulation.environment(ORIGIN),
            transport=self.emulation.transport(),
            is_virtual=True,
            now=lambda: self.emulation.world.clock.utc().timestamp(),
        )

    def decide(self, text: str, agreed: object = None, **more: Any) -> Manifest:
        """What `qbatch plan` does: as it was decided, else now."""
        known = decided_before(self.write(text), self.folder / "run", agreed)
        return played(decide, known, Inquiry(around=self.around, **more))

    def run(self, text: str, **more: Any) -> Run:
        options = Options(surroundings=self.around, out=self.folder / "run", approve=True)
        options = replace(options, **more)
        return played(run_async_with, self.write(text), options)

    def write(self, text: str) -> Manifest:
        (self.folder / "any.yaml").write_text(HEAD + text)
        return load_manifest(self.folder / "any.yaml")

    @property
    def sold(self) -> dict[str, int]:
        """Cloud -> jobs, by their own books."""
        found: dict[str, int] = {}
        for entry in self.emulation.world.ledger.entries():
            found[entry["provider"]] = found.get(entry["provider"], 0) + 1
        return found

    def billed(self) -> dict[str, float]:
        """Unit -> price, by the clouds' own books."""
        found: dict[str, float] = {}
        for entry in self.emulation.world.ledger.entries():
            found[entry["unit"]] = found.get(entry["unit"], 0.0) + entry["price"]
        return found


def played(*call: Any) -> Any:
    return trio.run(*call, clock=trio.testing.MockClock(autojump_threshold=0))


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    folder.mkdir(exist_ok=True)
    (folder / "prices.yaml").write_text(json.dumps(PRICES))
    emulation = Emulation([*CLOUDS], queueing=Queueing(5.0, is_serial=True), inline=True, seed=1)
    try:
        yield World(emulation, folder)
    finally:
        emulation.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as found:
        yield found


def figures(manifest: Manifest, name: str = "device") -> Mapping[str, Any]:
    (decision,) = (each for each in manifest.decisions if each.backend == name)
    found: Mapping[str, Any] = decision.figures
    return found


def facts_of(manifest: Manifest) -> list[dict[str, Any]]:
    return [each.facts() for each in manifest.decisions]


def chosen(manifest: Manifest) -> dict[str, str]:
    return {each.backend: each.chosen for each in manifest.decisions}


@pytest.mark.slow
def test_the_cheapest_of_five_clouds_is_so_by_their_own_books(world: World, tmp_path: Path) -> None:
    """Each candidate is bought whole at a world of its own: the least bill is that of the chosen.

    IBM bills what was used; the figure is an estimate of that.
    """
    decided = world.decide(FIVE.replace("PREFER", "cheapest"))
    told, bills = figures(decided), {}
    for name in told:
        with world_in(tmp_path / name) as alone:
            only = FIVE.replace("[oq, ibm, braket, garnet, toshiko]", f"[{name}]")
            for other in told.keys() - {name}:
                only = only.replace(f"  {other}: {{provider", f"  x-{other}: {{provider")
            done = alone.run(only.replace("PREFER", "cheapest"))
            done.close()
            ((unit, price),) = alone.billed().items()
            bills[name] = price * WORTH[unit]
            assert told[name]["unit"] == unit
            assert told[name]["price"] == pytest.approx(price, rel=0.5 if name == "ibm" else 1e-9)
    assert decided.backends["device"] == decided.backends[min(bills, key=lambda name: bills[name])]


@pytest.mark.slow
def test_prices_of_several_units_without_rates_decide_nothing(world: World) -> None:
    with pytest.raises(SourceErrors) as caught:
        world.decide(FIVE.replace("PREFER", "cheapest").replace("budget:", "x-budget:"))
    (error,) = caught.value.exceptions
    assert str(error).startswith(f"{world.folder / 'any.yaml'}:25:12: backend 'device': it cannot")
    for told in ("(oq ", "credits", "EUR", "USD", "QPU seconds", "`convert:`"):
        assert told in str(error)
    assert world.sold == {}


SOON = """
backends:
  device: {provider: open-quantum, target: {any_of: ["iqm:garnet", "iqm:emerald"], prefer: soonest}}
"""


def test_the_soonest_is_where_fewest_jobs_wait(world: World) -> None:
    """Somebody's jobs wait at one machine: another one is taken then."""
    other = 'backends: {busy: {provider: open-quantum, target: "iqm:garnet"}}'
    assert chosen(world.decide(SOON)) == {"device": "iqm:garnet"}
    world.run(other, detach=True, out=world.folder / "other").close()
    decided = world.decide(SOON)
    assert chosen(decided) == {"device": "iqm:emerald"}
    told = figures(decided)["iqm:garnet"]["time"]
    assert any("3 jobs ahead" in said for said in told["rests_on"]), told


def test_who_cannot_be_taken_says_why(world: World) -> None:
    text = """
backends:
  small: {provider: ibm-direct-access, target: emu_5q}
  closed: {provider: ibm-direct-access, target: emu_offline}
  dear: {provider: scaleway, target: QPU-IBEX-12PQ}
  few: {provider: open-quantum, target: "aqt:ibex-q1"}
  good: {provider: marqov, target: marqov-sim}
  device: {target: {any_of: [small, closed, dear, few, good], prefer: cheapest}}
budget: {total: {eur: 3}}
"""
    head = HEAD.replace("[2]", "[6]")
    (world.folder / "any.yaml").write_text(head + text)
    manifest = load_manifest(world.folder / "any.yaml", overrides=["shots=2500"])
    decided = played(decide, manifest, Inquiry(around=world.around))
    outs = {name: told["out"] for name, told in figures(decided).items() if told["out"]}
    assert chosen(decided) == {"device": "good"}
    assert outs.keys() == {"small", "closed", "dear"}
    assert "5" in outs["small"]
    assert "6" in outs["small"]
    assert outs["closed"] == "offline, and nobody tells until when"
    assert outs["dear"].endswith("EUR, and budget.total allows 3.00 EUR")


class Failing(httpx.AsyncBaseTransport):
    """Clouds of which some requests fail: a status to answer with, or an error to raise."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        path: str,
        failure: int | type[Exception],
        after: int = 0,
    ) -> None:
        self._inner, self._path, self._failure, self._left = inner, path, failure, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._path not in request.url.path:
            return await self._inner.handle_async_request(request)
        self._left -= 1
        if self._left >= 0:
            return await self._inner.handle_async_request(request)
        if isinstance(self._failure, int):
            return httpx.Response(self._failure, json={}, request=request)
        raise self._failure("as the test says")


def failing(
    world: World, path: str, failure: int | type[Exception], after: int = 0
) -> Surroundings:
    transport = world.around.transport
    assert transport is not None
    return replace(world.around, transport=Failing(transport, path, failure, after))


TWO = """
backends:
  one: {provider: marqov, target: iqm-garnet}
  two: {provider: oqc, target: "qpu:uk:1:12345"}
  device: {target: {any_of: [one, two], prefer: PREFER}}
"""

#: What goes wrong with a cloud, and what a person can do then.
FAILURES: list[tuple[int | type[Exception], type[ProviderError], str]] = [
    (503, Unavailable, "try again"),
    (429, Unavailable, "try again"),
    (httpx.ConnectError, Unavailable, "try again"),
    (httpx.ReadTimeout, Unavailable, "try again"),
    (401, CredentialsError, "give what it asks for"),
]


@pytest.mark.parametrize(("failure", "kind", "remedy"), FAILURES)
def test_nothing_is_decided_by_a_failure_that_passes(
    world: World, failure: Any, kind: type[ProviderError], remedy: str
) -> None:
    """Neither shown nor bought at the one that answers: it is asked again another time."""
    text = TWO.replace("PREFER", "cheapest")
    around = failing(world, "/oqc/", failure)
    with pytest.raises(kind) as caught:
        world.run(text, surroundings=around)
    said = str(caught.value)
    assert said.startswith(f"{world.folder / 'any.yaml'}:22:12: backend 'device': nothing is deci")
    assert f"two could be the cheapest and could not be asked; {remedy}, or take two out" in said
    assert "\n  two: oqc: " in said
    assert world.sold == {}
    assert not (world.folder / "run").exists()
    world.run(text).close()
    assert world.sold == {"oqc": 3}


def test_a_target_that_is_misspelt_is_mended_and_not_left_out(world: World) -> None:
    with pytest.raises(Unfit, match=r"12345x'.*did you mean.*12345|mend what it says"):
        world.decide(TWO.replace("PREFER", "soonest").replace("1:12345", "1:12345x"))


def test_who_could_not_be_the_one_need_not_answer(world: World) -> None:
    """A simulator of this machine that is written first costs nothing: nobody is cheaper."""
    text = TWO.replace("any_of: [", "any_of: [here, ").replace("PREFER", "cheapest")
    text = text.replace("backends:\n", "backends:\n  here: {provider: local}\n")
    known = decided_before(world.write(text), None)
    around = failing(world, "/oqc/", httpx.ConnectError)
    decided = played(decide, known, Inquiry(around=around))
    assert chosen(decided) == {"device": "here"}
    assert "oqc: " in figures(decided)["two"]["out"]
    later = text.replace("[here, one, two]", "[one, two, here]")
    with pytest.raises(Unavailable, match="two could be the cheapest"):
        played(decide, decided_before(world.write(later), None), Inquiry(around=around))


def test_a_quote_that_is_not_told_now_is_no_price(world: World) -> None:
    """Open Quantum quotes each job: one that does not come for now leaves nobody out."""
    text = TWO.replace("PREFER", "cheapest").replace(
        "one: {provider: marqov, target: iqm-garnet}",
        'one: {provider: open-quantum, target: "iqm:emerald"}',
    )
    around = failing(world, "/jobs/prepare", 503)
    with pytest.raises(Unavailable, match="one could be the cheapest"):
        played(decide, decided_before(world.write(text), None), Inquiry(around=around))


def test_errors_of_a_machine_count_only_where_they_decide(world: World) -> None:
    """OQC tells its calibration once, and then no more: that is nothing to who looks for a price.

    It is read with all else of the machine, and again for what errors leave of numbers.
    """
    path = "/monitoring/calibrations"
    around = failing(world, path, 503, after=1)
    notes: list[str] = []
    cheapest = decided_before(world.write(TWO.replace("PREFER", "cheapest")), None)
    decided = played(decide, cheapest, Inquiry(around=around, note=notes.append))
    assert chosen(decided) == {"device": "two"}
    assert [line[:50] for line in notes] == ["backend 'device': its errors could not be asked: o"]
    precise = decided_before(world.write(TWO.replace("PREFER", "most_precise")), None)
    asking = Inquiry(around=failing(world, path, 503, after=1))
    with pytest.raises(Unavailable, match="two could be the most precise"):
        played(decide, precise, asking)


FREE = """
backends:
  one: {provider: marqov, target: marqov-sim}
  two: {provider: oqc, target: "qpu:uk:2:d865b5a184"}
  device: {target: {any_of: [one, two], prefer: cheapest}}
budget: {prices: prices.yaml}
"""


def test_standard_errors_are_of_shots_that_were_taken_there(world: World) -> None:
    """Of the worst point, t = 1, too, they are nearer to each other than they could be."""
    text = FREE.replace("cheapest", "most_precise").replace("budget: {prices: prices.yaml}\n", "")
    there = text.replace("device: {target: {any_of: [one, two], prefer: most_precise}}", "")
    with_one = there.replace("  two:", "  x-two:")
    world.run(with_one).close()
    folder = world.folder / "run"
    told = figures(world.decide(text, folder=folder))
    assert "shots that were taken there" in told["one"]["error_rests_on"]
    assert "the worst case" in told["two"]["error_rests_on"]
    assert told["one"]["error"] < told["two"]["error"]


def price(world: World, one: float, two: float) -> None:
    listed = {"marqov-sim": {"unit": "usd", "per_job": one}}
    listed |= {"qpu:uk:2:d865b5a184": {"unit": "usd", "per_job": two}}
    (world.folder / "prices.yaml").write_text(json.dumps({**PRICES, "prices": listed}))


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_after(number: int) -> Any:
    seen = []

    def observe(event: object) -> None:
        seen.append(event)
        if len(seen) == number:
            raise Killed

    return observe


@pytest.mark.parametrize(
    "number", [6, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 9, 12, 15))]
)
def test_a_run_killed_anywhere_goes_on_where_it_was_decided(world: World, number: int) -> None:
    """Prices change meanwhile, so that the other one would be taken: nothing is bought there."""
    price(world, one=1, two=2)
    with pytest.raises((Killed, BaseExceptionGroup)):
        world.run(FREE, observer=killed_after(number)).close()
    was_begun = (world.folder / "run" / "snapshot.db").exists()
    with Run(world.folder / "run") if was_begun else _nothing() as found:
        is_kept = found is not None and "decided" in found.meta
    price(world, one=5, two=2)
    world.run(FREE).close()
    assert world.sold == ({"marqov": 3} if is_kept else {"oqc": 3})


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def test_what_was_decided_holds_whatever_prices_say_later(world: World) -> None:
    """By the run folder, by the lock, by a plan that was saved or offered; not for --fresh."""
    price(world, one=1, two=2)
    first = world.decide(FREE)
    assert [each.facts() for each in decisions_in(facts_of(first), "")] == facts_of(first)
    plan = expand(first)
    write_lock(plan, {}, world.folder / "qbatch.lock")
    save_plan(plan, world.folder / "saved.plan", adds=(3, {"usd": 15.0}))
    price(world, one=5, two=2)
    by_lock = world.decide(FREE)
    assert (chosen(by_lock), by_lock.decisions[0].said_by) == ({"device": "one"}, "qbatch.lock")
    assert check_lock(expand(by_lock), {}, world.folder / "qbatch.lock") == []
    (world.folder / "qbatch.lock").unlink()
    saved = read_approval(world.folder / "saved.plan")
    assert chosen(world.decide(FREE, saved)) == {"device": "one"}
    assert chosen(world.decide(FREE)) == {"device": "two"}
    world.run(FREE, approve=saved).close()
    assert world.sold == {"marqov": 3}
    again = world.decide(FREE)
    assert (chosen(again), again.decisions[0].said_by) == (
        {"device": "one"},
        str(world.folder / "run"),
    )
    with Run(world.folder / "run") as run:
        assert chosen(run.manifest) == {"device": "one"}
        assert run.analyse_as(world.write(FREE))
    world.run(FREE, fresh=True).close()
    assert world.sold == {"marqov": 3, "oqc": 3}


def test_who_begins_anew_decides_anew_unless_the_lock_is_to_hold(world: World) -> None:
    price(world, one=1, two=2)
    write_lock(expand(world.decide(FREE)), {}, world.folder / "qbatch.lock")
    price(world, one=5, two=2)
    locked = Asking(lambda offer: True, word=True, is_locked=True)
    world.run(FREE, fresh=True, approve=locked).close()
    assert world.sold == {"marqov": 3}
    world.run(FREE, fresh=True).close()
    assert world.sold == {"marqov": 3, "oqc": 3}


@pytest.mark.slow
def test_another_question_is_decided_anew_and_the_first_one_holds(world: World) -> None:
    price(world, one=1, two=2)
    world.run(FREE).close()
    price(world, one=5, two=2)
    world.run(FREE.replace("cheapest", "soonest").replace("[one, two]", "[two, one]")).close()
    assert world.sold.get("oqc", 0) in (0, 3)
    assert chosen(world.decide(FREE)) == {"device": "one"}


def test_points_have_the_ids_of_the_target_that_was_decided(world: World) -> None:
    """So one that is bought there already counts; all is bought once."""
    both = FREE + "sweep: {matrix: {backend: [one, device], t: [0, 1, 2]}}\n"
    both = both.replace("budget: {prices: prices.yaml}\n", "")
    head = HEAD.replace("sweep: {matrix: {t: [0, 1, 2]}}\n", "")
    (world.folder / "any.yaml").write_text(head + both)
    options = Options(surroundings=world.around, out=world.folder / "run", approve=True)
    done = played(run_async_with, load_manifest(world.folder / "any.yaml"), options)
    with done:
        ids = {point.name: point.id for point in done}
        assert ids["backend=one,t=1"] == ids["backend=device,t=1"]
        assert done.counts_by_state()
    assert world.sold == {"marqov": 3}


@pytest.mark.slow
def test_a_budget_of_a_candidate_bounds_what_is_bought_under_the_other_name(world: World) -> None:
    price(world, one=1, two=20)
    text = FREE.replace("{prices: prices.yaml}", "{prices: prices.yaml, one: {usd: 2}}")
    decided = world.decide(text)
    said = figures(decided)["one"]["out"]
    assert said == "it would cost 3.00 USD, and budget.one allows 2.00 USD"
    only = text.replace("[one, two]", "[one]").replace("  two:", "  x-two:")
    with world.run(only) as done:
        assert world.sold == {"marqov": 2}
        assert done.summary.over_budget


def test_what_a_backend_was_counts_against_the_limit_of_that_one(world: World) -> None:
    """Whatever it is decided to be since; OQC's own book says what was sold, Marqov's is free."""
    text = FREE.replace("{prices: prices.yaml}", "{prices: prices.yaml, two: {usd: 8}}")
    price(world, one=5, two=2)
    world.run(text).close()
    price(world, one=1, two=2)
    for question in ("[two, one]", "[one, two]"):
        with world.run(text.replace("[one, two]", question)) as done:
            spent = taken(done.meta["limits"], done.ledger(), done.doubles())
        assert world.sold == {"oqc": 3, "marqov": 3}
        assert {limit.said_by: amount for limit, amount in spent} == {"budget.two": 2.0 * 3}
    more = HEAD.replace("{t: [0, 1, 2]}", "{backend: [two], t: [0.1, 0.2, 0.3]}")
    (world.folder / "any.yaml").write_text(more + text.replace("[one, two]", "[two, one]"))
    options = Options(surroundings=world.around, out=world.folder / "run", approve=True)
    with played(run_async_with, load_manifest(world.folder / "any.yaml"), options) as done:
        assert done.summary.over_budget
    assert world.sold == {"oqc": 4, "marqov": 3}


def test_what_a_driver_remembers_is_its_own_whatever_was_decided(world: World) -> None:
    """Open Quantum's has a choice of its own, by which plan it buys."""
    oq, device = FIVE.splitlines()[2], "  device: {target: {any_of: [oq], prefer: cheapest}}"
    with world.run("\n".join(["backends:", oq, device, ""])) as done:
        assert {p.facts["chosen"] for p in done} == {"Public Plan, Standard Queue"}
        assert {each.chosen for each in done.ledger()} == {"oq"}


def test_most_precise_is_where_errors_of_readout_leave_most(world: World) -> None:
    """OQC tells readout errors of 0.02, the emulated IBM of 0.01 to 0.016: by 2 bits a factor."""
    text = FIVE.replace("[oq, ibm, braket, garnet, toshiko]", "[toshiko, ibm]")
    decided = world.decide(text.replace("PREFER", "most_precise"))
    assert chosen(decided) == {"device": "ibm"}
    told = figures(decided)
    worst = 1 / 500**0.5
    assert told["toshiko"]["error"] == pytest.approx(worst / (1 - 2 * 0.02) ** 2)
    assert told["ibm"]["error"] < told["toshiko"]["error"]


def test_what_was_planned_for_another_machine_is_not_bought_where_one_was_decided(
    world: World,
) -> None:
    """A notebook may have decided before another call did, when prices were others."""
    price(world, one=1, two=2)
    earlier = world.decide(FREE)
    price(world, one=5, two=2)
    world.run(FREE).close()
    options = Options(surroundings=world.around, out=world.folder / "run", approve=True)
    with pytest.raises(SnapshotError, match="'device' was decided to be two here, and this was pl"):
        played(run_async_with, earlier, options)
    assert world.sold == {"oqc": 3}


def test_folders_that_were_decided_apart_are_not_merged(world: World) -> None:
    """Of those that were decided alike, the new one keeps what either decided.

    Each is held against each, for the first may have no such question.
    """
    price(world, one=1, two=2)
    one, two, third = (world.folder / name for name in ("run", "two", "third"))
    world.run(FREE).close()
    world.run(FREE, out=two, approve=True).close()
    with world.run(FREE, out=two, overrides=("backends.device.target.any_of=[two, one]",)) as run:
        assert chosen(run.manifest) == {"device": "one"}
    merge([one, two], world.folder / "both")
    with Run(world.folder / "both") as both:
        kept = kept_decisions(both.meta, "")
    assert {each.any_of for each in kept} == {("one", "two"), ("two", "one")}
    price(world, one=5, two=2)
    world.run(FREE, out=world.folder / "apart").close()
    with pytest.raises(SnapshotError, match="'device' was decided to be two there, and one in"):
        merge([one, world.folder / "apart"], world.folder / "never")
    world.run(FREE, out=third, overrides=("backends.device.target.any_of=[two, one]",)).close()
    with pytest.raises(SnapshotError, match="'device' was decided to be two there, and one in"):
        merge([third, one, world.folder / "apart"], world.folder / "never")


def test_a_budget_in_units_of_candidates_bounds_the_one_that_is_taken(world: World) -> None:
    """One that counts is enough; none is refused, as for a machine that is written."""
    price(world, one=1, two=20)
    text = FREE.replace("{prices: prices.yaml}", "{prices: prices.yaml, device: {credits: 1}}")
    with pytest.raises(SelectionError, match=r"budget.device: 1 credits limits nothing: backend"):
        world.run(text)
    assert world.sold == {}
    with world.run(text.replace("credits: 1", "credits: 1, usd: 3")) as done:
        assert not done.summary.over_budget
    assert world.sold == {"marqov": 3}


KEPT = {
    "backend": "device",
    "any_of": ["one", "two"],
    "prefer": "cheapest",
    "chosen": "one",
    "figures": {"one": {"target": "\x1b[31mred \u202eder", "price": 1, "unit": "usd"}},
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backend", ["device"]),
        ("any_of", 5),
        ("chosen", ["one"]),
        ("figures", 7),
        ("figures", {}),
        ("figures", {"one": 7}),
        ("figures", {"one": {"price": "x"}}),
        ("figures", {"one": {"time": 5}}),
        ("figures", {"one": {"error": float("inf")}}),
        ("figures", {"one": {"price": 10**400}}),
    ],
)
def test_a_lock_that_was_spoilt_decides_nothing_anew(world: World, key: str, value: object) -> None:
    """Nor does it end in a traceback: its place is told."""
    lock = world.folder / "qbatch.lock"
    for decided in ([{**KEPT, key: value}], [5], {"a": 1}, [{**KEPT, "chosen": None}]):
        entry = {"any.yaml": {"decided": decided}}
        lock.write_text(json.dumps({"qbatch-lock": 1, "manifests": entry}))
        with pytest.raises(SourceErrors) as caught:
            world.decide(FREE)
        assert str(caught.value).startswith(f"{lock}: decided")
        assert "cannot be read; put the file back" in str(caught.value)


def test_what_a_lock_says_is_shown_without_what_turns_a_text() -> None:
    (read,) = decisions_in([KEPT], "qbatch.lock")
    assert read.figures["one"]["target"] == "\ufffd[31mred \ufffdder"
