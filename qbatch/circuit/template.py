"""Circuits from Jinja2 templates.

Rules: a template is parsed and compiled once; a rendering is bounded (see `sandbox`). A mistake in
the template is told at its line there; a mistake in the OpenQASM it made is told at the
template's file with the line of the rendered text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.meta import find_undeclared_variables

from qbatch.circuit.sandbox import (
    BUDGET,
    CONSTANTS,
    FUNCTIONS,
    LONGEST,
    Budget,
    Meter,
    Sandbox,
    TooMuchError,
)
from qbatch.errors import CircuitError, Place

#: A template's own length, characters.
LONGEST_TEMPLATE = 2**18

#: What rendering raises for mistakes in a template.
_MISTAKES = (TemplateError, TooMuchError, ArithmeticError, TypeError, ValueError, LookupError,
             AttributeError, RecursionError, MemoryError)  # fmt: skip


class CompiledTemplate:
    """A template ready to be rendered.

    Args:
        text: Jinja2 that makes OpenQASM.
        file: As the person wrote it.

    Attributes:
        arguments: Names that it does not define itself.
        optional: Those that it provides for lacking, by ``default`` or ``set``.

    Raises:
        CircuitError: It is no template.
    """

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._lines = text.splitlines()
        if len(text) > LONGEST_TEMPLATE:
            raise CircuitError(
                Place(file), f"has more than {LONGEST_TEMPLATE} characters; make it shorter"
            )
        sandbox = Sandbox()
        try:
            self.arguments, self.optional = _arguments(text)
            code = sandbox.compile(Meter().visit(sandbox.parse(text)), filename="<template>")
            self._template = Template.from_code(sandbox, code, sandbox.globals)
        except TemplateSyntaxError as error:
            raise self._error(
                error.lineno, error.message or "is no template; mend it there"
            ) from error
        except (SyntaxError, RecursionError, MemoryError, ArithmeticError, ValueError) as error:
            raise self._error(1, f"is nested too deep or too large ({error})") from error

    def render(self, values: Mapping[str, object]) -> str:
        """Return the text at `values`, one for each of `arguments` that is not optional.

        Raises:
            CircuitError: At the template's line.
        """
        parts = []
        length = 0
        try:
            for part in self._template.generate({**values, BUDGET: Budget()}):
                parts.append(part)
                length += len(part)
                if length > LONGEST:
                    raise TooMuchError(
                        f"the circuit has more than {LONGEST} characters; make it write less"
                    )
        except UndefinedError as error:
            raise self._at(error, f"{error.message}") from error
        except _MISTAKES as error:
            raise self._at(error, f"{error}" or type(error).__name__) from error
        return "".join(parts)

    def _at(self, error: Exception, problem: str) -> CircuitError:
        line, trace = 1, error.__traceback__
        while isinstance(trace, TracebackType):
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = trace.tb_lineno
            trace = trace.tb_next
        return self._error(line, problem)

    def _error(self, line: int, problem: str) -> CircuitError:
        excerpt = self._lines[line - 1][:200] if 0 < line <= len(self._lines) else ""
        return CircuitError(Place(self._file, line), problem, excerpt=excerpt)


def _arguments(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return names that a template uses and does not define, and those of them it can do without.

    A function's name is the person's own where it is not called: ``{{ exp }}``.
    """
    bare = Sandbox()
    bare.globals.clear()  # or jinja2 takes their names for known
    tree = bare.parse(text)
    called = {
        id(call.node) for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)
    }
    names = tree.find_all(nodes.Name)
    own = {name.name for name in names if name.ctx == "load" and id(name) not in called}
    loaded = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    provided = {
        node.node.name
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in ("default", "d", "defined", "undefined")
        and isinstance(node.node, nodes.Name)
    }
    arguments = (find_undeclared_variables(tree) & loaded) - CONSTANTS - (FUNCTIONS - own)
    return frozenset(arguments), frozenset(arguments & (stored | provided))
