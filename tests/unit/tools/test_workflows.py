"""GitHub's workflows are valid, and every action is pinned by commit."""

from pathlib import Path
import re
import subprocess

import pytest

from testbed.programs import build

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    """What actionlint says of a workflow."""
    program = build(["actionlint"]) / "actionlint"
    return subprocess.run(
        [program, "-no-color", "-shellcheck=", "-pyflakes=", path],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(path: Path) -> None:
    """Syntax, expressions, runner labels and inputs are right."""
    said = lint(path)
    assert said.returncode == 0, said.stdout


def test_actionlint_would_find_a_mistake(tmp_path: Path) -> None:
    """The check above can fail."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    broken = folder / "broken.yml"
    broken.write_text(
        WORKFLOWS[0].read_text().replace("runs-on: ubuntu-24.04", "runs-on: my-pi")
    )
    said = lint(broken)
    assert said.returncode != 0
    assert "my-pi" in said.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit(path: Path) -> None:
    """A tag can be moved by whoever owns the action; a commit cannot."""
    used = re.findall(r"uses:\s*(\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r"\s+# \S+", comment), (
            f"{action} lacks its readable version"
        )
