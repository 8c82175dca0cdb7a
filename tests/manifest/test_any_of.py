"""Targets that are one of several, as a manifest says them, before anything is decided."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

import qbatch
from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.decisions import Decision, decided_fact, decisions_in
from qbatch.manifest.reading import decide_manifest, possible
from qbatch.plan import expand
from qbatch.plan.pricing.limits import limits_of

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c = measure q;'
TEXT = f"""\
qbatch: 1
name: any
circuits: {{bell: {{qasm: '{BELL}'}}}}
backends:
  here: {{provider: local}}
  lab: {{provider: oqc, target: "qpu:uk:1"}}
  device: {{target: {{any_of: [here, lab], prefer: cheapest}}}}
  braket: {{provider: marqov, target: {{any_of: [sv1, here], prefer: soonest}}}}
budget: {{lab: {{usd: 3}}}}
"""
DEVICE = Decision("device", ("here", "lab"), "cheapest", "lab", {"lab": {}})
BRAKET = Decision("braket", ("sv1", "here"), "soonest", "here", {"here": {}})


def read(text: str = TEXT, *decisions: Decision, **more: object) -> Manifest:
    return parse_manifest(text, folder=Path("/"), decisions=decisions, **more)  # type: ignore[arg-type]


def test_what_is_decided_is_as_if_it_had_been_written() -> None:
    found = read(TEXT, DEVICE, BRAKET)
    assert found.backends["device"] == found.backends["lab"]
    assert (found.backends["braket"].provider, found.backends["braket"].target) == (
        "marqov",
        "here",
    )
    assert found.open_questions == {}
    points = {point.backend: point.id for point in expand(found).points()}
    plain = TEXT.replace("target: {any_of: [here, lab], prefer: cheapest}", "PLAIN")
    plain = plain.replace("PLAIN", 'provider: oqc, target: "qpu:uk:1"')
    plain = plain.replace("{any_of: [sv1, here], prefer: soonest}", "here")
    written = {point.backend: point.id for point in expand(read(plain)).points()}
    assert points == {name: written[name] for name in ("device", "braket")}


def test_candidates_are_swept_only_where_an_axis_names_them() -> None:
    assert read().swept_backends == ("device", "braket")
    named = read(TEXT + "sweep: {matrix: {backend: [lab, device]}}\n", DEVICE, BRAKET)
    assert [point.backend for point in expand(named).points()] == ["lab", "device"]


def test_nothing_is_planned_that_is_not_decided() -> None:
    with pytest.raises(SourceErrors) as caught:
        expand(read(TEXT, DEVICE))
    (error,) = caught.value.exceptions
    assert str(error).startswith("<string>:8:30: backend 'braket': which is the soonest of sv1")


@pytest.mark.parametrize(
    "change",
    [("[here, lab]", "[lab, here]"), ("cheapest", "soonest"), ("[here, lab]", "[here]")],
)
def test_a_decision_answers_no_other_question(change: tuple[str, str]) -> None:
    found = read(TEXT.replace(*change), DEVICE)
    assert DEVICE not in found.decisions


def test_one_candidate_is_that_one() -> None:
    found = read(TEXT.replace("[here, lab]", "[lab]"), BRAKET)
    assert found.backends["device"] == found.backends["lab"]
    assert found.stands_for == {"device": "lab"}


def test_a_candidates_limit_is_one_of_what_stands_for_it() -> None:
    (limit,) = limits_of(read(TEXT, DEVICE, BRAKET), {})
    assert [limit.concerns(name) for name in ("lab", "device", "here", "braket")] == [
        True,
        True,
        False,
        False,
    ]


def test_each_candidate_is_possible_once() -> None:
    found = [(m.backends["device"].provider, m.backends["braket"].target) for m in possible(read())]
    assert found == [("local", "sv1"), ("oqc", "here")]


def test_a_candidate_that_is_one_of_several_is_refused() -> None:
    chain = TEXT.replace("budget", "  more: {target: {any_of: [device], prefer: soonest}}\nbudget")
    with pytest.raises(SourceErrors) as caught:
        read(chain)
    assert "is one of several itself; write its candidates here" in str(caught.value)


def test_decisions_outlive_pickling_and_json_and_a_trials() -> None:
    found = read(TEXT, DEVICE)
    again = pickle.loads(pickle.dumps(found))
    assert (again.decisions, again.backends) == (found.decisions, found.backends)
    assert again.open_questions == found.open_questions
    trial = Decision("device", ("here",), "cheapest", "here", {"here": {}})
    kept = decided_fact([trial], decided_fact([DEVICE]))
    assert decisions_in(json.loads(kept), "run") == (DEVICE, trial)
    with pytest.raises(SourceErrors, match="a decision cannot be read"):
        decisions_in([{"backend": "device"}, 3, None], "run")


def test_a_manifest_in_python_says_the_same() -> None:
    made = qbatch.Manifest(
        name="any",
        circuits={"bell": BELL},
        backends={
            "here": {"provider": "local"},
            "stim": {"provider": "local", "options": {"method": "stabilizer"}},
            "device": {"target": {"any_of": ["here", "stim"], "prefer": "cheapest"}},
        },
    )
    assert list(made.open_questions) == ["device"]
    decided = qbatch.decide(made)
    assert [(each.chosen, set(each.figures)) for each in decided.decisions] == [
        ("here", {"here", "stim"})
    ]
    assert decide_manifest(decided, ()).open_questions == made.open_questions


def test_a_base_says_what_it_is_one_of_and_a_manifest_what_it_prefers(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TEXT.replace("name: any\n", ""))
    head = "qbatch: 1\nname: own\nextends: base.yaml\nbackends: "
    (tmp_path / "own.yaml").write_text(head + "{device: {target: {prefer: soonest}}}\n")
    question = qbatch.load_manifest(tmp_path / "own.yaml").open_questions["device"]
    assert (question.any_of, question.prefer) == (("here", "lab"), "soonest")
    (tmp_path / "own.yaml").write_text(head + '{braket: {target: "sv1"}}\n')
    assert list(qbatch.load_manifest(tmp_path / "own.yaml").open_questions) == ["device"]
