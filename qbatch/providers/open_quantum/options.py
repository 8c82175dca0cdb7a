"""What a person may write under ``options`` of an Open Quantum backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

#: What a job is for, where nothing is said: "other".
ANY_SUBCATEGORY = "oth:oth"


class Options(BaseModel):
    """``options`` of an Open Quantum backend.

    Attributes:
        organization: Whose credits are spent: an id or a name. None:
            OPENQUANTUM_ORGANIZATION_ID, or the only one the account has.
        execution_plan: auto, public, private, or a plan's id.
        queue_priority: auto, standard, priority, instant, or a priority's id.
        subcategory: "category:subcategory", one of those the platform lists, by code or id.
        configuration: Further keys of ``configuration_data``, checked by the platform.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    organization: str | None = None
    execution_plan: str = "auto"
    queue_priority: str = "auto"
    subcategory: str = ANY_SUBCATEGORY
    configuration: Mapping[str, Any] = Field(default_factory=dict)
