"""Telling one of those who are told, within bounded time; it runs in a thread of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from qbatch.errors import QbatchError
from qbatch.executor.notices.hooks import Hooks
from qbatch.executor.notices.notice import Notice
from qbatch.notation import shortened
from qbatch.providers.kit.credentials import Secret

if TYPE_CHECKING:
    import httpx

#: What one of them may take, seconds.
MOST_S = 10.0

#: AppleScript that shows its arguments; what is shown is never part of a program.
_APPLE = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)

#: Commands that run now, of one call.
Running = set[subprocess.Popen[bytes]]


class Undelivered(QbatchError):
    """Somebody could not be told; the message says who, and why."""


def deliveries(hooks: Hooks, notice: Notice, running: Running) -> Iterator[Callable[[], None]]:
    """Yield a delivery for each of those who are told; it raises `Undelivered`.

    Args:
        hooks: Who is told.
        notice: What they are told.
        running: Has a delivery's command in it for as long as that runs.
    """
    body = b""
    if hooks.send == "summary":
        body = json.dumps(notice.facts(), ensure_ascii=False).encode()
    if hooks.desktop:
        yield partial(_show, notice, running)
    if hooks.command:
        yield partial(_run, hooks.command, body, hooks.folder, running)
    if hooks.webhook is not None:
        yield partial(_post, hooks.webhook, body)


def _show(notice: Notice, running: Running) -> None:
    """Show it on the screen of this machine, which it does not leave."""
    title, text = "qbatch", notice.text()
    if sys.platform == "darwin":
        lines = [word for line in _APPLE for word in ("-e", line)]
        command = ["osascript", *lines, title, text]
    else:
        command = ["notify-send", "--app-name=qbatch", title, text]
    if shutil.which(command[0]) is None:
        raise Undelivered(
            f"run.notify.desktop: there is no {command[0]} on this machine; install it, or have "
            "a command or a webhook told"
        )
    _run(command, b"", Path(), running, name="run.notify.desktop")


def _run(
    command: Sequence[str],
    body: bytes,
    folder: Path,
    running: Running,
    name: str = "run.notify.command",
) -> None:
    """Run a command, without a shell, with the body as its standard input."""
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            # Ctrl-C is the run's; and all that it starts can be ended
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise Undelivered(f"{name}: {command[0]}: {error.strerror or error}") from error
    running.add(process)
    with process:
        try:
            _, said = process.communicate(body, timeout=MOST_S)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Undelivered(
                f"{name}: {command[0]} did not end within {MOST_S:g} s and was stopped"
            ) from None
        finally:
            running.discard(process)
    if process.returncode != 0:
        last = (said.decode(errors="replace").strip().splitlines() or [""])[-1]
        why = f": {shortened(last)}" if last else ""
        raise Undelivered(f"{name}: {command[0]} ended with exit code {process.returncode}{why}")


def end_all(running: Running) -> None:
    """End commands that run still: nobody waits for them any more."""
    for process in [*running]:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _post(address: Secret, body: bytes) -> None:
    """Send a POST; a redirection is no success, for the person agreed to one address."""
    import httpx

    url = httpx.URL(address.reveal())
    headers = {"User-Agent": "qbatch", **({"Content-Type": "application/json"} if body else {})}
    request = httpx.Request("POST", url, content=body, headers=headers)
    try:
        status = trio.run(_status_of, request)
    except trio.TooSlowError as error:
        raise Undelivered(
            f"run.notify.webhook: {url.host} did not answer within {MOST_S:g} s"
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise Undelivered(f"run.notify.webhook: {url.host}: {_why(error)}") from error
    if not 200 <= status < 300:
        raise Undelivered(f"run.notify.webhook: {url.host} answered {status}")


async def _status_of(request: httpx.Request) -> int:
    """Send a request as drivers do: an httpx client would log its address, secret and all."""
    from qbatch.providers.kit.transport import FlatTransport

    transport = FlatTransport(1)
    try:
        with trio.fail_after(MOST_S):
            answer = await transport.handle_async_request(request)
            await answer.aclose()
            return answer.status_code
    finally:
        await transport.aclose()


def _why(error: Exception) -> str:
    """What went wrong, in words that hold no address."""
    return type(error).__name__ if "://" in str(error) else str(error) or type(error).__name__
