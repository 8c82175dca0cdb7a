"""What stands in the run folder for one batch job: its work, its script, its answers, its log.

What is sent as a task of an array has no script of its own, and a note of which task it is.

Rules: a run folder may be a stranger's, so nothing is read or written here through a symbolic link.
Where it is, is part of each name: a batch job writes to the folder that it was sent from, and a
copy of that folder, or one that was moved, neither takes nor cancels it. Answers that stand in the
folder count wherever it is now.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.drafts import draft_beside
from qbatch.errors import Refused
from qbatch.providers.local.engines.frames import FrameError, Part, unpack_answers

if TYPE_CHECKING:
    from qbatch.job import CompositeJob

#: Of a log, so much of its end is read, bytes; and told, lines.
_LOG_BYTES, _LOG_LINES = 4096, 4

#: Of the note of arrays, so much of its end is read, bytes.
_NOTE_BYTES = 65_536

#: What the names of all batch jobs of ours begin with.
PREFIX = "qbatch-"
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{24}}")

#: In a composite job's memo: the name of the batch job that it was prepared as.
_KEY = "batch_job"


def files_of(run_folder: Path, run_id: str, composite: CompositeJob) -> Files:
    """Return the files of the batch job that a composite job is, sent from this folder."""
    place = os.path.realpath(run_folder)
    told = f"{run_id}:{place}:{composite.id}:{composite.generation}"
    key = f"{PREFIX}{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:24]}"
    return Files(run_folder / "slurm", key)


def with_key(memo: Mapping[str, Any], files: Files) -> Mapping[str, Any]:
    """Return a composite job's memo in which stands by what name its answers are known."""
    return {**memo, _KEY: files.key}


def former_files(files: Files, memo: Mapping[str, Any]) -> Files | None:
    """Return the files in the same folder of a batch job that was sent when it had another path."""
    key = memo.get(_KEY)
    if not isinstance(key, str) or not is_key(key) or key == files.key:
        return None
    return files._replace(key=key)


def is_key(name: str) -> bool:
    """Whether a batch job of some run of qbatch's may have this name."""
    return _NAME.fullmatch(name) is not None


class Place(NamedTuple):
    """Where Slurm may have a composite job: as a batch job, or as a task of an array.

    Attributes:
        name: The batch job's, or the array's.
        task: Its number in the array; None: it is no array.
    """

    name: str
    task: int | None = None


class Files(NamedTuple):
    """The files of the batch job with a key."""

    folder: Path
    key: str

    def _named(self, suffix: str) -> Path:
        return self.folder / f"{self.key}.{suffix}"

    @property
    def work(self) -> Path:
        return self._named("work")

    @property
    def script(self) -> Path:
        return self._named("sh")

    @property
    def result(self) -> Path:
        return self._named("result")

    def log(self, place: Place) -> Path:
        """Where Slurm writes what is said by it at one of its places."""
        task = "" if place.task is None else f".{place.task}"
        return self.folder / f"{place.name}{task}.log"

    @property
    def arrays(self) -> Path:
        """Where the arrays are noted that it was sent in: a name and a task in each line."""
        return self._named("arrays")

    @property
    def digest(self) -> Path:
        """Where the digest of the work stands, by which its answers are known."""
        return self._named("sha256")

    @property
    def was_written(self) -> bool:
        """Whether it was made ready to be sent, from this folder."""
        return self.script.exists() or self.arrays.exists()

    @property
    def places(self) -> list[Place]:
        """All places where Slurm may have it, the newest last."""
        try:
            lines = _read(self.arrays, _NOTE_BYTES).decode(errors="replace").splitlines()
        except OSError:
            return [Place(self.key)]
        told = [line.partition(" ") for line in lines]
        tasks = [
            Place(name, int(task)) for name, _, task in told if is_key(name) and task.isdecimal()
        ]
        return tasks if tasks and not self.script.exists() else [Place(self.key), *tasks]

    def write(self, work: bytes, digest: str) -> None:
        """Write what a batch job computes.

        Raises:
            Refused: The folder is a link, and would lead what is written elsewhere.
        """
        if self.folder.is_symlink():
            raise Refused(
                f"slurm: {self.folder} is a symbolic link to {self.folder.readlink()}, and "
                "batch jobs write there: nothing was sent; remove the link, or link the run's "
                "folder as a whole"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        _put(self.work, work)
        _put(self.digest, digest.encode())

    def write_script(self, script: str) -> None:
        """Write the script, by which it is sent as a batch job by itself."""
        self._part_log(Place(self.key))
        _put(self.script, script.encode())

    def join(self, place: Place) -> None:
        """Note that it is sent as a task of an array."""
        self._part_log(place)
        told = [one for one in self.places if one.task is not None and one != place]
        _put(self.arrays, "".join(f"{name} {task}\n" for name, task in [*told, place]).encode())

    def _part_log(self, place: Place) -> None:
        """Remove a log that is a link: Slurm would append to what it leads to."""
        if self.log(place).is_symlink():
            self.log(place).unlink()

    def answers(self) -> tuple[Part, ...] | None:
        """Return what was computed; None where there is nothing yet.

        Raises:
            FrameError: What there is cannot count.
        """
        try:
            frame = _read(self.result)
            digest = _read(self.digest).decode("ascii")
        except FileNotFoundError:
            return None
        except _LinkError as error:
            raise FrameError(str(error)) from error
        try:
            return unpack_answers(frame, digest)
        except (ValueError, KeyError, TypeError) as error:
            raise FrameError(f"its head cannot be read: {error}") from error

    def set_aside(self) -> None:
        """Put away answers that cannot count."""
        with suppress(FileNotFoundError):
            self.result.replace(self._named("refused"))

    def last_words(self, place: Place) -> str:
        """Return the end of the log, in one line; "" where there is none."""
        try:
            lines = _read(self.log(place), _LOG_BYTES).decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return " / ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip())

    def remove(self) -> None:
        """Remove all of it."""
        logs = [self.log(place) for place in self.places]
        for path in (self.script, self.work, self.digest, self.result, *logs, self.arrays):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # others are still there
            self.folder.rmdir()


class _LinkError(OSError):
    """What should be a file is a link."""


def _read(path: Path, most: int | None = None) -> bytes:
    """Return a file's bytes, or the last `most` of them; a link is not followed."""
    if path.is_symlink():
        raise _LinkError(f"it is a symbolic link to {path.readlink()}")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if most is not None:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read()


def _put(path: Path, content: bytes) -> None:
    draft = draft_beside(path)
    draft.write_bytes(content)
    draft.replace(path)
