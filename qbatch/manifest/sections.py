"""Which sections of installed packages a manifest may name for its report."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from qbatch.manifest.fields import Mistakes, Text, known_to, wrong
from qbatch.notation import did_you_mean, listed

#: Group of entry points by which packages offer sections: functions of a run.
GROUP = "qbatch.sections"


def check_offered(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """See that an installed package offers each; of what was kept with a run, none need be."""
    known = known_to(info)
    if not names or known.folder is None or known.sums is not None:
        return names
    from qbatch.circuit.installed import offered

    there, mistakes = offered(GROUP), Mistakes()
    for number, name in enumerate(names):
        if name not in there:
            said = f"there are {listed(there)}" if there else "none is installed"
            hint = did_you_mean(name, there)
            mistakes.add((number,), wrong(f"is no section that a package offers; {said}{hint}"))
    mistakes.raise_any()
    return names


SectionNames = Annotated[tuple[Text, ...], AfterValidator(check_offered)]
