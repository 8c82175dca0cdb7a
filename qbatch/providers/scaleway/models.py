"""Models: programs as they are uploaded, each once, to be run by any number of jobs."""

from __future__ import annotations

import json
from typing import Literal

from qbatch.circuit import program_text
from qbatch.errors import CircuitError, Refused
from qbatch.providers import Order
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.platform import Platform
from qbatch.providers.scaleway.replies import OLD_OPENQASM, id_of
from qbatch.providers.scaleway.results import AER_NOISE, PROGRAM_FORMATS, REGISTER, encode
from qbatch.providers.scaleway.service import Service


class Models:
    """The models of one backend's programs."""

    def __init__(self, service: Service, platform: Platform, options: Options) -> None:
        self._service = service
        self._platform = platform
        self._options = options
        #: Payload -> the model it was uploaded as.
        self._uploaded: dict[str, str] = {}

    async def upload(self, order: Order) -> str:
        """Return the model of a program, uploaded when it is new.

        Raises:
            Refused: The program cannot be sent, or the model that the options name is not there.
        """
        if self._options.model_id is not None:
            return await self._given(str(self._options.model_id))
        payload = self._payload(order)
        if payload not in self._uploaded:
            asked = {"project_id": self._service.project(), "payload": payload}
            model = (await self._service.ask("POST", "models", json=asked)).object()
            self._uploaded[payload] = id_of(model)
        return self._uploaded[payload]

    async def _given(self, model_id: str) -> str:
        """See that a model of the person's own is there."""
        if model_id not in self._uploaded:
            if await self._service.record(f"models/{model_id}") is None:
                raise Refused(f"scaleway: there is no model {model_id}; see options.model_id")
            self._uploaded[model_id] = model_id
        return model_id

    def forget(self) -> None:
        """Let go of all: one of them is there no more."""
        self._uploaded.clear()

    def _payload(self, order: Order) -> str:
        platform, options = self._platform.record, self._options
        try:
            text, version = self.program(order)
        except CircuitError as error:
            raise Refused(f"scaleway: {error}") from error
        noise = options.noise_model
        payload = {
            "programs": [encode(text, PROGRAM_FORMATS[version])],
            "noise_model": None if noise is None else encode(json.dumps(noise), AER_NOISE),
            "client": {"user_agent": "qbatch"},
            "backend": {
                "name": platform.get("name"),
                "version": platform.get("version"),
                "options": dict(options.simulator),
            },
        }
        return json.dumps(payload, separators=(",", ":"))

    def misfit(self, order: Order) -> str | None:
        """Say why a program cannot be run, or None."""
        if self._options.model_id is not None:
            names = ", ".join(order.circuit.facts.parameters)
            told = f"model {self._options.model_id} is one program, and runs without {names}"
            return told if names else None
        try:
            self.program(order)
        except CircuitError as error:
            return error.problem
        return None

    def program(self, order: Order) -> tuple[str, Literal["2.0", "3.0"]]:
        """Write a program in the OpenQASM that the platform reads.

        Raises:
            CircuitError: It cannot be said in that.
        """
        is_old = self._platform.software in OLD_OPENQASM
        version: Literal["2.0", "3.0"] = "2.0" if is_old else "3.0"
        text = program_text(order.circuit, order.parameters, version, register=REGISTER)
        return text, version
