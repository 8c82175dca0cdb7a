"""A process that has loaded what workers need, and forks one whenever it is asked.

Loading takes most of a second, a fork some milliseconds. It computes nothing and has one thread, so
that forking it is safe.

Rules: what is asked for comes as one message with file descriptors: what the worker reads, writes
and complains to, the current folder, and a socket. Over that socket are told the worker's process
id, with a descriptor of the process that stays right after its end, and then its exit code. It ends
with its parent, or when nobody asks any more and its last worker has ended; workers end with it.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from qbatch.providers.local.engines.worker import (
    die_with,
    ignore_the_terminal,
    serve,
    take_over_pipes,
)

#: What its parent runs; see `worker.COMMAND`. argv[3] is the descriptor of the socket.
COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from qbatch.providers.local.engines.fork_server import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)

#: A process id, and an exit code, as they are told.
NUMBER = struct.Struct("<i")


class Request(NamedTuple):
    """File descriptors of a worker that is asked for."""

    inbox: int
    outbox: int
    stderr: int
    folder: int
    status: int


def main(parent: int, link: int) -> None:
    """Serve until the parent asks no more or dies.

    Args:
        parent: Its process id.
        link: The descriptor of the socket on which it asks.
    """
    ignore_the_terminal()
    from qbatch.providers.local.engine import warm_up

    warm_up()
    gc.collect()
    gc.freeze()  # so that a worker's collector does not copy what all of them share
    server = os.getpid()
    request = _Server(socket.socket(fileno=link), parent).run()
    if request is not None:
        _work(request, server)


class _Server:
    def __init__(self, link: socket.socket, parent: int) -> None:
        self._link = link
        self._parent = os.pidfd_open(parent)
        self._asks = os.getppid() == parent
        self._watched = selectors.DefaultSelector()
        self._watched.register(self._link, selectors.EVENT_READ)
        self._watched.register(self._parent, selectors.EVENT_READ)
        #: Descriptor of a worker's process -> its id, and where its end is told.
        self._workers: dict[int, tuple[int, socket.socket]] = {}

    def run(self) -> Request | None:
        """Fork workers; returns in each of them what it was asked for, and None at the end."""
        while self._asks or self._workers:
            for key, _ in self._watched.select():
                if key.fd == self._parent:
                    return None
                if key.fd != self._link.fileno():
                    self._tell_end(key.fd)
                elif (request := self._fork()) is not None:
                    return request
        return None

    def _fork(self) -> Request | None:
        _, found, _, _ = socket.recv_fds(self._link, 1, len(Request._fields))
        if not found:
            self._watched.unregister(self._link)
            self._asks = False
            return None
        request = Request(*found)
        pid = os.fork()
        if not pid:
            self._close()
            return request
        status = socket.socket(fileno=request.status)
        process = os.pidfd_open(pid)
        with suppress(OSError):  # nobody wants it any more: it finds its pipes closed
            socket.send_fds(status, [NUMBER.pack(pid)], [process])
        self._workers[process] = pid, status
        self._watched.register(process, selectors.EVENT_READ)
        for one in request[:-1]:
            os.close(one)
        return None

    def _tell_end(self, process: int) -> None:
        pid, status = self._workers.pop(process)
        self._watched.unregister(process)
        os.close(process)
        _, how = os.waitpid(pid, 0)
        with status, suppress(OSError):
            status.send(NUMBER.pack(os.waitstatus_to_exitcode(how)))

    def _close(self) -> None:
        """In a worker: close what is the server's."""
        self._watched.close()
        self._link.close()
        os.close(self._parent)
        for process, (_, status) in self._workers.items():
            os.close(process)
            status.close()


def _work(request: Request, server: int) -> None:
    """Be a worker, in a fresh fork."""
    for number, one in enumerate((request.inbox, request.outbox, request.stderr)):
        os.dup2(one, number)
    os.fchdir(request.folder)
    for one in request:
        os.close(one)
    die_with(server)
    inbox, outbox = take_over_pipes()
    head = inbox.read(8)
    if len(head) == 8:
        from qbatch.providers.local.work import frame_length

        environ = pickle.loads(inbox.read(frame_length(head)))
        os.environ.clear()
        os.environ.update(environ)
        serve(inbox, outbox)
