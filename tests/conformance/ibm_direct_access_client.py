"""Scenarios of IBM's official client `qrmi` and its primitives, in their environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fence
import numpy as np
import qrmi
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder
from qrmi.primitives.ibm import EstimatorV2, SamplerV2, get_backend

#: The client's core is not Python: what is not on loopback goes to a proxy that is not there.
os.environ |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

#: Its retries and the life of its tokens run on real time.
sleep = fence._sleep

KIND = qrmi.ResourceType.IBMQuantumSystem
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'

#: a = 1; b[0] = 0; b[1] = 1 with cos²(0.5).
ASYMMETRIC = (
    f"{HEAD}bit[1] a;\nbit[2] b;\nx $0;\nsx $2;\nrz(1.0) $2;\nsx $2;\n"
    "a[0] = measure $0;\nb[0] = measure $1;\nb[1] = measure $2;\n"
)


def settings(**changes: str) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name.startswith("QRMI_")}
    return {**given, "QRMI_JOB_TIMEOUT_SECONDS": "600", **changes}


def connect(name: str = "emu_5q", **changes: str) -> Any:
    return qrmi.QuantumResource.from_config(name, KIND, settings(**changes))


def start(qpu: Any, shots: int = 1000, program: str = ASYMMETRIC, **more: Any) -> str:
    document = {"pubs": [[program, None, shots]], "version": 2, "support_qiskit": True, **more}
    payload = qrmi.Payload.QiskitPrimitive(input=json.dumps(document), program_id="sampler")
    return str(qpu.task_start(payload))


def wait(qpu: Any, job: str) -> str:
    while (state := qpu.task_status(job)) == qrmi.TaskStatus.Running:
        sleep(0.05)
    return str(state).rsplit(".", 1)[-1]


def raised(call: Callable[[], Any]) -> str:
    try:
        call()
    except (qrmi.QrmiError, qrmi.ConfigError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def life() -> Any:
    """The documented steps: state, target, job, results, log, deletion."""
    qpu = connect()
    status = qpu.status()
    target = json.loads(qpu.target().value)
    job = start(qpu)
    state = wait(qpu, job)
    result = json.loads(qpu.task_result(job).value, cls=RuntimeDecoder)
    log = qpu.task_logs(job)
    qpu.task_stop(job)
    return {
        "accessible": qpu.is_accessible(),
        "status": status.to_dict(),
        "qubits": [target["configuration"]["n_qubits"], len(target["properties"]["qubits"])],
        "state": state,
        "a": result[0].data.a.get_counts(),
        "b": result[0].data.b.get_counts(),
        "joined": result[0].join_data().get_counts(),
        "spans": len(result.metadata["execution"]["execution_spans"]),
        "log": log,
        "gone": raised(lambda: qpu.task_status(job)),
        "job": job,
    }


def isa(circuit: QuantumCircuit, backend: Any) -> QuantumCircuit:
    return generate_preset_pass_manager(2, backend=backend, seed_transpiler=1).run(circuit)


def asymmetric(angles: ParameterVector) -> QuantumCircuit:
    """Qubit i is 1 with sin²(angle i / 2), measured crosswise into a word of three bits."""
    circuit = QuantumCircuit(3, 3)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    circuit.measure([0, 1, 2], [2, 0, 1])
    return circuit


def sampler() -> Any:
    """A sweep of the shape (2, 2) through IBM's own primitive, on a small and a large machine."""
    angles = ParameterVector("angle", 3)
    values = np.array([[[0, 0, np.pi], [0.4, 1.1, 2.0]], [[np.pi, 0, 0], [0, np.pi, 0]]])
    found = {}
    for name in ("emu_5q", "ibm_rensselaer"):
        qpu = connect(name)
        circuit = isa(asymmetric(angles), get_backend(qpu))
        job = SamplerV2(qpu).run([(circuit, values), (isa(bell(), get_backend(qpu)),)], shots=2000)
        result = job.result()
        data = result[0].data.c
        found[name] = {
            "operations": sorted(circuit.count_ops()),
            "shape": list(data.shape),
            "counts": [[data.get_counts((i, j)) for j in range(2)] for i in range(2)],
            "bell": result[1].data.meas.get_counts(),
        }
    return found


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def circuit_file() -> Any:
    """A circuit as QPY and values as an array, written by the official encoder."""
    qpu = connect()
    angles = ParameterVector("angle", 3)
    circuit = isa(asymmetric(angles), get_backend(qpu))
    pubs = [(circuit, np.array([[0, np.pi, 0], [np.pi, 0, 0]]), 50)]
    document = {"pubs": pubs, "version": 2, "support_qiskit": True, "options": {}}
    text = json.dumps(document, cls=RuntimeEncoder)
    job = qpu.task_start(qrmi.Payload.QiskitPrimitive(input=text, program_id="sampler"))
    state = wait(qpu, job)
    result = json.loads(qpu.task_result(job).value, cls=RuntimeDecoder)
    qpu.task_stop(job)
    return {"state": state, "counts": [result[0].data.c.get_counts(at) for at in range(2)]}


def estimator() -> Any:
    """Values and errors of two observables along a sweep, on a small and a large machine."""
    angles = ParameterVector("angle", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(angles[0], 0)
    circuit.cx(0, 1)
    observables = [[SparsePauliOp.from_list([("ZZ", 1.0), ("IZ", 0.5)])], [SparsePauliOp("XX")]]
    found = {}
    for name in ("emu_5q", "ibm_rensselaer"):
        qpu = connect(name)
        mapped = isa(circuit, get_backend(qpu))
        moved = [[one.apply_layout(mapped.layout) for one in row] for row in observables]
        job = EstimatorV2(qpu).run([(mapped, moved, [[0.3], [1.2]])], precision=0.01)
        data = job.result()[0].data
        found[name] = {"evs": data.evs.tolist(), "stds": data.stds.tolist()}
    return found


def documents() -> Any:
    """Results checked against IBM's published models."""
    from ibm_quantum_schemas.estimator.version_0_1 import primitive_result as estimates
    from ibm_quantum_schemas.sampler.version_0_1 import primitive_result as samples

    qpu = connect()
    job = start(qpu, 10)
    wait(qpu, job)
    samples.PrimitiveResultWrapperModel.model_validate_json(qpu.task_result(job).value)
    qpu.task_stop(job)
    document = {"pubs": [[f"{HEAD}x $0;\n", [{"IIIIZ": 1.0}]]], "version": 2}
    payload = qrmi.Payload.QiskitPrimitive(input=json.dumps(document), program_id="estimator")
    job = qpu.task_start(payload)
    wait(qpu, job)
    model = estimates.PrimitiveResultWrapperModel
    found = model.model_validate_json(qpu.task_result(job).value)
    qpu.task_stop(job)
    return found.value_.metadata.version


def provider() -> Any:
    """What the client lists, filters and likes best."""
    listed = qrmi.ResourceProvider(KIND, settings())
    least = listed.least_busy()
    return {
        "all": sorted(one.resource_id() for one in listed.resources()),
        "large": [one.resource_id() for one in listed.resources("num_qubits=127")],
        "named": [one.resource_id() for one in listed.resources("name=emu_*&status=online")],
        "least": least.resource_id() if least else None,
        "paused": str(connect("emu_paused").status().status),
        "offline": connect("emu_offline").is_accessible(),
    }


def command() -> Any:
    """The command that runs a file and writes a file."""
    document = {"pubs": [[ASYMMETRIC, None, 100]], "version": 2, "support_qiskit": True}
    Path("in.json").write_text(
        json.dumps({"parameters": document, "program_id": "sampler"}), encoding="utf-8"
    )
    variables = {f"emu_5q_{name}": value for name, value in settings().items()}
    names = {"QRMI_JOB_QPU_RESOURCES": "emu_5q", "QRMI_JOB_QPU_TYPES": "ibm-quantum-system"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("task_runner")), "emu_5q", "in.json", "out.json"],
        env={**os.environ, **variables, **names},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(Path("out.json").read_text(encoding="utf-8"), cls=RuntimeDecoder)
    return result[0].data.b.get_counts()


def cancelling() -> Any:
    """Stop a job that waits; then nothing is left of it."""
    qpu = connect()
    job = start(qpu)
    before = str(qpu.task_status(job))
    qpu.task_stop(job)
    return {"before": before, "after": raised(lambda: qpu.task_status(job)), "job": job}


def refusals() -> Any:
    """What the service says no to, as the client tells it."""
    qpu = connect()

    def failing(program: str, name: str = "emu_5q") -> list[str]:
        there = connect(name)
        job = start(there, 10, program)
        state = wait(there, job)
        said = raised(lambda: there.task_result(job))
        there.task_stop(job)
        return [state, said]

    return {
        "key": raised(lambda: connect(QRMI_IBM_QS_IAM_APIKEY="guess").status()),
        "backend": raised(lambda: connect("nobody").target()),
        "submit": raised(lambda: start(connect("nobody"))),
        "paused": raised(lambda: start(connect("emu_paused"))),
        "secret": raised(lambda: start(connect(QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY="guess"))),
        "owner": raised(lambda: start(connect(QRMI_IBM_QS_AWS_ACCESS_KEY_ID="guess"))),
        "circuit": failing(f"{HEAD}boo $0;\n"),
        "gate": failing(ASYMMETRIC.replace("x $0", "h $0")),
        "pair": failing(ASYMMETRIC.replace("x $0", "cx $0, $2")),
        "task": raised(lambda: qpu.task_status("none")),
    }


def timeout() -> Any:
    """A job that needs more of the machine than it may."""
    qpu = connect(QRMI_JOB_TIMEOUT_SECONDS="3")
    job = start(qpu, 100_000)
    state = wait(qpu, job)
    qpu.task_stop(job)
    return state


def full() -> Any:
    """All lanes taken: a submission blocks, whatever the states of the others, until one is free.

    The client repeats 429 without an end, so it does that in a process of its own.
    """
    qpu = connect()
    jobs = [start(qpu, 10) for _ in range(5)]
    states = [wait(qpu, one) for one in jobs]
    capacity = qpu.status().to_dict()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore::UserWarning", __file__, "submit"], stdout=subprocess.PIPE
    ) as blocked:
        stopper = threading.Timer(40, blocked.kill)
        stopper.start()
        sleep(4)
        waiting = blocked.poll() is None
        qpu.task_stop(jobs[0])
        said, _ = blocked.communicate()
        stopper.cancel()
    late = json.loads(said.decode().rsplit("RESULT ", 1)[1])
    for one in [*jobs[1:], late]:
        wait(qpu, one)
        qpu.task_stop(one)
    return {"states": states, "waiting": waiting, "capacity": capacity}


def submit() -> Any:
    return start(connect(), 10)


def weather() -> Any:
    """Run one job under whatever faults are in force; say how the client saw it."""
    found: dict[str, Any] = {"raised": ""}

    def go() -> None:
        qpu = connect()
        job = start(qpu, 100)
        found["state"] = wait(qpu, job)
        result = json.loads(qpu.task_result(job).value, cls=RuntimeDecoder)
        found["shots"] = sum(result[0].data.a.get_counts().values())
        qpu.task_stop(job)

    before = time.monotonic()
    found["raised"] = raised(go)
    return found | {"seconds": time.monotonic() - before}


def renewal() -> Any:
    """Tokens of a second: the client takes new ones as it goes."""
    qpu = connect()
    seen = []
    for _ in range(5):
        seen.append(qpu.is_accessible())
        sleep(0.5)
    return seen


SCENARIOS: dict[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (
        life,
        sampler,
        circuit_file,
        estimator,
        documents,
        provider,
        command,
        cancelling,
        refusals,
        timeout,
        full,
        submit,
        weather,
        renewal,
    )
}

if __name__ == "__main__":
    fence.main(SCENARIOS)
