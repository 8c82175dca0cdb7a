"""How the settings of a point are called: by the point, and what each is measured with.

A setting says in which basis bits are measured, and by how much the noise of gates is scaled; or
which bits are prepared, to calibrate their readout; and of a twirled circuit which one of its
randomised forms it is, and which bits that flips. A point that is measured as its circuit is
written has that one setting, and its name. Every other setting has the point's name with what it is
measured with behind it, before the number of its copy: ``theta=0.5,basis="X0 Y1",noise_scale=3#2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: What tells the settings of a point apart, as the last of their parameters, in this order.
BASIS = "basis"
SCALE = "noise_scale"
CALIBRATION = "calibration"
TWIRL = "twirl"
SETTING_NAMES = (BASIS, SCALE, CALIBRATION, TWIRL)

#: What the name of a reference begins with: ``reference:ref,backend=toshiko#3``. No point of a
#: sweep is called so, for its name begins with an axis or a circuit.
REFERENCE = "reference:"

#: How the setting is called that is measured as its circuit is written.
AS_WRITTEN = "as written"

#: Settings without shots that are named; of a mitigated point there may be hundreds.
_TOLD = 3

_PART = r"[XY]\d+"
_ENDING = re.compile(
    rf'(?:,{BASIS}="?({_PART}(?: {_PART})*)"?)?(?:,{SCALE}=([\d.e+-]+))?'
    rf'(?:,{CALIBRATION}="?([01]+)"?)?(?:,{TWIRL}="?(\d+:[01]+)"?)?(?=(?:#\d+)?$)'
)


class Setting(NamedTuple):
    """With what a point is measured.

    Attributes:
        basis: Its text, "X0 Y1"; "" as the circuit is written.
        scale: Of the noise of the gates, as folding reaches it; 1 as the circuit is written.
        prepared: Of a calibration of the readout, what its bits are, bit 0 rightmost; "" of none.
        twirl: Of a twirled circuit the number of its form, from 0, and which bits are flipped just
            before they are measured, bit 0 rightmost: "3:011"; "" of none.
    """

    basis: str = ""
    scale: float = 1.0
    prepared: str = ""
    twirl: str = ""

    @property
    def text(self) -> str:
        """What it is known by among those of its point; "" where all is as it is written.

        >>> Setting("X0", 3.0).text, Setting(scale=1.5).text, Setting().text
        ('X0, noise_scale=3', 'noise_scale=1.5', '')
        >>> Setting(prepared="11").text, Setting("X0", 3.0, twirl="3:01").text
        ('calibration=11', 'X0, noise_scale=3, twirl=3:01')
        """
        if self.prepared:
            return f"{CALIBRATION}={self.prepared}"
        scale = "" if self.scale == 1 else f"{SCALE}={scale_text(self.scale)}"
        twirl = f"{TWIRL}={self.twirl}" if self.twirl else ""
        return ", ".join(part for part in (self.basis, scale, twirl) if part)

    @property
    def is_raw(self) -> bool:
        """Whether the numbers that nothing was taken out of are told by it."""
        return self.scale == 1 and not self.prepared and not self.twirl

    @property
    def flips(self) -> str:
        """Which bits are flipped just before they are measured, bit 0 rightmost; "" of none."""
        return self.twirl.partition(":")[2]

    @property
    def form(self) -> int:
        """Number of the form of a twirled circuit; 0 of none."""
        return int(self.twirl.partition(":")[0] or 0)

    @property
    def untwirled(self) -> Setting:
        """What is twirled."""
        return self._replace(twirl="")

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Read what `text` writes.

        >>> Setting.parse("X0, noise_scale=3") == Setting("X0", 3.0), Setting.parse("X0 Y1").scale
        (True, 1.0)
        >>> Setting.parse("noise_scale=3, twirl=0:01") == Setting(scale=3.0, twirl="0:01")
        True
        """
        if text.startswith(f"{CALIBRATION}="):
            return cls(prepared=text.partition("=")[2])
        if TWIRL in text:
            rest, _, twirl = text.rpartition(f"{TWIRL}=")
            return cls.parse(rest.rstrip(", "))._replace(twirl=twirl)
        rest, _, scale = text.rpartition(f"{SCALE}=")
        return cls(rest.rstrip(", "), float(scale)) if rest or scale != text else cls(text)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """Find it among a setting's parameters."""
        return cls(
            str(parameters.get(BASIS, "")),
            float(parameters.get(SCALE, 1.0)),
            str(parameters.get(CALIBRATION, "")),
            str(parameters.get(TWIRL, "")),
        )

    @property
    def parameters(self) -> tuple[tuple[str, str | float], ...]:
        """What it adds to the parameters of its point."""
        basis = ((BASIS, self.basis),) if self.basis else ()
        scale = ((SCALE, self.scale),) if self.scale != 1 else ()
        prepared = ((CALIBRATION, self.prepared),) if self.prepared else ()
        return (*basis, *scale, *prepared, *(((TWIRL, self.twirl),) if self.twirl else ()))

    def name(self, point: str) -> str:
        """Return how it is called, of a point that is called so, but for the number of its copy.

        >>> Setting("X0 Y1").name("theta=0.5"), Setting(scale=3.0).name("theta=0.5")
        ('theta=0.5,basis="X0 Y1"', 'theta=0.5,noise_scale=3')
        """
        basis = f',{BASIS}="{self.basis}"' if self.basis else ""
        scale = f",{SCALE}={scale_text(self.scale)}" if self.scale != 1 else ""
        calibration = f',{CALIBRATION}="{self.prepared}"' if self.prepared else ""
        twirl = f',{TWIRL}="{self.twirl}"' if self.twirl else ""
        return f"{point}{basis}{scale}{calibration}{twirl}"


def is_calibration(text: str) -> bool:
    """Tell whether a setting, by its `Setting.text`, calibrates the readout."""
    return text.startswith(f"{CALIBRATION}=")


def is_twirled(text: str) -> bool:
    """Tell whether a setting, by its `Setting.text`, is one of the forms of a twirled circuit."""
    return f"{TWIRL}=" in text


def is_shared_out(text: str) -> bool:
    """Tell whether a setting has not the point's own number of shots: calibrations, and forms."""
    return is_calibration(text) or is_twirled(text)


def shots_of(done: Sequence[tuple[str, int]]) -> list[int]:
    """Return how many shots a point has in each of what it is measured in.

    The forms of a twirled circuit share the point's shots out: that which has the fewest counts, as
    many times as there are forms. Calibrations are left out.

    Args:
        done: `Setting.text` and shots of each setting.

    >>> shots_of([("", 100), ("twirl=0:0", 25), ("twirl=1:1", 30), ("calibration=1", 7)])
    [100, 50]
    """
    found = [shots for text, shots in done if not is_shared_out(text)]
    forms: dict[Setting, list[int]] = {}
    for text, shots in done:
        if is_twirled(text):
            forms.setdefault(Setting.parse(text).untwirled, []).append(shots)
    return found + [min(each) * len(each) for each in forms.values()]


def scale_text(scale: float) -> str:
    """Write a scale as names do."""
    return f"{scale:.6g}"


def is_reference(name: str) -> bool:
    """Tell whether a job of that name is run again and again between the points of a sweep."""
    return name.startswith(REFERENCE)


def point_of(name: str) -> str:
    """Return how the point of a setting is called.

    >>> point_of('theta=0.5,basis="X0 Y1",noise_scale=3#2'), point_of("theta=0.5#2")
    ('theta=0.5#2', 'theta=0.5#2')
    >>> point_of('theta=0.5,calibration="11"#2')
    'theta=0.5#2'
    >>> point_of('theta=0.5,basis="X0",twirl="3:011"#2')
    'theta=0.5#2'
    """
    return _ENDING.sub("", name, count=1)


def setting_of(name: str) -> str:
    """Return with what a setting of that name is measured, as `Setting.text` writes it.

    >>> setting_of('theta=0.5,basis="X0 Y1",noise_scale=3#2'), setting_of("theta=0.5#2")
    ('X0 Y1, noise_scale=3', '')
    >>> setting_of('theta=0.5,calibration="11"#2')
    'calibration=11'
    >>> setting_of('theta=0.5,basis="X0",twirl="3:011"#2')
    'X0, twirl=3:011'
    """
    found = _ENDING.search(name)
    if found is None:
        return ""
    basis, scale, prepared, twirl = (each or "" for each in found.groups())
    return Setting(basis, float(scale or 1), prepared, twirl).text


def told_missing(settings: Iterable[str]) -> str:
    """Say which settings of a point have no shots, of many the first.

    >>> told_missing(["X0 Y1", ""])
    'no shots in X0 Y1; as written'
    >>> told_missing(["X0 Y1", "X0", "X1", "Y0", "Y1"])
    'no shots in X0 Y1; X0; X1; 2 more'
    """
    all_of_them = [setting or AS_WRITTEN for setting in settings]
    first, more = all_of_them[:_TOLD], len(all_of_them[_TOLD:])
    return f"no shots in {'; '.join([*first, *([f'{more} more'] if more else [])])}"
