"""Sessions of the emulated Scaleway: opened, prolonged, ended.

A platform in maintenance opens none (409 ``transient_state``), one in shortage neither (503
``out_of_stock``).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.faults import JobFault
from qbatch.emulators.jobs import Device
from qbatch.emulators.scaleway.access import (
    NAME,
    Answer,
    Asked,
    Rejected,
    Table,
    check_project,
    invalid,
    not_found,
    over_quota,
    page_of,
    queried,
    sortable,
    tag_filter,
)
from qbatch.emulators.scaleway.bookings import Bookings
from qbatch.emulators.scaleway.lifecycle import Session
from qbatch.emulators.scaleway.models import Models
from qbatch.emulators.scaleway.moments import write_duration, write_instant
from qbatch.emulators.scaleway.platforms import Catalogue, Platform

#: What a session gets that asks for no limits, seconds.
DEFAULT_DURATION_S = 1_800.0
DEFAULT_IDLE_S = 600.0

#: Longest boot of a rehearsed session, seconds; with short queues it is half of those.
BOOT_S = 20.0

ACCESSES = ("full",)


class Sessions:
    """All sessions, by id.

    Switches ``boot_s``, ``session_quota`` (of live ones in a project), ``dedup_scope`` (project |
    platform | organisation).
    """

    def __init__(
        self, world: World, catalogue: Catalogue, bookings: Bookings, models: Models
    ) -> None:
        self.world = world
        self.catalogue = catalogue
        self.bookings = bookings
        self.models = models
        self.sessions: dict[str, Session] = {}
        self._devices = {one.id: self._device() for one in catalogue.platforms}

    def table(self) -> Table:
        return [
            ("POST", "/sessions", self.create),
            ("GET", "/sessions", self.list_sessions),
            ("GET", "/sessions/{id}", self.show),
            ("PATCH", "/sessions/{id}", self.change),
            ("DELETE", "/sessions/{id}", self.delete),
            ("POST", "/sessions/{id}/terminate", self.terminate),
            ("GET", "/sessions/{id}/acls", self.list_accesses),
        ]

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    def _device(self) -> Device:
        return Device(self.world.clock, self.world.queueing)

    def known(self, session_id: str) -> Session:
        if session_id not in self.sessions:
            raise not_found("session", session_id)
        return self.sessions[session_id]

    # -- opening -------------------------------------------------------------------------------

    async def create(self, request: Request) -> Answer:
        asked = await Asked.read(request)
        project_id = check_project(asked.required("project_id"))
        platform = self.catalogue.known(asked.uuid("platform_id"))
        duplicate = self._duplicate(asked.text("deduplication_id"), project_id, platform)
        if duplicate is not None:
            return self.row(duplicate)
        self._check_availability(platform)
        self._check_quota(project_id)
        session = self._open(asked, project_id, platform)
        self.sessions[session.id] = session
        return self.row(session)

    def _duplicate(
        self, deduplication_id: str | None, project_id: str, platform: Platform
    ) -> Session | None:
        if not deduplication_id:
            return None
        scope = self.switch("dedup_scope", "project")
        for session in self.sessions.values():
            if (
                session.deduplication_id == deduplication_id
                and (scope == "organisation" or session.project_id == project_id)
                and (scope != "platform" or session.platform is platform)
                and session.is_live
            ):
                return session
        return None

    def _check_availability(self, platform: Platform) -> None:
        word = self.catalogue.availability(platform)
        if word == "shortage":
            raise Rejected(503, "out_of_stock", "resource is out of stock", resource="platform")
        if word not in ("available", "scarce"):
            raise Rejected(
                409,
                "transient_state",
                f"platform {platform.name} is in {word}",
                resource="platform",
                resource_id=platform.id,
                current_state=word,
            )

    def _check_quota(self, project_id: str) -> None:
        quota = self.switch("session_quota", None)
        if quota is None:
            return
        live = sum(one.project_id == project_id and one.is_live for one in self.sessions.values())
        if live >= quota:
            raise over_quota("sessions", quota, live)

    def _open(self, asked: Asked, project_id: str, platform: Platform) -> Session:
        model_id, parameters, tags = asked.text("model_id"), asked.text("parameters"), asked.tags()
        if model_id is not None:
            self.models.known(model_id)
        duration_s, idle_s = asked.duration_s("max_duration"), asked.duration_s("max_idle_duration")
        session_id, demand = self.world.new_id(), asked.fields.get("booking_demand")
        name = asked.text("name") or f"qs-{session_id[:8]}"
        booking = demand and self.bookings.demand(demand, platform, project_id)
        now_s = self.world.clock.now_s()
        effects = self.world.faults.on_job(NAME, "session", name, now_s)
        return Session(
            world=self.world,
            bookings=self.bookings,
            id=session_id,
            project_id=project_id,
            platform=platform,
            device=self._device() if platform.is_hourly else self._devices[platform.id],
            name=name,
            max_duration_s=DEFAULT_DURATION_S if duration_s is None else duration_s,
            max_idle_s=DEFAULT_IDLE_S if idle_s is None else idle_s,
            created_s=now_s,
            starts_s=booking.started_s if booking else self._starts_s(platform, now_s, effects),
            deduplication_id=asked.text("deduplication_id") or "",
            tags=tags or [],
            model_id=model_id,
            parameters=parameters,
            booking=booking or None,
            effects=effects,
        )

    def _starts_s(self, platform: Platform, now_s: float, effects: JobFault) -> float:
        usual_s = min(BOOT_S, self.world.queueing.queue_s / 2)
        boot_s = float(self.switch("boot_s", usual_s)) + effects.wait_s
        return max(now_s + boot_s, self.bookings.free_s(platform, now_s))

    # -- afterwards ----------------------------------------------------------------------------

    async def show(self, request: Request) -> Answer:
        return self.row(self.known(request.path_params["id"]))

    async def change(self, request: Request) -> Answer:
        session, asked = self.known(request.path_params["id"]), await Asked.read(request)
        name, tags = asked.text("name"), asked.tags()
        session.change(
            max_duration_s=asked.duration_s("max_duration"),
            max_idle_s=asked.duration_s("max_idle_duration"),
        )
        session.name = name or session.name
        session.tags = session.tags if tags is None else tags
        return self.row(session)

    async def terminate(self, request: Request) -> Answer:
        session = self.known(request.path_params["id"])
        self._end(session)
        return self.row(session)

    def _end(self, session: Session) -> None:
        if session.is_live:
            session.stop(self.world.clock.now_s())
        if session.booking is not None:
            self.bookings.cancel(session.booking)

    async def delete(self, request: Request) -> Answer:
        session = self.known(request.path_params["id"])
        if session.booking is not None:
            self.bookings.check_cancellable(session.booking)
        self._end(session)
        for job in session.jobs:
            job.is_deleted = True
        del self.sessions[session.id]
        return None

    async def list_accesses(self, request: Request) -> Answer:
        self.known(request.path_params["id"])
        orders = {"access": str}
        return page_of(self.world, request, "acls", ACCESSES, lambda one: one, orders, "access_asc")

    async def list_sessions(self, request: Request) -> Answer:
        asked, fits = queried(request), tag_filter(self.world, request)
        if "project_id" not in asked:
            raise invalid("project_id", "required", "must be given")
        project_id, now_s = check_project(asked["project_id"]), self.world.clock.now_s()
        rows = [
            one
            for one in self.sessions.values()
            if one.project_id == project_id
            and asked.get("platform_id") in (None, one.platform.id)
            and fits(one.tags)
            and now_s - one.created_s >= one.effects.hide_s
        ]
        orders = {
            "name": lambda one: one.name,
            "started_at": lambda one: sortable(self._started_s(one)),
            "status": lambda one: one.status,
            "created_at": None,
        }
        return page_of(self.world, request, "sessions", rows, self.row, orders, "name_asc")

    def _started_s(self, session: Session) -> float | None:
        ended_s = self.world.clock.now_s() if session.ended_s is None else session.ended_s
        return session.starts_s if session.starts_s <= ended_s else None

    def row(self, session: Session) -> dict[str, Any]:
        clock, waiting, status = self.world.clock, session.unfinished, session.status
        return {
            "id": session.id,
            "name": session.name,
            "platform_id": session.platform.id,
            "project_id": session.project_id,
            "created_at": write_instant(clock, session.created_s),
            "started_at": write_instant(clock, self._started_s(session)),
            "updated_at": write_instant(clock, session.updated_s),
            "terminated_at": write_instant(clock, session.ended_s),
            "max_duration": write_duration(session.max_duration_s),
            "max_idle_duration": write_duration(session.max_idle_s),
            "waiting_job_count": waiting,
            "finished_job_count": len(session.jobs) - waiting,
            "status": status,
            "tags": session.tags,
            "deduplication_id": session.deduplication_id,
            "origin_type": "customer",
            "origin_id": None,
            "progress_message": None,
            "booking_id": session.booking.id if session.booking else None,
            "model_id": session.model_id,
            "parameters": session.parameters,
        }
