"""YAML 1.2 core typing, places, and bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.errors import Place, SourceErrors
from qbatch.manifest import nodes
from qbatch.manifest.construction import Construction
from qbatch.manifest.nodes import Plain
from qbatch.manifest.source import Source

Scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
)
Names = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1).filter(
    lambda name: name not in {"true", "false", "null"}
)


def build(text: str) -> object:
    construction = Construction(Source("m.yaml", text, Path()))
    data = construction.build(construction.source.root)
    assert not construction.mistakes, construction.mistakes
    return data


def value_of(scalar: str) -> object:
    return build(f"key: {scalar}")["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("+12", 12),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-11-21", "2026-11-21"),
        ("0b1", "0b1"),
        ("<<", "<<"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!float 1", 1.0),
        ("!!int '3'", 3),
    ],
)
def test_scalars_are_read_as_yaml_1_2_core_says(text, value):
    found = value_of(text)
    assert found == value
    assert isinstance(found, type(value))


def test_an_unquoted_string_is_told_from_a_quoted_one():
    assert type(value_of("pi/2")) is Plain
    assert type(value_of("'pi/2'")) is str


def test_lists_are_tuples():
    assert value_of("[1, [2, 3]]") == (1, (2, 3))


def test_x_keys_are_left_out_at_every_level():
    assert build("x-a: {1: 2}\nb: {x-c: 1, d: 2}") == {"b": {"d": 2}}


def test_own_keys_win_over_merged_ones_and_earlier_maps_over_later():
    text = "x-a: &a {p: 1, q: 1, r: 1}\nx-b: &b {q: 2, r: 2, s: 2}\nc: {<<: [*a, *b], r: 3}"
    assert build(text) == {"c": {"r": 3, "p": 1, "q": 1, "s": 2}}


def test_an_anchor_may_be_used_often():
    assert build("a: &a [1, 2]\nb: [*a, *a]") == {"a": (1, 2), "b": ((1, 2), (1, 2))}


@pytest.mark.parametrize(
    "text",
    [
        "x: &a {<<: *a}",
        "x: &a {b: {<<: *a}}",
        "x: &a [[*a]]",
        "[" * 100_000,
        "a: " + "{b: " * 5000,
        "x-a0: &a0 [1]\n"
        + "".join(f"x-a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000))
        + "k: *a4999",
        "x-a0: &a0 {a: 1}\n"
        + "".join(f"x-a{i}: &a{i} {{<<: *a{i - 1}}}\n" for i in range(1, 5000))
        + "k: *a4999",
        "x-a: &a {" + ",".join(f"k{i}: 1" for i in range(2000)) + "}\nb: {<<: ["
        + "*a," * 2000 + "*a]}",
    ],
)  # fmt: skip
def test_what_would_never_end_is_a_mistake(text):
    from qbatch.manifest import parse_manifest

    with pytest.raises(SourceErrors):
        parse_manifest(text)


def test_places_are_lines_and_columns_from_one():
    source = Source("m.yaml", "a:\n  - b: 1\n    ç: {d: 2}\n", Path())
    assert source.place(source.trace(("a", 0, "ç", "d")).key) == Place("m.yaml", 3, 9)
    assert source.place(source.trace(("a", 0, "ç", "d")).value) == Place("m.yaml", 3, 12)


def test_the_python_parser_stands_in_with_a_warning(monkeypatch):
    monkeypatch.setattr(nodes, "_CComposer", None)
    text = "a: &a {b: [1, 1e-3, 'x', no]}\nc: {<<: *a, d: null}\n"
    with pytest.warns(UserWarning, match="without libyaml"):
        slow = build(text)
    monkeypatch.undo()
    assert slow == build(text)


def json_of(data: object) -> str:
    text = json.dumps({"key": data}, ensure_ascii=False)
    return text.replace("Infinity", ".inf").replace("NaN", ".nan")


@given(st.recursive(Scalars, lambda inner: st.lists(inner) | st.dictionaries(Names, inner)))
@pytest.mark.slow
def test_what_was_written_is_read_again(data):
    """JSON is YAML 1.2, so Python's own writer is the other side of the round trip."""
    text = json_of(data)
    assert json_of(build(text)["key"]) == text


@settings(max_examples=100)
@given(st.text() | st.text(alphabet="ab01:-[]{}&*!|>'\"#%@`, \n\t?<x\x00\x85\ufeff", max_size=60))
def test_no_text_ends_in_anything_but_a_manifest_or_its_mistakes(text):
    from qbatch.manifest import parse_manifest

    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text)
    for error in caught.value.exceptions:
        assert error.place.file == "<string>"


@settings(max_examples=200)
@given(st.binary(max_size=40))
def test_no_bytes_end_in_anything_but_mistakes(tmp_path_factory, data):
    from qbatch.manifest import load_manifest

    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with pytest.raises(SourceErrors):
        load_manifest(path)


def test_libyaml_is_there():
    assert nodes._CComposer is not None
