"""A run folder that is opened for reading, and what is known of the run as a whole.

Rule: nothing is shown that was not checked: see `trust`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qbatch.errors import SnapshotError
from qbatch.snapshot import database
from qbatch.snapshot.estimates import analysis_key
from qbatch.snapshot.faults import translated
from qbatch.snapshot.home import home_of
from qbatch.snapshot.lock import holder_of
from qbatch.snapshot.reading import (
    BY_CONTENT,
    IDS,
    NO_PLAN,
    OF_MANIFEST,
    POINTS,
    check_number_of_points,
    checked,
    num_planned,
    read_fact,
    read_meta,
)
from qbatch.snapshot.sources import read_sources
from qbatch.snapshot.standing import read_standing
from qbatch.snapshot.trust import RULES, Trust, check_large

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.snapshot.times import Moment


#: Keys of a manifest that may change when results are there.
ANALYSED = ("description", "tags", "vars", "analysis", "checks", "report", "reuse")


class Opened:
    """A run folder, opened for reading; what it takes and raises: see `Run`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / database.NAME
        #: What the latest `run` of this process did; None for a run that was only opened.
        self.summary: Any = None
        self._is_closed = False
        self._doubts: dict[str, str] = {}  # by setting
        self._ran: tuple[int, dict[int, Moment]] | None = None  # by how many moves there were
        self._db = database.open_reader(folder)
        self._trust = Trust(self._db, self.path)
        try:
            check_number_of_points(self._db, self.path)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        db = getattr(self, "_db", None)
        if db is not None:
            db.close()

    def close(self) -> None:
        """Close the files. Repeatable."""
        self._is_closed = True
        self._db.close()

    def _rows(self, sql: str, values: Sequence[Any] = (), *, of: Sequence[str] = ()) -> list[Any]:
        """Ask for rows; the tables they are `of` are checked before, where they are not after."""
        self._trust.check(*of)
        with translated(self.path):
            return self._db.execute(sql, values).fetchall()

    def _large(self, table: str, where: str, values: Sequence[Any]) -> list[Any]:
        """Rows of a table with what is large in them, at their ends."""
        sql = f"SELECT {RULES[table].all_columns} FROM {table} WHERE {where}"
        rows = self._rows(sql, values, of=(table,))
        with checked(self.path):
            for row in rows:
                check_large(table, row)
        return rows

    @property
    def meta(self) -> dict[str, str]:
        """Facts of the run as a whole: id, name, times, versions."""
        with translated(self.path), checked(self.path):
            return read_meta(self._db)

    @cached_property
    def name(self) -> str:
        return self.meta.get("name") or self.folder.name

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the latest `run`, from the text kept with the results."""
        found = manifest_in(self.meta, self.folder)
        if found is None:
            raise SnapshotError(
                f"{self.path}: its manifest is not kept here, for the run was cut off early or "
                "mended; `qbatch run` with the manifest puts it back"
            )
        return found

    def analyse_as(self, manifest: Manifest) -> bool:
        """From now on take analysis, checks and report from `manifest`, not from what is kept.

        Numbers come from the stored counts, whichever analysis they are for; nothing is written.

        Returns:
            Whether all else in it is as it was when the run began.
        """
        from qbatch.manifest.reading import decide_manifest

        kept = self.manifest
        manifest = decide_manifest(manifest, kept.decisions)
        for each in manifest.analysis.made_elsewhere:
            each.fall_back_on(kept.sums)
        about = {name: getattr(manifest, name) for name in ANALYSED}
        is_same = all(
            getattr(kept, name) == getattr(manifest, name)
            for name in type(kept).model_fields
            if name not in ANALYSED
        )
        if not is_same:
            kept = kept.model_copy(update=about)
            kept.move_to(manifest.folder)  # the person named it: its files are those there
        self.manifest = manifest if is_same else kept
        self.__dict__.pop("analysis_key", None)
        return is_same

    @cached_property
    def analysis_key(self) -> str:
        """Which stored estimates are of the manifest's own analysis."""
        return analysis_key(self.manifest.analysis, self.analyses)

    @property
    def analyses(self) -> dict[str, dict[str, str]]:
        """Own analysis -> what it was when the run began: its function, version, SHA-256."""
        found: dict[str, dict[str, str]] = json.loads(self.meta.get("analyses") or "{}")
        return found

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Names of the swept axes, in the plan's order."""
        return tuple(json.loads(self.meta.get("axes", "[]")))

    @property
    def has_plan(self) -> bool:
        """False where it was cut off before its points were registered."""
        return self._numbers()[2] != NO_PLAN

    @cached_property
    def has_former_ids(self) -> bool:
        """True in a folder of an earlier version that no run has converted yet."""
        with translated(self.path), checked(self.path):
            return read_fact(self._db, IDS) != BY_CONTENT

    @property
    def is_running(self) -> bool:
        """True while a runner holds the folder."""
        try:
            return holder_of(self.folder) is not None
        except SnapshotError:  # without locks there is no runner
            return False

    def standing(self) -> Mapping[str, Any] | None:
        """How far its runner is and what it waits for, as that told last; None without one."""
        found = read_standing(self.folder)
        return found if found is not None and self.is_running else None

    @property
    def is_rehearsal(self) -> bool:
        """True when all of it comes from emulated clouds."""
        return "rehearsal" in self.meta

    @property
    def targets(self) -> dict[str, Any]:
        """Backend -> what its provider said about it when the latest run began; JSON.

        A calibration that came with results is among its facts: the newest.
        """
        found: dict[str, Any] = json.loads(self.meta.get("targets", "{}"))
        for name, calibration in json.loads(self.meta.get("calibrations", "{}")).items():
            if name in found:
                found[name].setdefault("facts", {})["calibration"] = calibration
        return found

    @property
    def emulated(self) -> frozenset[str]:
        """Backends for which an emulator stood in for the cloud."""
        return frozenset(name for name, it in self.targets.items() if it.get("is_emulated"))

    def _numbers(self) -> tuple[int, int, str]:
        """How many rows of points there are, how many are planned, and in which plan."""
        with translated(self.path), checked(self.path):
            planned, plan = num_planned(self._db)
            return int(read_fact(self._db, POINTS) or 0), planned, plan


def manifest_in(facts: Mapping[str, str], folder: Path) -> Manifest | None:
    """Read the manifest that is kept with a run; None where it is not.

    Args:
        facts: Of the run.
        folder: The run's: see `home` for where the manifest's files are.

    Raises:
        SourceErrors: It is none that this qbatch reads.
    """
    from qbatch.manifest import parse_manifest
    from qbatch.manifest.decisions import kept_decisions

    if not facts.keys() >= OF_MANIFEST:
        return None
    return parse_manifest(
        facts["manifest"],
        file=facts["manifest_path"] + (", merged with its bases" if read_sources(facts) else ""),
        folder=home_of(facts, folder),
        overrides=json.loads(facts["overrides"]),
        decisions=kept_decisions(facts, str(folder / database.NAME)),
        sums=json.loads(facts.get("sums", "{}")),
    )
