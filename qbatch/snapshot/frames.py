"""The pages in a ``-wal`` file, also those behind a damaged one, where SQLite stops; and whether a
``-journal`` file is whole.

Each frame is a page with its number, and a checksum that goes on from the one before. So it is
known which frame is damaged; and since a checksum can be undone, what its head was where only the
head is.

Rule: a page whose place is not certain is left out, and that is told: what should have been
replaced is out of date there, and its rows match their CRCs all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from qbatch.snapshot.schema import PAGE_BYTES

#: Bytes of the file's own head, of a frame's, and of a frame.
_HEADER, _HEAD = 32, 24
_FRAME = _HEAD + PAGE_BYTES

#: First bytes of a file whose checksums are of big-endian numbers.
_BIG_ENDIAN = bytes.fromhex("377f0683")

#: First bytes of each part of a ``-journal`` file, and bytes of such a head in use.
_UNDO, _UNDO_HEAD = bytes.fromhex("d9d505f920a163d7"), 28

#: Of a page in it, each so many bytes are summed up, from its end.
_SAMPLED = 200

#: Frames of this file looked at for its salts; behind its last one old ones may follow.
_NEXT = 3

_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """A page of a step.

    Attributes:
        number: Of the page, from 1.
        after: Pages of the snapshot, where a step ends here; else 0.
        page: Its bytes.
    """

    number: int
    after: int
    page: bytes


@dataclass(frozen=True, slots=True)
class Frames:
    """What could be read of a ``-wal`` file.

    Attributes:
        whole_steps: Up to the last whole step, in their order.
        is_doubtful: Some page is left out because nobody can tell which it is.
    """

    whole_steps: list[Frame]
    is_doubtful: bool


def read_frames(journal: bytes, num_pages: int) -> Frames:
    """Read a ``-wal`` file.

    Args:
        journal: All of it.
        num_pages: Pages of the snapshot beside it.
    """
    found = _Reader(journal, num_pages).read()
    last = max((at for at, frame in enumerate(found) if frame and frame.after), default=-1)
    kept = found[: last + 1]
    return Frames([frame for frame in kept if frame is not None], None in kept)


@dataclass(frozen=True, slots=True)
class _Raw:
    """A frame as it stands there.

    Attributes:
        seeds: What its checksum may go on from.
        is_whole: Its checksum matches.
    """

    head: bytes
    page: bytes
    has_salts: bool
    seeds: frozenset[_Sum]
    stored: _Sum
    is_whole: bool

    def as_frame(self, head: bytes) -> Frame:
        number, after = struct.unpack(">II", head)
        return Frame(number, after, self.page)


class _Reader:
    def __init__(self, journal: bytes, num_pages: int) -> None:
        self._journal = journal
        self._order = ">" if journal[:4] == _BIG_ENDIAN else "<"
        self._raw = list(self._frames())
        sizes = [raw.as_frame(raw.head).after for raw in self._raw if raw.is_whole]
        known = [size for size in sizes if size]
        self._fewest_pages = min([num_pages, *known])
        self._most_pages = max(known, default=num_pages + len(self._raw))

    def _frames(self) -> Iterator[_Raw]:
        starts = range(_HEADER, len(self._journal) - _FRAME + 1, _FRAME)
        salts = [self._journal[at + 8 : at + 16] for at in starts]
        ours = max(set(salts[:_NEXT]), key=salts[:_NEXT].count, default=b"")
        seeds = frozenset({self._sum(self._journal[:24], (0, 0)), self._stored(24)})
        for nth, at in enumerate(starts):
            head, page = self._journal[at : at + 8], self._journal[at + _HEAD : at + _FRAME]
            stored = self._stored(at + 16)
            made = {self._sum(page, self._sum(head, seed)) for seed in seeds}
            if stored not in made and ours not in salts[nth : nth + _NEXT]:
                return  # left over from before the file was begun anew
            yield _Raw(head, page, salts[nth] == ours, seeds, stored, stored in made)
            seeds = frozenset(made | {stored})

    def read(self) -> list[Frame | None]:
        """Return each frame of this file; None: nobody can tell which page it is."""
        return [raw.as_frame(raw.head) if raw.is_whole else self._judge(raw) for raw in self._raw]

    def _judge(self, raw: _Raw) -> Frame | None:
        """Tell whether the head of a damaged frame is as it was written, or what it was."""
        implied = {self._undone(raw.page, seed, raw.stored) for seed in raw.seeds}
        fitting = [head for head in implied if self._fits(head)]
        if self._fits(raw.head):
            return None if fitting or not raw.has_salts else raw.as_frame(raw.head)
        return raw.as_frame(fitting[0]) if len(fitting) == 1 else None

    def _fits(self, head: bytes) -> bool:
        number, after = struct.unpack(">II", head)
        is_size = after == 0 or self._fewest_pages <= after <= self._most_pages
        return bool(0 < number <= self._most_pages and is_size)

    def _stored(self, at: int) -> _Sum:
        one, other = struct.unpack(">II", self._journal[at : at + 8].ljust(8, b"\0"))
        return one, other

    def _words(self, data: bytes) -> tuple[int, ...]:
        return struct.unpack(f"{self._order}{len(data) // 4}I", data)

    def _sum(self, data: bytes, seed: _Sum) -> _Sum:
        one, other = seed
        words = iter(self._words(data))
        for first, second in zip(words, words, strict=True):
            one = one + first + other & 0xFFFFFFFF
            other = other + second + one & 0xFFFFFFFF
        return one, other

    def _undone(self, page: bytes, seed: _Sum, stored: _Sum) -> bytes:
        """Return the head with which a page has the checksum that is stored."""
        one, other = stored
        words = iter(reversed(self._words(page)))
        for second, first in zip(words, words, strict=True):
            other = other - second - one & 0xFFFFFFFF
            one = one - first - other & 0xFFFFFFFF
        first, second = one - seed[0] - seed[1], other - seed[1] - one
        return struct.pack(f"{self._order}II", first & 0xFFFFFFFF, second & 0xFFFFFFFF)


def is_whole_undo(journal: bytes) -> bool:
    """Whether a ``-journal`` file undoes all of its step: SQLite stops in silence where it cannot.

    It is parts of whole sectors, each a head and so many pages as they were; what was not synced
    when the step was cut off follows as zeros.
    """
    at, end, seen = 0, 0, set[int]()
    while head := _read_head(journal, at):
        num_pages, nonce, most, sector, page_bytes = head
        at += sector
        for _ in range(num_pages):
            page = journal[at + 4 : at + 4 + page_bytes]
            number, stored = (_number(journal, each) for each in (at, at + 4 + page_bytes))
            places = range(len(page) - _SAMPLED, 0, -_SAMPLED)
            sampled = sum((page[each] for each in places), nonce)
            if number in seen or not 0 < number <= most or stored != sampled & 0xFFFFFFFF:
                return False
            seen.add(number)
            at += page_bytes + 8
        at, end = -(-at // sector) * sector, at
    follows = journal[at : at + len(_UNDO)]
    return end > 0 and (len(journal) == end or (follows != b"" and not follows.strip(b"\0")))


def _read_head(journal: bytes, at: int) -> tuple[int, int, int, int, int] | None:
    """Read pages, nonce, pages of the snapshot, bytes of a sector and of a page."""
    head = journal[at : at + _UNDO_HEAD]
    if head[:8] != _UNDO or len(head) < _UNDO_HEAD:
        return None
    num_pages, nonce, most, sector, page_bytes = struct.unpack(">5I", head[8:])
    if not sector or page_bytes != PAGE_BYTES:
        return None
    if num_pages == 0xFFFFFFFF:  # not counted, for they are appended safely
        num_pages = (len(journal) - at - sector) // (page_bytes + 8)
    return num_pages, nonce, most, sector, page_bytes


def _number(data: bytes, at: int) -> int:
    """A number in a file; one that cannot be where the file is too short."""
    found = data[at : at + 4]
    return int.from_bytes(found, "big") if len(found) == 4 else -1
