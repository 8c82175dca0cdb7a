"""The fault script: what goes wrong in the emulated clouds, when, and how.

A script is YAML or JSON, an object with four optional keys; an unknown word is an error:

    seed: 7                       # of everything probable
    requests:                     # what happens to matching requests; the first that fires acts
      - {provider: oqc, method: POST, path: "*/tasks/submit", nth: 1, status: 503, when: after}
      - {path: "*/all_info", probability: 0.1, drop: before}
      - {path: "/v1/*", nth: [2, 5], status: 429, retry_after: 7, retry_after_form: date}
      - {method: GET, every: 10, times: 3, torn: true}
    jobs:                         # what happens to matching jobs, counted as they are accepted
      - {provider: oqc, nth: 2, fail: compile failed, code: 102}
      - {name: "*noisy*", word: MELTING, for_s: 30}
    switches:                     # how a cloud behaves where its real answer is not known
      open-quantum: {second_create: duplicate, credits: 10}
      oqc: {noise: true}          # machines are noisy, in every cloud: see `noise` and `drift`

To match: `provider` (name), `method`, `path` (glob, without the cloud's prefix), `name` and `kind`
(of jobs: job, preparation, session), `nth` (number or list, counted from 1 among the matches),
`every`, `probability`, `times` (fires at most so often), `after_s`, `until_s` (emulation time).

Requests: `status` (refuse, or `when: after` the effect took place), `retry_after` (seconds),
`retry_after_form` (seconds | date), `drop` (before | after | midway: the connection ends),
`torn` (JSON cut in half), `html` (a proxy's page with `status`, 502 by default), `late_s` (the
answer comes so late, after the effect), `slow_s` (the effect itself comes so late, also when nobody
waits for the answer any more), `again_s` (so much later, at the next request from then on, the
network delivers it once more, and nobody hears the answer), `expire_tokens` (issued | all, before
the request is read).

Jobs: `fail` (the reason), at IBM and OQC with the cloud's `code`; `word` (an unknown state) with
`for_s`; `hide_s` (from lists, and for preparations from look-ups); `lag_s` (results come so long
after the state); `wait_s` (more queue); `not_ready_s` (preparations: 425); `expires`;
`ends_after_s` (sessions).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from qbatch.emulators.drift import read_course
from qbatch.emulators.noise import NoiseError

R = TypeVar("R", bound="Rule")


class FaultScriptError(ValueError):
    """The fault script is wrong; the message says where and what is known."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a fault fires. None matches everything."""

    provider: str | None = None
    nth: int | Sequence[int] | None = None
    every: int | None = None
    probability: float = 1.0
    times: float = inf
    after_s: float = 0.0
    until_s: float = inf


@dataclass(frozen=True, kw_only=True)
class RequestFault(Rule):
    """What happens to a request; see the module's head."""

    method: str | None = None
    path: str = "*"
    status: int | None = None
    when: str = "before"
    retry_after: float | None = None
    retry_after_form: str = "seconds"
    drop: str | None = None
    torn: bool = False
    html: bool = False
    late_s: float = 0.0
    slow_s: float = 0.0
    again_s: float | None = None
    expire_tokens: str | None = None

    def __post_init__(self) -> None:
        _check("when", self.when, ("before", "after"))
        _check("drop", self.drop, (None, "before", "after", "midway"))
        _check("retry_after_form", self.retry_after_form, ("seconds", "date"))
        _check("expire_tokens", self.expire_tokens, (None, "issued", "all"))


#: Clouds whose failed jobs have a code.
CODED = ("ibm-direct-access", "oqc")


@dataclass(frozen=True, kw_only=True)
class JobFault(Rule):
    """What happens to a job; see the module's head."""

    kind: str = "job"
    name: str = "*"
    fail: str | None = None
    code: int = -1
    word: str | None = None
    for_s: float = inf
    hide_s: float = 0.0
    lag_s: float = 0.0
    wait_s: float = 0.0
    not_ready_s: float = 0.0
    expires: bool = False
    ends_after_s: float = inf

    def __post_init__(self) -> None:
        if self.code != JobFault.code and self.provider not in (None, *CODED):
            told = f"{self.provider} tells no codes of failed jobs, only {' and '.join(CODED)} do"
            raise FaultScriptError(f"code: {told}; leave it out")


#: A job to which nothing happens.
NOTHING = JobFault()


def _check(key: str, value: str | None, known: Sequence[str | None]) -> None:
    if value not in known:
        words = ", ".join(str(word) for word in known if word is not None)
        raise FaultScriptError(f"{key}: {value!r} is unknown; write one of {words}")


@dataclass(slots=True)
class _Count:
    matched: int = 0
    fired: int = 0


@dataclass
class Faults:
    """A fault script at work. It counts matches, so one script serves one emulation."""

    seed: int = 0
    requests: Sequence[RequestFault] = ()
    jobs: Sequence[JobFault] = ()
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._counts = {id(rule): _Count() for rule in (*self.requests, *self.jobs)}

    def on_request(
        self, provider: str, method: str, path: str, now_s: float
    ) -> RequestFault | None:
        """Return the fault that strikes this request. Every matching rule counts it."""
        struck = [
            rule
            for rule in self.requests
            if rule.method in (None, method)
            and fnmatchcase(path, rule.path)
            and self._fires(rule, provider, now_s)
        ]
        return struck[0] if struck else None

    def on_job(self, provider: str, kind: str, name: str, now_s: float) -> JobFault:
        """Return what will happen to a job that is being accepted."""
        for rule in self.jobs:
            if (
                rule.kind == kind
                and fnmatchcase(name, rule.name)
                and self._fires(rule, provider, now_s)
            ):
                return rule
        return NOTHING

    def switch(self, provider: str, name: str, default: Any) -> Any:
        """Return how `provider` shall behave in the matter of `name`."""
        return self.switches.get(provider, {}).get(name, default)

    def _fires(self, rule: Rule, provider: str, now_s: float) -> bool:
        if rule.provider not in (None, provider) or not rule.after_s <= now_s < rule.until_s:
            return False
        count = self._counts[id(rule)]
        count.matched += 1
        if rule.nth is not None and count.matched not in _numbers(rule.nth):
            return False
        if rule.every is not None and count.matched % rule.every:
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        count.fired += 1
        return count.fired <= rule.times


def _numbers(nth: int | Sequence[int]) -> Sequence[int]:
    return (nth,) if isinstance(nth, int) else nth


def read_faults(script: Mapping[str, Any] | None) -> Faults:
    """Build faults from a parsed script; None is fair weather.

    Raises:
        FaultScriptError: An unknown word, or a value of the wrong kind.
    """
    if script is None:
        return Faults()
    if not isinstance(script, Mapping):
        raise FaultScriptError(f"a fault script is an object, not {type(script).__name__}")
    unknown = sorted(set(script) - {"seed", "requests", "jobs", "switches"})
    if unknown:
        raise FaultScriptError(f"unknown key {unknown[0]!r}; known: seed, requests, jobs, switches")
    return Faults(
        seed=script.get("seed", 0),
        requests=_rules(RequestFault, "requests", script.get("requests") or ()),
        jobs=_rules(JobFault, "jobs", script.get("jobs") or ()),
        switches=_switches(script.get("switches") or {}),
    )


def _switches(switches: Any) -> Mapping[str, Mapping[str, Any]]:
    """Check what is said of noise, the one switch that every cloud has."""
    if not isinstance(switches, Mapping) or not all(
        isinstance(own, Mapping) for own in switches.values()
    ):
        raise FaultScriptError("switches: not an object of objects; write {oqc: {noise: true}}")
    for provider, own in switches.items():
        try:
            read_course(own.get("noise"))
        except NoiseError as error:
            raise FaultScriptError(f"switches.{provider}.{error}") from error
    return switches


def _rules(kind: type[R], where: str, entries: Sequence[Any]) -> tuple[R, ...]:
    known = [one.name for one in fields(kind)]
    rules = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise FaultScriptError(f"{where}, entry {number}: not an object")
        unknown = sorted(set(entry) - set(known))
        if unknown:
            raise FaultScriptError(
                f"{where}, entry {number}: unknown key {unknown[0]!r}; known: {', '.join(known)}"
            )
        rules.append(kind(**entry))
    return tuple(rules)


def load_faults(path: str | Path) -> Faults:
    """Read a fault script from a YAML or JSON file.

    Raises:
        FaultScriptError: It cannot be read, or is wrong.
    """
    import yaml

    try:
        return read_faults(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FaultScriptError(f"{path}: {error}") from error
