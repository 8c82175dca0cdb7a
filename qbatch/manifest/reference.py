"""``run: {reference: {circuit: ref, every: 20}}``: a job run again and again, to see drift."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from qbatch.manifest.fields import Model, Text, Whole, amiss


class Reference(Model):
    """A circuit that is run at a pace between the points, to see whether the machine drifts.

    Attributes:
        circuit: Its name; it takes no parameters.
        every: So many points of a backend are between two of them.
        shots: Of each; those of the points where left out.
        outcome: Whose share is watched, as a pattern of bits; the commonest where left out.
    """

    circuit: Text
    every: Annotated[Whole, Field(ge=1)]
    shots: Annotated[Whole, Field(ge=1)] | None = None
    outcome: Text | None = None

    @field_validator("outcome")
    @classmethod
    def check_outcome(cls, value: str | None) -> str | None:
        """See that it is a pattern of bits."""
        if value is not None and (not value or set(value) - set("01* ")):
            raise amiss('is no pattern of bits; write 0, 1 and *, as in "0*"')
        return value
