"""Stages that need a cluster run side by side, each in a network of its own."""

from pathlib import Path
import sys

import pytest

from tools.stages import Stage, run_stages


def test_stages_side_by_side_do_not_meet(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each has the same port for itself, and waits until the other has taken it, too."""
    code = (
        "import os, pathlib, socket, sys, time\n"
        "folder, name = map(pathlib.Path, sys.argv[1:])\n"
        "taken = socket.create_server(('127.0.0.1', 18123))\n"
        "(folder / name).write_text(os.environ['HOME_CLUSTER_STATE'] + os.environ['HOME_CLUSTER_CGROUP'])\n"
        "end = time.monotonic() + 60\n"
        "while len(list(folder.iterdir())) < 2 and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "print(name, 'met', len(list(folder.iterdir())))\n"
    )
    stages = [
        Stage(
            name,
            (sys.executable, "-c", code, str(tmp_path), name),
            beside=1,
            apart=True,
        )
        for name in ("one", "two")
    ]
    assert run_stages(stages) == 0
    said = capfd.readouterr().out
    assert "one met 2\n" in said
    assert "two met 2\n" in said
    places = {path.read_text() for path in tmp_path.iterdir()}
    assert len(places) == 2
    assert not any(Path(place.split("home-cluster")[0]).exists() for place in places)
