"""Stages: each is run and told, one after the other or side by side."""

import sys

import pytest

from tools.stages import Stage, run_stages


def python(code: str) -> tuple[str, ...]:
    """A stage's command that runs some Python."""
    return (sys.executable, "-c", code)


def test_every_stage_is_run_also_after_a_failure(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One look at the end tells all that is wrong."""
    code = run_stages(
        [Stage("good", python("print('ran')")), Stage("bad", python("exit(3)"))] * 2
    )
    said = capfd.readouterr().out
    assert code == 1
    assert said.count("ran\n") == 2
    assert said.endswith("stages: 2 passed, 2 failed\n")


def test_all_well_is_nought(capfd: pytest.CaptureFixture[str]) -> None:
    """As a shell wants it."""
    assert run_stages([Stage("good", python("pass"))]) == 0
    assert capfd.readouterr().out.endswith("stages: 1 passed, 0 failed\n")
