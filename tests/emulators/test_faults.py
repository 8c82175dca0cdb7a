"""The fault script: what is a script, and when its rules fire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qbatch.emulators import FaultScriptError, load_faults, read_faults
from qbatch.emulators.faults import NOTHING


def firings(rule: dict[str, Any], requests: int = 6, **of: Any) -> list[int]:
    """Return which of so many equal requests the rule strikes, counted from 1."""
    faults = read_faults({"seed": 5, "requests": [{"status": 503, **rule}]})
    request = {"provider": "oqc", "method": "GET", "path": "/q/tasks", "now_s": 0.0, **of}
    return [at for at in range(1, requests + 1) if faults.on_request(**request)]


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"every": 3}, [3, 6]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 1}, [2]),
        ({"provider": "open-quantum"}, []),
        ({"method": "POST"}, []),
        ({"path": "*/tasks"}, [1, 2, 3, 4, 5, 6]),
        ({"path": "/admin/*"}, []),
        ({"after_s": 10}, []),
    ],
)
def test_a_rule_strikes_what_it_matches(rule: dict[str, Any], struck: list[int]) -> None:
    assert firings(rule) == struck


def test_a_rule_holds_only_in_its_time() -> None:
    rule = {"after_s": 10, "until_s": 20}
    assert [len(firings(rule, 1, now_s=now)) for now in (9.9, 10.0, 19.9, 20.0)] == [0, 1, 1, 0]


def test_probability_is_drawn_from_the_seed() -> None:
    struck = firings({"probability": 0.5}, requests=1000)
    assert struck == firings({"probability": 0.5}, requests=1000)
    assert 400 < len(struck) < 600


def test_jobs_are_matched_by_name_and_kind() -> None:
    faults = read_faults({"jobs": [{"name": "*noisy*", "fail": "no"}]})
    assert faults.on_job("oqc", "job", "ideal-1", 0.0) is NOTHING
    assert faults.on_job("oqc", "preparation", "noisy-1", 0.0) is NOTHING
    assert faults.on_job("oqc", "job", "noisy-1", 0.0).fail == "no"


def test_a_switch_has_the_clouds_default_until_it_is_set() -> None:
    faults = read_faults({"switches": {"oqc": {"resubmit": "conflict"}}})
    assert faults.switch("oqc", "resubmit", "ignore") == "conflict"
    assert faults.switch("open-quantum", "credits", 7) == 7


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"request": []}, "unknown key 'request'; known: seed, requests"),
        ({"requests": [{"stauts": 500}]}, "requests, entry 1: unknown key 'stauts'"),
        ({"requests": ["drop"]}, "requests, entry 1: not an object"),
        (
            {"requests": [{"drop": "sometimes"}]},
            "drop: 'sometimes' is unknown; write one of before",
        ),
        ({"jobs": [{"when": "after"}]}, "jobs, entry 1: unknown key 'when'"),
        (
            {"jobs": [{"provider": "open-quantum", "fail": "laser off", "code": 7}]},
            "code: open-quantum tells no codes of failed jobs, only ibm-direct-access and oqc do",
        ),
        ([], "a fault script is an object, not list"),
    ],
)
def test_a_wrong_script_is_refused_with_what_is_known(script: Any, words: str) -> None:
    with pytest.raises(FaultScriptError, match=words):
        read_faults(script)


@pytest.mark.parametrize(
    "text",
    ["requests:\n  - {drop: after, nth: 1}\n", '{"requests": [{"drop": "after", "nth": 1}]}'],
)
def test_a_script_is_yaml_or_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "faults").write_text(text)
    assert load_faults(tmp_path / "faults").requests[0].drop == "after"


def test_a_script_that_cannot_be_read_says_its_path(tmp_path: Path) -> None:
    with pytest.raises(FaultScriptError, match=r"none\.yaml"):
        load_faults(tmp_path / "none.yaml")
