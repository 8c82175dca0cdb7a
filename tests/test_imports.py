"""The package's imports, read from its source: they point down, and each library has its home."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import qbatch.report
import qbatch.snapshot
from qbatch.providers import BUILT_IN, is_local, options_model, room_of

PACKAGE = Path(qbatch.__file__).parent

LAYERS = {
    "cli": 6,
    "api": 6,
    "difference": 5,
    "archive": 5,
    "executor": 4,
    "report": 4,
    "exchange": 4,
    "engines": 4,
    "plan": 3,
    "providers": 3,
    "snapshot": 3,
    "across": 3,
    "accuracy": 3,
    "manifest": 2,
    "job": 2,
    "point": 2,
    "purchase": 1,
    "circuit": 1,
    "result": 1,
    "errors": 0,
    "arithmetic": 0,
    "formula": 0,
    "curves": 1,
    "fit_models": 1,
    "notation": 0,
    "arguments": 0,
    "instants": 0,
    "project": 0,
    "state": 0,
    "shots": 0,
    "bases": 0,
    "collecting": 0,
    "lazy": 0,
    "system": 0,
    "unit": 0,
    "drafts": 0,
    "fragments": 0,
    "frozen": 0,
    "docstrings": 0,
    "calibration": 0,
    "configuration": 0,
}

#: Library -> the only parts of qbatch that may import it.
HOMES = {
    "yaml": {"manifest", "emulators"},  # emulators: fault scripts
    "pydantic": {"configuration", "manifest", "snapshot", "providers", "exchange"},
    "pydantic_core": {"configuration", "manifest", "snapshot", "providers", "exchange"},
    "trio": {"executor", "providers", "emulators"},
    "httpx": {"providers", "emulators", "executor"},
    "jinja2": {"circuit", "report", "difference"},
    "tabulate": {"report", "cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "sqlite3": {"snapshot", "circuit"},  # the run folder; the cache of circuit facts
    "matplotlib": {"report", "difference"},
    "scipy": {"result", "report", "circuit", "across", "difference"},
    "qiskit_aer": {"providers", "emulators"},
    "starlette": {"emulators"},
    "hypercorn": {"emulators", "cli"},
}

HEAVY = (
    "numpy",
    "scipy",
    "qiskit",
    "httpx",
    "trio",
    "jinja2",
    "pydantic",
    "matplotlib",
    "yaml",
    "rich",
)


def part_of(file: Path) -> str:
    """The name inside qbatch that a source file belongs to; "" for the package's own files."""
    relative = file.relative_to(PACKAGE)
    top = relative.parts[0].removesuffix(".py")
    return "" if top in {"__init__", "__main__"} else top


@cache
def imports_in(file: Path) -> list[ast.Import | ast.ImportFrom]:
    """Every import in a file, those inside functions too."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_by(file: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import in a file."""
    for node in imports_in(file):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif node.level == 0 and node.module == "qbatch":
            yield from ((node.lineno, f"qbatch.{alias.name}") for alias in node.names)
        else:
            assert node.level == 0, f"{file}:{node.lineno}: write absolute imports"
            yield node.lineno, node.module or ""


def every_import() -> Iterator[tuple[str, str, str]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, name in imported_by(file):
            yield part_of(file), name, f"{file.relative_to(PACKAGE.parent)}:{line}"


def test_imports_point_down() -> None:
    upward = [
        f"{place}: {part} imports {target}"
        for part, name, place in every_import()
        if part in LAYERS and name.startswith("qbatch.")
        for target in [name.split(".")[1]]
        if LAYERS.get(target, -1) > LAYERS[part]
    ]
    assert upward == []


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {part_of(file) for file in PACKAGE.rglob("*.py")} - {""}
    assert parts <= set(LAYERS) | {"emulators"}


def test_each_library_is_imported_only_at_its_home() -> None:
    strays = [
        f"{place}: {library} in {part}"
        for part, name, place in every_import()
        for library in [name.split(".")[0]]
        if library in HOMES and part not in HOMES[library]
    ]
    assert strays == []


def test_emulators_import_nothing_of_qbatch_but_themselves() -> None:
    shared = [
        f"{place}: {name}"
        for part, name, place in every_import()
        if part == "emulators"
        and name.split(".")[0] == "qbatch"
        and name.split(".")[1:2] != ["emulators"]
    ]
    assert shared == []


def loaded_after(code: str, depth: int = 1) -> set[str]:
    """Modules loaded in a fresh interpreter after `code`, which may raise SystemExit.

    Args:
        code: What is run.
        depth: So many parts of their names are told: 1 for "qbatch", 2 for "qbatch.plan".
    """
    script = (
        "import sys\n"
        f"try:\n    {code}\nexcept SystemExit:\n    pass\n"
        f"names = {{'.'.join(name.split('.')[:{depth}]) for name in sys.modules}}\n"
        "print('\\n' + ' '.join(sorted(names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_after(f"from qbatch.cli import main; main({arguments!r})")
    assert loaded.isdisjoint(HEAVY)


def test_importing_the_package_loads_nothing_but_the_package() -> None:
    assert loaded_after("import qbatch").isdisjoint({*HEAVY, "click"})


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_validating_and_planning_a_known_circuit_load_nothing_heavy(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path))
    manifest = str(PACKAGE.parent / "manifests" / "bell.yaml")
    monkeypatch.setenv("COLUMNS", "40")  # lines are measured and folded
    call = f"from qbatch.cli import main; main([{verb!r}, {manifest!r}])"
    loaded_after(call)  # now the circuit's facts are known
    assert loaded_after(call).isdisjoint({*HEAVY, "asyncio"} - {"pydantic", "yaml"})


#: Of qbatch's own what a plan of a sweep that was never run has no use for.
UNUSED = {
    "qbatch.executor",
    "qbatch.snapshot.database",
    "qbatch.snapshot.run",
    "qbatch.snapshot.merging",
    "qbatch.snapshot.store",
    "qbatch.providers.kit.wire",
    "qbatch.providers.local.engine",
    "qbatch.providers.local.work",
    "qbatch.providers.local.results",
    "qbatch.providers.local.engines.given_out",
    "qbatch.providers.local.engines.frames",
    "qbatch.providers.local.fused",
    "qbatch.providers.local.stabilizers",
}


def test_planning_loads_nothing_that_computes_or_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path))
    manifest = str(PACKAGE.parent / "manifests" / "bell.yaml")
    call = f"from qbatch.cli import main; main(['plan', {manifest!r}, '--out', {str(tmp_path)!r}])"
    loaded = loaded_after(call, depth=5)
    assert "qbatch.plan.plan" in loaded
    assert not [name for name in loaded for each in UNUSED if f"{name}.".startswith(f"{each}.")]


def test_a_worker_loads_nothing_of_manifests_and_of_the_executor() -> None:
    loaded = loaded_after("import qbatch.providers.local.engine", depth=3)
    assert "qbatch.providers.local" in loaded
    unused = {"trio", "yaml", "httpx", "scipy", "qbatch.manifest", "qbatch.executor"}
    assert loaded.isdisjoint(unused)


@pytest.mark.parametrize("room", [qbatch.report, qbatch.snapshot], ids=lambda room: room.__name__)
def test_each_public_name_of_a_room_is_where_it_is_looked_for(room: Any) -> None:
    for name in room.__all__:
        assert getattr(room, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Snapshto'"):
        _ = room.Snapshto


def test_no_files_import_one_another_in_a_circle() -> None:
    """Every import counts, those inside functions and those for type checkers too."""
    assert _circles() == []


def _circles() -> list[set[str]]:
    files = {_module_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}
    graph = {name: _targets(file, files) - {name} for name, file in files.items()}
    reach = {name: _reached(graph, name) for name in graph}
    together = {
        frozenset({name, *(other for other in reach[name] if name in reach[other])})
        for name in graph
    }
    return [set(circle) for circle in together if len(circle) > 1]


def _module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(file: Path, files: dict[str, Path]) -> set[str]:
    """Modules that a file imports from; a package's own page counts only for what it defines."""
    found = set()
    for node in imports_in(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if name in files} or {node.module}
    return {name for name in found if name in files and files[name].name != "__init__.py"}


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def facts_of_providers() -> set[str]:
    """Words of single providers: names, variables, and options that only one has, of two words."""
    options = [{*options_model(name).model_fields} for name in BUILT_IN]  # type: ignore[union-attr]
    once = {
        word
        for word in set[str]().union(*options) - OF_OTHERS
        if "_" in word and sum(word in each for each in options) == 1
    }
    vendors = [import_module(room_of(name).driver) for name in BUILT_IN if not is_local(name)]
    variables = {word for each in vendors for word in (*each.VENDOR.variables, *each.VENDOR.urls)}
    return {*BUILT_IN, *variables, *once}


#: Options that are named by a word of somebody else's: Qiskit's transpiler.
OF_OTHERS = {"initial_layout"}


def test_no_other_room_says_a_word_of_one_providers() -> None:
    """How one differs from another is asked of its `Room`; a cloud's own format knows its cloud."""
    words = facts_of_providers()
    said = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if part_of(file) not in {"providers", "emulators"}
        for text in [file.read_text("utf-8")]
        if any(word in text for word in words)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and node.value in words
    ]
    assert [one for one in said if not one.startswith("exchange/oqc/")] == []
