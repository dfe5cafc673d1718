"""Each step of the story misses when what it shows is broken, and says how."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

from story.steps import STEPS
from testbed.cluster import Cluster

from .sabotage import SABOTAGES, Sabotage

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sabotage", SABOTAGES, ids=lambda one: one.what.replace(" ", "-")
)
def test_a_broken_promise_is_seen(
    sabotage: Sabotage, demo_home: Cluster, tmp_path: Path
) -> None:
    """The row misses, by the words that name what was broken."""
    file = tmp_path / "out.json"
    command = [sys.executable, "-m", "tests.e2e.play"]
    command += ["--integration", str(sabotage.copy(tmp_path))]
    command += ["--folder", str(tmp_path / "houses"), "--file", str(file)]
    played = subprocess.run(
        [*command, *map(str, sabotage.steps)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    rows = {row["name"]: row for row in json.loads(file.read_text())["steps"]}
    row = next(row for name, row in rows.items() if name.startswith(sabotage.row))
    last = row["detail"][-1]["saw"]
    assert not row["ok"], f"nobody saw that {sabotage.what}: {row['detail']}"
    assert sabotage.words in last


def test_every_step_has_its_sabotage() -> None:
    """No step is left that might be unable to fail."""
    assert {number for one in SABOTAGES for number in one.steps} == {
        step.number for step in STEPS
    }
