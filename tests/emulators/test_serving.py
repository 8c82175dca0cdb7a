"""The emulation on a real loopback port: answers, faults, env file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from qbatch.emulators import Emulation, FaultScriptError, host, load_faults, read_faults, serve
from qbatch.emulators.oqc.access import TOKEN
from qbatch.emulators.serving import write_environment

HEADERS = {"Authentication-Token": TOKEN}


def served(talk: Callable[[str], Awaitable[None]], **script: object) -> None:
    """Serve OQC in process on a free port and talk to it over sockets, in real time."""

    async def run() -> None:
        emulation = Emulation(["oqc"], faults=read_faults(script))
        async with trio.open_nursery() as nursery:
            origin = await nursery.start(partial(host, emulation))
            await talk(origin)
            nursery.cancel_scope.cancel()

    trio.run(run)


def test_it_listens_on_loopback_and_answers() -> None:
    async def talk(origin: str) -> None:
        assert origin.startswith("http://127.0.0.1:")
        async with httpx.AsyncClient(base_url=origin, headers=HEADERS) as client:
            qpus = (await client.get("/oqc/admin/qpu")).json()["items"]
            assert qpus[0]["url"] == f"{origin}/oqc/d865b5a184"
            assert (await client.get("/-/ledger")).json() == []

    served(talk)


@pytest.mark.parametrize("drop", ["before", "after", "midway"])
def test_a_dropped_connection_is_dropped_on_the_wire(drop: str) -> None:
    async def talk(origin: str) -> None:
        async with httpx.AsyncClient(base_url=origin, headers=HEADERS) as client:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await client.get("/oqc/admin/qpu")
            assert (await client.get("/oqc/admin/qpu")).status_code == 200

    served(talk, requests=[{"path": "/admin/qpu", "nth": 1, "drop": drop}])


def test_a_slow_cloud_acts_though_nobody_waits_any_more() -> None:
    async def talk(origin: str) -> None:
        async with httpx.AsyncClient(base_url=origin, headers=HEADERS) as client:
            asked = {"qpu_id": "qpu:uk:2:d865b5a184", "task_count": 3}
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/oqc/d865b5a184/tasks", json=asked, timeout=0.1)
            assert (await client.get("/oqc/d865b5a184/tasks")).json() == []
            await trio.sleep(0.5)
            assert len((await client.get("/oqc/d865b5a184/tasks")).json()) == 3

    served(talk, requests=[{"method": "POST", "slow_s": 0.4}])


def test_the_env_file_is_whole_and_private(tmp_path: Path) -> None:
    write_environment(tmp_path / "env", {"QBATCH_OQC_URL": "http://127.0.0.1:1/oqc", "B": "2"})
    assert (tmp_path / "env").read_text() == "QBATCH_OQC_URL=http://127.0.0.1:1/oqc\nB=2\n"
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["env"]


def test_the_env_file_may_be_a_link_or_a_pipe_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("env")
    write_environment(tmp_path / "link", {"B": "2"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "env").read_text() == "B=2\n"
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        write_environment(tmp_path / "pipe", {"B": "2"})
        assert read.result() == "B=2\n"
    assert (tmp_path / "pipe").is_fifo()


def test_a_wrong_provider_or_script_stops_before_serving(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no emulator"):
        serve(["nobody"])
    with pytest.raises(FaultScriptError):
        serve(["oqc"], faults=tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("")
    assert load_faults(tmp_path / "empty.yaml").requests == ()


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    command = [sys.executable, "-m", "qbatch.emulators", "all", "--env-file", str(env_file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not env_file.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        variables = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        version = httpx.get(f"{variables['QBATCH_OQC_URL']}/admin/version", trust_env=False)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
        assert "oqc: http://127.0.0.1:" in (process.stderr.read() if process.stderr else "")
    assert version.status_code == 200
    assert {"OPENQUANTUM_CLIENT_ID", "QBATCH_OPEN_QUANTUM_URL"} <= set(variables)
