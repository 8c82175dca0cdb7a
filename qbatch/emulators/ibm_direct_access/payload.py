"""The input document of a job: pubs, in every form they are written, and how long they will take.

Circuits are left as they came. A pub is a list: circuit, then for the estimator observables, then
parameter values, then shots or precision. The last axis of the values is the parameters', the
others are the pub's shape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qbatch.emulators.ibm_direct_access.documents import REP_DELAY_US
from qbatch.emulators.ibm_direct_access.options import (
    check_options,
    is_number,
    is_positive,
    is_whole,
    option,
)
from qbatch.emulators.ibm_direct_access.typed import InputError, array_from, unwrapped

DEFAULT_SHOTS = 4096
DEFAULT_PRECISION = 0.015625

#: Points of parameters and observables a job may have.
MOST_POINTS = 100_000

#: What a job takes of the machine beside its shots, and a shot beside its repetition delay.
JOB_S, SHOT_S = 2.0, 20e-6

Values = NDArray[Any] | Mapping[str, NDArray[Any]]

#: Pauli word -> coefficient.
Observable = Mapping[str, float]


@dataclass(frozen=True)
class Pub:
    """One circuit with all it is to be run with.

    Attributes:
        circuit: Text, or a wrapped QPY file.
        values: By position, or by name.
        shots: Of each point; for the estimator those that reach its precision.
        observables: An array of observables; None for the sampler.
    """

    circuit: Any
    values: Values
    shots: int
    precision: float = 0.0
    observables: NDArray[Any] | None = None

    @property
    def points(self) -> int:
        """Return how many bindings it has, as far as its values alone tell."""
        if isinstance(self.values, Mapping):
            return max((int(one.size) for one in self.values.values()), default=1)
        return math.prod(self.values.shape[:-1])

    @property
    def executions(self) -> int:
        bases = 1 if self.observables is None else count_bases(self.observables)
        return self.points * bases * self.shots


@dataclass(frozen=True)
class Job:
    """What an input document asks for."""

    pubs: Sequence[Pub]
    support_qiskit: bool
    options: Mapping[str, Any]

    @property
    def rep_delay_s(self) -> float:
        given = option(self.options, "execution.rep_delay")
        return REP_DELAY_US[2] * 1e-6 if given is None else float(given)

    @property
    def usage_s(self) -> float:
        """Return how long the machine is dedicated to it, seconds."""
        executions = sum(pub.executions for pub in self.pubs)
        return JOB_S + executions * (self.rep_delay_s + SHOT_S)


def read_job(program: str, content: bytes, *, any_options: bool = False) -> Job:
    """Read an input document; with `any_options` unknown options are let through.

    Raises:
        InputError: It is not as documented.
    """
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError("the input is not JSON") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("pubs"), list) or not asked["pubs"]:
        raise InputError("the input needs a list of pubs")
    own = {"shots"} if program == "sampler" else {"precision", "resilience_level"}
    unknown = sorted(set(asked) - {"pubs", "version", "support_qiskit", "options", *own})
    if unknown:
        raise InputError(f"{unknown[0]}: unknown key")
    if asked.get("version", 2) != 2 or isinstance(asked.get("version"), bool):
        raise InputError(f"version: {asked['version']!r} is not 2")
    if not isinstance(asked.get("support_qiskit", True), bool):
        raise InputError("support_qiskit: must be true or false")
    if asked.get("resilience_level", 1) not in (0, 1, 2):
        raise InputError("resilience_level: must be 0, 1 or 2")
    options = asked.get("options") or {}
    if not any_options:
        check_options(program, options)
    _check_rep_delay(options)
    read = _sampler_pub if program == "sampler" else _estimator_pub
    pubs = [read(f"pubs[{at}]", pub, asked, options) for at, pub in enumerate(asked["pubs"])]
    return Job(pubs, asked.get("support_qiskit", True), options)


def _check_rep_delay(options: Any) -> None:
    given, (least, most, _) = option(options, "execution.rep_delay"), REP_DELAY_US
    if given is None:
        return
    if not is_number(given) or not least * 1e-6 <= given <= most * 1e-6:
        raise InputError(f"options.execution.rep_delay: {given} is outside the machine's range")


def _sampler_pub(where: str, pub: Any, asked: Mapping[str, Any], options: Any) -> Pub:
    circuit, values, shots = _items(where, pub, 1, 3)
    wanted = [shots, asked.get("shots"), option(options, "default_shots"), DEFAULT_SHOTS]
    chosen = next(one for one in wanted if one is not None)
    if not is_whole(chosen):
        raise InputError(f"{where}: {chosen!r} is not a number of shots")
    return Pub(circuit, _values(where, values), chosen)


def _estimator_pub(where: str, pub: Any, asked: Mapping[str, Any], options: Any) -> Pub:
    circuit, observables, values, precision = _items(where, pub, 2, 4)
    shots = option(options, "default_shots")
    wanted = [
        precision,
        asked.get("precision"),
        None if shots is None else shots**-0.5,
        option(options, "default_precision"),
        DEFAULT_PRECISION,
    ]
    chosen = next(one for one in wanted if one is not None)
    if not is_positive(chosen) or chosen < 1e-6:
        raise InputError(f"{where}: {chosen!r} is not a precision")
    return Pub(
        circuit,
        _values(where, values),
        math.ceil(round(chosen**-2, 6)),
        float(chosen),
        _observables(where, observables),
    )


def _items(where: str, pub: Any, least: int, most: int) -> list[Any]:
    if not isinstance(pub, list) or not least <= len(pub) <= most:
        raise InputError(f"{where}: must be a list of {least} to {most}")
    return [*pub, *[None] * (most - len(pub))]


def _values(where: str, given: Any) -> Values:
    """Read parameter values; none at all are an empty array."""
    try:
        if isinstance(given, dict) and "__type__" not in given:
            return {str(name): array_from(one).astype(float) for name, one in given.items()}
        values = np.zeros(0) if given is None else array_from(given).astype(float)
    except InputError as error:
        raise InputError(f"{where}: parameter values: {error}") from error
    if math.prod(values.shape[:-1]) > MOST_POINTS:
        raise InputError(f"{where}: more than {MOST_POINTS} sets of parameter values")
    if not np.isfinite(values).all():
        raise InputError(f"{where}: parameter values: not finite")
    return values


def _observables(where: str, given: Any) -> NDArray[Any]:
    """Read an observable or nested lists of them into an array of the same shape."""
    inner = unwrapped(given, "ObservablesArray")
    given = given if inner is None else inner
    shape, flat = _unnested(where, given)
    found = np.empty(len(flat), dtype=object)
    for at, one in enumerate(flat):
        found[at] = _observable(where, one)
    lengths = {len(word) for one in found for word in one}
    if len(lengths) != 1:
        raise InputError(f"{where}: observables of one length are needed")
    return found.reshape(shape)


def _unnested(where: str, given: Any) -> tuple[tuple[int, ...], list[Any]]:
    if not isinstance(given, list):
        return (), [given]
    parts = [_unnested(where, one) for one in given]
    if not parts or len({shape for shape, _ in parts}) != 1:
        raise InputError(f"{where}: observables are no array")
    return (len(parts), *parts[0][0]), [one for _, flat in parts for one in flat]


def _observable(where: str, given: Any) -> Observable:
    terms = {given: 1.0} if isinstance(given, str) else given
    if not isinstance(terms, dict) or not terms:
        raise InputError(f"{where}: an observable is an object of Pauli words")
    for word, coefficient in terms.items():
        if not word or set(word) - set("IXYZ"):
            raise InputError(f"{where}: {word[:40]!r} is no Pauli word")
        if isinstance(coefficient, bool) or not isinstance(coefficient, int | float):
            raise InputError(f"{where}: the coefficient of {word[:40]!r} is no number")
    return terms


def count_bases(observables: NDArray[Any]) -> int:
    """Return how many measurement bases cover all words, letter by letter, taken as they come."""
    bases: list[list[str]] = []
    for word in dict.fromkeys(word for one in observables.flat for word in one):
        for basis in bases:
            if all("I" in (a, b) or a == b for a, b in zip(word, basis, strict=True)):
                basis[:] = [b if a == "I" else a for a, b in zip(word, basis, strict=True)]
                break
        else:
            bases.append(list(word))
    return len(bases)
