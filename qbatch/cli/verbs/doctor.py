"""``qbatch doctor``: is everything a run relies on as it should be?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.options import json_option, trust_option, yes_option
from qbatch.cli.tables import say
from qbatch.errors import SnapshotError

if TYPE_CHECKING:
    from qbatch.cli.findings import Finding
    from qbatch.manifest import Manifest
    from qbatch.providers import Surroundings

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "wrong": "red"}


@click.command()
@click.argument(
    "subject", metavar="[RUN|MANIFEST]", required=False, type=click.Path(path_type=Path)
)
@click.option(
    "--bits",
    is_flag=True,
    help="Test the bit order of the manifest's clouds; costs a job on each.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Mend a damaged run folder where that is safe; the damaged files are kept beside it.",
)
@trust_option
@yes_option
@json_option
def doctor(
    subject: Path | None, bits: bool, repair: bool, trust: bool, yes: bool, as_json: bool
) -> int:
    """Check this machine, the run folder, and every configured cloud.

    Versions, clock, disk, durability and locks; with RUN or a MANIFEST that was run, also every
    page and result of its folder, and what can be done about damage; with --bits an asymmetric
    state on each target, whose verdict `qbatch backends` shows. Exit code 0 when nothing is wrong,
    7 credentials, 6 one that would go where it may not, 8 out of reach, 9 the run folder, 1
    anything else.
    """
    from qbatch.cli.findings import look_at_clouds, look_at_machine, look_at_run
    from qbatch.cli.permits import surroundings_of

    if repair and subject is None:
        raise click.UsageError("--repair needs a run folder, or the manifest that was run")
    folder, manifest = _subject(subject, trust=trust)
    around = surroundings_of(manifest, trust=trust)
    if bits and manifest is None:
        raise click.UsageError("--bits needs a manifest: whose targets?")
    looks = (
        look_at_machine(folder),
        look_at_run(folder, repair=repair),
        look_at_clouds(manifest, around),
    )
    findings = [finding for look in looks for finding in look]
    if not as_json:
        _tell(findings)
    if bits and manifest is not None:
        tested = _test_bits(manifest, around, yes=yes)
        if not as_json:
            _tell(tested)
        findings += tested
    if as_json:
        click.echo(json.dumps([each.facts for each in findings], ensure_ascii=False))
    return min((each.code for each in findings if each.word == "wrong"), default=0, key=_weight)


def _weight(code: int) -> int:
    """Credentials and where they go first, then reach, then the folder, then the rest."""
    return [7, 6, 8, 9, 1].index(code)


def _subject(subject: Path | None, *, trust: bool) -> tuple[Path, Manifest | None]:
    """The run folder that is meant, and the manifest where one is named or kept."""
    from qbatch.cli.runs import folder_of, open_named
    from qbatch.manifest import load_manifest
    from qbatch.project import project_root
    from qbatch.snapshot import RUNS

    if subject is None:
        return project_root(Path()) / RUNS, None
    if subject.is_file() and subject.suffix in (".yaml", ".yml", ".json"):
        manifest = load_manifest(subject, trust=trust)
        return folder_of(manifest, None), manifest
    try:
        with open_named(subject) as run:
            return run.folder, run.manifest
    except SnapshotError:  # what is wrong with it is found by looking at it
        return subject if subject.is_dir() else subject.parent, None


def _test_bits(manifest: Manifest, around: Surroundings, *, yes: bool) -> list[Finding]:
    from qbatch.cli.findings import try_bit_order

    return try_bit_order(manifest, around, yes=yes)


def _tell(findings: list[Finding]) -> None:
    for each in findings:
        word = click.style(each.word.ljust(8), fg=_COLOURS[each.word])
        say(f"{word} {each.about + ':':<14} {each.said}")
