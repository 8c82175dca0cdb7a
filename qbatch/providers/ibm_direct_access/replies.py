"""IBM's answers, read: results shot by shot, job records, errors, machines.

Rules: signed URLs come back in every job record and are cut off before anything is kept. Arrays
are read without pickle and bounded in size. What does not fit its order is `Misspoke`.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from qbatch.errors import Misspoke, Unfit
from qbatch.providers import Cancelled, Cap, Done, Failed, Order, Price, Running, Target, Words
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.storage import path_of
from qbatch.providers.kit.untrusted import amount, record, records, said, whole, word
from qbatch.providers.kit.wire import Reply
from qbatch.result import Counts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

#: IBM's word -> ours. Jobs in its queue say Running too. A word not here is never taken for an end.
WORDS: Words = {
    "running": Running,
    "completed": Done,
    "cancelled": Cancelled,
    "failed": Failed,
}

#: Of one array in a result, decompressed, bytes.
MOST_BYTES = 256 * 2**20

#: Of one register, where nobody here knows how many it has.
MOST_BITS = 10_000

#: NumPy's head of an array of bytes in rows; it is not read by NumPy, which trusts its size.
_BYTE_ROWS = re.compile(
    rb"\{'descr': '\|u1', 'fortran_order': (False|True), 'shape': \((\d{1,12}), (\d{1,12})\), \}\s*"
)

#: Between two shots, where the machine does not say, seconds.
USUAL_REP_DELAY_S = 250e-6

#: What a job is expected to use beside its shots, and a shot beside its repetition delay, seconds:
#: assumed, for no document says it. Bills show whether they fit a machine.
JOB_S, CIRCUIT_S = 2.0, 20e-6

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
        raise Misspoke(f"ibm-direct-access: no result of a sampler: {said(document, 120)}")
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
    fields, about = _fields(row), f"ibm-direct-access: {order.name}"
    registers = [(register.name, register.num_bits) for register in order.circuit.facts.registers]
    named = _by_register(fields, registers, about)
    columns = [_bits(field, bits, about) for field, (_, bits) in zip(named, registers, strict=True)]
    if {len(one) for one in columns} != {order.shots}:
        shots = " and ".join(str(len(one)) for one in columns)
        raise Misspoke(f"{about}: {order.shots} shots were ordered, {shots} came")
    return _counted(registers, columns)


def count_registers(row: Any, about: str) -> Counts:
    """Count the shots of a program that nobody here sent, by the registers that came.

    Args:
        row: As for `read_counts`.
        about: Begins messages.

    Raises:
        Misspoke: There is a register without its bits, or with other shots than the rest.
    """
    fields = _fields(row)
    registers = [(name, _width(held, about)) for name, held in fields.items()]
    columns = [_bits(fields[name], num_bits, about) for name, num_bits in registers]
    if len({len(one) for one in columns}) != 1:
        raise Misspoke(f"{about}: its registers have not the same shots")
    return _counted(registers, columns)


def _width(field: Any, about: str) -> int:
    num_bits = whole(record(_value(field, "BitArray")).get("num_bits"))
    if num_bits is None or num_bits > MOST_BITS:
        raise Misspoke(f"{about}: a register came as {field!r:.80}")
    return num_bits


def _counted(registers: Sequence[tuple[str, int]], columns: Sequence[Bits]) -> Counts:
    import numpy as np

    together = np.packbits(np.concatenate(columns, axis=1), axis=1, bitorder="little")
    return Counts.from_shots(registers, together)


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
        raise Misspoke(f"ibm-direct-access: a result without registers: {said(row, 120)}")
    return fields


def _by_register(
    fields: Mapping[str, Any], registers: Sequence[tuple[str, int]], about: str
) -> Sequence[Any]:
    """Return each register's field: by name, or where names had to be changed, by place."""
    if all(name in fields for name, _ in registers):
        return [fields[name] for name, _ in registers]
    if len(fields) != len(registers):
        raise Misspoke(f"{about}: the result has registers {', '.join(fields)}")
    return list(fields.values())


def _bits(field: Any, num_bits: int, about: str) -> Bits:
    """Return one register's bits, shots x num_bits, column j = bit j."""
    import numpy as np

    held = _value(field, "BitArray")
    if not isinstance(held, dict) or held.get("num_bits") != num_bits:
        raise Misspoke(f"{about}: a register of {num_bits} bits came as {field!r:.80}")
    if "samples" in held:
        rows = _rows_of_words(held["samples"], num_bits, about)
    else:
        rows = read_array(held.get("array"))
        if rows.shape[1] != (num_bits + 7) // 8:
            raise Misspoke(f"{about}: {num_bits} bits came in {rows.shape[1]} bytes")
    bits = np.unpackbits(rows[:, ::-1], axis=1, bitorder="little")
    if bits[:, num_bits:].any():
        raise Misspoke(f"{about}: a shot has more than {num_bits} bits")
    return bits[:, :num_bits]


def _rows_of_words(words: Any, num_bits: int, about: str) -> Bits:
    """Read shots as hexadecimal words; the highest byte first, as arrays have them."""
    import numpy as np

    num_bytes = (num_bits + 7) // 8
    try:
        joined = b"".join(int(word, 16).to_bytes(num_bytes, "big") for word in words)
    except (TypeError, ValueError, OverflowError) as error:
        raise Misspoke(f"{about}: {words!r:.80} are no shots") from error
    return np.frombuffer(joined, np.uint8).reshape(-1, num_bytes)


def read_array(item: Any) -> Bits:
    """Read ``{"__type__": "ndarray"}``: base64 of zlib of NumPy's own format, rows of bytes.

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
        size = 2 if data[6:7] == b"\x01" else 4
        start = 8 + size + int.from_bytes(data[8 : 8 + size], "little")
        head, body = data[8 + size : start], data[start:]
        shape = _BYTE_ROWS.fullmatch(head) if data.startswith(b"\x93NUMPY") else None
        if shape is None:
            raise ValueError("it holds no rows of bytes")
        order: Literal["C", "F"] = "F" if shape[1] == b"True" else "C"
        return np.frombuffer(body, np.uint8).reshape(int(shape[2]), int(shape[3]), order=order)
    except (TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise Misspoke(f"ibm-direct-access: an array that cannot be read ({error})") from error


def read_error(reply: Reply) -> str:
    """Return an error body's words, of the service or of IAM; "" for any other body."""
    if reply.is_success:
        return ""
    try:
        body = reply.object()
    except Misspoke:
        return ""
    if "errorMessage" in body:
        return f"{said(body.get('errorCode'))}: {said(body['errorMessage'])}"
    parts = [_error(one) for one in records(body.get("errors"))]
    if not parts and isinstance(body.get("detail"), str):
        parts = [said(body["detail"])]
    trace = f" (trace {told})" if parts and (told := said(body.get("trace"))) else ""
    return "; ".join(parts) + trace


def _error(one: Mapping[str, Any]) -> str:
    code, message = said(one.get("code")), said(one.get("message")) or "no reason given"
    solution = f" {told}" if (told := said(one.get("solution"))) else ""
    return f"{code}: {message}{solution}" if code else f"{message}{solution}"


def expect(reply: Reply) -> None:
    """Raise unless the reply is a success."""
    if not reply.is_success:
        raise reply.failure(read_error(reply))


def read_reason(job: Mapping[str, Any]) -> str:
    """Return why a job failed or was cancelled, in IBM's words."""
    code, message = said(job.get("reason_code")), said(job.get("reason_message"))
    if not message:
        return f"reason code {code}" if code else "no reason given"
    solution = f" {told}" if (told := said(job.get("reason_solution"))) else ""
    return f"{message}{solution}" + (f" (code {code})" if code else "")


def read_usage_s(job: Mapping[str, Any]) -> float | None:
    """Return how long the job had the machine, seconds; None: not told."""
    places = (("usage", "quantum_nanoseconds"), ("metrics", "circuits_execution_time_ns"))
    for part, key in places:
        found = amount(record(job.get(part)).get(key))
        if found is not None:
            return found / 1e9
    return None


def read_target(
    machine: Mapping[str, Any],
    configuration: Mapping[str, Any],
    properties: Mapping[str, Any],
    lanes: int | None,
    options: Options,
) -> Target:
    """Read what a machine is and takes.

    Args:
        machine: Its row of the list of backends: name, state and message.
        configuration: Its configuration document.
        properties: Its calibration; {}: not told.
        lanes: Jobs it keeps for us at once, until they are deleted; None: not told.
        options: Of the backend.
    """
    limit_s = options.timeout_secs
    status = word(machine.get("status"))
    return Target(
        name=str(machine["name"]),
        num_qubits=whole(configuration.get("n_qubits")),
        max_shots=whole(configuration.get("max_shots")),
        one_number_of_shots=True,
        max_jobs=MOST_PROGRAMS,
        max_bytes=MOST_INPUT_BYTES,
        job_bytes=64,
        in_flight=lanes or 1,
        poll_s=(1.0, 10.0),
        price=_estimate(read_rep_delay_s(configuration, options)),
        cap=None if limit_s is None else Cap(limit_s, "options.timeout_secs"),
        online=status_of(machine) == "online",
        state=status_of(machine),
        facts={
            "status": status,
            "message": machine.get("message"),
            "locked": machine.get("locked"),
            "lanes": lanes,
            "basis": read_basis(configuration),
            "calibrated_at": properties.get("last_update_date"),
            "processor": configuration.get("processor_type"),
            "properties": dict(properties),
        },
    )


def _estimate(delay_s: float) -> Price:
    """Return what jobs are expected to use, by the pause between shots."""
    return Price(
        unit="qpu_seconds",
        per_shot=delay_s + CIRCUIT_S,
        per_composite=JOB_S,
        source=f"{delay_s * 1e6:g} µs between shots, {CIRCUIT_S * 1e6:g} µs for a circuit and "
        f"{JOB_S:g} s for a job assumed, delays in circuits not counted; billed as used",
        certainty="about",
    )


def status_of(machine: Mapping[str, Any]) -> str:
    """Return the word for a machine's state; one that somebody else has reserved is "reserved"."""
    return "reserved" if machine.get("locked") is True else word(machine.get("status"))


def read_rep_delay_s(configuration: Mapping[str, Any], options: Options) -> float:
    """Return the pause between two shots: the one that is asked for, else the machine's.

    Raises:
        Unfit: The machine does not have it.
    """
    asked_s = options.sampler.execution.rep_delay
    if asked_s is None:
        usual_us = amount(configuration.get("default_rep_delay"))
        return usual_us * 1e-6 if usual_us else USUAL_REP_DELAY_S
    told = configuration.get("rep_delay_range")
    bounds = [amount(one) for one in told] if isinstance(told, list) else []
    if len(bounds) == 2 and None not in bounds:
        least_us, most_us = bounds
        if not (least_us or 0) <= round(asked_s * 1e6, 6) <= (most_us or 0):
            raise Unfit(
                f"ibm-direct-access: sampler.execution.rep_delay: {asked_s:g} s is outside of the "
                f"machine's range; write {least_us:g}e-6 to {most_us:g}e-6"
            )
    return asked_s


def read_basis(configuration: Mapping[str, Any]) -> list[str]:
    """Return Qiskit's names of the machine's gates, without control flow and the like."""
    named = configuration.get("basis_gates")
    other = ("", "delay", "measure", "reset", "if_else", "while_loop", "for_loop", "switch_case")
    words = map(word, named) if isinstance(named, list) else ()
    return [one for one in words if one not in other]


def read_coupling(configuration: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of qubits a gate may act on; (): all.

    Raises:
        Misspoke: It is no list of pairs of numbers of qubits.
    """
    told = configuration.get("coupling_map")
    if told is None:
        return ()
    qubits = range(whole(configuration.get("n_qubits")) or 0)
    pairs = [_qubits(pair, qubits) for pair in told] if isinstance(told, list) else [()]
    if any(len(pair) != 2 for pair in pairs):
        raise Misspoke(f"ibm-direct-access: no coupling map: {said(told, 120)}")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _qubits(told: Any, qubits: range) -> tuple[int, ...]:
    """Return numbers of qubits; () where they are none, or no qubits of the machine."""
    if not isinstance(told, list) or any(isinstance(one, bool) for one in told):
        return ()
    return tuple(told) if all(isinstance(n, int) and n in qubits for n in told) else ()


def read_faulty(properties: Mapping[str, Any]) -> frozenset[int]:
    """Return the qubits that the calibration calls out of order."""
    return frozenset(
        qubit
        for qubit, entries in enumerate(_lists(properties.get("qubits")))
        if any(one.get("name") == "operational" and not one.get("value") for one in entries)
    )


def read_errors(
    properties: Mapping[str, Any], num_qubits: int
) -> tuple[tuple[str, tuple[int, ...], float], ...]:
    """Return (gate, qubits, error rate) of all that the calibration tells; readout is "measure"."""
    found: list[tuple[str, tuple[int, ...], float]] = []
    for gate in records(properties.get("gates")):
        name, qubits = word(gate.get("gate")), _qubits(gate.get("qubits"), range(num_qubits))
        for one in records(gate.get("parameters")):
            rate = _rate(one, "gate_error")
            if rate is not None and name and qubits:
                found.append((name, qubits, rate))
    for qubit, entries in enumerate(_lists(properties.get("qubits"))):
        rates = (_rate(one, "readout_error") for one in entries)
        found += [("measure", (qubit,), rate) for rate in rates if rate is not None]
    return tuple(found)


def _lists(value: Any) -> Sequence[Sequence[Mapping[str, Any]]]:
    """Return a list of lists of objects, whatever is none left out but in its place."""
    return [records(one) for one in value] if isinstance(value, list) else []


def _rate(entry: Mapping[str, Any], name: str) -> float | None:
    """Return the error rate in an entry of that name; None where it tells none."""
    rate = amount(entry.get("value")) if entry.get("name") == name else None
    return rate if rate is not None and rate <= 1 else None


def difference(job: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Say in what a job record is not what we sent; "" where it is that."""
    for key in ("backend", "program_id", "timeout_secs"):
        if key in job and job[key] != body[key]:
            return f"{key} {said(job[key])!r} instead of {body[key]!r}"
    storage = record(job.get("storage"))
    for name, entry in body["storage"].items():
        url = record(storage.get(name)).get("presigned_url")
        if isinstance(url, str) and path_of(url) != path_of(entry["url"]):
            return f"its {name} is another object"
    return ""


def shared_out(seconds: float | None, orders: Sequence[Order]) -> Sequence[float | None]:
    """Share the time a job used among its programs, by their shots."""
    shots = sum(order.shots for order in orders)
    return [None if seconds is None else seconds * order.shots / shots for order in orders]
