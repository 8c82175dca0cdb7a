"""Noise as plain data: what ``noise`` of a local backend and a calibration file may say.

Rules: no qiskit. Times are seconds, probabilities in [0, 1]. Noise acts on the gates as the circuit
writes them: each standard gate is one gate; a gate that the circuit defines itself is its body,
gate by gate; a standard gate on three or more qubits is its textbook decomposition into gates on
one and two (h, t, tdg, cx, and p and cp where these do not do: a calibration goes by these names).
Where a backend transpiles, "as written" means as transpiled.

- ``depolarizing: {one_qubit: p, two_qubit: q}``: after each gate on that many qubits (``id``,
  ``rz`` and ``h`` alike) they are, with that probability, replaced by the maximally mixed state.
- ``readout``: a number e flips each measured bit with probability e; ``{p01: a, p10: b}`` reads 0
  for a true 1 with probability a, and 1 for a true 0 with probability b.
- ``thermal_relaxation: {t1: …, t2: …, gate_time: {one_qubit: …, two_qubit: …, measure: …}}``: after
  each gate its qubits, and before each measurement its qubit, relax towards |0> for that time;
  during a ``delay`` its qubits relax for the delay. Qubits that wait do not relax otherwise.
- ``calibration: FILE``: one number per qubit and gate, from a JSON file:

    {"name": "device, 2026-05-04",
     "qubits": [{"t1": 120e-6, "t2": 90e-6, "readout": {"p01": 0.02, "p10": 0.01}}, …],
     "gates": [{"gate": "cx", "qubits": [0, 1], "error": 0.008, "time": 300e-9},
               {"gate": "sx", "error": 0.0003, "time": 35e-9},
               {"gate": "rz"}, …],
     "measure_time": 1e-6}

  ``qubits[i]`` is qubit i; without t1 (or t2) it does not relax (dephase). ``error`` is the average
  gate infidelity that vendors print: what relaxation during ``time`` does not explain of it is made
  up by depolarizing. ``depolarizing`` instead of it is Aer's parameter, on top of relaxation. An
  entry without ``qubits`` is for all, without ``gate`` for every gate on those qubits; the most
  particular entry counts (gate and qubits, then qubits, then gate); either direction of a pair
  will do. A gate without any entry is an error: no gate is perfect by oversight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from qbatch.project import may_name, outside
from qbatch.providers.complaints import complaints
from qbatch.providers.local.options import PlainData, wrong

Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Lifetime = Annotated[float, Field(gt=0, allow_inf_nan=False)]

MAX_CALIBRATION_BYTES = 16 * 2**20


class ReadoutError(PlainData):
    """How often a bit is misread.

    Attributes:
        p01: Probability to read 0 where the state was 1.
        p10: Probability to read 1 where the state was 0.
    """

    p01: Probability = 0.0
    p10: Probability = 0.0

    @property
    def is_ideal(self) -> bool:
        return not (self.p01 or self.p10)


def _as_both(value: Any) -> Any:
    """Write a single probability out: 0s and 1s are misread alike."""
    if isinstance(value, Mapping | ReadoutError):
        return value
    if isinstance(value, bool | str) or not (isinstance(value, int | float) and 0 <= value <= 1):
        raise wrong(f"{value!r} is no probability; write a number from 0 to 1")
    return {"p01": value, "p10": value}


#: A probability, or one for each direction.
Readout = Annotated[
    ReadoutError, BeforeValidator(_as_both, json_schema_input_type=Probability | ReadoutError)
]


class Depolarizing(PlainData):
    """Aer's parameter: after each gate its qubits are, with that probability, maximally mixed.

    Attributes:
        one_qubit: After gates on one qubit.
        two_qubit: After gates on two qubits.
    """

    one_qubit: Probability = 0.0
    two_qubit: Probability = 0.0


class GateTimes(PlainData):
    """For how long the qubits of a gate relax after it.

    Attributes:
        one_qubit: Of gates on one qubit: seconds, or with a unit (35ns).
        two_qubit: Of gates on two qubits: seconds, or with a unit (300ns).
        measure: Before each measurement: seconds, or with a unit (1us).
    """

    one_qubit: Seconds = 0.0
    two_qubit: Seconds = 0.0
    measure: Seconds = 0.0


class Relaxation(PlainData):
    """Decay towards |0> and loss of phase, during gates, measurements and delays.

    Attributes:
        t1: Needed. Time in which the excited state decays to 1/e: seconds, or with a unit (80us).
        t2: Needed. Time in which phase is lost to 1/e, at most 2 t1: seconds, or with a unit
            (60us).
        gate_time: For how long each gate's qubits relax.
    """

    t1: Lifetime
    t2: Lifetime
    gate_time: GateTimes = GateTimes()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_lifetimes(self.t1, self.t2)
        return self


def _check_lifetimes(t1: float | None, t2: float | None) -> None:
    if t1 is not None and t2 is not None and t2 > 2 * t1:
        raise wrong(f"t2 is {t2:g} s, more than twice t1 ({t1:g} s); physics wants t2 <= 2 t1")


class Noise(PlainData):
    """What a local backend's ``noise`` says.

    Attributes:
        depolarizing: After each gate its qubits are, with some probability, maximally mixed.
        readout: How often a measured bit is misread: one probability, or one for each direction.
        thermal_relaxation: Decay and loss of phase in time.
        calibration: A JSON file with a number for each qubit and gate, in place of all others.
    """

    depolarizing: Depolarizing | None = None
    readout: Readout | None = None
    thermal_relaxation: Relaxation | None = None
    calibration: str | None = None

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if self.calibration is not None and len(self.model_fields_set) > 1:
            others = ", ".join(sorted(self.model_fields_set - {"calibration"}))
            raise wrong(f"calibration says all there is to say; remove {others}")
        return self


class QubitCalibration(PlainData):
    t1: Lifetime | None = None
    t2: Lifetime | None = None
    readout: Readout = ReadoutError()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_lifetimes(self.t1, self.t2)
        return self


class GateCalibration(PlainData):
    gate: str | None = None
    qubits: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    error: Probability | None = None
    depolarizing: Probability | None = None
    time: Seconds = 0.0

    @model_validator(mode="after")
    def _one_error(self) -> Self:
        if self.error is not None and self.depolarizing is not None:
            raise wrong("error and depolarizing say the same twice; keep one")
        if self.gate is None and self.qubits is None:
            raise wrong("it names neither a gate nor qubits; say what it is about")
        return self


class Calibration(PlainData):
    """A calibration file; see this module's head."""

    name: str = ""
    description: str = ""
    date: str = ""
    qubits: Annotated[tuple[QubitCalibration, ...], Field(min_length=1)]
    gates: tuple[GateCalibration, ...] = ()
    measure_time: Seconds = 0.0

    @model_validator(mode="after")
    def _known_qubits(self) -> Self:
        for entry in self.gates:
            for qubit in entry.qubits or ():
                if not 0 <= qubit < len(self.qubits):
                    raise wrong(
                        f"qubit {qubit} of gate {entry.gate or 'any'} does not exist; "
                        f"there are {len(self.qubits)}, from 0"
                    )
        return self

    def gate(self, name: str, qubits: Sequence[int]) -> GateCalibration | None:
        """Return the most particular entry for gate `name` on `qubits`, or None."""
        either = (tuple(qubits), tuple(reversed(qubits)))
        found: dict[int, GateCalibration] = {}
        for entry in self.gates:
            if entry.gate in (None, name) and (entry.qubits is None or entry.qubits in either):
                rank = 2 * (entry.qubits is not None) + (entry.gate is not None)
                found.setdefault(rank, entry)
        return found[max(found)] if found else None


def read_calibration(file: str, folder: Path) -> Calibration:
    """Read a calibration file.

    Args:
        file: As written, relative to `folder`, within it.
        folder: The manifest's.

    Raises:
        ValueError: It cannot be read or is wrong; the text says where and why.
    """
    path, folder = (folder / file).resolve(), folder.resolve()
    if not may_name(path, folder):
        raise ValueError(f"calibration file {file!r} {outside(folder)}")
    try:
        if path.stat().st_size > MAX_CALIBRATION_BYTES:
            raise ValueError(
                f"calibration file {file!r} is larger than 16 MiB; "
                "name the JSON file of one calibration"
            )
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read calibration file {file!r}: {error.strerror}") from error
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, loc)) or 'file'}: {problem}"
            for loc, problem in complaints(error, Calibration)
        ]
        raise ValueError(f"calibration file {file!r}: {'; '.join(told[:5])}") from error


class NoiseModel(PlainData):
    """Noise with its calibration read: all a worker needs to know.

    `depolarizing`, `relaxation` and `readout` are None where `calibration` is given.
    """

    depolarizing: Depolarizing | None = None
    readout: ReadoutError | None = None
    relaxation: Relaxation | None = None
    calibration: Calibration | None = None

    @classmethod
    def from_noise(cls, noise: Noise, folder: Path) -> NoiseModel:
        """Read what `noise` refers to.

        Raises:
            ValueError: The calibration file is wrong.
        """
        if noise.calibration is not None:
            return cls(calibration=read_calibration(noise.calibration, folder))
        return cls(
            depolarizing=noise.depolarizing,
            readout=noise.readout,
            relaxation=noise.thermal_relaxation,
        )

    @property
    def num_qubits(self) -> int | None:
        """How many qubits it knows; None: any number."""
        return len(self.calibration.qubits) if self.calibration else None

    @property
    def acts_on_gates(self) -> bool:
        """Whether the state is touched, not only the bits read from it."""
        depolarizing = self.depolarizing
        strong = depolarizing and (depolarizing.one_qubit or depolarizing.two_qubit)
        return bool(strong or self.relaxation or self.calibration)

    @property
    def relaxes(self) -> bool:
        """Whether qubits may relax in a delay."""
        return bool(self.relaxation or self.calibration)

    @property
    def is_clifford(self) -> bool:
        """Whether Paulis and resets make it up: relaxation with t2 > t1 needs more."""
        known: Sequence[Relaxation | QubitCalibration] = ()
        if self.calibration:
            known = self.calibration.qubits
        elif self.relaxation:
            known = (self.relaxation,)
        return all(one.t1 is None or (one.t2 is not None and one.t2 <= one.t1) for one in known)

    def readout_of(self, qubit: int) -> ReadoutError | None:
        """Return how bits measured on `qubit` are misread, None when they are not."""
        readout = self.readout
        if self.calibration:
            readout = self.calibration.qubits[qubit].readout
        return None if readout is None or readout.is_ideal else readout

    @property
    def misreads(self) -> bool:
        """Whether any qubit is misread."""
        count = len(self.calibration.qubits) if self.calibration else 1
        return any(self.readout_of(qubit) for qubit in range(count))
