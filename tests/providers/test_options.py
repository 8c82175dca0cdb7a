"""P8 and P9: options are a contract: driver, schema and `validate` read one model."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from textwrap import dedent
from types import ModuleType, SimpleNamespace

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict

from qbatch.errors import Refused, SourceErrors
from qbatch.manifest.models import Backend
from qbatch.plan import expand_file
from qbatch.plan.identity import backend_identity
from qbatch.providers import (
    BUILT_IN,
    Room,
    is_local,
    manifest_schema,
    open_driver,
    options_model,
    room_of,
    validate_settings,
)
from qbatch.providers.registry import ENTRY_POINTS

CIRCUIT = "OPENQASM 3.0; qubit q; bit c; c = measure q;"


def mistakes_of(folder: Path, provider: str, options: str) -> list[str]:
    """What `validate` says of a manifest with these options; they begin at 7:7."""
    file = folder / "m.yaml"
    file.write_text(
        dedent(
            f"""\
            qbatch: 1
            name: m
            circuits: {{c: {{qasm: '{CIRCUIT}'}}}}
            backends:
              b:
                provider: {provider}
                options: {options}
            """
        )
    )
    try:
        expand_file(file)
    except SourceErrors as error:
        return [str(one).split(" ", 1)[0] + " " + one.problem for one in error.exceptions]
    return []


@pytest.mark.parametrize(
    ("provider", "options", "place", "said"),
    [
        ("oqc", "{tkt: one}", "7:15:", "unknown key 'tkt' (known: tket, error_mitigation,"),
        ("oqc", "{tket: three}", "7:15:", "'three' is none of none, one, two"),
        ("oqc", "{bond_dimension: 0}", "7:15:", "0 is too small; write 1 or more"),
        ("oqc", "{metrics: maybe}", "7:15:", "'maybe' is neither true nor false"),
        ("marqov", "{frmework: qiskit}", "7:15:", "did you mean 'framework'?"),
        ("marqov", "{script_id: mine}", "7:15:", "'mine' is no UUID"),
        ("marqov", "{inline_code: x}", "7:5:", "inline_code needs framework: qiskit, cirq,"),
        ("scaleway", "{max_idel: 5m}", "7:15:", "did you mean 'max_idle'?"),
        ("scaleway", "{max_idle: soon}", "7:15:", "'soon' is no duration; write 90s, 30m,"),
        ("scaleway", "{booking: {starts_at: x}}", "7:15:", "ends_at is missing; write it"),
        ("open-quantum", "{queue_prioritty: auto}", "7:15:", "did you mean 'queue_priority'?"),
        ("open-quantum", "{queue_priority: standart}", "7:15:", "did you mean 'standard'?"),
        ("open-quantum", "{execution_plan: cheap}", "7:15:", "one of auto, public, private"),
        ("open-quantum", "{configuration: 3}", "7:15:", "3 is no map; write keys and values"),
        ("ibm-direct-access", "{log_levle: debug}", "7:15:", "did you mean 'log_level'?"),
        ("ibm-direct-access", "{log_level: verbose}", "7:15:", "none of debug, info, warning,"),
        ("ibm-direct-access", "{storage: {endpoit: x}}", "7:25:", "did you mean 'endpoint'?"),
        ("ibm-direct-access", "{sampler: {shots: 1}}", "7:25:", "unknown key 'shots' (known: dyn"),
        (  # P19: the sampler's options are checked before the job runs
            "ibm-direct-access",
            "{sampler: {twirling: {strategy: some}}}",
            "7:36:",
            "'some' is none of active, active-accum, active-circuit, all",
        ),
        (
            "ibm-direct-access",
            "{sampler: {execution: {meas_type: kerneled}}}",
            "7:37:",
            "'kerneled' asks for something else than counts",
        ),
        (
            "ibm-direct-access",
            "{sampler: {dynamical_decoupling: {enabel: true}}}",
            "7:48:",
            "did you mean 'enable'?",
        ),
        ("ibm-direct-access", "{api_version: soon}", "7:15:", "'soon' is not written as"),
        ("local", "{methd: stim}", "7:15:", "did you mean 'method'?"),
    ],
)
def test_a_wrong_option_of_each_provider_is_told_at_its_line(
    tmp_path, provider, options, place, said
):
    [mistake] = mistakes_of(tmp_path, provider, options)
    assert f":{place} " in f"{mistake} "
    assert said in mistake


FLAGS = [
    (provider, name)
    for provider in BUILT_IN
    for name, info in options_model(provider).model_fields.items()  # type: ignore[union-attr]
    if info.annotation is bool
]


@pytest.mark.parametrize(("provider", "name"), FLAGS)
@pytest.mark.parametrize("value", ["yes", "1", "0", "'true'", "on", "1.0", "[true]"])
def test_what_is_true_or_false_is_written_so(tmp_path, provider, name, value):
    told = mistakes_of(tmp_path, provider, f"{{{name}: {value}}}")
    assert any(":7:15: " in text and "is neither true nor false; write" in text for text in told)
    assert not any(
        "neither true" in text for text in mistakes_of(tmp_path, provider, f"{{{name}: true}}")
    )


@pytest.mark.parametrize(
    ("provider", "options", "said"),
    [
        ("oqc", "{bond_dimension: 8.5}", "8.5 is no integer; write a whole number"),
        ("oqc", "{bond_dimension: '8'}", "'8' is in quotes, and so a string; write a whole number"),
        ("oqc", "{bond_dimension: true}", "True is a boolean; write a whole number"),
        ("oqc", "{passive_reset_time: true}", "True is no number"),
        ("ibm-direct-access", "{timeout_secs: '60'}", "'60' is in quotes, and so a string"),
        ("ibm-direct-access", "{service_crn: 5}", "5 is no text"),
        ("ibm-direct-access", "{storage: {keep_objects: yes}}", "'yes' is neither true nor false"),
    ],
)
def test_options_are_read_as_they_are_written(tmp_path, provider, options, said):
    assert any(said in text for text in mistakes_of(tmp_path, provider, options))


def test_a_whole_number_may_be_written_in_any_way(tmp_path):
    assert mistakes_of(tmp_path, "oqc", "{bond_dimension: 8.0}") == []
    assert mistakes_of(tmp_path, "ibm-direct-access", "{timeout_secs: 1e4}") == []


@pytest.mark.parametrize("provider", [*BUILT_IN])
def test_every_option_of_ours_stands_in_the_schema_with_its_meaning(provider):
    part = manifest_schema()["$defs"][f"{provider}-options"]
    model = options_model(provider)
    assert model is not None
    assert list(part["properties"]) == list(model.model_fields)
    assert all(option.get("description") for option in part["properties"].values())


def test_an_editor_sees_an_option_that_another_provider_has():
    def is_sound(provider: str) -> bool:
        backend = {"provider": provider, "options": {"tket": "one"}}
        manifest = {
            "qbatch": 1, "name": "m", "circuits": {"c": {"qasm": CIRCUIT}},
            "backends": {"b": backend},
        }  # fmt: skip
        return not [*jsonschema.Draft202012Validator(manifest_schema()).iter_errors(manifest)]

    assert is_sound("oqc")
    assert not is_sound("scaleway")


class Options(BaseModel):
    """``options`` of a toy cloud.

    Attributes:
        speed: Of the machine.
    """

    model_config = ConfigDict(extra="forbid")
    speed: int = 1


def announce(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    announced = EntryPoints([EntryPoint("toy", value, ENTRY_POINTS)])
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda **wanted: announced.select(**wanted)
    )


@pytest.fixture
def toy(monkeypatch):
    """A package of a third party's that announces the provider "toy"."""
    package = ModuleType("toy_cloud")
    package.Options = Options  # type: ignore[attr-defined]
    package.open_driver = lambda *_, **__: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_cloud", package)
    announce(monkeypatch, "toy_cloud:open_driver")


@pytest.mark.usefixtures("toy")
def test_options_of_a_third_party_are_checked_and_listed_as_ours_are(tmp_path):
    [mistake] = mistakes_of(tmp_path, "toy", "{sped: 2}")
    assert ":7:15:" in f"{mistake} "
    assert "did you mean 'speed'?" in mistake
    assert mistakes_of(tmp_path, "toy", "{speed: 2}") == []
    described = manifest_schema()["$defs"]["toy-options"]["properties"]["speed"]["description"]
    assert described == "Of the machine."


def test_a_package_that_cannot_be_loaded_is_told_at_its_line(tmp_path, monkeypatch):
    announce(monkeypatch, "no_such_package")
    [mistake] = mistakes_of(tmp_path, "toy", "{}")
    assert ":6:" in mistake
    assert "toy: its driver no_such_package cannot be loaded" in mistake


@pytest.mark.usefixtures("toy")
def test_a_third_party_says_of_itself_what_ours_say(monkeypatch):
    assert not is_local("toy")
    room = Room(is_local=True, label_options=frozenset({"speed"}))
    monkeypatch.setattr(sys.modules["toy_cloud"], "ROOM", room, raising=False)
    assert is_local("toy")
    labelled = [Backend(provider="toy", options={"speed": n}) for n in (1, 2)]
    assert backend_identity(labelled[0], Path()) == backend_identity(labelled[1], Path())


@pytest.mark.usefixtures("toy")
def test_a_third_party_says_what_it_obeys_and_what_it_bills_in(tmp_path, monkeypatch):
    def mistakes(room: Room) -> list[str]:
        monkeypatch.setattr(sys.modules["toy_cloud"], "ROOM", room, raising=False)
        backend = Backend(
            provider="toy",
            noise={"sped": 1},
            engine={"speed": 2},
            limits={"workers": 2, "in_flight": 1},
            transpile={"seed": 1},
            on_timeout="leave",
        )
        found = validate_settings(backend, tmp_path)
        return [".".join(map(str, loc)) for loc, _ in found]

    assert mistakes(Room()) == ["noise", "engine", "limits.workers"]
    assert mistakes(Room(compiles=True)) == ["noise", "engine", "transpile", "limits.workers"]
    theirs = Room(
        noise="toy_cloud", engines="toy_cloud", limits=frozenset({"workers"}), is_local=True
    )
    monkeypatch.setattr(sys.modules["toy_cloud"], "Noise", Options, raising=False)
    monkeypatch.setattr(sys.modules["toy_cloud"], "EngineOptions", Options, raising=False)
    assert mistakes(theirs) == ["noise.sped", "on_timeout"]
    assert mistakes(replace(theirs, lasting_engines=frozenset({"speed"}))) == ["noise.sped"]


@pytest.mark.usefixtures("toy")
def test_a_third_party_says_in_which_units_a_budget_of_it_is(tmp_path, monkeypatch):
    file = tmp_path / "m.yaml"
    file.write_text(
        f"qbatch: 1\nname: m\ncircuits: {{c: {{qasm: '{CIRCUIT}'}}}}\n"
        "backends: {b: {provider: toy}}\nbudget: {total: {cowrie: 5}}\n"
    )
    expand_file(file)  # it does not say in which
    room = Room(units=frozenset({"cowries"}), also_called=frozenset({"tin toy"}))
    monkeypatch.setattr(sys.modules["toy_cloud"], "ROOM", room, raising=False)
    with pytest.raises(SourceErrors) as told:
        expand_file(file)
    [mistake] = map(str, told.value.exceptions)
    assert "m.yaml:5:18: 'cowrie' is no unit (cowries, credits, eur," in mistake
    assert mistake.endswith("did you mean 'cowries'?")


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("written", "meant"),
    [("aer", "local"), ("Qiskit", "local"), ("scw", "scaleway"), ("tin toy", "toy"), ("x", "")],
)
def test_a_provider_may_be_meant_by_another_word(tmp_path, monkeypatch, written, meant):
    """P42: `provider: aer` got no hint."""
    room = Room(also_called=frozenset({"tin toy"}))
    monkeypatch.setattr(sys.modules["toy_cloud"], "ROOM", room, raising=False)
    [mistake] = mistakes_of(tmp_path, written, "{}")
    assert f"'{written}' is no provider (ibm-direct-access, local," in mistake
    assert mistake.endswith(f"did you mean '{meant}'?" if meant else ", toy)")


@pytest.mark.usefixtures("toy")
def test_only_drivers_of_local_providers_are_local(monkeypatch):
    monkeypatch.setattr(
        sys.modules["toy_cloud"], "open_driver", lambda *_, **__: SimpleNamespace(is_local=True)
    )
    with pytest.raises(Refused, match=r"toy: .* write ROOM = Room\(is_local=True\)"):
        open_driver(Backend(provider="toy"), name="t", folder=Path())


def test_a_provider_that_is_gone_counts_as_a_cloud():
    assert not is_local("no-such-provider")


@pytest.mark.parametrize("provider", [*BUILT_IN])
def test_each_of_ours_is_as_local_as_its_drivers(provider):
    driver = import_module(room_of(provider).driver)
    kinds = [each for each in vars(driver).values() if hasattr(each, "is_local")]
    if provider == "local":
        kinds = [import_module("qbatch.providers.local.driver").LocalDriver]
    assert {each.is_local for each in kinds if isinstance(each, type)} == {is_local(provider)}
