"""A dated file of prices beside a manifest: what providers do not name, and what units are worth.

It is YAML as a manifest is, kept in git, and says what a budget is reckoned by:

    date: 2026-11-01
    convert:
      credits: {usd: 0.01}
      qpu_seconds: {usd: 1.6}
    prices:
      "qpu:uk:2:d865b5a184": {unit: usd, per_job: 0.3, per_shot: 0.00035}

A target's own price wins where its provider names one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, field_validator

from qbatch.errors import Place, SourceErrors
from qbatch.manifest.complaints import complain, order_of
from qbatch.manifest.construction import read_data
from qbatch.manifest.fields import Identifier, Model, Real, Text, wrong
from qbatch.manifest.files import read_text, refuse
from qbatch.manifest.source import Source
from qbatch.project import may_name, outside

_Amount = Annotated[Real, Field(ge=0)]


def _check_date(value: str) -> str:
    if not re.fullmatch(r"\d{4}-[01]\d-[0-3]\d", value):
        raise wrong("is no date; write YYYY-MM-DD")
    return value


class ListedPrice(Model):
    """What a job at one target costs: ``max(minimum, per_job + per_shot * shots)``.

    Attributes:
        unit: usd, eur, credits, qpu_seconds, or a plug-in's.
        per_job: For each.
        per_shot: Added for each shot.
        per_composite: Added for each composite job.
        minimum: The least that a job costs.
    """

    unit: Identifier
    per_job: _Amount = 0.0
    per_shot: _Amount = 0.0
    per_composite: _Amount = 0.0
    minimum: _Amount = 0.0


#: Rates are written rounded: so far may two ways to one be apart.
_ROUNDED = 0.01


def _worth(known: Mapping[str, Mapping[str, float]], one: str, other: str) -> float | None:
    """What one unit is of another by what is known, on any way; None where there is none."""
    found, open_ones = {one: 1.0}, [one]  # a unit is worth itself
    while open_ones:
        here = open_ones.pop()
        for there, rate in known.get(here, {}).items():
            if there not in found:
                found[there] = found[here] * rate
                open_ones.append(there)
    return found.get(other)


class PriceList(Model):
    """A file of prices.

    Attributes:
        date: When they held, YYYY-MM-DD.
        convert: Unit -> unit -> how much of the second one of the first is worth.
        prices: Target, as a backend names it or a provider resolves it -> its price.
    """

    date: Annotated[Text, AfterValidator(_check_date)]
    convert: Mapping[Identifier, Mapping[Identifier, Annotated[Real, Field(gt=0)]]] = Field(
        default_factory=dict
    )
    prices: Mapping[Text, ListedPrice] = Field(default_factory=dict)

    @field_validator("convert")
    @classmethod
    def check_convert(
        cls, value: Mapping[str, Mapping[str, float]]
    ) -> Mapping[str, Mapping[str, float]]:
        """See that a unit is worth one thing: forth and back, and by way of others."""
        worth: dict[str, dict[str, float]] = {}
        for one, worths in value.items():
            for other, rate in worths.items():
                known = _worth(worth, one, other)
                if known is not None and abs(known / rate - 1) > _ROUNDED:
                    raise wrong(
                        f"says that one of {one} is {rate:g} {other}, and elsewhere that it is "
                        f"{known:g}; keep one of them"
                    )
                worth.setdefault(one, {})[other] = rate
                worth.setdefault(other, {})[one] = 1 / rate
        return value

    @property
    def rates(self) -> dict[tuple[str, str], float]:
        """(unit, unit) -> how much of the second one of the first is."""
        return {
            (one, other): worth
            for one, worths in self.convert.items()
            for other, worth in worths.items()
        }


#: Of a manifest that names no file.
NO_PRICES = PriceList(date="1970-01-01")


def load_prices(folder: Path, path: str | None) -> PriceList:
    """Read a file of prices; None: there is none.

    Args:
        folder: The manifest's.
        path: As `Budget.prices` has it.

    Raises:
        SourceErrors: Every mistake found, in the order of their places.
    """
    if path is None:
        return NO_PRICES
    home = folder.resolve()
    if not may_name((home / path).resolve(), home):
        raise refuse(Place(path), outside(home))
    source = Source(path, read_text(folder / path, path), folder, is_manifest=False)
    data, mistakes = read_data(source)
    try:
        prices = PriceList.model_validate(data)
    except ValidationError as error:
        mistakes += complain(source, error, PriceList)
    if mistakes:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise SourceErrors(f"{path}: {count}", sorted(mistakes, key=order_of))
    return prices
