"""A report by a person's own Jinja2 template.

The template is sandboxed (it reads what it is given and reaches nothing else), undefined names are
errors at their line, and its steps, its texts and what it makes are bounded: see `sandbox`. A
template whose name ends in ``.html.j2`` is escaped
automatically. It gets:

    name, description, tags     of the manifest
    manifest                    the manifest's text
    level                       confidence of the intervals, 0.95
    headline                    "18 of 18 points completed"
    states                      state -> points
    shots                       shots counted in all
    points                      every point, in run order: id, name, circuit, backend, shots,
                                repeat, parameters[…], job.state, job.error, counts,
                                estimates[NAME].value, .se, .low, .high; may be gone through
                                several times
    numbers                     NAME -> points, mean, highest[], lowest[] (each name, estimate)
    fits                        each name, group, label, parameters[NAME] (as estimates are),
                                verdict, quality, points
    checks                      each check.text, verdict, summary, judgements[]
    failures                    each state, error, number, names, remedy
    backends                    each name, provider, target, settings, facts, share.points/.shots
    figures                     each title, caption, slug, path, inline (SVG)
    cost                        unit -> spent
    command, versions, digest   to reproduce the run

and, beside Jinja2's own filters: ``top_counts(n)`` (of counts), ``short`` and ``full`` (of an
estimate), ``interval``, ``percent``, ``plain`` (of a swept value), ``cell`` (text safe in a
Markdown table).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import Place, ReportError, SourceError
from qbatch.notation import did_you_mean
from qbatch.project import may_name, outside
from qbatch.report.content import Content
from qbatch.report.markdown import cell
from qbatch.report.numbers import full, interval, percent, plain, short, top_counts
from qbatch.report.rows import Point, Run
from qbatch.result import Estimate
from qbatch.snapshot.paths import RESERVED

if TYPE_CHECKING:
    from jinja2 import Template, TemplateError, Undefined

#: What rendering raises for mistakes in a template, beside Jinja2's own errors.
_MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)

#: Characters that a template may make.
MAX_TEXT = 64 << 20


class Points:
    """A run's points for a template: can be gone through again and again, and nothing else."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __iter__(self) -> Iterator[Point]:
        return iter(self._run)


def output_name(template: str) -> str:
    """Name of the file that a template makes.

    >>> output_name("reports/summary.md.j2"), output_name("table.tex")
    ('summary.md', 'table.tex')
    """
    name = Path(template).name
    return name.removesuffix(".j2").removesuffix(".jinja") or name


def render_template(content: Content, template: str, figures: str = "figures") -> Iterator[str]:
    """Text of a person's own report, in pieces.

    Args:
        content: What to say.
        template: Path of the template inside the manifest's folder.
        figures: Folder of the figures, as seen from the report.

    Raises:
        ReportError: The template cannot be read, is wrong, uses an undefined name, does what the
            sandbox forbids, or makes too much text.
    """
    from jinja2 import StrictUndefined, TemplateError, UndefinedError

    from qbatch.circuit.sandbox import BUDGET, TooMuchError
    from qbatch.report.sandbox import budget_for

    _check_output(template, ReportError)
    text = _read(content.manifest.folder, template, ReportError, _remedy_of(content))
    context = _context(content, figures)
    made = 0
    try:
        ready = _compiled(text, template, StrictUndefined)
        for piece in ready.generate({**context, BUDGET: budget_for(len(content.run))}):
            made += len(piece)
            if made > MAX_TEXT:
                raise ReportError(
                    Place(template), f"makes more than {MAX_TEXT:,} characters; make it write less"
                )
            yield piece
    except TemplateError as error:
        problem = error.message or str(error)
        if isinstance(error, UndefinedError):
            problem = _with_names(problem, context)
        raise _complaint(template, text, error, problem) from error
    except (TooMuchError, RecursionError) as error:
        raise _complaint(template, text, error, _too_much(error)) from error
    except _MISTAKES as error:
        raise _complaint(template, text, error, f"{type(error).__name__}: {error}") from error


def check_template(folder: Path, template: str) -> None:
    """See that a template can be read and parsed, before there is anything to report.

    It is rendered once with nothing given, to see what never ends or grows whatever a run holds.

    Args:
        folder: The manifest's.
        template: Path inside it.

    Raises:
        SourceError: It cannot be read, is no Jinja2, or takes more than its budget by itself.
    """
    from jinja2 import ChainableUndefined, TemplateError

    from qbatch.circuit.sandbox import BUDGET, TooMuchError
    from qbatch.report.sandbox import budget_for

    _check_output(template, SourceError)
    text = _read(folder, template, SourceError)
    try:
        ready = _compiled(text, template, ChainableUndefined)
    except TemplateError as error:
        problem = error.message or str(error)
        raise _complaint(template, text, error, problem, SourceError) from error
    except RecursionError as error:
        raise SourceError(Place(template), "is nested too deep; write it flatter") from error
    try:
        for _ in ready.generate({BUDGET: budget_for(0)}):
            pass
    except (TooMuchError, RecursionError) as error:
        raise _complaint(template, text, error, _too_much(error), SourceError) from error
    except (TemplateError, *_MISTAKES):  # it needs what a run gives it
        return


def _check_output(template: str, kind: type[SourceError]) -> None:
    """See that what it makes takes the place of nothing that a run is kept in.

    Raises:
        SourceError: It would.
    """
    name = output_name(template)
    if name.lower().startswith(RESERVED):
        raise kind(
            Place(template),
            f"would be written as {name}, where the run itself is kept; give it another name, "
            "as in own.md.j2",
        )


def _too_much(error: Exception) -> str:
    return "calls itself too deep" if isinstance(error, RecursionError) else str(error)


def _remedy_of(content: Content) -> str:
    """Say what helps where a run's template is looked for in the run folder; "" elsewhere."""
    if content.manifest.folder != content.run.folder.absolute():
        return ""
    return (
        "; of a run that was not made here it is read from the run's own folder: put it there, or "
        "name the manifest, as in `qbatch report MANIFEST`"
    )


def _read(folder: Path, template: str, kind: type[SourceError], remedy: str = "") -> str:
    home = folder.resolve()
    if not may_name((home / template).resolve(), home):
        raise kind(Place(template), outside(home))
    try:
        return (folder / template).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise kind(Place(template), f"cannot be read: {error}{remedy}") from error


def _compiled(text: str, template: str, undefined: type[Undefined]) -> Template:
    """Compile a template's text.

    Raises:
        TemplateError: It is no Jinja2.
    """
    from qbatch.circuit.sandbox import Meter
    from qbatch.report.sandbox import ReportSandbox

    is_escaped = output_name(template).endswith((".html", ".htm", ".xml", ".svg"))
    environment = ReportSandbox(_FILTERS, autoescape=is_escaped, undefined=undefined)
    code = environment.compile(Meter().visit(environment.parse(text)), filename=template)
    return environment.template_class.from_code(environment, code, environment.globals)


def _with_names(problem: str, context: Mapping[str, object]) -> str:
    """Say which names a template has, where it used one that there is not."""
    wrong = re.fullmatch(r"'(\w+)' is undefined", problem)
    if wrong is None:
        return problem
    return f"{problem} (there are {', '.join(context)}){did_you_mean(wrong[1], context)}"


def _complaint(
    template: str,
    text: str,
    error: TemplateError | Exception,
    problem: str,
    kind: type[SourceError] = ReportError,
) -> SourceError:
    line = getattr(error, "lineno", None) or _line_in(template, error)
    lines = text.splitlines()
    excerpt = lines[line - 1] if line and line <= len(lines) else ""
    return kind(Place(template, line), problem, excerpt=excerpt)


def _line_in(template: str, error: BaseException) -> int | None:
    """The template's line in which an error arose, from its traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _interval_of(estimate: Estimate) -> str:
    return interval(estimate.low, estimate.high)


_FILTERS: dict[str, Any] = {
    "top_counts": top_counts,
    "short": short,
    "full": full,
    "interval": _interval_of,
    "percent": percent,
    "plain": plain,
    "cell": cell,
}


def _context(content: Content, figures: str) -> dict[str, Any]:
    from markupsafe import Markup

    overview, manifest = content.overview, content.manifest
    return {
        "name": content.run.name,
        "description": manifest.description,
        "tags": manifest.tags,
        "manifest": manifest.text,
        "level": content.columns.level,
        "headline": content.headline,
        "states": {state.value: number for state, number in content.states},
        "shots": overview.shots,
        "points": Points(content.run),
        "numbers": overview.numbers,
        "fits": overview.fits,
        "checks": overview.checks,
        "failures": list(overview.failures.values()),
        "backends": content.backends,
        "figures": [
            {
                "title": figure.title,
                "caption": figure.caption,
                "slug": figure.slug,
                "path": f"{figures}/{figure.slug}.svg",
                "inline": Markup(figure.inline),
            }
            for figure in content.figures
        ],
        "cost": content.money.spent,
        "command": content.command,
        "versions": content.versions,
        "digest": overview.points_digest,
    }
