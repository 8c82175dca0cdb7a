"""Native submissions (``marqov.public-submission/v1``): a Python program, its cap, and one key.

The one path of which the platform promises that a key admits once: the same key with the same body
returns the original admission, from any process. For how long is told nowhere; `KEY_LIFE_S` is what
we trust it for. The program is the person's own, or `PROGRAM`, which samples a circuit with the
SDK's own simulator: written in the SDK's gates, for nothing beside the SDK's core is known to be
there. Only the model ``native_workflow`` is used: what others return is told nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from qbatch.circuit import Fit, program_text
from qbatch.errors import Misspoke, Refused, Unfit
from qbatch.providers import Order, Price
from qbatch.providers.kit.untrusted import identifier, is_word, record, records, said, whole
from qbatch.providers.kit.wire import Reply
from qbatch.providers.marqov.memo import Terms
from qbatch.providers.marqov.options import Options

SUBMISSION = "marqov.public-submission/v1"
RECEIPT = "marqov.funded-admission-receipt/v1"
RESULT = "marqov.managed-result/v1"
MODEL = "native_workflow"

TEAM_VARIABLE = "MARQOV_TEAM_ID"

#: How long a key is trusted to be remembered, seconds: a day, the longest of the platform's own
#: windows for submissions. Nobody promises a time.
KEY_LIFE_S = 86_400.0

#: Of a source, and of an input, bytes.
MOST_BYTES = 2**20

#: Gates that the SDK's circuits have as methods, without those that OpenQASM 2 lacks.
GATES = ("h", "x", "y", "z", "s", "t", "rx", "ry", "rz", "cx", "cz")

#: What `PROGRAM` reads, line by line.
_LINE = re.compile(
    r'OPENQASM 2\.0;|include "qelib1\.inc";|qreg q\[\d+\];|creg c\[\d+\];|(?:barrier|reset) .*;|'
    rf"(?:{'|'.join(GATES)})(?:\([-+.e\d]+\))? q\[\d+\](?:, q\[\d+\])?;|"
    r"measure q\[\d+\] -> c\[\d+\];"
)

#: Sent as the source, under a line with the job's name. Each of its functions stands alone: the
#: platform carries them to its workers by themselves. A task may be run where an event loop runs.
PROGRAM = '''\
from marqov import task, workflow


@task(timeout=3600)
def sample(program, shots, seed):
    """Sample a program whose measurements all stand at its end; bit 0 leftmost."""
    import asyncio
    import re
    from concurrent.futures import ThreadPoolExecutor

    from marqov import Circuit
    from marqov.executors import LocalExecutor, LocalExecutorConfig

    circuit, num_gates, num_bits, reads = Circuit(), 0, 0, {}
    for line in filter(str.strip, program.splitlines()):
        word = re.match(r"\\w+", line).group()
        at = [int(index) for index in re.findall(r"\\[(\\d+)\\]", line)]
        if word == "creg":
            num_bits = at[0]
        elif word == "measure":
            reads[at[1]] = at[0]
        elif word not in ("OPENQASM", "include", "qreg", "barrier", "reset"):
            angles = [float(angle) for angle in re.findall(r"\\((.*)\\)", line)]
            getattr(circuit, word)(*angles, *at)
            num_gates += 1

    found, facts = {"": shots}, {}
    if num_gates:
        executor = LocalExecutor(LocalExecutorConfig(seed=seed))
        with ThreadPoolExecutor(1) as pool:
            work = executor.execute(circuit, shots=shots)
            result = pool.submit(asyncio.run, work).result()
        found, facts = result.counts, result.metadata
    counts = {}
    for key, count in found.items():
        qubits = [reads.get(bit, len(key)) for bit in range(num_bits)]
        bits = "".join(key[qubit] if qubit < len(key) else "0" for qubit in qubits)
        counts[bits] = counts.get(bits, 0) + int(count)
    metadata = {"bit_order": "qubit_0_first", "execution": facts.get("reproducibility")}
    return {"counts": counts, "shots": shots, "metadata": metadata}


@workflow
def run(program, shots, seed):
    return sample(program, shots, seed)
'''


def terms(options: Options, environ: Mapping[str, str]) -> Terms | None:
    """Return who pays and at most what, as a submission is remembered by; None: none is native."""
    if options.native is None:
        return None
    return Terms(team=find_team(options, environ), cap_cents=options.native.cap_cents)


def find_team(options: Options, environ: Mapping[str, str]) -> str:
    """Return the team that pays.

    Raises:
        Unfit: Neither the options nor the environment name one.
    """
    team = str(options.team or environ.get(TEAM_VARIABLE, ""))
    if not team:
        raise Unfit(
            f"marqov: native submissions name the team that pays; write options.team, or "
            f"set {TEAM_VARIABLE}"
        )
    return team


def read_price(reply: Reply, options: Options, backend: str) -> Price:
    """Return what a job costs at most: its cap, which the team's runtime must take.

    Raises:
        Unfit: No runtime of the team is this backend, or it takes no such cap.
        Misspoke: The answer lists no runtimes.
    """
    assert options.native is not None
    cap = options.native.cap_cents
    runtimes = reply.object().get("runtimes")
    if not isinstance(runtimes, list) or not all(
        is_word(record(one).get("backend")) for one in runtimes
    ):
        raise Misspoke(f"marqov: no list of runtimes: {reply.excerpt()}")
    names = [f"{one['backend']} ({said(one.get('programming_model'))})" for one in runtimes]
    for one in runtimes:
        if (one["backend"], one.get("programming_model")) == (backend, MODEL):
            low, high = whole(one.get("min_cap_cents")), whole(one.get("max_cap_cents"))
            if low is None or high is None:
                raise Misspoke(f"marqov: a runtime without the range of its caps: {one!r:.200}")
            if not low <= cap <= high:
                raise Unfit(
                    f"marqov: options.native.cap_cents: {cap} is out of range; {backend} takes "
                    f"{low} to {high}"
                )
            return Price("usd", per_job=cap / 100, source="its cap", certainty="at most")
    raise Unfit(
        f"marqov: native submissions to {backend} are not enabled for this team; enabled are "
        f"{', '.join(names) or 'none'}. Remove options.native, or choose another target"
    )


def write_body(
    order: Order, options: Options, *, team: str, backend: str, name: str, script_sha256: str | None
) -> str:
    """Write the submission of one order.

    Args:
        order: What is to be run.
        options: With `native`.
        team: Who pays.
        backend: The runtime's.
        name: By which a person finds the job: the first line of a source of ours.
        script_sha256: Of the saved script's content, where one is run.

    Raises:
        Refused: It cannot travel this way; nothing was sent.
    """
    assert options.native is not None
    kwargs: dict[str, Any] = {"shots": order.shots}
    if options.runs_own_code:
        kwargs |= {**options.params, **order.parameters}
        entrypoint, source = options.entrypoint, options.inline_code
    else:
        kwargs |= {"program": _program(order), "seed": order.seed}
        entrypoint, source = "run", PROGRAM
    call = json.dumps({"entrypoint": entrypoint, "args": [], "kwargs": kwargs}, allow_nan=False)
    body: dict[str, Any] = {
        "protocol_version": SUBMISSION,
        "team_id": team,
        "backend": backend,
        "programming_model": MODEL,
        "cap_cents": options.native.cap_cents,
        "analysis_id": None,
        "source": {"kind": "script", "script_id": str(options.script_id)},
        "input": call,
    }
    if source is not None:
        body["source"] = {"kind": "inline", "content": f"# {name}\n{source}"}
    elif script_sha256 is not None:
        body["source_sha256"] = script_sha256
    if len(call.encode()) > MOST_BYTES:
        raise Refused(
            f"marqov: {order.name}: a native input ends at {MOST_BYTES} bytes; "
            "make the circuit shorter"
        )
    return json.dumps(body, separators=(",", ":"))


def _program(order: Order) -> str:
    text = program_text(order.circuit, order.parameters, "2.0", register="c", fit=Fit(GATES))
    for line in filter(str.strip, text.splitlines()):
        if not _LINE.fullmatch(line.strip()):
            raise Refused(
                f"marqov: {order.name}: a native submission cannot hold {line.strip()!r:.80}; "
                "remove options.native"
            )
    return text


def is_native(body: bytes) -> bool:
    """Tell whether the bytes of an intent are a native submission."""
    return record(json.loads(body)).get("protocol_version") == SUBMISSION


def read_receipt(reply: Reply, body: bytes) -> str:
    """Return the id of the job that was admitted.

    Args:
        reply: The answer.
        body: Of the submission: what the receipt must be about.

    Raises:
        Misspoke: It is no receipt of this submission, so it is not known what was admitted.
    """
    sent, receipt = json.loads(body), reply.object()
    job_id = identifier(receipt.get("job_id"))
    source = sent["source"].get("content")
    of_source = sent.get("source_sha256") if source is None else _sha256(source)
    is_ours = (
        receipt.get("protocol_version") == RECEIPT
        and receipt.get("input_sha256") == _sha256(sent["input"])
        and (of_source is None or receipt.get("source_sha256") == of_source)
    )
    if job_id is None or not is_ours:
        raise Misspoke(
            f"marqov: {reply.asked}: answered {reply.status} without a receipt of this submission",
            raw=reply.excerpt(2_000),
        )
    return job_id


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def read_output(result: Any, order: Order) -> Any:
    """Return what a job's result says: of a managed one the value of its one output.

    Raises:
        Misspoke: It has not one output, or its value is not shown.
    """
    if record(result).get("protocol_version") != RESULT:
        return result
    outputs = records(result.get("outputs"))
    if len(outputs) != 1:
        raise Misspoke(f"marqov: {order.name}: {len(outputs)} outputs; one with counts is read")
    display = record(outputs[0].get("display"))
    if display.get("state") != "available":
        why = said(display.get("reason")) or said(display.get("state")) or "no reason given"
        raise Misspoke(f"marqov: {order.name}: its output is not shown: {why}")
    return display.get("value")
