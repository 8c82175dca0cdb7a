"""``extends: base.yaml``: the merge rule, paths, places, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import core_schema

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, load_manifest, override_manifest, parse_manifest
from qbatch.manifest.axes import FORMS
from qbatch.manifest.construction import Construction
from qbatch.manifest.local_paths import check_path
from qbatch.manifest.merging import FORMS_AT, Merging
from qbatch.manifest.models import CIRCUIT_SOURCES
from qbatch.manifest.named_files import PLACES
from qbatch.manifest.nodes import compose_node
from qbatch.manifest.source import Source
from qbatch.plan import expand, expand_file
from qbatch.providers import manifest_schema
from qbatch.providers.local.engines.options import EngineOptions

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q -> c;'
BASE = """\
qbatch: 1
name: from-base
circuits: {bell: circuits/bell.qasm}
backends:
  ideal: {provider: local}
  noisy: {provider: local, noise: {readout: 0.02, depolarizing: {one_qubit: 0.001}}}
shots: 500
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose base lies in another folder than the experiments."""
    (tmp_path / "qbatch.toml").touch()
    for folder in ("lab/circuits", "exp"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lab" / "circuits" / "bell.qasm").write_text(BELL)
    (tmp_path / "lab" / "base.yaml").write_text(BASE)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        load_manifest(path)
    return [str(each) for each in caught.value.exceptions]


# -- the rule --------------------------------------------------------------------------------------


def merged(base: Any, over: Any) -> Any:
    """What the page of the guide says, on plain data."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    found = {key: value for key, value in base.items() if not (key in over and over[key] is None)}
    for key, value in over.items():
        if value is not None or key not in base:
            found[key] = merged(base[key], value) if key in base else value
    return found


NAMES = st.sampled_from(["a", "b", "c", "d"])
TREES = st.recursive(
    st.none() | st.integers(0, 3) | st.booleans() | st.sampled_from(["x", "y z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
MAPS = st.dictionaries(NAMES, TREES, max_size=4)


def untupled(value: Any) -> Any:
    if isinstance(value, tuple):
        return [untupled(each) for each in value]
    return {k: untupled(v) for k, v in value.items()} if isinstance(value, dict) else value


@settings(max_examples=60)
@given(MAPS, MAPS)
def test_documents_are_merged_as_the_plain_rule_says(base: Any, over: Any) -> None:
    nodes = [compose_node(yaml.safe_dump(each, sort_keys=False)) for each in (base, over)]
    assert nodes[0] is not None
    assert nodes[1] is not None
    made = Merging().merge(nodes[0], nodes[1])
    found = untupled(Construction(Source("m.yaml", "", Path())).build(made))
    expected = merged(base, over)
    assert found == expected
    assert [*found] == [*expected]  # the order of axes is in the names of points


def test_another_form_takes_the_place_of_the_whole_map(project: Path) -> None:
    write(
        project / "exp/base.yaml",
        BASE.replace("circuits/bell.qasm", "{template: a.qasm.j2, with: {n: 3}}")
        + "sweep: {matrix: {theta: {linspace: [0, 1, 3]}, phi: {linspace: [0, 1, 3]}}}\n",
    )
    manifest = load_manifest(
        write(
            project / "exp/m.yaml",
            "extends: base.yaml\ncircuits: {bell: {qasm: x}}\n"
            "sweep: {matrix: {theta: {range: [0, 3]}, phi: [1, 2]}}\n",
        )
    )
    assert manifest.circuits["bell"].arguments == {}
    assert manifest.circuits["bell"].qasm == "x"
    assert manifest.sweeps[0].matrix["theta"].range == (0, 3, 1)
    assert manifest.sweeps[0].matrix["phi"].values == (1, 2)


def test_forms_are_those_that_the_models_have() -> None:
    assert FORMS_AT["sweep/matrix/*"] == FORMS_AT["sweep/zip/*"] == {*FORMS}
    assert FORMS_AT["circuits/*"] == {*CIRCUIT_SOURCES}
    assert FORMS_AT["backends/*/engine"] == {*EngineOptions.model_fields} - {"arguments"}


def test_null_takes_out_what_the_base_has_and_only_that(project: Path) -> None:
    text = "extends: ../lab/base.yaml\nbackends: {noisy: null}\nshots:\n"
    manifest = load_manifest(write(project / "exp/m.yaml", text))
    assert [*manifest.backends] == ["ideal"]
    assert manifest.shots == 1024
    assert mistakes(write(project / "exp/m.yaml", text + "report:\n")) == [
        f"{project}/exp/m.yaml:4:8: report: is empty; fill it in or remove the line"
    ]


def test_later_bases_go_over_earlier_ones_and_bases_have_bases(project: Path) -> None:
    write(project / "lab/more.yaml", "extends: base.yaml\nshots: 600\ndescription: more\n")
    write(project / "exp/last.yaml", "shots: 700\n")
    manifest = load_manifest(
        write(project / "exp/m.yaml", "extends: [../lab/more.yaml, last.yaml]\nname: own\n")
    )
    assert (manifest.name, manifest.shots, manifest.description) == ("own", 700, "more")
    assert [each.path for each in manifest.sources] == [
        "m.yaml",
        "../lab/more.yaml",
        "../lab/base.yaml",
        "last.yaml",
    ]


def test_an_override_goes_over_all_of_it(project: Path) -> None:
    path = write(project / "exp/m.yaml", "extends: ../lab/base.yaml\n")
    manifest = load_manifest(path, overrides=["backends.noisy.noise.readout=0.5", "shots=7"])
    assert manifest.backends["noisy"].noise == {
        "readout": 0.5,
        "depolarizing": {"one_qubit": 0.001},
    }
    assert manifest.shots == 7
    assert override_manifest(manifest, ["shots=8"]).shots == 8
    with pytest.raises(SourceErrors, match="1 mistake") as caught:
        load_manifest(path, overrides=["extends=other.yaml"])
    assert "is read before -S is" in str(caught.value.exceptions[0])


# -- paths -----------------------------------------------------------------------------------------


def test_paths_in_a_base_begin_at_its_own_folder(project: Path) -> None:
    (project / "lab" / "report.md.j2").write_text("x")
    (project / "lab" / "angles.csv").write_text("theta\n1\n2\n")
    write(
        project / "lab/base.yaml",
        BASE.replace(
            "}\nbackends", ", made: {python: 'sub/made.py:build'}, t: {template: t.j2}}\nbackends"
        )
        + "sweep: {matrix: {circuit: [bell], theta: {from: {file: angles.csv, column: theta}}}}\n"
        + "report: {template: report.md.j2}\nreuse: [runs/old]\nbudget: {prices: ../prices.yaml}\n",
    )
    manifest = load_manifest(write(project / "exp/m.yaml", "extends: ../lab/base.yaml\n"))
    assert manifest.circuits["bell"].file == "../lab/circuits/bell.qasm"
    assert manifest.circuits["made"].python == "../lab/sub/made.py:build"
    assert manifest.circuits["t"].template == "../lab/t.j2"
    axis = manifest.sweeps[0].matrix["theta"].from_file
    assert axis is not None
    assert axis.file == "../lab/angles.csv"
    assert manifest.report.template == "../lab/report.md.j2"
    assert manifest.reuse == ("../lab/runs/old",)
    assert manifest.budget.prices == "../prices.yaml"


def test_a_base_above_names_files_of_the_manifests_own_folder(project: Path) -> None:
    write(project / "exp/bell.qasm", BELL)
    write(project / "base.yaml", BASE.replace("circuits/bell.qasm", "exp/bell.qasm"))
    manifest = load_manifest(write(project / "exp/m.yaml", "extends: ../base.yaml\n"))
    assert manifest.circuits["bell"].file == "bell.qasm"
    assert expand(manifest).points


def test_a_folder_that_is_a_link_is_called_as_it_is_written(project: Path) -> None:
    (project / "exp" / "shared").symlink_to(project / "lab")
    manifest = load_manifest(write(project / "exp/m.yaml", "extends: shared/base.yaml\n"))
    assert [source.path for source in manifest.sources] == ["m.yaml", "shared/base.yaml"]
    assert manifest.circuits["bell"].file == "shared/circuits/bell.qasm"


def test_noise_as_a_setting_names_files_of_the_base(project: Path) -> None:
    write(
        project / "lab/base.yaml",
        BASE.replace("readout: 0.02", "calibration: one.json")
        + "sweep: {matrix: {backends.noisy.noise.calibration: [one.json, two.json]}}\n",
    )
    data = yaml.safe_load(
        load_manifest(write(project / "exp/m.yaml", "extends: ../lab/base.yaml\n")).text
    )
    assert data["backends"]["noisy"]["noise"]["calibration"] == "../lab/one.json"
    assert data["sweep"]["matrix"] == {
        "backends.noisy.noise.calibration": ["../lab/one.json", "../lab/two.json"]
    }


def paths_of(schema: Any, at: tuple[str, ...], found: set[str], seen: tuple[int, ...]) -> None:
    """Find where the models' own validation calls `check_path`, by pydantic's core schemas."""
    if isinstance(schema, list | tuple):
        for each in schema:
            paths_of(each, at, found, seen)
    if not isinstance(schema, dict) or id(schema) in seen:
        return
    function = schema.get("function")
    if isinstance(function, dict) and function.get("function") is check_path:
        found.add("/".join(at))
    kind = schema.get("type")
    for key, value in schema.items():
        step: tuple[str, ...] = ()
        if kind == "dict" and key == "values_schema":
            step = ("*",)
        elif kind == "tuple" and key == "items_schema":
            step = ("[]",)
        if kind == "model-fields" and key == "fields":
            for name, field in value.items():
                alias = field.get("validation_alias") or name
                paths_of(field, (*at, str(alias)), found, (*seen, id(schema)))
        else:
            paths_of(value, (*at, *step), found, (*seen, id(schema)))


def test_every_path_of_the_models_is_among_the_places() -> None:
    schema: core_schema.CoreSchema = Manifest.__pydantic_core_schema__
    definitions = {each["ref"]: each for each in (schema.get("definitions") or []) if "ref" in each}

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if part.get("type") == "definition-ref":
                return resolved(definitions[part["schema_ref"]])
            return {key: resolved(value) for key, value in part.items()}
        return [resolved(each) for each in part] if isinstance(part, list | tuple) else part

    found: set[str] = set()
    root: Any = schema.get("schema", schema)
    paths_of(resolved(root), (), found, ())
    assert {"circuits/*/file", "report/template", "budget/prices", "reuse/[]"} <= found
    for each in found:
        short = each.replace("sweep/[]", "sweep")
        assert {each, short} & {*PLACES}, each


# -- places of mistakes ----------------------------------------------------------------------------


def test_a_mistake_tells_the_file_and_line_where_the_value_stands(project: Path) -> None:
    write(project / "lab/base.yaml", BASE + "run: {max_in_flight: 0}\nrun_: 1\nshots: 1\n")
    path = write(project / "exp/m.yaml", "extends: ../lab/base.yaml\nbackends: {ideal: {targt: x}}")
    base = project / "lab" / "base.yaml"
    assert mistakes(path) == [
        f"{project}/exp/m.yaml:2:20: unknown key 'targt' in backends.ideal; did you mean 'target'?",
        f"{base}:8:22: run.max_in_flight: 0 is too few; write 1 or more",
        f"{base}:9:1: unknown key 'run_'; did you mean 'run'?",
        f"{base}:10:1: the key 'shots' stands twice (first on line 7); remove one",
    ]
    with pytest.raises(SourceErrors) as caught:
        load_manifest(path)
    excerpts = [getattr(each, "excerpt", "") for each in caught.value.exceptions]
    assert excerpts[1] == "run: {max_in_flight: 0}"


def test_a_mistake_stays_at_its_place_when_read_again_elsewhere(project: Path) -> None:
    manifest = load_manifest(write(project / "exp/m.yaml", "extends: ../lab/base.yaml\n"))
    (project / "lab/base.yaml").unlink()  # what was read is not read again
    sent = pickle.loads(pickle.dumps(manifest))
    assert str(sent.place_of("shots")) == f"{project}/lab/base.yaml:7:1"
    assert override_manifest(manifest, ["shots=2"]).shots == 2


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"m": "extends: m.yaml"}, "m.yaml:1:10: extends: 'm.yaml' leads back to itself"),
        (
            {"m": "extends: a.yaml", "a": "extends: b.yaml", "b": "x-y: 1\nextends: a.yaml"},
            "b.yaml:2:10: extends: 'a.yaml' leads back to itself (a.yaml → b.yaml → a.yaml)",
        ),
        ({"m": "extends: [a.yaml]", "aa": ""}, "m.yaml:1:11: extends: 'a.yaml': no such file"),
        ({"m": "extends: {a: b}"}, "m.yaml:1:10: extends is no file; write the path"),
        ({"m": "extends:"}, "extends is no file; write the path"),
        ({"m": "extends: []"}, "m.yaml:1:10: extends is no file; write the path"),
        ({"m": "extends: a.yaml", "a": "# words\n- b"}, "a.yaml:2:1: is no map of keys"),
        ({"m": "extends: a.yaml", "a": "x: " + "[" * 900}, "a.yaml:1:"),
        ({"m": "extends: a.yaml", "a": "qbatch: 2"}, "a.yaml:1:9: qbatch: is no version"),
        ({"m": "extends: a.yaml", "a": "x: [1"}, "a.yaml:2:1: YAML: a ',' or"),
        ({"m": "extends: a.yaml", "a": ""}, "a.yaml: is empty"),
        ({"m": "extends: a.yaml", "a": "extends: [b.yaml, b.yaml]", **{
            one: f"extends: [{two}.yaml, {two}.yaml]"
            for one, two in zip("bcdefg", "cdefgh", strict=True)
        }, "h": "x-a: 1"}, "extends: more than 64 bases; write fewer"),
    ],
)  # fmt: skip
def test_bases_that_cannot_be_read_are_refused_where_they_are_named(
    tmp_path: Path, texts: dict[str, str], told: str
) -> None:
    for name, text in texts.items():
        write(tmp_path / f"{name}.yaml", text + "\n" if text else "")
    assert told in mistakes(tmp_path / "m.yaml")[0]


def test_a_base_is_named_from_the_file_that_extends_it(project: Path) -> None:
    """Elsewhere an absolute path is another file, or none: an archive could not be verified."""
    path = write(project / "exp/m.yaml", f"extends: {project}/lab/base.yaml\n")
    told = f"{project}/lab/base.yaml' is written from elsewhere; write '../lab/base.yaml'"
    assert told in mistakes(path)[0]
    (project / "lab/base.yaml").rename(project / "lab/first.yaml")
    write(project / "lab/base.yaml", f"extends: {project}/lab/first.yaml\n")
    path.write_text("qbatch: 1\nextends: ../lab/base.yaml\n")
    assert "lab/base.yaml:1:10: extends: " in mistakes(path)[0]
    assert "write 'first.yaml', from this file's folder" in mistakes(path)[0]


@pytest.mark.parametrize("base", ["../../outside.yaml", "/etc/hostname", "link.yaml", "../.git/c"])
def test_a_strangers_manifest_reads_no_base_outside_its_project(project: Path, base: str) -> None:
    home = project / "inner"
    (home / "exp").mkdir(parents=True)
    (home / ".git").mkdir()
    write(home / ".git" / "c", BASE)
    write(project / "outside.yaml", "secret: planted-in-a-file")
    (home / "exp" / "link.yaml").symlink_to(project / "outside.yaml")
    for trust in (False, True):
        with pytest.raises(SourceErrors) as caught:
            load_manifest(write(home / "exp/m.yaml", f"extends: {base}\n"), trust=trust)
        told = [f"{each}\n{getattr(each, 'excerpt', '')}" for each in caught.value.exceptions]
        assert "lies outside the manifest's project" in told[0]
        assert "planted" not in "".join(told)


def test_what_anchors_expand_to_is_bounded_in_bases_too(tmp_path: Path) -> None:
    lines = ["x-0: &a0 {a: 1, b: 1}"]
    lines += [f"x-{n}: &a{n} {{a: *a{n - 1}, b: *a{n - 1}}}" for n in range(1, 40)]
    bomb = "\n".join([*lines, "vars: *a39"])
    write(tmp_path / "base.yaml", bomb)
    path = write(tmp_path / "m.yaml", "extends: base.yaml\n" + bomb)
    (told,) = mistakes(path)
    assert "write less" in told


# -- what comes of it ------------------------------------------------------------------------------


def test_it_is_the_manifest_that_one_would_write_in_one_file(project: Path) -> None:
    text = "extends: ../lab/base.yaml\nname: m\nsweep: {matrix: {backend: [noisy, ideal]}}\n"
    whole = BASE.replace("circuits/bell", "../lab/circuits/bell").replace("from-base", "m")
    one = expand_file(write(project / "exp/m.yaml", text))
    other = expand_file(write(project / "exp/n.yaml", whole + text.splitlines()[2] + "\n"))
    assert [*one.ids_and_names()] == [*other.ids_and_names()]
    again = parse_manifest(one.manifest.to_yaml(), folder=project / "exp")
    assert again.model_dump() == one.manifest.model_dump() == other.manifest.model_dump()
    assert [*expand(again).ids_and_names()] == [*one.ids_and_names()]


def test_a_manifest_in_python_extends_a_file(project: Path) -> None:
    made = Manifest(
        name="made",
        extends="../lab/base.yaml",
        circuits={},
        backends={"ideal": None},
        folder=project / "exp",
    )
    assert [*made.backends] == ["noisy"]
    assert made.shots == 500


def test_an_editor_takes_what_extends_and_asks_for_all_of_what_does_not() -> None:
    validator = jsonschema.Draft202012Validator(manifest_schema())
    partial = {
        "extends": ["base.yaml"],
        "backends": {"noisy": {"noise": {"readout": 0.1}}, "ideal": None},
        "circuits": {"bell": {"with": {"n": 2}}, "other": None},
        "analysis": {"observables": None, "fits": {"t1": {"x": "t"}}},
        "shots": None,
        "sweep": {"matrix": {"theta": None}},
    }
    assert [each.message for each in validator.iter_errors(partial)] == []
    missing = {k: v for k, v in partial.items() if k != "extends"}
    assert len([*validator.iter_errors(missing)]) >= 6
