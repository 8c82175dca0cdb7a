"""What a disk, a copy or a person may do to a run folder's files; each follows from its chance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

DB = "snapshot.db"
WAL = f"{DB}-wal"
UNDO = f"{DB}-journal"
PAGE = 2048

Mutation = Callable[[Path, Random], str]


def _flip(name: str) -> Mutation:
    def flip(folder: Path, chance: Random) -> str:
        path = folder / name
        data = bytearray(path.read_bytes())
        at, mask = chance.randrange(len(data)), chance.choice((1 << chance.randrange(8), 0xFF))
        data[at] ^= mask
        path.write_bytes(data)
        return f"{name}: byte {at} ^ {mask:#x}"

    return flip


def _truncate(name: str) -> Mutation:
    def truncate(folder: Path, chance: Random) -> str:
        path = folder / name
        left = chance.randrange(path.stat().st_size)
        path.write_bytes(path.read_bytes()[:left])
        return f"{name}: cut to {left}"

    return truncate


def zero_a_page(folder: Path, chance: Random) -> str:
    data = bytearray((folder / DB).read_bytes())
    page = chance.randrange(len(data) // PAGE)
    data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    (folder / DB).write_bytes(data)
    return f"page {page + 1} zeroed"


def swap_pages(folder: Path, chance: Random) -> str:
    data = bytearray((folder / DB).read_bytes())
    one, other = (at * PAGE for at in chance.sample(range(len(data) // PAGE), 2))
    first, second = data[one : one + PAGE], data[other : other + PAGE]
    data[one : one + PAGE], data[other : other + PAGE] = second, first
    (folder / DB).write_bytes(data)
    return f"pages {one // PAGE + 1} and {other // PAGE + 1} swapped"


def _empty(name: str) -> Mutation:
    def empty(folder: Path, chance: Random) -> str:
        (folder / name).write_bytes(b"")
        return f"{name} emptied"

    return empty


def _delete(name: str) -> Mutation:
    def delete(folder: Path, chance: Random) -> str:
        (folder / name).unlink()
        return f"{name} deleted"

    return delete


def misplace_a_frame(folder: Path, chance: Random) -> str:
    """Let a page of the ``-wal`` file say that it is another one, or that a step ends there."""
    data = bytearray((folder / WAL).read_bytes())
    frame = chance.randrange((len(data) - 32) // (24 + PAGE))
    at = 32 + frame * (24 + PAGE) + chance.choice((3, 7))
    data[at] ^= chance.choice((1, 2, 3, 4, 5, 8, 16, 0xFF))
    (folder / WAL).write_bytes(data)
    return f"frame {frame} belongs elsewhere"


#: Mutation -> how often, of a folder with all steps in the snapshot, of one that was cut off, and
#: of one that was cut off in the middle of a step on a disk without WAL.
AT_REST: Mapping[Mutation, int] = {
    _flip(DB): 70,
    _truncate(DB): 8,
    zero_a_page: 8,
    swap_pages: 8,
    _empty(DB): 1,
    _delete(DB): 1,
    _flip("snapshot.lock"): 5,
}
CUT_OFF: Mapping[Mutation, int] = {
    _flip(DB): 10,
    _flip(WAL): 55,
    _truncate(WAL): 20,
    _truncate(DB): 2,
    zero_a_page: 2,
    swap_pages: 2,
    _empty(WAL): 2,
    _delete(WAL): 2,
    _empty(DB): 1,
    _delete(DB): 1,
    misplace_a_frame: 6,
    _flip("snapshot.lock"): 4,
}
HALF_DONE: Mapping[Mutation, int] = {
    _flip(DB): 30,
    _flip(UNDO): 30,
    _truncate(UNDO): 15,
    _truncate(DB): 5,
    zero_a_page: 10,
    swap_pages: 8,
    _flip("snapshot.lock"): 2,
}


def mutate(folder: Path, target: Path, mutations: Mapping[Mutation, int], chance: Random) -> str:
    """Make `target` a copy of `folder` with one thing wrong; say what."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    (mutation,) = chance.choices(list(mutations), list(mutations.values()))
    return mutation(target, chance)
