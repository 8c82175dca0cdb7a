"""From a file or text to a `Manifest`, or to all of its mistakes at once.

The steps: read (bounded), compose (YAML), override (`-S`), construct (plain data), evaluate
`vars`, validate (models). What stops a step stops all; else every step adds its mistakes, and
they are raised together in the order of their places. No circuit is opened here: that is
`plan.expand_file`'s, of the sound parts of a wrong manifest too.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from qbatch.arguments import FLAG, PATH, TEXT, list_of, takes
from qbatch.arithmetic import (
    CONSTANTS,
    FUNCTIONS,
    ExpressionError,
    Number,
    evaluate,
    names_in,
)
from qbatch.errors import ManifestError, Place, SourceErrors
from qbatch.manifest.budget import Budget
from qbatch.manifest.columns import named_numbers, numbers_over_axes
from qbatch.manifest.complaints import complain, order_of
from qbatch.manifest.construction import merged_text, read_data
from qbatch.manifest.decisions import Decision
from qbatch.manifest.fields import AT_KEY, Known, Mistakes, wrong
from qbatch.manifest.files import read_text, refuse
from qbatch.manifest.fits import fit_names
from qbatch.manifest.functions import Home
from qbatch.manifest.models import Analysis, Backend, Circuit, Manifest, Model
from qbatch.manifest.nodes import Plain
from qbatch.manifest.overrides import override
from qbatch.manifest.paths import setting_axis
from qbatch.manifest.source import Source
from qbatch.manifest.sweep import names_of_axes
from qbatch.manifest.times import as_unquoted_time
from qbatch.notation import did_you_mean, is_finite

_M = TypeVar("_M", bound=Model)

#: More mistakes than this are counted, not shown.
MAX_SHOWN = 200


@takes(path=PATH, overrides=list_of("a list of texts, PATH=VALUE each", TEXT), trust=FLAG)
def load_manifest(
    path: str | Path, *, overrides: Sequence[str] = (), trust: bool = False
) -> Manifest:
    """Read a manifest file and check everything that needs no circuit.

    Args:
        path: The file; places in messages name it as given here.
        overrides: ``path=value`` each, as `-S` takes them.
        trust: Python circuits may run when they are opened.

    Raises:
        TypeError: An argument is of another kind.
        SourceErrors: Every mistake found, in the order of their places.
    """
    return read_manifest(_open(path, overrides, trust=trust))


def _open(path: str | Path, overrides: Sequence[str], *, trust: bool) -> Source:
    path = Path(path)
    text, folder = read_text(path, str(path)), path.absolute().parent
    if source := _circuit_source(path, text):
        raise refuse(
            Place(str(path)),
            f"is a circuit, no manifest; name it in one, as in circuits: {{{_name_of(path)}: "
            f"{source}}} (`qbatch run {path.name} --save FILE.yaml` writes one)",
        )
    return Source(str(path), text, folder, path, tuple(overrides), trust=trust, override=override)


_OPENQASM = re.compile(r"(?>\s+|//[^\n]*\n|/\*.*?\*/)*+OPENQASM\s+\d", re.DOTALL)


def _circuit_source(path: Path, text: str) -> str:
    """Say how a manifest names a file that is a circuit itself; "" where it is none."""
    match path.suffix:
        case ".qasm" | ".qasm2" | ".qasm3":
            return path.name
        case ".py":
            return f'{{python: "{path.name}:FUNCTION"}}'
        case ".j2" | ".jinja" | ".jinja2":
            return f"{{template: {path.name}}}"
    return path.name if _OPENQASM.match(text) else ""


def _name_of(path: Path) -> str:
    """Return a name for the circuit of a file: what of the file's name may be one."""
    found = re.match(r"[A-Za-z_][\w-]*", path.name.partition(".")[0], re.ASCII)
    return found[0] if found else "circuit"


def parse_manifest(
    text: str,
    *,
    file: str = "<string>",
    folder: str | Path | None = None,
    overrides: Sequence[str] = (),
    trust: bool = False,
    sums: Mapping[str, str] | None = None,
    decisions: Sequence[Decision] = (),
) -> Manifest:
    """Read a manifest from text, as `load_manifest` does from a file.

    Args:
        text: YAML.
        file: What places in messages name.
        folder: Which paths are relative to and stay inside of; None: the current folder.
        overrides: ``path=value`` each, as `-S` takes them.
        trust: Python circuits may run when they are opened.
        sums: `Manifest.sums` of a manifest that was kept: what stood beside it need not be there.
        decisions: On its targets that are one of several; one on another question counts nowhere.

    Raises:
        SourceErrors: Every mistake found, in the order of their places.
    """
    at = Path.cwd() if folder is None else Path(folder)
    source = Source(file, text, at, None, tuple(overrides), trust, override, sums)
    source.decisions = tuple(decisions)
    return read_manifest(source)


def override_manifest(
    manifest: Manifest, overrides: Sequence[str] = (), *, trust: bool = False
) -> Manifest:
    """Read a manifest once more with overrides: the same one, where nothing is asked for.

    Args:
        manifest: Of a file, of text, or made in Python.
        overrides: ``path=value`` each, as `-S` takes them; they follow those it has.
        trust: Python circuits may run, also where they might not before.

    Raises:
        SourceErrors: Every mistake found.
    """
    old, trust = manifest._source, trust or manifest.trust
    if old is None or not (overrides or trust != old.trust):
        return manifest
    flags = (*old.overrides, *overrides)
    return read_manifest(_as_before(old, flags, old.decisions, trust=trust))


def decide_manifest(manifest: Manifest, decisions: Sequence[Decision]) -> Manifest:
    """Read a manifest once more with decisions on its targets that are one of several.

    Args:
        manifest: Of a file, of text, or made in Python.
        decisions: In place of those that it has; one on another question counts nowhere.
    """
    old = manifest._source
    if old is None or not manifest.questions:
        return manifest
    return read_manifest(_as_before(old, old.overrides, tuple(decisions), trust=old.trust))


def possible(manifest: Manifest) -> Iterator[Manifest]:
    """Yield a manifest with what is open decided, so that each candidate is seen once."""
    for at in range(max((len(q.any_of) for q in manifest.open_questions.values()), default=1)):
        yield with_candidate(manifest, at)


def with_candidate(manifest: Manifest, at: int) -> Manifest:
    """Decide what is open for the candidates at one place; the last where there are fewer."""
    decisions = [
        Decision(name, each.any_of, each.prefer, each.any_of[min(at, len(each.any_of) - 1)])
        for name, each in manifest.open_questions.items()
    ]
    return decide_manifest(manifest, (*manifest.decisions, *decisions))


def _as_before(
    old: Source, flags: tuple[str, ...], decisions: tuple[Decision, ...], *, trust: bool
) -> Source:
    told = (old.file, old.text, old.folder, old.path, flags, trust, override)
    return Source(*told, old.sums, old.call, old.bases, decisions=decisions)


def load_sound_parts(
    path: str | Path, *, overrides: Sequence[str] = (), trust: bool = False
) -> Manifest | None:
    """Read of a wrong manifest the circuits, backends and budget that are right by themselves.

    They can be looked into, so that their mistakes need not wait until the others are mended.
    Backends that an axis sets are left out: what they lack, the axis may say.

    Args:
        path: The file.
        overrides: ``path=value`` each, as `-S` takes them.
        trust: Python circuits may run.

    Returns:
        A manifest of nothing else; None where the file is no YAML.
    """
    try:
        source = _open(path, overrides, trust=trust)
        data, _ = read_data(source)
    except SourceErrors:
        return None
    numbers, broken, _ = _evaluate_vars(data.get("vars"))
    known = _known(data, numbers, broken, source.folder)
    axes = [axis for name in known.axes or () if (axis := setting_axis(name))]
    backends = _sound(Backend, data.get("backends"), known)
    manifest = Manifest.model_construct(
        qbatch=1,
        name=Path(path).stem,
        circuits=_sound(Circuit, data.get("circuits"), known),
        backends={
            name: backend
            for name, backend in backends.items()
            if not any(axis.concerns(name) for axis in axes)
        },
        budget=_sound(Budget, {"budget": data.get("budget", {})}, known).get("budget", Budget()),
    )
    manifest._source = source
    return manifest


def _sound(model: type[_M], written: Any, known: Known) -> dict[str, _M]:
    """Validate each entry of a map, and keep those that are right."""
    found = {}
    for name, value in _map(written).items():
        with suppress(ValidationError):
            found[str(name)] = model.model_validate(value, context=known)
    return found


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the cyclic collector: it would walk the growing tree of nodes again and again.

    10,000 lines: 0.3 s with it paused, 0.4 to 0.7 s without.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collector()
def read_manifest(source: Source) -> Manifest:
    """Read a source, as `load_manifest` does."""
    data, mistakes = read_data(source)
    manifest: Manifest | None = None
    numbers, broken, wrong_vars = _evaluate_vars(data.get("vars"))
    known = _known(data, numbers, broken, source.folder)
    known = replace(known, sums=source.sums, decisions=source.decisions)
    if isinstance(data.get("vars"), dict):
        data = {**data, "vars": numbers}
    try:
        wrong_vars.raise_any()
    except ValidationError as error:
        mistakes += complain(source, error)
    try:
        manifest = Manifest.model_validate(data, context=known)
    except ValidationError as error:
        mistakes += complain(source, error)
    if mistakes or manifest is None:
        raise _together(source, mistakes)
    manifest._source = source
    manifest._merged = merged_text(source)
    manifest._sums = dict(known.sums_read)
    manifest._files = tuple(known.files_read)
    home = Home(source.folder, source.trust)
    for own in manifest.analysis.own.values():
        own.come_home(home)
    for each in manifest.analysis.made_elsewhere:
        each.come_home(home, source.sums)
    return manifest


def _together(source: Source, mistakes: list[ManifestError]) -> SourceErrors:
    unique = {(error.place, error.problem): error for error in mistakes}
    shown = sorted(unique.values(), key=order_of)
    more = len(shown) - MAX_SHOWN
    if more > 0:
        shown = [
            *shown[:MAX_SHOWN],
            ManifestError(Place(source.file), f"and {more} more mistakes; mend these first"),
        ]
    count = len(unique)
    return SourceErrors(f"{source.file}: {count} mistake{'s' if count > 1 else ''}", shown)


def _known(
    data: Mapping[str, Any], numbers: Mapping[str, Number], broken: frozenset[str], folder: Path
) -> Known:
    """Gather the names that values may refer to, from whatever of the data has the right shape."""
    analysis, backends = _map(data.get("analysis")), data.get("backends")
    unknown = data.keys() - {one.alias or name for name, one in Manifest.model_fields.items()}
    is_misspelt = {key: _is_near(unknown, [key]) for key in ("analysis", "sweep")}
    fields = Analysis.model_fields.keys()
    numbers_unknown = is_misspelt["analysis"] or _is_near(analysis.keys() - fields, fields)
    return Known(
        vars=numbers,
        broken=broken,
        folder=folder,
        circuits=frozenset(_map(data.get("circuits"))),
        backends=frozenset(_map(backends)),
        axes=frozenset(_axes(data.get("sweep"))) if not is_misspelt["sweep"] else None,
        estimates=None if numbers_unknown else frozenset(named_numbers(analysis)),
        across=frozenset(_across(analysis)),
        expected=frozenset(map(str, _map(analysis.get("expected")))),
    )


def _is_near(names: Iterable[str], keys: Collection[str]) -> bool:
    """Whether one of some unknown keys could be meant for a known one: it is told of, once."""
    return any(did_you_mean(str(name), keys) for name in names)


def _across(analysis: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is named of numbers across points."""
    yield from map(str, _map(analysis.get("derived")))
    for name, fit in _map(analysis.get("fits")).items():
        yield from fit_names(str(name), fit)
    yield from numbers_over_axes(analysis)


def _axes(sweeps: Any) -> set[str]:
    each = [sweeps] if isinstance(sweeps, dict) else _list(sweeps)
    return {name for sweep in each for name in names_of_axes(_map(sweep))}


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _evaluate_vars(written: Any) -> tuple[dict[str, Number], frozenset[str], Mistakes]:
    """Work out `vars` in the order written; each may use those above it."""
    numbers: dict[str, Number] = {}
    broken: set[str] = set()
    mistakes = Mistakes()
    for name, text in _map(written).items():
        value = as_unquoted_time(text)
        if name in CONSTANTS or name in FUNCTIONS:
            mistakes.add(("vars", name, AT_KEY), wrong("has a meaning already; choose another"))
        elif type(value) is Plain and broken.intersection(names_in(value)):
            broken.add(name)
        else:
            try:
                numbers[name] = (
                    _number(value) if type(value) is not Plain else evaluate(value, numbers)
                )
            except ExpressionError as error:
                mistakes.add(("vars", name), wrong(str(error)))
                broken.add(name)
    return numbers, frozenset(broken), mistakes


def _number(value: Any) -> Number:
    if is_finite(value):
        return value
    raise ExpressionError("is no number; vars are numbers")
