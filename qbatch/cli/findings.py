"""What `doctor` looks at, each look a function that returns findings."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qbatch.cli.exits import Exit, code_of
from qbatch.cli.tables import tell
from qbatch.errors import ProviderError, SnapshotError
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.plan.pricing.offer import Offer
    from qbatch.providers import Surroundings
    from qbatch.snapshot import Run

#: Free space below which a run may not get far, bytes.
LITTLE_BYTES = 1_000_000_000
NO_BYTES = 50_000_000

#: A clock this far off makes tokens and windows wrong, seconds.
CLOCK_OFF_S = 5.0

#: What `auth` says of a credential that is of no use -> the exit code.
_CODES = {
    "none": Exit.CREDENTIALS,
    "refused": Exit.CREDENTIALS,
    "withheld": Exit.NO_CONSENT,
    "out of reach": Exit.UNREACHABLE,
}

#: Damaged points told by name.
MAX_TOLD = 20

#: A durable write that takes longer slows every purchase down, seconds.
SLOW_SYNC_S = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        word: "wrong" makes the exit code.
        about: In a word or two.
        code: The exit code where it is wrong.
    """

    word: Literal["ok", "note", "warning", "wrong"]
    about: str
    said: str
    code: int = Exit.SOME_FAILED

    @property
    def facts(self) -> dict[str, str]:
        """What `--json` says."""
        return {"verdict": self.word, "about": self.about, "said": self.said}


def look_at_machine(folder: Path) -> Iterator[Finding]:
    """Versions, disk, durability and locks where the run folder is or would be."""
    from qbatch.plan.pinning.lock import installed_versions

    yield Finding("ok", "python", sys.version.split()[0])
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    yield Finding("ok", "packages", versions)
    place = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.1f} GB free in {place}"
    if free < NO_BYTES:
        yield Finding("wrong", "disk", f"{said}; make room")
    else:
        yield Finding("warning" if free < LITTLE_BYTES else "ok", "disk", said)
    yield _look_at_durability(place)


def _look_at_durability(place: Path) -> Finding:
    """Make a snapshot there, with its lock and its syncs, and throw it away."""
    from qbatch.snapshot import Snapshot
    from qbatch.snapshot.faults import unusable

    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".qbatch-doctor-", dir=place) as trial,
            Snapshot(Path(trial), durability="full") as snapshot,
        ):
            began = time.monotonic()
            snapshot.set_meta(doctor="was here")
            sync_s = time.monotonic() - began
    except OSError as error:
        return Finding("wrong", "durability", str(unusable(place, error)), Exit.PENDING)
    except SnapshotError as error:
        return Finding("wrong", "durability", str(error), Exit.PENDING)
    said = (
        f"locks are kept; a durable step takes {sync_s * 1e3:.1f} ms "
        f"({time.monotonic() - started:.2f} s with all)"
    )
    return Finding("warning" if sync_s > SLOW_SYNC_S else "ok", "durability", said)


def look_at_run(folder: Path, *, repair: bool = False) -> Iterator[Finding]:
    """Every page, row and result of the run folder, where there is one; mended, if asked for."""
    from qbatch.snapshot import bulk, holder_of, is_run_folder
    from qbatch.snapshot.examine import examine

    if not is_run_folder(folder):
        return
    try:
        found = examine(folder)
    except SnapshotError as error:
        if not repair:
            yield Finding("wrong", "snapshot", str(error), Exit.PENDING)
            yield from _say_what_can_be_mended(folder)
            return
        try:
            yield from _mend(folder)
            found = examine(folder)
        except SnapshotError as refusal:
            yield Finding("wrong", "snapshot", str(error), Exit.PENDING)
            yield Finding("wrong", "repair", str(refusal), Exit.PENDING)
            return
    said = f"{found.points} points, {found.results} results, {found.replies} replies: all whole"
    yield Finding("ok", "snapshot", said)
    if not bulk.is_whole(folder):
        said = (
            f"{bulk.NAME} is damaged: nothing is lost, the next report makes it anew from the rows"
        )
        yield Finding("note", "pages", said)
    if holder := holder_of(folder):
        yield Finding("note", "runner", holder)


def _say_what_can_be_mended(folder: Path) -> Iterator[Finding]:
    from qbatch.snapshot.recovery.repair import diagnose

    try:
        diagnosis = diagnose(folder)
    except SnapshotError as error:
        yield Finding("note", "repair", f"nothing can be mended: {error}")
        return
    if diagnosis.refused:
        yield from _told("note", "not mended", diagnosis.refused)
        advice = "restore the folder from a copy, or begin anew with `qbatch run --fresh`"
        yield Finding("note", "repair", f"{advice}: either may buy again what is not in it")
        return
    yield from _told("note", "damaged", diagnosis.told or ["what SQLite keeps beside the rows"])
    yield Finding("note", "repair", f"`qbatch doctor {folder} --repair` mends it")


def _mend(folder: Path) -> Iterator[Finding]:
    from qbatch.snapshot.recovery.repair import repair

    mended = repair(folder)
    yield from _told("note", "mended", mended.told or ["what SQLite keeps beside the rows"])
    kept = ", ".join(map(str, mended.kept))
    yield Finding("note", "kept", f"the damaged files: {kept}")


def _told(word: Literal["note"], about: str, sentences: Sequence[str]) -> Iterator[Finding]:
    for sentence in sentences[:MAX_TOLD]:
        yield Finding(word, about, sentence)
    if len(sentences) > MAX_TOLD:
        yield Finding(word, about, f"and {len(sentences) - MAX_TOLD} more")


def look_at_clouds(manifest: Manifest | None, around: Surroundings) -> Iterator[Finding]:
    """Credentials, reach and clocks of every configured cloud."""
    from qbatch.cli.bit_order import services_of
    from qbatch.cli.clouds import find_accounts
    from qbatch.cli.verbs.auth import examine
    from qbatch.executor.enquire import read_clocks
    from qbatch.providers import is_local

    accounts = [each for each in find_accounts(manifest, around) if not is_local(each.provider)]
    if manifest is not None:
        accounts = [each for each in accounts if each.backends]
    urls: list[str] = []
    for verdict in examine(accounts):
        account = verdict.account
        if verdict.word == "ok":
            yield Finding("ok", account.name, f"{account.source} taken, {verdict.targets} targets")
        elif verdict.word == "none" and not account.backends:
            yield Finding("note", account.name, verdict.advice)
        else:
            yield Finding("wrong", account.name, verdict.advice, _CODES[verdict.word])
        if account.is_configured and account.driver is not None:
            urls += services_of(account.driver).split()
    yield from _clocks(read_clocks(urls))


def _clocks(clocks: Mapping[str, float | ProviderError]) -> Iterator[Finding]:
    offsets = [each for each in clocks.values() if not isinstance(each, ProviderError)]
    for url, found in clocks.items():
        if isinstance(found, ProviderError):
            said = f"{url}: {str(found).removeprefix('clock: ')}"
            yield Finding("warning", "network", said, code_of(found))
    if not offsets:
        yield Finding("note", "clock", "no cloud was asked for the time")
        return
    worst = max(offsets, key=abs)
    is_off = abs(worst) > CLOCK_OFF_S
    said = f"{abs(worst):.0f} s {'behind' if worst > 0 else 'ahead of'} the clouds'"
    said = f"{said}; set it" if is_off else f"within {CLOCK_OFF_S:g} s of the clouds'"
    yield Finding("wrong" if is_off else "ok", "clock", said)


# -- bit order ----------------------------------------------------------------------------------


def try_bit_order(manifest: Manifest, around: Surroundings, *, yes: bool) -> list[Finding]:
    """Run the self-test on every cloud target of a manifest; keep and return the verdicts.

    Raises:
        ConsentError: Its price was not agreed to.
    """
    from qbatch.cli.bit_order import bits_manifest
    from qbatch.executor import run
    from qbatch.providers import is_local
    from qbatch.state import state_folder

    if all(is_local(backend.provider) for backend in manifest.backends.values()):
        return [Finding("note", "bit order", "the manifest has no cloud to test")]
    test = bits_manifest(manifest)
    folder = state_folder() / "bits" / test.name
    done = run(
        test,
        out=folder,
        fresh=_is_over(folder),
        surroundings=around,
        approve=partial(_agree, yes=yes),
    )
    with done:
        return list(_verdicts(test, done, around))


def _is_over(folder: Path) -> bool:
    """An earlier test ended: this is a new one. One that was cut off is brought to its end."""
    from qbatch.snapshot import Run, is_run_folder

    if not is_run_folder(folder):
        return False
    with Run(folder) as run:
        return all(state.is_final for state in run.counts_by_state())


def _agree(offer: Offer, *, yes: bool) -> bool:

    from qbatch.cli.runs import ask
    from qbatch.cli.words import headline

    tell(headline(offer.plan.manifest.name, offer.summary))
    if offer.costs:
        ask("Run the bit-order test?", yes=yes)
    return True


def _verdicts(test: Manifest, done: Run, around: Surroundings) -> Iterator[Finding]:
    from qbatch.cli.bit_order import judge, keep_verdicts, services_of, targets_of
    from qbatch.cli.clouds import find_accounts

    services = {
        name: (each.provider, services_of(each.driver))
        for each in find_accounts(test, around)
        for name in each.backends
    }
    for point in done:
        target = done.targets[point.backend]["name"]
        if point.counts is None:
            said = f"{target}: {point.job.error or point.state.value}"
            yield Finding("wrong", "bit order", said)
            continue
        verdict = judge(point.counts)
        provider, service = services[point.backend]
        keep_verdicts(provider, service, targets_of([(target, verdict)]))
        yield Finding("ok" if verdict == "ok" else "wrong", "bit order", f"{target}: {verdict}")
