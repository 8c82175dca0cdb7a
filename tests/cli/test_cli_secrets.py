"""M2: no verb sends a credential elsewhere before the person's word; all that leaves is heard."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import qbatch as library
from qbatch.errors import CredentialsError, Elsewhere
from tests.elsewhere import Elsewhere as Host
from tests.elsewhere import elsewhere
from tests.emulated import emulating

Call = Callable[..., Any]

MANIFEST = """\
qbatch: 1
name: stranger
circuits: {bell: bell.qasm}
backends:
  there: {provider: marqov, target: sv1, %s}
shots: 10
"""
BELL = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
SECRETS = {
    "MARQOV_PLATFORM_KEY": "mk-vendors-own-5fa9c0ffee",
    "AWS_SECRET_ACCESS_KEY": "aws-anothers-5fa9c0ffee",
}
FILED = "filed-5fa9c0ffee"
AWAY = "url: 'https://elsewhere.example'"

VERBS = ["plan", "run --yes", "run --yes --detach", "backends", "auth", "doctor"]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Planted secrets, no proxy but ours, no configuration of the person who tests."""
    for name in [
        name for name in os.environ if name.upper().endswith(("_PROXY", "_URL", "_TOKEN"))
    ]:
        monkeypatch.delenv(name)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "etc"))
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "token").write_text(FILED)
    (tmp_path / "bell.qasm").write_text(BELL)


@pytest.fixture
def there(alone: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with elsewhere() as host:
        for name, value in host.environ.items():
            monkeypatch.setenv(name, value)
        yield host


def write(folder: Path, how: str) -> Path:
    path = folder / "stranger.yaml"
    path.write_text(MANIFEST % how)
    return path


def has_left(host: Host) -> bool:
    """Whether anything of a manifest's left by name, secrets first of all."""
    for secret in (*SECRETS.values(), FILED):
        assert secret.encode() not in host.heard
    return any("elsewhere" in line for line in host.asked)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_goes_elsewhere_by_itself(
    qbatch: Call, there: Host, tmp_path: Path, verb: str
) -> None:
    word, *flags = verb.split()
    said = qbatch(word, write(tmp_path, AWAY), *flags)
    assert not has_left(there)
    assert said.code == 6
    told = said.out + said.err
    assert "the credential from env:MARQOV_PLATFORM_KEY would go to elsewhere.example" in told
    assert "say --trust" in told


@pytest.mark.parametrize("verb", VERBS)
def test_after_trust_it_does(qbatch: Call, there: Host, tmp_path: Path, verb: str) -> None:
    word, *flags = verb.split()
    qbatch(word, write(tmp_path, AWAY), *flags, "--trust")
    assert SECRETS["MARQOV_PLATFORM_KEY"].encode() in there.heard
    assert SECRETS["AWS_SECRET_ACCESS_KEY"].encode() not in there.heard


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "pointer", ["env:AWS_SECRET_ACCESS_KEY", "file:token", "keyring:work/me", "env:HOME"]
)
def test_no_flag_lets_a_manifest_name_what_is_not_its_vendors(
    qbatch: Call, there: Host, tmp_path: Path, verb: str, pointer: str
) -> None:
    word, *flags = verb.split()
    path = write(tmp_path, f"{AWAY}, credentials: '{pointer}'")
    said = qbatch(word, path, *flags, "--trust")
    assert not has_left(there)
    assert said.code == 6
    assert f"{pointer}: a manifest may not name that" in said.out + said.err


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_goes_over_plain_http_but_to_this_machine(
    qbatch: Call, there: Host, tmp_path: Path, verb: str
) -> None:
    word, *flags = verb.split()
    path = write(tmp_path, AWAY.replace("https", "http"))
    said = qbatch(word, path, *flags, "--trust")
    assert not has_left(there)
    assert said.code == 6
    assert "over plain http" in said.out + said.err


def test_neither_an_override_nor_a_saved_plan_leads_elsewhere(
    qbatch: Call, there: Host, tmp_path: Path
) -> None:
    path = write(tmp_path, "url: 'http://127.0.0.1:1'")
    override = "backends.there.url=https://elsewhere.example"
    assert qbatch("run", path, "--yes", "-S", override).code == 6
    assert qbatch("plan", path, "-S", override).code == 6
    assert not has_left(there)


def test_what_the_person_configured_is_allowed(qbatch: Call, there: Host, tmp_path: Path) -> None:
    """P5: the proxy that is used is said, too."""
    (tmp_path / "etc" / "qbatch").mkdir(parents=True)
    (tmp_path / "etc" / "qbatch" / "config.toml").write_text(
        f'[manifests]\ncredentials = ["file:{tmp_path}/token"]\nhosts = ["elsewhere.example"]\n'
    )
    said = qbatch("auth", write(tmp_path, f"{AWAY}, credentials: 'file:token'"))
    assert FILED.encode() in there.heard
    assert "file:token to elsewhere.example by the proxy http://127.0.0.1:" in said.out
    assert FILED not in said.out + said.err


def test_a_wrong_configuration_is_told_before_anything(
    qbatch: Call, there: Host, tmp_path: Path
) -> None:
    (tmp_path / "etc" / "qbatch").mkdir(parents=True)
    (tmp_path / "etc" / "qbatch" / "config.toml").write_text("[manifests]\nhost = 1\n")
    said = qbatch("plan", write(tmp_path, AWAY))
    assert said.code == 3
    assert "config.toml: unknown key 'host'" in said.err


def test_python_sends_no_credential_elsewhere_unasked(there: Host, tmp_path: Path) -> None:
    path = write(tmp_path, AWAY)
    with pytest.raises(Elsewhere):
        library.run(path, out=tmp_path / "out")
    with pytest.raises(Elsewhere):
        library.run(library.load_manifest(path), out=tmp_path / "out")
    with pytest.raises(CredentialsError, match="may not name"):
        library.run(write(tmp_path, f"{AWAY}, credentials: 'file:token'"), trust=True)
    assert not has_left(there)


def at_a_terminal(folder: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """Run the command line at a terminal of its own, and answer one question."""
    main, worker = pty.openpty()
    command = [sys.executable, "-m", "qbatch", *arguments]
    with subprocess.Popen(
        command, cwd=folder, stdin=worker, stdout=worker, stderr=worker
    ) as running:
        os.close(worker)
        said, is_answered = b"", False
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                part = os.read(main, 65_536)
            except OSError:  # nobody has the terminal any more
                break
            said += part
            if b"[y/N]" in said and not is_answered:
                is_answered = True
                os.write(main, f"{answer}\n".encode())
        running.wait(timeout=30)
    os.close(main)
    return running.returncode, said.decode().replace("\r\n", "\n")


#: Each verb asks; the other answer to each is a slow proof, since each is a process.
ASKED = ("run", "plan", "auth", "backends", "doctor")

#: Of those, what is asked every day: the others cost half a second of starting each.
EVERYDAY = {("run", "y"), ("plan", "n")}


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        pytest.param(verb, answer, marks=[pytest.mark.slow] * ((verb, answer) not in EVERYDAY))
        for verb in ASKED
        for answer in "yn"
    ],
)
def test_the_question_names_host_and_credential(
    there: Host, tmp_path: Path, verb: str, answer: str
) -> None:
    code, said = at_a_terminal(tmp_path, answer, verb, str(write(tmp_path, AWAY)))
    question = "send the credential from env:MARQOV_PLATFORM_KEY to elsewhere.example? [y/N]"
    assert f"Backend there: {question}" in said
    if answer == "y":
        assert SECRETS["MARQOV_PLATFORM_KEY"].encode() in there.heard
    else:
        assert not has_left(there)
        assert code == 6


@pytest.fixture
def forwarded(
    alone: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Host, str]]:
    """Marqov's emulator as a host elsewhere, and its key."""
    with emulating(tmp_path, "marqov", "--queue-s", "2") as told:
        url = urlsplit(told["QBATCH_MARQOV_URL"])
        monkeypatch.setenv("MARQOV_PLATFORM_KEY", told["MARQOV_PLATFORM_KEY"])
        with elsewhere(forward_to=url.port) as host:
            for name, value in host.environ.items():
                monkeypatch.setenv(name, value)
            yield host, f"url: 'https://elsewhere.example{url.path}'"


@pytest.mark.slow
def test_fetch_cancel_retry_and_saved_plans_ask_as_run_does(
    qbatch: Call, forwarded: tuple[Host, str], tmp_path: Path
) -> None:
    host, how = forwarded
    path = write(tmp_path, how)
    assert qbatch("plan", path, "--trust", "-o", tmp_path / "plan.json").code == 0
    heard = len(host.heard)
    assert qbatch("run", path, "--yes", "--plan", tmp_path / "plan.json").code == 6
    assert len(host.heard) == heard
    assert qbatch("run", path, "--yes", "--trust", "--detach").code == 9
    heard = len(host.heard)
    for verb in (
        ["fetch", path, "--wait"],
        ["cancel", path, "--yes"],
        ["retry", path, "--yes"],
        ["run", path, "--yes"],
        ["run", path, "--yes", "--frozen"],
        ["doctor", path],
    ):
        said = qbatch(*verb)
        assert said.code == 6, verb
        assert len(host.heard) == heard, verb
    assert qbatch("fetch", path, "--wait", "--trust").code == 0
    assert qbatch("cancel", path, "--yes", "--trust").code == 0


@pytest.mark.slow
def test_emulators_on_loopback_need_no_word(
    qbatch: Call, forwarded: tuple[Host, str], tmp_path: Path
) -> None:
    told = dict(line.split("=", 1) for line in (tmp_path / "clouds.env").read_text().splitlines())
    path = write(tmp_path, f"url: '{told['QBATCH_MARQOV_URL']}'")
    assert qbatch("run", path, "--yes").code == 0
