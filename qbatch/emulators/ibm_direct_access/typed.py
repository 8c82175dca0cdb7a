"""Values on the wire: ``{"__type__": name, "__value__": ...}``, written and read.

Rules: nothing here unpickles; what is decompressed has a limit. An array is base64 of zlib of a
NumPy file.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Nothing decompresses to more bytes.
MOST_BYTES = 256 * 2**20

#: The system's number for whatever goes wrong in a run.
EXECUTION_ERROR = 5203


class InputError(ValueError):
    """The input document is not as documented; the message says where.

    Args:
        code: The system's number for it.
    """

    def __init__(self, text: str, code: int = EXECUTION_ERROR) -> None:
        super().__init__(text)
        self.code = code


def wrapped(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def unwrapped(value: Any, name: str) -> Any:
    """Return what `value` wraps under the type `name`, or None."""
    if isinstance(value, dict) and set(value) == {"__type__", "__value__"}:
        return value["__value__"] if value["__type__"] == name else None
    return None


def inflated(text: str) -> bytes:
    """Undo base64 and zlib.

    Raises:
        InputError: Neither, or too large.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        inflater = zlib.decompressobj()
        content = inflater.decompress(packed, MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise InputError(f"neither base64 nor zlib: {error}") from error
    if inflater.unconsumed_tail:
        raise InputError(f"more than {MOST_BYTES} bytes")
    if not inflater.eof:
        raise InputError("the zlib stream is cut off")
    return content


def array_from(value: Any) -> NDArray[Any]:
    """Read an array: a wrapped one, or nested lists of numbers.

    Raises:
        InputError: It is none.
    """
    inner = unwrapped(value, "ndarray")
    packed = inflated(inner) if isinstance(inner, str) else b""
    try:
        if packed:
            numbers = np.asarray(np.load(io.BytesIO(packed), allow_pickle=False))
        else:
            numbers = np.asarray(value if inner is None else inner)
    except (ValueError, TypeError, EOFError, OSError, RecursionError, MemoryError) as error:
        raise InputError(f"not an array: {error}") from error
    if numbers.dtype.kind not in "iuf":
        raise InputError("not an array of real numbers")
    return numbers


def array(values: NDArray[Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return wrapped("ndarray", base64.b64encode(zlib.compress(buffer.getvalue())).decode())


def bit_array(rows: NDArray[np.uint8], num_bits: int) -> dict[str, Any]:
    """Write shots: `rows` has the shape (..., shots, bytes), most significant byte first."""
    return wrapped("BitArray", {"array": array(rows), "num_bits": num_bits})


def data_bin(fields: Mapping[str, Any], shape: Sequence[int], kind: str) -> dict[str, Any]:
    """Write a pub's data; `kind` is what each field is to a Qiskit program."""
    value = {
        "field_names": list(fields),
        "field_types": [kind for _ in fields],
        "shape": list(shape),
        "fields": dict(fields),
    }
    return wrapped("DataBin", value)


def moment(text: str) -> dict[str, Any]:
    return wrapped("datetime", text)


def span(
    start: str, stop: str, shapes: Sequence[Sequence[int]], shots: Sequence[int]
) -> dict[str, Any]:
    """Write the time window in which all pubs were measured; `shapes` are without the shots."""
    slices = {
        str(at): [[*shape, count], 0, int(np.prod(shape, dtype=int)), 0, count]
        for at, (shape, count) in enumerate(zip(shapes, shots, strict=True))
    }
    one = {"start": moment(start), "stop": moment(stop), "data_slices": slices}
    return wrapped("ExecutionSpans", {"spans": [wrapped("DoubleSliceSpan", one)]})
