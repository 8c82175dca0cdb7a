"""Slots reserved on QPUs of the emulated Scaleway: asked for, refused, given back, in the way.

Switch ``bookings``: slots of somebody else, ``{platform: NAME, from_s: 60, to_s: 120}`` each, in
seconds of the emulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.scaleway.access import (
    NAME,
    Answer,
    Asked,
    Table,
    invalid,
    not_found,
    over_quota,
    page_of,
    precondition_failed,
    queried,
    stable_id,
)
from qbatch.emulators.scaleway.moments import write_instant
from qbatch.emulators.scaleway.platforms import DAY_S, BookingRequirement, Catalogue, Platform

#: How long a booking is being checked, and being cancelled, seconds.
CHECKING_S = 1.0


@dataclass(eq=False)
class Booking:
    """A slot; instants in seconds of the clock.

    Attributes:
        project_id: Whose it is; "" for somebody else's.
    """

    id: str
    platform: Platform
    project_id: str
    created_s: float
    started_s: float
    finished_s: float
    description: str = ""
    time_zone: str = "UTC"
    cancelled_s: float = inf
    updated_s: float = 0.0

    def status(self, now_s: float) -> str:
        if now_s >= self.cancelled_s:
            return "cancelling" if now_s < self.cancelled_s + CHECKING_S else "cancelled"
        return "validating" if now_s < self.created_s + CHECKING_S else "validated"

    @property
    def is_taken(self) -> bool:
        """False when it was given back before it began."""
        return self.cancelled_s > self.started_s


class Bookings:
    """All slots of all platforms."""

    def __init__(self, world: World, catalogue: Catalogue) -> None:
        self.world = world
        self.catalogue = catalogue
        self._own: dict[str, Booking] = {}

    def table(self) -> Table:
        return [
            ("GET", "/bookings", self.list_bookings),
            ("GET", "/bookings/{id}", self.show),
            ("PATCH", "/bookings/{id}", self.change),
        ]

    # -- time ----------------------------------------------------------------------------------

    def on(self, platform: Platform) -> list[Booking]:
        """Return the slots taken on a platform, those of others too."""
        own = [one for one in self._own_on(platform) if one.is_taken]
        return own + self._foreign_on(platform)

    def _own_on(self, platform: Platform) -> list[Booking]:
        return [one for one in self._own.values() if one.platform is platform]

    def _foreign_on(self, platform: Platform) -> list[Booking]:
        return [
            Booking(
                id=stable_id(f"booking:{platform.name}:{slot['from_s']}"),
                platform=platform,
                project_id="",
                created_s=0.0,
                started_s=float(slot["from_s"]),
                finished_s=float(slot["to_s"]),
            )
            for slot in self.world.faults.switch(NAME, "bookings", ())
            if slot["platform"] == platform.name
        ]

    def eviction_s(self, platform: Platform, since_s: float) -> float:
        """Return when a slot stops a session without one that was made at `since_s`."""
        if platform.booking is None:
            return inf
        starts = [one.started_s for one in self.on(platform) if one.started_s > since_s]
        return min(starts, default=inf)

    def free_s(self, platform: Platform, now_s: float) -> float:
        """Return when a session without a slot may begin: now, or when the present slot ends."""
        if platform.booking is None:
            return now_s
        running = [one for one in self.on(platform) if one.started_s <= now_s < one.finished_s]
        return max((min(one.finished_s, one.cancelled_s) for one in running), default=now_s)

    # -- demands -------------------------------------------------------------------------------

    def demand(self, asked: Any, platform: Platform, project_id: str) -> Booking:
        """Reserve a slot for a session that is being created.

        Raises:
            Rejected: Not of the right shape, or against the platform's requirement.
        """
        if not isinstance(asked, dict):
            raise invalid("booking_demand", "format", "must be an object")
        if platform.booking is None:
            raise invalid("booking_demand", "constraint", "the platform is not bookable")
        fields, clock = Asked(asked), self.world.clock
        booking = Booking(
            id=self.world.new_id(),
            platform=platform,
            project_id=project_id,
            created_s=clock.now_s(),
            started_s=fields.instant_s("started_at", clock.began_at),
            finished_s=fields.instant_s("finished_at", clock.began_at),
            description=fields.text("description") or "",
            time_zone=fields.text("time_zone") or "UTC",
            updated_s=clock.now_s(),
        )
        self._check_times(booking, platform.booking)
        self._check_numbers(booking, platform.booking)
        self._own[booking.id] = booking
        return booking

    def _check_times(self, booking: Booking, rule: BookingRequirement) -> None:
        ahead_s = booking.started_s - booking.created_s
        lasts_s = booking.finished_s - booking.started_s
        broken = {
            "min_duration": lasts_s < rule.min_duration,
            "max_duration": lasts_s > rule.max_duration,
            "min_planification_duration": ahead_s < rule.min_planification_duration,
            "max_planification_duration": ahead_s > rule.max_planification_duration,
        }
        for name, is_broken in broken.items():
            if is_broken:
                raise invalid("booking_demand", "constraint", f"{name} not respected")
        for other in self.on(booking.platform):
            if booking.started_s < other.finished_s and other.started_s < booking.finished_s:
                raise precondition_failed("existing booking")

    def _check_numbers(self, booking: Booking, rule: BookingRequirement) -> None:
        near = [
            one
            for one in self._own_on(booking.platform)
            if one.project_id == booking.project_id and one.is_taken
        ]
        for name, most, width_s in (
            ("max_booking_per_day", rule.max_booking_per_day, DAY_S),
            ("max_booking_per_week", rule.max_booking_per_week, 7 * DAY_S),
        ):
            count = sum(abs(one.started_s - booking.started_s) < width_s for one in near)
            if count >= most:
                raise over_quota(name, most, count)

    def check_cancellable(self, booking: Booking) -> None:
        """Refuse to give a slot back when it is too late for that."""
        rule = booking.platform.booking
        ahead_s = booking.started_s - self.world.clock.now_s()
        if rule is not None and 0 < ahead_s < rule.max_cancellation_duration:
            raise precondition_failed("max_cancellation_time passed")

    def cancel(self, booking: Booking) -> None:
        now_s = self.world.clock.now_s()
        if booking.cancelled_s == inf and now_s < booking.finished_s:
            booking.cancelled_s = booking.updated_s = now_s

    # -- reading -------------------------------------------------------------------------------

    def known(self, request: Request) -> Booking:
        booking_id = request.path_params["id"]
        if booking_id not in self._own:
            raise not_found("booking", booking_id)
        return self._own[booking_id]

    async def show(self, request: Request) -> Answer:
        return self.row(self.known(request))

    async def change(self, request: Request) -> Answer:
        booking, asked = self.known(request), await Asked.read(request)
        description = asked.text("description")
        if description is not None:
            booking.description = description
            booking.updated_s = self.world.clock.now_s()
        return self.row(booking)

    async def list_bookings(self, request: Request) -> Answer:
        asked = queried(request)
        rows = [
            one
            for platform in self.catalogue.platforms
            if asked.get("platform_id") in (None, platform.id)
            for one in (*self._own_on(platform), *self._foreign_on(platform))
            if asked.get("project_id") in (None, one.project_id)
        ]
        rows.sort(key=lambda one: one.created_s)
        orders = {"created_at": None, "started_at": lambda one: one.started_s}
        return page_of(self.world, request, "bookings", rows, self.row, orders, "created_at_desc")

    def row(self, booking: Booking) -> dict[str, Any]:
        clock = self.world.clock
        return {
            "id": booking.id,
            "created_at": write_instant(clock, booking.created_s),
            "started_at": write_instant(clock, booking.started_s),
            "updated_at": write_instant(clock, booking.updated_s),
            "finished_at": write_instant(clock, booking.finished_s),
            "status": booking.status(clock.now_s()),
            "description": booking.description,
            "progress_message": "",
            "time_zone": booking.time_zone,
        }
