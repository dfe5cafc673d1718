"""Stages: each is run and told, one after the other or side by side."""

from pathlib import Path
import subprocess
import sys
import time

import pytest

from tools import stages
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


def test_a_limit_that_is_high_enough_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even written back: only root may."""
    limit = tmp_path / "limit"
    limit.write_text("1024\n", encoding="utf-8")
    before = limit.stat().st_mtime_ns
    monkeypatch.setattr(stages, "_APART", ())
    monkeypatch.setattr(stages, "INOTIFY", limit)
    assert run_stages([Stage("apart", python("pass"), apart=True)]) == 0
    assert limit.stat().st_mtime_ns == before


def test_a_limit_that_may_not_be_raised_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The stages that need it have failed, the others go on."""

    class Limit:
        def read_text(self, encoding: str) -> str:
            return "128\n"

        def write_text(self, text: str, encoding: str) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stages, "INOTIFY", Limit())
    apart = Stage("apart", python("print('ran')"), apart=True)
    assert run_stages([apart, Stage("after", python("pass"))]) == 1
    said = capfd.readouterr().out
    assert "need 1024 inotify instances, not 128: start again with sudo" in said
    assert "ran\n" not in said
    assert said.endswith("stages: 1 passed, 1 failed\n")


def test_of_those_apart_two_run_at_a_time_and_all_are_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A third waits for its turn; one that fails stops nobody."""
    monkeypatch.setattr(stages, "_APART", ())
    monkeypatch.setattr(stages, "INOTIFY", tmp_path / "limit")
    stages.INOTIFY.write_text("128", encoding="utf-8")
    # Each writes its mark, sees how many are there, and goes with it.
    code = (
        "import pathlib, sys, time; folder = pathlib.Path(sys.argv[1]); mark = folder / sys.argv[2]; "
        "mark.touch(); time.sleep(1.5); print('beside', len(list(folder.glob('mark*')))); mark.unlink(); "
        "sys.exit(sys.argv[2] == 'mark1')"
    )
    three = [
        Stage(
            f"stage {number}",
            (*python(code), str(tmp_path), f"mark{number}"),
            beside=1,
            apart=True,
        )
        for number in range(3)
    ]
    assert run_stages(three) == 1
    said = capfd.readouterr().out
    assert "beside 2\n" in said
    assert "beside 3" not in said
    assert said.endswith("stages: 2 passed, 1 failed\n")
    assert stages.INOTIFY.read_text(encoding="utf-8") == "128"


def test_whoever_ends_it_ends_its_stages_as_ctrl_c_does(tmp_path: Path) -> None:
    """Also in the background, where a shell has Ctrl-C ignored: each has time to clean up."""
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    stage = f"""
import pathlib, time
try:
    pathlib.Path({str(begun)!r}).touch()
    time.sleep(60)
finally:
    pathlib.Path({str(cleaned)!r}).touch()
"""
    code = f"""
import signal, sys
from tools.stages import Stage, end_as_by_ctrl_c, run_stages
signal.signal(signal.SIGINT, signal.SIG_IGN)
end_as_by_ctrl_c()
run_stages([Stage("long", (sys.executable, "-c", {stage!r}), beside=1)])
"""
    with subprocess.Popen(
        python(code),
        cwd=stages.ROOT,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 20
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        process.wait(20)
    assert cleaned.exists()
