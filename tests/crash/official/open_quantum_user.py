"""A careful user of Open Quantum's official client; see `users`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import users

os.environ["OPENQUANTUM_HIDE_CITATION_NOTICE"] = "1"

from typing import Any

import requests
import urllib3
from openquantum_sdk import ClientCredentials, OpenQuantumClient
from openquantum_sdk.models import JobCreate, JobPreparationCreate

ORGANIZATION = os.environ["OPENQUANTUM_ORGANIZATION_ID"]
BACKEND = "ionq:forte-1"


def user(place: Path) -> None:
    """Order and note the id, one by one; of what is noted only the result is waited for.

    `submit_job`, which the client recommends, would tell the id only with the result.
    """
    client = OpenQuantumClient(
        creds=ClientCredentials(
            os.environ["OPENQUANTUM_CLIENT_ID"], os.environ["OPENQUANTUM_CLIENT_SECRET"]
        ),
        keycloak_base=os.environ["OPENQUANTUM_KEYCLOAK_BASE"],
        scheduler_url=os.environ["OPENQUANTUM_SCHEDULER_URL"],
        management_url=os.environ["OPENQUANTUM_MANAGEMENT_URL"],
        auto_load=False,
    )
    for name in users.NAMES:
        noted = place / f"{name}.id"
        if not noted.exists():
            noted.write_text(order(client.scheduler, name))
    for name in users.NAMES:
        client.scheduler.wait_for_job((place / f"{name}.id").read_text())
        job = client.scheduler.get_job((place / f"{name}.id").read_text())
        counts = client.scheduler.download_job_output(job)
        (place / f"{name}.counts").write_text(json.dumps(counts))


def order(scheduler: Any, name: str) -> str:
    """Buy a job; return its id."""
    prepared = scheduler.prepare_job(
        JobPreparationCreate(
            organization_id=ORGANIZATION,
            backend_class_id=BACKEND,
            name=name,
            upload_endpoint_id=scheduler.upload_job_input(file_content=users.PROGRAM.encode()),
            job_subcategory_id="oth:oth",
            shots=users.SHOTS,
            configuration_data={"shots": users.SHOTS},
        )
    )
    chosen = scheduler.choose_plan_and_priority(scheduler.wait_for_preparation(prepared.id))
    ordered = JobCreate(prepared.id, chosen.execution_plan_id, chosen.queue_priority_id)
    return str(scheduler.create_job(ordered).id)


def watch(boundary: users.Boundary) -> None:
    """Call `boundary` four times in each exchange, as qbatch's own fuse is."""
    connection = urllib3.connection.HTTPConnection
    send, request, getresponse = requests.Session.send, connection.request, connection.getresponse

    def watched_send(self: Any, *given: Any, **more: Any) -> requests.Response:
        boundary()
        response = send(self, *given, **more)
        _ = response.content
        boundary()
        return response

    def watched_request(self: Any, *given: Any, **more: Any) -> None:
        request(self, *given, **more)
        boundary()

    def watched_getresponse(self: Any) -> Any:
        response = getresponse(self)
        boundary()
        return response

    requests.Session.send = watched_send  # type: ignore[method-assign]
    connection.request = watched_request  # type: ignore[method-assign]
    connection.getresponse = watched_getresponse  # type: ignore[method-assign]


if __name__ == "__main__":
    users.prove(user, watch, "open-quantum", {"method": "POST", "path": "/sched/v1/jobs"})
