"""Where circuits come from: one `CircuitSource` per circuit of a manifest.

Rules: a source turns values into a `Circuit` and keeps what it made, so a point whose circuit's
text does not change costs a dictionary look-up. Every mistake is a `CircuitError` at its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qbatch.circuit.allowed import allow, is_allowed
from qbatch.circuit.circuit import Circuit
from qbatch.circuit.reading import facts_of
from qbatch.circuit.text import Limits, Source, version_of
from qbatch.errors import CircuitError, ConsentError, Place, SourceError, SourceErrors
from qbatch.notation import did_you_mean, listed, nearest
from qbatch.project import may_name, outside

if TYPE_CHECKING:
    from qbatch.circuit.function import CircuitFunction
    from qbatch.circuit.template import CompiledTemplate

#: What a parameter may be.
Value = bool | int | float | str


class UntrustedCodeError(CircuitError, ConsentError):
    """A circuit needs a stranger's Python code to run, and nobody has allowed it."""


class CircuitSpec(Protocol):
    """What a manifest says of one circuit: exactly one of the first four is set."""

    @property
    def file(self) -> str | None: ...
    @property
    def qasm(self) -> str | None: ...
    @property
    def template(self) -> str | None: ...
    @property
    def python(self) -> str | None: ...
    @property
    def arguments(self) -> Mapping[str, Value]: ...


class CircuitSource(Protocol):
    """One circuit of a manifest, still open to values.

    Attributes:
        name: In the manifest.
        arguments: Names consumed when the text is made: template variables, function arguments.
        required: Those of them for which neither ``with`` nor a default has a value.
        parameters: All names a sweep may give: arguments and free OpenQASM 3 inputs.
        defaults: The values of ``with``; a sweep's value wins over them.
    """

    name: str
    arguments: frozenset[str]
    required: frozenset[str]
    defaults: Mapping[str, Value]

    @property
    def parameters(self) -> frozenset[str]: ...

    def circuit(self, values: Mapping[str, Value]) -> Circuit:
        """Return the circuit at `values`; names that are no arguments are ignored.

        Raises:
            CircuitError: The text cannot be made or is wrong.
        """
        ...


class FixedSource:
    """A circuit whose text does not depend on values."""

    def __init__(self, circuit: Circuit) -> None:
        self.name = circuit.name
        self.arguments: frozenset[str] = frozenset()
        self.required: frozenset[str] = frozenset()
        self.defaults: Mapping[str, Value] = {}
        self.parameters = frozenset(circuit.facts.parameters)
        self._circuit = circuit

    def circuit(self, values: Mapping[str, Value]) -> Circuit:
        """Return the one circuit there is."""
        return self._circuit


#: Makes the mistake at an argument that the manifest gives ("": where it gives them), of a problem.
AtArgument = Callable[[str, str], SourceError]


class Maker(Protocol):
    """Makes OpenQASM of values: a compiled template or a function."""

    arguments: frozenset[str]

    def render(self, values: Mapping[str, Value]) -> str: ...


class MadeSource:
    """A circuit whose text is made of values, once for each distinct set of them.

    Args:
        name: In the manifest.
        maker: Template or function.
        place: Of the maker's file.
        optional: Arguments that the maker has defaults for.
        defaults: The values of ``with``.
        hint: Some values of the sweep.
        at_argument: Knows where in the manifest ``with`` stands; None: it is not known.
    """

    def __init__(
        self,
        name: str,
        maker: Maker,
        place: Place,
        *,
        optional: frozenset[str] = frozenset(),
        defaults: Mapping[str, Value],
        hint: Mapping[str, Value],
        at_argument: AtArgument | None = None,
    ) -> None:
        self.name = name
        self._at_argument = at_argument
        self.arguments = maker.arguments
        self.required = maker.arguments - optional - defaults.keys()
        self.defaults = defaults
        self._maker = maker
        self._place = place
        self._made: dict[tuple[str, ...], Circuit] = {}
        inputs: tuple[str, ...] = ()
        if self.required <= hint.keys():
            inputs = self.circuit(hint).facts.parameters
        self.parameters = self.arguments | frozenset(inputs)
        wrong = [self._unknown(given) for given in defaults if given not in self.parameters]
        if wrong:
            raise wrong[0] if len(wrong) == 1 else SourceErrors(f"circuit '{name}'", wrong)

    def circuit(self, values: Mapping[str, Value]) -> Circuit:
        """Return the circuit at `values`; names that are no arguments are ignored."""
        given = {
            name: values[name] if name in values else self.defaults[name]
            for name in sorted(self.arguments)
            if name in values or name in self.defaults
        }
        # repr tells 1, 1.0 and True apart, which are equal but make different texts
        key = tuple(f"{name}={value!r}" for name, value in given.items())
        circuit = self._made.get(key)
        if circuit is None:
            circuit = self._make(given)
            if len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]
            self._made[key] = circuit
        return circuit

    def _make(self, given: Mapping[str, Value]) -> Circuit:
        if missing := sorted(self.required - given.keys()):
            needs = ", ".join(f"'{name}'" for name in missing)
            said = f"circuit '{self.name}' needs a value for {needs}; sweep it or give it in 'with'"
            raise self._mistake("", said)
        values = ", ".join(f"{name}={value}" for name, value in given.items())[:200]
        beside = self._where_given(given)

        def told(error: SourceError) -> CircuitError:
            problem = f"with {values}: {error.problem}{beside}" if values else error.problem
            return CircuitError(error.place, problem, excerpt=error.excerpt)

        def told_of_text(error: SourceError) -> CircuitError:
            at = f"{error.place.line}:{error.place.column} of the text it makes"
            problem = f"at {at}{f' with {values}' if values else ''}: {error.problem}{beside}"
            return CircuitError(Place(self._place.file), problem, excerpt=error.excerpt)

        with _retelling(told):
            text = self._maker.render(given)
        with _retelling(told_of_text):
            return circuit_of(self.name, Source(text, Place("", 1, 1)))

    def _mistake(self, argument: str, problem: str) -> SourceError:
        if self._at_argument is None:
            return CircuitError(self._place, problem)
        return self._at_argument(argument, problem)

    def _where_given(self, given: Mapping[str, Value]) -> str:
        """Say which of the values are the manifest's own, and where they stand."""
        own = [n for n, value in self.defaults.items() if repr(given.get(n)) == repr(value)]
        if not own or self._at_argument is None:
            return ""
        place = self._at_argument(own[0] if len(own) == 1 else "", "").place
        return f"; {listed(own)} {'is' if len(own) == 1 else 'are'} given at {place}"

    def _unknown(self, name: str) -> SourceError:
        hint = did_you_mean(name, self.parameters)
        known = ", ".join(sorted(self.parameters)) or "none"
        file = self._place.file
        return self._mistake(
            name, f"'with' gives '{name}', which is no argument of {file} ({known}){hint}"
        )


#: Circuits kept for one source.
_KEPT = 10_000


def open_circuit(
    name: str,
    spec: CircuitSpec,
    *,
    folder: Path,
    place: Place | None = None,
    trust: bool = False,
    values_hint: Mapping[str, Value] | None = None,
    at_argument: AtArgument | None = None,
) -> CircuitSource:
    """Open one circuit of a manifest.

    Args:
        name: In the manifest.
        spec: How to come by the circuit.
        folder: The manifest's folder; see `project` for where files may lie.
        place: Of the circuit's key in the manifest; for inline OpenQASM of the key ``qasm``.
        trust: Whether Python functions may run; those that did and are as they were may anyway.
        values_hint: Some values of the sweep, used to find a template's free inputs.
        at_argument: Makes the mistake at an argument that the manifest gives; None: it is told at
            the template's or function's file.

    Raises:
        SourceError: With the place of the mistake.
        SourceErrors: There are several.
        UntrustedCodeError: A Python function that was never trusted, or was another then.
    """
    here = place or Place(f"<circuit {name}>")
    hint = values_hint or {}
    if spec.qasm is not None:
        with _hinting(_meant_inline(spec.qasm)):
            return FixedSource(_inline(name, spec.qasm, here))
    if spec.file is not None:
        text = _read(spec.file, folder, here, Limits.TEXT)
        with _hinting(_meant(spec.file, text)):
            return FixedSource(circuit_of(name, Source(text, Place(spec.file, 1, 1))))
    if spec.template is not None:
        return _from_template(name, spec, folder, here, hint, at_argument)
    return _from_function(name, spec, folder, here, hint, trust, at_argument)


@contextmanager
def _retelling(told: Callable[[SourceError], CircuitError]) -> Iterator[None]:
    """Tell each mistake in a text in other words."""
    try:
        yield
    except CircuitError as error:
        raise told(error) from error
    except SourceErrors as group:
        each = [told(error) for error in group.exceptions if isinstance(error, SourceError)]
        raise SourceErrors(group.message, each) from group


@contextmanager
def _hinting(meant: str) -> Iterator[None]:
    """Add to the first mistake in a text what the person may have meant by it, and tell no more."""
    try:
        yield
    except (CircuitError, SourceErrors) as error:
        first = error.exceptions[0] if isinstance(error, SourceErrors) else error
        if not meant or not isinstance(first, CircuitError):
            raise
        raise CircuitError(
            first.place, f"{first.problem}; {meant}", excerpt=first.excerpt
        ) from error


def _meant(file: str, text: str) -> str:
    """Say how a file that is no OpenQASM is written of; "" where it looks like OpenQASM."""
    if Path(file).suffix == ".py":
        return f'for a Python function, write {{python: "{file}:FUNCTION"}}'
    if Path(file).suffix in _TEMPLATES or _TAG.search(text):
        return f"for a Jinja template, write {{template: {file}}}"
    return ""


def _meant_inline(text: str) -> str:
    if not _TAG.search(text):
        return ""
    return "a Jinja template stands in a file of its own: {template: FILE.qasm.j2}"


_TEMPLATES = frozenset({".j2", ".jinja", ".jinja2"})

#: A tag of a template; blocks of OpenQASM within each other hold statements.
_TAG = re.compile(r"\{\{[^{};]+\}\}|\{%")


def _from_template(
    name: str,
    spec: CircuitSpec,
    folder: Path,
    place: Place,
    hint: Mapping[str, Value],
    at_argument: AtArgument | None,
) -> CircuitSource:
    from qbatch.circuit.template import LONGEST_TEMPLATE, CompiledTemplate

    file = spec.template or ""
    maker = CompiledTemplate(_read(file, folder, place, LONGEST_TEMPLATE), file)
    return _made(name, spec, maker, Place(file), hint, at_argument)


def permitted(what: str, file: str, folder: Path, place: Place, *, trust: bool) -> Path:
    """Return the path of a Python file that may run.

    Args:
        what: That runs it, as it is told.
        file: As the manifest names it.
        folder: The manifest's.
        place: Of what runs it, in the manifest.
        trust: Whether it may run from now on, as it is.

    Raises:
        SourceError: There is no such file, or the manifest may not name it.
        UntrustedCodeError: It was never trusted, or was another then.
    """
    path = path_inside(file, folder, place)
    if trust:
        allow(path)
    elif not is_allowed(path):
        said = f"{what} runs code from {file}; read it, then allow it with --trust"
        raise UntrustedCodeError(place, said)
    return path


def _from_function(
    name: str,
    spec: CircuitSpec,
    folder: Path,
    place: Place,
    hint: Mapping[str, Value],
    trust: bool,
    at_argument: AtArgument | None,
) -> CircuitSource:
    file, _, function = (spec.python or "").rpartition(":")
    path = permitted(f"circuit '{name}'", file, folder, place, trust=trust)
    from qbatch.circuit.function import CircuitFunction

    maker = CircuitFunction(path, file, function)
    return _made(name, spec, maker, Place(file, maker.line), hint, at_argument)


def _made(
    name: str,
    spec: CircuitSpec,
    maker: CompiledTemplate | CircuitFunction,
    place: Place,
    hint: Mapping[str, Value],
    at_argument: AtArgument | None,
) -> MadeSource:
    return MadeSource(
        name,
        maker,
        place,
        optional=maker.optional,
        defaults=spec.arguments,
        hint=hint,
        at_argument=at_argument,
    )


def circuit_of(name: str, source: Source) -> Circuit:
    """Make the circuit of a text.

    Raises:
        CircuitError: The text is wrong, at its place in `source`.
    """
    digest = sha256(source.text.encode("utf-8", "surrogatepass")).hexdigest()
    facts = facts_of(source, digest)
    return Circuit(name, source.text, version_of(source.text), facts, digest)


def _inline(name: str, text: str, key: Place) -> Circuit:
    """Make the circuit of OpenQASM in the manifest.

    YAML's ``|`` begins a text on the line after its key, indented by two columns; a text on one
    line stands somewhere behind its key, and what Python gave has no lines but its own.
    """
    if key.line is None or "\n" not in text.rstrip("\n"):
        return circuit_of(name, Source(text, key))
    column = key.column or 1
    place = Place(key.file, key.line + 1, column + 2)
    return circuit_of(name, Source(text, place, indent=column + 1))


def path_inside(file: str, folder: Path, place: Place) -> Path:
    """Return the real path of a file, which has to be the manifest's to name; see `project`.

    Raises:
        CircuitError: It is none, or the manifest may not name it.
    """
    try:
        root = folder.resolve()
        path = (root / file).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise CircuitError(place, f"{file!r} is no path: {error}") from error
    if not may_name(path, root):
        raise CircuitError(place, f"{file} {outside(root)}")
    if path.is_dir():
        raise CircuitError(place, f"{file} is a folder; name a file in it")
    if not is_file:
        hint = _nearest_file(path, root) or "; is the path right?"
        raise CircuitError(place, f"{file} is no file{hint}")
    return path


def _nearest_file(path: Path, root: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path != root else []
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f"; did you mean {os.path.relpath(path.parent / near, root)}?" if near else ""


def _read(file: str, folder: Path, place: Place, at_most: int) -> str:
    """Read a text file that the manifest may name."""
    path = path_inside(file, folder, place)
    try:
        with path.open("rb") as stream:
            data = stream.read(at_most + 1)
    except OSError as error:
        raise CircuitError(place, f"{file} cannot be read: {error.strerror}") from error
    if len(data) > at_most:
        raise CircuitError(Place(file), f"is larger than {at_most} bytes; make it shorter")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].replace(b"\r\n", b"\n")
        line = before.count(b"\n") + before.count(b"\r") + 1
        raise CircuitError(Place(file, line), "is not UTF-8; save it as UTF-8") from error
