"""Toy Cloud itself, on a loopback port: it computes what it is sent and keeps a book of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from qiskit import qasm2
from qiskit.quantum_info import Statevector

TOKEN = "a-toy-token-of-thirty-two-letters"


class ToyService(ThreadingHTTPServer):
    """Takes jobs; answers as many of them as `lost` by closing the connection after it took them.

    Attributes:
        jobs: Name -> what became of it.
        taken: Names in the order they were taken, each as often as that was.
    """

    def __init__(self, lost: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.taken: list[str] = []
        self.lost = lost

    def take(self, asked: dict[str, Any]) -> None:
        circuit = qasm2.loads(asked["program"])
        circuit.remove_final_measurements()
        shares = Statevector(circuit).probabilities_dict()
        counts = {bits: round(asked["shots"] * share) for bits, share in shares.items()}
        self.taken.append(asked["name"])
        self.jobs[asked["name"]] = {
            "status": "done",
            "counts": {bits: n for bits, n in counts.items() if n},
            "credits": 1,
            "machine": asked["machine"],
        }


class _Handler(BaseHTTPRequestHandler):
    server: ToyService

    def do_GET(self) -> None:
        self._answer(200, self.server.jobs)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"code": "who", "words": "no such token"})
            return
        self.server.take(asked)
        if self.server.lost > 0:
            self.server.lost -= 1
            self.close_connection = True
            return
        self._answer(201, {})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(lost: int = 0) -> Iterator[ToyService]:
    with ToyService(lost) as service:
        thread = Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
