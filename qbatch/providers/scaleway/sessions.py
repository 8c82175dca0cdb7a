"""Sessions of one backend: opened under keys of ours, read, prolonged while needed, ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Refused, Unavailable
from qbatch.providers.kit.untrusted import said
from qbatch.providers.scaleway.moments import read_duration, read_instant, write_duration
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.platform import Platform
from qbatch.providers.scaleway.replies import (
    ENDED,
    expect,
    id_of,
    is_hourly,
    read_money,
    session_cost,
)
from qbatch.providers.scaleway.service import Service

#: A session that is paid by its time is opened for so long, and prolonged while it is needed.
FIRST_S = 600.0


class Sessions:
    """Sessions by their deduplication id.

    Args:
        timeout_s: Jobs are given up after so long.
    """

    def __init__(
        self, service: Service, platform: Platform, options: Options, timeout_s: float
    ) -> None:
        self._service = service
        self._platform = platform
        self._options = options
        self._timeout_s = timeout_s
        #: Deduplication id -> sessions opened under it, oldest first.
        self._opened: dict[str, list[str]] = {}

    # -- opening --------------------------------------------------------------------------------

    def body(self, key: str, platform_id: str, tags: Sequence[str]) -> dict[str, Any]:
        """Write the request that opens one."""
        session: dict[str, Any] = {
            "project_id": self._service.project(),
            "platform_id": platform_id,
            "name": key,
            "deduplication_id": key,
            "tags": list(tags),
            **self._durations(),
        }
        if self._options.parameters is not None:
            session["parameters"] = json.dumps(self._options.parameters)
        if (booking := self._options.booking) is not None:
            session["booking_demand"] = {
                "started_at": booking.starts_at,
                "finished_at": booking.ends_at,
                "description": booking.description,
                "time_zone": "UTC",
            }
        return session

    def _durations(self) -> dict[str, str]:
        """How long a session may last: short where its time is paid for, and prolonged."""
        options = self._options
        if options.booking is not None:
            longest_s = idle_s = options.booking.length_s
        elif is_hourly(self._platform.record):
            longest_s = min(FIRST_S, options.longest_session)
            idle_s = min(300.0, longest_s)
        else:  # the queue may be long, and waiting in it may count as idleness
            longest_s = idle_s = self._platform.until_next_slot_s(self._timeout_s)
        if options.max_idle is not None:
            idle_s = min(options.max_idle, longest_s)
        return {
            "max_duration": write_duration(longest_s),
            "max_idle_duration": write_duration(idle_s),
        }

    async def open(self, key: str, asked: Mapping[str, Any]) -> str:
        """Create it, or come by the live one under the same key; nothing is bought by that alone.

        Raises:
            Unavailable: No answer; as no job was posted, it may simply be asked for again.
        """
        try:
            session = (await self._service.ask("POST", "sessions", json=asked)).object()
        except Unavailable as error:
            raise Unavailable(
                str(error), retry_after_s=error.retry_after_s, unsent=True, is_full=error.is_full
            ) from error
        session_id = id_of(session)
        known = self._opened.setdefault(key, [])
        if session_id not in known:
            known.append(session_id)
        if session.get("platform_id") not in (None, asked["platform_id"]):
            raise Refused(
                f"scaleway: session {session_id} under our key {key} is on another platform; "
                "stop it there, and run again"
            )
        if session.get("status") in ("stopping", *ENDED):
            raise Unavailable(f"scaleway: session {session_id} is ending", unsent=True)
        return session_id

    async def check_lent(self, session_id: str, platform_id: str) -> None:
        """See that a session of the person's own takes jobs; nothing is bought by that.

        Raises:
            Refused: It does not, and never will, or is on another platform.
        """
        session = await self._service.record(f"sessions/{session_id}") or {}
        if session.get("platform_id") not in (None, platform_id):
            raise Refused(
                f"scaleway: session {session_id} is on another platform than was planned; "
                "name another as session_id"
            )
        if not session or session.get("status") in ("stopping", *ENDED):
            told = f"is {said(session.get('status'))}" if session else "is not there"
            raise Refused(f"scaleway: session {session_id} {told}; name another as session_id")

    # -- while they last ------------------------------------------------------------------------

    async def of(self, key: str) -> Sequence[Mapping[str, Any]]:
        """Read the sessions opened under `key`, as they are now."""
        if key in self._opened:
            known = [await self._service.record(f"sessions/{one}") for one in self._opened[key]]
            return [session for session in known if session is not None]
        params = {"project_id": self._service.project(), "order_by": "created_at_asc"}
        rows = await self._service.rows("sessions", "sessions", params)
        ours = [row for row in rows if row.get("deduplication_id") == key]
        self._opened[key] = [id_of(row) for row in ours]
        return ours

    async def jobs_in(self, sessions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """List the jobs of sessions, oldest first in each."""
        jobs: list[Mapping[str, Any]] = []
        for session in sessions:
            params = {"session_id": id_of(session), "order_by": "created_at_asc"}
            jobs += await self._service.rows("jobs", "jobs", params)
        return jobs

    async def prolong(self, session: Mapping[str, Any]) -> None:
        """Move a session's end away while it is needed, as far as its price was agreed to."""
        if session.get("status") != "running" or self._options.booking is not None:
            return
        began_s = read_instant(session.get("started_at"))
        now_s, planned_s = self._service.wire.now(), read_duration(session.get("max_duration"))
        if began_s is None or planned_s is None:
            return
        if await self._platform.is_hourly():
            step_s, longest_s = FIRST_S, self._options.longest_session
        else:
            step_s = longest_s = self._platform.until_next_slot_s(self._timeout_s)
            longest_s += now_s - began_s
        wanted_s = min(now_s - began_s + step_s, longest_s)
        if began_s + planned_s - now_s < step_s / 2 and wanted_s > planned_s + 1:
            change = {"max_duration": write_duration(wanted_s)}
            await self._service.ask("PATCH", f"sessions/{id_of(session)}", json=change)

    # -- ending ---------------------------------------------------------------------------------

    async def terminate(self, session_id: str) -> None:
        """End one; its jobs stay readable."""
        reply = await self._service.send("POST", f"sessions/{session_id}/terminate", json={})
        if reply.status not in (404, 409, 410, 412):  # it has ended, or is about to
            expect(reply)

    async def end(self, key: str) -> Sequence[Mapping[str, Any]]:
        """End those opened under `key`, and return them as they were."""
        sessions = await self.of(key)
        for session in sessions:
            if session.get("status") not in ("stopping", *ENDED):
                await self.terminate(id_of(session))
        return sessions

    async def leave(self, key: str) -> None:
        """End those opened under `key` by this process."""
        for session_id in self._opened.get(key, ()):
            await self.terminate(session_id)

    async def bill(self, key: str, sessions: Sequence[Mapping[str, Any]]) -> float | None:
        """Say what ended sessions cost; None where their time is not paid for, or has no price.

        Raises:
            Unavailable: One is still ending: then its time is known.
        """
        platform = await self._platform.known()
        if not is_hourly(platform) or self._options.booking is not None:
            return None
        if read_money(platform.get("price_per_hour")) is None:
            return None
        costs = [session_cost(one, platform, self._service.wire.now()) for one in sessions]
        if None in costs:
            raise Unavailable(f"scaleway: session {key} is ending; then its time is known")
        return sum(cost for cost in costs if cost is not None)

    def forget(self, key: str) -> None:
        """Let go of what was opened under `key`."""
        self._opened.pop(key, None)
