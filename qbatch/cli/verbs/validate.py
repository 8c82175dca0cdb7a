"""``qbatch validate``: every mistake of a manifest and its circuits, at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from qbatch.cli.bare import Named, circuit_options
from qbatch.cli.failures import mistake_facts, mistakes_in
from qbatch.cli.options import json_option, manifest_argument, overrides_option, trust_option
from qbatch.cli.tables import tell

if TYPE_CHECKING:
    from qbatch.plan import Plan


@click.command()
@manifest_argument
@circuit_options(saves=False)
@overrides_option
@trust_option
@json_option
def validate(named: Named, overrides: tuple[str, ...], trust: bool, as_json: bool) -> int:
    """Say everything that is wrong with MANIFEST, or a circuit without one; run nothing.

    Exit code 0 when it is valid, 3 when not, 2 when all that is wrong is what -S sets.
    """
    from qbatch.cli.exits import Exit, code_of
    from qbatch.errors import SourceError, SourceErrors
    from qbatch.plan import remarks
    from qbatch.report.numbers import count_of

    try:
        plan = _look(named, overrides, trust)
    except (SourceError, SourceErrors) as error:
        if not as_json:
            raise
        mistakes = [*map(mistake_facts, mistakes_in(error))]
        click.echo(json.dumps({"valid": False, "errors": mistakes}, ensure_ascii=False))
        return code_of(error)
    if as_json:
        click.echo(json.dumps({"valid": True, "errors": [], "points": plan.num_points}))
    else:
        for remark in remarks(plan):
            tell(remark)
        tell(f"{named.path}: valid, {count_of(plan.num_points, 'point')}")
    return Exit.DONE


def _look(named: Named, overrides: tuple[str, ...], trust: bool) -> Plan:
    """Find everything wrong, the template of the report included."""
    from qbatch.manifest.reading import possible
    from qbatch.plan import check_values, expand

    plans = [*map(expand, possible(named.manifest(overrides, trust=trust)))]
    for plan in plans:  # one, or one for each of what targets may be
        check_values(plan)
    plan = plans[0]
    template = plan.manifest.report.template
    if template:
        from qbatch.report import check_template

        check_template(plan.manifest.folder, template)
    return plan
