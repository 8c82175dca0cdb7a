"""Whether a ``-journal`` file is whole: SQLite stops in silence where it cannot undo a step."""

from __future__ import annotations

import struct

from qbatch.snapshot.schema import PAGE_BYTES

#: First bytes of each part of it, and bytes of such a head in use.
_MAGIC, _HEAD_BYTES = bytes.fromhex("d9d505f920a163d7"), 28

#: Of a page in it, each so many bytes are summed up, from its end.
_SAMPLED = 200


def is_whole_undo(journal: bytes) -> bool:
    """Whether a ``-journal`` file undoes all of its step.

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
    follows = journal[at : at + len(_MAGIC)]
    return end > 0 and (len(journal) == end or (follows != b"" and not follows.strip(b"\0")))


def _read_head(journal: bytes, at: int) -> tuple[int, int, int, int, int] | None:
    """Read pages, nonce, pages of the snapshot, bytes of a sector and of a page."""
    head = journal[at : at + _HEAD_BYTES]
    if head[:8] != _MAGIC or len(head) < _HEAD_BYTES:
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
