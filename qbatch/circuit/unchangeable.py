"""Why a circuit cannot be rewritten: measured otherwise, folded, or twirled."""

from __future__ import annotations


class UnchangeableError(ValueError):
    """A circuit cannot be rewritten as it is asked for.

    Attributes:
        problem: What stands in the way, and how to mend it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
