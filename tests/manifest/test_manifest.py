"""What a valid manifest means."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from qbatch.errors import Place, SourceErrors
from qbatch.manifest import Manifest, load_manifest, parse_manifest
from qbatch.manifest.models import Axis, Sweep

EXAMPLES = sorted((Path(__file__).parents[2] / "manifests").glob("*.yaml"))
HEAD = """\
qbatch: 1
name: test
circuits: {bell: circuits/bell.qasm}
backends:
  ideal: {provider: local}
  noisy: {provider: local, noise: {readout: 0.02}}
"""

#: The larger manifest of the design, without what later versions bring.
LARGE = """\
qbatch: 1
name: ring
vars: {nodes: 6, step: 2*pi/nodes}
x-angles: &angles {linspace: [0, pi/2, 9]}
circuits:
  x-note: circuits may be commented on
  ring: {file: circuits/ring_p1.qasm}
  grown: {template: circuits/grown.qasm.j2, with: {n: 2*nodes, kind: heavy-hex, angle: step}}
  built: {python: "circuits.py:build", with: {label: "pi/2", flag: true}}
backends:
  sim: {provider: local}
  emerald:
    provider: open-quantum
    target: iqm:emerald
    options: {execution_plan: auto, queue_priority: standard}
  rensselaer:
    provider: open-quantum
    target: ibm_rensselaer
    transpile: {optimization_level: 2, seed: 11}
    limits: {in_flight: 2}
    timeout: 6h
  toshiko: {provider: oqc, target: "qpu:uk:1:12345", credentials: env:OQC_TOKEN}
sweep:
  matrix:
    backend: [sim, emerald, rensselaer, toshiko]
    gamma: *angles
    beta: *angles
  exclude:
    - {backend: [emerald, rensselaer, toshiko], gamma: [0, pi/2]}
  include:
    - {circuit: ring, backend: sim, gamma: 0.6, beta: 0.4}
  sample: {where: {backend: toshiko}, n: 16, seed: 3}
  overrides:
    - {where: {backend: sim}, set: {shots: 2e4}}
  order: interleave
  seed: 7
run: {max_in_flight: 50, fail_fast: false, retry: {attempts: 4}}
budget:
  emerald: {credits: 40}
  rensselaer: {qpu_seconds: 600}
  total: {usd: 10*nodes}
  on_exceed: stop
  prices: prices/2026-11.yaml
analysis:
  observables: {cut: 3 - 0.5 Z0 Z1}
  intervals: {level: 0.95}
checks: [{that: cut <= nodes, where: {gamma: pi/4, repeat: 1}}]
report:
  formats: [html, md, csv, netcdf]
  plots:
    - {type: heatmap, x: gamma, y: beta, z: cut, facet: backend}
    - {type: line, x: gamma, y: cut, where: {beta: pi/8}, color: backend, band: ci}
"""


def parse(rest: str = "", **settings: object) -> Manifest:
    return parse_manifest(HEAD + rest, folder=Path("/nowhere"), **settings)  # type: ignore[arg-type]


def mistakes(text: str) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(text)
    return [str(error) for error in caught.value.exceptions]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_manifest_to_copy_from_is_valid(path):
    assert load_manifest(path).path == path


def test_the_large_manifest_of_the_design_is_valid():
    manifest = parse_manifest(LARGE)
    sweep = manifest.sweeps[0]
    assert sweep.matrix["gamma"] == sweep.matrix["beta"]
    assert sweep.matrix["gamma"].linspace == (0, math.pi / 2, 9)
    assert sweep.exclude[0]["gamma"] == (0, math.pi / 2)
    assert sweep.overrides[0].set == {"shots": 20000}
    assert sweep.sample[0].where == {"backend": ("toshiko")}
    assert manifest.backends["rensselaer"].timeout_s == 6 * 3600
    assert manifest.backends["emerald"].options["execution_plan"] == "auto"


def test_arithmetic_is_worked_out_where_unquoted_and_names_stay_names():
    circuits = parse_manifest(LARGE).circuits
    assert circuits["grown"].arguments == {"n": 12, "kind": "heavy-hex", "angle": math.pi / 3}
    assert circuits["built"].arguments == {"label": "pi/2", "flag": True}


def test_names_of_circuits_and_backends_are_never_arithmetic():
    text = "vars: {a: 1}\nqbatch: 1\nname: t\ncircuits: {a: a.qasm, pi: b.qasm}\n"
    text += (
        "backends: {a-1: {provider: local}}\nsweep: {matrix: {circuit: [a, pi], backend: [a-1]}}"
    )
    matrix = parse_manifest(text).sweeps[0].matrix
    assert matrix["circuit"].values == ("a", "pi")
    assert matrix["backend"].values == ("a-1",)


def test_noise_may_be_arithmetic():
    text = "vars: {e: 0.03}\n" + HEAD.replace("0.02", "2*e")
    assert parse_manifest(text).backends["noisy"].noise == {"readout": 0.06}


def test_options_are_never_arithmetic():
    manifest = parse(overrides=["backends.ideal.options.method=matrix-1"])
    assert manifest.backends["ideal"].options == {"method": "matrix-1"}


def test_whole_numbers_may_be_written_as_floats():
    manifest = parse("shots: 1e4\nsweep: {matrix: {shots: [1e2, 2.5e3]}}")
    assert manifest.shots == 10000
    assert manifest.sweeps[0].matrix["shots"].values == (100, 2500)
    assert all(type(shots) is int for shots in manifest.sweeps[0].matrix["shots"].values)


def test_integers_of_a_range_stay_integers():
    axis = parse("sweep: {matrix: {n: {range: [1, 6, 1]}}}").sweeps[0].matrix["n"]
    assert all(type(number) is int for number in axis.range)


def test_what_is_left_out_has_its_default():
    manifest = parse()
    assert manifest.shots == 1024
    assert manifest.sweeps == (Sweep(),)
    assert manifest.trust is False
    assert parse(trust=True).trust is True


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2d", 172800),
        ("45", 45),
        ("2*60", 120),
        ("0.5", 0.5),
    ],
)
def test_durations(written, seconds):
    text = HEAD.replace("{provider: local}", f"{{provider: local, timeout: {written}}}")
    assert parse_manifest(text).backends["ideal"].timeout_s == seconds


@pytest.mark.parametrize("pointer", ["env:OQC_TOKEN", "keyring:oqc/me", "file:~/.oqc"])
def test_pointers_to_secrets_are_taken(pointer):
    text = HEAD.replace("{provider: local}", f"{{provider: oqc, credentials: {pointer}}}")
    assert parse_manifest(text).backends["ideal"].credentials == pointer


def test_whether_a_provider_is_there_is_asked_when_it_is_needed():
    """A run folder whose package is not installed any more is read all the same."""
    text = HEAD.replace("provider: local", "provider: garage")
    assert parse_manifest(text).backends["ideal"].provider == "garage"


def test_one_mistake_in_vars_is_told_once_however_often_the_var_is_used():
    text = "vars: {n: x}\n" + HEAD + "shots: 2*n\nsweep: {matrix: {a: [n, n/2]}}\n"
    assert mistakes(text) == [
        "<string>:1:11: vars.n: 'x' is no number; write a number, or the name of one (pi)"
    ]


def test_places_are_of_keys_and_of_items():
    manifest = parse("sweep:\n  matrix:\n    shots: [1, 2]\n")
    assert manifest.place_of("sweep", "matrix", "shots") == Place("<string>", 9, 5)
    assert manifest.place_of("sweep", 0, "matrix", "shots", 1) == Place("<string>", 9, 16)
    assert manifest.place_of_value("sweep", "matrix", "shots") == Place("<string>", 9, 12)
    assert manifest.excerpt(manifest.place_of("sweep")) == "sweep:"


def test_a_mistake_in_an_anchored_map_stands_where_the_map_is_written():
    text = HEAD + "x-a: &a {repeat: 0}\nsweep:\n  <<: *a\n"
    assert mistakes(text) == ["<string>:7:18: sweep.repeat: 0 is too few; write 1 or more"]


def test_a_manifest_travels_between_processes_with_its_places():
    manifest = parse("shots: 7\n", overrides=["run.fail_fast=true"])
    copy = pickle.loads(pickle.dumps(manifest))
    assert copy == manifest
    assert copy.place_of("shots") == Place("<string>", 7, 1)
    assert copy.place_of("run", "fail_fast") == Place("-S run.fail_fast")


def test_a_manifest_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parse().shots = 3  # type: ignore[misc]


def test_models_can_be_made_in_python():
    assert Sweep(matrix={"theta": Axis(values=(1, 2.5))}).matrix["theta"].values == (1, 2.5)
    with pytest.raises(ValidationError, match="stands twice"):
        Sweep(matrix={"theta": Axis(values=(1, 1.0))})


def test_loading_needs_neither_numpy_nor_qiskit_nor_a_template_engine():
    code = (
        "import sys; from qbatch.manifest import load_manifest;"
        f"load_manifest({str(EXAMPLES[1])!r});"
        "sys.exit(bool({'numpy', 'qiskit', 'jinja2', 'trio', 'httpx'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ten_thousand_lines_load_without_looking_anything_up_twice(monkeypatch):
    entries = "".join(f"    - {{backend: noisy, a: {i}}}\n" for i in range(3000))
    text = HEAD + "sweep:\n  matrix: {a: {range: [0, 9, 1]}}\n  include:\n" + entries
    resolved: list[Path] = []
    real = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda path: resolved.append(path) or real(path))
    parse_manifest(text, folder="/nowhere")
    assert len(resolved) == 2
