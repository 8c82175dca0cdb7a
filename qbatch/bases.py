"""How the settings of a point are called: by the point, and the basis that each is measured in.

A point that is measured as its circuit is written has that one setting, and its name. A setting in
another basis has the point's name with ``basis`` behind it, before the number of its copy:
``theta=0.5,basis="X0 Y1"#2``.
"""

from __future__ import annotations

import re

#: What tells the settings of a point apart, as the last of their parameters.
BASIS = "basis"

#: How the setting is called that is measured as its circuit is written.
AS_WRITTEN = "as written"

_PART = r"[XY]\d+"
_ENDING = re.compile(rf',{BASIS}="?{_PART}(?: {_PART})*"?(?=(?:#\d+)?$)')


def in_basis(name: str, basis: str) -> str:
    """Return how a setting is called whose point is called so, but for the number of its copy.

    >>> in_basis("theta=0.5", "X0 Y1"), in_basis("theta=0.5", "")
    ('theta=0.5,basis="X0 Y1"', 'theta=0.5')
    """
    return f'{name},{BASIS}="{basis}"' if basis else name


def point_of(name: str) -> str:
    """Return how the point of a setting is called.

    >>> point_of('theta=0.5,basis="X0 Y1"#2'), point_of("theta=0.5#2")
    ('theta=0.5#2', 'theta=0.5#2')
    """
    return _ENDING.sub("", name)
