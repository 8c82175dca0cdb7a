"""A person's own template takes the place of nothing that a run is kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.errors import SourceError
from qbatch.report.template import check_template
from qbatch.snapshot import bulk, database, lock, standing
from qbatch.snapshot.paths import RESERVED


@pytest.mark.parametrize("name", ["snapshot.db", "Snapshot.db-wal", "snapshot.lock", ".hidden"])
def test_a_template_that_would_replace_the_run_itself_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.j2").write_text("gone")
    with pytest.raises(SourceError, match=r"where the run itself is kept; give it another name"):
        check_template(tmp_path, f"{name}.j2")
    (tmp_path / "own.md.j2").write_text("kept")
    check_template(tmp_path, "own.md.j2")


def test_each_file_that_a_run_is_kept_in_is_reserved() -> None:
    for name in (database.NAME, lock.NAME, bulk.NAME, standing.NAME):
        assert name.startswith(RESERVED)
