"""What a run's references are and tell, as the JSON format in `exports` has it."""

from __future__ import annotations

from typing import Any

from qbatch.report.drift import HasReferences


def reference_facts(run: Any) -> dict[str, list[dict[str, Any]]]:
    """The references that were measured, with their counts, and what is told of drift by them."""
    if not isinstance(run, HasReferences):
        return {}
    references = [
        {
            "id": each.id,
            "point": each.name,
            "circuit": each.circuit,
            "backend": each.backend,
            "shots": each.sampled,
            "counts": each.counts.to_dict(),
        }
        for each in run.references()
        if each.counts is not None
    ]
    if not references:
        return {}
    return {"references": references, "drift": [each.facts() for each in run.drift()]}
