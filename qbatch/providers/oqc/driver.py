"""OQC QCaaS (Oxford Quantum Circuits), API version 3.

The protocol, as its official client speaks it:

* Header ``Authentication-Token``; the token is given, or made by e-mail and password: POST
  ``/admin/logout``, then ``/admin/login?include_auth_token=true``. It lives a day, and its renewal
  is another login.
* Nothing tells whose a token is: an account is the e-mail address, or a digest of the token. So a
  token in place of another counts as another account until a person says that it is the same one.
* ``GET /admin/qpu?per_page=1000`` lists QPUs; all task calls go to the *QPU's own* ``url``.
* Two steps make a purchase nameable: ``POST {qpu}/tasks`` allocates task ids (state CREATED, free),
  ``POST {qpu}/tasks/submit`` spends, with those ids. The one-step form is never used here.
* Success is 200 alone. Bodies stay under 128 KB, so a composite job stays under 100,000 bytes.
* ``GET {qpu}/tasks/{id}/all_info`` tells state, results, error, timings; there is no bulk read.
* Results are counts per classical register; leftmost character = bit 0. Joint counts over several
  registers are not offered, so programs are sent with one register and split here.
* A lost answer to submit: ask each id's ``status``. Anything but CREATED was taken; CREATED twice,
  twice the server's 30 s read time-out apart, was not, and the *same id* is sent again; 404 is for
  the person to look into.

Not verified against the live service: that an allocated id answers CREATED until it is submitted;
whether one id submitted twice runs twice; the currency of ``price_per_shot`` (shown as "usd");
what 429 carries. Where two readings were possible the careful one is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

from qbatch.circuit import program_text
from qbatch.errors import CredentialsError, Misspoke, Refused, TooLarge
from qbatch.manifest.models import Backend
from qbatch.providers import (
    ENDS,
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
    Missing,
    Order,
    Prepared,
    Price,
    Running,
    Strange,
    Surroundings,
    Taken,
    Target,
    Unclear,
    Words,
)
from qbatch.providers.kit.accounts import named, owner
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret, find_address, read_environment, read_pointer
from qbatch.providers.kit.foreign import (
    decode,
    identifier,
    is_word,
    number,
    record,
    records,
    said,
    whole,
    word,
)
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import Proofs, refusal
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.oqc.config import encode_config
from qbatch.providers.oqc.jobs import Jobs
from qbatch.providers.oqc.options import Options
from qbatch.providers.oqc.results import read_results

BASE_URL = "https://cloud.oqc.app"
URL_VARIABLES = ("QBATCH_OQC_URL", "OQC_URL")
TOKEN_VARIABLES = ("OQC_AUTHENTICATION_TOKEN", "OQC_AUTH_TOKEN", "OQC_TOKEN")
VENDOR = Vendor(("oqc.app",), URL_VARIABLES, (*TOKEN_VARIABLES, "OQC_PASSWORD"))

#: Body of one submission, bytes; the service refuses 131,072 and its own client cuts here.
MAX_BYTES = 100_000

#: Of which a task takes about this much beside its program: configuration, ids, tag.
JOB_BYTES = 1_500

#: Of the tasks that have not ended, so many of the oldest, and of the others, are asked about.
OLDEST, OTHERS = 4, 2

#: After a lost answer: how long the service may still be reading what we sent.
SETTLE_S = 60.0

#: Errors of ``tasks/submit`` that prove that nothing was taken: none is needed, its ids tell.
NOT_BOUGHT: Proofs = {}

#: OQC's word -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "created": Taken,
    "submitted": Taken,
    "queued": Taken,
    "running": Running,
    "in_progress": Running,
    "completed": Done,
    "succeeded": Done,
    "done": Done,
    "failed": Failed,
    "error": Failed,
    "expired": Failed,
    "cancelled": Cancelled,
    "canceled": Cancelled,
}

#: How long a token lives that was made by e-mail and password, seconds.
LOGIN_LIFE_S = 86_400.0

#: As long as any task id.
_PLACEHOLDER = "00000000-0000-4000-8000-000000000000"


class Oqc:
    """Speaks to one QPU. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._wanted = backend.target
        self._options = Options.model_validate(dict(backend.options))
        self._environ = surroundings.environ
        self._run_id = surroundings.run_id
        self._pointer = backend.credentials
        self._base = base_url(backend.url, self._environ)
        self._wire = open_wire("oqc", surroundings)
        self._bearer = Bearer(self._log_in)
        self._qpu: Mapping[str, Any] | None = None
        #: Finished records seen by `poll`, until `fetch` takes them.
        self._finished: dict[str, Reply] = {}
        #: Tasks that `poll` saw at their end, and where among the others it looks next.
        self._ended: set[str] = set()
        self._turn = 0

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the QPU's record with its features, its next window, calibration and status.

        Raises:
            Refused: No such QPU (with the nearest ids), or the token is not taken.
        """
        self._qpu = await self._find_qpu()
        facts: dict[str, Any] = {"record": {k: v for k, v in self._qpu.items() if k != "url"}}
        window_at = await self._next_window(self._qpu)
        facts["calibration"] = await self._calibration(self._qpu)
        facts["status"] = await self._told(self._qpu, "monitoring/statuses", {})
        return _target(self._qpu, window_at, facts)

    async def list_targets(self) -> Sequence[Target]:
        """List the QPUs of the account, each with its next window."""

        async def ask(qpu: Mapping[str, Any]) -> Target:
            try:
                return _target(qpu, await self._next_window(qpu), {})
            except (Refused, Misspoke):
                return _target(qpu, None, {})

        found, failures = await ask_all([partial(ask, qpu) for qpu in await self.qpus()])
        if failures:
            raise failures[0]
        return found

    async def _next_window(self, qpu: Mapping[str, Any]) -> str | None:
        if _features(qpu.get("feature_set")).get("always_on"):
            return None
        reply = await self._send("GET", f"{_url_of(qpu)}/windows/next")
        _expect(reply)
        return _window(reply)

    def credential_source(self) -> str:
        """Say where the credential comes from.

        Raises:
            CredentialsError: There is none.
        """
        if self._by_password():
            return "env:OQC_EMAIL and env:OQC_PASSWORD"
        return self._given_token().source

    def base_urls(self) -> Sequence[str]:
        return (self._base,)

    def account(self) -> str:
        """Name the user, as far as the credential tells."""
        if self._by_password():
            return named(self._base, f"user {self._environ['OQC_EMAIL']}")
        return named(self._base, owner(self._given_token(), self._run_id))

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return f"{facts.num_qubits} qubits; {target.name} has {target.num_qubits}"
        if facts.is_dynamic:
            return f"{target.name} takes no mid-circuit measurement, reset or classical control"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Allocate one task id per child: free, and what makes the purchase nameable."""
        if batch.composite.memo.get("task_ids"):
            return Prepared(batch.composite.memo)
        qpu = await self._known_qpu()
        size = len(self._body(batch, str(qpu["id"]), [_PLACEHOLDER] * len(batch.orders)))
        if size > MAX_BYTES:
            raise TooLarge(
                f"oqc: {len(batch.orders)} jobs make {size} bytes; OQC takes {MAX_BYTES} at once"
            )
        reply = await self._ask(
            "POST",
            "tasks",
            json={"qpu_id": qpu["id"], "task_count": len(batch.orders), "tag": self._tag(batch)},
        )
        told = reply.json()
        ids = {one for each in told if (one := identifier(each))} if isinstance(told, list) else ()
        if len(ids) != len(batch.orders) or len(told) != len(ids):
            raise Misspoke(
                f"oqc: asked for {len(batch.orders)} task ids, got {reply.excerpt()}",
                raw=reply.excerpt(2_000),
            )
        return Prepared({"task_ids": list(told), "qpu_id": qpu["id"]})

    def intend(self, batch: Batch) -> Intent:
        memo = batch.composite.memo
        body = self._body(batch, memo["qpu_id"], memo["task_ids"])
        return Intent(key=memo["task_ids"][0], body=body)

    def _body(self, batch: Batch, qpu_id: str, task_ids: Sequence[str]) -> bytes:
        external = self._options.external
        tasks = [
            {
                "program": program_text(order.circuit, order.parameters, "2.0", register="c"),
                "qpu_id": qpu_id,
                "config": encode_config(order.shots, self._options),
                "tag": f"{self._tag(batch)}/{order.id[:12]}",
                "task_id": task_id,
                **({"external_config": external} if external else {}),
            }
            for order, task_id in zip(batch.orders, task_ids, strict=True)
        ]
        return json.dumps({"tasks": tasks}, separators=(",", ":")).encode()

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        reply = await self._send("POST", await self._url("tasks/submit"), content=intent.body)
        if reply.status != 200:  # whatever it says, its tasks tell whether they were taken
            raise refusal(reply, "", _words(reply), NOT_BOUGHT)
        return [
            Taken(order.id, "SUBMITTED", task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
        ]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        del intent  # the ids stand in the memo
        pairs = zip(batch.orders, self._task_ids(batch), strict=True)
        return [await self._locate_task(order, task_id) for order, task_id in pairs]

    async def _locate_task(self, order: Order, task_id: str) -> Answer:
        reply = await self._send("GET", await self._url(f"tasks/{task_id}/status"))
        if reply.status == 404:
            return Unclear(
                order.id,
                error=f"OQC does not know its own task id {task_id}; look for it in the task list, "
                "or ask OQC whether it was billed",
            )
        _expect(reply)
        status = word(reply.object().get("status"))
        if not status:
            raise Misspoke(f"oqc: task {task_id}: no status in {reply.excerpt()}")
        if status.upper() != "CREATED":
            kind = WORDS.get(status.lower(), Strange)
            if kind is Failed:  # its record has the reason
                return await self._news(order, task_id)
            return kind(order.id, status, task_id)
        advice = f"OQC task {task_id} was allocated; was it submitted?"
        return Missing(order.id, status, error=advice, settle_s=SETTLE_S, is_proof=True)

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look through the list of tasks for our tags; there may be no such list, or no tags."""
        reply = await self._send("GET", await self._url("tasks"))
        rows = records(reply.json()) if reply.status == 200 else ()
        found: dict[str, Answer] = {}
        for order in batch.orders:
            sent = re.compile(
                rf"qbatch/{re.escape(self._run_id)}/[0-9a-f]+"
                rf"\.{batch.composite.generation}/{order.id[:12]}"
            )
            for row in rows:
                task_id = word(row.get("id"))
                if task_id and sent.fullmatch(word(row.get("tag"))):
                    answer = await self._locate_task(order, task_id)
                    if not isinstance(answer, Missing):
                        found[order.id] = answer
        return list(found.values())

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        updates: list[Answer] = []
        for group in self._groups(batches):
            before = len(self._ended)
            news, failures = await ask_all([partial(self._news, *pair) for pair in group])
            updates += news
            if len(self._ended) - before < len(group):
                break
        if failures and not updates:
            raise failures[0]
        return updates

    def _groups(self, batches: Sequence[Batch]) -> Iterator[list[tuple[Order, str]]]:
        """Split tasks not known to have ended into groups to be asked about, one after the other.

        There is no bulk call, and a QPU takes its tasks in order: where not all of the oldest have
        ended, those behind them are left alone, but for a few, others each time.
        """
        all_tasks = [
            pair
            for batch in batches
            for pair in zip(batch.orders, self._task_ids(batch), strict=True)
        ]
        waiting = [pair for pair in all_tasks if pair[1] not in self._ended] or all_tasks
        size, at = OLDEST, OLDEST
        behind = waiting[OLDEST:]
        self._turn = (self._turn + OTHERS) % max(1, len(behind))
        yield waiting[:OLDEST] + behind[self._turn : self._turn + OTHERS]
        while at < len(waiting):
            size *= 2
            yield [pair for pair in waiting[at : at + size] if pair[1] not in self._ended]
            at += size

    async def _news(self, order: Order, task_id: str) -> Answer:
        reply = await self._send("GET", await self._url(f"tasks/{task_id}/all_info"))
        if reply.status == 404:
            error = f"OQC does not have task {task_id}, or not any more"
            return Missing(order.id, "404 not found", task_id, error=error, settle_s=SETTLE_S)
        _expect(reply)
        task = reply.object()
        status = word(task.get("status"))
        kind = WORDS.get(status.lower(), Strange)
        if kind is Done:
            self._finished[task_id] = reply
        if kind in ENDS:
            self._ended.add(task_id)
        error = _task_error(task) if kind is Failed else ""
        if status.upper() == "EXPIRED":
            error = f"EXPIRED: {error}"
        raw = reply.kept if kind is Failed else b""
        return kind(order.id, status, task_id, error=error, raw=raw)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one that lags behind its completed task is left out."""
        wanted = set(job_ids)
        found = [
            await self._result(order, task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
            if order.id in wanted
        ]
        return [one for one in found if one is not None]

    async def _result(self, order: Order, task_id: str) -> Fetched | None:
        reply = self._finished.pop(task_id, None)
        if reply is None:
            reply = await self._send("GET", await self._url(f"tasks/{task_id}/all_info"))
            _expect(reply)
        task = reply.object()
        if task.get("results") is None:
            return None
        counts = read_results(task["results"], order)
        keep = ("timings", "execution_metadata", "metadata", "compile_time", "execute_time")
        facts = {key: task[key] for key in keep if task.get(key) is not None}
        return Fetched(order.id, counts, raw=reply.kept, facts=facts)

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        wanted = set(job_ids)
        pairs = [
            (order, task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
            if order.id in wanted
        ]
        await self._ask("POST", "tasks/cancel_many", json={"tasks": [task for _, task in pairs]})
        return [await self._news(order, task_id) for order, task_id in pairs]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Nothing is held for us at OQC once a task has ended."""
        return {}

    async def aclose(self) -> None:
        await self._wire.aclose()

    def jobs_at_cloud(self) -> Jobs:
        """Return the tasks of the account."""
        return Jobs(self._send, self._machines, _expect, WORDS)

    async def _machines(self) -> Mapping[str, str]:
        """Where the tasks of each QPU are."""
        return {str(qpu["id"]): _url_of(qpu) for qpu in await self.qpus()}

    # -- QPUs -----------------------------------------------------------------------------------

    async def qpus(self) -> Sequence[Mapping[str, Any]]:
        """List the QPU records of the account."""
        reply = await self._send("GET", f"{self._base}/admin/qpu", params={"per_page": 1000})
        _expect(reply)
        items = reply.object().get("items")
        if not isinstance(items, list) or not all(is_word(record(i).get("id")) for i in items):
            raise Misspoke(f"oqc: the QPU list has no items with ids: {reply.excerpt()}")
        return items

    async def _find_qpu(self) -> Mapping[str, Any]:
        qpus = await self.qpus()
        for qpu in qpus:
            if self._wanted in (qpu["id"], qpu.get("name")):
                return qpu
        if self._wanted is None and len(qpus) == 1:
            return qpus[0]
        ids = [str(qpu["id"]) for qpu in qpus]
        none = "(the account has none)"
        raise no_target("oqc", self._wanted, ids, noun="QPU of this account", none=none)

    async def _known_qpu(self) -> Mapping[str, Any]:
        if self._qpu is None:
            self._qpu = await self._find_qpu()
        return self._qpu

    async def _url(self, path: str) -> str:
        return f"{_url_of(await self._known_qpu())}/{path}"

    async def calibrations(self, date: str | None = None) -> Mapping[str, Any]:
        """Read the calibration of every QPU of the account, as the service tells it.

        Args:
            date: ``YYYY-MM-DD``; None: the latest.

        Returns:
            QPU id -> JSON, or ``{"unavailable": why}``: a simulator has none.
        """
        return {str(qpu["id"]): await self._calibration(qpu, date) for qpu in await self.qpus()}

    async def _calibration(self, qpu: Mapping[str, Any], date: str | None = None) -> Any:
        params = {"qpu_id": str(qpu["id"])} | ({} if date is None else {"date": date})
        return await self._told(qpu, "monitoring/calibrations", params)

    async def _told(self, qpu: Mapping[str, Any], path: str, params: Mapping[str, str]) -> Any:
        """Ask for what a QPU may not have."""
        try:
            reply = await self._send("GET", f"{_url_of(qpu)}/{path}", params=params)
            _expect(reply)
            return reply.json()
        except CredentialsError:
            raise
        except (Refused, Misspoke) as error:
            return {"unavailable": str(error)}

    # -- requests -------------------------------------------------------------------------------

    def _tag(self, batch: Batch) -> str:
        return f"qbatch/{self._run_id}/{batch.composite.id[:12]}.{batch.composite.generation}"

    @staticmethod
    def _task_ids(batch: Batch) -> Sequence[str]:
        """Ids as allocated; a person may have adopted another."""
        allocated: Sequence[str] = batch.composite.memo["task_ids"]
        known = batch.provider_job_ids or [None] * len(allocated)
        return [mine or theirs for mine, theirs in zip(known, allocated, strict=True)]

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        reply = await self._send(method, await self._url(path), **request)
        _expect(reply)
        return reply

    async def _send(self, method: str, url: str, **request: Any) -> Reply:
        headers = {"content-type": "application/json"} if "content" in request else {}

        async def send_as(token: Secret) -> Reply:
            known = {"authentication-token": self._wire.reveal(token)}
            return await self._wire.send(method, url, headers=headers | known, **request)

        return await self._bearer.send(send_as)

    def _by_password(self) -> bool:
        """Tell whether e-mail and password are what we have."""
        if self._pointer is not None or any(self._environ.get(name) for name in TOKEN_VARIABLES):
            return False
        return all(self._environ.get(name) for name in ("OQC_EMAIL", "OQC_PASSWORD"))

    def _given_token(self) -> Secret:
        if self._pointer is not None:
            return read_pointer(self._pointer, self._environ)
        return read_environment(TOKEN_VARIABLES, self._environ)

    async def _log_in(self) -> tuple[Secret, float]:
        if not self._by_password():
            return self._given_token(), inf
        email, password = self._environ["OQC_EMAIL"], Secret(self._environ["OQC_PASSWORD"], "env")
        await self._wire.send("POST", f"{self._base}/admin/logout", json={})
        reply = await self._wire.send(
            "POST",
            f"{self._base}/admin/login",
            params={"include_auth_token": "true"},
            json={"email": email, "password": self._wire.reveal(password)},
            is_secret=True,
        )
        if reply.status != 200:
            raise CredentialsError(f"oqc: OQC_EMAIL and OQC_PASSWORD are refused ({reply.status})")
        user = record(record(reply.object().get("response")).get("user"))
        token = user.get("authentication_token")
        if not isinstance(token, str) or not token:
            raise Misspoke("oqc: POST /admin/login: the reply holds no token")
        return Secret(token, "env:OQC_EMAIL"), LOGIN_LIFE_S


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Oqc:
    """Make the driver of an ``oqc`` backend."""
    return Oqc(name, backend, surroundings)


def base_url(url: str | None, environ: Mapping[str, str]) -> str:
    """Return where the API is: the manifest's word, the environment's, or the cloud's own."""
    return find_address(url, URL_VARIABLES, environ, BASE_URL)


def _expect(reply: Reply) -> None:
    """Raise unless the reply is OQC's only success, 200."""
    if reply.status != 200:
        raise reply.failure(_words(reply))


def _words(reply: Reply) -> str:
    try:
        return said(record(reply.object().get("response")).get("errors"))
    except Misspoke:
        return ""


def _task_error(task: Mapping[str, Any]) -> str:
    error = record(task.get("task_error"))
    if not error:
        return "no reason given"
    told, code = said(error.get("error_message")), said(error.get("error_code"))
    return f"{told or 'no reason given'} (code {code or '?'})"


def _features(value: Any) -> Mapping[str, Any]:
    """Read a feature set: JSON text inside a string, or an object."""
    if isinstance(value, str):
        try:
            value = decode(value)
        except ValueError:
            return {}
    return record(value)


def _target(qpu: Mapping[str, Any], window_at: str | None, facts: Mapping[str, Any]) -> Target:
    features = _features(qpu.get("feature_set"))
    return Target(
        name=str(qpu["id"]),
        num_qubits=whole(features.get("qubit_count")),
        max_shots=whole(features.get("Maximum Shots")),
        max_jobs=1_000,
        max_bytes=MAX_BYTES,
        in_flight=256,
        poll_s=(0.2, 10.0),
        price=_price(qpu),
        online=bool(qpu.get("active")),
        next_window_at=window_at,
        facts=facts,
    )


def _url_of(qpu: Mapping[str, Any]) -> str:
    url = qpu.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Misspoke(f"oqc: QPU {qpu['id']} has no url")
    return url.rstrip("/")


def _window(reply: Reply) -> str | None:
    """Read when the QPU next takes tasks; None: always, or not announced."""
    window = record(record(reply.json()).get("next_window"))
    return word(window.get("starting") or window.get("start_time")) or None


def _price(qpu: Mapping[str, Any]) -> Price:
    """Read the price; one that cannot be understood is no price of 0."""
    told = {key: qpu.get(key) or 0 for key in ("price_per_shot", "price_per_task")}
    prices = {key: number(value) for key, value in told.items()}
    for key, price in prices.items():
        if price is None or price < 0:
            raise Misspoke(f"oqc: QPU {qpu['id']}: {key} is no price: {told[key]!r:.80}")
    per_shot, per_job = (price or 0.0 for price in prices.values())
    if not (per_shot or per_job):
        return Price()
    return Price(unit="usd", per_job=per_job, per_shot=per_shot, source="GET /admin/qpu")
