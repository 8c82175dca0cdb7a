"""What travels inside strings: programs, parameters and noise in, results out.

A computation is JSON in a string; inside it each program, noise model and result is a triple of
``compression_format`` (1 none, 2 zlib in base64), ``serialization_format`` and ``serialization``.
Formats are numbers, never names. Any number of JSON string layers around a text is taken off. The
older form stands in the job itself: no compression, and results without a triple around them.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLAIN = 1
ZLIB = 2

#: OpenQASM; a program's format is its version.
QASM_FORMATS = (1, 2, 3)

PROGRAM_FORMATS = range(1, 8)

#: A text may become so long when it is unpacked.
MOST_UNPACKED_BYTES = 16_000_000


class EncodingError(ValueError):
    """A text is not what it should be; the message says where and what."""


@dataclass(frozen=True)
class Program:
    """A program's text, unpacked."""

    format: int
    text: str


@dataclass(frozen=True)
class Payload:
    """What a job runs, apart from how often.

    Attributes:
        options: Of the simulator: ``backend.options``.
        noise: A noise model as Aer writes it, with arrays and complex numbers spelled out, or None.
    """

    programs: tuple[Program, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Parameters:
    """How often a job runs, and what comes back."""

    shots: int
    memory: bool = False


def peel(text: Any, place: str) -> dict[str, Any]:
    """Decode JSON text, and JSON text inside JSON text, down to an object."""
    value = text
    try:
        while isinstance(value, str):
            value = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"{place}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EncodingError(f"{place}: not a JSON object")
    return value


def read_payload(text: str) -> Payload:
    """Read a model's payload.

    Raises:
        EncodingError: It is no such thing.
    """
    payload = peel(text, "payload")
    programs = payload.get("programs")
    if not isinstance(programs, list) or not programs:
        raise EncodingError("payload.programs: must be a list of one program or more")
    noise = payload.get("noise_model")
    return Payload(
        tuple(_program(one, f"payload.programs[{at}]") for at, one in enumerate(programs)),
        _options(payload.get("backend"), "payload.backend"),
        None if noise is None else _noise(noise, "payload.noise_model"),
    )


def read_parameters(text: str) -> Parameters:
    """Read a job's parameters.

    Raises:
        EncodingError: No whole number of shots, or options that are no object.
    """
    return _parameters(peel(text, "parameters"), "parameters")


def read_legacy(text: str) -> tuple[Payload, Parameters]:
    """Read the older form, which holds both.

    Raises:
        EncodingError: It is no such thing.
    """
    job = peel(text, "circuit")
    run = job.get("run")
    circuits = run.get("circuits") if isinstance(run, dict) else None
    if not isinstance(run, dict) or not isinstance(circuits, list) or not circuits:
        raise EncodingError("circuit.run.circuits: must be a list of one circuit or more")
    options = run.get("options")
    if not isinstance(options, dict):
        raise EncodingError("circuit.run.options: not an object")
    noise = job.get("noise_model")
    payload = Payload(
        tuple(_legacy_program(one, at) for at, one in enumerate(circuits)),
        _options(job.get("backend"), "circuit.backend"),
        None if noise is None else _legacy_noise(noise),
    )
    return payload, _parameters({**options, "options": options}, "circuit.run.options")


def _parameters(found: Mapping[str, Any], place: str) -> Parameters:
    shots, options = found.get("shots"), found.get("options") or {}
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise EncodingError(f"{place}.shots: must be a whole number of 1 or more, not {shots!r}")
    if not isinstance(options, dict):
        raise EncodingError(f"{place}.options: not an object")
    return Parameters(shots, bool(options.get("memory")))


def _options(backend: Any, place: str) -> dict[str, Any]:
    if backend is None:
        return {}
    options = (backend.get("options") or {}) if isinstance(backend, dict) else None
    if not isinstance(options, dict):
        raise EncodingError(f"{place}.options: not an object")
    return options


def _program(one: Any, place: str) -> Program:
    if not isinstance(one, dict):
        raise EncodingError(f"{place}: not an object")
    number = _format(one, "serialization_format", place)
    if number not in PROGRAM_FORMATS:
        raise EncodingError(f"{place}.serialization_format: {number} is unknown")
    return _checked(Program(number, unpack(one, place)), place)


def _legacy_program(one: Any, at: int) -> Program:
    place = f"circuit.run.circuits[{at}]"
    if not isinstance(one, dict) or not isinstance(one.get("circuit_serialization"), str):
        raise EncodingError(f"{place}.circuit_serialization: must be a string")
    number = _format(one, "serialization_format", place)
    if number not in QASM_FORMATS:
        raise EncodingError(f"{place}.serialization_format: {number} is not run")
    return _checked(Program(number, one["circuit_serialization"]), place)


def _checked(program: Program, place: str) -> Program:
    """Refuse OpenQASM whose header belongs to another version."""
    header = re.search(r"^\s*OPENQASM\s+(\d+)", program.text, re.MULTILINE)
    if program.format in QASM_FORMATS and header and int(header[1]) != program.format:
        raise EncodingError(f"{place}: format {program.format}, but OpenQASM {header[1]} inside")
    return program


def _noise(one: Any, place: str) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise EncodingError(f"{place}: not an object")
    if _format(one, "serialization_format", place) != 1:
        raise EncodingError(f"{place}.serialization_format: only 1, Aer's, is known")
    return peel(unpack(one, place), place)


def _legacy_noise(one: Any) -> dict[str, Any]:
    """Here one number says both: 1 plain, 2 compressed."""
    place = "circuit.noise_model"
    if not isinstance(one, dict):
        raise EncodingError(f"{place}: not an object")
    number = _format(one, "serialization_format", place)
    packed = {"compression_format": number, "serialization": one.get("noise_model_serialization")}
    return peel(unpack(packed, place), place)


def _format(one: Mapping[str, Any], name: str, place: str) -> int:
    number = one.get(name)
    if isinstance(number, bool) or not isinstance(number, int):
        raise EncodingError(f"{place}.{name}: must be a number, not {number!r}")
    return number


def unpack(one: Mapping[str, Any], place: str) -> str:
    """Return the text of a triple.

    Raises:
        EncodingError: Unknown compression, not base64, not zlib, not UTF-8, or too long.
    """
    compression, text = _format(one, "compression_format", place), one.get("serialization")
    if not isinstance(text, str):
        raise EncodingError(f"{place}.serialization: must be a string")
    if compression == PLAIN:
        return text
    if compression != ZLIB:
        raise EncodingError(f"{place}.compression_format: {compression} is unknown")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(b64decode(text, validate=True), MOST_UNPACKED_BYTES)
        if not unpacker.eof:
            raise EncodingError(f"{place}.serialization: cut off, or longer than allowed")
        return content.decode()
    except (Base64Error, zlib.error, UnicodeDecodeError) as error:
        raise EncodingError(f"{place}.serialization: cannot be unpacked: {error}") from error


def pack(content: Any, serialization_format: int, compression: int = ZLIB) -> str:
    """Return a result's JSON text: the triple around `content`."""
    text = json.dumps(content)
    if compression == ZLIB:
        text = b64encode(zlib.compress(text.encode())).decode()
    return json.dumps(
        {
            "compression_format": compression,
            "serialization_format": serialization_format,
            "serialization": text,
        }
    )
