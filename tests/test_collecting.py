"""The collector's rule is changed while it is asked for, and is the same again afterwards."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from qbatch.collecting import OBJECTS, rarely_collecting


@pytest.fixture(autouse=True)
def rule() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield 700, 10, 10
    gc.set_threshold(*before)


def test_the_rule_is_as_it_was_also_after_an_error(rule) -> None:
    @rarely_collecting()
    def divide() -> float:
        assert gc.get_threshold() == (OBJECTS, 10, 10)
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        divide()
    assert gc.get_threshold() == rule


@pytest.mark.parametrize("own", [(0, 10, 10), (OBJECTS * 2, 5, 5)])
def test_a_collector_that_is_off_or_rarer_still_stays_so(own) -> None:
    gc.set_threshold(*own)
    with rarely_collecting():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_the_rule_of_before_holds_after_the_last_of_several_threads(rule) -> None:
    first_left, second_in = threading.Event(), threading.Event()

    def first() -> None:
        with rarely_collecting():
            second_in.wait(10)
        first_left.set()

    def second() -> None:
        with rarely_collecting():
            second_in.set()
            assert first_left.wait(10)
            assert gc.get_threshold()[0] == OBJECTS

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.get_threshold() == rule
