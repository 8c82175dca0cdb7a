"""Hosts elsewhere, for tests: a proxy on loopback that takes every name for itself, by TLS.

What leaves this machine by name goes through it (``HTTPS_PROXY``), so what it heard is what left.
Its certificate is for ``elsewhere.example`` and ``lab.example``.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "providers" / "tls" / "certificate.pem"
KEY = CERTIFICATE.with_name("key.pem")

#: Head and body of a request -> the whole answer.
Answer = Callable[[bytes], bytes]


def say(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body


@dataclass
class Elsewhere:
    """What the proxy was asked and what it heard.

    Attributes:
        port: Of the proxy, on loopback.
        asked: ``CONNECT`` lines, and requests to the proxy itself.
        heard: All that was sent through it, unveiled.
        heads: Of the ``CONNECT`` requests.
    """

    port: int
    asked: list[str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    heads: bytearray = field(default_factory=bytearray)

    @property
    def environ(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self.port}"
        return {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "SSL_CERT_FILE": str(CERTIFICATE)}


@contextmanager
def elsewhere(
    answer: Answer = lambda _: say(b"{}"),
    *,
    tunnel: str = "200 OK",
    forward_to: int | None = None,
) -> Iterator[Elsewhere]:
    """Serve until the block ends.

    Args:
        answer: To each request that comes through the tunnel.
        tunnel: Answer to ``CONNECT``.
        forward_to: Port on loopback that answers instead.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    listener = socket.create_server(("127.0.0.1", 0))
    told = Elsewhere(listener.getsockname()[1])
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                stream, _ = listener.accept()
                open_sockets.append(stream)
                threads.append(threading.Thread(target=talk, args=(stream,)))
                threads[-1].start()

    def talk(stream: socket.socket) -> None:
        with suppress(OSError), stream:  # who asked has left
            head = _head(stream)
            told.asked.append(head.partition(b"\r\n")[0].decode())
            told.heads += head
            if not head.startswith(b"CONNECT "):
                told.heard += head
                stream.sendall(say(b"{}"))
                return
            stream.sendall(f"HTTP/1.1 {tunnel}\r\n\r\n".encode())
            if not tunnel.startswith("200"):
                return
            with context.wrap_socket(stream, server_side=True) as veiled:
                open_sockets.append(veiled)
                while request := _request(veiled):
                    told.heard += request
                    veiled.sendall(
                        answer(request) if forward_to is None else _ask(forward_to, request)
                    )

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield told
    finally:
        for each in (listener, *open_sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in (accepting, *threads):
            thread.join()


def _head(stream: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = stream.recv(65_536)
        if not part:
            return head
        head += part
    return head


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _request(stream: socket.socket) -> bytes:
    """Read one request, or one answer that says its length; b"" at the end."""
    read = _head(stream)
    head, _, body = read.partition(b"\r\n\r\n")
    missing = _length(head) - len(body)
    while missing > 0 and (part := stream.recv(65_536)):
        read += part
        missing -= len(part)
    return read


def _ask(port: int, request: bytes) -> bytes:
    """Let a server on loopback answer a request."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        there.sendall(request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
        answer = b""
        while part := there.recv(65_536):
            answer += part
    head, between, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + between + body
