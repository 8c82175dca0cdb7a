"""Observables that are made for each point: by a function, or from files, one a value of an axis.

``energy: {python: "h2.py:hamiltonian", with: {…}}`` calls a function with those axes of the point
that it names; ``energy: {file: "h2_{r}.json"}`` reads the file that the value of `r` names.

Rules: code runs only where it was trusted, as that of circuits does. What was made is kept with the
run (`Manifest.sums`), and a run that is read takes it from there: neither code nor files are
needed. In the analysis such an observable stands as the JSON of what makes it, which is no sum;
`Analysis.at` puts the sum of a point in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from qbatch.errors import CircuitError, Place, SourceError
from qbatch.manifest.fields import Model, Swept, Text, amiss, known_to
from qbatch.manifest.functions import (
    ONE_AT_A_TIME,
    Home,
    call_for,
    canonical,
    load_taking,
    named_function,
)
from qbatch.manifest.local_paths import check_path
from qbatch.notation import did_you_mean, listed, shortened

if TYPE_CHECKING:
    from qbatch.circuit.code import CodeFunction

Value = bool | int | float | str

#: Different sums of one observable, and characters of them all, at most.
MOST_SUMS = 10_000
MOST_CHARACTERS = 64 * 2**20

#: What every point has that a sum may be made of.
_OF_ALL = ("circuit", "backend")

#: They say how well a point is known, not which one it is.
_OF_NONE = frozenset({"shots", "repeat"})

_IN_NAME = re.compile(r"\{([^{}]*)\}")


class MadeSum(Model):
    """An observable that is made for each point: exactly one of python, file.

    Attributes:
        python: ``FILE.py:FUNCTION``, given the axes it names; runs only with --trust.
        file: Of terms, its name with axes in braces: ``h2_{r}.json``.
        arguments: What the function is given beside the axes, by name.
    """

    python: Text | None = None
    file: Text | None = None
    arguments: Mapping[str, Swept] = Field(default_factory=dict, alias="with")

    @field_validator("python")
    @classmethod
    def check_function(cls, value: str | None, info: ValidationInfo) -> str | None:
        """See that it names a file inside the folder and a function."""
        return value if value is None else named_function(value, info)

    @field_validator("file")
    @classmethod
    def check_file(cls, value: str | None, info: ValidationInfo) -> str | None:
        """See that the name stays inside the folder, and that there are the axes that it names."""
        if value is None:
            return value
        check_path(value, info)
        axes = known_to(info).axes
        for name in _IN_NAME.findall(value):
            if axes is not None and name not in {*_OF_ALL, *axes} - _OF_NONE:
                known = sorted({*_OF_ALL, *axes} - _OF_NONE)
                said = f"{name!r} in its name is no axis ({listed(known)})"
                raise amiss(f"{said}{did_you_mean(name, known)}")
        return value

    @model_validator(mode="after")
    def check_one_source(self) -> MadeSum:
        """See that there is one source, and arguments for functions alone."""
        if (self.python is None) == (self.file is None) or (self.file and self.arguments):
            raise amiss(
                'is no observable; write a sum of products, {file: h.json}, or {python: "FILE.py:'
                'FUNCTION", with: {…}}'
            )
        return self

    @property
    def text(self) -> str:
        """As it stands in the analysis."""
        if self.file is not None:
            return canonical({"file": self.file})
        return canonical({"python": self.python, "with": dict(self.arguments)})


@dataclass(slots=True, eq=False)
class VaryingSum:
    """Makes the sums of one observable.

    Attributes:
        name: The observable's.
        source: ``h2.py:hamiltonian`` or ``h2_{r}.json``.
        arguments: Of ``with``.
        is_function: Whether it is a function, not a file.
        home: Where the manifest stands.
        kept: What was made for a run, by `key`.
        is_kept: The manifest is one that was kept with a run: `kept` goes before code and files.
        made: What was made here, by `key`.
    """

    name: str
    source: str
    arguments: Mapping[str, Value]
    is_function: bool
    home: Home = field(default_factory=lambda: Home(Path(), trust=False))
    kept: Mapping[str, str] = field(default_factory=dict)
    is_kept: bool = False
    made: dict[str, str] = field(default_factory=dict)
    _place: Place | None = None
    _function: CodeFunction | None = None
    _characters: int = 0
    _kept_axes: frozenset[str] | None = None

    @classmethod
    def of(cls, name: str, text: str) -> VaryingSum | None:
        """Read what stands in the analysis; None where it is a sum as it is written."""
        if not text.startswith("{"):
            return None
        told = json.loads(text)
        if "file" in told:
            return cls(name, str(told["file"]), {}, is_function=False)
        return cls(name, str(told["python"]), told["with"], is_function=True)

    @property
    def axes(self) -> frozenset[str]:
        """Names of the axes that it takes where a point has them."""
        if not self.is_function:
            return frozenset(_IN_NAME.findall(self.source))
        if self._function is not None:
            return frozenset(self._function.parameters) - _OF_NONE
        if self._kept_axes is None:
            self._kept_axes = frozenset(n for key in self.kept for n in self._names_in(key))
        return self._kept_axes

    @property
    def file(self) -> str:
        """Its file, as it is written."""
        return self.source.rpartition(":")[0] if self.is_function else self.source

    def come_home(self, home: Home, kept: Mapping[str, str] | None) -> None:
        """Tell it where its manifest stands; and what was made for a run that is read."""
        self.home = home
        self.is_kept = kept is not None
        self.kept = kept or {}

    def fall_back_on(self, kept: Mapping[str, str]) -> None:
        """Tell it what was made for a run, where code and files are not to be had."""
        self.kept = {**kept, **self.kept}

    def open(self, place: Place) -> None:
        """Load the function.

        Args:
            place: Of the observable in the manifest.

        Raises:
            SourceError: It is not there, cannot be loaded, or takes other arguments.
            UntrustedCodeError: It may not run.
        """
        self._place = place
        if not self.is_function or self._function is not None:
            return
        what = f"observable {self.name!r}"
        self._function = load_taking(self.source, what, self.arguments, self.home, place)

    def told(self, values: Mapping[str, Value]) -> str:
        """Say what is made for a point: ``h2.py:hamiltonian(r=0.7)``."""
        if not self.is_function:
            return self._file_at(values)
        given = ", ".join(f"{name}={value}" for name, value in self._given(values).items())
        return f"{self.source}({shortened(given, 100)})"

    def text_at(self, values: Mapping[str, Value]) -> str:
        """Return the sum of a point.

        Args:
            values: Axis -> value at the point, circuit and backend too.

        Raises:
            SourceError: It cannot be made; or nobody knows it any more.
        """
        if self.is_kept and self._function is None and (key := self._key(values)) in self.kept:
            return self.kept[key]
        with ONE_AT_A_TIME:
            try:
                self.open(self._place or Place(f"observable {self.name!r}"))
            except SourceError:
                if (key := self._key(values)) in self.kept:
                    return self.kept[key]
                raise
            key = self._key(values)
            if not self.is_function and key in self.kept and not (self.home.folder / key).is_file():
                return self.kept[key]
            if key not in self.made:
                self._check_size()
                self.made[key] = self._make(values)
                self._characters += len(self.made[key])
            return self.made[key]

    @property
    def sums(self) -> Mapping[str, str]:
        """All that is known, by `key`."""
        prefix = f"{self.source} "
        if not self.is_function:
            return self.made if not self.is_kept else {**self.kept, **self.made}
        kept = {key: text for key, text in self.kept.items() if key.startswith(prefix)}
        return {**kept, **self.made} if self.is_kept else self.made

    # -- how it is made ------------------------------------------------------------------------

    def _make(self, values: Mapping[str, Value]) -> str:
        place = self._place or Place(self.name)
        if not self.is_function:
            return self._read(values, place)
        from qbatch.result.returned import text_of_returned

        assert self._function is not None
        given = self._given(values)
        self._check_given(given, place)
        try:
            what = f"observable {self.name!r}, {self.told(values)}"
            return text_of_returned(call_for(what, self._function, given))
        except ValueError as error:
            said = f"{self.told(values)} returned no Hamiltonian: {error}"
            raise CircuitError(self._function.place, said) from error

    def _check_given(self, given: Mapping[str, Value], place: Place) -> None:
        assert self._function is not None
        missing = [name for name in self._function.needed if name not in given]
        if stray := sorted(_OF_NONE.intersection(missing)):
            said = f"{self.source} takes {stray[0]!r}, of which no observable is made"
            raise CircuitError(place, f"{said}; rename it, and give it by with: {{…}}")
        if missing:
            raise CircuitError(
                place,
                f"{self.source} needs {listed(missing)}; write an axis, as in matrix: "
                f"{{{missing[0]}: [0.7, 0.8]}}, or with: {{{missing[0]}: …}}",
            )

    def _read(self, values: Mapping[str, Value], place: Place) -> str:
        from qbatch.circuit.sources import path_inside
        from qbatch.result.hamiltonian import read_hamiltonian
        from qbatch.result.pauli import write_sum

        if missing := sorted(self.axes - values.keys()):
            said = f"{self.source} needs a value of {listed(missing)}; write an axis"
            raise CircuitError(place, said)
        file = self._file_at(values)
        try:
            path = path_inside(file, self.home.folder, place)
            return write_sum(read_hamiltonian(path, file))
        except ValueError as error:
            raise CircuitError(place, f"{file}: {error}") from error

    def _check_size(self) -> None:
        place = self._place or Place(self.name)
        if len(self.made) >= MOST_SUMS:
            said = f"observable {self.name!r} is more than {MOST_SUMS:,} different sums"
            raise CircuitError(place, f"{said}, which is too many; shorten or split an axis")
        if self._characters > MOST_CHARACTERS:
            size = f"{MOST_CHARACTERS // 2**20} MiB"
            said = f"the sums of observable {self.name!r} are more than {size} when written"
            raise CircuitError(place, f"{said}; shorten or split an axis")

    # -- what stands for a sum -------------------------------------------------------------------

    def _given(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Arguments of the function: the axes that it names, else what ``with`` gives."""
        axes = self.axes
        return {**self.arguments, **{n: values[n] for n in sorted(axes) if n in values}}

    def _file_at(self, values: Mapping[str, Value]) -> str:
        return _IN_NAME.sub(
            lambda match: _plain(values[match[1]]) if match[1] in values else match[0], self.source
        )

    def _key(self, values: Mapping[str, Value]) -> str:
        if not self.is_function:
            return self._file_at(values)
        return f"{self.source} {canonical(self._given(values))}"

    def _names_in(self, key: str) -> frozenset[str]:
        """Names of what the function was given, of a key that is its."""
        source, _, given = key.partition(" {")
        return (
            frozenset(json.loads(f"{{{given}")) if source == self.source and given else frozenset()
        )


def is_made(written: Mapping[Any, Any]) -> bool:
    """Tell whether what stands in a manifest is an observable that is made for each point."""
    file = written.get("file")
    return "python" in written or (isinstance(file, str) and bool(_IN_NAME.search(file)))


def _plain(value: Value) -> str:
    """Write a value as part of a file's name, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
