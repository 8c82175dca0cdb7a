"""Virtual environments of their own for the official clients, built once and kept in ``.ci``.

``python tests/conformance/environments.py`` builds them all; the conformance tests build what they
need by themselves. Nothing of qbatch is importable in them.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Where environments are kept; git does not see it.
KEPT = ROOT / ".ci"

BUILD_LIMIT_S = 900


class CannotBuild(Exception):
    """An environment cannot be made on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Environment:
    """An official client, pinned.

    Attributes:
        pythons: Versions the client runs on, the best first.
        packages: Requirements as pip takes them.
        alone: Installed after these, without their dependencies and on whatever Python: what they
            really need stands in `packages`.
    """

    name: str
    pythons: Sequence[str]
    packages: Sequence[str]
    alone: Sequence[str] = ()

    @property
    def folder(self) -> Path:
        pins = " ".join([*self.pythons, *self.packages, *self.alone])
        return KEPT / f"venv-{self.name}-{sha256(pins.encode()).hexdigest()[:10]}"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def build(self) -> Path:
        """Return its python, after building the environment unless it stands.

        Raises:
            CannotBuild: No fitting Python here, or the packages cannot be installed.
        """
        KEPT.mkdir(exist_ok=True)
        with (KEPT / f"{self.folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.folder / "complete").exists():
                shutil.rmtree(self.folder, ignore_errors=True)
                _run([find_python(self.pythons), "-m", "venv", str(self.folder)])
                pip = [str(self.python), "-m", "pip", "--disable-pip-version-check"]
                _run([*pip, "install", "--quiet", *self.packages])
                if self.alone:
                    loose = ["--quiet", "--no-deps", "--ignore-requires-python"]
                    _run([*pip, "install", *loose, *self.alone])
                (self.folder / "complete").touch()
        return self.python


def find_python(versions: Sequence[str]) -> str:
    """Return a Python of one of these versions.

    Raises:
        CannotBuild: There is none.
    """
    candidates = [sys.executable]
    for version in versions:
        candidates += [f"python{version}", *_from_pyenv(version)]
    for version in versions:
        for candidate in candidates:
            if _version_of(candidate) == version:
                return candidate
    raise CannotBuild(f"no Python {' or '.join(versions)} on this machine")


def _from_pyenv(version: str) -> list[str]:
    versions = Path.home() / ".pyenv" / "versions"
    return sorted(str(one) for one in versions.glob(f"{version}.*/bin/python"))


def _version_of(python: str) -> str | None:
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", show], capture_output=True, text=True, timeout=30)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_LIMIT_S)
    if done.returncode:
        raise CannotBuild(f"{' '.join(command[:4])} …: {done.stderr.strip()[-500:]}")


OQC = Environment("oqc", ("3.11", "3.12"), ("oqc-qcaas-sdk==0.1.24",))
OPEN_QUANTUM = Environment(
    "open-quantum",
    ("3.11", "3.12"),
    ("openquantum-sdk==1.0.0", "openquantum-sdk-qiskit==1.0.0", "qiskit-qasm3-import>=0.6"),
)
#: The client declares Python 3.12 and seventy packages; what talks to the platform needs neither.
MARQOV = Environment(
    "marqov",
    ("3.12", "3.11"),
    ("marqov-quantumflow==1.0.2", "numpy<2.4", "requests", "cloudpickle", "pydantic", "temporalio"),
    alone=("marqov==0.11.0",),
)
MARQOV_CAPSULE = Environment(
    "marqov-capsule", ("3.11", "3.12"), ("marqov-capsule==0.2.2", "numpy", "scipy")
)
#: Below 3.12 every call of the client fails: it asks `http.HTTPStatus` for what came with 3.12.
SCALEWAY = Environment(
    "scaleway",
    ("3.12",),
    ("scaleway-qaas-client==0.1.24", "qio==0.2.8", "qiskit-scaleway==0.3.13"),
)
IBM_DIRECT_ACCESS = Environment(
    "ibm-direct-access",
    ("3.11", "3.12"),
    ("qrmi==0.26.4", "qiskit-ibm-runtime==0.51.0", "qiskit==2.6.2"),
)
#: An S3 store and an S3 client, neither of ours.
OBJECT_STORE = Environment(
    "object-store", ("3.11", "3.12"), ("moto[server]==5.2.5", "boto3==1.44.8")
)

ENVIRONMENTS = (
    OQC,
    OPEN_QUANTUM,
    MARQOV,
    MARQOV_CAPSULE,
    SCALEWAY,
    IBM_DIRECT_ACCESS,
    OBJECT_STORE,
)


if __name__ == "__main__":
    for environment in ENVIRONMENTS:
        print(f"{environment.name}: {environment.build()}", flush=True)
