"""How the settings of a point are called: by the point, and what each is measured with.

A setting says in which basis bits are measured, and by how much the noise of the gates is scaled. A
point that is measured as its circuit is written has that one setting, and its name. Every other
setting has the point's name with what it is measured with behind it, before the number of its copy:
``theta=0.5,basis="X0 Y1",noise_scale=3#2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

#: What tells the settings of a point apart, as the last of their parameters, in this order.
BASIS = "basis"
SCALE = "noise_scale"
SETTING_NAMES = (BASIS, SCALE)

#: How the setting is called that is measured as its circuit is written.
AS_WRITTEN = "as written"

_PART = r"[XY]\d+"
_ENDING = re.compile(
    rf'(?:,{BASIS}="?({_PART}(?: {_PART})*)"?)?(?:,{SCALE}=([\d.e+-]+))?(?=(?:#\d+)?$)'
)


class Setting(NamedTuple):
    """With what a point is measured.

    Attributes:
        basis: Its text, "X0 Y1"; "" as the circuit is written.
        scale: Of the noise of the gates, as folding reaches it; 1 as the circuit is written.
    """

    basis: str = ""
    scale: float = 1.0

    @property
    def text(self) -> str:
        """What it is known by among those of its point; "" where all is as it is written.

        >>> Setting("X0", 3.0).text, Setting(scale=1.5).text, Setting().text
        ('X0, noise_scale=3', 'noise_scale=1.5', '')
        """
        scale = "" if self.scale == 1 else f"{SCALE}={scale_text(self.scale)}"
        return ", ".join(part for part in (self.basis, scale) if part)

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Read what `text` writes.

        >>> Setting.parse("X0, noise_scale=3"), Setting.parse("X0 Y1").scale
        (Setting(basis='X0', scale=3.0), 1.0)
        """
        rest, _, scale = text.rpartition(f"{SCALE}=")
        return cls(rest.rstrip(", "), float(scale)) if rest or scale != text else cls(text)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """Find it among a setting's parameters."""
        return cls(str(parameters.get(BASIS, "")), float(parameters.get(SCALE, 1.0)))

    @property
    def parameters(self) -> tuple[tuple[str, str | float], ...]:
        """What it adds to the parameters of its point."""
        basis = ((BASIS, self.basis),) if self.basis else ()
        return (*basis, *(((SCALE, self.scale),) if self.scale != 1 else ()))

    def name(self, point: str) -> str:
        """Return how it is called, of a point that is called so, but for the number of its copy.

        >>> Setting("X0 Y1").name("theta=0.5"), Setting(scale=3.0).name("theta=0.5")
        ('theta=0.5,basis="X0 Y1"', 'theta=0.5,noise_scale=3')
        """
        basis = f',{BASIS}="{self.basis}"' if self.basis else ""
        scale = f",{SCALE}={scale_text(self.scale)}" if self.scale != 1 else ""
        return f"{point}{basis}{scale}"


def scale_text(scale: float) -> str:
    """Write a scale as names do."""
    return f"{scale:.6g}"


def point_of(name: str) -> str:
    """Return how the point of a setting is called.

    >>> point_of('theta=0.5,basis="X0 Y1",noise_scale=3#2'), point_of("theta=0.5#2")
    ('theta=0.5#2', 'theta=0.5#2')
    """
    return _ENDING.sub("", name, count=1)


def setting_of(name: str) -> str:
    """Return with what a setting of that name is measured, as `Setting.text` writes it.

    >>> setting_of('theta=0.5,basis="X0 Y1",noise_scale=3#2'), setting_of("theta=0.5#2")
    ('X0 Y1, noise_scale=3', '')
    """
    found = _ENDING.search(name)
    return "" if found is None else Setting(found[1] or "", float(found[2] or 1)).text


def told_missing(settings: Iterable[str]) -> str:
    """Say which settings of a point have no shots.

    >>> told_missing(["X0 Y1", ""])
    'no shots in X0 Y1; as written'
    """
    return f"no shots in {'; '.join(setting or AS_WRITTEN for setting in settings)}"
