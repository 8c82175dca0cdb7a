"""Chunks and answers as bytes, where they leave this machine; checked before they count.

Rules: what was computed comes back as arrays, never as pickles. An answer names the work it is of
by its digest, carries its own, and is taken only if sizes, digest, shapes and jobs are as they must
be; a torn or foreign file is none.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt

    from qbatch.providers.local.work import Answer, Chunk

MAGIC = b"qbatch answers 1\n"
_LENGTH = struct.Struct("<Q")
_DIGEST_BYTES = 32
#: Kinds of numbers that an answer may hold.
_KINDS = frozenset({"uint8", "int64", "float64", "complex64", "complex128"})
#: Packages by whose versions counts could differ.
_PACKAGES = ("qbatch", "qiskit", "qiskit-aer", "numpy", "stim")

#: The ids of the jobs of each evolution of a chunk.
Jobs = tuple[tuple[str, ...], ...]


class FrameError(Exception):
    """Bytes that are not what they should be; the text says how."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one chunk."""

    jobs: Jobs
    answer: Answer


@cache
def versions() -> dict[str, str]:
    """Return the versions here of what counts depend on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def misfit_of(theirs: dict[str, str], ours: dict[str, str]) -> str:
    """Say which versions elsewhere are not those here; "" where all are.

    >>> misfit_of({"qiskit-aer": "0.17"}, {"qiskit-aer": "0.18", "stim": "1.15"})
    'qiskit-aer is 0.17 there and 0.18 here'
    """
    need = {name: each for name, each in ours.items() if name != "stim" or name in theirs}
    return ", ".join(
        f"{name} is {theirs.get(name) or 'missing'} there and {each} here"
        for name, each in need.items()
        if theirs.get(name) != each
    )


def jobs_of(chunk: Chunk) -> Jobs:
    """Return which jobs each evolution of a chunk serves."""
    return tuple(tuple(one.job_id for one in each.samplings) for each in chunk.evolutions)


def pack_work(chunks: Sequence[Chunk]) -> tuple[bytes, str]:
    """Return chunks as bytes, and their digest."""
    packed = pickle.dumps(tuple(chunks), pickle.HIGHEST_PROTOCOL)
    return packed, hashlib.sha256(packed).hexdigest()


def unpack_work(packed: bytes, digest: str) -> tuple[Chunk, ...]:
    """Read chunks; `digest` came another way than the bytes.

    Raises:
        FrameError: The bytes are others.
    """
    if hashlib.sha256(packed).hexdigest() != digest:
        raise FrameError("the work is not what was ordered: its digest is another")
    chunks: tuple[Chunk, ...] = pickle.loads(packed)
    return chunks


def pack_answers(digest: str, parts: Sequence[Part]) -> bytes:
    """Return what came of the work with this digest."""
    told: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    for part in parts:
        answer = part.answer
        arrays: list[npt.NDArray[Any]] = [answer.outcomes, answer.counts, *answer.statevectors]
        told.append(
            {
                "jobs": part.jobs,
                "arrays": [[str(each.dtype), list(each.shape)] for each in arrays],
                "sizes": answer.sizes,
                "errors": dict(answer.errors),
                "evolution_s": answer.evolution_s,
                "facts": dict(answer.facts),
            }
        )
        bodies += [each.tobytes() for each in arrays]
    head = json.dumps({"work": digest, "parts": told}).encode()
    frame = b"".join((MAGIC, _LENGTH.pack(len(head)), head, *bodies))
    return frame + hashlib.sha256(frame).digest()


def unpack_answers(frame: bytes, digest: str) -> tuple[Part, ...]:
    """Read what came of the work with this digest.

    Raises:
        FrameError: It is torn, changed, or of other work.
    """
    body, seal = frame[:-_DIGEST_BYTES], frame[-_DIGEST_BYTES:]
    if not frame.startswith(MAGIC) or hashlib.sha256(body).digest() != seal:
        raise FrameError("it is torn or was changed: its digest is not right")
    start = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(body[len(MAGIC) : start])
    head = json.loads(body[start : start + length])
    if head["work"] != digest:
        raise FrameError("it is the answer to other work")
    rest = memoryview(body)[start + length :]
    parts = []
    for told in head["parts"]:
        part, rest = _read_part(told, rest)
        parts.append(part)
    if len(rest):
        raise FrameError(f"it has {len(rest)} bytes more than it tells of")
    return tuple(parts)


def _read_part(told: Any, rest: memoryview) -> tuple[Part, memoryview]:
    from qbatch.providers.local.work import Answer

    arrays = []
    for kind, shape in told["arrays"]:
        array, rest = _read_array(kind, tuple(shape), rest)
        arrays.append(array)
    outcomes, counts, *states = arrays
    jobs: Jobs = tuple(tuple(each) for each in told["jobs"])
    sizes, seconds = tuple(told["sizes"]), tuple(told["evolution_s"])
    is_whole = (
        outcomes.dtype == "uint8"
        and outcomes.ndim == 2
        and counts.dtype == "int64"
        and counts.shape == (sum(sizes),) == outcomes.shape[:1]
        and len(sizes) == sum(map(len, jobs))
        and len(seconds) == len(jobs)
        and len(states) in (0, len(jobs))
    )
    if not is_whole:
        raise FrameError("its arrays are not of the shapes that its jobs must have")
    answer = Answer(outcomes, counts, sizes, told["errors"], tuple(states), seconds, told["facts"])
    return Part(jobs, answer), rest


def _read_array(
    kind: str, shape: tuple[int, ...], rest: memoryview
) -> tuple[npt.NDArray[Any], memoryview]:
    import math

    import numpy as np

    if kind not in _KINDS or any(size < 0 for size in shape):
        raise FrameError(f"it tells of an array of {kind} and {shape}")
    size = math.prod(shape) * np.dtype(kind).itemsize
    if size > len(rest):
        raise FrameError("it is shorter than it tells")
    return np.frombuffer(rest[:size], kind).reshape(shape), rest[size:]
