"""Engines that installed packages offer, and what a manifest may say of them: none is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.errors import CircuitError, Place

if TYPE_CHECKING:
    from qbatch.circuit.code import CodeFunction

#: Group of entry points by which a package offers engines: functions that return one.
GROUP = "qbatch.engines"


def problems_with(name: str, given: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with an engine that a manifest names: its key, and what and how to mend.

    Args:
        name: Under which it is offered.
        given: What the manifest gives it by name.
    """
    from qbatch.notation import did_you_mean, listed

    try:
        function = load_engine(name)
    except CircuitError as error:
        yield ("installed",), f"engine.installed: {error.problem}"
        return
    known = list(function.parameters)
    for key in given:
        if key not in known:
            has = f"({listed(known)})" if known else "(it takes nothing)"
            yield ("with", key), f"is no argument of the engine {has}{did_you_mean(key, known)}"
    if needed := [key for key in function.needed if key not in given]:
        yield ("installed",), f"the engine needs {listed(needed)}; write them under with"


def told_of(name: str) -> str:
    """Say which engine it is: its name, package and version."""
    from qbatch.circuit.installed import package_of

    package = " ".join(package_of(GROUP, name)).strip()
    return f"{name} of {package}" if package else name


def load_engine(name: str) -> CodeFunction:
    """Load what makes an engine.

    Raises:
        CircuitError: No package offers it, or it cannot be loaded.
    """
    from qbatch.circuit.installed import load_installed

    return load_installed(GROUP, name, "engine", Place(name))
