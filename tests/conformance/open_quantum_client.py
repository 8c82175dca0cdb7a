"""Scenarios of the official Open Quantum client and its Qiskit plugin, in their environment."""

from __future__ import annotations

import os

import fence

os.environ["OPENQUANTUM_HIDE_CITATION_NOTICE"] = "1"

import time
from collections.abc import Callable
from typing import Any

import openquantum_sdk
import requests
from openquantum_sdk import ClientCredentials, OpenQuantumClient
from openquantum_sdk.clients import JobSubmissionConfig
from openquantum_sdk.models import JobCreate, JobPreparationCreate
from openquantum_sdk_qiskit import OpenQuantumService
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

LAB = os.environ["OPENQUANTUM_ORGANIZATION_ID"]
HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
ASYMMETRIC = (
    HEAD + "qreg q[3]; creg a[1]; creg b[2]; x q[0]; ry(1.0) q[2];"
    "measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)


def connect(secret: str | None = None) -> OpenQuantumClient:
    return OpenQuantumClient(
        creds=ClientCredentials(
            os.environ["OPENQUANTUM_CLIENT_ID"], secret or os.environ["OPENQUANTUM_CLIENT_SECRET"]
        ),
        keycloak_base=os.environ["OPENQUANTUM_KEYCLOAK_BASE"],
        scheduler_url=os.environ["OPENQUANTUM_SCHEDULER_URL"],
        management_url=os.environ["OPENQUANTUM_MANAGEMENT_URL"],
        auto_load=False,
    )


def config(name: str, **more: Any) -> JobSubmissionConfig:
    more.setdefault("shots", 1000)
    return JobSubmissionConfig("iqm:emerald", name, "oth:oth", organization_id=LAB, **more)


def prepare(client: OpenQuantumClient, name: str, program: str = BELL) -> Any:
    """Upload and prepare; return the completed preparation and its id."""
    upload = client.scheduler.upload_job_input(file_content=program.encode())
    made = client.scheduler.prepare_job(
        JobPreparationCreate(
            organization_id=LAB,
            backend_class_id="iqm:emerald",
            name=name,
            upload_endpoint_id=upload,
            job_subcategory_id="oth:oth",
            shots=1000,
            configuration_data={"shots": 1000},
        )
    )
    return made.id, client.scheduler.wait_for_preparation(made.id)


def order(client: OpenQuantumClient, preparation: str, result: Any) -> Any:
    chosen = client.scheduler.choose_plan_and_priority(result)
    return client.scheduler.create_job(
        JobCreate(preparation, chosen.execution_plan_id, chosen.queue_priority_id)
    )


def life() -> Any:
    """One call, then everything the client can read afterwards."""
    client = connect()
    scheduler = client.scheduler
    job = scheduler.submit_job(config("point-1"), file_content=ASYMMETRIC.encode())
    row = scheduler.list_jobs(LAB).jobs[0]
    return {
        "status": job.status,
        "counts": scheduler.download_job_output(job),
        "calibration": scheduler.download_job_calibration(job)["backend"],
        "row": [row.name, row.status, row.id == job.id],
        "filtered": len(scheduler.list_jobs(LAB, status="Running").jobs),
    }


def discovery() -> Any:
    client = connect()
    scheduler, management = client.scheduler, client.management
    pages, cursor = 0, None
    while pages == 0 or cursor:
        page = management.list_backend_classes(limit=4, cursor=cursor)
        pages, cursor = pages + 1, page.pagination.next_cursor
    categories = scheduler.get_job_categories().categories
    return {
        "organizations": [one.name for one in management.list_user_organizations().organizations],
        "providers": len(management.list_providers().providers),
        "pages": pages,
        "online": [one["short_code"] for one in client.backends(online=True)],
        "qubits": scheduler.get_backend_class("iqm:emerald")["constraint_data"]["n_qubits"],
        "balance": management.get_credit_balance(LAB).full_credits,
        "categories": len(categories),
        "subcategories": [
            one.short_code for one in scheduler.get_job_subcategories("opt").categories
        ],
    }


def steps() -> Any:
    """The life cycle step by step, with the choice of plan and priority."""
    client = connect()
    preparation, result = prepare(client, "steps")
    job = order(client, preparation, result)
    client.scheduler.wait_for_job(job.id)
    again = client.scheduler.get_job(job.id)
    return {
        "quote": [[plan.name, plan.price] for plan in result.quote],
        "confirmed": again.job_preparation_id == preparation,
        "counts": client.scheduler.download_job_output(again),
    }


def cancelling() -> Any:
    client = connect()
    job = order(client, *prepare(client, "cancel"))
    client.scheduler.cancel_job(job.id)
    status = client.scheduler.get_job(job.id).status
    return {"status": status, "again": _raised(lambda: client.scheduler.cancel_job(job.id))}


def _raised(call: Callable[[], Any]) -> str:
    try:
        call()
    except (openquantum_sdk.OpenQuantumError, requests.RequestException, OSError) as error:
        return f"{type(error).__name__}: {error}"[:200]
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"[:200]
    return ""


def refusals() -> Any:
    """What the service says no to, as the client tells it."""
    client = connect()

    def bad(program: str = BELL, **more: Any) -> str:
        return _raised(
            lambda: client.scheduler.submit_job(
                config("bad", **more), file_content=program.encode()
            )
        )

    return {
        "secret": _raised(lambda: connect("guess").management.list_user_organizations()),
        "circuit": bad(HEAD + "boo q;"),
        "gate": bad(BELL.replace("h q[0]", "u3(1,2,3) q[0]")),
        "wide": bad(BELL.replace("[2]", "[55]")),
        "shots": bad(shots=20_001),
        "unknown": _raised(lambda: client.scheduler.get_job("none")),
    }


def active_limit() -> Any:
    """Order until the service refuses; return how many went through and what it said."""
    client = connect()
    for count in range(12):
        made = prepare(client, f"active-{count}")
        said = _raised(lambda made=made: order(client, *made))
        if said:
            return {"jobs": count, "said": said}
    return {"jobs": 12, "said": ""}


def weather() -> Any:
    """Run one job under whatever faults are in force."""
    client = connect()
    found: dict[str, Any] = {}

    def run() -> None:
        job = client.scheduler.submit_job(
            config("storm", job_timeout_seconds=3), file_content=BELL.encode()
        )
        found["shots"] = sum(client.scheduler.download_job_output(job).values())

    found["raised"] = _raised(run).split(":")[0]
    return found | {"blocked": fence.BLOCKED}


def lost_answer() -> Any:
    """The answer to the order is lost; the job is found by name and confirmed."""
    client = connect()
    preparation, result = prepare(client, "lost-1")
    try:
        order(client, preparation, result)
        lost = False
    except requests.RequestException:
        lost = True
    rows = [row for row in client.scheduler.list_jobs(LAB).jobs if row.name == "lost-1"]
    found = [client.scheduler.get_job(row.id).job_preparation_id for row in rows]
    return {"lost": lost, "found": found == [preparation]}


def renewal() -> Any:
    """Tokens of a second: the client takes a new one for every call."""
    client = connect()
    client.management.list_user_organizations()
    time.sleep(0.1)
    return len(client.management.list_user_organizations().organizations)


def service() -> OpenQuantumService:
    return OpenQuantumService(
        creds=ClientCredentials(
            os.environ["OPENQUANTUM_CLIENT_ID"], os.environ["OPENQUANTUM_CLIENT_SECRET"]
        ),
        keycloak_base=os.environ["OPENQUANTUM_KEYCLOAK_BASE"],
        scheduler_url=os.environ["OPENQUANTUM_SCHEDULER_URL"],
        management_url=os.environ["OPENQUANTUM_MANAGEMENT_URL"],
        auto_load=False,
    )


def asymmetric() -> QuantumCircuit:
    qubits = QuantumRegister(3, "q")
    circuit = QuantumCircuit(qubits, ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
    circuit.x(0)
    circuit.ry(1.0, 2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def qiskit_backend() -> Any:
    """The plugin's backend: transpiled to physical qubits, run, counted."""
    backend = service().return_backend("iqm:emerald", config={"organization_id": LAB})
    circuit = backend.transpile(asymmetric())
    job = backend.run(circuit, shots=1000, job_subcategory_id="oth:oth")
    return {"counts": job.result().get_counts(), "qubits": backend.num_qubits}


def qiskit_sampler() -> Any:
    here = service()
    backend = here.return_backend("iqm:garnet", config={"organization_id": LAB})
    bell = QuantumCircuit(2, 2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    sampler = here.create_sampler(backend=backend, organization_id=LAB)
    result = sampler.run([(backend.transpile(bell),)], shots=500).result()
    return result[0].data.meas.get_counts()


SCENARIOS: dict[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (
        life,
        discovery,
        steps,
        cancelling,
        refusals,
        active_limit,
        weather,
        lost_answer,
        renewal,
        qiskit_backend,
        qiskit_sampler,
    )
}

if __name__ == "__main__":
    fence.main(SCENARIOS)
