"""Purchases through weather, kills and a person's decisions, held against the clouds' own books.

One machine for all five clouds. Where the real cloud is not known, the emulated one takes the worse
way: what is sent twice is bought twice. A kill leaves nothing behind: from that instant no request
arrives, and nothing is written.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qbatch.errors import SnapshotError
from qbatch.executor import collect
from qbatch.executor.engine import Settings
from qbatch.executor.events import Event as Told
from qbatch.executor.events import Progress, ignore
from qbatch.executor.journal import Journal
from qbatch.executor.start import run_async
from qbatch.job import IN_FLIGHT, JobState
from qbatch.purchase import Event
from qbatch.snapshot import Run, Snapshot, faults
from tests.fuzz.whole_runs import (
    MOST_RUN_S,
    SPENDING,
    TARGETS,
    WORST,
    Clouds,
    expected,
    manifest_of,
    purchases,
)
from tests.proving import patiently

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EVERYDAY = settings(
    max_examples=4, stateful_step_count=7, deadline=None, suppress_health_check=QUIET
)
DEEP = settings(EVERYDAY, max_examples=patiently(12), stateful_step_count=14)

#: How long a request is on its way there and back, seconds: a kill may fall into either.
WAY_S = 0.05

#: Which requests are struck: of those that spend, of those that read, of all.
STRUCK = st.sampled_from(["spending", "spending", "GET", "any"])
NTH = st.integers(1, 6)


def _fault(**how: Any) -> st.SearchStrategy[dict[str, Any]]:
    given = {
        key: one if isinstance(one, st.SearchStrategy) else st.just(one) for key, one in how.items()
    }
    return st.fixed_dictionaries({"struck": STRUCK, "nth": NTH, **given})


#: Of requests: lost on either way, refused for now or for good, late, or with tokens that have just
#: ended.
REQUESTS = st.one_of(
    _fault(drop=st.sampled_from(["before", "after"])),
    _fault(status=st.sampled_from([500, 503]), when=st.sampled_from(["before", "after"])),
    _fault(
        status=st.sampled_from([400, 403, 404, 409, 412, 422]),
        when=st.sampled_from(["before", "after"]),
        struck=st.just("spending"),
    ),
    _fault(late_s=40.0),
    _fault(expire_tokens="issued"),
)

#: A request that spends arrives so long after it was sent, when nobody waits any more, seconds.
STRAY_S, PATIENCE_S = 33.0, 30.0

#: Of jobs: kept out of lists for a while.
JOBS = st.fixed_dictionaries({"nth": st.integers(1, 4), "hide_s": st.sampled_from([5.0, 45.0])})


class Killed(BaseException):
    """The process dies here."""


class Line(httpx.AsyncBaseTransport):
    """Takes its time both ways; nothing arrives from a process that is dead.

    Args:
        inner: The clouds.
        path: Of requests that spend, with the cloud's prefix.
        strays: Which of these arrive only when nobody waits for their answers any more.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, strays: set[int]) -> None:
        self._inner = inner
        self._path = path
        self._strays = strays
        self._spending = 0
        self.is_dead = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(WAY_S)
        if self.is_dead:
            raise httpx.ConnectError("the process is dead", request=request)
        if request.method == "POST" and fnmatchcase(request.url.path, self._path):
            self._spending += 1
            if self._spending in self._strays:
                trio.lowlevel.spawn_system_task(self._arrive, request)
                await trio.sleep(PATIENCE_S)
                raise httpx.ReadTimeout("", request=request)
        response = await self._inner.handle_async_request(request)
        await trio.sleep(WAY_S)
        return response

    async def _arrive(self, request: httpx.Request) -> None:
        """Arrive late, or as the process ends: what is on its way cannot be called back."""
        with trio.move_on_after(STRAY_S) as scope:
            try:
                await trio.sleep_forever()
            finally:
                scope.shield = True
                with trio.CancelScope(shield=True), suppress(httpx.HTTPError):
                    await self._inner.handle_async_request(request)


class Purchases(RuleBasedStateMachine):
    """A run folder, the clouds, and a person who may decide.

    Attributes:
        allowed: Point -> purchases that a person's decisions allow beyond the first.
        stored: Point -> its result, once it was seen completed.
    """

    provider = "oqc"

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("secrets.token_hex", lambda size: "5eed" * (size // 2))
        self.root = Path(tempfile.mkdtemp(prefix="qbatch-purchases-"))
        self.folder = self.root / "run"
        self.clouds = Clouds(self.provider)
        self.manifest = manifest_of(self.provider, timeout="12h")
        self.requests: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.strays: set[int] = set()
        self.allowed: Counter[str] = Counter()
        self.stored: dict[str, dict[str, int]] = {}
        self._clear()

    def teardown(self) -> None:
        try:
            self.end_well()
        finally:
            faults.FUSE = None
            self.patch.undo()
            self.clouds.close()
            shutil.rmtree(self.root)

    # -- weather ------------------------------------------------------------------------------

    @rule(fault=REQUESTS)
    def trouble_on_the_way(self, fault: dict[str, Any]) -> None:
        how = {key: value for key, value in fault.items() if key != "struck"}
        if fault["struck"] == "spending":
            how |= {"method": "POST", "path": SPENDING[self.provider]}
        elif fault["struck"] == "GET":
            how["method"] = "GET"
        self.requests.append(how)
        self._set_faults()

    @rule(number=st.integers(1, 4))
    def a_purchase_goes_astray(self, number: int) -> None:
        self.strays.add(number)

    @rule(fault=JOBS)
    def a_job_is_not_listed(self, fault: dict[str, Any]) -> None:
        self.jobs.append(fault)
        self._set_faults()

    def _set_faults(self) -> None:
        self.clouds.set_faults(requests=self.requests, jobs=self.jobs, switches=WORST)

    def _clear(self) -> None:
        self.requests, self.jobs, self.strays = [], [], set()
        self._set_faults()

    # -- the process --------------------------------------------------------------------------

    @rule()
    def run(self) -> None:
        self._run()

    @rule(at_s=st.floats(0.0, 4.0) | st.floats(0.0, 120.0))
    def run_and_be_killed_at_an_instant(self, at_s: float) -> None:
        self._run(kill_at_s=at_s)

    @rule(write=st.integers(2, 30))
    def run_and_be_killed_at_a_write(self, write: int) -> None:
        self._run(kill_at_write=write)

    @rule(wait=st.booleans())
    @precondition(lambda self: self.is_planned())
    def fetch(self, wait: bool) -> None:
        around, on_clock = self.clouds.surroundings(), partial(trio.run, clock=self.clouds.clock)
        with self.patch.context() as patch:
            patch.setattr(collect, "trio", Standing(trio, run=on_clock))
            patch.setattr(
                collect, "Journal", lambda snapshot, **_: Journal(snapshot, is_inline=True)
            )
            patch.setattr(Settings, "of", partial(_inline_settings, Settings.of))
            collect.fetch_run(self.folder, wait=wait, observer=ignore, surroundings=around).close()
        self._clear()

    def _run(self, *, kill_at_s: float | None = None, kill_at_write: int | None = None) -> None:
        lines: list[Line] = []

        def wrap(inner: httpx.AsyncBaseTransport) -> Line:
            path = f"/{self.provider}{SPENDING[self.provider]}"
            lines.append(Line(inner, path, self.strays))
            return lines[0]

        around = self.clouds.surroundings(wrap)

        async def die() -> None:
            await trio.sleep(MOST_RUN_S if kill_at_s is None else kill_at_s)
            lines[0].is_dead = True
            raise Killed

        async def act() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(die)
                done = await run_async(
                    self.manifest,
                    out=self.folder,
                    surroundings=around,
                    approve=True,
                    observer=no_more_than_all,
                )
                done.close()
                nursery.cancel_scope.cancel()

        with killed(lines, kill_at_write), suppress(collect.ProviderError):
            try:
                trio.run(act, clock=self.clouds.clock)
            except BaseExceptionGroup as group:
                if kill_at_s is None and kill_at_write is None:
                    raise only(group) from group
                if not lines[0].is_dead:
                    raise
            except Killed:
                assert lines[0].is_dead
        self._clear()

    # -- the person ---------------------------------------------------------------------------

    @rule(data=st.data())
    @precondition(lambda self: self.held())
    def decide(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.held()), label="point")
        bought = self.bought()[key]
        choices = ["resubmit", "give up", *(["adopt"] if bought else [])]
        self._decide(key, data.draw(st.sampled_from(choices), label="decision"), bought)

    def _decide(self, key: str, choice: str, bought: list[dict[str, Any]]) -> None:
        with Snapshot(self.folder) as snapshot:
            if choice == "adopt":
                job_id = bought[-1]["id"]
                snapshot.resolve(key, Event.ADOPTED, provider_job_id=job_id, error="")
                return
            self.allowed[key] += 1
            if choice == "give up":  # the next run buys what has failed
                snapshot.resolve(key, Event.GIVEN_UP, error="given up by hand while it was held")
            else:
                snapshot.resolve(key, Event.RESUBMITTED)

    def is_planned(self) -> bool:
        """The run folder knows what was wanted."""
        if not self.is_begun():
            return False
        with Run(self.folder) as run:
            return "manifest" in run.meta

    def is_begun(self) -> bool:
        """The run folder has a first step: a kill before it leaves a file that holds no run."""
        if not (self.folder / "snapshot.db").exists():
            return False
        try:
            Run(self.folder).close()
        except SnapshotError as error:
            if "no run here yet" not in str(error):
                raise
            return False
        return True

    def held(self) -> list[str]:
        """Points about which a person has to decide."""
        if not self.is_begun():
            return []
        with Run(self.folder) as run:
            return [point.id for point in run if point.state is JobState.HELD]

    def bought(self) -> dict[str, list[dict[str, Any]]]:
        with Run(self.folder) as run:
            return dict(purchases(run, self.clouds.ledger()))

    # -- what always holds --------------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        if not self.is_begun():
            assert self.clouds.ledger() == []
            return
        with Run(self.folder) as run:
            bought = purchases(run, self.clouds.ledger())
            for point in run:
                mine = bought[point.id]
                assert len(mine) <= 1 + self.allowed[point.id], (point, mine)
                assert most_of_a_generation(mine) <= 1, (point, mine)
                self._check_point(point)

    def _check_point(self, point: Any) -> None:
        if point.id in self.stored:
            assert point.state is JobState.COMPLETED
        if point.state is JobState.COMPLETED:
            found = self.stored[point.id] = point.counts.to_dict()
            assert found == expected(point)
        elif point.state in (JobState.HELD, JobState.FAILED, JobState.CANCELLED):
            assert point.job.error
        else:
            assert point.state is JobState.CREATED or point.state in IN_FLIGHT

    def end_well(self) -> None:
        """In fair weather all that is not held is completed; and the rest once it is decided."""
        self._clear()
        for _ in range(3):  # what failed, or was found cancelled, is bought by the next
            self._run()
        self._check_states({JobState.COMPLETED, JobState.HELD})
        for key in self.held():
            bought = self.bought()[key]
            self._decide(key, "adopt" if bought else "resubmit", bought)
        for _ in range(2):
            self._run()
        self._check_states({JobState.COMPLETED})

    def _check_states(self, allowed: set[JobState]) -> None:
        self.the_books_agree()
        with Run(self.folder) as run:
            assert {point.state for point in run} <= allowed, [point.job for point in run]
            assert len(run) == 4


def no_more_than_all(event: Told) -> None:
    """What is told of the progress never goes beyond the whole."""
    if isinstance(event, Progress):
        assert event.done <= event.total, event


class Standing:
    """Stands in for a module, a few of its names replaced."""

    def __init__(self, module: Any, **replaced: Any) -> None:
        self._module = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _inline_settings(of: Any, manifest: Any) -> Settings:
    return replace(of(manifest), is_inline=True)


@contextmanager
def killed(lines: list[Line], at_write: int | None) -> Iterator[None]:
    """Die at this write, if it comes to that; the dead write nothing, whoever killed them."""
    left = at_write or 0

    def burn() -> None:
        nonlocal left
        left -= 1
        if left == 0 or (lines and lines[0].is_dead):
            if lines:
                lines[0].is_dead = True
            raise Killed

    faults.FUSE = burn
    try:
        yield
    except Killed:
        pass
    finally:
        faults.FUSE = None


def only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error in a group, or the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def most_of_a_generation(entries: list[dict[str, Any]]) -> int:
    """How often one generation of one point was bought at most."""
    names = Counter(generation_of(entry) for entry in entries)
    return max(names.values(), default=0)


def generation_of(entry: dict[str, Any]) -> str:
    """What of a job's name, which we chose, tells the generation of its purchase."""
    patterns = {
        "oqc": r"\.(\d+)/",
        "open-quantum": r"-(\d+)$",
        "marqov": r"-(\d+)$",
        "scaleway": r"-(\d+)\.\d+-",
    }
    found = re.search(patterns.get(entry["provider"], "(.*)"), entry["name"])
    return found[1] if found and found[1] else entry["key"]


def machine_of(provider: str, how: settings) -> type:
    case = type(f"Purchases_{provider}", (Purchases,), {"provider": provider}).TestCase
    case.settings = how
    return case  # type: ignore[no-any-return]


class TestOqc(machine_of("oqc", EVERYDAY)):  # type: ignore[misc]
    pass


class TestOpenQuantum(machine_of("open-quantum", EVERYDAY)):  # type: ignore[misc]
    pass


class TestMarqov(machine_of("marqov", EVERYDAY)):  # type: ignore[misc]
    pass


class TestScaleway(machine_of("scaleway", EVERYDAY)):  # type: ignore[misc]
    pass


class TestIbmDirectAccess(machine_of("ibm-direct-access", EVERYDAY)):  # type: ignore[misc]
    pass


@pytest.mark.slow
@pytest.mark.parametrize("provider", TARGETS)
def test_purchases_go_right_through_deeper_trouble(provider: str) -> None:
    machine_of(provider, DEEP)("runTest").runTest()
