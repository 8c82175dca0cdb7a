"""IBM's answers, read: results shot by shot, job records, errors, machines.

Rules: signed URLs come back in every job record and are cut off before anything is kept. Arrays
are read without pickle and bounded in size. What does not fit its order is `Misspoke`.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Misspoke
from qbatch.job import JobState
from qbatch.providers import Order, Price, Target
from qbatch.providers.ibm_direct_access_storage import bare
from qbatch.providers.wire import Reply
from qbatch.result import Counts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

#: IBM's word -> ours. Jobs in its queue say Running too. A word not here is never taken for an end.
STATES = {
    "running": JobState.RUNNING,
    "completed": JobState.COMPLETED,
    "cancelled": JobState.CANCELLED,
    "failed": JobState.FAILED,
}

#: Of one array in a result, decompressed, bytes.
MOST_BYTES = 256 * 2**20

#: Between two shots, where the machine does not say, seconds.
USUAL_REP_DELAY_S = 250e-6

#: Programs in one job: IBM names no limit; a job is lost or done as a whole.
MOST_PROGRAMS = 100

#: Of all programs in one job; they are in storage, so that IBM's limit on requests is not meant.
MOST_INPUT_BYTES = 32 * 2**20


def read_programs(document: Any) -> Sequence[Any]:
    """Return what a result document holds for each program, in the order sent.

    Raises:
        Misspoke: It is no result of a sampler.
    """
    found = _value(document, "PrimitiveResult")
    rows = found.get("pub_results", found.get("results")) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise Misspoke(f"ibm-direct-access: no result of a sampler: {json.dumps(document):.120}")
    return rows


def read_counts(row: Any, order: Order) -> Counts:
    """Count the shots of one program.

    Args:
        row: Of `read_programs`: a field for each classical register, with the register's bits
            shot by shot.
        order: Its circuit says how many bits in which registers.

    Raises:
        Misspoke: A register is missing or has another width, or there are not as many shots as
            were ordered.
    """
    import numpy as np

    fields = _fields(row)
    registers = [(register.name, register.num_bits) for register in order.circuit.facts.registers]
    named = _by_register(fields, registers, order)
    columns = [_bits(field, bits, order) for field, (_, bits) in zip(named, registers, strict=True)]
    if {len(one) for one in columns} != {order.shots}:
        shots = " and ".join(str(len(one)) for one in columns)
        raise Misspoke(f"{_about(order)}: {order.shots} shots were ordered, {shots} came")
    whole = np.packbits(np.concatenate(columns, axis=1), axis=1, bitorder="little")
    return Counts.from_shots(registers, whole)


def _about(order: Order) -> str:
    return f"ibm-direct-access: {order.name}"


def _value(item: Any, *types: str) -> Any:
    """Unwrap ``{"__type__": …, "__value__": …}``; what is not wrapped is returned as it is."""
    if isinstance(item, dict) and item.get("__type__") in types:
        return item.get("__value__")
    return item


def _fields(row: Any) -> Mapping[str, Any]:
    outer = _value(row, "SamplerPubResult", "PubResult")
    data = _value(outer.get("data") if isinstance(outer, dict) else None, "DataBin")
    fields = data.get("fields", data) if isinstance(data, dict) else None
    if not isinstance(fields, dict) or not fields:
        raise Misspoke(f"ibm-direct-access: a result without registers: {json.dumps(row):.120}")
    return fields


def _by_register(
    fields: Mapping[str, Any], registers: Sequence[tuple[str, int]], order: Order
) -> Sequence[Any]:
    """Return each register's field: by name, or where names had to be changed, by place."""
    if all(name in fields for name, _ in registers):
        return [fields[name] for name, _ in registers]
    if len(fields) != len(registers):
        raise Misspoke(f"{_about(order)}: the result has registers {', '.join(fields)}")
    return list(fields.values())


def _bits(field: Any, num_bits: int, order: Order) -> Bits:
    """Return one register's bits, shots x num_bits, column j = bit j."""
    import numpy as np

    held = _value(field, "BitArray")
    if not isinstance(held, dict) or held.get("num_bits") != num_bits:
        raise Misspoke(f"{_about(order)}: a register of {num_bits} bits came as {field!r:.80}")
    if "samples" in held:
        rows = _rows_of_words(held["samples"], num_bits, order)
    else:
        rows = read_array(held.get("array"))
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != (num_bits + 7) // 8:
            raise Misspoke(f"{_about(order)}: bits came as an array {rows.shape} of {rows.dtype}")
    bits = np.unpackbits(rows[:, ::-1], axis=1, bitorder="little")
    if bits[:, num_bits:].any():
        raise Misspoke(f"{_about(order)}: a shot has more than {num_bits} bits")
    return bits[:, :num_bits]


def _rows_of_words(words: Any, num_bits: int, order: Order) -> Bits:
    """Read shots as hexadecimal words; the highest byte first, as arrays have them."""
    import numpy as np

    num_bytes = (num_bits + 7) // 8
    try:
        joined = b"".join(int(word, 16).to_bytes(num_bytes, "big") for word in words)
    except (TypeError, ValueError, OverflowError) as error:
        raise Misspoke(f"{_about(order)}: {words!r:.80} are no shots") from error
    return np.frombuffer(joined, np.uint8).reshape(-1, num_bytes)


def read_array(item: Any) -> npt.NDArray[Any]:
    """Read ``{"__type__": "ndarray"}``: base64 of zlib of NumPy's own format, without pickle.

    Raises:
        Misspoke: It is not, or it is larger than `MOST_BYTES`.
    """
    import numpy as np

    text = _value(item, "ndarray")
    try:
        inflating = zlib.decompressobj()
        data = inflating.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
        if not inflating.eof:
            raise ValueError(f"it is cut short, or over {MOST_BYTES} bytes")
        found = np.load(io.BytesIO(data), allow_pickle=False)
    except (TypeError, ValueError, EOFError, binascii.Error, zlib.error) as error:
        raise Misspoke(f"ibm-direct-access: an array that cannot be read ({error})") from error
    if not isinstance(found, np.ndarray):
        raise Misspoke("ibm-direct-access: an array that cannot be read (it is an archive)")
    return found


def redacted(value: Any) -> Any:
    """Return JSON without what follows the ``?`` of any URL in it: signatures stand there."""
    if isinstance(value, dict):
        return {key: redacted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [redacted(one) for one in value]
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return bare(value)
    return value


def read_error(reply: Reply) -> str:
    """Return an error body's words, of the service or of IAM; "" for any other body."""
    if reply.is_success:
        return ""
    try:
        body = reply.object()
    except Misspoke:
        return ""
    if "errorMessage" in body:
        return f"{body.get('errorCode', '')}: {body['errorMessage']}"
    errors = body.get("errors")
    rows = errors if isinstance(errors, list) else []
    parts = [_error(one) for one in rows if isinstance(one, dict)]
    if not parts and isinstance(body.get("detail"), str):
        parts = [body["detail"]]
    trace = f" (trace {body['trace']})" if parts and body.get("trace") else ""
    return "; ".join(parts) + trace


def _error(record: Mapping[str, Any]) -> str:
    code, message = record.get("code"), record.get("message") or "no reason given"
    solution = f" {record['solution']}" if record.get("solution") else ""
    return f"{code}: {message}{solution}" if code else f"{message}{solution}"


def expect(reply: Reply) -> None:
    """Raise unless the reply is a success."""
    if not reply.is_success:
        raise reply.failure(read_error(reply))


def read_reason(record: Mapping[str, Any]) -> str:
    """Return why a job failed or was cancelled, in IBM's words."""
    code, message = record.get("reason_code"), record.get("reason_message")
    if not message:
        return "no reason given" if code is None else f"reason code {code}"
    solution = f" {record['reason_solution']}" if record.get("reason_solution") else ""
    return f"{message}{solution}" + ("" if code is None else f" (code {code})")


def read_usage_s(record: Mapping[str, Any]) -> float | None:
    """Return how long the job had the machine, seconds; None: not told."""
    usage, metrics = record.get("usage"), record.get("metrics")
    for part, key in ((usage, "quantum_nanoseconds"), (metrics, "circuits_execution_time_ns")):
        value = part.get(key) if isinstance(part, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value / 1e9
    return None


def read_target(
    record: Mapping[str, Any],
    configuration: Mapping[str, Any],
    properties: Mapping[str, Any],
    lanes: int | None,
) -> Target:
    """Read what a machine is and takes.

    Args:
        record: Of the list of backends: state and message.
        configuration: Its configuration document.
        properties: Its calibration; {}: not told.
        lanes: Jobs it keeps for us at once, until they are deleted; None: not told.
    """
    delay = configuration.get("default_rep_delay")
    is_told = isinstance(delay, int | float) and not isinstance(delay, bool) and delay > 0
    delay_s = float(delay) * 1e-6 if is_told else USUAL_REP_DELAY_S  # type: ignore[arg-type]
    price = Price(
        unit="qpu_seconds",
        per_shot=delay_s,
        source=f"{delay_s * 1e6:g} µs between shots; billed as used",
        certainty="about",
    )
    status = record.get("status")
    return Target(
        name=str(record.get("name")),
        num_qubits=_whole(configuration.get("n_qubits")),
        max_shots=_whole(configuration.get("max_shots")),
        max_jobs=MOST_PROGRAMS,
        max_bytes=MOST_INPUT_BYTES,
        job_bytes=64,
        in_flight=lanes or 1,
        poll_s=(1.0, 10.0),
        price=price,
        online=status == "online" and record.get("locked") is not True,
        facts={
            "status": status,
            "message": record.get("message"),
            "locked": record.get("locked"),
            "lanes": lanes,
            "basis": read_basis(configuration),
            "calibrated_at": properties.get("last_update_date"),
            "processor": configuration.get("processor_type"),
            "properties": dict(properties),
        },
    )


def read_basis(configuration: Mapping[str, Any]) -> list[str]:
    """Return Qiskit's names of the machine's gates, without control flow and the like."""
    named = configuration.get("basis_gates")
    other = ("delay", "measure", "reset", "if_else", "while_loop", "for_loop", "switch_case")
    return [str(one) for one in named if one not in other] if isinstance(named, list) else []


def read_coupling(configuration: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of qubits a gate may act on; (): all."""
    pairs = configuration.get("coupling_map")
    return tuple((int(a), int(b)) for a, b in pairs) if isinstance(pairs, list) else ()


def read_faulty(properties: Mapping[str, Any]) -> frozenset[int]:
    """Return the qubits that the calibration calls out of order."""
    return frozenset(
        qubit
        for qubit, entries in enumerate(properties.get("qubits") or ())
        if any(one.get("name") == "operational" and not one.get("value") for one in entries)
    )


def read_errors(
    properties: Mapping[str, Any],
) -> tuple[tuple[str, tuple[int, ...], float], ...]:
    """Return (gate, qubits, error rate) of all that the calibration tells; readout is "measure"."""
    found: list[tuple[str, tuple[int, ...], float]] = []
    for gate in properties.get("gates") or ():
        for one in gate.get("parameters") or ():
            if one.get("name") == "gate_error":
                qubits = tuple(int(qubit) for qubit in gate["qubits"])
                found.append((str(gate["gate"]), qubits, float(one["value"])))
    for qubit, entries in enumerate(properties.get("qubits") or ()):
        found += [
            ("measure", (qubit,), float(one["value"]))
            for one in entries
            if one.get("name") == "readout_error"
        ]
    return tuple(found)


def _whole(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_whole else None
