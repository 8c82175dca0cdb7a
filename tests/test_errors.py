"""What a notebook sees of a mistake."""

from __future__ import annotations

import qbatch
from qbatch.errors import ManifestError, Place


def test_a_group_of_mistakes_reads_as_one_line_each() -> None:
    mistakes = [ManifestError(Place("m.yaml", n, 1), "is wrong; mend it") for n in (3, 7)]
    group = qbatch.SourceErrors("2 mistakes", mistakes)
    assert str(group) == "m.yaml:3:1: is wrong; mend it\nm.yaml:7:1: is wrong; mend it"
    assert isinstance(group, qbatch.QbatchError)


def test_a_part_of_a_group_is_such_a_group_too() -> None:
    mistakes = [ManifestError(Place("m.yaml", n, 1), "is wrong") for n in (3, 7)]
    group = qbatch.SourceErrors("2 mistakes", mistakes)
    part = group.subgroup(lambda one: one is mistakes[0])
    assert type(part) is qbatch.SourceErrors
