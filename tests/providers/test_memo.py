"""What drivers remember of a composite job: read back as written, and told where it is damaged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.errors import SnapshotError
from qbatch.job import ACCOUNT, DECIDED_AS, CompositeJob
from qbatch.providers.ibm_direct_access.memo import IbmMemo
from qbatch.providers.kit.memo import Memo, memo_of
from qbatch.providers.marqov.memo import MarqovMemo
from qbatch.providers.open_quantum.memo import OpenQuantumMemo
from qbatch.providers.oqc.memo import OqcMemo
from qbatch.providers.scaleway.memo import ScalewayMemo

WORDS, PRICES = st.text(max_size=8), st.floats(0, 1e6)

#: Kind -> key -> what may stand there, as JSON has it: written down here once more, by hand.
KINDS: Mapping[Any, Mapping[str, st.SearchStrategy[Any]]] = {
    OqcMemo: {"task_ids": st.lists(WORDS), "qpu_id": WORDS},
    IbmMemo: {"job_id": WORDS, "timeout_secs": st.integers(1, 604_800)},
    OpenQuantumMemo: {
        **dict.fromkeys(("name", "organization_id", "preparation_id", "plan_id"), WORDS),
        **dict.fromkeys(("priority_id", "chosen"), WORDS),
        "credits": PRICES,
        "offers": st.lists(st.tuples(WORDS, PRICES, st.booleans()).map(list)),
    },
    ScalewayMemo: {
        **dict.fromkeys(("platform_id", "session_id"), WORDS),
        "models": st.lists(WORDS),
        "attempt": st.integers(1, 9),
    },
    MarqovMemo: {
        **dict.fromkeys(("script_id", "analysis_id", "body"), WORDS),
        **dict.fromkeys(("is_free", "resent"), st.booleans()),
        "usd": st.none() | PRICES,
        "native": st.just(True)
        | st.fixed_dictionaries({"team": WORDS, "cap_cents": st.integers(1, 10_000)}),
    },
}

#: As folders of the first driver's day have them, before accounts and offers were remembered.
FORMER: Mapping[Any, Mapping[str, Any]] = {
    OqcMemo: {"task_ids": ["a", "b"], "qpu_id": "lucy"},
    IbmMemo: {"job_id": "5f7d"},
    OpenQuantumMemo: {"name": "n", "organization_id": "o", "preparation_id": "p", "credits": 3},
    ScalewayMemo: {"platform_id": "p", "models": []},
    MarqovMemo: {"script_id": "s", "usd": 0, "is_free": True, "body": "{}", "native": True},
}


def remembering(memo: Any) -> CompositeJob:
    return CompositeJob("c" * 64, "cloud", ("p",), 1, memo)


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A kind, and a memo of it with any of its keys, and with some that others set."""
    kind = draw(st.sampled_from(list(KINDS)))
    more = {ACCOUNT: WORDS, DECIDED_AS: WORDS, "later": st.none() | st.lists(WORDS)}
    return kind, draw(st.fixed_dictionaries({}, optional={**KINDS[kind], **more}))


@given(written())
def test_a_memo_is_read_as_it_was_written(case: tuple[Any, dict[str, Any]]) -> None:
    kind, memo = case
    stored = json.loads(json.dumps(memo))
    read: Any = memo_of(remembering(stored), kind)
    assert json.loads(json.dumps(read)) == stored == memo
    read.clear()
    assert stored == memo  # what was read is a copy


@pytest.mark.parametrize("kind", FORMER)
def test_a_memo_of_a_former_version_is_read(kind: Any) -> None:
    assert memo_of(remembering(FORMER[kind]), kind) == FORMER[kind]


@given(written(), st.data())
def test_a_damaged_memo_is_told_by_its_key(
    case: tuple[Any, dict[str, Any]], data: st.DataObject
) -> None:
    kind, memo = case
    key = data.draw(st.sampled_from([*KINDS[kind], ACCOUNT, DECIDED_AS]))
    memo[key] = data.draw(st.sampled_from([{"x": 1}, [[1, 2]], 1j]))
    with pytest.raises(SnapshotError, match=rf"cccc .*'cloud'.*'{key}[^']*' is .*qbatch doctor"):
        memo_of(remembering(memo), kind)


@pytest.mark.parametrize("memo", [[], None, "text", 3])
def test_what_is_no_memo_at_all_is_told(memo: Any) -> None:
    with pytest.raises(SnapshotError, match="'memo' is"):
        memo_of(remembering(memo), OqcMemo)


def test_the_memo_of_another_driver_is_told() -> None:
    with pytest.raises(SnapshotError, match="'task_ids', 'qpu_id' not there"):
        memo_of(remembering(FORMER[ScalewayMemo]), OqcMemo, "task_ids", "qpu_id")


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_known_here_and_those_of_the_executor_to_all(kind: Any) -> None:
    assert set(get_type_hints(kind)) - set(get_type_hints(Memo)) == set(KINDS[kind])
    assert {ACCOUNT, DECIDED_AS} == set(get_type_hints(Memo))


def test_nothing_is_taken_for_what_it_resembles() -> None:
    with pytest.raises(SnapshotError, match="'timeout_secs' is '300'"):
        memo_of(remembering({"job_id": "5f7d", "timeout_secs": "300"}), IbmMemo)
