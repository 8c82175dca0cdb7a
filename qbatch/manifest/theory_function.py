"""What theory says by a function: ``expected: {zz: {python: "theory.py:zz", with: {…}}}``.

Rules: code runs only where it was trusted, as that of circuits does. The function is given those
axes of a point that it names, else what ``with`` says, where a text that names an axis or a fitted
parameter stands for its value; and it returns a number, or None where theory says nothing. What it
said of a run's points is kept with the run, which is read without the code; what it says of fitted
parameters is not, for these are known only when the run is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationInfo, field_validator

from qbatch.errors import CircuitError, Place, SourceError
from qbatch.manifest.fields import Model, Swept, Text
from qbatch.manifest.functions import (
    ONE_AT_A_TIME,
    Home,
    call_for,
    canonical,
    digest_of,
    load_taking,
    named_function,
)
from qbatch.notation import listed, shortened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.circuit.code import CodeFunction

    Floats = npt.NDArray[np.float64]

Value = bool | int | float | str

#: Different arguments of one function of which something is kept, at most.
MOST_PLACES = 100_000


class CalledTheory(Model):
    """Theory as a function, as the manifest writes it.

    Attributes:
        python: ``FILE.py:FUNCTION``, given the axes it names; runs only with --trust.
        arguments: What else it is given by name; a text that names an axis or a fitted parameter
            stands for its value.
    """

    python: Text
    arguments: Mapping[str, Swept] = Field(default_factory=dict, alias="with")

    @field_validator("python")
    @classmethod
    def check_function(cls, value: str, info: ValidationInfo) -> str:
        """See that it names a file inside the folder and a function."""
        return named_function(value, info)

    @property
    def text(self) -> str:
        """As it stands in the analysis."""
        return canonical({"python": self.python, "with": dict(self.arguments)})


@dataclass(slots=True, eq=False)
class TheoryFunction:
    """Calls the function that says what theory says of one number.

    Attributes:
        name: The number's.
        source: ``theory.py:zz``.
        arguments: Of ``with``.
        trouble: Why it said nothing when it was last called; "" where it did.
    """

    name: str
    source: str
    arguments: Mapping[str, Value]
    trouble: str = ""
    _home: Home = field(default_factory=lambda: Home(Path(), trust=False))
    _is_kept: bool = False
    _kept_sha256: str = ""
    _kept: Mapping[str, float | None] = field(default_factory=dict)
    _told: dict[str, float | None] = field(default_factory=dict)
    _planned: set[str] = field(default_factory=set)
    _place: Place | None = None
    _function: CodeFunction | None = None
    _refusal: str = ""

    @classmethod
    def of(cls, name: str, text: str) -> TheoryFunction | None:
        """Read what stands in the analysis; None for a formula or a table."""
        if not text.startswith("{") or "python" not in (told := json.loads(text)):
            return None
        return cls(name, str(told["python"]), told["with"])

    def come_home(self, home: Home, kept: Mapping[str, str] | None) -> None:
        """Tell it where its manifest stands; and what is kept with a run that is read."""
        self._home = home
        self._is_kept = kept is not None
        self._kept = self._mine(kept or {})
        self._kept_sha256 = (kept or {}).get(self._prefix.rstrip(), "")

    def fall_back_on(self, kept: Mapping[str, str]) -> None:
        """Tell it what is kept with a run, where the code may not run."""
        self._kept = {**self._mine(kept), **self._kept}

    def open(self, place: Place) -> None:
        """Load the function.

        Args:
            place: Of the theory in the manifest.

        Raises:
            SourceError: It is not there, cannot be loaded, or takes other arguments.
            UntrustedCodeError: It may not run.
        """
        self._place = place
        if self._function is None:
            what = f"theory of {self.name!r}"
            self._function = load_taking(self.source, what, self.arguments, self._home, place)

    @property
    def axes(self) -> tuple[str, ...]:
        """What it takes by the names of its arguments, and ``with`` does not give."""
        if self._function is not None:
            names = [*self._function.parameters]
        else:
            names = [name for key in self._kept for name in self._given_in(key)]
        return tuple(name for name in dict.fromkeys(names) if name not in self.arguments)

    def parameters(self, known: Collection[str]) -> tuple[str, ...]:
        """Return those of fits' parameters that ``with`` names."""
        texts = (one for one in self.arguments.values() if isinstance(one, str))
        return tuple(dict.fromkeys(text for text in texts if text in known))

    def plan(self, values: Mapping[str, Value]) -> float | None:
        """Return what it says of a point that is planned; that is kept with the run.

        Args:
            values: Axis -> value at the point, circuit and backend too.

        Raises:
            SourceError: It may not run, raises, or returns no number; or there are too many points.
        """
        given = self._given(values)
        key = canonical(given)
        if len(self._planned) >= MOST_PLACES and key not in self._planned:
            said = f"the theory of {self.name!r} is of more than {MOST_PLACES:,} different points"
            place = self._place or Place(self.name)
            raise CircuitError(place, f"{said}, which is too many; shorten or split an axis")
        with ONE_AT_A_TIME:
            found = self._call(key, given)
        self._planned.add(key)
        return found

    def lacks(self, values: Mapping[str, Value]) -> list[str]:
        """Return the arguments that a point does not give it."""
        return [] if self._function is None else _missing(self._function, self._given(values))

    def at(self, values: Mapping[str, Any]) -> Floats:
        """Return what it says where axes and fitted parameters have these values.

        Where arrays are given, it is called for each of their places, or, where it may not run,
        there are straight lines between the points that are known.

        Returns:
            nan where it says nothing; `trouble` has why.
        """
        import numpy as np

        if not self._kept:
            self._is_open()
        given = self._given(values)
        long = {name: np.asarray(one) for name, one in given.items() if np.ndim(one)}
        if not long:
            return np.array(self._or_nan(given))
        if not self._is_open() and len(long) == 1:
            (name,) = long
            return self._between(name, long[name], given)
        shape = np.broadcast_shapes(*(one.shape for one in long.values()))
        spread = {name: np.broadcast_to(one, shape).ravel().tolist() for name, one in long.items()}
        found = [
            self._or_nan({**given, **{name: one[place] for name, one in spread.items()}})
            for place in range(math.prod(shape))
        ]
        return np.array(found, dtype=float).reshape(shape)

    @property
    def sums(self) -> Mapping[str, str]:
        """What a run keeps of it: of which function with what, and what that said, as JSON."""
        if self._is_kept:
            known, digest = self._kept, self._kept_sha256
        else:
            known, digest = {key: self._told[key] for key in self._planned}, self._sha256()
        said = {f"{self._prefix}{key}": json.dumps([value]) for key, value in known.items()}
        return {self._prefix.rstrip(): digest, **said}

    def facts(self) -> dict[str, str]:
        """Return what it is, as noted with a run: its name, version, and its file's SHA-256."""
        self.open(self._place or Place(f"theory of {self.name!r}"))
        version = "" if self._function is None else self._function.version
        return {"python": self.source, "version": version, "sha256": self._sha256()}

    def described(self, noted: Mapping[str, str]) -> str:
        """Say what it is; `noted` are its facts when the run began."""
        digest = self._sha256() or noted.get("sha256", "")
        version = noted.get("version", "") if noted.get("sha256") == digest else ""
        return f"{f'{self.source} {version}'.strip()}, SHA-256 {digest or 'unknown'}"

    # -- how it is called --------------------------------------------------------------------------

    def _given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the function: the axes that it names, else what ``with`` gives."""
        given = {
            name: values.get(one, one) if isinstance(one, str) else one
            for name, one in self.arguments.items()
        }
        parameters = self.axes if self._function is None else self._function.parameters
        return {**given, **{name: values[name] for name in parameters if name in values}}

    def _or_nan(self, given: Mapping[str, Any]) -> float:
        key = canonical(given)
        self.trouble = ""
        with ONE_AT_A_TIME:
            if key in self._kept and (self._is_kept or not self._is_open()):
                found = self._kept[key]
            elif not self._is_open():
                self.trouble, found = self._refusal, None
            else:
                try:
                    found = self._call(key, given)
                except SourceError as error:
                    self.trouble, found = str(error), None
        return math.nan if found is None else found

    def _is_open(self) -> bool:
        """Whether the function can be called; of a run that is read, while it is the same."""
        if self._function is None and not self._refusal:
            if self._is_kept and self._sha256() != self._kept_sha256:
                file, _, _ = self.source.rpartition(":")
                self._refusal = f"{file} is not what it was when the run was made"
                return False
            try:
                self.open(self._place or Place(f"theory of {self.name!r}"))
            except SourceError as error:
                self._refusal = str(error)
        return self._function is not None

    def _call(self, key: str, given: Mapping[str, Any]) -> float | None:
        if key in self._told:
            return self._told[key]
        self.open(self._place or Place(f"theory of {self.name!r}"))
        function = self._function
        assert function is not None
        shown = ", ".join(f"{name}={value}" for name, value in given.items())
        called = f"{self.source}({shortened(shown, 100)})"
        if missing := _missing(function, given):
            raise CircuitError(function.place, f"{called} needs {listed(missing)}")
        said = call_for(f"theory of {self.name!r}, {called}", function, given)
        if said is not None and (not isinstance(said, Real) or isinstance(said, bool)):
            told = f"{called} returned a {type(said).__name__}; return a number, or None"
            raise CircuitError(function.place, f"{told} where theory says nothing")
        value = None if said is None or not math.isfinite(said) else float(said)
        if len(self._told) < 2 * MOST_PLACES:
            self._told[key] = value
        return value

    # -- what is kept ------------------------------------------------------------------------------

    @property
    def _prefix(self) -> str:
        return f"theory {self.source} "

    def _mine(self, kept: Mapping[str, str]) -> dict[str, float | None]:
        prefix = self._prefix
        mine = ((key, text) for key, text in kept.items() if key.startswith(prefix))
        return {key.removeprefix(prefix): json.loads(text)[0] for key, text in mine}

    @staticmethod
    def _given_in(key: str) -> Mapping[str, Value]:
        found: dict[str, Value] = json.loads(key)
        return found

    def _between(self, name: str, places: Floats, given: Mapping[str, Any]) -> Floats:
        """Straight lines between what is kept, along one argument."""
        import numpy as np

        others = canonical({key: one for key, one in given.items() if key != name})
        rows = []
        for key, value in self._kept.items():
            told = dict(self._given_in(key))
            at = told.pop(name, None)
            if value is not None and isinstance(at, int | float) and canonical(told) == others:
                rows.append((float(at), value))
        if not rows:
            return np.full(places.shape, math.nan)
        x, y = zip(*sorted(rows), strict=True)
        found: Floats = np.interp(places, x, y, left=math.nan, right=math.nan)
        return found

    def _sha256(self) -> str:
        file, _, _ = self.source.rpartition(":")
        return digest_of(self._home.folder / file)


def _missing(function: CodeFunction, given: Mapping[str, Any]) -> list[str]:
    return [name for name in function.needed if name not in given]
