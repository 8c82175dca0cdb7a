"""A dated file of prices: what providers do not name, and what units are worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qbatch.errors import ConsentError, SelectionError, SourceErrors
from qbatch.manifest import Manifest, parse_manifest
from qbatch.plan import (
    check_lock,
    differences,
    expand,
    load_plan,
    notices,
    priced,
    save_plan,
    write_lock,
)
from qbatch.plan.pricing.limits import (
    Limit,
    check_planned,
    check_units,
    dump_limits,
    limits_of,
    shortfalls,
    taken,
    unlimited,
)
from qbatch.providers import Price, Target
from qbatch.snapshot import Entry, Purchase
from qbatch.snapshot.doubles import Double

MANIFEST = """\
qbatch: 1
name: dear
circuits: {flip: {qasm: "OPENQASM 3.0; qubit q; bit c; c = measure q;"}}
backends:
  free: {provider: oqc, target: "qpu:uk:1"}
  listed: {provider: oqc, target: "qpu:uk:2"}
  quoted: {provider: open-quantum, target: "iqm:emerald"}
sweep: {repeat: 10}
shots: 100
budget:
  total: {usd: 5}
  quoted: {credits: 300}
  prices: prices.yaml
"""

PRICES = """\
date: 2026-11-01
convert:
  credits: {usd: 1/100}
prices:
  "qpu:uk:1": {unit: usd, per_job: 0.3, per_shot: 1e-3}
  "qpu:uk:2": {unit: usd, per_job: 99}
  "iqm:emerald": {unit: credits, per_job: 25}
"""

TARGETS = {
    "free": Target("qpu:uk:1"),
    "listed": Target("qpu:uk:2", price=Price("usd", per_job=0.5, source="GET /qpu")),
    "quoted": Target("iqm:emerald", price=Price("credits", quoted=True, source="quoted")),
}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "prices.yaml").write_text(PRICES)
    return parse_manifest(MANIFEST, folder=tmp_path)


def test_a_listed_price_holds_where_the_provider_names_none(manifest: Manifest) -> None:
    targets = priced(TARGETS, expand(manifest))
    assert targets["free"].price == Price(
        "usd", per_job=0.3, per_shot=1e-3, source="prices.yaml, 2026-11-01"
    )
    assert targets["listed"].price == TARGETS["listed"].price
    quoted = targets["quoted"].price
    assert (quoted.quoted, quoted.per_job, quoted.certainty) == (True, 25.0, "about")
    assert quoted.source == "quoted; until then prices.yaml, 2026-11-01"


def test_what_a_plan_lacks_of_its_budget_is_told_in_converted_units(manifest: Manifest) -> None:
    plan = expand(manifest)
    summary = plan.summary(priced(TARGETS, plan))
    limits, rates = limits_of(manifest, {}), plan.prices.rates
    assert shortfalls(limits, summary, rates) == [
        "budget.total allows 5.00 USD, and the plan costs 11.50 USD: not all of it will be bought"
    ]
    asked = [limit for limit in limits_of(manifest, {"usd": 12.0}) if limit.is_asked]
    check_planned(asked, summary, rates, {})
    with pytest.raises(ConsentError, match=r"the plan costs 11.50 USD, and --max-cost allows 11"):
        check_planned(limits_of(manifest, {"usd": 11.0}), summary, rates, {})


def test_without_a_rate_units_do_not_add_up(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES.replace("convert:\n  credits: {usd: 1/100}\n", ""))
    plan = expand(manifest)
    summary = plan.summary(priced(TARGETS, plan))
    assert "the plan costs 9.00 USD" in shortfalls(limits_of(manifest, {}), summary, {})[0]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("date: November", "1:7: date: 'November' is no date; write YYYY-MM-DD"),
        ("dates: 2026-11-01", "1:1: unknown key 'dates'; did you mean 'date'?"),
        ("convert: {usd: {eur: 0}}", "2:22: convert.usd.eur: 0 is too small; write more than 0"),
        (
            'prices: {"a:b": {unit: usd, per_shots: 1}}',
            "2:29: unknown key 'per_shots' in prices.a:b; did you mean 'per_shot'?",
        ),
        ("prices: {x: {per_job: 1}}", "2:10: prices.x: unit is missing; add 'unit: …'"),
    ],
)
def test_a_mistake_in_it_is_told_with_its_place(
    manifest: Manifest, tmp_path: Path, line: str, problem: str
) -> None:
    head = "" if line.startswith("date") else "date: 2026-11-01\n"
    (tmp_path / "prices.yaml").write_text(head + line + "\n")
    with pytest.raises(SourceErrors) as caught:
        expand(manifest)
    assert f"prices.yaml:{problem}" in [str(error) for error in caught.value.exceptions]


def test_a_file_that_is_not_there_is_a_mistake_of_the_manifest(
    manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "prices.yaml").unlink()
    with pytest.raises(SourceErrors) as caught:
        expand(manifest)
    assert "prices.yaml: no such file" in str(caught.value.exceptions[0])


def test_a_limit_must_limit_something() -> None:
    check_units([Limit("budget.total", "usd", 1)], TARGETS, {})
    check_units([Limit("budget.free", "usd", 1, "free")], TARGETS, {})  # free is within any limit
    check_units([Limit("budget.quoted", "usd", 1, "quoted")], TARGETS, {("credits", "usd"): 0.01})
    with pytest.raises(SelectionError, match="limits nothing: backend 'quoted' does not bill in"):
        check_units([Limit("budget.quoted", "usd", 1, "quoted")], TARGETS, {})
    with pytest.raises(SelectionError, match="limits nothing: nobody bills in 'yen'"):
        check_units([Limit("budget.total", "yen", 1)], TARGETS, {})


def test_what_is_taken_of_limits_can_be_told_from_what_was_kept() -> None:
    limits = (Limit("budget.total", "usd", 5.0), Limit("budget.q", "credits", 9.0, "q"))
    kept = dump_limits(limits, {("credits", "usd"): 0.01})
    entry = Entry(0, 1, "q", "credits", 4.0, "by quote", 6.0)
    bought = [Purchase("", "", entry), Purchase("", "", Entry(1, 1, "p", "usd", 1, "", 1, 0.5))]
    assert taken(kept, bought, []) == [(limits[0], 0.56), (limits[1], 6.0)]
    double = Double("d7", "p", ("theta=1",), "queued", False, "", 0.25, "usd", "by the cloud")
    unpriced = replace(double, id="d8", cost=None)
    assert taken(kept, bought, [double, unpriced]) == [(limits[0], 0.81), (limits[1], 6.0)]
    assert taken(None, bought, [double]) == []


def of_flag(**amounts: float) -> list[Limit]:
    return [Limit("--max-cost", unit, amount) for unit, amount in amounts.items()]


def test_max_cost_that_bounds_nothing_is_refused() -> None:
    said = (
        "--max-cost 1.00 EUR bounds nothing here: this plan is billed in USD and credits; "
        "name one of these"
    )
    for limits in (of_flag(eur=1), of_flag(usd=5, eur=1)):
        with pytest.raises(SelectionError) as caught:
            check_units(limits, TARGETS, {})
        assert str(caught.value) == said
    check_units(of_flag(eur=1), TARGETS, {("credits", "eur"): 0.01})
    check_units(of_flag(usd=5, credits=9, eur=1), TARGETS, {})  # all is bounded without it
    check_units(of_flag(eur=1), {"free": TARGETS["free"]}, {})


def test_what_limits_leave_open_is_said() -> None:
    assert unlimited([], TARGETS, {}) == ""
    assert unlimited(of_flag(usd=1), TARGETS, {}) == "no limit for credits"
    assert unlimited(of_flag(usd=1, credits=1), TARGETS, {}) == ""
    assert unlimited(of_flag(usd=1), TARGETS, {("credits", "usd"): 0.01}) == ""
    assert unlimited([Limit("budget.free", "usd", 1, "free")], TARGETS, {}) == (
        "no limit for USD and credits"
    )
    two = {**TARGETS, "other": TARGETS["quoted"]}
    limits = [*of_flag(usd=1), Limit("budget.quoted", "credits", 1, "quoted")]
    assert unlimited(limits, two, {}) == "no limit for credits at other"


def test_a_price_of_no_target_is_told_where_a_target_has_none(
    manifest: Manifest, tmp_path: Path
) -> None:
    path = tmp_path / "prices.yaml"
    more = '  "aqt:ibex": {unit: usd, per_job: 1}\n'
    path.write_text(PRICES + more)
    assert notices(expand(manifest), TARGETS) == []  # a file of many manifests
    path.write_text(PRICES.replace('"iqm:emerald"', '"iqm:emrald"') + more)
    assert notices(expand(manifest), TARGETS) == [
        "prices.yaml: prices: 'iqm:emrald' is no target of this manifest; "
        "did you mean 'iqm:emerald'?",
        "prices.yaml: prices: of no target of this manifest: aqt:ibex",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("1/100", "0.02", "convert.credits.usd: 0.01 → 0.02"),
        ("convert:\n  credits: {usd: 1/100}\n", "", "convert.credits.usd: 0.01 → (none)"),
        ("usd: 5.5", "usd: 50.5", "budget.total.usd: 5.5 → 50.5"),
        ("credits: 300.5", "", "budget.quoted.credits: 300.5 → (none)"),
    ],
)
def test_lock_and_saved_plan_pin_rates_and_limits(
    manifest: Manifest, tmp_path: Path, old: str, new: str, line: str
) -> None:
    text = MANIFEST.replace("usd: 5", "usd: 5.5").replace("300", "300.5")
    before = expand(parse_manifest(text, folder=tmp_path))
    save_plan(before, tmp_path / "plan", targets=TARGETS)
    write_lock(before, TARGETS)
    saved = load_plan(tmp_path / "plan")
    assert (differences(saved, before, TARGETS), check_lock(before, TARGETS)) == ([], [])
    (tmp_path / "prices.yaml").write_text(PRICES.replace(old, new))
    after = expand(parse_manifest(text.replace(old, new), folder=tmp_path))
    assert differences(saved, after, TARGETS) == [line]
    assert check_lock(after, TARGETS) == [line]


def test_a_first_rate_is_a_change_too(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("date: 2026-11-01\n")
    save_plan(expand(manifest), tmp_path / "plan")
    (tmp_path / "prices.yaml").write_text(PRICES)
    (line,) = differences(load_plan(tmp_path / "plan"), expand(manifest))
    assert line == "convert.credits.usd: (none) → 0.01"


RATE_LISTS = [
    ("credits: {usd: 0.01}, usd: {credits: 100}", True),
    ("eur: {usd: 1.08}, usd: {eur: 0.926}", True),
    ("credits: {usd: 0.01}, usd: {credits: 50}", False),
    ("credits: {usd: 0.01}, usd: {eur: 0.9}, eur: {credits: 111}", True),
    ("credits: {usd: 0.01}, usd: {eur: 0.9}, eur: {credits: 90}", False),
    ("usd: {usd: 2}", False),
    ("usd: {usd: 1}", True),
]


@pytest.mark.parametrize(("rates", "is_sound"), RATE_LISTS)
def test_a_unit_is_worth_one_thing_on_every_way(tmp_path: Path, rates: str, is_sound: bool) -> None:
    """M6: credits to usd and back made money."""
    (tmp_path / "prices.yaml").write_text(f"date: 2026-11-01\nconvert: {{{rates}}}\n")
    if is_sound:
        expand(parse_manifest(MANIFEST, folder=tmp_path))
        return
    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(MANIFEST, folder=tmp_path))
    (mistake,) = caught.value.exceptions
    assert "prices.yaml:2:" in str(mistake)
    assert "keep one of them" in str(mistake)
