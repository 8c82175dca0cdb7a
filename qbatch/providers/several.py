"""One backend with several settings, as one driver: each batch goes to the driver of its settings.

Rules: each setting has a driver of its own, opened with the backend so changed, so that no driver
needs to know of axes. What all of them offer beside `Driver` is offered. What a target takes must
not depend on settings, since the limits and prices of a backend are one. Drivers whose `poll` waits
for news are waited for side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from qbatch.errors import ProviderError, Refused
from qbatch.providers.answers import Part
from qbatch.providers.contract import (
    Forsakes,
    GetsReady,
    Leaves,
    Quotes,
    Recalls,
    Repeats,
    TellsCalibration,
    Translates,
)
from qbatch.providers.listing import Lists

if TYPE_CHECKING:
    from qbatch.job import CompositeJob
    from qbatch.manifest.paths import SettingValues
    from qbatch.providers.answers import Answer
    from qbatch.providers.batch import Batch, Fetched, Intent, Order, Prepared
    from qbatch.providers.contract import Driver
    from qbatch.providers.listing import JobsAtCloud
    from qbatch.providers.target import Quote, Target

#: What may differ between the targets of one backend's settings.
_FREE = frozenset(
    {
        "name",
        "facts",
        "num_qubits",
        "seconds_per_job",
        "seconds_per_shot",
        "tier",
        "online",
        "queue_depth",
        "queue_s",
        "state",
        "next_window_at",
        "cap",
        "takes",
        "remark",
    }
)


def open_several(
    open_one: Callable[[SettingValues], Driver], settings: Collection[SettingValues], name: str
) -> Driver:
    """Return one driver for several settings of a backend.

    Args:
        open_one: Opens the driver of one of them.
        settings: Those that are known; of others drivers are opened as their batches come.
        name: The backend's.
    """
    drivers = {one: open_one(one) for one in settings}
    offered = [
        mixin
        for protocol, mixin in OFFERED.items()
        if all(isinstance(driver, protocol) for driver in drivers.values())
    ]
    kind: Any = type("Several", (*offered, _Several), {})
    driver: Driver = kind(name, drivers, open_one)
    return driver


class _Several:
    """See `qbatch.providers.Driver` for what each method promises."""

    def __init__(
        self,
        name: str,
        drivers: dict[SettingValues, Driver],
        open_one: Callable[[SettingValues], Driver],
    ) -> None:
        self.name = name
        self._drivers = drivers
        self._open_one = open_one
        self._targets: dict[SettingValues, Target] = {}
        first = next(iter(drivers.values()))
        self.is_local = first.is_local
        if hasattr(first, "estimate_s"):
            self.estimate_s = self._estimate_s
        self._waits = False

    def _of(self, settings: SettingValues) -> Driver:
        if settings not in self._drivers:  # of a point that the plan does not have any more
            self._drivers[settings] = self._open_one(settings)
        return self._drivers[settings]

    def _for(self, batch: Batch) -> Driver:
        return self._of(batch.orders[0].settings)

    # -- before anything is sent -------------------------------------------------------------------

    async def describe(self) -> Target:
        for settings, driver in self._drivers.items():
            if settings not in self._targets:
                self._targets[settings] = await driver.describe()
        target = self._joined([*self._targets.items()])
        self._waits = target.poll_s == (0.0, 0.0)
        return target

    def account(self) -> str:
        """Return the account of every setting: purchases of one backend are of one account."""
        accounts = {driver.account(): settings for settings, driver in self._drivers.items()}
        if len(accounts) > 1:
            axes = ", ".join(".".join(path) for path, _ in [*accounts.values()][-1])
            raise Refused(
                f"{self.name}: its account depends on {axes}, {' or '.join(accounts)}; write a "
                "backend for each value instead of an axis"
            )
        return next(iter(accounts))

    def _joined(self, targets: Sequence[tuple[SettingValues, Target]]) -> Target:
        (settings, first), *others = targets
        axes = ", ".join(".".join(path) for path, _ in settings or others[0][0])
        for _, target in others:
            for each in fields(first):
                ours, theirs = getattr(first, each.name), getattr(target, each.name)
                if each.name == "price" and {ours.certainty, theirs.certainty} == {"about"}:
                    continue  # an estimate is no term: the dearest is shown
                if each.name not in _FREE and ours != theirs:
                    raise Refused(
                        f"{self.name}: its {each.name} depends on {axes}, {ours} or {theirs}; "
                        "write a backend for each value instead of an axis"
                    )
        all_targets = [target for _, target in targets]
        names = dict.fromkeys(target.name for target in all_targets)
        widths = [t.num_qubits for t in all_targets if t.num_qubits is not None]
        caps = [target.cap for target in all_targets if target.cap is not None]
        times = [t.seconds_per_job for t in all_targets if t.seconds_per_job is not None]
        return replace(
            first,
            name=", ".join(names),
            takes=" or ".join(dict.fromkeys(t.takes for t in all_targets if t.takes)),
            remark="; ".join(dict.fromkeys(t.remark for t in all_targets if t.remark)),
            facts=_shared([target.facts for target in all_targets]),
            num_qubits=min(widths, default=None),
            cap=min(caps, key=lambda cap: cap.amount, default=None),
            price=max((target.price for target in all_targets), key=lambda price: price.per_shot),
            seconds_per_job=max(times, default=None),
            seconds_per_shot=max(target.seconds_per_shot for target in all_targets),
        )

    def check(self, order: Order, target: Target) -> str | None:
        own = self._targets.get(order.settings, target)
        return self._of(order.settings).check(order, own)

    def _estimate_s(self, order: Order) -> float:
        driver: Any = self._of(order.settings)
        found: float = driver.estimate_s(order)
        return found

    # -- the life of a composite job ---------------------------------------------------------------

    async def prepare(self, batch: Batch) -> Prepared:
        return await self._for(batch).prepare(batch)

    def intend(self, batch: Batch) -> Intent:
        return self._for(batch).intend(batch)

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        return await self._for(batch).submit(batch, intent)

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        return await self._for(batch).locate(batch, intent)

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        groups = [*self._grouped(batches)]
        if len(groups) == 1:
            ((driver, theirs),) = groups
            return await driver.poll(theirs)
        if self._waits:
            return await _first_news(groups)
        updates: list[Answer] = []
        failures: list[ProviderError] = []
        for driver, theirs in groups:
            try:
                told = await driver.poll(theirs)
            except ProviderError as error:
                failures.append(error)
            else:
                updates += told
                if isinstance(told, Part) and not failures:  # else one would be asked again at once
                    return Part(updates)
        if failures and not updates:
            raise failures[0]
        return updates

    def _grouped(self, batches: Sequence[Batch]) -> Iterator[tuple[Driver, list[Batch]]]:
        groups: dict[SettingValues, list[Batch]] = {}
        for batch in batches:
            groups.setdefault(batch.orders[0].settings, []).append(batch)
        return ((self._of(settings), theirs) for settings, theirs in groups.items())

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        return await self._for(batch).fetch(batch, job_ids)

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        return await self._for(batch).cancel(batch, job_ids)

    async def release(self, batch: Batch) -> Mapping[str, float]:
        return await self._for(batch).release(batch)

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for driver in self._drivers.values():
                stack.push_async_callback(driver.aclose)


class _Translating(_Several):
    def program(self, order: Order) -> str:
        driver: Any = self._of(order.settings)
        text: str = driver.program(order)
        return text


class _Recalling(_Several):
    async def recall(self, batch: Batch) -> Sequence[Answer]:
        driver: Any = self._for(batch)
        found: Sequence[Answer] = await driver.recall(batch)
        return found


class _Repeating(_Several):
    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        driver: Any = self._for(batch)
        found: Sequence[Answer] = await driver.repeat(batch, intent)
        return found


class _Quoting(_Several):
    def quotes(self, batch: Batch) -> Sequence[Quote]:
        driver: Any = self._for(batch)
        found: Sequence[Quote] = driver.quotes(batch)
        return found


class _Leaving(_Several):
    async def leave(self, batches: Sequence[Batch]) -> None:
        for driver, theirs in self._grouped(batches):
            if isinstance(driver, Leaves):
                await driver.leave(theirs)


class _Forsaking(_Several):
    async def forsake(self, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
        """Where jobs were sent is no matter of a setting: one driver knows of all."""
        driver: Any = next(iter(self._drivers.values()))
        told: str = await driver.forsake(sent)
        return told


class _GettingReady(_Several):
    async def get_ready(self) -> None:
        for driver in self._drivers.values():
            if isinstance(driver, GetsReady):
                await driver.get_ready()


class _Calibrated(_Several):
    async def read_calibration(self) -> Any:
        """Read the machine's, which is one for all settings."""
        driver: Any = next(iter(self._drivers.values()))
        return await driver.read_calibration()


class _Listing(_Several):
    def jobs_at_cloud(self) -> JobsAtCloud:
        """Return the jobs of the account, which is one for all settings."""
        driver: Any = next(iter(self._drivers.values()))
        found: JobsAtCloud = driver.jobs_at_cloud()
        return found


#: What a driver may offer beside `Driver` -> how several offer it.
OFFERED: Mapping[type[Any], type[_Several]] = {
    Translates: _Translating,
    Recalls: _Recalling,
    Repeats: _Repeating,
    Quotes: _Quoting,
    Leaves: _Leaving,
    Forsakes: _Forsaking,
    GetsReady: _GettingReady,
    Lists: _Listing,
    TellsCalibration: _Calibrated,
}


async def _first_news(groups: Sequence[tuple[Driver, Sequence[Batch]]]) -> Sequence[Answer]:
    """Wait until one of the drivers has news."""
    import trio

    updates: list[Answer] = []
    failures: list[ProviderError] = []

    async def ask(driver: Driver, batches: Sequence[Batch]) -> None:
        try:
            updates.extend(await driver.poll(batches))
        except ProviderError as error:
            failures.append(error)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for driver, batches in groups:
            nursery.start_soon(ask, driver, batches)
    if failures and not updates:
        raise failures[0]
    return updates


def _shared(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all facts agree on."""
    first, *others = facts
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }
