"""What a provider is to the rest of qbatch: one `Driver` per backend of a manifest.

Rules: a driver never sleeps, loops or retries, and never touches the snapshot; each method is one
short conversation. Time, retries, pacing, budgets and durability belong to the executor. The order
of calls on one composite job is always

    prepare* -> [intend -> (durable) -> submit] -> poll* -> fetch -> release

and after a crash or a lost answer `locate` before anything else. Emulators share no code with this
package.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.frozen import dataclass
from qbatch.providers.answers import Answer
from qbatch.providers.batch import Batch, Fetched, Intent, Order, Prepared
from qbatch.providers.kit.permission import CredentialRule, Permission, read_permission
from qbatch.providers.target import Choice, Quote, Target

if TYPE_CHECKING:
    import httpx

    from qbatch.job import CompositeJob


def _nobody(batch: Batch, text: str) -> None:
    del batch, text


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of the world outside that a driver may see: a rehearsal replaces it whole.

    Attributes:
        environ: Environment variables, for URLs and credentials.
        transport: Where HTTP requests go; None: the network.
        run_id: Random per run folder; part of every key we choose at a cloud, so that two runs of
            one manifest never take each other's jobs for their own.
        run_folder: Where the run is kept; None: nowhere yet, to plan alone.
        is_virtual: The clock is virtual: work must be done inline, never in threads or processes.
        only_sees: What was sent before is seen to (fetched, cancelled), and nothing is computed.
        folder: The manifest's, from which files that a backend names are read.
        now: The calendar; UTC, seconds since 1970.
        permission: What the person lets manifests do with credentials.
        rule: Where this backend's credential may go, for its wire; `open_driver` makes it.
        tell: Told, in the cloud's words, what was done for a composite job inside one call
            (uploaded, quoted). What the executor sees for itself is not told here.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    transport: httpx.AsyncBaseTransport | None = None
    run_id: str = ""
    run_folder: Path | None = None
    is_virtual: bool = False
    only_sees: bool = False
    folder: Path = field(default_factory=Path)
    now: Callable[[], float] = time.time
    permission: Permission = field(default_factory=Permission)
    rule: CredentialRule = field(default_factory=CredentialRule)
    tell: Callable[[Batch, str], None] = _nobody

    @classmethod
    def of_this_process(cls, *, is_trusted: bool = False) -> Surroundings:
        """Return what drivers see where nothing is replaced.

        Args:
            is_trusted: The manifest may send credentials wherever it says, by https.

        Raises:
            SourceError: The person's configuration is wrong.
        """
        permission = read_permission(os.environ, is_trusted=is_trusted)
        return cls(environ=os.environ, permission=permission)


class Driver(Protocol):
    """One backend of a manifest, spoken to. Made by the factory in its provider's module.

    Methods raise `Refused`, `Unavailable` or `Misspoke`, never anything else on purpose.
    """

    #: True when sending twice costs nothing and nothing outlives this process (local): the
    #: executor then needs no fsync before `submit`.
    is_local: bool

    async def describe(self) -> Target:
        """Say what the target is and takes now."""
        ...

    def account(self) -> str:
        """Name whose account this is, readable: where it is, and what identifies it there.

        Asked after `describe`, and makes no call. The same text is the same account: what was
        bought under one is never looked for, or bought again, under another. So it holds what
        stays as a credential is renewed (project, organization, user), where the cloud tells of
        that; never a secret (`kit.accounts`). "" where nothing outlives this process (local).
        """
        ...

    def check(self, order: Order, target: Target) -> str | None:
        """Say why `target` cannot run `order` (too wide, too deep, a gate), or None. Pure, fast."""
        ...

    async def prepare(self, batch: Batch) -> Prepared:
        """Do what costs nothing before submission: upload, allocate ids, ask for a quote.

        `TooLarge`, from here or from `submit`, makes the executor try again with halves;
        `Unavailable` that `is_full` makes it wait until the provider takes jobs again.
        """
        ...

    def intend(self, batch: Batch) -> Intent:
        """Compute key and bytes of the submission from the batch and its memo. Pure."""
        ...

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Send it: the only call that spends. One answer per child.

        A child may come back `Declined` (refused: nothing bought), `NotTaken` (send it later) or
        `Unclear`. A lost answer is raised as `Unavailable` with `unsent` False.
        """
        ...

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Say for each child whether the provider has it. Reads only."""
        ...

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Ask for news of everything in flight with as few calls as the provider allows.

        May wait for the first news where `Target.poll_s` is (0, 0). May answer in parts: see
        `answers.Part`.
        """
        ...

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results of completed children. Repeatable."""
        ...

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        """Ask for these children to be stopped; the answers say what came of it."""
        ...

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Give back what the provider holds for us, once all results are durable. Repeatable.

        Returns:
            Job id -> what it finally cost, in the target's unit, where only now that is known.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and workers."""
        ...


@runtime_checkable
class Translates(Protocol):
    """What a driver offers that translates circuits to its target's own gates."""

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated.
        """
        ...


@runtime_checkable
class Recalls(Protocol):
    """What a driver offers whose cloud shows what was sent under the names that qbatch gives.

    Copies of a run folder give the same names to the same purchases.
    """

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Say which children were sent before, by another copy of the run folder. Reads only.

        The batch is prepared, and not sent from here. One that is there and cannot be followed
        under this batch is HELD, with where a person finds it; one that is not there is left out.
        """
        ...


@runtime_checkable
class Repeats(Protocol):
    """What a driver offers whose cloud takes a purchase once, however often its key is sent."""

    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Send again, word for word, what was sent before, and say what became of it.

        Asked only after `locate` answered `Repeatable`, and only by a run that may buy: what the
        cloud took it answers with, what never reached it it takes now. Money is reserved for it as
        before. Never answered with `NotTaken`; and a refusal of this sending is none of the first.
        """
        ...


@runtime_checkable
class Quotes(Protocol):
    """What a driver offers whose cloud quotes each job, in several ways to buy it.

    Its `prepare` may be called for what is never bought: it costs nothing and leaves nothing that
    anybody has to put away.
    """

    def quotes(self, batch: Batch) -> Sequence[Quote]:
        """Say in what ways a job that is prepared can be bought. Pure: from the batch's memo."""
        ...


@runtime_checkable
class Leaves(Protocol):
    """What a driver offers whose jobs cost by being left."""

    async def leave(self, batches: Sequence[Batch]) -> None:
        """The run ends while these are in flight, and is not detached: stop what costs by that.

        Nothing is lost: what comes of their jobs is told by `locate` and `poll` in the next run.
        """
        ...


@runtime_checkable
class Forsakes(Protocol):
    """What a driver offers whose backend may have sent jobs elsewhere, as it was set before."""

    async def forsake(self, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
        """Stop what others still do for composite jobs that were sent, and begin anew here.

        Returns:
            What a person should know of it; "" where nobody did anything.
        """
        ...


@runtime_checkable
class GetsReady(Protocol):
    """What a driver offers that takes a while until it can compute."""

    async def get_ready(self) -> None:
        """Begin with that, and return soon: jobs will come, as soon as the plan is kept."""
        ...


@runtime_checkable
class TellsCalibration(Protocol):
    """What a driver offers whose cloud tells a machine's calibration, and not with each job."""

    async def read_calibration(self) -> Any:
        """Read what holds now, JSON; None where the machine has none. One request.

        What changes with each answer (when it was asked) is left out: the same document is the
        same calibration.
        """
        ...


class Catalogue(Protocol):
    """What a driver of a cloud may offer beside `Driver`, for `backends`, `auth` and `doctor`.

    A driver without it is used all the same; those verbs then know less about its cloud.
    """

    def credential_source(self) -> str:
        """Say where the credential comes from ("env:OQC_TOKEN"); never its text.

        Raises:
            CredentialsError: There is none; the message names the variables to set.
        """
        ...

    def base_urls(self) -> Sequence[str]:
        """Return where the cloud's services are."""
        ...

    def storage_urls(self) -> Sequence[str]:
        """Return which stores of the person's own it uses, where it uses any."""
        ...

    async def list_targets(self) -> Sequence[Target]:
        """List what the account may run on: a harmless call with the credential.

        Targets are as `Driver.describe` gives them, without what costs further calls.
        """
        ...

    async def choices(self) -> Mapping[str, Sequence[Choice]]:
        """List, for options whose values only the cloud knows: option -> values."""
        ...
