"""Secrets that clouds say aloud are nowhere to be found: no file, log, report, message or repr.

The credentials of the emulated clouds are what is planted, and all tokens and signatures that come
of them. The clouds repeat what they were asked with, in refusals and in the middle of records.
"""

from __future__ import annotations

import logging
import queue
import re
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pandas as pd
import pytest
import trio

import qbatch
from qbatch.cli import main
from qbatch.emulators import Emulation, Queueing, host
from qbatch.exchange.exports import BINARY_FORMATS, TEXT_FORMATS, export
from qbatch.providers import open_driver
from qbatch.providers.ibm_direct_access.storage import open_bucket
from qbatch.report import write_report
from qbatch.snapshot import Run
from tests.daily import mostly_slow
from tests.fuzz.mutations import Answer, echo
from tests.fuzz.scenes import AUTHORISING, SECRET_NAMES, Spoiling
from tests.fuzz.whole_runs import TARGETS, Clouds, manifest_of

SIGNATURE = re.compile(r"X-Amz-Signature=([0-9a-f]{64})")

PLANTED = "5ecre7s1gna7ure0000planted"

#: What a failing job says: all it was ever asked with.
CONFESSION = (
    "no access with {secrets}: GET https://store.example/a/b.json?X-Amz-Credential=AKIA"
    f"&X-Amz-Signature={PLANTED} failed, as did https://store.example/a?sig={PLANTED}; it was "
    f"signed with X-Amz-Signature={PLANTED}"
)


class Gossip(Spoiling):
    """A line on which some answers repeat what their request was authorised by."""

    def __init__(self, inner: httpx.AsyncBaseTransport, random: Random) -> None:
        super().__init__(inner)
        self._random = random
        self.share = 0.0
        self.spoil = self._repeat

    def _repeat(self, request: httpx.Request, answer: Answer) -> Answer:
        told = spoken(dict(request.headers), str(request.url), request.content)
        self.secrets |= set(SIGNATURE.findall(" ".join(told.values())))
        if self._random.random() >= self.share:
            return answer
        return echo(answer, self._random, told)


def spoken(headers: dict[str, str], url: str, body: bytes) -> dict[str, str]:
    """All of a request that may hold a secret."""
    told = {name: headers[name] for name in AUTHORISING if name in headers}
    return told | {"url": url, "body": body[:4_000].decode("utf-8", "replace")}


def given(environ: dict[str, str]) -> set[str]:
    return {value for name, value in environ.items() if name.endswith(SECRET_NAMES)}


# -- where secrets could be -----------------------------------------------------------------------


def everything_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(Where, bytes) of all files, and of every value of every table, unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
        if path.name == "snapshot.db":
            yield from _values_of(path)


def _values_of(path: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema")]
        for table in tables:
            if table.startswith("sqlite_") or not _is_table(db, table):
                continue
            for row in db.execute(f"SELECT * FROM {table}"):
                for value in row:
                    yield f"{path.name}: {table}", _unpacked(value)
    db.close()


def _is_table(db: sqlite3.Connection, name: str) -> bool:
    row = db.execute("SELECT type FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    return bool(row[0] == "table")


def _unpacked(value: Any) -> bytes:
    if not isinstance(value, bytes):
        return str(value).encode("utf-8", "surrogatepass")
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


def tell_where(secrets: set[str], places: Iterator[tuple[str, bytes]]) -> list[str]:
    """Name every place with a secret in it, and what stands before the secret there."""
    found = []
    for where, content in places:
        for secret in secrets:
            at = content.find(secret.encode())
            if at >= 0:
                found.append(f"{where}: …{content[max(0, at - 60) : at + 12]!r}…")
    return sorted(set(found))


# -- runs in this process -------------------------------------------------------------------------


#: (Provider, variables that are not set): OQC's token is given, or bought with a password.
ACCOUNTS = [
    *((name, ("OQC_PASSWORD", "OQC_EMAIL")) for name in TARGETS),
    ("oqc", ("OQC_AUTHENTICATION_TOKEN", "OQC_AUTH_TOKEN", "OQC_TOKEN")),
]


@pytest.mark.parametrize(("provider", "unset"), mostly_slow(ACCOUNTS, daily=2))
@pytest.mark.slow
def test_no_secret_is_kept_or_told_of_a_run_through_weather(
    provider: str, unset: Sequence[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clouds, lines = Clouds(provider), list[Gossip]()
    events: list[Any] = []
    known = clouds.environ()
    environ = {name: value for name, value in known.items() if name not in unset}
    secrets = given(environ)
    confession = {"nth": 1, "fail": CONFESSION.format(secrets=", ".join(sorted(secrets)))}

    def observe(event: Any) -> None:
        events.append(event)
        copy_of = tmp_path / "meanwhile" / str(len(events))
        if len(events) % 7 == 0 and (tmp_path / "storm").exists():  # with what SQLite has open
            shutil.copytree(tmp_path / "storm", copy_of)

    def run_once(folder: Path, share: float) -> None:
        def wrap(inner: httpx.AsyncBaseTransport) -> Gossip:
            lines.append(Gossip(inner, Random(provider)))
            return lines[-1]

        def begin(_: Any) -> bool:
            lines[-1].share = share
            return True

        around = clouds.surroundings(wrap, environ)
        manifest = manifest_of(provider, timeout="30m")
        with clouds.run(manifest, folder, around, approve=begin, observer=observe) as run:
            events.append(run.summary)

    formats = EXPORTS if provider == "oqc" else EXPORTS - {"oqc-snapshot"}
    for name, shares, weather, more in (
        ("storm", (0.0, 0.3, 0.0), WEATHER, set()),
        ("calm", (0.0, 0.0), (), {"capsule"}),  # which all points must be completed for
    ):
        clouds.set_faults(requests=weather, jobs=[confession])
        for share in shares:
            run_once(tmp_path / name, share)
        write_everything(tmp_path / name, tmp_path / f"{name} told", formats | more)
    secrets |= {one for line in lines for one in line.secrets} | {PLANTED}
    clouds.close()
    told = "\n".join(map(repr, events)).encode()
    assert b"no access with" in told
    assert tell_where(secrets, everything_in(tmp_path)) == []
    assert tell_where(secrets, iter([("events", told), ("logs", caplog.text.encode())])) == []


#: Answers that are lost, outages, and tokens that end.
WEATHER = (
    {"method": "POST", "nth": 5, "drop": "after"},
    {"method": "GET", "every": 9, "status": 503},
    {"nth": [11, 23], "expire_tokens": "issued"},
)

#: What any run can be exported as.
EXPORTS = frozenset((*TEXT_FORMATS, *BINARY_FORMATS))


def write_everything(folder: Path, to: Path, formats: Iterable[str]) -> None:
    """Write every report and every export there is of a run."""
    to.mkdir()
    with Run(folder) as run:
        write_report(run, ("md", "html", "csv", "json"), to)
        for name in formats:
            export(run, name, to / f"run.{name}")
        table = pd.read_parquet(to / "run.parquet")
        (to / "unpacked").write_text(f"{table.to_csv()}{run.to_xarray().to_dict()}")
        (to / "html").write_text(qbatch.open_run(folder)._repr_html_())
        (to / "repr").write_text(repr(run) + "".join(map(repr, run)))
        raws = [kept for point in run for _, kept in run.raw_of(point)]
        (to / "raw").write_bytes(b"\n".join(raws))
        (to / "logs").write_text("".join(run.log_of(point) for point in run))


@pytest.mark.parametrize("provider", TARGETS)
def test_a_driver_and_what_it_is_given_do_not_show_secrets_in_their_reprs(provider: str) -> None:
    clouds = Clouds(provider)
    around, environ = clouds.surroundings(), clouds.environ()
    backend = manifest_of(provider).backends[provider]
    driver = open_driver(backend, name="cloud", folder=Path(), surroundings=around)
    things = [driver, around, backend]
    if provider == "ibm-direct-access":
        things.append(open_bucket({}, environ, ""))
    clouds.close()
    told = "".join(f"{thing!r}{thing!s}" for thing in things)
    assert [one for one in given(environ) if one in told] == []


# -- the command line -----------------------------------------------------------------------------


class GossipingApp:
    """An emulation some of whose answers repeat what they were asked with."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._random = Random(1)
        self.share = 0.0
        self.secrets: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, messages = await _body_of(receive)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        url = f"{scope['path']}?{scope['query_string'].decode()}"
        told = spoken(headers, url, body)
        self.secrets |= {told[name].removeprefix("Bearer ") for name in AUTHORISING if name in told}
        self.secrets |= set(SIGNATURE.findall(" ".join(told.values())))
        kept: list[MutableMapping[str, Any]] = []

        async def give() -> Any:
            return messages.pop(0) if messages else await receive()

        async def keep(message: MutableMapping[str, Any]) -> None:
            kept.append(message)

        await self._app(scope, give, keep)
        content = b"".join(message.get("body", b"") for message in kept)
        answer = Answer(kept[0]["status"], tuple(kept[0]["headers"]), content)
        if self._random.random() < self.share:
            answer = echo(answer, self._random, told)
        head = {"type": "http.response.start", "status": answer.status}
        await send(head | {"headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})


async def _body_of(receive: Any) -> tuple[bytes, list[Any]]:
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return b"".join(message.get("body", b"") for message in messages), messages


@contextmanager
def served(emulation: Emulation) -> Iterator[str]:
    """Serve on a loopback port, in a thread."""
    started: queue.Queue[Any] = queue.Queue()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            origin = await nursery.start(partial(host, emulation))
            started.put((origin, trio.lowlevel.current_trio_token(), nursery.cancel_scope))

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    origin, token, scope = started.get(timeout=60)
    try:
        yield origin
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(timeout=60)


MANIFEST = """\
qbatch: 1
name: five
circuits: {{bell: bell.qasm}}
backends:
{backends}
sweep: {{matrix: {{backend: [{names}]}}}}
shots: 100
analysis: {{observables: {{zz: Z0 Z1}}}}
run: {{retry: {{attempts: 2}}}}
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

VERBS = (
    ("status", "runs/five"),
    ("status", "runs/five", "--json"),
    ("show", "runs/five"),
    ("report", "runs/five"),
    ("export", "runs/five", "--format", "json"),
    ("export", "runs/five", "--format", "csv"),
    ("export", "runs/five", "--format", "oqc-snapshot"),
    ("export", "runs/five", "--format", "counts"),
    ("export", "runs/five", "--format", "ledger"),
    ("check", "runs/five"),
    ("validate", "five.yaml"),
    ("plan", "five.yaml"),
    ("plan", "five.yaml", "--json"),
    ("run", "five.yaml", "--rehearse", "--yes"),
    ("fetch", "runs/five"),
    ("run", "five.yaml", "--yes", "--json"),
    ("retry", "runs/five", "--yes"),
    ("cancel", "runs/five", "--yes"),
)


@pytest.mark.slow
def test_no_verb_tells_a_secret_even_with_tracebacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Real connections, all five clouds, and every verb that asks them or shows what came."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QBATCH_DEBUG", "1")
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    lines = [f'  {name}: {{provider: {name}, target: "{it}"}}' for name, it in TARGETS.items()]
    text = MANIFEST.format(backends="\n".join(lines), names=", ".join(TARGETS))
    (tmp_path / "five.yaml").write_text(text)
    (tmp_path / "bell.qasm").write_text(BELL)
    emulation = Emulation(list(TARGETS), queueing=Queueing(0.1), seed=1)
    emulation.app = gossip = GossipingApp(emulation.app)
    with served(emulation) as origin:
        environ = emulation.environment(origin)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        codes = [main(["run", "five.yaml", "--yes"])]
        for gossip.share in (0.3, 0.3, 1.0):
            codes += [main(["run", "five.yaml", "--yes", "--fresh", "-S", "shots=50,100"])]
            codes += [main(list(words)) for words in VERBS]
            codes += [main(["auth"]), main(["backends"]), main(["doctor", "five.yaml"])]
    emulation.close()
    said = capfd.readouterr()
    secrets = given(environ) | gossip.secrets
    assert codes[0] == 0
    assert {2, 70}.isdisjoint(codes)  # each of these was understood, and none failed by our fault
    assert {7, 8} & set(codes[1:])  # refused, out of reach: those have tracebacks
    assert "Traceback" in said.err
    assert "***" in said.err
    places = iter([("stdout", said.out.encode()), ("stderr", said.err.encode())])
    assert tell_where(secrets, places) == []
    assert tell_where(secrets, everything_in(tmp_path)) == []
