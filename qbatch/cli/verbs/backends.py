"""``qbatch backends``: what there is to run on, now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.completing import complete_providers
from qbatch.cli.options import json_option, trust_option
from qbatch.cli.tables import flat, format_table, say, tell
from qbatch.frozen import dataclass
from qbatch.instants import told_if_known

if TYPE_CHECKING:
    from qbatch.cli.clouds import Account
    from qbatch.errors import ProviderError
    from qbatch.providers import Choice, Driver, Price, Target

Listed = dict[str, "Sequence[Target] | ProviderError"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What options of a cloud's backends may be, as the cloud lists it.

    Attributes:
        of: Option -> its values.
        error: Why they could not be listed; the targets are told all the same.
    """

    of: Mapping[str, Sequence[Choice]]
    error: ProviderError | None = None


@click.command()
@click.argument("manifest", required=False, type=click.Path(path_type=Path))
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_providers,
    help="Only this cloud's (or local).",
)
@click.option(
    "--calibration",
    metavar="DATE|latest",
    callback=lambda _context, _option, value: _check_date(value),
    help="Print the targets' calibration of that day (YYYY-MM-DD) as JSON, where a cloud has one.",
)
@click.option(
    "--details",
    is_flag=True,
    help="Tell also what each cloud says of its targets (features, status), and what it lists "
    "for options, such as categories of jobs (--json does so anyway).",
)
@trust_option
@json_option
def backends(
    manifest: Path | None,
    provider: str | None,
    calibration: str | None,
    details: bool,
    trust: bool,
    as_json: bool,
) -> int:
    """List the targets of every configured cloud: those of MANIFEST, and of the environment.

    A cloud without credentials is shown as such. Exit code 7 when a cloud that MANIFEST needs has
    no credential or refuses it, 8 when one is out of reach.
    """
    from qbatch.cli.clouds import find_accounts
    from qbatch.cli.permits import surroundings_of
    from qbatch.executor.enquire import enquire
    from qbatch.manifest import load_manifest

    loaded = None if manifest is None else load_manifest(manifest, trust=trust)
    accounts = find_accounts(loaded, surroundings_of(loaded, trust=trust), provider)
    usable = {each.name: each.driver for each in accounts if each.driver and not each.error}
    if calibration is not None:
        return _tell_calibrations(usable, None if calibration == "latest" else calibration)
    choices: dict[str, Choices] = {}
    names = {id(driver): name for name, driver in usable.items()}

    async def ask(driver: Driver) -> Sequence[Target]:
        found = await list_targets(driver)
        if details or as_json:
            choices[names[id(driver)]] = await _list_choices(driver)
        return found

    listed: Listed = enquire(usable, ask)
    if as_json:
        none = Choices({})
        facts = [
            _facts(each, listed.get(each.name), choices.get(each.name, none)) for each in accounts
        ]
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        _tell(accounts, listed)
        if details:
            _tell_details(accounts, listed, choices)
    return _code(accounts, listed, choices)


def _check_date(value: str | None) -> str | None:
    from datetime import date

    if value in (None, "latest"):
        return value
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is no day; write YYYY-MM-DD or latest") from None


def _tell_calibrations(drivers: Mapping[str, Driver], date: str | None) -> int:
    """Print what each cloud says, as it says it: cloud -> target -> calibration."""
    from qbatch.cli.exits import Exit, code_of
    from qbatch.executor.enquire import enquire

    async def ask(driver: Any) -> dict[str, Any]:
        return dict(await driver.calibrations(date))

    able = {name: driver for name, driver in drivers.items() if hasattr(driver, "calibrations")}
    answers = enquire(able, ask)
    told = {name: each for name, each in answers.items() if not isinstance(each, Exception)}
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    errors = [each for each in answers.values() if isinstance(each, Exception)]
    for error in errors:
        tell(str(error))
    return min(map(code_of, errors), default=Exit.DONE)


async def list_targets(driver: Driver) -> Sequence[Target]:
    """The targets of a driver's cloud; where it cannot list them, its own."""
    asked: Any = getattr(driver, "list_targets", None)
    if asked is None:
        return [await driver.describe()]
    found: Sequence[Target] = await asked()
    return found


async def _list_choices(driver: Any) -> Choices:
    """The values of options that a driver's cloud lists, where it does."""
    from qbatch.errors import ProviderError, Unavailable

    if not hasattr(driver, "choices"):
        return Choices({})
    try:
        return Choices(await driver.choices())
    except Unavailable:
        raise  # asked again
    except ProviderError as error:
        return Choices({}, error)


def _facts(
    account: Account, found: Sequence[Target] | ProviderError | None, choices: Choices
) -> dict[str, Any]:
    error = found if isinstance(found, Exception) else account.error or choices.error
    targets = [] if found is None or isinstance(found, Exception) else found
    return {
        "provider": account.provider,
        "backends": list(account.backends),
        "credential": account.source,
        "error": None if error is None else str(error),
        "targets": [_target_facts(account, target) for target in targets],
        "choices": {option: list(map(asdict, each)) for option, each in choices.of.items()},
    }


def _target_facts(account: Account, target: Target) -> dict[str, Any]:
    from qbatch.cli.bit_order import kept_verdict

    price = target.price
    return {
        "target": target.name,
        "tier": target.tier,
        "state": target.standing,
        "qubits": target.num_qubits,
        "min_shots": target.min_shots,
        "max_shots": target.max_shots,
        "limits": limits_in_words(target),
        "in_flight": target.in_flight,
        "max_jobs": target.max_jobs,
        "queue": target.queue_depth,
        "next_window_at": target.next_window_at,
        "price": price_in_words(price),
        "unit": price.unit,
        "is_emulated": account.is_emulated,
        "facts": dict(target.facts),
        "bits": kept_verdict(account, target),
    }


def limits_in_words(target: Target) -> str:
    """What it takes at once: ``5 at once of 100 points each, 10 jobs a minute``."""
    of = f" of {target.max_jobs} points each" if target.max_jobs > 1 else ""
    return ", ".join([f"{target.in_flight} at once{of}", *map(str, target.rates)])


def price_in_words(price: Price) -> str:
    """A price as a person reads it, its unit included."""
    from qbatch.plan.pricing.summary import price_formula

    return f"{price.unit}, quoted per job" if price.quoted else price_formula(price)


def _tell(accounts: Sequence[Account], listed: Listed) -> None:

    told = {each.name: listed.get(each.name) for each in accounts}
    targets = {name: found for name, found in told.items() if isinstance(found, Sequence)}
    has_tiers = any(target.tier for found in targets.values() for target in found)
    tier = ["tier"] if has_tiers else []
    rows = []
    for account in accounts:
        for target in targets.get(account.name, ()):
            facts = _target_facts(account, target)
            cells = (
                *("target", *tier, "state", "qubits", "max_shots", "limits", "queue"),
                "next_window_at",
            )
            facts["next_window_at"] = told_if_known(facts["next_window_at"], "minute")
            texts = ["" if facts[cell] is None else str(facts[cell]) for cell in cells]
            price = facts["price"] + (account.mark if facts["unit"] else "")
            rows.append([account.name, *texts, price, facts["bits"] or ""])
    head = ["cloud", "target", *tier, "state", "qubits", "max shots", "limits", "queue"]
    head.append("next window")
    click.echo(format_table([*head, "price", "bit order"], rows))
    for account in accounts:
        found = listed.get(account.name)
        error = found if isinstance(found, Exception) else account.error
        if error is not None:
            said = str(error).removeprefix(f"{account.provider}: ")
            tell(f"{click.style(account.name, bold=True)}: {said}")


def _tell_details(
    accounts: Sequence[Account], listed: Listed, choices: Mapping[str, Choices]
) -> None:
    """Tell what is known of each target, a fact a line, and what options may be."""
    for account in accounts:
        found = listed.get(account.name)
        for target in () if found is None or isinstance(found, Exception) else found:
            facts = list(flat(target.facts))
            if facts:
                say(f"\n{click.style(f'{account.name}: {target.name}', bold=True)}")
            for name, text in facts:
                say(f"  {name}: {text}")
        if account.name in choices:
            _tell_choices(account, choices[account.name])


def _tell_choices(account: Account, choices: Choices) -> None:
    """Tell what may be written under options, a group a line."""
    for option, values in choices.of.items():
        heading = f"{account.name}: options: {{{option}: …}}"
        say(f"\n{click.style(heading, bold=True)}, one of:")
        groups: dict[str, list[str]] = {}
        for each in values:
            text = f"{each.value} ({each.name})" if each.name else each.value
            groups.setdefault(each.group, []).append(text)
        for group, texts in groups.items():
            say(f"  {f'{group}: ' if group else ''}{', '.join(texts)}")
    if choices.error is not None:
        said = str(choices.error).removeprefix(f"{account.provider}: ")
        tell(f"{click.style(account.name, bold=True)}: {said}")


def _code(accounts: Sequence[Account], listed: Listed, choices: Mapping[str, Choices]) -> int:
    from qbatch.cli.exits import Exit, code_of

    codes = [
        code_of(error)
        for account in accounts
        if account.is_configured
        for error in (listed.get(account.name), account.error, _error_of(choices, account))
        if isinstance(error, Exception)
    ]
    return min(codes, default=Exit.DONE)


def _error_of(choices: Mapping[str, Choices], account: Account) -> ProviderError | None:
    return choices[account.name].error if account.name in choices else None
