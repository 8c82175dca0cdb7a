"""No column of the results stands for two things: whatever would make one so is refused."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import pytest
from pydantic import ValidationError

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.manifest.columns import RESERVED, clashes, columns_of, table_columns
from qbatch.manifest.models import Analysis
from qbatch.plan import expand

HEAD = "qbatch: 1\nname: m\nbackends: {sim: {provider: local}}\n"
PROGRAM = "OPENQASM 3.0; input float NAME; bit[2] c; qubit[2] q; c = measure q;"


def mistake(text: str, tmp_path: Path, *overrides: str) -> str:
    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(text, file="m.yaml", folder=tmp_path, overrides=overrides))
    return "\n".join(str(error) for error in caught.value.exceptions)


@pytest.mark.parametrize(
    ("numbers", "parameters"),
    [
        (["z", "z_se"], []),
        (["z_se", "z"], []),
        (["z_low", "a", "z"], []),
        (["z"], ["z"]),
        (["z"], ["z_high"]),
        (["z_high_se", "z_high", "z"], []),
        (["\u00e9"], ["e\u0301"]),
        (["counted"], []),
        (["run"], []),
    ],
)
def test_names_that_would_head_two_columns_are_found(
    numbers: list[str], parameters: list[str]
) -> None:
    assert list(clashes(parameters, numbers))


def test_whatever_is_let_through_has_columns_that_all_differ() -> None:
    names = ["z", "z_se", "z_low", "a", "a_se", "z_se_se", "state", "theta"]
    for size in (2, 3):
        for numbers in itertools.permutations(names, size):
            for parameters in ([], ["theta"], ["z_high"], ["a"]):
                heads = table_columns(parameters, numbers, billed=True)
                kept = {unicodedata.normalize("NFC", head) for head in heads}
                is_one_each = len(kept) == len(heads)
                assert is_one_each == (not list(clashes(parameters, numbers)))


def test_every_fixed_name_is_refused_for_numbers_and_parameters() -> None:
    for name in RESERVED:
        assert [found for found, _ in clashes((), [name])] == [name]


def test_a_model_made_in_python_is_checked_too() -> None:
    with pytest.raises(ValidationError, match="standard error of 'z'"):
        Analysis(observables={"z": "Z0", "z_se": "Z0"})
    with pytest.raises(ValidationError, match="column of the results"):
        Analysis(probabilities={"counted": "00"})
    assert Analysis(observables={"z": "Z0", "zse": "Z0"}).names == ("z", "zse")


def test_an_override_that_makes_two_of_one_name_is_refused(tmp_path: Path) -> None:
    text = HEAD + f'circuits: {{a: {{qasm: "{PROGRAM.replace("NAME", "x")}"}}}}\n'
    text += "sweep: {matrix: {x: [1]}}\nanalysis: {observables: {z: Z0}}\n"
    expand(parse_manifest(text, file="m.yaml", folder=tmp_path))
    for override in ("analysis.observables.z_low=Z1", "analysis.observables.x=Z1"):
        assert "would fill the column" in mistake(text, tmp_path, override)


@pytest.mark.parametrize("name", ["shots", "circuit", "backend", "repeat"])
@pytest.mark.parametrize("is_swept", [True, False])
def test_an_input_named_like_an_axis_is_never_bound_to_it(
    name: str, is_swept: bool, tmp_path: Path
) -> None:
    """``input float shots`` was bound to the number of shots."""
    text = HEAD + f'circuits: {{a: {{qasm: "{PROGRAM.replace("NAME", name)}"}}}}\n'
    if is_swept and name == "shots":
        text += "sweep: {matrix: {shots: [10, 20]}}\n"
    told = mistake(text, tmp_path)
    assert f"m.yaml:4:12: circuit 'a': its parameter {name!r} is an axis of its own" in told
    assert "rename it in the circuit" in told


@pytest.mark.parametrize("name", ["id", "state", "cost", "error", "counted", "run"])
def test_an_input_named_like_a_column_is_told_to_be_renamed(name: str, tmp_path: Path) -> None:
    text = HEAD + f'circuits: {{a: {{qasm: "{PROGRAM.replace("NAME", name)}"}}}}\n'
    assert f"its parameter {name!r} is the name of a column" in mistake(text, tmp_path)


def test_a_template_is_not_given_the_number_of_shots_either(tmp_path: Path) -> None:
    (tmp_path / "t.qasm.j2").write_text(
        "OPENQASM 3.0; qubit q; bit c; U({{ shots }}, 0, 0) q; c = measure q;"
    )
    text = HEAD + "circuits: {a: {template: t.qasm.j2, with: {shots: 5}}}\n"
    assert "its parameter 'shots' is an axis of its own" in mistake(text, tmp_path)


def test_the_columns_of_a_number_are_those_of_every_format() -> None:
    assert columns_of("zz") == ("zz", "zz_se", "zz_low", "zz_high")
