"""``-S path=value``."""

from __future__ import annotations

import math

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import Manifest, parse_manifest

TEXT = """\
qbatch: 1
name: test
vars: {n: 3}
circuits: {bell: {template: bell.qasm.j2, with: {size: n}}}
backends:
  ideal: &local {provider: local}
  noisy:
    <<: *local
    noise: {readout: 0.02}
sweep:
  matrix: {backend: [ideal, noisy], gamma: [0, 1]}
  zip: {beta: [1, 2]}
report:
"""


def change(*overrides: str, text: str = TEXT) -> Manifest:
    return parse_manifest(text, overrides=overrides)


def refusal(*overrides: str, text: str = TEXT) -> str:
    with pytest.raises(SourceErrors) as caught:
        change(*overrides, text=text)
    return "\n".join(str(error) for error in caught.value.exceptions)


VALID = TEXT.replace("report:\n", "")


def test_a_value_is_changed():
    assert change("shots=100", text=VALID).shots == 100
    assert change("vars.n=2+5", text=VALID).circuits["bell"].arguments == {"size": 7}


def test_an_axis_by_its_name_takes_a_list():
    assert change("gamma=0,pi/2,pi", text=VALID).sweeps[0].matrix["gamma"].values == (
        0,
        math.pi / 2,
        math.pi,
    )


def test_an_axis_by_its_name_is_found_in_zip():
    assert change("beta=3,4", text=VALID).sweeps[0].zip["beta"].values == (3, 4)


def test_shots_with_commas_are_swept():
    assert change("shots=1,2,3", text=VALID).sweeps[0].matrix["shots"].values == (1, 2, 3)


def test_a_new_axis_is_made_by_its_path_also_from_one_value():
    assert change("sweep.matrix.shots=5", text=VALID).sweeps[0].matrix["shots"].values == (5,)


def test_an_axis_takes_any_form():
    axis = change("gamma={linspace: [0, 1, 3]}", text=VALID).sweeps[0].matrix["gamma"]
    assert axis.linspace == (0, 1, 3)


def test_an_axis_of_several_sweeps_is_changed_in_each():
    text = VALID[: VALID.index("sweep:")] + "sweep:\n  - matrix: {a: [1]}\n  - zip: {a: [2]}\n"
    sweeps = change("a=7,8", text=text).sweeps
    assert sweeps[0].matrix["a"].values == sweeps[1].zip["a"].values == (7, 8)
    assert change("sweep.1.repeat=3", text=text).sweeps[1].repeat == 3


def test_lists_of_words_take_commas_and_texts_keep_them():
    manifest = change("report.formats=md,html", "description=a, b")
    assert manifest.report.formats == ("md", "html")
    assert manifest.description == "a, b"


def test_what_an_anchor_shares_is_changed_in_one_place_only():
    manifest = change("backends.noisy.timeout=5s", "backends.noisy.noise.readout=0.1", text=VALID)
    assert manifest.backends["noisy"].timeout_s == 5
    assert manifest.backends["noisy"].noise == {"readout": 0.1}
    assert manifest.backends["ideal"].timeout_s == 86_400


def test_a_merged_key_is_overridden():
    backends = change("backends.noisy.provider=oqc", text=VALID).backends
    assert [backends[name].provider for name in ("ideal", "noisy")] == ["local", "oqc"]


def test_later_overrides_win():
    assert change("shots=1", "shots=2", text=VALID).shots == 2


def test_text_and_places_stay_those_of_the_file():
    manifest = change("name=other", text=VALID)
    assert manifest.text == VALID
    assert manifest.overrides == ("name=other",)
    assert str(manifest.place_of("vars", "n")) == "<string>:3:8"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("shots", "-S shots: is no path=value; write -S shots=1000"),
        ("=3", "-S : is no path=value"),
        ("run..x=3", "is no path=value"),
        ("shots=0", "-S shots: shots: 0 is too few; write 1 or more"),
        ("shts=3", "'shts' is no key and no axis of this manifest"),
        ("gama=3", "did you mean 'gamma'?; write sweep.matrix.gama=… for a new axis"),
        ("backends.nosy.noise=3", "backends has no 'nosy' (ideal, noisy); did you mean 'noisy'?"),
        ("run.fail_fst=true", "run has no 'fail_fst'"),
        ("vars.m=3", "vars has no 'm' (n)"),
        ("circuits.bell.with.sise=3", "did you mean 'size'?"),
        ("name.first=x", "name is one value and has no 'first' in it"),
        ("sweep.matrix.gamma.9=3", "sweep.matrix.gamma is a list of 2, and '9' no index in it"),
        ("shots=[1", "the value is no YAML"),
        ("gamma=1,2]", "the value is no YAML"),
        ("report.formats=md,pdf", "report.formats[1]: 'pdf' is none of"),
        ("backends.ideal.credentials=5fa9c0ffee", "is no pointer to a secret"),
    ],
)
def test_what_goes_nowhere_is_refused(override, told):
    found = refusal(override, text=VALID)
    assert told in found
    assert "5fa9c0ffee" not in found


def test_an_empty_section_can_be_filled():
    assert change("report.formats=[md]").report.formats == ("md",)


def test_names_with_dots_and_digits_are_found():
    text = VALID.replace("  noisy:", "  007: {provider: local}\n  iqm.emerald:")
    text = text.replace("007", '"007"').replace("noisy", "iqm.emerald")
    manifest = change("backends.iqm.emerald.noise.readout=0.5", "backends.007.timeout=1", text=text)
    assert manifest.backends["iqm.emerald"].noise == {"readout": 0.5}
    assert manifest.backends["007"].timeout_s == 1


def test_the_one_sweep_may_be_called_the_first():
    assert change("sweep.0.repeat=3", "sweep.0.matrix.a=1,2", text=VALID).sweeps[0].repeat == 3


def test_shots_alone_is_the_axis_where_there_is_one():
    swept = VALID.replace("gamma: [0, 1]", "shots: [10, 100]")
    manifest = change("shots=5", text=swept)
    assert manifest.sweeps[0].matrix["shots"].values == (5,)
    assert change("shots=5", text=VALID).shots == 5


def axes_of(manifest: Manifest) -> list[dict[str, object]]:
    return [{n: a.values for n, a in s.matrix.items()} for s in manifest.sweeps]


NOISE = "noise.readout"
OF_NOISY = "backends.noisy.noise.readout"


@pytest.mark.parametrize("values", ["0,0.1", "[0, 0.1]", " 0, 0.1"])
def test_a_settings_path_is_an_axis_of_every_sweep(values):
    """P27."""
    two = VALID.replace("sweep:\n", "sweep:\n- shots: 1\n").replace(
        "- shots: 1\n  matrix", "- matrix"
    )
    found = change(f"{NOISE}={values}", text=two.replace("\n  zip", "\n- zip"))
    assert [axes[NOISE] for axes in axes_of(found)] == [(0, 0.1), (0, 0.1)]
    assert found.backends["noisy"].noise == {"readout": 0.02}


def test_one_value_at_a_settings_path_is_an_axis_of_one():
    assert axes_of(change(f"{NOISE}=0.1", text=VALID))[0][NOISE] == (0.1,)


def test_several_values_at_a_backends_path_are_an_axis_and_one_value_is_none():
    swept = change(f"{OF_NOISY}=0.1,0.2", text=VALID)
    assert axes_of(swept)[0][OF_NOISY] == (0.1, 0.2)
    assert swept.backends["noisy"].noise == {"readout": 0.02}
    spaced = change(f"{OF_NOISY}={{linspace: [0, 1, 3]}}", text=VALID)
    assert spaced.sweeps[0].matrix[OF_NOISY].linspace == (0, 1, 3)
    for one, found in (("0.3", 0.3), ("{p01: 0.1}", {"p01": 0.1})):
        fixed = change(f"{OF_NOISY}={one}", text=VALID)
        assert OF_NOISY not in axes_of(fixed)[0]
        assert fixed.backends["noisy"].noise == {"readout": found}


def test_where_the_path_is_an_axis_one_value_goes_there():
    swept = VALID.replace("beta: [1, 2]", f"{OF_NOISY}: [0.1, 0.2]")
    assert change(f"{OF_NOISY}=0.5", text=swept).sweeps[0].zip[OF_NOISY].values == (0.5,)


def test_what_an_axis_would_hide_is_refused():
    swept = VALID.replace("beta: [1, 2]", f"{NOISE}: [0.1, 0.2]")
    assert f"{NOISE} is an axis, which sets every backend; write -S {NOISE}=" in refusal(
        f"{OF_NOISY}=0.5", text=swept
    )


def test_the_axis_of_a_backend_goes_to_the_sweeps_that_have_it():
    two = VALID.split("sweep:")[0] + (
        "sweep:\n- {matrix: {backend: [ideal]}}\n- {matrix: {backend: [noisy]}}\n- {seed: 1}\n"
    )
    found = axes_of(change(f"{OF_NOISY}=0.1,0.2", text=two))
    assert [OF_NOISY in axes for axes in found] == [False, True, True]
    without = two.replace("- {matrix: {backend: [noisy]}}\n- {seed: 1}\n", "")
    assert "no sweep has points of backend 'noisy'" in refusal(f"{OF_NOISY}=1,2", text=without)


def test_a_manifest_without_a_sweep_gets_one():
    bare = VALID.split("sweep:")[0]
    assert axes_of(change(f"{NOISE}=0,0.1", text=bare)) == [{NOISE: (0, 0.1)}]


def test_a_path_within_a_path_is_one_name():
    found = change(
        f"sweep.matrix.{NOISE}=0,0.1",
        "sweep.overrides=[{where: {gamma: 0}, set: {beta: 1}}]",
        f"sweep.overrides.0.where.{NOISE}=0.1",
        f"sweep.overrides.0.set.{OF_NOISY}=0.2",
        "checks=[{that: tvd < 1, where: {gamma: 0}}]",
        f"checks.0.where.{NOISE}=0",
        "analysis.distribution={target: {'0': 1}}",
        "backends.noisy.noise.depolarizing.one_qubit=0.5",
        text=VALID,
    )
    assert axes_of(found)[0][NOISE] == (0, 0.1)
    (override,) = found.sweeps[0].overrides
    assert override.where == {"gamma": 0, NOISE: 0.1}
    assert override.set == {"beta": 1, OF_NOISY: 0.2}
    assert found.checks[0].where == {"gamma": 0, NOISE: 0}
    assert found.backends["noisy"].noise == {"readout": 0.02, "depolarizing": {"one_qubit": 0.5}}


def test_times_have_units():
    """P28: `80us` was no number."""
    path = "noise.thermal_relaxation.t1"
    assert axes_of(change(f"{path}=80us,0.1ms, 1e-5", text=VALID))[0][path] == (8e-5, 1e-4, 1e-5)
    spaced = change(f"{path}={{geomspace: [10us, 1ms, 3]}}", text=VALID).sweeps[0].matrix[path]
    assert spaced.geomspace == (1e-5, 1e-3, 3)


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("repeat=4", "-S repeat: repeat is a key of the sweep; write -S sweep.repeat=…"),
        ("seed=4", "-S seed: seed is a key of the sweep; write -S sweep.seed=…"),
        ("gamma=linspace(0, pi, 3)", "write a spacing as -S gamma='{linspace: [0, pi, 3]}'"),
        ("gamma=geomspace(1, 8, 4)", "write a spacing as -S gamma='{geomspace: [1, 8, 4]}'"),
    ],
)
def test_what_stands_elsewhere_or_is_a_call_is_told_with_its_remedy(flag, told):
    """P29: both were answered with what is itself an error."""
    assert told in refusal(flag, text=VALID)
    change("sweep.repeat=4", "sweep.seed=4", text=VALID)
    change("gamma={linspace: [0, pi, 3]}", text=VALID)
