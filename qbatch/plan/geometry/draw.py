"""Chance that is the same everywhere: a shuffle that is never written down, and a fair sample.

Both come from the root seed by arithmetic on integers and SHA-256 alone.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from heapq import nsmallest

_MIX = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1

#: Ranks are sorted by their leading bits first, so that only a part of them is a list at once.
_BUCKET_BITS = 12


class Shuffle:
    """A permutation of ``range(size)`` computed entry by entry.

    A Feistel network permutes the next power of two (its halves differ by a bit where that is odd);
    entries that come out beyond the size are sent through again until they come out inside.

    Args:
        size: 1 or more.
        seed: 0 <= seed < 2**63.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        bits = max(2, (size - 1).bit_length())
        low, high = bits // 2, bits - bits // 2
        digest = hashlib.sha256(f"{seed}:order".encode()).digest()
        keys = [int.from_bytes(digest[i : i + 8], "big") for i in range(0, 32, 8)]
        # Each round exchanges the halves, and so their widths: (key, width of the left half).
        self._rounds = [(key, low if n % 2 else high) for n, key in enumerate(keys)]
        self._low = low

    def __getitem__(self, index: int) -> int:
        low = self._low
        while True:
            left, right = index >> low, index & ((1 << low) - 1)
            for key, width in self._rounds:
                mixed = ((right ^ key) * _MIX) & _WORD
                mixed = ((mixed ^ (mixed >> 29)) * _MIX) & _WORD
                left, right = right, left ^ (mixed >> (64 - width))
            index = left << low | right
            if index < self._size:
                return index


def rank(seed: int, text: str) -> int:
    """Return the 64-bit rank of the point described by `text` in the sample drawn with `seed`."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{text}".encode()).digest()[:8], "big")


def threshold(ranks: Iterable[int], n: int) -> int:
    """Return the n-th smallest of `ranks`, keeping 8 bytes for each.

    Args:
        ranks: 64-bit.
        n: From 1 to their number.
    """
    buckets = [array("Q") for _ in range(1 << _BUCKET_BITS)]
    shift = 64 - _BUCKET_BITS
    for value in ranks:
        buckets[value >> shift].append(value)
    for bucket in buckets:
        if n <= len(bucket):
            return nsmallest(n, bucket)[-1]
        n -= len(bucket)
    raise ValueError("fewer ranks than asked for")


def find_repeated(digests: Iterable[int]) -> frozenset[int]:
    """Return those of `digests` (64-bit, evenly spread) that stand more than once."""
    buckets = [array("Q") for _ in range(256)]
    for digest in digests:
        buckets[digest & 255].append(digest)
    found: set[int] = set()
    for bucket in buckets:
        seen: set[int] = set()
        if len(set(bucket)) < len(bucket):
            for digest in bucket:
                (found if digest in seen else seen).add(digest)
    return frozenset(found)
