"""What the backends of a plan are and take: asked before anything runs, at no cost.

A simulator in this process answers without an event loop, so that `plan` of a local manifest starts
none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.cli.tables import tell
from qbatch.errors import Refused

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.points import Only
    from qbatch.providers import Driver, Surroundings, Target


def chosen(plan: Plan, expression: str | None, folder: Path) -> Only | None:
    """Return which points of a plan ``-k`` means, and say so where it means none; None: all.

    Args:
        plan: Of which points are chosen.
        expression: None: all of them.
        folder: Of the run, which says where points are.

    Raises:
        SelectionError: It cannot be read, or names a value that no point has.
    """
    if expression is None:
        return None
    from qbatch.executor import Event, Options, Warned
    from qbatch.executor.selecting import chosen

    def observe(event: Event) -> None:
        if isinstance(event, Warned):
            tell(event.text)

    return chosen(Options(select=expression, observer=observe), plan, folder)


def open_drivers(
    plan: Plan,
    around: Surroundings,
    only: Only | None = None,
    names: Collection[str] | None = None,
) -> dict[str, Driver]:
    """Open a driver for each backend that points of a plan use, set as they are.

    Args:
        plan: The plan.
        around: What drivers may see of the world.
        only: Points that are meant; None: all.
        names: Backends that are meant; None: all.

    Raises:
        ProviderError: One cannot be had; credentials are missing, say.
    """
    from qbatch.providers import open_driver

    manifest = plan.manifest
    return {
        name: open_driver(
            manifest.backends[name],
            name=name,
            folder=manifest.folder,
            surroundings=around,
            settings=settings,
        )
        for name, settings in plan.backends_used(only).items()
        if names is None or name in names
    }


def describe(drivers: Mapping[str, Driver]) -> dict[str, Target]:
    """Ask each driver what its target is and takes now."""
    return {name: _describe(driver) for name, driver in drivers.items()}


def quote(
    plan: Plan,
    targets: Mapping[str, Target],
    only: Only | None,
    pieces_of: PiecesOf,
    *,
    trust: bool,
) -> list[str]:
    """Ask clouds that quote each job what is left of a plan would cost; the plan has it then.

    Returns:
        Why some of it could not be quoted, in sentences.
    """
    quoting = [name for name, target in targets.items() if target.price.quoted]
    if not quoting:
        return []
    from qbatch.cli.permits import surroundings_of
    from qbatch.executor import wait_quoted

    drivers = open_drivers(plan, surroundings_of(plan.manifest, trust=trust), names=quoting)
    return wait_quoted(plan, drivers, targets, only, pieces_of)


def _describe(driver: Driver) -> Target:
    if not driver.is_local or getattr(driver, "is_asked", False):
        from qbatch.executor import wait_described

        return wait_described(driver)
    asking = driver.describe()
    try:
        asking.send(None)
    except StopIteration as answered:
        target: Target = answered.value
        return target
    raise Refused(
        "local: describing the target waits for something; report it to qbatch's developers"
    )
