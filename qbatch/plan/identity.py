"""What a sweep point is, and the canonical JSON from which its id is made.

A point's id is that of its *content*: of all that decides the distribution that its shots are drawn
from. It is the SHA-256, as 64 lower-case hex digits, of this text in ASCII:

    {"backend":{…},"circuit":"7c1f…","parameters":{"beta":0.4,"gamma":0},"repeat":1,"seed":7}

written in one line, without any white space between tokens, where

- `backend` has those of the keys noise, options, provider, target, transpile that the manifest
  gives and that are not empty; options that only label jobs (`Room.label_options`) are no part. A
  calibration file named in `noise` is replaced by the JSON it
  holds: its name and its white space do not matter, its numbers do;
- `circuit` is the content of the program text with its free parameters, 64 hex digits, as
  `circuit.qasm.content` makes it of the text's words: comments and white space are no part of it.
  A template or a Python function counts by the text it makes, so its arguments are not listed
  again;
- `parameters` has one number for each free parameter of that text;
- `repeat` counts from 1; `seed` is the sweep's root seed;
- only where `shots` is an axis of the sweep's matrix (or zip), a last key `"shots"` has the point's
  number of them: the values of an axis are experiments of their own, with independent samples. As
  a number (for all points, of an included point, or set by an override) it says how far the one
  sample of a content is taken.

Keys are sorted by code point. Strings are written as `json.dumps` does, ASCII only. A number with
an integral value below 2**53 in size is written as that integer (so 1, 1.0 and 1e0 are "1", and
-0.0 is "0"); every other float as Python's `repr`, the shortest text that reads back as the same
double. Names, tags, limits, credentials, URLs, time-outs, analysis and reports are no part of it.

Keys sort such that all that many points share comes first: its hash is made once and copied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.manifest.models import Backend, Value
from qbatch.project import may_name, outside
from qbatch.providers import room_of

if TYPE_CHECKING:
    from hashlib import _Hash

#: Integral floats below this are exact, and written as integers.
EXACT = 2.0**53

#: Keys of `noise` that name a file whose content counts, not its name.
FILE_KEYS = ("calibration", "calibration_file", "file")

MAX_CALIBRATION_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One thing to run: what a job is made from.

    Attributes:
        id: 64 hex digits, see this module's head.
        name: Readable, unique within the plan: ``backend=noisy,shots=1000#2``.
        circuit: Its name in the manifest.
        backend: Its name in the manifest.
        shots: 1 or more.
        repeat: 1 for the first copy.
        parameters: Name and value of every swept parameter that the circuit uses, of each of its
            free parameters, of each setting that is an axis, and of the axes that make no
            difference to it, in the order of the plan's axes.
        seed: 0 <= seed < 2**63, made from the id (and so from the root seed).
        setting: Key of `Plan.setting`: what it shares with other points.
        has_shots_axis: `shots` is the value of an axis, and so part of the id.
        same_as: Name of the place before it in the plan that comes to the same content, and is
            bought for both; "" for the first or only one.
        of_point: Shots and copy of its point, where this is a setting that has its own; else None.
        written: Its parameters as JSON, ``[["a",0.5]]``, where they were written beforehand.
    """

    id: str
    name: str
    circuit: str
    backend: str
    shots: int
    repeat: int
    parameters: tuple[tuple[str, Value], ...]
    seed: int
    setting: str = ""
    has_shots_axis: bool = False
    same_as: str = ""
    of_point: tuple[int, int] | None = field(default=None, compare=False, repr=False)
    written: str = field(default="", compare=False, repr=False)


def field_of(point: Any, name: str) -> Any:
    """Return a field of a point, or of what is like one; of a setting that of its point."""
    of_point = getattr(point, "of_point", None)
    if of_point is None or name not in ("shots", "repeat"):
        return getattr(point, name)
    return of_point[name == "repeat"]


def seed_of(id_: str) -> int:
    """Return the seed of the point with this id: 63 bits of it.

    The id is a hash over the root seed and all else that defines the point, so seeds of different
    points are independent, and adding a point changes no other's.
    """
    return int(id_[16:32], 16) & 0x7FFF_FFFF_FFFF_FFFF


def number_text(value: float) -> str:
    """Return the canonical text of a finite number.

    >>> number_text(1.0), number_text(-0.0), number_text(0.1), number_text(1e300)
    ('1', '0', '0.1', '1e+300')
    """
    if value.__class__ is float and not (value.is_integer() and -EXACT < value < EXACT):
        return repr(value)
    return str(int(value))


def canonical_json(value: Any) -> str:
    """Return `value` (mappings, sequences, strings, numbers, booleans, None) as canonical JSON.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and -EXACT < value < EXACT:
        return int(value)
    return value


def backend_identity(backend: Backend, folder: Path) -> dict[str, Any]:
    """Return those settings of `backend` that can change a result.

    Args:
        backend: As in the manifest.
        folder: The manifest's: a calibration file's path is taken from here.

    Raises:
        ValueError: The calibration file cannot be read; the text says why.
    """
    transpile = backend.transpile and backend.transpile.model_dump(exclude_none=True)
    noise = backend.noise and {
        key: _calibration(item, folder) if key in FILE_KEYS and isinstance(item, str) else item
        for key, item in backend.noise.items()
    }
    labels = room_of(backend.provider).label_options
    found = {
        "noise": noise,
        "options": {key: item for key, item in backend.options.items() if key not in labels},
        "provider": backend.provider,
        "target": backend.target,
        "transpile": transpile,
    }
    return {key: _plain(item) for key, item in found.items() if item}


def _calibration(path: str, folder: Path) -> Any:
    file, folder = (folder / path).resolve(), folder.resolve()
    if not may_name(file, folder):
        raise ValueError(f"calibration file {path!r} {outside(folder)}")
    try:
        if file.stat().st_size > MAX_CALIBRATION_BYTES:
            raise ValueError(
                f"calibration file {path!r} is larger than 16 MiB; "
                "name the JSON file of one calibration"
            )
        return json.loads(file.read_bytes(), parse_constant=_refuse_constant)
    except OSError as error:
        raise ValueError(f"cannot read calibration file {path!r}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"calibration file {path!r} is not JSON: {error}") from error


def _refuse_constant(word: str) -> float:
    raise ValueError(f"a calibration file holds {word}; numbers must be finite")


def canonical_text(text: str) -> str:
    """Return a program text with lines ended by a line feed, whatever system wrote it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def prefix_hash(backend_json: str, content: str) -> _Hash:
    """Return the running SHA-256 up to where the points of one circuit and backend differ."""
    head = f'{{"backend":{backend_json},"circuit":"{content}","parameters":{{'
    return hashlib.sha256(head.encode("ascii"))


def short_key(*parts: str) -> str:
    """Return 16 hex digits that stand for `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:16]


def id_of(settings: Mapping[str, Any]) -> str:
    """Return the id of the point with these settings, the slow and plain way.

    >>> len(id_of({"backend": {"provider": "local"}, "circuit": 64 * "0"}))
    64
    """
    return hashlib.sha256(canonical_json(settings).encode("ascii")).hexdigest()
