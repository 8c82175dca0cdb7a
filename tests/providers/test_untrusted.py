"""Values of any shape: what a reader promises holds for whatever it is given."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.providers.kit import untrusted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_readers_keep_their_promises_whatever_they_are_given(value: Any) -> None:
    number, amount, whole = (
        read(value) for read in (untrusted.number, untrusted.amount, untrusted.whole)
    )
    assert number is None or (math.isfinite(number) and str(number) != "-0.0")
    assert amount is None or (math.isfinite(amount) and amount >= 0)
    assert whole is None or (type(whole) is int and whole > 0)
    assert len(untrusted.said(value)) <= untrusted.MOST_WORDS
    assert len(untrusted.word(value)) <= untrusted.MOST_WORD
    assert isinstance(untrusted.record(value), dict)
    assert all(isinstance(one, dict) for one in untrusted.records(value))
    assert untrusted.identifier(value) in (None, value)
    for text in (untrusted.said(value), untrusted.word(value)):
        assert untrusted.fit(text) == text
        text.encode()


@pytest.mark.parametrize("value", [-0.0, "-0", -0])
def test_there_is_one_zero(value: Any) -> None:
    assert str(untrusted.number(value)) == "0.0"


@given(JSON)
def test_what_is_json_is_decoded_as_it_is_but_for_what_no_text_may_hold(value: Any) -> None:
    text = json.dumps(value)
    if "NaN" in text or "Infinity" in text:
        return
    decoded = untrusted.decode(text)
    assert untrusted.decode(text.encode()) == decoded
    assert decoded == untrusted._fit(json.loads(text))
    json.dumps(decoded, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "[1e999]", "[-1e999]", "[Infinity]", "[" * 101 + "]" * 101, "[" * 10**6),
        *("9" * 5000, '{"a": "torn', "", b"\xff", b"\xed\xa0\x80"),
        '{"a":[{"b":' * 60 + "1" + "}]}" * 60,
    ],
)
def test_what_cannot_be_held_is_refused(text: str | bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        untrusted.decode(text)


def test_brackets_in_texts_are_no_depth() -> None:
    assert untrusted.decode(json.dumps(['[{\\"' * 500])) == ['[{\\"' * 500]
    assert untrusted.decode("[" * 100 + "]" * 100) is not None


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("see https://a.b/c?sig=1 and http://d?e=f.", "see https://a.b/c?… and http://d?…"),
        (r'"https:\/\/a.b\/c?sig=1\u0026d=2"', r'"https:\/\/a.b\/c?…"'),
        ("X-Amz-Signature=5ecret&x=1", "X-Amz-Signature=…&x=1"),
        ("x-amz-credential=AKIA/2026 is wrong", "x-amz-credential=… is wrong"),
        ("is 2 > 1? yes: a=b", "is 2 > 1? yes: a=b"),
        ("https://a.b/c", "https://a.b/c"),
    ],
)
def test_signatures_are_cut_off_wherever_they_stand(text: str, redacted: str) -> None:
    assert untrusted.redact(text) == redacted


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/b", "a?b", "a#b", "a b", "ü", "a%2fb", "x" * 201]
)
def test_what_would_lead_elsewhere_is_no_identifier(value: str) -> None:
    assert untrusted.identifier(value) is None


@pytest.mark.parametrize(
    "value", ["qpu:uk:2:d865", "0216e7aa-0fe8-48a7-9917", "emu_5q", "a.b~c=+,@"]
)
def test_ids_of_clouds_are_identifiers(value: str) -> None:
    assert untrusted.identifier(value) == value
