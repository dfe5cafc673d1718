"""The whole story comes out, told by the same command that a person uses."""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from story.steps import STEPS
from testbed.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
# The one of hardware in use needs some that the demo home has not.
PICTURES = {file.name for file in ROOT.glob("docs/pictures/*")} - {"in-use.png"}
ROWS = [f"{step.number}. {step.name}" for step in STEPS]

type Told = tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]


@pytest.fixture(scope="module")
def told(running_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story, told once: how the command ended, its report, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("story")
    file = folder / "out.json"
    ended = subprocess.run(
        [sys.executable, "-m", "story", "--story", str(file)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert file.is_file(), ended.stdout + ended.stderr
    return ended, json.loads(file.read_text()), folder


@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    "name", [*ROWS, "The record as a whole", "Home Assistant's log"]
)
def test_the_step_comes_out(told: Told, name: str) -> None:
    """Its row is ok, and its detail holds what both sides saw."""
    _, report, _ = told
    row = next(row for row in report["steps"] if row["name"] == name)
    assert row["ok"], json.dumps(row["detail"], indent=1)
    if name in ROWS:
        assert {"home assistant", "witness"} <= {line["who"] for line in row["detail"]}


def test_the_command_ends_well(told: Told) -> None:
    """Exit code 0 goes with a report without a miss."""
    ended, report, _ = told
    assert len(report["steps"]) == len(ROWS) + 2
    assert (ended.returncode == 0) == all(row["ok"] for row in report["steps"])


def test_the_pictures_are_there(told: Told) -> None:
    """All that the documentation shows of it, and a dashboard: all PNGs of a page's size."""
    folder = told[2]
    for name in {"dashboard.png", *PICTURES}:
        picture = (folder / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
        assert width == 1280
        assert height in (900, 1200)
        assert len(picture) > 20_000


def test_the_figures_are_within_their_goals(told: Told) -> None:
    """The switch is fast, and all is right soon after the API is ready."""
    figures = told[1]["figures"]
    assert figures["switch call"]["p95"] <= 1
    assert figures["switch call"]["samples"] >= 20
    assert figures["request of others to state"]["samples"] >= 20
    # The time that the API server needs to write it is in this one.
    assert figures["request of others to state"]["p95"] <= 0.25
    assert figures["readyz to right"]["max"] <= 6
    assert figures["power cut: readyz to right"]["max"] <= 30
    assert figures["workload to device"]["max"] <= 1
    assert figures["deletion to gone"]["max"] <= 1
    assert figures["registry growth"]["max"] == 0
