"""What is submitted: a saved script, analysed; code in the call itself; or a native program.

Rule: a submission is written once and kept as it is: it must never differ when it is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from qbatch.circuit import program_text
from qbatch.errors import Misspoke, Refused
from qbatch.providers import Batch, Order, Prepared
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.untrusted import amount, record, word
from qbatch.providers.kit.wire import Reply
from qbatch.providers.marqov import native
from qbatch.providers.marqov.memo import MarqovMemo
from qbatch.providers.marqov.options import MOST_INLINE, Options
from qbatch.providers.marqov.replies import id_in, read_checks, read_price
from qbatch.providers.marqov.service import Service

#: Marqov's names of execution modes.
MODES = {"direct": "direct", "durable": "temporal", "temporal": "temporal"}


class Submissions:
    """The submissions of one run to one backend.

    Args:
        service: The API.
        options: The backend's.
        run_id: As in `Surroundings`.
    """

    def __init__(self, service: Service, options: Options, run_id: str) -> None:
        self._service = service
        self._options = options
        self._run_id = run_id

    def name_of(self, batch: Batch) -> str:
        """Name a script so that a person can tell whose job it is; at most 100 characters."""
        job = f"{batch.orders[0].id[:16]}-{batch.composite.generation}"
        return f"qbatch-{self._run_id}-{job}"[:100]

    def key_of(self, batch: Batch, step: str) -> str:
        """Compute an Idempotency-Key, the same in any process."""
        of = f"qbatch/{self._run_id}/{batch.orders[0].id}/{batch.composite.generation}"
        return str(uuid5(NAMESPACE_URL, of if step == "submit" else f"{of}/{step}"))

    async def prepare(self, batch: Batch) -> Prepared:
        """Save the script, have it analysed, and write the submission: all free, all repeatable."""
        memo = memo_of(batch.composite, MarqovMemo)
        (order,) = batch.orders
        terms = native.terms(self._options, self._service.environ)
        if "body" in memo and (memo.get("resent") or memo.get("native") == terms):
            return _ready(order, memo)
        memo.pop("body", None)
        memo.pop("native", None)
        if terms is not None:
            memo["native"], memo["body"] = terms, await self._native_body(batch)
            return Prepared(memo)
        if self._options.script_id is not None:
            memo["script_id"] = str(self._options.script_id)
        elif not (self._options.is_inline or self._options.script_slug) and "script_id" not in memo:
            memo["script_id"] = await self._upload(batch)
            return Prepared(memo, ready=False)
        if "script_id" in memo:
            memo.update(await self._analyse(batch, memo["script_id"]))
        memo["is_free"] = read_price(await self._service.entry()).is_free
        if memo["is_free"] and (usd := memo.get("usd")):
            raise Refused(
                f"marqov: {order.name}: {self._service.wanted} is free by the catalogue, but the "
                f"analysis asks {usd:g} usd; ask the cloud; nothing was sent"
            )
        memo["body"] = self._body(batch, memo)
        return _ready(order, memo)

    async def _native_body(self, batch: Batch) -> str:
        """Write a native submission; a saved script is pinned to what it is now."""
        (order,), digest, saved = batch.orders, None, self._options.script_id
        if saved is not None:
            digest = word((await self._saved(str(saved), order)).get("source_sha256")) or None
        return native.write_body(
            order,
            self._options,
            team=native.find_team(self._options, self._service.environ),
            backend=self._service.wanted,
            name=self.name_of(batch),
            script_sha256=digest,
        )

    async def _saved(self, script_id: str, order: Order) -> Mapping[str, Any]:
        """Ask what a saved script is, and how it may be run."""
        path = f"scripts/{script_id}/execution-options"
        return (await self._service.ask("GET", path, params={"shots": order.shots})).object()

    async def _upload(self, batch: Batch) -> str:
        script = {
            "name": self.name_of(batch),
            "description": batch.orders[0].name,
            "script_content": self._source(batch),
            "script_type": "script",
        }
        reply = await self._post(batch, "upload", "scripts/upload", script)
        return id_in(reply, "script_id")

    async def _analyse(self, batch: Batch, script_id: str) -> MarqovMemo:
        """Check that what was saved is what we sent, and ask what running it costs."""
        (order,) = batch.orders
        source = "" if self._options.script_id is not None else self._source(batch)
        digest = sha256(source.encode()).hexdigest()
        saved = await self._saved(script_id, order)
        if source and saved.get("source_sha256") not in (None, digest):
            raise Refused(
                f"marqov: {order.name}: the script was saved with other content; "
                "`qbatch retry` sends it again"
            )
        asked = {
            "backend": self._service.wanted,
            "shots": order.shots,
            "content": source,
            "content_hash": digest,
            "circuit_count": 1,
        }
        reply = await self._post(batch, "analyse", f"scripts/{script_id}/analyse", asked)
        answer = reply.object()
        if answer.get("can_run") is False:
            raise Refused(
                f"marqov: {order.name}: cannot run: {read_checks(answer)}; mend what that names"
            )
        told = record(answer.get("cost")).get("total_usd")
        usd = amount(told)
        if usd is None and (told is not None or read_price(await self._service.entry()).quoted):
            raise Misspoke(f"marqov: {order.name}: an analysis without its cost: {told!r:.80}")
        return {"analysis_id": id_in(reply, "analysis_id"), "usd": usd}

    async def _post(self, batch: Batch, step: str, path: str, body: Any) -> Reply:
        return await self._service.ask("POST", path, json=body, key=self.key_of(batch, step))

    def _body(self, batch: Batch, memo: MarqovMemo) -> str:
        options, (order,) = self._options, batch.orders
        body: dict[str, Any] = {"backend": self._service.wanted, "params": self._params(order)}
        if "script_id" in memo:
            body["script_id"] = memo["script_id"]
            body["analysis_id"] = memo["analysis_id"]
            body["params"]["circuit_count"] = 1
        elif options.script_slug is not None:
            body["script_slug"] = options.script_slug
        else:
            body["inline_code"] = options.inline_code or self._source(batch)
            body["framework"] = options.framework
            if len(body["inline_code"]) > MOST_INLINE:
                raise Refused(
                    f"marqov: {order.name}: inline code ends at {MOST_INLINE} characters; "
                    "make it shorter"
                )
        body["warn_check_ids"] = list(options.accept_warnings)
        if options.execution_mode is not None:
            body["execution_mode"] = MODES[options.execution_mode]
        if options.create_capsule:
            body |= {"create_capsule": True, "capsule_name": self.name_of(batch)}
        return json.dumps(body, separators=(",", ":"))

    def _params(self, order: Order) -> dict[str, Any]:
        params: dict[str, Any] = {"shots": order.shots, **self._options.params}
        if self._options.runs_own_code:
            params |= order.parameters
        if self._options.noise_model is not None:
            params["noise_model"] = self._options.noise_model
        if self._options.statevector:
            params["extract_state_vector"] = True
        return params

    def _source(self, batch: Batch) -> str:
        """Write the circuit, under a line by which a person finds the job again."""
        (order,) = batch.orders
        version: Literal["2.0", "3.0"] = "3.0" if order.circuit.facts.is_dynamic else "2.0"
        text = program_text(order.circuit, order.parameters, version, register="c")
        return f"// {self.name_of(batch)}\n{text}"


def _ready(order: Order, memo: MarqovMemo) -> Prepared:
    usd = memo.get("usd")
    return Prepared(memo, quotes={order.id: usd} if usd else {})
