"""Targets that are one of several, and not decided yet: nothing is planned of them."""

from __future__ import annotations

from qbatch.manifest.models import Manifest
from qbatch.plan.mistakes import Mistakes


def mistakes_of_decided(manifest: Manifest) -> Mistakes:
    """Return where mistakes of a manifest are gathered whose targets are decided.

    Raises:
        SourceErrors: One is not: only then contents have ids.
    """
    mistakes = Mistakes(manifest)
    for name, question in manifest.open_questions.items():
        said = (
            f"backend {name!r}: which is {question} is decided by `qbatch plan`, `qbatch run` and "
            "`qbatch.decide`; decide first"
        )
        mistakes.add(("backends", name, "target"), said)
    mistakes.raise_if_any()
    return mistakes
