"""P31: what `qbatch.run` is asked for wrongly is said in one line; its page names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import qbatch


@pytest.mark.parametrize("manifest", [{"qbatch": 1}, 3, None, ["a.yaml"]])
def test_what_is_no_manifest_is_refused_in_a_line(manifest: Any) -> None:
    with pytest.raises(TypeError) as found:
        qbatch.run(manifest)
    assert "\n" not in str(found.value)
    assert f"not a {type(manifest).__name__}; make a qbatch.Manifest of it" in str(found.value)


def test_an_option_that_there_is_not_is_named_with_its_likeness() -> None:
    with pytest.raises(TypeError, match=r"^run\(\) has no option 'overides'.*overrides"):
        qbatch.run("bell.yaml", overides=["shots=1"])  # type: ignore[call-arg]


def test_a_choice_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(qbatch.QbatchError, match=r"^only: 'mising' is no choice; .*'missing'"):
        qbatch.run("bell.yaml", only="mising")  # type: ignore[arg-type]


def test_one_run_to_reuse_is_not_read_letter_by_letter(tmp_path: Path) -> None:
    manifest = Path(__file__).parents[2] / "manifests" / "bell.yaml"
    with pytest.raises(qbatch.QbatchError, match=r"^nowhere: there is no such run folder"):
        qbatch.run(manifest, reuse="nowhere", out=tmp_path / "run")


def test_docstrings_of_the_interface_name_what_is_exported() -> None:
    for name in qbatch.__all__:
        text = inspect.getdoc(getattr(qbatch, name)) or ""
        for call in re.findall(r"``(?:await )?qbatch\.(\w+)", text):
            assert call in qbatch.__all__, (name, call)
        assert "await run_async" not in text
