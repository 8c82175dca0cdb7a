"""P27: settings as axes, run: each point's reaches the simulator, and each cloud's request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from qbatch.emulators import Emulation
from qbatch.exchange.oqc.export import oqc_snapshot
from qbatch.executor import run, run_async
from qbatch.job import JobState
from qbatch.manifest import Manifest, parse_manifest
from qbatch.providers import Surroundings
from qbatch.report import render
from qbatch.snapshot import Run

ORIGIN = "https://emulated.invalid"

MANIFEST = """
qbatch: 1
name: settings
circuits:
  bell:
    qasm: |
      OPENQASM 2.0;
      include "qelib1.inc";
      qreg q[2];
      creg c[2];
      h q[0];
      cx q[0], q[1];
      measure q -> c;
backends:
  %(backends)s
sweep: {matrix: {%(axes)s}, seed: 5}
shots: %(shots)d
analysis: {observables: {zz: Z0 Z1}}
"""


def manifest(folder: Path, backends: str, axes: str, shots: int = 20_000) -> Manifest:
    facts = {"backends": backends, "axes": axes, "shots": shots}
    return parse_manifest(MANIFEST % facts, folder=folder)


def zz(folder: Path) -> dict[tuple[str, Any], Any]:
    """(backend, value of the only axis) -> estimate of zz."""
    with Run(folder) as done:
        return {
            (p.backend, next(iter(dict(p.parameters).values()), None)): p.estimates["zz"]
            for p in done
        }


def test_each_point_meets_its_own_noise(tmp_path: Path) -> None:
    noisy = "noisy: {provider: local, noise: {depolarizing: {two_qubit: 0.01}}}"
    strengths = [0, 0.01, 0.05, 0.1, 0.3]
    run(
        manifest(
            tmp_path,
            f"ideal: {{provider: local}}\n  {noisy}",
            f"backends.noisy.noise.readout: {strengths}",
        ),
        out=tmp_path / "run",
    ).close()
    found = zz(tmp_path / "run")
    assert found.keys() == {("ideal", None), *(("noisy", r) for r in strengths)}
    assert found["ideal", None].value == 1
    for r in strengths:
        estimate, expected = found["noisy", r], (1 - 0.01) * (1 - 2 * r) ** 2
        assert abs(estimate.value - expected) <= 4 * estimate.se, r


#: Backend, path, value -> what a request says when it is set.
CLOUDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "oqc": (
        '{provider: oqc, target: "qpu:uk:1:12345", options: {tket: one}}',
        "options.error_mitigation",
        {
            "matrix": 'ErrorMitigationConfig\'>","$value":2',
            "linear": 'ErrorMitigationConfig\'>","$value":4',
        },
    ),
    "marqov": (
        "{provider: marqov, target: sv1}",
        "options.params.layers",
        {"3": '"layers":3', "4": '"layers":4'},
    ),
    "scaleway": (
        "{provider: scaleway, target: QPU-GARNET-20PQ}",
        "options.memory",
        {"true": '"memory":true', "false": '"memory":false'},
    ),
    "ibm-direct-access": (
        "{provider: ibm-direct-access, target: ibm_rensselaer}",
        "options.log_level",
        {"debug": '"log_level":"debug"', "error": '"log_level":"error"'},
    ),
    "open-quantum": (
        '{provider: open-quantum, target: "ionq:forte-1"}',
        "options.queue_priority",
        {
            "standard": '"queue_priority_id":"0f7b91a3-d1bf-46fb-af9c-55b77fa72bed"',
            "priority": '"queue_priority_id":"4ea2b9de-2d20-46d4-b1b5-0b71537a584f"',
        },
    ),
}


class Recording(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.bodies: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(plain(request.content.decode(errors="replace")))
        return await self.inner.handle_async_request(request)


def plain(text: str) -> str:
    """JSON without white space and without the escapes of JSON within JSON."""
    return re.sub(r"([:,]) (?=[\"\\\w])", r"\1", text).replace("\\", "")


def run_at(cloud: str, folder: Path) -> list[str]:
    """Run one cloud's case, all of it completed, and return the bodies of its requests."""
    backend, path, said = CLOUDS[cloud]
    made = manifest(folder, f"cloud: {backend}", f"{path}: [{', '.join(said)}]", 100)
    emulation = Emulation([cloud], inline=True, seed=1)
    transport = Recording(emulation.transport())
    around = Surroundings(
        environ=emulation.environment(ORIGIN), transport=transport, is_virtual=True
    )

    async def act() -> None:
        (await run_async(made, out=folder / "run", surroundings=around, approve=True)).close()

    try:
        trio.run(act, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        emulation.close()
    with Run(folder / "run") as done:
        assert [point.job.error for point in done] == [""] * len(said)
        assert [point.job.state for point in done] == [JobState.COMPLETED] * len(said)
    return transport.bodies


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_cloud_is_sent_the_option_of_the_point(cloud: str, tmp_path: Path) -> None:
    _, _, said = CLOUDS[cloud]
    bodies = run_at(cloud, tmp_path)
    for value, text in said.items():
        assert any(text in body for body in bodies), value
    assert not [body for body in bodies if all(text in body for text in said.values())]


def test_what_goes_out_to_oqcs_client_has_the_option_of_the_point(tmp_path: Path) -> None:
    run_at("oqc", tmp_path)
    with Run(tmp_path / "run") as done:
        values = [dict(point.parameters)["options.error_mitigation"] for point in done]
        text, _ = oqc_snapshot(done)
    flags = [plain(job["config_json"]) for job in json.loads(text)["jobs"]]
    of_value = CLOUDS["oqc"][2]
    assert all(of_value[value] in flag for value, flag in zip(values, flags, strict=True))
    assert values == ["matrix", "linear"]


def test_the_report_says_which_settings_of_a_backend_are_axes(tmp_path: Path) -> None:
    made = manifest(
        tmp_path,
        "noisy: {provider: local, noise: {depolarizing: {two_qubit: 0.01}}}",
        "noise.readout: [0, 0.25]",
        10,
    )
    with run(made, out=tmp_path / "run") as done:
        assert "noise.readout: an axis (0, 0.25)" in render(done)


def test_results_have_the_path_as_column_and_dimension(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    axis = "backends.noisy.noise.readout"
    made = manifest(
        tmp_path,
        "ideal: {provider: local}\n  noisy: {provider: local}",
        f"{axis}: [0.2, 0.1]",
        100,
    )
    with run(made, out=tmp_path / "run") as done:
        frame = done.to_dataframe()
        data = done.to_xarray()
        data.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    assert sorted(frame[axis].dropna()) == [0.1, 0.2]
    assert data.sizes == {"backend": 2, axis: 3}
    assert data[axis].values[:2].tolist() == [0.1, 0.2]  # in order; the ideal point stands at NaN
    assert data["counted"].sel({"backend": "noisy", axis: 0.1}).item() == 100
    with xarray.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as kept:
        assert kept["zz"].equals(data["zz"])
