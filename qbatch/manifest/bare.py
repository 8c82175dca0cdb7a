"""Bare circuits: the manifest of a circuit that was named without one.

Rules: it is a text, read by the same rules as any other, that says all of what runs; its first line
is the command that it stands for, by which a report says how to run it again. The circuit's file is
whose run it is.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from qbatch.errors import Place, SourceErrors
from qbatch.frozen import dataclass
from qbatch.manifest.files import read_text, refuse
from qbatch.manifest.models import Manifest
from qbatch.manifest.nodes import plain_type
from qbatch.manifest.overrides import override
from qbatch.manifest.reading import read_manifest
from qbatch.manifest.source import Source
from qbatch.notation import did_you_mean, listed

#: What a circuit's function, or the circuit itself, is called, the first that there is.
FUNCTIONS = ("build", "circuit")

_QASM = (".qasm", ".qasm2", ".qasm3")
_TEMPLATES = (".j2", ".jinja", ".jinja2")
_COMMAND = re.compile(r"# (qbatch run .*)\n")

#: A value of an axis that YAML reads as it stands.
_PLAIN = re.compile(r"[\w.+][\w.+*/() -]*|-[\w.(][\w.+*/() -]*", re.ASCII)


def is_circuit(path: Path) -> bool:
    """Tell whether a file is named as one of a circuit: ``FILE.py:FUNCTION``, too."""
    return file_of(path).suffix in (*_QASM, *_TEMPLATES, ".py")


def file_of(path: Path) -> Path:
    """Return the file of a circuit that was named, without its function."""
    file, colon, function = str(path).rpartition(":")
    return Path(file) if colon and file.endswith(".py") and function.isidentifier() else path


@dataclass(frozen=True, slots=True)
class BareCircuit:
    """A circuit without a manifest, and what is asked of it.

    Attributes:
        written: Its file, or ``FILE.py:FUNCTION``, as the person wrote it.
        backends: ``PROVIDER`` or ``PROVIDER:TARGET`` each.
        shots: Of each point; None: a manifest's usual.
        parameters: Parameter -> what its axis is in YAML, as `axis_of` writes it.
        command: By which it was named, "" where it was not to be run.
    """

    written: Path
    backends: Sequence[str] = ()
    shots: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def path(self) -> Path:
        """The circuit's file."""
        return file_of(self.written)

    @property
    def folder(self) -> Path:
        """Which the file lies in."""
        return self.path.absolute().parent

    @property
    def name(self) -> str:
        """What its run is called: as the file is, and as a function that is not the usual one."""
        stem = re.sub(r"[^\w-]+", "-", self.path.name.partition(".")[0], flags=re.ASCII).strip("-")
        name = stem if re.match(r"[A-Za-z_]", stem) else f"circuit-{stem}".rstrip("-")
        function = self._named_function
        return name if function in ("", *FUNCTIONS) else f"{name}-{function}"

    @property
    def _named_function(self) -> str:
        return str(self.written)[len(str(self.path)) + 1 :]

    def text(self, folder: Path | None = None, overrides: Sequence[str] = ()) -> str:
        """Write its manifest.

        Args:
            folder: Where the manifest is to stand; None: beside the circuit.
            overrides: ``path=value`` each, as `-S` takes them; they are written into it.

        Raises:
            SourceErrors: The file has no function that makes a circuit, or a value is wrong.
        """
        if overrides:
            file = (self.folder if folder is None else folder) / self.path.name
            head = f"# {self.command}\n" if self.command else ""
            return head + manifest_of(self.text(folder), file, overrides=overrides).to_yaml()
        at = self.path.name if folder is None else os.path.relpath(self.path.resolve(), folder)
        lines = [f"# {self.command}"] if self.command else []
        lines += [
            "qbatch: 1",
            f"name: {self.name}",
            "circuits:",
            f"  {self.name}: {self._said(at)}",
        ]
        lines += ["backends:", *(f"  {name}: {said}" for name, said in self._backends())]
        if self.parameters:
            lines += ["sweep:", "  matrix:"]
            lines += [f"    {name}: {values}" for name, values in self.parameters.items()]
        if "shots" not in self.parameters:
            lines.append(f"shots: {1024 if self.shots is None else self.shots}")
        return "\n".join([*lines, ""])

    def _said(self, at: str) -> str:
        """Say where the circuit comes from, as a manifest does."""
        if self.path.suffix == ".py":
            return f"{{python: {_text(f'{at}:{self._function()}')}}}"
        return f"{{template: {_text(at)}}}" if self.path.suffix in _TEMPLATES else _text(at)

    def _backends(self) -> list[tuple[str, str]]:
        made: dict[str, str] = {}
        for written in self.backends:
            provider, _, target = written.partition(":")
            name = provider if provider not in made else re.sub(r"[^\w.+-]", "-", written)
            at = f", target: {_text(target)}" if target else ""
            made[name] = f"{{provider: {_text(provider)}{at}}}"
        return list(made.items())

    def _function(self) -> str:
        """Find the function that makes the circuit, or that circuit, without running the file."""
        found = functions_of(self.path)
        named = self._named_function
        if named:
            if named not in found:
                hint = did_you_mean(named, found) or f"; there are {listed(list(found))}"
                hint = hint if found else "; define it there"
                raise self._refuse(f"has no function or circuit {named!r}{hint}")
            return named
        usual = [name for name in FUNCTIONS if name in found]
        public = [name for name in found if not name.startswith("_")]
        if usual or len(public) == 1:
            return (usual or public)[0]
        if not public:
            raise self._refuse(
                "has no circuit; write circuit = QuantumCircuit(…), or def build(): … that "
                "returns one"
            )
        raise self._refuse(
            f"has more than one circuit; name one, as in {self.path}:{public[0]}; "
            f"there are {listed(public)}"
        )

    def _refuse(self, problem: str) -> SourceErrors:
        return refuse(Place(str(self.path)), problem)

    def inputs(self) -> tuple[str, ...] | None:
        """Return the parameters that need a value, by name, as far as nothing is run for it.

        Returns:
            Free inputs of OpenQASM, arguments of a Python function; None of a template, whose text
            is not made yet.

        Raises:
            SourceErrors: There is no such file, or it is wrong.
        """
        from qbatch.circuit import open_circuit

        if self.path.suffix == ".py":
            return functions_of(self.path).get(self._function(), ())
        spec = self.manifest().circuits[self.name]
        if spec.template is not None:
            return None
        return tuple(sorted(open_circuit(self.name, spec, folder=self.folder).parameters))

    def manifest(self, *, overrides: Sequence[str] = ()) -> Manifest:
        """Read its manifest, as `load_manifest` reads a file.

        Raises:
            SourceErrors: There is no such file, or something of what is asked is wrong.
        """
        read_text(self.path, str(self.path))
        return manifest_of(self.text(), self.path, overrides=overrides)


def manifest_of(text: str, file: Path, *, overrides: Sequence[str] = ()) -> Manifest:
    """Read the manifest that was written of a circuit.

    Args:
        text: As `BareCircuit.text` wrote it.
        file: The circuit's.
        overrides: ``path=value`` each, as `-S` takes them.

    Raises:
        SourceErrors: Every mistake found, in the order of their places.
    """
    told, folder = f"{file}, as a manifest", file.absolute().parent
    return read_manifest(Source(told, text, folder, file, tuple(overrides), override=override))


def command_of(text: str) -> str:
    """Return the command that a manifest stands for; "" where a person wrote it."""
    found = _COMMAND.match(text)
    return found[1] if found else ""


def axis_of(written: str) -> str | None:
    """Read values as a person types them: ``0:pi:9``, ``0,0.5,1``, ``0.3``; None: they are none.

    Returns:
        The axis as a manifest writes it.
    """
    ends = [each.strip() for each in written.split(":")]
    if len(ends) == 3 and all(_PLAIN.fullmatch(each) for each in ends):
        return f"{{linspace: [{', '.join(ends)}]}}"
    values = [each.strip() for each in written.split(",")]
    if len(ends) > 1 or not all(values):
        return None
    return f"[{', '.join(map(_quoted, values))}]"


def functions_of(file: Path) -> dict[str, tuple[str, ...]]:
    """Return a Python file's functions and the arguments that each needs, without running it.

    A circuit that stands ready (``qc = QuantumCircuit(…)``, or what is called as in `FUNCTIONS`
    and made by a call) counts as one that needs none.

    Raises:
        SourceErrors: It is no Python, or cannot be read.
    """
    text = read_text(file, str(file))
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise refuse(Place(str(file), line), f"is no Python: {error.args[0]}") from error
    found: dict[str, tuple[str, ...]] = {}
    for each in body:
        if isinstance(each, ast.FunctionDef):
            found[each.name] = _needed(each.args)
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            found.update(dict.fromkeys(_circuits(each), ()))
    return found


def _circuits(assigned: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """Yield the names under which an assignment keeps a circuit."""
    targets = assigned.targets if isinstance(assigned, ast.Assign) else [assigned.target]
    value = assigned.value
    if not isinstance(value, ast.Call):
        return
    is_circuit = "QuantumCircuit" in ast.unparse(value.func).split(".")
    for target in targets:
        if isinstance(target, ast.Name) and (is_circuit or target.id in FUNCTIONS):
            yield target.id


def _needed(arguments: ast.arguments) -> tuple[str, ...]:
    plain = [*arguments.posonlyargs, *arguments.args]
    plain = plain[: len(plain) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return tuple(each.arg for each in [*plain, *(key for key, value in pairs if value is None)])


def _text(text: str) -> str:
    """Write what is a text, also where it looks like a number."""
    return _quoted(text) if plain_type(text) == "plain" else json.dumps(text)


def _quoted(text: str) -> str:
    """Write a value as it stands, where YAML reads it so."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
