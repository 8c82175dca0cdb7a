"""Curves of installed packages that a manifest names for fits.

Rule: the manifest says which parameters there are, so that it and what is kept of a run are read
without the package; a manifest that is written now is held against what is installed.
"""

from __future__ import annotations

from collections.abc import Sequence

from qbatch.curves import Curve
from qbatch.errors import CircuitError, Place
from qbatch.fit_models import GROUP, FitModel, curve_of, missing_curve
from qbatch.manifest.fields import Known, amiss
from qbatch.notation import listed


def installed_curve(name: str, parameters: Sequence[str]) -> Curve:
    """Return a curve that a package offers; where it cannot be had, one that says why.

    Args:
        name: Under which it is offered.
        parameters: As the manifest names them.
    """
    from qbatch.circuit.installed import package_of

    try:
        model = _loaded(name)
    except CircuitError as error:
        return missing_curve(name, parameters, error.problem)
    if sorted(model.parameters) != sorted(parameters):
        said = (
            f"the installed fit {name!r} has parameters {listed(list(model.parameters))} now; "
            "install the version that the run was made with"
        )
        return missing_curve(name, parameters, said)
    return curve_of(name, model, " ".join(package_of(GROUP, name)).strip())


def check_installed(name: str | None, parameters: Sequence[str], known: Known) -> None:
    """See that a package offers a curve with these parameters; of what was kept, none need.

    Args:
        name: Of the curve; None: it is none of a package.
        parameters: As the manifest names them.
        known: Of the manifest.

    Raises:
        PydanticCustomError: It is not so.
    """
    if name is None:
        if parameters:
            raise amiss("'parameters' is for installed curves; a formula's stand under start")
        return
    if known.sums is not None or known.folder is None:
        return
    try:
        model = _loaded(name)
    except CircuitError as error:
        raise amiss(error.problem) from error
    if sorted(model.parameters) != sorted(parameters):
        raise amiss(
            f"the installed fit {name!r} has other parameters; write parameters: "
            f"[{', '.join(model.parameters)}]"
        )


def _loaded(name: str) -> FitModel:
    from qbatch.circuit.installed import load_offered

    found, _ = load_offered(GROUP, name, "fit", Place(name))
    if not isinstance(found, FitModel):
        kind = type(found).__name__
        said = f"the installed fit {name!r} is a {kind}, no FitModel; its package has to offer one"
        raise CircuitError(Place(name), said)
    return found
