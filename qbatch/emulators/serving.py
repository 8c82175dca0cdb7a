"""An emulation on a loopback port: hypercorn on trio.

Rules: the port is on 127.0.0.1 and nowhere else; requests are not logged, because tokens stand in
some paths; the env file appears once requests are answered, whole or not at all.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from secrets import token_hex
from struct import pack
from typing import Any

import trio

from qbatch.emulators.clouds import Emulation
from qbatch.emulators.faults import Faults, load_faults
from qbatch.emulators.faulty_requests import App, ConnectionDropped, Receive, Scope, Send
from qbatch.emulators.jobs import Queueing
from qbatch.emulators.noise import Noise

#: The connection whose request is being answered, so that a fault can end it.
CONNECTION: ContextVar[trio.SocketStream] = ContextVar("CONNECTION")


def serve(
    providers: Sequence[str],
    port: int = 0,
    env_file: str | Path | None = None,
    faults: Faults | str | Path | None = None,
    queue_s: float = 3.0,
    *,
    seed: int | None = None,
    noise: Noise | None = None,
) -> None:
    """Serve emulated clouds until SIGINT or SIGTERM.

    Args:
        providers: Names, or "all".
        port: On 127.0.0.1; 0 takes a free one.
        env_file: Gets ``NAME=VALUE`` lines: URLs and dummy credentials.
        faults: A fault script or its file.
        queue_s: Seconds a job waits before it runs.
        seed: Makes ids repeatable.
        noise: Of the clouds' machines, where the fault script says nothing else.

    Raises:
        ValueError: Unknown provider.
        FaultScriptError: The fault script is wrong.
        OSError: The port is taken, or the env file cannot be written.
    """
    from qbatch.emulators.clouds import MODULES

    names = list(MODULES) if "all" in providers else list(providers)
    script = load_faults(faults) if isinstance(faults, (str, Path)) else faults
    emulation = Emulation(
        names,
        queueing=Queueing(queue_s),
        faults=script,
        inline=False,
        seed=seed,
        noise=noise,
    )
    try:
        trio.run(_serve_until_signal, emulation, port, env_file)
    finally:
        emulation.close()


async def _serve_until_signal(emulation: Emulation, port: int, env_file: str | Path | None) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            origin: str = await nursery.start(partial(host, emulation, port))
            if env_file is not None:
                write_environment(env_file, emulation.environment(origin))
            for name in emulation.clouds:
                own = emulation.world.noise_of(name)
                said = f" ({own})" if own else ""
                print(f"{name}: {origin}/{name}{said}", file=sys.stderr, flush=True)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


async def host(
    emulation: Emulation,
    port: int = 0,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `emulation` on 127.0.0.1 until cancelled; reports its origin once it answers.

    Raises:
        OSError: The port is taken.
    """
    from hypercorn.config import Config
    from hypercorn.trio.tcp_server import TCPServer
    from hypercorn.trio.worker_context import WorkerContext
    from hypercorn.typing import ConnectionState
    from hypercorn.utils import wrap_app

    emulation.world.simulator.warm_up()
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("qbatch.emulators")
    config.keep_alive_timeout = 60
    config.include_server_header = False
    served: Any = _ending_connections(emulation.app)
    app = wrap_app(served, config.wsgi_max_body_size, "asgi")
    context = WorkerContext(None)

    async def answer(stream: Any) -> None:
        CONNECTION.set(stream)
        await TCPServer(app, config, context, ConnectionState({}), stream)

    (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1", backlog=1024)
    bound = listener.socket.getsockname()[1]
    task_status.started(f"http://127.0.0.1:{bound}")
    await trio.serve_listeners(answer, [listener])


def _ending_connections(app: App) -> App:
    """Turn `ConnectionDropped` into a reset of the client's connection."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await app(scope, receive, send)
        except ConnectionDropped:
            stream = CONNECTION.get()
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            await trio.aclose_forcefully(stream)

    return wrapped


def write_environment(path: str | Path, variables: Mapping[str, Any]) -> None:
    """Write ``NAME=VALUE`` lines, all at once, readable by the owner only.

    What is no regular file (a device, a pipe) is written through; of a link, the target is.
    """
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    if _is_passage(Path(path)):
        Path(path).write_text(text)
        return
    target = Path(os.path.realpath(path))
    draft = target.with_name(f"{target.name}.{token_hex(8)}.part")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(target)


def _is_passage(path: Path) -> bool:
    return path.exists() and not path.is_file()
