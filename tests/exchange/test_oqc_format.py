"""The files of OQC's own client, and what stands in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qbatch.errors import SourceError
from qbatch.exchange.oqc.format import read_config, read_jobs, write_config, write_jobs
from qbatch.providers.oqc.config import encode_config
from qbatch.providers.oqc.options import Options
from qbatch.providers.oqc.results import NotCounts, SeparateRegisters, counts_of

ID = "0216e7aa-0fe8-48a7-9917-a088c0b3cc93"
OUTPUT = {
    "qpu_id": "qpu:uk:2:d865b5a184",
    "task_id": ID,
    "program": "OPENQASM 2.0; é",
    "received": "2026-11-21T03:08:56.269571",
    "config_json": None,
    "config_type": None,
    "timings": None,
    "metrics": None,
    "metadata": None,
    "kind": "result",
    "data": {"c": {"00": 480, "11": 520}},
}
JOB = {
    "schema_version": "1",
    "snapshot_kind": "job",
    "program": "OPENQASM 2.0; é",
    "qpu_id": "qpu:uk:2:d865b5a184",
    "config_json": None,
    "config_type": None,
    "tag": "cell-0",
    "hybrid_marker": None,
    "timings": None,
    "metrics": None,
    "metadata": None,
    "task_id": ID,
    "state": "COMPLETED",
    "raise_on_error": False,
    "fetch_diagnostics": False,
    "result": OUTPUT,
    "error": None,
    "history": [OUTPUT],
}
FILE = {"schema_version": "1", "snapshot_kind": "composite", "jobs": [JOB]}


def text_of(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def test_a_file_is_written_again_byte_for_byte() -> None:
    assert write_jobs(read_jobs(text_of(FILE), "f.json")) == text_of(FILE)


def test_a_single_job_is_read_as_a_composite_of_one() -> None:
    assert read_jobs(text_of(JOB), "f.json") == read_jobs(text_of(FILE), "f.json")


def test_only_program_and_qpu_are_needed_of_a_job() -> None:
    least = {"program": "p", "qpu_id": "q", "unheard_of": 1}
    (job,) = read_jobs(text_of(FILE | {"jobs": [least]}), "f.json")
    assert (job.state, job.task_id, job.history) == ("CREATED", None, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 1}, "schema_version"),
        ({"schema_version": "2"}, "schema_version"),
        ({"snapshot_kind": "batch"}, "no file of OQC's client"),
        ({"jobs": [JOB | {"state": "EXPIRED"}]}, "jobs.0.state"),
        ({"jobs": [JOB | {"task_id": "17"}]}, "jobs.0.task_id"),
        ({"jobs": [{"program": "p"}]}, "jobs.0.qpu_id"),
        ({"jobs": [JOB | {"history": [{"data": {}}]}]}, "jobs.0.history.0"),
    ],
)
def test_what_departs_from_the_format_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_jobs(text_of(FILE | change), "f.json")


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(SourceError, match=r"f\.json: is no JSON"):
        read_jobs("[1, 2", "f.json")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tket": "two", "error_mitigation": "linear", "passive_reset_time": 1e-4},
        {"metrics": False, "driven_reset": True, "repetition_period": 2e-4},
        {"noise": True, "bond_dimension": 8},
        {"config": {"active_calibrations": ["x"]}},
    ],
)
def test_a_configuration_comes_back_in_the_words_of_a_manifest(options: dict[str, Any]) -> None:
    text, _ = write_config(77, Options.model_validate(options))
    found = read_config(text)
    assert (found.shots, dict(found.options), found.problem) == (77, options, "")


def test_old_prefixes_and_missing_keys_mean_the_same() -> None:
    config = json.loads(encode_config(5, Options(tket="one")))
    for key in ("pre_selection", "post_selection", "driven_reset", "enable_debug_info"):
        del config["$data"][key]
    old = json.dumps(config).replace("compiler_config.config.", "scc.compiler.config.")
    assert dict(read_config(old).options) == {"tket": "one"}


def test_what_no_option_names_passes_through_whole() -> None:
    config = json.loads(encode_config(5, Options(tket="one")))
    flags = config["$data"]["optimizations"]["$data"]["tket_optimizations"]
    flags["$value"] = 6
    options = read_config(json.dumps(config)).options
    again = json.loads(encode_config(5, Options.model_validate(dict(options))))
    assert again == config


def test_a_configuration_of_another_kind_has_a_problem_and_its_shots() -> None:
    erado = {"$type": "<class 'compiler_config.experimental.erado.config.EradoConfig'>"}
    found = read_config(json.dumps(erado | {"$dataclass": True, "$data": {"repeats": 9}}))
    assert found.shots == 9
    assert "EradoConfig" in found.problem


def test_bit_zero_stands_left_at_oqc_and_right_with_us() -> None:
    assert counts_of({"c": {"100": 3, "110": 1}}).to_dict() == {"001": 3, "011": 1}


def test_one_varying_register_gives_joint_counts() -> None:
    data = {"a": {"1": 10}, "b": {"00": 6, "10": 4}}
    counts = counts_of(data, [("a", 1), ("b", 2)])
    assert counts.to_dict() == {"00 1": 6, "01 1": 4}


def test_two_varying_registers_have_no_joint_counts_and_one_can_be_chosen() -> None:
    data = {"a": {"1": 5, "0": 5}, "b": {"00": 6, "10": 4}}
    with pytest.raises(SeparateRegisters, match="--register a"):
        counts_of(data, [("a", 1), ("b", 2)])
    assert counts_of(data, [("a", 1), ("b", 2)], "b").to_dict() == {"00": 6, "01": 4}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"c": [[0, 1], [1, 1]]},
        {"c": {"02": 1}},
        {"c": {"0": -1}},
        {"c": {"0": 0}},
        {"c": {"01": 1.5}},
        {"c": {"001": 1}},
        {"d": {"00": 1}},
        {"c": {"00": 1}, "d": {"0": 2}},
    ],
)
def test_what_is_no_counts_is_said_to_be_none(data: dict[str, Any]) -> None:
    with pytest.raises(NotCounts):
        counts_of(data, [("c", 2)] + ([("d", 1)] if len(data) > 1 else []))


def test_missing_zeros_and_unmeasured_registers_are_filled_in() -> None:
    assert counts_of({"1": 5, "01": 2}, [("c", 2)]).to_dict() == {"10": 7}
    assert counts_of({"b": {"1": 5}}, [("a", 2), ("b", 1)]).to_dict() == {"1 00": 5}
