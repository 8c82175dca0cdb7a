"""Python's cyclic collector, made to run less often while much is made that lasts.

It looks through young objects each time that so many were made since, and all of them again and
again while they become more; a plan and a run make many that last, and next to no cycles.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: So many objects more than are gone make it run; 700 by Python's own rule.
OBJECTS = 50_000

_lock = threading.Lock()
#: What the rule was before the first of those that are inside now, for each of them.
_before: list[tuple[int, int, int]] = []


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Let the collector run less often while inside; where it is off, or rarer still, it stays so.

    Several threads may be inside at once: the rule of before holds again after the last.
    """
    with _lock:
        before = _before[0] if _before else gc.get_threshold()
        _before.append(before)
        if 0 < before[0] < OBJECTS:
            gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                gc.set_threshold(*before)
