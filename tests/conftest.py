"""What holds of all tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from itertools import count

import pytest

# What is compiled is kept, for the modules of the tests and for the hundreds of processes that they
# start: each would read all of qbatch's text anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Seldom enough to cost little; files of what is garbage are closed by `pytest_runtest_teardown`.
gc.set_threshold(5_000, 10, 5)

_ENDED = count(1)


def pytest_collection_finish() -> None:
    """Ten thousand tests are no garbage: they are looked through no more."""
    gc.freeze()


def pytest_runtest_teardown() -> None:
    """A process may hold no more than 1,024 files open where `select` is to take them."""
    if next(_ENDED) % 1_000 == 0:
        gc.collect()


#: Variables of a person's that would make another machine of theirs: qbatch's and the clouds'.
_OF_PERSONS = (
    *("QBATCH_", "OQC_", "OPENQUANTUM_", "MARQOV", "SCW_", "IBM", "QISKIT_IBM"),
    *("COLUMNS", "FORCE_COLOR", "NO_COLOR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
)

#: Of these, what tests are asked for by hand.
_OF_TESTS = ("QBATCH_CACHE_DIR", "QBATCH_PROOF_TIME", "QBATCH_FUZZ_SEED", "QBATCH_SCALING")


@pytest.fixture(autouse=True, scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the person's own is seen: configuration, credentials, state; no line is folded."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(_OF_PERSONS) and name not in _OF_TESTS:
                patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        patch.setenv("QBATCH_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield
