"""The model of error mitigation: what is measured beside, and how numbers are made of it.

Rules: a mitigated number stands beside the raw one, as ``NAME.zne``; it never takes its place. What
is measured for it is settings of the same points, which are planned and bought like all others; the
raw number's own settings stay what they are, so that asking for it buys nothing again.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from qbatch.manifest.fields import Mistakes, Model, Real, Seconds, Whole, amiss, wrong

#: Scales, at most; and the largest.
_MOST, _LARGEST = 20, 99

#: Forms of a twirled circuit: fewer tell too little of how far they differ.
FEWEST_FORMS, MOST_FORMS = 16, 256


class Zne(Model):
    """Zero-noise extrapolation: numbers at several scales of the noise, and the curve's value at 0.

    Attributes:
        scales: By which the noise of the gates is multiplied; 1, which is the raw number, is one.
        fold: What is undone and done again: all gates together, or each by itself.
        fit: The curve through the numbers: a line, the polynomial through all of them, or a decay.
        asymptote: What a decay ends in; left out: the number's value where all outcomes are alike.
    """

    scales: Annotated[tuple[Real, ...], Field(max_length=_MOST)] = (1, 2, 3)
    fold: Literal["global", "gates"] = "global"
    fit: Literal["linear", "richardson", "exponential"] = "linear"
    asymptote: Real | None = None

    @field_validator("scales")
    @classmethod
    def check_scales(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        """See that they are distinct, and that the raw number is among them."""
        mistakes = Mistakes()
        for number, scale in enumerate(scales):
            if not 1 <= scale <= _LARGEST:
                said = f"is no scale; noise can be made more, not less: write 1 to {_LARGEST}"
                mistakes.add((number,), wrong(said))
        mistakes.raise_any()
        if len({*scales}) < max(len(scales), 2):
            raise amiss("a curve needs two scales or more, each once; write for example [1, 2, 3]")
        if 1 not in scales:
            raise amiss("lacks 1, at which the raw number is measured; write for example [1, 2, 3]")
        return scales

    @model_validator(mode="after")
    def check_asymptote(self) -> Self:
        """See that an asymptote is of a decay."""
        if self.asymptote is not None and self.fit != "exponential":
            raise amiss(f"'asymptote' is for fit: exponential; fit {self.fit} has none")
        return self


class Readout(Model):
    """Readout taken out of numbers, by what circuits that prepare known bits are read as.

    Attributes:
        method: Bits err each by itself (tensored), or in any way together (full); or as tensored,
            solved among the outcomes that were seen (mthree).
        shots: Of each calibration circuit.
        every_s: Calibrations that are older when a job of points runs are bought again; None: each
            is bought once.
    """

    method: Literal["tensored", "full", "mthree"] = "tensored"
    shots: Annotated[Whole, Field(ge=1, le=1_000_000_000)] = 4000
    every_s: Annotated[Seconds | None, Field(alias="every")] = None


class Twirl(Model):
    """Circuits measured in randomised forms that mean the same, so that errors do not add up.

    Attributes:
        n: Forms of each circuit, in each of its bases and scales; a point's shots are shared out.
    """

    n: Annotated[Whole, Field(ge=FEWEST_FORMS, le=MOST_FORMS)] = 16


class Mitigation(Model):
    """What is done against noise, beside the raw numbers.

    Attributes:
        readout: Errors of readout taken out, to ``NAME.readout``.
        twirl: Gates and readout twirled, to ``NAME.twirl``; what zne scales is twirled, too.
        zne: Zero-noise extrapolation, to ``NAME.zne``.
    """

    readout: Readout | None = None
    twirl: Twirl | None = None
    zne: Zne | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that are asked for: the endings of the numbers they give."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)

    def narrowing(self, method: str) -> str:
        """Say what makes an interval narrower.

        Args:
            method: Of the number: ``twirl``; "" of a raw one, ``*`` of what is made of any.
        """
        is_twirled = self.twirl is not None and method in ("twirl", "zne", "*")
        is_mended = self.readout is not None and bool(method)
        more = {"more shots": True, "more forms (twirl.n)": is_twirled}
        more["longer calibrations (readout.shots)"] = is_mended
        *most, last = (each for each, helps in more.items() if helps)
        return f"{', '.join(most)} or {last}" if most else last
