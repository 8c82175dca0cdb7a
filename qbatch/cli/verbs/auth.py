"""``qbatch auth``: where each credential comes from, and whether its cloud takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.options import json_option, trust_option
from qbatch.cli.tables import say, tell
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.cli.clouds import Account
    from qbatch.errors import ProviderError

_COLOURS = {"ok": "green", "none": "yellow"}


@click.command()
@click.argument("manifest", required=False, type=click.Path(path_type=Path))
@trust_option
@json_option
def auth(manifest: Path | None, trust: bool, as_json: bool) -> int:
    """Say where each cloud's credential comes from and goes, and test it with one harmless call.

    Without MANIFEST: every cloud, by the environment. Never shows a credential. Exit code 7 when
    one that is set is refused or one that MANIFEST needs is missing, 6 when one would go where you
    did not allow, 8 when a cloud is out of reach. Without MANIFEST it is also 7 when no cloud has
    a credential.
    """
    from qbatch.cli.clouds import find_accounts
    from qbatch.cli.permits import surroundings_of
    from qbatch.manifest import load_manifest
    from qbatch.providers import is_local

    loaded = None if manifest is None else load_manifest(manifest, trust=trust)
    around = surroundings_of(loaded, trust=trust)
    clouds = [each for each in find_accounts(loaded, around) if not is_local(each.provider)]
    verdicts = examine(clouds)
    if loaded is not None:
        verdicts = [each for each in verdicts if each.account.backends]
    if as_json:
        click.echo(json.dumps([each.facts for each in verdicts], ensure_ascii=False))
    else:
        for verdict in verdicts:
            _tell(verdict)
        if not verdicts:
            tell("the manifest uses no cloud: nothing to test")
    return _code(verdicts, is_manifest=loaded is not None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of testing an account.

    Attributes:
        word: "ok", "none" (no credential), "withheld" (it may not be read, or not go there),
            "refused", "out of reach".
        targets: Machines it may run on, once it was taken.
        error: What is wrong.
    """

    account: Account
    word: str
    targets: int = 0
    error: ProviderError | None = None

    @property
    def advice(self) -> str:
        """What is wrong and which variable to set; "" where all is well."""
        if self.error is None:
            return ""
        said = str(self.error).removeprefix(f"{self.account.provider}: ")
        if self.word == "refused" and self.account.source:
            where = self.account.source.replace("env:", "")
            return f"{said.rstrip('.')}; put a valid one into {where}"
        return said

    @property
    def facts(self) -> dict[str, object]:
        """What `--json` says."""
        return {
            "provider": self.account.provider,
            "backends": list(self.account.backends),
            "credential": self.account.source,
            "goes_to": list(self.account.hosts),
            "verdict": self.word,
            "targets": self.targets,
            "advice": self.advice,
        }


def examine(accounts: list[Account]) -> list[Verdict]:
    """Test each account that has a credential with one harmless call."""
    from qbatch.cli.verbs.backends import list_targets
    from qbatch.executor.enquire import enquire

    drivers = {each.name: each.driver for each in accounts if each.driver and not each.error}
    answers = enquire(drivers, list_targets)
    verdicts = []
    for account in accounts:
        answer = answers.get(account.name, account.error)
        if answer is None or isinstance(answer, Exception):
            verdicts.append(Verdict(account, _word(account, answer), error=answer))
        else:
            verdicts.append(Verdict(account, "ok", len(answer)))
    return verdicts


def _word(account: Account, error: Exception | None) -> str:
    from qbatch.errors import CredentialsError, NotAllowed, Refused

    if isinstance(error, NotAllowed):
        return "withheld"
    if isinstance(error, CredentialsError):
        return "refused" if account.source else "none"
    return "refused" if isinstance(error, Refused) else "out of reach"


def _tell(verdict: Verdict) -> None:
    from qbatch.report.numbers import count_of

    account = verdict.account
    word = click.style(verdict.word.ljust(12), fg=_COLOURS.get(verdict.word, "red"))
    said = [f"{account.source} to {', '.join(account.hosts)}"] if account.source else []
    if verdict.word == "ok":
        said.append(f"taken; {count_of(verdict.targets, 'target')}")
    elif verdict.advice:
        said.append(verdict.advice)
    say(f"{word} {account.name}: {': '.join(said)}")


def _code(verdicts: list[Verdict], *, is_manifest: bool) -> int:
    from qbatch.cli.exits import Exit

    words = {verdict.word for verdict in verdicts}
    if "refused" in words or (is_manifest and "none" in words):
        return Exit.CREDENTIALS
    if "withheld" in words:
        return Exit.NO_CONSENT
    if "out of reach" in words:
        return Exit.UNREACHABLE
    return Exit.CREDENTIALS if words == {"none"} else Exit.DONE
