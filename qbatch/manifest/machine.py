"""Numbers of machines by their calibrations, as figures and tables name them: ``target.t1[3]``.

Rule: what a machine tells is known once jobs ran on it; here only how such a name is written is
looked at, and `plan.machines` sees that some machine of the manifest tells anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from qbatch.calibration import PREFIX, Column
from qbatch.manifest.fields import Mistakes, Text, unknown, wrong

#: The digests of the calibrations that a point's jobs ran with, each once, a space between.
CALIBRATION = f"{PREFIX}calibration"

#: Keys of a plot that may name one.
PLOT_KEYS = ("x", "y", "z", "color", "facet")


def is_of_machine(name: str) -> bool:
    """Whether a name is meant for a machine's number; `machine_name` says if it is one."""
    return name.startswith(PREFIX)


def machine_name(name: str, others: Iterable[str] = ()) -> str:
    """Return a machine's number as it is written everywhere: no spaces, lower case.

    Args:
        name: As it is written in the manifest.
        others: What else might be meant.

    Raises:
        PydanticCustomError: It is none.
    """
    if not is_of_machine(name) and others:
        raise unknown("axis or number of the analysis", name, others)
    found = Column.of(name)
    if found is None:
        raise wrong(
            "is no number of a machine's calibration; write target.t1[3], target.cx_error[0,1] or "
            "target.calibration (`qbatch help calibrations` lists the names)"
        )
    return str(found)


def _check_all(names: tuple[str, ...]) -> tuple[str, ...]:
    mistakes, found = Mistakes(), []
    for at, name in enumerate(names):
        try:
            found.append(machine_name(name))
        except PydanticCustomError as error:
            mistakes.add((at,), error)
    mistakes.raise_any()
    return (*dict.fromkeys(found),)


#: Those that are columns of tables, each once.
MachineNames = Annotated[tuple[Text, ...], AfterValidator(_check_all)]
