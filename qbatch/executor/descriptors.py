"""Files that this process may have open at once: enough before anything begins, or it is said.

A run holds its snapshot, a lock, pipes to its workers and a connection for each call in active. A
limit that is met in the middle looks like a full disk here and like a cloud out of reach there, and
is waited for; so it is looked at first, and raised where the system allows that.
"""

from __future__ import annotations

from qbatch.errors import SnapshotError

#: What a run needs at least, and what it takes where it may.
LEAST, WANTED = 64, 4096


def ensure_descriptors() -> None:
    """Raise this process's limit of open files if it is low.

    Raises:
        SnapshotError: It may not be raised far enough.
    """
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= WANTED:
        return
    most = WANTED if hard == unlimited else min(hard, WANTED)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < LEAST:
        raise SnapshotError(
            f"this process may have {most} files open at once, a run needs {LEAST}: nothing was "
            "begun; raise the limit (`ulimit -n 1024`) and run again"
        )
