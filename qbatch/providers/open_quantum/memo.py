"""What is remembered of a composite job at Open Quantum."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from qbatch.providers.kit.memo import Memo

#: A way to buy it: title, credits, and whether it is the one chosen. JSON has no tuples: a list.
Offer = Annotated[tuple[str, float, bool], Field(strict=False)]


class OpenQuantumMemo(Memo, total=False):
    """Set in two steps.

    Attributes:
        name: Of the job, unique over all runs: a lost answer is looked up by it. With this and the
            next two a preparation has begun.
        organization_id: Which pays, and whose list the job is in.
        preparation_id: Of the preparation, which is what is bought.
        plan_id: Of the execution plan chosen. With this and those below it is quoted.
        priority_id: Of the queue priority chosen.
        credits: The price of both.
        chosen: Both, in words.
        offers: All ways to buy it; not in folders older than the choice among them.
    """

    name: str
    organization_id: str
    preparation_id: str
    plan_id: str
    priority_id: str
    credits: float
    chosen: str
    offers: list[Offer]


#: What is there once a preparation has begun, and once it is quoted.
BEGUN = ("name", "organization_id", "preparation_id")
QUOTED = (*BEGUN, "plan_id", "priority_id", "credits")
