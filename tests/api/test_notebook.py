"""A notebook that is run by a Jupyter kernel: what its cells show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parent / "rabi.ipynb"

#: Runs a notebook where it is called, and prints it with its outputs.
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
found = nbformat.read(sys.argv[1], 4)
NotebookClient(found, timeout=120, kernel_name="python3").execute()
print(nbformat.writes(found))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What each cell showed, in order."""
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK)],
        cwd=tmp_path_factory.mktemp("notebook"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [cell["outputs"] for cell in json.loads(done.stdout)["cells"]]


def shown(outputs: list[dict[str, Any]], kind: str) -> Iterator[str]:
    """Everything that a cell showed of one kind."""
    return ("".join(each["data"][kind]) for each in outputs if kind in each.get("data", {}))


def test_a_manifest_shows_its_circuits_backends_and_axes(outputs: list[list[dict[str, Any]]]):
    (html,) = shown(outputs[0], "text/html")
    assert "How far does theta turn a qubit?" in html
    assert "<td>theta</td><td>linspace 0.0, 3.141592653589793, 9</td>" in html


def test_plan_and_offer_show_what_would_run_and_for_how_much(
    outputs: list[list[dict[str, Any]]],
):
    (plan,) = shown(outputs[1], "text/html")
    assert "<b>rabi</b>: 18 points, 36\u202f000 shots" in plan.replace("\xa0", "\u202f")
    (offer,) = shown(outputs[2], "text/html")
    assert "<td>ideal</td><td>aer:automatic</td><td>9</td>" in offer
    assert "<td>free</td>" in offer


def test_a_run_in_the_kernels_loop_shows_in_its_cell_how_far_it_is(
    outputs: list[list[dict[str, Any]]],
):
    """Its display is changed in place, from the thread of the run; the last word stands."""
    (html,) = shown(outputs[3], "text/html")
    assert html.startswith("<p><b>rabi</b>: 18 completed")
    (text,) = shown(outputs[3], "text/plain")
    assert text.startswith("rabi: 18 completed")
    assert [each["output_type"] for each in outputs[3]] == ["display_data"]


def test_a_run_shows_verdicts_and_points(outputs: list[list[dict[str, Any]]]):
    (html,) = shown(outputs[4], "text/html")
    assert "<td>z &lt;= 0.99</td><td>pass</td><td>9 points: 9 pass</td>" in html
    assert html.count("<td>completed</td>") == 18


def test_a_figure_is_a_picture(outputs: list[list[dict[str, Any]]]):
    (svg,) = shown(outputs[5], "image/svg+xml")
    assert svg.startswith("<svg")
    assert "z over theta" in svg


def test_status_and_difference_say_what_the_command_line_says(
    outputs: list[list[dict[str, Any]]],
):
    (status,) = shown(outputs[6], "text/html")
    assert status == "<p><b>rabi</b>: done, 18 completed</p>"
    (difference,) = shown(outputs[7], "text/html")
    assert "<td>same</td><td>z  (18 same;" in difference


def test_mistakes_are_a_line_each(outputs: list[list[dict[str, Any]]]):
    (told,) = (each["text"] for each in outputs[8])
    assert "".join(told).splitlines() == ["Manifest(): shots: 0 is too few; write 1 or more"]
