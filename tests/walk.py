"""Through how many files and shapes one point goes, and one lost reply: ``python -m tests.walk``.

Counted are files of qbatch, emulators aside, in which some function is called with an argument (not
`self`) that holds the id of a point: a value of a class of ours one of whose attributes is the id,
or has it one level down: in another value of ours, in a list or a set, or as a key. Those classes
are the shapes. The design notes have the figures.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import qbatch
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.report import write_report
from tests.fuzz.whole_runs import SPENDING, Clouds, manifest_of

ROOT = Path(qbatch.__file__).parent

CLOUD = "oqc"


class Walk(NamedTuple):
    """What a point passed."""

    files: set[str]
    shapes: set[str]


def is_ours(value: object) -> bool:
    module = type(value).__module__
    return module.startswith("qbatch.") and not module.startswith("qbatch.emulators")


def attributes(value: object) -> Iterator[object]:
    """Yield what is kept in a value; properties are computed, and left alone."""
    if isinstance(value, tuple):
        yield from value
    yield from getattr(value, "__dict__", {}).values()
    for kind in type(value).__mro__:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                yield getattr(value, name)


def holds(value: object, ids: frozenset[str]) -> bool:
    """Whether a value of ours holds one of the ids, by itself or one level down."""
    return any(
        (isinstance(each, str) and each in ids)
        or (isinstance(each, (tuple, list, set, frozenset, dict)) and _is_among(each, ids))
        or (is_ours(each) and any(isinstance(one, str) and one in ids for one in attributes(each)))
        for each in attributes(value)
    )


def _is_among(values: Any, ids: frozenset[str]) -> bool:
    return any(isinstance(one, str) and one in ids for one in list(values))


@contextmanager
def walked(ids: frozenset[str]) -> Iterator[Walk]:
    """While inside, note where points with these ids go."""
    walk, where = Walk(set(), set()), dict[CodeType, str]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        del argument
        code = frame.f_code
        if event != "call":
            return
        if code not in where:
            path = Path(code.co_filename)
            is_inside = path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "emulators")
            where[code] = str(path.relative_to(ROOT)) if is_inside else ""
        if not where[code] or code.co_name.startswith("<"):
            return
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            value = frame.f_locals.get(name)
            if name != "self" and is_ours(value) and holds(value, ids):
                walk.files.add(where[code])
                walk.shapes.add(type(value).__name__)

    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(None)


def one_point(clouds: Clouds, folder: Path) -> Walk:
    """From the manifest's text to the report."""
    text = re.sub(r"\[0, pi\]", "[0]", manifest_of(CLOUD).text)
    ids = frozenset(id_ for id_, _ in expand(parse_manifest(text, folder=folder)).ids_and_names())
    assert len(ids) == 1
    with walked(ids) as walk:
        done = clouds.run(parse_manifest(text, folder=folder), folder / "run", around_of(clouds))
        with done:
            write_report(done)
    return walk


def one_lost_reply(clouds: Clouds, folder: Path) -> Walk:
    """From the submission whose answer is lost to the download; four points."""
    manifest = manifest_of(CLOUD)
    ids = frozenset(id_ for id_, _ in expand(manifest).ids_and_names())
    lost = {"method": "POST", "path": SPENDING[CLOUD], "drop": "after", "nth": 1}
    clouds.set_faults(requests=[lost])
    with walked(ids) as walk, clouds.run(manifest, folder / "run", around_of(clouds)) as done:
        assert done.summary.completed == 4
    return walk


def around_of(clouds: Clouds) -> Any:
    return clouds.surroundings()


def measured(walk: Callable[[Clouds, Path], Walk]) -> Walk:
    """Take one walk, in a folder of its own."""
    clouds = Clouds(CLOUD)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return walk(clouds, Path(folder))
    finally:
        clouds.close()


if __name__ == "__main__":
    for taken in (one_point, one_lost_reply):
        found = measured(taken)
        name = taken.__name__.replace("_", " ")
        print(f"{name}: {len(found.files)} files, {len(found.shapes)} shapes")
        print(f"  {', '.join(sorted(found.files))}")
        print(f"  {', '.join(sorted(found.shapes))}")
