"""What stands in the run folder for one batch job: its work, its script, its answers, its log."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from qbatch.drafts import draft_beside
from qbatch.providers.local.engines.frames import FrameError, Part, unpack_answers

#: Of a log, so much of its end is read, bytes; and told, lines.
_LOG_BYTES, _LOG_LINES = 4096, 4


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

    @property
    def log(self) -> Path:
        return self._named("log")

    @property
    def digest(self) -> Path:
        """Where the digest of the work stands, by which its answers are known."""
        return self._named("sha256")

    @property
    def was_written(self) -> bool:
        """Whether it was made ready to be sent, from this folder."""
        return self.script.exists()

    def write(self, work: bytes, digest: str, script: str) -> None:
        """Write what a batch job needs; the script last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _put(self.work, work)
        _put(self.digest, digest.encode())
        _put(self.script, script.encode())

    def answers(self) -> tuple[Part, ...] | None:
        """Return what was computed; None where there is nothing yet.

        Raises:
            FrameError: What there is cannot count.
        """
        try:
            frame = self.result.read_bytes()
            digest = self.digest.read_text("ascii")
        except FileNotFoundError:
            return None
        try:
            return unpack_answers(frame, digest)
        except (ValueError, KeyError, TypeError) as error:
            raise FrameError(f"its head cannot be read: {error}") from error

    def set_aside(self) -> None:
        """Put away answers that cannot count."""
        with suppress(FileNotFoundError):
            self.result.replace(self._named("refused"))

    def last_words(self) -> str:
        """Return the end of the log, in one line; "" where there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _LOG_BYTES))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return " / ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip())

    def remove(self) -> None:
        """Remove all of it."""
        for path in (self.script, self.work, self.digest, self.result, self.log):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # others are still there
            self.folder.rmdir()


def _put(path: Path, content: bytes) -> None:
    draft = draft_beside(path)
    draft.write_bytes(content)
    draft.replace(path)
