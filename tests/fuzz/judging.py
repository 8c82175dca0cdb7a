"""What may come out of a driver, whatever came in: the promises of `qbatch.providers.Driver`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, ProviderError
from qbatch.providers import (
    Answer,
    Batch,
    Fetched,
    Missing,
    Prepared,
    Price,
    Target,
    Unclear,
    answers,
)
from qbatch.purchase import Event
from tests.fuzz.scenes import walk

#: What no text may hold that is shown or kept.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

#: Of a message; of a status or an id.
MOST_MESSAGE, MOST_WORD = 6_000, 500


def judge_failure(error: ProviderError, secrets: Collection[str]) -> None:
    """Fail unless the error is one that a person may be shown."""
    texts = [str(error), repr(error), error.raw if isinstance(error, Misspoke) else ""]
    for text in texts:
        assert len(text) <= 2 * MOST_MESSAGE
        assert UNFIT.search(text) is None, repr(text)
        assert not tell_tales(text, secrets)


def judge(outcome: Any, orders: Mapping[str, Any], secrets: Collection[str]) -> None:
    """Fail unless what a call returned is what its protocol promises."""
    text = "\n".join(walk(outcome))
    assert not tell_tales(text, secrets)
    text.encode()
    for one in _ones(outcome):
        _JUDGES[type(one)](one, orders)


def tell_tales(text: str, secrets: Collection[str]) -> list[str]:
    return [text[max(0, text.index(one) - 40) :][:120] for one in secrets if one in text]


def _ones(outcome: Any) -> Sequence[Any]:
    """The answers in what a call returned, one by one."""
    if outcome is None:
        return []
    if isinstance(outcome, Mapping):
        bills = [one for one in outcome.values() if isinstance(one, float | int)]
        assert all(is_amount(one) for one in bills)
        return [one for one in outcome.values() if not isinstance(one, float | int)]
    return outcome if isinstance(outcome, list | tuple) else [outcome]


def is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def is_word(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= MOST_WORD and UNFIT.search(text) is None


def is_json(value: Any) -> bool:
    """Whether it can be written down and read again."""
    return json.loads(json.dumps(value, allow_nan=False)) is not NotImplemented


def _judge_answer(answer: Answer, orders: Mapping[str, Any]) -> None:
    assert answer.job_id in orders
    assert isinstance(answer.event, Event)
    assert is_word(answer.status)
    assert answer.provider_job_id is None or is_word(answer.provider_job_id)
    assert isinstance(answer.error, str)
    assert len(answer.error) <= MOST_MESSAGE
    assert UNFIT.search(answer.error) is None
    assert answer.cost is None or is_amount(answer.cost)
    assert is_amount(answer.not_before_s)
    assert is_amount(answer.settle_s)
    assert answer.settle_s < 600
    assert isinstance(answer.raw, bytes)
    assert isinstance(answer.log, bytes)


def _judge_fetched(fetched: Fetched, orders: Mapping[str, Any]) -> None:
    """A result is exactly what was ordered, or it is none."""
    order = orders[fetched.job_id]
    assert fetched.counts.shots == order.shots
    assert fetched.counts.num_bits == order.circuit.facts.num_bits
    assert sum(fetched.counts.to_dict().values()) == order.shots
    assert fetched.cost is None or is_amount(fetched.cost)
    assert is_json(fetched.facts)


def _judge_target(target: Target, _: Mapping[str, Any]) -> None:
    assert is_word(target.name)
    assert target.name
    for number in (target.num_qubits, target.max_shots, target.min_shots, target.in_flight):
        assert number is None or (type(number) is int and number > 0)
    assert target.queue_depth is None or type(target.queue_depth) is int
    assert target.next_window_at is None or is_word(target.next_window_at)
    assert isinstance(target.online, bool)
    _judge_price(target.price)
    assert is_json(target.facts)


def _judge_price(price: Price) -> None:
    parts = (price.per_job, price.per_shot, price.per_composite, price.minimum)
    assert all(is_amount(part) for part in parts)
    assert is_word(price.unit)
    assert is_word(price.source)


def _judge_prepared(prepared: Prepared, orders: Mapping[str, Any]) -> None:
    assert is_json(prepared.memo)
    assert is_amount(prepared.again_s)
    assert prepared.ready or prepared.again_s > 0
    assert prepared.quotes.keys() <= orders.keys()
    assert all(is_amount(quote) for quote in prepared.quotes.values())


def _judge_unclear(unclear: Unclear, orders: Mapping[str, Any]) -> None:
    _judge_answer(unclear, orders)
    assert unclear.again_s is None or 0 < unclear.again_s < 600


def _judge_missing(missing: Missing, orders: Mapping[str, Any]) -> None:
    _judge_answer(missing, orders)
    assert missing.memo is None or is_json(missing.memo)
    assert missing.look_s is None or 0 < missing.look_s <= missing.settle_s


_KINDS = [
    kind for kind in vars(answers).values() if isinstance(kind, type) and issubclass(kind, Answer)
]

_JUDGES: Mapping[type, Any] = {
    **dict.fromkeys(_KINDS, _judge_answer),
    Fetched: _judge_fetched,
    Target: _judge_target,
    Prepared: _judge_prepared,
    Missing: _judge_missing,
    Unclear: _judge_unclear,
}


def orders_of(batches: Collection[Batch]) -> dict[str, Any]:
    return {order.id: order for batch in batches for order in batch.orders}
