"""The texts of a side's circuits, each by its content, the digest of what it says; and of programs
that these were translated to for machines.

Texts are kept up to `MOST_TEXT` characters in all; of further ones only that they changed is told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.snapshot import PointResult, Run

#: Characters of texts that a side keeps.
MOST_TEXT = 64 * 2**20


@dataclass
class Texts:
    """The circuits of a run, and its programs: content -> text.

    Attributes:
        of: The texts that are kept.
    """

    of: dict[str, str] = field(default_factory=dict)
    _contents: dict[str, str] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)
    _programs: dict[str, str] = field(default_factory=dict)
    _characters: int = 0

    def add(self, run: Run, point: PointResult) -> str:
        """Keep the text of a point's circuit, and return its content."""
        key = point.setting or ""
        if key not in self._added:
            self._added.add(key)
            self._keep(*self._read(run, point))
        return self._contents[key]

    def content(self, run: Run, point: PointResult) -> str:
        """Return the content of a point's circuit, or of that of a setting."""
        key = point.setting or ""
        if key not in self._contents:
            self._read(run, point)
        return self._contents[key]

    def _read(self, run: Run, point: PointResult) -> tuple[str, str]:
        """Return content and text."""
        setting = run.setting_of(point)
        text = str(setting.get("circuit") or "")
        content = str(setting.get("content") or hashlib.sha256(text.encode()).hexdigest())
        self._contents[point.setting or ""] = content
        return content, text

    def add_programs(self, run: Run, point: PointResult) -> dict[str, str]:
        """Keep the programs of a point's settings, and return basis -> digest, of those known."""
        found = {}
        for setting in point.each_setting:
            key = setting.setting or ""
            if key not in self._programs:
                text = next(reversed(run.programs_of(setting)), "")
                self._programs[key] = text and hashlib.sha256(text.encode()).hexdigest()
                self._keep(self._programs[key], text)
            if self._programs[key]:
                found[setting.basis] = self._programs[key]
        return found

    def _keep(self, content: str, text: str) -> None:
        if content not in self.of and self._characters + len(text) <= MOST_TEXT:
            self._characters += len(text)
            self.of[content] = text
