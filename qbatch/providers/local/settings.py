"""A local backend's settings: checked, read, and told what is wrong with them.

Light on purpose: `validate_settings` runs when a manifest is loaded, without qiskit or numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import Unfit
from qbatch.frozen import dataclass
from qbatch.providers.complaints import Loc, complaints_about
from qbatch.providers.local.noise import Noise, NoiseModel
from qbatch.providers.local.options import Options

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend  # workers need not load a manifest's models


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides how a circuit is simulated, besides the circuit.

    Attributes:
        method: As chosen for one circuit; "automatic" before that.
        library: That computes it, by the same rule: "aer", "numpy" (`fused`) or "stim".
        transpile: (optimization level, seed), None: circuits run as written.
    """

    options: Options
    noise: NoiseModel | None = None
    transpile: tuple[int, int] | None = None
    method: str = "automatic"
    library: str = "aer"

    @property
    def key(self) -> str:
        """Equal for equal settings."""
        noise = self.noise.model_dump_json() if self.noise else ""
        told = (
            self.options.model_dump_json(),
            noise,
            repr(self.transpile),
            self.method,
            self.library,
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


def validate_settings(backend: Backend, folder: Path | None = None) -> list[tuple[Loc, str]]:
    """Say what is wrong with a local backend's options, noise and transpile settings.

    Args:
        backend: Of a manifest.
        folder: The manifest's, to read a calibration file from; None: it is not read.

    Returns:
        For each mistake its place within the backend (("options", "methd")) and what is wrong and
        how to mend it. A misspelt key is reported at the key.
    """
    wrong = complaints_about(Options, backend.options)
    problems: list[tuple[Loc, str]] = [(("options", *loc), text) for loc, text in wrong]
    noise = dict(backend.noise or {})
    found = [(("noise", *loc), text) for loc, text in complaints_about(Noise, noise)]
    if not found and folder is not None and "calibration" in noise:
        try:
            model = NoiseModel.from_noise(Noise.model_validate(noise), folder)
        except ValueError as error:
            found.append((("noise", "calibration"), str(error)))
        else:
            if backend.options.get("method") == "stabilizer" and not model.is_clifford:
                told = "stabilizer knows relaxation with t2 <= t1 only; take automatic"
                found.append((("options", "method"), told))
    problems += found
    if backend.engine is not None:
        problems += _engine_problems(backend)
    if backend.target is not None:
        problems.append(
            (("target",), "the local simulator has no targets; use options: {method: …}")
        )
    if not problems:
        problems += _clashes(backend)
    return problems


def _engine_problems(backend: Backend) -> Iterator[tuple[Loc, str]]:
    from qbatch.providers.local.engines.options import EngineOptions

    data = dict(backend.engine or {})
    wrong = [(("engine", *loc), text) for loc, text in complaints_about(EngineOptions, data)]
    yield from wrong
    if wrong:
        return
    engine = EngineOptions.model_validate(data)
    if engine.installed is not None:
        from qbatch.providers.local.engines.offers import problems_with

        for loc, told in problems_with(engine.installed, engine.arguments or {}):
            yield ("engine", *loc), told
    for limit, key in (("workers", "workers"), ("memory_gb", "memory")):
        if getattr(backend.limits, limit) is None:
            continue
        if engine.processes is None:
            said = f"is for engine: {{processes: …}}; the one here is {next(iter(data))}; remove it"
            yield ("limits", limit), said
        elif getattr(engine.processes, key) is not None:
            yield ("engine", "processes", key), f"stands in limits.{limit} too; remove one"


def _clashes(backend: Backend) -> Iterator[tuple[Loc, str]]:
    options = Options.model_validate(dict(backend.options))
    level = backend.transpile.optimization_level if backend.transpile else 0
    noise = Noise.model_validate(dict(backend.noise or {}))
    if options.statevector and backend.noise:
        yield (
            ("options", "statevector"),
            "a noisy backend has no final state; remove it or the noise",
        )
    if options.statevector and level > 0:
        yield (
            ("options", "statevector"),
            "transpiling may permute the qubits of the state; remove one",
        )
    if options.method == "extended_stabilizer" and (noise.thermal_relaxation or noise.calibration):
        yield ("options", "method"), "extended_stabilizer knows no relaxation; take density_matrix"
    relaxation = noise.thermal_relaxation
    if options.method == "stabilizer" and relaxation and relaxation.t2 > relaxation.t1:
        yield (
            ("options", "method"),
            "stabilizer knows relaxation with t2 <= t1 only; take automatic",
        )
    if options.method == "stim" and level > 0:
        yield ("options", "method"), "stim takes circuits as written; remove transpile"
    if options.method == "stim" and not _stim_knows(noise):
        yield ("noise",), "stim knows depolarizing and symmetric readout only; take stabilizer"


def _stim_knows(noise: Noise) -> bool:
    symmetric = noise.readout is None or noise.readout.p01 == noise.readout.p10
    return symmetric and noise.thermal_relaxation is None and noise.calibration is None


def read_settings(backend: Backend, folder: Path) -> Settings:
    """Return a backend's settings, its calibration file read.

    Raises:
        Unfit: They are wrong; the text lists all mistakes.
    """
    if problems := validate_settings(backend, folder):
        told = "; ".join(f"{'.'.join(map(str, loc))}: {text}" for loc, text in problems)
        raise Unfit(f"local: {told}")
    noise = None
    if backend.noise:
        noise = NoiseModel.from_noise(Noise.model_validate(dict(backend.noise)), folder)
    transpile = None
    if backend.transpile and backend.transpile.optimization_level > 0:
        transpile = (backend.transpile.optimization_level, backend.transpile.seed or 0)
    return Settings(Options.model_validate(dict(backend.options)), noise, transpile)
