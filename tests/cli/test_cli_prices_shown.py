"""M16: what is shown before buying is what this call would add; emulated money is called so."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, Faults

Ledger = Callable[[], list[dict[str, Any]]]


def bill(entries: list[dict[str, Any]], unit: str) -> float:
    return sum(each["price"] for each in entries if each["unit"] == unit)


@pytest.mark.slow
def test_plan_shows_what_this_call_would_add_and_nothing_after_all_was_bought(
    qbatch: Call, clouds: Any, two_clouds: Path, ledger: Ledger
) -> None:
    first = qbatch("plan", two_clouds, "--json").json
    before = len(ledger())
    assert qbatch("run", two_clouds, "-k", "backend=toshiko", "--yes", "--no-report").code == 0
    assert first["prices"]["usd"] == pytest.approx(bill(ledger()[before:], "usd"))
    part = qbatch("plan", two_clouds).out
    assert "USD" not in part
    assert "of that is left to run: 2 points, 200 shots, 2 jobs" in part
    assert qbatch("run", two_clouds, "--yes", "--no-report").code == 0
    whole = qbatch("plan", two_clouds)
    assert "nothing is left to run" in whole.out
    assert "USD" not in whole.out
    assert "credits" not in whole.out
    facts = qbatch("plan", two_clouds, "--json").json
    assert (facts["points"], facts["prices"], facts["left"]["prices"]) == (4, {}, {})
    top_up = qbatch("plan", two_clouds, "-S", "shots=300", "--json").json
    before = len(ledger())
    assert qbatch("run", two_clouds, "-S", "shots=300", "--yes", "--no-report").code == 0
    assert top_up["prices"]["usd"] == pytest.approx(bill(ledger()[before:], "usd"))
    two_clouds.write_text(f"{two_clouds.read_text()}budget: {{toshiko: {{usd: 0.9}}}}\n")
    assert "allows" not in qbatch("plan", two_clouds, "-S", "shots=300").err
    said = " ".join(qbatch("plan", two_clouds, "-S", "shots=400").err.split())
    assert "allows 0.90 USD, and the plan costs 0.26 USD beside 0.78 USD that count already" in said


@pytest.mark.slow
def test_a_run_at_emulated_clouds_says_so_wherever_it_names_money(
    qbatch: Call, clouds: Any, two_clouds: Path
) -> None:
    money = ("USD", "credits")
    text = two_clouds.read_text()
    two_clouds.write_text(f"{text}budget: {{toshiko: {{usd: 5}}, total: {{credits: 90}}}}\n")
    plan, run = qbatch("plan", two_clouds), qbatch("run", two_clouds, "--yes")
    status, dropped = qbatch("status", two_clouds), qbatch("forget", two_clouds)
    report = Path("runs/clouds/report.md").read_text()
    assert "Money: " not in report
    told = [*plan.out.splitlines(), *run.err.splitlines(), *status.out.splitlines()]
    for line in [*told, *dropped.err.splitlines()]:
        if any(unit in line for unit in money) and "formula" not in line:
            assert "emulated" in line, line
    assert "No money: toshiko, forte emulated." in report
    assert "budget.toshiko (emulated): 0.26 USD of 5.00 USD taken" in report
    assert "budget.toshiko (emulated): 0.26 USD of 5.00 USD taken" in status.out
    assert "budget.total (emulated): 22 credits of 90 credits taken" in status.out
    bought = csv.DictReader(qbatch("export", two_clouds, "-f", "ledger").out.splitlines())
    assert {(row["backend"], row["emulated"]) for row in bought} == {
        ("toshiko", "yes"),
        ("forte", "yes"),
    }
    results = csv.DictReader(Path("runs/clouds/results.csv").read_text().splitlines())
    assert {row["emulated"] for row in results} == {"yes"}
    assert "toshiko (emulated): " in status.out


@pytest.mark.slow
def test_retry_keeps_to_the_limit_that_it_is_given(
    qbatch: Call, clouds: Any, two_clouds: Path, ledger: Ledger, faults: Faults
) -> None:
    """M6: `retry` took no `--max-cost`."""
    faults(jobs=[{"provider": "oqc", "fail": "the fridge is warm"}])
    some = ("-k", "backend=toshiko", "--no-report")
    assert qbatch("run", two_clouds, *some, "--yes").code == 1
    faults()
    before = ledger()
    refused = qbatch("retry", two_clouds, *some, "--max-cost", "0.01usd")
    assert (refused.code, ledger()) == (6, before)
    said = "--max-cost allows 0.01 USD; allow more, or run less; nothing was submitted"
    assert said in refused.err
    assert qbatch("retry", two_clouds, *some, "--max-cost", "50usd").code == 0
    assert len(ledger()) == len(before) + 2
