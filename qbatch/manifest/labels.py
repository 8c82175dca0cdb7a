"""The model of how an axis or a number is called in figures and tables, and what it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from qbatch.manifest.fields import Model, Text, amiss, wrong


class Label(Model):
    """How an axis or a number is called.

    Attributes:
        label: Stands in figures and tables instead of its name.
        unit: What it is in, as in s, rad or Ha.
    """

    label: Text | None = None
    unit: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def read_text(cls, data: Any) -> Any:
        """Read a bare string as the label alone."""
        if isinstance(data, str):
            return {"label": data}
        if data is not None and not isinstance(data, Mapping | cls):
            raise wrong("is no label; write text, or {label: θ, unit: rad}")
        return data

    @model_validator(mode="after")
    def check_any(self) -> Self:
        """See that it says something."""
        if self.label is None and self.unit is None:
            raise amiss("says nothing; write {label: θ, unit: rad}, or one of both")
        return self
