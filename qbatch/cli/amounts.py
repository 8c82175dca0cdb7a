"""Numbers and times given as options: each told with its place, what was given and the remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    TextType = click.ParamType[str]
    NumberType = click.ParamType[float]
else:  # older ones take no argument
    TextType = NumberType = click.ParamType


class Number(NumberType):
    """A number within bounds.

    Args:
        least: The smallest.
        most: The largest; None: any.
        is_whole: It has no fraction.
    """

    name = "number"

    def __init__(self, least: float, most: float | None = None, *, is_whole: bool = False) -> None:
        self._least = least
        self._most = most
        self._is_whole = is_whole

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | int:
        try:
            found = int(str(value)) if self._is_whole else float(str(value))
        except ValueError:
            self._refuse(f"{value!r} is no {self._kind}", param, ctx)
        is_small = found < self._least or (self._most is not None and found > self._most)
        if is_small or not math.isfinite(found):
            self._refuse(f"{value!r} is out of range", param, ctx)
        return found

    @property
    def _kind(self) -> str:
        return "whole number" if self._is_whole else "number"

    def _refuse(
        self, problem: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> NoReturn:
        bounds = (
            f"{self._least:g} or more"
            if self._most is None
            else f"{self._least:g} to {self._most:g}"
        )
        self.fail(f"{problem}; write a {self._kind}, {bounds}", param, ctx)


class Duration(TextType):
    """A time as manifests write it; its text is kept."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from qbatch.manifest.fields import DURATIONS, duration_s

        text = str(value)
        found = duration_s(text)
        if found is None:
            try:
                found = float(text)
            except ValueError:
                self.fail(f"{text!r} is no duration; {DURATIONS}", param, ctx)
        if not 0 < found < math.inf:
            self.fail(f"{text!r} is out of range; write more than 0", param, ctx)
        return text


class Price(TextType):
    """A limit on what is spent; its text is kept."""

    name = "price"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from qbatch.errors import SelectionError
        from qbatch.plan.pricing.limits import parse_limits

        try:
            parse_limits([str(value)])
        except SelectionError as error:
            self.fail(str(error), param, ctx)
        return str(value)
