"""Scenarios of the official Marqov client, in its environment."""

from __future__ import annotations

import os

import fence

os.environ["NETRC"] = os.devnull  # an entry there would replace the API key

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from marqov.platform import Job, MarqovClient, MarqovPlatformError, RateLimited

TEAM = os.environ["TEAM"]
HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
ASYMMETRIC = (
    HEAD + "qreg q[3]; creg a[1]; creg b[2]; x q[0]; ry(1.0) q[2];"
    "measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)
KEY = "5d0b7f0a-6f0e-5d43-9c6e-1a1f4d1c2b3a"


def connect(key: str | None = None) -> MarqovClient:
    """Base URL and key come from the environment, as the client reads it."""
    return MarqovClient(api_key=key, timeout=10.0)


def submit(client: MarqovClient, source: str = BELL, backend: str = "sv1", **more: Any) -> Job:
    """Save, analyse, submit."""
    script = client.save_script(source, name="point-1")["script_id"]
    found = client.analyse_script(
        script, content=source, backend=backend, shots=1000, circuit_count=1
    )
    return client.submit_script(
        script,
        backend=backend,
        analysis_id=found["analysis_id"],
        shots=1000,
        circuit_count=1,
        **more,
    )


def how(call: Callable[[], Any]) -> Any:
    """Make a call that must fail; say how the client saw it."""
    try:
        call()
    except MarqovPlatformError as error:
        return [type(error).__name__, error.code, error.status]
    except (KeyError, TimeoutError) as error:
        return [type(error).__name__, None, None]
    return "no error"


def life() -> Any:
    """The saved-script sequence from the catalogue to the counts."""
    with connect() as client:
        backends = {one.slug: one for one in client.backends()}
        script = client.save_script(ASYMMETRIC, name="point-1")["script_id"]
        options = client.script_execution_options(script, shots=1000)
        found = client.analyse_script(
            script, content=ASYMMETRIC, backend="sv1", shots=1000, circuit_count=1
        )
        job = client.submit_script(
            script, backend="sv1", analysis_id=found["analysis_id"], shots=1000, circuit_count=1
        )
        result = job.result(timeout=30)
        return {
            "fee": backends["sv1"].pricing["taskFee"],
            "kinds": sorted({one.device_type for one in backends.values()}),
            "same_source": options["source_sha256"]
            == hashlib.sha256(ASYMMETRIC.encode()).hexdigest(),
            "cost": found["cost"]["total_usd"],
            "counts": result.counts,
            "order": result.raw["metadata"]["reproducibility"]["bit_order"],
            "billed": job.estimated_cost_usd,
            "status": client.job(job.id).status(),
        }


def free() -> Any:
    """OpenQASM inline on a free backend."""
    with connect() as client:
        job = client.submit(BELL, backend="marqov-sim", shots=500, framework="openqasm")
        return job.result(timeout=30).counts


def keys() -> Any:
    """One key twice, then with another body."""
    with connect() as client:
        script = client.save_script(BELL, name="point-1", idempotency_key="s")["script_id"]
        found = client.analyse_script(script, content=BELL, backend="sv1", shots=1000)

        def order(shots: int) -> Job:
            return client.submit_script(
                script,
                backend="sv1",
                analysis_id=found["analysis_id"],
                shots=shots,
                idempotency_key=KEY,
            )

        return {"same": order(1000).id == order(1000).id, "other": how(lambda: order(999))}


def lost() -> Any:
    """An answer is lost; then the same call with the same key."""
    with connect() as client:
        script = client.save_script(BELL, name="point-1")["script_id"]
        found = client.analyse_script(script, content=BELL, backend="sv1", shots=1000)
        key = str(uuid.uuid4())

        def order() -> Job:
            return client.submit_script(
                script,
                backend="sv1",
                analysis_id=found["analysis_id"],
                shots=1000,
                idempotency_key=key,
            )

        return {"first": how(order), "counts": order().result(timeout=30).counts}


def order_natively(client: MarqovClient, **changes: Any) -> Job:
    """Submit natively what the environment names, or code that nothing runs."""
    asked = {
        "team_id": TEAM,
        "entrypoint": "run",
        "cap_cents": 100,
        "source": os.environ.get("SOURCE", "def run(): ..."),
        "kwargs": json.loads(os.environ.get("KWARGS", "{}")),
        "idempotency_key": os.environ["NATIVE_KEY"],
    }
    return client.submit_native(**asked | changes)


def native() -> Any:
    """The closed body; the client itself checks receipt and digests."""
    with connect() as client:
        jobs = [order_natively(client) for _ in range(2)]
        return {
            "runtimes": client.managed_runtimes(TEAM),
            "same": jobs[0].id == jobs[1].id,
            "end": how(lambda: jobs[0].result(timeout=30)),
            "other": how(lambda: order_natively(client, cap_cents=99)),
        }


def native_result() -> Any:
    """The value of the one output of a workflow."""
    with connect() as client:
        result = order_natively(client).result(timeout=30)
        (output,) = result.raw["outputs"]
        return {"state": output["display"]["state"], "value": output["display"]["value"]}


def native_lost() -> Any:
    """An answer is lost; the same call again, in a process of its own, tells the admission."""
    with connect() as client:
        return {"first": how(lambda: order_natively(client))}


def native_found() -> Any:
    """What a later process is told under the same key."""
    with connect() as client:
        return {"job": order_natively(client).id}


def native_caps() -> Any:
    """Caps beyond the runtime's range, and beyond what is funded."""
    with connect() as client:

        def out_of_range() -> str:
            try:
                order_natively(client, cap_cents=10)
            except ValueError as error:
                return str(error)
            return "no error"

        return {"low": out_of_range(), "funds": how(lambda: order_natively(client))}


def body() -> Any:
    """The body that the client sends for what the environment names; nothing is asked."""
    from marqov.platform import _native

    made, _ = _native.build_public_submission(
        team_id=TEAM,
        entrypoint="run",
        cap_cents=100,
        script_id=None,
        source=os.environ["SOURCE"],
        args=(),
        kwargs=json.loads(os.environ["KWARGS"]),
        programming_model="native_workflow",
        backend="marqov-sim",
        source_sha256=None,
    )
    return made


def program() -> Any:
    """Run a workflow by the SDK: built as a graph, its task alone, as a worker gets it."""
    import base64

    import cloudpickle

    found: dict[str, Any] = {"__name__": "submitted"}
    exec(os.environ["SOURCE"], found)
    captured = found["run"](**json.loads(os.environ["KWARGS"])).capture()
    (node,) = captured.graph.nodes.values()
    task = cloudpickle.loads(base64.b64decode(node.func_ref))
    value = task(*node.args, **node.kwargs)
    return captured.resolve_output({node.id: json.loads(json.dumps(value))})


def refusals() -> Any:
    """Rows of the table of errors."""
    with connect() as client:
        script = client.save_script(BELL, name="point-1")["script_id"]

        def order(analysis: str, backend: str = "sv1") -> Job:
            return client.submit_script(script, backend=backend, analysis_id=analysis, shots=10)

        other = client.analyse_script(script, content=BELL, backend="dm1", shots=10)
        found = client.analyse_script(script, content=BELL, backend="sv1", shots=10)
        job = order(found["analysis_id"])
        return {
            "python": how(lambda: client.submit("x = 1", backend="marqov-sim", framework="qiskit")),
            "inline paid": how(lambda: client.submit(BELL, backend="sv1", framework="openqasm")),
            "backend": how(
                lambda: client.analyse_script(script, content=BELL, backend="no", shots=1)
            ),
            "retired": how(lambda: order(KEY, "rigetti-qvm")),
            "mismatch": how(lambda: order(other["analysis_id"])),
            "not found": how(lambda: client.job(KEY).status()),
            "shots": how(
                lambda: client.submit(BELL, backend="marqov-sim", shots=-1, framework="openqasm")
            ),
            "cancel": how(job.cancel),
            "meta": how(client.platform_info),
            "key": how(lambda: submit(connect("marqey_test_guess"))),
            "reader": how(lambda: submit(connect("marqey_test_" + "3" * 32), BELL, "marqov-sim")),
            "native": how(
                lambda: client.submit_native(
                    team_id=TEAM, entrypoint="run", cap_cents=100, source="x"
                )
            ),
        }


def one() -> Any:
    """One paid job under whatever is in force; say how it ended, and when."""
    with connect() as client:
        began = time.monotonic()
        try:
            counts = submit(client).result(timeout=20).counts
        except RateLimited as error:
            return {"limited": error.retry_after is not None and 0 < error.retry_after <= 60}
        except MarqovPlatformError as error:
            return {"raised": [type(error).__name__, error.code, str(error)]}
        return {"shots": sum((counts or {}).values()), "seconds": time.monotonic() - began}


def many() -> Any:
    """Eleven jobs at once: what became of each."""
    with connect() as client:
        found = []
        for _ in range(11):
            try:
                client.submit(BELL, backend="marqov-sim", shots=1, framework="openqasm")
                found.append("taken")
            except RateLimited as error:
                found.append(f"wait {0 < (error.retry_after or 0) <= 60}")
        return found


SCENARIOS: dict[str, Callable[[], Any]] = {
    "life": life,
    "free": free,
    "keys": keys,
    "lost": lost,
    "native": native,
    "native_result": native_result,
    "native_lost": native_lost,
    "native_found": native_found,
    "native_caps": native_caps,
    "body": body,
    "program": program,
    "refusals": refusals,
    "one": one,
    "many": many,
}

if __name__ == "__main__":
    fence.main(SCENARIOS)
