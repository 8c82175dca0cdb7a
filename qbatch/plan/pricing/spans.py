"""How long a backend's share of a plan takes, as a range: what is told, and what has to be assumed.

What a cloud tells is taken: when its machine next takes jobs, how long jobs wait or how many wait,
how many it takes at once and how often, what it bills by the second. What it does not tell is
assumed, alike for all, and said: a queue that nobody tells holds jobs up as in a rehearsal's two
passes, and a job of which nobody tells how long it runs takes a second at least and a minute at
most. Jobs of one machine run one after the other; each round of as many as it takes at once queues
anew, at the worst.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Any

from qbatch import providers
from qbatch.frozen import dataclass
from qbatch.instants import moment
from qbatch.notation import duration, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qbatch.manifest.models import Backend
    from qbatch.plan.pricing.summary import BackendSummary, PlanSummary
    from qbatch.providers import Target

#: Seconds that a job waits in a queue that its cloud does not tell of; a rehearsal's passes.
QUEUE_S = (60.0, 3600.0)

#: Seconds that a job runs where nobody tells.
JOB_S = (1.0, 60.0)


@dataclass(frozen=True, slots=True)
class Span:
    """From when jobs could be sent until the last is done.

    Attributes:
        low_s: At least, seconds.
        high_s: At most, as far as can be said, seconds; None: it is not known when it begins.
        rests_on: What it is made of, in words.
    """

    low_s: float
    high_s: float | None
    rests_on: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In words.

        >>> str(Span(12.0, 12.0)), str(Span(60.0, 3600.0)), str(Span(60.0, None))
        ('about 12 s', '1 min to 1 h', '1 min or more')
        """
        low = duration(self.low_s)
        if self.high_s is None:
            return f"{low} or more"
        high = duration(self.high_s)
        return f"about {low}" if low == high else f"{low} to {high}"

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"low_s": self.low_s, "high_s": self.high_s, "rests_on": [*self.rests_on]}


@dataclass(frozen=True, slots=True)
class _Part:
    low_s: float
    high_s: float | None
    told: str = ""


def span_of(
    share: BackendSummary, target: Target, now_s: float, *, is_local: bool = False
) -> Span | None:
    """Say how long a backend's share of a plan takes.

    Args:
        share: Of the plan, or of what is left of it.
        target: The backend, as it was described.
        now_s: UTC, seconds since 1970.
        is_local: It is a machine here: nothing queues.

    Returns:
        None where nothing is known of a machine here.
    """
    if is_local:
        return None if share.seconds is None else Span(share.seconds, share.seconds)
    window, queue = _window(target, now_s), _queue(share, target)
    run, paced = _run(share), _paced(share, target)
    parts = (window, queue, run, paced)
    highs = [part.high_s for part in parts]
    # At the best jobs are sent while others run, and queue while the machine is closed.
    low_s = max(window.low_s + run.low_s, queue.low_s + max(run.low_s, paced.low_s))
    return Span(
        low_s,
        None if None in highs else sum(high for high in highs if high),
        tuple(part.told for part in parts if part.told),
    )


def spans_of(
    shares: PlanSummary,
    backends: Mapping[str, Backend],
    targets: Mapping[str, Target],
    now_s: float,
) -> dict[str, Span | None]:
    """Backend -> `span_of` of its share, of those that were asked.

    Args:
        shares: Of the plan, or of what is left of it.
        backends: The manifest's.
        targets: Backend -> target.
        now_s: UTC, seconds since 1970.
    """
    found = {}
    for each in shares.backends:
        if (target := targets.get(each.backend)) is not None:
            is_local = providers.is_local(backends[each.backend].provider)
            found[each.backend] = span_of(each, target, now_s, is_local=is_local)
    return found


def together(spans: Iterable[Span | None]) -> Span | None:
    """Return the time until all are done, side by side; None where one cannot tell."""
    known = [*spans]
    if not known or None in known:
        return None
    found = [span for span in known if span is not None]
    highs = [span.high_s for span in found]
    high = None if None in highs else max(high for high in highs if high is not None)
    return Span(max(span.low_s for span in found), high)


def _window(target: Target, now_s: float) -> _Part:
    """How long until the machine runs jobs; one that takes them now may keep them until then."""
    opens_s = opens_at_s(target)
    if target.online:
        left_s = 0.0 if opens_s is None else max(0.0, opens_s - now_s)
        told = f"open now, or closed until {target.next_window_at}" if left_s else ""
        return _Part(0.0, left_s, told)
    if opens_s is None:
        return _Part(0.0, None, f"{target.standing}, and nobody tells until when")
    left_s = max(0.0, opens_s - now_s)
    return _Part(left_s, left_s, f"closed for {duration(left_s)}, until {target.next_window_at}")


def opens_at_s(target: Target) -> float | None:
    """When the next window of a machine begins, UTC, seconds since 1970; None: nobody tells."""
    try:
        return moment(target.next_window_at or "").timestamp()
    except ValueError:
        return None


def _run(share: BackendSummary) -> _Part:
    """How long its jobs run, one after the other."""
    if share.seconds is not None:
        return _Part(share.seconds, share.seconds, f"{duration(share.seconds)} of running")
    if share.unit == "qpu_seconds" and share.price is not None:
        return _Part(share.price, share.price, f"{duration(share.price)} on the QPU, by the price")
    low, high = (share.jobs * each for each in JOB_S)
    return _Part(low, high, f"jobs of {_told(JOB_S)} each assumed")


def _queue(share: BackendSummary, target: Target) -> _Part:
    """How long jobs wait for others; at the worst each round of as many as fit anew."""
    rounds = ceil((share.composite_jobs or share.jobs) / max(1, target.in_flight))
    if target.queue_s is not None:
        low = high = target.queue_s
        told = f"a queue of {duration(low)}"
    elif target.queue_depth is not None:
        low, high = (target.queue_depth * each for each in JOB_S)
        ahead = target.queue_depth
        told = f"{whole(ahead)} job{'s' * (ahead != 1)} ahead"
        told += f", {_told(JOB_S)} each assumed" if ahead else ""
    else:
        low, high = QUEUE_S
        told = f"a queue of {_told(QUEUE_S)} assumed, for it is not told"
    if rounds > 1 and high:
        told += f", at the worst before each of {whole(rounds)} rounds"
    return _Part(low, rounds * high, told)


def _paced(share: BackendSummary, target: Target) -> _Part:
    """How long sending takes, where its cloud bounds how often."""
    waits = [
        ((share.jobs - 1) // rate.calls * rate.window_s, rate)
        for rate in target.rates
        if rate.of == "jobs" and share.jobs > rate.calls
    ]
    if not waits:
        return _Part(0.0, 0.0)
    paced_s, rate = max(waits, key=lambda each: each[0])
    return _Part(paced_s, paced_s, f"{duration(paced_s)} by the limit of {rate}")


def _told(span: tuple[float, float]) -> str:
    return " to ".join(map(duration, span))
