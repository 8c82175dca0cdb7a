"""Who is told when a run ends or needs a person: by a real command and a server on loopback."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qbatch.executor.notices import delivery
from qbatch.providers.kit.credentials import Secret
from qbatch.snapshot import Snapshot
from tests.cli.conftest import Call, Faults
from tests.daily import mostly_slow

#: A command that keeps what it was given on its standard input, a line for each time.
TELL = f'#!{sys.executable}\nimport sys\nopen("told", "a").write(sys.stdin.read() + "|\\n")\n'

BAD = (
    ("[python3, -c, 'import sys; sys.exit(\"no mail today\")']", "exit code 1: no mail today"),
    ("[nowhere-to-be-found]", "nowhere-to-be-found: No such file or directory"),
)


class Hook(ThreadingHTTPServer):
    """A server that keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeping)
        self.bodies: list[bytes] = []
        self.status = 204
        self.drips_s = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?key=s3cret"


class Keeping(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.server.drips_s:
            self.drip()
            return
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def drip(self) -> None:
        with suppress(OSError):  # who asked has gone
            self.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Long: ")
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(self.server.drips_s)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "own.toml"
    file.touch()
    monkeypatch.setenv("QBATCH_CONFIG", str(file))
    return file


def telling(manifest: Path, notify: str) -> Path:
    """Have somebody told of a manifest's runs; the command `./tell` is there."""
    manifest.write_text(f"{manifest.read_text()}run: {{notify: {notify}}}\n")
    tell = manifest.with_name("tell")
    tell.write_text(TELL)
    tell.chmod(0o755)
    return manifest


def told() -> list[str]:
    """What the command was given, each time."""
    file = Path("told")
    return file.read_text().split("|\n")[:-1] if file.exists() else []


def test_a_command_is_told_that_a_run_ended_and_nothing_else(qbatch: Call, manifest: Path) -> None:
    said = qbatch("run", telling(manifest, "{command: [./tell]}"), "--trust")
    assert (said.code, told()) == (0, [""])
    assert "warning" not in said.err


@pytest.mark.slow
def test_a_webhook_is_sent_an_empty_body(qbatch: Call, manifest: Path, hook: Hook) -> None:
    said = qbatch("run", telling(manifest, f'{{webhook: "{hook.address}"}}'), "--trust")
    assert (said.code, hook.bodies) == (0, [b""])


def test_a_summary_is_sent_where_it_is_asked_for(qbatch: Call, manifest: Path, hook: Hook) -> None:
    hooks = f'{{command: [./tell], webhook: "{hook.address}", send: summary}}'
    assert qbatch("run", telling(manifest, hooks), "--trust").code == 0
    facts = json.loads(told()[0])
    assert facts == json.loads(hook.bodies[0])
    assert facts.pop("at").endswith("+00:00")
    assert facts == {
        "event": "ended",
        "name": "pair",
        "outcome": "done",
        "points": {"completed": 3},
    }


def test_the_same_end_is_told_once(qbatch: Call, manifest: Path) -> None:
    telling(manifest, "{command: [./tell]}")
    for _ in range(2):
        assert qbatch("run", manifest, "--trust", "--no-report").code == 0
    qbatch("fetch", manifest, "--trust", "--no-report")
    assert len(told()) == 1
    assert qbatch("run", manifest, "--trust", "--no-report", "-S", "sweep.repeat=2").code == 0
    assert len(told()) == 2


def test_a_stranger_s_command_and_address_need_the_persons_word(
    qbatch: Call,
    manifest: Path,
    hook: Hook,
    own_configuration: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telling(manifest, f'{{command: [./tell, "a b"], webhook: "{hook.address}"}}')
    said = qbatch("run", manifest)
    assert said.code == 6
    in_full = manifest.absolute().with_name("tell")
    assert f"run.notify.command: \"{in_full} 'a b'\" would be run" in said.err
    assert "--trust" in said.err
    assert "qbatch help notices" in said.err
    assert not Path("runs").exists()
    words = said.err.partition("write notify = ")[2].partition(" under [manifests]")[0]
    own_configuration.write_text(f"[manifests]\nnotify = {words}\n")
    monkeypatch.setenv("HOME", str(own_configuration.parent))
    assert qbatch("run", manifest).code == 0
    assert (len(told()), len(hook.bodies)) == (1, 1)


def test_a_listed_file_is_one_file_from_wherever_it_is_run(
    qbatch: Call, manifest: Path, hook: Hook, own_configuration: Path
) -> None:
    """In the configuration it is found from there, and never by where the person stands."""
    (own_configuration.parent / "etc").mkdir()
    own_configuration.with_name("mine").write_text(hook.address)
    own_configuration.write_text('[manifests]\nnotify = ["file:mine"]\n')
    telling(manifest, '{webhook: "file:etc/theirs"}')
    Path("etc/theirs").write_text(hook.address)
    said = qbatch("run", manifest)
    assert (said.code, hook.bodies) == (6, [])
    assert f"'file:{Path('etc/theirs').absolute()}' would be sent a request" in said.err
    manifest.write_text(manifest.read_text().replace("file:etc/theirs", "file:mine"))
    assert (qbatch("run", manifest).code, hook.bodies) == (0, [b""])


def test_a_pointer_to_no_address_is_told_of_as_one(qbatch: Call, manifest: Path) -> None:
    said = qbatch("run", telling(manifest, '{webhook: "env:NO_SUCH"}'), "--trust")
    assert said.code == 7
    told = "run.notify.webhook: no address; set the environment variable NO_SUCH"
    assert said.err == f"qbatch: {told}\nmore: qbatch help notices\n"


@pytest.mark.parametrize("listed", ["./tell over", "https://hooks.lab.example/T1/over", "sh tell"])
def test_what_is_listed_runs_nothing_of_a_stranger_s_folder(
    qbatch: Call, manifest: Path, own_configuration: Path, listed: str
) -> None:
    """A stranger ships a program by the name of the person's, or of an address of theirs."""
    telling(manifest, f"{{command: {json.dumps(shlex.split(listed))}}}")
    address = manifest.parent / "https:" / "hooks.lab.example" / "T1" / "over"
    address.parent.mkdir(parents=True)
    manifest.with_name("tell").rename(address)
    for place in (manifest.with_name("tell"), address):
        place.write_text("#!/bin/sh\necho theirs >> $(dirname $0)/stolen\necho >> stolen\n")
        place.chmod(0o755)
    own_configuration.write_text(f"[manifests]\nnotify = [{json.dumps(listed)}]\n")
    said = qbatch("run", manifest)
    assert said.code == (0 if listed == "sh tell" else 6)
    assert f" {listed}" not in said.err  # another listed one may be a secret
    assert not [*manifest.parent.rglob("stolen")]


def test_an_address_may_be_a_secret_and_goes_over_no_open_line(
    qbatch: Call, manifest: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling(manifest, "{webhook: env:LAB_HOOK}")
    assert "set the environment variable LAB_HOOK" in qbatch("run", manifest, "--trust").err
    monkeypatch.setenv("LAB_HOOK", "http://hooks.example/s3cret")
    said = qbatch("run", manifest, "--trust")
    assert said.code == 6
    assert "hooks.example would be asked over plain http" in said.err
    assert "s3cret" not in said.err
    monkeypatch.setenv("LAB_HOOK", hook.address)
    assert qbatch("run", manifest, "--trust").code == 0
    assert hook.bodies == [b""]


@pytest.mark.parametrize(("command", "why"), mostly_slow(BAD))
def test_a_command_that_fails_is_told_and_fails_no_run(
    qbatch: Call, manifest: Path, command: str, why: str
) -> None:
    said = qbatch("run", telling(manifest, f"{{command: {command}}}"), "--trust")
    assert said.code == 0
    assert f"warning: run.notify.command: {command.strip('[').split(',')[0].strip(']')}" in said.err
    assert why in said.err
    assert "3 of 3 points done" in said.out


@pytest.mark.parametrize("status", mostly_slow([302, 500]))
def test_a_webhook_that_is_moved_or_fails_is_told_by_its_host(
    qbatch: Call, manifest: Path, hook: Hook, status: int
) -> None:
    hook.status = status
    said = qbatch("run", telling(manifest, f'{{webhook: "{hook.address}"}}'), "--trust")
    assert (said.code, len(hook.bodies)) == (0, 1)
    assert f"warning: run.notify.webhook: 127.0.0.1 answered {status}" in said.err
    assert "s3cret" not in said.err


@pytest.mark.slow
def test_nobody_there_is_told_of_without_the_address(qbatch: Call, manifest: Path) -> None:
    telling(manifest, '{webhook: "http://127.0.0.1:9/hook?key=s3cret"}')
    said = qbatch("run", manifest, "--trust")
    assert said.code == 0
    assert "warning: run.notify.webhook: 127.0.0.1: " in said.err
    assert "s3cret" not in said.err


def test_an_address_that_answers_in_drops_is_told_of_in_time(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and the answer never."""
    monkeypatch.setattr(delivery, "MOST_S", 0.5)
    hook.drips_s = 0.1
    with pytest.raises(delivery.Undelivered, match=r"127.0.0.1 did not answer within 0.5 s"):
        delivery._post(Secret(hook.address, "here"), b"")


def test_no_log_holds_an_address(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    """A notebook may have all logs shown."""
    caplog.set_level(logging.DEBUG)
    delivery._post(Secret(hook.address, "here"), b"{}")
    assert hook.bodies == [b"{}"]
    assert "s3cret" not in caplog.text


def test_an_address_on_this_machine_is_asked_without_a_proxy(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    delivery._post(Secret(hook.address, "here"), b"")
    assert hook.bodies == [b""]


@pytest.mark.slow
def test_a_command_that_hangs_is_stopped_with_all_that_it_started(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_S", 0.3)
    telling(manifest, '{command: [sh, -c, "sleep 60 & echo $! > child; wait"]}')
    began = time.monotonic()
    said = qbatch("run", manifest, "--trust")
    assert time.monotonic() - began < 20
    assert "sh did not end within 0.3 s and was stopped" in said.err
    child = int(Path("child").read_text())
    assert is_gone(child)


def is_gone(process: int) -> bool:
    for _ in range(200):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_the_screen_is_told_by_the_systems_own_command(
    qbatch: Call, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    show = tools / "notify-send"
    show.write_text(
        f"#!{sys.executable}\nimport sys\nopen('{tmp_path}/shown', 'w').write(sys.argv[-1])\n"
    )
    show.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    assert qbatch("run", telling(manifest, "desktop")).code == 0
    assert Path("shown").read_text() == "pair: done; 3 completed"


@pytest.mark.slow
def test_a_screen_that_cannot_be_told_is_said(
    qbatch: Call, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = qbatch("run", telling(manifest, "desktop"))
    assert said.code == 0
    assert "run.notify.desktop: there is no notify-send on this machine" in said.err


@pytest.mark.slow
def test_a_rehearsal_tells_nobody(qbatch: Call, manifest: Path) -> None:
    telling(manifest, "{command: [./tell]}")
    assert qbatch("run", manifest, "--rehearse").code == 0
    assert told() == []


@pytest.mark.parametrize(
    ("notify", "problem"),
    [
        ("{}", "tells nobody; write one of desktop, command, webhook"),
        ("mail", "is no way to tell; write desktop"),
        ("{webhook: 12}", "run.notify.webhook"),
        ("{webhook: lab.example/x}", "is no address; write https://HOST/PATH"),
        ('{webhook: "http://lab.example/x"}', "plain http, where others can read it; write https"),
        ('{webhook: "https://me:pw@lab.example/"}', "holds a user"),
        ("{command: mail me}", "run.notify.command"),
        ("{command: []}", "run.notify.command"),
        ('{command: ["a\\0b"]}', "run.notify.command[0]: holds a NUL"),
        ("{desktop: true, send: all}", "run.notify.send"),
    ],
)
def test_a_wrong_hook_is_told_at_its_place(
    qbatch: Call, manifest: Path, notify: str, problem: str
) -> None:
    said = qbatch("validate", telling(manifest, notify))
    assert said.code == 3
    assert problem in said.err
    assert "pw" not in said.err


@pytest.mark.slow
def test_from_python_who_cannot_be_told_is_a_warning(manifest: Path, tmp_path: Path) -> None:
    file = telling(tmp_path / manifest, "{command: [./nowhere]}")
    script = f"import qbatch; print(len(qbatch.run({str(file)!r}, trust=True)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"
    assert f"UserWarning: run.notify.command: {file.with_name('nowhere')}: No such" in done.stderr


# -- clouds -------------------------------------------------------------------------------------


def test_a_detached_run_and_the_fetch_that_ends_it_tell(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    telling(two_clouds, "{command: [./tell], send: summary}")
    assert qbatch("run", two_clouds, "--yes", "--detach", "--trust", "--no-report").code == 9
    assert qbatch("fetch", two_clouds, "--wait", "--trust", "--no-report").code == 0
    assert qbatch("fetch", two_clouds, "--wait", "--trust", "--no-report").code == 0
    assert [json.loads(each)["outcome"] for each in told()] == ["pending", "done"]


@pytest.mark.slow
def test_a_fetch_brings_home_what_it_may_tell_nobody_of(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path
) -> None:
    telling(two_clouds, "{command: [./tell]}")
    qbatch("run", two_clouds, "--yes", "--detach", "--trust", "--no-report")
    said = qbatch("fetch", two_clouds, "--wait", "--no-report")
    assert (said.code, len(told())) == (0, 1)
    assert "nobody is told when the run ends: run.notify.command" in said.err


@pytest.mark.slow
def test_a_held_job_is_told_at_once_and_with_the_end(
    qbatch: Call, clouds: dict[str, str], two_clouds: Path, faults: Faults
) -> None:
    submit = {"provider": "oqc", "method": "POST", "path": "*/tasks/submit", "drop": "before"}
    faults(requests=[{**submit, "nth": 1}], switches={"oqc": {"unsubmitted": "missing"}})
    telling(two_clouds, "{command: [./tell], send: summary}")
    only = ("-k", "backend=toshiko", "--yes", "--trust", "--no-report")
    assert qbatch("run", two_clouds, *only).code == 9
    faults()
    found = [json.loads(each) for each in told()]
    assert sorted(each["event"] for each in found) == ["ended", "held"]
    assert next(each["outcome"] for each in found if each["event"] == "ended") == "held"


# -- killed -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_end_that_was_noted_before_a_kill_is_not_told_again(
    qbatch: Call, manifest: Path, tmp_path: Path
) -> None:
    """Killed while the command runs: it was told. Killed before the end was noted: it was not."""
    telling(manifest, '{command: [sh, -c, "./tell; sleep 60"]}')
    run = [sys.executable, "-m", "qbatch", "run", str(manifest), "--trust", "--no-report"]
    with subprocess.Popen(run, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        for _ in range(3000):
            if told():
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert qbatch("run", manifest, "--trust", "--no-report").code == 0
    assert len(told()) == 1
    with Snapshot(tmp_path / "runs" / "pair") as snapshot:
        snapshot.set_meta(notified="")
    telling_quickly = manifest.read_text().replace("; sleep 60", "")
    manifest.write_text(telling_quickly)
    assert qbatch("run", manifest, "--trust", "--no-report").code == 0
    assert len(told()) == 2
