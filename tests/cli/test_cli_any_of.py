"""Targets that are one of several, at the command line, with clouds that are served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call

pytestmark = pytest.mark.slow

ANY = """\
qbatch: 1
name: any
circuits: {bell: bell.qasm}
backends:
  free: {provider: oqc, target: "qpu:uk:2:d865b5a184"}
  dear: {provider: open-quantum, target: "iqm:emerald"}
  lost: {provider: scaleway, target: QPU-GARNET-20PQ}
  device: {target: {any_of: [dear, free, lost], prefer: cheapest}}
shots: 100
checks: [{that: zz == 1}]
analysis: {observables: {zz: Z0 Z1}}
"""


@pytest.fixture
def any_of(manifest: Path) -> Path:
    path = manifest.with_name("any.yaml")
    path.write_text(ANY)
    return path


def test_a_decision_is_shown_locked_and_kept(
    qbatch: Call, clouds: Any, any_of: Path, ledger: Callable[[], list[dict[str, Any]]]
) -> None:
    """And so it stands in `plan`, and whatever takes a run or the manifest knows of it."""
    before = len(ledger())
    planned = qbatch("plan", any_of, "--json").json
    (told,) = planned["any_of"]
    assert (told["chosen"], told["said_by"]) == ("free", "now")
    assert "which project pays?" in told["figures"]["lost"]["out"]
    assert planned["time"]["high_s"] >= planned["time"]["low_s"] > 0
    assert planned["times"]["device"]["rests_on"]
    shown = qbatch("plan", any_of)
    assert "device is free (qpu:uk:2:d865b5a184), the cheapest of 3, at all its" in shown.out
    assert "lost is out: scaleway: which project pays?" in shown.out
    assert "time at device: " in shown.out
    saved = qbatch("plan", any_of, "-o", "saved.plan")
    assert saved.code == 0

    said = qbatch("run", any_of, "--yes")
    assert said.code == 0, said.err
    assert "decided now" in said.err
    entry = json.loads(Path("qbatch.lock").read_text())["manifests"]["any.yaml"]
    assert entry["decided"][0]["chosen"] == "free"
    assert entry["backends"]["device"]["target"] == "qpu:uk:2:d865b5a184"
    assert [each["provider"] for each in ledger()[before:]] == ["oqc"]

    for verb in (
        ("run", any_of, "--frozen"),
        ("run", any_of, "--plan", "saved.plan"),
        ("check", any_of),
        ("status", any_of),
        ("fetch", any_of),
        ("retry", any_of),
        ("diff", "runs/any", "runs/any"),
        ("report", any_of),
        ("export", any_of, "--format", "csv"),
    ):
        assert qbatch(*verb).code == 0, verb
    assert len(ledger()) == before + 1
    assert qbatch("plan", any_of, "--json").json["any_of"][0]["said_by"] == "runs/any"
    frozen = qbatch("run", any_of, "--fresh", "--frozen", "--yes")
    assert "decided before (qbatch.lock)" in frozen.err
    fresh = qbatch("run", any_of, "--fresh", "--yes")
    assert "decided now" in fresh.err


def test_only_clouds_that_points_use_are_asked(qbatch: Call, clouds: Any, any_of: Path) -> None:
    """There are no credentials of Scaleway."""
    any_of.write_text(ANY.replace("shots: 100", "shots: 100\nsweep: {matrix: {backend: [free]}}"))
    assert qbatch("plan", any_of).code == 0
    any_of.write_text(ANY.replace("shots: 100", "shots: 100\nsweep: {matrix: {backend: [lost]}}"))
    assert qbatch("plan", any_of).code == 7


def test_where_none_can_be_taken_it_says_why_of_each(
    qbatch: Call, clouds: Any, any_of: Path
) -> None:
    two = ANY.replace(
        "  device:", '  more: {provider: open-quantum, target: "iqm:garnet"}\n  device:'
    )
    two = two.replace("[dear, free, lost]", "[dear, more]")
    any_of.write_text(two + "budget: {total: {credits: 0.01}}\n")
    said = qbatch("plan", any_of)
    assert said.code == 3
    assert "cannot be decided which is the cheapest: none of its candidates" in said.err
    assert "dear: it would cost" in said.err
    assert "more: it would cost" in said.err


def test_where_one_cannot_be_asked_nothing_is_decided(
    qbatch: Call, clouds: Any, any_of: Path
) -> None:
    """A target that is misspelt, and a project that nobody named."""
    any_of.write_text(ANY.replace("d865b5a184", "0"))
    said = qbatch("plan", any_of)
    assert said.code == 7
    assert said.err.startswith("qbatch: any.yaml:8:12: backend 'device': nothing is decided")
    assert "\n  free: " in said.err
    assert "\n  lost: scaleway: which project pays?" in said.err


def test_a_rehearsal_decides_by_emulated_clouds(
    qbatch: Call, no_clouds: None, any_of: Path
) -> None:
    said = qbatch("run", any_of, "--rehearse", "--no-report")
    assert said.code == 0, said.err
    assert "device is free" in said.err


def test_validate_looks_at_each_candidate_and_asks_nobody(
    qbatch: Call, no_clouds: None, any_of: Path
) -> None:
    assert qbatch("validate", any_of).code == 0
    wrong = ANY.replace("QPU-GARNET-20PQ}", "QPU-GARNET-20PQ, options: {max_idle: never}}")
    any_of.write_text(wrong)
    said = qbatch("validate", any_of)
    assert said.code == 3
    assert "max_idle" in said.err


def test_where_nobody_can_be_asked_the_exit_code_is_that_of_credentials(
    qbatch: Call, no_clouds: None, any_of: Path
) -> None:
    said = qbatch("plan", any_of)
    assert said.code == 7
    assert "dear: open-quantum: no credential" in said.err


def test_jobs_at_the_machine_that_it_was_are_told_before_another_is_taken(
    qbatch: Call, clouds: Any, any_of: Path
) -> None:
    any_of.write_text(f"{ANY}sweep: {{matrix: {{backend: [device]}}}}\n")
    assert qbatch("run", any_of, "--yes", "--detach").code == 9
    told = "1 job in flight at oqc qpu:uk:2:d865b5a184, which backend 'device' was then"
    assert told not in qbatch("plan", any_of).err
    other = ("-S", "backends.device.target.any_of=[dear]")
    assert told in qbatch("plan", any_of, *other).err
    assert told not in qbatch("plan", any_of, *other, "--fresh").err
    refused = qbatch("run", any_of, *other)
    assert refused.code == 6
    assert told in refused.err
    assert qbatch("fetch", any_of).code in (0, 9)


def test_a_plan_that_begins_anew_decides_anew_and_buys_all(
    qbatch: Call, clouds: Any, any_of: Path
) -> None:
    assert qbatch("run", any_of, "--yes").code == 0
    kept, anew = (qbatch("plan", any_of, "--json", *flag).json for flag in ((), ("--fresh",)))
    assert [each["any_of"][0]["said_by"] for each in (kept, anew)] == ["runs/any", "now"]
    assert [each["left"]["jobs"] for each in (kept, anew)] == [0, 1]
    assert anew["why"] == {"new": 1}
