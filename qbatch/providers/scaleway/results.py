"""Programs and results as Scaleway's platforms exchange them: text within text within text.

A model's ``payload`` and a result are JSON texts that hold ``serialization``: the program or result
itself, plain or as base64 of zlib. Four kinds of results exist, by platform: Qiskit's, Cirq's,
CUDA-Q's and MIMIQ's.

Rules: each kind is read by its own names and indices, never by the order in a dictionary or by the
number of qubits; sizes are bounded; what does not fit its order is `Misspoke`.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbatch.errors import Misspoke
from qbatch.providers import Order
from qbatch.providers.kit.tally import is_count, read_tally
from qbatch.providers.kit.untrusted import decode
from qbatch.result import Counts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rows = npt.NDArray[np.uint8]

#: Of ``serialization_format`` of programs, by OpenQASM's version.
PROGRAM_FORMATS = {"2.0": 2, "3.0": 3}

AER_NOISE = 1

PLAIN, ZLIB = 1, 2

#: The one classical register that programs are sent with.
REGISTER = "c"

#: Of one result, decompressed, bytes.
MOST_BYTES = 256 * 2**20

#: JSON texts within JSON texts.
MOST_LAYERS = 8


def encode(text: str, serialization_format: int) -> dict[str, Any]:
    """Write a program or noise model as a payload holds it, compressed."""
    packed = base64.b64encode(zlib.compress(text.encode())).decode()
    return {
        "compression_format": ZLIB,
        "serialization_format": serialization_format,
        "serialization": packed,
    }


def read_result(text: str, order: Order, *, is_own: bool = True) -> tuple[Counts, dict[str, Any]]:
    """Read the result of one program.

    Args:
        text: Of a result row, or of what its URL leads to.
        order: Its circuit says how many bits.
        is_own: The program was sent by us, with all bits in `REGISTER`; else it is a model of the
            person's own, with the registers of the order's circuit.

    Returns:
        Counts, and as facts which kind of result it was.

    Raises:
        Misspoke: It is no result, of an unknown kind, or does not fit the order.
    """
    outer = _object(text, order)
    kind = outer.get("serialization_format")
    reader = _READERS.get(kind if isinstance(kind, int) else -1)
    if reader is None and "results" in outer:  # the older form: no envelope
        return _read_qiskit(outer, order), {"result_format": "qiskit"}
    if reader is None:
        raise Misspoke(f"{_about(order)}: a result of the unknown format {kind!r}")
    name, read = reader
    inner = _json(_decoded(outer, order), order)
    counts: Counts = _read_cirq(inner, order, is_own) if name == "cirq" else read(inner, order)
    assumed = {"bit_order": "bit 0 first (assumed)"} if name in ("cudaq", "mimiq") else {}
    return counts, {"result_format": name, **assumed}


def _about(order: Order) -> str:
    return f"scaleway: {order.name}"


def _json(text: Any, order: Order) -> Any:
    """Decode JSON, and the JSON texts within it."""
    value = text
    for _ in range(MOST_LAYERS):
        if not isinstance(value, str):
            return value
        try:
            value = decode(value)
        except (ValueError, RecursionError) as error:
            raise Misspoke(f"{_about(order)}: a result that is no JSON: {value!r:.80}") from error
    raise Misspoke(f"{_about(order)}: a result wrapped too often: {value!r:.80}")


def _object(text: Any, order: Order) -> dict[str, Any]:
    value = _json(text, order)
    if not isinstance(value, dict):
        raise Misspoke(f"{_about(order)}: a result that is no object: {value!r:.80}")
    return value


def _decoded(outer: Mapping[str, Any], order: Order) -> str:
    text, compression = outer.get("serialization"), outer.get("compression_format")
    if not isinstance(text, str):
        raise Misspoke(f"{_about(order)}: a result without its serialization")
    if compression == PLAIN:
        return text
    if compression != ZLIB:
        raise Misspoke(f"{_about(order)}: a result compressed by the unknown way {compression!r}")
    try:
        inflating = zlib.decompressobj()
        data = inflating.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
        if not inflating.eof:
            raise ValueError(f"it is cut short, or over {MOST_BYTES} bytes")
        return data.decode()
    except (ValueError, binascii.Error, zlib.error) as error:
        raise Misspoke(f"{_about(order)}: a result that cannot be read ({error})") from error


def _read_qiskit(inner: Mapping[str, Any], order: Order) -> Counts:
    """Read ``{"results": [{"data": {"counts": {"0x3": 52}}, "header": …}]}``.

    Keys are numbers whose bit i is classical bit i, or the bits themselves, bit 0 rightmost.
    """
    rows = inner.get("results") if isinstance(inner, dict) else None
    if not isinstance(rows, list) or len(rows) != 1 or inner.get("success") is False:
        raise Misspoke(f"{_about(order)}: not the result of one program: {inner!r:.120}")
    row = rows[0] if isinstance(rows[0], dict) else {}
    data, header = row.get("data"), row.get("header")
    counted = data.get("counts") if isinstance(data, dict) else None
    slots = header.get("memory_slots") if isinstance(header, dict) else None
    num_bits = order.circuit.facts.num_bits
    if slots not in (None, num_bits):
        raise Misspoke(f"{_about(order)}: {num_bits} bits were ordered, {slots} came")
    if not isinstance(counted, dict):
        raise Misspoke(f"{_about(order)}: a result without counts: {row!r:.120}")
    table: dict[str, int] = {}
    for key, count in counted.items():
        bits = _bits_of_word(key)
        if not is_count(bits, count):
            raise Misspoke(f"{_about(order)}: {key!r:.80}: {count!r:.80} is no count")
        table[bits] = table.get(bits, 0) + count
    return read_tally("scaleway", order, table, leftmost_is_bit_0=False)


def _bits_of_word(key: str) -> str:
    if not re.fullmatch("0x[0-9a-fA-F]+", key):
        return key.replace(" ", "")
    return format(int(key, 16), "b")


def _read_cirq(inner: Mapping[str, Any], order: Order, is_own: bool = True) -> Counts:
    """Read ``{"records": {"c_0": {"packed_digits": hex, "shape": [shots, 1, 1]}}}``.

    Each key is a bit of a register, by its number, or a whole register, bit 0 first.
    """
    import numpy as np

    records = inner.get("records") if isinstance(inner, dict) else None
    num_bits = order.circuit.facts.num_bits
    if not isinstance(records, dict) or not records:
        raise Misspoke(f"{_about(order)}: a result without records: {inner!r:.120}")
    begins = {REGISTER: 0} if is_own else _begins(order)
    bits = np.zeros((order.shots, num_bits), dtype=np.uint8)
    came = np.zeros(num_bits, dtype=bool)
    for key, record in records.items():
        block = _unpacked(record, order)
        first = _first_bit(key, begins, block.shape[1] == num_bits and len(records) == 1)
        past = num_bits + 1 if first is None else first + block.shape[1]
        if first is None or len(block) != order.shots or past > num_bits or came[first:past].any():
            raise Misspoke(
                f"{_about(order)}: {order.shots} shots of {num_bits} bits were ordered; "
                f"{key!r:.80} has {len(block)} of {block.shape[1]}"
            )
        bits[:, first:past] = block
        came[first:past] = True
    if missing := [
        bit
        for bit, at in enumerate(order.circuit.facts.terminal)
        if at is not None and not came[bit]
    ]:
        raise Misspoke(f"{_about(order)}: bit {missing[0]} was measured and is in no record")
    registers = [(one.name, one.num_bits) for one in order.circuit.facts.registers]
    return Counts.from_shots(registers, np.packbits(bits, axis=1, bitorder="little"))


def _begins(order: Order) -> dict[str, int]:
    """Register of the order's circuit -> its first bit."""
    begins, at = {}, 0
    for register in order.circuit.facts.registers:
        begins[register.name] = at
        at += register.num_bits
    return begins


def _first_bit(key: str, begins: Mapping[str, int], is_all: bool) -> int | None:
    """Say which bit a key's record begins with; None: nobody knows."""
    if key.removeprefix("m_") in begins:
        return begins[key.removeprefix("m_")]
    named = re.fullmatch(r"(?:m_)?(.+)_([0-9]{1,9})", key)
    if named is not None and named[1] in begins:
        return begins[named[1]] + int(named[2])
    return 0 if is_all else None


def _unpacked(record: Any, order: Order) -> Rows:
    """Return a record's bits, shots x bits."""
    import numpy as np

    try:
        shots, _, width = (int(number) for number in record["shape"])
        packed = np.frombuffer(bytes.fromhex(record["packed_digits"]), np.uint8)
        if not record.get("binary", True):
            raise ValueError("its digits are no bits")
        flat = np.unpackbits(packed, bitorder="big")
        if not 0 <= shots * width <= len(flat):
            raise ValueError(f"{len(flat)} bits for a shape of {shots} x {width}")
        return flat[: shots * width].reshape(shots, width)
    except (KeyError, TypeError, ValueError) as error:
        raise Misspoke(f"{_about(order)}: a record that cannot be read ({error})") from error


def _read_cudaq(inner: Any, order: Order) -> Counts:
    """Read a flat list: per register its name (length, characters), its size, then triples.

    A triple is (value, number of bits, count); the value's bits, the highest first, are those of
    the measured qubits in ascending order, whatever classical bits they were measured into.
    """
    qubits = sorted({qubit for qubit in order.circuit.facts.terminal if qubit is not None})
    table: dict[str, int] = {}
    try:
        at = 1 + inner[0]
        for number in range(inner[at]):
            value, width, count = inner[at + 1 + 3 * number : at + 4 + 3 * number]
            if width != len(qubits) or value >> width:
                raise ValueError(f"{value} in {width} bits for {len(qubits)} measured qubits")
            of_qubit = dict(zip(qubits, format(value, f"0{width}b"), strict=True))
            bits = "".join(
                "0" if qubit is None else of_qubit[qubit] for qubit in order.circuit.facts.terminal
            )
            table[bits] = table.get(bits, 0) + count
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise Misspoke(f"{_about(order)}: a CUDA-Q sample that cannot be read ({error})") from error
    return read_tally("scaleway", order, table, leftmost_is_bit_0=True, is_padded=True)


def _read_mimiq(inner: Mapping[str, Any], order: Order) -> Counts:
    """Read ``{"histogram": {"01": 52}}``; leftmost is bit 0, as in MIMIQ's own words."""
    histogram = inner.get("histogram") if isinstance(inner, dict) else None
    if not isinstance(histogram, dict):
        raise Misspoke(f"{_about(order)}: a result without histogram: {inner!r:.120}")
    return read_tally("scaleway", order, histogram, leftmost_is_bit_0=True, is_padded=True)


_READERS: Mapping[int, tuple[str, Any]] = {
    1: ("cirq", _read_cirq),
    2: ("qiskit", _read_qiskit),
    3: ("cudaq", _read_cudaq),
    4: ("mimiq", _read_mimiq),
}
