"""Each cloud's page: its manifest runs, and its variables are those that the driver reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.guide.blocks import GUIDE

#: Provider -> how the cloud's own variables begin.
CLOUDS = {
    "ibm-direct-access": "QRMI_IBM_QS_",
    "marqov": "MARQOV_",
    "open-quantum": "OPENQUANTUM_",
    "oqc": "OQC_",
    "scaleway": "SCW_|QISKIT_SCALEWAY_",
}


def page_of(cloud: str) -> str:
    return (GUIDE / f"{cloud}.md").read_text("utf-8")


def variables_in(text: str, cloud: str) -> set[str]:
    return set(
        re.findall(rf"\b(?:QBATCH_[A-Z_]+_URL|(?:{CLOUDS[cloud]})[A-Z0-9_]*[A-Z0-9])\b", text)
    )


def read_by_driver(cloud: str) -> set[str]:
    """The variables in a driver's source, those whose names it puts together included."""
    folder = GUIDE.parent / "providers" / cloud.replace("-", "_")
    text = "\n".join(file.read_text("utf-8") for file in sorted(folder.glob("*.py")))
    return variables_in(text, cloud)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_variables_of_a_page_are_those_that_the_driver_reads(cloud: str) -> None:
    table = page_of(cloud).partition("## Variables")[2].partition("##")[0]
    assert variables_in(table, cloud) == read_by_driver(cloud)


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_manifest_of_a_page_runs_in_a_rehearsal(qbatch: Call, cloud: str) -> None:
    (text,) = re.findall(r"## A manifest\n\n```yaml\n(.*?)```", page_of(cloud), re.DOTALL)
    Path("page.yaml").write_text(text, "utf-8")
    said = qbatch("run", "page.yaml", "--rehearse", "--json")
    assert said.code == 0, said.err
    for each in said.json_lines[-1]["passes"]:
        ((_, at),) = each["backends"].items()
        assert at["states"] == {"completed": 3}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_page_says_what_is_not_verified(cloud: str) -> None:
    assert "Not verified against the live service:" in " ".join(page_of(cloud).split())
