"""The public interface: `qbatch.__all__`, each name documented and typed; what goes warns."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import qbatch

SOURCE = Path(qbatch.__file__)
NAMES = [name for name in qbatch.__all__ if name != "__version__"]


def test_what_type_checkers_see_is_what_is_loaded():
    tree = ast.parse(SOURCE.read_text("utf-8"))
    seen = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name, module in seen.items():
        assert getattr(qbatch, name) is getattr(import_module(module or ""), name)
    assert sorted(qbatch.__all__) == sorted([*seen, "__version__"])
    assert set(qbatch.__all__) <= set(dir(qbatch))


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_says_what_it_is(name: str):
    found = getattr(qbatch, name)
    assert (inspect.getdoc(found) or "").splitlines()[0].endswith(".")
    assert getattr(qbatch, name) is found


def _callables(name: str) -> Iterator[tuple[str, Any]]:
    """A public function, or a public class with its public methods, of qbatch's own."""
    found = getattr(qbatch, name)
    if inspect.isfunction(found):
        yield name, found
    elif not issubclass(found, BaseException):
        for member, function in inspect.getmembers(found, inspect.isfunction):
            if not member.startswith("_") and function.__module__.startswith("qbatch."):
                yield f"{name}.{member}", function


@pytest.mark.parametrize("name", NAMES)
def test_each_public_function_and_method_is_typed_and_documented(name: str):
    for called, function in _callables(name):
        signature = inspect.signature(function)
        untyped = [
            each.name
            for each in signature.parameters.values()
            if each.annotation is inspect.Parameter.empty and each.name not in ("self", "cls")
        ]
        assert untyped == [], called
        assert inspect.getdoc(function), called


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = qbatch.runn


# -- what goes -------------------------------------------------------------------------------------

#: How it is said: since when, until when, and what to write instead.
SAID = re.compile(r"deprecated since qbatch (\d+\.\d+), gone in (\d+\.\d+): write \S.*")


def deprecated() -> Iterator[tuple[str, str]]:
    """(place, what is said) of everything in the package that is marked as going."""
    for file in sorted(SOURCE.parent.rglob("*.py")):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "@deprecated(" in text else ():
            decorators = getattr(node, "decorator_list", ())
            for each in decorators:
                if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "deprecated":
                    told = each.args[0]
                    assert isinstance(told, ast.Constant)
                    yield f"{file.name}:{each.lineno}", str(told.value)


def minor(version: str) -> tuple[int, int]:
    major, number = version.split(".")[:2]
    return int(major), int(number)


def test_what_goes_says_until_when_and_has_not_stayed_too_long():
    found = list(deprecated())
    assert found
    for place, text in found:
        said = SAID.fullmatch(text)
        assert said, f"{place}: {text}"
        since, gone = minor(said[1]), minor(said[2])
        assert gone == (since[0], since[1] + 1), f"{place}: it warns for one version"
        assert minor(qbatch.__version__) < gone, f"{place}: its time is over, take it out"


def test_what_goes_warns_and_works(tmp_path: Path):
    manifest = qbatch.Manifest(
        name="bit",
        circuits={"bit": "OPENQASM 3.0;\nqubit q;\nbit c;\nc = measure q;\n"},
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        analysis={"observables": {"z": "Z0"}},
    )
    run = qbatch.run(manifest, out=tmp_path)
    with pytest.warns(DeprecationWarning, match=r"write point\.estimates"):
        assert run.estimates(run[0]) == run[0].estimates
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run[0].estimates["z"].value == 1
