"""A key that is misspelt is one mistake: what its right name would hold is not missed beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest

GALLERY = Path(__file__).parents[2] / "manifests"
KEYS = ("analysis", "sweep", "observables", "probabilities", "distribution")


def cases() -> list[tuple[str, str]]:
    """Manifest and key, of all that have it at the beginning of a line of its own."""
    files = sorted(GALLERY.glob("*.yaml"))
    texts = {file.name: file.read_text("utf-8") for file in files}
    return [(n, k) for n, text in texts.items() for k in KEYS if re.search(rf"^ *{k}:", text, re.M)]


@pytest.mark.parametrize(("name", "key"), cases())
def test_a_misspelt_key_is_one_mistake(name: str, key: str) -> None:
    text = (GALLERY / name).read_text("utf-8")
    wrong = key[:2] + key[3:]
    misspelt, number = re.subn(rf"^( *){key}:", rf"\1{wrong}:", text, flags=re.M)
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(misspelt, folder=GALLERY)
    told = [str(error) for error in caught.value.exceptions]
    assert len(told) == number, told
    assert all(f"unknown key '{wrong}'" in each for each in told)
