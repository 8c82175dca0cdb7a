"""Saved scripts of the emulated Marqov, and their analysis: both free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.marqov.access import (
    NAME,
    Caller,
    Handler,
    Rejected,
    invalid,
    read_body,
    text_of,
    whole_of,
)
from qbatch.emulators.marqov.catalogue import BACKENDS, Backend, find_backend

#: Of a saved script, bytes; the real limit is not known (switch ``script_bytes``).
MAX_SCRIPT_BYTES = 2**20

MOST_SHOTS = 100_000

_DECLARED = re.compile(r"\bqreg\s+(\w+)\s*\[\s*(\d+)\s*\]|\bqubit\s*\[\s*(\d+)\s*\]\s*(\w+)")


@dataclass(frozen=True)
class Script:
    """A saved source."""

    id: str
    team: str
    name: str
    content: str


@dataclass(frozen=True)
class Analysis:
    """What was asked about a script, and what the answer was."""

    id: str
    script_id: str
    backend: str
    shots: int
    circuits: int
    warnings: tuple[str, ...] = field(default=())


class Scripts:
    """All saved scripts and analyses, by id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scripts: dict[str, Script] = {}
        self.analyses: dict[str, Analysis] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/api/scripts/upload", self.upload),
            ("GET", "/api/scripts/{id}/execution-options", self.options),
            ("POST", "/api/scripts/{id}/analyse", self.analyse),
        ]

    def known(self, script_id: Any, caller: Caller) -> Script:
        """Return a script of the caller's team; others are not there."""
        script = self.scripts.get(str(script_id))
        if script is None or script.team != caller.team:
            raise Rejected(404, "not_found", f"no script {script_id}")
        return script

    async def upload(self, request: Request) -> Response:
        asked, caller = await read_body(request), request.state.caller
        limit = self.world.faults.switch(NAME, "script_bytes", MAX_SCRIPT_BYTES)
        content = text_of(asked, "script_content", limit)
        text_of(asked, "description", 10_000, shortest=0)
        if asked.get("script_type", "script") not in ("script", "task", "workflow"):
            raise invalid("script_type must be script, task or workflow")
        script = Script(self.world.new_id(), caller.team, text_of(asked, "name", 100), content)
        self.scripts[script.id] = script
        return JSONResponse({"script_id": script.id}, 201)

    async def options(self, request: Request) -> Response:
        script = self.known(request.path_params["id"], request.state.caller)
        try:
            shots = int(request.query_params.get("shots", "1000"))
        except ValueError as error:
            raise invalid("shots must be a whole number") from error
        whole_of(shots, "shots", 1, MOST_SHOTS)
        wide = width_of(script.content)
        destinations = [
            {"backend": one.slug, "is_free": one.is_free, "estimated_usd": one.price(shots)}
            for one in BACKENDS
            if not one.is_retired and wide <= one.qubits
        ]
        return JSONResponse(
            {
                "script_id": script.id,
                "team_id": script.team,
                "source_sha256": sha256(script.content.encode()).hexdigest(),
                "destinations": destinations,
            }
        )

    async def analyse(self, request: Request) -> Response:
        """Analyse the *saved* source, whatever ``content`` says."""
        asked = await read_body(request)
        script = self.known(request.path_params["id"], request.state.caller)
        backend = find_backend(asked.get("backend"))
        shots = whole_of(asked.get("shots"), "shots", 1, MOST_SHOTS)
        circuits = whole_of(asked.get("circuit_count", 1), "circuit_count", 1, 10_000)
        for key in ("content", "content_hash"):
            if not isinstance(asked.get(key), str):
                raise invalid(f"{key} must be a string")
        checks = find_checks(script, backend, circuits)
        warnings = tuple(one["id"] for one in checks if one["status"] == "warning")
        analysis = Analysis(self.world.new_id(), script.id, backend.slug, shots, circuits, warnings)
        self.analyses[analysis.id] = analysis
        quoted = backend.price(shots, circuits) * self.world.faults.switch(NAME, "quoted", 1.0)
        return JSONResponse(
            {
                "analysis_id": analysis.id,
                "content_hash": djb2(script.content),
                "can_run": not any(one["status"] == "error" for one in checks),
                "checks": checks,
                "cost": {"total_usd": quoted},
            }
        )


def find_checks(script: Script, backend: Backend, circuits: int) -> list[dict[str, str]]:
    """Return what an analysis has to say; the shape of a check is our choice."""
    checks = []
    wide = width_of(script.content)
    if wide > backend.qubits:
        text = f"{wide} qubits are declared; {backend.slug} has {backend.qubits}"
        checks.append({"id": "qubit_count", "status": "error", "message": text})
    if circuits > 1:
        text = f"{circuits} circuits will be billed as {circuits} tasks"
        checks.append({"id": "circuit_count", "status": "warning", "message": text})
    return checks


def is_openqasm(source: str) -> bool:
    """Tell whether a source is OpenQASM, and not Python."""
    return bool(re.search(r"^\s*OPENQASM\b", source, re.MULTILINE))


def registers_of(source: str) -> Mapping[str, int]:
    """Return the declared qubit registers and their sizes."""
    return {match[1] or match[4]: int(match[2] or match[3]) for match in _DECLARED.finditer(source)}


def width_of(source: str) -> int:
    return sum(registers_of(source).values())


def with_measurements(source: str) -> str:
    """Return the source; when it has no classical bits, all qubits are measured at its end."""
    code = re.sub(r"//[^\n]*", "", source)
    if re.search(r"\b(creg|bit|measure)\b", code):
        return source
    qubits = [f"{name}[{at}]" for name, size in registers_of(code).items() for at in range(size)]
    if re.search(r"OPENQASM\s+2", code):
        lines = [f"creg meas[{len(qubits)}];"]
        lines += [f"measure {qubit} -> meas[{at}];" for at, qubit in enumerate(qubits)]
    else:
        lines = [f"bit[{len(qubits)}] meas;"]
        lines += [f"meas[{at}] = measure {qubit};" for at, qubit in enumerate(qubits)]
    return "\n".join([source.rstrip(), *lines, ""])


def djb2(text: str) -> str:
    """Return the short staleness hint: signed 32 bits, in hexadecimal."""
    value = 5381
    for one in text.encode():
        value = (value * 33 + one) & 0xFFFFFFFF
    return format(value - (value >> 31 << 32), "x")
