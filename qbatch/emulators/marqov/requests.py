"""What is asked of the emulated Marqov: bodies of submissions, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qbatch.emulators.clouds import World
from qbatch.emulators.marqov import native
from qbatch.emulators.marqov.access import (
    NAME,
    Access,
    Caller,
    Rejected,
    invalid,
    is_uuid,
    text_of,
    whole_of,
)
from qbatch.emulators.marqov.catalogue import STOCK_SCRIPTS, Backend, find_backend
from qbatch.emulators.marqov.execution import DIRECT, MODES
from qbatch.emulators.marqov.physics import MOST_STATE_QUBITS, Channel, read_noise
from qbatch.emulators.marqov.scripts import (
    MOST_SHOTS,
    Scripts,
    is_openqasm,
    registers_of,
    width_of,
    with_measurements,
)

QASM = "openqasm"
FRAMEWORKS = ("qiskit", "cirq", "pennylane", QASM, "marqov")
MOST_INLINE = 50_000

NO_PYTHON = "the emulator executes no Python"


@dataclass(frozen=True)
class Wanted:
    """A submission that was read and found good.

    Attributes:
        source: OpenQASM to run; "" for what the emulator does not execute.
        refusal: Why it will not run, or "".
        mode: One of `execution.MODES`.
        most: The most that it may be charged, USD; 0: its price.
    """

    backend: Backend
    shots: int
    name: str
    source: str = ""
    price: float = 0.0
    refusal: str = ""
    mode: str = DIRECT
    most: float = 0.0
    noise: tuple[Channel, ...] = ()
    wants_state: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class Reader:
    """Reads submissions as the switches say that they are read."""

    def __init__(self, world: World, access: Access, scripts: Scripts) -> None:
        self.world = world
        self.access = access
        self.scripts = scripts

    def read(
        self, asked: Mapping[str, Any], key: str, caller: Caller, *, is_native: bool
    ) -> Wanted:
        if not caller.may_run:
            raise Rejected(403, "permission_denied", "the key may not run anything")
        return self._native(asked, key, caller) if is_native else self._generic(asked, caller)

    def _native(self, asked: Mapping[str, Any], key: str, caller: Caller) -> Wanted:
        if not self._switch("native", True):
            text = "managed execution is not enabled for this team"
            raise Rejected(503, "managed_execution_unavailable", text)
        found = native.read(asked, key, caller, self.scripts)
        return Wanted(
            find_backend(asked["backend"]),
            found.shots,
            found.name,
            found.program and with_measurements(found.program),
            native.PRICE,
            refusal="" if found.program else NO_PYTHON,
            most=found.cap_cents / 100,
            facts={"native": found, "cap_cents": found.cap_cents},
        )

    def _generic(self, asked: Mapping[str, Any], caller: Caller) -> Wanted:
        if "circuit" in asked:
            raise invalid("circuit bodies are not accepted; save a script")
        sources = [key for key in ("script_id", "script_slug", "inline_code") if key in asked]
        if len(sources) != 1:
            raise invalid("exactly one of script_id, script_slug and inline_code is needed")
        backend, params = find_backend(asked.get("backend")), read_params(asked.get("params"))
        check_settings(asked)
        name, source = self._source(asked, backend, params, caller)
        self._check_analysis(asked, backend, params)
        wanted = Wanted(
            backend,
            params["shots"],
            name,
            price=backend.price(params["shots"], params.get("circuit_count", 1)),
            mode=asked.get("execution_mode", DIRECT),
        )
        is_inline_python = "inline_code" in asked and asked.get("framework", QASM) != QASM
        if is_inline_python or not is_openqasm(source):
            if self._is_strict:
                raise Rejected(422, "execution_unavailable", "only OpenQASM is run here")
            return replace(wanted, refusal=NO_PYTHON)
        noise, wants_state = read_physics(params, backend, source)
        source = with_measurements(source)
        return replace(wanted, source=source, noise=noise, wants_state=wants_state)

    def _source(
        self, asked: Mapping[str, Any], backend: Backend, params: Mapping[str, Any], caller: Caller
    ) -> tuple[str, str]:
        """Return name and text of what is to be run."""
        if "script_id" in asked:
            if not is_uuid(asked["script_id"]):
                raise invalid("script_id must be a UUID")
            script = self.scripts.known(asked["script_id"], caller)
            return script.name, script.content
        if "script_slug" in asked:
            slug = asked["script_slug"]
            if slug not in STOCK_SCRIPTS:
                raise Rejected(404, "not_found", f"no script {slug!r}")
            return slug, STOCK_SCRIPTS[slug].replace("{theta}", str(params.get("theta", 0.0)))
        code = text_of(asked, "inline_code", MOST_INLINE)
        if not backend.is_free and self._is_strict:
            raise Rejected(422, "script_required", "paid backends run saved scripts only")
        return "inline", code

    def _check_analysis(
        self, asked: Mapping[str, Any], backend: Backend, params: Mapping[str, Any]
    ) -> None:
        given = asked.get("analysis_id")
        if given is None:
            if not backend.is_free and self._is_strict:
                raise Rejected(422, "analysis_required", f"{backend.slug} needs an analysis_id")
            return
        found = self.scripts.analyses.get(str(given))
        if found is None:
            raise Rejected(404, "not_found", f"no analysis {given}")
        circuits = params.get("circuit_count", found.circuits)
        ordered = (str(asked.get("script_id")), backend.slug, params["shots"], circuits)
        if ordered != (found.script_id, found.backend, found.shots, found.circuits):
            raise Rejected(409, "analysis_mismatch", "the analysis was of something else")
        open_warnings = set(found.warnings) - set(asked.get("warn_check_ids") or ())
        if open_warnings:
            text = f"warnings to accept by warn_check_ids: {', '.join(sorted(open_warnings))}"
            raise Rejected(422, "validation_error", text)

    @property
    def _is_strict(self) -> bool:
        """Switch ``strict``: keys are refused what the newest client says that they are."""
        return bool(self._switch("strict", False)) and not self.access.is_old

    def _switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)


def read_params(params: Any) -> Mapping[str, Any]:
    """Check ``params``; unknown keys are dropped by whoever reads them."""
    if not isinstance(params, dict):
        raise invalid("params must be an object")
    whole_of(params.get("shots"), "params.shots", 1, MOST_SHOTS)
    ranges = {"circuit_count": (1, 10_000), "graph_size": (2, 20), "layers": (1, 10)}
    for key, (low, high) in ranges.items():
        if key in params:
            whole_of(params[key], f"params.{key}", low, high)
    theta = params.get("theta", 0.0)
    if isinstance(theta, bool) or not isinstance(theta, int | float):
        raise invalid("params.theta must be a number")
    return params


def read_physics(
    params: Mapping[str, Any], backend: Backend, source: str
) -> tuple[tuple[Channel, ...], bool]:
    """Return noise channels and whether the state is wanted."""
    noise: tuple[Channel, ...] = ()
    if params.get("noise_model") is not None:
        if not backend.takes_noise:
            raise invalid(f"{backend.slug} takes no noise_model")
        noise = read_noise(params["noise_model"])
    wants_state = params.get("extract_state_vector", False)
    if not isinstance(wants_state, bool):
        raise invalid("params.extract_state_vector must be true or false")
    if wants_state and not backend.gives_state:
        raise invalid(f"{backend.slug} gives no state vector")
    if wants_state and not 0 < width_of(source) <= MOST_STATE_QUBITS:
        raise invalid(f"state vectors go up to {MOST_STATE_QUBITS} qubits")
    qubits = sum(registers_of(source).values())
    for channel in noise:
        if channel.qubits and max(channel.qubits) >= max(qubits, 1):
            raise invalid(f"noise_model: the program has {qubits} qubits")
    return noise, wants_state


def check_settings(asked: Mapping[str, Any]) -> None:
    """Check what stands beside source, backend and params."""
    if asked.get("framework", "openqasm") not in FRAMEWORKS:
        raise invalid(f"framework must be one of {', '.join(FRAMEWORKS)}")
    if asked.get("execution_mode", "direct") not in MODES:
        raise invalid(f"execution_mode must be one of {', '.join(MODES)}")
    warnings: Sequence[Any] = asked.get("warn_check_ids") or []
    if not isinstance(warnings, list) or not all(isinstance(one, str) and one for one in warnings):
        raise invalid("warn_check_ids must be a list of non-empty strings")
    if not isinstance(asked.get("create_capsule", False), bool):
        raise invalid("create_capsule must be true or false")
    if asked.get("capsule_name") is not None:
        text_of(asked, "capsule_name", 200)
