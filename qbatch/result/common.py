"""What numbers of several points have in common: a calibration's errors, and the choice of forms.

Points that are mended by the same shots of a calibration err together. To first order a number errs
by a mean over the shots of each calibration circuit (`qbatch.result.readout`); outcome o of a job,
which came k times among all n shots of that circuit, is worth w(o) in it, less the mean of all. The
covariance of two numbers is Σ k w(o) w'(o)/n n' over the outcomes of the jobs that both are mended
by: a product of arrays √k w(o)/n, one a job.

How much a number moves with the readout goes mostly along with the number itself (all that is known
of one product is by which factor it is to be multiplied). Taken at the values as they came out,
such covariances draw every fit towards 0, for values that came out low seem to be known better
(Peelle's puzzle; D'Agostini, Nucl. Instrum. Methods A 346, 306 (1994)). So arrays are given at any
value that the number may have: linear in it, by the covariance of slopes and mean over its shots.

Points of one circuit are twirled to the same forms, which are drawn independently of one another:
all that is measured in form k, at whatever point, scale and basis, is one repetition of the whole
experiment, and form k' another. So how far each form is away from the mean tells how numbers of
twirled circuits depend, be it by their shots or by the choice of forms: the covariance of two means
is Σ away away' / n (n - 1), as that of the means of n pairs is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.bases import Setting
from qbatch.result.analysis import AnalysisLike, only
from qbatch.result.counts import Counts
from qbatch.result.mitigated import calibrations_in, made_of_forms
from qbatch.result.readout import Moves, moves_of_mended
from qbatch.result.twirled import ByForm

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Setting of a calibration -> its jobs, by what they are known, with their counts.
Jobs = Mapping[str, Sequence[tuple[Hashable, Counts]]]


@dataclass(frozen=True, slots=True, eq=False)
class InCommon:
    """By what a number errs that others err by, too.

    Attributes:
        errors: Job -> array, at the value that the number has; products are covariances.
        turns: Job -> by how much that array changes for each unit of the number.
        forms: By what it errs in each form of twirled circuits; None where they are not twirled.
    """

    errors: Mapping[Hashable, Floats]
    turns: Mapping[Hashable, Floats]
    forms: ByForm | None = None


def in_common(
    name: str,
    counts: Mapping[str, Counts],
    settings: Sequence[str],
    analysis: AnalysisLike,
    jobs: Jobs,
) -> InCommon | None:
    """Tell by what a mitigated number of a point errs that numbers of other points may err by.

    Args:
        name: The number's.
        counts: Setting -> counts, by which `analyse_settings` has told it.
        settings: All of the point's.
        analysis: That the number is of.
        jobs: Whose counts those of the calibrations are.

    Returns:
        None where readout is not taken out of it, nor circuits are twirled.
    """
    moves, forms = _made(name, counts, settings, analysis)
    if moves is None and forms is None:
        return None
    if moves is None:
        return InCommon({}, {}, forms)
    errors: dict[Hashable, Floats] = {}
    turns: dict[Hashable, Floats] = {}
    for text, several in jobs.items():
        prepared = Setting.parse(text).prepared
        shots = sum(each.shots for _, each in several)
        for key, each in several:
            for found, slopes in ((errors, moves.slopes), (turns, moves.turns)):
                worth = moves.readout.worth(slopes, prepared, each)
                found[key] = worth * each.counts**0.5 / shots
    return InCommon(errors, turns, forms)


def _made(
    name: str, counts: Mapping[str, Counts], settings: Sequence[str], analysis: AnalysisLike
) -> tuple[Moves | None, ByForm | None]:
    """Tell how a number moves with the readout, and by what it errs in each form."""
    raw, _, method = name.rpartition(".")
    if not raw or not counts:
        return None, None
    alone = only(analysis, [name])
    if method != "readout":
        made = made_of_forms(counts, settings, alone, method)
        return (None, None) if made is None else (made.moves, made.by_form)
    return _of_mended(counts, settings, alone), None


def _of_mended(
    counts: Mapping[str, Counts], settings: Sequence[str], alone: AnalysisLike
) -> Moves | None:
    readout = alone.mitigation.readout
    if readout is None:
        return None
    measured = {text: each for text, each in counts.items() if Setting.parse(text).is_raw}
    own = [text for text in settings if Setting.parse(text).is_raw]
    if not measured:
        return None
    return moves_of_mended(measured, own, calibrations_in(counts), readout.method, alone)
