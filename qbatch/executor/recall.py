"""What another copy of a run folder may have bought, looked for before anything is bought here.

Two copies of a folder, or an older one that was put back, know nothing of one another's purchases.
But the names that qbatch gives them at a cloud are the same: so where a folder may be such a copy,
each purchase is looked for under its name first, and taken over where it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.errors import Misspoke, Refused
from qbatch.executor.active import ActiveJob
from qbatch.providers import Answer, Recalls

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine


async def recalled(engine: Engine, backend: BackendRun, active: ActiveJob) -> Sequence[Answer]:
    """Return news of what was sent of a composite job before, from another copy of the run folder.

    None of a backend where sending twice costs nothing.

    Raises:
        Refused: Nobody can tell, for looking for it failed: it is not bought.
    """
    driver = backend.driver
    if driver.is_local or not engine.snapshot.may_be_copy:
        return ()
    if not isinstance(driver, Recalls):
        backend.warn(
            "this run folder may be a copy, and its cloud does not show what was sent under which "
            "name: what another copy of it bought meanwhile is bought again",
            once="recall",
        )
        return ()
    try:
        found = await backend.read(lambda: driver.recall(active.current()))
    except (Refused, Misspoke) as error:
        raise Refused(
            "this run folder may be a copy, and looking for what another one bought failed, so "
            f"nothing was bought: {error}"
        ) from error
    for answer in found:
        backend.warn(
            f"{active.order(answer.job_id).name}: bought by another copy of this run folder"
        )
    return found
