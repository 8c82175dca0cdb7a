"""What installed packages offer by entry points; these may run as they are installed."""

from __future__ import annotations

from inspect import getsourcefile
from pathlib import Path
from typing import Any

from qbatch.circuit.code import CodeFunction
from qbatch.errors import CircuitError, Place
from qbatch.notation import did_you_mean, listed


def offered(group: str) -> list[str]:
    """Return the names under which installed packages offer something."""
    from importlib.metadata import entry_points

    return sorted({each.name for each in entry_points(group=group)})


def package_of(group: str, name: str) -> tuple[str, str]:
    """Return the package that offers something, and its version; "" twice where nobody knows."""
    from importlib.metadata import entry_points

    found = (each.dist for each in entry_points(group=group) if each.name == name)
    return next(((one.name, one.version) for one in found if one is not None), ("", ""))


def load_offered(group: str, name: str, what: str, place: Place) -> tuple[Any, str]:
    """Load what a package offers; and tell by what name it has it.

    Args:
        group: Of entry points.
        name: Under which it is offered.
        what: It is, as in "analysis".
        place: Of the name, for errors.

    Raises:
        CircuitError: No package offers it, or it cannot be loaded.
    """
    from importlib.metadata import entry_points

    points = {each.name: each for each in entry_points(group=group)}
    if name not in points:
        known = f"there are {listed(sorted(points))}" if points else "none is installed"
        article = "an" if what[:1] in "aeiou" else "a"
        said = f"no installed package offers {article} {what} {name!r}; {known}"
        raise CircuitError(place, f"{said}{did_you_mean(name, points)}").about("extending")
    try:
        return points[name].load(), points[name].attr
    # whatever a package raises as it is loaded is the package's, never ours
    except Exception as error:
        said = f"the installed {what} {name!r} cannot be loaded: {type(error).__name__}: {error}"
        raise CircuitError(place, said[:500]) from error


def load_installed(group: str, name: str, what: str, place: Place) -> CodeFunction:
    """Load a function that a package offers; see `load_offered`.

    Raises:
        CircuitError: No package offers it, or it cannot be loaded, or is no function.
    """
    function, attribute = load_offered(group, name, what, place)
    if not callable(function):
        said = f"the installed {what} {name!r} is no function; its package has to offer one"
        raise CircuitError(place, said)
    try:
        path = Path(getsourcefile(function) or "")
    except TypeError:
        path = Path()
    return CodeFunction(path, path.name or name, attribute, function)
