"""An OQC-shaped server that answers at once, to measure clients and nothing else.

Usage: instant_oqc.py [READY_S]   (prints its port; ends with its standard input)

It simulates nothing: every task is completed, READY_S seconds after it was submitted, with all
shots in "00"; ``timings`` say when. It has a plain job API too
(``POST /jobs``, ``GET /jobs/N``, ``GET /jobs/N/result``) for a client written by hand.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid

QPU = "qpu:uk:2:instant"


class Talk(asyncio.Protocol):
    """One connection."""

    port = 0
    ready_s = 0.0
    shots: dict[str, int] = {}  # noqa: RUF012 - shared by all connections on purpose
    ready_at: dict[str, float] = {}  # noqa: RUF012 - the same

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            length = int(found[1]) if found else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            answer = json.dumps(self.answer(method, path.partition("?")[0], body)).encode()
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )

    def answer(self, method: str, path: str, body: bytes) -> object:
        if path.endswith("/all_info"):
            task = path.split("/")[3]
            ready_at = self.ready_at.get(task, 0.0)
            if time.time() < ready_at:
                return {"id": task, "status": "RUNNING", "results": None, "task_error": None}
            return {
                "id": task,
                "status": "COMPLETED",
                "results": {"c": {"00": self.shots.get(task, 1000)}},
                "task_error": None,
                "timings": {"READY": ready_at},
            }
        if path == "/q/tasks":
            return [str(uuid.uuid4()) for _ in range(json.loads(body)["task_count"])]
        if path == "/q/tasks/submit":
            tasks = json.loads(body)["tasks"]
            for task in tasks:
                self.ready_at[task["task_id"]] = time.time() + self.ready_s
                self.shots[task["task_id"]] = json.loads(task["config"])["$data"]["repeats"]
            return [{"task_id": task["task_id"]} for task in tasks]
        if path == "/admin/version":
            return {"version": "3.22.0"}
        if path == "/admin/qpu":
            url = f"http://127.0.0.1:{self.port}/q"
            return {
                "items": [{"id": QPU, "name": "Instant", "active": True, "url": url}],
                "total": 1,
            }
        return {"state": "COMPLETED", "counts": {"00": 512, "11": 512}}


async def main() -> None:
    Talk.ready_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Talk, "127.0.0.1", 0)
    Talk.port = server.sockets[0].getsockname()[1]
    print(Talk.port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
