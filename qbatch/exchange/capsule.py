"""A run as a Marqov capsule, format 1: a folder, or one ``.capsule`` file, that proves its content.

A capsule holds ``capsule.yaml`` (what it is, and one entry per job that ran), ``.checksums`` (the
SHA-256 of every other file) and the files themselves: ``source/`` circuits, ``payload/`` counts of
each point and the run, ``environment/`` versions. Its id is the SHA-256 of the manifest's canonical
JSON (RFC 8785); kept elsewhere, it proves that nothing was changed since.

Rules: JSON is YAML, so no YAML is written. Every digest in a file stands as ``sha256:…``: bare ones
look like keys to whoever scans for secrets. Nothing is written if a file holds what looks like one.
The same files, packed again, are the same bytes.
"""

from __future__ import annotations

import gzip
import json
import platform
import shutil
import tarfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from qbatch import __version__
from qbatch.circuit import open_circuit
from qbatch.drafts import draft_beside
from qbatch.errors import SnapshotError
from qbatch.exchange.secrets import scan
from qbatch.job import JobState
from qbatch.manifest.models import Circuit
from qbatch.report.files import check_folder, json_file, replacing, unwritable

if TYPE_CHECKING:
    from qbatch.snapshot import PointResult, Run

#: Of a file that is the packed form.
SUFFIX = ".capsule"

#: Jobs that ran, in a capsule's words.
STATUSES = {
    JobState.COMPLETED: "success",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "error",
}

#: What a comparison with another run should ask for.
VERIFICATION = {"epsilon": 0.05, "min_shots": 100, "tolerance_regime": "strict"}

#: May not stand raw in a manifest, though JSON allows it.
_UNWRITABLE = {at: f"\\u{at:04x}" for at in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF)}


def write_capsule(run: Run, path: Path) -> str:
    """Write `run` as a sealed capsule and return its id, ``mqc:1:…``.

    Args:
        run: Read once.
        path: A new folder; or, ending in ``.capsule``, a file, which is replaced.

    Raises:
        SnapshotError: The folder is there already, cannot be written, or a file to be written
            holds what looks like a secret.
    """
    content = _Content(run)
    files = dict(content.files())
    scan(files, "capsule")
    checksums = write_checksums(files)
    manifest = content.manifest("sha256:" + sha256(checksums).hexdigest())
    files[".checksums"] = checksums
    files["capsule.yaml"] = _manifest_text(manifest).encode()
    if path.suffix == SUFFIX:
        with replacing(path) as fresh:
            fresh.write_bytes(pack(path.stem, files))
    else:
        _write_folder(path, files)
    return capsule_id(manifest)


class _Content:
    """What goes into the capsule of a run; the files are to be read before the manifest."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sources: dict[str, str] = {}
        self._tasks: list[dict[str, Any]] = []
        self._shots = 0
        self._num_qubits = 0
        self._gates: set[str] = set()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield relative paths and contents."""
        rows = []
        for point in self._run.settings():
            if point.same_as:  # a capsule has one entry for each id
                continue
            source, circuit = self._source(point)
            if circuit is not None:
                yield source, circuit.encode()
            row = self._row(point, source)
            rows.append(row)
            if point.state in STATUSES:
                self._tasks.append(self._task(point))
                self._shots += point.sampled
            if point.counts is not None:
                counts = {**row, "counts": dict(point.counts.to_dict())}
                yield f"payload/{point.id[:16]}.json", json_file(counts)
        yield "payload/run.json", json_file({"name": self._run.name, "points": rows})
        yield "payload/manifest.yaml", self._run.manifest.text.encode()
        yield "environment/environment.json", json_file(_environment())

    def _source(self, point: PointResult) -> tuple[str, str | None]:
        """Return where a point's circuit stands, and its text where it is not written yet."""
        text = self._run.circuit_of(point)
        if text is None:
            return "", None
        path = f"source/{sha256(text.encode()).hexdigest()[:16]}.qasm"
        if path in self._sources:
            return path, None
        self._sources[path] = text
        facts = open_circuit(point.circuit, Circuit(qasm=text), folder=Path()).circuit({}).facts
        self._num_qubits = max(self._num_qubits, facts.num_qubits)
        self._gates.update(facts.gates)
        return path, text

    def _row(self, point: PointResult, source: str) -> dict[str, Any]:
        job = point.job
        return {
            "id": f"sha256:{point.id}",
            "point": point.name,
            "state": str(job.state),
            "circuit": point.circuit,
            "source": source,
            "parameters": dict(point.parameters),
            "backend": self._backend(point)[1],
            "shots": point.sampled,
            "seed": str(point.seed),
            "cost": job.cost,
            "unit": job.unit,
            "provider_job_id": job.provider_job_id,
            "error": job.error,
        }

    def _backend(self, point: PointResult) -> tuple[str, str]:
        """Return provider and target."""
        backend = self._run.manifest.backends.get(point.backend)
        target = self._run.targets.get(point.backend, {}).get("name")
        if backend is None:
            return "unknown", target or point.backend
        return backend.provider, target or backend.target or point.backend

    def _task(self, point: PointResult) -> dict[str, Any]:
        provider, target = self._backend(point)
        job = point.job
        task: dict[str, Any] = {
            "task_id": str(uuid5(NAMESPACE_URL, f"qbatch/{point.id}")),
            "status": STATUSES[job.state],
            "result_type": "probabilistic",
            "backend": {"provider": provider, "name": target, "shots": point.sampled},
            "verification_settings": dict(VERIFICATION),
            **self._times(point),
        }
        if job.provider_job_id is not None:
            task["job_id"] = job.provider_job_id
        if job.unit == "usd" and job.cost is not None:
            task["cost_usd"] = round(job.cost, 6)
        return task

    def _times(self, point: PointResult) -> dict[str, str]:
        """Return when it was handed over and when it came to its end, where that was kept."""
        times: dict[str, str] = {}
        for at, state, _ in self._run.history_of(point):
            if state in (JobState.SUBMITTED, JobState.RUNNING):
                times.setdefault("start_time", _instant(at))
            elif state in STATUSES:
                times["end_time"] = _instant(at)
        return times

    def manifest(self, checksums_digest: str) -> dict[str, Any]:
        """Return the sealed manifest."""
        manifest = {
            "version": "1.0.0",
            "name": self._run.name,
            "lifecycle_state": "sealed",
            "sealed_at": _instant(datetime.now(UTC)),
            "sealed_by": f"qbatch {__version__}",
            "checksums_digest": checksums_digest,
            "requirements": {
                "paradigm": ["gate-based"],
                "max_qubit_count": self._num_qubits,
                "gate_set": sorted(self._gates),
            },
            "num_tasks": len(self._tasks),
            "total_shots": self._shots,
            "task_executions": self._tasks,
        }
        if self._run.manifest.description:
            manifest["description"] = self._run.manifest.description
        if self._run.is_rehearsal:
            manifest["tags"] = ["rehearsal: every number comes from emulated clouds"]
        spent = self._run.spent()
        if set(spent) == {"usd"}:
            manifest["actual_cost_usd"] = round(spent["usd"], 6)
        return manifest


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _environment() -> dict[str, Any]:
    packages = {}
    for name in ("qbatch", "qiskit", "qiskit-aer", "numpy"):
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {"python": platform.python_version(), "system": platform.system(), "packages": packages}


def write_checksums(files: Mapping[str, bytes]) -> bytes:
    """Return ``.checksums``: a line per file, sorted by the bytes of its written path."""
    lines = sorted((_path_text(path).encode(), sha256(body)) for path, body in files.items())
    return b"".join(
        b"sha256:" + digest.hexdigest().encode() + b"  " + path + b"\n" for path, digest in lines
    )


def _path_text(path: str) -> str:
    text = unicodedata.normalize("NFC", path)
    for raw, written in (("%", "%25"), ("\\", "%5C"), ("\n", "%0A"), ("\r", "%0D")):
        text = text.replace(raw, written)
    return text


def _manifest_text(manifest: Mapping[str, Any]) -> str:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    return text.translate(_UNWRITABLE) + "\n"


def capsule_id(manifest: Mapping[str, Any]) -> str:
    """Return the id of a capsule with this manifest."""
    return "mqc:1:" + sha256(canonical(manifest).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write JSON canonically (RFC 8785), texts in Unicode's form NFC.

    Numbers must be whole, or at least a millionth and below 10**21 in size: there ECMAScript
    writes plain decimals.

    >>> canonical({"b": [1.0, 0.5, None], "a": "é"})
    '{"a":"é","b":[1,0.5,null]}'
    """
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return json.dumps(value)
    if isinstance(value, float):
        if value == int(value):
            return str(int(value))
        return format(Decimal(repr(value)), "f")
    if isinstance(value, str):
        return json.dumps(unicodedata.normalize("NFC", value), ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    keys = sorted(value, key=lambda key: unicodedata.normalize("NFC", key).encode("utf-16-be"))
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"


def pack(name: str, files: Mapping[str, bytes]) -> bytes:
    """Pack a capsule: the same files are always the same bytes."""
    folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    packed = BytesIO()
    with (
        gzip.GzipFile("", "wb", 9, packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        archive.addfile(_member(name, is_folder=True))
        for path in sorted([*folders, *files]):
            member = _member(f"{name}/{path}", is_folder=path in folders)
            if path in files:
                member.size = len(files[path])
            archive.addfile(member, BytesIO(files.get(path, b"")))
    return packed.getvalue()


def _member(path: str, *, is_folder: bool) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
    member.mode = 0o755 if is_folder else 0o644
    return member


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder, whole or not at all."""
    if path.exists():
        raise SnapshotError(f"{path}: is there already; a capsule is never changed, name another")
    fresh = draft_beside(path)
    try:
        check_folder(path.parent)
        for name, body in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(body)
        fresh.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
