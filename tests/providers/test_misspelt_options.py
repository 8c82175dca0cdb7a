"""A misspelt option of each provider is told at its place with the one that was meant.

Misspelt are all options that the models have, nested ones too: each letter left out, and exchanged
with the next.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from qbatch.errors import SourceErrors
from qbatch.manifest.annotations import models_in
from qbatch.plan import expand_file
from qbatch.providers import BUILT_IN, options_model
from tests.proving import for_a_while

HEAD = """\
qbatch: 1
name: m
circuits: {c: {qasm: 'OPENQASM 3.0; qubit q; bit c; c = measure q;'}}
backends:
  b:
    provider: PROVIDER
"""

Path_ = tuple[str, ...]


def options_of(model: type[BaseModel], above: Path_ = ()) -> Iterator[tuple[Path_, set[str]]]:
    """Every option with the names that are known beside it."""
    for name, info in model.model_fields.items():
        yield (*above, name), {*model.model_fields}
        for inner in models_in(info.annotation):
            yield from options_of(inner, (*above, name))


def misspelt(word: str) -> list[str]:
    cut = {word[:at] + word[at + 1 :] for at in range(len(word))}
    turned = {
        word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :] for at in range(len(word))
    }
    return sorted((cut | turned) - {word, ""})


def mistakes_of(folder: Path, provider: str, rest: str, overrides: Sequence[str] = ()) -> list[str]:
    file = folder / "m.yaml"
    file.write_text(HEAD.replace("PROVIDER", provider) + rest)
    with pytest.raises(SourceErrors) as told:
        expand_file(file, overrides=overrides)
    return [str(one).removeprefix(f"{folder}/") for one in told.value.exceptions]


def check(folder: Path, provider: str, path: Path_, word: str) -> None:
    """See that it is told in the file, of ``-S``, and as an axis, each at its place."""
    *above, meant = path
    written = f"{word}: 1"
    for key in reversed(above):
        written = f"{key}: {{{written}}}"
    line = f"    options: {{{written}}}\n"
    dotted = ".".join((*above, word))
    flag = f"backends.b.options.{dotted}"
    axis = f"sweep:\n  matrix:\n    {{}}options.{dotted}: [1, 2]\n"
    for place, told in (
        (f"m.yaml:7:{line.index(word + ':') + 1}:", mistakes_of(folder, provider, line)),
        (f"-S {flag}:", mistakes_of(folder, provider, "", [f"{flag}=1"])),
        ("m.yaml:9:5:", mistakes_of(folder, provider, axis.format(""))),
        ("m.yaml:9:5:", mistakes_of(folder, provider, axis.format("backends.b."))),
    ):
        about = [one for one in told if one.startswith(place) and f"unknown key {word!r}" in one]
        assert len(about) == 1, (provider, place, word, told)
        assert f"did you mean {meant!r}?" in about[0], (provider, place, word, told)


ALL = [
    (provider, path, word)
    for provider in BUILT_IN
    for path, beside in options_of(options_model(provider))  # type: ignore[arg-type]
    for word in misspelt(path[-1])
    if word not in beside
]
ONE_OF_EACH = {(provider, path): word for provider, path, word in reversed(ALL)}


@pytest.mark.parametrize("provider", [*BUILT_IN])
def test_every_option_misspelt_once_is_told_at_its_place(tmp_path, provider):
    found = [(path, word) for (of, path), word in ONE_OF_EACH.items() if of == provider]
    assert len(found) >= 3
    for path, word in found:
        check(tmp_path, provider, path, word)


@pytest.mark.slow
def test_every_option_misspelt_in_every_way_is_told_at_its_place(tmp_path):
    ways = random.Random(7).sample(ALL, len(ALL))
    for provider, path, word in for_a_while(ways, least=300, seconds=5.0):
        check(tmp_path, provider, path, word)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("result_format", "results_format"),
        ("metric", "metrics"),
        ("pasive_reset_time", "passive_reset_time"),
    ],
)
def test_a_key_of_oqcs_compiler_is_no_new_one_where_it_is_nearly_a_known_one(tmp_path, key, meant):
    """It was sent as it was written, ignored there, and paid for."""
    [told] = mistakes_of(tmp_path, "oqc", f"    options: {{config: {{{key}: 1}}}}\n")
    assert told == f"m.yaml:7:24: unknown key {key!r}; did you mean {meant!r}?"
