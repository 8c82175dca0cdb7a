"""What a shell completes beside verbs, flags and files: points, topics, settings, keys, clouds.

Rule: a person waits for it at each press of Tab, so what is heavy (models of manifests, drivers,
results) is never loaded here; a test says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.errors import QbatchError, SourceErrors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Names offered at once.
MOST = 200


def complete_points(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the points of the run that stands before them on the command line.

    A run that cannot be read has none to offer: what is wrong the verb itself says when it is
    called.
    """
    from qbatch.snapshot.names import names_in

    run = context.params.get("run")
    if not isinstance(run, Path):
        return []
    try:
        folder = _folder_of(run, context.params.get("out"))
        return _items(names_in(folder, incomplete, MOST) if folder else (), incomplete)
    except (QbatchError, SourceErrors):
        return []


def _folder_of(run: Path, out: Path | None) -> Path | None:
    """Where the run is that a path names, by the name that a manifest has; None: nowhere."""
    from qbatch.manifest.settable import named
    from qbatch.snapshot.folders import run_folder_of
    from qbatch.snapshot.paths import SNAPSHOT

    if run.is_dir():
        return run
    if run.name == SNAPSHOT:
        return run.parent
    if out is not None:
        return out
    manifest = named(run)
    return None if manifest is None else run_folder_of(manifest)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """The names that begin with what is typed, of many the first."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)][:MOST]


def complete_examples(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the examples that `init` writes."""
    from qbatch.cli import gallery

    return _items(gallery.names(), incomplete)


def complete_topics(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the pages of the guide."""
    from click.shell_completion import CompletionItem

    from qbatch.cli.topics import pages

    return [
        CompletionItem(name, help=about)
        for name, about in pages().items()
        if name.startswith(incomplete)
    ]


def complete_settings(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer what `-S` can set in the manifest that stands before it, and names as values."""
    found = _settable(context)
    path, equals, _value = incomplete.partition("=")
    values = [f"{path}={value}" for value in found.get(path, ())]
    return _items(values if equals else [f"{each}=" for each in found], incomplete)


def complete_selection(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer what `-k` can ask for: axes of the manifest that stands before it, names as values."""
    given = context.params.get("manifest") or context.params.get("run")
    before = given if isinstance(given, Path) else next(iter(context.args), None)
    found = _axes_of([str(before)] if before else [])
    name, equals, _value = incomplete.partition("=")
    values = [f"{name}={value}" for value in found.get(name, ())]
    return _items(values if equals else [f"{each}=" for each in found], incomplete)


def complete_backends(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the backends of the manifest that stands before it."""
    return _items(_settable(context).get("backend", ()), incomplete)


def complete_axes(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the axes of the manifest whose run is compared with itself."""
    return _items(_axes_of(_compared(context)[:1]), incomplete)


def complete_mapped(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the backends of both manifests that are compared, as ``HERE=THERE``."""
    here, equals, _there = incomplete.partition("=")
    both = _compared(context)
    if not equals:
        names = [f"{name}=" for name in _axes_of(both[:1]).get("backend", ())]
    else:
        names = [f"{here}={name}" for name in _axes_of(both[1:2]).get("backend", ())]
    return _items(names, incomplete)


def _compared(context: click.Context) -> list[str]:
    """The runs that stand before what is completed; see `_settable`."""
    read = [context.params.get(name) for name in ("first", "second")]
    return [*map(str, filter(None, read)), *context.args]


def _axes_of(manifests: Sequence[str]) -> Mapping[str, Sequence[str]]:
    from qbatch.manifest.settable import axes

    try:
        return axes(Path(manifests[0])) if manifests else {}
    except SourceErrors:
        return {}


def _settable(context: click.Context) -> Mapping[str, Sequence[str]]:
    """What can be set in the manifest that stands before what is completed; nothing without one."""
    from qbatch.manifest.settable import settable

    manifest = _manifest_before(context)
    try:
        return {} if manifest is None else settable(manifest)
    except SourceErrors:
        return {}


def _manifest_before(context: click.Context) -> Path | None:
    """The manifest, or circuit, that stands before what is completed."""
    # An option that still waits for its value leaves what stands before it unread.
    found = context.params.get("manifest") or next(iter(context.args), None)
    return None if found is None else Path(found)


def complete_parameters(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the parameters of the circuit without a manifest that stands before them."""
    from qbatch.manifest.bare import BareCircuit, is_circuit
    from qbatch.providers.registry import EMBEDDED

    circuit = _manifest_before(context)
    if circuit is None or not is_circuit(circuit):
        return []
    try:
        inputs = BareCircuit(circuit, (EMBEDDED,)).inputs()
    except SourceErrors:
        return []
    return _items([f"{each}=" for each in inputs or ()], incomplete)


def complete_providers(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the providers there are, other packages' too."""
    from qbatch.providers.registry import provider_names

    return _items(provider_names(), incomplete)


def schema_names() -> tuple[str, ...]:
    """Return what there are schemas of, beside manifests: what verbs write, and configuration."""
    from qbatch.cli.outputs import ERROR, verbs
    from qbatch.configuration.schema import FILES

    return (*verbs(), ERROR, *FILES)


def complete_schemas(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer what `schema --of` takes."""
    return _items(schema_names(), incomplete)


def complete_emulated(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the clouds that can be emulated: each of ours."""
    from qbatch.providers.registry import BUILT_IN, EMBEDDED

    return _items(["all", *(name for name in BUILT_IN if name != EMBEDDED)], incomplete)


def complete_keys(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the keys of a manifest, step by step, as the schema that is shipped has them."""
    from qbatch.cli.explaining import Keys

    schema = Path(__file__).parents[1] / "manifest" / "manifest.v1.schema.json"
    steps, dot, _last = incomplete.rpartition(".")
    names = Keys(json.loads(schema.read_text("utf-8"))).names_in(steps)
    return _items([f"{steps}{dot}{name}" for name in names], incomplete)
