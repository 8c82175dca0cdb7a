"""Quotes that held jobs back: of several of one kind the dearest is shown."""

from __future__ import annotations

from itertools import permutations

from qbatch.snapshot.quotes import QUOTES, Recalled, dump_quotes, recalled_prices


def test_of_quotes_told_together_the_dearest_is_shown_and_of_later_ones_the_newest() -> None:
    told = [Recalled("b", "c", (), 100, price, 1.0) for price in (12.0, 11.0, 7.5)]
    for order in permutations(told):
        text = dump_quotes([], order)
        assert [*recalled_prices({QUOTES: text}, 2.0).values()] == [12.0]
    later = dump_quotes(told, [Recalled("b", "c", (), 100, 9.0, 3.0)])
    assert [*recalled_prices({QUOTES: later}, 4.0).values()] == [9.0]
