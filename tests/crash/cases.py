"""One case: processes that are killed, the same command again until it is through, the verdict.

A case has a name that says all of it, so that one can be played again: ``run:oqc:w17`` kills
``qbatch run`` at the 17th boundary of its journal, ``run:oqc:h12,w4`` at the 12th of its HTTP and
the process after that at the 4th of its journal; ``late`` is ``run`` at clouds that act on the
calls that spend when nobody waits for them any more; ``detach`` kills ``run --detach``, ``fetch``
and ``cancel`` kill those verbs, after a ``run --detach`` that nothing disturbs.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Self

from tests.crash.experiments import LONGEST_LAG_S, NAMED, SPENDING, Experiment
from tests.crash.oracle import Verdict, entries_of, held_points, judge
from tests.crash.world import Ended, Kill, Place, World, environ_of

RUN = ("run", "crash.yaml", "--yes")
DETACH = (*RUN, "--detach")
FETCH = ("fetch", "runs/crash", "--wait")
CANCEL = ("cancel", "runs/crash", "--yes")

DONE, SOME_FAILED, PENDING = 0, 1, 9

#: How often a person decides about held jobs before none may be left.
ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """See the module's head.

    Attributes:
        verb: The command that is killed: run, late (``run``), detach (``run --detach``), fetch,
            cancel.
        kills: Of its successive processes; the ones after them are left alone.
    """

    verb: str
    cloud: str
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return f"{self.verb}:{self.cloud}:{','.join(map(str, self.kills))}"

    @classmethod
    def read(cls, text: str) -> Self:
        verb, cloud, kills = text.split(":")
        return cls(verb, cloud, tuple(Kill.read(one) for one in kills.split(",") if one))


@dataclass
class Played:
    """A case and what came of it.

    Attributes:
        name: Of the case.
        kills: How many processes were killed.
        processes: How many there were.
        reached: The first kill took place; False: the process was through before.
        verdict: By the cloud's ledger, when the commands were through.
        words: What else is not as it should be.
        log: What the processes said.
    """

    name: str
    cloud: str
    kills: int = 0
    processes: int = 0
    reached: bool = True
    verdict: Verdict = field(default_factory=lambda: Verdict(0))
    words: list[str] = field(default_factory=list)
    log: str = ""

    @property
    def is_good(self) -> bool:
        return not (self.words or self.verdict.words)

    def told(self) -> str:
        """Say what is wrong, and how to see it again."""
        lines = [f"{self.name}: {word}" for word in (*self.words, *self.verdict.words)]
        again = f"again: python -m tests.crash --case {self.name}"
        return "\n".join([*lines, again, self.log[-4_000:]])


Tell = Callable[[Played], None]


def say_nothing(_: Played) -> None:
    """Tell nobody."""


class Stage:
    """Where a case is played: a place with fresh clouds, and a folder.

    Args:
        faults: The fault script, beside the experiment's own switches.
        more: For `Place.make`.

    Attributes:
        run_folder: Where the run is now.
        elsewhere: Other places whose books count, too.
    """

    def __init__(
        self,
        world: World,
        place: Place,
        experiment: Experiment,
        name: str,
        faults: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.experiment = experiment
        self.played = Played(name, experiment.row or experiment.cloud)
        self.folder = world.folder / name.replace(":", "-").replace(",", "-").replace("/", "-")
        self.folder.mkdir()
        self._world = world
        self._place = place
        self._environ = environ_of(experiment.cloud, place.origin)
        script = dict(faults or {})
        given: Mapping[str, Any] = script.get("switches", {}).get(experiment.cloud, {})
        self._switches: dict[str, dict[str, Any]] = {
            experiment.cloud: {**experiment.switches, **given}
        }
        self.run_folder = self.folder / "runs" / "crash"
        self.elsewhere: list[Place] = []
        place.make([experiment.cloud], faults={**script, "switches": self._switches}, **more)
        experiment.write(self.folder)

    def make_another(self, place: Place) -> None:
        """Let the same cloud begin at another address, with a book of its own."""
        place.make([self.experiment.cloud], faults={"switches": self._switches})
        self.elsewhere.append(place)

    def call(
        self,
        arguments: Sequence[str],
        kill: Kill | None = None,
        *,
        at: Place | None = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Ended:
        """Let a process of qbatch run, or be killed.

        Args:
            at: Where its cloud is, if not at this stage's own place.
            meanwhile: Called while it lives, or when it is over.
        """
        environ = self._environ if at is None else environ_of(self.experiment.cloud, at.origin)
        wait_for_end = self._world.start(arguments, self.folder, environ, kill)
        meanwhile()
        ended = wait_for_end()
        self.played.processes += 1
        self.played.kills += ended.is_killed
        with (self.folder / "log").open("a") as log:
            log.write(f"=== {' '.join(arguments)} [{kill or ''}]: {ended.code}\n")
        return ended

    def said(self) -> str:
        """All that its processes said."""
        return (self.folder / "log").read_text(errors="replace")

    def calm(self) -> None:
        """Let no fault strike any more."""
        self.set_faults({})

    def switch(self, **switches: Any) -> None:
        """Let the cloud behave so from the next fault script on."""
        self._switches = {name: {**given, **switches} for name, given in self._switches.items()}

    def set_faults(self, script: Mapping[str, Any]) -> None:
        self._place.set_faults({**script, "switches": self._switches})

    def let_arrive(self) -> None:
        """Wait until whatever was sent counts, and can be found."""
        time.sleep(LONGEST_LAG_S / self._world.rate)

    def ledger(self) -> list[dict[str, Any]]:
        """The cloud's own book, or the books of all accounts."""
        return [entry for place in (self._place, *self.elsewhere) for entry in place.ledger()]

    def judge(self, allowed: Iterable[str]) -> Verdict:
        return judge(self.run_folder, self.experiment, self.ledger(), set(allowed))

    def ledger_of(self, point_id: str) -> list[Mapping[str, Any]]:
        """What a person would find at the cloud under a held job's name."""
        return entries_of(self.run_folder, self.experiment.cloud, self.ledger(), point_id)

    def place_of(self, entry: Mapping[str, Any]) -> Place:
        """In whose book it stands: a person decides there, with that account."""
        places = (self._place, *self.elsewhere)
        return next(one for one in places if entry["id"] in {row["id"] for row in one.ledger()})

    def close(self) -> Played:
        self.played.log = self.said()
        shutil.rmtree(self.folder)
        return self.played


def play(world: World, case: Case) -> Played:
    """Play a case in fair weather."""
    with world.place() as place:
        experiment = NAMED[case.cloud]
        stage = Stage(world, place, experiment, str(case), _weather(case))
        {"run": _run, "late": _late, "detach": _detach, "fetch": _fetch, "cancel": _cancel}[
            case.verb
        ](stage, case.kills)
        return stage.close()


def _weather(case: Case) -> Mapping[str, Any]:
    if case.verb == "cancel":  # in the queue for ever
        return {"jobs": [{"wait_s": 50_000}]}
    if case.verb == "late":
        cloud = NAMED[case.cloud].cloud
        late = {"method": "POST", "nth": [1, 2], "slow_s": LONGEST_LAG_S}
        return {"requests": [{**late, "path": path} for path in SPENDING[cloud]]}
    return {}


def _run(stage: Stage, kills: Sequence[Kill]) -> None:
    _kill(stage, RUN, kills)
    settle(stage, RUN, (DONE, PENDING))
    stage.played.verdict = stage.judge(stage.experiment.ends)
    resolve_held(stage)


def _late(stage: Stage, kills: Sequence[Kill]) -> None:
    _kill(stage, RUN, kills)
    settle(stage, RUN, (DONE, PENDING))
    stage.let_arrive()
    stage.played.verdict = stage.judge(stage.experiment.ends)
    resolve_held(stage)


def _detach(stage: Stage, kills: Sequence[Kill]) -> None:
    _kill(stage, DETACH, kills)
    stage.call(FETCH)
    settle(stage, RUN, (DONE, PENDING))
    stage.played.verdict = stage.judge(stage.experiment.ends)
    resolve_held(stage)


def _fetch(stage: Stage, kills: Sequence[Kill]) -> None:
    stage.call(DETACH)
    _kill(stage, FETCH, kills)
    settle(stage, FETCH, (DONE,))
    stage.played.verdict = stage.judge({"completed"})


def _cancel(stage: Stage, kills: Sequence[Kill]) -> None:
    stage.call(DETACH)
    _kill(stage, CANCEL, kills)
    settle(stage, CANCEL, (DONE,))
    stage.played.verdict = verdict = stage.judge({"cancelled"})
    if verdict.bought:
        verdict.lost += verdict.bought
        verdict.words.append(f"{verdict.bought} points go on at the cloud")


def _kill(stage: Stage, arguments: Sequence[str], kills: Sequence[Kill]) -> None:
    for number, kill in enumerate(kills):
        if not stage.call(arguments, kill).is_killed:
            stage.played.reached = stage.played.reached and number > 0
            return


def settle(stage: Stage, arguments: Sequence[str], codes: Sequence[int]) -> None:
    """Give the same command, with no flag more, and see that it is through at once."""
    ended = stage.call(arguments)
    if ended.code not in codes:
        stage.played.words.append(f"ended with {ended.code} instead of {codes}")


def resolve_held(stage: Stage, allowed: Iterable[str] = ("completed",)) -> None:
    """Do what a person would who looks up held jobs at the cloud; then nothing may be missing."""
    verdict = stage.played.verdict
    if not verdict.held:
        return
    stage.calm()
    for _ in range(ROUNDS):
        for point_id in held_points(stage.run_folder):
            found = stage.ledger_of(point_id)
            choice = ["--adopt", found[0]["id"]] if found else ["--resubmit"]
            where = stage.place_of(found[0]) if found else None
            stage.call(["resolve", str(stage.run_folder), point_id, *choice, "--yes"], at=where)
        again = (*RUN, "--out", str(stage.run_folder))
        for other in stage.elsewhere:
            stage.call(again, at=other)
        if stage.call(again).code == DONE:
            break
    after = stage.judge(allowed)
    stage.played.words += [f"after the person's word: {word}" for word in after.words]
    verdict.twice = max(verdict.twice, after.twice)
    verdict.lost = max(verdict.lost, after.lost)
    verdict.wrong = max(verdict.wrong, after.wrong)


def play_all(
    world: World,
    plays: Iterable[Callable[[], Played]],
    tell: Tell,
    is_enough: Callable[[list[Played]], bool],
    *,
    is_idle: bool = False,
) -> list[Played]:
    """Play cases, several at once, until there are enough or no more.

    Args:
        plays: Each plays one.
        tell: Called with each as it ends.
        is_enough: Asked after each; the latest stands last. Those under way are played to the end.
        is_idle: The cases wait rather than compute: as many at once as there are places, not half.
    """
    at_once = world.num_places if is_idle else (world.num_places + 1) // 2
    waiting, done, is_over = iter(plays), list[Played](), False
    with ThreadPoolExecutor(at_once) as pool:
        first = itertools.islice(waiting, at_once)
        under_way = {pool.submit(one) for one in first}
        while under_way:
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for one in ended:
                done.append(one.result())
                tell(done[-1])
                is_over = is_over or is_enough(done)
                if not is_over:
                    under_way |= {pool.submit(more) for more in itertools.islice(waiting, 1)}
    return done
