"""What an own function returns becomes numbers with intervals, or is refused with the reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.result import Counts, Estimate, OwnNumbersError, analyse, measure_own
from qbatch.result.own import own_numbers
from qbatch.snapshot.estimates import analysis_key

COUNTS = Counts.from_dict((("c", 2),), {"00": 60, "11": 40})


@dataclass
class Own:
    """An analysis that returns what it is told to."""

    answer: Any
    returns: Sequence[str] = ("a",)
    levels: list[float] = field(default_factory=list)
    place: str = "mine.py:7"

    def measure(self, counts: Counts, level: float) -> Any:
        self.levels.append(level)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_value_and_its_error_get_a_normal_interval_of_the_level() -> None:
    (found,) = own_numbers(Own((0.5, 0.1)), COUNTS, 0.95).values()
    assert (found.value, found.se) == (0.5, 0.1)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.1959964, 0.5 + 0.1959964), abs=1e-7)
    (wider,) = own_numbers(Own((0.5, 0.1)), COUNTS, 0.99).values()
    assert wider.high == pytest.approx(0.5 + 0.2575829, abs=1e-7)


def test_an_estimate_is_taken_as_it_is_and_numbers_come_as_named() -> None:
    whole = Estimate(1.0, 0.0, 0.9, 1.0, judged_low=0.8, judged_high=1.0)
    own = Own({"b": whole, "a": (2, 0)}, ("a", "b"))
    assert own_numbers(own, COUNTS, 0.95) == {"a": Estimate(2.0, 0.0, 2.0, 2.0), "b": whole}
    assert own.levels == [0.95]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (0.5, r"a is 0.5; return an Estimate, or \(value, standard error\)"),
        ((0.5,), r"a is \(0.5,\); return an Estimate"),
        ("ab", "a is 'ab'"),
        ((True, 0.1), r"a is \(True, 0.1\);"),
        ((0.5, -0.1), "the error must not be negative"),
        ((math.nan, 0.1), "a is nan ± 0.1, which is not finite"),
        ((0.5, math.inf), "which is not finite"),
        (Estimate(0.5, 0.1, 0.6, 0.7), "the interval must hold the value"),
        ({"b": (0.5, 0.1)}, "it returned 'b', which `numbers` does not name"),
        ({}, "it returned no a, which `numbers` names"),
        (None, "a is None;"),
    ],
)
def test_what_is_no_number_with_an_error_is_refused(answer: Any, problem: str) -> None:
    with pytest.raises(OwnNumbersError, match=f"^mine.py:7: .*{problem}"):
        own_numbers(Own(answer), COUNTS, 0.95)


def test_of_several_numbers_each_needs_its_name() -> None:
    with pytest.raises(OwnNumbersError, match="it returned a tuple; return a, b by name"):
        own_numbers(Own((0.5, 0.1), ("a", "b")), COUNTS, 0.95)


MANIFEST = """\
qbatch: 1
name: m
circuits: {a: {qasm: "OPENQASM 2.0; qreg q[2]; creg c[2]; measure q -> c;"}}
backends: {s: {provider: local}}
analysis:
  observables: {zz: Z0 Z1}
  own: OWN
"""


def test_one_that_fails_leaves_the_others_as_they_are() -> None:
    manifest = parse_manifest(MANIFEST.replace("OWN", "{w: {installed: nowhere}}"))
    assert manifest.analysis.names == ("zz", "w")
    assert {*analyse(COUNTS, manifest.analysis)} == {"zz"}
    _, failed = measure_own(COUNTS, manifest.analysis.own, 0.95)
    assert "no installed package offers an analysis 'nowhere'" in failed["w"]


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ("{w: {}}", 'write one of python: "FILE.py:FUNCTION" and installed: NAME'),
        ('{w: {python: "a.py:f", installed: x}}', "write one of python"),
        ("{w: {python: a.py}}", "is no function in a file; write FILE.py:FUNCTION"),
        ('{w: {python: "../../a.py:f"}}', "a.py"),
        ("{zz: {installed: x}}", "'zz' names two numbers; rename one"),
        ("{w: {installed: x, numbers: [zz]}}", "'zz' names two numbers"),
        ("{w: {installed: x, numbers: [shots]}}", "is the name of a column"),
        ("{w: {installed: x, numbers: [zz_se]}}", "would fill the column 'zz_se'"),
        ("{w: {installed: x, numbers: []}}", "numbers: is empty; name what the function returns"),
        ("{w: {instaled: x}}", "did you mean 'installed'"),
    ],
)
def test_a_wrong_own_analysis_is_told_at_its_place(own: str, problem: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(MANIFEST.replace("OWN", own))
    told = [str(error) for error in caught.value.exceptions]
    assert any(problem in one for one in told), told
    assert all(one.startswith("<string>:7:") for one in told)


@pytest.mark.parametrize("number", ["w", "tvd"])
def test_theory_of_an_own_number_is_refused_and_not_as_of_a_distance(number: str) -> None:
    own = MANIFEST.replace("OWN", f"{{{number}: {{installed: x}}}}")
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(f"{own}  expected: {{{number}: 0.5}}\n")
    (error,) = caught.value.exceptions
    assert f"{number!r} is of an analysis of your own; theory is held against" in str(error)


def test_what_it_is_belongs_to_the_key_of_kept_numbers_and_nothing_changes_without(
    tmp_path: Any,
) -> None:
    """Where there is none, numbers kept by former versions still hold."""
    plain = parse_manifest(MANIFEST.replace("  own: OWN\n", ""), folder=tmp_path).analysis
    assert '"own"' in plain.model_dump_json()
    without = plain.model_dump_json(exclude={"own"})
    assert analysis_key(plain) == analysis_key(type(plain).model_validate_json(without))
    file = tmp_path / "a.py"
    file.write_text("def w(counts): return 1, 0\n")
    keys = []
    for text in ("def w(counts): return 1, 0\n", "def w(counts): return 2, 0\n"):
        file.write_text(text)
        own = parse_manifest(MANIFEST.replace("OWN", '{w: {python: "a.py:w"}}'), folder=tmp_path)
        noted = {"w": {"sha256": own.analysis.own["w"].sha256()}}
        keys.append(analysis_key(own.analysis))
        file.unlink()
        assert analysis_key(own.analysis, noted) == keys[-1]
    assert len({*keys, analysis_key(plain)}) == 3
