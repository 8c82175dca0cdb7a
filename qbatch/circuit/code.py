"""A person's own Python function, run only where it is trusted.

Rules: whatever goes wrong in it is a `CircuitError` at its last line in the person's file; there is
no traceback. Its arguments have names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, signature
from pathlib import Path
from traceback import extract_tb
from typing import Any

from qbatch.errors import CircuitError, Place
from qbatch.notation import did_you_mean


class CodeFunction:
    """A function in a file.

    Attributes:
        path: Its file.
        parameters: Name -> parameter, in order.
        needed: Names of those that have no default, in order.
        line: Where it is defined in the file, if known.

    Args:
        path: The file.
        file: As the person wrote it.
        name: The function's.
        function: It, where it is loaded already.

    Raises:
        CircuitError: The file cannot be run or has no such function.
    """

    def __init__(
        self, path: Path, file: str, name: str, function: Callable[..., Any] | None = None
    ) -> None:
        self.path = path
        self._file = file
        self._name = name
        self._function = self._load() if function is None else function
        self.parameters = self._parameters()
        self.needed = tuple(
            name for name, one in self.parameters.items() if one.default is Parameter.empty
        )
        self.line = self._definition().line

    @property
    def version(self) -> str:
        """What its module calls its version; "" where it does not."""
        module = sys.modules.get(getattr(self._function, "__module__", ""))
        return str(getattr(module, "__version__", ""))[:100]

    def call(self, *given: Any, **named: Any) -> Any:
        """Call it.

        Raises:
            CircuitError: At the line where it failed.
        """
        with self._explained():
            return self._function(*given, **named)

    def _load(self) -> Callable[..., Any]:
        name = f"_qbatch_code_{sha256(str(self.path).encode()).hexdigest()[:16]}"
        spec = spec_from_file_location(name, self.path)
        if spec is None or spec.loader is None:
            raise CircuitError(Place(self._file), "is no Python file; name one that ends in .py")
        module = module_from_spec(spec)
        sys.modules[name] = module
        sys.path.insert(0, str(self.path.parent))
        try:
            with self._explained():
                spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(self.path.parent))
        function = self._taken(getattr(module, self._name, None))
        if not callable(function):
            known = [key for key, value in vars(module).items() if callable(value)]
            hint = did_you_mean(self._name, known) or "; define it there"
            raise CircuitError(Place(self._file), f"has no function '{self._name}'{hint}")
        found: Callable[..., Any] = function
        return found

    def _taken(self, found: object) -> object:
        """Return what is called of what the file has under the name."""
        return found

    def _parameters(self) -> Mapping[str, Parameter]:
        with self._explained():
            parameters = signature(self._function).parameters
        for parameter in parameters.values():
            if parameter.kind not in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY):
                raise CircuitError(
                    self._definition(),
                    f"{self._name}() takes '{parameter}'; every argument needs a name of its own",
                )
        return parameters

    def _definition(self) -> Place:
        code = getattr(self._function, "__code__", None)
        return Place(self._file, code.co_firstlineno if code else None)

    @property
    def place(self) -> Place:
        """Where it is defined, as the person wrote its file."""
        return Place(self._file, self.line)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Tell the person where in their file something went wrong."""
        try:
            yield
        except CircuitError:
            raise
        except SyntaxError as error:
            line = error.lineno if error.filename == str(self.path) else None
            raise self._error(line, f"{error.msg}") from error
        # whatever the person's code raises is the person's, never ours
        except (Exception, SystemExit) as error:
            frames = extract_tb(error.__traceback__)
            lines = [f.lineno for f in frames if f.filename == str(self.path)]
            problem = f"{type(error).__name__}: {error}"[:500]
            raise self._error(lines[-1] if lines else None, problem) from error

    def _error(self, line: int | None, problem: str) -> CircuitError:
        excerpt = ""
        if line is not None:
            lines = self.path.read_text("utf-8", errors="replace").splitlines()
            excerpt = lines[line - 1][:200] if 0 < line <= len(lines) else ""
        return CircuitError(Place(self._file, line), problem, excerpt=excerpt)
