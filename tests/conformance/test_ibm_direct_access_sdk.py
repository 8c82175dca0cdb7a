"""IBM's official client `qrmi` and its primitives against the served emulator."""

from __future__ import annotations

import json
import math
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from environments import IBM_DIRECT_ACCESS, OBJECT_STORE

from qbatch import open_run
from qbatch.providers.ibm_direct_access.storage import Bucket, as_sent, open_bucket
from qbatch.providers.kit.credentials import Secret

pytestmark = pytest.mark.conformance

SCRIPT = "ibm_direct_access_client.py"
JOBS = "/v1/jobs"


@pytest.fixture(scope="module")
def system(serve: Callable[..., Any]) -> Any:
    return serve("ibm-direct-access", queue_s=0.2)


@pytest.fixture
def run(client: Callable[..., Any], system: Any) -> Callable[..., Any]:
    """Run a scenario under a fault script and switches; lanes are out of the way."""

    def scenario(
        name: str, requests: Any = (), jobs: Any = (), variables: Any = None, **switches: Any
    ) -> Any:
        switches = {"ibm-direct-access": {"lanes": 1000} | switches}
        system.set_faults(requests=list(requests), jobs=list(jobs), switches=switches)
        return client(IBM_DIRECT_ACCESS, SCRIPT, name, **system.variables | (variables or {}))

    return scenario


@pytest.fixture
def bought(system: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return what the ledger gained since the test began."""
    before = len(system.ledger())
    return lambda: system.ledger()[before:]


def assert_near(count: int, shots: int, probability: float) -> None:
    """Five standard deviations: a false alarm in two million."""
    deviation = math.sqrt(shots * probability * (1 - probability))
    assert abs(count - shots * probability) <= 5 * deviation


def test_a_job_lives_from_upload_to_deletion(run: Any, bought: Any) -> None:
    seen = run("life")
    assert seen["accessible"]
    assert seen["status"]["status"] == "online"
    assert seen["qubits"] == [5, 5]
    assert seen["state"] == "Completed"
    assert seen["a"] == {"1": 1000}
    assert set(seen["b"]) == {"00", "10"}
    assert set(seen["joined"]) == {"001", "101"}
    assert_near(seen["b"]["10"], 1000, math.cos(0.5) ** 2)
    assert seen["spans"] == 1
    assert "Completed" in seen["log"]
    assert seen["gone"].startswith("TaskNotFoundError")
    (entry,) = bought()
    assert (entry["key"], entry["submissions"]) == (seen["job"], 1)
    assert (entry["unit"], entry["price"]) == ("qpu_seconds", pytest.approx(2.27))


def test_the_sampler_primitive_sweeps_and_counts_exactly(run: Any, bought: Any) -> None:
    seen = run("sampler")
    for name, gate in (("emu_5q", "measure"), ("ibm_rensselaer", "measure")):
        found = seen[name]
        assert set(found["operations"]) <= {"rz", "sx", "x", gate, "barrier"}
        assert found["shape"] == [2, 2]
        assert found["counts"][0][0] == {"010": 2000}
        assert found["counts"][1][0] == {"100": 2000}
        assert found["counts"][1][1] == {"001": 2000}
        chances = [math.sin(angle / 2) ** 2 for angle in (1.1, 2.0, 0.4)]  # of bits 0, 1, 2
        for bit, chance in enumerate(chances):
            ones = sum(
                count for word, count in found["counts"][0][1].items() if word[::-1][bit] == "1"
            )
            assert_near(ones, 2000, chance)
        assert set(found["bell"]) == {"00", "11"}
    assert {entry["submissions"] for entry in bought()} == {1}


def test_a_circuit_file_of_the_official_encoder_is_read(run: Any) -> None:
    assert run("circuit_file") == {"state": "Completed", "counts": [{"001": 50}, {"100": 50}]}


def test_the_estimator_primitive_is_exact_within_its_errors(run: Any) -> None:
    seen = run("estimator")
    for found in seen.values():
        for column, angle in enumerate((0.3, 1.2)):
            exact = [1 + 0.5 * math.cos(angle), math.sin(angle)]
            for row in range(2):
                error = found["stds"][row][column]
                assert 0 < error < 0.02
                assert abs(found["evs"][row][column] - exact[row]) <= 5 * error
    assert set(seen) == {"emu_5q", "ibm_rensselaer"}


def test_results_follow_the_published_models(run: Any) -> None:
    assert run("documents") == 2


def test_the_client_lists_filters_and_chooses_machines(run: Any) -> None:
    seen = run("provider")
    assert {"emu_5q", "ibm_rensselaer"} <= set(seen["all"])
    assert seen["large"] == ["ibm_rensselaer"]
    assert seen["named"] == ["emu_5q"]
    assert seen["least"] in seen["all"]
    assert seen["paused"].endswith("Paused")
    assert not seen["offline"]


def test_the_task_runner_writes_a_file(run: Any) -> None:
    counts = run("command")
    assert set(counts) <= {"00", "10"}
    assert sum(counts.values()) == 100


def test_stopping_a_job_that_waits_cancels_and_deletes_it(run: Any, bought: Any) -> None:
    seen = run("cancelling", jobs=[{"wait_s": 60}])
    assert seen["before"].endswith("Running")
    assert seen["after"].startswith("TaskNotFoundError")
    assert [(one["key"], one["state"]) for one in bought()] == [(seen["job"], "cancelled")]


def test_a_slow_cancel_makes_the_client_trip_over_its_own_deletion(run: Any) -> None:
    """It deletes at once; the switch exists because the real service may take its time."""
    with pytest.raises(AssertionError, match="1337"):
        run("cancelling", jobs=[{"wait_s": 60}], cancel_lag_s=5)


def test_refusals_reach_the_caller_with_their_reasons(run: Any) -> None:
    seen = run("refusals")
    assert "BXNIM0415E" in seen["key"] or "API key" in seen["key"]
    assert "1216" in seen["backend"]
    assert "1216" in seen["submit"] or "not found" in seen["submit"]
    assert "is paused" in seen["paused"]
    assert "failed to upload" in seen["secret"]
    assert "failed to upload" in seen["owner"]
    for name, code in (("circuit", "5203"), ("gate", "1517"), ("pair", "1517")):
        state, said = seen[name]
        assert state == "Failed"
        assert code in said
    assert seen["task"].startswith("TaskNotFoundError")


def test_a_job_beyond_its_time_is_cancelled(run: Any) -> None:
    assert run("timeout") == "Cancelled"
    assert run("timeout", timeout_state="failed") == "Failed"


def test_finished_jobs_hold_lanes_and_the_client_waits_for_one_to_be_deleted(
    client: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    fresh = serve("ibm-direct-access")
    seen = client(IBM_DIRECT_ACCESS, SCRIPT, "full", **fresh.variables)
    assert seen["states"] == ["Completed"] * 5
    assert seen["waiting"]
    assert len(fresh.ledger()) == 6


POST = {"method": "POST", "path": JOBS}
READ = {"method": "GET", "path": f"{JOBS}/*"}
RESULTS = {"method": "GET", "path": "*/results_*"}


@pytest.mark.parametrize(
    ("script", "raised", "jobs"),
    [
        ({"requests": [POST | {"status": 503, "nth": [1, 2]}]}, "", 1),
        ({"requests": [POST | {"status": 408, "nth": 1}]}, "", 1),
        ({"requests": [POST | {"drop": "before", "nth": 1}]}, "", 1),
        ({"requests": [POST | {"status": 413}]}, "InvalidInputError", 0),
        ({"requests": [POST | {"expire_tokens": "issued", "nth": 1}]}, "", 1),
        ({"requests": [READ | {"expire_tokens": "issued", "nth": 2}]}, "", 1),
        ({"requests": [READ | {"status": 502, "html": True, "nth": 2}]}, "", 1),
        ({"requests": [READ | {"torn": True, "nth": 2}]}, "QrmiError", 1),
        ({"requests": [RESULTS | {"status": 500, "nth": 1}]}, "", 1),
        ({"requests": [{"path": "/identity/token", "status": 503, "nth": 1}]}, "", 1),
        ({"jobs": [{"word": "Queued", "for_s": 1}]}, "QrmiError", 1),
        ({"jobs": [{"fail": "laser off", "code": 1234}]}, "laser off", 1),
        ({"jobs": [{"lag_s": 5}]}, "NoSuchKey", 1),
        ({"lost_results": True}, "NoSuchKey", 1),
        ({"metrics": "complete"}, "", 1),
        ({"results_format": "simulator"}, "", 1),
    ],
)
def test_the_client_sees_bad_weather_as_it_would_live(
    run: Any, bought: Any, script: dict[str, Any], raised: str, jobs: int
) -> None:
    seen = run("weather", **script)
    assert bool(seen["raised"]) == bool(raised), seen
    assert raised in seen["raised"], seen
    assert seen.get("shots") == (None if raised else 100)
    assert len(bought()) == jobs


def test_an_answer_lost_after_acceptance_leaves_an_orphan(run: Any, bought: Any) -> None:
    """The client repeats the submission, meets 409, and gives up what is already running."""
    seen = run("weather", requests=[POST | {"status": 500, "when": "after", "nth": 1}])
    assert "1231" in seen["raised"]
    (entry,) = bought()
    assert (entry["submissions"], entry["key"]) == (2, entry["id"])


def test_short_tokens_are_renewed(run: Any) -> None:
    assert run("renewal", token_life_s=1) == [True] * 5


# -- other people's object stores and clients ------------------------------------------------------


def test_an_s3_client_puts_reads_tags_and_deletes(client: Callable[..., Any], system: Any) -> None:
    seen = client(OBJECT_STORE, "object_store_client.py", "objects", **system.variables)
    assert seen["length"] == len("plain.json")
    assert seen["tags"] == [{"Key": "owner", "Value": "me"}, {"Key": "state", "Value": "a b"}]
    assert seen["more"] == [{"Key": "final", "Value": "Completed"}]
    assert (seen["gone"], seen["guess"]) == ("NoSuchKey", "SignatureDoesNotMatch")


def test_what_an_s3_client_presigns_opens_and_nothing_else(
    client: Callable[..., Any], system: Any
) -> None:
    seen = client(OBJECT_STORE, "object_store_client.py", "presigned", **system.variables)
    assert seen == [[200, 200, 403, 403]] * 5


@pytest.fixture(scope="module")
def foreign(
    client: Callable[..., Any], system: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve another S3 store, with a bucket in it; return its URL."""
    client(OBJECT_STORE, "object_store_client.py", "objects", **system.variables)  # it is built
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("moto")
    server = OBJECT_STORE.python.with_name("moto_server")
    command = [str(OBJECT_STORE.python), str(server), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 30
    while not _has_bucket(url):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, "the object store does not come up"
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(30)


def _has_bucket(url: str) -> bool:
    try:
        return httpx.put(f"{url}/foreign", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_input_results_and_logs_may_lie_in_a_foreign_store(
    run: Callable[..., Any], client: Callable[..., Any], system: Any, foreign: str
) -> None:
    elsewhere = {"QRMI_IBM_QS_S3_ENDPOINT": foreign, "QRMI_IBM_QS_S3_BUCKET": "foreign"}
    seen = run("life", variables=elsewhere)
    assert (seen["state"], seen["a"]) == ("Completed", {"1": 1000})
    assert "Completed" in seen["log"]
    variables = system.variables | elsewhere
    names = client(OBJECT_STORE, "object_store_client.py", "names", **variables)
    assert names == [f"{part}_{seen['job']}.json" for part in ("input", "logs", "results")]


def test_we_sign_as_the_s3_client_does(client: Callable[..., Any], system: Any) -> None:
    elsewhere = {"QRMI_IBM_QS_S3_ENDPOINT": "http://127.0.0.1:9"}
    variables = system.variables | elsewhere
    bucket = open_bucket({}, variables, "")
    for method, key, url in client(OBJECT_STORE, "object_store_client.py", "signed", **variables):
        theirs = parse_qs(urlsplit(url).query)
        at = datetime.strptime(theirs["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        ours = bucket.presign(method, key, now_s=at.timestamp(), life_s=600)
        assert urlsplit(ours).path == urlsplit(url).path
        assert parse_qs(urlsplit(ours).query) == theirs


def test_we_sign_any_request_byte_for_byte_as_botocore_does(client: Callable[..., Any]) -> None:
    rng = random.Random(20261129)

    def word(alphabet: str, most: int) -> str:
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, most)))

    requests, ours = [], []
    for _ in range(1_000):
        endpoint = as_sent(rng.choice(ENDPOINTS))
        method, name = rng.choice(("GET", "PUT", "DELETE")), word("abc.-019", 12)
        key, region = word(ODD, 30), rng.choice(("us-east-1", "eu-de"))
        access, secret = word("ABC019/+=", 20), word(ODD, 40)
        at, life = rng.randrange(4_000_000_000), rng.randint(1, 604_800)
        url = f"{endpoint}/{quote(name)}/{quote(key, safe='/~')}"
        requests.append((method, url, access, secret, region, at, life))
        keys = (Secret(access, "test"), Secret(secret, "test"))
        bucket = Bucket(endpoint, endpoint, name, region, *keys)
        ours.append(bucket.presign(method, key, now_s=at, life_s=life))
    script = "object_store_client.py"
    assert (
        ours
        == [
            url
            for at in range(0, 1_000, 200)  # a variable holds 128 KiB
            for url in client(
                OBJECT_STORE,
                script,
                "signed_at",
                **BUCKET,
                REQUESTS=json.dumps(requests[at : at + 200]),
            )
        ]
    )


#: What the client's script wants to know before it does anything.
BUCKET = {"QRMI_IBM_QS_S3_BUCKET": "unused"}

#: Characters that are easily encoded wrongly.
ODD = "abcXYZ019-_.~ +/=%&?#@!$'()*,:;<>[]{}|^`\"\\äß§€𝛼\t"

ENDPOINTS = (
    "https://s3.example.com",
    "https://S3.Example.com:443/",
    "http://127.0.0.1:9000",
    "https://host:8443/base",
    "http://[::1]:80",
    "https://bücher.example/a b",
)


def test_qbatch_runs_through_a_foreign_store(system: Any, foreign: str, tmp_path: Path) -> None:
    """The service's side and ours, through a store that is neither's; nothing signed is kept."""
    (tmp_path / "bell.yaml").write_text(MANIFEST, "utf-8")
    elsewhere = {"QRMI_IBM_QS_S3_ENDPOINT": foreign, "QRMI_IBM_QS_S3_BUCKET": "foreign"}
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), **system.variables, **elsewhere}
    done = subprocess.run(
        [sys.executable, "-m", "qbatch", "run", "bell.yaml", "--yes"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    with open_run(tmp_path / "runs" / "bell") as finished:
        assert {point.estimates["zz"].value for point in finished} == {1.0}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"X-Amz-Signature" in path.read_bytes()]


MANIFEST = """\
qbatch: 1
name: bell
circuits:
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      qubit[2] q;
      bit[2] c;
      h q[0];
      cx q[0], q[1];
      c = measure q;
backends: {machine: {provider: ibm-direct-access, target: emu_5q}}
sweep: {repeat: 3}
analysis: {observables: {zz: Z0 Z1}}
"""
