"""What holds of all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

# What is compiled is kept, for the modules of the tests and for the hundreds of processes that they
# start: each would read all of qbatch's text anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept beside runs goes elsewhere than the person's own, and no line is folded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QBATCH_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        for name in ("COLUMNS", "FORCE_COLOR", "QBATCH_REPORT_FORMATS", "QBATCH_FIGURE_STYLE"):
            patch.delenv(name, raising=False)  # talk would be folded, or look otherwise
        yield
