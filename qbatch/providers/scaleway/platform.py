"""The platform that a backend names, with the project's bookings of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, Unfit
from qbatch.providers import Price, Target
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.untrusted import said
from qbatch.providers.scaleway.moments import read_instant
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.replies import id_of, is_hourly, read_price, read_target
from qbatch.providers.scaleway.service import Service


class Platform:
    """One platform, read when it is first needed.

    Attributes:
        record: As the service tells it; {} before it was read.
    """

    def __init__(self, service: Service, wanted: str | None, options: Options) -> None:
        self.record: Mapping[str, Any] = {}
        self._service = service
        self._wanted = wanted
        self._options = options
        self._bookings: Sequence[Mapping[str, Any]] = ()
        #: The session of the person's own that the options name.
        self._lent: Mapping[str, Any] | None = None

    async def read(self) -> Target:
        """Read state, limits, prices, and the project's bookings of it.

        Raises:
            Refused: There is no such platform; the nearest names are told.
        """
        self.record = await self._find()
        if self.record.get("is_bookable") is True:
            params = {"project_id": self._service.project(), "platform_id": id_of(self.record)}
            self._bookings = await self._service.rows("bookings", "bookings", params)
        return self.target(self.record)

    async def known(self) -> Mapping[str, Any]:
        """Return its record."""
        if not self.record:
            self.record = await self._find()
        return self.record

    async def is_hourly(self) -> bool:
        """Whether the time of its sessions is paid for."""
        return is_hourly(await self.known())

    async def _find(self) -> Mapping[str, Any]:
        platforms = await self._service.platforms()
        if self._options.session_id is not None:
            self._lent = await self._read_lent()
            return self._of_session(self._lent, platforms)
        for platform in platforms:
            if self._wanted and self._wanted in (platform["name"], platform.get("id")):
                return platform
        names = [str(one["name"]) for one in platforms]
        raise no_target("scaleway", self._wanted, names, noun="platform")

    async def _read_lent(self) -> Mapping[str, Any]:
        session_id = self._options.session_id
        session = await self._service.record(f"sessions/{session_id}")
        if session is None:
            raise Unfit(f"scaleway: there is no session {session_id}; see options.session_id")
        return session

    def _of_session(
        self, session: Mapping[str, Any], platforms: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Return the platform of a session, which must be the wanted one where one is named."""
        for platform in platforms:
            name, id_ = platform["name"], platform.get("id")
            if id_ is not None and id_ == session.get("platform_id"):
                if self._wanted in (None, name, id_):
                    return platform
                told = f"session {session.get('id')} is on {name}, not on {self._wanted}"
                raise Unfit(f"scaleway: {told}; write target: {name}, or none")
        raise Misspoke(f"scaleway: session {session.get('id')} is on a platform that is not listed")

    def target(self, record: Mapping[str, Any]) -> Target:
        """Say what a platform is and takes, this one or another."""
        options = self._options
        booked_s = options.booking.length_s if options.booking else 0.0
        price = read_price(record, options.longest_session, booked_s)
        if record is self.record and self._is_paid():
            price = Price(
                unit=price.unit, source="your own session's time is paid by who opened it"
            )
        slot = self._slot_now() if record is self.record else None
        window_at = said(slot["finished_at"], 40) if slot else None
        target = read_target(record, price, window_at, is_booked=options.booking is not None)
        target.facts["bookings"] = [dict(one) for one in self._bookings]  # type: ignore[index]
        return target

    def _is_paid(self) -> bool:
        """Whether jobs cost nothing more, for the time of the person's own session is paid for."""
        lent = self._lent
        return lent is not None and (is_hourly(self.record) or bool(lent.get("booking_id")))

    @property
    def software(self) -> str:
        """What computes there, in lower case."""
        return str(self.record.get("backend_name") or "").lower()

    def _slots(self) -> list[tuple[float, float, Mapping[str, Any]]]:
        """Begin, end and record of the bookings that stand, soonest first."""
        found = [
            (read_instant(one.get("started_at")), read_instant(one.get("finished_at")), one)
            for one in self._bookings
            if one.get("status") in ("waiting", "validating", "validated")
        ]
        known = [(a, b, one) for a, b, one in found if a is not None and b is not None]
        return sorted(known, key=lambda slot: slot[0])

    def _slot_now(self) -> Mapping[str, Any] | None:
        """The booking that has the machine now: other sessions wait until it ends."""
        now_s = self._service.wire.now()
        return next((one for a, b, one in self._slots() if a <= now_s < b), None)

    def until_next_slot_s(self, most_s: float) -> float:
        """Seconds until a booked slot begins, which ends sessions without one; `most_s` at most."""
        now_s = self._service.wire.now()
        begins = [a - now_s for a, _, _ in self._slots() if a > now_s]
        return max(60.0, min([most_s, *begins]))
