"""A run as notebooks have it: it draws, judges its checks, and shows itself."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from qbatch import snapshot
from qbatch.arguments import PATH, of_type, takes
from qbatch.fragments import line, note, table
from qbatch.manifest import Manifest, load_manifest
from qbatch.manifest.bare import is_circuit
from qbatch.notation import whole
from qbatch.snapshot import check_owner, find_run_folder, run_folder_of

if TYPE_CHECKING:
    from qbatch.report.figures import Figure
    from qbatch.report.judging import CheckResult


#: Points that a notebook is shown.
MOST_POINTS = 20


class Run(snapshot.Run):
    """A run folder, opened for reading: points, numbers, figures and verdicts.

    Iterating yields every point of the plan, lazily and in plan order; ``run[…]`` finds one by
    place, name, or the beginning of its id.
    """

    @classmethod
    def of(cls, done: snapshot.Run) -> Self:
        """Open once more what was opened, with what the call that ran it did."""
        run = cls(done.folder)
        run.summary = done.summary
        done.close()
        return run

    def check(self) -> list[CheckResult]:
        """Judge every check of the manifest, on intervals, at every point that it is about."""
        from qbatch.report import judge_run

        return judge_run(self)

    def plot(self, x: str | None = None, y: str | None = None, **more: Any) -> Figure:
        """Draw a figure over the finished points, as a report does.

        Args:
            x: An axis; of a histogram a number, or nothing: then outcomes are counted.
            y: A number of the analysis; of a heatmap an axis.
            more: ``type``, ``z``, ``color``, ``facet``, ``where``, ``xscale``, ``yscale``, ``band``
                and ``title``, as a manifest's plots have them.

        Returns:
            The figure, which a notebook shows; `svg` is its text, `save` writes it.

        Raises:
            SelectionError: There is no such axis or number, or the figure lacks one.
        """
        from qbatch.report.one_figure import draw_one

        return draw_one(self, {"x": x, "y": y, **more})

    def _repr_html_(self) -> str:
        from qbatch.notation import amount

        spent = [f"{amount(cost, unit)} spent" for unit, cost in self.spent().items()]
        states = [f"{whole(n)} {state}" for state, n in self.counts_by_state().items()]
        checks = [
            (result.check.text, result.verdict.value, result.summary) for result in self.check()
        ]
        judged = table(("check", "verdict", "at"), checks)
        return line(self.name, *states, *spent) + judged + _points_in_html(self)


def _points_in_html(run: Run) -> str:
    """Return the first points and their numbers, which read as in a report."""
    from qbatch.report.numbers import full

    points = list(itertools.islice(run, MOST_POINTS))
    names = list(dict.fromkeys(name for point in points for name in point.estimates))
    rows = []
    for point in points:
        found = [point.estimates.get(name) for name in names]
        numbers = ["" if one is None else full(one) for one in found]
        rows.append([point.name, point.job.error or point.state_in_words, *numbers])
    more = len(run) - len(points)
    below = [f"… and {whole(more)} more"] if more > 0 else []
    if names:
        level = f"{100 * run.manifest.analysis.intervals.level:.4g} %"
        below.append(f"Value(standard error in its last digits) [low, high]: {level} intervals.")
    return table(("point", "state", *names), rows) + "".join(map(note, below))


#: A run as functions take it: by its folder, or by its manifest.
RUN = PATH | of_type("a qbatch.Manifest", Manifest)


@takes(run=RUN)
def open_run(run: str | Path | Manifest) -> Run:
    """Open a run for reading.

    Args:
        run: A run folder, or a manifest: then its run, with the numbers, checks and figures that
            the manifest asks for now; its points are those that ran.

    Raises:
        TypeError: It is none of these.
        SnapshotError: There is no run there, or it is damaged or newer than this qbatch.
        SourceErrors: It is a manifest, and wrong.
    """
    opened = Run(folder_of(run))
    if "manifest" in opened.meta:
        manifest = run if isinstance(run, Manifest) else _manifest_at(Path(run), opened)
        if manifest is not None:
            opened.analyse_as(manifest)
    return opened


def _manifest_at(path: Path, opened: Run) -> Manifest | None:
    """Read the manifest that names a run; None where its folder or a bare circuit does."""
    if path.resolve().is_relative_to(opened.folder.resolve()) or is_circuit(path):
        return None
    return load_manifest(path, overrides=opened.manifest.overrides)


def folder_of(run: str | Path | Manifest) -> Path:
    """Return the folder of a run that is named by it or by its manifest."""
    if not isinstance(run, Manifest):
        return find_run_folder(Path(run))
    folder = run_folder_of(run)
    check_owner(folder, run)
    return folder
