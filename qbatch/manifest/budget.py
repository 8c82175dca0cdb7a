"""The manifest's ``budget``: the most that an experiment may cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationInfo, model_validator

from qbatch.manifest.fields import (
    AT_KEY,
    Identifier,
    Mistakes,
    Model,
    Name,
    Real,
    amiss,
    check_beside,
    known_to,
    unknown,
)
from qbatch.manifest.local_paths import LocalPath

#: Unit -> amount. Units never add up unless a price file converts them.
Amounts = Mapping[Identifier, Annotated[Real, Field(ge=0)]]

_OWN = ("total", "on_exceed", "prices", "aim")


class Budget(Model):
    """The most that may be spent, earlier calls of the same run included.

    Beside the keys below, each backend can have limits of its own under its name, unit by unit:
    ``emerald: {credits: 40}``.

    Attributes:
        total: Unit -> most that all backends together may cost: usd, eur, credits, qpu_seconds.
        on_exceed: stop: buy no more; ask: ask at the terminal, and stop where there is none.
        aim: Where it does not reach for all targets of `shots`: worst, the largest error as a share
            of its target becomes as small as it can; total, the sum of the errors does.
        prices: A dated file with prices that no provider names, and with what units are worth.
    """

    total: Amounts = Field(default_factory=dict)
    backends: Mapping[Name, Amounts] = Field(default_factory=dict)
    on_exceed: Literal["stop", "ask"] = "stop"
    aim: Literal["worst", "total"] = "worst"
    prices: LocalPath | None = None

    @model_validator(mode="wrap")
    @classmethod
    def read_backends(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Take every other key for a backend's name, and see that names and units exist."""
        if not isinstance(data, Mapping):
            return handler(data)
        known, mistakes = known_to(info), Mistakes()
        limits = {name: amounts for name, amounts in data.items() if name not in _OWN}
        if known.backends is None and isinstance(data.get("backends"), Mapping):
            limits = {**limits, **limits.pop("backends")}  # written in Python
        if known.backends is not None:
            for name in limits.keys() - known.backends:
                mistakes.add((name, AT_KEY), unknown("backend", name, known.backends.union(_OWN)))
            for name in known.backends.intersection(_OWN):
                told = "is what a backend is named too; rename the backend to give it a budget"
                mistakes.add((name, AT_KEY), amiss(told))
        own = {name: value for name, value in data.items() if name in _OWN}
        return check_beside({**own, "backends": limits}, handler, mistakes)
