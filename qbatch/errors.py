"""Every error qbatch raises on purpose, and nothing else.

A message has three parts: the place, what is wrong with the value found, how to mend it.
Foreign errors are translated at the seam where they come in (``raise … from error``).
The tree answers the caller's question "what can I do about it?":

    QbatchError
    ├── SourceError        you mend the file
    │   ├── ManifestError
    │   ├── CircuitError
    │   └── ReportError    it made no report; what ran is kept
    ├── ProviderError      the cloud said no, nothing, or nonsense
    │   ├── Refused        do not retry
    │   │   ├── CredentialsError
    │   │   │   └── NotAllowed     a manifest asks for what the person did not allow to it
    │   │   │       └── Elsewhere  a credential would go where it may not
    │   │   ├── OutOfFunds nothing more can be bought
    │   │   ├── TooLarge   fewer jobs at once may pass
    │   │   └── Unfit      the manifest asks for what is not there: mend it
    │   ├── Unavailable    retry later
    │   └── Misspoke       not as its protocol is documented
    ├── SnapshotError      the run folder cannot be used
    │   ├── RunLockedError another runner holds it
    │   └── UnwritableError a file made of it cannot be written
    ├── PointsFailed       points have no result, and `raise_for_error` was asked
    ├── ConsentError       nothing is spent or run without the person's word (NotAllowed, too)
    │   ├── NotApproved    it would cost, and nobody agreed to that
    │   └── OverBudget     a limit was reached before all was bought
    ├── ExtraError         a package is missing that an extra of qbatch brings
    ├── SelectionError     a point, run or flag named on the command line does not exist
    └── JobStateError      our bug
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from qbatch.frozen import dataclass


class QbatchError(Exception):
    """Root of the tree; its text is fit to be shown to a person.

    Attributes:
        topic: The guide's page that tells more of it; "": its kind decides.
        remedy: What helps with any of its kind, as nothing in a file does; "": each says its own.
    """

    topic = ""
    remedy = ""

    def about(self, topic: str) -> Self:
        """Name the guide's page that tells more of it, where that is not its kind's."""
        self.topic = topic
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a person's file something stands.

    Attributes:
        file: Path as the person wrote it; of what a flag put in, the flag.
        line: 1-based; None when the whole file is meant.
        column: 1-based; None when the whole line is meant.
    """

    file: str
    line: int | None = None
    column: int | None = None

    @property
    def is_flag(self) -> bool:
        """It is a flag of the command line (``-S shots``), no place in a file."""
        return self.line is None and self.file.startswith("-S")

    def __str__(self) -> str:
        return ":".join(
            str(part) for part in (self.file, self.line, self.column) if part is not None
        )


class SourceError(QbatchError):
    """A mistake in a file of the person's.

    Args:
        place: Where it stands.
        problem: What is wrong with the value found, and how to mend it.
        excerpt: The offending source line, without its newline, or "".
    """

    def __init__(self, place: Place, problem: str, *, excerpt: str = "") -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem
        self.excerpt = excerpt


class ManifestError(SourceError):
    """The manifest is wrong at `place`."""


class CircuitError(SourceError):
    """A circuit is wrong at `place`."""


class ReportError(SourceError):
    """A report template of the person's own is wrong; the results it is about are kept."""


class SourceErrors(ExceptionGroup[SourceError], QbatchError):
    """All mistakes found in the person's files, at once, in the order of their places."""

    def __str__(self) -> str:
        """Return all mistakes, a line each."""
        return "\n".join(map(str, self.exceptions))

    def derive(self, excs: Sequence[SourceError]) -> SourceErrors:  # type: ignore[override]
        return SourceErrors(self.message, excs)


class ConsentError(QbatchError):
    """Refused for want of consent or budget (exit code 6)."""


class ProviderError(QbatchError):
    """Talking to a provider went wrong; the text starts with the provider's name."""


class Refused(ProviderError):
    """The provider understood and said no: sending the same again is pointless."""


class CredentialsError(Refused):
    """No credential, or one the provider does not take."""

    remedy = "`qbatch auth` says where each credential comes from, and tests it"


class NotAllowed(CredentialsError, ConsentError):
    """A manifest names a secret, a door or a line for a shell that is the person's to allow."""

    remedy = ""


class Elsewhere(NotAllowed):
    """A credential would leave for a host that is neither its vendor's nor allowed.

    Args:
        message: What would go where, and how to allow it.
        host: What the person may allow; None: nothing makes it right.
        source: Where the credential comes from ("env:OQC_TOKEN"), "" where that is not known.
    """

    def __init__(self, message: str, *, host: str | None = None, source: str = "") -> None:
        super().__init__(message)
        self.host = host
        self.source = source


class OutOfFunds(Refused):
    """The account's credits or budget are used up; nothing was bought."""


class TooLarge(Refused):
    """More than the provider takes in one submission; nothing was bought."""


class Unfit(Refused):
    """The manifest asks the provider for a target or a setting that it does not have."""


class Unavailable(ProviderError):
    """The provider cannot answer now: asking again later may help.

    Args:
        message: What happened.
        retry_after_s: Seconds the provider asked us to wait, or None.
        unsent: True when the provider certainly did not act on the request (no connection came
            about, or it said so: 423, 429), so that even a call that spends may be sent again.
        is_full: True when the provider answered that it takes no more for now: a limit of requests,
            jobs or lanes is reached. Implies `unsent`; waiting helps, and is no failed attempt.
        otherwise: What the answer says, where it reads as a refusal but does not prove that the
            provider did not act: it holds if it turns out that nothing was bought.
    """

    remedy = "run the same command again later"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        unsent: bool = False,
        is_full: bool = False,
        otherwise: Refused | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.unsent = unsent or is_full
        self.is_full = is_full
        self.otherwise = otherwise


class Misspoke(ProviderError):
    """The provider's answer is not as documented; `raw` keeps it, redacted."""

    remedy = "run the same command again; if the answer stays so, report it to qbatch's developers"

    def __init__(self, message: str, *, raw: str = "") -> None:
        super().__init__(message)
        self.raw = raw


class SnapshotError(QbatchError):
    """A run folder cannot be read, written or trusted."""


class RunLockedError(SnapshotError):
    """Another runner holds the run folder."""


class UnwritableError(SnapshotError):
    """A file that is made from a run, a plan or a schema cannot be written.

    Args:
        problem: The place, and why.
        remedy: How to mend it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem


class PointsFailed(QbatchError):
    """Points of a run failed, were cancelled or are held.

    Args:
        run: Name of the run.
        num_points: Of the run.
        points: These points, in plan order: each has `name`, `state` and `error`.
    """

    #: So many are named in the text.
    NAMED = 20

    def __init__(self, run: str, num_points: int, points: Sequence[Any]) -> None:
        told = [f"  {one.name}: {_told_end(one)}" for one in points]
        more = len(told) - self.NAMED
        lines = told[: self.NAMED] + ([f"  and {more} more"] if more > 0 else [])
        head = f"{run}: {len(told)} of {num_points} points came to nothing:"
        super().__init__("\n".join([head, *lines]))
        self.points = tuple(points)


def _told_end(point: Any) -> str:
    """How a point ended, and why; what a person cancelled needs no reason."""
    why = point.error or ("" if point.state == "cancelled" else "no reason given")
    return f"{point.state}: {why}" if why else f"{point.state}"


class NotApproved(ConsentError):
    """A run would cost, and nobody agreed to that; nothing was bought.

    Attributes:
        offer: The plan and its price, a `qbatch.executor.Offer`; given as `approve` it is agreed
            to.
    """

    def __init__(self, message: str, offer: Any) -> None:
        super().__init__(message)
        self.offer = offer


class NotAllBought(ConsentError):
    """Less was bought than was wanted.

    Attributes:
        run: What there is, a `qbatch.snapshot.Run` opened for reading.
        reasons: Backend -> why.
    """

    def __init__(self, run: Any, reasons: Mapping[str, str]) -> None:
        told = "; ".join(f"{backend}: {reason}" for backend, reason in reasons.items())
        super().__init__(f"{run.folder}: not all was bought: {told}")
        self.run = run
        self.reasons = dict(reasons)


class OverBudget(NotAllBought):
    """A limit was reached; `reasons` say which, and what one more purchase would make of it."""


class NotAgreed(NotAllBought):
    """The rest was no part of what was agreed to; `reasons` name it."""


class ExtraError(QbatchError):
    """A package is not installed, which an `extra` of qbatch brings."""

    extra = ""

    def __init__(self, package: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{package} is not installed; pip install 'qbatch[{extra}]' brings it")


class SelectionError(QbatchError):
    """Something named on the command line or in an API call does not exist (exit code 2)."""


class JobStateError(QbatchError):
    """A move the state table does not allow: a bug in qbatch, never the person's fault."""

    remedy = "report it to qbatch's developers"
