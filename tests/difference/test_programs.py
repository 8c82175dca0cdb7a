"""What circuits were translated to is kept as it was sent, and told where it changed alone.

The independent answer is what went over the wire.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import qbatch
from qbatch.archive import verify, write_archive
from qbatch.difference import compare, side_of
from qbatch.difference.facts import differing
from qbatch.difference.telling import as_json, lines
from qbatch.difference.texts import Texts
from qbatch.manifest import Manifest, parse_manifest
from qbatch.snapshot import Run, Snapshot, merge
from qbatch.snapshot.programs import read_programs
from tests.fuzz.whole_runs import TARGETS, Clouds, manifest_of

#: Clouds for whose machines qbatch itself translates.
TRANSLATED = ("ibm-direct-access", "open-quantum")


class Recorded(httpx.AsyncBaseTransport):
    """A transport that keeps what was sent."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.sent = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += await request.aread()
        return await self._inner.handle_async_request(request)


def asked(cloud: str, level: int, angles: str = "0.5", gate: str = "rx(a)") -> Manifest:
    text = manifest_of(cloud).text.replace("a: [0, pi], b: [0, pi]", f"a: [{angles}], b: [0.5]")
    text = text.replace("timeout: 2h", f"transpile: {{optimization_level: {level}, seed: 1}}")
    return parse_manifest(text.replace("rx(a)", gate), folder=Path("/"))


def bought(cloud: str, folder: Path, manifest: Manifest) -> bytes:
    """Run it at an emulated cloud, and return what went there."""
    recorded: list[Recorded] = []

    def wrap(inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        recorded.append(Recorded(inner))
        return recorded[-1]

    clouds = Clouds(cloud)
    clouds.run(manifest, folder, clouds.surroundings(wrap)).close()
    clouds.close()
    return b"".join(each.sent for each in recorded)


def kept(folder: Path) -> set[str]:
    with Run(folder) as run:
        return {text for point in run for text in run.programs_of(point)}


def told_of(first: Path, second: Path) -> tuple[list[str], list[dict[str, object]]]:
    with Run(first) as here, Run(second) as there:
        found = compare(side_of("a", here), side_of("b", there))
        return [line for _, line in lines(found)], as_json(found)["circuits"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One circuit translated at two levels, and another one."""
    folder = tmp_path_factory.mktemp("translated")
    bought("ibm-direct-access", folder / "plain", asked("ibm-direct-access", 0))
    bought("ibm-direct-access", folder / "again", asked("ibm-direct-access", 0))
    bought("ibm-direct-access", folder / "better", asked("ibm-direct-access", 3))
    bought("ibm-direct-access", folder / "other", asked("ibm-direct-access", 0, gate="ry(a)"))
    return folder


@pytest.mark.parametrize("cloud", TRANSLATED)
def test_what_is_kept_is_what_went_to_the_cloud(cloud: str, tmp_path: Path) -> None:
    sent = bought(cloud, tmp_path, asked(cloud, 1)).decode(errors="replace")
    (program,) = kept(tmp_path)
    assert program in sent.replace("\\n", "\n").replace('\\"', '"')


@pytest.mark.parametrize("cloud", sorted(TARGETS.keys() - {*TRANSLATED}))
def test_what_a_cloud_translates_itself_is_not_said_to_be_known(cloud: str, tmp_path: Path) -> None:
    plan = parse_manifest(manifest_of(cloud).text, folder=Path("/"))
    bought(cloud, tmp_path, plan)
    assert kept(tmp_path) == set()


def test_what_was_sent_otherwise_is_shown_where_the_circuit_is_the_same(folders: Path) -> None:
    said, facts = told_of(folders / "plain", folders / "better")
    (head,) = [line for line in said if "circuit flip" in line]
    assert " as sent to ibm-direct-access, parameters at 0.5: −" in head
    assert any(line.strip().startswith("- ") for line in said)
    assert [(one["circuit"], one["sent_to"]) for one in facts] == [("flip", "ibm-direct-access")]


def test_what_was_sent_alike_is_not_shown(folders: Path) -> None:
    assert told_of(folders / "plain", folders / "again")[1] == []


def test_of_another_circuit_that_alone_is_shown(folders: Path) -> None:
    _, facts = told_of(folders / "plain", folders / "other")
    assert [one["sent_to"] for one in facts] == [None]


@pytest.mark.slow
def test_archives_and_merged_folders_have_them(folders: Path, tmp_path: Path) -> None:
    merge([folders / "plain", folders / "again"], tmp_path / "merged")
    with Run(tmp_path / "merged") as run:
        write_archive(run, tmp_path / "run.zip")
        programs = {each.setting: read_programs(run, each.setting)[-1] for each in run}
    assert {*programs.values()} == kept(folders / "plain")
    with zipfile.ZipFile(tmp_path / "run.zip") as packed:
        for setting, text in programs.items():
            assert packed.read(f"programs/{setting}.qasm").decode() == text
    assert verify(tmp_path / "run.zip").findings == []


def test_another_program_of_a_setting_stands_beside_the_first(folders: Path) -> None:
    """As when a machine was calibrated anew between two calls of `run`."""
    with Run(folders / "again") as run:
        (point,) = run
        (first,) = run.programs_of(point)
    with Snapshot(folders / "again") as folder:
        for text in ("new", "new", first, "newer"):
            folder.note_programs({point.setting: text})
    with Run(folders / "again") as run:
        assert run.programs_of(point) == ("new", first, "newer")


def test_what_a_run_was_locked_to_beside_its_manifest_is_told(tmp_path: Path) -> None:
    """A file that the manifest names, and a price, are others; the manifest is as it was."""
    text = """\
qbatch: 1
name: locked
circuits: {one: {qasm: 'OPENQASM 3.0; qubit[1] q; bit[1] c; c = measure q;'}}
backends: {sim: {provider: local, noise: {calibration: device.json}}}
shots: 50
budget: {prices: prices.yaml}
"""
    sides = []
    for name, readout, worth in (("a", 0.1, 0.01), ("b", 0.2, 0.02)):
        folder = tmp_path / name
        folder.mkdir()
        device = {"qubits": [{"readout": {"p01": readout, "p10": readout}}], "gates": []}
        (folder / "device.json").write_text(json.dumps(device))
        prices = f"date: 2026-11-01\nconvert: {{credits: {{usd: {worth}}}}}\nprices: {{}}\n"
        (folder / "prices.yaml").write_text(prices)
        with qbatch.run(parse_manifest(text, folder=folder), out=folder / "run") as run:
            sides.append(side_of(name, run))
    found = {name: (one, other) for name, one, other in differing(*(each.facts for each in sides))}
    assert found["lock.convert.credits.usd"] == ("0.01", "0.02")
    assert "lock.files.sim.calibration" in found
    assert {name.partition(".")[0] for name in found} <= {"lock", "began", "ended"}


def test_a_text_is_kept_where_a_point_has_what_another_has_as_a_form() -> None:
    """It was read before then, for its content alone."""
    run: Any = SimpleNamespace(setting_of=lambda point: {"circuit": f"text of {point.setting}"})
    form: Any = SimpleNamespace(setting="s")
    texts = Texts()
    content = texts.content(run, form)
    assert texts.of == {}
    assert texts.add(run, form) == content
    assert texts.of == {content: "text of s"}
