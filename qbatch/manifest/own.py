"""Own analyses: a person's function from counts of a point, or a group, to numbers with errors.

Rules: code beside the manifest runs only where it was trusted, as that of circuits does; what is
installed is trusted already. What a function is belongs to no content: another one buys nothing
again, it only makes other numbers of the counts that are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from qbatch.errors import CircuitError, Place, SourceError
from qbatch.manifest.fields import (
    AT_KEY,
    AXES,
    Column,
    Mistakes,
    Model,
    Swept,
    Text,
    amiss,
    known_to,
    unknown,
    wrong,
)
from qbatch.manifest.functions import ONE_AT_A_TIME, Home, digest_of, load_function, named_function
from qbatch.manifest.sweep import AnySweepWhere
from qbatch.notation import did_you_mean, listed

if TYPE_CHECKING:
    from qbatch.circuit.code import CodeFunction
    from qbatch.result import Counts, Measurement

#: Group of entry points by which a package offers analyses.
GROUP = "qbatch.analyses"


class OwnAnalysis(Model):
    """A function from counts to numbers: exactly one of python, installed.

    Attributes:
        python: ``FILE.py:FUNCTION``, called with a point's counts; runs only with --trust.
        installed: Name under which a package offers one (entry point `qbatch.analyses`).
        numbers: Names of what it returns; left out: the one that the analysis is called.
        arguments: What it is given by name.
        over: An axis: it is called with all points along it, once for each group of them.
        where: Axis -> value or list of values: the points it is called with.
        by: Axes for each of whose values it is called; left out: all but `over` and repeat.
    """

    python: Text | None = None
    installed: Text | None = None
    numbers: tuple[Column, ...] = ()
    arguments: Mapping[str, Swept] = Field(default_factory=dict, alias="with")
    over: Text | None = None
    where: AnySweepWhere = Field(default_factory=dict)
    by: tuple[Text, ...] | None = None

    _name: str = PrivateAttr(default="")
    _home: Home | None = PrivateAttr(default=None)
    _opened: CodeFunction | None = PrivateAttr(default=None)
    _refusal: str = PrivateAttr(default="")

    @field_validator("python")
    @classmethod
    def check_function(cls, value: str | None, info: ValidationInfo) -> str | None:
        """See that it names a file inside the folder and a function."""
        return value if value is None else named_function(value, info)

    @field_validator("numbers")
    @classmethod
    def check_numbers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """See that some are named where they are written."""
        if not names:
            raise amiss("is empty; name what the function returns, or leave it out for one number")
        return names

    @model_validator(mode="after")
    def check_one_source(self) -> Self:
        """See that there is one function."""
        if (self.python is None) == (self.installed is None):
            raise amiss('write one of python: "FILE.py:FUNCTION" and installed: NAME')
        return self

    @model_validator(mode="after")
    def check_group(self, info: ValidationInfo) -> Self:
        """See that groups are of axes that there are."""
        mistakes = Mistakes()
        for key in ("where", "by"):
            if self.over is None and key in self.model_fields_set:
                said = "chooses among groups of points; write over: AXIS, too, or leave it out"
                mistakes.add((key, AT_KEY), wrong(said))
        axes = known_to(info).axes
        named: list[tuple[tuple[str | int, ...], str]] = []
        named += [(("over",), self.over)] if self.over is not None else []
        named += [(("by", at), axis) for at, axis in enumerate(self.by or ())]
        there = {*AXES, "repeat", *(axes or ())}
        for loc, axis in named if axes is not None else ():
            if axis not in there:
                mistakes.add(loc, unknown("axis", axis, there))
        mistakes.raise_any()
        return self

    @property
    def along(self) -> str:
        """The axis along which points are grouped; "" where each is analysed alone."""
        return self.over or ""

    @property
    def returns(self) -> Sequence[str]:
        """Names of its numbers."""
        return self.numbers or (self._name,)

    def settle(self, name: str) -> None:
        """Tell it what it is called."""
        self._name = name

    def come_home(self, home: Home) -> None:
        """Tell it where its manifest stands, so that its file can be found."""
        self._home = home

    def open(self, place: Place) -> CodeFunction:
        """Load the function and see that it takes what it will be given.

        Args:
            place: Of the analysis in the manifest.

        Raises:
            SourceError: It is not there, cannot be loaded, or takes other arguments.
            UntrustedCodeError: It may not run.
        """
        if self._opened is None:
            found = self._load(place)
            first = "points" if self.over else "counts"
            _check_arguments(found, self.arguments, place, first)
            self._opened = found
        return self._opened

    def _load(self, place: Place) -> CodeFunction:
        if self.installed is not None:
            return _installed(self.installed, place)
        home = self._home or Home(Path(), trust=False)
        return load_function(self.python or "", f"analysis {self._name!r}", home, place)

    def measure(self, counts: Counts | Sequence[Measurement], level: float) -> Any:
        """Call the function.

        Args:
            counts: Of a point; of a group each of its points.
            level: Of intervals.

        Raises:
            OwnNumbersError: It cannot be called, or raised.
        """
        from qbatch.result import OwnNumbersError

        with ONE_AT_A_TIME:
            function = self._found()
            named = dict(self.arguments)
            if "level" in function.parameters:
                named.setdefault("level", level)
            try:
                return function.call(counts, **named)
            except CircuitError as error:
                raise OwnNumbersError(str(error)) from error

    @property
    def place(self) -> str:
        """Where its function stands: ``analysis.py:15``; "" before it is loaded."""
        return "" if self._opened is None else str(self._opened.place)

    def _found(self) -> CodeFunction:
        """Load the function once; where it may not run, look once, too."""
        from qbatch.result import OwnNumbersError

        if not self._refusal:
            try:
                return self.open(Place(f"analysis {self._name!r}"))
            except SourceError as error:
                file, _, _ = (self.python or "").rpartition(":")
                self._refusal = str(error) if file and error.place.file == file else error.problem
        raise OwnNumbersError(self._refusal)

    def facts(self) -> dict[str, str]:
        """Return what it is, as noted with a run: its name, version, and its file's SHA-256."""
        place = Place(f"analysis {self._name!r}")
        function = self.open(place)
        told = {"python": self.python} if self.python else {"installed": str(self.installed)}
        version = function.version or self._package_version()
        return {**told, "version": version, "sha256": self.sha256()}

    def _package_version(self) -> str:
        from qbatch.circuit.installed import package_of

        return package_of(GROUP, self.installed)[1] if self.installed is not None else ""

    def told(self, noted: Mapping[str, str]) -> str:
        """Say what it is; `noted` are its facts when the run began."""
        digest = self.sha256() or noted.get("sha256", "")
        version = noted.get("version", "") if noted.get("sha256") == digest else ""
        function = self.python or f"installed {self.installed}"
        return f"{f'{function} {version}'.strip()}, SHA-256 {digest or 'unknown'}"

    def sha256(self) -> str:
        """Return the SHA-256 of its file as it is now; "" where that is not to be had."""
        path = self._file()
        return "" if path is None else digest_of(path)

    def _file(self) -> Path | None:
        if self.python is not None:
            file, _, _ = self.python.rpartition(":")
            return None if self._home is None else self._home.folder / file
        try:
            function = _installed(self.installed or "", Place(""))
        except CircuitError:
            return None
        return function.path


def _installed(name: str, place: Place) -> CodeFunction:
    from qbatch.circuit.installed import load_installed

    return load_installed(GROUP, name, "analysis", place)


def _check_arguments(
    function: CodeFunction, given: Mapping[str, Any], place: Place, first: str
) -> None:
    if not function.parameters:
        raise CircuitError(place, f"the function takes nothing; its first argument is the {first}")
    _, *rest = function.parameters
    if unknown := [name for name in given if name not in rest]:
        known = listed(rest) if rest else f"none beside the {first}"
        hint = did_you_mean(unknown[0], rest)
        said = f"'with' gives {unknown[0]!r}, which is no argument ({known}){hint}"
        raise CircuitError(place, said)
    needed = [name for name in rest if name in function.needed and name not in (*given, "level")]
    if needed:
        raise CircuitError(place, f"the function needs {listed(needed)}; write with: {{…}}")
