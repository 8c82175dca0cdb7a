"""Axes that are settings of backends, each named by the path of its key.

``noise.readout``, ``options.method`` and ``transpile.seed`` change the backend of every point that
has the axis; ``backends.noisy.noise.readout`` changes `noisy` alone, and points of other backends
have no such axis. A point is then run as if its backend said so in the manifest: same checks, same
content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

#: What of a backend can be an axis.
PARTS = ("noise", "options", "transpile")

#: Keys within a backend, from one of `PARTS` down.
Path = tuple[str, ...]

#: What a point changes of its backend, each setting by its path; sorted.
SettingValues = tuple[tuple[Path, Any], ...]

_AXIS = re.compile(
    r"(?:backends\.(?P<backend>\w[\w.+-]*?)\.)?(?P<path>(?:noise|options|transpile)(?:\.[\w-]+)+)"
)

#: SettingValues that are times: seconds, or written with a unit ("80us").
TIMES = frozenset(
    {
        ("noise", "thermal_relaxation", "t1"),
        ("noise", "thermal_relaxation", "t2"),
        ("noise", "thermal_relaxation", "gate_time", "one_qubit"),
        ("noise", "thermal_relaxation", "gate_time", "two_qubit"),
        ("noise", "thermal_relaxation", "gate_time", "measure"),
    }
)


class SettingAxis(NamedTuple):
    """An axis that is a setting of backends.

    Attributes:
        backend: Whose; None: of every backend.
        path: Keys within the backend, two or more.
    """

    backend: str | None
    path: Path

    def concerns(self, backend: str) -> bool:
        """Whether points of this backend have the axis."""
        return self.backend is None or self.backend == backend


@lru_cache(maxsize=4096)
def setting_axis(name: str) -> SettingAxis | None:
    """Return what the name of an axis says of a backend's settings, or None: it says nothing.

    >>> setting_axis("backends.my.noisy.noise.readout")
    SettingAxis(backend='my.noisy', path=('noise', 'readout'))
    >>> setting_axis("theta"), setting_axis("noise")
    (None, None)
    """
    found = _AXIS.fullmatch(name)
    return found and SettingAxis(found["backend"], tuple(found["path"].split(".")))


def is_time(name: str) -> bool:
    """Tell whether the values of an axis are times."""
    found = setting_axis(name)
    return found is not None and found.path in TIMES


def settings_of(values: Iterable[tuple[str, Any]]) -> SettingValues:
    """Return what axes and their values change of the backend of a point that has them.

    >>> settings_of([("theta", 0.5), ("noise.readout", 0.1)])
    ((('noise', 'readout'), 0.1),)
    """
    dotted = [pair for pair in values if "." in pair[0]]  # no parameter of a circuit is
    found = ((axis.path, value) for name, value in dotted if (axis := setting_axis(name)))
    return tuple(sorted(found, key=itemgetter(0)))


def put(data: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return nested `data` with `value` at `path`.

    Raises:
        KeyError: Something on the way there is no map; its argument is the path of that.
    """
    key, *rest = path
    if not rest:
        return {**data, key: value}
    inner = data.get(key)
    if not isinstance(inner, Mapping | None):
        raise KeyError((key,))
    try:
        return {**data, key: put(inner or {}, tuple(rest), value)}
    except KeyError as error:
        raise KeyError((key, *error.args[0])) from None
