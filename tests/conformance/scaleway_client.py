"""Scenarios of Scaleway's official clients, in their environment.

Without a URL the clients take the public one in silence, so it is checked before one is made.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import fence
from qio.core import (
    QuantumComputationModel,
    QuantumComputationParameters,
    QuantumProgram,
    QuantumProgramResult,
)
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_scaleway import ScalewayProvider
from qiskit_scaleway.primitives import Estimator, Sampler
from scaleway_qaas_client.v1alpha1 import QaaSClient
from scaleway_qaas_client.v1alpha1.quantum_as_a_service_api_client.api.bookings import (
    update_booking,
)
from scaleway_qaas_client.v1alpha1.quantum_as_a_service_api_client.api.jobs import (
    delete_job,
    get_job_circuit,
    list_job_results,
    list_jobs,
    update_job,
)
from scaleway_qaas_client.v1alpha1.quantum_as_a_service_api_client.api.sessions import (
    create_session,
    list_sessions,
    update_session,
)
from scaleway_qaas_client.v1alpha1.quantum_as_a_service_api_client.models import (
    CreateSessionBody,
    ListJobResultsOrderBy,
    UpdateBookingBody,
    UpdateJobBody,
    UpdateSessionBody,
)

URL = os.environ["QISKIT_SCALEWAY_API_URL"]
assert urlsplit(URL).hostname == "127.0.0.1", URL
assert os.environ["NO_PROXY"] == "127.0.0.1"
PROJECT = os.environ["QISKIT_SCALEWAY_PROJECT_ID"]
AER, QSIM, GARNET = "EMU-AER-16C-128M", "EMU-QSIM-H100", "QPU-GARNET-20PQ"
BELL = (
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\n'
    "measure q[0] -> c[0];\nmeasure q[1] -> c[1];\n"
)
ENDS = ("completed", "error", "cancelled")


def connect(key: str | None = None) -> QaaSClient:
    return QaaSClient(PROJECT, key or os.environ["QISKIT_SCALEWAY_SECRET_KEY"], url=URL)


def inner(client: QaaSClient) -> Any:
    """Return the generated layer's client, which knows all that the other leaves out."""
    return client._QaaSClient__client


def raised(call: Callable[[], Any]) -> str:
    try:
        call()
    except Exception as error:  # the client's own errors are nothing more precise
        return f"{type(error).__name__}: {error}"[:400]
    return ""


def bell_model() -> str:
    program = QuantumProgram(serialization_format=2, compression_format=1, serialization=BELL)
    return str(QuantumComputationModel(programs=[program]).to_json_str())


def shots(number: int) -> str:
    return str(QuantumComputationParameters(shots=number).to_json_str())


def wait(client: QaaSClient, job_id: str) -> Any:
    while True:
        job = client.get_job(job_id)
        if job.status in ENDS:
            return job
        time.sleep(0.1)


def content(text: str) -> Any:
    """Decode a result without the official decoder."""
    triple = json.loads(text)
    packed = triple["serialization"]
    if triple["compression_format"] == 2:
        packed = zlib.decompress(b64decode(packed)).decode()
    return json.loads(packed)


# -- the client by itself --------------------------------------------------------------------------


def life() -> Any:
    """The whole life cycle, and everything that can be read on the way."""
    client = connect()
    (platform,) = client.list_platforms(name=AER)
    session = client.create_session(
        platform.id, max_duration="10m", max_idle_duration=300, deduplication_id="run-7"
    )
    again = client.create_session(platform.id, max_duration="1m", deduplication_id="run-7")
    model = client.create_model(payload=bell_model())
    job = client.create_job(session.id, model.id, name="bell#0", parameters=shots(1000))
    done = wait(client, job.id)
    (row,) = client.list_job_results(job.id)
    result = QuantumProgramResult.from_json_str(row.result).to_qiskit_result()
    listed = client.list_sessions(platform_id=platform.id)
    ended = client.terminate_session(session.id)
    rejected = raised(lambda: client.create_job(session.id, model.id, parameters=shots(1)))
    readable = [one.name for one in client.list_jobs(session.id)]
    client.delete_session(session.id)
    return {
        "same": again.id == session.id,
        "durations": [session.max_duration, session.max_idle_duration, again.max_duration],
        "first": job.status,
        "status": done.status,
        "counts": result.get_counts(),
        "listed": [one.deduplication_id for one in listed],
        "acls": raised(lambda: client.list_session_acls(session.id)),
        "models": [one.id == model.id for one in client.list_models()][:1],
        "model": client.get_model(model.id).project_id == PROJECT,
        "ended": ended.status,
        "rejected": rejected,
        "readable": readable,
        "gone": raised(lambda: client.get_session(session.id)),
        "job_gone": raised(lambda: client.get_job(job.id)),
    }


def discovery() -> Any:
    client = connect()
    every = client.list_platforms()
    garnet = client.get_platform(next(one.id for one in every if one.name == GARNET))
    session = client.create_session(garnet.id)
    return {
        "names": [one.name for one in every],
        "simulators": len(client.list_platforms(platform_type="SIMULATOR")),
        "nobody": client.list_platforms(name="NOBODY"),
        "garnet": [garnet.provider_name, garnet.max_qubit_count, garnet.is_bookable],
        "price": [garnet.price_per_circuit.nanos, garnet.price_per_hour.units],
        "requirement": garnet.booking_requirement.max_booking_per_week,
        "acls": client.list_session_acls(session.id),
        "applications": client.list_applications(),
        "processes": client.list_processes(),
        "visible": sorted(one.name for one in ScalewayProvider().backends(operational=True)),
    }


def generated() -> Any:
    """What only the generated layer offers."""
    client = connect()
    raw = inner(client)
    (platform,) = client.list_platforms(name=AER)
    body = CreateSessionBody(project_id=PROJECT, platform_id=platform.id, tags=["qbatch", "run:1"])
    session = create_session.sync(client=raw, body=body)
    model = client.create_model(payload=bell_model())
    jobs = [
        client.create_job(session.id, model.id, name=f"point-{at}", parameters=shots(10))
        for at in range(3)
    ]
    changed = update_job.sync(jobs[1].id, client=raw, body=UpdateJobBody(tags=["t1", "t2"]))
    longer = update_session.sync(
        session.id, client=raw, body=UpdateSessionBody(max_duration="120s", name="longer")
    )
    tagged = list_jobs.sync(
        client=raw, tags=["t1", "t2"], page=1, page_size=50, session_id=session.id
    )
    pages = [
        list_jobs.sync(client=raw, page=page, page_size=2, session_id=session.id)
        for page in (1, 2, 3)
    ]
    sessions = list_sessions.sync(client=raw, project_id=PROJECT, tags=["run:1"])
    circuit = get_job_circuit.sync(jobs[0].id, client=raw)
    deleted = delete_job.sync_detailed(jobs[2].id, client=raw)
    ends = [wait(client, one.id).status for one in jobs[:2]]
    rows = list_job_results.sync(
        jobs[0].id, client=raw, order_by=ListJobResultsOrderBy.CREATED_AT_ASC
    )
    client.terminate_session(session.id)
    return {
        "tags": [session.tags, changed.tags],
        "longer": [longer.name, longer.max_duration],
        "tagged": [one.name for one in tagged.jobs],
        "pages": [[one.name for one in page.jobs] for page in pages],
        "total": pages[0].total_count,
        "sessions": [one.id == session.id for one in sessions.sessions],
        "circuit": [circuit.qiskit_circuit, circuit.perceval_circuit],
        "deleted": int(deleted.status_code),
        "ends": ends,
        "rows": rows.total_count,
    }


def ends() -> Any:
    """Each way a job can end, by its name."""
    client = connect()
    (platform,) = client.list_platforms(name=AER)
    session = client.create_session(platform.id)
    model = client.create_model(payload=bell_model())
    jobs = {
        name: client.create_job(session.id, model.id, name=name, parameters=shots(10))
        for name in ("good", "bad", "stopped")
    }
    said = client.cancel_job(jobs["stopped"].id).status
    found = {name: wait(client, job.id) for name, job in jobs.items()}
    client.terminate_session(session.id)
    return {
        "said": said,
        "status": {name: job.status for name, job in found.items()},
        "message": found["bad"].progress_message,
        "rows": {name: len(client.list_job_results(job.id)) for name, job in jobs.items()},
    }


def refusals() -> Any:
    client = connect()
    (platform,) = client.list_platforms(name=GARNET)
    session = client.create_session(platform.id)
    model = client.create_model(payload=bell_model())
    return {
        "key": raised(lambda: connect("guess").list_platforms()),
        "platform": raised(lambda: client.get_platform("7")),
        "job": raised(lambda: client.get_job("7")),
        "duration": raised(lambda: client.create_session(platform.id, max_duration="abc")),
        "shots": raised(lambda: client.create_job(session.id, model.id, parameters=shots(20_001))),
        "silent": client.delete_session("7"),
    }


def bookings() -> Any:
    """A slot is refused, reserved, described and given back."""
    client = connect()
    (platform,) = client.list_platforms(name=GARNET)
    begins = datetime.now(UTC) + timedelta(days=2)

    def demand(hours: float) -> Any:
        return client.create_session(
            platform.id,
            booking_demand_started_at=begins,
            booking_demand_finished_at=begins + timedelta(hours=hours),
            booking_demand_description="night",
        )

    refusals = [raised(lambda: demand(0.1)), raised(lambda: demand(20))]
    session = demand(2)
    taken = raised(lambda: demand(2))
    booking = client.get_booking(session.booking_id)
    update_booking.sync(booking.id, client=inner(client), body=UpdateBookingBody("ours"))
    (mine,) = client.list_bookings(platform_id=platform.id)
    client.delete_session(session.id)
    return {
        "refusals": refusals,
        "taken": taken,
        "status": session.status,
        "description": [booking.description, mine.description],
        "started": booking.started_at == begins,
        "platform": len(client.list_platform_bookings(platform.id)),
        "after": client.get_booking(booking.id).status,
    }


def weather() -> Any:
    """Make one job under whatever faults are in force; say what was raised, and how late."""
    client = connect()
    (platform,) = client.list_platforms(name=AER)
    session = client.create_session(platform.id)
    model = client.create_model(payload=bell_model())
    begun = time.monotonic()
    said = raised(
        lambda: client.create_job(session.id, model.id, name="storm", parameters=shots(10))
    )
    took_s = time.monotonic() - begun
    found = client.list_jobs(session.id)
    ended = [wait(client, one.id).status for one in found]
    client.terminate_session(session.id)
    return {
        "raised": said,
        "took_s": took_s,
        "found": [one.name for one in found],
        "ended": ended,
        "blocked": fence.BLOCKED,
    }


# -- the Qiskit provider ---------------------------------------------------------------------------


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def asymmetric() -> QuantumCircuit:
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    )
    circuit.x(0)
    circuit.ry(1.0, 2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def run(name: str, circuits: Any, **options: Any) -> Any:
    """Run in a session of one's own, which ends with the job; the rows as they came, too."""
    backend = ScalewayProvider().get_backend(name)
    session = backend.start_session()
    job = backend.run(circuits, session_id=session, **options)
    result = job.result(fetch_interval=0.1)
    raw = [row.result for row in connect().list_job_results(job._job_id)]
    backend.stop_session(session)
    return result, raw


def qiskit_bell() -> Any:
    """A Bell pair on every kind of platform, and what the official decoder makes of it."""
    names = [AER, GARNET, QSIM, "QPU-IBEX-12PQ", "EMU-CUDAQ-H100", "EMU-QUANTANIUM-16C-128M"]
    return {name: run(name, bell(), shots=1000)[0].get_counts() for name in names}


def qiskit_registers() -> Any:
    """Registers and bits in order: official counts, and those decoded here from the raw rows."""
    aer, (raw,) = run(AER, asymmetric(), shots=1000)
    (experiment,) = content(raw)["results"]
    _, (cirq,) = run(QSIM, asymmetric(), shots=1000)
    records = content(cirq)["records"]
    wide = QuantumCircuit(1, 2)
    wide.x(0)
    wide.measure(0, 1)
    shown, (true,) = run(AER, wide, shots=10)
    return {
        "official": aer.get_counts(),
        "raw": {f"{int(word, 16):03b}": n for word, n in experiment["data"]["counts"].items()},
        "cirq": {
            key: sum(bin(one).count("1") for one in bytes.fromhex(record["packed_digits"]))
            for key, record in records.items()
        },
        "wide_shown": shown.get_counts(),
        "wide_true": content(true)["results"][0]["data"]["counts"],
    }


def qiskit_batch() -> Any:
    """Several circuits in one job, with memory, already in the machine's gates."""
    backend = ScalewayProvider().get_backend(GARNET)
    circuits = [transpile(one, backend, optimization_level=0) for one in (bell(), bell())]
    gates = sorted(circuits[0].count_ops())
    result, raw = run(GARNET, circuits, shots=200, memory=True)
    aer, _ = run(AER, [bell(), asymmetric(), bell()], shots=100, memory=True)
    return {
        "gates": gates,
        "rows": len(raw),
        "counts": [result.get_counts(at) for at in range(2)],
        "shots": [one.shots for one in aer.results],
        "memory": [len(one.data.memory) for one in aer.results],
    }


def qiskit_url() -> Any:
    """The result comes by URL; the client fetches it without the key."""
    result, raw = run(AER, bell(), shots=300)
    (row,) = raw
    return {"counts": result.get_counts(), "inline": row}


def qiskit_ends() -> Any:
    """What the provider makes of a job that fails, and of one that is cancelled."""
    backend = ScalewayProvider().get_backend(AER)
    session, client = backend.start_session(), connect()
    failed = backend.run(bell(), session_id=session)
    said = raised(lambda: failed.result(fetch_interval=0.1))
    cancelled = backend.run(bell(), session_id=session)
    client.cancel_job(cancelled._job_id)
    status = cancelled.status().name
    backend.delete_session(session)
    return {"failed": said, "cancelled": status}


def qiskit_settings() -> Any:
    """Noise, a seed and a method go along."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.3, 1), ["x"])
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    flip = QuantumCircuit(1, 1)
    flip.x(0)
    flip.measure(0, 0)
    noisy, _ = run(AER, flip, shots=20_000, noise_model=noise)
    same = [run(AER, bell(), seed_simulator=5)[0].get_counts() for _ in range(2)]
    ghz = QuantumCircuit(30)
    ghz.h(0)
    for at in range(29):
        ghz.cx(at, at + 1)
    ghz.measure_all()
    wide, _ = run(AER, ghz, shots=100, method="matrix_product_state")
    return {"noisy": noisy.get_counts(), "same": same[0] == same[1], "wide": wide.get_counts()}


def primitives() -> Any:
    """Sampler and Estimator on an Aer platform."""
    backend = ScalewayProvider().get_backend(AER)
    session = backend.start_session()
    data = Sampler(backend, session).run([(bell(),)], shots=500).result()[0].data
    turned = QuantumCircuit(2)
    turned.ry(0.8, 0)
    turned.cx(0, 1)
    observables = [SparsePauliOp("ZZ"), SparsePauliOp("IZ"), SparsePauliOp("XX")]
    estimator = Estimator(backend, session, options={"default_precision": 0.01})
    estimate = estimator.run([(turned, observables)]).result()[0].data
    backend.stop_session(session)
    return {
        "counts": data.meas.get_counts(),
        "values": [float(one) for one in estimate.evs],
    }


def leak() -> Any:
    """Left to itself, the provider opens a session for every run and ends none."""
    backend = ScalewayProvider().get_backend(QSIM)
    for _ in range(2):
        backend.run(bell(), shots=10).result(fetch_interval=0.1)
    client = connect()
    found = client.list_sessions(platform_id=backend.id)
    mine = [one for one in found if one.name == "auto-qs-qiskit-qsim"]
    for one in mine:
        client.delete_session(one.id)
    return sorted(one.status for one in mine)


SCENARIOS: dict[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (
        life,
        discovery,
        generated,
        ends,
        refusals,
        bookings,
        weather,
        qiskit_bell,
        qiskit_registers,
        qiskit_batch,
        qiskit_url,
        qiskit_ends,
        qiskit_settings,
        primitives,
        leak,
    )
}

if __name__ == "__main__":
    fence.main(SCENARIOS)
