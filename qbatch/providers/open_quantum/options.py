"""What a person may write under ``options`` of an Open Quantum backend: plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

#: How a job can be bought -> the words for it; each has an id, too, and the platform may have more.
WORDS = {
    "execution_plan": ("auto", "public", "private"),
    "queue_priority": ("auto", "standard", "priority", "instant"),
}
_ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)

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

    @field_validator("execution_plan", "queue_priority")
    @classmethod
    def check_word(cls, value: str, info: ValidationInfo) -> str:
        """See that it is a word that quotes know, or an id: misspelt, nothing would be bought."""
        from qbatch.notation import did_you_mean

        words = WORDS[str(info.field_name)]
        text = value.strip()
        if text.lower() in ("", *words) or _ID.fullmatch(text):
            return value
        hint = did_you_mean(text.lower(), words)
        raise ValueError(f"{text!r} is neither an id nor one of {', '.join(words)}{hint}")
